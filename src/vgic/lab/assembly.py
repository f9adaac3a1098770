"""The chip of a machine, with the interrupts that its scenario uses and no more: a small state is quick to search; and
the design above it, or those of its VMs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from vgic.arch import affinity
from vgic.arch.intid import MAINTENANCE, PRIVATE
from vgic.designs.base import Design, Observer, Unsupported
from vgic.designs.build import Build
from vgic.designs.mixed import Make, Mixed
from vgic.designs.vm import Vm
from vgic.host import Kernel
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design
from vgic.lab.observe import Tap, tapped_v2, tapped_v3
from vgic.lab.posted import posting_v2, posting_v3
from vgic.lab.scenario import FirmwareSpec, MachineSpec, Scenario
from vgic.lab.vms import VmRun, pintid_of
from vgic.silicon import GenericTimers, Gic, GicV2Options, GicV3Options, OptionError
from vgic.silicon.interrupt import G0, G1NS
from vgic.silicon.report import OnNotice


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


def make_chip(scenario: Scenario, build: Build, report: OnNotice, tap: Tap | None, list_registers: int | None) -> Gic:
    """The chip, which tells its notices; with a tap, its accesses too. ScenarioError for options that it can't have."""
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
            v2, chip2 = GicV2Options(**common), posting_v2(build.gicv2) if spec.posted else build.gicv2
            return chip2(v2, report=report) if tap is None else tapped_v2(chip2)(v2, report=report, tap=tap)
        v3, chip3 = GicV3Options(**common), posting_v3(build.gicv3) if spec.posted else build.gicv3
        return chip3(v3, report=report) if tap is None else tapped_v3(chip3)(v3, report=report, tap=tap)
    except OptionError as e:
        raise ScenarioError(f"{scenario.where('machine')}: machine: options: {e}") from None


def make_design(scenario: Scenario, build: Build, kernel: Kernel, vms: Sequence[VmRun], timers: GenericTimers,
                observer: Observer | None) -> Design:
    """The design of the build; where a VM names its own, a mixture. ScenarioError for options that it can't have, or a
    design that can't be had so."""
    def default(mine: Sequence[Vm]) -> Design:
        try:
            return build.design(kernel, mine, timers=timers, observer=observer, **scenario.design_options)
        except TypeError as e:
            if not scenario.design_options or not re.search("keyword argument|multiple values", str(e)):
                raise
            raise ScenarioError(f"{scenario.where('design_options')}: design_options: {e}") from None

    every = [vm.vm for vm in vms]
    named: dict[type[Design], list[Vm]] = {}
    for n, vm in enumerate(vms):
        if vm.spec.design is not None:
            named.setdefault(_design_of_vm(scenario, n, vm.spec.design), []).append(vm.vm)
    if not named:
        return default(every)
    rest = [vm for vm in every if not any(vm in mine for mine in named.values())]
    made = [(mine, _maker(cls, kernel, timers, observer)) for cls, mine in named.items()]
    mixed = Mixed(kernel, every, [(rest, default), *made] if rest else made, timers=timers, observer=observer)
    for vm in vms:
        for other in vms:
            shared = {run.home for run in vm.vcpus} & {run.home for run in other.vcpus}
            if other is not vm and shared and mixed.of(vm.vm).pinned:
                raise Unsupported(f"{mixed.of(vm.vm).name}: {vm.name} and {other.name} share PE {min(shared)}: it gives"
                                  " each vCPU a PE of its own")
    return mixed


def _maker(cls: type[Design], kernel: Kernel, timers: GenericTimers, observer: Observer | None) -> Make:
    return lambda mine: cls(kernel, mine, timers=timers, observer=observer)


def _design_of_vm(scenario: Scenario, n: int, name: str) -> type[Design]:
    where = f"{scenario.where('vm', n, 'design')}: vm {n}: design"
    try:
        build = find_design(name)
    except ScenarioError as e:
        raise ScenarioError(f"{where}: {e}") from None
    if build.exchanged:
        raise ScenarioError(f"{where}: {name} exchanges the chip or the kernel, which all VMs share: expected a design"
                            " that is a design alone")
    return build.design
