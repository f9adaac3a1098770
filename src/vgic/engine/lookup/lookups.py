"""Which calls are looked up together, instead of being walked again: see `vgic.engine.kernels.walk`.

A call's outcome depends on the units that it may read, so far as is known; two states alike in these are alike to it.
One lookup costs the same for one call and for many, but the more calls share one, the more values it meets. So what is
best is tried on states that were just found: how often would a lookup fail in the last of them, after the others?
First each call has the windows chosen (`vgic.engine.lookup.windows`) that make its lookups fail least; then groups are
made greedily, of the calls that read most first, each call going where it adds least.

What was looked up stays right when a call is seen to read more: it holds under the bits that it was found under, and
so under these and others.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.kernels.walk import MOST
from vgic.engine.lookup.windows import Masks, StepMasks, Windows, candidates, columns, fits, rows_of
from vgic.engine.trie.layout import Layout
from vgic.engine.trie.trie import Trie

Array = npt.NDArray[Any]

SAMPLE: Final = 1 << 14             # so many states are tried
_LAST: Final = 1 << 11              # and lookups are counted in so many of them
_BITS: Final = 18
LOOKUP = 4.0                        # the cost of a lookup,
CALL = 10.0                         # of a call that is walked,
BIT = 2.0                           # and of a bit that it reads then
SELECT = SAMPLE                     # with fewer states to try no selector is looked for,
SETTLED = 0.5                       # what fails less has none looked for, either,
BETTER = 0.9                        # and none is taken that costs more than this part of what it costs without
FEW = 8                             # a step that reads fewer bits is walked,
TOO_OFTEN = 0.5                     # and one whose lookups fail more often
SLOTS = (8, 16)                     # bits of a group's slots, at least and at most
POOL = 1 << 18                      # effects of actions
STEP_POOL = 1 << 17
_K: Final = np.uint64(0x9E3779B97F4A7C15)
_H32: Final = np.uint64(32)


@dataclass(slots=True)
class Cache:
    """What one thread has looked up."""
    stamp: int = -1
    arrays: tuple[Array, ...] = ()


@dataclass(slots=True)
class _Lookup:
    """Roots that are looked up together. `bits`: of the number of its slots, 0: it is not looked up."""
    masks: Masks
    bits: int = 0

    @property
    def roots(self) -> list[int]:
        return self.masks.roots


@dataclass(slots=True)
class _Try:
    """A group in the making: what it reads, how often its lookups fail and what is walked then, how many values it
    meets, and what walking them always would cost."""
    masks: Masks
    fails: float
    walks: float
    met: int
    always: float

    @property
    def cost(self) -> float:
        return min(LOOKUP + self.walks, self.always)


class Lookups:
    """Groups of calls that are looked up, and the arrays that the kernels need of them."""

    def __init__(self, trie: Trie, layout: Layout, groups: list[_Lookup], pool: int) -> None:
        self.trie, self.layout, self.groups, self._pool = trie, layout, groups, pool
        self.stamp = 0
        """Counts the times that all that was looked up before became void."""
        self.reads: list[int] = []
        """What the calls of each group may read."""
        self._made_of: Any = None
        self._form: Any = None
        self._words: list[list[list[int]]] = []
        self._chosen = 0

    def _renew(self) -> None:
        """Bring the groups up to date."""

    def refresh(self) -> None:
        """Bring the arrays up to date with the trie and the layout."""
        trie, layout = self.trie, self.layout
        now = (trie.cleared, trie.version, layout.laid, self._chosen, trie.paths)
        if now == self._made_of:
            return
        self._made_of = now
        self._renew()
        words = [group.masks.refresh() for group in self.groups]
        form = trie.cleared, layout.laid, self._chosen, len(words)
        if form == self._form and all(map(is_, words, self._words)):
            return
        groups: list[list[int]] = []
        nodes: list[int] = []
        masks: list[list[int]] = []
        base = 0
        for group, rows in zip(self.groups, words, strict=True):
            groups.append([len(nodes), len(nodes) + len(group.roots), base, 64 - group.bits if group.bits else 0,
                           len(masks), *columns(layout, group.masks.selector)])
            nodes += [trie.roots[r].node for r in group.roots]
            masks += rows
            base += 1 << group.bits if group.bits else 0
        self.reads = [group.masks.reads for group in self.groups]
        self.slots = base
        self.arrays = (np.array(groups, np.int64).reshape(-1, 12), np.array(masks, np.uint64).reshape(-1, layout.W),
                       np.array(nodes, np.int64))
        self._words = words
        if form != self._form:
            self._form = form
            self.stamp += 1

    def of(self, held: Cache, fan: int) -> tuple[Array, ...]:
        """The groups, and what a thread has looked up of them: nothing, where that was of another form."""
        self.refresh()
        if held.stamp != self.stamp:
            held.stamp = self.stamp
            W = self.layout.W
            pool = (self._pool if self.slots else 0) + fan
            held.arrays = (*self.arrays, np.zeros((self.slots, W + 1), np.uint64),
                           np.empty((pool, 2 * W + 1), np.uint64), np.zeros(1, np.int64))
        else:                                        # what was known under fewer bits is right under more
            held.arrays = (*self.arrays, *held.arrays[3:])
        return held.arrays

    def _try(self, masks: Masks, states: Array) -> _Try:
        words = np.array(masks.refresh(), np.uint64).reshape(-1, self.layout.W)
        rows = rows_of(self.layout, masks.selector, states)
        mine = words[rows] if masks.selector else words
        h = np.zeros(len(states), np.uint64)
        for k in range(self.layout.W):
            h = (h ^ (states[:, k] & mine[:, k])) * _K
            h ^= h >> _H32
        at = (h * _K >> np.uint64(64 - _BITS)).astype(np.int64)
        seen = np.zeros(1 << _BITS, np.bool_)
        first = max(0, len(states) - _LAST)
        seen[at[:first]] = True
        failed = ~seen[at[first:]]
        seen[at[first:]] = True
        effort = np.array(masks.effort(), np.float64)[rows[first:]] * BIT + CALL * len(masks.roots)
        return _Try(masks, np.count_nonzero(failed) / len(failed), float((failed * effort).mean()),
                    int(np.count_nonzero(seen)), float(effort.mean()))


class StepLookups(Lookups):
    """The steps: each is a group of its own."""

    def __init__(self, trie: Trie, layout: Layout) -> None:
        super().__init__(trie, layout, [], STEP_POOL)
        self._windows = Windows(trie, layout)

    def _renew(self) -> None:
        reads = self.trie.step_reads()
        for h in range(len(self.groups), len(reads)):
            self.groups.append(_Lookup(StepMasks(self._windows, h)))

    def choose(self, states: Array) -> None:
        """Choose the steps that are looked up by what calls of them on these states would have met."""
        self.refresh()
        for group in self.groups:
            t = self._try(group.masks, states)
            few = sum(m.bit_count() for m in group.masks.refresh()[0]) < FEW
            group.bits = 0 if few or t.fails > TOO_OFTEN else _bits(t.met)
        self._chosen += 1


class RootLookups(Lookups):
    """The calls of some roots of a trie."""

    def __init__(self, trie: Trie, layout: Layout, roots: Sequence[int], pool: int = 0) -> None:
        share = min(MOST, len(roots))
        self._windows = Windows(trie, layout)
        super().__init__(trie, layout, [_Lookup(Masks(self._windows, roots[i::share])) for i in range(share)], pool)
        self.roots = list(roots)

    def choose(self, states: Array) -> None:
        """Choose the groups by what these states, in the order in which they were found, would have met."""
        tries: list[_Try] = []
        alone = [self._alone(r, states) for r in self.roots]
        reads = {t.masks.roots[0]: t.masks.reads.bit_count() for t in alone}
        for mine in sorted(alone, key=lambda t: -reads[t.masks.roots[0]]):
            best, gain, at = mine, 0.0, -1
            for i, group in enumerate(tries):
                roots = [*group.masks.roots, *mine.masks.roots]
                for selector in dict.fromkeys((group.masks.selector, mine.masks.selector)):
                    joined = self._try(Masks(self._windows, roots, selector), states)
                    more = mine.cost - (joined.cost - group.cost)
                    if more > gain or (len(tries) == MOST and at < 0):
                        best, gain, at = joined, more, i
            if at < 0:
                tries.append(mine)
            else:
                tries[at] = best
        self.groups = [_Lookup(t.masks, _bits(t.met) if t.cost < t.always else 0) for t in tries]
        self._chosen += 1

    def _alone(self, r: int, states: Array) -> _Try:
        """A root by itself, with the selector that makes its lookups fail least."""
        best = self._try(Masks(self._windows, [r]), states)
        for _ in range(2 if len(states) >= SELECT else 0):
            base = best
            if base.walks < SETTLED:
                break
            for window in candidates(self.trie, self.layout, r):
                selector = (*base.masks.selector, window)
                if window not in base.masks.selector and fits(self.layout, selector):
                    tried = self._try(Masks(self._windows, [r], selector), states)
                    if tried.cost < BETTER * best.cost:
                        best = tried
            if best is base:
                break
        return best


def _bits(met: int) -> int:
    return max(SLOTS[0], min(SLOTS[1], met.bit_length() + 3))
