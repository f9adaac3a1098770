"""Several designs on one machine: each VM has its own, above one kernel and one chip.

KVM beside a VMM's GIC of its own is one machine of today; two hypervisors on one kernel are none, but an experiment:
what does this one leave behind on a PE that the other one finds? Each call goes to the design of the VM that it is of.
What they share has to be sane:

- **List registers, HCR, VMCR.** Each design fills them when a vCPU of its own is loaded or entered, and leaves the PE's
  virtual CPU interface off, with its list registers empty, when that is put: that is in each design's contract.
- **Private interrupts of the host** (a timer's PPI, maintenance) have one handler for all PEs: here it is the design's
  whose vCPU is loaded. After a put a timer's PPI is neither masked nor active, as whoever never touches it expects.
- **A PPI is forwarded or it is not**: two designs that share a timer must agree. Unsupported where they don't.
- **A vCPU that stays where it is** (`pinned`) has its PE for itself; whoever runs the machine sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vgic.arch.intid import TIMER_PPIS
from vgic.designs.base import AckNotifier, Design, InputLevel, Observer, TimerRegisters, Unsupported
from vgic.designs.vgic.timer import HOST_PPI
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel, Work
from vgic.host.chip import ACTIVE
from vgic.host.descriptor import Handler

Make = Callable[[Sequence[Vm]], Design]
"""Makes a design for some of the machine's VMs."""


class Mixed(Design):
    """The designs of a machine's VMs.

    Args:
        made: for each design, the VMs that it serves, and what makes it for them.

    Attributes:
        designs: those that are mixed. by_vm: the design of each VM.
    """

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], made: Sequence[tuple[Sequence[Vm], Make]], *,
        timers: TimerRegisters | None = None, observer: Observer | None = None,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.handlers: dict[tuple[IrqDesc, Design], Handler] = {}
        self.forwarded: dict[IrqDesc, tuple[Design, bool]] = {}
        self.by_vm: dict[Vm, Design] = {}
        desc = kernel.irq(kernel.maintenance)
        self.unasked = desc.handler
        for mine, make in made:
            desc.handler = self.unasked
            design = make(mine)
            if desc.handler is not None:
                self.handlers[desc, design] = desc.handler
            self.by_vm |= dict.fromkeys(mine, design)
        desc.handler = self.private_handler
        self.designs = tuple(dict.fromkeys(self.by_vm[vm] for vm in self.vms))
        self.name = ", ".join(design.name for design in self.designs)

    def of(self, vm: Vm) -> Design:
        """The design of a VM."""
        return self.by_vm[vm]

    def its(self, vcpu: Vcpu) -> Design:
        """The design of a vCPU's VM."""
        return self.by_vm[vcpu.vm]

    # -- what the designs share

    def private_handler(self, desc: IrqDesc, pe: int) -> bool:
        """A private interrupt is for the design whose vCPU is loaded on the PE; with none there is nobody to tell."""
        vcpu = self.running(pe)
        handler = self.handlers.get((desc, self.its(vcpu))) if vcpu is not None else None
        return handler(desc, pe) if handler is not None else True

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """The design's own; where it asks for the host's PPI, others may have done so before."""
        design, desc = self.of(vm), self.kernel.irq(HOST_PPI[timer])
        before, (other, forwarded) = desc.handler, self.forwarded.get(desc, (design, False))
        desc.handler, desc.forwarded = self.handlers.get((desc, design)), forwarded if other is design else False
        design.assign_timer(vm, timer, vintid)
        if desc.handler is None:
            desc.handler, desc.forwarded = before, forwarded
            return
        self.handlers[desc, design] = desc.handler
        if before is not None and desc.forwarded is not forwarded:
            first, second = (other, design) if forwarded else (design, other)
            raise Unsupported(f"{design.name} and {other.name} share {timer}: {first.name} has its interrupt forwarded,"
                              f" {second.name} has not, and a PE has one of it")
        self.forwarded[desc] = design, desc.forwarded
        desc.handler = self.private_handler

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """The design's own; then the PPIs of timers are as if nobody had used them."""
        design, pe = self.its(vcpu), self.here(vcpu)
        design.vcpu_put(vcpu)
        if not design.pinned:
            for desc in self.forwarded:
                if not desc.percpu[pe].enabled:
                    self.kernel.enable_percpu_irq(desc, pe)
                self.kernel.irq_set_irqchip_state(desc, ACTIVE, False, pe)

    # -- the rest is each one's own

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).vcpu_load(vcpu, pe)

    def flush(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).flush(vcpu)

    def last_check(self, vcpu: Vcpu) -> bool:
        """Of the vCPU's design."""
        return self.its(vcpu).last_check(vcpu)

    def sync(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).sync(vcpu)

    def abandon_entry(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).abandon_entry(vcpu)

    def virq(self, vcpu: Vcpu) -> bool:
        """Of the vCPU's design."""
        return self.its(vcpu).virq(vcpu)

    def pending(self, vcpu: Vcpu) -> bool:
        """Of the vCPU's design."""
        return self.its(vcpu).pending(vcpu)

    def psci_cpu_off(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).psci_cpu_off(vcpu)

    def psci_cpu_on(self, vcpu: Vcpu) -> bool:
        """Of the vCPU's design."""
        return self.its(vcpu).psci_cpu_on(vcpu)

    def vcpu_blocking(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).vcpu_blocking(vcpu)

    def vcpu_unblocking(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).vcpu_unblocking(vcpu)

    def kick(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).kick(vcpu)

    def halt_vcpu(self, vcpu: Vcpu) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).halt_vcpu(vcpu)

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """Of the VM's design."""
        return self.of(vm).inject(vm, vcpu, vintid, level, owner)

    def map_phys_irq(
        self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None,
    ) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).map_phys_irq(vcpu, desc, vintid, get_input_level)

    def unmap_phys_irq(self, vcpu: Vcpu, vintid: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).unmap_phys_irq(vcpu, vintid)

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Of the VM's design."""
        self.of(vm).assign_irq(vm, desc, vintid)

    def set_owner(self, vcpu: Vcpu, vintid: int, owner: object) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).set_owner(vcpu, vintid, owner)

    def on_ack(self, vm: Vm, vintid: int, notifier: AckNotifier) -> None:
        """Of the VM's design."""
        self.of(vm).on_ack(vm, vintid, notifier)

    def translate(self, vcpu: Vcpu, address: int) -> int | None:
        """Of the vCPU's design."""
        return self.its(vcpu).translate(vcpu, address)

    def mmio_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """Of the vCPU's design."""
        return self.its(vcpu).mmio_read(vcpu, address, size)

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).mmio_write(vcpu, address, size, value)

    def sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """Of the vCPU's design."""
        return self.its(vcpu).sysreg_read(vcpu, register)

    def sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).sysreg_write(vcpu, register, value)

    def uaccess_read(self, vcpu: Vcpu, address: int, size: int) -> int:
        """Of the vCPU's design."""
        return self.its(vcpu).uaccess_read(vcpu, address, size)

    def uaccess_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).uaccess_write(vcpu, address, size, value)

    def uaccess_sysreg_read(self, vcpu: Vcpu, register: str) -> int:
        """Of the vCPU's design."""
        return self.its(vcpu).uaccess_sysreg_read(vcpu, register)

    def uaccess_sysreg_write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """Of the vCPU's design."""
        self.its(vcpu).uaccess_sysreg_write(vcpu, register, value)

    def work(self) -> Sequence[Work]:
        """Of all designs."""
        return tuple(work for design in self.designs for work in design.work())

    def parts(self) -> tuple[object, ...]:
        """Of all designs."""
        return tuple(part for design in self.designs for part in design.parts())
