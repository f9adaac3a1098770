"""The virtual CPU interface as system registers: ICH for the hypervisor, ICV for the guest (IHI 0069 ch. 12)."""

from __future__ import annotations

from collections.abc import Callable

from vgic.arch.ich import EOICOUNT_MOST, EOICOUNT_SHIFT, TALL0, TALL1, TC, TDIR, TSEI
from vgic.arch.intid import LPI_START, SPECIAL_START, SPURIOUS, special
from vgic.silicon.candidate import Candidate
from vgic.silicon.distributor import Distributor
from vgic.silicon.options_v3 import VirtualInterfaceV3Options
from vgic.silicon.priority import IDLE
from vgic.silicon.report import OnNotice, Undefined, deviation
from vgic.silicon.virtual_interface import ListRegister, VirtualInterface

HCR_BITS = 0xFF | TC | TALL0 | TALL1 | TDIR
"""What is implemented of ICH_HCR_EL2 beside EOIcount: En to VGrp1DIE, and the traps. TSEI is RES0, for no SEIs are
generated here: ICH_VTR_EL2.SEIS is 0 (IHI 0069, ICH_HCR_EL2.TSEI; the Cortex-A76's manual has it as 0)."""


class VirtualInterfaceV3(VirtualInterface):
    """The virtual CPU interface of one PE, with the ICH and ICV registers."""

    def __init__(
        self, options: VirtualInterfaceV3Options, distributor: Distributor, pe: int, report: OnNotice,
    ) -> None:
        super().__init__(options, options.virtual_preemption_bits, distributor, pe, report)
        self.options = options
        self.vgrp0d_from_veng1 = options.vgrp0d_from_veng1
        self.state.fiqen = True
        self.hcr_bits = HCR_BITS & ~(0 if options.tdir else TDIR) | TSEI * options.hcr_stores_tsei
        self.intid_mask = (1 << options.cpu_id_bits) - 1
        self.vintid_mask = 0xFFFF_FFFF if options.lr_stores_res0 else self.intid_mask

    # -- ICV: what the guest does

    def would_acknowledge(self, group: int) -> tuple[int, Candidate | None]:
        """What ICV_IAR<group>_EL1 would return now, and what it would acknowledge. Changes nothing."""
        best = self.signalled()
        return (SPURIOUS, None) if best is None or best.group != group else (best.iar, best)

    def read_iar(self, group: int) -> int:
        """ICV_IAR<group>_EL1: the signalled interrupt, if it is of this group; 1023 and no change otherwise."""
        iar, taken = self.would_acknowledge(group)
        if taken is not None:
            self.acknowledge(taken)
        return iar

    def read_hppir(self, group: int) -> int:
        """ICV_HPPIR<group>_EL1: the candidate, whatever masks it."""
        best = self.candidate()
        return best.iar if best is not None and best.group == group else SPURIOUS

    def write_eoir(self, group: int, value: int) -> None:
        """ICV_EOIR<group>_EL1: priority drop, then the deactivation in EOImode 0, or EOIcount where no list register
        holds the interrupt (IHI 0069, ICV_EOIR0_EL1)."""
        vintid = value & self.intid_mask
        if special(vintid):
            return
        lr = self.find_active(vintid)
        if not self.options.wrong_group_eoi_drops and lr is not None and lr.group != group:
            return
        dropped = self.drop()
        if self.tells:
            self.told_end(f"ICV_EOIR{group}_EL1", vintid, lr, group, dropped)
        if dropped == IDLE and self.options.eoi_without_active == "nothing":
            if self.options.eoicount_without_priority and lr is None:
                self._count(vintid)
            return
        if lr is None:
            if dropped != IDLE or self.options.eoicount_without_priority:
                self._count(vintid)
        elif lr.group == group and (dropped == IDLE or lr.priority & self.mask(group) == dropped) and (
                not self.state.eoimode or vintid >= LPI_START):
            self.deactivate_lr(lr)

    def _count(self, vintid: int) -> None:
        if vintid < LPI_START and (not self.state.eoimode or self.options.eoicount_in_split_mode):
            self.count_eoi()
            if self.state.eoimode:
                self.report(deviation("eoicount_in_split_mode", f"ICV_EOIR of {vintid} counts in EOIcount"))

    def write_dir(self, value: int) -> None:
        """ICV_DIR_EL1: EOImode 1 only; no check of priority or group; LPIs and special INTIDs are ignored."""
        vintid = value & self.intid_mask
        if self.tells and vintid < SPECIAL_START:
            self.told_dir("ICV_DIR_EL1", vintid, self.find_active(vintid))
        if not self.state.eoimode or vintid >= LPI_START or special(vintid):
            return
        lr = self.find_active(vintid)
        if lr is None:
            self.count_eoi()
        else:
            self.deactivate_lr(lr)

    def read_bpr(self, group: int) -> int:
        """ICV_BPR<group>_EL1; with CBPR group 1 shows group 0's, one more, at most 7."""
        if group and self.state.cbpr:
            return min(self.groups[0].bpr + 1, 7)
        return self.groups[group].bpr

    def write_bpr(self, group: int, value: int) -> None:
        """ICV_BPR<group>_EL1; with CBPR group 1's is read-only."""
        if not (group and self.state.cbpr):
            self.set_bpr(group, value)

    def read_ctlr(self) -> int:
        """ICV_CTLR_EL1: CBPR, EOImode, PRIbits, IDbits, A3V."""
        o, s = self.options, self.state
        return int(s.cbpr) | s.eoimode << 1 | (o.virtual_priority_bits - 1) << 8 | (o.cpu_id_bits == 24) << 11 | 1 << 15

    def write_ctlr(self, value: int) -> None:
        """ICV_CTLR_EL1: CBPR and EOImode."""
        self.state.cbpr, self.state.eoimode = bool(value & 1), bool(value & 2)

    def read_apr(self, group: int, n: int) -> int:
        """ICH_AP<group>R<n>_EL2, ICV_AP<group>R<n>_EL1."""
        return self.groups[group].active >> 32 * n & 0xFFFFFFFF

    def write_apr(self, group: int, n: int, value: int) -> None:
        """ICH_AP<group>R<n>_EL2, ICV_AP<group>R<n>_EL1."""
        g = self.groups[group]
        rest = g.active & ~(0xFFFFFFFF << 32 * n) if self.preemption_bits > 5 else 0
        g.active = rest | (value & 0xFFFFFFFF) << 32 * n

    def check_apr(self, name: str, n: int) -> None:
        """Undefined where the preemption bits have no such active priorities register."""
        if n >= 1 << self.preemption_bits - 5:
            raise Undefined(name, f"{self.preemption_bits} preemption bits have no such register")

    # -- ICH: what the hypervisor does

    def read_vtr(self) -> int:
        """ICH_VTR_EL2: PRIbits, PREbits, IDbits, A3V, nV4, TDS, ListRegs."""
        o = self.options
        return (
            (o.virtual_priority_bits - 1) << 29 | (o.virtual_preemption_bits - 1) << 26 | (o.cpu_id_bits == 24) << 23
            | 1 << 21 | (not o.vlpis) << 20 | o.tdir << 19 | (o.list_registers - 1)
        )

    def read_hcr(self) -> int:
        """ICH_HCR_EL2 with EOIcount."""
        return self.state.hcr | self.state.eoicount << EOICOUNT_SHIFT

    def write_hcr(self, value: int) -> None:
        """ICH_HCR_EL2; EOIcount is writable."""
        if value & self.hcr_bits & TSEI:
            self.report(deviation("hcr_stores_tsei", "ICH_HCR_EL2 keeps TSEI"))
        self.state.hcr = value & self.hcr_bits
        self.state.eoicount = value >> EOICOUNT_SHIFT & EOICOUNT_MOST

    def write_vmcr(self, value: int) -> None:
        """ICH_VMCR_EL2; with system registers VFIQEn is RES1 and VAckCtl RES0."""
        keep = 0xFF if self.options.vpmr_stores_low_bits else self.priority_mask
        if value >> 24 & keep & ~self.priority_mask:
            self.report(deviation("vpmr_stores_low_bits", f"VPMR = {value >> 24 & 0xFF:#x}"))
        self.set_vmcr(value & ~4 | 8, keep)

    def lr(self, n: int) -> ListRegister:
        """List register n. Undefined where it is not implemented."""
        if n >= len(self.lrs):
            raise Undefined(f"ICH_LR{n}_EL2", f"the interface has {len(self.lrs)} list registers")
        return self.lrs[n]

    def read_lr(self, n: int) -> int:
        """ICH_LR<n>_EL2 out of the fields of list register n."""
        lr = self.lr(n)
        return (
            lr.state << 62 | lr.hw << 61 | lr.group << 60 | lr.priority << 48
            | (lr.pintid << 32 if lr.hw else lr.eoi << 41) | lr.vintid | lr.rest
        )

    def write_lr(self, n: int, value: int) -> None:
        """ICH_LR<n>_EL2 into the fields of list register n. Of the vINTID there are ICH_VTR_EL2.IDbits, 16 or 24; the
        others are RES0 (IHI 0069, ICH_LR<n>_EL2; the register's page, DDI 0601)."""
        lr = self.lr(n)
        lr.state, lr.hw, lr.group = value >> 62 & 3, bool(value >> 61 & 1), value >> 60 & 1
        lr.priority = value >> 48 & self.priority_mask
        lr.pintid = value >> 32 & 0x1FFF if lr.hw else 0
        lr.eoi = not lr.hw and bool(value >> 41 & 1)
        lr.vintid = value & self.vintid_mask
        known = 0xF0FF_1FFF_FFFF_FFFF if lr.hw else 0xF0FF_0200_FFFF_FFFF
        lr.rest = value & ~known & 0xFFFF_FFFF_FFFF_FFFF if self.options.lr_stores_res0 else 0
        kept = lr.rest | lr.vintid & ~self.intid_mask
        if kept:
            self.report(deviation("lr_stores_res0", f"ICH_LR{n}_EL2 keeps RES0 bits {kept:#x}"))


Read = Callable[[VirtualInterfaceV3, int], int]
Write = Callable[[VirtualInterfaceV3, int, int], None]


def _set_pmr(i: VirtualInterfaceV3, value: int) -> None:
    i.state.pmr = value & i.priority_mask


def _set_enabled(i: VirtualInterfaceV3, group: int, value: int) -> None:
    i.groups[group].enabled = bool(value & 1)


READS: dict[str, Read] = {
    "ICH_AP0R<n>_EL2": lambda i, n: i.read_apr(0, n), "ICH_AP1R<n>_EL2": lambda i, n: i.read_apr(1, n),
    "ICH_HCR_EL2": lambda i, n: i.read_hcr(), "ICH_VTR_EL2": lambda i, n: i.read_vtr(),
    "ICH_MISR_EL2": lambda i, n: i.misr(), "ICH_EISR_EL2": lambda i, n: i.eisr(),
    "ICH_ELRSR_EL2": lambda i, n: i.elrsr(),
    "ICH_VMCR_EL2": lambda i, n: i.vmcr(), "ICH_LR<n>_EL2": lambda i, n: i.read_lr(n),
    "ICV_PMR_EL1": lambda i, n: i.state.pmr & i.priority_mask,
    "ICV_IAR0_EL1": lambda i, n: i.read_iar(0), "ICV_IAR1_EL1": lambda i, n: i.read_iar(1),
    "ICV_HPPIR0_EL1": lambda i, n: i.read_hppir(0), "ICV_HPPIR1_EL1": lambda i, n: i.read_hppir(1),
    "ICV_BPR0_EL1": lambda i, n: i.read_bpr(0), "ICV_BPR1_EL1": lambda i, n: i.read_bpr(1),
    "ICV_AP0R<n>_EL1": lambda i, n: i.read_apr(0, n), "ICV_AP1R<n>_EL1": lambda i, n: i.read_apr(1, n),
    "ICV_RPR_EL1": lambda i, n: i.running_priority(), "ICV_CTLR_EL1": lambda i, n: i.read_ctlr(),
    "ICV_IGRPEN0_EL1": lambda i, n: int(i.groups[0].enabled), "ICV_IGRPEN1_EL1": lambda i, n: int(i.groups[1].enabled),
}
WRITES: dict[str, Write] = {
    "ICH_AP0R<n>_EL2": lambda i, n, v: i.write_apr(0, n, v),
    "ICH_AP1R<n>_EL2": lambda i, n, v: i.write_apr(1, n, v),
    "ICH_HCR_EL2": lambda i, n, v: i.write_hcr(v), "ICH_VMCR_EL2": lambda i, n, v: i.write_vmcr(v),
    "ICH_LR<n>_EL2": lambda i, n, v: i.write_lr(n, v),
    "ICV_PMR_EL1": lambda i, n, v: _set_pmr(i, v),
    "ICV_EOIR0_EL1": lambda i, n, v: i.write_eoir(0, v), "ICV_EOIR1_EL1": lambda i, n, v: i.write_eoir(1, v),
    "ICV_DIR_EL1": lambda i, n, v: i.write_dir(v),
    "ICV_BPR0_EL1": lambda i, n, v: i.write_bpr(0, v), "ICV_BPR1_EL1": lambda i, n, v: i.write_bpr(1, v),
    "ICV_AP0R<n>_EL1": lambda i, n, v: i.write_apr(0, n, v),
    "ICV_AP1R<n>_EL1": lambda i, n, v: i.write_apr(1, n, v),
    "ICV_CTLR_EL1": lambda i, n, v: i.write_ctlr(v),
    "ICV_IGRPEN0_EL1": lambda i, n, v: _set_enabled(i, 0, v), "ICV_IGRPEN1_EL1": lambda i, n, v: _set_enabled(i, 1, v),
}
