"""Which scenarios tell a design from the one that it was made of.

A design of a user's own is a class derived from one of ours, with a rule changed: a bug, maybe one that shipped. Who
writes it need not know which scenario shows it. `differ` explores a scenario with it by all rules; what the design
without the change breaks in as few steps, too, is none of its doing, and is left out.
"""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Final, NamedTuple

from vgic.designs.base import Unsupported
from vgic.designs.build import Build, Buildable, build_of
from vgic.explore.check import LOST, Bounds, DesignCrashed, Verdict, uninterrupted, warm
from vgic.explore.processes import each
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, design_file, designs, find_design, find_scenario, guarded
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Schedule
from vgic.rules.checks import MACHINE_RULES

QUESTIONS = 6
"""So many times `seconds` are spent on a scenario, at most: on it, and on whether the design without the change breaks
a rule as soon."""
LONGER: Final = 4
"""So many times longer those are searched that were cut, where no other shows it."""


class Distinction(NamedTuple):
    """Whether one scenario tells a design from the one that it was made of.

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

    @property
    def shows(self) -> bool:
        """Whether the scenario shows that the design is another: a rule breaks, or its hypervisor crashes."""
        return self.verdict == "BROKEN"


def made_of(design: Buildable) -> Build:
    """The nearest of our designs that it is derived from, with nothing below it exchanged. ScenarioError where it is
    derived from none."""
    build, ours = build_of(design), {b.design for b in designs().values()}
    for cls in build.design.__mro__[0 if build.exchanged else 1:]:
        if cls in ours:
            return Build(cls)
    file = design_file(build)
    raise ScenarioError(
        f"{build.name}: {file.name if file else 'it'} derives it from no design of ours, such as Kvm: there is none "
        "to compare it with: name one by --base; vgic check SCENARIO --design explores it")


def fitting(base: Buildable) -> list[Scenario]:
    """The scenarios for a design made of this one."""
    return [s for s in all_scenarios() if s.design in ("kvm", base.name)]


def reached_first(scenarios: Mapping[str, Scenario], design: Buildable) -> list[str]:
    """The names of the scenarios, those whose script runs something of the design's own file before the others: what is
    never reached shows nowhere. In the order given else; as they are for a design of no file."""
    file = design_file(design)
    if file is None:
        return list(scenarios)
    own = str(file.resolve())

    def reached(scenario: Scenario) -> bool:
        hit = False

        def note(frame: FrameType, event: str, arg: object) -> None:
            nonlocal hit
            hit = hit or (event == "call" and os.path.realpath(frame.f_code.co_filename) == own)
        schedule = Schedule(scenario, design, lenient=True)
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            schedule.run()
        finally:
            sys.setprofile(before)
        return hit

    def late(name: str) -> bool:
        try:
            return not guarded(file, name, partial(reached, scenarios[name]))
        except (ScenarioError, Unsupported):
            return False                                        # whatever is wrong is told soon
    return sorted(scenarios, key=late)


def differ_all(
    design: str, base: str, scenarios: Sequence[str], seconds: float, processes: int = 1,
) -> Generator[Distinction, None, None]:
    """Each scenario, explored for at most so many seconds with the design; as they are done, so many at a time.

    Where none shows it, those that were cut are gone on with, once, for `LONGER` times as long.
    """
    found: dict[str, Distinction] = {}
    for most in (seconds, LONGER * seconds):
        todo = [n for n in scenarios if n not in found or found[n].verdict == "BOUNDED"]
        if processes > 1 and len(todo) > 1 and not found:
            warm()
        for d in each(partial(_differ, design=design, base=base, seconds=most), todo, _failed, processes):
            found[d.scenario] = d
            yield d
        if any(d.shows for d in found.values()):
            return


def _differ(scenario: str, design: str, base: str, seconds: float) -> Distinction:
    found = differ(find_scenario(scenario), find_design(design), find_design(base), seconds)
    return found._replace(scenario=scenario)                    # as it was named


def _failed(scenario: str, why: str) -> Distinction:
    return Distinction(scenario, "-", None, "", 0, 0.0, why)


def differ(scenario: Scenario, design: Buildable, base: Buildable, seconds: float) -> Distinction:
    """One scenario. Raises KeyboardInterrupt where a search was interrupted."""
    began = time.perf_counter()
    deadline = began + QUESTIONS * seconds
    rules, liveness = set(MACHINE_RULES), True

    def explored(which: Buildable, judged: set[int], lost: bool, depth: int | None = None) -> Verdict:
        most = min(seconds, max(0.1, deadline - time.perf_counter()))
        return uninterrupted(scenario, which, rules=judged, liveness=lost, bounds=Bounds(depth=depth, seconds=most))

    try:
        while True:
            found = explored(design, rules, liveness)
            took = time.perf_counter() - began
            broken = found.result.broken
            if found.rule is None or broken is None:
                return Distinction(scenario.name, found.result.verdict, None, "", 0, took)
            lost = broken.kind == "lost"
            steps = len(found.schedule)
            judged, depth = (set(LOST), None) if lost else ({found.rule.id}, steps)
            without = explored(base, judged, lost, depth)
            if without.rule is None and without.result.why_cut not in (None, "depth"):
                return Distinction(scenario.name, "BOUNDED", None, "", 0, time.perf_counter() - began)
            if without.rule is None:
                return Distinction(scenario.name, "BROKEN", found.rule.id, found.what, steps, took)
            if lost:
                liveness = False
            else:
                rules = rules - {found.rule.id}
    except DesignCrashed as e:
        steps = len(e.verdict.schedule)
        return Distinction(scenario.name, "BROKEN", None, f"crashes: {e.verdict.what}", steps,
                           time.perf_counter() - began)
    except ScenarioError as e:
        return Distinction(scenario.name, "-", None, "", 0, time.perf_counter() - began, str(e).partition("\n")[0])
