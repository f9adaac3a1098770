"""The design `trap`: no physical twins at all. What VFIO does without forwarding (M12, M13).

A level-sensitive interrupt is masked by the host when it arrives, deactivated, and injected by software. The guest's
end of it is told by the list register's EOI bit: a maintenance interrupt, an exit. Then the virtual line is lowered and
the physical interrupt unmasked, and if the device still asserts it, it arrives again.

    host takes it, masks it, injects    guest takes it, ends it    exit: line := low, unmask    (again, if asserted)

An edge is only injected. A timer's PPI is masked and unmasked per PE, and the mask is switched with the vCPU.
"""

from __future__ import annotations

from typing import Any

from vgic.designs.base import Design
from vgic.designs.kvm.timer import KvmTimer
from vgic.designs.kvm.vgic import Kvm
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vm
from vgic.host import IrqDesc


class MaskedTimer(KvmTimer[Design]):
    """The PPI is masked on the PE while the timer's line is known to be high, instead of being active. No twin."""

    def hold_ppi(self, pe: int) -> None:
        """The PPI is masked while the line is high."""
        self.set_masked(self.state.level, pe)

    def handle(self, pe: int) -> None:
        """The line is told, and the PPI masked until it falls."""
        super().handle(pe)
        if self.state.level:
            self.set_masked(True, pe)

    def sync(self, pe: int) -> None:
        """The guest may have ended it, and quietened the timer."""
        if self.desc is not None and self.state.level and not self.should_fire():
            self.update_irq(False)
            self.set_masked(False, pe)

    def set_masked(self, masked: bool, pe: int) -> None:
        """Masks or unmasks the PPI on this PE."""
        kernel, desc = self.design.kernel, self.desc
        assert desc is not None
        if masked == desc.percpu[pe].enabled:
            self.design.event("mask" if masked else "unmask", self.vcpu, desc.pintid)
            (kernel.disable_percpu_irq if masked else kernel.enable_percpu_irq)(desc, pe)


class Trap(Kvm):
    """Mask, inject, wait for the guest's end, unmask."""

    name = "trap"
    timer_class: type[GuestTimer[Any]] = MaskedTimer

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """VFIO's automasked interrupt, with irqfd's resampling."""
        irq = self.get_irq(vm, None, vintid)
        self.forwarded[desc] = vm, vintid
        irq.edge = desc.edge
        self.kernel.request_irq(desc, self.masking_handler, f"{vm.name} {vintid}", unlazy=True)
        if not desc.edge:
            self.on_ack(vm, vintid, Resampler(self, desc).resample)
        self.kernel.enable_irq(desc)

    def masking_handler(self, desc: IrqDesc, pe: int) -> bool:
        """A level is masked until the guest has dealt with it."""
        vm, vintid = self.forwarded[desc]
        if not desc.edge:
            self.event("mask", None, desc.pintid)
            self.kernel.disable_irq(desc, pe)
        self.inject(vm, None, vintid, True)
        return True

    def notifies(self, deactivated: bool) -> bool:
        """Every end counts: a missed one would leave the interrupt masked for ever."""
        return True


class Resampler:
    """What follows the guest's end of one interrupt."""

    def __init__(self, design: Trap, desc: IrqDesc) -> None:
        self.design, self.desc = design, desc

    def resample(self, vm: Vm, vintid: int) -> None:
        """Lower the virtual line, then let the physical one in again."""
        design, desc = self.design, self.desc
        design.inject(vm, None, vintid, False)
        if desc.depth:
            design.event("unmask", None, desc.pintid)
            design.kernel.enable_irq(desc)
