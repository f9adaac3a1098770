"""The museum: every historical bug found again by search, and the design without it clean on the same scenario.

A bug is a design, a chip or a kernel with one rule flipped back (`vgic.designs.bugs`); its entry names the scenario
that shows it and the rules that it breaks there. `visit` explores all schedules of that scenario with the bug, and then
with the design without it: the one that it was planted in, or the one that the entry names, where that one never had
the right rule. The bug is judged by its own rules, so that what is found is the symptom that it is known for; the clean
design by all. A clean design that breaks a rule there is a false alarm (or a find), and is told either way.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from vgic.designs.bugs import AWAITED, Awaited, Bug, BugBuild, bugs
from vgic.designs.build import Build
from vgic.explore.processes import each

SECONDS = 60.0
"""How long a bug is searched for."""


class Exhibit(NamedTuple):
    """One entry of the museum, as it stands there.

    Attributes:
        id: B010. bug: what is known of it, and base, clean: the names of the design that it was planted in, and of the
            one without it. awaited: of an entry that is no design yet, instead of these.
    """

    id: str
    bug: Bug | None = None
    base: str = ""
    clean: str = ""
    awaited: Awaited | None = None


class Visit(NamedTuple):
    """One bug, searched.

    Attributes:
        id, bug: which. found: whether a rule of its own broke. rule: the rule that broke, None for none.
        verdict: HOLDS, BROKEN or BOUNDED, "-" where it could not be searched. depth, states, seconds: of the search.
        clean: the design without it. clean_verdict, clean_rule, clean_states: the same scenario with that design and
            all rules. error: why it could not be searched, "" otherwise.
    """

    id: str
    bug: Bug
    found: bool
    rule: int | None
    verdict: str
    depth: int
    states: int
    seconds: float
    clean: str
    clean_verdict: str
    clean_rule: int | None
    clean_states: int
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether it was found, and no rule is broken without it."""
        return self.found and self.clean_rule is None and not self.error


def clean_of(bug: BugBuild) -> Build:
    """The build without the bug, which should hold where the bug shows."""
    from vgic.lab.loader import find_design

    return find_design(bug.entry.clean) if bug.entry.clean else bug.base


def exhibits(identities: Iterable[str]) -> list[Exhibit]:
    """The entries of these ids. KeyError for one that there is none of."""
    known = bugs()
    return [
        Exhibit(i, awaited=AWAITED[i]) if i in AWAITED else
        Exhibit(i, known[i].entry, known[i].base.name, clean_of(known[i]).name) for i in identities]


def visit(identity: str, seconds: float = SECONDS) -> Visit:
    """Searches for one bug, for at most so many seconds, and then for any breach without it, as long.

    Raises KeyboardInterrupt where a search was interrupted.
    """
    from vgic.explore.check import Bounds, uninterrupted
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_scenario

    design = bugs()[identity]
    clean = clean_of(design)
    began = time.perf_counter()
    try:
        scenario = find_scenario(design.entry.scenario)
        broken = uninterrupted(scenario, design, rules=design.entry.rules, bounds=Bounds(seconds=seconds))
        took = time.perf_counter() - began
        without = uninterrupted(scenario, clean, bounds=Bounds(seconds=seconds))
    except ScenarioError as e:
        return _failed(identity, str(e).partition("\n")[0], time.perf_counter() - began)
    rule = broken.rule.id if broken.rule is not None else None
    return Visit(
        identity, design.entry, rule in design.entry.rules, rule, broken.result.verdict,
        len(broken.schedule) or broken.result.depth, broken.result.states, took, clean.name, without.result.verdict,
        without.rule.id if without.rule is not None else None, without.result.states)


def _failed(identity: str, error: str, seconds: float = 0.0) -> Visit:
    design = bugs()[identity]
    return Visit(identity, design.entry, False, None, "-", 0, 0, seconds, clean_of(design).name, "-", None, 0, error)


def visit_all(
    identities: Sequence[str], seconds: float = SECONDS, processes: int = 2,
) -> Generator[Visit, None, None]:
    """Each bug searched, so many at a time, as they are done: see `vgic.explore.processes`."""
    from vgic.explore.check import warm

    if processes > 1 and len(identities) > 1:
        warm()
    yield from each(partial(visit, seconds=seconds), identities, _failed, processes)
