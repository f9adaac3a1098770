"""The chip of a machine, with the interrupts that its scenario uses and no more: a small state is quick to search."""

from __future__ import annotations

from typing import Any

from vgic.arch.intid import MAINTENANCE, PRIVATE
from vgic.designs.build import Build
from vgic.lab.errors import ScenarioError
from vgic.lab.observe import Tap, tapped_v2, tapped_v3
from vgic.lab.scenario import MachineSpec, Scenario
from vgic.lab.vms import pintid_of
from vgic.silicon import Gic, GicV2Options, GicV3Options, OptionError
from vgic.silicon.report import OnNotice


def make_chip(scenario: Scenario, build: Build, report: OnNotice, tap: Tap | None, list_registers: int | None) -> Gic:
    """The chip, which tells its notices; with a tap, its accesses too. ScenarioError for options that it can't have."""
    spec: MachineSpec = scenario.machine
    spis = tuple(d.intid for d in scenario.device if d.intid is not None and d.intid >= PRIVATE)
    ppis = tuple(sorted({MAINTENANCE, *(pintid_of(d) for d in scenario.device if d.kind == "timer")}))
    common: dict[str, Any] = {
        "pes": spec.pes, "list_registers": list_registers or spec.list_registers, "spis": spis, "ppis": ppis,
        "intids": -(-(max(spis, default=PRIVATE - 1) + 1) // 32) * 32, **spec.options}
    try:
        if spec.gic == 2:
            v2 = GicV2Options(**common)
            if tap is None:
                return build.gicv2(v2, report=report)
            return tapped_v2(build.gicv2)(v2, report=report, tap=tap)
        v3 = GicV3Options(**common)
        if tap is None:
            return build.gicv3(v3, report=report)
        return tapped_v3(build.gicv3)(v3, report=report, tap=tap)
    except OptionError as e:
        raise ScenarioError(f"{scenario.where('machine')}: machine: options: {e}") from None
