"""What a host's KVM does, followed through its ftrace events, as far as they allow.

Most of a virtual interrupt's life is hidden from the host's events: the guest acknowledges and ends it without an exit,
the list registers are not told, and which vCPU a shared interrupt goes to is in memory. So the state here is
three-valued: what the events prove (True, False, a level), and None for what they leave open. It is None at the
beginning of every recording, after lost events, and wherever an event may concern one of several vCPUs.

**Who is who.** A vCPU is a thread that enters a guest. Its number comes from the timer events of its own thread, told
before it enters; two threads with the same number belong to different VMs. An event that names a vCPU's number is that
vCPU's for certain where its own thread told it, where the interrupted thread is the vCPU and the handler its
timer's, or where only one vCPU has the number. Otherwise it may be any of them, and what it says becomes unknown for
each.

**Own and foreign.** An event in the vCPU's own thread, not in an interrupt that borrows it, is the vCPU's own doing.
Lines that change from elsewhere while it runs its guest or is blocked must reach it: there the rules judge
(`vgic.rules.kernel`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vgic.arch.gicr import GICR, SGI_BASE, STRIDE
from vgic.arch.intid import PRIVATE
from vgic.arch.located import FrameAt
from vgic.arch.timer import ENABLE, IMASK, ISTATUS
from vgic.rules.kernel import KernelTeller, KernelVcpu
from vgic.rules.moments import Moments
from vgic.trace.ftrace import Event

_GUEST_TIMER = re.compile(r"kvm guest \w*timer")
_IPI = re.compile(r"IPI|[Rr]eschedul")
_PIDR2, _ISENABLER0, _ICENABLER0 = (FrameAt(GICR, 0)[name].address for name in ("PIDR2", "ISENABLER0", "ICENABLER0"))
_REASON = re.compile(r"(\w+): [EH]SR_EC: (0x[0-9a-f]+)(?: \((\w+)\))?")


def reason(text: str) -> str:
    """Why a vCPU left its guest: the interrupt, or the class of the exception that it trapped with."""
    match = _REASON.match(text)
    if match is None:
        return re.sub(r",? *PC[:=].*", "", text)[:32] or "not told"
    kind, number, name = match.groups()
    return (name or number) if kind == "TRAP" else kind


class ToldLine:
    """A virtual interrupt's line as KVM was last told.

    Attributes:
        level: 1, 0, or None where that isn't known. entries: the vCPU's count of guest entries when it was told.
        touches: the count of trapped writes at that time (see `Follow.touches`).
    """

    __slots__ = ("entries", "level", "touches")

    def __init__(self, level: int | None, entries: int, touches: int) -> None:
        self.level, self.entries, self.touches = level, entries, touches


class SavedTimer(NamedTuple):
    """A timer's registers when KVM saved them."""

    ctl: int
    cval: int


class HostVcpu:
    """One vCPU.

    Attributes:
        pid, number: its thread, and its number in its VM (None: not told). enters: it has been seen to run a guest.
        running: whether it is in its guest. entries: into the guest. cpu: where. blocked: since which event.
        lines: by vINTID. enabled: private interrupts that the guest has enabled or disabled in the recording.
        expired: by timer index: the latest CVAL that is known to have expired.
        told_at_load: lines told since the timers were mapped, for the load under way. timer_map: (dv, dp).
        emulated: by timer index: the level last told. direct, emulated_intid: by timer index: vINTIDs.
    """

    __slots__ = ("blocked", "comm", "cpu", "direct", "emulated", "emulated_intid", "enabled", "entered", "enters",
                 "entries", "expired", "lines", "number", "pid", "running", "timer_map", "told_at_load")

    def __init__(self, pid: int, comm: str, number: int | None) -> None:
        self.pid, self.comm, self.number = pid, comm, number
        self.enters = False
        self.entries = 0
        self.cpu: int | None = None
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more."""
        self.running: bool | None = None
        self.entered: Event | None = None
        self.blocked: Event | None = None
        self.lines: dict[int, ToldLine] = {}
        self.enabled: dict[int, bool] = {}
        self.expired: dict[int, int] = {}
        self.timer_map: tuple[int, int] | None = None
        self.told_at_load: list[tuple[int, int]] = []
        self.emulated: dict[int, int] = {}
        self.emulated_intid: dict[int, int] = {}
        self.direct: dict[int, int] = {}

    def line(self, intid: int) -> ToldLine:
        """The line, unknown where it was never told."""
        return self.lines.get(intid) or ToldLine(None, -1, -1)

    def expected(self, index: int, ctl: int, cval: int) -> int | None:
        """The level that a timer's line must have with these registers: None where it depends on the counter, whose
        value no event tells; a CVAL that had expired once stays so."""
        if not ctl & ENABLE or ctl & IMASK:
            return 0
        return 1 if cval <= self.expired.get(index, -1) else None


class Taking(NamedTuple):
    """A handler of a guest's timer interrupt that runs now."""

    vcpu: HostVcpu | None
    event: Event
    name: str


class Follow(KernelTeller):
    """Follows the state and tells moments (`vgic.rules.moments`); a moment's event may be an earlier one than the last.

    Args:
        listeners: who hears them.

    Attributes:
        vcpus: all that have been seen.
    """

    event: Event

    def __init__(self, listeners: Iterable[Moments[KernelVcpu]]) -> None:
        super().__init__(listeners)
        self.vcpus: dict[tuple[int, int | None], HostVcpu] = {}
        self.current: dict[int, HostVcpu] = {}
        self.touches = 0
        self.ipis = 0
        self._handlers: dict[int, list[tuple[int, Taking | None]]] = {}
        self._echo: dict[int, tuple[int, int, int, int]] = {}
        self._emulating: dict[int, tuple[HostVcpu, int, int, Event]] = {}
        self._frames: set[int] = set()
        self._intids: dict[str, int] = {}
        self._methods: dict[str, Any] = {
            "kvm_entry": self._kvm_entry, "kvm_exit": self._kvm_exit, "kvm_get_timer_map": self._timer_map,
            "kvm_timer_update_irq": self._timer_update, "vgic_update_irq_pending": self._update,
            "kvm_timer_save_state": self._save, "kvm_timer_restore_state": self._restore,
            "kvm_timer_emulate": self._emulate, "irq_handler_entry": self._irq_entry,
            "irq_handler_exit": self._irq_exit, "ipi_entry": self._ipi, "kvm_wfx_arm64": self._wfx,
            "kvm_wfx": self._wfx, "kvm_vcpu_wakeup": self._wakeup, "kvm_halt_poll_ns": self._halt_poll,
            "kvm_mmio": self._mmio,
        }

    def feed(self, e: Event) -> None:
        """One event."""
        self.event = e
        if self._emulating and e.pid in self._emulating and e.name != "kvm_timer_update_irq" and self.own(e):
            self._emulated(e.pid, None)
        method = self._methods.get(e.name)
        if method is not None:
            method(e)

    def lose(self) -> None:
        """Events are missing, or could not be read: nothing is known any more."""
        for vcpu in self.vcpus.values():
            vcpu.forget()
        self._handlers.clear()
        self._echo.clear()
        self._emulating.clear()
        self.lost()

    def finish(self) -> None:
        """No more events."""
        self._emulating.clear()
        self.finished()

    def seen(self) -> Sequence[HostVcpu]:
        """All vCPUs that have been seen."""
        return tuple(self.vcpus.values())

    # -- who

    def own(self, e: Event) -> bool:
        """Whether the event is its task's own doing, and not an interrupt's that borrows it."""
        return not (e.interrupting or (e.interrupting is None and self._handlers.get(e.cpu)))

    def _thread(self, e: Event, number: int | None = None) -> HostVcpu:
        """The vCPU that the event's task runs; by its number, where that is told."""
        vcpu = self.current.get(e.pid)
        if vcpu is not None and vcpu.number is None and number is not None and (e.pid, number) not in self.vcpus:
            del self.vcpus[e.pid, None]
            vcpu.number = number
            self.vcpus[e.pid, number] = vcpu
        if vcpu is None or (number is not None and vcpu.number != number):
            key = (e.pid, number)
            vcpu = self.vcpus.get(key)
            if vcpu is None:
                vcpu = self.vcpus[key] = HostVcpu(e.pid, e.comm, number)
            self.current[e.pid] = vcpu
        return vcpu

    def _named(self, e: Event, number: int) -> list[HostVcpu]:
        """The vCPUs that an event with this number may mean; the only one where it is certain."""
        mine = self.current.get(e.pid)
        taking = self._taking(e.cpu)
        if mine is not None and mine.number == number and (self.own(e) or (taking is not None and mine.enters)):
            return [mine]
        return [v for v in self.vcpus.values() if v.enters and v.number in (number, None)]

    def label(self, vcpu: KernelVcpu) -> str:
        """Its name in tables: by its number, with the thread where several have it."""
        if vcpu.number is None:
            return f"pid {vcpu.pid}"
        twins = sum(1 for v in self.vcpus.values() if v.number == vcpu.number and v.enters)
        return f"vcpu{vcpu.number}" + (f" pid {vcpu.pid}" if twins > 1 else "")

    # -- the guest

    def _kvm_entry(self, e: Event) -> None:
        vcpu = self._thread(e)
        if vcpu.blocked is not None:
            self.woken(vcpu)
            vcpu.blocked = None
        vcpu.enters = vcpu.running = True
        vcpu.entries += 1
        vcpu.cpu, vcpu.entered = e.cpu, e
        self.entered(vcpu)

    def _kvm_exit(self, e: Event) -> None:
        vcpu = self._thread(e)
        vcpu.enters = True
        self.left(vcpu, reason(e.word))
        vcpu.running, vcpu.cpu, vcpu.entered = False, e.cpu, None

    def _wfx(self, e: Event) -> None:
        vcpu = self.current.get(e.pid)
        if vcpu is not None and e.word in ("wfi", "is_wfe=0"):
            vcpu.blocked = e
            self.blocked(vcpu)

    def _wakeup(self, e: Event) -> None:
        vcpu = self.current.get(e.pid)
        if vcpu is not None and vcpu.blocked is not None:
            self.woken(vcpu)
            vcpu.blocked = None

    def _halt_poll(self, e: Event) -> None:
        if self.own(e) and e.pid in self.current:
            self._thread(e, e.fields[0])

    def _mmio(self, e: Event) -> None:
        _, address, value = e.fields
        base = address & ~0xFFFF
        if e.word == "read" and address & 0xFFFF == _PIDR2 and value >> 4 & 15 in (3, 4):
            if len(self._frames) < 64:
                self._frames.add(base)
        elif e.word == "write":
            self.touches += 1
            vcpu = self.current.get(e.pid)
            if vcpu is not None and self._redistributor(base - SGI_BASE):
                offset = address - base + SGI_BASE
                if offset in (_ISENABLER0, _ICENABLER0):
                    for intid in range(PRIVATE):
                        if value >> intid & 1:
                            vcpu.enabled[intid] = offset == _ISENABLER0

    def _redistributor(self, base: int) -> bool:
        """Whether a redistributor begins there: one of a row, whose first one's PIDR2 was read."""
        return any(0 <= base - first < 512 * STRIDE and not (base - first) % STRIDE for first in self._frames)

    # -- lines

    def _timer_map(self, e: Event) -> None:
        if self.own(e):
            number, virtual, physical = e.fields
            vcpu = self._thread(e, number)
            vcpu.timer_map, vcpu.told_at_load = (virtual, physical), []

    def _timer_update(self, e: Event) -> None:
        number, intid, level = e.fields
        self._echo[e.cpu] = (e.pid, number, intid, level)
        if self.own(e):
            vcpu = self._thread(e, number)
            vcpu.told_at_load.append((intid, level))
            if e.pid in self._emulating:
                self._emulated(e.pid, (intid, level))
        self._line(e, number, intid, level)

    def _update(self, e: Event) -> None:
        number, intid, level = e.fields
        if self._echo.pop(e.cpu, None) != (e.pid, number, intid, level):
            self._line(e, number, intid, level)

    def _line(self, e: Event, number: int, intid: int, level: int) -> None:
        """A level was told. The number that comes with a shared interrupt doesn't say where it goes."""
        if intid >= PRIVATE:
            self.line_told(None, intid, level, None, self.own(e))
            return
        named = self._named(e, number)
        if len(named) != 1:
            for vcpu in named:
                vcpu.lines[intid] = ToldLine(None, vcpu.entries, self.touches)
                vcpu.emulated.clear()
            self.line_told(None, intid, level, None, self.own(e))
            return
        vcpu = named[0]
        before = vcpu.line(intid)
        self._took(e, vcpu, intid, before)
        vcpu.lines[intid] = ToldLine(level, vcpu.entries, self.touches)
        if intid not in vcpu.direct.values() and not self.own(e):
            known = [index for index, its in vcpu.emulated_intid.items() if its == intid]
            if known:
                vcpu.emulated[known[0]] = level
            else:
                vcpu.emulated.clear()
        self.line_told(vcpu, intid, level, before, self.own(e))

    # -- the host's handlers

    def _irq_entry(self, e: Event) -> None:
        stack = self._handlers.setdefault(e.cpu, [])
        taking = None
        if _GUEST_TIMER.match(e.word):
            vcpu = self.current.get(e.pid)
            taking = Taking(vcpu if vcpu is not None and vcpu.enters else None, e, e.word)
        if len(stack) < 64:
            stack.append((e.fields[0], taking))
        if _IPI.match(e.word):
            self._ipi(e)

    def _ipi(self, e: Event) -> None:
        self.ipis += 1
        self.interrupted(e.cpu)

    def _taking(self, cpu: int) -> Taking | None:
        stack = self._handlers.get(cpu)
        return stack[-1][1] if stack else None

    def _took(self, e: Event, vcpu: HostVcpu, intid: int, before: ToldLine) -> None:
        """The handler tells which interrupt it took."""
        taking = self._taking(e.cpu)
        if taking is not None and not self.own(e):
            self._intids[taking.name] = intid
            stack = self._handlers[e.cpu]
            stack[-1] = (stack[-1][0], None)
            self._tell_taken(taking, vcpu, intid, before)

    def _tell_taken(self, taking: Taking, vcpu: HostVcpu | None, intid: int | None, before: ToldLine | None) -> None:
        """The moment is of the event at which the handler began."""
        now, self.event = self.event, taking.event
        self.timer_taken(vcpu, intid, before)
        self.event = now

    def _irq_exit(self, e: Event) -> None:
        stack = self._handlers.get(e.cpu, [])
        while stack:
            irq, taking = stack.pop()
            if irq != e.fields[0]:
                continue
            if taking is not None:
                # It found nothing to tell: the interrupt is the one that it always is.
                intid = self._intids.get(taking.name)
                vcpu = taking.vcpu
                before = vcpu.line(intid) if vcpu is not None and intid is not None else None
                self._tell_taken(taking, vcpu if before is not None else None, intid, before)
            return

    # -- timers

    def _save(self, e: Event) -> None:
        if not self.own(e):
            return
        vcpu = self._thread(e)
        ctl, cval, index = e.fields
        timer = SavedTimer(ctl, cval)
        if ctl & ENABLE:
            if ctl & ISTATUS:
                vcpu.expired[index] = max(cval, vcpu.expired.get(index, -1))
            elif cval <= vcpu.expired.get(index, -1):
                del vcpu.expired[index]  # the guest's counter was set back
        self.timer_saved(vcpu, index, timer)

    def _restore(self, e: Event) -> None:
        if not self.own(e):
            return
        vcpu = self._thread(e)
        ctl, cval, index = e.fields
        place = vcpu.timer_map.index(index) if vcpu.timer_map is not None and index in vcpu.timer_map else None
        if place is None or place >= len(vcpu.told_at_load):
            self.timer_loaded_untold(vcpu)
            return
        intid, level = vcpu.told_at_load[place]
        if vcpu.direct.setdefault(index, intid) != intid:
            self.timer_loaded_untold(vcpu)
            return
        self.timer_loaded(vcpu, index, intid, level, SavedTimer(ctl, cval))

    def _emulate(self, e: Event) -> None:
        if self.own(e):
            self._emulating[e.pid] = (self._thread(e), e.fields[0], e.fields[1], e)

    def _emulated(self, pid: int, told: tuple[int, int] | None) -> None:
        """What followed an emulation: its line was told, or it was not."""
        vcpu, index, fires, event = self._emulating.pop(pid)
        level = vcpu.emulated.get(index)
        if told is not None:
            vcpu.emulated_intid[index], level = told
        now, self.event = self.event, event
        self.timer_emulated(vcpu, index, fires, level)
        self.event = now
        vcpu.emulated[index] = fires if level is None else level
