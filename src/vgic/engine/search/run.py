"""One search by the compiled engine: set up, run within its limits, look at what was found, clean up.

Apart from the rest because it imports Numba, which takes longer than to search a small model.
"""
from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from vgic.engine.kernels.intrinsics import unkept
from vgic.engine.learn.units import Units
from vgic.engine.model.contract import CheckpointError
from vgic.engine.model.inventory import Inventory
from vgic.engine.model.result import Broken, Limits, Progress, Result
from vgic.engine.plain import Warm
from vgic.engine.search.checkpoint import Checkpoint
from vgic.engine.search.compiling import compiling
from vgic.engine.search.forward import Search
from vgic.engine.search.liveness import Stopped, lost
from vgic.engine.search.way import actions_to, way_to

_REPORT: Final = 0.2
"""Seconds between two reports of progress."""


@dataclass
class Request:
    """How to search: see `Explorer.search`. `look` is called with what was found before it is given up."""
    threads: int = 1
    progress: Callable[[Progress], None] | None = None
    saved: Checkpoint | None = None
    every: float = 60.0
    farthest: bool = False
    look: Callable[[Units, Search], None] | None = None


class _Watch:
    """What is seen to between rounds; called, it gives a reason to stop, or None."""

    def __init__(self, search: Search, limits: Limits, request: Request, warm: int,
                 interrupted: Callable[[], bool]) -> None:
        self.search, self.limits, self.request, self.warm = search, limits, request, warm
        self.interrupted = interrupted
        search.impatient = self.is_due
        self._report, self._save = 0.0, time.perf_counter() + request.every

    def __call__(self) -> str | None:
        now, search, request = time.perf_counter(), self.search, self.request
        if request.progress is not None and now > self._report:
            self._report = now + _REPORT
            self.report()
        self.save_in_time()
        if self.interrupted():
            return "interrupted"
        return self.limits.cut(search.depth, search.store.n)

    def report(self, compiling: bool = False) -> None:
        """Tell how far the search is, to whom it may concern."""
        search, now = self.search, time.perf_counter()
        if self.request.progress is not None:
            self.request.progress(Progress(search.depth, search.store.n, search.transitions, now - self.limits.began,
                                           search.store.bytes, compiling))

    def compiled(self, seconds: float) -> None:
        """The search waited so many CPU seconds for code of its own."""
        self.limits.excused += seconds

    def is_due(self) -> bool:
        """Whether there is a reason to stop that does not wait for the end of a round."""
        return self.patience() is not None

    def patience(self) -> str | None:
        """A reason to stop when all states are known."""
        return "interrupted" if self.interrupted() else self.limits.cut(-1, 0)

    def save_in_time(self) -> None:
        """Save, if it is time to."""
        now = time.perf_counter()
        if now > self._save:
            self.save()
            self._save = time.perf_counter() + max(self.request.every, 10 * (time.perf_counter() - now))

    def save(self) -> None:
        """Save, if that can be: a search goes on where it can't."""
        saved = self.request.saved
        if saved is not None:
            try:
                saved.save(self.search, self.warm)
                saved.unsaved = ""
            except CheckpointError as e:
                saved.unsaved = str(e)


def explore(inventory: Inventory, warm: Warm, limits: Limits, request: Request) -> Result:
    """Search, beginning with what a plain search has learned of the slots that vary, and their values."""
    units = Units(inventory)
    for u, column in enumerate(warm.columns):
        if len(column) > 1:
            units.vary_slot(u)
            for value in column:
                units.number(u, value)
    try:
        units.take()
        search = Search(units, request.threads, limits.memory or _available())
        try:
            with _interrupts() as interrupted:
                watch = _Watch(search, limits, request, warm.expanded, interrupted)
                with compiling(lambda: watch.report(True), watch.compiled):
                    why, broken, farthest = _run(search, watch)
        finally:
            search.close()
    finally:
        units.give_back()
    store, saved = search.store, request.saved
    slot, values = units.widest()       # met on trial runs, too: of the states seen it had no more than there are
    return Result(
        store.n, search.transitions, search.deepest, why is None, why, broken, inventory.model.must_hold,
        time.perf_counter() - limits.began, "compiled", store.bytes, search.learning, search.trie.paths,
        search.layout.W, search.trie.learned(), farthest,
        saved.unsaved if saved is not None and why not in (None, "broken") else "", unkept(),
        (slot, min(values, store.n)))


def _run(search: Search, watch: _Watch) -> tuple[str | None, Broken | None, tuple[str, ...]]:
    request = watch.request
    saved = request.saved
    if saved is not None and saved.meta is not None:
        saved.load(search)
    else:
        search.begin()
    why = search.run(watch)
    if why is not None:
        watch.save()
    elif not search.found:
        watch.save_in_time()
    search.check_model()
    if request.look is not None:
        request.look(search.units, search)
    broken = None
    if search.found:
        broken = way_to(search)
    elif why is None:
        try:
            goals = search.units.inventory.model.goals
            broken = next(filter(None, (lost(search, goal, watch.patience) for goal in goals)), None)
        except Stopped as e:
            why = str(e)
            watch.save()
    why = "broken" if broken else why
    farthest: list[str] = []
    if request.farthest:
        last = search.store.level(search.deepest)[-1][1] - 1
        farthest = actions_to(search, search.vector(last), search.deepest)
    if saved is not None and why in (None, "broken"):
        saved.remove()
    return why, broken, tuple(farthest)


def _available() -> int:
    """Three quarters of the memory available, in bytes."""
    try:
        with open("/proc/meminfo") as f:
            for line in f:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 768
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note the first interrupt, Ctrl-C or SIGTERM, instead of raising KeyboardInterrupt anywhere; the second raises."""
    hit = False

    def note(number: int, frame: Any) -> None:
        nonlocal hit
        if hit:
            raise KeyboardInterrupt
        hit = True
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)
              if signal.getsignal(number) is not None}
    try:
        yield lambda: hit
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
