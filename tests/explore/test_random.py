"""The engine against plain Python on random machines."""
from __future__ import annotations

import pytest
from tests.explore.random_models import Machine

from vgic.explore.explorer import Delivered, Explorer, Result


def search(seed: int, steps: bool, rules: bool, engine: str, threads: int = 1) -> Result:
    m = Machine(seed, steps)
    return Explorer(m, m.actions(), m.rules() if rules else ()).search(engine=engine, threads=threads, states=20000)


@pytest.mark.parametrize("seed", range(40))
def test_counts_equal_plain_python(seed: int) -> None:
    for steps in (False, True):
        want = search(seed, steps, False, "plain")
        if not want.complete:
            continue
        got = search(seed, steps, False, "compiled")
        assert (got.states, got.transitions, got.depth, got.complete) == (
            want.states, want.transitions, want.depth, True)


@pytest.mark.parametrize("seed", range(40))
def test_verdicts_equal_plain_python(seed: int) -> None:
    want, got = (search(seed, True, True, engine) for engine in ("plain", "compiled"))
    assert got.verdict == want.verdict
    if want.broken:
        assert got.broken is not None
        assert len(got.broken.actions) == len(want.broken.actions)


@pytest.mark.parametrize("seed", range(40))
def test_lost_goals_equal_plain_python(seed: int) -> None:
    results = []
    for engine in ("plain", "compiled"):
        m = Machine(seed)
        goal = Delivered("a is 1", lambda m=m: m.cells[0].a == 1, lambda name: name[-1] in "13",
                         (lambda m=m: m.cells[1].b) if seed % 2 else None)
        results.append(Explorer(m, m.actions(), delivered=[goal]).search(engine=engine, states=20000))
    want, got = results
    if want.why_cut == "states":
        return
    assert got.verdict == want.verdict
    if want.broken:
        assert got.broken is not None
        assert len(got.broken.actions) == len(want.broken.actions)
        assert got.broken.kind == "delivered"
