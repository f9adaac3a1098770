"""Xen, Bao, FreeBSD and libvmm: what they did, on the frame of a full virtual GIC."""

from __future__ import annotations

from vgic.arch.gicr import STRIDE
from vgic.arch.ich import NPIE, UIE
from vgic.arch.intid import PRIVATE
from vgic.designs.base import InputLevel
from vgic.designs.bugs.bases import LateRelease
from vgic.designs.bugs.bug import Bug, BugBuild, Historical
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.lrs import Summary
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu, Vm
from vgic.designs.xen import Xen, XenIrq
from vgic.host import IrqDesc, Kernel


class B044(Historical, Kvm):
    """A level that is only ever raised."""

    name = "B044"
    entry = Bug(
        2018, "Xen 4.10", "Xen b9db96f71a74, 885aff8e42ef", "an interrupt is delivered whose source has gone",
        "a level source is treated as an edge: its line is never lowered", "level-software-withdrawn", (3,))

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """A fall of a level is ignored, and a rise latched."""
        irq = self.get_irq(vm, vcpu, vintid)
        if irq.edge or not level:
            return irq.edge and super().inject(vm, vcpu, vintid, level, owner)
        irq.pending_latch = True
        self.queue_irq(vm, irq)
        return True


class _IgnoredInflight(Historical, Xen):
    """A cause that comes while the interrupt is in flight is dropped."""

    def queue(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """Nothing is queued of what waits, is pending or is active."""
        if irq.vcpu is None:
            super().queue(vcpu, irq)


class B096(_IgnoredInflight):
    """A new cause before the EOI of the old one."""

    name = "B096"
    entry = Bug(
        2013, "Xen 4.4", "Xen db453468d923", "an event channel's upcall is lost",
        "a new cause while the interrupt is in flight is ignored, and not looked at again after the EOI",
        "level-software-again", (2, 19))


class B097(_IgnoredInflight):
    """A second edge while the first is in a list register."""

    name = "B097"
    entry = Bug(
        2014, "Xen 4.4", "Xen 394b7e587b05", "the second edge is lost",
        "an edge is ignored while the first is in flight", "edge-again-software", (1, 19))


class B100(Historical, Xen):
    """In flight is taken for in a list register."""

    name = "B100"
    entry = Bug(
        2017, "Xen 4.9", "Xen c84e4b2dd405, XSA-223", "another's list register is read; the wrong interrupt changes",
        "another cause of an interrupt in flight updates its list register, whether it has one or not",
        "disabled-edge-twice", (1, 11, 12))

    def raise_inflight(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """Without one, list register 0 is taken for its."""
        if self.lists.current(vcpu):
            self.update_one_lr(vcpu, irq, irq.lr if irq.on_lr else 0)


class B099(Historical, Kvm):
    """The twin has the number that the guest sees."""

    name = "B099"
    entry = Bug(
        2013, "Xen 4.3", "Xen 82064f033bce", "the guest deactivates another's physical interrupt",
        "the physical interrupt deactivated is the one with the virtual number", "vms-two-devices", (10,))

    def map_phys_irq(
        self, vcpu: Vcpu, desc: IrqDesc, vintid: int, get_input_level: InputLevel | None = None,
    ) -> None:
        """The list register will name the physical interrupt of the virtual number."""
        super().map_phys_irq(vcpu, desc, vintid, get_input_level)
        self.get_irq(vcpu.vm, vcpu, vintid).hwintid = vintid


class B102(Historical, Kvm):
    """A retargeted interrupt is put on the new list, and stays on the old one."""

    name = "B102"
    entry = Bug(
        2017, "Xen 4.9", "Xen 31bc6a93a096, 91ef73649330", "an interrupt is on two lists: doubled or lost",
        "the affinity changes first, and what is in flight is taken off its list later", "retarget-level-software",
        (4, 5))

    def set_route(self, vcpu: Vcpu, irq: VgicIrq, mpidr: int) -> None:
        """It is put on the new target's list, too."""
        super().set_route(vcpu, irq, mpidr)
        if irq.vcpu is not None and irq.target_vcpu is not None and irq.target_vcpu is not irq.vcpu:
            self.cpus[irq.target_vcpu].ap_list.append(irq)
            self.kick(irq.target_vcpu)


class NoEnd(Kernel):
    """A kernel in which an interrupt that nobody wants any more gets no EOIR."""

    def priority_drop(self, iar: int, pe: int) -> None:
        """EOIR only for what somebody wants, and for private interrupts."""
        intid = self.driver.intid(iar)
        if intid < PRIVATE or not self.irq(intid).depth:
            super().priority_drop(iar, pe)


B103 = BugBuild(LateRelease, kernel=NoEnd, name="B103", entry=Bug(
    2019, "Xen 4.12", "Xen 8aa276235b93", "a CPU gets no interrupt of the same or a lower priority any more",
    "an interrupt that arrives while it is released is neither dropped nor deactivated", "released-while-taken",
    (33,)))
"""The end of an interrupt that nobody wants is nothing."""


class B105(Historical, Kvm):
    """With 32 list registers or more an overflow is not noticed: 1 << 32 - 1 in 32 bits."""

    name = "B105"
    entry = Bug(
        2024, "Xen 4.18", "Xen bad717f84578", "with 32 list registers or more those outside wait for ever",
        "whether all list registers are in use is asked by a shift that overflows: UIE is never set", "overflow-32",
        (18, 20))

    def configure_hcr(self, vcpu: Vcpu, summary: Summary) -> int:
        """With 32 list registers no exit is armed for what is outside."""
        hcr = super().configure_hcr(vcpu, summary)
        return hcr & ~(UIE | NPIE) if summary.nr_lr >= 32 else hcr


class B111(Historical, Kvm):
    """NPIE armed, and nothing pending put into a list register."""

    name = "B111"
    entry = Bug(
        2026, "Bao", "bao-project/bao-hypervisor PR 398", "livelock: a maintenance interrupt comes again and again",
        "with no free list register nothing is evicted, and NPIE stays armed", "overflow-split", (13, 17))

    def order(self, vcpu: Vcpu, irq: VgicIrq, enables: int) -> tuple[bool, bool, bool, int, bool]:
        """What is active keeps its list register."""
        other, disabled, _, priority, soft = super().order(vcpu, irq, enables)
        return other, disabled, not irq.active, priority, soft

    def configure_hcr(self, vcpu: Vcpu, summary: Summary) -> int:
        """NPIE is armed while anything is outside."""
        return super().configure_hcr(vcpu, summary) | (NPIE if summary.outside() and summary.pending else 0)


class B112(Historical, Kvm):
    """What is spilled is forgotten."""

    name = "B112"
    entry = Bug(
        2022, "Bao", "Bao c68cbc83c843", "an interrupt that was spilled is never loaded again",
        "spilling arms no exit", "overflow-spin", (18, 20))

    def configure_hcr(self, vcpu: Vcpu, summary: Summary) -> int:
        """No exit is armed for what is outside."""
        return super().configure_hcr(vcpu, summary) & ~(NPIE | UIE)


class B114(Historical, Kvm):
    """A forwarded write reaches redistributor 0."""

    name = "B114"
    entry = Bug(
        2026, "Bao", "bao-project/bao-hypervisor PR 394", "a private interrupt of vCPU 0 changes in place of another's",
        "the message that forwards a write carries redistributor 0", "redistributor-of-another", (19, 20, 1, 34))

    def mmio_write(self, vcpu: Vcpu, address: int, size: int, value: int) -> None:
        """Of a write to another vCPU's redistributor the offset alone arrives."""
        gicr = vcpu.vm.map.gicr
        rd, offset = divmod(address - gicr, STRIDE)
        if address >= gicr and rd != vcpu.index and rd < len(vcpu.vm.vcpus):
            address = gicr + offset
        super().mmio_write(vcpu, address, size, value)


class B115(Historical, Kvm):
    """A level without the EOI bit."""

    name = "B115"
    entry = Bug(
        2026, "FreeBSD vmm", "freebsd/freebsd-src PR 2437", "a level is not looked at again after the guest's EOI",
        "list registers of level interrupts have no EOI bit", "level-irqfd", (2, 3, 18))

    def compute_lr(self, vm: Vm, irq: VgicIrq) -> Lr:
        """The EOI bit is clear."""
        return super().compute_lr(vm, irq)._replace(eoi=False)


class B117(Historical, Kvm):
    """Pending in two places."""

    name = "B117"
    entry = Bug(
        2026, "libvmm", "au-ts/libvmm PR 257", "one injection is delivered again and again",
        "the pending state is kept when it moves into a list register", "edge-again-software", (4,))

    def consume_pending(self, vm: Vm, irq: VgicIrq) -> None:
        """The pending state stays where it was, too."""
