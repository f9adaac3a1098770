"""What one run of an action reads and changes.

While the explorer learns, each part's class is swapped for a subclass of the same layout, and the slots
that vary are *emptied*. So Python itself calls `__getattr__` on the first read of such a slot, which
loads its value and notes the read, and `__setattr__` on every write. A run yields its *trail*: which
slots were read in which order, and what changed. A slot that has never been written is a constant: it
keeps its value, and reading it costs and notes nothing. The first write to one makes it vary.

A varying slot is a *unit* of the state, its values are numbered, and a state is a *vector*: the number of
the value of every unit.

A call of a step (see `vgic.parts`) cuts the trail: what was written so far is noted and put into the
vector, the parts are emptied, the step runs with a path of its own, the parts are emptied again, and the
caller goes on in a new *segment*, of which the step's result is the only thing known.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from operator import is_not
from typing import Any, NoReturn

from vgic.engine.learn.trail import Effects, Segment, Trail, Varies, Vector
from vgic.engine.model.contract import NO_PART, Call, ModelError
from vgic.engine.model.culprit import here
from vgic.engine.model.inventory import Inventory, slots_of
from vgic.engine.model.seal import Seal
from vgic.engine.model.values import OBJECT, UNSET, Frozen, freeze, key_of, shown
from vgic.parts import is_step


@dataclass(frozen=True, slots=True)
class _Raised:
    """A step's result, where it raised."""
    error: Exception


class Units:
    """The varying slots of the parts, the values that each has taken, and runs on emptied parts."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory, self.known = inventory, inventory.known
        self.slot: list[tuple[Any, str]] = list(inventory.slots())
        self.descr: list[Any] = [getattr(type(part), name) for part, name in self.slot]
        self.home = {(id(part), name): u for u, (part, name) in enumerate(self.slot)}
        self.initial = [freeze(self._held(u)) for u in range(len(self.slot))]
        self.vary: dict[tuple[int, str], int] = {}
        self._class_of = {id(part): type(part) for part in inventory.parts}
        self._alike: dict[type, tuple[dict[int, None], dict[str, None]]] = {}
        """For each class: its parts of which something varies, and the slots that do in some of them."""
        self.values: list[list[Any]] = [[v] for v in self.initial]
        self.ids: list[dict[Hashable, int]] = [{self._key(u, v): 0} for u, v in enumerate(self.initial)]
        self.results: list[dict[Hashable, int]] = []
        """For each step: its results, numbered."""
        self.result_values: list[list[Any]] = []
        self.steps: dict[Hashable, int] = {}
        self.recall: Callable[[int, Vector], tuple[int, Effects] | None] = lambda step, vector: None
        """What a step is known to do on a vector: its result's number, and the effects."""
        self.recalling = False
        self.step_names: list[str] = []
        self.runs = 0
        self.grown = 0
        """Counts values, units, steps and results of steps as they are met, so that others can see whether a run met
        any."""
        self.running = False
        self._fault: str | None = None
        self._fixed: dict[int, tuple[Any, ...]] = {
            u: v for u, v in enumerate(self.initial) if type(v) is Frozen}
        self._fixed_lists = {u: self._held(u) for u in self._fixed}
        self._own_lists = dict(self._fixed_lists)
        self._swapped: list[tuple[Any, type]] = []
        self._patched: list[tuple[type, str, Any]] = []

    def _held(self, u: int) -> Any:
        try:
            return self.descr[u].__get__(self.slot[u][0])
        except AttributeError:
            return UNSET

    def where(self, u: int) -> str:
        """A unit's name for people: the path of its part, and the slot."""
        part, name = self.slot[u]
        return f"{self.inventory.title(part)}.{name}"

    def widest(self) -> tuple[str, int]:
        """The slot that took most values, and how many."""
        return max(((self.where(u), len(self.values[u])) for u in self.vary.values()), key=lambda slot: slot[1],
                   default=("", 0))

    def _key(self, u: int, value: Any) -> Hashable:
        try:
            return key_of(value, self.known)
        except TypeError as e:
            message = f"{self.where(u)} can't hold {shown(value)}: {e}"
        if self.running:
            self._refuse(message)
        raise ModelError(message)

    # -- taking the machine, and giving it back
    def take(self) -> None:
        """Swap the classes of all objects of the machine, and empty the varying slots."""
        if self._swapped:
            return
        self._patch_steps()
        self.seal = Seal(self.inventory)
        made: dict[tuple[type, bool], type] = {}
        for objects, is_part in ((self.inventory.parts, True), (self.inventory.objects, False)):
            for obj in objects:
                cls = type(obj)
                if (cls, is_part) not in made:
                    made[cls, is_part] = self._subclass(cls, is_part)
                try:
                    object.__setattr__(obj, "__class__", made[cls, is_part])
                except TypeError:
                    if is_part:
                        raise ModelError(f"{self.inventory.name[id(obj)]}: {cls.__qualname__} can't be a part: its"
                                         " class can't be exchanged (is it written in C?)") from None
                    continue
                self._swapped.append((obj, cls))
        for u in self.vary.values():
            self._empty(u)

    def give_back(self) -> None:
        """Make everything ordinary objects again, with the values that they started with."""
        for obj, cls in self._swapped:
            object.__setattr__(obj, "__class__", cls)
        self._swapped.clear()
        for cls, name, function in self._patched:
            setattr(cls, name, function)
        self._patched.clear()
        for u in self.vary.values():
            if u in self._own_lists:
                self._own_lists[u][:] = self.initial[u]
                self.descr[u].__set__(self.slot[u][0], self._own_lists[u])
            elif self.initial[u] is not UNSET:
                self.descr[u].__set__(self.slot[u][0], self.initial[u])

    def _patch_steps(self) -> None:
        """Put our wrapper in the place of each step, wherever it is defined."""
        classes = {base: None for obj in (*self.inventory.parts, *self.inventory.objects) for base in type(obj).__mro__}
        for cls in classes:
            for name, function in list(vars(cls).items()):
                if is_step(function):
                    setattr(cls, name, self._stepped(function))
                    self._patched.append((cls, name, function))

    def _subclass(self, cls: type, is_part: bool) -> type:
        body: dict[str, Any] = {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        if is_part:
            body |= {"__getattr__": self._getattr_of(cls), "__setattr__": self._setattr_of(cls)}
        else:
            body["__setattr__"] = _function_of(self._refuse_write)
        body["__delattr__"] = _function_of(self._refuse_delete)
        return type(cls)(cls.__name__, (cls,), body)

    def vary_slot(self, u: int) -> None:
        """The slot varies from now on; and so do others that soon would: in all parts of a class of which something
        varies, the same slots do. One that does not in the end has one value, which takes no bit of a state."""
        self._vary(u)
        part, name = self.slot[u]
        parts, names = self._alike.setdefault(self._class_of[id(part)], ({}, {}))
        parts[id(part)] = names[name] = None
        for where in product(parts, names):
            if where not in self.vary and self.home[where] not in self._fixed_lists:
                self._vary(self.home[where])

    def _vary(self, u: int) -> None:
        part, name = self.slot[u]
        if u in self._fixed_lists:
            held = self._fixed_lists.pop(u)
            del self._fixed[u]
            others = {*self.inventory.lists.get(id(held), ())} - {f"{self.inventory.name[id(part)]}.{name}"}
            if others:
                raise ModelError(f"the list {self.where(u)} changes, but {min(others)} is the same list:"
                                 " a list that changes must be held in one place")
        self.vary[id(part), name] = u
        self.grown += 1
        if self._swapped:
            self._empty(u)

    def _empty(self, u: int) -> None:
        try:  # noqa: SIM105  # suppress() takes three times as long
            self.descr[u].__delete__(self.slot[u][0])
        except AttributeError:
            pass

    def number(self, u: int, value: Any) -> int:
        """The number of a value of a unit; a new one gets the next."""
        key = self._key(u, value)
        i = self.ids[u].get(key)
        if i is None:
            self.grown += 1
            i = self.ids[u][key] = len(self.values[u])
            self.values[u].append(freeze(value))
        return i

    # -- what Python calls on emptied parts
    def _getattr_of(self, cls: type) -> Callable[[Any, str], Any]:
        fallback = getattr(cls, "__getattr__", None)

        def __getattr__(part: Any, name: str) -> Any:
            u = self.vary.get((id(part), name))
            if u is not None and u not in self._dirty:
                if u not in self._loaded:
                    self._load(u)
                value = self._held(u)
                if value is not UNSET:
                    return value
            if fallback is not None:
                return fallback(part, name)
            raise AttributeError(f"{cls.__qualname__} object has no attribute {name!r}", name=name, obj=part)
        return __getattr__

    def _setattr_of(self, cls: type) -> Callable[[Any, str, Any], None]:
        descriptors = {name: getattr(cls, name) for name in slots_of(cls)}

        def __setattr__(part: Any, name: str, value: Any) -> None:
            u = self.vary.get((id(part), name))
            if u is not None:
                self._dirty.add(u)
                descriptors[name].__set__(part, value)
            elif name not in descriptors:
                object.__setattr__(part, name, value)        # a property's setter, or an error
            elif self.running:
                u = self.home[id(part), name]
                if type(value) is list or self._key(u, value) != self._key(u, self._held(u)):
                    self._newly.add(u)
                descriptors[name].__set__(part, value)
        return __setattr__

    def _refuse_write(self, obj: Any, name: str, value: Any) -> None:
        before = getattr(obj, name, UNSET)
        try:
            if key_of(before, self.known) == key_of(value, self.known):
                return
        except TypeError:
            pass
        self._refuse(f"{self.inventory.name[id(obj)]}.{name} (class {type(obj).__qualname__}) is written (it held"
                     f" {shown(before)}, now {shown(value)}) in {here()}: {NO_PART}")

    def _refuse_delete(self, obj: Any, name: str) -> None:
        self._refuse(f"{self.inventory.name[id(obj)]}.{name} (class {type(obj).__qualname__}) is deleted")

    def _refuse(self, message: str) -> NoReturn:
        """Leave the run, whatever the model catches, with this ModelError."""
        self._fault = self._fault or message
        raise _Refused

    def _load(self, u: int) -> None:
        self._reads.append(u)
        self._loaded.add(u)
        value = self.values[u][self._vector[u]]
        if type(value) is Frozen:
            live = self._live.setdefault(u, [])      # one list for all of a run: the model may hold on to it
            live[:] = value
            self.descr[u].__set__(self.slot[u][0], live)
        elif value is not UNSET:
            self.descr[u].__set__(self.slot[u][0], value)

    # -- runs
    def run(self, call: Call, vector: Sequence[int]) -> Trail:
        """Run a call on emptied parts, from a vector.

        Raises Varies where it wrote slots that were taken for constants, ModelError where it wrote
        anything that is no part. An exception of the model itself is the trail's `raised`.
        """
        self.runs += 1
        self.running = True
        self._newly: set[int] = set()
        self._fault = None
        self._live: dict[int, list[Any]] = {}
        self._segments: list[Segment] = []
        self._begin(list(vector))
        trail = Trail(self._segments)
        try:
            trail.value = call()
            self._end()
        except Exception as e:
            trail.raised = e
            self._end_quietly()
        except _Refused:
            pass
        finally:
            self._clear()
            self.running = False
        if self._fault:
            raise ModelError(self._fault)
        if self._newly:
            for u in self._newly:
                self.vary_slot(u)
            raise Varies
        return trail

    def _end_quietly(self) -> None:
        with suppress(_Refused):
            self._end()

    def _begin(self, vector: Vector) -> None:
        self._vector = vector
        self._reads: list[int] = []
        self._loaded: set[int] = set()
        self._dirty: set[int] = set()
        self._segments.append(Segment(vector, self._reads))

    def _end(self) -> None:
        """Close the segment: note what it changed."""
        if self._fault:
            return
        segment = self._segments[-1]
        effects = segment.effects
        segment.close()
        for u in self._dirty:
            value = self._held(u)
            if type(value) is list:
                self._live[u] = value
            else:
                self._live.pop(u, None)
            new = self.number(u, value)
            if u not in self._loaded or new != self._vector[u]:
                effects.append((u, new))
        for u, live in self._live.items():
            if u in self._loaded and u not in self._dirty:
                old = self.values[u][self._vector[u]]
                if (len(live) != len(old) or any(map(is_not, live, old))) and (
                        new := self.number(u, live)) != self._vector[u]:
                    effects.append((u, new))
        if len(self._live) > 1 and len({id(live) for live in self._live.values()}) < len(self._live):
            same = [self.where(u) for u in self._live]
            self._refuse(f"one list is in two of these slots: {', '.join(same)}. Give each a copy")
        effects.sort()

    def _clear(self) -> None:
        for u in self._loaded | self._dirty:
            self._empty(u)
        for u, held in self._fixed_lists.items():
            if len(held) != len(self._fixed[u]) or any(map(is_not, held, self._fixed[u])):
                self._newly.add(u)
                held[:] = self._fixed[u]
        for u in self._newly:
            if u in self._fixed_lists:
                self.descr[u].__set__(self.slot[u][0], self._fixed_lists[u])
            elif self.initial[u] is UNSET:
                self._empty(u)
            else:
                self.descr[u].__set__(self.slot[u][0], self.initial[u])
        self._loaded, self._dirty = set(), set()

    # -- steps
    def _stepped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def method(obj: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.running or id(obj) not in self.known:
                return function(obj, *args, **kwargs)
            return self._run_step(function, obj, args, kwargs)
        return method

    def _run_step(self, function: Callable[..., Any], obj: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = function.__qualname__
        try:
            if any(type(x) is list for x in (*args, *kwargs.values())):
                raise TypeError("give a step a tuple, or the owner of the list")
            key = (function, id(obj), tuple([key_of(x, self.known) for x in args]),
                   tuple([(k, key_of(x, self.known)) for k, x in sorted(kwargs.items())]))
        except TypeError as e:
            self._refuse(f"step {name} is called with {shown(args)}: {e}")
        step = self.steps.setdefault(key, len(self.steps))
        if step == len(self.results):
            self.grown += 1
            self.results.append({})
            self.result_values.append([])
            self.step_names.append(f"{name} of {self.inventory.name.get(id(obj), type(obj).__qualname__)}")
        self._end()
        outer, mine = self._segments, self._segments[-1]
        held: list[int] = []
        if self._live:
            mine_too = {u for s in outer for u in (*s.reads, *(u for u, _ in s.effects))}
            held = [u for u in self._live if u in mine_too]
        vector = self._next_vector()
        mine.step = step
        known = self.recall(step, vector) if self.recalling and not (self._newly or self._fault) else None
        if known is not None:
            mine.inner = Trail([], *known)
            for u, v in known[1]:
                vector[u] = v
            self._begin(vector)
            for u in held:
                self._load(u)
            result = self.result_values[step][known[0]]
            if type(result) is _Raised:
                raise result.error
            return result
        self._segments = []
        self._begin(vector)
        trail = mine.inner = Trail(self._segments)
        try:
            trail.value = value = function(obj, *args, **kwargs)
            self._leave_step(step, trail, name, outer, held)
        except Exception as e:
            trail.raised = e
            self._leave_step(step, trail, name, outer, held)
            raise
        return value

    def _leave_step(self, step: int, trail: Trail, name: str, outer: list[Segment], held: list[int]) -> None:
        self._end()
        trail.result = self._result(step, trail, name)
        vector = self._next_vector()
        self._segments = outer
        self._begin(vector)
        for u in held:                               # the caller may still hold this list: it sees what is in it
            self._load(u)

    def _next_vector(self) -> Vector:
        vector = list(self._vector)
        for u, value in self._segments[-1].effects:
            vector[u] = value
        for u in self._loaded.union(self._dirty):
            self._empty(u)
        return vector

    def _result(self, step: int, trail: Trail, name: str) -> int:
        try:
            if type(trail.value) is list:
                raise TypeError("return a tuple")
            if trail.raised is None:
                value, key = trail.value, key_of(trail.value, self.known)
            else:
                value = _Raised(trail.raised)
                key = OBJECT, type(trail.raised), key_of(trail.raised.args, self.known)
        except TypeError as e:
            self._refuse(f"step {name} returns {shown(trail.value)}: {e}")
        result = self.results[step].setdefault(key, len(self.results[step]))
        if result == len(self.result_values[step]):
            self.grown += 1
            self.result_values[step].append(value)
        return result

    def describe(self, vector: Sequence[int]) -> dict[str, Any]:
        """The varying slots of a state, by name."""
        return {self.where(u): self.values[u][vector[u]] for u in sorted(self.vary.values())}


def _function_of(method: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function, which a class hands its object to; a bound method would not get it."""
    def function(*args: Any) -> Any:
        return method(*args)
    return function


class _Refused(BaseException):
    """Leaves a run of a model that is refused; the model must not catch it."""

