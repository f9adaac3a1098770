"""The virtual GIC of KVM, with the rules of today's Linux: the design `kvm`.

    queue.py   where each virtual interrupt belongs, injection
    lrs.py     list registers: entry, exit, overflow
    mmio.py    what the guest's distributor does; frames.py: its registers
    timer.py   the architected timers, whose interrupt is shared by every vCPU of a PE
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.mmio import GuestDistributor
from vgic.designs.kvm.timer import ArchTimer, Timers
from vgic.designs.vgic import cpuif
from vgic.designs.vgic.frames import GuestFrames
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel, Work
from vgic.silicon import GicV2, GicV3

SGI_REGISTERS = {"ICC_SGI1R_EL1": True, "ICC_SGI0R_EL1": False, "ICC_ASGI1R_EL1": False}
"""Whether a write may also reach group 1 SGIs: KVM's guests have one Security state."""
GICC_DIR_PAGE = 0x1000


class Kvm(GuestDistributor):
    """KVM on arm64.

    Args:
        vhe: whether the hypervisor runs at EL2 with the host: then the guest's physical timer is direct, too;
            otherwise it is emulated.
        hw_deactivation: see `ListRegisters` (M29).

    Attributes:
        timer_class: what a vCPU's timer is; a subclass may exchange it.
        trap_v2_dir: whether a GICv2 guest's GICC_DIR traps: only the first page of GICV is mapped.
    """

    name = "kvm"
    timer_class: type[ArchTimer] = ArchTimer
    trap_v2_dir = True

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.vhe = vhe
        self.hw_deactivation = hw_deactivation
        self.frames = {vm: GuestFrames(self, vm) for vm in self.vms}
        self.arch_timers = Timers(self)
        self.forwarded: dict[IrqDesc, tuple[Vm, int]] = {}

    # -- the life of a vCPU

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """kvm_arch_vcpu_load: the guest's CPU interface, then its timers."""
        super().vcpu_load(vcpu, pe)
        cpu = self.cpus[vcpu]
        self.hw.write_vmcr(cpu.vmcr, pe)
        self.hw.write_apr(cpu.apr, pe)
        self.arch_timers.unblock(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.load(pe)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """kvm_arch_vcpu_put: the timers, then the CPU interface (VMCR was saved at the exit)."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.put(pe)
        self.cpus[vcpu].apr = self.hw.read_apr(pe)
        super().vcpu_put(vcpu)

    def flush(self, vcpu: Vcpu) -> None:
        """Timers first, so that what they raise is shown at this entry."""
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.flush(pe)
        self.flush_hwstate(vcpu)

    def sync(self, vcpu: Vcpu) -> None:
        """The virtual GIC first, so that timers find its state true."""
        self.sync_hwstate(vcpu)
        pe = self.here(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.sync(pe)

    def vcpu_blocking(self, vcpu: Vcpu) -> None:
        """A timer of the kernel's will wake the vCPU when the first of its timers expires."""
        self.arch_timers.block(vcpu)

    # -- physical interrupts for guests

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Forwards a shared interrupt: the handler injects it, the guest's deactivation ends the physical one (M8)."""
        if desc.edge and not self.hw_deactivation:
            raise Unsupported(f"{vm.name}: edge {vintid}: nobody would deactivate physical interrupt {desc.pintid}:"
                              " without deactivation by hardware only levels are forwarded")
        irq = self.get_irq(vm, None, vintid)
        self.forwarded[desc] = vm, vintid
        irq.edge = desc.edge
        self.kernel.request_irq(desc, self._forwarded_handler, f"{vm.name} {vintid}", unlazy=True)
        self.kernel.irq_set_vcpu_affinity(desc, vm)
        self.map_phys_irq(vm.vcpus[0], desc, vintid)
        self.kernel.enable_irq(desc)

    def _forwarded_handler(self, desc: IrqDesc, pe: int) -> bool:
        vm, vintid = self.forwarded[desc]
        self.inject(vm, None, vintid, True)
        return True

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = 27) -> None:
        """kvm_timer_enable for every vCPU of the VM."""
        self.arch_timers.assign(vm, timer, vintid)

    def work(self) -> Sequence[Work]:
        """The timers that wake blocked vCPUs, and those of emulated physical timers."""
        return self.arch_timers.work()

    def virq(self, vcpu: Vcpu) -> bool:
        """Whether the vCPU's PE signals it a virtual interrupt that it takes for an IRQ."""
        pe = vcpu.pe
        if pe is None:
            return False
        return self.gic.virq(pe) or (self.v3_host and vcpu.vm.gic == 2 and self.gic.vfiq(pe))

    # -- the guest's accesses

    def translate(self, vcpu: Vcpu, address: int) -> int | None:
        """A GICv2 guest's CPU interface is the PE's GICV; its second page, with DIR, traps."""
        offset = address - vcpu.vm.map.gicc
        if not isinstance(self.gic, GicV2) or not 0 <= offset < (GICC_DIR_PAGE if self.trap_v2_dir else 0x2000):
            return None
        return self.gic.map.gicv + offset

    def mmio_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A trapped load."""
        self.event("mmio", vcpu)
        return self.frames[vcpu.vm].read(vcpu, address, size, False)

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """A trapped store."""
        self.event("mmio", vcpu)
        self.frames[vcpu.vm].write(vcpu, address, size, value, False)

    def sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """An emulated physical timer's registers."""
        self.event("sysreg", vcpu)
        return self.arch_timers.read(vcpu, register)

    def sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """SGIs, trapped deactivations, an emulated physical timer's registers."""
        self.event("sysreg", vcpu)
        if register in SGI_REGISTERS:
            self.dispatch_sgi(vcpu, value, SGI_REGISTERS[register])
        elif register == "ICC_DIR_EL1":
            self.deactivate(vcpu, value)
        elif register.startswith("CNT"):
            self.arch_timers.write(vcpu, register, value)
        elif register.startswith("ICC_") and not self.hw.tdir:
            self.common_trap(vcpu, register, value)
        else:
            raise Unsupported(f"{self.name}: sysreg_write: {register} is not emulated")

    def common_trap(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Without TDIR all common registers trap (TC): PMR and CTLR go to the guest's interface."""
        assert isinstance(self.gic, GicV3)
        pe = self.here(vcpu)
        self.gic.sysreg_write(register.replace("ICC_", "ICV_"), value, pe)
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(pe)

    def dispatch_sgi(self, vcpu: Vcpu, value: int, group1: bool) -> None:
        """ICC_SGI1R_EL1 and its kin: to all but the sender, or to those whose affinity is named (IHI 0069,
        ICC_SGI1R_EL1)."""
        vm, intid = vcpu.vm, value >> 24 & 15
        cluster = (value >> 48 & 0xFF) << 24 | (value >> 32 & 0xFF) << 16 | (value >> 16 & 0xFF) << 8
        low = (value >> 44 & 15) * 16
        for target in vm.vcpus:
            aff = vm.affinity(target)
            aff0 = (aff & 0xFF) - low
            if value >> 40 & 1:
                named = target is not vcpu
            else:
                named = aff & ~0xFF == cluster and 0 <= aff0 < 16 and bool(value >> aff0 & 1)
            if named:
                self.pend_sgi(vcpu, target, intid, group1)

    # -- userspace

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """A register for a save."""
        return self.frames[vcpu.vm].read(vcpu, address, size, True)

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """A register for a restore."""
        self.frames[vcpu.vm].write(vcpu, address, size, value, True)

    def uaccess_sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """A CPU interface register for a save."""
        return cpuif.read_icc(register, self.cpus[vcpu])

    def uaccess_sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """A CPU interface register for a restore."""
        cpuif.write_icc(register, self.cpus[vcpu], value)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*super().parts(), *self.arch_timers.parts())
