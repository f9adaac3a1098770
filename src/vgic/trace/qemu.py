"""Reads QEMU's trace text: one event after the other, in the order of the lines.

A `QemuReader` goes through a recording once, as a stream. Each line's first word says what it is
(`vgic.trace.qemu_lines` holds all of them): an event that is wanted is parsed; one that is not wanted is counted by its
name; exceptions (`-d int`) have their own lines (`vgic.trace.exceptions`); any other line (a guest's console, other
devices' events) is counted by its first word.
Nothing that bears the name of a wanted event is passed over: what can't be read comes as a `BadLine`.

Accesses told twice. QEMU tells an access to the interrupt controller in two forms, where both are recorded: by
`memory_region_ops_*` with the CPU and the absolute address (`Access`), and by the frame itself, with an offset and,
for the GICv3, the Security state (`FrameAccess`). The Access is kept, as it alone tells who did it; the FrameAccess
that repeats it is left out and counted in `repeats`. Each is decided by itself, so a recording may hold one form, or
the other, or both, or both in some parts:

- A write's Access comes first, then its effects, then its FrameAccess. A CPU has one access under way at a time, so it
  is enough to remember the last write of each CPU until that CPU's next access; how many lines the effects take does
  not matter.
- A read's FrameAccess comes first, its Access next, but for lines of other CPUs between them where QEMU runs CPUs in
  parallel. So a FrameAccess read, and what follows it, is held back until its Access comes, or for `LOOK_AHEAD` lines.

Both are the same access if direction, size, value and the lower twelve bits of the place agree (frames are aligned to
4 KiB at least) and the region is the frame's.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator

from vgic.trace.events import EVENT_KINDS, Access, BadLine, Event, ExceptionLevel, FrameAccess, region_frame
from vgic.trace.exceptions import WORDS, Exceptions
from vgic.trace.qemu_forms import bad_line
from vgic.trace.qemu_lines import FORMS, format_event
from vgic.trace.sniff import PREFIX, sniff
from vgic.trace.source import Source, TraceError

__all__ = ["LOOK_AHEAD", "QemuReader", "format_event"]

LOOK_AHEAD = 32
"""Lines within which a read's Access must follow its FrameAccess."""

OTHER_WORDS = 200
"""First words of other lines that are counted each by itself; the rest is counted as '...'."""

_WORD_SHOWN = 40
_EVENT_LENGTH = 2000
"""No event's line is longer."""

_CUT = {word[:length]: word for word in FORMS for length in range(4, len(word)) if word[:length] not in FORMS}
"""Lines that are the beginning of an event's name, and the name."""

_HINTS = ("gic", "memory_region_ops_", "kvm_fn ", "arm_gt_", "guest_strb ")
"""Every event's line begins with one of these."""

_HINT = re.compile("|".join(_HINTS))

_Parse = Callable[[int, str], Event]


TEXT_PROFILE = {
    "sign_extended": "QEMU prints a read of 4 bytes of a GICv2 sign-extended to 64 bits: its upper half is left out.",
}
"""Where QEMU's trace text says otherwise than what happened, by name; each is counted by the reader."""


class QemuReader:
    """The events of a recording, by `for event in reader`; once.

    `path` is a file's name, '-' for standard input, or a `Source` that has been opened (and maybe sniffed) already;
    the reader closes it in the end. `kinds` are the kinds of event wanted, all by default; a `BadLine` comes for a
    line of a wanted kind in any case.

    Raises TraceError where the file is no QEMU trace at all, holds no event of an interrupt controller, or can't be
    read beyond some line; then all events before have been yielded.

    Lines of kinds that are not wanted are counted by their first word alone and not looked into.
    """

    lines: int
    """Lines read so far, a block of them at a time; exact when the iteration has ended."""
    kinds: Counter[type[Event]]
    """Events yielded, by kind."""
    other: Counter[str]
    """Other lines by their first word."""
    repeats: int
    """Frame accesses left out because they repeat an access."""
    sign_extended: int
    """Reads that were printed with more bits than they have, all ones (`TEXT_PROFILE`)."""

    def __init__(self, path: str | os.PathLike[str] | Source, kinds: Collection[type[Event]] | None = None) -> None:
        self.source = path if isinstance(path, Source) else Source(path)
        self._wanted = frozenset(EVENT_KINDS if kinds is None else kinds)
        self._parsers: dict[str, _Parse | None] = {
            word: form.parse if form.kind in self._wanted else None for word, form in FORMS.items()
        }
        self._counts = dict.fromkeys(FORMS, 0)
        self._exceptions = Exceptions() if ExceptionLevel in self._wanted else None
        self.lines = self.repeats = self.sign_extended = 0
        self.kinds, self.other = Counter(), Counter()
        try:
            if sniff(self.source) == "ftrace":
                raise TraceError(
                    self.source.name,
                    1,
                    "this looks like ftrace text; expected the text of a QEMU trace here",
                )
        except TraceError:
            self.source.close()
            raise

    @property
    def counts(self) -> dict[str, int]:
        """Lines of known events by QEMU's name of the event, wanted or not, bad or not."""
        return {word: count for word, count in self._counts.items() if count}

    @property
    def unterminated(self) -> bool:
        """The last line has no end, so it may be cut even where it reads well; known when the iteration has ended."""
        return self.source.unterminated

    @property
    def position(self) -> int:
        """Bytes of the file read so far; with `total`, how far the reader has come."""
        return self.source.position

    @property
    def total(self) -> int | None:
        """Bytes of the file; None for a pipe."""
        return self.source.total

    def __iter__(self) -> Iterator[Event]:
        events = self._events()
        if {Access, FrameAccess} <= self._wanted:
            events = self._without_repeats(events)
        kinds = self.kinds
        with self.source:
            for event in events:
                kinds[type(event)] += 1
                yield event
        if not any(self._counts.values()) and not kinds.keys() - {ExceptionLevel}:
            raise TraceError(
                self.source.name,
                None,
                f"no event of an interrupt controller in {self.lines:,} lines; QEMU records them with "
                "-trace 'gic*' -trace 'memory_region_ops_*'",
            )

    def _events(self) -> Iterator[Event]:
        parsers, counts = self._parsers, self._counts
        number = 0
        for lines in self.source.lines():
            for text in lines:
                number += 1
                word = text.partition(" ")[0]
                if word not in parsers:
                    prefix = PREFIX.match(word)
                    if prefix:
                        text = text[prefix.end() :]
                        word = text.partition(" ")[0]
                    if word not in parsers:
                        told = self._other(number, text, word)
                        if told:
                            yield told
                        continue
                counts[word] += 1
                parse = parsers[word]
                if parse:
                    event = parse(number, text)
                    if type(event) is Access and event.value >> 8 * event.size:
                        event = self._masked(event)
                    yield event
            self.lines = number

    def _masked(self, access: Access) -> Access:
        """A read whose value QEMU prints sign-extended to 64 bits (arm_gic's, of 4 bytes), as the bits of its size; a
        value that is too wide in another way stays as it is told."""
        bits = 8 * access.size
        if access.write or access.value >> bits - 1 != (1 << 65 - bits) - 1:
            return access
        self.sign_extended += 1
        return access._replace(value=access.value & (1 << bits) - 1)

    def _other(self, number: int, text: str, word: str) -> Event | None:
        """Counts a line of something else; an exception, or a `BadLine` if a wanted event is hidden in it."""
        if word in WORDS and self._exceptions is not None:
            told = self._exceptions.line(number, text)
            if told is not None:
                return told
        if text in _CUT:
            return bad_line(number, text, f"the line is cut: expected an event such as {_CUT[text]}")
        if any(hint in text for hint in _HINTS):
            end = text[-_EVENT_LENGTH:]
            for hint in _HINT.finditer(end):
                event = end[hint.start() :]
                name = event.partition(" ")[0]
                parse = self._parsers.get(name)
                if parse and type(parse(number, event)) is not BadLine:
                    return bad_line(
                        number,
                        text,
                        f"the event {name} stands behind other text; record the trace into a file of its own (-D)",
                    )
        word = word[:_WORD_SHOWN]
        self.other[word if word in self.other or len(self.other) < OTHER_WORDS else "..."] += 1
        return None

    def _without_repeats(self, events: Iterator[Event]) -> Iterator[Event]:
        writing: dict[int | None, Access] = {}
        held: deque[Event] = deque()
        for event in events:
            while held and not (_is_read(held[0]) and event.line - held[0].line <= LOOK_AHEAD):
                yield held.popleft()
            if isinstance(event, Access):
                if event.write:
                    writing[event.pe] = event
                else:
                    writing.pop(event.pe, None)
                    self._drop_repeat(held, event)
            elif isinstance(event, FrameAccess) and event.write:
                told = next((access for access in writing.values() if _same(access, event)), None)
                if told:
                    del writing[told.pe]
                    self.repeats += 1
                    continue
            if held or _is_read(event):
                held.append(event)
            else:
                yield event
        yield from held

    def _drop_repeat(self, held: deque[Event], access: Access) -> None:
        """Takes out of `held` the first frame access that `access` tells again."""
        for place, event in enumerate(held):
            if isinstance(event, FrameAccess) and not event.write and _same(access, event):
                del held[place]
                self.repeats += 1
                return


def _is_read(event: Event) -> bool:
    return isinstance(event, FrameAccess) and not event.write


def _same(access: Access, told: FrameAccess) -> bool:
    """Both lines tell one access; their direction is known to agree."""
    own = told.frame in ("GICC", "GICV")  # only these tell the CPU
    sized = told.frame not in ("GICC", "GICV", "GICH")  # the others don't tell the size
    return (
        (access.address ^ told.offset) & 0xFFF == 0
        and told.value in (access.value, None)
        and (not sized or access.size == told.size)
        and (not own or access.pe == told.pe)
        and (not access.region or region_frame(access.region) == told.frame)
    )
