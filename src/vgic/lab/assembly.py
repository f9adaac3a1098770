"""The chip of a machine, with the interrupts that its scenario uses and no more: a small state is quick to search."""

from __future__ import annotations

from typing import Any

from vgic.designs.build import Build
from vgic.lab.errors import ScenarioError
from vgic.lab.observe import Observer, tapped_v2, tapped_v3
from vgic.lab.scenario import MachineSpec, Scenario
from vgic.lab.vms import pintid_of
from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options, OptionError
from vgic.silicon.report import Notice

MAINTENANCE = 25
"""The PPI that the maintenance interrupts are wired to."""


def _silent(notice: Notice) -> None:
    """Notices of the chip: a scenario's accesses are its design's business."""


def make_chip(
    scenario: Scenario, build: Build, observer: Observer | None, list_registers: int | None,
) -> GicV2 | GicV3:
    """The chip; with an observer, one that tells its accesses. ScenarioError for options that it can't have."""
    spec: MachineSpec = scenario.machine
    spis = tuple(d.intid for d in scenario.device if d.intid is not None and d.intid >= 32)
    ppis = tuple(sorted({MAINTENANCE, *(pintid_of(d) for d in scenario.device if d.kind == "timer")}))
    common: dict[str, Any] = {
        "pes": spec.pes, "list_registers": list_registers or spec.list_registers, "spis": spis, "ppis": ppis,
        "intids": -(-(max(spis, default=31) + 1) // 32) * 32, **spec.options}
    try:
        options = GicV2Options(**common) if spec.gic == 2 else GicV3Options(**common)
    except (OptionError, TypeError) as e:
        raise ScenarioError(f"{scenario.where('machine')}: machine: options: {e}") from None
    if isinstance(options, GicV2Options):
        if observer is None:
            return build.gicv2(options, report=_silent)
        return tapped_v2(build.gicv2)(options, report=_silent, observer=observer)
    try:
        if observer is None:
            return build.gicv3(options, report=_silent)
        return tapped_v3(build.gicv3)(options, report=_silent, observer=observer)
    except OptionError as e:
        raise ScenarioError(f"{scenario.where('machine')}: machine: options: {e}") from None
