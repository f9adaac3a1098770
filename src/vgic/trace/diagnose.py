"""Which single line of a recording is wrong? Asked when the recording first contradicts the chip.

A recorder may lose a line, write one twice, or write two in the wrong order; a bit may flip. What then contradicts the
chip is often not that line but a later read. So the last lines before the first contradiction are kept (`Recent`),
with a snapshot of the chip every `SPACING` events. When `AHEAD` more events have come, every candidate edit of one
line is tried on a second chip: it is put back to where the edit is, is fed the edited events, and the edit fits if all
that follows agrees, the contradiction and what came after it included.

    doubled   a line that says the same as its neighbour is left out
    swapped   two neighbours change places
    changed   a line gets another value
    missing   a line is put in

There are too many lines and values to try all. Three things choose:

- Nearness: of the last `NEAR` events each is tried.
- Familiarity: software does the same again and again. Farther back an edit is tried only where one line follows another
  of its PE as it never does elsewhere, and what is put in, or put in another's place, is what stood between two such
  neighbours elsewhere.
- The contradiction itself: a read of the register that a line wrote tells which bits are wrong.

A line is doubted only where the chip differs: software that breaks a rule may be recorded right. A rule broken shortly
before the first difference is part of the contradiction.

Where several edits fit, the one that leaves the fewest unfamiliar neighbours is told, and the search goes on while none
leaves fewer than there were. The whole is bounded by `BUDGET`
events replayed, and depends on nothing but the events. No fit: nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from vgic.arch.intid import SGIS, SPECIAL_START
from vgic.rules import RECORDING_CHECKS, Judge, RecordingCheck
from vgic.silicon import Gic
from vgic.trace.events import Access, Event, FrameAccess, LineChange, Sgi, SgiPending, SysReg, describe
from vgic.trace.familiar import VALUES, Familiar, Key
from vgic.trace.findings import Difference
from vgic.trace.places import Places
from vgic.trace.replay import Replay
from vgic.trace.snapshot import Moment, put, take

SPACING, WINDOW = 512, 6144
"""Events between snapshots, and events kept; more on machines with so many parts that a snapshot takes longer."""
AHEAD = 500
"""Events after the contradiction that must agree."""
NEAR = 48
SENDERS = 8
"""PEs tried as the sender of a missing SGI."""
BUDGET = 500_000

KINDS = frozenset({Access, FrameAccess, SysReg, LineChange, Sgi, SgiPending})
FORGETFUL: tuple[type[RecordingCheck], ...] = tuple(c for c in RECORDING_CHECKS if c.rule_id not in (8, 15))
"""The checks that may begin anywhere: rules 8 and 15 remember what came long before."""
ORDER = ("doubled", "swapped", "missing", "changed")
"""What is told where two edits are as familiar: a changed value is rarely a familiar one."""


class Edit(NamedTuple):
    """The events from `at` on, `gone` of them, are replaced by `new`."""

    kind: str
    at: int
    gone: int
    new: tuple[Any, ...]


class Diagnosis(NamedTuple):
    """What is wrong with one line.

    Attributes:
        kind: doubled, swapped, changed or missing. line: the line; missing: the one before which a line is missing, as
            far as what is familiar tells. first, last: missing: the lines before which it could stand; else as line.
        what: the line as it should be, in words. agree: the events after the contradiction that then agree.
    """

    kind: str
    line: int
    first: int
    last: int
    what: str
    agree: int

    def __str__(self) -> str:
        rest = f"; then the next {self.agree:,} events agree" if self.agree else ""
        if self.kind == "doubled":
            return f"line {self.line:,} is doubled{rest}"
        if self.kind == "swapped":
            return f"lines {self.line:,} and {self.line + 1:,} are swapped{rest}"
        if self.kind == "changed":
            return f"the value at line {self.line:,} is changed: {self.what} fits{rest}"
        others = "" if self.first == self.last else f" (it could be {self.first:,} to {self.last:,})"
        return f"a line is missing before line {self.line:,}{others}: {self.what} fits{rest}"


class Recent:
    """The last events of a replay, with snapshots; bounded."""

    def __init__(self, chip: Gic, replay: Replay) -> None:
        self.replay = replay
        self.spacing = max(SPACING, len(chip.parts()))
        self.most = max(2, WINDOW // self.spacing)
        self.segments: list[tuple[Moment, list[Any]]] = []
        self.found: int | None = None
        self.length = 0
        self.broken = 0

    def before(self, event: Event) -> None:
        """The next event, before the replay is fed with it."""
        if type(event) not in KINDS:
            return
        if not self.segments or (len(self.segments[-1][1]) >= self.spacing and self.found is None):
            self.segments.append((take(self.replay), []))
            if len(self.segments) > self.most:
                self.length -= len(self.segments.pop(0)[1])
        self.segments[-1][1].append(event)
        self.length += 1

    def contradicted(self) -> bool:
        """Whether the replay has met the first contradiction, and enough events have come since. Broken rules that no
        difference follows are none."""
        judge, different = self.replay.judge, self.replay.different
        if self.found is None:
            if not different and not (judge is not None and len(judge.breaches) > self.broken):
                return False
            self.found = self.length - 1
        if self.length - self.found <= AHEAD:
            return False
        if not different:
            self.found, self.broken = None, len(judge.breaches) if judge is not None else 0
        return bool(different)


class Diagnoser:
    """Searches one window for the edit that fits.

    Args:
        recent: the window, after the contradiction. chip: a new chip of the same configuration.
        difference: the first one, None if a rule was broken before any.
    """

    def __init__(self, recent: Recent, chip: Gic, difference: Difference | None) -> None:
        assert recent.found is not None
        self.events: list[Any] = [e for _, segment in recent.segments for e in segment]
        self.at = recent.found
        self.difference = difference
        self.places = Places(chip)
        self.replay = Replay(chip, most=0)
        self.replay.lpis.property_bytes = recent.replay.lpis.property_bytes
        self.snapshots: dict[int, Moment] = {}
        start = 0
        for snapshot, segment in recent.segments:
            self.snapshots[start] = snapshot
            start += len(segment)
        self.budget = BUDGET
        self.cost = 1 + len(chip.parts()) // 20
        self.keys = [self._key(e) for e in self.events]
        self.familiar = Familiar(self.keys)

    # -- events

    def _key(self, e: Any) -> Key:
        if isinstance(e, SysReg):
            return Key(e.pe, (e.register, e.write), e.value)
        if isinstance(e, Access):
            return Key(e.pe, (self.places.at(e.address).full, e.write, e.size), e.value)
        if isinstance(e, FrameAccess):
            return Key(e.pe, (e.frame, e.offset, e.write, e.size), e.value if e.value is not None else -1)
        if isinstance(e, LineChange):
            return Key(e.pe, ("line", e.intid), e.level)
        if isinstance(e, Sgi):
            return Key(e.pe, ("sgi", e.irm, e.affinity, e.targets), e.intid)
        return Key(e.pe, ("sgi pending",), e.intid)

    def _with(self, e: Any, value: int) -> Any:
        """The event with another value, None where it can't have it."""
        if value < 0 or value >> 64:
            return None
        if isinstance(e, LineChange):
            return e._replace(level=value) if value < 2 else None
        if isinstance(e, (Sgi, SgiPending)):
            return e._replace(intid=value) if value < 16 else None
        if isinstance(e, (Access, FrameAccess)) and value >> 8 * e.size:
            return None
        return e._replace(value=value)

    def _role(self, e: Any) -> str:
        """What matters of the register that an access reaches (`vgic.trace.places`)."""
        if isinstance(e, SysReg):
            return self.places.register(e.register).role
        if isinstance(e, Access):
            return self.places.at(e.address).role
        if isinstance(e, FrameAccess):
            base = self.places.base(e.frame, e.pe or 0)
            return "" if base is None else self.places.at(base + e.offset).role
        return ""

    def _intid_bits(self, e: Any) -> int:
        """The bits that name an interrupt in the value of an access: a GICv2's with the CPUID of an SGI."""
        role = self._role(e)
        if role not in ("lr", "iar", "viar", "end", "vend"):
            return 0
        return 0x1FFF if not isinstance(e, SysReg) else 0xFFFFFFFF if role == "lr" else 0xFFFFFF

    def _acts(self, e: Any) -> bool:
        """Whether an event can change the chip: all but most reads."""
        return e.write or self._role(e) in ("iar", "viar") if isinstance(e, (SysReg, Access, FrameAccess)) else True

    # -- trying

    def find(self) -> Diagnosis | None:
        """The edit that fits best, told."""
        fits: list[tuple[int, int, int, Edit]] = []
        for positions in self._rings():
            self._sweep(positions, fits)
            if self.budget <= 0 or (fits and min(fits)[0] < 0):
                break
        return self._told(min(fits)[3]) if fits else None

    def _rings(self) -> Iterator[list[int]]:
        """Positions to try together: the near ones, and those farther off that say what is never said elsewhere; then
        those that only follow what they never follow elsewhere. Nearest first."""
        near = max(0, self.at - NEAR)
        odd = [p for p in range(near) if self.familiar.odd(p) or self._doubled(p)]
        strange = [p for p in odd if self.familiar.count(self.keys[p]) == 1 or self._doubled(p)][-NEAR:]
        yield [*strange, *range(near, self.at + 1)]
        odd = sorted(set(odd).difference(strange))
        while odd:
            yield odd[-NEAR:]
            del odd[-NEAR:]

    def _doubled(self, p: int) -> bool:
        return p > 0 and self.keys[p] == self.keys[p - 1] and self.events[p].line == self.events[p - 1].line + 1

    def _sweep(self, positions: list[int], fits: list[tuple[int, int, int, Edit]]) -> None:
        """Tries every edit at these positions, in their order."""
        reached: int | None = None
        here: Moment | None = None
        for p in positions:
            start = max(s for s in self.snapshots if s <= p)
            edits = list(self._edits(p))
            if not edits:
                continue
            if here is None or reached is None or start > reached:
                here, reached = self.snapshots[start], start
            if not self._forward(here, reached, p):
                return
            here, reached = take(self.replay), p
            for edit in edits:
                if self._fits(here, edit):
                    odd = self.familiar.change(edit.at, edit.gone, [self._key(e) for e in edit.new])
                    fits.append((odd, ORDER.index(edit.kind), self.at - p, edit))
                if self.budget <= 0:
                    return

    def _forward(self, here: Moment, reached: int, p: int) -> bool:
        """Brings the second chip from a snapshot to a position, by the events as they are."""
        self._reset(here)
        for e in self.events[reached:p]:
            self.replay.feed(e)
        self.budget -= p - reached + self.cost
        return self.budget > 0

    def _reset(self, here: Moment) -> None:
        replay = self.replay
        put(here, replay)
        replay.different = 0
        replay.listen(Judge(replay.chip, FORGETFUL, 1))

    def _fits(self, here: Moment, edit: Edit) -> bool:
        """Whether nothing contradicts the chip any more, up to the last event that is known."""
        self._reset(here)
        replay, judge = self.replay, self.replay.judge
        assert judge is not None
        self.budget -= self.cost
        for e in edit.new:
            replay.feed(e)
        events, snapshots = self.events, self.snapshots
        for p in range(edit.at + edit.gone, len(events)):
            if replay.different or judge.breaches:
                self.budget -= p - edit.at
                return False
            if p in snapshots and edit.at < p <= self.at and take(replay) == snapshots[p]:
                self.budget -= p - edit.at
                return False      # nothing is left of the edit: what contradicts the chip will do so again
            replay.feed(events[p])
        self.budget -= len(events) - edit.at
        return not replay.different and not judge.breaches

    # -- candidates

    def _edits(self, p: int) -> Iterator[Edit]:
        events, e = self.events, self.events[p]
        if self._doubled(p):
            yield Edit("doubled", p, 1, ())
        if p + 1 < len(events) and events[p + 1].line == e.line + 1 and (
                self._acts(e) or self._acts(events[p + 1])) and self.keys[p] != self.keys[p + 1]:
            yield Edit("swapped", p, 2, (events[p + 1]._replace(line=e.line), e._replace(line=e.line + 1)))
        if p == self.at or self._acts(e):
            for value in self._values(p):
                new = self._with(e, value)
                if new is not None:
                    yield Edit("changed", p, 1, (new,))
        for new in dict.fromkeys(self._missing(p)):
            if self._acts(new):
                yield Edit("missing", p, 0, (new,))

    def _values(self, p: int) -> Iterator[int]:
        """Values that the line may have had."""
        key, tried = self.keys[p], {self.keys[p].value}

        def fresh(values: Sequence[int]) -> Iterator[int]:
            for value in values:
                if value not in tried:
                    tried.add(value)
                    yield value
        numbers = self._numbers()
        if numbers:
            expected, got = numbers
            if p == self.at:
                yield from fresh([expected])
            yield from fresh([key.value ^ expected ^ got])
            low = self._intid_bits(self.events[p])
            yield from fresh([key.value & ~low | n & low for n in (got, expected)])
            if self._role(self.events[p]) == "lr":
                yield from fresh([value & ~low | got & low for value in self.familiar.values(key)])
        yield from fresh(self.familiar.instead(p)[:VALUES])
        yield from fresh(self.familiar.values(key)[:VALUES])
        if self.familiar.count(key) == 1 and self.at - p <= NEAR:
            yield from fresh([key.value ^ 1 << bit for bit in range(max(8, key.value.bit_length() + 1))])

    def _numbers(self) -> tuple[int, int] | None:
        """The first difference's two values, if it is one of values."""
        d = self.difference
        try:
            return None if d is None else (int(d.expected, 16), int(d.got, 16))
        except ValueError:
            return None

    def _missing(self, p: int) -> Iterator[Any]:
        """Lines that may be missing before the event at p."""
        at, stream = self.events[p], self.keys[p].stream
        numbers = self._numbers()
        for i in self.familiar.between(p):
            e = self.events[i]
            e = e._replace(line=at.line) if e.pe is None else e._replace(line=at.line, pe=stream)
            yield e
            role = self._role(e)
            if role in ("end", "vend"):
                yield self._with(e, self._acknowledged(p)) or e
            elif role == "lr" and numbers:
                low = self._intid_bits(e)
                yield self._with(e, e.value & ~low | numbers[1] & low) or e
        d = self.difference
        if p == self.at and d is not None:
            if d.what.startswith("SGI ") and d.pe is not None:
                intid = int(d.what[4:])
                yield SgiPending(at.line, d.pe, intid)
                for sender in range(min(SENDERS, self.replay.pes)):
                    yield Sgi(at.line, sender, intid, 0, d.pe >> 4, 1 << (d.pe & 15))
            elif isinstance(at, LineChange):
                yield at._replace(level=1 - at.level)
            elif numbers and self._role(at) in ("iar", "viar"):
                expected, got = numbers
                yield self._with(at, expected) or at
                if SGIS <= got < SPECIAL_START:
                    yield LineChange(at.line, got, at.pe if got < 32 else None, 1)
            elif isinstance(at, (SysReg, Access)) and not at.write:
                yield at._replace(write=True)

    def _acknowledged(self, p: int) -> int:
        """What the stream's last IAR before p returned, -1 for none."""
        before = self.familiar.before[p]
        for _ in range(NEAR):
            if before is None:
                break
            if self._role(self.events[before]) in ("iar", "viar"):
                return self.keys[before].value
            before = self.familiar.before[before]
        return -1

    # -- telling

    def _told(self, edit: Edit) -> Diagnosis:
        agree = len(self.events) - 1 - self.at
        new = edit.new[0] if edit.new else None
        line = self.events[edit.at].line
        if edit.kind in ("doubled", "swapped"):
            return Diagnosis(edit.kind, line, line, line, "", agree)
        if edit.kind == "changed":
            return Diagnosis(edit.kind, line, line, line, self._value_words(new), agree)
        first, last = self._farthest(edit, -1), self._farthest(edit, 1)
        earliest = self.events[first - 1].line + 1 if first else self.events[0].line
        return Diagnosis(edit.kind, line, earliest, self.events[last].line, self._words(new), agree)

    def _farthest(self, edit: Edit, way: int) -> int:
        """How far up or down the missing line could stand as well: a distance is doubled while it fits, then halved."""
        fits, step = edit.at, way
        while 0 <= fits + step <= self.at and self._fits_at(edit, fits + step):
            fits, step = fits + step, 2 * step
        while abs(step) > 1:
            step = way * (abs(step) // 2)
            if 0 <= fits + step <= self.at and self._fits_at(edit, fits + step):
                fits += step
        return fits

    def _fits_at(self, edit: Edit, at: int) -> bool:
        """Whether what is put in fits at another place too."""
        start = max(s for s in self.snapshots if s <= at)
        self.budget = BUDGET
        self._forward(self.snapshots[start], start, at)
        return self._fits(take(self.replay), edit._replace(at=at))

    def _words(self, e: Any) -> str:
        register = e.register if isinstance(e, SysReg) else (
            self.places.at(e.address).full if isinstance(e, Access) else f"{e.frame}+{e.offset:#x}"
            if isinstance(e, FrameAccess) else "")
        if isinstance(e, SgiPending):
            return f"SGI {e.intid} pending on pe{e.pe}"
        return describe(e, register) + ("" if e.pe is None else f" on pe{e.pe}")

    def _value_words(self, e: Any) -> str:
        if isinstance(e, LineChange):
            return f"level {e.level}"
        return str(e.intid) if isinstance(e, (Sgi, SgiPending)) else f"{e.value:#x}"


def diagnose(recent: Recent, new_chip: Callable[[], Gic]) -> Diagnosis | None:
    """What is wrong with one line, as far as the window around the first contradiction tells. None: no edit fits."""
    if recent.found is None or not recent.replay.different:
        return None
    first = recent.replay.differences[0] if recent.replay.differences else None
    event = [e for _, segment in recent.segments for e in segment][recent.found]
    return Diagnoser(recent, new_chip(), first if first is not None and first.line == event.line else None).find()
