"""One state for all that differ by an exchange: exact against the full search, and refused where it isn't one."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from bench.explore.rich import COUNTS, Machine

from vgic.explore.explorer import Delivered, Exchange, Explorer, ModelError
from vgic.explore.mirror import NoSymmetry
from vgic.parts import Part, step


def vcpus(m: Machine) -> Exchange:
    """vCPU 0 and all that is its against vCPU 1."""
    half = len(m.irqs) // 2
    sides: list[list[Any]] = []
    for v in range(2):
        mine = m.irqs[v * half:(v + 1) * half]
        sides.append([m.vcpus[v], m.guests[v], *m.banks[v], *mine, *(n.line for n in mine if n.line is not None)])
    pairs = list(zip(*sides, strict=True))
    return Exchange("vcpus", [*pairs, *((b, a) for a, b in pairs)])


@pytest.mark.parametrize("threads", [1, 2])
def test_vcpus_of_one_kind(threads: int) -> None:
    m = Machine(2, 1)
    r = Explorer(m, m.actions(), m.rules(), symmetry=[vcpus(m)]).search(threads=threads)
    single = COUNTS[1, 1][0]
    assert r.states == single * (single + 1) // 2
    assert r.stands_for == COUNTS[2, 1]
    assert (r.group, r.verdict) == (2, "HOLDS")


class Peer(Part):
    __slots__ = ("next", "tokens", "waits")

    def __init__(self) -> None:
        self.tokens = 0
        self.next: Peer | None = None
        self.waits: list[Peer] = []


class Ring:
    """Peers that pass tokens to one another; `chief` is named by its number."""

    def __init__(self, n: int, odd: bool = False) -> None:
        self.peers = [Peer() for _ in range(n)]
        self.desk = Desk()
        self.odd = odd

    def actions(self) -> Iterator[tuple[str, Any]]:
        for i, p in enumerate(self.peers):
            yield f"give {i}", partial(self.give, p)
            yield f"lead {i}", partial(self.lead, i)
            for j, q in enumerate(self.peers):
                if i != j:
                    yield f"pass {i} {j}", partial(self.hand, p, q)

    def give(self, p: Peer) -> bool | None:
        if p.tokens == 2 or (self.odd and p is self.peers[0]):
            return False
        p.tokens += 1
        return None

    def hand(self, p: Peer, q: Peer) -> bool | None:
        if not p.tokens or q.tokens == 2 or self.desk.chief == self.peers.index(p):
            return False
        p.tokens -= 1
        q.tokens += 1
        p.next = q
        if q not in self.desk.queue and len(self.desk.queue) < 2:
            self.desk.queue.append(q)
        return None

    def lead(self, i: int) -> None:
        self.desk.chief = i
        if self.desk.queue:
            self.desk.queue.pop(0)

    def exchanges(self) -> list[Exchange]:
        def rename(a: int, b: int, part: Any, slot: str, value: Any) -> Any:
            return {a: b, b: a}.get(value, value) if slot == "chief" else value
        p = self.peers
        return [Exchange(f"{i},{i + 1}", [(p[i], p[i + 1]), (p[i + 1], p[i])], partial(rename, i, i + 1))
                for i in range(len(p) - 1)]


class Desk(Part):
    __slots__ = ("chief", "last", "queue")

    def __init__(self) -> None:
        self.last: Any = None
        self.chief: int | None = None
        self.queue: list[Peer] = []


def all_full(m: Ring) -> Any:
    return all(p.tokens == 2 for p in m.peers) and m.desk.chief == 0 and m.peers[1].next is m.peers[2]


def some_full(m: Ring) -> Any:
    return sum(p.tokens == 2 for p in m.peers) == 3 and m.desk.chief is not None and len(m.desk.queue) == 2


@pytest.mark.parametrize("n", [2, 3])
def test_stands_for_the_full_search(n: int) -> None:
    m = Ring(n)
    full = Explorer(m, m.actions()).search()
    m = Ring(n)
    small = Explorer(m, m.actions(), symmetry=m.exchanges()).search()
    assert small.stands_for == (full.states, full.transitions)
    assert small.depth == full.depth
    assert small.states < full.states
    assert small.group == {2: 2, 3: 6}[n]


def test_counterexample_is_a_real_run() -> None:
    m = Ring(3)
    want = Explorer(m, m.actions(), [("full", partial(some_full, m))]).search().broken
    m = Ring(3)
    got = Explorer(m, m.actions(), [("full", partial(some_full, m))], symmetry=m.exchanges()).search()
    assert want is not None
    assert got.broken is not None
    assert len(got.broken.actions) == len(want.actions)
    x = Explorer(m, m.actions())
    assert list(x.replay(got.broken.actions)) == got.broken.actions
    assert some_full(m)


def test_what_is_no_symmetry_is_refused() -> None:
    m = Ring(3, odd=True)
    with pytest.raises(ModelError, match="no symmetry"):
        Explorer(m, m.actions(), symmetry=m.exchanges()).search()
    m = Ring(3)
    plain = [Exchange(e.name, e.moves) for e in m.exchanges()]       # forgets that chief is a peer's number
    with pytest.raises(ModelError, match="no symmetry"):
        Explorer(m, m.actions(), symmetry=plain).search()


def test_a_rule_need_not_be_symmetric() -> None:
    """All images of a state are judged, and the way leads to the one that breaks it."""
    m = Ring(3)
    want = Explorer(m, m.actions(), [("all full", partial(all_full, m))]).search().broken
    got = Explorer(m, m.actions(), [("all full", partial(all_full, m))], symmetry=m.exchanges()).search().broken
    assert want is not None
    assert got is not None
    assert len(got.actions) == len(want.actions)
    list(Explorer(m, m.actions()).replay(got.actions))
    assert all_full(m)


def test_the_first_state_must_be_symmetric() -> None:
    m = Ring(3)
    m.peers[1].tokens = 1
    with pytest.raises(ModelError, match="at the start"):
        Explorer(m, m.actions(), symmetry=m.exchanges()).search()


def test_a_goal_that_is_not_symmetric_is_refused() -> None:
    m = Ring(3)
    first = m.peers[0]
    goal = Delivered("first is full", lambda: first.tokens == 2, lambda name: True)
    with pytest.raises(ModelError, match="first is full"):
        Explorer(m, m.actions(), delivered=[goal], symmetry=m.exchanges()).search()


def test_moves_must_be_a_permutation_of_parts() -> None:
    m = Ring(3)
    a, b, c = m.peers
    for moves in ([(a, b)], [(a, b), (b, c)], [(a, m.desk), (m.desk, a)], [(a, Peer()), (Peer(), a)]):
        with pytest.raises(ModelError, match="exchange 'x'"):
            Explorer(m, m.actions(), symmetry=[Exchange("x", moves)]).search()


# ---------------------------------------------------------------------------- proved, not tested

def proved(m: Ring) -> list[Exchange]:
    """The same exchanges, with what becomes of the actions."""
    names = [name for name, _ in m.actions()]

    def renamed(name: str, a: str, b: str) -> str:
        return " ".join({a: b, b: a}.get(word, word) for word in name.split())
    return [replace(e, names={n: renamed(n, *e.name.split(",")) for n in names}) for e in m.exchanges()]


@pytest.mark.parametrize("n", [2, 3])
def test_a_proved_exchange_stands_for_the_full_search(n: int) -> None:
    m = Ring(n)
    full = Explorer(m, m.actions()).search()
    m = Ring(n)
    small = Explorer(m, m.actions(), symmetry=proved(m)).search()
    assert (small.stands_for, small.depth) == ((full.states, full.transitions), full.depth)
    assert small.states < full.states


def test_a_wrong_exchange_is_not_proved() -> None:
    m = Ring(3, odd=True)
    with pytest.raises(NoSymmetry, match=r"'give 0' .*one side alone|'give 1' .*one side alone"):
        Explorer(m, m.actions(), symmetry=proved(m)).search()
    m = Ring(3)
    with pytest.raises(NoSymmetry, match="chief"):
        Explorer(m, m.actions(), symmetry=[replace(e, rename=None) for e in proved(m)]).search()
    m = Ring(3)
    with pytest.raises(NoSymmetry, match="counterpart among the actions"):
        Explorer(m, [a for a in m.actions() if a[0] != "lead 0"], symmetry=proved(m)).search()
    m = Ring(3)
    with pytest.raises(NoSymmetry):             # it says that each action is its own counterpart
        Explorer(m, m.actions(), symmetry=[replace(e, names={}) for e in m.exchanges()]).search()


class Count(Part):
    __slots__ = ("n", "said")

    def __init__(self) -> None:
        self.n, self.said = 0, False


class Scales:
    """Counters; each is weighed by a step, which rules call in all states and actions in some. What is weighed wrong:
    `odd` 2: counter 0, and only where it holds 2."""

    def __init__(self, odd: int = -1, hasty: bool = False, noted: bool = False) -> None:
        self.counts = [Count(), Count()]
        self.desk = Desk()
        self.odd, self.hasty, self.noted = odd, hasty, noted

    def actions(self) -> list[tuple[str, Any]]:
        out: list[tuple[str, Any]] = []
        for i, c in enumerate(self.counts):
            out += [(f"up {i}", partial(self.up, c)), (f"weigh {i}", partial(self.say, c))]
        return [*out, ("all", self.all), ("any", self.any)]

    def exchange(self) -> Exchange:
        a, b = self.counts
        return Exchange("0,1", [(a, b), (b, a)], None,
                        {f"{what} {i}": f"{what} {1 - i}" for what in ("up", "weigh") for i in range(2)})

    def up(self, c: Count) -> bool:
        if c.n == 3:
            return False
        c.n += 1
        return True

    def say(self, c: Count) -> None:
        c.said = self.weigh(c)

    @step
    def weigh(self, c: Count) -> bool:
        if c.n == self.odd:
            return c is self.counts[0]
        return c.n > 0

    @step
    def clear(self, c: Count) -> None:
        if c.n == 3:
            c.n = 0
            if self.noted:
                self.desk.last = c

    def all(self) -> None:
        for c in self.counts:
            self.clear(c)

    def any(self) -> bool:
        """Whether one of them is full: symmetric in the end."""
        full = (c.n == 3 for c in self.counts)
        self.desk.chief = 5 if any(full if self.hasty else list(full)) else None
        return True

    def judge(self) -> bool:
        weighed = [self.weigh(c) and c.n > 3 for c in self.counts]
        return all(weighed)


def _weighed(m: Scales) -> Any:
    return Explorer(m, m.actions(), [("weighs", m.judge)], symmetry=[m.exchange()]).search()


def test_a_loop_may_come_by_in_its_own_order() -> None:
    m = Scales()
    full = Explorer(m, m.actions(), [("weighs", m.judge)]).search()
    small = _weighed(Scales())
    assert (small.stands_for, small.depth) == ((full.states, full.transitions), full.depth)
    assert small.states < full.states


def test_but_not_where_the_order_matters() -> None:
    with pytest.raises(NoSymmetry, match="another order"):
        _weighed(Scales(noted=True))


def test_code_that_stops_at_the_first_is_not_shown_to_be_symmetric() -> None:
    with pytest.raises(NoSymmetry, match=r"'any' reads .*alone"):
        _weighed(Scales(hasty=True))


def test_what_only_a_rule_has_taught_is_compared_too() -> None:
    """Actions know both results of the step when they come where it is odd: nothing is learned of them there."""
    with pytest.raises(NoSymmetry, match=r"weigh of machine"):
        _weighed(Scales(odd=2))
