"""Virtual machines as the laboratory runs them: made from a scenario."""

from __future__ import annotations

from vgic.arch.intid import LPI_START, TIMER_PPIS
from vgic.designs.vm import Vm
from vgic.lab.guest import FaceV2, FaceV3, Guest, Reach
from vgic.lab.operations.control import START
from vgic.lab.operations.operands import Intid, Sgi
from vgic.lab.program import parse
from vgic.lab.scenario import DeviceSpec, Scenario, VcpuSpec, VmSpec, affinities
from vgic.lab.vcpus import GuestVm, VcpuRun
from vgic.rules.ghost import VmGhosts
from vgic.silicon import Gic

PRIORITY = 0xA0
"""Of an interrupt whose scenario names none."""


class VmRun(GuestVm):
    """One VM.

    Attributes:
        devices: by vINTID. sgis, intids: the SGIs that its guests use, all its interrupts. ghosts: what rules remember
            of it.
    """

    def __init__(self, n: int, scenario: Scenario, gic: Gic, reach: Reach) -> None:
        spec, name = scenario.vm[n], scenario.vm_name(n)
        self.spec = spec
        self.devices: dict[int, DeviceSpec] = {
            vintid_of(d): d for d in scenario.device if scenario.vm_of(d) == n}
        ops = [parse(text, handler=True) for v in spec.vcpu for texts in (v.program, *v.handlers.values())
               for text in texts]
        named = {intid for op in ops for intid in op.named(Intid)}
        named |= {int(k) for v in spec.vcpu for k in v.handlers}
        self.sgis = tuple(sorted({*spec.sgis, *(intid for op in ops for intid in op.named(Sgi))}))
        self.intids = tuple(sorted({*self.devices, *self.sgis, *named}))
        lpis = tuple(i for i in self.intids if i >= LPI_START)
        highest = max((i for i in self.intids if i < LPI_START), default=0)
        vm = Vm(name, len(spec.vcpu), gic=spec.gic or scenario.machine.gic,
                spis=-(-(max(highest, 32) - 31) // 32) * 32, implemented=self.intids, lpis=lpis,
                affinities=affinities(spec), alone=len(scenario.vm) == 1)
        timers: dict[str, int] = {d.timer: vintid_of(d) for d in self.devices.values() if d.kind == "timer"}
        self.ghosts = VmGhosts(
            len(spec.vcpu), self.intids, self._priority, {v: d.routed for v, d in self.devices.items()},
            {v for v, d in self.devices.items() if d.wiring == "injected"})
        super().__init__(
            name, vm, FaceV2(vm, reach) if vm.gic == 2 else FaceV3(gic, vm),
            tuple(VcpuRun(vcpu, v.pe, _guest(v, spec), timers, self.ghosts, v.off)
                  for vcpu, v in zip(vm.vcpus, spec.vcpu, strict=True)),
            self.ghosts.vm, edges=[v for v, d in self.devices.items() if d.kind == "edge"], disabled=spec.disabled,
            completions=[v for v, d in self.devices.items() if d.wiring == "irqfd" and d.kind == "level"])

    def _priority(self, intid: int) -> int:
        if intid >= LPI_START:
            return 0                    # no property table is modelled
        return self.spec.priorities.get(str(intid), PRIORITY)

    def parts(self) -> tuple[object, ...]:
        """What changes here."""
        return (*self.ghosts.parts(), *(p for v in self.vcpus for p in v.parts()))


def _guest(spec: VcpuSpec, vm: VmSpec) -> Guest:
    split = vm.eoimode == 1
    usual = ("HANDLE", "EOI", "DIR") if split else ("HANDLE", "EOI")
    return Guest(
        tuple(parse(op) for op in spec.program),
        {int(k): tuple(parse(op, handler=True) for op in ops) for k, ops in spec.handlers.items() if ops},
        tuple(parse(op, handler=True) for op in usual), start=START, split=split, spins=spec.idle == "spin")


def vintid_of(device: DeviceSpec) -> int:
    """What the guest sees of a device."""
    if device.vintid is not None:
        return device.vintid
    return pintid_of(device)


def pintid_of(device: DeviceSpec) -> int:
    """A device's physical interrupt; a timer's by convention."""
    if device.intid is not None:
        return device.intid
    return TIMER_PPIS[device.timer]
