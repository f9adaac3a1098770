"""What is known of a historical bug."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import ClassVar, NamedTuple

from vgic.designs.base import Design


class Bug(NamedTuple):
    """One entry.

    Attributes:
        year, where: when and in what. source: a commit, a report. symptom: what the guest or its user sees.
        wrong: the rule that shipped. scenario: whose script shows it. rules: those it breaks there, some at least.
        clean: the design that holds on the scenario, where the one that the bug was planted in does not: it has the
            right rule, which that one never had. "" for the one that the bug was planted in.
    """

    year: int
    where: str
    source: str
    symptom: str
    wrong: str
    scenario: str
    rules: tuple[int, ...]
    clean: str = ""


class Awaited(NamedTuple):
    """An entry that is no design yet: `awaits` is what it takes that is not modelled."""

    year: int
    where: str
    source: str
    symptom: str
    awaits: str


class Section(NamedTuple):
    """A part of the museum: the entries from `first` to `last`."""

    letter: str
    what: str
    first: int
    last: int


SECTIONS = (
    Section("A", "list registers, entries and exits, mapped interrupts", 1, 35), Section("B", "timers", 36, 44),
    Section("C", "GICv4 and the host's ITS", 45, 75), Section("D", "the virtual ITS, save and restore", 76, 85),
    Section("E", "VFIO, irqfd, posted interrupts", 86, 95), Section("F", "other hypervisors and emulators", 96, 117),
)


def section(identity: str) -> Section:
    """Where an entry belongs, by its number."""
    number = int(identity[1:4])
    return next(s for s in SECTIONS if s.first <= number <= s.last)


class Historical(Design):
    """A design with an entry. Subclasses put it first among their bases."""

    entry: ClassVar[Bug]


def bugs() -> dict[str, type[Historical]]:
    """All historical bugs that are designs, by id."""
    found: dict[str, type[Historical]] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{__package__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Historical) and "entry" in vars(value):
                found[value.name] = value
    return dict(sorted(found.items()))
