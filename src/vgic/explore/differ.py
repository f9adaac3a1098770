"""Which scenarios tell a design from the one that it was made of.

A design of a user's own is a class derived from one of ours, with a rule changed: a bug, maybe one that shipped. Who
writes it need not know which scenario shows it. `differ` explores a scenario with it by all rules; what the design
without the change breaks in as few steps, too, is none of its doing, and is left out.
"""
from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vgic.designs.base import Design
from vgic.explore.check import Bounds, Verdict, check
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, design_file, designs
from vgic.lab.scenario import Scenario
from vgic.rules.state import STATE_RULES

QUESTIONS = 6
"""So many times `seconds` are spent on a scenario, at most: on it, and on whether the design without the change breaks
a rule as soon."""


class Difference(NamedTuple):
    """One scenario, explored with a design.

    Attributes:
        scenario: its name. verdict: HOLDS, BROKEN or BOUNDED, "-" where it can't be explored. rule: the one that breaks
            with the design and not, in as few steps, without it; None for none. what: how. steps: of the shortest
            schedule. seconds: it took. error: why it can't be explored, "" otherwise.
    """

    scenario: str
    verdict: str
    rule: int | None
    what: str
    steps: int
    seconds: float
    error: str = ""


def made_of(design: type[Design]) -> type[Design]:
    """The nearest of our designs that it is derived from. ScenarioError where it is derived from none."""
    ours = set(designs().values())
    for cls in design.__mro__[1:]:
        if cls in ours:
            return cls
    file = design_file(design)
    raise ScenarioError(
        f"{design.name}: {file.name if file else 'it'} derives it from no design of ours, such as Kvm: there is none "
        "to compare it with; vgic check SCENARIO --design explores it")


def fitting(base: type[Design]) -> list[Scenario]:
    """The scenarios for a design made of this one."""
    return [s for s in all_scenarios() if s.design in ("kvm", base.name)]


def differ_all(design: type[Design], scenarios: Iterable[Scenario], seconds: float) -> Iterator[Difference]:
    """Each scenario, explored for at most so many seconds with the design; as they are done."""
    base = made_of(design)
    for scenario in scenarios:
        yield differ(scenario, design, base, seconds)


def differ(scenario: Scenario, design: type[Design], base: type[Design], seconds: float) -> Difference:
    """One scenario. Raises KeyboardInterrupt where a search was interrupted."""
    began = time.perf_counter()
    deadline = began + QUESTIONS * seconds
    rules, liveness = {r.rule.id for r in STATE_RULES}, True

    def explored(which: type[Design], judged: set[int], lost: bool, depth: int | None = None) -> Verdict:
        most = min(seconds, max(0.1, deadline - time.perf_counter()))
        verdict = check(scenario, which, rules=judged, liveness=lost, bounds=Bounds(depth=depth, seconds=most))
        if verdict.result.why_cut == "interrupted":
            raise KeyboardInterrupt
        return verdict

    try:
        while True:
            found = explored(design, rules, liveness)
            took = time.perf_counter() - began
            broken = found.result.broken
            if found.rule is None or broken is None:
                return Difference(scenario.name, found.result.verdict, None, "", 0, took)
            lost = broken.kind == "lost"
            steps = len(found.schedule)
            judged, depth = (set(), None) if lost else ({found.rule.id}, steps)
            without = explored(base, judged, lost, depth)
            if without.rule is None and without.result.why_cut not in (None, "depth"):
                return Difference(scenario.name, "BOUNDED", None, "", 0, time.perf_counter() - began)
            if without.rule is None:
                return Difference(scenario.name, "BROKEN", found.rule.id, found.what, steps, took)
            if lost:
                liveness = False
            else:
                rules = rules - {found.rule.id}
    except ScenarioError as e:
        return Difference(scenario.name, "-", None, "", 0, time.perf_counter() - began, str(e).partition("\n")[0])
