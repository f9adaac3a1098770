"""The architected timers of guests (M7).

A PE has one virtual timer and one PPI for it, and every vCPU that is loaded there uses them: the timer's registers are
switched with the vCPU, and so is the PPI's active state. While a guest has the interrupt, pending in a list register or
active, or while its line is high and that was told to the virtual GIC, the PPI is active and can't interrupt the host;
for another vCPU the same PPI must be free to arrive. So a load sets

    physical active := active in the guest, or the timer's output is high

and a put leaves the PPI alone: it disables the timer, whose line then is low. The PPI is forwarded (the host drops its
priority and leaves it active), the virtual interrupt is mapped to it, and the guest's deactivation frees it.

The physical timer is treated alike with a hypervisor at EL2 (VHE). Without, the host needs it, and the guest's is
emulated: its registers trap, and a timer of the kernel's raises its line.

A vCPU that waits in WFI has no timer in hardware; a timer of the kernel's wakes it when the first of its own
would expire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgic.designs.base import TimerRegisters, Unsupported
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, KernelTimer, Work
from vgic.host.chip import ACTIVE
from vgic.parts import Part, step

if TYPE_CHECKING:
    from vgic.designs.kvm.vgic import Kvm

ENABLE, IMASK, ISTATUS = 1, 2, 4
MASK64 = (1 << 64) - 1
HOST_PPI = {"CNTV": 27, "CNTP": 30}


class TimerState(Part):
    """One timer of one vCPU.

    Attributes:
        ctl, cval: its registers while it is not loaded. loaded: they are in the PE's.
        level: its line as last told.
    """

    __slots__ = ("ctl", "cval", "level", "loaded")

    def __init__(self) -> None:
        self.ctl = self.cval = 0
        self.loaded = self.level = False


class ArchTimer:
    """One timer of one vCPU: how it is switched, and how its line reaches the virtual GIC. It never changes itself.

    Args:
        kvm: the design. vcpu, name, vintid: whose timer, "CNTV" or "CNTP", and its PPI in the guest.
        desc: the host's PPI, None for an emulated timer.

    Attributes:
        forwarded: whether the host leaves the PPI active for the guest to deactivate.
    """

    forwarded = True

    def __init__(self, kvm: Kvm, vcpu: Vcpu, name: str, vintid: int, desc: IrqDesc | None) -> None:
        self.kvm, self.vcpu, self.name, self.vintid, self.desc = kvm, vcpu, name, vintid, desc
        timers = kvm.timers
        assert timers is not None
        self.timers: TimerRegisters = timers
        self.ctl_name, self.cval_name = f"{name}_CTL_EL0", f"{name}_CVAL_EL0"
        self.state = TimerState()
        self.soft = KernelTimer(f"{vcpu.name}'s {name} timer", self.emulation_expired)

    # -- the line

    @step
    def should_fire(self) -> bool:
        """The timer's output: enabled, not masked, condition met. From hardware while loaded."""
        state = self.state
        if state.loaded:
            pe = self.kvm.here(self.vcpu)
            return self.timers.sysreg_read(self.ctl_name, pe) & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS
        return self.can_fire() and state.cval <= self.count()

    def can_fire(self) -> bool:
        """Enabled and not masked, of a timer that is not loaded."""
        return self.state.ctl & (ENABLE | IMASK) == ENABLE

    def count(self) -> int:
        """The count that it compares with. Guests see no offset here."""
        return self.timers.sysreg_read("CNTPCT_EL0", 0)

    def update_irq(self, level: bool) -> None:
        """Tells the virtual GIC the line."""
        self.state.level = level
        self.kvm.inject(self.vcpu.vm, self.vcpu, self.vintid, level, self)

    def input_level(self, vcpu: Vcpu) -> bool:
        """What the virtual GIC asks when it samples the line."""
        return self.should_fire()

    # -- switching

    def load(self, pe: int) -> None:
        """kvm_timer_vcpu_load: the line, the PPI's active state, the registers."""
        self.soft.cancel()
        if self.desc is None:
            self.emulate()
            return
        self.update_irq(self.should_fire())
        self.set_phys_active(self.load_active(), pe)
        self.restore(pe)

    def load_active(self) -> bool:
        """Whether the PPI must be active for this vCPU."""
        return self.kvm.map_is_active(self.vcpu, self.vintid) or self.state.level

    def put(self, pe: int) -> None:
        """kvm_timer_vcpu_put."""
        if self.desc is None:
            self.soft.cancel()
        else:
            self.save(pe)

    def save(self, pe: int) -> None:
        """Registers into memory; the timer is off, its line low."""
        state = self.state
        if not state.loaded:
            return
        state.ctl = self.timers.sysreg_read(self.ctl_name, pe) & ~ISTATUS
        state.cval = self.timers.sysreg_read(self.cval_name, pe)
        self.timers.sysreg_write(self.ctl_name, 0, pe)
        state.loaded = False

    def restore(self, pe: int) -> None:
        """Registers from memory."""
        state = self.state
        if state.loaded:
            return
        self.timers.sysreg_write(self.cval_name, state.cval, pe)
        self.timers.sysreg_write(self.ctl_name, state.ctl, pe)
        state.loaded = True

    def flush(self, pe: int) -> None:
        """Before each entry, ahead of the virtual GIC. Nothing today: the timer stays in hardware across exits."""

    def sync(self, pe: int) -> None:
        """After each exit, behind the virtual GIC. Nothing today."""

    def connect(self) -> None:
        """Ties the virtual interrupt to the PPI: mapped, so that the guest's deactivation frees it."""
        if self.desc is not None:
            self.kvm.map_phys_irq(self.vcpu, self.desc, self.vintid, self.input_level)

    def set_phys_active(self, active: bool, pe: int) -> None:
        """The PPI's active state on this PE."""
        assert self.desc is not None
        self.kvm.event("set_active" if active else "clear_active", self.vcpu, self.desc.pintid)
        self.kvm.kernel.irq_set_irqchip_state(self.desc, ACTIVE, active, pe)

    def handle(self, pe: int) -> None:
        """The PPI arrived. The condition may have gone since."""
        if self.should_fire():
            self.update_irq(True)

    # -- an emulated timer

    def emulate(self) -> None:
        """Tells the line where it changed, and arms the kernel's timer if it can rise later."""
        fire = self.should_fire()
        if fire != self.state.level:
            self.update_irq(fire)
        if not fire and self.can_fire():
            self.soft.arm(self.state.cval)

    def emulation_expired(self) -> None:
        """The kernel's timer: the line rises, if it does; else it is armed again."""
        if self.should_fire():
            self.update_irq(True)
        elif self.can_fire():
            self.soft.arm(self.state.cval)

    def deadline(self) -> int | None:
        """The count at which its line will rise, None where it will not."""
        state = self.state
        if state.loaded:
            pe = self.kvm.here(self.vcpu)
            ctl, cval = (self.timers.sysreg_read(n, pe) for n in (self.ctl_name, self.cval_name))
        else:
            ctl, cval = state.ctl, state.cval
        return cval if ctl & (ENABLE | IMASK) == ENABLE else None

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return self.state, self.soft


class WakeUp:
    """Wakes one vCPU."""

    def __init__(self, kvm: Kvm, vcpu: Vcpu) -> None:
        self.kvm, self.vcpu = kvm, vcpu
        self.soft = KernelTimer(f"{vcpu.name}'s wake-up timer", self.expired)

    def expired(self) -> None:
        """kvm_bg_timer_expire."""
        self.kvm.kick(self.vcpu)


class Timers:
    """The timers of all vCPUs."""

    def __init__(self, kvm: Kvm) -> None:
        self.kvm = kvm
        self.by_vcpu: dict[Vcpu, list[ArchTimer]] = {vcpu: [] for vcpu in kvm.vcpus}
        self.wake_ups = {vcpu: WakeUp(kvm, vcpu) for vcpu in kvm.vcpus}

    def of(self, vcpu: Vcpu) -> Sequence[ArchTimer]:
        """A vCPU's."""
        return self.by_vcpu[vcpu]

    def assign(self, vm: Vm, name: str, vintid: int) -> None:
        """Gives the VM's vCPUs a timer, and requests the host's PPI the first time."""
        kvm = self.kvm
        if name not in HOST_PPI:
            raise Unsupported(f"timer {name}: expected {' or '.join(HOST_PPI)}")
        if kvm.timers is None:
            raise Unsupported(f"timer {name}: the design was built without timers")
        desc = kvm.kernel.irq(HOST_PPI[name]) if name == "CNTV" or kvm.vhe else None
        if desc is not None and desc.handler is None:
            self.request(desc, kvm.timer_class.forwarded)
        for vcpu in vm.vcpus:
            timer = kvm.timer_class(kvm, vcpu, name, vintid, desc)
            self.by_vcpu[vcpu].append(timer)
            kvm.set_owner(vcpu, vintid, timer)
            timer.connect()

    def request(self, desc: IrqDesc, forwarded: bool) -> None:
        """The host's side: forwarded once and for all, enabled on every PE."""
        kernel = self.kvm.kernel
        kernel.request_irq(desc, self.handler, "kvm guest timer")
        if forwarded:
            kernel.irq_set_vcpu_affinity(desc, self.kvm)
        for pe in range(kernel.pes):
            kernel.enable_percpu_irq(desc, pe)

    def handler(self, desc: IrqDesc, pe: int) -> bool:
        """kvm_arch_timer_handler. After a put there is nobody to tell."""
        vcpu = self.kvm.running(pe)
        if vcpu is not None:
            for timer in self.by_vcpu[vcpu]:
                if timer.desc is desc:
                    timer.handle(pe)
        return True

    def block(self, vcpu: Vcpu) -> None:
        """Arms the timer that wakes the vCPU."""
        deadlines = [d for timer in self.by_vcpu[vcpu] if (d := timer.deadline()) is not None]
        if deadlines:
            self.wake_ups[vcpu].soft.arm(min(deadlines))

    def unblock(self, vcpu: Vcpu) -> None:
        """It is no longer needed."""
        self.wake_ups[vcpu].soft.cancel()

    # -- the registers of an emulated timer

    def _emulated(self, vcpu: Vcpu, register: str) -> tuple[ArchTimer, str]:
        stem, _, rest = register.partition("_")
        for timer in self.by_vcpu[vcpu]:
            if timer.name == stem and timer.desc is None:
                return timer, rest.partition("_")[0]
        raise Unsupported(f"{register} is not emulated for {vcpu!r}")

    def read(self, vcpu: Vcpu, register: str) -> int:
        """CTL, CVAL, TVAL of an emulated timer."""
        timer, kind = self._emulated(vcpu, register)
        state = timer.state
        if kind == "CTL":
            return state.ctl | (ISTATUS if state.cval <= timer.count() else 0)
        return state.cval if kind == "CVAL" else (state.cval - timer.count()) & 0xFFFF_FFFF

    def write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """CTL, CVAL, TVAL of an emulated timer."""
        timer, kind = self._emulated(vcpu, register)
        state = timer.state
        timer.soft.cancel()
        if kind == "CTL":
            state.ctl = value & (ENABLE | IMASK)
        elif kind == "CVAL":
            state.cval = value & MASK64
        else:
            state.cval = timer.count() + (value & 0xFFFF_FFFF) - ((value & 1 << 31) << 1) & MASK64
        timer.emulate()

    def work(self) -> tuple[Work, ...]:
        """The kernel's timers of the vCPUs that have timers."""
        return tuple(
            soft for vcpu, timers in self.by_vcpu.items() if timers
            for soft in (self.wake_ups[vcpu].soft, *(t.soft for t in timers)))

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*(w.soft for w in self.wake_ups.values()),
                *(part for timers in self.by_vcpu.values() for t in timers for part in t.parts()))
