"""The design `userspace-irqchip`: the VMM emulates the guest's whole GIC, KVM only the timers (M28).

No list register is used. The guest's every access to its GIC exits to the VMM, whose device model (a GICv2 of
`vgic.silicon`) raises the vCPU's virtual IRQ line. The timer in hardware is the kernel's: its line is exported to the
VMM (run->s.regs.device_irq_level), which drives its model's PPI with it; the physical PPI stays active while the line
is high, so that the guest can run. Where the host's interrupt controller has no active state, it is masked instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.designs.base import AckNotifier, Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.kvm.vgic import Kvm
from vgic.designs.trap import MaskedTimer
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.silicon import GicV2, GicV2Options


class ExportedTimer(ArchTimer):
    """Its line goes to the VMM; the PPI's active state keeps the host from being interrupted again."""

    def connect(self) -> None:
        """There is no virtual interrupt."""

    def update_irq(self, level: bool) -> None:
        """Tells the VMM's model at its next exit: here at once."""
        self.state.level = level
        self.kvm.inject(self.vcpu.vm, self.vcpu, self.vintid, level, self)

    def load_active(self) -> bool:
        return self.state.level

    def sync(self, pe: int) -> None:
        """kvm_timer_sync_user: the line fell, so the PPI may arrive again."""
        if self.desc is not None and not self.should_fire():
            self.update_irq(False)
            self.set_phys_active(False, pe)


class ExportedMaskedTimer(MaskedTimer):
    """The same without an active state: the PPI is masked."""


class UserspaceIrqchip(Kvm):
    """A VMM with a GICv2 of its own.

    Args:
        active_state: whether the host's interrupt controller has one.
    """

    name = "userspace-irqchip"
    timer_class: type[ArchTimer] = ExportedTimer

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, active_state: bool = True, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(
            kernel, vms, timers=timers, observer=observer, vhe=vhe, hw_deactivation=hw_deactivation)
        if not active_state:
            self.timer_class = ExportedMaskedTimer
        for vm in self.vms:
            if vm.gic != 2:
                raise Unsupported(f"{vm.name}: the VMM of {self.name} emulates a GICv2")
        self.models = {vm: GicV2(GicV2Options(pes=len(vm.vcpus), intids=32 + vm.spis)) for vm in self.vms}

    def virq(self, vcpu: Vcpu) -> bool:
        """The vCPU's virtual IRQ line (HCR_EL2.VI), as the VMM drives it."""
        return self.models[vcpu.vm].irq(vcpu.index)

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """No virtual GIC."""

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """No virtual GIC."""

    def pending(self, vcpu: Vcpu) -> bool:
        """The virtual IRQ line."""
        return self.virq(vcpu)

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """Nobody owns an interrupt of the VMM's."""

    def map_is_active(self, vcpu: Vcpu, vintid: int) -> bool:
        """Nothing is mapped."""
        return False

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """A VMM has no way to complete a forwarded interrupt."""
        raise Unsupported(f"{self.name}: assign_irq: a device's interrupt can't be forwarded to a VMM's model")

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """The kernel sees no end: KVM refuses irqfd without a virtual GIC of its own."""
        raise Unsupported(f"{self.name}: on_ack: irqfd needs KVM's own virtual GIC")

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """A line of the VMM's model."""
        model = self.models[vm]
        pe = vcpu.index if vcpu is not None and vintid < 32 else None
        before = [model.irq(v.index) for v in vm.vcpus]
        model.set_line(vintid, level, pe)
        self.event("inject", vcpu, vintid)
        self._kick_changed(vm, before)
        return True

    def translate(self, vcpu: Vcpu, address: int) -> int | None:
        """Everything traps."""
        return None

    def mmio_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A load from the VMM's model."""
        self.event("mmio", vcpu)
        return self.models[vcpu.vm].read(self._at(vcpu, address), size, vcpu.index)

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """A store to the VMM's model."""
        self.event("mmio", vcpu)
        vm = vcpu.vm
        before = [self.models[vm].irq(v.index) for v in vm.vcpus]
        self.models[vm].write(self._at(vcpu, address), size, value, vcpu.index)
        self._kick_changed(vm, before)

    def _at(self, vcpu: Vcpu, address: int) -> int:
        vm, model = vcpu.vm, self.models[vcpu.vm]
        if 0 <= address - vm.map.gicd < 0x1000:
            return address - vm.map.gicd + model.map.gicd
        if 0 <= address - vm.map.gicc < 0x2000:
            return address - vm.map.gicc + model.map.gicc
        return 0

    def _kick_changed(self, vm: Vm, before: Sequence[bool]) -> None:
        for vcpu, was in zip(vm.vcpus, before, strict=True):
            if self.models[vm].irq(vcpu.index) and not was:
                self.kick(vcpu)

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """The model is the VMM's own."""
        raise Unsupported(f"{self.name}: uaccess_read: the VMM has the state")

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """The model is the VMM's own."""
        raise Unsupported(f"{self.name}: uaccess_write: the VMM has the state")

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*super().parts(), *(part for model in self.models.values() for part in model.parts()))
