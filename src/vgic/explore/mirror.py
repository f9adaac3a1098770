"""Whether an exchange is a symmetry: proved on what the search has learned.

The search knows of the model what it has learned: of each action, and of each step within, *pieces* (see
`vgic.explore.learning`): what was read, what was called and with which result, what was written. Whatever state it
expanded followed such pieces. So here each run that was learned is repeated in its image (the exchanged action, from
the exchanged state), and the two are compared event by event: what one reads, writes and calls must be what the other
does, exchanged, with one fixed counterpart for each step and for each result of it. Where that is so for all that was
learned, the exchanged action does in the image of *every* state expanded what the action did in the state: the code
that runs there finds the exchanged values wherever it looks, so it can't do anything else. No state is left to chance.

A loop over vCPUs comes by them in its own order in both runs, not in the exchanged one. So events may change places
where neither writes what the other reads or writes; a step counts with all that it was ever seen to read and write.

A rule need not be symmetric, for all images of a state are judged. But a step that it calls may be learned there, and
known to the actions that call it: such a piece is compared by itself.

What fails is not shown to be a symmetry, and is not used. That is so, too, for code that looks at one vCPU first and by
what it finds not at another: then the two runs read different slots.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from vgic.explore.learning import Units
from vgic.explore.paths import Path, Row, Varies
from vgic.explore.reach import Call, Named
from vgic.explore.values import OBJECT, ModelError, shown

Image = Callable[[int], tuple[int, Sequence[int]]]
"""What becomes of a unit: the unit whose place it takes, and for each of its values the one that it becomes there."""
Job = tuple[bool, str, tuple[tuple[int, int], ...]]
"""A run that was learned: whether of an action, its name, and the row that it began with, without the zeros."""

READ, WRITE, CALL = 0, 1, 2


class NoSymmetry(ModelError):
    """An exchange that is no symmetry of the model, or that can't be shown to be one. `exchanges`: to do without."""

    def __init__(self, message: str, exchanges: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.exchanges = tuple(exchanges)


class _Event(NamedTuple):
    """READ or WRITE: a unit and its value. CALL: a step and the number of its result."""

    kind: int
    what: int
    value: int
    inner: Path | None = None


class _Footprint:
    """All units that a step was ever seen to read, or to write (bit sets)."""

    __slots__ = ("reads", "writes")

    def __init__(self) -> None:
        self.reads = self.writes = 0


_NOTHING: Final = _Footprint()


class Mirror:
    """One element of a group, and the counterparts that it has been found to give to steps and to their results.

    Args:
        titles: the exchanges that make it. image: of a unit. along: the image of a row. moves: parts and others by id,
            to the one whose place each takes. number: what a number becomes that is given for an argument of this name,
            None for any.
        counterpart: of an action, by name.
    """

    def __init__(self, units: Units, titles: Sequence[str], image: Image, along: Callable[[Row], Row],
                 moves: Mapping[int, Any], number: Callable[[str, int], int | None],
                 counterpart: Mapping[str, str]) -> None:
        self.units, self.titles, self.image, self.along, self.moves = units, titles, image, along, moves
        self.number, self.counterpart = number, counterpart
        self.steps: dict[int, _Footprint] = {}
        self.step_of: dict[int, int] = {}
        self._taken: set[int] = set()
        self._result_of: dict[tuple[int, int], int] = {}
        self._results: set[tuple[int, int]] = set()
        self.why = ""
        self._keys: list[Any] = []

    def compare(self, here: Path, there: Path) -> bool:
        """Whether a run of an action and one in its image mirror one another. `why` tells what doesn't."""
        self.why = ""
        if (here.value is False) != (there.value is False) or (here.raised is None) != (there.raised is None):
            self.why = "is possible on one side alone"
            return False
        return self._same(here, there)

    def compare_step(self, step: int, here: Path, there: Path) -> bool:
        """The same for a run of a step that has a counterpart."""
        self.why = ""
        return self._counterpart(_Event(CALL, step, here.result, here),
                                 _Event(CALL, self.step_of[step], there.result, there), True)

    def _same(self, here: Path, there: Path) -> bool:
        mine, theirs = self._events(here, True), self._events(there, False)
        at: dict[tuple[int, int, int], list[int]] = {}
        calls: list[int] = []
        for i, e in enumerate(theirs):
            if e.kind == CALL:
                calls.append(i)
            else:
                at.setdefault(e[:3], []).append(i)
        places = []
        for e in mine:
            if e.kind == CALL:
                fits = (i for equal in (True, False) for i in calls if self._counterpart(e, theirs[i], equal))
                place = next(fits, None)
                if place is not None:
                    calls.remove(place)
            else:
                same = at.get(e[:3])
                place = same.pop(0) if same else None
            if place is None:
                break
            places.append(place)
        if len(places) < len(theirs) or len(mine) != len(theirs):
            self.why = self._odd(mine, theirs) or self.why or "calls other steps in its image"
            return False
        return self._commute(theirs, places)

    def _events(self, path: Path, exchange: bool) -> list[_Event]:
        """What a run does, in order; a read of what is known is none. With `exchange`, as it must be in the image."""
        out: list[_Event] = []
        known: set[int] = set()
        for segment in path.segments:
            for u in segment.reads:
                if u not in known:
                    known.add(u)
                    out.append(self._event(READ, u, segment.row[u], exchange))
            for u, v in segment.effects:
                known.add(u)
                out.append(self._event(WRITE, u, v, exchange))
            if segment.inner is not None:
                wrote = self.steps.get(segment.step, _NOTHING).writes
                known = {u for u in known if not wrote >> u & 1}
                out.append(_Event(CALL, segment.step, segment.inner.result, segment.inner))
        return out

    def _event(self, kind: int, u: int, v: int, exchange: bool) -> _Event:
        if exchange:
            u, values = self.image(u)
            v = values[v]
        return _Event(kind, u, v)

    def _counterpart(self, here: _Event, there: _Event, equal: bool) -> bool:
        """Whether a step's call is the counterpart of another's: known to be, or fit to be from now on (`equal`: where
        numbers of which nothing is known are equal)."""
        known, result = self.step_of.get(here.what), self._result_of.get((here.what, here.value))
        if (known != there.what) if known is not None else (
                there.what in self._taken or not self._alike(here.what, there.what, equal)):
            return False
        if (result != there.value) if result is not None else (there.what, there.value) in self._results:
            self.why = f"is told another result by {self.units.step_names[here.what]} in its image"
            return False
        assert here.inner is not None
        assert there.inner is not None
        if (here.inner.raised is None) != (there.inner.raised is None) or not self._same(here.inner, there.inner):
            return False
        self.step_of[here.what] = there.what
        self._taken.add(there.what)
        self._result_of[here.what, here.value] = there.value
        self._results.add((there.what, there.value))
        return True

    def _alike(self, h: int, k: int, equal: bool) -> bool:
        """Whether two steps may be counterparts: one method, its object and arguments in each other's places."""
        if len(self._keys) < len(self.units.steps):
            self._keys = list(self.units.steps)
        (f, obj, args, more), (g, other, others, others_more) = self._keys[h], self._keys[k]
        if f is not g or len(args) != len(others) or len(more) != len(others_more):
            return False
        called = f.__code__.co_varnames[1:]
        return self._fits(equal, "", (OBJECT, obj), (OBJECT, other)) and all(
            self._fits(equal, *xyz) for xyz in zip(called, args, others, strict=False))

    def _fits(self, equal: bool, argument: str, x: Any, y: Any) -> bool:
        """Two arguments, as they are told apart (see `vgic.explore.values`)."""
        if x[0] is OBJECT is y[0] and x[1] in self.moves:
            return bool(id(self.moves[x[1]]) == y[1])
        if x[0] is int is y[0]:
            becomes = self.number(argument, x[1])
            return bool(becomes == y[1] if becomes is not None else x[1] == y[1] or not equal)
        return True

    def _commute(self, theirs: Sequence[_Event], places: Sequence[int]) -> bool:
        """Whether what has changed places may: then neither touches what the other writes."""
        if list(places) == sorted(places):
            return True
        for i, p in enumerate(places):
            for q in places[i + 1:]:
                if q < p and not self._independent(theirs[p], theirs[q]):
                    self.why = "does what depends on one another in another order in its image"
                    return False
        return True

    def _independent(self, a: _Event, b: _Event) -> bool:
        if a.kind == READ == b.kind:
            return True
        (ra, wa), (rb, wb) = self._touch(a), self._touch(b)
        return not (wa & (rb | wb) or wb & ra)

    def _touch(self, e: _Event) -> tuple[int, int]:
        if e.kind == CALL:
            foot = self.steps.get(e.what, _NOTHING)
            return foot.reads, foot.writes
        return (1 << e.what, 0) if e.kind == READ else (0, 1 << e.what)

    def _odd(self, mine: Sequence[_Event], theirs: Sequence[_Event]) -> str:
        a = {e[:3] for e in mine if e.kind != CALL}
        b = {e[:3] for e in theirs if e.kind != CALL}
        for odd, where in ((a - b, "on one side alone"), (b - a, "in its image alone")):
            for kind, u, v in sorted(odd):
                does = "reads" if kind == READ else "writes"
                return f"{does} {self.units.where(u)} = {shown(self.units.values[u][v])} {where}"
        return ""


class Proof:
    """That all elements of a group are symmetries of what was learned, as it is learned.

    `actions` have counterparts, `judges` (rules, goals) need none.
    """

    def __init__(self, units: Units, actions: Sequence[Named], judges: Sequence[Named],
                 elements: Sequence[Mirror]) -> None:
        self.units, self.elements = units, elements
        self._calls: dict[tuple[bool, str], Call] = {(False, name): call for name, call in judges}
        self._calls |= {(True, name): call for name, call in actions}
        self._name = {id(call): key for key, call in self._calls.items()}
        self._steps: dict[int, _Footprint] = {}
        for element in elements:
            element.steps = self._steps
        self._learned: dict[Job, None] = {}
        self._proved = self._again = 0
        self._judged = 0, 0
        """When rules were last compared, so much was learned, and so many steps had counterparts."""
        self._compared: set[Any] = set()
        self._busy = False
        units.note = self._note

    def _note(self, call: Call, row: Sequence[int]) -> None:
        if not self._busy and id(call) in self._name:
            self._learned.setdefault((*self._name[id(call)], tuple((u, v) for u, v in enumerate(row) if v)))

    def learned(self) -> list[Job]:
        """All that was learned, in order."""
        return list(self._learned)

    def before(self, jobs: Sequence[Any]) -> None:
        """Take over what an earlier run had learned, as JSON has it."""
        earlier: dict[Job, None] = {
            (bool(action), str(name), tuple((int(u), int(v)) for u, v in row)): None for action, name, row in jobs}
        self._learned = earlier | self._learned
        self._proved = self._again = 0
        self._judged = 0, 0

    def prove(self, final: bool = False) -> None:
        """Compare what was learned of actions since. `final`: and of rules, and once more what was compared before all
        was known of what steps touch. Raises NoSymmetry."""
        if not final and self._proved == len(self._learned):
            return
        learned = list(self._learned)
        self._busy = True
        try:
            while self._proved < len(learned):
                self._proved += 1
                self._action(learned[self._proved - 1])
            while final and (self._again or self._judged != (len(learned), self._counterparts())):
                again, self._again = self._again, 0
                if again:
                    self._compared.clear()
                for job in learned[:again]:
                    self._action(job)
                self._judged = len(learned), self._counterparts()
                for job in learned:
                    self._judge(job)
        finally:
            self._busy = False

    def _counterparts(self) -> int:
        return sum(len(mirror.step_of) for mirror in self.elements)

    def _action(self, job: Job) -> None:
        action, name, _ = job
        if not action:
            return
        row = self._row(job)
        here = self._run(self._calls[action, name], row)
        for mirror in self.elements:
            there = self._run(self._calls[True, mirror.counterpart[name]], mirror.along(row))
            if here is None or there is None:
                self._refuse(mirror, name, "writes in its image what it never writes here")
            elif not mirror.compare(here, there):
                self._refuse(mirror, name, mirror.why)
        assert here is not None
        self._compared.update(_piece(*step) for step in _steps(here))

    def _judge(self, job: Job) -> None:
        """The steps that a rule has called, as far as actions call them, too."""
        action, name, _ = job
        here = None if action else self._run(self._calls[action, name], self._row(job))
        for step, inner in _steps(here) if here is not None else ():
            piece = _piece(step, inner)
            if piece in self._compared or any(step not in mirror.step_of for mirror in self.elements):
                continue
            self._compared.add(piece)
            for mirror in self.elements:
                there = self._run(self.units.step_calls[mirror.step_of[step]], mirror.along(inner.segments[0].row))
                found = there.segments[0].inner if there is not None else None
                if found is None or not mirror.compare_step(step, inner, found):
                    self._refuse(mirror, self.units.step_names[step], mirror.why or "differs in its image")

    def _row(self, job: Job) -> Row:
        row = [0] * len(self.units.slot)
        for u, v in job[2]:
            row[u] = v
        return row

    def _run(self, call: Call, row: Row) -> Path | None:
        """A run, with all that its steps do; None where it meets values or slots that the search has not met."""
        units = self.units
        grown, units.recalling = units.grown, False
        path = None
        with suppress(Varies):
            path = units.run(call, row)
        if path is None or units.grown != grown:
            return None
        if _watch(path, self._steps)[2]:
            self._again = self._proved
        return path

    def _refuse(self, mirror: Mirror, name: str, why: str) -> None:
        blamed = mirror.titles
        if len(blamed) > 1:                     # one of them, or more
            blamed = [m.titles[0] for m in self.elements if len(m.titles) == 1 and not self._stands(m)] or blamed
        title = " and then ".join(mirror.titles)
        raise NoSymmetry(f"exchange {title!r} is not shown to be a symmetry of the model: {name!r} {why}", blamed)

    def _stands(self, mirror: Mirror) -> bool:
        """Whether an element is a symmetry of all actions that were learned until now."""
        for action, name, row in self._learned:
            if action:
                state = self._row((action, name, row))
                here = self._run(self._calls[action, name], state)
                there = self._run(self._calls[True, mirror.counterpart[name]], mirror.along(state))
                if here is None or there is None or not mirror.compare(here, there):
                    return False
        return True


def _steps(path: Path) -> Iterator[tuple[int, Path]]:
    """All calls of steps in a run."""
    for segment in path.segments:
        if segment.inner is not None:
            yield segment.step, segment.inner
            yield from _steps(segment.inner)


def _piece(step: int, path: Path) -> tuple[Any, ...]:
    """What tells one piece of a step from another: what it reads, and what the steps that it calls return."""
    return (step, *((tuple((u, s.row[u]) for u in s.reads), s.step, s.inner.result if s.inner is not None else -1)
                    for s in path.segments))


def _watch(path: Path, steps: dict[int, _Footprint]) -> tuple[int, int, bool]:
    """Note of the steps of a run what they touch. Returns what the run reads and writes, and whether any is new."""
    reads = writes = 0
    new = False
    for segment in path.segments:
        reads |= _bits(segment.reads)
        writes |= _bits(u for u, _ in segment.effects)
        if segment.inner is not None:
            r, w, more = _watch(segment.inner, steps)
            foot = steps.setdefault(segment.step, _Footprint())
            new |= more or bool(r & ~foot.reads or w & ~foot.writes)
            foot.reads |= r
            foot.writes |= w
            reads, writes = reads | foot.reads, writes | foot.writes
    return reads, writes, new


def _bits(units: Iterable[int]) -> int:
    out = 0
    for u in units:
        out |= 1 << u
    return out
