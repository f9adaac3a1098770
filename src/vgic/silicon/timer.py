"""The generic timers of each PE and their PPIs (DDI 0487, "The Generic Timer").

A timer compares a count with CVAL. Its condition is met while count >= CVAL; its output, a level-sensitive PPI, is high
while it is enabled, the condition is met and IMASK is clear. ISTATUS shows the condition of an enabled timer whatever
IMASK says. TVAL is another view of CVAL: 32 bits, signed, relative to the count.

    timer   count it compares with           PPI by convention
    CNTP    physical, with CNTHCTL_EL2.ECV less CNTPOFF_EL2    30
    CNTV    physical less CNTVOFF_EL2        27
    CNTHP   physical                         26
    CNTHV   physical                         28
    CNTPS   physical                         29

CNTPOFF_EL2 counts only while CNTHCTL_EL2.ECV is 1, and no offset of CNTPCT_EL0 is seen from EL2 and EL3 (DDI 0487,
CNTPOFF_EL2, FEAT_ECV). CNTVCT_EL0 has its offset at all levels here: HCR_EL2.E2H, which takes it away at EL2, is not
modelled.

The timers drive lines; they never touch the interrupt controller in another way. Time passes by `advance`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Self

from vgic.arch.intid import TIMER_PPIS
from vgic.arch.register import UnknownRegister, nearest
from vgic.arch.timer import ENABLE, IMASK, ISTATUS
from vgic.silicon.snapshot import Snapshot, check, put, values

MASK64 = (1 << 64) - 1
_EL = {"CNTP": "EL0", "CNTV": "EL0", "CNTHP": "EL2", "CNTHV": "EL2", "CNTPS": "EL1"}
_OTHERS = ("CNTVOFF_EL2", "CNTPOFF_EL2", "CNTHCTL_EL2", "CNTPCT_EL0", "CNTVCT_EL0")
ECV = 1 << 12
"""CNTHCTL_EL2.ECV: CNTPOFF_EL2 is in force."""
PPIS: Mapping[str, int] = {name: TIMER_PPIS[name] for name in _EL}

SetLine = Callable[[int, bool, int], None]
"""Called with the PPI's INTID, its level and the PE."""


class Counter:
    """The system counter: `count`, 64 bits, the same for all PEs."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Offsets:
    """CNTVOFF_EL2, CNTPOFF_EL2 and CNTHCTL_EL2.ECV of one PE."""

    __slots__ = ("cntpoff", "cntvoff", "ecv")

    def __init__(self) -> None:
        self.cntvoff = self.cntpoff = 0
        self.ecv = False


class Timer:
    """One timer of one PE: CTL's ENABLE and IMASK, CVAL, and the level that its line was last given."""

    __slots__ = ("cval", "enable", "imask", "line")

    def __init__(self) -> None:
        self.enable = self.imask = self.line = False
        self.cval = 0

    def met(self, count: int) -> bool:
        """Whether the timer is enabled and its condition holds (ISTATUS)."""
        return self.enable and count >= self.cval

    def output(self, count: int) -> bool:
        """The level of its line."""
        return self.met(count) and not self.imask


class GenericTimers:
    """The timers of all PEs.

    Args:
        pes: how many PEs. set_line: told each change of a timer's line, as `gic.set_line` with keywords reordered.
        ppis: the INTID of each timer's PPI.
    """

    def __init__(self, pes: int, set_line: SetLine, ppis: Mapping[str, int] = PPIS) -> None:
        self.counter = Counter()
        self.offsets = tuple(Offsets() for _ in range(pes))
        self.timers = tuple({name: Timer() for name in ppis} for _ in range(pes))
        self.ppis = dict(ppis)
        self.set_line = set_line

    def count(self, name: str, pe: int) -> int:
        """The count that a timer compares with, 64 bits, wrapping."""
        off = 0
        if name == "CNTV":
            off = self.offsets[pe].cntvoff
        elif name == "CNTP" and self.offsets[pe].ecv:
            off = self.offsets[pe].cntpoff
        return (self.counter.count - off) & MASK64

    def advance(self, ticks: int) -> None:
        """Time passes. ValueError where it would go back."""
        if ticks < 0:
            raise ValueError(f"the counter can't go back by {-ticks}")
        self.counter.count = (self.counter.count + ticks) & MASK64
        for pe in range(len(self.timers)):
            self._settle(pe)

    def next_deadline(self) -> int | None:
        """Ticks until the next timer's line rises, None where none will."""
        waits = [
            (t.cval - self.count(name, pe)) & MASK64
            for pe, timers in enumerate(self.timers) for name, t in timers.items()
            if t.enable and not t.imask and not t.met(self.count(name, pe))
        ]
        return min(waits, default=None)

    def _settle(self, pe: int) -> None:
        for name, timer in self.timers[pe].items():
            level = timer.output(self.count(name, pe))
            if level != timer.line:
                timer.line = level
                self.set_line(self.ppis[name], level, pe)

    def _timer(self, register: str) -> tuple[str, str] | None:
        """("CNTV", "CTL") of CNTV_CTL_EL0, None for a name that is no timer's."""
        stem, _, rest = register.partition("_")
        kind, _, el = rest.partition("_")
        return (stem, kind) if stem in self.ppis and kind in ("CTL", "CVAL", "TVAL") and el == _EL[stem] else None

    def _unknown(self, register: str) -> UnknownRegister:
        names = [f"{t}_{k}_{_EL[t]}" for t in self.ppis for k in ("CTL", "CVAL", "TVAL")]
        return UnknownRegister(register, nearest(register, [*names, *_OTHERS]))

    def sysreg_read(self, register: str, pe: int = 0, *, el: int = 1) -> int:
        """An MRS of CNT*_CTL, CVAL, TVAL, CNTVOFF_EL2, CNTPOFF_EL2, CNTHCTL_EL2 (ECV alone), CNTPCT_EL0, CNTVCT_EL0.
        `el`: the exception level of the access, which CNTPCT_EL0 depends on."""
        found = self._timer(register)
        if found is not None:
            name, kind = found
            timer, count = self.timers[pe][name], self.count(name, pe)
            if kind == "CTL":
                return timer.enable * ENABLE | timer.imask * IMASK | timer.met(count) * ISTATUS
            return timer.cval if kind == "CVAL" else (timer.cval - count) & 0xFFFFFFFF
        match register:
            case "CNTVOFF_EL2":
                return self.offsets[pe].cntvoff
            case "CNTPOFF_EL2":
                return self.offsets[pe].cntpoff
            case "CNTHCTL_EL2":
                return ECV * self.offsets[pe].ecv
            case "CNTPCT_EL0":
                return self.count("CNTP", pe) if el < 2 else self.counter.count
            case "CNTVCT_EL0":
                return self.count("CNTV", pe)
        raise self._unknown(register)

    def sysreg_write(self, register: str, value: int, pe: int = 0) -> None:
        """An MSR of the registers that `sysreg_read` names, as far as they are writable."""
        found = self._timer(register)
        if found is not None:
            name, kind = found
            timer = self.timers[pe][name]
            if kind == "CTL":
                timer.enable, timer.imask = bool(value & ENABLE), bool(value & IMASK)
            elif kind == "CVAL":
                timer.cval = value & MASK64
            else:
                signed = (value & 0xFFFFFFFF) - (1 << 32) * (value >> 31 & 1)
                timer.cval = (self.count(name, pe) + signed) & MASK64
        elif register == "CNTVOFF_EL2":
            self.offsets[pe].cntvoff = value & MASK64
        elif register == "CNTPOFF_EL2":
            self.offsets[pe].cntpoff = value & MASK64
        elif register == "CNTHCTL_EL2":
            self.offsets[pe].ecv = bool(value & ECV)
        else:
            raise self._unknown(register)
        self._settle(pe)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (self.counter, *self.offsets, *(t for timers in self.timers for t in timers.values()))

    # -- their state as data

    def _options(self) -> tuple[tuple[str, int], ...]:
        return ("pes", len(self.timers)), *sorted(self.ppis.items())

    def snapshot(self) -> Snapshot:
        """The state of the counter and of all timers now."""
        return Snapshot("generic timers", self._options(), values(self.parts()))

    def restore(self, snapshot: Snapshot) -> None:
        """The state is what it was then, and `set_line` is told the lines that change by it. SnapshotError, and nothing
        changes, for a snapshot of timers of other PEs or PPIs.

        Whoever also restores the chip that the lines go to may do so before or after.
        """
        check(snapshot, "generic timers", self._options(), _named)
        before = self._lines()
        put(self.parts(), snapshot.parts)
        for (name, pe, was), (_, _, level) in zip(before, self._lines(), strict=True):
            if level != was:
                self.set_line(self.ppis[name], level, pe)

    def _lines(self) -> list[tuple[str, int, bool]]:
        return [(name, pe, t.line) for pe, timers in enumerate(self.timers) for name, t in timers.items()]

    def reset(self) -> None:
        """The timers are as new: off, at count 0, and their lines are low."""
        self.restore(GenericTimers(len(self.timers), _nowhere, self.ppis).snapshot())

    def __copy__(self) -> Self:
        """As `copy.deepcopy`: the copy drives what a copy of `set_line` drives, so copy the timers and their chip at
        once: `copy.deepcopy((chip, timers))`."""
        return copy.deepcopy(self)


def _named(options: Any) -> dict[str, int]:
    return dict(options)


def _nowhere(intid: int, level: bool, pe: int) -> None:
    """Lines that nobody looks at."""
