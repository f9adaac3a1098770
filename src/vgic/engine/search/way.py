"""The way to a state. No parents are stored: each level is walked once more, backwards from the state."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vgic.engine.kernels import loops
from vgic.engine.learn.paths import Row
from vgic.engine.model.result import Broken
from vgic.engine.search.forward import Search


def way_to(search: Search) -> Broken:
    """The broken rule that the search found, with a shortest way there."""
    found = search.found
    assert found is not None
    row = search.layout.unpack(found.words.tolist())
    names = actions_to(search, row, found.depth)
    failure = found.failure
    if failure is not None and failure.root < len(search.actions):
        return Broken(failure.name, failure.error, [*names, failure.name], "raised")
    if failure is not None:
        return Broken(failure.name, failure.error, names, "raised")
    for name, call in search.rules:
        path = search.units.run(call, row)
        if path.raised is not None:
            return Broken(name, path.raised, names, "raised")
        if path.value:
            return Broken(name, path.value, names)
    raise AssertionError("no rule is broken in the state found")


def actions_to(search: Search, row: Row, depth: int) -> list[str]:
    """The names of the actions of a shortest way from the first state to this one, which has this depth."""
    rows = [row]
    search.trie.unask()                              # a search that found something has not learned all that it missed
    for d in range(depth - 1, -1, -1):
        rows.append(_predecessor(search, rows[-1], d))
    rows.reverse()
    return _play(search, rows)


def _predecessor(search: Search, row: Row, d: int) -> Row:
    for lo, hi in search.store.level(d):
        at = lo
        while at < hi:
            search.prepare()
            h, ws = search.hands[0], search.layout.ws
            target = search.layout.pack(row).reshape(1, -1)
            acts = search.acts.of(h.acted, search.fan)
            s, leaf, missed = loops.find(ws, acts, search.trie.arrays, h.scratch, search.fan, search.store.states,
                                           at, hi, target, h.outs, h.born, h.miss)
            if leaf >= 0:
                return search.row(s)
            if s < 0:
                break
            if not missed:
                raise AssertionError("the walk waits for what nobody has asked for")
            search.learn_missed(h.miss, missed)
            at = s
    raise AssertionError(f"no state of depth {d} leads to one of depth {d + 1}")


def _play(search: Search, rows: Sequence[Row]) -> list[str]:
    """The actions that lead from the first of these states to the second, and so on."""
    names: list[str] = []
    for at, goal in pairwise(rows):
        for name, call in search.actions:
            path = search.units.run(call, at)
            if path.value is not False and path.raised is None and path.end() == goal:
                names.append(name)
                break
        else:
            raise AssertionError("no action leads to the next state of the way")
    return names
