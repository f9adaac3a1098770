"""What a search found."""
from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Broken:
    """A rule that is broken, and the shortest way there.

    `actions`: the names of the actions that lead there, first one first. `kind`: "rule" (the last state
    breaks it), "raised" (the last action, or the rule on the last state, raised an exception: `said`) or
    "lost" (from the last state on, fair steps alone never reach the goal; `then` shows where they lead:
    it repeats from its `loop`-th action on, or ends, if `loop` is None, where no fair step is possible).
    """
    rule: str
    said: Any
    actions: list[str]
    kind: str = "rule"
    then: list[str] = field(default_factory=list)
    loop: int | None = None


@dataclass
class Limits:
    """Where a search is cut: see `Explorer.search`. `began`: when, by time.perf_counter().

    `seconds` are of CPU time, of each thread, so that a verdict does not depend on what else the machine does.
    `excused`: those that the search is not to be charged with (`vgic.engine.search.compiling`).
    """
    depth: int | None = None
    states: int | None = None
    memory: int | None = None
    seconds: float | None = None
    threads: int = 1
    began: float = field(default_factory=time.perf_counter)
    spent_before: float = field(default_factory=time.process_time)
    excused: float = 0.0

    def spent(self) -> float:
        """CPU seconds of each thread since it began."""
        return (time.process_time() - self.spent_before - self.excused) / self.threads

    def cut(self, depth: int, states: int) -> str | None:
        """The limit that a search of this depth and so many states has reached."""
        if self.depth is not None and depth >= self.depth:
            return "depth"
        if self.states is not None and states >= self.states:
            return "states"
        if self.seconds is not None and self.spent() > self.seconds:
            return "seconds"
        return None


@dataclass(frozen=True)
class Progress:
    """How far a search has come. `compiling`: it waits for its code to be compiled."""
    depth: int
    states: int
    transitions: int
    seconds: float
    bytes: int
    compiling: bool = False


@dataclass(frozen=True)
class Result:
    """The verdict of a search, and its figures.

    `depth`: the greatest distance of a state from the start. `complete`: all reachable states were
    explored and all rules judged on them; else `why_cut` says why not: "broken", "depth", "states",
    "memory", "seconds", "interrupted". `bytes`: memory of states and table. `paths`: what was learned, `learned`: how
    often each action or rule had to be run for it, most first: where many are, mark steps. `words`: machine words that
    a state takes. `unsaved`: why a search that was cut could not be saved, if it should have been.
    `unkept`: why what was compiled for it could not be kept, so that the next one compiles anew.
    `widest`: the slot that took most values, and how many: where it grows for ever, so do the states.
    """
    states: int
    transitions: int
    depth: int
    complete: bool
    why_cut: str | None
    broken: Broken | None
    rules: int
    seconds: float
    engine: str
    bytes: int = 0
    learning: float = 0.0
    paths: int = 0
    words: int = 0
    learned: tuple[tuple[str, int], ...] = ()
    farthest: tuple[str, ...] = ()
    unsaved: str = ""
    unkept: str = ""
    widest: tuple[str, int] = ("", 0)

    @property
    def verdict(self) -> str:
        """"BROKEN", "HOLDS" (exact: in every reachable state) or "BOUNDED" (in those explored)."""
        return "BROKEN" if self.broken else "HOLDS" if self.complete else "BOUNDED"

    def __str__(self) -> str:
        if self.broken:
            return (f"BROKEN  {self.broken.rule}, {len(self.broken.actions)} steps"
                    f" ({self.states:,} states, {self.seconds:.1f} s)")
        if self.complete:
            return (f"HOLDS  {self.rules} rules in all {self.states:,} states ({self.transitions:,} transitions),"
                    f" {self.seconds:.1f} s.")
        return (f"BOUNDED  {self.rules} rules hold in {self.states:,} states up to depth {self.depth};"
                f" not exhaustive: {self.why_cut}.")
