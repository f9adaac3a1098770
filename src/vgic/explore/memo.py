"""Which calls are looked up together, instead of being walked again: see `vgic.explore.walk`.

A call's outcome depends on the units that it may read, so far as is known; two states alike in these are alike to it.
One lookup costs the same for one call and for many, but the more calls share one, the more values it meets. So what is
best is tried on states that were just found: how often would a lookup fail in the last of them, after the others?
Groups are made greedily, of the calls that read most first, each call going where it adds least. What is seen to read
more than was known has its slots emptied.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.explore.layout import Layout
from vgic.explore.trie import Trie

Array = npt.NDArray[Any]

SAMPLE: Final = 1 << 14             # so many states are tried
_LAST: Final = 1 << 11              # and lookups are counted in so many of them
_BITS: Final = 18
_LOOKUP: Final = 4.0                # the cost of a lookup,
CALL = 100.0                # and of a call that is walked
_MOST: Final = 64                   # groups
FEW = 8                     # a step that reads fewer bits is walked,
TOO_OFTEN = 0.5             # and one whose lookups fail more often
SLOTS = (8, 16)             # bits of a group's slots, at least and at most
POOL = 1 << 18               # effects of actions
STEP_POOL = 1 << 17
_K: Final = np.uint64(0x9E3779B97F4A7C15)
_H32: Final = np.uint64(32)


@dataclass(slots=True)
class Held:
    """What one thread has looked up."""
    stamp: int = -1
    arrays: tuple[Array, ...] = ()


@dataclass(slots=True)
class _Group:
    """Roots that are looked up together. `bits`: of the number of its slots, 0: it is not looked up."""
    roots: list[int]
    bits: int = 0


@dataclass(slots=True)
class _Try:
    """A group in the making: its mask, how often its lookups fail, how many values it meets."""
    roots: list[int]
    mask: Array
    fails: float
    met: int

    @property
    def cost(self) -> float:
        return min(_LOOKUP + self.fails * CALL * len(self.roots), CALL * len(self.roots))


class Lookups:
    """Groups of calls that are looked up, and the arrays that the kernels need of them."""

    def __init__(self, trie: Trie, layout: Layout, groups: list[_Group], pool: int) -> None:
        self.trie, self.layout, self.groups, self._pool = trie, layout, groups, pool
        self.stamp = 0
        """Counts the times that what was looked up before became void."""
        self.reads: list[int] = []
        """What the calls of each group may read."""
        self._made_of: Any = None
        self._arrays_of: Any = None
        self._chosen = 0

    def _reads(self) -> list[int]:
        raise NotImplementedError  # abstract: steps and roots differ

    def refresh(self) -> None:
        """Bring the arrays up to date with the trie and the layout."""
        trie, layout = self.trie, self.layout
        now = (trie.cleared, trie.version, layout.laid, self._chosen)
        if now == self._made_of:
            return
        self._made_of = now
        self.reads = self._reads()
        groups: list[tuple[int, ...]] = []
        nodes: list[int] = []
        base = 0
        for group in self.groups:
            groups.append((len(nodes), len(nodes) + len(group.roots), base, 64 - group.bits if group.bits else 0))
            nodes += [trie.roots[r].node for r in group.roots]
            base += 1 << group.bits if group.bits else 0
        masks = [self._mask(reads).tolist() if group.bits else [0] * layout.W
                 for reads, group in zip(self.reads, self.groups, strict=True)]
        of = (trie.cleared, layout.laid, groups, nodes, masks)
        if of != self._arrays_of:                    # else only others were seen to read more
            self._arrays_of = of
            self.stamp += 1
            self.slots = base
            self.arrays = (np.array(groups, np.int64).reshape(-1, 4), np.array(masks, np.uint64).reshape(-1, layout.W),
                           np.array(nodes, np.int64))

    def of(self, held: Held, fan: int) -> tuple[Array, ...]:
        """The groups, and what a thread has looked up of them: nothing, where that was of another form."""
        self.refresh()
        if held.stamp != self.stamp:
            held.stamp = self.stamp
            W = self.layout.W
            pool = (self._pool if self.slots else 0) + fan
            held.arrays = (*self.arrays, np.zeros((self.slots, W + 1), np.uint64),
                           np.empty((pool, 2 * W + 1), np.uint64), np.zeros(1, np.int64))
        return held.arrays

    def _mask(self, units: int) -> Array:
        """The bits of these units in a state's words."""
        out = [0] * self.layout.W
        for u, w, shift, mask in self.layout.fields:
            if units >> u & 1:
                out[w] |= mask << shift
        return np.array(out, np.uint64)

    def _try(self, roots: list[int], mask: Array, states: Array) -> _Try:
        h = np.zeros(len(states), np.uint64)
        for k in range(len(mask)):
            h = (h ^ (states[:, k] & mask[k])) * _K
            h ^= h >> _H32
        at = (h * _K >> np.uint64(64 - _BITS)).astype(np.int64)
        seen = np.zeros(1 << _BITS, np.bool_)
        first = max(0, len(states) - _LAST)
        seen[at[:first]] = True
        fails = float((~seen[at[first:]]).mean())
        seen[at[first:]] = True
        return _Try(roots, mask, fails, int(seen.sum()))


class Steps(Lookups):
    """The steps: each is a group of its own."""

    def __init__(self, trie: Trie, layout: Layout) -> None:
        super().__init__(trie, layout, [], STEP_POOL)

    def _reads(self) -> list[int]:
        reads = self.trie.step_reads()
        self.groups += [_Group([]) for _ in range(len(self.groups), len(reads))]
        return reads

    def choose(self, states: Array) -> None:
        """Choose the steps that are looked up by what calls of them on these states would have met."""
        self.refresh()
        for group, reads in zip(self.groups, self.reads, strict=True):
            mask = self._mask(reads)
            t = self._try([], mask, states)
            few = sum(int(m).bit_count() for m in mask) < FEW
            group.bits = 0 if few or t.fails > TOO_OFTEN else _bits(t.met)
        self._chosen += 1


class Plan(Lookups):
    """The calls of some roots of a trie."""

    def __init__(self, trie: Trie, layout: Layout, roots: Sequence[int], pool: int = 0) -> None:
        share = min(_MOST, len(roots))
        super().__init__(trie, layout, [_Group(list(roots[i::share])) for i in range(share)], pool)
        self.roots = list(roots)

    def _reads(self) -> list[int]:
        out = []
        for group in self.groups:
            reads = 0
            for r in group.roots:
                reads |= self.trie.reads_of(r)
            out.append(reads)
        return out

    def choose(self, states: Array) -> None:
        """Choose the groups by what these states, in the order in which they were found, would have met."""
        tries: list[_Try] = []
        masks = {r: self._mask(self.trie.reads_of(r)) for r in self.roots}
        for r in sorted(self.roots, key=lambda r: -sum(int(m).bit_count() for m in masks[r])):
            alone = self._try([r], masks[r], states)
            best, gain, at = alone, 0.0, -1
            for i, group in enumerate(tries):
                joined = self._try([*group.roots, r], group.mask | masks[r], states)
                more = alone.cost - (joined.cost - group.cost)
                if more > gain or (len(tries) == _MOST and at < 0):
                    best, gain, at = joined, more, i
            if at < 0:
                tries.append(alone)
            else:
                tries[at] = best
        self.groups = [_Group(t.roots, _bits(t.met) if t.cost < CALL * len(t.roots) else 0) for t in tries]
        self._chosen += 1


def _bits(met: int) -> int:
    return max(SLOTS[0], min(SLOTS[1], met.bit_length() + 3))
