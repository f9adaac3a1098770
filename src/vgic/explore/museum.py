"""The museum: every historical bug found again by search, and the design without it clean on the same scenario.

A bug is a design, a chip or a kernel with one rule flipped back (`vgic.designs.bugs`); its entry names the scenario
that shows it and the rules that it breaks there. `visit` explores all schedules of that scenario with the bug, and then
with the design without it: the one that it was planted in, or the one that the entry names, where that one never had
the right rule. The bug is judged by its own rules, so that what is found is the symptom that it is known for; the clean
design by all. A clean design that breaks a rule there is a false alarm (or a find), and is told either way.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, NamedTuple

from vgic.designs.bugs import Bug, Exhibit, bugs
from vgic.designs.build import Build

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


def clean_of(bug: Exhibit) -> Build:
    """What is searched for comparison: the build without the bug."""
    from vgic.lab.loader import find_design

    return find_design(bug.entry.clean) if bug.entry.clean else bug.base


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


def _explored(scenario: Scenario, design: Build, seconds: float, rules: tuple[int, ...] | None) -> Verdict:
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

    A process that ends is told with the bug that it searched for, and another takes its place. What is under way ends
    with the iterator: none of its processes outlives it.
    """
    if processes == 1 or len(identities) == 1:
        yield from (visit(i, seconds) for i in identities)
        return
    todo = deque(identities)
    searchers: list[_Searcher] = []
    try:
        while todo or any(s.bug for s in searchers):
            while todo and len(searchers) < processes:
                searchers.append(_Searcher(seconds))
            for idle in searchers:
                if todo and not idle.bug:
                    idle.search(todo.popleft())
            busy = [s for s in searchers if s.bug]
            answered = wait([s.ours for s in busy])
            for searcher in [s for s in busy if s.ours in answered]:
                bug, found = searcher.bug, searcher.found()
                if found is None:
                    searchers.remove(searcher)
                    found = _failed(bug, "the process that searched for it ended: out of memory?")
                yield found
    finally:
        for searcher in searchers:
            searcher.end()


class _Searcher:
    """A process that searches for one bug after the other.

    Attributes:
        ours: our end of the line to it. process: the process. bug: what it searches for, "" while it is idle.
    """

    __slots__ = ("bug", "ours", "process")

    def __init__(self, seconds: float) -> None:
        context = get_context("spawn")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(target=_searching, args=(theirs, seconds), daemon=True)
        self.process.start()
        theirs.close()
        self.bug = ""

    def search(self, bug: str) -> None:
        """Has it search for a bug."""
        self.bug = bug
        with suppress(OSError):             # it has ended: `found` says so
            self.ours.send(bug)

    def found(self) -> Visit | None:
        """What it found, once it answers, and None where it ended. It is idle then."""
        self.bug = ""
        try:
            answer: Visit = self.ours.recv()
        except (OSError, EOFError):
            self.end()
            return None
        return answer

    def end(self) -> None:
        """Ends it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.ours.close()


def _searching(theirs: Connection, seconds: float) -> None:
    """What a process of `visit_all` does. An interrupt is for the process that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError, EOFError):
        while True:
            bug = theirs.recv()
            try:
                found = visit(bug, seconds)
            except Exception as e:
                found = _failed(bug, f"{type(e).__name__}: {e}")
            theirs.send(found)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
