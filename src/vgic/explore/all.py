"""Every scenario by one design: what each is announced to break, and whether it does that and nothing else.

What some schedule is known to break is announced: of a scenario with its own design in its file (`rules`, `[check]
breaks`; docs/findings.md tells why), of another design of ours in `designs/breaks.toml` (docs/designs.md). A design of
a user's, or a historical bug, may break what the design that it is made of does; whether it does is its own affair.
With a single list register rule 17 may break everywhere (docs/findings.md, 8).
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

import vgic.designs
from vgic.designs.base import Design, Unsupported
from vgic.designs.bugs.bug import Historical
from vgic.designs.build import Build, Buildable, build_of
from vgic.explore.check import LOST, NO_BOUNDS, Bounds, Verdict, uninterrupted, warm
from vgic.explore.differ import fitting
from vgic.explore.processes import each
from vgic.lab.errors import NotOffered, ScenarioError
from vgic.lab.loader import all_scenarios, design_file, designs, find_design, find_scenario, guarded
from vgic.lab.machine import Machine
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Run, Schedule
from vgic.rules.checks import MACHINE_RULES

BREAKS: Final = Path(vgic.designs.__path__[0]) / "breaks.toml"
ALL: Final = frozenset(MACHINE_RULES)
NO_STEP: Final = 17
"""With a single list register, two interrupts that wait can keep a guest from making a step."""


class Task(NamedTuple):
    """What to explore: a scenario and a design as they are named, and list registers of each PE."""

    scenario: str
    design: str
    list_registers: int


class Checked(NamedTuple):
    """A scenario, explored by a design.

    Attributes:
        scenario, design, list_registers: which. verdict: HOLDS, BROKEN or BOUNDED; REFUSED where the scenario needs
            what the design does not offer, FAILED where it can't be explored. rule: the one that is broken, None for
            none. what: how it is broken, or why it could not be explored. steps: of a shortest schedule there.
        cut: by which bound. breaks: of the rules that are announced to break, whether they do; None where that was not
            found out.
        states, transitions, depth: of the search. seconds: of all that was asked.
    """

    scenario: str
    design: str
    list_registers: int
    verdict: str
    rule: int | None = None
    what: str = ""
    steps: int = 0
    cut: str | None = None
    breaks: dict[int, bool | None] = {}  # noqa: RUF012  # a NamedTuple's default, never written
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0

    @property
    def expected(self) -> bool:
        """Whether nothing speaks against what is announced: what was cut, or is not offered, does not."""
        unknown = self.verdict == "BROKEN" and self.rule not in self.breaks
        return not unknown and self.verdict != "FAILED" and False not in self.breaks.values()


# -- what is announced

@cache
def announced_breaks() -> dict[tuple[str, str], frozenset[int]]:
    """What `breaks.toml` says, by design and scenario."""
    found: dict[tuple[str, str], set[int]] = {}
    for design, causes in tomllib.loads(BREAKS.read_text(encoding="utf-8")).items():
        for cause in causes.values():
            for n, scenarios in cause["rules"].items():
                for name in scenarios:
                    found.setdefault((design, name), set()).add(int(n))
    return {cell: frozenset(rules) for cell, rules in found.items()}


def announced(scenario: Scenario, design: str, list_registers: int) -> frozenset[int]:
    """The rules that some schedule is said to break. `breaks.toml` names a scenario for any number of list registers,
    or as `scenario@2` for that one."""
    own = frozenset({*scenario.rules, *scenario.check.breaks}) if design == scenario.design else frozenset()
    told = announced_breaks()
    return own.union(*(told.get((design, name), ()) for name in (scenario.name, f"{scenario.name}@{list_registers}")))


def ours(design: Buildable) -> type[Design] | None:
    """The design of ours that it is, or is made of: the nearest class that is no historical bug."""
    known = {build.design for build in designs().values()}
    return next((cls for cls in build_of(design).design.__mro__ if cls in known and not issubclass(cls, Historical)),
                None)


# -- one

def judged(
    scenario: Scenario, design: Buildable, list_registers: int | None = None, bounds: Bounds = NO_BOUNDS,
    confirm: bool = False,
) -> Checked:
    """One scenario by one design, searched by all rules.

    Args:
        list_registers: of each PE, instead of the scenario's. bounds: of each search. confirm: where something is
            announced to break, search by the rules that are not, which should hold, and see whether each that is does:
            in the scenario's script, or in a search for it alone. So none hides another.

    Raises what `check` does, and KeyboardInterrupt where Ctrl-C cut a search.
    """
    began = time.perf_counter()
    n = list_registers or scenario.machine.list_registers
    nearest = ours(design)
    known = announced(scenario, nearest.name, n) if nearest is not None else frozenset()
    said = known if nearest is not None and build_of(design) == Build(nearest) else frozenset()
    known |= {NO_STEP} if n == 1 else frozenset()

    def verdict(rules: Iterable[int], liveness: bool = True) -> Verdict:
        return uninterrupted(scenario, design, list_registers=n, rules=rules, bounds=bounds, liveness=liveness)

    breaks: dict[int, bool | None] = {}
    found = verdict(ALL - known if confirm else ALL)
    if confirm and known & LOST and found.result.broken is not None and found.result.broken.kind == "lost":
        found = verdict(ALL - known, False)     # what is lost breaks another rule further on
    if found.rule is not None and found.rule.id in known:
        breaks[found.rule.id] = True
    elif not confirm and found.rule is None:
        breaks = dict.fromkeys(said, None if found.result.why_cut else False)
    if confirm and known:
        breaks |= dict.fromkeys(known.intersection(_scripted(scenario, design, n)), True)
    for rule in sorted(known - breaks.keys()) if confirm else ():
        looked = verdict([rule])
        if looked.rule is not None or rule in said:
            breaks[rule] = True if looked.rule is not None else None if looked.result.why_cut else False
    r = found.result
    return Checked(
        scenario.name, design.name, n, r.verdict, found.rule.id if found.rule else None, found.what,
        len(found.schedule), r.why_cut if r.verdict == "BOUNDED" else None, dict(sorted(breaks.items())), r.states,
        r.transitions, r.depth, time.perf_counter() - began)


def _scripted(scenario: Scenario, design: Buildable, list_registers: int) -> tuple[int, ...]:
    """The rules that the scenario's script breaks."""
    def run() -> Run:
        return Schedule(scenario, design, list_registers, lenient=True).run()
    return guarded(design_file(design), f"{scenario.name}: design {design.name} failed", run).broken


# -- all

def tasks(
    names: Sequence[str] = (), design: str | None = None, list_registers: tuple[int, int] | None = None,
) -> list[Task]:
    """What there is to explore, the largest first, as far as can be told beforehand.

    Args:
        names: of scenarios, or files; those that fit the design, if none is given: its own, and `kvm`'s. design: by
            name, for all of them; each by its own if none is given. list_registers: from so many to so many; the
            scenario's own number besides, if it has more; that alone if none is given.

    ScenarioError for a scenario or a design that there is none of.
    """
    cls = find_design(design) if design is not None else None
    scenarios = {name: find_scenario(name) for name in names}
    if not names:
        scenarios = {s.name: s for s in (all_scenarios() if cls is None else fitting(ours(cls) or cls))}
    found = []
    for name, scenario in sorted(scenarios.items(), key=lambda item: -_size(item[1])):
        own_lrs = scenario.machine.list_registers
        low, high = list_registers or (own_lrs, own_lrs)
        numbers = [*range(low, high + 1), *([own_lrs] if own_lrs > high else [])]
        found += [Task(name, design or scenario.design, n) for n in numbers]
    return found


def check_all(
    todo: Sequence[Task], bounds: Bounds = NO_BOUNDS, confirm: bool = False, processes: int = 1,
) -> Generator[Checked, None, None]:
    """Each of them, so many at a time, as they are done; what can't be explored is told in its place."""
    if processes > 1 and len(todo) > 1:
        warm()
    yield from each(partial(_checked, bounds=bounds, confirm=confirm), todo, _failed, processes)


def _checked(task: Task, bounds: Bounds, confirm: bool) -> Checked:
    try:
        return judged(find_scenario(task.scenario), find_design(task.design), task.list_registers, bounds, confirm)
    except NotOffered as e:
        return _failed(task, str(e), "REFUSED")
    except ScenarioError as e:
        return _failed(task, str(e).partition("\n")[0])


def _failed(task: Task, why: str, verdict: str = "FAILED") -> Checked:
    return Checked(task.scenario, task.design, task.list_registers, verdict, what=why)


def _size(scenario: Scenario) -> int:
    """How many states it may have, in no unit: by how much can happen."""
    design = designs().get(scenario.design)
    if design is not None:
        with suppress(ScenarioError, Unsupported):
            return len(Machine(scenario, design).alphabet())
    return 0
