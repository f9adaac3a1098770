"""`vgic scenarios`: what there is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from vgic.lab.scenario import Scenario
from vgic.view.report import Report
from vgic.view.words import WIDTH


class ScenariosReport(Report):
    """What `vgic scenarios` says."""

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
        """An object for each scenario."""
        return [{
            "name": s.name, "title": s.title, "teaches": s.teaches, "mechanisms": s.mechanisms, "design": s.design,
            "expect": s.expect, "rules": s.rules} for s in self.scenarios]
