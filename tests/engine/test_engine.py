"""The engine on models with known counts, its limits, many words, steps, threads, and its start."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bench.engine import protocol, rich

from vgic.engine import Explorer, Goal, Model, Progress
from vgic.engine.search.liveness import lost
from vgic.engine.search.way import way_to
from vgic.parts import Part, step

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_protocol_has_the_counts_that_spin_has(threads: int) -> None:
    m = protocol.Machine(1)
    r = Explorer(Model(m, m.actions(), m.rules())).search(threads=threads)
    assert (r.states, r.transitions, r.depth, r.verdict) == (*protocol.COUNTS[1], 30, "HOLDS")


@pytest.mark.parametrize(("vcpus", "irqs"), [(1, 1), (1, 2), (2, 1)])
def test_the_rich_model(vcpus: int, irqs: int) -> None:
    m = rich.Machine(vcpus, irqs)
    r = Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled")
    assert (r.states, r.transitions, r.verdict) == (*rich.COUNTS[vcpus, irqs], "HOLDS")


def test_a_bug_is_found_by_a_shortest_way_that_can_be_played() -> None:
    """Six actions, as SPIN's breadth-first search finds; every engine finds one as short."""
    lengths = set()
    for engine in ("plain", "compiled"):
        for threads in (1, 2):
            m = protocol.Machine(2, forgets=True)
            r = Explorer(Model(m, m.actions(), m.rules())).search(engine=engine, threads=threads)
            assert r.broken is not None
            lengths.add((r.verdict, len(r.broken.actions), r.broken.rule))
            rule = dict(m.rules())[r.broken.rule]
            assert not rule()
            list(Explorer(Model(m, m.actions())).replay(r.broken.actions))
            assert rule()
    assert lengths == {("BROKEN", 6, "what a list register forwards is active")}


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_limits_are_told(engine: str) -> None:
    m = protocol.Machine(1)
    x = Explorer(Model(m, m.actions(), m.rules()))
    r = x.search(engine=engine, depth=5)
    assert (r.depth, r.why_cut, r.verdict, r.complete) == (5, "depth", "BOUNDED", False)
    r = x.search(engine=engine, states=500)
    assert (r.why_cut, r.verdict) == ("states", "BOUNDED")
    assert r.states >= 500
    assert "not exhaustive: states" in str(r)
    r = x.search(engine=engine, seconds=0.0)
    assert r.why_cut == "seconds"


def test_depth_limits_agree() -> None:
    m = protocol.Machine(1)
    x = Explorer(Model(m, m.actions(), m.rules()))
    for depth in range(8):
        a, b = (x.search(engine=engine, depth=depth) for engine in ("plain", "compiled"))
        assert (a.states, a.transitions, a.depth) == (b.states, b.transitions, b.depth)


def test_memory_is_a_limit() -> None:
    m = protocol.Machine(2)
    r = Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled", memory=4 << 20)
    assert (r.why_cut, r.verdict) == ("memory", "BOUNDED")
    assert 50_000 < r.states < protocol.COUNTS[2][0]
    assert r.bytes <= 4 << 20


def test_progress_is_reported() -> None:
    seen: list[Progress] = []
    m = protocol.Machine(1)
    r = Explorer(Model(m, m.actions())).search(engine="compiled", progress=seen.append)
    assert seen
    assert all(p.states <= r.states and p.depth <= r.depth for p in seen)


def test_the_farthest_state() -> None:
    m = protocol.Machine(1)
    x = Explorer(Model(m, m.actions()))
    r = x.search(farthest=True)
    assert len(r.farthest) == r.depth == len(list(x.replay(r.farthest)))


# -- many words
class Dial(Part):
    __slots__ = ("a", "b", "c", "d")

    def __init__(self) -> None:
        self.a = self.b = self.c = self.d = 0

    @step
    def turn(self, slot: str) -> None:
        setattr(self, slot, (getattr(self, slot) + 1) % 5)


class Front(Part):
    __slots__ = ("flag", "position")

    def __init__(self) -> None:
        self.position, self.flag = 0, False


class Dials:
    """Dials that are turned in turn, one slot after the other: few states of many bits."""

    def __init__(self, n: int) -> None:
        self.dials = [Dial() for _ in range(n)]
        self.front = Front()

    def actions(self) -> Iterator[tuple[str, Any]]:
        yield "next", self.next
        yield "flip", self.flip

    def next(self) -> bool | None:
        n = len(self.dials)
        at = self.front.position
        if at == 12 * n:
            return False
        self.dials[at % n].turn("abcd"[at // n % 4])
        self.front.position = at + 1
        return None

    def flip(self) -> None:
        self.front.flag = not self.front.flag


@pytest.mark.parametrize(("n", "words"), [(2, 1), (8, 2), (18, 3)])
def test_states_of_many_words(n: int, words: int) -> None:
    m = Dials(n)
    r = Explorer(Model(m, m.actions())).self_check()
    assert (r.states, r.transitions) == (2 * (12 * n + 1), 2 * (24 * n + 1))
    assert r.words >= words


# -- steps
class Worker(Part):
    __slots__ = ("items", "left", "mood")

    def __init__(self) -> None:
        self.left = 0
        self.items: list[int] = []
        self.mood: str | None = None

    def weight(self) -> int:
        return sum(self.items)

    @step
    def heavier(self, other: Worker) -> bool:
        return self.weight() > other.weight()

    @step
    def add(self, value: int) -> None:
        if len(self.items) > 2:
            raise OverflowError(value)
        self.items.append(value)

    @step
    def rank(self) -> tuple[int, str]:
        return self.left, self.mood or ""


class Office:
    def __init__(self) -> None:
        self.workers = [Worker() for _ in range(3)]

    def actions(self) -> Iterator[tuple[str, Any]]:
        for i, w in enumerate(self.workers):
            yield f"give {i}", partial(self.give, w, i)
            yield f"drop {i}", partial(self.drop, w)
        yield "sort", self.sort
        yield "level", self.level

    def give(self, w: Worker, value: int) -> bool | None:
        items = w.items                              # held across the step that appends to it
        before = len(items)
        try:
            w.add(value)
        except OverflowError as e:
            w.mood = f"full {e.args[0]}"
            return None
        if len(items) == before:
            return False
        items.reverse()
        return None

    def drop(self, w: Worker) -> bool | None:
        if not w.items:
            return False
        w.items.pop()
        w.mood = None
        return None

    def sort(self) -> None:
        for place, w in enumerate(sorted(self.workers, key=Worker.rank)):
            w.left = place

    def level(self) -> None:
        first, *rest = self.workers
        for w in rest:
            if first.heavier(w):
                w.add(first.items[0]) if len(w.items) < 3 else first.items.clear()


def test_steps_change_nothing_but_what_is_learned() -> None:
    m = Office()
    x = Explorer(Model(m, m.actions()))
    r = x.self_check(states=20_000)
    assert r.states == 750
    assert Worker.rank.__qualname__ == "Worker.rank"


class Switch(Part):
    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = False


class Count(Part):
    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n: Any = 0


class Drawer(Part):
    """Its steps write depending on what their callers never read."""
    __slots__ = ("hidden", "items", "seen")

    def __init__(self, hidden: Switch) -> None:
        self.hidden = hidden
        self.seen = 0
        self.items: list[int] = []

    @step
    def tick(self) -> int:
        if self.hidden.on:
            self.seen = (self.seen + 1) % 3
        return 0

    @step
    def fill(self) -> int:
        if self.hidden.on and len(self.items) < 3:
            self.items.append(len(self.items))
        return 0


class Desk:
    def __init__(self) -> None:
        self.switch, self.count = Switch(), Count()
        self.drawer = Drawer(self.switch)

    def hide(self) -> None:
        self.switch.on = not self.switch.on

    def mark(self) -> None:
        """So that all slots vary before any step is seen to write."""
        self.drawer.seen, self.drawer.items, self.count.n = 1, [1], 1

    def look(self) -> bool | None:
        before = self.drawer.seen
        self.drawer.tick()
        if self.drawer.seen == before:
            return False
        self.count.n = (self.count.n + 1) % 4
        return None

    def keep(self) -> bool | None:
        """The list is read by the name kept from before the step."""
        items = self.drawer.items
        before = len(items)
        self.drawer.fill()
        if len(items) == before:
            return False
        items.reverse()
        self.count.n = items[0]
        return None


@pytest.mark.parametrize("repeated", [0, 500])
@pytest.mark.parametrize("name", ["look", "keep"])
def test_a_step_that_is_found_to_write_more(name: str, repeated: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What callers know after a step is forgotten when it is first seen to write it; steps known are recalled."""
    monkeypatch.setattr("vgic.engine.trie.trie._REPEATED", repeated)
    m = Desk()
    r = Explorer(Model(m, [("mark", m.mark), ("hide", m.hide), (name, getattr(m, name))])).self_check()
    assert r.states == {"look": 48, "keep": 14}[name]


def test_values_that_python_calls_equal() -> None:
    """1, True and 1.0 are three values; so are tuples of them."""
    m = Desk()
    values: tuple[Any, ...] = (0, 1, True, 1.0, (1,), (True,))

    def change() -> None:
        now = m.count.n
        at = next(i for i, v in enumerate(values) if type(v) is type(now) and repr(v) == repr(now))
        m.count.n = values[(at + 1) % len(values)]
    for engine in ("plain", "compiled"):
        assert Explorer(Model(m, [("change", change)])).search(engine=engine).states == len(values)


def test_a_goal_on_a_trie_that_was_just_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backward pass learns what it meets, and ends only when nothing more is learned."""
    def cleared(search: Any, rule: Goal, why_stop: Any) -> Any:
        search.trie.clear()
        return lost(search, rule, why_stop)
    monkeypatch.setattr("vgic.engine.search.run.lost", cleared)
    m = rich.Machine(1, 2)
    guest, vcpu = m.guests[0], m.vcpus[0]
    goal = Goal("nothing runs", lambda: not guest.stack and not vcpu.in_guest,
                     lambda name: name.startswith("vcpu0"))
    r = Explorer(Model(m, m.actions(), goals=[goal])).search(engine="compiled")
    assert (r.verdict, r.states) == ("HOLDS", rich.COUNTS[1, 2][0])
    never = Goal("a vCPU that was never left", lambda: not vcpu.in_guest,
                      lambda name: "sync" not in name)
    r = Explorer(Model(m, m.actions(), goals=[never])).search(engine="compiled")
    assert r.broken is not None
    assert (r.broken.kind, r.broken.actions, r.broken.loop is not None) == ("lost", ["vcpu0 flush"], True)


# -- start
def run(code: str, environment: dict[str, str], cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=cwd, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("machine", "engine"), [(Dials(12), "plain"), (rich.Machine(1, 1), "compiled")])
def test_a_narrow_search_stays_in_plain_python(machine: Any, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some three hundred states each, and a clock that goes on at each look, so that both take long: but the states of
    one come one after another."""
    ticks = iter(range(1_000_000))
    with monkeypatch.context() as patch:
        patch.setattr("vgic.engine.explorer.time.process_time", lambda: next(ticks) / 100)
        found = Explorer(Model(machine, machine.actions())).search()
    assert (found.engine, found.complete) == (engine, True)


def test_small_models_need_no_compiler(tmp_path: Path) -> None:
    code = """
import sys
from bench.engine.rich import Machine
from vgic.engine import Explorer, Model
m = Machine(1, 1)
r = Explorer(Model(m, m.actions(), m.rules())).search()
print(r.engine, r.states, "numba" in sys.modules)
"""
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'src'}:{ROOT}")
    assert run(code, environment, tmp_path) == "plain 320 False\n"


@pytest.mark.skipif(os.environ.get("VGIC_SLOW_TESTS") != "1", reason="compiles everything anew: half a minute")
def test_without_any_directory_to_cache_in(tmp_path: Path) -> None:
    package = tmp_path / "src" / "vgic"
    shutil.copytree(ROOT / "src" / "vgic", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "bench", tmp_path / "src" / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "engine" / "kernels" / "__pycache__").write_text("not a directory")
    code = """
from bench.engine.rich import Machine
from vgic.engine import Explorer, Model
m = Machine(1, 1)
print(Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled").states)
"""
    nowhere = "/proc/nowhere"
    environment = dict(os.environ, PYTHONPATH=str(tmp_path / "src"), HOME=nowhere, XDG_CACHE_HOME=nowhere,
                       PYTHONDONTWRITEBYTECODE="1")
    environment.pop("NUMBA_CACHE_DIR", None)
    assert run(code, environment, tmp_path) == "320\n"


def test_a_way_is_found_though_the_search_had_asked_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last round met and did not learn is asked for again by who looks for the way."""
    def asked(search: Any) -> Any:
        search.trie.child[search.trie.child == -1] = -2
        return way_to(search)
    monkeypatch.setattr("vgic.engine.search.run.way_to", asked)
    m = protocol.Machine(1, forgets=True)
    r = Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled")
    assert r.broken is not None


@pytest.mark.parametrize("memory", [1, 1 << 16, 1 << 19, 1 << 20])
def test_memory_for_nearly_nothing(memory: int) -> None:
    """No state is written where there is no room."""
    m = rich.Machine(1, 2)
    r = Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled", memory=memory)
    assert (r.why_cut, r.verdict) in (("memory", "BOUNDED"), (None, "HOLDS"))
    assert r.states * 8 * r.words <= max(memory, 8 * r.words)
