"""A trie's branches, calls and leaves, and the arrays that the compiled walk sees of them.

What the arrays hold depends on the layout of a state; when that changes they are written anew from the lists.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.learn.trail import Effects, Vector
from vgic.engine.trie.layout import Layout

Array = npt.NDArray[Any]
_NUMBERS: Final = np.arange(1 << 10)


@dataclass(slots=True)
class Branch:
    """A test of units that lie side by side."""
    units: list[int]
    tests: int                      # those of them that may make a difference
    known: int
    k: int                          # the segment of the paths that it lies in
    writes: int                     # what the path may have written before
    wait: list[tuple[int, int]]     # the calls that go on here
    kids: list[tuple[list[tuple[int, int]], int]]


@dataclass(slots=True)
class StepCall:
    """A call of a step. `effects`: what its caller wrote before."""
    step: int
    effects: Effects
    known: int                      # after the call
    k: int
    writes: int
    wait: list[tuple[int, int]]
    kids: dict[int, int]


@dataclass(slots=True)
class Leaf:
    """A call that ends, or a step's end. `writes`: all that its path may have written."""
    root: int                       # -1: a step's
    call: int                       # or the step's result
    effects: Effects
    writes: int


class Arrays:
    """The lists, and the arrays made of them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._reset()

    def _reset(self) -> None:
        self.node = np.zeros((64, 8), np.int32)      # branches, calls, leaves (from, to), self loops
        self.br = np.zeros((64, 4), np.int32)        # word, shift, mask, base of its children
        self.call = np.zeros((16, 4), np.int32)      # the step's root, base of its children
        self.child = np.full(1024, -1, np.int32)     # node, -1 unknown, -2 asked for
        self.leaf_result = np.zeros(64, np.int32)
        self.leaf_masks = np.zeros((64, 2 * self.layout.W), np.uint64)
        self.call_masks = np.zeros((16, 2 * self.layout.W), np.uint64)
        self.nodes, self.used = 1, 0
        self.branches: list[Branch] = []
        self.calls: list[StepCall] = []
        self.leaves: list[Leaf] = []
        self._step_root: dict[int, int] = {}
        self._room: list[int] = []                   # per step: room for results in its calls' tables
        self._tests: list[tuple[int, list[tuple[int, int, int]]]] = []

    def _new_node(self) -> int:
        self.nodes += 1
        self.node = fit(self.node, self.nodes)
        return self.nodes - 1

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What the compiled walk needs."""
        return self.node, self.br, self.call, self.child, self.leaf_masks, self.call_masks, self.leaf_result

    def _at(self, b: int, vector: Vector) -> int:
        """The place of a vector's child in the table of a branch."""
        place, tests = self._tests[b]
        for u, shift, _ in tests:
            place += vector[u] << shift
        return place

    def _fill(self, b: int, cube: list[tuple[int, int]], t: int) -> None:
        units, at, width = self.branches[b].units, self.layout.at, self.layout.width
        base, full = int(self.br[b, 3]), int(self.br[b, 2])
        m = v = 0
        for u, i in cube:
            m |= (1 << width[u]) - 1 << at[u] - at[units[0]]
            v |= i << at[u] - at[units[0]]
        if m == full:
            self.child[base + v] = t
        else:
            table = self.child[base:base + full + 1]
            numbers = _NUMBERS[:full + 1] if full < len(_NUMBERS) else np.arange(full + 1)
            table[((numbers & m) == v) & (table < 0)] = t

    def _reserve(self, size: int) -> int:
        base, self.used = self.used, self.used + size
        if self.used > len(self.child):
            more = max(len(self.child), size)
            self.child = np.concatenate((self.child, np.full(more, -1, np.int32)))
        return base

    def _place_branches(self, first: int) -> None:
        self.br = fit(self.br, len(self.branches))
        at, width = self.layout.at, self.layout.width
        del self._tests[first:]
        for b in range(first, len(self.branches)):
            units = self.branches[b].units
            if not units:
                base = self._reserve(1)
                self.br[b] = 0, 0, 0, base
            else:
                size = 1 << at[units[-1]] - at[units[0]] + width[units[-1]]
                base = self._reserve(size)
                self.br[b] = at[units[0]] >> 6, at[units[0]] & 63, size - 1, base
            self._tests.append((base, [(u, at[u] - at[units[0]], width[u]) for u in units]))

    def _place_calls(self, which: Iterable[int]) -> None:
        self.call = fit(self.call, len(self.calls))
        self.call_masks = fit(self.call_masks, len(self.calls))
        for c in which:
            call = self.calls[c]
            base = self._reserve(self._room[call.step])
            self.call[c] = self._step_root[call.step], base, call.step, 0
            self.call_masks[c] = self.layout.masks(call.effects)
            for result, t in call.kids.items():
                self.child[base + result] = t

    def _place_leaves(self, first: int) -> None:
        self.leaf_masks = fit(self.leaf_masks, len(self.leaves))
        self.leaf_result = fit(self.leaf_result, len(self.leaves))
        for i in range(first, len(self.leaves)):
            leaf = self.leaves[i]
            self.leaf_masks[i] = self.layout.masks(leaf.effects)
            self.leaf_result[i] = leaf.call

    def _place_all(self) -> None:
        """Write all arrays anew, in the present layout."""
        self.used = 0
        self.child[:] = -1
        self.leaf_masks = np.zeros((max(64, len(self.leaves)), 2 * self.layout.W), np.uint64)
        self.call_masks = np.zeros((max(16, len(self.calls)), 2 * self.layout.W), np.uint64)
        self._place_branches(0)
        for b, branch in enumerate(self.branches):
            for cube, t in branch.kids:
                self._fill(b, cube, t)
        self._place_calls(range(len(self.calls)))
        self._place_leaves(0)


def fit(a: Array, n: int) -> Array:
    """a, or a copy with room for n rows."""
    if n <= len(a):
        return a
    b = np.zeros((max(n, 2 * len(a)), *a.shape[1:]), a.dtype)
    b[:len(a)] = a
    return b
