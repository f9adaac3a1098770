"""The search in plain Python: every state is a tuple of all slots, restored and read around each call.

It learns nothing and assumes nothing but that all state is in the parts, so it is what the explorer is
checked against; and for small models it is done before the compiled code is loaded.
"""
from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import compress, count
from operator import attrgetter, is_not, ne
from typing import Any, Final

from vgic.engine.model.contract import NO_PART, Goal, ModelError
from vgic.engine.model.culprit import line_of
from vgic.engine.model.inventory import Inventory, slots_of
from vgic.engine.model.result import Broken
from vgic.engine.model.seal import Seal
from vgic.engine.model.values import UNSET, freeze, key_of, shown, thaw

State = tuple[int, ...]

_LONGEST: Final = 200
_REPEATED: Final = 10               # each action is run twice so often where it leads on, and where it is not possible,
_SAMPLED: Final = 16                # to see whether it is deterministic; then in one state of so many
_WALK: Final = 100                  # steps of a random walk,
_TRIED: Final = 800                 # and so many calls, possible or not, of all walks
_TOLD: Final = 4                    # differences of two runs, in words
_SOUGHT: Final = 20.0               # seconds for which it is looked for who changed what is no part
_WATCHED: Final = 2                 # so often a write to what is no part is looked for after an action


@dataclass
class PlainResult:
    """What a plain search found."""
    states: int = 0
    transitions: int = 0
    depth: int = 0
    complete: bool = False
    broken: Broken | None = None
    expanded: int = 0
    """How many states were expanded: a search cut at so many is repeated exactly."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Warm:
    """What the compiled search begins with. `expanded`: how many states were, in plain Python; -1 where none was tried.
    `columns`: for each slot, the values met then, the first one first."""
    expanded: int = -1
    columns: Sequence[Sequence[Any]] = ()


class PlainSearch:
    """A breadth-first search from the parts' present values. The parts are left as they were."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory, self.known = inventory, inventory.known
        self.actions, self.rules = tuple(inventory.model.actions), tuple(inventory.model.rules)
        slots = list(inventory.slots())
        self._get = [(part, getattr(type(part), name)) for part, name in slots]
        self._readers = [_reader(part) for part in inventory.parts]
        self._where = [f"{inventory.title(part)}.{name}" for part, name in slots]
        self._ids: list[dict[Hashable, int]] = [{} for _ in slots]
        self.values: list[list[Any]] = [[] for _ in slots]
        """For each slot: its values, in the order met; a state is the number of each slot's value."""
        self._held = self._look()
        self._now = [self.number(i, value) for i, value in enumerate(self._held)]
        self._lists = {i: held for i, held in enumerate(self._held) if type(held) is list}
        """What the slots held at first, where that was a list."""
        self._items = {i: tuple(held) for i, held in self._lists.items()}
        """What is in the lists that the slots hold now."""
        self.start = tuple(self._now)
        self.parent: dict[State, tuple[State, str] | None] = {self.start: None}
        self.edges: dict[State, list[tuple[str, State]]] = {}

    def number(self, i: int, value: Any) -> int:
        """The number of a value of slot i."""
        try:
            key = key_of(value, self.known)
        except TypeError as e:
            raise ModelError(f"{self._where[i]} can't hold {shown(value)}: {e}") from None
        n = self._ids[i].setdefault(key, len(self.values[i]))
        if n == len(self.values[i]):
            self.values[i].append(freeze(value))
        return n

    def _look(self) -> list[Any]:
        """What all slots hold."""
        held: list[Any] = []
        for at_once, one_by_one in self._readers:
            try:
                held += at_once()
            except AttributeError:                   # one of them is unset
                held += one_by_one()
        return held

    def read(self) -> State:
        """The present state."""
        before, held, now, items = self._held, self._look(), self._now, self._items
        for i in compress(count(), map(is_not, held, before)):
            now[i] = self.number(i, held[i])
            items.pop(i, None)
            if type(held[i]) is list:
                items[i] = tuple(held[i])
        self._held = held
        for i, was in items.items():
            if len(held[i]) != len(was) or any(map(is_not, held[i], was)):
                now[i] = self.number(i, held[i])
                items[i] = tuple(held[i])
        return tuple(now)

    def write(self, state: State) -> None:
        """Make a state the present one."""
        for i in [*compress(count(), map(ne, state, self.read()))]:
            self._set(i, state[i], thaw(self.values[i][state[i]]))

    def _set(self, i: int, n: int, value: Any) -> None:
        """Let slot i hold its value n, in this form."""
        part, descriptor = self._get[i]
        if value is UNSET:
            descriptor.__delete__(part)
        else:
            descriptor.__set__(part, value)
        self._held[i], self._now[i] = value, n
        self._items.pop(i, None)
        if type(value) is list:
            self._items[i] = tuple(value)

    def restore(self) -> None:
        """Make the first state the present one, with the very lists that the slots held."""
        self.write(self.start)
        for i, held in self._lists.items():
            held[:] = self.values[i][self.start[i]]
            self._set(i, self.start[i], held)

    def describe(self, state: State) -> dict[str, Any]:
        """All slots that were seen to vary, by name."""
        return {where: values[n] for where, values, n in zip(self._where, self.values, state, strict=True)
                if len(values) > 1}

    def widest(self) -> tuple[str, int]:
        """The slot that took most values, and how many."""
        return max(((where, len(values)) for where, values in zip(self._where, self.values, strict=True)),
                   key=lambda slot: slot[1])

    def way(self, state: State) -> list[str]:
        """The actions that lead to a state."""
        out = []
        while (step := self.parent[state]) is not None:
            state, name = step
            out.append(name)
        return out[::-1]

    def run(self, stop: Callable[[PlainResult], bool] = lambda result: False,
            depth: int | None = None, edges: bool = False) -> PlainResult:
        """Search until all is explored, a rule is broken, the depth is reached, or `stop` says so (it is asked
        before each state is expanded). With `edges`, what leads where is kept.
        """
        t0 = time.perf_counter()
        result = PlainResult()
        self._seal = seal = Seal(self.inventory)
        try:
            self._search(result, stop, depth, edges)
        finally:
            self.restore()
        self._check(seal, "an action")
        result.states = len(self.parent)
        result.seconds = time.perf_counter() - t0
        return result

    def hand_over(self, expanded: int) -> Warm:
        """What is known after so many states were expanded, for the compiled search to begin with.

        Most of what it has to learn is void once another slot is seen to vary, so first it is found out which slots do:
        by random walks, the same ones each time, which come to where a search from the start takes long to come to.
        """
        chance = random.Random(0)
        self._seal, tried, met = Seal(self.inventory), 0, dict[State, None]()
        try:
            while tried < _TRIED:
                state = self.start
                for _ in range(_WALK):
                    after = None
                    met[state] = None
                    for _, call in chance.sample(self.actions, len(self.actions)):
                        tried += 1
                        self.write(state)
                        if call() is not False:
                            after = self.read()
                            break
                    if after is None:
                        break
                    state = after
        except Exception:                            # whoever searches will come to it, if it is as near as that
            pass
        finally:
            self.restore()
        if self._seal.suspect() is not None:
            self._blame(self.actions, list(met), self._seal.changed())
        return Warm(expanded, [list(values) for values in self.values])

    def _check(self, seal: Seal, who: str) -> None:
        """Raises ModelError where what is no part has changed."""
        changed = seal.changed()
        if changed:
            raise ModelError(f"{who} changes {changed}: {NO_PART}")

    def _search(self, result: PlainResult, stop: Callable[[PlainResult], bool], depth: int | None,
                edges: bool) -> None:
        result.broken = self._judge(self.start)
        level = [self.start]
        runs = Counter[tuple[str, bool]]()
        while level and not result.broken:
            if result.depth == depth:
                return
            new: list[State] = []
            for state in level:
                result.states = len(self.parent)
                if stop(result):
                    return
                result.expanded += 1
                sampled = result.expanded % _SAMPLED == 0
                for name, call in self.actions:
                    self.write(state)
                    try:
                        possible = call() is not False
                    except Exception as e:
                        result.broken = Broken(name, e, [*self.way(state), name], "raised")
                        return
                    after = self.read() if possible else None
                    runs[name, possible] += 1
                    if sampled or runs[name, possible] <= _REPEATED:
                        self._repeat(name, call, state, after, possible and runs[name, possible] <= _WATCHED)
                    if after is None:
                        continue
                    result.transitions += 1
                    if edges:
                        self.edges.setdefault(state, []).append((name, after))
                    if after not in self.parent:
                        self.parent[after] = state, name
                        new.append(after)
                        if len(new) == 1:
                            result.depth += 1
                        result.broken = self._judge(after)
                        if result.broken:
                            return
            level = new
        result.complete = not result.broken

    def _repeat(self, name: str, call: Callable[[], Any], state: State, after: State | None, watched: bool) -> None:
        """Call once more, which must lead to the same state, or be impossible again (None)."""
        self.write(state)
        try:
            again = self.read() if call() is not False else None
            odd = "" if again == after else self._two(state, after, again)
        except Exception as e:
            odd = f"first {'leads on' if after else 'is not possible'}, then raises {shown(e)}"
        if (odd or watched) and self._seal.suspect() is not None:
            self._blame([(name, call)], [state], self._seal.changed())
        if odd:
            self._blame(self.actions, list(self.parent))
            way = "  ".join(f"{n}. {step}" for n, step in enumerate(self.way(state), 1)) or "at the start"
            raise ModelError(f"{name} is not deterministic: run twice from the same state, it {odd}."
                             f" The way to that state: {way}")

    def _blame(
        self, calls: Sequence[tuple[str, Callable[[], Any]]], states: Sequence[State], seen: str | None = None,
    ) -> None:
        """Refuse the model where one of these calls changes what is no part, with the line of its source.

        What was changed may have been changed back since (a list that was filled in one state, and emptied in another):
        so each is run anew from each state. `seen`: the change that was seen.
        """
        until = time.process_time() + _SOUGHT
        for state in states:
            for name, call in calls:
                self._seal.restore()
                before = self._seal.suspect()
                self.write(state)
                with suppress(Exception):
                    call()
                i = self._seal.suspect()
                if i is not None and (i != before or seen is not None):
                    what = seen or self._seal.change(i)
                    self.write(state)
                    line = line_of(self._seal, i, call)
                    raise ModelError(f"{name} changes {what}{f' in {line}' if line else ''}: {NO_PART}")
                if time.process_time() > until:
                    break
        if seen is not None:
            raise ModelError(f"{calls[0][0]} changes {seen}: {NO_PART}")

    def _two(self, state: State, first: State | None, second: State | None) -> str:
        """Where two runs of an action differ."""
        if first is None or second is None:
            return "first leads on, then is not possible" if first else "first is not possible, then leads on"
        differ = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        told = [f"{self._where[i]} = {shown(self.values[i][first[i]])}, then {shown(self.values[i][second[i]])}"
                for i in differ[:_TOLD]]
        more = f"; and {len(differ) - _TOLD} more" if len(differ) > _TOLD else ""
        return f"first gives {'; '.join(told)}{more}"

    def _judge(self, state: State) -> Broken | None:
        self.write(state)
        for name, rule in self.rules:
            try:
                said = rule()
            except Exception as e:
                return Broken(name, e, self.way(state), "raised")
            if said:
                return Broken(name, said, self.way(state))
        return None


Reader = Callable[[], Sequence[Any]]


def _reader(part: Any) -> tuple[Reader, Reader]:
    """What reads all slots of a part: fast, if each is set (else AttributeError); one by one."""
    cls, names = type(part), slots_of(type(part))
    descriptors = [getattr(cls, name) for name in names]

    def one_by_one() -> list[Any]:
        return [_read(part, descriptor) for descriptor in descriptors]
    ours = {"__getattr__", "__getattribute__"} & {name for base in cls.__mro__[:-1] for name in vars(base)}
    if ours or len(names) == 1:                      # the model's own lookup, or no tuple
        return one_by_one, one_by_one
    return partial(attrgetter(*names), part), one_by_one


def _read(part: Any, descriptor: Any) -> Any:
    try:
        return descriptor.__get__(part)
    except AttributeError:
        return UNSET


# ---------------------------------------------------------------------------- nothing is lost
def lasso(start: Any, steps: Callable[[Any], Sequence[tuple[str, Any]]]) -> tuple[list[str], int | None]:
    """Follow steps to states not yet met, until none is left. Returns their names, and where in them the loop
    begins, or None where no step is possible at the end."""
    names: list[str] = []
    way = [start]
    while len(names) < _LONGEST:
        after = steps(way[-1])
        new = next(((name, s) for name, s in after if s not in way), None)
        if new is None:
            if not after:
                return names, None
            name, s = after[0]
            return [*names, name], way.index(s)
        names.append(new[0])
        way.append(new[1])
    return names, 0


def said_of(loop: int | None) -> str:
    """What a `lasso` shows, in words."""
    return ("no fair step is possible in the end" if loop is None
            else "fair steps go round, and none of the states that they can reach is the goal")


def lost_plainly(search: PlainSearch, goal: Goal) -> Broken | None:
    """What `vgic.engine.search.liveness.lost` finds, on a plain search that is complete and has kept its edges."""
    back: dict[State, list[State]] = {}
    for state, edges in search.edges.items():
        for name, after in edges:
            if goal.fair(name):
                back.setdefault(after, []).append(state)
    can = {state for state in search.parent if _holds(search, state, goal.reached)}
    todo = list(can)
    while todo:
        for state in back.get(todo.pop(), ()):
            if state not in can:
                can.add(state)
                todo.append(state)
    for state in search.parent:                      # in breadth-first order
        if state not in can and (goal.when is None or _holds(search, state, goal.when)):
            search.restore()
            then, loop = lasso(state, lambda s: [e for e in search.edges.get(s, ()) if goal.fair(e[0])])
            return Broken(goal.name, said_of(loop), search.way(state), "lost", then, loop)
    search.restore()
    return None


def _holds(search: PlainSearch, state: State, call: Callable[[], Any]) -> bool:
    search.write(state)
    return bool(call())
