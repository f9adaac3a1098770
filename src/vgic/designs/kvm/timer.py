"""The architected timers of KVM's guests: their interrupt is the physical PPI, shared by every vCPU of a PE.

While a guest has the interrupt, pending in a list register or active, or while its line is high and that was told to
the virtual GIC, the PPI is active and can't interrupt the host; for another vCPU the same PPI must be free to arrive.
So the PPI's active state is switched with the vCPU, as the timer's registers are: a load sets

    physical active := active in the guest, or the timer's output is high

and a put leaves the PPI alone: it disables the timer, whose line then is low. The PPI is forwarded (the host drops its
priority and leaves it active), the virtual interrupt is mapped to it, and the guest's deactivation frees it.

The physical timer is treated alike with a hypervisor at EL2 (VHE). Without, the host needs it, and the guest's is
emulated.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from vgic.designs.base import Design
from vgic.designs.kvm.queue import Queueing
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vcpu
from vgic.host.chip import ACTIVE

G = TypeVar("G", bound=Design)


class KvmTimer(GuestTimer[G]):
    """How KVM switches a timer, however its interrupt is handed on: the line is told at a load and when the PPI
    arrives. One that firmware calls an edge is taken for a level (kvm_irq_fixup_flags); a PPI whose trigger is fixed
    stays what it is, which the GIC driver warns of and no more."""

    makes_level = True

    def load(self, pe: int) -> None:
        """kvm_timer_vcpu_load: the line, the PPI, the registers."""
        self.soft.cancel()
        if self.desc is None:
            self.emulate()
            return
        self.update_irq(self.should_fire())
        self.hold_ppi(pe)
        self.restore(pe)

    @abstractmethod
    def hold_ppi(self, pe: int) -> None:
        """The PPI must not arrive while the line is high and told, and must where it is low."""

    def put(self, pe: int) -> None:
        """kvm_timer_vcpu_put: the registers out; the PPI is left alone."""
        if self.desc is None:
            self.soft.cancel()
        else:
            self.save(pe)

    def handle(self, pe: int) -> None:
        """kvm_arch_timer_handler: the line is told, if it is still high."""
        if self.should_fire():
            self.update_irq(True)

    def set_phys_active(self, active: bool, pe: int) -> None:
        """Sets or clears the PPI's active state on this PE."""
        assert self.desc is not None
        self.design.event("set_active" if active else "clear_active", self.vcpu, self.desc.pintid)
        self.design.kernel.irq_set_irqchip_state(self.desc, ACTIVE, active, pe)


class ArchTimer(KvmTimer[Queueing]):
    """Its virtual interrupt is mapped to the PPI."""

    forwarded = True

    def connect(self) -> None:
        """Mapped, so that the guest's deactivation frees the PPI."""
        if self.desc is not None:
            self.design.map_phys_irq(self.vcpu, self.desc, self.vintid, self.input_level)

    def input_level(self, vcpu: Vcpu) -> bool:
        """What the virtual GIC asks when it samples the line: kvm_arch_timer_get_input_level. It is the line of the
        vCPU that runs, whoever has the interrupt."""
        timers = self.design.arch_timers.of(vcpu)
        return any(timer.should_fire() for timer in timers if timer.vintid == self.vintid)

    def hold_ppi(self, pe: int) -> None:
        """The PPI is active while the guest has the interrupt, or the line is high."""
        self.set_phys_active(self.load_active(), pe)

    def reset(self) -> None:
        """kvm_timer_vcpu_reset: what the guest had of the interrupt is forgotten, too."""
        super().reset()
        if self.desc is not None:
            self.design.reset_mapped_irq(self.vcpu, self.vintid)

    def load_active(self) -> bool:
        """Whether the PPI must be active for this vCPU."""
        return self.design.map_is_active(self.vcpu, self.vintid) or self.state.level
