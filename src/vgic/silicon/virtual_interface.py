"""The virtual CPU interface: list registers, virtual priorities, maintenance (IHI 0048B ch. 5, IHI 0069 ch. 6).

The hypervisor writes interrupts into list registers; the guest acknowledges, drops and deactivates them as if they
came from a distributor, and no exit is needed for it. What the hypervisor put there comes back changed:

    Pending --(guest's IAR)--> Active --(EOIR in EOImode 0, or DIR)--> Invalid

The interface never sets Pending by itself: a list register that is Pending and Active was written so, and becomes
Pending when the guest deactivates it. With the HW bit the deactivation goes through to the physical interrupt pINTID,
whatever state that is in; without it the EOI bit asks for a maintenance interrupt instead. An EOIR or a DIR that finds
no list register counts in EOIcount, so that the hypervisor can complete interrupts that it could not keep in list
registers.

Everything that the interface tells (EISR, ELRSR, MISR, the outputs) is a function of its state, computed when asked.

What a guest acknowledges need not be in a list register for the rules here: they know a `Candidate`.

`VirtualInterface` holds the rules common to GICv2 and GICv3; `vgic.silicon.gich` and `vgic.silicon.ich` put registers
on them and settle where the two differ. State is in `VirtualState`, `Group` and `ListRegister`.
"""

from __future__ import annotations

from vgic.arch.gicc import CPUID_SHIFT, INTID
from vgic.arch.ich import EN, EOICOUNT_MOST, LRENPIE, NPIE, UIE, VGRP0DIE, VGRP0EIE, VGRP1DIE, VGRP1EIE
from vgic.arch.intid import SGIS, special
from vgic.arch.state import ACTIVE, INVALID, PENDING, STATE_NAMES
from vgic.parts import step
from vgic.silicon.candidate import Candidate
from vgic.silicon.distributor import Distributor
from vgic.silicon.ends import named, unmatched
from vgic.silicon.options import VirtualInterfaceOptions
from vgic.silicon.priority import IDLE, Group, bit, group_mask, highest, implemented, lowest, preempts
from vgic.silicon.report import OnNotice, deviation, ignore


class ListRegister:
    """One list register (IHI 0069, ICH_LR<n>_EL2; IHI 0048B 5.3.10, GICH_LR<n>).

    Attributes:
        index: n. state: INVALID, PENDING, ACTIVE or PENDING_ACTIVE.
        hw: whether the guest's deactivation also deactivates the physical interrupt `pintid`.
        group: 0 or 1. priority: 8 bits. vintid: what the guest sees.
        eoi: without hw, whether the deactivation shows in EISR. cpuid: GICv2, the source of an SGI.
        rest: the bits that the architecture reserves, kept where an option says so.
    """

    __slots__ = ("cpuid", "eoi", "group", "hw", "index", "pintid", "priority", "rest", "state", "vintid")

    def __init__(self, index: int) -> None:
        self.index = index
        self.state = INVALID
        self.hw = self.eoi = False
        self.group = self.priority = self.pintid = self.vintid = self.cpuid = self.rest = 0

    @property
    def intid(self) -> int:
        """The vINTID."""
        return self.vintid

    @property
    def iar(self) -> int:
        """What the guest's acknowledge register shows: the vINTID, and of a GICv2's SGI the source above it."""
        return self.vintid | self.cpuid << CPUID_SHIFT if self.vintid < SGIS else self.vintid

    def acknowledge(self) -> None:
        """Pending to Active. A special INTID, which software should not have written, just leaves (IHI 0069,
        ICV_IAR1_EL1)."""
        self.state &= ~PENDING
        if not special(self.vintid):
            self.state |= ACTIVE

    def empty(self) -> bool:
        """ELRSR's bit: Invalid, and nothing to be told about it (IHI 0069, ICH_ELRSR_EL2)."""
        return self.state == INVALID and (self.hw or not self.eoi)

    def ended(self) -> bool:
        """EISR's bit: Invalid with a wanted EOI, HW 0 (IHI 0069, ICH_EISR_EL2)."""
        return self.state == INVALID and not self.hw and self.eoi

    def __repr__(self) -> str:
        twin = f" -> {self.pintid} HW" if self.hw else " EOI" if self.eoi else ""
        shown = f"{STATE_NAMES[self.state]} {self.vintid}{twin} group {self.group} prio {self.priority:#x}"
        return f"<LR{self.index} {shown}>"


class VirtualState:
    """What a virtual CPU interface keeps beside its groups and list registers.

    Attributes:
        hcr: ICH_HCR_EL2 (GICH_HCR) without EOIcount. eoicount: 0 to 31.
        pmr, cbpr, eoimode, ackctl, fiqen: the fields of VMCR; the guest's own registers show the same state.
    """

    __slots__ = ("ackctl", "cbpr", "eoicount", "eoimode", "fiqen", "hcr", "pmr")

    def __init__(self) -> None:
        self.hcr = self.eoicount = self.pmr = 0
        self.cbpr = self.eoimode = self.ackctl = self.fiqen = False


class VirtualInterface:
    """The rules of one PE's virtual CPU interface. Its own attributes never change.

    Args:
        options: the implementation's choices. preemption_bits: of the virtual priorities.
        distributor: which has the physical interrupts that list registers with the HW bit name. pe: whose interface.
        report: takes the notices of deviations.
    """

    one_apr = False
    """GICv2: one active priorities register serves both groups."""
    group_enable_selects = mask_candidate = True
    vgrp0d_from_veng1 = False
    """The options virtual_group_enable_selects, preemption_masks_candidate and vgrp0d_from_veng1."""

    def __init__(
        self, options: VirtualInterfaceOptions, preemption_bits: int, distributor: Distributor, pe: int,
        report: OnNotice,
    ) -> None:
        self.preemption_bits = preemption_bits
        self.min_bpr0 = 7 - preemption_bits
        self.min_bpr1 = self.min_bpr0 + 1
        self.priority_mask = implemented(options.virtual_priority_bits)
        self.hw_deactivates = options.hw_deactivates
        self.state = VirtualState()
        self.lrs = tuple(ListRegister(i) for i in range(options.list_registers))
        self.order = self.lrs[::-1] if options.tie == "highest" else self.lrs
        self.groups = (Group(self.min_bpr0), Group(self.min_bpr1))
        self.distributor, self.pe, self.report = distributor, pe, report
        self.tells = report is not ignore

    # -- priorities

    def mask(self, group: int) -> int:
        """The group priority bits for an interrupt of a group (IHI 0069 4.8.2; CBPR: group 1 uses group 0's point)."""
        if group and not self.state.cbpr:
            return group_mask(self.groups[1].bpr - 1)
        return group_mask(self.groups[0].bpr)

    def running_priority(self) -> int:
        """The group priority of the highest active interrupt, IDLE if none (IHI 0069, ICV_RPR_EL1)."""
        return lowest(self.groups[0].active | self.groups[1].active, self.preemption_bits)

    def candidate(self) -> Candidate | None:
        """The interrupt that would be signalled next: in a list register Pending (never Pending and Active), of an
        enabled group, highest priority (IHI 0069 6.2). Ties: option `tie`."""
        return highest(lr for lr in self.order if lr.state == PENDING and (
            not self.group_enable_selects or self.groups[lr.group].enabled))

    @step
    def signalled(self) -> Candidate | None:
        """The interrupt that is signalled to the guest now: the candidate, if the interface is enabled, its group is,
        its priority passes the mask (strictly) and it preempts what is active (IHI 0069 4.8.6, 6.2)."""
        best = self.candidate() if self.state.hcr & EN else None
        if best is None or not self.groups[best.group].enabled or best.priority >= self.state.pmr:
            return None
        running = self.running_priority()
        if running == IDLE:
            return best
        mask = self.mask(best.group) if self.mask_candidate else IDLE
        return best if preempts(best.priority, running, mask) else None

    def outputs(self) -> tuple[bool, bool]:
        """Virtual IRQ and FIQ: group 0 as FIQ where VMCR.VFIQEn says so (IHI 0048B 5.2.1)."""
        best = self.signalled()
        if best is None:
            return False, False
        fiq = best.group == 0 and self.state.fiqen
        return not fiq, fiq

    # -- what the guest does

    def named(self, vintid: int) -> ListRegister | None:
        """What a read of IAR that gave this vINTID has acknowledged, whatever is signalled here; None where no list
        register holds it Pending."""
        return next((lr for lr in self.lrs if lr.state & PENDING and lr.vintid == vintid and not special(vintid)), None)

    def acknowledge(self, candidate: Candidate) -> None:
        """It is taken: it becomes active, and so does its group priority, unless its INTID is a special one."""
        candidate.acknowledge()
        if not special(candidate.intid):
            group = self.groups[0 if self.one_apr else candidate.group]
            group.active |= bit(candidate.priority & self.mask(candidate.group), self.preemption_bits)

    def drop(self) -> int:
        """The priority drop: clears the highest active priority, group 0 first on a tie; returns it, IDLE if none was
        (IHI 0069 4.8.3)."""
        running = self.running_priority()
        if running != IDLE:
            mine = bit(running, self.preemption_bits)
            group = self.groups[0] if self.groups[0].active & mine else self.groups[1]
            group.active &= ~mine
        return running

    def find_active(self, vintid: int, cpuid: int | None = None) -> ListRegister | None:
        """The list register that holds this vINTID Active or Pending and Active."""
        for lr in self.lrs:
            if lr.state & ACTIVE and lr.vintid == vintid and (cpuid is None or lr.cpuid == cpuid):
                return lr
        return None

    def deactivate_lr(self, lr: ListRegister) -> None:
        """Clears Active; HW 1: deactivates the physical twin too, whatever its state (IHI 0069, ICH_LR<n>_EL2.HW)."""
        lr.state &= ~ACTIVE
        if lr.hw and self.hw_deactivates and not special(lr.pintid):
            self.deactivate_physical(lr.pintid)

    def deactivate_physical(self, pintid: int) -> None:
        """The guest has deactivated an interrupt whose list register has the HW bit."""
        self.distributor.deactivate_twin(pintid, self.pe)

    def told_end(self, register: str, value: int, lr: ListRegister | None, group: int | None, dropped: int) -> None:
        """A notice, if a guest's write to an EOIR matches nothing (UNPREDICTABLE): `lr`: where the interrupt is active,
        `group`: the register's, if it is for one alone, `dropped`: the priority that it drops. An interrupt that is in
        no list register may be one that the hypervisor keeps elsewhere, and EOIcount is for those."""
        if dropped == IDLE:
            expected = "expected nothing: no virtual priority is active"
        elif lr is None:
            expected = self._let_go(register, value)
        elif group is not None and lr.group != group:
            expected = f"expected a write to the register of its group, {lr.group}"
        elif lr.priority & self.mask(lr.group) != dropped:
            expected = f"expected an interrupt of the priority that is active, {dropped:#x}"
        else:
            expected = ""
        if expected:
            self.report(unmatched(register, value, expected))

    def told_dir(self, register: str, value: int, lr: ListRegister | None) -> None:
        """A notice, if a guest's write to DIR matches nothing (UNPREDICTABLE)."""
        expected = self._let_go(register, value) if lr is None else ""
        if not self.state.eoimode:
            expected = "expected EOImode 1"
        if expected:
            self.report(unmatched(register, value, expected))

    def _let_go(self, register: str, value: int) -> str:
        """Of an interrupt that is active in no list register: what the list registers tell against it."""
        vintid = value & (INTID if register.startswith("GICV") else 0xFFFFFF)
        for lr in self.lrs:
            if lr.vintid == vintid and lr.state & ACTIVE:
                return f"expected {named(lr.iar)}, its source with it"
            if lr.vintid == vintid and lr.state == PENDING:
                return f"expected an acknowledge first: it is pending in list register {lr.index}"
        if vintid and any(lr.vintid == vintid for lr in self.lrs):      # an empty list register holds 0
            return "expected an active interrupt: its list register has let it go already"
        return ""

    def count_eoi(self) -> None:
        """One more EOI of an interrupt that no list register holds; five bits, wraps (IHI 0069, ICH_HCR_EL2)."""
        self.state.eoicount = (self.state.eoicount + 1) & EOICOUNT_MOST

    # -- what the hypervisor sees

    def eisr(self) -> int:
        """A bit for each list register with an ended interrupt."""
        return sum(1 << lr.index for lr in self.lrs if lr.ended())

    @step
    def elrsr(self) -> int:
        """A bit for each list register that may be used."""
        return sum(1 << lr.index for lr in self.lrs if lr.empty())

    @step
    def misr(self) -> int:
        """Why a maintenance interrupt is due: level functions of the state (IHI 0069, ICH_MISR_EL2)."""
        s, hcr = self.state, self.state.hcr
        veng0, veng1 = self.groups[0].enabled, self.groups[1].enabled
        value = 0
        if any(lr.ended() for lr in self.lrs):
            value |= 1
        if hcr & UIE and sum(lr.state != INVALID for lr in self.lrs) < 2:
            value |= 2
        if hcr & LRENPIE and s.eoicount:
            value |= 4
        if hcr & NPIE and not any(lr.state == PENDING for lr in self.lrs):
            value |= 8
        if hcr & VGRP0EIE and veng0:
            value |= 16
        if hcr & VGRP0DIE:
            if not (veng1 if self.vgrp0d_from_veng1 else veng0):
                value |= 32
            if self.vgrp0d_from_veng1 and veng0 != veng1:
                self.report(deviation("vgrp0d_from_veng1", f"VGrp0D reads {value >> 5 & 1}"))
        if hcr & VGRP1EIE and veng1:
            value |= 64
        if hcr & VGRP1DIE and not veng1:
            value |= 128
        return value

    def maintenance(self) -> bool:
        """The maintenance interrupt's line: high while the interface is enabled and MISR is not zero."""
        return bool(self.state.hcr & EN) and self.misr() != 0

    # -- VMCR, common layout

    def set_bpr(self, group: int, value: int) -> None:
        """A binary point write, raised to the minimum that the preemption bits allow (IHI 0069, ICV_BPR0_EL1)."""
        self.groups[group].bpr = max(value & 7, self.min_bpr1 if group else self.min_bpr0)

    def vmcr(self) -> int:
        """VMCR's fields at the bits that GICH_VMCR and ICH_VMCR_EL2 share."""
        s = self.state
        return (
            int(self.groups[0].enabled) | int(self.groups[1].enabled) << 1 | int(s.ackctl) << 2 | int(s.fiqen) << 3
            | int(s.cbpr) << 4 | int(s.eoimode) << 9 | self.groups[1].bpr << 18 | self.groups[0].bpr << 21 | s.pmr << 24
        )

    def set_vmcr(self, value: int, pmr_mask: int) -> None:
        """A VMCR write; `pmr_mask`: the bits of VPMR that are kept."""
        s = self.state
        self.groups[0].enabled, self.groups[1].enabled = bool(value & 1), bool(value & 2)
        s.ackctl, s.fiqen, s.cbpr, s.eoimode = bool(value & 4), bool(value & 8), bool(value & 16), bool(value & 512)
        self.set_bpr(1, value >> 18)
        self.set_bpr(0, value >> 21)
        s.pmr = value >> 24 & pmr_mask

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        return (self.state, *self.groups, *self.lrs)
