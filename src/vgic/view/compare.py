"""`vgic compare`: one row a design."""

from __future__ import annotations

import textwrap
from typing import Any

from vgic.cost import Comparison, DesignCost
from vgic.view.report import Report, Status
from vgic.view.words import WIDTH

COLUMNS = (
    ("exits", "exits"), ("maintenance", "maint"), ("traps", "traps"), ("switches", "loads"),
    ("host interrupts", "irqs"), ("MMIO", "MMIO"), ("sysreg", "sysreg"), ("LR writes", "LRs wr"), ("cycles", "cycles"),
)


class CompareReport(Report):
    """What `vgic compare` says."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def exit_status(self) -> int:
        """HOLDS where every design holds, BROKEN where one breaks a rule or can't run it."""
        well = all(not row.broken and not row.refused for row in self.comparison.rows)
        return Status.HOLDS if well else Status.BROKEN

    def _cells(self, row: DesignCost) -> list[str]:
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
        """The profile, and an object for each design."""
        c = self.comparison
        return {
            "scenario": c.scenario.name, "profile": c.profile.model_dump(exclude_none=True),
            "unpriced": list(c.profile.unpriced()), "designs": [_data(row) for row in c.rows]}


def _data(r: DesignCost) -> dict[str, Any]:
    return {
        "design": r.design, "refused": r.refused or None, "holds": not r.broken and not r.refused,
        "broken": list(r.broken), "counts": r.counts, "per_interrupt": r.per_interrupt, "latency_to_ack": r.to_ack,
        "latency_again": r.again, "list_registers_needed": r.needs}


def _cycles(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
