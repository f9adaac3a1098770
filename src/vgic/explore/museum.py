"""The museum: every historical bug found again by search, and the design without it clean on the same scenario.

A bug is a design with one rule flipped back (`vgic.designs.bugs`); its entry names the scenario that shows it and the
rules that it breaks there. `visit` explores all schedules of that scenario with the bug, and then with the design
without it: the one that it was planted in, or the one that the entry names, where that one never had the right rule.
The bug is judged by its own rules, so that what is found is the symptom that it is known for; the clean design by all.
A clean design that breaks a rule there is a false alarm (or a find), and is told either way.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, NamedTuple

from vgic.designs.base import Design
from vgic.designs.bugs import Bug, bugs
from vgic.designs.bugs.bug import Historical

if TYPE_CHECKING:
    from vgic.explore.check import Verdict
    from vgic.lab.scenario import Scenario

SECONDS = 60.0
"""How long a bug is searched for."""


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


def base_of(bug: type[Historical]) -> type[Design]:
    """The design that the bug was planted in: the nearest class without an entry, which a user could run."""
    for cls in bug.__mro__[1:]:
        if issubclass(cls, Design) and not issubclass(cls, Historical) and cls is not Design:
            return cls
    raise LookupError(f"{bug.name} is planted in no design")


def clean_of(bug: type[Historical]) -> type[Design]:
    """The design without the bug."""
    from vgic.lab.loader import find_design

    return find_design(bug.entry.clean) if bug.entry.clean else base_of(bug)


def visit(identity: str, seconds: float = SECONDS) -> Visit:
    """Searches for one bug, for at most so many seconds, and then for any breach without it, as long.

    Raises KeyboardInterrupt where a search was interrupted.
    """
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_scenario

    design = bugs()[identity]
    clean = clean_of(design)
    began = time.perf_counter()
    try:
        scenario = find_scenario(design.entry.scenario)
        broken = _explored(scenario, design, seconds, design.entry.rules)
        took = time.perf_counter() - began
        without = _explored(scenario, clean, seconds, None)
    except ScenarioError as e:
        return _failed(identity, str(e).partition("\n")[0], time.perf_counter() - began)
    rule = broken.rule.id if broken.rule is not None else None
    return Visit(
        identity, design.entry, rule in design.entry.rules, rule, broken.result.verdict,
        len(broken.schedule) or broken.result.depth, broken.result.states, took, clean.name, without.result.verdict,
        without.rule.id if without.rule is not None else None, without.result.states)


def _explored(scenario: Scenario, design: type[Design], seconds: float, rules: tuple[int, ...] | None) -> Verdict:
    from vgic.explore.check import Bounds, check

    verdict = check(scenario, design, rules=rules, bounds=Bounds(seconds=seconds))
    if verdict.result.why_cut == "interrupted":
        raise KeyboardInterrupt
    return verdict


def _failed(identity: str, error: str, seconds: float = 0.0) -> Visit:
    design = bugs()[identity]
    return Visit(identity, design.entry, False, None, "-", 0, 0, seconds, clean_of(design).name, "-", None, 0, error)


def visit_all(
    identities: Sequence[str], seconds: float = SECONDS, processes: int = 2,
) -> Generator[Visit, None, None]:
    """Each bug searched, in processes of their own where there is more than one; as they are done.

    What is under way ends with the iterator: none of its processes outlives it.
    """
    if processes == 1 or len(identities) == 1:
        yield from (visit(i, seconds) for i in identities)
        return
    others = set(active_children())
    with ProcessPoolExecutor(
            min(processes, len(identities)), mp_context=get_context("spawn"), initializer=_leave_interrupts) as pool:
        futures = {pool.submit(visit, i, seconds): i for i in identities}
        done = False
        try:
            for future in as_completed(futures):
                try:
                    result = future.result()
                except BrokenProcessPool:
                    result = _failed(futures[future], "the process that searched for it ended: out of memory?")
                yield result
            done = True
        finally:
            for future in futures:
                future.cancel()
            for child in () if done else set(active_children()) - others:
                child.terminate()


def _leave_interrupts() -> None:
    """An interrupt is for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
