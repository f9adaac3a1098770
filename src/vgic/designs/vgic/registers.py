"""What the registers of a guest's GIC do, interrupt by interrupt: the face that the frames see of a hypervisor.

`vgic.designs.vgic.frames` decodes a guest's access (which frame, which register, which interrupts, which bits) and
calls one method here for each interrupt concerned. A hypervisor says what a pending, an active and an enable bit do;
where it keeps a configuration and nothing more, as most do, what is written here holds.

In all methods `vcpu` is the one that makes the access; it is loaded, and out of its guest. `user`: userspace makes it,
to save or restore a guest, through that vCPU, which need not be loaded.

Each access to pending and active states has a method of its own, guests' (`mmio_read_pending`) and userspace's
(`uaccess_read_pending`) apart, as in KVM. All do what a few methods with `user` say (`read_pending`), unless one is
replaced: a hypervisor whose guests read something else than its VMM does says so in one place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from vgic.arch.intid import PRIVATE
from vgic.arch.register import Register
from vgic.designs.vgic.irq import VirtualCpu, VirtualIrq
from vgic.designs.vm import Vcpu, Vm
from vgic.parts import step

I = TypeVar("I", bound=VirtualIrq)  # noqa: E741  # an interrupt
"""The part that a hypervisor keeps of a virtual interrupt."""

PRIORITY_MASK = 0xF8
"""Five priority bits are implemented."""


class GuestRegisters(ABC, Generic[I]):
    """The registers of all guests of a hypervisor.

    Attributes:
        iidr: what GICD_IIDR and GICR_IIDR read as: implementer Arm, and nothing else.
        aff3: whether SPIs may be sent to any Aff3 (GICD_TYPER.A3V); the upper half of IROUTER ignores writes without.
            range_selector: whether SGIs may be sent to any Aff0 (GICD_TYPER.RSS), or to 0 to 15 alone. Class
            attributes.
    """

    iidr = 0x43B
    aff3 = range_selector = True

    # -- what there is

    @abstractmethod
    def find_irq(self, vm: Vm, vcpu: Vcpu | None, intid: int) -> I | None:
        """The virtual interrupt, None where there is none of that number (or no vCPU is named for a private one)."""

    def permits(self, register: Register, size: int) -> bool:
        """Whether a register takes accesses of this size, in bytes. As the architecture has it, unless a hypervisor
        says otherwise."""
        return size in register.sizes

    def bad_width(self, vcpu: Vcpu, register: str, size: int) -> None:
        """An access of a size that the register does not permit, or that is not aligned. It reads as zero and is
        ignored, unless a hypervisor says otherwise (UNPREDICTABLE: IHI 0069, "GIC memory-mapped register access")."""

    @abstractmethod
    def cpu_interface(self, vcpu: Vcpu) -> VirtualCpu:
        """What is saved of a vCPU's CPU interface."""

    @abstractmethod
    def distributor_enabled(self, vm: Vm) -> bool:
        """Whether GICD_CTLR enables the VM's distributor."""

    @abstractmethod
    def enable_distributor(self, vcpu: Vcpu, enabled: bool) -> None:
        """GICD_CTLR is written."""

    # -- enabled

    @abstractmethod
    def set_enabled(self, vcpu: Vcpu, irq: I, user: bool) -> None:
        """ISENABLER: the interrupt is enabled."""

    @abstractmethod
    def clear_enabled(self, vcpu: Vcpu, irq: I, user: bool) -> None:
        """ICENABLER: the interrupt is disabled."""

    # -- pending

    @abstractmethod
    def read_pending(self, vcpu: Vcpu, irq: I, user: bool) -> bool:
        """ISPENDR or ICPENDR is read."""

    @abstractmethod
    def set_pending(self, vcpu: Vcpu, irq: I, user: bool) -> None:
        """ISPENDR: the interrupt is set pending."""

    @abstractmethod
    def clear_pending(self, vcpu: Vcpu, irq: I, user: bool) -> None:
        """ICPENDR: its pending state is cleared."""

    def mmio_read_pending(self, vcpu: Vcpu, irq: I) -> bool:
        """A guest reads ISPENDR or ICPENDR."""
        return self.read_pending(vcpu, irq, False)

    def uaccess_read_pending(self, vcpu: Vcpu, irq: I) -> bool:
        """Userspace reads ISPENDR, or of a GICv2 guest ICPENDR."""
        return self.read_pending(vcpu, irq, True)

    def mmio_write_spending(self, vcpu: Vcpu, irq: I) -> None:
        """A guest writes ISPENDR."""
        self.set_pending(vcpu, irq, False)

    def uaccess_write_spending(self, vcpu: Vcpu, irq: I) -> None:
        """Userspace writes ISPENDR of a GICv2 guest; see `assign_pending`."""
        self.set_pending(vcpu, irq, True)

    def mmio_write_cpending(self, vcpu: Vcpu, irq: I) -> None:
        """A guest writes ICPENDR."""
        self.clear_pending(vcpu, irq, False)

    def uaccess_write_cpending(self, vcpu: Vcpu, irq: I) -> None:
        """Userspace writes ICPENDR of a GICv2 guest; a GICv3's is ignored."""
        self.clear_pending(vcpu, irq, True)

    def assign_pending(self, vcpu: Vcpu, irq: I, pending: bool) -> None:
        """Userspace's ISPENDR of a GICv3 guest: a one sets, and a zero clears."""
        if pending:
            self.set_pending(vcpu, irq, True)
        else:
            self.clear_pending(vcpu, irq, True)

    # -- active

    def prepare_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """Before the guest reads or changes active states of the register that begins with this INTID: `owner`'s where
        they are private."""

    def prepare_active_read(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """Before the guest reads them."""
        self.prepare_active(accessor, owner, intid)

    def finish_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """After the guest changed them."""

    @abstractmethod
    def read_active(self, vcpu: Vcpu, irq: I, user: bool) -> bool:
        """ISACTIVER or ICACTIVER is read."""

    @abstractmethod
    def set_active(self, vcpu: Vcpu, irq: I, active: bool, user: bool) -> None:
        """ISACTIVER or ICACTIVER: the interrupt becomes active, or inactive."""

    def mmio_read_active(self, vcpu: Vcpu, irq: I) -> bool:
        """A guest reads ISACTIVER or ICACTIVER."""
        return self.read_active(vcpu, irq, False)

    def uaccess_read_active(self, vcpu: Vcpu, irq: I) -> bool:
        """Userspace reads ISACTIVER or ICACTIVER."""
        return self.read_active(vcpu, irq, True)

    def mmio_write_sactive(self, vcpu: Vcpu, irq: I) -> None:
        """A guest writes ISACTIVER."""
        self.set_active(vcpu, irq, True, False)

    def uaccess_write_sactive(self, vcpu: Vcpu, irq: I) -> None:
        """Userspace writes ISACTIVER."""
        self.set_active(vcpu, irq, True, True)

    def mmio_write_cactive(self, vcpu: Vcpu, irq: I) -> None:
        """A guest writes ICACTIVER."""
        self.set_active(vcpu, irq, False, False)

    def uaccess_write_cactive(self, vcpu: Vcpu, irq: I) -> None:
        """Userspace writes ICACTIVER."""
        self.set_active(vcpu, irq, False, True)

    # -- configuration

    def set_group(self, vcpu: Vcpu, irq: I, group: int) -> None:
        """IGROUPR. Fixed, unless a hypervisor says otherwise."""

    def write_priority(self, vcpu: Vcpu, irq: I, priority: int) -> None:
        """IPRIORITYR, written by a vCPU."""
        self.set_priority(irq, priority)

    @step
    def set_priority(self, irq: I, priority: int) -> None:
        """IPRIORITYR. A list register keeps the priority that it was written with."""
        irq.priority = priority & PRIORITY_MASK

    def write_config(self, vcpu: Vcpu, irq: I, edge: bool) -> None:
        """ICFGR, written by a vCPU."""
        self.set_config(irq, edge)

    @step
    def set_config(self, irq: I, edge: bool) -> None:
        """ICFGR. That of private interrupts is fixed."""
        if irq.intid >= PRIVATE:
            irq.edge = edge

    @step
    def set_targets(self, vcpu: Vcpu, irq: I, targets: int) -> None:
        """ITARGETSR: the lowest vCPU named takes it; vCPU 0 where none is."""
        vm = vcpu.vm
        irq.targets = targets & (1 << len(vm.vcpus)) - 1
        irq.target_vcpu = vm.vcpus[(irq.targets & -irq.targets).bit_length() - 1 if irq.targets else 0]

    @step
    def set_route(self, vcpu: Vcpu, irq: I, mpidr: int) -> None:
        """IROUTER: the vCPU of that affinity takes it; nobody where there is none."""
        irq.mpidr = mpidr
        irq.target_vcpu = vcpu.vm.vcpu_at(mpidr)

    # -- SGIs

    @abstractmethod
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """SGIR, or ICC_SGI1R_EL1 and its kin: an SGI from one vCPU to another. `group1`: of a GICv3's, whether it may
        reach group 1."""

    def read_sgi_sources(self, irq: I) -> int:
        """SPENDSGIR or CPENDSGIR is read: a bit for each vCPU that sent the SGI. Zero, unless sources are kept."""
        return 0

    def set_sgi_sources(self, vcpu: Vcpu, irq: I, sources: int) -> None:
        """SPENDSGIR. Ignored, unless sources are kept."""

    def clear_sgi_sources(self, irq: I, sources: int) -> None:
        """CPENDSGIR. Ignored, unless sources are kept."""

    # -- the CPU interface of a GICv2 guest, where it traps

    @abstractmethod
    def access_gicc(self, vcpu: Vcpu, name: str, value: int | None) -> int:
        """An access to a register of GICC; a load where there is no value."""

    def deactivate(self, vcpu: Vcpu, value: int) -> None:
        """A guest's trapped DIR, GICC_DIR or ICC_DIR_EL1."""
        self.access_gicc(vcpu, "GICC_DIR", value)
