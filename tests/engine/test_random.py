"""The engine against plain Python on random machines."""
from __future__ import annotations

from functools import partial

import pytest
from tests.engine.random_models import Cell, Machine

from vgic.engine import Explorer, Goal, Model, Result


def is_one(cell: Cell) -> bool:
    return cell.a == 1


def has_b(cell: Cell) -> bool:
    return cell.b


def search(seed: int, steps: bool, rules: bool, engine: str, threads: int = 1) -> Result:
    m = Machine(seed, steps)
    model = Model(m, m.actions(), m.rules() if rules else ())
    return Explorer(model).search(engine=engine, threads=threads, states=20000)


@pytest.mark.parametrize("seed", range(50))
def test_states_equal_plain_python(seed: int) -> None:
    """State by state, with transitions, depth and verdict; with and without steps; on one thread or two."""
    for steps in (False, True):
        m = Machine(seed, steps)
        for rules in (m.rules() if seed % 2 else []), []:
            try:
                Explorer(Model(m, m.actions(), rules)).self_check(threads=1 + seed % 2)
            except ValueError:                       # too large
                break


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All calls are looked up from the first states on, in few slots, which are emptied often; by the values of any
    windows, be they of use or not."""
    for name, value in (("search.forward.FIRST_PLAN", 2), ("search.forward.NEXT_PLAN", 2), ("search.forward.POOL", 4),
                        ("lookup.lookups.STEP_POOL", 3), ("lookup.lookups.SLOTS", (1, 4)), ("lookup.lookups.FEW", 0),
                        ("lookup.lookups.TOO_OFTEN", 2.0), ("lookup.lookups.CALL", 1e9),
                        ("lookup.lookups.SETTLED", -1.0), ("lookup.lookups.SELECT", 0),
                        ("lookup.lookups.BETTER", 2.0)):
        monkeypatch.setattr(f"vgic.engine.{name}", value)


@pytest.mark.usefixtures("looked_up")
@pytest.mark.parametrize("seed", range(50))
def test_what_is_looked_up_is_what_would_be_walked(seed: int) -> None:
    """State by state, as above; goals, too."""
    for steps in (False, True):
        m = Machine(seed, steps)
        goal = Goal("a is 1", partial(is_one, m.cells[0]), lambda name: name[-1] in "13")
        try:
            Explorer(Model(m, m.actions(), m.rules() if seed % 2 else [], [goal])).self_check(threads=1 + seed % 2)
        except ValueError:                           # too large
            return


@pytest.mark.parametrize("seed", range(25))
def test_verdicts_equal_plain_python(seed: int) -> None:
    want, got = (search(seed, True, True, engine) for engine in ("plain", "compiled"))
    assert got.verdict == want.verdict
    if want.broken:
        assert got.broken is not None
        assert len(got.broken.actions) == len(want.broken.actions)


@pytest.mark.parametrize("seed", range(25))
def test_lost_goals_equal_plain_python(seed: int) -> None:
    results = []
    for engine in ("plain", "compiled"):
        m = Machine(seed)
        first, second = m.cells[:2]
        goal = Goal("a is 1", partial(is_one, first), lambda name: name[-1] in "13",
                         partial(has_b, second) if seed % 2 else None)
        results.append(Explorer(Model(m, m.actions(), goals=[goal])).search(engine=engine, states=20000))
    want, got = results
    if want.why_cut == "states":
        return
    assert got.verdict == want.verdict
    if want.broken:
        assert got.broken is not None
        assert len(got.broken.actions) == len(want.broken.actions)
        assert got.broken.kind == "lost"


@pytest.mark.parametrize("seed", range(12))
def test_learning_that_is_left_goes_on_later(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that may be left after each run that it learns from finds the same."""
    asked = []

    def is_due(rest: object) -> bool:
        asked.append(rest)
        return len(asked) % 3 != 0
    monkeypatch.setattr("vgic.engine.search.run._Watch.is_due", is_due)
    monkeypatch.setattr("vgic.engine.search.forward._AT_ONCE", 1)
    m = Machine(seed, True)
    try:
        Explorer(Model(m, m.actions(), m.rules() if seed % 2 else [])).self_check(threads=1 + seed % 2)
    except ValueError:                               # too large
        return
    assert asked
