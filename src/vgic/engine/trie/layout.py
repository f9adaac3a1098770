"""Where the units of a state lie in its machine words.

The units of one part lie side by side, so that the compiled walk can test several of them at once. A
unit has room for the values met so far, and one bit more where there is room to spare; when a
unit outgrows its room, everything is laid out anew.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.learn.trail import Vector
from vgic.engine.learn.units import Units

Words = npt.NDArray[np.uint64]

_GROUP_BITS: Final = 32
"""A part with more bits than this is laid out as two or more groups."""


class Layout:
    """Bit positions and widths of the units; packs rows into words and back."""

    def __init__(self, units: Units) -> None:
        self.units = units
        n = len(units.slot)
        self.at, self.width = [0] * n, [0] * n
        self.group = [-1] * n
        self.members: list[list[int]] = []
        self.W = 1
        self._fitted = -1
        self.regrouped = 0
        """Counts the times that the grouping changed: tries learned before are void."""
        self.laid = 0
        """Counts the times that positions changed."""
        self._lay_out()

    def fits(self) -> bool:
        """Whether every value met has room."""
        if self._fitted != self.units.grown and all(
                self.group[u] >= 0 and len(self.units.values[u]) <= 1 << self.width[u]
                for u in self.units.vary.values()):
            self._fitted = self.units.grown
        return self._fitted == self.units.grown

    def renew(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Lay out anew. Returns, for the units laid out before: old positions, widths, new positions."""
        old = [(u, self.at[u], self.width[u]) for us in self.members for u in us if self.width[u]]
        self._lay_out()
        table = [(p, (1 << w) - 1, self.at[u]) for u, p, w in old]
        return tuple(np.array([entry[k] for entry in table], np.int64) for k in range(3))

    def _lay_out(self) -> None:
        self.laid += 1
        values = self.units.values
        vary = sorted(self.units.vary.values())
        for u in vary:
            self.width[u] = (len(values[u]) - 1).bit_length()
        self._regroup(vary)
        total = [sum(self.width[u] for u in us) for us in self.members]
        words = self.W
        while (placed := _first_fit(total, words)) is None:
            words += 1 if words < 4 else words // 2 // 2 * 2     # 1 2 3 4 6 8 12: each is compiled on its own
        self.W = words
        word, free = placed
        for u in sorted(vary, key=lambda u: -len(values[u]) / (1 << self.width[u])):
            if len(values[u]) > 2 and free[word[self.group[u]]]:
                self.width[u] += 1
                free[word[self.group[u]]] -= 1
        end = [64 * w for w in range(words)]
        for g, us in enumerate(self.members):
            for u in us:
                self.at[u] = end[word[g]]
                end[word[g]] += self.width[u]
        self._place(vary)

    def _place(self, vary: Sequence[int]) -> None:
        self.ws: tuple[int, ...] = (0,) * self.W
        self.fields = [(u, self.at[u] >> 6, self.at[u] & 63, (1 << self.width[u]) - 1) for u in vary if self.width[u]]

    def adopt(self, at: list[int], width: list[int], members: list[list[int]], words: int) -> None:
        """Lie as another layout of the same units does."""
        self.at, self.width, self.members, self.W = at, width, members, words
        for g, us in enumerate(members):
            for u in us:
                self.group[u] = g
        self.laid += 1
        self.regrouped += 1
        self._fitted = -1
        self._place(sorted(self.units.vary.values()))

    def _regroup(self, vary: Sequence[int]) -> None:
        groups: list[list[int]] = []
        part: Any = None
        bits = 0
        for u in vary:
            owner, w = self.units.slot[u][0], self.width[u]
            if w > 16:
                raise MemoryError(f"{self.units.where(u)} takes more than 65536 values: bound it in the model")
            if groups and owner is part and bits + w <= _GROUP_BITS and self._together(groups[-1][-1], u):
                groups[-1].append(u)
                bits += w
            else:
                groups.append([u])
                part, bits = owner, w
        if groups != self.members:
            self.regrouped += 1
        self.members = groups
        for g, us in enumerate(groups):
            for u in us:
                self.group[u] = g

    def _together(self, u: int, v: int) -> bool:
        """Groups once parted stay so: less to learn anew."""
        return self.group[u] < 0 or self.group[v] < 0 or self.group[u] == self.group[v]

    def pack(self, vector: Sequence[int]) -> Words:
        """A vector as words."""
        words = [0] * self.W
        for u, w, shift, _ in self.fields:
            words[w] |= vector[u] << shift
        return np.array(words, np.uint64)

    def unpack(self, words: Sequence[int]) -> Vector:
        """Words (Python integers) as a vector."""
        vector = [0] * len(self.width)
        for u, w, shift, mask in self.fields:
            vector[u] = words[w] >> shift & mask
        return vector

    def masks(self, effects: Sequence[tuple[int, int]]) -> list[int]:
        """An effect as an AND and an OR mask for each word, in turn."""
        out = [(1 << 64) - 1, 0] * self.W
        for u, v in effects:
            w, shift = self.at[u] >> 6, self.at[u] & 63
            out[2 * w] &= ~((1 << self.width[u]) - 1 << shift)
            out[2 * w + 1] |= v << shift
        return out


def _first_fit(total: Sequence[int], words: int) -> tuple[list[int], list[int]] | None:
    """A word for each group, widest group first, and the bits left free. Bit 63 of word 0 stays free."""
    free, word = [63] + [64] * (words - 1), [0] * len(total)
    for g in sorted(range(len(total)), key=lambda g: -total[g]):
        w = next((w for w in range(words) if free[w] >= total[g]), None)
        if w is None:
            return None
        word[g] = w
        free[w] -= total[g]
    return word, free
