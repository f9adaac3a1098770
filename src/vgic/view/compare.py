"""`vgic compare`: one row a design. `vgic scenarios`: what there is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from vgic.cost import Comparison, Row, compare_designs, find_profile
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, find_scenario
from vgic.lab.scenario import Scenario
from vgic.view.lanes import WIDTH

DESIGNS = ("kvm", "trap", "timer-mask")
PROFILE = "xgene-kvm"
MOST_DESIGNS = 40
COLUMNS = (
    ("exits", "exits"), ("maintenance", "maint"), ("traps", "traps"), ("switches", "loads"),
    ("host interrupts", "irqs"), ("MMIO", "MMIO"), ("sysreg", "sysreg"), ("LR writes", "LRs wr"), ("cycles", "cycles"),
)


class CompareReport:
    """What `vgic compare` says."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def exit_status(self) -> int:
        """0 where every design holds."""
        return self.comparison.exit_status

    def _cells(self, row: Row) -> list[str]:
        verdict = "holds" if not row.broken else "breaks " + ",".join(map(str, row.broken))
        cells = [row.design, verdict]
        cells += [f"{row.per_interrupt[what]:,.{0 if what == 'cycles' else 1}f}" for what, _ in COLUMNS]
        return [*cells, _cycles(row.to_ack), _cycles(row.again), "-" if row.needs is None else str(row.needs)]

    def text(self) -> str:
        """The table, with what its figures are."""
        c = self.comparison
        heads = ["design", "verdict", *(head for _, head in COLUMNS), "to ack", "again", "LRs"]
        rows = [self._cells(row) for row in c.rows if not row.refused]
        widths = [max(len(line[n]) for line in [heads, *rows]) for n in range(len(heads))]
        lines = [textwrap.fill(f"{c.scenario.name}   {c.scenario.title}", WIDTH), ""]
        gap = "  " if sum(widths) + 2 * len(widths) <= WIDTH else " "
        for line in [heads, *rows]:
            left = gap.join(f"{cell:<{w}}" for cell, w in zip(line[:2], widths[:2], strict=True))
            right = gap.join(f"{cell:>{w}}" for cell, w in zip(line[2:], widths[2:], strict=True))
            lines.append(f"{left}{gap}{right}".rstrip())
        for row in c.rows:
            if row.refused:
                lines += textwrap.wrap(f"{row.design}: {row.refused}", WIDTH, subsequent_indent="    ")
        return "\n".join([*lines, "", self._legend()]) + "\n"

    def _legend(self) -> str:
        p = self.comparison.profile
        unpriced = f" Not priced: {', '.join(p.unpriced())}." if p.unpriced() else ""
        words = (
            "Counts are for each interrupt acknowledged; an exit is a world switch and back, a load a vCPU's; MMIO and"
            " sysreg are the host's. To ack: cycles from the line to the acknowledge; again: from an EOI with the line"
            " high to the next acknowledge; medians. LRs: the fewest list"
            f" registers at which no rule is broken. Cycles by {p.name} ({p.title}): {p.source}."
            f"{'' if p.confirmed else ' ' + p.note}{unpriced}")
        return textwrap.fill(words, WIDTH)

    def json(self) -> dict[str, Any]:
        """The same as data."""
        c = self.comparison
        return {
            "scenario": c.scenario.name, "profile": c.profile.model_dump(exclude_none=True),
            "unpriced": list(c.profile.unpriced()), "designs": [_data(row) for row in c.rows]}


def _data(r: Row) -> dict[str, Any]:
    return {
        "design": r.design, "refused": r.refused or None, "holds": not r.broken and not r.refused,
        "broken": list(r.broken), "counts": r.counts, "per_interrupt": r.per_interrupt, "latency_to_ack": r.to_ack,
        "latency_again": r.again, "list_registers_needed": r.needs}


def _cycles(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def compare(scenario: str, *, designs: str | Sequence[str] = DESIGNS, profile: str = PROFILE) -> CompareReport:
    """`vgic compare`.

    Args:
        scenario: a name, or a file. designs: names, or FILE.py:CLASS; one string has them separated by commas.
        profile: a cost profile's name, or a file.
    """
    names = [name.strip() for name in designs.split(",")] if isinstance(designs, str) else list(designs)
    if not names or not all(names):
        raise ScenarioError("--designs: expected names separated by commas, such as kvm,trap,mine.py:MyVgic")
    if len(names) > MOST_DESIGNS:
        raise ScenarioError(f"--designs: {len(names)} designs: expected at most {MOST_DESIGNS}")
    return CompareReport(compare_designs(find_scenario(scenario), names, find_profile(profile)))


class ScenarioList:
    """What `vgic scenarios` says."""

    exit_status = 0

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.scenarios = tuple(scenarios)

    def text(self) -> str:
        """Each with what it teaches and what is expected of it."""
        blocks = []
        for s in self.scenarios:
            verdict = "holds" if s.expect == "holds" else f"breaks rule {', '.join(map(str, s.rules))}"
            blocks.append("\n".join([
                f"{s.name:<28}  {s.design:<12}  {verdict:<20}  {' '.join(s.mechanisms)}".rstrip(),
                *textwrap.wrap(s.title, WIDTH - 4, initial_indent="    ", subsequent_indent="    "),
                *textwrap.wrap(s.teaches, WIDTH - 4, initial_indent="    ", subsequent_indent="    ")]))
        return "\n".join(blocks) + "\n"

    def json(self) -> list[dict[str, Any]]:
        """The same as data."""
        return [{
            "name": s.name, "title": s.title, "teaches": s.teaches, "mechanisms": s.mechanisms, "design": s.design,
            "expect": s.expect, "rules": s.rules} for s in self.scenarios]


def list_scenarios() -> ScenarioList:
    """`vgic scenarios`."""
    return ScenarioList(all_scenarios())
