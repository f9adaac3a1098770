"""A search that is cut, killed or interrupted goes on to the same counts."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench.engine import rich
from bench.engine.protocol import COUNTS, Machine

from vgic.engine import CheckpointError, Explorer, Goal, Model, Result
from vgic.engine.learn.units import Units
from vgic.engine.search.forward import Search
from vgic.parts import Part

ROOT = Path(__file__).parents[2]


def search(path: Path, machine: Machine | None = None, states: int | None = None, depth: int | None = None,
           threads: int = 1) -> Result:
    m = machine or Machine(1)
    return Explorer(Model(m, m.actions(), m.rules())).search(
        checkpoint=path, engine="compiled", states=states, depth=depth, threads=threads)


def test_cut_searches_go_on_to_the_same_counts(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    cuts = 0
    for limit in (1, 3_000, 20_000, 60_000, 100_000, None):
        result = search(path) if limit is None else search(path, states=limit, threads=1 + cuts % 2)
        if limit is not None:
            assert (result.verdict, result.why_cut) == ("BOUNDED", "states")
            assert result.states >= limit
            cuts += 1
    assert (result.states, result.transitions, result.verdict) == (*COUNTS[1], "HOLDS")
    assert not path.exists()


def test_depth_can_be_raised_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    once = search(tmp_path / "other", depth=12)
    for depth in range(1, 13):
        result = search(path, depth=depth)
        assert (result.depth, result.why_cut) == (depth, "depth")
    assert (result.states, result.transitions) == (once.states, once.transitions)


def test_a_stop_while_it_is_judged_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All states are known and kept, and that is all: nothing is said to hold before the goals were judged."""
    def goals(stop: str | None) -> Result:
        monkeypatch.setattr("vgic.engine.search.run._Watch.patience", lambda rest: stop)
        m = rich.Machine(1, 2)
        guest, vcpu = m.guests[0], m.vcpus[0]
        goal = Goal("nothing runs", lambda: not guest.stack and not vcpu.in_guest, lambda name: True)
        x = Explorer(Model(m, m.actions(), goals=[goal]))
        return x.search(engine="compiled", checkpoint=tmp_path / "saved")
    cut = goals("interrupted")
    assert (cut.verdict, cut.why_cut, cut.states) == ("BOUNDED", "interrupted", rich.COUNTS[1, 2][0])
    assert (tmp_path / "saved").exists()
    whole = goals(None)
    assert (whole.verdict, whole.states, whole.transitions) == ("HOLDS", *rich.COUNTS[1, 2])


def test_a_broken_rule_is_found_after_going_on(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    straight = Machine(1, forgets=True)
    want = Explorer(Model(straight, straight.actions(), straight.rules())).search(engine="compiled").broken
    assert want is not None
    search(path, Machine(1, forgets=True), depth=len(want.actions) - 1)
    got = search(path, Machine(1, forgets=True)).broken
    assert got is not None
    assert len(got.actions) == len(want.actions)


def test_another_model_is_refused(tmp_path: Path) -> None:
    search(tmp_path, depth=3)
    with pytest.raises(CheckpointError, match="another model"):
        search(tmp_path, Machine(1, forgets=True))
    with pytest.raises(CheckpointError, match="another model"):
        search(tmp_path, Machine(2))


def flip(file: Path) -> None:
    """One bit of the last state."""
    held = bytearray(file.read_bytes())
    held[-8] ^= 1
    file.write_bytes(held)


def text(path: Path) -> str:
    return (path / "search.json").read_text()


@pytest.mark.parametrize("damage", [
    lambda p: (p / "search.json").write_text("{"),
    lambda p: (p / "search.json").write_text("[]"),
    lambda p: (p / "search.json").write_text(json.dumps(json.loads((p / "search.json").read_text()) | {"format": 99})),
    lambda p: (p / "search.json").write_text(json.dumps(json.loads((p / "search.json").read_text()) | {"history": []})),
    lambda p: (p / "search.json").write_text(json.dumps(json.loads((p / "search.json").read_text()) | {"levels": 3})),
    lambda p: next(p.glob("states-*.bin")).write_bytes(b"1234"),
    lambda p: next(p.glob("states-*.bin")).unlink(),
    lambda p: next(p.glob("paths-*.json.z")).unlink(),
    lambda p: flip(next(p.glob("paths-*.json.z"))),
    lambda p: flip(next(p.glob("states-*.bin"))),
    lambda p: (p / "search.json").write_text(re.sub(r'"transitions": (\d)', r'"transitions": 1\1', text(p))),
    lambda p: (p / "search.json").write_text(re.sub(r'"sum": \d+', '"sum": 1', text(p))),
])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    search(tmp_path, depth=6)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match="remove"):
        search(tmp_path)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(CheckpointError, match="other files"):
        search(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"


CHILD = """
import sys
from bench.engine.protocol import Machine
from vgic.engine import Explorer, Model
m = Machine(2)
x = Explorer(Model(m, m.actions(), m.rules()))
r = x.search(checkpoint=sys.argv[1], every=0.02, progress=lambda p: print(p, flush=True))
print("end", r.states, r.transitions, r.why_cut, flush=True)
"""


def child(path: Path) -> subprocess.Popen[str]:
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'src'}:{ROOT}")
    return subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True,
                            env=environment)


def test_kill_and_interrupt_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with child(path) as run:
            deadline = time.monotonic() + 60
            while not (path / "search.json").exists() and run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.05)
            run.send_signal(number)
            out = run.communicate()[0]
        assert "end" not in out or "interrupted" in out or f"{COUNTS[2][0]} {COUNTS[2][1]} None" in out
    with child(path) as run:
        out = run.communicate()[0]
    assert out.splitlines()[-1] == f"end {COUNTS[2][0]} {COUNTS[2][1]} None"


def test_a_resumed_search_plans_its_lookups_at_once(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows what is read."""
    planned: list[int] = []
    plan = Search.plan

    def noted(s: Search) -> None:
        planned.append(s.store.n)
        plan(s)
    monkeypatch.setattr(Search, "plan", noted)
    cut = search(tmp_path / "saved", states=60_000)
    planned.clear()
    search(tmp_path / "saved")
    assert planned
    assert planned[0] == cut.states


def test_a_search_begins_again_with_what_it_has_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its paths are saved: only what met a new value is run once more, and the states are not judged anew."""
    ran: list[int] = []
    run, judge = Units.run, Search.judge

    def counted(units: Units, call: Any, vector: Any) -> Any:
        ran.append(1)
        return run(units, call, vector)

    def judged(self: Search, todo: Any, *more: Any) -> None:
        again.append(len(todo))
        judge(self, todo, *more)
    again: list[int] = []
    monkeypatch.setattr(Units, "run", counted)
    monkeypatch.setattr(Search, "judge", judged)
    whole = search(tmp_path / "whole")
    in_one, ran[:] = len(ran), []
    cut = search(tmp_path / "cut", states=whole.states - 5_000)
    assert cut.why_cut == "states"
    history = len(json.loads((tmp_path / "cut" / "search.json").read_text())["history"])
    ran.clear()
    again.clear()
    went_on = search(tmp_path / "cut")
    assert (went_on.states, went_on.transitions, went_on.verdict) == (whole.states, whole.transitions, "HOLDS")
    assert history <= len(ran) < history + in_one // 10
    assert sum(again) < whole.states // 10
    assert went_on.paths >= cut.paths


def test_an_interrupted_resumption_keeps_its_paths(tmp_path: Path) -> None:
    """Cut again where nothing was learned since, they are not written again, and still found."""
    path = tmp_path / "saved"
    whole = COUNTS[1][0]
    for limit in (whole - 9_000, whole - 6_000, whole - 3_000, whole - 1):
        search(path, states=limit)
        assert len([*path.glob("paths-*.json.z")]) == 1
    assert search(path).verdict == "HOLDS"
    assert not path.exists()


def test_the_first_save_of_a_search_that_began_in_plain_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain search puts back equal values, not the same objects: whose model it is, is known all the same."""
    pair = (1, 2)

    class Holds(Part):
        __slots__ = ("at", "pair")

        def __init__(self) -> None:
            self.at, self.pair = 0, pair

    class Counter:
        def __init__(self) -> None:
            self.part, self.pair = Holds(), pair

        def on(self) -> bool:
            part = self.part
            part.at, part.pair = part.at + 1, (part.at, part.at % 3)
            return part.at < 300

        def back(self) -> bool:
            self.part.pair = self.pair
            return True

    def searched(**limits: Any) -> Result:
        m = Counter()
        return Explorer(Model(m, [("on", m.on), ("back", m.back)])).search(checkpoint=tmp_path / "saved", **limits)
    monkeypatch.setattr("vgic.engine.explorer._PLAIN_SECONDS", 0.001)
    monkeypatch.setattr("vgic.engine.explorer._PATIENCE", 1)
    assert searched(states=400).why_cut == "states"
    assert searched().verdict == "HOLDS"
