"""`vgic bugs`: the museum as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgic.designs.bugs import bugs
from vgic.explore.museum import Visit, base_of
from vgic.view.table import table, wrap


class Museum:
    """The entries, unsearched."""

    exit_status = 0

    def __init__(self, identities: Sequence[str]) -> None:
        everything = bugs()
        self.bugs = {i: everything[i] for i in identities}

    def text(self) -> str:
        """One row each; a single one in full."""
        if len(self.bugs) == 1:
            (identity, design), = self.bugs.items()
            e = design.entry
            lines = [f"{identity}  {e.year}  {e.where}  ({e.source})"]
            for label, words in (("what was wrong   ", e.wrong), ("what one sees    ", e.symptom),
                                 ("rules it breaks  ", ", ".join(map(str, e.rules))),
                                 ("see it           ", f"vgic run {e.scenario} --design {identity}"),
                                 ("find it          ", f"vgic check {e.scenario} --design {identity}")):
                lines += wrap(label, words)
            return "\n".join(lines)
        rows = [(i, str(d.entry.year), d.entry.where, d.entry.symptom[:58], ",".join(map(str, d.entry.rules)))
                for i, d in self.bugs.items()]
        return "\n".join([*table(("id", "year", "where", "what one sees", "rules"), rows, set()), "",
                          f"{len(rows)} bugs. vgic bugs ID tells one; vgic bugs --all finds each by search."])

    def json(self) -> list[dict[str, Any]]:
        """The same as data."""
        return [{"id": i, "base": base_of(d).name, **d.entry._asdict()} for i, d in self.bugs.items()]


class Found:
    """The entries, searched."""

    def __init__(self, visits: Sequence[Visit]) -> None:
        self.visits = sorted(visits, key=lambda v: v.id)

    @property
    def exit_status(self) -> int:
        """0 where every bug was found and every base design is clean, 1 otherwise."""
        return 0 if all(v.found and v.base_rule is None and not v.error for v in self.visits) else 1

    def text(self) -> str:
        """One row a bug, then the sums."""
        rows = [(v.id, str(v.bug.year), v.bug.where, v.bug.scenario, "yes" if v.found else "no",
                 "-" if v.rule is None else str(v.rule), f"{v.depth:,}", f"{v.states:,}", f"{v.seconds:.1f}",
                 f"{v.base} {v.base_verdict.lower()}" + (f" {v.base_rule}" if v.base_rule else ""))
                for v in self.visits]
        lines = table(("id", "year", "where", "scenario", "found", "rule", "depth", "states", "s", "without it"),
                      rows, {5, 6, 7, 8})
        found = sum(v.found for v in self.visits)
        lines += ["", f"{found} of {len(self.visits)} found."]
        for v in self.visits:
            if v.error:
                lines += wrap(f"{v.id}: ", v.error)
            elif not v.found and v.rule is not None:
                lines += wrap(f"{v.id}: ", f"breaks rule {v.rule}, and not one of {', '.join(map(str, v.bug.rules))}")
            elif not v.found:
                lines += wrap(f"{v.id}: ", f"{v.verdict.lower()} after {v.states:,} states")
            if v.base_rule is not None:
                lines += wrap(f"{v.id}: ", f"the design without it ({v.base}) breaks rule {v.base_rule} there too")
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """The same as data."""
        return [{**v._asdict(), "bug": v.bug._asdict()} for v in self.visits]
