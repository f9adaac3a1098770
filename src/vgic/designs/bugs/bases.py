"""Designs that bugs were planted in or are compared with, and that are not of today: what each does is in its class."""

from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.timer import ENABLE, IMASK, ISTATUS
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.queue import Queueing
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Work, WorkItem
from vgic.host.chip import ACTIVE


class LatchIrq(VgicIrq):
    """A virtual interrupt. `shown_latch`: its list register is pending by a latch, which that took."""

    __slots__ = ("shown_latch",)

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.shown_latch = False


class LatchKept(Kvm):
    """KVM as it would be without B035: the latch of a level interrupt moves into its list register, as an edge's does.
    What is latched after the acknowledge is another, and is still there after the end."""

    name = "kvm-latch-kept"
    irq_class = LatchIrq

    def consume_pending(self, vm: Vm, irq: VgicIrq) -> None:
        """A level's latch is consumed, too."""
        super().consume_pending(vm, irq)
        if not irq.edge:
            assert isinstance(irq, LatchIrq)
            irq.shown_latch, irq.pending_latch = irq.pending_latch, False

    def fold(self, vcpu: Vcpu, irq: VgicIrq, lr: Lr, pe: int) -> None:
        """Back, if it is still pending; what was latched meanwhile stays."""
        assert isinstance(irq, LatchIrq)
        if irq.edge:
            super().fold(vcpu, irq, lr, pe)
            return
        latch = irq.pending_latch or (irq.shown_latch and lr.pending)
        irq.shown_latch = False
        super().fold(vcpu, irq, lr, pe)
        irq.pending_latch = latch

    def clear_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """What a list register shows of the latch is cleared, too."""
        assert isinstance(irq, LatchIrq)
        irq.shown_latch = False
        super().clear_pending(vcpu, irq, user)


class LateTimer(ArchTimer):
    """A timer whose interrupt may be handled after a put has disabled it: the PE had acknowledged it already.

    Attributes:
        late: the rest of that handler.
    """

    def __init__(self, design: Queueing, vcpu: Vcpu, name: str, vintid: int, desc: IrqDesc | None) -> None:
        super().__init__(design, vcpu, name, vintid, desc)
        self.late = WorkItem(f"{vcpu.name}'s late {name} handler runs", self.late_handler)

    def load(self, pe: int) -> None:
        self.late.cancel()
        super().load(pe)

    def save(self, pe: int) -> None:
        """The PE may have the interrupt if the line is high and nobody has taken it."""
        desc = self.desc
        if self.state.loaded and desc is not None and not self.design.kernel.irq_get_irqchip_state(desc, ACTIVE, pe):
            ctl = self.timers.sysreg_read(self.ctl_name, pe)
            if ctl & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS:
                self.late.queue()
        super().save(pe)

    def late_handler(self) -> None:
        """The host's handler. The timer is off, and what was saved of it is not touched."""


class LateIsr(Kvm):
    """KVM on a chip that may still deliver a timer's interrupt after its line has fallen."""

    name = "kvm-late-isr"
    timer_class = LateTimer

    def work(self) -> Sequence[Work]:
        """The late handlers, beside the timers of KVM."""
        timers = [t for vcpu in self.vcpus for t in self.arch_timers.of(vcpu)]
        return (*super().work(), *(t.late for t in timers if isinstance(t, LateTimer)))


class LateRelease(Kvm):
    """KVM on a host that takes an interrupt away from its guest without masking it: one that is on its way to the PE
    then is still taken, and finds nobody who wants it."""

    name = "kvm-late-release"

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Disabled lazily, so that one more arrives."""
        super().assign_irq(vm, desc, vintid)
        desc.unlazy = False
