"""Nothing is lost: from every reachable state, fair steps alone can still reach the goal.

A backward pass over the graph explored, without storing it: each undecided state is walked once more, and is decided as
soon as a fair step leads to a state that can. States are taken last level first, for steps mostly lead
on; so few passes are needed. What stays undecided can't. No logic of time is needed, and no fairness beyond
the choice of the steps: a state from which the goal can be reached by fair steps, and from all of whose
successors it still can, reaches it in every fair run.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.kernels import loops
from vgic.engine.learn.trail import Vector
from vgic.engine.lookup.lookups import Cache, RootLookups
from vgic.engine.model.contract import Goal, ModelError
from vgic.engine.model.result import Broken
from vgic.engine.model.values import shown
from vgic.engine.plain import lasso, said_of
from vgic.engine.search.forward import Search
from vgic.engine.search.way import actions_to

Array = npt.NDArray[Any]

_BLOCK: Final = 1 << 15


class Stopped(Exception):
    """There was a reason to stop; it is the argument."""


class _Backward:
    """The backward pass for one goal. `why_stop` gives a reason to stop, or None."""

    def __init__(self, search: Search, goal: Goal, why_stop: Callable[[], str | None]) -> None:
        self.search, self.fair, self._why_stop = search, goal.fair, why_stop
        root = search.trie.add_root([(goal.name, goal.reached)], judges=True)
        self.reached = RootLookups(search.trie, search.layout, [root])
        self.can: Array = np.zeros(0, np.uint8)

    def states(self) -> Array:
        """The states from which the goal can't be reached, in breadth-first order."""
        search = self.search
        search.trie.unask()
        self.reached.choose(search.latest)
        while True:
            generation, cache = search.store.generation, Cache()
            self.can = np.zeros(len(search.store.table), np.uint8)
            for lo, hi in self._blocks(1 << 20):
                self._rest()
                search.judge(np.arange(lo, hi), self.reached, self.can, cache)
                self._raised()
            left = self._passes(generation)
            if left is not None:
                break                                # else the states were laid out anew: the flags are void
        depth = np.array([search.depth_of(int(s)) for s in left], np.int64)
        return left[np.lexsort((left, depth))]

    def _rest(self) -> None:
        why = self._why_stop()
        if why is not None:
            raise Stopped(why)

    def _blocks(self, size: int) -> list[tuple[int, int]]:
        """All states, last level first."""
        store = self.search.store
        return [(at, min(at + size, hi)) for d in range(len(store.levels) - 1, -1, -1)
                for lo, hi in store.level(d) for at in reversed(range(lo, hi, size))]

    def _passes(self, generation: int) -> Array | None:
        left = self._sweep(np.arange(lo, hi) for lo, hi in self._blocks(_BLOCK))
        while self.search.store.generation == generation:
            before, known = sum(map(len, left)), self.search.trie.paths
            left = self._sweep(iter(left))
            if sum(map(len, left)) == before and self.search.trie.paths == known:
                return np.concatenate(left) if left else np.zeros(0, np.int64)
        return None

    def _sweep(self, todo: Iterator[Array]) -> list[Array]:
        search, fair = self.search, self.fair
        search.prepare()
        trie, acts, ws, store = search.trie, search.acts, search.layout.ws, search.store
        fair_leaf = np.array([0 <= leaf.root < len(search.actions) and fair(search.actions[leaf.root][0])
                              for leaf in trie.leaves] + [False], np.bool_)
        left: list[list[Array]] = [[] for _ in search.buffers]
        missed: list[Array] = []

        blocks = _Shared(todo)

        def work(k: int) -> None:
            h = search.buffers[k]
            for block in blocks:
                self._rest()
                keep, count = loops.sweep(ws, acts.of(h.acted, search.fan), trie.arrays, h.scratch,
                                            search.fan, block, store.states, store.table, self.can,
                                            fair_leaf, h.outs, h.born, h.miss)
                if keep < len(block):
                    left[k].append(block[keep:])
                if count:
                    missed.append(h.miss[:count].copy())
        search.threads.each(work, range(len(search.buffers)))
        if missed:
            entries = np.concatenate(missed)
            search.learn_missed(entries, len(entries))
            self._raised()
        return [block for blocks in left for block in blocks]

    def _raised(self) -> None:
        for failure in self.search.trie.failures:
            raise ModelError(f"{failure.name} raises {shown(failure.error)}. The state:"
                             f" {self.search.units.describe(failure.vector)}") from failure.error


class _Shared:
    """An iterator that threads can share."""

    def __init__(self, items: Iterator[Array]) -> None:
        self._items, self._lock = items, threading.Lock()

    def __iter__(self) -> Iterator[Array]:
        return self

    def __next__(self) -> Array:
        with self._lock:
            return next(self._items)


def lost(search: Search, goal: Goal, why_stop: Callable[[], str | None]) -> Broken | None:
    """A shortest way to a state from which the goal can't be reached, and where fair steps lead from there; or None.

    The search must be complete. Raises Stopped.
    """
    states = _Backward(search, goal, why_stop).states()
    if goal.when is not None and len(states):
        root = search.trie.add_root([(goal.name, goal.when)], judges=True)
        when = RootLookups(search.trie, search.layout, [root])
        depth = np.array([search.depth_of(int(s)) for s in states], np.int64)
        for d in np.unique(depth):
            search.judge(states[depth == d], when)
            if search.found:
                break
        if not search.found:
            return None
        vector, at = search.layout.unpack(search.found.words.tolist()), search.found.depth
        search.found = None
    elif len(states):
        vector, at = search.vector(int(states[0])), search.depth_of(int(states[0]))
    else:
        return None
    names = actions_to(search, vector, at)
    then, loop = lasso(tuple(vector), lambda v: _fair_steps(search, goal, list(v)))
    return Broken(goal.name, said_of(loop), names, "lost", then, loop)


def _fair_steps(search: Search, goal: Goal, vector: Vector) -> list[tuple[str, tuple[int, ...]]]:
    out = []
    for name, call in search.actions:
        if goal.fair(name):
            trail = search.units.run(call, vector)
            if trail.value is not False and trail.raised is None:
                out.append((name, tuple(trail.end())))
    return out
