"""The museum: every historical bug found again by search, and the design without it clean on the same scenario.

A bug is a design with one rule flipped back (`vgic.designs.bugs`); its entry names the scenario that shows it and the
rules that it breaks there. `visit` explores all schedules of that scenario with the bug, and then with the design
that the bug was planted in. The bug is judged by its own rules, so that what is found is the symptom that it is known
for; its base by all. A base design that breaks a rule there is a false alarm (or a find), and is told either way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from vgic.designs.base import Design
from vgic.designs.bugs import Bug, bugs
from vgic.designs.bugs.bug import Historical

SECONDS = 60.0
"""How long a bug is searched for."""


class Visit(NamedTuple):
    """One bug, searched.

    Attributes:
        id, bug: which. base: the design that it was planted in. found: whether a rule of its own broke.
        rule: the rule that broke, None for none. verdict: HOLDS, BROKEN or BOUNDED. depth, states, seconds: of the
            search. base_verdict, base_rule, base_states: the same scenario with the base design and all rules.
        error: why it could not be searched, "" otherwise.
    """

    id: str
    bug: Bug
    base: str
    found: bool
    rule: int | None
    verdict: str
    depth: int
    states: int
    seconds: float
    base_verdict: str
    base_rule: int | None
    base_states: int
    error: str = ""


def base_of(bug: type[Historical]) -> type[Design]:
    """The design that the bug was planted in: the nearest class without an entry, which a user could run."""
    for cls in bug.__mro__[1:]:
        if issubclass(cls, Design) and not issubclass(cls, Historical) and cls is not Design:
            return cls
    raise LookupError(f"{bug.name} is planted in no design")


def visit(identity: str, seconds: float = SECONDS) -> Visit:
    """Searches for one bug, for at most so many seconds, and then for any breach of its base."""
    from vgic.explore.check import Bounds, check
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_scenario

    design = bugs()[identity]
    base = base_of(design)
    began = time.perf_counter()
    bounds = Bounds(seconds=seconds)
    try:
        scenario = find_scenario(design.entry.scenario)
        broken = check(scenario, design, rules=design.entry.rules, bounds=bounds)
        took = time.perf_counter() - began
        clean = check(scenario, base, bounds=bounds)
    except ScenarioError as e:
        return Visit(identity, design.entry, base.name, False, None, "-", 0, 0, time.perf_counter() - began, "-", None,
                     0, str(e).partition("\n")[0])
    rule = broken.rule.id if broken.rule is not None else None
    return Visit(
        identity, design.entry, base.name, rule in design.entry.rules, rule, broken.result.verdict,
        len(broken.schedule) or broken.result.depth, broken.result.states, took, clean.result.verdict,
        clean.rule.id if clean.rule is not None else None, clean.result.states)


def visit_all(identities: Sequence[str], seconds: float = SECONDS, processes: int = 2) -> Iterator[Visit]:
    """Each bug searched, in processes of their own; as they are done."""
    if processes == 1 or len(identities) == 1:
        yield from (visit(i, seconds) for i in identities)
        return
    with ProcessPoolExecutor(min(processes, len(identities)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(visit, i, seconds) for i in identities]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
