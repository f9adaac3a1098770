"""`vgic rules`: what must hold."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vgic.rules.catalogue import Rule
from vgic.view.report import Report

AWAITS = {"ITS": "awaits the ITS", "VFIO": "awaits VFIO", "x86": "awaits posted interrupts"}


class RulesReport(Report):
    """What `vgic rules` says.

    Args:
        rules: which. judged: the ids of those that are judged, by where.
    """

    def __init__(self, rules: Sequence[Rule], judged: Mapping[str, Collection[int]]) -> None:
        self.rules, self.judged = tuple(rules), judged

    def _where(self, rule: Rule) -> list[str]:
        return [where for where, ids in self.judged.items() if rule.id in ids]

    def text(self) -> str:
        """Each with its section, and where it is judged."""
        lines: list[str] = []
        for rule in self.rules:
            where = ", ".join(self._where(rule))
            told = f"judged {where}" if where else AWAITS.get(rule.evidence, "judged nowhere yet")
            lines += textwrap.wrap(rule.sentence, 95, initial_indent=f"{rule.id:3}  ", subsequent_indent="     ")
            lines.append(f"     {rule.section}; {told}")
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """An object for each rule."""
        return [{**rule._asdict(), "judged": self._where(rule)} for rule in self.rules]
