"""The chip of a machine, with the interrupts that its scenario uses and no more: a small state is quick to search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vgic.arch import affinity
from vgic.arch.intid import MAINTENANCE, PRIVATE
from vgic.designs.build import Build
from vgic.lab.errors import ScenarioError
from vgic.lab.observe import Tap, tapped_v2, tapped_v3
from vgic.lab.scenario import FirmwareSpec, MachineSpec, Scenario
from vgic.lab.vms import pintid_of
from vgic.silicon import Gic, GicV2Options, GicV3Options, OptionError
from vgic.silicon.interrupt import G0, G1NS
from vgic.silicon.report import ignore


def leave_behind(chip: Gic, left: Iterable[FirmwareSpec]) -> None:
    """Puts the state into a chip that firmware is to have left there."""
    for spec in left:
        irq = chip.distributor.find(spec.intid, spec.pe)
        assert irq is not None
        irq.active, irq.latch, irq.enabled = spec.active, spec.pending, spec.enabled
        if spec.group is not None:
            irq.group = G1NS if spec.group else G0
        if spec.priority is not None:
            irq.priority = spec.priority
        if spec.edge is not None:
            irq.edge = spec.edge


def make_chip(scenario: Scenario, build: Build, tap: Tap | None, list_registers: int | None) -> Gic:
    """The chip; with a tap, one that tells its accesses. ScenarioError for options that it can't have."""
    spec: MachineSpec = scenario.machine
    spis = tuple(d.intid for d in scenario.device if d.intid is not None and d.intid >= PRIVATE)
    ppis = tuple(sorted({MAINTENANCE, *(pintid_of(d) for d in scenario.device if d.kind == "timer")}))
    common: dict[str, Any] = {
        "ppi_edge": tuple(sorted({pintid_of(d) for d in scenario.device if d.trigger == "edge"})),
        "pes": spec.pes, "list_registers": list_registers or spec.list_registers, "spis": spis, "ppis": ppis,
        "intids": -(-(max(spis, default=PRIVATE - 1) + 1) // 32) * 32, **spec.options}
    if spec.affinities is not None:
        common["affinities"] = tuple(map(affinity.parse, spec.affinities))
    try:
        if spec.gic == 2:
            v2 = GicV2Options(**common)
            if tap is None:
                return build.gicv2(v2, report=ignore)
            return tapped_v2(build.gicv2)(v2, report=ignore, tap=tap)
        v3 = GicV3Options(**common)
        if tap is None:
            return build.gicv3(v3, report=ignore)
        return tapped_v3(build.gicv3)(v3, report=ignore, tap=tap)
    except OptionError as e:
        raise ScenarioError(f"{scenario.where('machine')}: machine: options: {e}") from None
