"""The design `timer-mask`: the guest's timer as it was handed over from 2012 to 2015.

Before each entry, and after each exit, the hypervisor looks at the guest's virtual timer. Where it has expired, the
hypervisor injects an edge, and sets IMASK *in the guest's own control register*, so that the line falls and the host is
not interrupted again. That works for a guest that writes CNTV_CTL in its handler. One that only sets a new CVAL never
gets an interrupt again (B001).

Other interrupts go as in `trap`.
"""

from __future__ import annotations

from vgic.arch.intid import TIMER_PPIS
from vgic.arch.timer import IMASK
from vgic.designs.base import Unsupported
from vgic.designs.trap import Trap
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vm


class ImaskTimer(GuestTimer[Trap]):
    """In hardware only while the guest runs; an expired one is masked at its source."""

    def connect(self) -> None:
        """No twin, and an edge: the line is no longer known once it was masked."""
        self.design.get_irq(self.vcpu.vm, self.vcpu, self.vintid).edge = True

    def load(self, pe: int) -> None:
        self.soft.cancel()

    def put(self, pe: int) -> None:
        self.soft.cancel()

    def flush(self, pe: int) -> None:
        """Mask and inject, if expired; then the registers."""
        self.expire()
        if self.desc is not None:
            self.restore(pe)

    def sync(self, pe: int) -> None:
        """The registers out; mask and inject, if expired."""
        if self.desc is not None:
            self.save(pe)
        self.expire()

    def expire(self) -> None:
        """An expired timer gets IMASK in the guest's own register, and its interrupt is injected."""
        if self.should_fire():
            self.state.ctl |= IMASK
            self.inject(True)

    def handle(self, pe: int) -> None:
        """The exit that it caused is enough."""


class TimerMask(Trap):
    """The timer as of 2012, other interrupts as in `trap`."""

    name = "timer-mask"
    timer_class = ImaskTimer

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """The virtual timer. Unsupported for CNTP."""
        if timer == "CNTP":
            raise Unsupported(f"{self.name}: {vm.name} uses CNTP: Linux has given guests one since 4.11")
        super().assign_timer(vm, timer, vintid)
