"""One recording, replayed and judged: what `vgic trace` does. `vgic.view.recording` tells it to people."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from vgic.rules import RECORDING_CHECKS, Judge, Moments
from vgic.silicon.profile import PROFILE, SENTENCES, Departure
from vgic.trace.beginning import known_of, middle
from vgic.trace.configure import Configuration, configure
from vgic.trace.diagnose import Diagnosis, Recent, diagnose
from vgic.trace.events import Event, Probe
from vgic.trace.lanes import Lanes
from vgic.trace.lives import Lives
from vgic.trace.qemu import QemuReader
from vgic.trace.replay import KINDS, Replay
from vgic.trace.source import Source, TraceError

HEAD, OTHERS = 20_000, 2000
"""Events looked at to find the configuration, and how many of them may be of kinds that no chip reacts to."""
FRAMES = ("GICD", "GICR", "GICC", "GICH", "GICV", "ICC", "ICH", "ICV", "line", "SGI", "maintenance")


class Analysis:
    """One recording, replayed and judged.

    Args:
        path: the file, "-" for standard input, or an opened Source. machine, overrides: see `configure`.
        lanes: an INTID whose lanes are wanted, None for none. window: the lines that they cover.
        most: differences and breaches kept. progress: called with bytes done and in all, now and then.

    Raises TraceError where the recording can't be used at all. Where it breaks off, what came before is judged and
    `trouble` tells. Where it begins in the middle of a run, `middle` tells how that shows; what depends on what came
    before is untold then (`vgic.trace.knowledge`), and no line is doubted.
    """

    def __init__(
        self, path: str | Source, *, machine: str | None = None, overrides: dict[str, str] | None = None,
        lanes: int | None = None, window: tuple[int, int] | None = None, most: int = 20,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self.file = path if isinstance(path, str) else path.name
        began = time.perf_counter()
        self.reader = QemuReader(path)
        self.diagnosis: Diagnosis | None = None
        self._broke_off: list[TraceError] = []
        events = self._guarded(iter(self.reader))
        head, passed = self._head(events)
        if self._broke_off and not head:
            raise self._broke_off[0]
        self.configuration: Configuration = configure(self.file, head, machine, overrides)
        self.chip = self.configuration.chip()
        self.middle = middle(head, self.configuration.chip())
        known = known_of(self.chip, self.configuration.chip()) if self.middle is not None else None
        self.judge = Judge(self.chip, RECORDING_CHECKS, most, known is None)
        self.lives = Lives(self.chip)
        self.lanes = Lanes(self.chip, lanes, window) if lanes is not None else None
        listeners: list[Moments[int]] = [self.lives] if self.lanes is None else [self.lives, self.lanes]
        self.replay = Replay(self.chip, self.judge, listeners, most, known)
        self._run(itertools.chain(head, events), progress)
        self.replay.events += passed
        self.seconds = time.perf_counter() - began
        self.trouble = self._broke_off[0] if self._broke_off else None
        if not self._broke_off and self.reader.unterminated:
            self.trouble = TraceError(self.file, self.reader.lines, "the last line has no end: it may be cut")

    def _head(self, events: Iterator[Event]) -> tuple[list[Event], int]:
        """The first events, without most of those that are only QEMU's account; and how many were left out."""
        head: list[Event] = []
        left_out = others = 0
        for event in events:
            if type(event) in KINDS or type(event) is Probe:
                head.append(event)
                if len(head) >= HEAD:
                    break
            elif others < OTHERS:
                others += 1
                head.append(event)
            else:
                left_out += 1
        return head, left_out

    def _guarded(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events until the recording breaks off."""
        try:
            yield from events
        except TraceError as e:
            self._broke_off.append(e)

    def _run(self, events: Iterable[Event], progress: Callable[[int, int | None], None] | None) -> None:
        replay, lanes, vcpus = self.replay, self.lanes, self.lives.vcpus
        feed, count = replay.feed, 0
        recent = Recent(self.chip, replay) if self.middle is None else None
        for count, event in enumerate(events, 1):
            if type(event) in KINDS:
                if recent is None:
                    feed(event)
                else:
                    recent.before(event)
                    feed(event)
                    if recent.contradicted():
                        self.diagnosis, recent = diagnose(recent, self.configuration.chip), None
                if lanes is not None:
                    lanes.event(event, replay.register)
            elif type(event) is Probe:
                vcpus.probe(event)
            if progress is not None and not count & 0x3FFF:
                progress(self.reader.position, self.reader.total)
        replay.events = count
        replay.finish()
        if recent is not None:
            self.diagnosis = diagnose(recent, self.configuration.chip)

    # -- what came out

    def by_frame(self) -> dict[str, tuple[int, int]]:
        """Predicted and compared, by frame."""
        compared: Counter[str] = Counter()
        predicted: Counter[str] = Counter()
        for name, count in self.replay.compared.items():
            frame = name.partition("_")[0]
            compared[frame] += count
            predicted[frame] += self.replay.predicted[name]
        order = [f for f in FRAMES if f in compared] + sorted(set(compared) - set(FRAMES))
        return {f: (predicted[f], compared[f]) for f in order}

    def untold(self) -> dict[str, int]:
        """Answers that depend on what is not known of the chip, by frame."""
        counts: Counter[str] = Counter()
        for name, count in self.replay.unknown.items():
            counts[name.partition("_")[0]] += count
        return {f: counts[f] for f in (*FRAMES, *sorted(set(counts) - set(FRAMES))) if counts[f]}

    def profile(self) -> list[Departure]:
        """QEMU's departures from the architecture that the chip follows."""
        options = self.configuration.options
        chosen, usual = options.choices(), type(options)().choices()
        return [d for d in PROFILE if d.gic == self.configuration.version and chosen[d.option] != usual[d.option]]

    def deviations(self) -> list[tuple[Departure, int]]:
        """Those that decided an outcome in this recording, and how often."""
        counts: Counter[str] = Counter()
        for notice, count in self.chip.notices.of("deviation"):
            counts[notice.register] += count
        return [(SENTENCES[option], count) for option, count in counts.most_common()]

    @property
    def exit_status(self) -> int:
        """0 all predicted and all rules hold, 1 something differs or is broken, 2 it can't be read through."""
        if self.trouble is not None or self.replay.bad_lines:
            return 2
        return 1 if self.replay.different or any(c.breaches for c in self.judge.checks) else 0

    def errors(self) -> list[str]:
        """What is wrong with the recording itself."""
        lines = [f"{self.file}:{b.line}: {b.why}: {b.text}" for b in self.replay.bad[:5]]
        if self.replay.bad_lines > len(lines):
            lines.append(f"{self.file}: {self.replay.bad_lines - len(lines):,} more lines can't be read")
        if self.trouble is not None:
            lines.append(str(self.trouble))
        return lines
