"""Which bits of a state matter to some calls, by what a small part of it says.

What a call may read in all is much more than what it reads in one state: a guest's next operation reads all that any
operation reads, but which one it is depends on little. A *selector* is one or two windows on a state, each on units
that lie side by side. For each value of its windows there is a mask of its own: of the selector, and of what those
runs have read that are possible there. A run is not possible where it has seen another value of a window's unit.
"""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.trie.layout import Layout
from vgic.engine.trie.trie import RunReads, Trie

Array = npt.NDArray[Any]
Window = tuple[int, ...]
"""Units that lie side by side."""
Selector = tuple[Window, ...]
"""None, one or two windows."""

_BITS: Final = 8
"""A selector is no wider."""


def place(layout: Layout, window: Window) -> tuple[int, int, int]:
    """A window's word, shift and width in bits."""
    at, width = layout.at, layout.width
    return at[window[0]] >> 6, at[window[0]] & 63, sum(width[u] for u in window)


def fits(layout: Layout, selector: Selector) -> bool:
    """Whether the units of each window lie side by side still, and are few bits."""
    at, width = layout.at, layout.width
    together = all(at[u] + width[u] == at[v] for window in selector
                   for u, v in pairwise(window))
    return together and sum(width[u] for window in selector for u in window) <= _BITS


def columns(layout: Layout, selector: Selector) -> list[int]:
    """What the kernels need of a selector: word, shift and mask of both windows, and by how much the second is shifted
    to the left."""
    placed = [place(layout, window) for window in selector] + [(0, 0, 0)] * (2 - len(selector))
    out = [n for word, shift, bits in placed for n in (word, shift, (1 << bits) - 1)]
    return [*out, placed[0][2]]


def rows_of(layout: Layout, selector: Selector, states: Array) -> Array:
    """For each state, the number of its mask."""
    a, sa, ma, b, sb, mb, left = columns(layout, selector)
    u64 = np.uint64
    one = states[:, a] >> u64(sa) & u64(ma)
    return np.asarray(one | (states[:, b] >> u64(sb) & u64(mb)) << u64(left)).astype(np.int64)


class _Rows:
    """What one root may read, for each value of a selector. `rows`: units and steps."""
    __slots__ = ("_noted", "_widths", "rows")

    def __init__(self, widths: list[tuple[int, int]]) -> None:
        self._widths = widths
        self.rows = [(0, 0)] * (1 << sum(width for _, width in widths))
        self._noted = 0

    def note(self, runs: Sequence[RunReads]) -> None:
        """Bring them up to date with a root's runs."""
        if self._noted == len(runs):
            return
        new: dict[tuple[int, int], tuple[int, int]] = {}
        for run in runs[self._noted:]:
            seen = self._seen(run)
            reads, steps = new.get(seen, (0, 0))
            new[seen] = reads | run.reads, steps | run.steps
        self._noted = len(runs)
        rows = self.rows
        for (mask, value), (reads, steps) in new.items():
            rest = len(rows) - 1 & ~mask
            sub = rest
            while True:                              # all values of the bits that were not seen
                r, s = rows[value | sub]
                rows[value | sub] = r | reads, s | steps
                if not sub:
                    break
                sub = sub - 1 & rest

    def _seen(self, run: RunReads) -> tuple[int, int]:
        """The bits of the selector that a run has seen, and their values."""
        mask = value = left = 0
        for u, width in self._widths:
            if run.seen >> u & 1:
                mask |= (1 << width) - 1 << left
                value |= run.vector[u] << left
            left += width
        return mask, value


class Windows:
    """What the roots of a trie may read, by the values of selectors; kept up to date as more is learned."""

    def __init__(self, trie: Trie, layout: Layout) -> None:
        self.trie, self.layout = trie, layout
        self._form: Any = None
        self._rows: dict[tuple[int, Selector], _Rows] = {}
        self._words: dict[int, list[int]] = {}

    def rows(self, r: int, selector: Selector) -> list[tuple[int, int]]:
        """For each value of a selector: the units that a root reads there, and the steps that it calls."""
        self._renew()
        if (r, selector) not in self._rows:
            width = self.layout.width
            self._rows[r, selector] = _Rows([(u, width[u]) for window in selector for u in window])
        known = self._rows[r, selector]
        known.note(self.trie.roots[r].runs)
        return known.rows

    def _renew(self) -> None:
        form = self.trie.cleared, self.layout.laid
        if form != self._form:
            self._form = form
            self._rows, self._words = {}, {}

    def words(self, units: int) -> list[int]:
        """The bits of these units in a state's words."""
        self._renew()
        if units not in self._words:
            out = [0] * self.layout.W
            for u, w, shift, mask in self.layout.fields:
                if units >> u & 1:
                    out[w] |= mask << shift
            self._words[units] = out
        return self._words[units]


class Masks:
    """What some roots may read, by the values of a selector."""

    def __init__(self, windows: Windows, roots: Sequence[int], selector: Selector = ()) -> None:
        self.windows, self.roots, self.selector = windows, list(roots), selector
        self.reads = 0
        """What they may read in all."""
        self._made_of: Any = None
        self._masks: list[list[int]] = []

    def refresh(self) -> list[list[int]]:
        """The masks, in words: one for each value of the selector."""
        trie = self.windows.trie
        now = (trie.cleared, trie.version, self.windows.layout.laid, [len(trie.roots[r].runs) for r in self.roots])
        if now != self._made_of:
            self._made_of = now
            self._masks = self._renew()
        return self._masks

    def _renew(self) -> list[list[int]]:
        windows, trie = self.windows, self.windows.trie
        if not fits(windows.layout, self.selector):
            self.selector = ()
        own = self.reads = 0
        for u in (u for window in self.selector for u in window):
            own |= 1 << u
        for r in self.roots:
            self.reads |= trie.reads_of(r)
        closures: dict[tuple[int, int], list[int]] = {}
        out = []
        for row in zip(*(windows.rows(r, self.selector) for r in self.roots), strict=True):
            reads, steps = own, 0
            for r, s in row:
                reads |= r
                steps |= s
            if (reads, steps) not in closures:
                closures[reads, steps] = windows.words(trie.closure(reads, steps))
            out.append(closures[reads, steps])
        return out

    def effort(self) -> list[int]:
        """For each value of the selector, how much work it is to walk: the bits that are tested."""
        trie, words = self.windows.trie, self.windows.words
        bits: dict[tuple[int, int], int] = {}
        out = [0] * len(self.windows.rows(self.roots[0], self.selector))
        for r in self.roots:
            for i, row in enumerate(self.windows.rows(r, self.selector)):
                if row not in bits:
                    bits[row] = sum(w.bit_count() for w in words(trie.closure(*row)))
                out[i] += bits[row]
        return out


class StepMasks(Masks):
    """What a step may read."""

    def __init__(self, windows: Windows, step: int) -> None:
        super().__init__(windows, [])
        self._step = step

    def _renew(self) -> list[list[int]]:
        self.reads = self.windows.trie.closure(0, 1 << self._step)
        return [self.windows.words(self.reads)]

    def effort(self) -> list[int]:
        return [sum(w.bit_count() for w in self.windows.words(self.reads))]


def candidates(trie: Trie, layout: Layout, r: int, most: int = 6) -> list[Window]:
    """Windows that may tell apart what a root's calls do: those of its first branches, and their single units."""
    out: dict[Window, None] = {}
    todo = [trie.roots[r].node]
    looked = 0
    while todo and looked < 64 and len(out) < most:
        node = todo.pop(0)
        looked += 1
        first, last = trie.node[node, :2].tolist()
        for b in range(first, last):
            branch = trie.branches[b]
            window = tuple(u for u in branch.units if layout.width[u])
            if window and fits(layout, (window,)):
                out[window] = None
            todo += [t for _, t in branch.kids]
    return list(out)[:most]
