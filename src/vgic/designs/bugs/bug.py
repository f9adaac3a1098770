"""What is known of a historical bug."""

from __future__ import annotations

import importlib
import pkgutil
from typing import ClassVar, NamedTuple

from vgic.designs.base import Design


class Bug(NamedTuple):
    """One entry.

    Attributes:
        year, where: when and in what. source: a commit, a report. symptom: what the guest or its user sees.
        wrong: the rule that shipped. scenario: whose script shows it. rules: those it breaks there, some at least.
    """

    year: int
    where: str
    source: str
    symptom: str
    wrong: str
    scenario: str
    rules: tuple[int, ...]


class Historical(Design):
    """A design with an entry. Subclasses put it first among their bases."""

    entry: ClassVar[Bug]


def bugs() -> dict[str, type[Historical]]:
    """All, by id."""
    import vgic.designs.bugs as package
    found: dict[str, type[Historical]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Historical) and "entry" in vars(value):
                found[value.name] = value
    return dict(sorted(found.items()))
