"""Mutations of real slices: one line deleted, doubled, swapped with its neighbour, or with another value.

Used by the tests, and with more mutations by bench/trace/mutations.py.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from tests.trace.recordings import path

from vgic.rules import RECORDING_CHECKS, Judge
from vgic.trace.configure import configure
from vgic.trace.diagnose import KINDS, Diagnosis, Recent, diagnose
from vgic.trace.events import Access, FrameAccess, LineChange, SysReg, region_frame
from vgic.trace.qemu import QemuReader
from vgic.trace.replay import Replay
from vgic.trace.snapshot import Moment, put, take

NAMES = ("v2-timer.core", "v3-timer.core", "xen-v3.core")
STARTS = {"v2-timer.core": 60_000, "v3-timer.core": 49_000, "xen-v3.core": 104_000}
OPERATIONS = ("deleted", "doubled", "swapped", "changed", "rewritten")
"""Changed: one bit of the value is another; rewritten: several are."""
WARM, MUTATED, REST = 1500, 700, 900
"""Events before the mutated ones (for the diagnosis to learn from), those, and the ones behind them."""
RULE = "rule"
"""Instead of a register: a rule is broken, and nothing differs, so that no line is doubted."""


class Slice(NamedTuple):
    """A piece of a recording: the state before it, the window that came first, and the events to mutate."""

    snapshot: Moment
    chip: Any
    new_chip: Any
    window: list[tuple[Moment, list[Any]]]
    events: list[Any]
    final: Any


class Outcome(NamedTuple):
    """Where a mutated slice contradicts the chip (index, None for nowhere), the diagnosis, the state at the end."""

    at: int | None
    register: str
    diagnosis: Diagnosis | None
    final: Any


@cache
def piece(name: str) -> Slice:
    """The slice of a recording, from its line in STARTS on."""
    every = list(QemuReader(str(path(name))))
    configuration = configure(name, every[:20_000])
    chip = configuration.chip()
    known = [e for e in every if type(e) in KINDS and not (isinstance(e, Access) and region_frame(e.region) in (
        None, "GITS", "GITS_TRANSLATER", "V2M"))]
    start = next(i for i, e in enumerate(known) if e.line >= STARTS[name]) - WARM
    replay = Replay(chip)
    for e in known[:start]:
        replay.feed(e)
    events = renumbered(known[start + WARM:start + WARM + MUTATED + REST])
    recent = Recent(chip, replay)
    for n, e in enumerate(known[start:start + WARM]):
        recent.before(e._replace(line=n - WARM))
        replay.feed(e)
    s = Slice(take(replay), chip, configuration.chip, recent.segments, events, [])
    return s._replace(final=outcome(s, events).final)


def renumbered(events: list[Any]) -> list[Any]:
    return [e._replace(line=n + 1) for n, e in enumerate(events)]


def outcome(s: Slice, events: list[Any]) -> Outcome:
    """Replays the slice with other events."""
    judge = Judge(s.chip, RECORDING_CHECKS)
    replay = Replay(s.chip, judge)
    put(s.snapshot, replay)
    recent = Recent(s.chip, replay)
    recent.segments = [(snapshot, list(segment)) for snapshot, segment in s.window]
    recent.length = WARM
    for e in events:
        recent.before(e)
        replay.feed(e)
        if recent.contradicted():
            break
    recent.contradicted()
    if recent.found is None and judge.breaches:
        return Outcome(judge.breaches[0].place - 1, RULE, None, s.chip.snapshot())
    if recent.found is None:
        return Outcome(None, "", None, s.chip.snapshot())
    line = [e for _, segment in recent.segments for e in segment][recent.found].line
    return Outcome(line - 1, replay.differences[0].what, diagnose(recent, s.new_chip), [])


def mutated(events: list[Any], operation: str, at: int, bit: int) -> list[Any]:
    """One mutation; lines are numbered anew. `bit`: which one is changed, 0 to 63."""
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
        place = bit % max(8, e.value.bit_length() + 2) % (8 * getattr(e, "size", 8))
        new = [e._replace(value=e.value ^ (0x15 << place >> 4 | 1 if operation == "rewritten" else 1 << place))]
    else:
        new = [e._replace(intid=e.intid ^ 1 << bit % 3)]
    return renumbered([*events[:at], *new, *events[at + 1:]])


def told_right(d: Diagnosis, operation: str, at: int) -> bool:
    """Whether the diagnosis names the mutation and its line."""
    if operation == "deleted":
        return d.kind == "missing" and d.first <= at + 1 <= d.last
    kind = "changed" if operation == "rewritten" else operation
    return d.kind == kind and d.line in ((at + 1, at + 2) if kind == "doubled" else (at + 1,))


def share(name: str, operation: str, many: int, seed: int, told: list[str] | None = None) -> Counter[str]:
    """How `many` mutations are told: equivalent, unread (see test_mutations), named by the diagnosis, by a broken rule
    alone, else at the line of the mutation or elsewhere; `told` takes a line for each of the last two."""
    s, draw = piece(name), random.Random(seed)
    counts: Counter[str] = Counter()
    while counts.total() < many:
        at, bit = draw.randrange(1, MUTATED), draw.randrange(64)
        events = mutated(s.events, operation, at, bit)
        if events == s.events:
            continue
        found = outcome(s, events)
        if found.at is None:
            counts["equivalent" if found.final == s.final else "unread"] += 1
        elif found.diagnosis is not None and told_right(found.diagnosis, operation, at):
            counts["named"] += 1
        elif found.register == RULE and found.at in (at, at + 1):
            counts["rule"] += 1
        else:
            counts["at the line" if found.at in (at, at + 1) else "elsewhere"] += 1
            if told is not None:
                told.append(f"{name} line {at + 1} {operation}: {s.events[at]}\n    shows at line {found.at + 1} "
                            f"({found.register}); told: {found.diagnosis}")
    return counts
