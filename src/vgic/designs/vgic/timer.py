"""Guests' generic timers: registers switched with vCPUs, or emulated (M7).

A PE has one virtual timer and one PPI for it, and every vCPU that is loaded there uses them: the timer's registers are
switched with the vCPU. How its interrupt reaches the guest, and is kept from the host meanwhile, is each hypervisor's
own: a subclass of `GuestTimer` says it (`load`, `put`, `handle`).

A timer that the host needs for itself is emulated: its registers trap (`Design.trapped_timers`), and a timer of the
kernel's raises its line. That is written here, in the manner of KVM; nothing in it depends on how interrupts are
handed on.

A vCPU that waits in WFI has no timer in hardware; a timer of the kernel's wakes it when the first of its own would
expire.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from vgic.arch.intid import TIMER_PPIS
from vgic.arch.timer import ENABLE, IMASK, ISTATUS
from vgic.designs.base import Design, TimerRegisters, Unsupported
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, KernelTimer, Work
from vgic.parts import Part, step

G = TypeVar("G", bound=Design)

MASK64 = (1 << 64) - 1
HOST_PPI = {name: TIMER_PPIS[name] for name in ("CNTV", "CNTP")}


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


class GuestTimer(ABC, Generic[G]):
    """One timer of one vCPU: how it is switched, and how its line reaches the guest. It never changes itself.

    Args:
        design: whose. vcpu, name, vintid: of which vCPU, "CNTV" or "CNTP", and its PPI in the guest.
        desc: the host's PPI, None for an emulated timer.

    Attributes:
        forwarded: whether the host leaves the PPI active for the guest to deactivate. makes_level: whether it makes the
            PPI level-sensitive, whatever it was. Class attributes.
    """

    forwarded = makes_level = False

    def __init__(self, design: G, vcpu: Vcpu, name: str, vintid: int, desc: IrqDesc | None) -> None:
        self.design, self.vcpu, self.name, self.vintid, self.desc = design, vcpu, name, vintid, desc
        timers = design.timers
        assert timers is not None
        self.timers: TimerRegisters = timers
        self.ctl_name, self.cval_name = f"{name}_CTL_EL0", f"{name}_CVAL_EL0"
        self.state = TimerState()
        self.soft = KernelTimer(f"{vcpu.name}'s {name} timer", self.emulation_expired)

    # -- what a hypervisor does with it

    def connect(self) -> None:
        """The guest has it from now on: ties the virtual interrupt to the PPI. Called while nothing runs."""

    @abstractmethod
    def load(self, pe: int) -> None:
        """The vCPU is loaded on a PE: line, PPI, registers."""

    @abstractmethod
    def put(self, pe: int) -> None:
        """The vCPU leaves the PE: registers, PPI."""

    def flush(self, pe: int) -> None:
        """Before each entry, ahead of the virtual GIC. Nothing, where the timer stays in hardware across exits."""

    def sync(self, pe: int) -> None:
        """After each exit, behind the virtual GIC. Nothing, where the timer stays in hardware across exits."""

    @abstractmethod
    def handle(self, pe: int) -> None:
        """Its PPI arrived at the PE where its vCPU is loaded. The condition may have gone since."""

    # -- the line

    @step
    def should_fire(self) -> bool:
        """The timer's output: enabled, not masked, condition met. From hardware while loaded."""
        state = self.state
        if state.loaded:
            pe = self.design.here(self.vcpu)
            return self.timers.sysreg_read(self.ctl_name, pe) & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS
        return self.can_fire() and state.cval <= self.count()

    def can_fire(self) -> bool:
        """Enabled and not masked, of a timer that is not loaded."""
        return self.state.ctl & (ENABLE | IMASK) == ENABLE

    def count(self) -> int:
        """The count that it compares with. Guests see no offset here."""
        return self.timers.sysreg_read("CNTPCT_EL0", 0)

    def deadline(self) -> int | None:
        """The count at which its line will rise, None where it will not."""
        state = self.state
        if state.loaded:
            pe = self.design.here(self.vcpu)
            ctl, cval = (self.timers.sysreg_read(n, pe) for n in (self.ctl_name, self.cval_name))
        else:
            ctl, cval = state.ctl, state.cval
        return cval if ctl & (ENABLE | IMASK) == ENABLE else None

    def inject(self, level: bool) -> None:
        """Drives the virtual interrupt's line, as its owner."""
        self.design.inject(self.vcpu.vm, self.vcpu, self.vintid, level, self)

    def update_irq(self, level: bool) -> None:
        """Tells the guest the line, and remembers what was told."""
        self.state.level = level
        self.inject(level)

    # -- switching

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
        """Registers from memory into hardware."""
        state = self.state
        if state.loaded:
            return
        self.timers.sysreg_write(self.cval_name, state.cval, pe)
        self.timers.sysreg_write(self.ctl_name, state.ctl, pe)
        state.loaded = True

    def reset(self) -> None:
        """Its vCPU, which is not loaded, is reset: the timer is off, and its line low."""
        self.state.ctl = 0
        self.soft.cancel()
        self.update_irq(False)

    # -- emulated

    def emulate(self) -> None:
        """A register changed, or its vCPU is loaded: tells the line where it changed, and arms the kernel's timer if it
        can rise later."""
        fire = self.should_fire()
        if fire != self.state.level:
            self.update_irq(fire)
        if not fire and self.can_fire():
            self.soft.arm(self.state.cval)

    def emulation_expired(self) -> None:
        """The kernel's timer fires: the line rises, if it does; else it is armed again."""
        if self.should_fire():
            self.update_irq(True)
        elif self.can_fire():
            self.soft.arm(self.state.cval)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return self.state, self.soft


class WakeUp:
    """Wakes one vCPU out of WFI. `soft`: the kernel's timer that does."""

    def __init__(self, design: Design, vcpu: Vcpu) -> None:
        self.design, self.vcpu = design, vcpu
        self.soft = KernelTimer(f"{vcpu.name}'s wake-up timer", self.expired)

    def expired(self) -> None:
        """The vCPU has slept long enough."""
        self.design.kick(self.vcpu)


class Timers:
    """The timers of all vCPUs of a design.

    Args:
        design: whose. timer_class: what a vCPU's timer is.
    """

    def __init__(self, design: Design, timer_class: type[GuestTimer[Any]]) -> None:
        self.design, self.timer_class = design, timer_class
        self.by_vcpu: dict[Vcpu, list[GuestTimer[Any]]] = {vcpu: [] for vcpu in design.vcpus}
        self.wake_ups = {vcpu: WakeUp(design, vcpu) for vcpu in design.vcpus}

    def of(self, vcpu: Vcpu) -> Sequence[GuestTimer[Any]]:
        """The timers of one vCPU."""
        return self.by_vcpu[vcpu]

    def assign(self, vm: Vm, name: str, vintid: int) -> None:
        """Gives the VM's vCPUs a timer, and requests the host's PPI the first time."""
        design = self.design
        if name not in HOST_PPI:
            raise Unsupported(f"timer {name}: expected {' or '.join(HOST_PPI)}")
        if design.timers is None:
            raise Unsupported(f"timer {name}: the design was built without timers")
        desc = design.kernel.irq(HOST_PPI[name]) if name not in design.trapped_timers else None
        if desc is not None and desc.handler is None:
            self.request(desc)
        for vcpu in vm.vcpus:
            timer = self.timer_class(design, vcpu, name, vintid, desc)
            self.by_vcpu[vcpu].append(timer)
            design.set_owner(vcpu, vintid, timer)
            timer.connect()

    def request(self, desc: IrqDesc) -> None:
        """The host's side: forwarded once and for all, if at all, and enabled on every PE."""
        kernel = self.design.kernel
        kernel.request_irq(desc, self.handler, "guest timer")
        if self.timer_class.forwarded:
            kernel.irq_set_vcpu_affinity(desc, self.design)
        for pe in range(kernel.pes):
            if self.timer_class.makes_level:
                kernel.irq_set_irq_type(desc, False, pe)
            kernel.enable_percpu_irq(desc, pe)

    def handler(self, desc: IrqDesc, pe: int) -> bool:
        """The PPI's handler. After a put there is nobody to tell."""
        vcpu = self.design.running(pe)
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
        """The vCPU is awake: that timer is no longer needed."""
        self.wake_ups[vcpu].soft.cancel()

    def reset(self, vcpu: Vcpu) -> None:
        """The vCPU is reset."""
        for timer in self.by_vcpu[vcpu]:
            timer.reset()

    # -- the registers of an emulated timer

    def _emulated(self, vcpu: Vcpu, register: str) -> tuple[GuestTimer[Any], str]:
        stem, _, rest = register.partition("_")
        for timer in self.by_vcpu[vcpu]:
            if timer.name == stem and timer.desc is None:
                return timer, rest.partition("_")[0]
        raise Unsupported(f"{register} is not emulated for {vcpu!r}")

    def read(self, vcpu: Vcpu, register: str) -> int:
        """A trapped MRS of CTL, CVAL or TVAL of an emulated timer."""
        timer, kind = self._emulated(vcpu, register)
        state = timer.state
        if kind == "CTL":
            return state.ctl | (ISTATUS if state.cval <= timer.count() else 0)
        return state.cval if kind == "CVAL" else (state.cval - timer.count()) & 0xFFFF_FFFF

    def write(self, vcpu: Vcpu, register: str, value: int) -> None:
        """A trapped MSR of CTL, CVAL or TVAL of an emulated timer."""
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

    # -- for whoever runs it

    def work(self) -> tuple[Work, ...]:
        """The kernel's timers of the vCPUs that have timers."""
        return tuple(
            soft for vcpu, timers in self.by_vcpu.items() if timers
            for soft in (self.wake_ups[vcpu].soft, *(t.soft for t in timers)))

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (*(w.soft for w in self.wake_ups.values()),
                *(part for timers in self.by_vcpu.values() for t in timers for part in t.parts()))
