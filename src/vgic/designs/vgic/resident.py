"""What Xen and Bao share: list registers that stay with a vCPU as long as it is loaded, and no lines of levels.

KVM empties the list registers at every exit; here they keep what they hold, and are saved only when the vCPU leaves its
PE. An interrupt is pending when it was injected; a line that falls tells nothing. `inject` may fill a list register at
once where it runs on the vCPU's own PE, outside the guest.
"""

from __future__ import annotations

from vgic.designs.base import AckNotifier, Unsupported
from vgic.designs.kvm.irq import PRIVATE, Lr, VgicCpu, VirtualIrq
from vgic.designs.kvm.timer import IMASK, ArchTimer
from vgic.designs.kvm.vgic import Kvm
from vgic.designs.vgic.hw import EN
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc

NO_LR = -1


class ResidentIrq(VirtualIrq):
    """A virtual interrupt that knows its list register.

    Attributes:
        lr: which list register it is in (`on_lr`), NO_LR for none.
    """

    __slots__ = ("lr",)

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.lr = NO_LR


class ResidentCpu(VgicCpu):
    """One vCPU's side.

    Attributes:
        held: for each list register the interrupt in it, or None.
        saved: the list registers' values while the vCPU is not loaded.
    """

    __slots__ = ("held", "saved")

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.held: list[VirtualIrq | None] = []
        self.saved: tuple[int, ...] = ()


class ResidentTimer(ArchTimer):
    """In hardware while the vCPU is loaded; an expired one is masked at its source, its interrupt injected once. An
    emulated one is a timer of the hypervisor's, whether its vCPU is loaded or not."""

    forwarded = False

    def connect(self) -> None:
        """No twin."""

    def load(self, pe: int) -> None:
        if self.desc is not None:
            self.soft.cancel()
            self.restore(pe)

    def put(self, pe: int) -> None:
        """A timer of the hypervisor's goes on in its place."""
        if self.desc is not None:
            self.save(pe)
            if self.can_fire():
                self.soft.arm(self.state.cval)

    def handle(self, pe: int) -> None:
        """IMASK, in the guest's own register."""
        if self.should_fire():
            self.timers.sysreg_write(self.ctl_name, self.timers.sysreg_read(self.ctl_name, pe) | IMASK, pe)
            self.kvm.inject(self.vcpu.vm, self.vcpu, self.vintid, True, self)

    def emulation_expired(self) -> None:
        """It expired while the vCPU was put."""
        if self.desc is None:
            super().emulation_expired()
            return
        self.state.ctl |= IMASK
        self.kvm.inject(self.vcpu.vm, self.vcpu, self.vintid, True, self)


class Resident(Kvm):
    """The common part."""

    timer_class: type[ArchTimer] = ResidentTimer
    irq_class: type[VirtualIrq] = ResidentIrq
    cpu_class: type[VgicCpu] = ResidentCpu
    trap_v2_dir = False
    host_disables = False
    base_hcr = EN

    def need_deactivation(self, there: bool) -> None:
        """Unsupported on a chip whose guests can't deactivate physical interrupts (M29)."""
        if not there:
            raise Unsupported(f"{self.name}: hw_deactivation = false: it relies on LR.HW, and knows no other way")

    def cpu(self, vcpu: Vcpu) -> ResidentCpu:
        """The vCPU's side."""
        cpu = self.cpus[vcpu]
        assert isinstance(cpu, ResidentCpu)
        return cpu

    def current(self, vcpu: Vcpu) -> bool:
        """Whether the hypervisor runs on the vCPU's PE now, so that its list registers can be written."""
        return vcpu.pe is not None and not vcpu.in_guest

    # -- switching

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """List registers and all."""
        super().vcpu_load(vcpu, pe)
        cpu = self.cpu(vcpu)
        for n, value in enumerate(cpu.saved):
            self.hw.write_lr(n, value, pe)
        if not cpu.held:
            cpu.held = [None] * self.hw.nr_lr
        cpu.saved = ()
        self.hw.write_hcr(cpu.hcr or self.base_hcr, pe)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """List registers and all."""
        cpu, pe = self.cpu(vcpu), self.here(vcpu)
        cpu.hcr = self.hw.read_hcr(pe)
        self.hw.write_hcr(0, pe)
        cpu.saved = tuple(self.hw.read_lr(n, pe) for n in range(self.hw.nr_lr))
        for n in range(self.hw.nr_lr):
            self.hw.write_lr(n, 0, pe)
        cpu.vmcr = self.hw.read_vmcr(pe)
        super().vcpu_put(vcpu)

    def set_hcr(self, vcpu: Vcpu, bits: int, on: bool) -> None:
        """Sets or clears bits of HCR."""
        pe = self.here(vcpu)
        old = self.hw.read_hcr(pe)
        self.hw.write_hcr(old | bits if on else old & ~bits, pe)

    # -- list registers

    def free_lr(self, vcpu: Vcpu) -> int:
        """The first that holds nothing, NO_LR where all do."""
        held = self.cpu(vcpu).held
        return next((n for n, irq in enumerate(held) if irq is None), NO_LR)

    def put_in_lr(self, vcpu: Vcpu, irq: VirtualIrq, n: int, lr: Lr) -> None:
        """Writes a list register, and remembers who is in it."""
        self.event("populate", vcpu, irq.intid)
        self.hw.write_lr(n, self.hw.encode(lr), self.here(vcpu))
        held = self.cpu(vcpu).held
        held[n] = irq
        irq.on_lr = True
        assert isinstance(irq, ResidentIrq)
        irq.lr = n

    def clear_lr(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """Empties the list register of an interrupt."""
        assert isinstance(irq, ResidentIrq)
        self.hw.write_lr(irq.lr, 0, self.here(vcpu))
        held = self.cpu(vcpu).held
        held[irq.lr] = None
        irq.on_lr = False
        irq.lr = NO_LR

    def look_at_lr(self, vcpu: Vcpu, n: int) -> Lr:
        """What a list register says now; while the vCPU is not loaded, as it was saved."""
        pe = vcpu.pe
        value = self.cpu(vcpu).saved[n] if pe is None else self.hw.read_lr(n, pe)
        return self.hw.decode(value, vcpu.vm.gic == 2)

    # -- the guest's registers

    def prepare_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """Nobody is taken out of its guest."""

    def finish_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """Nobody was."""

    # -- physical interrupts

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """The guest's; its HW bit lets the guest deactivate it."""
        self.forwarded[desc] = vm, vintid
        irq = self.get_irq(vm, None, vintid)
        irq.edge = desc.edge
        self.kernel.request_irq(desc, self._forwarded_handler, f"{vm.name} {vintid}", unlazy=True)
        self.kernel.irq_set_vcpu_affinity(desc, vm)
        self.kernel.enable_irq(desc)
        self.kernel.driver.enable(desc.pintid, False, 0)
        self.map_phys_irq(vm.vcpus[0], desc, vintid)

    def mask_twin(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """The physical SPI is enabled as its virtual one is, at the distributor; its active state stays."""
        if irq.hw and irq.host_irq is not None and irq.intid >= PRIVATE:
            self.kernel.driver.enable(irq.host_irq.pintid, irq.enabled, self.here(vcpu))

    # -- userspace

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """Guests are not restored."""
        raise Unsupported(f"{self.name}: uaccess_write: this design's guests can't be restored")

    def uaccess_sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Guests are not restored."""
        raise Unsupported(f"{self.name}: uaccess_sysreg_write: this design's guests can't be restored")

    # -- completions

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """Completions are not seen."""
        raise Unsupported(f"{self.name}: on_ack: this design tells no completions")
