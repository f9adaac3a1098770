"""KVM: the guest's timers."""

from __future__ import annotations

from vgic.designs.bugs.bases import LateIsr, LateTimer
from vgic.designs.bugs.bug import Bug, Historical
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.timer_mask import TimerMask
from vgic.designs.vm import Vcpu


class B001(Historical, TimerMask):
    """IMASK in the guest's control register."""

    name = "B001"
    entry = Bug(
        2012, "Linux 3.9 to 4.2", "replaced in 2015 by physical active states",
        "a guest that does not write CNTV_CTL after its interrupt never gets another",
        "at an entry with the timer expired the hypervisor sets IMASK in the guest's register", "timer-cval-only",
        (2, 23), clean="kvm")


class _ActiveIfShown(ArchTimer):
    def flush(self, pe: int) -> None:
        """Active only where the guest will see the interrupt."""
        if self.desc is None:
            return
        irq = self.design.get_irq(self.vcpu.vm, self.vcpu, self.vintid)
        self.set_phys_active(irq.active or (irq.enabled and self.state.level), pe)


class B004(Historical, Kvm):
    """The physical active state follows the list register, not the report of the line."""

    name = "B004"
    entry = Bug(
        2015, "Linux 4.3", "cff9211eb1a1", "the vCPU never progresses after its guest disabled the timer's interrupt",
        "the physical interrupt is made active only where a list register is populated", "timer-guest-disabled", (9,))
    timer_class = _ActiveIfShown


class _Edge(ArchTimer):
    def connect(self) -> None:
        super().connect()
        self.design.get_irq(self.vcpu.vm, self.vcpu, self.vintid).edge = True


class B007(Historical, Kvm):
    """The timer's line is an edge."""

    name = "B007"
    entry = Bug(
        2015, "Linux 4.3", "4b4b4512da2a", "a guest gets an interrupt of a timer that it has disabled",
        "lowering the timer's line does not end the virtual pending state", "timer-dropped-masked", (3, 8))
    timer_class = _Edge


class _SampledAtEntry(ArchTimer):
    def handle(self, pe: int) -> None:
        """The exit is enough: the entry samples."""

    def flush(self, pe: int) -> None:
        level = self.should_fire()
        if level != self.state.level:
            self.update_irq(level)
        if self.desc is not None:
            self.set_phys_active(self.load_active(), pe)


class B008(Historical, Kvm):
    """The virtual GIC is flushed before the timer."""

    name = "B008"
    entry = Bug(
        2015, "Linux 4.2", "the series that introduced active state switching",
        "a timer interrupt is shown one entry late", "at an entry the virtual GIC is flushed, then the timer",
        "timer-late", (2, 20))
    timer_class = _SampledAtEntry

    def flush(self, vcpu: Vcpu) -> None:
        """The virtual GIC first, then the timers."""
        self.flush_hwstate(vcpu)
        for timer in self.arch_timers.of(vcpu):
            timer.flush(self.here(vcpu))
        vcpu.kicked = False             # a thread does not interrupt itself


class _Overwrites(LateTimer):
    def late_handler(self) -> None:
        """CTL reads 0: the put has disabled the timer."""
        if not self.state.level and not self.state.loaded:
            self.state.ctl = 0


class B038(Historical, LateIsr):
    """The handler writes to what a put has saved."""

    name = "B038"
    entry = Bug(
        2018, "Linux 4.15", "36e5cfd410ad", "a guest's timer is off for ever",
        "the timer's handler copies CTL from hardware over what was saved, though the timer may be off by then",
        "timer-put-untaken", (23,))
    timer_class = _Overwrites


class _BlockedTimer(ArchTimer):
    def load(self, pe: int) -> None:
        if self.desc is not None:
            super().load(pe)
            return
        self.soft.cancel()
        if self.can_fire() and not self.should_fire():
            self.soft.arm(self.state.cval)


class B039(Historical, Kvm):
    """An emulated timer is not looked at when its vCPU wakes."""

    name = "B039"
    entry = Bug(
        2018, "Linux 4.19", "245715cbe83c", "an emulated timer that expires while its vCPU is blocked never interrupts",
        "at a load the line of an emulated timer is not evaluated", "ptimer-wfi", (2, 17, 19))
    timer_class = _BlockedTimer


class _EarlyReturn(ArchTimer):
    def emulate(self) -> None:
        fire = self.should_fire()
        if fire != self.state.level:
            self.update_irq(fire)
            return
        if not fire and self.can_fire():
            self.soft.arm(self.state.cval)


class B041(Historical, Kvm):
    """A change of the line is told, and the kernel's timer forgotten."""

    name = "B041"
    entry = Bug(
        2020, "Linux 5.5", "mail of 2020-02-17 to linux-arm-kernel", "the next expiry is missed once the line fell",
        "on a change of the level the function returns before it arms the kernel's timer", "ptimer-rearmed",
        (2, 19))
    timer_class = _EarlyReturn


class _ArmedAlways(ArchTimer):
    def emulate(self) -> None:
        fire = self.should_fire()
        if fire != self.state.level:
            self.update_irq(fire)
        if self.can_fire():
            self.soft.arm(self.state.cval)

    def emulation_expired(self) -> None:
        self.emulate()


class B042(Historical, Kvm):
    """The kernel's timer of an expired timer is armed again, and fires at once."""

    name = "B042"
    entry = Bug(
        2020, "Linux 5.5, 6.0", "mails of 2020-02-17 and 2022-08-24", "a kernel timer fires in an endless loop",
        "the kernel's timer is armed although the line is high", "ptimer-masked", (17,))
    timer_class = _ArmedAlways
