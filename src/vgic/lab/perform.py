"""One schedule of a scenario by a design, which may be a user's: what that raises, prints or never does is told."""

from __future__ import annotations

from vgic.designs.base import Unsupported
from vgic.lab.errors import NotOffered
from vgic.lab.loader import design_file, find_design, guarded
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Run, Schedule

STEPS = 40
"""Steps of a random schedule, where nobody says how many."""


def perform(
    scenario: Scenario, design: str | None = None, *, seed: int | None = None, steps: int = STEPS,
    list_registers: int | None = None,
) -> Run:
    """The scenario's script, or a random schedule.

    Args:
        design: instead of the scenario's, by name or as FILE.py:CLASS; what its script asks and that design can't do is
            left out. seed: of a random schedule of so many `steps` instead of the script. list_registers: of each PE.

    Raises ScenarioError where it can't be run, NotOffered where the design has no such thing, DesignFailed where it
    raises.
    """
    cls = find_design(design or scenario.design)

    def whole() -> Run:
        schedule = Schedule(scenario, cls, list_registers, lenient=cls.name != scenario.design)
        return schedule.run() if seed is None else schedule.random(seed, steps)

    try:
        return guarded(design_file(cls), f"{scenario.name}: design {cls.name} failed", whole)
    except Unsupported as e:
        raise NotOffered(f"{scenario.name}: {e}") from e
