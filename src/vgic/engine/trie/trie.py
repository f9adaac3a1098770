"""What was learned, as one trie that a compiled loop can walk.

A *root* is a set of calls that are walked together: all actions, some rules, one goal. A node is
reached by a sequence of (units, values). It has *leaves* (calls that end there: an effect, an AND and
an OR mask on the words), *branches* (a window of neighbouring units, all of one part, is tested) and
*calls* (a step is run on the words; its result selects the child). All calls of a root share the trie:
a common prefix is tested once, and an action that is not possible costs nothing below the
point where that is known.

A child of a branch belongs to a *cube*: the values of those units of the window that the calls
really read on the learned vector. It fills each entry of the branch's table that the cube covers. So learning
sees single slots (few paths), the walk sees whole parts (few steps). Where cubes overlap the first
stays: what a call reads beyond it, a later branch tests.

Every step (method and arguments) has a trie of its own, of one call; its leaves carry the result. After a
step's call a caller keeps what it knew of units that the step has never written. When a
step is found to write another one, what its callers do after it is learned anew.

Sets of units are Python integers used as bit sets.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vgic.engine.learn.audit import Audit
from vgic.engine.learn.trail import Effects, Segment, Trail, Varies, Vector
from vgic.engine.learn.units import Units
from vgic.engine.model.contract import ModelError, Named
from vgic.engine.trie.arrays import Array, Arrays, Branch, Leaf, StepCall
from vgic.engine.trie.layout import Layout

EMPTY: Final = 0                    # the node with nothing below
_WHOLE: Final = 6                   # a part of so many bits is tested whole
_SPAN: Final = 10                   # a window has at most so many bits, or one unit
_REPEATED: Final = 10               # so many runs of each call are repeated to see whether it is deterministic,
_SAMPLED: Final = 32                # then one in so many


class Relearn(Exception):
    """The trie is void and must be cleared."""


@dataclass(slots=True)
class RunReads:
    """What one run of a root's call on a vector has read. `seen`: what it read before it wrote it: where that has other
    values the call does not run like this. `steps`: those that it called."""
    reads: int
    steps: int
    seen: int
    vector: Vector


@dataclass(slots=True)
class Root:
    """Calls that are walked together. `judges`: only the truth of what they return matters."""
    calls: list[Named]
    judges: bool
    node: int = 0
    reads: int = 0
    steps: int = 0
    runs: list[RunReads] = field(default_factory=list)


@dataclass(slots=True)
class _Cursor:
    """A run to be added: by whom (root and call, or step), and its trail."""
    root: int
    call: int
    trail: Trail


@dataclass(slots=True)
class Failure:
    """A call that raised."""
    name: str
    root: int
    vector: Vector
    error: Exception


class Trie(Arrays):
    """The learned paths of all roots, and their arrays for the compiled walk."""

    def __init__(self, units: Units, layout: Layout) -> None:
        super().__init__(layout)
        self.units = units
        self.roots: list[Root] = []
        self.history: list[tuple[list[tuple[int, int]], int, int]] = []
        """The runs that met a new value, unit, step or result: (units not 0, root, call). Repeated in order, they meet
        them again."""
        self.failures: list[Failure] = []
        self.paths = self.cleared = 0
        self.runs_of: dict[str, int] = {}
        """How often each call was run to be learned."""
        self._step_writes: list[int] = []
        self._step_reads: list[int] = []
        self._step_steps: list[int] = []
        self.version = 0
        """Counts the times that some call was seen to read more."""
        self.on_resize: list[Callable[[tuple[Array, ...]], None]] = []
        """Called after the states' layout changed, with what moved (see `Layout.renew`)."""
        units.recall = self.recall
        self._void = False
        self.audit = Audit(units)
        self.clear()

    def add_root(self, calls: Iterable[Named], judges: bool) -> int:
        """A new root for these calls; returns its number."""
        self.roots.append(Root(list(calls), judges))
        self._plant(len(self.roots) - 1)
        return len(self.roots) - 1

    def clear(self) -> None:
        """Forget all paths."""
        self.cleared += 1
        self._regrouped = self.layout.regrouped
        self._reset()
        self._void = False
        for r in range(len(self.roots)):
            self.roots[r].runs = []
            self._plant(r)

    def _plant(self, r: int) -> None:
        root = self.roots[r]
        root.node = self._new_node()
        self.branches.append(Branch([], 0, 0, 0, 0, [(r, a) for a in range(len(root.calls))], []))
        self.node[root.node, :2] = len(self.branches) - 1, len(self.branches)
        self._place_branches(len(self.branches) - 1)

    # -- learning
    def learn(self, jobs: Iterable[tuple[Vector, int]]) -> None:
        """Learn what the calls do that wait at these places, on these rows. A place is a branch, or
        -1 - c for the call c of a step. Raises Relearn where the trie is void."""
        self._void = False
        for vector, place in jobs:
            try:
                if self._void:                       # only to meet more of what varies
                    self._runs(vector, self._waiting(place))
                else:
                    self._learn(vector, place)
            except (Varies, Relearn):
                self._void = True
        self.audit.constants()
        if not self.layout.fits():
            self.resize()
        if self._void or self._regrouped != self.layout.regrouped:
            raise Relearn

    def unask(self) -> None:
        """Forget what walks have asked for and was not learned: the next one to meet it asks again."""
        self.child[self.child == -2] = -1

    def steps_held(self) -> list[Any]:
        """What is known of steps, as data: roots, room for results, writes, reads, steps called."""
        return [[*self._step_root.items()], self._room, self._step_writes, self._step_reads, self._step_steps]

    def adopt(self, node: Array, steps: list[Any]) -> None:
        """Make the arrays of lists, nodes and steps (see `steps_held`) that come from elsewhere."""
        roots, self._room, self._step_writes, self._step_reads, self._step_steps = steps
        self._step_root = dict(roots)
        self.node, self.nodes = node, len(node)
        self.version += 1
        self._place_all()

    def resize(self) -> None:
        """Lay the state out anew, and this trie with it."""
        moves = self.layout.renew()
        if self._regrouped == self.layout.regrouped:     # else windows are void, and so is all of the trie
            self._place_all()
        for hook in self.on_resize:
            hook(moves)

    def learned(self) -> tuple[tuple[str, int], ...]:
        """How often each call was run to be learned, most first."""
        return tuple(sorted(self.runs_of.items(), key=lambda item: -item[1]))

    def _waiting(self, place: int) -> list[tuple[int, int]]:
        return self.branches[place].wait if place >= 0 else self.calls[-1 - place].wait

    def _learn(self, vector: Vector, place: int) -> None:
        if place >= 0 and not self.branches[place].k and self.child[self._at(place, vector)] >= 0:
            return                                   # another job of this batch was the same
        cursors = self._runs(vector, self._waiting(place))
        for cursor in cursors:
            root = self.roots[cursor.root]
            reads, _, steps = self._note(cursor.trail)
            if reads & ~root.reads or steps & ~root.steps:
                self.version += 1
                root.reads |= reads
                root.steps |= steps
            root.runs.append(RunReads(reads, steps, _seen(cursor.trail), vector))
        if not self.layout.fits():
            self.resize()
        if self._regrouped != self.layout.regrouped:
            raise Relearn
        for cursor in cursors:
            self._add_steps(cursor.trail)
        self._grow([(place, cursors)])

    def _segment(self, place: int) -> int:
        return self.branches[place].k if place >= 0 else self.calls[-1 - place].k

    def _runs(self, vector: Vector, wait: Iterable[tuple[int, int]]) -> list[_Cursor]:
        out, varies = [], False
        for r, a in wait:
            try:
                out.append(_Cursor(r, a, self._run(vector, r, a)))
            except Varies:
                varies = True
        if varies:
            raise Varies
        return out

    def _run(self, vector: Vector, r: int, a: int) -> Trail:
        root, units = self.roots[r], self.units
        name, call = root.calls[a]
        before = units.grown
        repeat = self.runs_of.get(name, 0) < _REPEATED or not self.paths % _SAMPLED
        units.recalling = not repeat
        self.audit.note(name, call, vector)
        try:
            trail = units.run(call, vector)
            if repeat:
                self.audit.repeats(name, call, vector, trail)
        finally:
            if units.grown != before:
                self.history.append(([(u, v) for u, v in enumerate(vector) if v], r, a))
        if root.judges:
            for u, _ in _effects(trail):
                raise ModelError(f"{name} only judges, but it writes {units.where(u)}")
        self.paths += 1
        self.runs_of[name] = self.runs_of.get(name, 0) + 1
        if trail.raised is not None:
            self.failures.append(Failure(name, r, vector, trail.raised))
            trail.value = False
        return trail

    def _note(self, trail: Trail) -> tuple[int, int, int]:
        """What a trail reads, writes, and which steps it calls; steps are brought up to date."""
        reads = writes = steps = 0
        for segment in trail.segments:
            reads |= segment.read
            writes |= _bits(u for u, _ in segment.effects)
            if segment.inner is not None:
                h = segment.step
                while h >= len(self._step_reads):
                    self._step_reads.append(0)
                    self._step_writes.append(0)
                    self._step_steps.append(0)
                steps |= 1 << h
                r, w, s = self._note(segment.inner)
                if r & ~self._step_reads[h] or s & ~self._step_steps[h]:
                    self.version += 1
                self._step_reads[h] |= r
                self._step_steps[h] |= s
                if w & ~self._step_writes[h]:
                    self._forget_after(h, w & ~self._step_writes[h])
                    self._step_writes[h] |= w
                writes |= self._step_writes[h]
        return reads, writes, steps

    def _forget_after(self, h: int, units: int) -> None:
        """A step was seen to write more units: what its callers did after it, knowing them, is void."""
        for c, call in enumerate(self.calls):
            if call.step == h:
                call.known &= ~units
                call.writes |= units
                for result in call.kids:
                    self.child[self.call[c, 1] + result] = -1
                call.kids.clear()

    def reads_of(self, r: int) -> int:
        """All units that the calls of a root may read, so far as is known (a bit set)."""
        return self.closure(self.roots[r].reads, self.roots[r].steps)

    def step_reads(self) -> list[int]:
        """The same of each step."""
        return [self.closure(reads, steps) for reads, steps in zip(self._step_reads, self._step_steps, strict=True)]

    def closure(self, reads: int, steps: int) -> int:
        """These units, and all that these steps may read, so far as is known (a bit set)."""
        done = 0
        while todo := steps & ~done:
            h = (todo & -todo).bit_length() - 1
            done |= 1 << h
            reads |= self._step_reads[h]
            steps |= self._step_steps[h]
        return reads

    # -- growing
    def _add_steps(self, trail: Trail) -> None:
        for segment in trail.segments:
            if segment.inner is not None and segment.inner.segments:
                self._add_steps(segment.inner)
                self._add_step(segment.step, segment.inner)

    def _add_step(self, h: int, trail: Trail) -> None:
        while h >= len(self._room):
            self._room.append(4)
        if len(self.units.results[h]) > self._room[h]:
            self._room[h] = 1 << len(self.units.results[h]).bit_length()
            self._place_calls(c for c, call in enumerate(self.calls) if call.step == h)
        cursor = _Cursor(-1, h, trail)
        if h not in self._step_root:
            todo: list[tuple[int, list[_Cursor]]] = []
            self._step_root[h] = self._add_node([cursor], 0, 0, 0, todo)
            self._grow(todo)
            return
        t, k = self._step_root[h], 0
        while t >= 0:
            b0, b1, c0, c1 = self.node[t, :4].tolist()
            if b0 < b1:
                place = b0
                t = int(self.child[self._at(b0, trail.segments[k].vector)])
            elif c0 < c1:
                place = -1 - c0
                t = self.calls[c0].kids.get(_result(trail.segments[k]), -1)
                k += 1
            else:
                return
        self._grow([(place, [cursor])])

    def recall(self, h: int, vector: Vector) -> tuple[int, Effects] | None:
        """What a step does on a vector, if that is known: its result, and all effects."""
        t = self._step_root.get(h)
        if t is None or self._void:
            return None
        done: dict[int, int] = {}
        node, child = self.node, self.child
        while True:
            b0, b1, c0, c1, leaf, l1, _, _ = node[t].tolist()
            if leaf < l1:
                done.update(self.leaves[leaf].effects)
                return self.leaves[leaf].call, list(done.items())
            if b0 < b1:
                at, tests = self._tests[b0]
                for u, shift, width in tests:
                    if vector[u] >> width:
                        return None                  # a value that the layout has no room for yet
                    at += vector[u] << shift
                t = int(child[at])
            elif c0 < c1:
                call = self.calls[c0]
                done.update(call.effects)
                vector = list(vector)
                for u, v in call.effects:
                    vector[u] = v
                inner = self.recall(call.step, vector)
                if inner is None:
                    return None
                done.update(inner[1])
                for u, v in inner[1]:
                    vector[u] = v
                t = call.kids.get(inner[0], -1)
            if t < 0:
                return None

    def _grow(self, todo: list[tuple[int, list[_Cursor]]]) -> None:
        """Add what is missing below these places for these runs."""
        while todo:
            place, cursors = todo.pop()
            k = self._segment(place)
            segment = cursors[0].trail.segments[k]
            if place >= 0:
                b = self.branches[place]
                if self.child[self._at(place, segment.vector)] >= 0:
                    continue                         # learned meanwhile
                mask = 0
                for cursor in cursors:
                    mask |= cursor.trail.segments[k].read
                cube = [u for u in b.units if mask & b.tests & ~b.known & 1 << u]
                t = self._add_node(cursors, b.known | _bits(cube), k, b.writes, todo)
                b.kids.append(([(u, segment.vector[u]) for u in cube], t))
                self._fill(place, *b.kids[-1])
            else:
                c = self.calls[-1 - place]
                result = _result(segment)
                if result not in c.kids:
                    c.kids[result] = t = self._add_node(cursors, c.known, k + 1, c.writes, todo)
                    self.child[self.call[-1 - place, 1] + result] = t

    def _add_node(self, cursors: list[_Cursor], known: int, k: int, writes: int,
                  todo: list[tuple[int, list[_Cursor]]]) -> int:
        """The node where these runs, in segment k, know these units. What comes below goes to `todo`."""
        waiting: list[tuple[_Cursor, list[int]]] = []
        steps: dict[tuple[int, tuple[tuple[int, int], ...]], list[_Cursor]] = {}
        leaves: list[Leaf] = []
        loops = 0
        for cursor in cursors:
            segment = cursor.trail.segments[k]
            if segment.read & ~known:
                waiting.append((cursor, [u for u in segment.reads if not known >> u & 1]))
            elif segment.inner is not None:
                steps.setdefault((segment.step, tuple(segment.effects)), []).append(cursor)
            elif cursor.root < 0:
                leaves.append(Leaf(-1, cursor.trail.result, segment.effects, 0))
            elif self.roots[cursor.root].judges:
                loops += bool(cursor.trail.value)
            elif cursor.trail.value is not False:
                if segment.effects or k:
                    wrote = writes | _bits(u for u, _ in segment.effects)
                    leaves.append(Leaf(cursor.root, cursor.call, segment.effects, wrote))
                else:
                    loops += 1
        if not (waiting or steps or leaves or loops):
            return EMPTY
        b0, c0, l0 = len(self.branches), len(self.calls), len(self.leaves)
        self._add_branches(waiting, known, k, writes, todo)
        for (step, effects), mine in steps.items():
            wrote = writes | _bits(u for u, _ in effects) | self._step_writes[step]
            after = (known | _bits(u for u, _ in effects)) & ~self._step_writes[step]
            todo.append((-1 - len(self.calls), mine))
            self.calls.append(StepCall(step, list(effects), after, k, wrote, _who(mine), {}))
        self.leaves += leaves
        t = self._new_node()
        self.node[t, :7] = (b0, len(self.branches), c0, len(self.calls), l0, len(self.leaves), loops)
        self._place_branches(b0)
        self._place_calls(range(c0, len(self.calls)))
        self._place_leaves(l0)
        return t

    def _add_branches(self, waiting: list[tuple[_Cursor, list[int]]], known: int, k: int, writes: int,
                      todo: list[tuple[int, list[_Cursor]]]) -> None:
        """Choose what to test next: the group of units that most runs will read, for to know more than needed
        is sound; but of it only what at least half as many runs read as read any, for each value that is told apart
        has to be learned. Repeat with the runs that read nothing of it."""
        group = self.layout.group
        while waiting:
            votes: dict[int, int] = {}
            for _, unread in waiting:
                for g in {group[u] for u in unread}:
                    votes[g] = votes.get(g, 0) + 1
            g = max(sorted({group[unread[0]] for _, unread in waiting}), key=votes.__getitem__)
            units = self._window(g, [u for _, unread in waiting for u in unread if group[u] == g])
            readers = {u: sum(u in unread for _, unread in waiting) for u in units}
            most = max(readers.values())
            mask = _bits(u for u, n in readers.items() if 2 * n >= most)
            mine = [cursor for cursor, unread in waiting if any(mask >> u & 1 for u in unread)]
            waiting = [w for w in waiting if not any(mask >> u & 1 for u in w[1])]
            todo.append((len(self.branches), mine))
            self.branches.append(Branch(units, mask, known, k, writes, _who(mine), []))

    def _window(self, g: int, reads: Sequence[int]) -> list[int]:
        """The units of group g to test together, given those that will be read."""
        members, width = self.layout.members[g], self.layout.width
        if sum(width[u] for u in members) <= _WHOLE:
            return members
        lo = hi = members.index(reads[0])
        wanted = sorted({members.index(u) for u in reads})
        for i in wanted:
            a, b = min(lo, i), max(hi, i)
            if sum(width[u] for u in members[a:b + 1]) <= _SPAN:
                lo, hi = a, b
        return members[lo:hi + 1]


def _bits(units: Iterable[int]) -> int:
    out = 0
    for u in units:
        out |= 1 << u
    return out


def _seen(trail: Trail) -> int:
    """The units that a run read before it wrote them."""
    seen = written = 0
    for segment in trail.segments:
        seen |= segment.read & ~written
        written |= _bits(u for u, _ in segment.effects)
        if segment.inner is not None:
            written |= _bits(u for u, _ in _effects(segment.inner))
    return seen


def _who(cursors: Iterable[_Cursor]) -> list[tuple[int, int]]:
    return [(cursor.root, cursor.call) for cursor in cursors]


def _result(segment: Segment) -> int:
    assert segment.inner is not None
    return segment.inner.result


def _effects(trail: Trail) -> Iterator[tuple[int, int]]:
    yield from trail.effects
    for segment in trail.segments:
        yield from segment.effects
        if segment.inner is not None:
            yield from _effects(segment.inner)
