"""The engine against plain Python on random machines."""
from __future__ import annotations

import pytest

from tests.explore.random_models import Machine
from vgic.explore.explorer import Explorer, Result


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
