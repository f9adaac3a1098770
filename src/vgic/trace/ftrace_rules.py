"""Rules 9, 19, 20 and 23, judged on a host's kernel events.

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
from typing import NamedTuple

from vgic.rules.catalogue import RULES, Rule
from vgic.rules.judge import Broken
from vgic.trace.ftrace import Event
from vgic.trace.ftrace_state import ENABLE, IMASK, ISTATUS, Follow, Line, Timer, Vcpu

PATIENCE = 1_000_000_000
"""Nanoseconds within which a blocked vCPU must be awake after it was told of an interrupt."""
EXIT_BOUND = 1_000_000
"""Nanoseconds within which a vCPU that was leaving its guest anyway has left it."""

HOLDS, ALLOWED, UNKNOWN, BROKEN = "holds", "allowed", "unknown", "broken"
_REMEMBERED = 1 << 16
"""Verdicts that can still be taken back."""


class Verdict(NamedTuple):
    """One judged place: the line of the recording where it was judged, and the place itself."""

    line: int
    check: KernelCheck
    verdict: str
    place: int


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
        self._latest: deque[Verdict] = deque(maxlen=_REMEMBERED)

    def add(self, verdict: Verdict) -> None:
        """One more."""
        self._latest.append(verdict)
        verdict.check.counts[verdict.verdict] += 1

    def take_back(self, since: int) -> None:
        """Nothing that was judged after this line is certain."""
        while self._latest and self._latest[-1].line > since:
            _, check, verdict, place = self._latest.pop()
            check.counts[verdict] -= 1
            check.counts[UNKNOWN] += 1
            if verdict != UNKNOWN:
                check.why["events were lost"] += 1
            check.breaches = [b for b in check.breaches if b.place != place]


class KernelCheck:
    """One rule's check on kernel events.

    Attributes:
        needs: events without which it can't be judged. counts: by verdict. why: reasons of the unknown ones.
    """

    rule_id = 0
    needs: frozenset[str] = frozenset()

    def __init__(self, verdicts: Verdicts) -> None:
        self.verdicts = verdicts
        self.rule: Rule = RULES[self.rule_id]
        self.counts: Counter[str] = Counter()
        self.why: Counter[str] = Counter()
        self.breaches: list[Broken] = []
        self.follow: Follow
        self.prepare()

    def prepare(self) -> None:
        """Sets up what the check remembers."""

    def judge(self, event: Event, verdict: str, what: str = "") -> None:
        """One place; `what` tells the breach, or why it isn't known."""
        self.verdicts.add(Verdict(self.verdicts.line, self, verdict, event.line))
        if verdict == UNKNOWN:
            self.why[what] += 1
        elif verdict == BROKEN and len(self.breaches) < self.verdicts.most:
            self.breaches.append(Broken(self.rule, event.line, what))

    @property
    def judged(self) -> int:
        """Places where the events decide."""
        return self.counts[HOLDS] + self.counts[BROKEN]


class NoRetake(KernelCheck):
    """Rule 9, wherever the host takes a guest timer's interrupt.

    The host's handler raises the virtual line and leaves the physical interrupt active; only the guest's deactivation,
    a lowered line at a load or a trapped write makes it signal again. So if the line was told high, no guest has run
    since, and nothing was written, the interrupt must be pending still: taking it again is a breach. Once the guest has
    run, it may have ended the interrupt: the events allow it.
    """

    rule_id = 9
    needs = frozenset({"irq_handler_entry", "irq_handler_exit", "kvm_entry", "kvm_timer_update_irq"})

    def took(self, vcpu: Vcpu | None, intid: int | None, before: Line | None, event: Event) -> None:
        """A handler ran."""
        if vcpu is None or before is None:
            self.judge(event, UNKNOWN, "whose interrupt it is isn't told")
        elif before.level is None:
            self.judge(event, UNKNOWN, "its line was not told before")
        elif before.level and before.entries == vcpu.entries and before.touches == self.follow.touches:
            self.judge(event, BROKEN, f"{self.follow.label(vcpu)}: {event.word!r} taken again, with vINTID {intid}'s "
                                      "line high since the last time and no guest run between")
        else:
            self.judge(event, ALLOWED)


class BlockedIsWoken(KernelCheck):
    """Rule 19, for each blocked vCPU whose own interrupt is raised by somebody else, or whose timer had expired when it
    blocked.

    What wakes it otherwise (SGIs, LPIs, shared interrupts, the timer that KVM arms at a block) no event tells.
    """

    rule_id = 19
    needs = frozenset({"kvm_wfx_arm64", "kvm_vcpu_wakeup", "vgic_update_irq_pending"})

    def prepare(self) -> None:
        """The first raise of each block: the event, the vINTID, and whether it must be deliverable."""
        self.raised: dict[Vcpu, tuple[Event, int, bool]] = {}

    def blocks(self, vcpu: Vcpu, event: Event) -> None:
        """A WFI."""
        self.raised.pop(vcpu, None)

    def saved(self, vcpu: Vcpu, index: int, timer: Timer, event: Event) -> None:
        """A timer that had expired when its vCPU blocked."""
        if vcpu.blocked is not None and vcpu not in self.raised \
                and timer.ctl & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS:
            intid = vcpu.direct.get(index)
            if intid is not None:
                self.raised[vcpu] = (event, intid, vcpu.enabled.get(intid) is True)

    def told(self, vcpu: Vcpu | None, intid: int, level: int, event: Event, before: Line | None, own: bool) -> None:
        """A line rose."""
        if level and vcpu is None:
            blocked = [v for v in self.follow.vcpus.values() if v.blocked is not None]
            if blocked:
                self.judge(event, UNKNOWN, "where the interrupt goes isn't told")
            return
        if not level or vcpu is None or vcpu.blocked is None or vcpu in self.raised \
                or (own and event.pid == vcpu.pid):
            return
        sure = before is not None and before.level == 0 and vcpu.enabled.get(intid) is True
        self.raised[vcpu] = (event, intid, sure)

    def woke(self, vcpu: Vcpu, event: Event) -> None:
        """The block ended."""
        raised = self.raised.pop(vcpu, None)
        if raised is not None:
            self._end(vcpu, *raised, event, "woken")

    def _end(self, vcpu: Vcpu, event: Event, intid: int, sure: bool, end: Event, how: str) -> None:
        late = end.time - event.time
        if not self.verdicts.timed:
            self.judge(event, UNKNOWN, "the recording's times are no seconds")
        elif how == "woken" and late <= PATIENCE:
            self.judge(event, HOLDS)
        elif late > PATIENCE and sure:
            self.judge(event, BROKEN, f"{self.follow.label(vcpu)} is blocked since line {vcpu.blocked.line:,}: vINTID "
                       f"{intid} is enabled and was raised, and it is {how} {late / 1e9:.3f} s later"
                       if vcpu.blocked is not None else "")
        elif late > PATIENCE:
            self.judge(event, UNKNOWN, "whether the interrupt was enabled and accepted isn't told")
        else:
            self.judge(event, UNKNOWN, "the recording ends before it is woken")

    def lost(self) -> None:
        """Nothing is known."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "events were lost")
        self.raised.clear()

    def finished(self, last: Event | None) -> None:
        """Those that are still blocked."""
        for vcpu, raised in self.raised.items():
            assert last is not None
            self._end(vcpu, *raised, last, "still blocked")


class KickIsSeen(KernelCheck):
    """Rule 20, wherever the own interrupt of a vCPU that is in its guest is raised from another CPU.

    It must get out: by an inter-processor interrupt taken on its CPU, or because it was leaving. What it does with the
    request afterwards no event tells.
    """

    rule_id = 20
    needs = frozenset({"kvm_entry", "kvm_exit", "vgic_update_irq_pending", "irq_handler_entry"})

    def prepare(self) -> None:
        """The first raise since each vCPU's entry, and whether it must have kicked."""
        self.raised: dict[Vcpu, tuple[Event, int, bool]] = {}

    def told(self, vcpu: Vcpu | None, intid: int, level: int, event: Event, before: Line | None, own: bool) -> None:
        """A line rose."""
        if not level:
            return
        if vcpu is None:
            if any(v.running and v.cpu != event.cpu for v in self.follow.vcpus.values()):
                self.judge(event, UNKNOWN, "where the interrupt goes isn't told")
        elif vcpu.running and vcpu.cpu != event.cpu and vcpu not in self.raised:
            sure = before is not None and before.level == 0 and vcpu.enabled.get(intid) is True
            self.raised[vcpu] = (event, intid, sure)

    def interrupted(self, cpu: int, event: Event) -> None:
        """An inter-processor interrupt."""
        for vcpu in [v for v in self.raised if v.cpu == cpu]:
            self.judge(self.raised.pop(vcpu)[0], HOLDS)

    def left(self, vcpu: Vcpu, event: Event) -> None:
        """It left without one."""
        raised = self.raised.pop(vcpu, None)
        if raised is None:
            return
        cause, intid, sure = raised
        late = event.time - cause.time
        if not self.verdicts.timed:
            self.judge(cause, UNKNOWN, "the recording's times are no seconds")
        elif late <= EXIT_BOUND:
            self.judge(cause, HOLDS)
        elif not sure:
            self.judge(cause, UNKNOWN, "whether the interrupt was enabled and accepted isn't told")
        else:
            self.judge(cause, BROKEN, f"{self.follow.label(vcpu)} was in its guest when vINTID {intid}, enabled, was "
                       f"raised, and stayed there for {late / 1e6:.3f} ms: nobody kicked it")

    def lost(self) -> None:
        """Nothing is known."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "events were lost")
        self.raised.clear()

    def finished(self, last: Event | None) -> None:
        """Those that are still in their guest; and a recording without any inter-processor interrupt tells no kicks."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "the recording ends before it leaves its guest")
        if not self.follow.ipis and self.counts[BROKEN]:
            self.why["no inter-processor interrupt is in the recording"] += self.counts[BROKEN]
            self.counts[UNKNOWN] += self.counts.pop(BROKEN)
            self.breaches.clear()


class LineIsTimer(KernelCheck):
    """Rule 23, at each load of a vCPU's timers, and at each look at an emulated one.

    A disabled or masked timer's line must be told low, an expired one's high; for others it depends on the counter,
    which no event tells.
    """

    rule_id = 23
    needs = frozenset({"kvm_get_timer_map", "kvm_timer_update_irq", "kvm_timer_restore_state"})

    def loaded(self, vcpu: Vcpu, index: int, intid: int, level: int, timer: Timer, event: Event) -> None:
        """A direct timer was loaded."""
        expected = vcpu.expected(index, timer.ctl, timer.cval)
        if expected is None:
            self.judge(event, ALLOWED)
        elif expected == level:
            self.judge(event, HOLDS)
        else:
            state = "disabled" if not timer.ctl & ENABLE else "masked" if timer.ctl & IMASK else "expired"
            self.judge(event, BROKEN, f"{self.follow.label(vcpu)}: loaded with vINTID {intid}'s line told {level}, and "
                                      f"its timer {state} (CTL {timer.ctl:#x}, CVAL {timer.cval:#x})")

    def load_untold(self, vcpu: Vcpu, event: Event) -> None:
        """The load told no line, or another than before."""
        self.judge(event, UNKNOWN, "which line the load told isn't clear")

    def emulated(self, vcpu: Vcpu, index: int, fires: int, level: int | None, event: Event) -> None:
        """An emulated timer."""
        if level is None:
            self.judge(event, UNKNOWN, "the emulated timer's line was not told before")
        elif level == fires:
            self.judge(event, HOLDS)
        else:
            self.judge(event, BROKEN, f"{self.follow.label(vcpu)}: emulated timer {index} should be {fires}, and its "
                                      f"line was last told {level}")


KERNEL_CHECKS: tuple[type[KernelCheck], ...] = (NoRetake, BlockedIsWoken, KickIsSeen, LineIsTimer)
"""The checks of kernel events."""
