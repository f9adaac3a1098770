"""The outputs of a chip to its PEs, and a callback when one changes.

The outputs are functions of the chip's state. Somebody who wants to be told of changes (an emulator) registers a
callback; only then are they computed after every access and compared with what they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

OnChange = Callable[[int, str, bool], None]
"""Called with the PE, the output's name (irq, fiq, virq, vfiq, maintenance) and its new level."""


class Outputs(NamedTuple):
    """The levels of one PE's outputs."""

    irq: bool = False
    fiq: bool = False
    virq: bool = False
    vfiq: bool = False
    maintenance: bool = False


class Wires:
    """The levels last told to the callback."""

    __slots__ = ("levels", "on_change")

    def __init__(self, pes: int) -> None:
        self.levels: list[Outputs] = [Outputs()] * pes
        self.on_change: OnChange | None = None

    def settle(self, outputs: Callable[[int], Outputs]) -> None:
        """Computes every output and tells the callback what changed."""
        on_change = self.on_change
        if on_change is None:
            return
        for pe in range(len(self.levels)):
            while (new := outputs(pe)) != (old := self.levels[pe]):
                name = next(n for n in Outputs._fields if getattr(new, n) != getattr(old, n))
                self.levels[pe] = old._replace(**{name: getattr(new, name)})
                on_change(pe, name, getattr(new, name))      # may access the chip, and so settle by itself
