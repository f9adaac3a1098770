"""The design `userspace-irqchip`: the VMM emulates the guest's whole GIC, KVM only the timers (M28).

No list register is used. The guest's every access to its GIC exits to the VMM, whose device model (a GICv2 of
`vgic.silicon`) raises the vCPU's virtual IRQ line. The timer in hardware is the kernel's: its line is exported to the
VMM (run->s.regs.device_irq_level), which drives its model's PPI with it; the physical PPI stays active while the line
is high, so that the guest can run. Where the host's interrupt controller has no active state, it is masked instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgic.arch.intid import TIMER_PPIS
from vgic.designs.base import AckNotifier, Design, Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.timer import KvmTimer
from vgic.designs.trap import MaskedTimer
from vgic.designs.vgic.timer import GuestTimer, Timers
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel, Work
from vgic.parts import step
from vgic.silicon import GicV2, GicV2Options


class ExportedTimer(KvmTimer[Design]):
    """Its line goes to the VMM; the PPI's active state keeps the host from being interrupted again."""

    forwarded = True

    def hold_ppi(self, pe: int) -> None:
        """The PPI is active while the line is high."""
        self.set_phys_active(self.state.level, pe)

    def sync(self, pe: int) -> None:
        """kvm_timer_sync_user: the line fell, so the PPI may arrive again."""
        if self.desc is not None and not self.should_fire():
            self.update_irq(False)
            self.set_phys_active(False, pe)


class UserspaceIrqchip(Design):
    """A VMM with a GICv2 of its own.

    Args:
        active_state: whether the host's interrupt controller has one.
        vhe: whether the guest's physical timer is direct; see `vgic.designs.kvm.vgic.Kvm`.
        hw_deactivation: whether LR.HW works; it is not used.
    """

    name = "userspace-irqchip"

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, active_state: bool = True, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.trapped_timers = frozenset(() if vhe else ("CNTP",))
        for vm in self.vms:
            if vm.gic != 2:
                raise Unsupported(f"{vm.name}: the VMM of {self.name} emulates a GICv2")
        self.models = {vm: GicV2(GicV2Options(pes=len(vm.vcpus), intids=32 + vm.spis)) for vm in self.vms}
        timer_class: type[GuestTimer[Any]] = ExportedTimer if active_state else MaskedTimer
        self.arch_timers = Timers(self, timer_class)

    # -- the life of a vCPU

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """Its timers."""
        super().vcpu_load(vcpu, pe)
        self.arch_timers.unblock(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.load(pe)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """Its timers."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.put(pe)
        super().vcpu_put(vcpu)

    def flush(self, vcpu: Vcpu) -> None:
        """No virtual GIC: its timers."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.flush(pe)

    def sync(self, vcpu: Vcpu) -> None:
        """No virtual GIC: its timers."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.sync(pe)

    def virq(self, vcpu: Vcpu) -> bool:
        """The vCPU's virtual IRQ line (HCR_EL2.VI), as the VMM drives it."""
        return self.models[vcpu.vm].irq(vcpu.index)

    def pending(self, vcpu: Vcpu) -> bool:
        """Whether the VMM drives the virtual IRQ line."""
        return self.virq(vcpu)

    def vcpu_blocking(self, vcpu: Vcpu) -> None:
        """A timer of the kernel's will wake the vCPU when the first of its own expires."""
        self.arch_timers.block(vcpu)

    @step
    def vcpu_reset(self, vcpu: Vcpu) -> None:
        """kvm_reset_vcpu: the timers. The VMM's GIC is not told."""
        self.arch_timers.reset(vcpu)

    # -- interrupts in

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """Nobody owns an interrupt of the VMM's."""

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """Every vCPU of the VM has it."""
        self.arch_timers.assign(vm, timer, vintid)

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """A VMM has no way to complete a forwarded interrupt."""
        raise Unsupported(f"{self.name}: assign_irq: a device's interrupt can't be forwarded to a VMM's model")

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """The kernel sees no end: KVM refuses irqfd without a virtual GIC of its own."""
        raise Unsupported(f"{self.name}: on_ack: irqfd needs KVM's own virtual GIC")

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """Moves a line of the VMM's model."""
        model = self.models[vm]
        pe = vcpu.index if vcpu is not None and vintid < 32 else None
        before = [model.irq(v.index) for v in vm.vcpus]
        model.set_line(vintid, level, pe)
        self.event("inject", vcpu, vintid)
        self._kick_changed(vm, before)
        return True

    # -- the guest's accesses: everything traps

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
        for guests, ours in ((vm.gicd, model.map.gicd), (vm.gicc, model.map.gicc)):
            if 0 <= address - guests.base < guests.frame.size:
                return address - guests.base + ours
        return 0

    def _kick_changed(self, vm: Vm, before: Sequence[bool]) -> None:
        for vcpu, was in zip(vm.vcpus, before, strict=True):
            if self.models[vm].irq(vcpu.index) and not was:
                self.kick(vcpu)

    def sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """An emulated timer's registers."""
        self.event("sysreg", vcpu)
        return self.arch_timers.read(vcpu, register)

    def sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """An emulated timer's registers."""
        self.event("sysreg", vcpu)
        self.arch_timers.write(vcpu, register, value)

    # -- userspace

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """The model is the VMM's own."""
        raise Unsupported(f"{self.name}: uaccess_read: the VMM has the state")

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """The model is the VMM's own."""
        raise Unsupported(f"{self.name}: uaccess_write: the VMM has the state")

    # -- for whoever runs it

    def work(self) -> Sequence[Work]:
        """The timers that wake blocked vCPUs, and those of emulated timers."""
        return self.arch_timers.work()

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*super().parts(), *self.arch_timers.parts(),
                *(part for model in self.models.values() for part in model.parts()))
