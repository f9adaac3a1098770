"""GICR of one PE: its SGIs and PPIs, and whether it is awake (IHI 0069 ch. 12, "Redistributor").

RWP always reads as zero: writes take effect at once here. LPIs and GICv4's virtual LPIs are not modelled yet:
GICR_PROPBASER and GICR_PENDBASER hold what is written, turning LPIs on is reported, and so is every access to the
registers of GICv4.
"""

from __future__ import annotations

from functools import partial

from vgic.arch.gicr import GICR
from vgic.arch.intid import PRIVATE
from vgic.silicon.bank import Bank
from vgic.silicon.distributor import DistributorState, Irqs, by_intid, private_interrupts
from vgic.silicon.frame import Block, ReadHandler, WriteHandler, constant, identification, ignored, zero
from vgic.silicon.interrupt import G0, G1NS, G1S
from vgic.silicon.options_v3 import RedistributorOptions
from vgic.silicon.priority import Group
from vgic.silicon.report import Notice, OnNotice

_CTLR = GICR["GICR_CTLR"]
ENABLE_LPIS, CES = _CTLR.mask("EnableLPIs"), _CTLR.mask("CES")
DPG = {G0: _CTLR.mask("DPG0"), G1S: _CTLR.mask("DPG1S"), G1NS: _CTLR.mask("DPG1NS")}
"""By group: the PE takes no 1-of-N interrupts of it."""
DPG_SECURE = DPG[G0] | DPG[G1S]
PROCESSOR_SLEEP, CHILDREN_ASLEEP = (GICR["GICR_WAKER"].mask(name) for name in ("ProcessorSleep", "ChildrenAsleep"))
IMPLEMENTATION_DEFINED = GICR["GICR_WAKER"].mask("ImDe31", "ImDe0")
PTZ = GICR["GICR_PENDBASER"].mask("PTZ")

LPI_REGISTERS = frozenset({"GICR_PROPBASER", "GICR_PENDBASER", "GICR_SETLPIR", "GICR_CLRLPIR", "GICR_INVLPIR",
                           "GICR_INVALLR", "GICR_SYNCR"})
VLPI_REGISTERS = frozenset({"GICR_VPROPBASER", "GICR_VPENDBASER", "GICR_VSGIR", "GICR_VSGIPENDR"})


class RedistributorState:
    """GICR_CTLR and GICR_WAKER of one PE, and the LPI registers as written."""

    __slots__ = ("asleep", "ctlr", "pendbaser", "propbaser")

    def __init__(self) -> None:
        self.asleep = True
        self.ctlr = 0
        self.propbaser = self.pendbaser = 0


class Redistributor:
    """The redistributor of one PE, with GICR. Its own attributes never change.

    Args:
        options: the implementation's choices. pe: whose. distributor: GICD_CTLR.
        last: whether it is the last of a region (GICR_TYPER.Last). report: takes the notices.
        groups: the groups of the PE's CPU interface, which tells the redistributor what it enables.

    Attributes:
        interrupts: the PE's SGIs and PPIs, ascending.
    """

    def __init__(
        self, options: RedistributorOptions, pe: int, distributor: DistributorState, last: bool, report: OnNotice,
        groups: tuple[Group, Group, Group],
    ) -> None:
        self.options, self.pe, self.last, self.report = options, pe, last, report
        self.distributor, self.groups = distributor, groups
        self.state = RedistributorState()
        self.interrupts = private_interrupts(options)
        self._by_intid = by_intid(self.interrupts, PRIVATE)
        self.bank = Bank(GICR, self.row, options, distributor, report, keeps_low_bits=options.priority_stores_low_bits)
        self.gicr = Block(GICR, *self._handlers(), report, options.bad_size, self._silent())

    def row(self, first: int, count: int, pe: int) -> Irqs:
        """The interrupts of INTIDs first..first+count-1."""
        return self._by_intid[first:first + count]

    def participates(self, group: int) -> bool:
        """Whether the PE may be given a 1-of-N interrupt: awake, its CPU interface enables the group, and it has not
        opted out by GICR_CTLR.DPG (IHI 0069 3.2.1). So one of a group that is disabled here goes to another PE, and
        hides nothing (settled by the pages of GICR_CTLR.DPG* and ICC_IGRPEN1_EL3, DDI 0601)."""
        return not self.state.asleep and self.groups[group].enabled and not self.state.ctlr & DPG[group]

    # -- registers

    def _handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        o = self.options
        reads, writes = self.bank.handlers()
        reads |= {
            "GICR_CTLR": self._read_ctlr, "GICR_IIDR": constant(o.iidr), "GICR_TYPER": constant(self._typer()),
            "GICR_STATUSR": zero, "GICR_WAKER": self._read_waker, **identification("GICR", o.pidr2, 0x493),
        }
        writes |= {"GICR_CTLR": self._write_ctlr, "GICR_STATUSR": ignored, "GICR_WAKER": self._write_waker}
        if o.lpis:
            for slot in ("propbaser", "pendbaser"):
                name = f"GICR_{slot.upper()}"
                known = GICR[name].mask(*(f.name for f in GICR[name].fields))
                reads[name], writes[name] = partial(self._read_base, slot), partial(self._write_base, slot, known)
        return reads, writes

    def _silent(self) -> frozenset[str]:
        """Reserved by the options chosen: no extended PPIs, no MPAM, no NMIs, no LPIs, no virtual LPIs."""
        absent = {r.name for r in GICR if r.name.endswith("E")} | {"GICR_MPAMIDR", "GICR_PARTIDR"}
        if not self.options.nmis:
            absent |= {"GICR_INMIR0"}
        if not self.options.lpis:
            absent |= LPI_REGISTERS
        if not self.options.vlpis:
            absent |= VLPI_REGISTERS
        return frozenset(absent)

    def _typer(self) -> int:
        """GICR_TYPER: PLPIS, VLPIS, Last, DPGS, Processor_Number, CommonLPIAff, Affinity_Value."""
        o = self.options
        return (
            int(o.lpis) | o.vlpis << 1 | self.last << 4 | (o.one_of_n != "none") << 5 | (self.pe & 0xFFFF) << 8
            | o.common_lpi_affinity << 24 | o.affinity(self.pe) << 32
        )

    def _read_ctlr(self, n: int, pe: int, ns: bool) -> int:
        """DPG0 and DPG1S are Secure, and DPG1S is RAZ/WI with a single Security state (GICR_CTLR's page, DDI 0601)."""
        closed = DPG_SECURE if ns else DPG[G1S] * self.distributor.ds
        return self.state.ctlr & ~closed | CES * self.options.clear_enable_lpis

    def _write_ctlr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        keep = ENABLE_LPIS if self.options.lpis else 0
        if self.options.one_of_n != "none":
            keep |= DPG_SECURE | DPG[G1NS]
        if value & keep & ENABLE_LPIS and not self.state.ctlr & ENABLE_LPIS:
            self.report(Notice("not modelled", "GICR_CTLR.EnableLPIs", "LPIs are enabled: none will be delivered"))
        if ns:
            keep &= ~DPG_SECURE
        self.state.ctlr = self.state.ctlr & (DPG_SECURE if ns else 0) | value & keep

    def _read_waker(self, n: int, pe: int, ns: bool) -> int:
        return 0 if ns else (PROCESSOR_SLEEP | CHILDREN_ASLEEP) * self.state.asleep

    def _write_waker(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if not ns:
            self.state.asleep = bool(value & PROCESSOR_SLEEP)
            if value & IMPLEMENTATION_DEFINED:
                detail = f"IMPLEMENTATION DEFINED bits {value & IMPLEMENTATION_DEFINED:#x}: read as zero"
                self.report(Notice("not modelled", "GICR_WAKER", detail))

    def _read_base(self, slot: str, n: int, pe: int, ns: bool) -> int:
        """PTZ is write-only (IHI 0069, GICR_PENDBASER)."""
        value: int = getattr(self.state, slot)
        return value & ~PTZ

    def _write_base(self, slot: str, known: int, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        setattr(self.state, slot, getattr(self.state, slot) & ~lanes | value & lanes & known)
