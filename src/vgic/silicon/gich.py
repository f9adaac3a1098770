"""The virtual CPU interface of a GICv2: GICH for the hypervisor, GICV for the guest (IHI 0048B ch. 5).

GICV looks to the guest like a GICC without the Security Extensions. One active priorities register serves both groups.
"""

from __future__ import annotations

from functools import partial

from vgic.arch.gicc import CPUID_SHIFT, INTID
from vgic.arch.gich import GICH
from vgic.arch.gicv import GICV
from vgic.arch.ich import EN, EOICOUNT_MOST, EOICOUNT_SHIFT
from vgic.arch.intid import GROUP1_PENDING, SGIS, SPURIOUS, special
from vgic.silicon.candidate import Candidate
from vgic.silicon.distributor import Distributor
from vgic.silicon.frame import Block, ReadHandler, WriteHandler, constant, ignored, zero
from vgic.silicon.options_v2 import VirtualInterfaceV2Options
from vgic.silicon.priority import IDLE
from vgic.silicon.report import OnNotice, deviation
from vgic.silicon.virtual_interface import ListRegister, VirtualInterface

ALIASES = frozenset({"GICV_AIAR", "GICV_AEOIR", "GICV_AHPPIR"})
HCR_BITS = 0xFF
PREEMPTION_BITS = 5


class VirtualInterfaceV2(VirtualInterface):
    """The virtual CPU interface of one PE, with GICH and GICV."""

    one_apr = True

    def __init__(
        self, options: VirtualInterfaceV2Options, distributor: Distributor, pe: int, report: OnNotice,
    ) -> None:
        super().__init__(options, PREEMPTION_BITS, distributor, pe, report)
        self.options = options
        self.group_enable_selects = options.virtual_group_enable_selects
        self.mask_candidate = options.preemption_masks_candidate
        self.gich = Block(GICH, *self._gich_handlers(), report, options.bad_size)
        silent = frozenset() if options.alias_registers else ALIASES
        self.gicv = Block(GICV, *self._gicv_handlers(), report, options.bad_size, silent | {"GICV_STATUSR"})

    # -- what the guest does

    def _view(self, best: Candidate | None, alias: bool) -> int:
        """The INTID that IAR or HPPIR may show (5.5.4, 5.5.7)."""
        if best is None:
            return SPURIOUS
        if alias:
            return best.intid if best.group else SPURIOUS
        return best.intid if not best.group or self.state.ackctl else GROUP1_PENDING

    def _eligible(self) -> Candidate | None:
        """The candidate while the interface is enabled at all."""
        if not self.state.hcr & EN or not (self.groups[0].enabled or self.groups[1].enabled):
            return None
        return self.candidate()

    def would_acknowledge(self, alias: bool) -> tuple[int, Candidate | None]:
        """What GICV_IAR (AIAR) would return now, and what it would acknowledge. Changes nothing."""
        best = self._eligible()
        if best is None or best.priority >= self.state.pmr:
            return SPURIOUS, None
        intid = self._view(best, alias)
        hidden = intid >= GROUP1_PENDING
        if self.group_enable_selects:
            signalled = self.signalled() is best
        else:
            signalled = hidden or best.priority < self.running_priority()
        if not self.group_enable_selects and not self.groups[best.group].enabled:
            self.report(deviation("virtual_group_enable_selects", f"{best} of a disabled group was chosen"))
        if not signalled:
            return SPURIOUS, None
        return (intid, None) if hidden else (best.iar, best)

    def read_iar(self, alias: bool) -> int:
        """GICV_IAR, GICV_AIAR: the signalled interrupt becomes active (5.5.4)."""
        iar, taken = self.would_acknowledge(alias)
        if taken is not None:
            self.acknowledge(taken)
        return iar

    def read_hppir(self, alias: bool) -> int:
        """GICV_HPPIR, GICV_AHPPIR: the candidate, whatever is active; option hppir_masked (5.5.7)."""
        best = self._eligible()
        if best is not None and self.options.hppir_masked and best.priority >= self.state.pmr:
            self.report(deviation("hppir_masked", f"vINTID {best.intid} is not shown"))
            best = None
        intid = self._view(best, alias)
        iar = intid if best is None or intid >= GROUP1_PENDING else best.iar
        if iar != intid and not self.options.hppir_shows_cpuid:
            self.report(deviation("hppir_shows_cpuid", f"SGI {intid} is shown without its source"))
            return intid
        return iar

    def _held(self, value: int) -> ListRegister | None:
        vintid = value & INTID
        cpuid = value >> CPUID_SHIFT & 7 if vintid < SGIS and self.options.eoi_checks_cpuid else None
        return self.find_active(vintid, cpuid)

    def write_eoir(self, value: int, alias: bool = False) -> None:
        """GICV_EOIR, GICV_AEOIR: priority drop; in EOImode 0 the deactivation, or EOIcount where no list register holds
        the interrupt (5.5.5, 5.3.2)."""
        if special(value & INTID):
            return
        priority = self.drop()
        dropped = priority != IDLE
        if self.tells:
            register, group = ("GICV_AEOIR", 1) if alias else ("GICV_EOIR", None)
            self.told_end(register, value, self._held(value), group, priority)
        if self.state.eoimode:
            return
        lr = self._held(value)
        if lr is not None:
            if dropped or self.options.virtual_eoi_without_priority_deactivates:
                self.deactivate_lr(lr)
        elif dropped or self.options.eoicount_without_priority:
            self.count_eoi()

    def write_dir(self, value: int) -> None:
        """GICV_DIR: EOImode 1; in EOImode 0 UNPREDICTABLE: option virtual_dir_in_mode0 (5.5.14)."""
        if special(value & INTID):
            return
        lr = self._held(value)
        if self.tells:
            self.told_dir("GICV_DIR", value, lr)
        if not self.state.eoimode and (lr is not None or self.options.virtual_dir_in_mode0 == "ignored"):
            return
        if lr is None:
            self.count_eoi()
        else:
            self.deactivate_lr(lr)

    # -- registers

    def read_lr(self, n: int) -> int:
        """GICH_LR<n> out of the fields of list register n (5.3.10)."""
        if n >= len(self.lrs):
            return 0
        lr = self.lrs[n]
        low = lr.pintid << 10 if lr.hw else lr.eoi << 19 | lr.cpuid << 10
        return lr.hw << 31 | lr.group << 30 | lr.state << 28 | lr.priority >> 3 << 23 | low | lr.vintid

    def write_lr(self, n: int, value: int) -> None:
        """GICH_LR<n> into the fields of list register n (5.3.10)."""
        if n >= len(self.lrs):
            return
        lr = self.lrs[n]
        lr.hw, lr.group, lr.state = bool(value >> 31 & 1), value >> 30 & 1, value >> 28 & 3
        lr.priority = (value >> 23 & 31) << 3
        lr.pintid = value >> 10 & 0x3FF if lr.hw else 0
        lr.eoi = not lr.hw and bool(value >> 19 & 1)
        lr.cpuid = 0 if lr.hw else value >> 10 & 7
        lr.vintid = value & 0x3FF

    def _gich_handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        o = self.options
        vtr = (o.virtual_priority_bits - 1) << 29 | (PREEMPTION_BITS - 1) << 26 | (o.list_registers - 1)
        reads: dict[str, ReadHandler] = {
            "GICH_HCR": self._read_hcr, "GICH_VTR": constant(vtr), "GICH_VMCR": self._read_vmcr,
            "GICH_MISR": self._read_misr, "GICH_EISR<n>": self._read_eisr, "GICH_ELRSR<n>": self._read_elrsr,
            "GICH_APR": self._read_apr, "GICH_LR<n>": self._read_lr,
        }
        writes: dict[str, WriteHandler] = {
            "GICH_HCR": self._write_hcr, "GICH_VMCR": self._write_vmcr, "GICH_APR": self._write_apr,
            "GICH_LR<n>": self._write_lr,
        }
        return reads, writes

    def _read_hcr(self, n: int, pe: int, ns: bool) -> int:
        return self.state.hcr | self.state.eoicount << EOICOUNT_SHIFT

    def _write_hcr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.state.hcr, self.state.eoicount = value & HCR_BITS, value >> EOICOUNT_SHIFT & EOICOUNT_MOST

    def _read_vmcr(self, n: int, pe: int, ns: bool) -> int:
        return self.vmcr()

    def _write_vmcr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.set_vmcr(value, self.priority_mask)

    def _read_misr(self, n: int, pe: int, ns: bool) -> int:
        return self.misr()

    def _read_eisr(self, n: int, pe: int, ns: bool) -> int:
        return self.eisr() >> 32 * n & 0xFFFFFFFF

    def _read_elrsr(self, n: int, pe: int, ns: bool) -> int:
        return self.elrsr() >> 32 * n & 0xFFFFFFFF

    def _read_lr(self, n: int, pe: int, ns: bool) -> int:
        return self.read_lr(n)

    def _write_lr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.write_lr(n, value)

    def _read_apr(self, n: int, pe: int, ns: bool) -> int:
        """GICH_APR, GICV_APR0: one word has all levels."""
        return self.groups[0].active if n == 0 else 0

    def _write_apr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        if n == 0:
            self.groups[0].active = value

    def _gicv_handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        reads: dict[str, ReadHandler] = {
            "GICV_CTLR": self._read_ctlr, "GICV_PMR": self._read_pmr,
            "GICV_BPR": partial(self._read_bpr, 0), "GICV_ABPR": partial(self._read_bpr, 1),
            "GICV_IAR": partial(self._read_iar, False), "GICV_HPPIR": partial(self._read_hppir, False),
            "GICV_RPR": self._read_rpr, "GICV_APR<n>": self._read_apr, "GICV_IIDR": constant(self.options.cpu_iidr),
        }
        writes: dict[str, WriteHandler] = {
            "GICV_CTLR": self._write_ctlr, "GICV_PMR": self._write_pmr,
            "GICV_BPR": partial(self._write_bpr, 0), "GICV_ABPR": partial(self._write_bpr, 1),
            "GICV_EOIR": partial(self._write_eoir, False), "GICV_DIR": self._write_dir, "GICV_APR<n>": self._write_apr,
        }
        if self.options.alias_registers:
            reads |= {"GICV_AIAR": partial(self._read_iar, True), "GICV_AHPPIR": partial(self._read_hppir, True)}
            writes["GICV_AEOIR"] = partial(self._write_eoir, True)
        else:
            reads |= {"GICV_AIAR": zero, "GICV_AHPPIR": zero}
            writes["GICV_AEOIR"] = ignored
        return reads, writes

    def _read_ctlr(self, n: int, pe: int, ns: bool) -> int:
        return self.vmcr() & 0x21F

    def _write_ctlr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        s = self.state
        self.groups[0].enabled, self.groups[1].enabled = bool(value & 1), bool(value & 2)
        s.ackctl, s.fiqen, s.cbpr, s.eoimode = bool(value & 4), bool(value & 8), bool(value & 16), bool(value & 512)

    def _read_pmr(self, n: int, pe: int, ns: bool) -> int:
        return self.state.pmr

    def _write_pmr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.state.pmr = value & self.priority_mask

    def _read_bpr(self, group: int, n: int, pe: int, ns: bool) -> int:
        return self.groups[group].bpr

    def _write_bpr(self, group: int, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.set_bpr(group, value)

    def _read_iar(self, alias: bool, n: int, pe: int, ns: bool) -> int:
        return self.read_iar(alias)

    def _read_hppir(self, alias: bool, n: int, pe: int, ns: bool) -> int:
        return self.read_hppir(alias)

    def _read_rpr(self, n: int, pe: int, ns: bool) -> int:
        return self.running_priority()

    def _write_eoir(self, alias: bool, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.write_eoir(value, alias)

    def _write_dir(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        self.write_dir(value)
