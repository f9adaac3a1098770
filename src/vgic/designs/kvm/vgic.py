"""The virtual GIC of KVM, with the rules of today's Linux: the design `kvm`.

    queue.py   where each virtual interrupt belongs, injection, completions
    lrs.py     list registers: entry, exit, overflow
    mmio.py    what the registers of the guest's distributor do
    timer.py   the architected timers, whose interrupt is shared by every vCPU of a PE
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.mmio import GuestDistributor
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.vgic import cpuif
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.parts import step
from vgic.silicon import GicV3


class Kvm(GuestDistributor):
    """KVM on arm64.

    Args:
        vhe: whether the hypervisor runs at EL2 with the host: then the guest's physical timer is direct, too;
            otherwise it is emulated.
        hw_deactivation: see `ListRegisters` (M29).
    """

    name = "kvm"
    timer_class: type[GuestTimer[Any]] = ArchTimer
    trap_v2_dir = True

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(
            kernel, vms, timers=timers, observer=observer, trapped_timers=frozenset(() if vhe else ("CNTP",)))
        self.hw_deactivation = hw_deactivation

    # -- physical interrupts for guests

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Forwards a shared interrupt (M8). Unsupported for an edge without deactivation by hardware."""
        if desc.edge and not self.hw_deactivation:
            raise Unsupported(f"{vm.name}: edge {vintid}: nobody would deactivate physical interrupt {desc.pintid}:"
                              " without deactivation by hardware only levels are forwarded")
        super().assign_irq(vm, desc, vintid)

    # -- the guest's accesses

    def trapped_icc(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Trapped deactivations; without TDIR all common registers."""
        if register == "ICC_DIR_EL1":
            self.deactivate(vcpu, value)
        elif self.hw.tdir:
            super().trapped_icc(vcpu, register, value)
        else:
            self.common_trap(vcpu, register, value)

    def common_trap(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Without TDIR all common registers trap (TC): PMR and CTLR go to the guest's interface."""
        assert isinstance(self.gic, GicV3)
        pe = self.here(vcpu)
        self.gic.sysreg_write(register.replace("ICC_", "ICV_"), value, pe)
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(pe)

    # -- power

    @step
    def vcpu_reset(self, vcpu: Vcpu) -> None:
        """kvm_reset_vcpu: the timers alone; the virtual GIC's state stays."""
        self.arch_timers.reset(vcpu)

    # -- userspace

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """Writes a register for a restore: virtual state alone."""
        self.frames[vcpu.vm].write(vcpu, address, size, value, True)

    def uaccess_sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """Reads a CPU interface register for a save."""
        return cpuif.read_icc(register, self.cpus[vcpu])

    def uaccess_sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Writes a CPU interface register for a restore."""
        cpuif.write_icc(register, self.cpus[vcpu], value)
