"""Judging rules on the trace events of a host's kernel: four verdicts, which can be taken back.

Each place where a rule has something to say gets one of four verdicts:

    holds     the events prove it
    allowed   the events leave it open, and nothing speaks against it: what the rule forbids can't be seen here
    unknown   what would be needed is not known here (before it was first told, after lost events, ...)
    broken    the events prove a breach

A verdict near lost events is taken back: events of a CPU may be missing anywhere between its last event before the loss
and the loss. A rule is judged only if all the events that it needs were seen in the recording.

What is assumed, beyond the events: a guest enables its private interrupts in its own redistributor; a vCPU that is told
of an enabled interrupt is awake within PATIENCE, and out of its guest within EXIT_BOUND where nobody had to interrupt
it (both are far longer than a host needs; a breach that rests on one says so).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol

from vgic.rules.catalogue import RULES, Rule
from vgic.rules.judge import Breach
from vgic.rules.moments import Moments, Teller

PATIENCE = 1_000_000_000
"""Nanoseconds within which a blocked vCPU must be awake after it was told of an interrupt."""
EXIT_BOUND = 1_000_000
"""Nanoseconds within which a vCPU that was leaving its guest anyway has left it."""

HOLDS, ALLOWED, UNKNOWN, BROKEN = "holds", "allowed", "unknown", "broken"
_REMEMBERED = 1 << 16
"""Verdicts that can still be taken back."""


class KernelEvent(Protocol):
    """One event of the trace: its line, its time in nanoseconds, its thread, its CPU, its first word."""

    @property
    def line(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def cpu(self) -> int: ...
    @property
    def word(self) -> str: ...


class KernelLine(Protocol):
    """A virtual interrupt's line as KVM was last told; None where it isn't known."""

    @property
    def level(self) -> int | None: ...
    @property
    def entries(self) -> int: ...
    @property
    def touches(self) -> int: ...


class KernelTimer(Protocol):
    """A timer's registers when KVM saved or restored them."""

    @property
    def ctl(self) -> int: ...
    @property
    def cval(self) -> int: ...


class KernelVcpu(Protocol):
    """One vCPU as far as events tell it; see `vgic.trace.ftrace_state.Vcpu`."""

    @property
    def pid(self) -> int: ...
    @property
    def number(self) -> int | None: ...
    @property
    def enters(self) -> bool: ...
    @property
    def cpu(self) -> int | None: ...
    @property
    def running(self) -> bool | None: ...
    @property
    def entries(self) -> int: ...
    @property
    def entered(self) -> KernelEvent | None: ...
    @property
    def blocked(self) -> KernelEvent | None: ...
    @property
    def enabled(self) -> Mapping[int, bool]: ...
    @property
    def direct(self) -> Mapping[int, int]: ...
    def expected(self, index: int, ctl: int, cval: int) -> int | None: ...


class KernelTeller(Teller[KernelVcpu]):
    """Who follows a host's events and tells their moments.

    Attributes:
        event: the one that is told now. touches: writes that trapped so far, of any vCPU: one may have changed an
            interrupt. ipis: inter-processor interrupts so far.
    """

    event: KernelEvent
    touches: int
    ipis: int

    def seen(self) -> Sequence[KernelVcpu]:
        """All vCPUs that have been seen."""
        return ()

    def label(self, vcpu: KernelVcpu) -> str:
        """The name of a vCPU in tables."""
        return f"pid {vcpu.pid}"


class OfKernel(Moments[KernelVcpu]):
    """A listener to the moments of a host's kernel."""

    teller: KernelTeller

    @property
    def event(self) -> KernelEvent:
        """The event that is told now."""
        return self.teller.event


class JudgedPlace(NamedTuple):
    """One judged place: the line of the recording where it was judged, the verdict, and the line of its event."""

    line: int
    check: KernelCheck
    verdict: str
    event: int


class Verdicts:
    """All verdicts, with the latest of them able to be taken back.

    Attributes:
        most: breaches kept of each rule; all are counted. line: of the recording, now.
        timed: whether times are seconds; else nothing that rests on them is judged.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.line = 0
        self.timed = True
        self._latest: deque[JudgedPlace] = deque(maxlen=_REMEMBERED)

    def add(self, place: JudgedPlace) -> None:
        """One more."""
        self._latest.append(place)
        place.check.counts[place.verdict] += 1

    def take_back(self, since: int) -> None:
        """Nothing that was judged after this line is certain."""
        while self._latest and self._latest[-1].line > since:
            _, check, verdict, event = self._latest.pop()
            check.counts[verdict] -= 1
            check.counts[UNKNOWN] += 1
            if verdict != UNKNOWN:
                check.why["events were lost"] += 1
            check.breaches = [b for b in check.breaches if b.place != event]


class KernelCheck(OfKernel):
    """The form of a rule that is judged on kernel events. Subclasses set `rule_id` and define the moments they need.

    Attributes:
        needs: events without which it can't be judged. counts: by verdict. why: reasons of the unknown ones.
    """

    rule_id: ClassVar[int]
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, verdicts: Verdicts) -> None:
        self.verdicts = verdicts
        self.rule: Rule = RULES[self.rule_id]
        self.counts: Counter[str] = Counter()
        self.why: Counter[str] = Counter()
        self.breaches: list[Breach] = []
        self.prepare()

    def prepare(self) -> None:
        """Sets up what the check remembers."""

    def judge(self, event: KernelEvent, verdict: str, what: str = "") -> None:
        """One place; `what` tells the breach, or why it isn't known."""
        self.verdicts.add(JudgedPlace(self.verdicts.line, self, verdict, event.line))
        if verdict == UNKNOWN:
            self.why[what] += 1
        elif verdict == BROKEN and len(self.breaches) < self.verdicts.most:
            self.breaches.append(Breach(self.rule, event.line, what))

    @property
    def judged(self) -> int:
        """Places where the events decide."""
        return self.counts[HOLDS] + self.counts[BROKEN]
