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

from vgic.designs.base import AckNotifier, Design, InputLevel, Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.irq import LPI_START, PRIVATE, VgicCpu, VgicDist, VirtualIrq
from vgic.designs.vgic.hw import GichHw, IchHw, VirtualHw
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.host.chip import ACTIVE, PENDING
from vgic.parts import step
from vgic.silicon import GicV3

MANY_SPIS = 3
"""Where `active_spis` stops counting, up and down. The kernel's counter has no bound; only 0 or not matters."""


class Queueing(Design):
    """The virtual interrupts of all VMs, and which vCPU each belongs to.

    Attributes:
        hw: the registers of the virtual CPU interface. v3_host: whether it is a GICv3's.
        irq_class, cpu_class, dist_class: the parts; a subclass may add slots to them.
    """

    irq_class: type[VirtualIrq] = VirtualIrq
    cpu_class: type[VgicCpu] = VgicCpu
    dist_class: type[VgicDist] = VgicDist

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.v3_host = isinstance(self.gic, GicV3)
        self.hw: VirtualHw = IchHw(self.gic) if isinstance(self.gic, GicV3) else GichHw(self.gic)
        for vm in self.vms:
            if vm.gic == 3 and not self.v3_host:
                raise Unsupported(f"{vm.name}: a GICv3 guest needs a GICv3 host")
        self.cpus = {vcpu: self.cpu_class(self.hw.words) for vcpu in self.vcpus}
        self.dists = {vm: self.dist_class() for vm in self.vms}
        self.private = {vcpu: self._private_irqs(vcpu) for vcpu in self.vcpus}
        self.shared = {vm: self._shared_irqs(vm) for vm in self.vms}
        self.notifiers: dict[tuple[Vm, int], list[AckNotifier]] = {}

    def _private_irqs(self, vcpu: Vcpu) -> dict[int, VirtualIrq]:
        vm = vcpu.vm
        mask = 1 << vcpu.index if vm.gic == 2 else 0
        return {i: self.irq_class(i, vm.gic - 2, vcpu, mask) for i in range(PRIVATE) if vm.exists(i)}

    def _shared_irqs(self, vm: Vm) -> dict[int, VirtualIrq]:
        intids = [i for i in range(PRIVATE, PRIVATE + vm.spis) if vm.exists(i)]
        return {i: self.irq_class(i, vm.gic - 2, vm.vcpus[0]) for i in (*intids, *vm.lpis)}

    # -- looking up

    def find_irq(self, vm: Vm, vcpu: Vcpu | None, intid: int) -> VirtualIrq | None:
        """The virtual interrupt, None where there is none of that number (or no vCPU is named for a private one)."""
        if intid < PRIVATE:
            return self.private[vcpu].get(intid) if vcpu is not None else None
        return self.shared[vm].get(intid)

    def get_irq(self, vm: Vm, vcpu: Vcpu | None, intid: int) -> VirtualIrq:
        """As find_irq; Unsupported where there is none."""
        irq = self.find_irq(vm, vcpu, intid)
        if irq is None:
            raise Unsupported(f"{vm.name}: the guest's GIC has no interrupt {intid}"
                              + (" without a vCPU: it is private" if intid < PRIVATE and vcpu is None else ""))
        return irq

    @step
    def running(self, pe: int) -> Vcpu | None:
        """The vCPU that is loaded on a PE."""
        return next((vcpu for vcpu in self.vcpus if vcpu.pe == pe), None)

    # -- the oracle and the queue

    @step
    def target_oracle(self, vm: Vm, irq: VirtualIrq) -> Vcpu | None:
        """The vCPU that the interrupt belongs to now."""
        if irq.active:
            return irq.vcpu if irq.vcpu is not None else irq.target_vcpu
        if irq.enabled and irq.pending() and self.dists[vm].enabled:
            return irq.target_vcpu
        return None

    def validate_injection(self, irq: VirtualIrq, level: bool, owner: object | None) -> bool:
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

    def queue_irq(self, vm: Vm, irq: VirtualIrq) -> bool:
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

    def count_spi(self, vm: Vm, irq: VirtualIrq) -> None:
        """An SPI may be deactivated on any vCPU, so with split EOIs every vCPU's DIR must trap while one is about: the
        first one makes all vCPUs enter anew."""
        if not (PRIVATE <= irq.intid < LPI_START and vm.gic == 3):
            return
        dist = self.dists[vm]
        if dist.active_spis == 0:
            for vcpu in vm.vcpus:
                self.kick(vcpu)
        if dist.active_spis < MANY_SPIS:
            dist.active_spis += 1

    @step
    def prune_ap_list(self, vcpu: Vcpu) -> None:
        """After an exit: what no longer belongs here leaves the list, or moves to the vCPU it belongs to."""
        for irq in tuple(self.cpus[vcpu].ap_list):
            target = self.target_oracle(vcpu.vm, irq)
            if target is not vcpu:
                self.move_irq(vcpu, irq, target)

    def move_irq(self, vcpu: Vcpu, irq: VirtualIrq, target: Vcpu | None) -> None:
        """From one vCPU's list to another's, or off all."""
        self.cpus[vcpu].ap_list.remove(irq)
        irq.vcpu = target
        if target is not None:
            self.cpus[target].ap_list.append(irq)
            self.kick(target)

    @step
    def deliverable(self, irq: VirtualIrq, pmr: int) -> bool:
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

    def kick_vcpus(self, vm: Vm) -> None:
        """Kicks every vCPU that has something to take."""
        for vcpu in vm.vcpus:
            if self.pending(vcpu):
                self.kick(vcpu)

    # -- the physical twin

    def map_phys_irq(self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None) -> None:
        """kvm_vgic_map_phys_irq."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        irq.hw = True
        irq.host_irq = desc
        irq.hwintid = desc.pintid
        irq.get_input_level = get_input_level

    def unmap_phys_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """kvm_vgic_unmap_phys_irq."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        irq.hw = False
        irq.hwintid = 0

    def map_is_active(self, vcpu: Vcpu, vintid: int) -> bool:
        """Whether a mapped interrupt is active in the guest."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        return irq.hw and irq.active

    def reset_mapped_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """Forgets the state of a mapped interrupt, for a reset of the guest."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        if irq.hw:
            irq.active = irq.pending_latch = irq.line_level = False

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """kvm_vgic_set_owner. Unsupported for SGIs and LPIs, and where another owns it."""
        irq = self.get_irq(vcpu.vm, vcpu, vintid)
        if not 16 <= vintid < LPI_START:
            raise Unsupported(f"{vcpu!r}: interrupt {vintid} can't have an owner: it is no PPI or SPI")
        if irq.owner is not None and irq.owner is not owner:
            raise Unsupported(f"{vcpu!r}: interrupt {vintid} has an owner already")
        irq.owner = owner

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """kvm_register_irq_ack_notifier."""
        self.notifiers.setdefault((vm, vintid), []).append(notifier)

    def notify_acked(self, vm: Vm, irq: VirtualIrq) -> None:
        """Tells whoever wants to know that the guest completed a level interrupt."""
        self.event("ack", None, irq.intid)
        for notifier in self.notifiers.get((vm, irq.intid), ()):
            notifier(vm, irq.intid)

    def phys_line_level(self, vcpu: Vcpu, irq: VirtualIrq, pe: int) -> bool:
        """The line of a mapped interrupt as it is now."""
        self.event("resample", vcpu, irq.intid)
        if irq.get_input_level is not None:
            return irq.get_input_level(vcpu)
        assert irq.host_irq is not None
        return self.kernel.irq_get_irqchip_state(irq.host_irq, PENDING, pe)

    def set_phys_active(self, irq: VirtualIrq, active: bool, pe: int) -> None:
        """Sets or clears the physical active state of a mapped interrupt."""
        assert irq.host_irq is not None
        self.event("set_active" if active else "clear_active", None, irq.hwintid)
        self.kernel.irq_set_irqchip_state(irq.host_irq, ACTIVE, active, pe)

    def set_phys_pending(self, irq: VirtualIrq, pending: bool, pe: int) -> None:
        """Sets or clears the physical pending state of a mapped interrupt."""
        assert irq.host_irq is not None
        self.kernel.irq_set_irqchip_state(irq.host_irq, PENDING, pending, pe)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *super().parts(), *self.cpus.values(), *self.dists.values(),
            *(irq for irqs in self.private.values() for irq in irqs.values()),
            *(irq for irqs in self.shared.values() for irq in irqs.values()),
        )
