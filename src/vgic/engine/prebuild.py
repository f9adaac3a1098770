"""Compiles the search ahead of the first one that needs it: `python -m vgic.engine.prebuild`.

The compiled loops are made anew for each number of machine words that a state takes, and kept on disk. States of one to
three words are most that people search. What is compiled here is what a search asks for that ends well, that breaks a
rule, and that judges what is lost, on models that do nothing else than to need so many words.
"""
from __future__ import annotations

import sys
from functools import partial
from typing import Final

from vgic.engine import Explorer, Goal, Model
from vgic.parts import Part, step

WORDS: Final = (1, 2, 3)
_BITS: Final = (20, 70, 130)
"""Slots of two values with which a state takes so many words, with those that are free."""
_FREE: Final = 17
"""Slots that may be set in any order: so many states that their table grows."""


class _Bit(Part):
    __slots__ = ("set",)

    def __init__(self) -> None:
        self.set = False

    @step
    def flip(self) -> bool:
        """Set, if it is not."""
        before, self.set = self.set, True
        return not before


class _Row:
    """Bits that are set one after the other, and all cleared in the end; while all are set, others change in any
    order."""

    def __init__(self, bits: int) -> None:
        self.bits = [_Bit() for _ in range(bits)]
        self.free = [_Bit() for _ in range(_FREE)]

    def on(self) -> bool:
        """Set the next bit; False where all are set."""
        return any(bit.flip() for bit in self.bits)

    def others(self, n: int) -> bool:
        """Set or clear one of the free bits."""
        if not self.full():
            return False
        self.free[n].set = not self.free[n].set
        return True

    def off(self) -> bool:
        """Clear all bits; False where some are not set, or a free one is."""
        if not self.full() or any(bit.set for bit in self.free):
            return False
        for bit in self.bits:
            bit.set = False
        return True

    def full(self) -> bool:
        """Whether all bits are set."""
        return self.bits[-1].set


def prebuild(words: int) -> int:
    """Compile for states of so many words. Returns how many words they took."""
    row = _Row(_BITS[words - 1])
    actions = [("on", row.on), ("off", row.off)]
    never = ("no bit is set without the first", lambda: row.full() and not row.bits[0].set)
    goals = [Goal("all can be set", row.full, lambda name: True), Goal("none", lambda: not row.bits[0].set, bool)]
    free = [(f"bit {n}", partial(row.others, n)) for n in range(_FREE)]
    well = Explorer(Model(row, [*actions, *free], [never], goals)).search(engine="compiled", threads=2)
    for found in (("not all are set", row.full), ("nothing is set", lambda: row.bits[0].set)):
        Explorer(Model(row, actions, [found])).search(engine="compiled", farthest=True)
    Explorer(Model(row, actions, goals=[Goal("never", lambda: False, bool)])).search(engine="compiled")
    return well.words


def main() -> int:
    """Compile for all numbers of words, one after the other: what is kept on disk has one index."""
    return 0 if tuple(map(prebuild, WORDS)) == WORDS else 1


if __name__ == "__main__":
    sys.exit(main())
