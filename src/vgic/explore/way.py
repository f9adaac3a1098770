"""The way to a state. No parents are stored: each level is walked once more, backwards from the state."""
from __future__ import annotations

from collections.abc import Sequence

from vgic.explore import kernels
from vgic.explore.learning import Row
from vgic.explore.result import Broken
from vgic.explore.search import Search


def way_to(search: Search) -> Broken:
    """The broken rule that the search found, with a shortest way there."""
    found = search.found
    assert found is not None
    row = search.layout.unpack(found.words.tolist())
    rows = rows_to(search, row, found.depth)
    names, row = actions_along(search, rows)
    failure = found.failure
    if failure is not None and failure.root == search.root:
        return Broken(failure.name, failure.error, [*names, _same_action(search, row, failure.name)], "raised")
    if failure is not None:
        return Broken(failure.name, failure.error, names, "raised")
    for name, call in search.rules:
        path = search.units.run(call, row)
        if path.raised is not None:
            return Broken(name, path.raised, names, "raised")
        if path.value:
            return Broken(name, path.value, names)
    raise AssertionError("no rule is broken in the state found")


def _same_action(search: Search, row: Row, name: str) -> str:
    """The action that raises in this state: the one of that name, or with symmetry its counterpart."""
    names = [name, *(n for n, _ in search.actions)] if search.group else [name]
    calls = dict(search.actions)
    return next(n for n in names if not search.group or search.units.run(calls[n], row).raised is not None)


def rows_to(search: Search, row: Row, depth: int) -> list[Row]:
    """A state of each depth up to `depth`, each a successor of the one before (or with symmetry, standing for one);
    the last is `row`."""
    rows = [row]
    for d in range(depth - 1, -1, -1):
        rows.append(_predecessor(search, rows[-1], d))
    return rows[::-1]


def _predecessor(search: Search, row: Row, d: int) -> Row:
    for lo, hi in search.store.level(d):
        at = lo
        while at < hi:
            search.prepare()
            h, ws = search.hands[0], search.layout.ws
            target = search.layout.pack(row).reshape(1, -1)
            if search.group:
                kernels.canonize(ws, search.sym, target, 1)
            s, leaf, missed = kernels.find(ws, search.trie.roots[search.root].node, search.trie.arrays, h.scratch,
                                           search.sym, search.store.states, at, hi, target, h.outs, h.born, h.miss)
            if leaf >= 0:
                return search.row(s)
            if s < 0:
                break
            search.learn_missed(h.miss, missed)
            at = s
    raise AssertionError(f"no state of depth {d} leads to one of depth {d + 1}")


def actions_along(search: Search, rows: Sequence[Row]) -> tuple[list[str], Row]:
    """The actions that lead along these rows, from the very first state, and the row reached.

    With symmetry each row stands for its orbit: what is played is a real run through those orbits.
    """
    names: list[str] = []
    here: Row = [0] * len(search.units.slot)
    for goal in rows[1:]:
        want = _standing(search, goal)
        for name, call in search.actions:
            path = search.units.run(call, here)
            if path.value is False or path.raised is not None:
                continue
            after = path.end()
            if _standing(search, after) == want:
                names.append(name)
                here = after
                break
        else:
            raise AssertionError("no action leads to the next state of the way")
    return names, here


def _standing(search: Search, row: Row) -> bytes:
    words = search.layout.pack(row).reshape(1, -1)
    if search.group:
        kernels.canonize(search.layout.ws, search.sym, words, 1)
    return words.tobytes()
