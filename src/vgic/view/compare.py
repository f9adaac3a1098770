"""`vgic compare`: one row a design."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from vgic.cost import Comparison, DesignCost
from vgic.explore.searched import Searched
from vgic.view.report import Report, Status
from vgic.view.words import WIDTH

COLUMNS = (
    ("exits", "exits"), ("maintenance", "maint"), ("traps", "traps"), ("switches", "loads"),
    ("host interrupts", "irqs"), ("MMIO", "MMIO"), ("sysreg", "sysreg"), ("LR writes", "LRs wr"), ("cycles", "cycles"),
)


class CompareReport(Report):
    """What `vgic compare` says.

    Args:
        searched: what all schedules say of each design, by its name, where that was asked.
    """

    def __init__(self, comparison: Comparison, searched: Mapping[str, Searched] | None = None) -> None:
        self.comparison, self.searched = comparison, searched or {}

    @property
    def exit_status(self) -> int:
        """HOLDS where every design holds, BROKEN where one breaks a rule or can't run it, BOUNDED where a search was
        cut."""
        verdicts = {s.verdict for s in self.searched.values()}
        if any(row.broken or row.refused for row in self.comparison.rows) or verdicts & {"BROKEN", "-"}:
            return Status.BROKEN
        return Status.BOUNDED if "BOUNDED" in verdicts else Status.HOLDS

    def _cells(self, row: DesignCost) -> list[str]:
        verdict = "holds" if not row.broken else "breaks " + ",".join(map(str, row.broken))
        cells = [row.design, verdict]
        least = ">=" if row.unpriced else ""
        cells += [f"{least if what == 'cycles' else ''}{row.per_interrupt[what]:,.{0 if what == 'cycles' else 1}f}"
                  for what, _ in COLUMNS]
        return [*cells, _cycles(row.to_ack, least), _cycles(row.again, least),
                "-" if row.needs is None else str(row.needs)]

    def text(self) -> str:
        """The table, with what its figures are."""
        c = self.comparison
        heads = ["design", "verdict", *(head for _, head in COLUMNS), "to ack", "again", "LRs"]
        rows = [self._cells(row) for row in c.rows if not row.refused]
        widths = [max(len(line[n]) for line in [heads, *rows]) for n in range(len(heads))]
        lines = [textwrap.fill(f"{c.scenario.name}   {c.scenario.title}", WIDTH), "", "on this schedule"]
        gap = "  " if sum(widths) + 2 * len(widths) <= WIDTH else " "
        for line in [heads, *rows]:
            left = gap.join(f"{cell:<{w}}" for cell, w in zip(line[:2], widths[:2], strict=True))
            right = gap.join(f"{cell:>{w}}" for cell, w in zip(line[2:], widths[2:], strict=True))
            lines.append(f"{left}{gap}{right}".rstrip())
        for row in c.rows:
            if row.refused:
                lines += textwrap.wrap(f"{row.design}: {row.refused}", WIDTH, subsequent_indent="    ")
        for row in c.rows:
            if row.same_as:
                lines += textwrap.wrap(
                    f"{row.design}: does on this schedule what {row.same_as} does, access by access: there is nothing"
                    " here that it has of its own", WIDTH, subsequent_indent="    ")
        if self.searched:
            lines += ["", "on all schedules", *(line for name, s in self.searched.items() for line in _told(name, s))]
        return "\n".join([*lines, "", self._legend()]) + "\n"

    def _legend(self) -> str:
        p = self.comparison.profile
        came = {event for row in self.comparison.rows for event in row.unpriced}
        unpriced = f" Not priced: {', '.join(p.unpriced())}." if p.unpriced() else ""
        unpriced += f" >=: at least, for there came {', '.join(sorted(came))}." if came else ""
        words = (
            "Counts are for each interrupt acknowledged; an exit is a world switch and back, a load a vCPU's; MMIO and"
            " sysreg are the host's. To ack: cycles from the line to the acknowledge; again: from an EOI with the line"
            " high to the next acknowledge; medians. The verdict, and LRs, the fewest list registers at which no rule"
            f" is broken, are those of this schedule{'' if self.searched else ' (--check searches all)'}. Cycles by"
            f" {p.name} ({p.title}): {p.source}."
            f"{'' if p.confirmed else ' ' + p.note}{unpriced}")
        return textwrap.fill(words, WIDTH)

    def json(self) -> dict[str, Any]:
        """The profile, and an object for each design."""
        c = self.comparison
        return {
            "scenario": c.scenario.name, "profile": c.profile.model_dump(exclude_none=True),
            "unpriced": list(c.profile.unpriced()),
            "designs": [{**_data(row), "searched": s._asdict() if (s := self.searched.get(row.design)) else None}
                        for row in c.rows]}


def _data(r: DesignCost) -> dict[str, Any]:
    return {
        "design": r.design, "refused": r.refused or None, "holds": not r.broken and not r.refused,
        "broken": list(r.broken), "counts": r.counts, "per_interrupt": r.per_interrupt, "latency_to_ack": r.to_ack,
        "latency_again": r.again, "list_registers_needed": r.needs, "of": "one schedule",
        "at_least": bool(r.unpriced), "unpriced_events": list(r.unpriced), "same_as": r.same_as or None}


def _told(name: str, s: Searched) -> list[str]:
    """A design's verdict on all schedules."""
    words = f"{s.verdict}{f' rule {s.rule}' if s.rule is not None else ''}{f': {s.why}' if s.why else ''}"
    if s.needs is not None:
        few = f"{s.needs} list register{'' if s.needs == 1 else 's'}"
        words += f", with {few} or more" if s.sure else f", with {few}; with fewer the search was cut"
    return textwrap.wrap(f"  {name}: {words}", WIDTH, subsequent_indent="    ")


def _cycles(value: float | None, least: str) -> str:
    return "-" if value is None else f"{least}{value:,.0f}"
