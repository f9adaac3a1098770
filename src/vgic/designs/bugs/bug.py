"""What is known of a historical bug."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from vgic.designs.base import Design
from vgic.designs.build import Build


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
    """A design with a bug, and its entry. Subclasses put it first among their bases."""

    entry: ClassVar[Bug]


@dataclass(frozen=True, kw_only=True)
class BugBuild(Build):
    """A bug as it can be run: a build with one rule flipped, in its design, its chip or its kernel.

    Attributes:
        entry: what is known of the bug.
    """

    entry: Bug

    @property
    def base(self) -> Build:
        """The build that the bug was planted in: plain below the nearest design without an entry. LookupError where
        there is none."""
        for cls in self.design.__mro__:
            if issubclass(cls, Design) and not issubclass(cls, Historical) and not inspect.isabstract(cls):
                return Build(cls)
        raise LookupError(f"{self.name} is planted in no design")


def bug_build(bug: type[Historical]) -> BugBuild:
    """The build of a bug that is a design's."""
    return BugBuild(bug, entry=bug.entry)


def bugs() -> dict[str, BugBuild]:
    """Every bug that can be run, by its id."""
    found: dict[str, BugBuild] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{__package__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Historical) and "entry" in vars(value):
                found[value.name] = bug_build(value)
            elif isinstance(value, BugBuild):
                found[value.name] = value
    return dict(sorted(found.items()))
