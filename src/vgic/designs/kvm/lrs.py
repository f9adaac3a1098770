"""List registers: filled at each entry, read back at each exit (M2, M3, M5, M6, M9).

**Entry** (`flush_hwstate`): the interrupts of the ap_list go into list registers in order, with the state that they
have. What an edge had latched moves into the register. A mapped interrupt gets the HW bit, and is never pending and
active: its pending state waits in the physical distributor. A level-sensitive one without a twin gets the EOI bit, so
that its completion is seen, and is never pending and active either: only from Active alone does a deactivation tell.

**Exit** (`sync_hwstate`): what is left in a register goes back (`fold_lr`). Active is as the guest left it. An edge
that is still pending is latched again. A level's latch ends once the register is empty: the guest took it. A mapped
level whose line was only seen to rise is sampled again where it may have fallen.

**Overflow**. More interrupts than registers: the list is sorted, what can be taken now first. Conditions that end
the guest's run are armed: UIE when registers become free, NPIE when nothing pending is left in them, LRENPIE when the
guest ends an interrupt that is in none. Those ends EOIcount counts. Without split EOIs interrupts end in the reverse
order of their acknowledges, so the counted ends are replayed on the active interrupts that did not get a register, in
list order. With split EOIs DIR comes in any order, from any vCPU, and must trap.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from vgic.arch.ich import (
    EN,
    EOICOUNT_SHIFT,
    LRENPIE,
    NPIE,
    TC,
    TDIR,
    UIE,
    VENG0,
    VENG1,
    VEOIM,
    VGRP0DIE,
    VGRP0EIE,
    VGRP1DIE,
    VGRP1EIE,
    VSGI_EOICOUNT,
)
from vgic.arch.intid import LPI_START, PRIVATE, SGIS
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.queue import Queueing
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu, Vm
from vgic.parts import step


class Summary(NamedTuple):
    """What a vCPU has to show: how many interrupts of its list are active (pending too or not), how many pending alone,
    how many of all are SGIs; `nr_lr` list registers for them."""

    active: int
    pending: int
    sgis: int
    nr_lr: int

    def outside(self) -> bool:
        """Some interrupts get no list register."""
        return self.active + self.pending > self.nr_lr

    def pending_outside(self) -> bool:
        """Some pending interrupts may get no list register."""
        return self.pending > self.nr_lr

    def active_outside(self) -> bool:
        """Some active interrupts may get no list register."""
        return self.active > 0 and self.outside()


class ListRegisters(Queueing):
    """Flush and sync.

    Attributes:
        hw_deactivation: whether a guest's deactivation reaches the physical interrupt (LR.HW). False on chips without
            (M29): mapped interrupts get the EOI bit, and software deactivates.
    """

    hw_deactivation = True

    # -- entry

    @step
    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """The virtual GIC's part of an entry."""
        cpu, pe = self.cpus[vcpu], self.here(vcpu)
        update, cpu.update = cpu.update, False
        if update:
            self.prune_ap_list(vcpu)
        summary = self.summarize_ap_list(vcpu)
        if summary.outside():
            self.event("overflow", vcpu)
            self.sort_ap_list(vcpu)
        resident: list[VgicIrq] = []
        for irq in cpu.ap_list:
            if self.target_oracle(vcpu.vm, irq) is vcpu:
                self.populate_lr(vcpu, irq, len(resident), pe)
                resident.append(irq)
                if len(resident) == summary.nr_lr:
                    break
        if resident:
            cpu.lrs = resident
        cpu.last_lr_irq = resident[-1] if summary.outside() else None
        cpu.hcr = self.configure_hcr(vcpu, summary)
        self.hw.write_hcr(cpu.hcr, pe)

    @step
    def weigh(self, vcpu: Vcpu, irq: VgicIrq) -> tuple[int, int, int]:
        """What one interrupt adds to (active, pending, sgis)."""
        if self.target_oracle(vcpu.vm, irq) is not vcpu:
            return 0, 0, 0
        return int(irq.active), int(not irq.active), int(irq.intid < SGIS)

    def summarize_ap_list(self, vcpu: Vcpu) -> Summary:
        """Counts what belongs to this vCPU."""
        active = pending = sgis = 0
        for irq in self.cpus[vcpu].ap_list:
            a, p, s = self.weigh(vcpu, irq)
            active, pending, sgis = active + a, pending + p, sgis + s
        return Summary(active, pending, sgis, self.hw.nr_lr)

    @step
    def order(self, vcpu: Vcpu, irq: VgicIrq, enables: int) -> tuple[bool, bool, bool, int, bool]:
        """The sort key of the ap_list: what belongs here, of an enabled group (`enables`: VMCR's), and is not active
        (so it is enabled and pending) comes first; then priority; then those with a twin."""
        return (self.target_oracle(vcpu.vm, irq) is not vcpu, not enables >> irq.group & 1, irq.active, irq.priority,
                not irq.hw)

    def sort_ap_list(self, vcpu: Vcpu) -> None:
        """Sorts the list: what can be taken now comes first."""
        cpu = self.cpus[vcpu]
        enables = cpu.vmcr & (VENG0 | VENG1)
        cpu.ap_list.sort(key=lambda irq: self.order(vcpu, irq, enables))

    def compute_lr(self, vm: Vm, irq: VgicIrq) -> Lr:
        """The list register that shows an interrupt."""
        pending, eoi, cpuid = True, False, 0
        if irq.active:
            cpuid = irq.active_source
            if irq.lr_count() > 1:
                pending, eoi = False, True
        hw = irq.hw and self.hw_deactivation
        if hw:
            pending = not irq.active
        elif not irq.edge:
            pending, eoi = not irq.active, True
        pending = pending and irq.pending()
        if pending and self.v2_sgi(vm, irq):
            assert irq.source, f"{irq}: pending from nobody"
            cpuid = lowest(irq.source)
            eoi = irq.source & (irq.source - 1) != 0
        return Lr(irq.intid, pending, irq.active, hw, irq.hwintid if hw else 0, irq.group, irq.priority, eoi, cpuid)

    @step
    def populate_lr(self, vcpu: Vcpu, irq: VgicIrq, n: int, pe: int) -> None:
        """Shows an interrupt in list register n; what the register now holds pending is no longer pending here."""
        lr = self.compute_lr(vcpu.vm, irq)
        self.event("populate", vcpu, irq.intid)
        self.hw.write_lr(n, self.hw.encode(lr), pe)
        irq.on_lr = True
        if lr.pending:
            self.consume_pending(vcpu.vm, irq)

    def consume_pending(self, vm: Vm, irq: VgicIrq) -> None:
        """The pending state has moved into a list register: an edge's latch ends; a v2 SGI with another source to
        serve stays latched; a mapped level's line counts as low, so that its next rise is a change."""
        if irq.edge:
            irq.pending_latch = False
        if irq.source:
            irq.source &= irq.source - 1
            irq.pending_latch = irq.source != 0
        if irq.mapped_level():
            irq.line_level = False

    def configure_hcr(self, vcpu: Vcpu, summary: Summary) -> int:
        """HCR for this run: the conditions that must end it."""
        vmcr = self.cpus[vcpu].vmcr
        hcr = EN
        if summary.pending_outside():
            hcr |= NPIE
        if summary.active_outside():
            hcr |= LRENPIE
        if summary.outside():
            hcr |= UIE
        hcr |= VGRP0DIE if vmcr & VENG0 else VGRP0EIE
        hcr |= VGRP1DIE if vmcr & VENG1 else VGRP1EIE
        if self.v3_host:
            if not summary.sgis:
                hcr |= VSGI_EOICOUNT
            if not self.hw.tdir:
                hcr |= TC
            elif summary.active_outside() or self.dists[vcpu.vm].active_spis:
                hcr |= TDIR
        return hcr

    # -- exit

    @step
    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """The virtual GIC's part of an exit."""
        cpu, pe = self.cpus[vcpu], self.here(vcpu)
        cpu.vmcr = self.hw.read_vmcr(pe)
        resident = tuple(cpu.lrs)
        elrsr = self.hw.elrsr(pe) if resident else 0
        count = self.hw.read_hcr(pe) >> EOICOUNT_SHIFT & 31 if cpu.hcr & LRENPIE else 0
        self.hw.write_hcr(0, pe)
        for n, irq in enumerate(resident):
            self.fold_lr(vcpu, irq, n, bool(elrsr >> n & 1), pe)
        if count:
            self.replay_eois(vcpu, count, pe)
        cpu.hcr, cpu.lrs, cpu.last_lr_irq = 0, [], None
        self.prune_ap_list(vcpu)

    @step
    def fold_lr(self, vcpu: Vcpu, irq: VgicIrq, n: int, empty: bool, pe: int) -> None:
        """Reads list register n back, unless it is known to be empty, and clears it."""
        lr = Lr(irq.intid) if empty else self.hw.decode(self.hw.read_lr(n, pe), vcpu.vm.gic == 2)
        self.hw.write_lr(n, 0, pe)
        self.event("fold", vcpu, irq.intid)
        self.fold(vcpu, irq, lr, pe)

    def fold(self, vcpu: Vcpu, irq: VgicIrq, lr: Lr, pe: int) -> None:
        """What a list register says of its interrupt becomes what is known of it."""
        vm = vcpu.vm
        deactivated = irq.active and not lr.active
        completed = self.completes(vm, lr) and self.notifies(deactivated)
        irq.active = lr.active and self.keeps_active(irq)
        if irq.active:
            irq.active_source = lr.cpuid
        if irq.edge and lr.pending:
            irq.pending_latch = True
            if self.v2_sgi(vm, irq):
                irq.source |= 1 << lr.cpuid
        if not irq.edge and not lr.pending and not lr.active:
            irq.pending_latch = False
        self.handle_resampling(vcpu, irq, deactivated, lr.pending, pe)
        irq.on_lr = False
        if completed:
            self.uncount_spi(vm)
            self.notify_acked(vm, irq)

    def keeps_active(self, irq: VgicIrq) -> bool:
        """Whether an active state in a list register counts. An LPI's does not: the end of one that is in no list
        register would not be counted, and it would stay active for ever."""
        return irq.intid < LPI_START

    def notifies(self, deactivated: bool) -> bool:
        """Whether a completion is told: on a GICv2 always, on a GICv3 where it was known to be active before."""
        return deactivated or not self.v3_host

    def completes(self, vm: Vm, lr: Lr) -> bool:
        """Whether the register tells of the end of an SPI that has no twin."""
        return lr.signals_eoi() and PRIVATE <= lr.vintid < PRIVATE + vm.spis

    def handle_resampling(self, vcpu: Vcpu, irq: VgicIrq, deactivated: bool, still_pending: bool, pe: int) -> None:
        """A mapped level: the line may have fallen while the register still showed it pending, or while it was active
        and known to be high again. If it has, the physical interrupt must be able to arrive again: not active."""
        if not irq.mapped_level():
            return
        resample = False
        if not self.hw_deactivation:
            resample = not irq.active and not irq.pending_latch
        elif still_pending or (deactivated and irq.line_level):
            irq.line_level = self.phys_line_level(vcpu, irq, pe)
            resample = not irq.line_level
        if resample:
            self.set_phys_active(irq, False, pe)

    # -- interrupts that end outside list registers

    def replay_eois(self, vcpu: Vcpu, count: int, pe: int) -> None:
        """The guest ended `count` interrupts that no list register held: the active ones behind the last resident."""
        cpu = self.cpus[vcpu]
        behind = cpu.last_lr_irq is None
        for irq in tuple(cpu.ap_list):
            if behind and count and self.replay_eoi(vcpu, irq, pe):
                count -= 1
            behind = behind or irq is cpu.last_lr_irq

    @step
    def replay_eoi(self, vcpu: Vcpu, irq: VgicIrq, pe: int) -> bool:
        """Ends one interrupt as its list register would have, if it is active here."""
        if not irq.active:
            return False
        self.event("replay", vcpu, irq.intid)
        self.deactivate_outside(vcpu, irq, pe)
        return True

    def deactivate_outside(self, vcpu: Vcpu, irq: VgicIrq, pe: int) -> None:
        """Builds the list register that the interrupt would have, ends it, and folds it; the twin by DIR."""
        lr = self.compute_lr(vcpu.vm, irq)._replace(active=False)
        if lr.hw:
            self.kernel.driver.deactivate(lr.pintid, pe)
        self.fold(vcpu, irq, lr, pe)

    def deactivate(self, vcpu: Vcpu, value: int) -> None:
        """The guest's DIR trapped (EOImode 1). The interrupt may be on no list (nothing to do), in a list register of a
        vCPU that runs (then as a write of ICACTIVER, which stops it), or only on a list."""
        intid = value & 0x3FF if vcpu.vm.gic == 2 else value & 0xFFFFFF
        irq = self.find_irq(vcpu.vm, vcpu, intid) if intid < LPI_START else None
        if irq is None or not self.cpus[vcpu].vmcr & VEOIM or irq.vcpu is None:
            return
        holder = irq.vcpu
        if irq.on_lr:
            self.write_cactive(vcpu, irq)
        elif intid >= SGIS or irq.active_source == value >> 10 & 7:
            self.deactivate_outside(vcpu, irq, self.here(vcpu))
        self.cpus[holder].update = True

    @abstractmethod
    def write_cactive(self, vcpu: Vcpu, irq: VgicIrq) -> None:
        """A guest's write to ICACTIVER; see `vgic.designs.kvm.mmio`."""


def lowest(bits: int) -> int:
    """The number of the lowest bit set."""
    return (bits & -bits).bit_length() - 1
