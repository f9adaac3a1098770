"""All that was learned, and where the slots lie, as data that a file can hold.

A trie says what it says of one layout and of one numbering of slots, values, steps and results. So the layout goes with
it, and whoever brings it back has met the same values in the same order before (see `Trie.history`).
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vgic.engine.learn.trail import Vector
from vgic.engine.trie.arrays import Branch, Leaf, StepCall
from vgic.engine.trie.layout import Layout
from vgic.engine.trie.trie import RunReads, Trie

Held = dict[str, Any]
"""Numbers, and lists and dictionaries of them."""


def layout_held(layout: Layout) -> Held:
    """Where the units lie."""
    return {"at": layout.at, "width": layout.width, "members": layout.members, "words": layout.W}


def bring_layout(layout: Layout, held: Held) -> None:
    """Lay the units out as they were. Raises ValueError where some unit would have no room."""
    layout.adopt([int(n) for n in held["at"]], [int(n) for n in held["width"]],
                 [[int(u) for u in us] for us in held["members"]], int(held["words"]))
    if not layout.fits():
        raise ValueError("the layout has no room for its values")


def paths_held(trie: Trie) -> Held:
    """The paths of all roots."""
    return {
        "node": trie.node[:trie.nodes].tolist(),
        "branches": [[b.units, b.tests, b.known, b.k, b.writes, b.wait, b.kids] for b in trie.branches],
        "calls": [[c.step, c.effects, c.known, c.k, c.writes, c.wait, [*c.kids.items()]] for c in trie.calls],
        "leaves": [[leaf.root, leaf.call, leaf.effects, leaf.writes] for leaf in trie.leaves],
        "roots": [[root.node, root.reads, root.steps, [_run(run) for run in root.runs]] for root in trie.roots],
        "steps": trie.steps_held(), "runs": [*trie.runs_of.items()], "paths": trie.paths,
        "results": [len(results) for results in trie.units.results],
    }


def bring_paths(trie: Trie, held: Held) -> None:
    """Know these paths, and no others. Raises ValueError where steps and their results are not those they are of."""
    if held["results"] != [len(results) for results in trie.units.results] or len(held["roots"]) != len(trie.roots):
        raise ValueError("its paths are of other steps")
    trie.clear()
    trie.branches[:] = [Branch(units, tests, known, k, writes, _pairs(wait), [(_pairs(cube), t) for cube, t in kids])
                        for units, tests, known, k, writes, wait, kids in held["branches"]]
    trie.calls[:] = [StepCall(step, _pairs(effects), known, k, writes, _pairs(wait), dict(_pairs(kids)))
                     for step, effects, known, k, writes, wait, kids in held["calls"]]
    trie.leaves[:] = [Leaf(root, call, _pairs(effects), writes) for root, call, effects, writes in held["leaves"]]
    for root, (node, reads, steps, runs) in zip(trie.roots, held["roots"], strict=True):
        root.node, root.reads, root.steps = node, reads, steps
        root.runs = [_run_of(run, len(trie.units.slot)) for run in runs]
    trie.runs_of.update(_pairs(held["runs"]))
    trie.paths = int(held["paths"])
    trie.adopt(np.array(held["node"], np.int32).reshape(-1, 8), held["steps"])


def _run(run: RunReads) -> list[Any]:
    return [run.reads, run.steps, run.seen, [(u, v) for u, v in enumerate(run.vector) if v]]


def _run_of(held: list[Any], units: int) -> RunReads:
    reads, steps, seen, values = held
    vector: Vector = [0] * units
    for u, v in values:
        vector[u] = v
    return RunReads(reads, steps, seen, vector)


def _pairs(held: Any) -> list[Any]:
    return [(a, b) for a, b in held]
