"""`vgic rules`: what must hold."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from vgic.rules.catalogue import Rule
from vgic.rules.checks import awaits, judged
from vgic.view.report import Report

AWAITS = {"ITS": "awaits the ITS", "VFIO": "awaits VFIO", "x86": "awaits posted interrupts"}


class RulesReport(Report):
    """What `vgic rules` says of these rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    def text(self) -> str:
        """Each with its section, where it is judged, and what is not seen of it there."""
        lines: list[str] = []
        for rule in self.rules:
            where = ", ".join(judged(rule.id))
            told = f"judged {where}" if where else AWAITS.get(awaits(rule.id), "judged nowhere yet")
            lines += textwrap.wrap(rule.sentence, 95, initial_indent=f"{rule.id:3}  ", subsequent_indent="     ")
            lines.append(f"     {rule.section}; {told}")
            if rule.unseen:
                lines += textwrap.wrap(f"does not see: {rule.unseen}", 95, initial_indent="     ",
                                       subsequent_indent="       ")
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """An object for each rule."""
        return [{**rule._asdict(), "judged": list(judged(rule.id))} for rule in self.rules]
