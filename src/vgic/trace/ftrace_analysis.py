"""One ftrace recording, analysed: what `vgic trace` does with it. `vgic.view.ftrace` tells it to people.

Each analysis declares the events that it needs. One that was never seen is named, with the command that records it:
the analysis then either says nothing or, where the event may simply not have happened, says so.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from typing import NamedTuple

from vgic.arch.intid import PRIVATE
from vgic.rules.checks import KERNEL_CHECKS
from vgic.rules.kernel import BROKEN, KernelCheck, KernelLine, KernelVcpu, OfKernel, Verdicts
from vgic.trace.events import BadLine
from vgic.trace.ftrace import Event, FtraceReader, Lost
from vgic.trace.ftrace_state import Follow, HostVcpu
from vgic.trace.source import Source, TraceError

SYSTEMS = {"irq_handler_entry": "irq", "irq_handler_exit": "irq", "ipi_entry": "ipi", "sched_switch": "sched"}
"""The trace system of an event; the others are kvm's."""
MANY = 100_000
"""Spacings, and reasons, kept."""


class Exits(OfKernel):
    """Exits by reason, and the time that each vCPU spent in its guest."""

    needs = frozenset({"kvm_exit"})

    def __init__(self) -> None:
        self.counts: dict[tuple[KernelVcpu, str], int] = {}
        self.inside: dict[KernelVcpu, int] = {}

    def left(self, vcpu: KernelVcpu, reason: str) -> None:
        """One exit."""
        key = (vcpu, reason)
        if key not in self.counts and len(self.counts) >= MANY:
            key = (vcpu, "others")
        self.counts[key] = self.counts.get(key, 0) + 1
        if vcpu.entered is not None:
            self.inside[vcpu] = self.inside.get(vcpu, 0) + self.event.time - vcpu.entered.time


class Interrupt(NamedTuple):
    """An interrupt's place in the table: its vCPU (None: shared, or not told which) and vINTID."""

    vcpu: KernelVcpu | None
    intid: int


class Told:
    """How often one interrupt's line was told.

    Attributes:
        high, low: calls with that level. rises: those that raised it, as far as the level before is known.
        spaces: nanoseconds between calls with level 1 (the first MANY). shortest, longest: of all of them.
    """

    __slots__ = ("high", "last", "longest", "low", "rises", "shortest", "spaces")

    def __init__(self) -> None:
        self.high = self.low = self.rises = self.longest = 0
        self.last: int | None = None
        self.shortest: int | None = None
        self.spaces = array("q")

    def tell(self, level: int, before: int | None, when: int) -> None:
        """One call."""
        if not level:
            self.low += 1
            return
        self.high += 1
        self.rises += before == 0
        if self.last is not None:
            space = max(0, when - self.last)
            self.shortest = space if self.shortest is None else min(space, self.shortest)
            self.longest = max(space, self.longest)
            if len(self.spaces) < MANY:
                self.spaces.append(space)
        self.last = when

    @property
    def median(self) -> int | None:
        """Of the spaces kept."""
        return sorted(self.spaces)[len(self.spaces) // 2] if self.spaces else None


class Injections(OfKernel):
    """Interrupts injected and their spacing, by vCPU and vINTID."""

    needs = frozenset({"vgic_update_irq_pending"})

    def __init__(self) -> None:
        self.told_of: dict[Interrupt, Told] = {}
        self.shared: dict[int, int] = {}

    def line_told(
        self, vcpu: KernelVcpu | None, intid: int, level: int, before: KernelLine | None, own: bool,
    ) -> None:
        """One call."""
        key = Interrupt(vcpu, intid)
        told = self.told_of.get(key)
        if told is None:
            if len(self.told_of) >= MANY:
                return
            told = self.told_of[key] = Told()
        known = before.level if before is not None else self.shared.get(intid) if vcpu is None else None
        told.tell(level, known, self.event.time)
        if intid >= PRIVATE:
            self.shared[intid] = level

    def lost(self) -> None:
        """Spacing over a loss is no spacing."""
        self.shared.clear()
        for told in self.told_of.values():
            told.last = None


class Blocks(OfKernel):
    """How long vCPUs were blocked."""

    needs = frozenset({"kvm_wfx_arm64", "kvm_vcpu_wakeup"})

    def __init__(self) -> None:
        self.times: dict[KernelVcpu, list[int]] = {}

    def woken(self, vcpu: KernelVcpu) -> None:
        """One block ended."""
        if vcpu.blocked is not None:
            total = self.times.setdefault(vcpu, [0, 0])
            total[0] += 1
            total[1] += max(0, self.event.time - vcpu.blocked.time)


class FtraceAnalysis:
    """One ftrace recording, followed and judged.

    Args:
        path: the file, "-" for standard input, or an opened Source. most: breaches kept of each rule.
        progress: called with bytes done and in all, now and then.

    Raises TraceError where the recording can't be used at all.
    """

    def __init__(
        self, path: str | Source, *, most: int = 20, progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self.file = path if isinstance(path, str) else path.name
        began = time.perf_counter()
        self.reader = FtraceReader(path)
        self.verdicts = Verdicts(most)
        self.checks = [check(self.verdicts) for check in KERNEL_CHECKS]
        self.exits, self.injections, self.blocks = Exits(), Injections(), Blocks()
        self.follow = Follow([self.exits, self.injections, self.blocks, *self.checks])
        self.events = 0
        self.losses: list[Lost] = []
        self.bad: list[BadLine] = []
        self.bad_count = self.losses_count = self.lost_events = 0
        self.first: Event | None = None
        self.last: Event | None = None
        self.trouble: TraceError | None = None
        try:
            self._run(progress)
        except TraceError as e:
            if not self.events:
                raise
            self.trouble = e
        if not self.events:
            raise TraceError(self.file, None, "no event is in it: a header alone")
        self.follow.finish()
        if self.trouble is None and self.reader.source.unterminated:
            self.trouble = TraceError(self.file, self.reader.lines, "the last line has no end: it may be cut")
        self.seconds = time.perf_counter() - began

    def _run(self, progress: Callable[[int, int | None], None] | None) -> None:
        verdicts, follow, source = self.verdicts, self.follow, self.reader.source
        last_of: dict[int, int] = {}
        n = 0
        for n, e in enumerate(self.reader):
            if type(e) is Event:
                verdicts.line = e.line
                if self.first is None:
                    self.first = e
                    verdicts.timed = "." in self.reader.first_time or "us" in self.reader.first_time
                self.last = e
                last_of[e.cpu] = e.line
                follow.feed(e)
                self.events += 1
            elif type(e) is Lost:
                self._lose(e, last_of.get(e.cpu, 0))
            elif type(e) is BadLine:
                self.bad_count += 1
                if len(self.bad) < 5:
                    self.bad.append(e)
                follow.lose()
            if progress is not None and not n & 0x3FFF:
                progress(source.position, source.total)

    def _lose(self, lost: Lost, since: int) -> None:
        self.losses_count += 1
        self.lost_events += lost.events or 0
        if len(self.losses) < 5:
            self.losses.append(lost)
        self.verdicts.take_back(since)
        self.follow.lose()

    # -- what came out

    def missing(self, needs: frozenset[str]) -> list[str]:
        """Which of these events were never seen."""
        return sorted(name for name in needs if not self.reader.counts.get(name))

    def all_missing(self) -> list[str]:
        """Every event that some analysis needs and that was never seen."""
        wanted = [self.exits.needs, self.injections.needs, self.blocks.needs, *(c.needs for c in self.checks)]
        return self.missing(frozenset().union(*wanted))

    def broken(self, check: KernelCheck) -> int:
        """Breaches of a rule; none where it can't be judged."""
        return 0 if self.missing(check.needs) else check.counts[BROKEN]

    @property
    def exit_status(self) -> int:
        """0 all rules hold as far as they are judged, 1 one is broken, 2 the recording can't be read through."""
        if self.trouble is not None or self.bad_count:
            return 2
        return 1 if any(self.broken(c) for c in self.checks) else 0

    def errors(self) -> list[str]:
        """What is wrong with the recording itself."""
        lines = [f"{self.file}:{b.line}: {b.why}: {b.text}" for b in self.bad]
        if self.bad_count > len(self.bad):
            lines.append(f"{self.file}: {self.bad_count - len(self.bad):,} more events can't be read")
        if self.trouble is not None:
            lines.append(str(self.trouble))
        return lines

    def vcpus(self) -> list[HostVcpu]:
        """Those that ran a guest, by number and thread."""
        seen = [v for v in self.follow.vcpus.values() if v.enters]
        return sorted(seen, key=lambda v: (v.number is None, v.number or 0, v.pid))

    def rows(self) -> list[tuple[str, int, Told]]:
        """The injections: the vCPU's label ('shared', 'any': not told which), the vINTID, how it was told."""
        def label(key: Interrupt) -> str:
            if key.vcpu is not None:
                return self.follow.label(key.vcpu)
            return "shared" if key.intid >= PRIVATE else "any"
        return sorted(((label(k), k.intid, t) for k, t in self.injections.told_of.items()), key=lambda r: r[:2])


def record(name: str) -> str:
    """trace-cmd's words that record an event."""
    return f"-e {SYSTEMS.get(name, 'kvm')}:{name}"
