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
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from vgic.engine.model.reach import Named, Reach
from vgic.engine.model.result import Broken, Delivered, Limits, Progress, Result
from vgic.engine.model.values import ModelError
from vgic.engine.plain import PlainResult, PlainSearch, lost_plainly

if TYPE_CHECKING:
    from vgic.engine.learn.units import Units
    from vgic.engine.search.forward import Search

__all__ = ["Broken", "Delivered", "Explorer", "ModelError", "Progress", "Result"]

_PLAIN_SECONDS: Final = 0.5
"""CPU seconds in plain Python, before the compiled search takes over: as long as that takes to import, to load and to
learn the first of a model. So neither choice costs much more than twice what the other would have."""


class Explorer:
    """The states that a machine can reach from its present one.

    `actions` and `rules` are (name, call) pairs, with names of their own each. `parts`: only these objects
    are parts (default: all objects with `__slots__` that can be reached from the machine). The machine is left as it
    was.
    """

    def __init__(self, machine: object, actions: Iterable[Named], rules: Iterable[Named] = (), *,
                 delivered: Iterable[Delivered] = (), parts: Iterable[object] | None = None) -> None:
        self.machine = machine
        self.actions, self.rules = list(actions), list(rules)
        self.delivered = list(delivered)
        if not self.actions:
            raise ModelError("there are no actions: nothing can happen")
        names = [name for name, _ in self.actions]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ModelError(f"two actions are called {twice!r}: a counterexample could not name them")
        goals = [(f"{d.name}: {what} {n}", call) for n, d in enumerate(self.delivered)
                 for what, call in (("goal", d.goal), ("when", d.when)) if call is not None]
        self.judges = [*self.rules, *goals]
        self.reach = Reach(machine, [*self.actions, *self.judges], parts)
        if not self.reach.parts:
            raise ModelError(f"no part is reachable from {type(machine).__qualname__}: give its parts __slots__")
        self._calls = dict(self.actions)

    def search(self, *, depth: int | None = None, states: int | None = None, memory: int | None = None,
               seconds: float | None = None, threads: int = 1, engine: str = "auto",
               progress: Callable[[Progress], None] | None = None,
               checkpoint: str | os.PathLike[str] | None = None, every: float = 60.0,
               farthest: bool = False) -> Result:
        """Explore, to the end or to a limit, or up to the first broken rule.

        Limits: `depth` in actions, `states` in number (passed by up to a round), `memory` in bytes (default: three
        quarters of what is available), `seconds` (of this call). `engine`: "plain", "compiled" or "auto".
        `progress` is called a few times a second. An interrupt (Ctrl-C) ends the search at the next
        point of rest, with what was found until then; a second one at once.

        `checkpoint` names a directory. A search saves itself there every so many seconds (fewer where saving takes
        long) and when it is cut, and goes on from what it finds there, in whatever process, with the same
        counts in the end. It is removed when there is a verdict. `farthest`: tell the way to one of the
        deepest states, too.
        """
        limits = Limits(depth, states, memory, seconds, time.perf_counter())
        plain = PlainSearch(self.reach, self.actions, self.rules)
        result = PlainResult()
        saved = None
        if checkpoint is not None:
            from vgic.engine.search.checkpoint import Checkpoint, fingerprint
            saved = Checkpoint(checkpoint, fingerprint(self.reach, self.actions, self.rules))
        if saved is not None and saved.meta is not None:
            warm = int(saved.meta["warm"])
            if warm:
                result = plain.run(lambda r: r.expanded >= warm)
        elif engine != "compiled":
            only = engine == "plain"
            until = time.process_time() + _PLAIN_SECONDS

            def stop(r: PlainResult) -> bool:
                late = not only and time.process_time() > until
                return late or limits.cut(-1, r.states) is not None
            result = plain.run(stop, depth, edges=bool(self.delivered))
            settled = result.complete or result.broken or limits.cut(result.depth, result.states)
            if only or (settled and not farthest):
                if saved is not None:
                    saved.remove()
                return self._plain_result(plain, result, limits)
        from vgic.engine.search.run import Orders, explore
        return explore(self, result, limits, Orders(threads, progress, saved, every, farthest))

    def self_check(self, *, states: int = 20000, threads: int = 1) -> Result:
        """Explore twice, compiled and in plain Python, and compare the sets of states one by one, the transitions, the
        depth and the verdict. Returns the compiled result.

        Raises AssertionError where they differ, ValueError where there are more than so many states.
        """
        plain = PlainSearch(self.reach, self.actions, self.rules)
        want = plain.run(lambda r: r.states > states, edges=bool(self.delivered))
        if want.states > states:
            raise ValueError(f"there are more than {states} states")
        expected = self._plain_result(plain, want, Limits())
        found: set[tuple[Any, ...]] = set()

        def look(units: Units, search: Search) -> None:
            varying = sorted(units.vary.values())
            for row in search.rows():
                state = list(plain.start)
                for u in varying:
                    state[u] = plain.number(u, units.values[u][row[u]])
                found.add(tuple(state))
        from vgic.engine.search.run import Orders, explore
        got = explore(self, PlainResult(), Limits(), Orders(threads, look=look))
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
        if r.complete and self.delivered:
            broken = next(filter(None, (lost_plainly(search, rule) for rule in self.delivered)), None)
        why = "broken" if broken else None if r.complete else limits.cut(r.depth, r.states) or "seconds"
        return Result(r.states, r.transitions, r.depth, why is None, why, broken, self.count, r.seconds, "plain",
                      widest=search.widest())

    @property
    def count(self) -> int:
        """How many rules there are, those on delivery included."""
        return len(self.rules) + len(self.delivered)

    def confirm(self, broken: Broken) -> None:
        """Play a counterexample on the ordinary objects: it must show what it claims, else AssertionError."""
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
