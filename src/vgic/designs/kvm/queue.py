"""Where a virtual interrupt belongs: the target oracle, injection, the ap_lists (M4).

The oracle says which vCPU an interrupt belongs to now:
    active                                   the vCPU whose list it is on (its acknowledger), else its target
    enabled and pending, distributor on      its target
    else                                     none
An interrupt is put on a list when it comes to belong to one (`queue_irq`), and leaves it, or moves to another vCPU's,
only when that vCPU has left its guest (`prune_ap_list`): between, its state may be in a list register.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.intid import LPI_START, PRIVATE
from vgic.designs.base import AckNotifier, InputLevel, Observer, TimerRegisters
from vgic.designs.kvm.irq import VgicCpu, VgicDist, VgicIrq
from vgic.designs.vgic.gic import VirtualGic
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.host.chip import PENDING
from vgic.parts import step

FEW_SPIS = 3
"""So far `active_spis` is counted in any VM; see `Queueing.spi_bound`."""


class Queueing(VirtualGic[VgicIrq, VgicCpu, VgicDist]):
    """The virtual interrupts of all VMs, and which vCPU each belongs to."""

    irq_class = VgicIrq
    cpu_class = VgicCpu
    dist_class = VgicDist

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, trapped_timers: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer, trapped_timers=trapped_timers)
        self.notifiers: dict[tuple[Vm, int], list[AckNotifier]] = {}

    # -- the oracle and the queue

    @step
    def target_oracle(self, vm: Vm, irq: VgicIrq) -> Vcpu | None:
        """The vCPU that the interrupt belongs to now."""
        if irq.active:
            return irq.vcpu if irq.vcpu is not None else irq.target_vcpu
        if irq.enabled and irq.pending() and self.dists[vm].enabled:
            return irq.target_vcpu
        return None

    def validate_injection(self, irq: VgicIrq, level: bool, owner: object | None) -> bool:
        """Only a change of a level, only a rising edge, only by the owner."""
        if irq.owner is not owner:
            return False
        return level if irq.edge else irq.line_level != level

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """kvm_vgic_inject_irq."""
        irq = self.get_irq(vm, vcpu, vintid)
        if not self.validate_injection(irq, level, owner):
            self.event("refused", vcpu, vintid)
            return False
        if irq.edge:
            irq.pending_latch = True
        else:
            irq.line_level = level
        self.event("inject", vcpu, vintid)
        self.queue_irq(vm, irq)
        return True

    def queue_irq(self, vm: Vm, irq: VgicIrq) -> bool:
        """Puts the interrupt on the list of the vCPU that it belongs to, and kicks that. One that is on a list stays
        there, and its vCPU is kicked all the same: it may have completed the interrupt since, and would not see this
        one before its next exit. Returns whether it was put on a list."""
        vcpu = self.target_oracle(vm, irq)
        if vcpu is None:
            return False
        if irq.vcpu is not None:
            self.kick(vcpu)
            return False
        self.cpus[vcpu].ap_list.append(irq)
        irq.vcpu = vcpu
        self.count_spi(vm, irq)
        self.kick(vcpu)
        return True

    def count_spi(self, vm: Vm, irq: VgicIrq) -> None:
        """An SPI may be deactivated on any vCPU, so with split EOIs every vCPU's DIR must trap while one is about: the
        first one makes all vCPUs enter anew. Not on a chip without TDIR, where all of them trap anyway."""
        if not (PRIVATE <= irq.intid < LPI_START and vm.gic == 3 and self.hw.tdir):
            return
        dist = self.dists[vm]
        if dist.active_spis == 0:
            for vcpu in vm.vcpus:
                self.kick(vcpu)
        if dist.active_spis < self.spi_bound(vm):
            dist.active_spis += 1

    def uncount_spi(self, vm: Vm) -> None:
        """One was deactivated, and asked to be told of: a level without a twin. The count may have been for another;
        zero is left alone (atomic_dec_if_positive)."""
        dist = self.dists[vm]
        if 0 < dist.active_spis < self.spi_bound(vm):
            dist.active_spis -= 1

    def spi_bound(self, vm: Vm) -> int:
        """Where `active_spis` stops counting, up and down: from there on it stands for any number that is as large, and
        never falls. (The kernel's has no bound.) One more than there are SPIs, so that it falls to zero from wherever
        each has been counted once; without levels nothing counts down, and a few are as good as any number."""
        irqs = self.shared[vm].values()
        return FEW_SPIS if all(irq.edge for irq in irqs) else max(FEW_SPIS, len(irqs) + 1)

    @step
    def prune_ap_list(self, vcpu: Vcpu) -> None:
        """After an exit: what no longer belongs here leaves the list, or moves to the vCPU it belongs to."""
        for irq in tuple(self.cpus[vcpu].ap_list):
            target = self.target_oracle(vcpu.vm, irq)
            if target is not vcpu:
                self.move_irq(vcpu, irq, target)

    def move_irq(self, vcpu: Vcpu, irq: VgicIrq, target: Vcpu | None) -> None:
        """From one vCPU's list to another's, or off all."""
        self.cpus[vcpu].ap_list.remove(irq)
        irq.vcpu = target
        if target is not None:
            self.cpus[target].ap_list.append(irq)
            self.kick(target)

    @step
    def deliverable(self, irq: VgicIrq, pmr: int) -> bool:
        """Pending, enabled, not active, and let through by the priority mask."""
        return irq.enabled and not irq.active and irq.pending() and irq.priority < pmr

    @step
    def pending(self, vcpu: Vcpu) -> bool:
        """kvm_vgic_vcpu_pending_irq."""
        if not self.dists[vcpu.vm].enabled:
            return False
        cpu = self.cpus[vcpu]
        pmr = cpu.vmcr >> 24
        return any(self.deliverable(irq, pmr) for irq in cpu.ap_list)

    # -- the physical twin

    def map_phys_irq(self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None) -> None:
        """kvm_vgic_map_phys_irq."""
        super().map_phys_irq(vcpu, desc, vintid)
        self.get_irq(vcpu.vm, vcpu, vintid).get_input_level = get_input_level

    def map_is_active(self, vcpu: Vcpu, vintid: int) -> bool:
        """kvm_vgic_map_is_active: whether a mapped interrupt is active in the guest."""
        return self.get_irq(vcpu.vm, vcpu, vintid).active

    def reset_mapped_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """kvm_vgic_reset_mapped_irq: forgets the state of a mapped interrupt, for a reset of the guest."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        if irq.hw:
            irq.active = irq.pending_latch = irq.line_level = False

    def phys_line_level(self, vcpu: Vcpu, irq: VgicIrq, pe: int) -> bool:
        """vgic_get_phys_line_level: the line of a mapped interrupt as it is now."""
        self.event("resample", vcpu, irq.intid)
        if irq.get_input_level is not None:
            return irq.get_input_level(vcpu)
        assert irq.host_irq is not None
        return self.kernel.irq_get_irqchip_state(irq.host_irq, PENDING, pe)

    # -- completions

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """kvm_register_irq_ack_notifier."""
        self.notifiers.setdefault((vm, vintid), []).append(notifier)

    def notify_acked(self, vm: Vm, irq: VgicIrq) -> None:
        """kvm_notify_acked_irq: tells whoever wants to know that the guest completed a level interrupt."""
        self.event("ack", None, irq.intid)
        for notifier in self.notifiers.get((vm, irq.intid), ()):
            notifier(vm, irq.intid)
