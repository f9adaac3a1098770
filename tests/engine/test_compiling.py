"""Compilation of the search: told, not counted, and no matter where it can't be kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from bench.engine.protocol import Machine
from numba.core import event

from vgic.engine import Explorer, Model, Progress
from vgic.engine.kernels import intrinsics
from vgic.engine.model.result import Limits
from vgic.engine.plain import PlainResult, PlainSearch
from vgic.engine.search.compiling import compiling
from vgic.view.check import progress_line


def burnt(seconds: float) -> None:
    """Burns so many seconds of CPU."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_it_is_noticed_once_however_deep() -> None:
    begun: list[bool] = []
    took: list[float] = []
    with compiling(lambda: begun.append(True), took.append):
        with event.trigger_event("numba:compile"), event.trigger_event("numba:compile"):
            burnt(0.02)
        with event.trigger_event("numba:compile"):
            pass
    with event.trigger_event("numba:compile"):
        pass
    assert len(begun) == len(took) == 2
    assert took[0] >= 0.02 > took[1]


def test_it_is_told_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that is compiled for longer than it may take has its verdict."""
    from vgic.engine.search.forward import Search

    begin = Search.begin

    def slowly(search: Search) -> None:
        with event.trigger_event("numba:compile"):
            burnt(3.0)
        begin(search)
    monkeypatch.setattr(Search, "begin", slowly)
    told: list[Progress] = []
    m = Machine(1)
    model = Model(m, m.actions(), m.rules())
    Explorer(model).search(engine="compiled", states=10)        # has it compiled
    result = Explorer(model).search(engine="compiled", seconds=2.0, depth=3, progress=told.append)
    assert result.why_cut == "depth"
    assert any(p.compiling for p in told)
    assert not all(p.compiling for p in told)
    assert "compiling, once" in progress_line(next(p for p in told if p.compiling))
    assert "compiling" not in progress_line(next(p for p in told if not p.compiling))


def test_seconds_are_those_of_the_processor() -> None:
    limits, two = Limits(seconds=0.05), Limits(seconds=0.05, threads=2)
    time.sleep(0.1)
    assert limits.cut(0, 1) is None, "others had the processor"
    burnt(0.07)
    assert limits.cut(0, 1) == "seconds"
    assert two.cut(0, 1) is None, "half of it is each thread's"
    limits.excused += 0.06
    assert limits.cut(0, 1) is None


def test_what_can_not_be_kept_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intrinsics, "_unkept", [])

    def no_place(**how: object) -> object:
        if how.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function
    with monkeypatch.context() as patch:
        patch.setattr(intrinsics, "njit", no_place)
        assert intrinsics.compiled(len)([1]) == 1
    assert intrinsics.unkept() == "no directory for it can be written"


def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intrinsics, "_unkept", [])

    def full(*what: object) -> None:
        raise OSError(28, "No space left on device")
    intrinsics._kept(full, 1, 2)
    assert intrinsics.unkept() == "No space left on device"
    m = Machine(1)
    result = Explorer(Model(m, m.actions(), m.rules())).search(engine="compiled", states=10)
    assert result.unkept == "No space left on device"


def test_a_depth_is_not_reached_before_all_of_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain Python gives up while it meets the first states of the last level: what a search to a depth sees must not
    depend on how fast the machine is."""
    want = bounded("compiled")
    clock = 0.0
    run = PlainSearch.run

    def slow(self: PlainSearch, stop: Callable[[PlainResult], bool], depth: int | None = None,
             edges: bool = False) -> PlainResult:
        def late(result: PlainResult) -> bool:
            nonlocal clock
            clock = 100.0 if result.depth == depth else 0.0
            return stop(result)
        return run(self, late, depth, edges)
    monkeypatch.setattr(PlainSearch, "run", slow)
    monkeypatch.setattr("vgic.engine.explorer.time", SimpleNamespace(process_time=lambda: clock))
    assert bounded("auto") == want


def bounded(engine: str) -> tuple[int, int, str | None]:
    m = Machine(1)
    result = Explorer(Model(m, m.actions(), m.rules())).search(engine=engine, depth=6)
    return result.states, result.depth, result.why_cut
