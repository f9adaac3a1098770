"""Who judges rules: the checks of a recorded chip, and of a machine as it happens, and what they have in common.

A rule has up to four forms, which stand side by side in the file of its topic; `vgic.rules.checks` lists them all.

    on states       a function of a machine (`StateCheck` in `vgic.rules.world`): what is broken in it now. For runs and
                    for the explorer, which asks of every state
    as it happens   a `MomentCheck`: of the moments of a machine; what it finds is kept in the machine's `Faults`, a
                    part like others, so that the explorer sees it in the state that follows
    on a recording  a `RecordingCheck`: of the moments that the replay of a recording tells, and the state of the chip
    on kernel events  a `KernelCheck` (`vgic.rules.kernel`): of what a host's trace events allow to be known

A check declares by the moments that it defines what it needs, so that a teller that can't tell a moment leaves the rule
unjudged, and reports say so. Checks look at the state of the chip and of guests, never at a design's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from vgic.rules.catalogue import RULES, Rule
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView, World
from vgic.silicon import Gic


class Breach(NamedTuple):
    """One breach of a rule.

    Attributes:
        rule: which. place: where, as the teller names it (a line of a recording, a step). what: the offending values.
    """

    rule: Rule
    place: int
    what: str


class MomentCheck(Moments[VcpuView]):
    """The form of a rule that is judged on a machine, as it happens. It hears each moment before the ghosts are brought
    up to date with it. Subclasses set `rule_id` and define the moments that they need."""

    rule_id: ClassVar[int]

    def __init__(self, w: World) -> None:
        self.w = w

    def broken(self, what: str) -> None:
        """The rule is broken now."""
        self.w.faults.tell(self.rule_id, what)


class RecordingCheck(Moments[int]):
    """The form of a rule that is judged on the recording of a chip, where moments are of PEs, by number. Subclasses set
    `rule_id` and define the moments that they need; a moment's method looks at the chip as it is then: `self.chip`.

    Attributes:
        judged: places where the rule had something to say. breaches: those where it was broken. untold: places where
        it depends on what is not known of a chip whose recording begins in the middle.
        doubt: what the check remembers may depend on it too.
    """

    rule_id: ClassVar[int]

    def __init__(self, chip: Gic, judge: Judge) -> None:
        self.chip, self.judge = chip, judge
        self.rule = RULES[self.rule_id]
        self.judged = self.breaches = self.untold = 0
        self.doubt = False
        self.prepare()

    def prepare(self) -> None:
        """Sets up what the check remembers between moments."""

    def broken(self, what: str, place: int | None = None) -> None:
        """The rule is broken here, or at an earlier place."""
        self.breaches += 1
        self.judge.record(Breach(self.rule, self.place if place is None else place, what))


class Judge:
    """The checks of one recording, and what they found.

    Args:
        chip: the chip judged. checks: the classes of the checks. most: how many breaches are kept; all are counted.
        whole: the recording begins with the machine's start: what it does not tell has not happened.
    """

    def __init__(
        self, chip: Gic, checks: Iterable[type[RecordingCheck]], most: int = 1000, whole: bool = True,
    ) -> None:
        self.most, self.whole = most, whole
        self.breaches: list[Breach] = []
        self.checks = [check(chip, self) for check in checks]

    def record(self, broken: Breach) -> None:
        """Keeps a breach."""
        if len(self.breaches) < self.most:
            self.breaches.append(broken)
