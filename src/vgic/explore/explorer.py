"""All schedules of a machine: the search, its limits, and the way to what it finds.

    explorer = Explorer(machine, machine.actions(), machine.rules())
    result = explorer.search(threads=2)

The machine is a set of parts (see `vgic.parts`), an action is a call without arguments that changes
parts, or returns False where it is not possible (what it had written until then is dropped). A rule is a
call that returns something true where it is broken. Nothing is declared; what can't be explored
exactly is refused with a `ModelError` that names it.

Small models are searched in plain Python; beyond some thousands of states the compiled engine takes over.
Either way the verdict is exact, or says that it is bounded, and a counterexample is a shortest one.
"""
from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from vgic.explore.plain import PlainResult, PlainSearch, lost_plainly
from vgic.explore.reach import Named, Reach
from vgic.explore.result import Broken, Delivered, Progress, Result
from vgic.explore.symmetry import Exchange, Group
from vgic.explore.values import ModelError

if TYPE_CHECKING:
    from vgic.explore.checkpoint import Checkpoint

__all__ = ["Broken", "Delivered", "Exchange", "Explorer", "ModelError", "Progress", "Result"]

_PLAIN_SECONDS: Final = 0.5
_PLAIN_STATES: Final = 20000
_REPORT: Final = 0.2


class Explorer:
    """The states that a machine can reach from its present one.

    `actions` and `rules` are (name, call) pairs, with names of their own each. `parts`: only these objects
    are parts (default: all objects with `__slots__` that can be reached from the machine). `symmetry`: see
    `vgic.explore.symmetry`. The machine is left as it was.
    """

    def __init__(self, machine: object, actions: Iterable[Named], rules: Iterable[Named] = (), *,
                 delivered: Iterable[Delivered] = (), parts: Iterable[object] | None = None,
                 symmetry: Sequence[Exchange] = ()) -> None:
        self.machine = machine
        self.actions, self.rules = list(actions), list(rules)
        self.delivered, self.symmetry = list(delivered), list(symmetry)
        if not self.actions:
            raise ModelError("there are no actions: nothing can happen")
        names = [name for name, _ in self.actions]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ModelError(f"two actions are called {twice!r}: a counterexample could not name them")
        goals = [(d.name, call) for d in self.delivered for call in (d.goal, d.when) if call is not None]
        self.reach = Reach(machine, [*self.actions, *self.rules, *goals], parts)
        if not self.reach.parts:
            raise ModelError(f"no part is reachable from {type(machine).__qualname__}: give its parts __slots__")
        self._calls = dict(self.actions)

    def search(self, *, depth: int | None = None, states: int | None = None, memory: int | None = None,
               seconds: float | None = None, threads: int = 1, engine: str = "auto",
               progress: Callable[[Progress], None] | None = None,
               checkpoint: str | os.PathLike[str] | None = None, every: float = 60.0) -> Result:
        """Explore, to the end or to a limit, or up to the first broken rule.

        Limits: `depth` in actions, `states` in number (passed by up to a round), `memory` in bytes (default: three
        quarters of what is available), `seconds` (of this call). `engine`: "plain", "compiled" or "auto".
        `progress` is called a few times a second. An interrupt (Ctrl-C) ends the search at the next
        point of rest, with what was found until then; a second one at once.

        `checkpoint` names a directory. A search saves itself there every so many seconds (fewer where saving takes
        long) and when it is cut, and goes on from what it finds there, in whatever process, with the same
        counts in the end. It is removed when there is a verdict.
        """
        began = time.perf_counter()
        plain = PlainSearch(self.reach, self.actions, self.rules)
        result = PlainResult()
        saved = None
        if checkpoint is not None:
            from vgic.explore.checkpoint import Checkpoint, fingerprint
            saved = Checkpoint(checkpoint, fingerprint(self.reach, self.actions, self.rules))
        if saved is not None and saved.meta is not None:
            warm = int(saved.meta["warm"])
            if warm:
                result = plain.run(lambda r, s: r.expanded >= warm)
        elif engine != "compiled":
            limit = states if states is not None else 1 << 62
            may = float("inf") if engine == "plain" else _PLAIN_SECONDS
            most = 1 << 62 if engine == "plain" else _PLAIN_STATES
            late = float("inf") if seconds is None else seconds

            def stop(r: PlainResult, s: float) -> bool:
                return r.states >= min(limit, most) or s > min(may, late)
            result = plain.run(stop, depth, edges=bool(self.delivered))
            settled = result.complete or result.broken or result.depth == depth or result.states >= limit
            if (settled and not self.symmetry) or engine == "plain":
                if saved is not None:
                    saved.remove()
                return self._plain_result(plain, result, depth, states)
        return self._compiled(result, began, depth, states, memory, seconds, threads, progress, saved, every)

    def _plain_result(self, search: PlainSearch, r: PlainResult, depth: int | None, states: int | None) -> Result:
        broken = None
        if r.broken:
            raised = isinstance(r.broken.said, Exception)
            broken = Broken(r.broken.rule, r.broken.said, r.broken.actions, "raised" if raised else "rule")
        elif r.complete and self.delivered:
            broken = next(filter(None, (lost_plainly(search, rule) for rule in self.delivered)), None)
        why = ("broken" if broken else None if r.complete else "depth" if r.depth == depth
               else "states" if states is not None and r.states >= states else "seconds")
        return Result(r.states, r.transitions, r.depth, why is None, why, broken, self._count, r.seconds, "plain",
                      stands_for=(r.states, r.transitions))

    def _compiled(self, warm: PlainResult, began: float, depth: int | None, states: int | None, memory: int | None,
                  seconds: float | None, threads: int, progress: Callable[[Progress], None] | None,
                  saved: Checkpoint | None, every: float) -> Result:
        from vgic.explore.learning import Units
        from vgic.explore.liveness import lost
        from vgic.explore.search import Search
        from vgic.explore.way import way_to

        units = Units(self.reach)
        for u, column in enumerate(warm.columns):
            if len(column) > 1:
                units.vary_slot(u)
                for value in column:
                    units.number(u, value)
        try:
            units.take()
            group = Group(units, self.symmetry)
            search = Search(units, self.actions, self.rules, group, threads, memory or _available())
            try:
                with _interrupts() as interrupted:
                    last, next_save = 0.0, time.perf_counter() + every

                    def at_rest() -> str | None:
                        nonlocal last, next_save
                        now = time.perf_counter()
                        if progress is not None and now - last > _REPORT:
                            last = now
                            progress(Progress(search.depth, search.store.n, search.transitions, now - began,
                                              search.store.bytes))
                        if saved is not None and now > next_save:
                            saved.save(search, warm.expanded)
                            next_save = time.perf_counter() + max(every, 10 * (time.perf_counter() - now))
                        if interrupted():
                            return "interrupted"
                        if depth is not None and search.depth >= depth:
                            return "depth"
                        if states is not None and search.store.n >= states:
                            return "states"
                        if seconds is not None and now - began > seconds:
                            return "seconds"
                        return None
                    if saved is not None and saved.meta is not None:
                        saved.load(search)
                    else:
                        search.begin()
                    why = search.run(at_rest)
                    if saved is not None and not search.found:
                        saved.save(search, warm.expanded)
                    search.check_model()
                    search.check_symmetry()
                    broken = None
                    if search.found:
                        why = "broken"
                        broken = way_to(search)
                    elif why is None and self.delivered:
                        broken = next(filter(None, (lost(search, rule) for rule in self.delivered)), None)
                        why = "broken" if broken else None
                    if saved is not None and why in (None, "broken"):
                        saved.remove()
            finally:
                search.close()
        finally:
            units.give_back()
        if broken is not None:
            self._confirm(broken)
        store = search.store
        stands = (search.stands_states, search.stands_transitions) if group else (store.n, search.transitions)
        deepest = max(d for d in range(len(store.levels)) if store.level(d))
        return Result(store.n, search.transitions, deepest, why is None, why, broken, self._count,
                      time.perf_counter() - began, "compiled", store.bytes, search.learning, search.trie.paths,
                      search.layout.W, group.order, stands)

    @property
    def _count(self) -> int:
        return len(self.rules) + len(self.delivered)

    def _confirm(self, broken: Broken) -> None:
        """A counterexample must show what it claims when it is played on the ordinary objects."""
        plain = PlainSearch(self.reach, self.actions, self.rules)
        said: Any = None
        try:
            for _ in self.replay(broken.actions):
                pass
            said = any(call() for name, call in self.rules if name == broken.rule)
        except Exception as e:
            said = e
        plain.restore()
        shown = {"rule": said is True, "raised": type(said) is type(broken.said), "delivered": said is False}
        if not shown[broken.kind]:
            raise AssertionError(f"the way to {broken.rule} does not lead there when played again: {broken.actions}")

    def replay(self, actions: Iterable[str]) -> Iterator[str]:
        """Play actions on the machine, from its present state, yielding each one's name after it.

        Raises ValueError for an action that is not possible then.
        """
        for name in actions:
            if self._calls[name]() is False:
                raise ValueError(f"{name!r} is not possible here")
            yield name


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
    """Note the first interrupt instead of raising KeyboardInterrupt anywhere; the second raises."""
    hit = False

    def note(number: int, frame: Any) -> None:
        nonlocal hit
        if hit:
            raise KeyboardInterrupt
        hit = True
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: hit
    finally:
        signal.signal(signal.SIGINT, before)
