"""The way to a state. No parents are stored: each level is walked once more, backwards from the state."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vgic.engine.kernels import loops
from vgic.engine.learn.trail import Vector
from vgic.engine.model.result import Broken
from vgic.engine.search.forward import Search


def way_to(search: Search) -> Broken:
    """The broken rule that the search found, with a shortest way there."""
    found = search.found
    assert found is not None
    vector = search.layout.unpack(found.words.tolist())
    names = actions_to(search, vector, found.depth)
    failure = found.failure
    if failure is not None and failure.root < len(search.actions):
        return Broken(failure.name, failure.error, [*names, failure.name], "raised")
    if failure is not None:
        return Broken(failure.name, failure.error, names, "raised")
    for name, call in search.rules:
        trail = search.units.run(call, vector)
        if trail.raised is not None:
            return Broken(name, trail.raised, names, "raised")
        if trail.value:
            return Broken(name, trail.value, names)
    raise AssertionError("no rule is broken in the state found")


def actions_to(search: Search, vector: Vector, depth: int) -> list[str]:
    """The names of the actions of a shortest way from the first state to this one, which has this depth."""
    vectors = [vector]
    search.trie.unask()                              # a search that found something has not learned all that it missed
    for d in range(depth - 1, -1, -1):
        vectors.append(_predecessor(search, vectors[-1], d))
    vectors.reverse()
    return _play(search, vectors)


def _predecessor(search: Search, vector: Vector, d: int) -> Vector:
    for lo, hi in search.store.level(d):
        at = lo
        while at < hi:
            search.prepare()
            buffers = search.buffers[0]
            s, leaf, missed = loops.find(
                search.layout.ws, search.acts.of(buffers.acted, search.fan), search.trie.arrays, buffers.scratch,
                search.fan, search.store.states, at, hi, search.layout.pack(vector).reshape(1, -1), buffers.outs,
                buffers.born, buffers.miss)
            if leaf >= 0:
                return search.vector(s)
            if s < 0:
                break
            if not missed:
                raise AssertionError("the walk waits for what nobody has asked for")
            search.learn_missed(buffers.miss, missed)
            at = s
    raise AssertionError(f"no state of depth {d} leads to one of depth {d + 1}")


def _play(search: Search, vectors: Sequence[Vector]) -> list[str]:
    """The actions that lead from the first of these states to the second, and so on."""
    names: list[str] = []
    for at, goal in pairwise(vectors):
        for name, call in search.actions:
            trail = search.units.run(call, at)
            if trail.value is not False and trail.raised is None and trail.end() == goal:
                names.append(name)
                break
        else:
            raise AssertionError("no action leads to the next state of the way")
    return names
