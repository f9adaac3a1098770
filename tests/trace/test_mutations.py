"""A recording with one line deleted, doubled, swapped with its neighbour or with another value is told as such.

Not every mutation can be told: one that is *equivalent* can't. Equivalent is a sequence of events that contradicts the
chip nowhere, breaks no rule, and brings the chip to the state of the original: a read left out, the same value written
twice, two lines that have nothing to do with each other swapped. A few more contradict nothing and end in another
state, of which nothing was read to the end: *unread*. All others must be told: the contradiction stands at the mutated
line itself, or the diagnosis names it.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trace.recordings import path

from vgic.rules import HARDWARE_CHECKS, Judge
from vgic.trace.configure import configure
from vgic.trace.diagnose import KINDS, Diagnosis, Recent, diagnose
from vgic.trace.events import Access, FrameAccess, LineChange, SysReg, region_frame
from vgic.trace.qemu import Reader
from vgic.trace.replay import Replay
from vgic.trace.snapshot import Keeper, Snapshot

NAMES = ("v2-timer.core", "v3-timer.core", "xen-v3.core")
STARTS = {"v2-timer.core": 60_000, "v3-timer.core": 49_000, "xen-v3.core": 104_000}
OPERATIONS = ("deleted", "doubled", "swapped", "changed")
WARM, MUTATED, REST = 1500, 700, 900
"""Events before the mutated ones (for the diagnosis to learn from), those, and the ones behind them."""


class Slice(NamedTuple):
    """A piece of a recording: the state before it, the window that came first, and the events to mutate."""

    keeper: Keeper
    snapshot: Snapshot
    chip: Any
    new_chip: Any
    window: list[tuple[Snapshot, list[Any]]]
    events: list[Any]
    final: list[Any]


class Outcome(NamedTuple):
    """Where a mutated slice contradicts the chip (index, None for nowhere), the diagnosis, the state at the end."""

    at: int | None
    register: str
    diagnosis: Diagnosis | None
    final: list[Any]


@cache
def piece(name: str) -> Slice:
    """The slice of a recording, from its line in STARTS on."""
    every = list(Reader(str(path(name))))
    configuration = configure(name, every[:20_000])
    chip = configuration.chip()
    known = [e for e in every if type(e) in KINDS and not (isinstance(e, Access) and region_frame(e.region) in (
        None, "GITS", "GITS_TRANSLATER", "V2M"))]
    start = next(i for i, e in enumerate(known) if e.line >= STARTS[name]) - WARM
    replay, keeper = Replay(chip), Keeper(chip)
    for e in known[:start]:
        replay.feed(e)
    events = renumbered(known[start + WARM:start + WARM + MUTATED + REST])
    recent = Recent(chip, replay)
    for n, e in enumerate(known[start:start + WARM]):
        recent.before(e._replace(line=n - WARM))
        replay.feed(e)
    s = Slice(keeper, keeper.take(replay), chip, configuration.chip, recent.segments, events, [])
    return s._replace(final=outcome(s, events).final)


def renumbered(events: list[Any]) -> list[Any]:
    return [e._replace(line=n + 1) for n, e in enumerate(events)]


def outcome(s: Slice, events: list[Any]) -> Outcome:
    """Replays the slice with other events."""
    judge = Judge(s.chip, HARDWARE_CHECKS)
    replay = Replay(s.chip, judge)
    s.keeper.put(s.snapshot, replay)
    recent = Recent(s.chip, replay)
    recent.segments = [(snapshot, list(segment)) for snapshot, segment in s.window]
    recent.length = WARM
    for e in events:
        recent.before(e)
        replay.feed(e)
        if recent.contradicted():
            break
    recent.contradicted()
    if recent.found is None:
        return Outcome(None, "", None, s.keeper.state())
    line = [e for _, segment in recent.segments for e in segment][recent.found].line
    what = replay.differences[0].what if replay.differences else str(judge.breaches[0].rule.id)
    return Outcome(line - 1, what, diagnose(recent, s.new_chip), [])


def mutated(events: list[Any], operation: str, at: int, bit: int) -> list[Any]:
    """One mutation; lines are numbered anew."""
    e = events[at]
    if operation == "deleted":
        new: list[Any] = []
    elif operation == "doubled":
        new = [e, e]
    elif operation == "swapped":
        return renumbered([*events[:at], events[at + 1], e, *events[at + 2:]])
    elif isinstance(e, LineChange):
        new = [e._replace(level=1 - e.level)]
    elif isinstance(e, (SysReg, Access, FrameAccess)):
        assert e.value is not None
        new = [e._replace(value=e.value ^ 1 << bit % max(8, e.value.bit_length() + 2) % (8 * getattr(e, "size", 8)))]
    else:
        new = [e._replace(intid=e.intid ^ 1 << bit % 3)]
    return renumbered([*events[:at], *new, *events[at + 1:]])


def told_right(d: Diagnosis, operation: str, at: int) -> bool:
    """Whether the diagnosis names the mutation and its line."""
    if operation == "deleted":
        return d.kind == "missing" and d.first <= at + 1 <= d.line
    return d.kind == operation and d.line in ((at + 1, at + 2) if operation == "doubled" else (at + 1,))


def share(name: str, operation: str, many: int, seed: int) -> Counter[str]:
    """How `many` mutations are told."""
    s, draw = piece(name), random.Random(seed)
    counts: Counter[str] = Counter()
    while counts.total() < many:
        at, bit = draw.randrange(MUTATED), draw.randrange(64)
        events = mutated(s.events, operation, at, bit)
        if events == s.events:
            continue
        found = outcome(s, events)
        if found.at is None:
            counts["equivalent" if found.final == s.final else "unread"] += 1
        elif found.diagnosis is not None and told_right(found.diagnosis, operation, at):
            counts["named"] += 1
        elif found.at in (at, at + 1):
            counts["at the line"] += 1
        else:
            counts["elsewhere"] += 1
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_the_slice_itself_is_predicted(name: str) -> None:
    s = piece(name)
    assert len(s.events) == MUTATED + REST
    assert outcome(s, s.events).at is None
    assert outcome(s, s.events).final == s.final


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_told_is_told(name: str, operation: str) -> None:
    """The same thirty mutations every time. The figures for many more: bench/trace/mutations.py."""
    counts = share(name, operation, 30, 7)
    told = counts["named"] + counts["at the line"]
    assert told >= 1
    assert counts["elsewhere"] <= 1
    assert counts["unread"] <= 1
    assert counts["at the line"] <= 2      # told without the right diagnosis


@settings(max_examples=30)
@given(st.sampled_from(NAMES), st.sampled_from(OPERATIONS), st.integers(0, MUTATED - 1), st.integers(0, 63))
def test_nothing_is_told_before_the_mutated_line(name: str, operation: str, at: int, bit: int) -> None:
    s = piece(name)
    found = outcome(s, mutated(s.events, operation, at, bit))
    assert found.at is None or found.at >= at


@settings(max_examples=30)
@given(st.sampled_from(NAMES), st.integers(0, MUTATED - 1), st.integers(0, 63))
def test_a_changed_read_or_line_is_told_at_itself(name: str, at: int, bit: int) -> None:
    s = piece(name)
    e = s.events[at]
    if not isinstance(e, LineChange) and getattr(e, "write", True):
        return
    found = outcome(s, mutated(s.events, "changed", at, bit))
    assert found.at == at
    assert found.diagnosis is not None
    assert told_right(found.diagnosis, "changed", at)


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.integers(0, MUTATED - 1))
def test_a_doubled_line_change_is_told_at_the_second(name: str, at: int) -> None:
    s = piece(name)
    at = next((i for i in range(at, MUTATED) if isinstance(s.events[i], LineChange)), -1)
    if at >= 0:
        assert outcome(s, mutated(s.events, "doubled", at, 0)).at == at + 1
