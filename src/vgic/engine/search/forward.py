"""The forward search: all states, level by level, and the rules on each.

A level is expanded in rounds. In a round the threads take blocks of states, walk the trie, insert the
successors, and judge the new states by the rules that read something that the step wrote (all others
hold as they did in the state before). Between rounds all is at rest: what the walk met and did not know is learned, and
limits, interrupts and checkpoints are seen to.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.kernels import loops, table
from vgic.engine.kernels.walk import MOST
from vgic.engine.learn.trail import Vector
from vgic.engine.learn.units import Units
from vgic.engine.lookup.lookups import POOL, SAMPLE, Cache, RootLookups, StepLookups
from vgic.engine.search.store import Full, Store, Threads
from vgic.engine.trie.layout import Layout
from vgic.engine.trie.trie import Failure, Relearn, Trie

Array = npt.NDArray[Any]

_BLOCK: Final = 512
_ROUND: Final = 1 << 17
_AT_ONCE: Final = 256               # so many misses are learned before it is asked whether to go on
FIRST_PLAN = 10_000                 # states; then whenever there are so many times more:
NEXT_PLAN = 8
_NONE: Final[Array] = np.zeros(0, np.uint8)
_NO_STATES: Final[Array] = np.zeros(0, np.int64)
_NO_BORN: Final[Array] = np.zeros(0, np.int32)


@dataclass(slots=True)
class Found:
    """A broken rule, as the search found it: the state, its depth, and the call that raised, if one did."""
    words: Array
    depth: int
    failure: Failure | None = None


class Buffers:
    """One thread's buffers."""

    def __init__(self, W: int, fan: int, out: Array) -> None:
        room = 6144 + fan
        self.outs = np.empty((room, W), np.uint64)
        self.born = np.empty(room, np.int32)
        self.new_born = np.empty(room, np.int32)
        self.miss = np.empty((4096 + 2 * fan, 2), np.int64)
        self.ats = np.empty((8, 2 * MOST), np.int64)
        self.again = np.empty((1 << 16, 2), np.int64)
        self.out = out
        self.scratch: tuple[Any, ...] = ()
        self.walking: tuple[Array, ...] = ()
        self.room: tuple[int, ...] = ()
        self.acted, self.judged, self.stepped = Cache(), Cache(), Cache()


class Search:
    """A breadth-first search over what the actions can do, from the parts' present state."""

    def __init__(self, units: Units, threads: int, memory: int) -> None:
        model = units.inventory.model
        self.units, self.actions, self.rules = units, tuple(model.actions), tuple(model.rules)
        self.layout = Layout(units)
        self.trie = Trie(units, self.layout)
        trie, layout = self.trie, self.layout
        self.acts = RootLookups(trie, layout, [trie.add_root([a], judges=False) for a in self.actions], POOL)
        """The actions: root n of the trie is the n-th."""
        self.judges = RootLookups(trie, layout, [trie.add_root([r], judges=True) for r in self.rules])
        self.steps = StepLookups(self.trie, self.layout)
        self.trie.on_resize.append(self._resized)
        self.threads = Threads(threads)
        self.store = Store(self.layout.ws, threads, memory)
        self.depth = self.transitions = 0
        self.learning = 0.0
        self.pending: list[tuple[int, int]] = []
        """What is left to expand of the present level."""
        self.found: Found | None = None
        self._unseen = False
        """A slot began to vary: which rules read it is not known before all states are judged anew."""
        self._hands_of: tuple[int, ...] = ()
        self._leaf_rules: Array = np.zeros(0, np.uint64)
        self._rules_of: Any = None
        self._plan_at, self._planned_from = FIRST_PLAN, 0
        self._wrote: dict[int, int] = {}
        self.impatient: Callable[[], bool] = bool
        """Whether to stop learning, for a round would take too long; asked while learning."""

    # -- what the kernels need
    @property
    def fan(self) -> int:
        """No state has more successors, or misses more, than this."""
        return len(self.actions) + len(self.rules) + 8

    def prepare(self) -> None:
        """Bring the buffers, and what is derived from the trie, up to date."""
        W = self.layout.W
        if self._hands_of != (W,):
            rows = np.zeros((self.threads.count, 64), np.int64)       # rows far apart: no false sharing
            self.buffers = [Buffers(W, self.fan, rows[k]) for k in range(self.threads.count)]
            self._hands_of = (W,)
        self.steps.refresh()
        stack, work = len(self.trie.branches) + len(self.trie.calls) + 2, len(self.trie.calls) + 2
        frames = len(self.units.steps) + 2
        for h in self.buffers:
            if not h.room or any(a < b for a, b in zip(h.room, (work, stack, frames), strict=True)):
                h.room = 2 * work, 2 * stack, 2 * frames
                h.walking = (np.empty((h.room[0], 2 * W), np.uint64), np.empty((h.room[1], 3), np.int64),
                             np.empty((h.room[2], 2), np.int64), np.empty((h.room[2], 2 * W), np.uint64))
            h.scratch = (*h.walking, self.steps.of(h.stepped, 1), h.ats)
        self.acts.refresh()
        self.judges.refresh()
        self._leaf_masks()

    def _leaf_masks(self) -> None:
        """For each leaf, the groups of rules that read something that it may have written."""
        trie, reads = self.trie, self.judges.reads
        now = (trie.cleared, reads)
        if now != self._rules_of:
            self._rules_of, self._wrote = now, {}
            self._leaf_rules = np.zeros(0, np.uint64)
        if len(self._leaf_rules) >= len(trie.leaves):
            return
        old = len(self._leaf_rules)
        masks = []
        for leaf in trie.leaves[old:]:
            mask = self._wrote.get(leaf.writes)
            if mask is None:
                mask = self._wrote[leaf.writes] = sum(
                    1 << j for j, r in enumerate(reads) if r & leaf.writes)
            masks.append(mask)
        self._leaf_rules = np.concatenate((self._leaf_rules, np.array(masks, np.uint64)))

    def _judging(self, plan: RootLookups, held: Cache) -> tuple[Any, ...]:
        return plan.of(held, self.fan), self._leaf_rules, self.fan, _NO_STATES, _NONE

    def plan(self) -> None:
        """Choose anew what is looked up together, by the states found last."""
        for calls in (self.acts, self.judges, self.steps):
            calls.choose(self.latest)

    @property
    def latest(self) -> Array:
        """The states found last, in the order in which one thread found them."""
        return self.store.states[max(0, self.store.ends[0] - SAMPLE):self.store.ends[0]]

    def _resized(self, moves: tuple[Array, ...]) -> None:
        self.store.repack(self.layout.ws, moves)
        self.store.index(self.threads.each)

    # -- learning
    def learn(self, jobs: Sequence[tuple[Vector, int]]) -> None:
        """Learn; where all is void, clear the trie, and the walk will ask again."""
        t0 = time.perf_counter()
        void, units = False, len(self.units.vary)
        try:
            self.trie.learn(jobs)
        except Relearn:
            void = True
        if not self.layout.fits():
            grouped = self.layout.regrouped
            self.trie.resize()
            void |= grouped != self.layout.regrouped
        if void:
            self.trie.clear()
        self._unseen |= len(self.units.vary) > units
        self.learning += time.perf_counter() - t0

    def vector(self, s: int) -> Vector:
        """A state by its place, as a vector."""
        return self.layout.unpack(self.store.states[s].tolist())

    def learn_missed(self, miss: Array, count: int) -> bool:
        """Learn what a walk has met. Returns whether some call raised."""
        self.learn([(self.vector(s), place) for s, place in miss[:count].tolist()])
        self.trie.unask()
        return bool(self.trie.failures)

    # -- forward
    def begin(self) -> None:
        """Enter the first state, and judge it."""
        self.prepare()
        self.store.states[0] = self.layout.pack([0] * len(self.units.slot))
        self.store.ends[0] = 1
        self.store.index(self.threads.each)
        self._open_level(0)
        self.judge(np.zeros(1, np.int64), self.judges)

    def resume(self, learned: bool) -> None:
        """Go on with states that were stored before, and with what was learned, if that was stored, too."""
        self.prepare()
        self.store.index(self.threads.each)
        if learned and self.store.n >= FIRST_PLAN:
            self._plan_at = self.store.n
        elif not learned:
            self._unseen = True
            self._planned_from = self.store.n       # what is read is learned anew: plan as in a search that begins
            self._plan_at = self._planned_from + FIRST_PLAN

    def judge(self, todo: Array, judges: RootLookups, flags: Array = _NONE, held: Cache | None = None) -> None:
        """Judge these states by all calls of a plan, learning what is not known. Without flags, the first one
        that is judged true is `found`; else they are flagged, by slot of the table."""
        held = held or Cache()
        while len(todo) and judges.roots and not self.found:
            self.prepare()
            h = self.buffers[0]
            h.out[:4] = 0, 0, 0, -1
            loops.judge(self.layout.ws, self._judging(judges, held), self.trie.arrays, h.scratch, self.store.states,
                          self.store.table, todo, 0, min(len(todo), len(h.again)), _NO_BORN, flags, h.miss, h.again,
                          h.out)
            _, missed, back, bad = h.out[:4].tolist()
            todo = np.concatenate((h.again[:back, 1], todo[len(h.again):]))
            if bad >= 0:
                self.found = Found(h.scratch[0][0].copy(), self.depth_of(bad))
            elif missed and self.learn_missed(h.miss, missed):
                self._raised()

    def vectors(self) -> Iterator[Vector]:
        """All states found, as vectors."""
        for lo, hi in self.store.all():
            for s in range(lo, hi):
                yield self.vector(s)

    def check_model(self) -> None:
        """Look once more whether anything changed that is no part. Raises ModelError."""
        self.trie.audit.constants(now=True)

    @property
    def deepest(self) -> int:
        """The greatest depth of a state."""
        return max(d for d in range(len(self.store.levels)) if self.store.level(d))

    def depth_of(self, s: int) -> int:
        """The depth of the state at a place."""
        r = s // self.store.cap
        return sum(level[r] <= s for level in self.store.levels) - 1

    def _raised(self) -> None:
        failure = self.trie.failures[0]
        words = self.layout.pack(failure.vector)
        depth = self._depth_of_words(words)
        self.found = Found(words, depth, failure)

    def _depth_of_words(self, words: Array) -> int:
        keys = words.reshape(1, -1).copy()
        self.prepare()
        ws, store = self.layout.ws, self.store
        p = table.slot_of(ws, keys, store.table, store.states)
        if p < 0:
            raise AssertionError("a state that was met is not in the table")
        if len(ws) > 1:
            return self.depth_of(int(store.table[p] >> 32) - 1)
        for d in range(len(store.levels)):
            if any((store.states[lo:hi] == keys).all(1).any() for lo, hi in store.level(d)):
                return d
        raise AssertionError("a state that was met is not among the states")

    def round(self) -> None:
        """Expand some of what is pending. At its end all is at rest. Raises store.Full."""
        if self.store.n >= self._plan_at:
            self._plan_at = self._planned_from + NEXT_PLAN * (self.store.n - self._planned_from)
            self.plan()
        todo: Array = np.zeros(0, np.int64)
        blocks = self._blocks()
        while len(blocks) and not self.found:
            again, left, redo = self._go(todo, blocks)
            if len(todo):
                rest = [todo[lo:hi] for lo, hi in left]
                again = np.concatenate((again, *rest))
            else:
                self.pending += left
            if not self.found and len(redo):
                self.judge(redo, self.judges)
            todo = again
            blocks = _cut([(0, len(todo))])
            if len(todo) and self.impatient():
                self.pending += _join([(s, s + 1) for s in todo.tolist()])
                break
        while self._unseen and not self.found:
            self._unseen = False
            for lo, hi in _cut(self.store.all(), 1 << 20).tolist():
                self.judge(np.arange(lo, hi), self.judges)

    def _blocks(self) -> Array:
        """Take a round's work off what is pending."""
        take, size = [], 0
        while self.pending and size < _ROUND:
            lo, hi = self.pending.pop(0)
            mid = min(hi, lo + _ROUND - size)
            take.append((lo, mid))
            size += mid - lo
            if mid < hi:
                self.pending.insert(0, (mid, hi))
        return _cut(take)

    def _go(self, todo: Array, blocks: Array) -> tuple[Array, list[tuple[int, int]], Array]:
        """Set the threads to work on blocks. Returns the states to expand again, the stretches not reached,
        and the states to judge again, with what was missed learned."""
        self.prepare()
        store, T = self.store, self.threads.count
        room = max(3 * len(self.buffers[0].born), int(blocks[:, 1].sum() - blocks[:, 0].sum()) // T)
        try:
            store.make_room(T * room, self.threads.each)
        except Full:
            rest = [(s, s + 1) for s in todo.tolist()] if len(todo) else [(lo, hi) for lo, hi in blocks.tolist()]
            self.pending += _join(rest)
            raise
        cursor = np.zeros(1, np.int64)
        trie, ws = self.trie.arrays, self.layout.ws

        def work(k: int) -> None:
            h = self.buffers[k]
            h.out[0] = store.ends[k]
            loops.advance(ws, self.acts.of(h.acted, self.fan), self._judging(self.judges, h.judged), trie, h.scratch,
                            todo, blocks, cursor, store.states, store.table, store.ends[k] + room, h.outs, h.born,
                            h.new_born, h.miss, h.again, h.out)
        self.threads.each(work, range(T))
        left = [(lo, hi) for lo, hi in blocks[int(cursor[0]):].tolist()]
        again, redo, missed = [], [], []
        for k, h in enumerate(self.buffers):
            n, miss, rejudge, bad, transitions, back, lo, hi = h.out[:8].tolist()
            store.ends[k] = n
            self.transitions += transitions
            again.append(h.again[:back, 0].copy())
            redo.append(h.again[:rejudge, 1].copy())
            missed.append(h.miss[:miss])
            if lo < hi:
                left.append((lo, hi))
            if bad >= 0 and not self.found:
                self.found = Found(h.scratch[0][0].copy(), self.depth + 1)
        entries = np.concatenate(missed)
        cleared = self.trie.cleared
        for lo in range(0, 0 if self.found else len(entries), _AT_ONCE):
            if self.learn_missed(entries[lo:], min(_AT_ONCE, len(entries) - lo)):
                self._raised()
                break
            if self.trie.cleared != cleared or self.impatient():     # what is left will be asked for again
                break
        return np.concatenate(again), _join(left), np.concatenate(redo)

    def run(self, at_rest: Callable[[], str | None]) -> str | None:
        """Search until all is explored (None), a rule is broken (None, `found`), or `at_rest`, which is
        called between rounds, or the memory gives a reason to stop."""
        while not self.found:
            while self.pending and not self.found:
                why = at_rest()
                if why:
                    return why
                try:
                    self.round()
                except Full:
                    return "memory"
            if self.found or not self._descend():
                break
        return None

    def _open_level(self, depth: int) -> None:
        self.depth = depth
        self.pending = self.store.level(depth)
        self.store.levels.append(list(self.store.ends))

    def _descend(self) -> bool:
        """Begin the next level; False where there is none."""
        if not self.store.level(self.depth + 1):
            return False
        self._open_level(self.depth + 1)
        return True

    def close(self) -> None:
        """End the threads."""
        self.threads.close()


def _cut(spans: Sequence[tuple[int, int]], size: int = _BLOCK) -> Array:
    """Stretches in blocks."""
    blocks = [(at, min(at + size, hi)) for lo, hi in spans for at in range(lo, hi, size)]
    return np.array(blocks, np.int64).reshape(-1, 2)


def _join(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring stretches as one."""
    out: list[tuple[int, int]] = []
    for lo, hi in sorted(spans):
        if out and out[-1][1] == lo:
            out[-1] = out[-1][0], hi
        else:
            out.append((lo, hi))
    return out
