"""Exceptions in QEMU's log (`-d int`): from which Exception level to which a PE goes, and when.

    Taking exception 5 [IRQ] on CPU 1           who,
    ...from EL1 to EL2                          and where to, on the next line that begins so
    ...handled as PSCI call                     it is at EL1 all the while: QEMU does what firmware would
    Exception return from AArch64 EL2 to AArch64 EL1 PC 0x40081000

A return does not name its PE, nor does the second line where CPUs run in parallel and another has begun meanwhile:
who it was is told only where one PE alone can have been there (`Whereabouts`).
"""

from __future__ import annotations

import re

from vgic.trace.events import ExceptionLevel

WORDS = frozenset({"Taking", "...from", "...handled", "Exception"})
"""First words of the lines that are looked at."""

_TAKEN = re.compile(r"Taking exception \d+ \[[^]]*\] on CPU (\d+)\s*$")
_FROM = re.compile(r"\.\.\.from EL([0-3]) to EL([0-3])\s*$")
_HANDLED = re.compile(r"\.\.\.handled as (PSCI|semihosting) call\s*$")
_RETURN = re.compile(r"Exception return from AArch\d\d EL([0-3]) to AArch\d\d EL([0-3]) PC")


class Exceptions:
    """The lines of one recording, in their order."""

    def __init__(self) -> None:
        self._taking: list[int] = []
        self._taken: ExceptionLevel | None = None

    def line(self, number: int, text: str) -> ExceptionLevel | None:
        """What a line tells, None if it tells nothing yet, or is none of these."""
        if found := _TAKEN.match(text):
            self._taking.append(int(found[1]))
        elif found := _FROM.match(text):
            who = self._taking[0] if len(self._taking) == 1 else None
            self._taking.clear()
            self._taken = ExceptionLevel(number, who, int(found[1]), int(found[2]))
            return self._taken
        elif _HANDLED.match(text) and self._taken is not None:
            back, self._taken = self._taken, None
            return ExceptionLevel(number, back.pe, back.after, back.before)
        elif found := _RETURN.match(text):
            return ExceptionLevel(number, None, int(found[1]), int(found[2]))
        return None


class Whereabouts:
    """At which Exception level each PE of a recording is, so far as that is known."""

    def __init__(self, pes: int) -> None:
        self.at: list[int | None] = [None] * pes

    def known(self, pe: int) -> bool:
        """Whether it is known where a PE is."""
        return self.at[pe] is not None

    def change(self, e: ExceptionLevel) -> int | None:
        """Which PE went, if that is known. If it is not, nothing is known of those that it may have been."""
        if e.pe is None:
            may = [pe for pe, at in enumerate(self.at) if at in (e.before, None)] or [*range(len(self.at))]
        else:
            may = [e.pe] if e.pe < len(self.at) else []
        for pe in may:
            self.at[pe] = e.after if len(may) == 1 else None
        return may[0] if len(may) == 1 else None
