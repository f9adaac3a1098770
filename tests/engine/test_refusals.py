"""What can't be explored exactly is refused, by name, by the plain and by the compiled search."""
from __future__ import annotations

import itertools
import random
import types
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from vgic.engine import Explorer, Model, ModelError
from vgic.parts import Part, step

COUNT = 0
CACHE: dict[int, int] = {}


class Bit(Part):
    __slots__ = ("held", "on", "one")

    def __init__(self) -> None:
        self.on = False
        self.held: Any = None
        self.one = 1

    @step
    def listed(self, items: Any) -> Any:
        return items

    @step
    def flip(self) -> bool:
        self.on = not self.on
        return self.on


class Box:
    def __init__(self) -> None:
        self.inside = 0


class Hidden:
    """Has slots, but is reached through a module's global only."""
    __slots__ = ("x",)

    def __init__(self) -> None:
        self.x = 0


GLOBAL_OBJECT = Hidden()


def _numbers() -> Iterator[int]:
    yield from range(1_000_000)


GENERATOR = _numbers()
RANDOM = random.Random(1)


class Machine:
    shared = 0
    seen: list[int] = []  # noqa: RUF012  # a class attribute that can change: what is refused here
    boxed = Box()

    def __init__(self) -> None:
        self.bit = Bit()
        self.other = Bit()
        self.box = Box()
        self.ticks = 0
        self.log: list[int] = []
        self.table = {"a": 0}
        self.numbers = itertools.count()
        self.space = types.SimpleNamespace(n=0)

    def defaults(self, seen: list[int] = []) -> None:  # noqa: B006  # what is refused here
        seen.append(1)

    def counts_itself(self) -> None:
        method: Any = Machine.counts_itself
        method.calls = getattr(method, "calls", 0) + 1


def writes_attribute(m: Machine) -> None:
    m.ticks += 1
    m.bit.on = not m.bit.on


def writes_object(m: Machine) -> None:
    m.box.inside += 1


def deletes_attribute(m: Machine) -> None:
    del m.table


def writes_list(m: Machine) -> None:
    m.log.append(1)


def writes_dict(m: Machine) -> None:
    m.table["a"] += 1


def writes_class(m: Machine) -> None:
    Machine.shared += 1


def writes_class_list(m: Machine) -> None:
    m.seen.append(1)


def writes_global(m: Machine) -> None:
    global COUNT  # noqa: PLW0603  # what is refused here
    COUNT += 1


def writes_global_dict(m: Machine) -> None:
    CACHE[len(CACHE)] = 1


def writes_global_object(m: Machine) -> None:
    GLOBAL_OBJECT.x += 1


def swallows(m: Machine) -> None:
    try:
        m.ticks += 1
    except BaseException:
        m.bit.on = not m.bit.on


def writes_namespace(m: Machine) -> None:
    m.space.n += 1


def writes_class_object(m: Machine) -> None:
    m.boxed.inside += 1


def draws(m: Machine) -> None:
    RANDOM.random()


def draws_from_the_module(m: Machine) -> None:
    random.random()


def generates(m: Machine) -> None:
    next(GENERATOR)


def writes_default(m: Machine) -> None:
    m.defaults()


def writes_function(m: Machine) -> None:
    m.counts_itself()


OUTSIDE: list[tuple[Callable[[Machine], Any], str]] = [
    (writes_attribute, r"machine\.ticks|machine .*\.ticks"),
    (writes_object, "machine.box.*inside"),
    (writes_list, r"machine\.log"),
    (writes_dict, r"machine\.table.*a"),
    (writes_class, "class .*Machine.*shared"),
    (writes_class_list, "Machine.seen"),
    (writes_global, "COUNT"),
    (writes_global_dict, "CACHE"),
    (writes_global_object, r"GLOBAL_OBJECT\.x"),
    (swallows, "machine.*ticks"),
    (writes_namespace, r"machine\.space\.n"), (writes_class_object, r"Machine\.boxed\.inside"),
    (draws, r"RANDOM"), (draws_from_the_module, "the module random"), (generates, "GENERATOR"),
    (writes_default, r"a default of Machine\.defaults"),
    (writes_function, r"the function Machine\.counts_itself\.calls"),
]


@pytest.fixture(autouse=True)
def _fresh_globals() -> Any:
    yield
    CACHE.clear()
    Machine.shared = 0
    Machine.seen.clear()
    GLOBAL_OBJECT.x = Machine.boxed.inside = 0


def explore(act: Callable[[Machine], Any], engine: str, rules: Any = ()) -> None:
    m = Machine()
    calls = [("act", lambda: act(m)), ("flip", m.bit.flip)]
    Explorer(Model(m, calls, [(n, partial(rule, m)) for n, rule in rules])).search(engine=engine, states=500)


@pytest.mark.parametrize("engine", ["plain", "compiled"])
@pytest.mark.parametrize(("act", "name"), OUTSIDE)
def test_a_write_to_what_is_no_part(act: Callable[[Machine], Any], name: str, engine: str) -> None:
    with pytest.raises(ModelError, match=name):
        explore(act, engine)


def test_a_variable_of_a_closure() -> None:
    m, n = Machine(), 0

    def act() -> None:
        nonlocal n
        n += 1
    for engine in ("plain", "compiled"):
        with pytest.raises(ModelError, match="variable n"):
            Explorer(Model(m, [("act", act), ("flip", m.bit.flip)])).search(engine=engine, states=100)


def counts(m: Machine) -> None:
    m.bit.held = next(m.numbers) % 7


def mutable(value: Any) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        m.bit.held = value()
    return act


def nested(m: Machine) -> None:
    m.bit.held = ([],)


def gives_list(m: Machine) -> None:
    m.bit.listed([1])


def returns_list(m: Machine) -> None:
    m.bit.listed(())
    m.bit.held = 1


@pytest.mark.parametrize("engine", ["plain", "compiled"])
@pytest.mark.parametrize(("act", "name"), [
    (counts, r"act changes machine\.numbers"), (mutable(dict), "bit.held can't hold"),
    (mutable(set), "bit.held can't hold"), (mutable(deque), "bit.held can't hold .*deque inside it can change"),
    (mutable(Box), "bit.held can't hold .*Box"), (mutable(bytearray), "bit.held"), (nested, "bit.held can't hold"),
])
def test_values(act: Callable[[Machine], Any], name: str, engine: str) -> None:
    with pytest.raises(ModelError, match=name):
        explore(act, engine)


def test_steps_take_no_lists() -> None:
    with pytest.raises(ModelError, match=r"step Bit\.listed is called with"):
        explore(gives_list, "compiled")


def test_step_marks_methods_only() -> None:
    with pytest.raises(TypeError, match="plain method"):
        step(property(lambda self: 1))  # type: ignore[type-var]  # what is refused


def test_a_rule_must_not_write() -> None:
    with pytest.raises(ModelError, match=r"nosy only judges, but it writes machine\.bit\.on"):
        explore(lambda m: None, "compiled", [("nosy", lambda m: m.bit.flip() and False)])


def test_one_list_in_two_slots() -> None:
    m = Machine()
    m.bit.held = m.other.held = [1]

    def act() -> None:
        m.bit.held.append(1)
    with pytest.raises(ModelError, match="same list"):
        Explorer(Model(m, [("act", act)])).search(engine="compiled", states=10)


def test_parts_in_a_set() -> None:
    m = Machine()
    m.table = {Bit()}  # type: ignore[assignment]  # what is refused
    with pytest.raises(ModelError, match=r"machine\.table is a set of parts"):
        Explorer(Model(m, [("flip", m.bit.flip)]))


def test_names_must_differ_and_be() -> None:
    m = Machine()
    with pytest.raises(ModelError, match="two actions are called 'a'"):
        Explorer(Model(m, [("a", m.bit.flip), ("a", m.other.flip)]))
    with pytest.raises(ModelError, match="no actions"):
        Explorer(Model(m, []))
    with pytest.raises(ModelError, match="no part"):
        Explorer(Model(Box(), [("a", len)]))  # type: ignore[list-item]  # never called


def raises(m: Machine) -> None:
    if m.bit.on and m.other.on:
        raise RuntimeError("both")
    m.other.on = True


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_an_action_that_raises_is_a_finding(engine: str) -> None:
    m = Machine()
    r = Explorer(Model(m, [("act", lambda: raises(m)), ("flip", m.bit.flip)])).search(engine=engine)
    assert r.broken is not None
    assert (r.broken.kind, len(r.broken.actions), str(r.broken.said)) == ("raised", 3, "both")


def bad_rule(m: Machine) -> bool:
    if m.bit.on:
        raise RuntimeError("oops")
    return False


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_a_rule_that_raises_is_a_finding(engine: str) -> None:
    m = Machine()
    r = Explorer(Model(m, [("flip", m.bit.flip)], [("bad", lambda: bad_rule(m))])).search(engine=engine)
    assert r.broken is not None
    assert (r.broken.rule, r.broken.kind, r.broken.actions) == ("bad", "raised", ["flip"])


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_the_machine_is_left_as_it_was(engine: str) -> None:
    m = Machine()
    m.other.held = held = [1, 2]

    def act() -> None:
        m.other.held.reverse()
        m.bit.one = 3 - m.bit.one
    Explorer(Model(m, [("act", act), ("flip", m.bit.flip)])).search(engine=engine)
    assert (m.bit.on, m.bit.one, m.other.held) == (False, 1, [1, 2])
    assert m.other.held is held
    assert type(m) is Machine
    assert type(m.bit) is Bit
    assert Bit.flip.__qualname__ == "Bit.flip"
    m.ticks = 5                                      # an ordinary object again


class Moody:
    """One thing now, another then, with nothing of Python's to be seen of it: as a clock is, or an address."""

    def __init__(self, turns: int) -> None:
        self.calls = itertools.chain(itertools.repeat(0, turns), itertools.cycle((0, 1)))

    def now(self) -> int:
        return next(self.calls)


@pytest.mark.parametrize("turns", [2, 450])
def test_what_differs_is_told_with_the_way_there(turns: int) -> None:
    """Also behind the first states: later ones are sampled."""
    m, moody = Machine(), Moody(turns)

    def grow() -> None:
        m.bit.one += 1
        m.other.one = 1 + moody.now()
    calls = [("grow", grow), ("flip", m.bit.flip)]
    with pytest.raises(ModelError) as told:
        Explorer(Model(m, calls)).search(engine="plain", states=600)
    assert "grow is not deterministic: run twice from the same state, it first gives " in str(told.value)
    assert any(f"machine.other.one = {a}, then {3 - a}" in str(told.value) for a in (1, 2))
    assert "The way to that state: " in str(told.value)


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_floats_are_told_apart_by_their_bits(engine: str) -> None:
    m = Machine()

    def act() -> None:
        m.bit.held = float("nan") if m.bit.held is None else -0.0 if m.bit.held != 0 else 0.0
    assert Explorer(Model(m, [("act", act)])).search(engine=engine).states == 4


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_integers_too_large_to_print(engine: str) -> None:
    m = Machine()

    def act() -> bool:
        m.bit.one <<= 20_000
        return m.bit.one.bit_length() < 100_000
    assert Explorer(Model(m, [("act", act)])).search(engine=engine).states == 5
