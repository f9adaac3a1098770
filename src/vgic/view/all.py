"""`vgic check --all`: every scenario by one design, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from vgic.explore.all import Checked
from vgic.view.report import Report, Status
from vgic.view.words import many, table, wrap

UNEXPLORED = ("REFUSED", "FAILED")
"""Verdicts of what was not explored."""
DOES = {True: "breaks", False: "does not break", None: "not found in time"}


class AllReport(Report):
    """What `vgic check --all` says.

    Args:
        found: what was explored. asked: how many were to be. interrupted: whether Ctrl-C ended that early.
        allow_bounded: whether searches that a limit cut will do.
    """

    def __init__(
        self, found: Sequence[Checked], asked: int | None = None, interrupted: bool = False,
        allow_bounded: bool = False,
    ) -> None:
        self.allow_bounded = allow_bounded
        self.found = sorted(found, key=lambda c: (c.scenario, c.list_registers))
        self.asked = len(found) if asked is None else asked
        self.interrupted = interrupted

    @property
    def exit_status(self) -> int:
        """HOLDS where every verdict is as announced, BROKEN where one is not, BOUNDED where one is not known."""
        if self.interrupted:
            return Status.INTERRUPTED
        if not all(c.expected for c in self.found):
            return Status.BROKEN
        cut = any(c.cut is not None for c in self.found)
        return Status.BOUNDED if cut and not self.allow_bounded else Status.HOLDS

    def text(self) -> str:
        """A row for each scenario; what is to be told of some; the sums."""
        rows = [_row(c) for c in self.found if c.verdict not in UNEXPLORED]
        head = ("scenario", "design", "LRs", "verdict", "rule", "depth", "states", "s", "announced")
        blocks = [table(head, rows, {2, 4, 5, 6, 7}) if rows else [], [r for c in self.found for r in _remarks(c)],
                  wrap("", self._sums())]
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def _sums(self) -> str:
        counts = Counter(c.verdict for c in self.found)
        sums = ", ".join(f"{counts[v]} {v}" for v in ("HOLDS", "BROKEN", "BOUNDED", *UNEXPLORED) if counts[v])
        odd = sum(not c.expected for c in self.found)
        head = f"{len(self.found)} searched"
        if self.interrupted:
            head = f"Interrupted: {len(self.found)} of {self.asked} searched"
        return f"{head}: {sums}. {f'{odd} not' if odd else 'All'} as announced." if sums else f"{head}."

    def json(self) -> list[dict[str, Any]]:
        """An object for each scenario, in the order of names."""
        return [{**c._asdict(), "expected": c.expected} for c in self.found]


def line(c: Checked) -> str:
    """What came of one scenario, in a line."""
    which = f"{c.scenario}  {c.design}  {many(c.list_registers, 'LR')}  {c.verdict}"
    if c.verdict in UNEXPLORED:
        return f"{which}: {c.what}"
    broken = "" if c.rule is None else f" rule {c.rule} in {many(c.steps, 'step')}"
    announced = f"  ({_announced(c)})" if _announced(c) else ""
    return f"{which}{broken}  {many(c.states, 'state')}, depth {c.depth}, {c.seconds:.1f} s{announced}"


def _announced(c: Checked) -> str:
    """What was found of the rules that are announced to break, and whether one broke that is not."""
    told = [f"{rule} {DOES[broken]}" for rule, broken in c.breaks.items()]
    if c.verdict == "BROKEN" and c.rule not in c.breaks:
        told.append("not announced")
    return ", ".join(told)


def _row(c: Checked) -> tuple[str, ...]:
    return (c.scenario, c.design, str(c.list_registers), c.verdict, "" if c.rule is None else str(c.rule),
            str(c.depth), f"{c.states:,}", f"{c.seconds:.1f}", _announced(c))


def _remarks(c: Checked) -> list[str]:
    if c.verdict in UNEXPLORED:
        return wrap(f"{c.verdict}  ", c.what)
    if c.verdict == "BROKEN" and c.rule not in c.breaks:
        return wrap(f"{c.scenario}: ", f"rule {c.rule}, not announced, breaks in {many(c.steps, 'step')}: {c.what}")
    return wrap(f"{c.scenario}: ", f"cut by --{c.cut}") if c.cut is not None else []
