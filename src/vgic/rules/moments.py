"""Moments: the one alphabet of what can be observed of a machine, real or modelled.

Who drives or follows a machine *tells* moments; who wants to know *listens*. Tellers are the laboratory's machine
(`vgic.lab.machine`), the replay of a recording into a chip (`vgic.trace.replay`) and the follower of a kernel's events
(`vgic.trace.ftrace_state`); an emulator would be another. Listeners are the rules that are judged as it happens, the
`Witness` that remembers what guests and devices did, and whoever draws lanes, tells stories or counts costs.

A listener is a subclass of `Moments` that defines the methods it needs, and no others: a `Teller` calls only those, so
a moment that nobody hears costs nothing. A rule that needs a moment which a teller can't tell is left unjudged there.

**Who.** Most moments are of somebody: `who`. That is as much as the teller knows: a vCPU in the laboratory and in a
kernel's events, the number of a PE in the recording of a chip, which sees no vCPUs. So `Moments` is generic in it.

**Order.** "...s" is told before it happens (`guest_ends`), "...ed" and "took" after it (`guest_ended`). A trapped
access is told between the two: `guest_writes`, `trapped`, `left`, ..., `guest_wrote`.

**Numbers.** `pintid` is physical, `vintid` what a guest sees; levels are booleans; `register` is an architectural name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from vgic.silicon.interrupt import Interrupt
from vgic.silicon.report import Notice
from vgic.silicon.virtual_interface import ListRegister

W = TypeVar("W")


class Moments(Generic[W]):
    """A listener that does nothing. Subclasses define the moments that they hear.

    Attributes:
        teller: who tells it moments; set when it begins to listen.
    """

    teller: Teller[W]

    @property
    def place(self) -> int:
        """Where the teller is: a line of a recording, a step of a schedule."""
        return self.teller.place

    # -- wires and time

    def line_moved(self, pe: int | None, pintid: int, level: bool) -> None:
        """An input of the chip moved: a PPI's of this PE, or (None) an SPI's."""

    def device_drives(self, who: W | None, vintid: int, level: bool, device: str) -> None:
        """A level-sensitive device of a guest, or its timer, moves its line; `who`: a vCPU that the interrupt may go
        to, None for a device of the host's."""

    def device_pulses(self, who: W | None, vintid: int, device: str) -> None:
        """An edge-triggered device of a guest sends an edge."""

    def edge_accepted(self, who: W, vintid: int) -> None:
        """That edge was latched, by the chip or by the hypervisor: from now on it may not be lost."""

    def left_pending(self, who: W, vintid: int) -> None:
        """Firmware left an interrupt of a guest's pending in the chip, before the machine began: it may be delivered
        once, and need not be."""

    def time_passed(self, count: int) -> None:
        """The system counter reached this count."""

    # -- the host

    def host_takes(self, pe: int, what: str, pintid: int) -> None:
        """The kernel read IAR: "take" (it handles the interrupt), "spurious", "ipi", or what it does with another."""

    def host_took(self, pe: int, pintid: int) -> None:
        """The kernel's handler of an interrupt is done."""

    def host_read_iar(self, pe: int, expected: int, got: int) -> None:
        """The host's IAR returned `got` where the chip returns `expected`; both without CPUID."""

    def host_acknowledged(self, pe: int, pintid: int, irq: Interrupt | None) -> None:
        """The host's IAR returned an interrupt; None where that is not modelled."""

    def host_ends(self, pe: int, register: str, pintid: int) -> None:
        """The host is about to write EOIR or DIR."""

    def host_ended(self, pe: int, register: str, pintid: int) -> None:
        """The host wrote EOIR or DIR."""

    def host_ended_nothing(self, notice: Notice) -> None:
        """What it wrote to EOIR or DIR matched nothing that it had acknowledged and not ended."""

    def host_disables(self, pintid: int, disable: bool) -> None:
        """A driver of the host's calls disable_irq, or enable_irq."""

    def interrupted(self, pe: int) -> None:
        """An inter-processor interrupt was taken."""

    def work_runs(self, work: str) -> None:
        """Deferred work of the kernel is about to run, by its name."""

    def work_done(self, work: str, due_again: bool) -> None:
        """It ran; whether it is due again at once."""

    def accessed(self, pe: int, kind: str, write: bool, place: str, value: int, guest: bool) -> None:
        """An access reached the chip: kind "mmio" or "sysreg"; place: the frame and offset, or the register."""

    # -- the hypervisor and its vCPUs

    def loaded(self, who: W, pe: int) -> None:
        """The vCPU's thread is about to be scheduled on a PE."""

    def put(self, who: W) -> None:
        """It is about to leave its PE."""

    def enters(self, who: W) -> None:
        """It is about to enter its guest: flush comes next, unless it has come already (an entry that is divided)."""

    def flushes(self, who: W) -> None:
        """Flush comes next: what its list registers show is decided now."""

    def flushed(self, who: W) -> None:
        """Its list registers are filled. It is not in its guest yet."""

    def entered(self, who: W) -> None:
        """It is in its guest: the virtual CPU interface is enabled and holds all that the hypervisor shows. Recordings
        of a chip: told before the guest's first access, or before the hypervisor looks at what it left; an entry that
        shows in neither is not told."""

    def entry_given_up(self, who: W) -> None:
        """It flushes, and then does not enter: something turned up."""

    def left(self, who: W, reason: str) -> None:
        """It is out of its guest; sync comes next. Recordings of a chip: the hypervisor disabled the interface, or read
        its HCR, and no reason is known ("")."""

    def blocked(self, who: W) -> None:
        """It waits in WFI: from now on an interrupt has to wake it."""

    def stayed(self, who: W) -> None:
        """It executed WFI and does not block: it has an interrupt to take."""

    def woken(self, who: W) -> None:
        """It no longer waits."""

    def trapped(self, who: W, name: str, value: int | None) -> None:
        """An access of its guest traps; None for a read. The exit comes next."""

    def hypervisor_acts(self, who: W) -> None:
        """The hypervisor is about to access the virtual interface's control registers (ICH, GICH)."""

    def list_register_written(self, who: W, lr: ListRegister) -> None:
        """It wrote a list register."""

    def active_priorities_written(self, pe: int, virtual: bool) -> None:
        """Software wrote an active priorities register, of the virtual interface or of the PE's own."""

    def designed(self, event: str, who: W | None, intid: int) -> None:
        """An event of the design's own: see `vgic.designs.base.EVENTS`."""

    def line_told(self, who: W | None, vintid: int, level: int, before: Any, own: bool) -> None:
        """A hypervisor's virtual GIC was told a line's level; `before`: what is known of it until then; `own`: by the
        vCPU's own thread. None: whose it is isn't told."""

    def timer_taken(self, who: W | None, vintid: int | None, before: Any) -> None:
        """The host took a guest timer's interrupt; None where it isn't told whose."""

    def timer_saved(self, who: W, index: int, timer: Any) -> None:
        """A timer's registers were saved, and the timer was switched off."""

    def timer_loaded(self, who: W, index: int, vintid: int, level: int, timer: Any) -> None:
        """A timer's registers were restored; its line was told just before."""

    def timer_loaded_untold(self, who: W) -> None:
        """A timer's registers were restored, and no line was told, or another one's."""

    def timer_emulated(self, who: W, index: int, fires: int, level: int | None) -> None:
        """An emulated timer was looked at: whether it fires, and the level of its line that stands after it."""

    # -- the guest, at its CPU interface

    def guest_steps(self, who: W) -> None:
        """It is about to do the next operation of its program or of a handler."""

    def guest_takes(self, who: W) -> None:
        """It takes the virtual interrupt that is signalled: it is about to read IAR."""

    def guest_acts(self, who: W) -> None:
        """It is about to access its virtual CPU interface, or (reads) has just done so."""

    def guest_read_iar(self, who: W, expected: int, got: int, changed: bool | None) -> None:
        """Its IAR returned `got` where the chip returns `expected`, both without CPUID; whether the read changed the
        interface, None where nobody looked."""

    def guest_acknowledged(self, who: W, vintid: int, lr: ListRegister | None, source: int) -> None:
        """Its IAR returned an interrupt, from this list register if that is known; `source`: the vCPU that sent a GICv2
        SGI, as IAR tells it, else 0."""

    def guest_ends(self, who: W, register: str, vintid: int) -> None:
        """It is about to write EOIR or DIR."""

    def guest_ended(self, who: W, register: str, vintid: int, lr: ListRegister | None) -> None:
        """It wrote EOIR or DIR; the list register that this deactivated, if one is known."""

    def guest_deactivates(self, who: W, vintid: int) -> None:
        """For what it knows, what it writes to EOIR or DIR ends the active state of the interrupt."""

    # -- the guest, at its distributor, its timers, and otherwise

    def guest_writes(self, who: W, register: str, owner: W, vintid: int, value: int) -> None:
        """It is about to write a register of its distributor for one interrupt, which is private to `owner` or shared:
        one of the set and clear registers, IPRIORITYR (a priority), IROUTER (the index of a vCPU, NOBODY), SPENDSGIR or
        CPENDSGIR (the index of a source), IGROUPR (a group)."""

    def guest_wrote(self, who: W, register: str, owner: W, vintid: int, value: int) -> None:
        """That write has returned."""

    def guest_switches(self, who: W, on: bool) -> None:
        """It is about to have its distributor forward interrupts (GICD_CTLR), or has had it forward none."""

    def guest_read(self, who: W, register: str, owner: W, vintid: int, value: int) -> None:
        """It has read the bit of one interrupt in ISENABLER, ISPENDR or ISACTIVER, or its byte of IPRIORITYR."""

    def guest_sends_sgi(self, who: W, target: W, intid: int) -> None:
        """It is about to send an SGI."""

    def switched_off(self, who: W) -> None:
        """It called PSCI CPU_OFF, and is put for good; `put` comes next."""

    def switched_on(self, who: W, target: W, started: bool) -> None:
        """Its call of CPU_ON for another vCPU has returned: whether that one starts, or is on already."""

    def timer_written(self, who: W, register: str, value: int) -> None:
        """It wrote a timer's CTL or CVAL."""

    def guest_says(self, who: W, text: str) -> None:
        """What it does, in words, for stories."""

    # -- userspace, and the recording itself

    def saved_and_restored(self, vm: str, physical: bool, same: bool) -> None:
        """Userspace saved a stopped VM's GIC, cleared it and restored it: whether physical state changed by that, and
        whether it then read the same."""

    def lost(self) -> None:
        """Events are missing here: nothing that was known is known any more."""

    def finished(self) -> None:
        """Nothing more comes."""


MOMENTS: tuple[str, ...] = tuple(
    name for name, thing in vars(Moments).items() if callable(thing) and not name.startswith("_"))
"""The names of all moments."""


class Teller(Moments[W]):
    """Passes each moment on to the listeners that define it, in their order.

    Attributes:
        place: where the teller is; whoever drives it sets this.
    """

    place: int = 0

    def __init__(self, listeners: Iterable[Moments[W]] = ()) -> None:
        self.listeners = tuple(listeners)
        for listener in self.listeners:
            listener.teller = self
        for moment in MOMENTS:
            heard = [self.heard(each, moment) for each in self.listeners
                     if getattr(type(each), moment) is not getattr(Moments, moment)]
            if heard:
                setattr(self, moment, heard[0] if len(heard) == 1 else _each(tuple(heard)))

    def heard(self, listener: Moments[W], moment: str) -> Callable[..., None]:
        """How a listener is told a moment that it defines."""
        method: Callable[..., None] = getattr(listener, moment)
        return method


def _each(methods: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def tell(*args: object) -> None:
        for method in methods:
            method(*args)
    return tell
