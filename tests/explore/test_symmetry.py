"""One state for all that differ by an exchange: exact against the full search, and refused where it isn't one."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from bench.explore.rich import COUNTS, Machine

from vgic.explore.explorer import Delivered, Exchange, Explorer, ModelError
from vgic.parts import Part


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
    __slots__ = ("chief", "queue")

    def __init__(self) -> None:
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
