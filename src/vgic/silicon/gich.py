"""The virtual CPU interface of a GICv2: GICH for the hypervisor, GICV for the guest (IHI 0048B ch. 5).

GICV looks to the guest like a GICC without the Security Extensions. One active priorities register serves both groups.
"""

from __future__ import annotations

from collections.abc import Callable

from vgic.arch.gich import GICH
from vgic.arch.gicv import GICV
from vgic.silicon.frame import Block, Reader, Writer, constant, ignored, zero
from vgic.silicon.options import GicV2Options
from vgic.silicon.priority import IDLE
from vgic.silicon.report import Report, deviation
from vgic.silicon.virtual_interface import EN, SPURIOUS, ListRegister, VirtualInterface

GROUP1_PENDING = 1022
HCR_BITS = 0xFF
PREEMPTION_BITS = 5


class VirtualInterfaceV2(VirtualInterface):
    """GICH and GICV of one PE."""

    def __init__(self, options: GicV2Options, deactivate: Callable[[int], None], report: Report) -> None:
        super().__init__(
            options.list_registers, options.virtual_priority_bits, PREEMPTION_BITS, deactivate,
            one_apr=True, tie_highest=options.tie == "highest",
            group_enable_selects=options.virtual_group_enable_selects,
            eoicount_without_priority=options.eoicount_without_priority,
            mask_candidate=options.preemption_masks_candidate, report=report,
        )
        self.options = options
        self.gich = Block(GICH, *self._gich_handlers(), report, options.bad_size)
        silent = frozenset() if options.alias_registers else frozenset({"GICV_AIAR", "GICV_AEOIR", "GICV_AHPPIR"})
        self.gicv = Block(GICV, *self._gicv_handlers(), report, options.bad_size, silent | {"GICV_STATUSR"})

    # -- what the guest does

    def outputs(self) -> tuple[bool, bool]:
        """Virtual IRQ and FIQ: group 0 as FIQ where VMFIQEn says so (5.2.1)."""
        lr = self.signalled()
        if lr is None:
            return False, False
        fiq = lr.group == 0 and self.state.fiqen
        return not fiq, fiq

    def _view(self, lr: ListRegister | None, alias: bool) -> int:
        if lr is None:
            return SPURIOUS
        if alias:
            return lr.vintid if lr.group else SPURIOUS
        return lr.vintid if not lr.group or self.state.ackctl else GROUP1_PENDING

    def _eligible(self) -> ListRegister | None:
        """The candidate while the interface is enabled at all."""
        if not self.state.hcr & EN or not (self.groups[0].enabled or self.groups[1].enabled):
            return None
        return self.candidate()

    def _with_source(self, lr: ListRegister, intid: int) -> int:
        return intid | lr.cpuid << 10 if intid < 16 else intid

    def would_acknowledge(self, alias: bool) -> tuple[int, ListRegister | None]:
        """What GICV_IAR (AIAR) would return now, and the list register concerned. Changes nothing."""
        lr = self._eligible()
        if lr is None or lr.priority >= self.state.pmr:
            return SPURIOUS, None
        intid = self._view(lr, alias)
        hidden = intid >= GROUP1_PENDING
        if self.group_enable_selects:
            signalled = self.signalled() is lr
        else:
            signalled = hidden or lr.priority < self.running_priority()
        if not self.group_enable_selects and not self.groups[lr.group].enabled:
            self.report(deviation("virtual_group_enable_selects", f"{lr} of a disabled group was chosen"))
        if not signalled:
            return SPURIOUS, None
        return (intid, None) if hidden else (self._with_source(lr, intid), lr)

    def read_iar(self, alias: bool) -> int:
        """GICV_IAR, GICV_AIAR: the signalled interrupt becomes active (5.5.4)."""
        intid, lr = self.would_acknowledge(alias)
        if lr is not None:
            self.activate(lr)
        return intid

    def read_hppir(self, alias: bool) -> int:
        """GICV_HPPIR, GICV_AHPPIR: the candidate, whatever is active; option hppir_masked (5.5.7)."""
        lr = self._eligible()
        if lr is not None and self.options.hppir_masked and lr.priority >= self.state.pmr:
            self.report(deviation("hppir_masked", f"vINTID {lr.vintid} is not shown"))
            lr = None
        intid = self._view(lr, alias)
        if lr is None or intid >= GROUP1_PENDING or intid >= 16 or not lr.cpuid:
            return intid
        if not self.options.hppir_shows_cpuid:
            self.report(deviation("hppir_shows_cpuid", f"SGI {intid} of CPUID {lr.cpuid} is shown without its source"))
            return intid
        return self._with_source(lr, intid)

    def _held(self, value: int) -> ListRegister | None:
        vintid = value & 0x3FF
        cpuid = value >> 10 & 7 if vintid < 16 and self.options.eoi_checks_cpuid else None
        return self.find_active(vintid, cpuid)

    def write_eoir(self, value: int) -> None:
        """GICV_EOIR, GICV_AEOIR: priority drop; in EOImode 0 the deactivation, or EOIcount where no list register holds
        the interrupt (5.5.5, 5.3.2)."""
        if value & 0x3FF >= 1020:
            return
        dropped = self.drop() != IDLE
        if self.state.eoimode:
            return
        lr = self._held(value)
        if lr is not None:
            if dropped or self.options.virtual_eoi_without_priority_deactivates:
                self.deactivate_lr(lr)
        elif dropped or self.eoicount_without_priority:
            self.count_eoi()

    def write_dir(self, value: int) -> None:
        """GICV_DIR: EOImode 1; in EOImode 0 UNPREDICTABLE: option virtual_dir_in_mode0 (5.5.14)."""
        if value & 0x3FF >= 1020:
            return
        lr = self._held(value)
        if not self.state.eoimode and (lr is not None or self.options.virtual_dir_in_mode0 == "ignored"):
            return
        if lr is None:
            self.count_eoi()
        else:
            self.deactivate_lr(lr)

    # -- registers

    def read_lr(self, n: int) -> int:
        """GICH_LR<n> (5.3.10)."""
        if n >= len(self.lrs):
            return 0
        lr = self.lrs[n]
        low = lr.pintid << 10 if lr.hw else lr.eoi << 19 | lr.cpuid << 10
        return lr.hw << 31 | lr.group << 30 | lr.state << 28 | lr.priority >> 3 << 23 | low | lr.vintid

    def write_lr(self, n: int, value: int) -> None:
        """GICH_LR<n>."""
        if n >= len(self.lrs):
            return
        lr = self.lrs[n]
        lr.hw, lr.group, lr.state = bool(value >> 31 & 1), value >> 30 & 1, value >> 28 & 3
        lr.priority = (value >> 23 & 31) << 3
        lr.pintid = value >> 10 & 0x3FF if lr.hw else 0
        lr.eoi = not lr.hw and bool(value >> 19 & 1)
        lr.cpuid = 0 if lr.hw else value >> 10 & 7
        lr.vintid = value & 0x3FF

    def _gich_handlers(self) -> tuple[dict[str, Reader], dict[str, Writer]]:
        s, o = self.state, self.options

        def write_hcr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            s.hcr, s.eoicount = value & HCR_BITS, value >> 27 & 31

        reads: dict[str, Reader] = {
            "GICH_HCR": lambda n, pe, ns: s.hcr | s.eoicount << 27,
            "GICH_VTR": constant(
                (o.virtual_priority_bits - 1) << 29 | (PREEMPTION_BITS - 1) << 26 | (o.list_registers - 1)),
            "GICH_VMCR": lambda n, pe, ns: self.vmcr(), "GICH_MISR": lambda n, pe, ns: self.misr(),
            "GICH_EISR<n>": lambda n, pe, ns: self.eisr() >> 32 * n & 0xFFFFFFFF,
            "GICH_ELRSR<n>": lambda n, pe, ns: self.elrsr() >> 32 * n & 0xFFFFFFFF,
            "GICH_APR": lambda n, pe, ns: self.groups[0].active,
            "GICH_LR<n>": lambda n, pe, ns: self.read_lr(n),
        }
        writes: dict[str, Writer] = {
            "GICH_HCR": write_hcr,
            "GICH_VMCR": lambda n, value, lanes, pe, ns: self.set_vmcr(value, self.priority_mask),
            "GICH_APR": lambda n, value, lanes, pe, ns: self._set_apr(value),
            "GICH_LR<n>": lambda n, value, lanes, pe, ns: self.write_lr(n, value),
        }
        return reads, writes

    def _set_apr(self, value: int) -> None:
        self.groups[0].active = value

    def _gicv_handlers(self) -> tuple[dict[str, Reader], dict[str, Writer]]:
        s, o = self.state, self.options

        def write_ctlr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            self.groups[0].enabled, self.groups[1].enabled = bool(value & 1), bool(value & 2)
            s.ackctl, s.fiqen, s.cbpr, s.eoimode = bool(value & 4), bool(value & 8), bool(value & 16), bool(value & 512)

        def write_pmr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            s.pmr = value & self.priority_mask

        def write_apr(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
            if n == 0:
                self._set_apr(value)

        reads: dict[str, Reader] = {
            "GICV_CTLR": lambda n, pe, ns: self.vmcr() & 0x21F,
            "GICV_PMR": lambda n, pe, ns: s.pmr,
            "GICV_BPR": lambda n, pe, ns: self.groups[0].bpr, "GICV_ABPR": lambda n, pe, ns: self.groups[1].bpr,
            "GICV_IAR": lambda n, pe, ns: self.read_iar(False), "GICV_HPPIR": lambda n, pe, ns: self.read_hppir(False),
            "GICV_RPR": lambda n, pe, ns: self.running_priority(),
            "GICV_APR<n>": lambda n, pe, ns: self.groups[0].active if n == 0 else 0,
            "GICV_IIDR": lambda n, pe, ns: o.cpu_iidr,
        }
        writes: dict[str, Writer] = {
            "GICV_CTLR": write_ctlr, "GICV_PMR": write_pmr,
            "GICV_BPR": lambda n, value, lanes, pe, ns: self.set_bpr(0, value),
            "GICV_ABPR": lambda n, value, lanes, pe, ns: self.set_bpr(1, value),
            "GICV_EOIR": lambda n, value, lanes, pe, ns: self.write_eoir(value),
            "GICV_DIR": lambda n, value, lanes, pe, ns: self.write_dir(value),
            "GICV_APR<n>": write_apr,
        }
        if o.alias_registers:
            reads |= {"GICV_AIAR": lambda n, pe, ns: self.read_iar(True),
                      "GICV_AHPPIR": lambda n, pe, ns: self.read_hppir(True)}
            writes["GICV_AEOIR"] = lambda n, value, lanes, pe, ns: self.write_eoir(value)
        else:
            reads |= {"GICV_AIAR": zero, "GICV_AHPPIR": zero}
            writes["GICV_AEOIR"] = ignored
        return reads, writes
