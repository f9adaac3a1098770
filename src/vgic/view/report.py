"""What a command says: one report, as text for people or as data for programs, and the command's exit status."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """Exit statuses, of every command.

    HOLDS: all holds, nothing differs. BROKEN: a rule is broken, or something differs. REFUSED: the input can't be used,
    or not to its end. BOUNDED: nothing is broken in what was searched, and a limit cut that. INTERRUPTED: by Ctrl-C or
    SIGTERM; what was found until then is told.
    """

    HOLDS = 0
    BROKEN = 1
    REFUSED = 2
    BOUNDED = 3
    INTERRUPTED = 130


class Report(ABC):
    """What a command says."""

    @property
    def exit_status(self) -> int:
        """The command's exit status, a `Status`; HOLDS of a report that judges nothing."""
        return Status.HOLDS

    @abstractmethod
    def text(self) -> str:
        """For people: lines of at most 100 columns."""

    @abstractmethod
    def json(self) -> Any:
        """The same as data that JSON can hold."""
