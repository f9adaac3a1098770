"""The way in: a model, searched in plain Python or by compiled code; its counterexamples, played again.

Small models are searched in plain Python; where that has taken as long as the compiled search needs to begin, it takes
over, unless the search is narrow. Either way the verdict is exact, or says that it is bounded, and a counterexample is
a shortest one.
"""
from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from vgic.engine.model.contract import Model
from vgic.engine.model.inventory import Inventory, held_now
from vgic.engine.model.result import Broken, Limits, Progress, Result
from vgic.engine.plain import PlainResult, PlainSearch, Warm, lost_plainly

if TYPE_CHECKING:
    from vgic.engine.learn.units import Units
    from vgic.engine.search.forward import Search

_PLAIN_SECONDS: Final = 0.3
"""CPU seconds in plain Python, before the compiled search takes over: as long as that takes to import, to load and to
learn the first of a model. So neither choice costs much more than twice what the other would have."""

_NARROW: Final = 16
"""States found and not yet expanded, with fewer of which a search is narrow: nearly every state teaches something that
no other asks for again,"""
_PATIENCE: Final = 16
"""so that it stays in plain Python so many times as long."""

_COLLECTED: Final = 100_000
"""Objects made since the last look for garbage."""


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Python looks for garbage in cycles less often: a search makes much that is none, and would spend a sixth of its
    time there."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], _COLLECTED), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Explorer:
    """The states that a model's machine can reach from its present one. The machine is left as it was.

    Raises ModelError where the model can't be explored exactly, here or later, while it is searched.
    """

    @_seldom_collected()
    def __init__(self, model: Model) -> None:
        self.model, self.inventory = model, Inventory(model)
        self._calls = dict(model.actions)

    @_seldom_collected()
    def search(self, *, depth: int | None = None, states: int | None = None, memory: int | None = None,
               seconds: float | None = None, threads: int = 1, engine: str = "auto",
               progress: Callable[[Progress], None] | None = None,
               checkpoint: str | os.PathLike[str] | None = None, every: float = 60.0,
               anew: bool = False, farthest: bool = False) -> Result:
        """Explore, to the end or to a limit, or up to the first broken rule.

        Limits: `depth` in actions, `states` in number (passed by up to a round), `memory` in bytes (default: three
        quarters of what is available), `seconds` (of CPU time of this call, in each thread, without those in which the
        search itself is compiled). `engine`: "plain", "compiled" or "auto".
        `progress` is called a few times a second. An interrupt (Ctrl-C, or SIGTERM) ends the search at the next
        point of rest, with what was found until then; a second one at once.

        `checkpoint` names a directory. A search saves itself there every so many seconds (fewer where saving takes
        long) and when it is cut, and goes on from what it finds there, in whatever process, with the same
        counts in the end. With `anew` it begins anew, and what is there goes once a new save stands.
        It is removed when there is a verdict. `farthest`: tell the way to one of the
        deepest states, too.

        Raises CheckpointError for a directory that can't be used.
        """
        limits = Limits(depth, states, memory, seconds, threads)
        saved = None
        first = held_now(self.inventory) if checkpoint is not None else {}      # a search puts back equal objects
        if checkpoint is not None and os.path.lexists(checkpoint):
            from vgic.engine.search.checkpoint import Checkpoint
            saved = Checkpoint(checkpoint, self.inventory, first, anew)
        plain = PlainSearch(self.inventory)
        warm = Warm()
        if saved is not None and saved.meta is not None:
            expanded = int(saved.meta["warm"])
            if expanded >= 0:
                plain.run(lambda r: r.expanded >= expanded)
                warm = plain.hand_over(expanded)
        elif engine != "compiled":
            only, late = engine == "plain", False
            began = time.process_time()

            def stop(r: PlainResult) -> bool:
                nonlocal late
                patience = _PATIENCE if r.states - r.expanded < _NARROW else 1
                late = not only and time.process_time() - began > patience * _PLAIN_SECONDS
                return late or limits.cut(-1, r.states) is not None
            found = plain.run(stop, depth, edges=bool(self.model.goals))
            reached = -1 if late else found.depth       # late: of the deepest level only some states were met
            settled = found.complete or found.broken or limits.cut(reached, found.states)
            if only or (settled and not farthest):
                if saved is not None and (found.complete or found.broken):
                    saved.remove()
                return self._plain_result(plain, found, limits)
            warm = plain.hand_over(found.expanded)
        if checkpoint is not None and saved is None:
            from vgic.engine.search.checkpoint import Checkpoint
            saved = Checkpoint(checkpoint, self.inventory, first)
        from vgic.engine.search.run import Request, explore
        result = explore(self.inventory, warm, limits, Request(threads, progress, saved, every, farthest))
        if result.broken is not None:
            self.confirm(result.broken)
        return result

    @_seldom_collected()
    def self_check(self, *, states: int = 20000, threads: int = 1) -> Result:
        """Explore twice, compiled and in plain Python, and compare the sets of states one by one, the transitions, the
        depth and the verdict. Returns the compiled result.

        Raises AssertionError where they differ, ValueError where there are more than so many states.
        """
        plain = PlainSearch(self.inventory)
        want = plain.run(lambda r: r.states > states, edges=bool(self.model.goals))
        if want.states > states:
            raise ValueError(f"there are more than {states} states")
        expected = self._plain_result(plain, want, Limits())
        found: set[tuple[Any, ...]] = set()

        def look(units: Units, search: Search) -> None:
            varying = sorted(units.vary.values())
            for vector in search.vectors():
                state = list(plain.start)
                for u in varying:
                    state[u] = plain.number(u, units.values[u][vector[u]])
                found.add(tuple(state))
        from vgic.engine.search.run import Request, explore
        got = explore(self.inventory, Warm(), Limits(), Request(threads, look=look))
        if got.broken is not None:
            self.confirm(got.broken)
        if (got.verdict, got.broken and len(got.broken.actions)) != (
                expected.verdict, expected.broken and len(expected.broken.actions)):
            raise AssertionError(f"the verdicts differ: compiled {got}, plain {expected}")
        if got.why_cut is None:
            if found != set(plain.parent):
                odd = next(iter(found ^ set(plain.parent)))
                raise AssertionError(f"only {'the compiled' if odd in found else 'the plain'} search finds the state"
                                     f" {plain.describe(odd)}")
            if (got.transitions, got.depth) != (expected.transitions, expected.depth):
                raise AssertionError(f"the counts differ: compiled {got.transitions} transitions and depth {got.depth},"
                                     f" plain {expected.transitions} and {expected.depth}")
        return got

    def _plain_result(self, search: PlainSearch, r: PlainResult, limits: Limits) -> Result:
        broken = r.broken
        if r.complete:
            broken = next(filter(None, (lost_plainly(search, goal) for goal in self.model.goals)), None)
        why = "broken" if broken else None if r.complete else limits.cut(r.depth, r.states) or "seconds"
        return Result(r.states, r.transitions, r.depth, why is None, why, broken, self.model.must_hold, r.seconds,
                      "plain", widest=search.widest())

    def confirm(self, broken: Broken) -> None:
        """Play a counterexample on the ordinary objects: it must show what it claims, else AssertionError."""
        plain = PlainSearch(self.inventory)
        said: Any = None
        try:
            for _ in self.replay(broken.actions):
                pass
            said = any(call() for name, call in self.model.rules if name == broken.rule)
        except Exception as e:
            said = e
        plain.restore()
        shown = {"rule": said is True, "raised": type(said) is type(broken.said), "lost": said is False}
        if not shown[broken.kind]:
            raise AssertionError(f"the way to {broken.rule} does not lead there when played again: {broken.actions}."
                                 " Does the model keep what changes where it can't be seen?")

    def replay(self, actions: Iterable[str]) -> Iterator[str]:
        """Play actions on the machine, from its present state, yielding each one's name after it.

        Raises ValueError for an action that is not possible then.
        """
        for name in actions:
            if self._calls[name]() is False:
                raise ValueError(f"{name!r} is not possible here")
            yield name
