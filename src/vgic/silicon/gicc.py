"""The physical CPU interface of a GICv2, GICC (IHI 0048B ch. 4.4).

Without the Security Extensions there is one set of registers with both groups. With them GICC_CTLR, GICC_BPR and the
active priorities have a Non-secure copy: Group 1's, moved to the places that Group 0's have in the Secure one.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from vgic.arch.gicc import CPUID_SHIFT, GICC, INTID
from vgic.arch.intid import GROUP1_PENDING, SGIS, SPURIOUS, special
from vgic.silicon.candidate import Candidate
from vgic.silicon.cpu_interface import CpuInterface
from vgic.silicon.distributor_v2 import DistributorV2
from vgic.silicon.ends import unmatched
from vgic.silicon.frame import Block, ReadHandler, WriteHandler, constant, ignored
from vgic.silicon.interrupt import G0, G1NS, Interrupt
from vgic.silicon.options_v2 import CpuInterfaceV2Options
from vgic.silicon.priority import IDLE, Group, from_nonsecure, nonsecure_view, physical_groups, preempts
from vgic.silicon.report import OnNotice, deviation

IAR = INTID | 7 << CPUID_SHIFT
"""The bits of GICC_IAR and GICC_EOIR."""
ALIASES = frozenset({"GICC_AIAR", "GICC_AEOIR", "GICC_AHPPIR"})


class SgiFrom(NamedTuple):
    """What is acknowledged of an SGI: that of one CPU interface which sent it."""

    irq: Interrupt
    source: int

    @property
    def intid(self) -> int:
        """The SGI's INTID."""
        return self.irq.intid

    @property
    def iar(self) -> int:
        """The SGI and, in CPUID, its source."""
        return self.irq.intid | self.source << CPUID_SHIFT

    @property
    def group(self) -> int:
        """The SGI's group here."""
        return self.irq.group

    @property
    def priority(self) -> int:
        """The SGI's priority here."""
        return self.irq.priority

    def acknowledge(self) -> None:
        """Pending from the other sources alone."""
        self.irq.acknowledge(self.source)


class CpuInterfaceV2(CpuInterface):
    """The physical CPU interface of one PE, with GICC."""

    def __init__(self, options: CpuInterfaceV2Options, distributor: DistributorV2, pe: int, report: OnNotice) -> None:
        bits = min(7, options.priority_bits)
        super().__init__(options, bits, physical_groups(bits), report)
        self.mask_candidate = options.preemption_masks_candidate
        self.options, self.distributor, self.pe = options, distributor, pe
        self.half = 1 << self.preemption_bits - 1
        silent = frozenset() if options.alias_registers else ALIASES
        self.gicc = Block(GICC, *self._handlers(), report, options.bad_size, silent | {"GICC_STATUSR"})

    # -- what is pending

    def best(self) -> Candidate | None:
        """The highest priority pending interrupt (3.3.2)."""
        if not self.options.group_enable_selects and not self.enabled_groups():
            return None
        return self.distributor.forwarded(self.pe, self.enabled_groups())

    def outputs(self) -> tuple[bool, bool]:
        """IRQ and FIQ: Group 0 as FIQ where FIQEn says so (3.5)."""
        irq = self.best()
        if irq is None or not self.signals(irq) or not self.distributor.state.groups >> irq.group & 1:
            return False, False
        fiq = irq.group == G0 and self.state.fiqen
        return not fiq, fiq

    def _view(self, irq: Candidate | None, alias: bool, ns: bool) -> int:
        """The INTID that IAR or HPPIR may show for the interrupt (4.4.4, 4.4.7, Table 3-1)."""
        if irq is None:
            return SPURIOUS
        if alias:
            return irq.intid if irq.group == G1NS else SPURIOUS
        if irq.group == G0:
            return SPURIOUS if ns else irq.intid
        return irq.intid if ns or self.state.ackctl else GROUP1_PENDING

    def would_acknowledge(self, alias: bool, ns: bool) -> tuple[int, Candidate | None]:
        """What IAR (AIAR) would return now, and what it would acknowledge. Changes nothing."""
        irq = self.best()
        if irq is None or irq.priority >= self.state.pmr:
            return SPURIOUS, None
        intid = self._view(irq, alias, ns)
        hidden = special(intid)
        if self.options.group_enable_selects:      # 1022 too asks for an interrupt that is signalled (3.2.5)
            signalled = self.signals(irq)
        else:
            signalled = hidden or irq.priority < self.running_priority()
        if not self.options.group_enable_selects and not self._group_on(irq):
            self.report(deviation("group_enable_selects", f"INTID {irq.intid} of a disabled group was chosen"))
        if not self.mask_candidate and not hidden and signalled != self.would_preempt(irq):
            self.report(deviation("preemption_masks_candidate", f"INTID {irq.intid}: preempts = {signalled}"))
        if not signalled:
            return SPURIOUS, None
        if hidden:
            return intid, None
        taken = self._with_source(irq)
        return taken.iar, taken

    def _with_source(self, best: Candidate) -> Candidate:
        """Of an SGI that of the CPU interface which is taken next: the lowest (IMPLEMENTATION DEFINED)."""
        sgi = self.distributor.find(best.intid, self.pe) if best.intid < SGIS else None
        return best if sgi is None else SgiFrom(sgi, (sgi.sources & -sgi.sources).bit_length() - 1)

    def named(self, iar: int) -> Candidate | None:
        """By INTID, and of an SGI by its source in CPUID (4.4.4)."""
        irq = self.distributor.find(iar & INTID, self.pe)
        return SgiFrom(irq, iar >> CPUID_SHIFT & 7) if irq is not None and irq.intid < SGIS else irq

    def _group_on(self, irq: Candidate) -> bool:
        return self.groups[irq.group].enabled and bool(self.distributor.state.groups >> irq.group & 1)

    def would_preempt(self, irq: Candidate) -> bool:
        """Whether its group priority is higher than the running priority, by the architecture (3.3.3)."""
        running = self.running_priority()
        return running == IDLE or preempts(irq.priority, running, self.mask(irq.group))

    def read_iar(self, alias: bool, ns: bool) -> int:
        """GICC_IAR, GICC_AIAR: acknowledges the signalled interrupt; an SGI names its source in CPUID."""
        iar, taken = self.would_acknowledge(alias, ns)
        if taken is not None:
            self.acknowledge(taken)
        return iar

    def read_hppir(self, alias: bool, ns: bool) -> int:
        """GICC_HPPIR, GICC_AHPPIR: the highest priority pending interrupt, whatever is active; option hppir_masked."""
        irq = self.best()
        if irq is not None and self.options.hppir_masked and irq.priority >= self.state.pmr:
            self.report(deviation("hppir_masked", f"INTID {irq.intid} is not shown"))
            irq = None
        intid = self._view(irq, alias, ns)
        iar = intid if irq is None or special(intid) else self._with_source(irq).iar
        if iar != intid and not self.options.hppir_shows_cpuid:
            self.report(deviation("hppir_shows_cpuid", f"SGI {intid} is shown without its source"))
            return intid
        return iar

    # -- drop and deactivate

    def split(self, ns: bool) -> bool:
        """EOImode of the access."""
        return self.state.eoimode_ns if ns else self.state.eoimode_s

    def write_eoir(self, value: int, alias: bool, ns: bool) -> None:
        """GICC_EOIR, GICC_AEOIR: drops the highest active priority of the interrupt's group; deactivates in EOImode 0.
        Only an INTID that an IAR returned is predictable; a Group 1 one needs AckCtl in EOIR (4.4.5)."""
        irq = self.distributor.find(value & INTID, self.pe)
        if self.tells:
            self._told_end(value & IAR, alias, ns)
        top = self.active_group()
        if irq is None:
            if not special(value & INTID) and self.options.eoi_of_unimplemented == "drops" and top is not None and not (
                    ns and top == G0):
                self.drop(top)
            return
        if (ns and irq.group == G0) or (top is None and self.options.eoi_without_active == "nothing"):
            return
        wants_ackctl = irq.group == G1NS and not ns and not alias and not self.state.ackctl
        if wants_ackctl and self.options.eoi_of_group1_without_ackctl == "ignored":
            return
        self.drop(irq.group)
        if not self.split(ns):
            irq.deactivate()

    def write_dir(self, value: int, ns: bool) -> None:
        """GICC_DIR: deactivates, in EOImode 1; otherwise UNPREDICTABLE: option dir_in_mode0 (4.4.15)."""
        irq = self.distributor.find(value & INTID, self.pe)
        if self.tells:
            self._told_dir(value & IAR, irq, ns)
        works = self.split(ns) or self.options.dir_in_mode0 == "deactivates"
        if irq is not None and works and not (ns and irq.group == G0):
            irq.deactivate()

    def _told_end(self, value: int, alias: bool, ns: bool) -> None:
        """A notice, if the write to EOIR or AEOIR matches nothing (UNPREDICTABLE, 4.4.5, 4.4.9)."""
        if special(value & INTID):
            return
        groups = (G1NS,) if alias or ns else (G0, G1NS) if self.state.ackctl else (G0,)
        expected = self.acknowledged.end(value, groups)
        if expected:
            self.report(unmatched("GICC_AEOIR" if alias else "GICC_EOIR", value, expected))
        elif value & INTID < SGIS and self.split(ns):
            self.acknowledged.drop(value)

    def _told_dir(self, value: int, irq: Interrupt | None, ns: bool) -> None:
        """A notice, if the write to DIR matches nothing (UNPREDICTABLE, 4.4.15)."""
        if special(value & INTID):
            return
        if not self.split(ns):
            expected = f"expected EOImode 1: option dir_in_mode0 = {self.options.dir_in_mode0}"
        elif irq is None or not irq.active:
            expected = "expected an active interrupt: it was never acknowledged, or was deactivated before"
        elif any(iar == value for iar, _ in self.acknowledged.running):
            expected = "expected GICC_EOIR first: its priority is not dropped"
        else:
            expected = self.acknowledged.deactivate(value) if irq.intid < SGIS else ""
        if expected:
            self.report(unmatched("GICC_DIR", value, expected))

    # -- registers

    def _handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        reads: dict[str, ReadHandler] = {
            "GICC_CTLR": self._read_ctlr, "GICC_PMR": self._read_pmr, "GICC_BPR": self._read_bpr,
            "GICC_IAR": partial(self._read_iar, False), "GICC_RPR": self._read_rpr,
            "GICC_HPPIR": partial(self._read_hppir, False), "GICC_ABPR": self._read_abpr,
            "GICC_APR<n>": self._read_apr, "GICC_NSAPR<n>": self._read_nsapr,
            "GICC_IIDR": constant(self.options.cpu_iidr),
        }
        writes: dict[str, WriteHandler] = {
            "GICC_CTLR": self._write_ctlr, "GICC_PMR": self._write_pmr, "GICC_BPR": self._write_bpr,
            "GICC_ABPR": self._write_abpr, "GICC_EOIR": partial(self._write_eoir, False), "GICC_DIR": self._write_dir,
            "GICC_APR<n>": self._write_apr, "GICC_NSAPR<n>": self._write_nsapr,
        }
        if self.options.alias_registers:
            reads |= {"GICC_AIAR": partial(self._read_iar, True), "GICC_AHPPIR": partial(self._read_hppir, True)}
            writes["GICC_AEOIR"] = partial(self._write_eoir, True)
        else:
            reads |= {name: partial(self._read_absent, name) for name in ("GICC_AIAR", "GICC_AHPPIR")}
            writes["GICC_AEOIR"] = ignored
        return reads, writes

    def _read_absent(self, name: str, n: int, pe: int, ns: bool) -> int:
        """An alias register that the option leaves out: RAZ, and told."""
        self.report(deviation("alias_registers", f"{name} reads as zero"))
        return 0

    def _read_iar(self, alias: bool, n: int, pe: int, ns: bool) -> int:
        return self._closed() if alias and ns else self.read_iar(alias, ns)

    def _read_hppir(self, alias: bool, n: int, pe: int, ns: bool) -> int:
        return self._closed() if alias and ns else self.read_hppir(alias, ns)

    def _closed(self) -> int:
        """What Non-secure reads of AIAR and AHPPIR see: option nonsecure_alias_reads."""
        return SPURIOUS if self.options.nonsecure_alias_reads == "spurious" else 0

    def _write_eoir(self, alias: bool, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """A Secure access to GICC_AEOIR is as a Non-secure access to GICC_EOIR: it ends no Group 0 interrupt, and
        EOImodeNS tells whether it deactivates (4.4.9; the words are those of GICC_AEOIR's page, DDI 0601)."""
        if not (alias and ns):
            self.write_eoir(value, alias, ns or (alias and self.options.security))

    def _write_dir(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.write_dir(value, ns)

    def _read_ctlr(self, n: int, pe: int, ns: bool) -> int:
        """GICC_CTLR: EnableGrp0, EnableGrp1, AckCtl, FIQEn, CBPR, EOImodeS (9), EOImodeNS (10); the Non-secure copy has
        EnableGrp1 at 0 and EOImodeNS at 9 (4.4.1). The bypass bits are not implemented: RAZ/WI."""
        s = self.state
        if ns:
            return int(self.groups[G1NS].enabled) | s.eoimode_ns << 9
        value = (int(self.groups[G0].enabled) | self.groups[G1NS].enabled << 1 | s.ackctl << 2 | s.fiqen << 3
                 | s.cbpr_ns << 4 | s.eoimode_s << 9)
        return value | (self.options.security and s.eoimode_ns) << 10

    def _write_ctlr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        s = self.state
        if ns:
            self.groups[G1NS].enabled, s.eoimode_ns = bool(value & 1), bool(value >> 9 & 1)
            return
        self.groups[G0].enabled, self.groups[G1NS].enabled = bool(value & 1), bool(value & 2)
        s.ackctl, s.fiqen = bool(value & 4), bool(value & 8)
        s.cbpr_ns, s.eoimode_s = bool(value & 16), bool(value & 512)
        if self.options.security:
            s.eoimode_ns = bool(value & 1024)

    def _read_pmr(self, n: int, pe: int, ns: bool) -> int:
        return nonsecure_view(self.state.pmr) if ns else self.state.pmr

    def _write_pmr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if ns and not self.state.pmr & 0x80:
            return
        value &= 0xFF
        self.state.pmr = (from_nonsecure(value) if ns else value) & self.priority_mask

    def _read_bpr(self, n: int, pe: int, ns: bool) -> int:
        if ns:
            return min(self.groups[G0].bpr + 1, 7) if self.state.cbpr_ns else self.groups[G1NS].bpr
        return self.groups[G0].bpr

    def _write_bpr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if not ns:
            self.set_bpr(G0, value)
        elif not self.state.cbpr_ns:
            self.set_bpr(G1NS, value)

    def _read_abpr(self, n: int, pe: int, ns: bool) -> int:
        return 0 if ns else self.groups[G1NS].bpr

    def _write_abpr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if not ns:
            self.set_bpr(G1NS, value)

    def _read_rpr(self, n: int, pe: int, ns: bool) -> int:
        running = self.running_priority()
        return nonsecure_view(running) if ns and running != IDLE else running

    def _read_apr(self, n: int, pe: int, ns: bool) -> int:
        """GICC_APR<n>; the Non-secure view shows the upper half of Group 1's priorities, moved down (4.4.12)."""
        if ns:
            return self.groups[G1NS].active >> self.half >> 32 * n & 0xFFFFFFFF
        return self.groups[G0].active >> 32 * n & 0xFFFFFFFF

    def _write_apr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if ns:
            group, low = self.groups[G1NS], (1 << self.half) - 1
            upper = group.active >> self.half & ~(0xFFFFFFFF << 32 * n) | value << 32 * n
            group.active = group.active & low | (upper & low) << self.half
        else:
            _put_word(self.groups[G0], n, value, self.preemption_bits)
        self.restored()

    def _read_nsapr(self, n: int, pe: int, ns: bool) -> int:
        return 0 if ns else self.groups[G1NS].active >> 32 * n & 0xFFFFFFFF

    def _write_nsapr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if not ns:
            _put_word(self.groups[G1NS], n, value, self.preemption_bits)
            self.restored()


def _put_word(group: Group, n: int, value: int, preemption_bits: int) -> None:
    """Word n of the active priorities, as far as there are preemption levels."""
    levels = (1 << (1 << preemption_bits)) - 1
    rest = group.active & ~(0xFFFFFFFF << 32 * n) if preemption_bits > 5 else 0
    group.active = (rest | value << 32 * n) & levels
