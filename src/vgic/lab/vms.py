"""Virtual machines as the laboratory runs them: made from a scenario."""

from __future__ import annotations

from vgic.designs.vm import Vcpu, Vm
from vgic.lab.guest import FaceV2, FaceV3, Guest, Reach
from vgic.lab.guest_steps import LPI_START
from vgic.lab.operations.operands import Intid, Sgi
from vgic.lab.program import parse
from vgic.lab.scenario import DeviceSpec, Scenario, VcpuSpec, VmSpec
from vgic.lab.vcpus import PRIORITY, GuestVm, VcpuRun
from vgic.rules.ghost import IrqGhost
from vgic.silicon import GicV2, GicV3


class VmRun(GuestVm):
    """One VM.

    Attributes:
        devices: by vINTID. spis: the ghosts of its SPIs. sgis, intids: the SGIs that its guests use, all interrupts.
    """

    def __init__(self, n: int, scenario: Scenario, gic: GicV2 | GicV3, reach: Reach) -> None:
        spec, name = scenario.vm[n], scenario.vm_name(n)
        self.spec = spec
        self.devices: dict[int, DeviceSpec] = {
            vintid_of(d): d for d in scenario.device if scenario.vm_of(d) == n}
        spis = [v for v in self.devices if v >= 32]
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
                alone=len(scenario.vm) == 1)
        timers: dict[str, int] = {d.timer: vintid_of(d) for d in self.devices.values() if d.kind == "timer"}
        super().__init__(
            name, vm, FaceV2(vm, reach) if vm.gic == 2 else FaceV3(gic, vm),
            tuple(_vcpu(vcpu, v, spec, timers) for vcpu, v in zip(vm.vcpus, spec.vcpu, strict=True)),
            edges=[v for v, d in self.devices.items() if d.kind == "edge"], disabled=spec.disabled,
            completions=[v for v, d in self.devices.items() if d.wiring == "irqfd" and d.kind == "level"])
        routed = {v: self.devices[v].routed for v in spis}
        injected = {v for v, d in self.devices.items() if d.wiring == "injected"}
        self.spis = {
            v: IrqGhost(self._priority(v), routed.get(v, 0), v in injected) for v in self.intids if v >= 32}
        for run in self.vcpus:
            run.irqs.update({i: IrqGhost(self._priority(i), run.vcpu.index) for i in self.intids if i < 32})
            run.irqs.update(self.spis)

    def _priority(self, intid: int) -> int:
        if intid >= LPI_START:
            return 0                    # no property table is modelled
        return self.spec.priorities.get(str(intid), PRIORITY)

    def parts(self) -> tuple[object, ...]:
        """What changes here."""
        own = (*self.spis.values(), *(g for v in self.vcpus for i, g in v.irqs.items() if i < 32))
        return (*own, *(p for v in self.vcpus for p in v.parts()))


def _vcpu(vcpu: Vcpu, name: str, spec: VcpuSpec, vm: VmSpec, timers: dict[str, int]) -> VcpuRun:
    split = vm.eoimode == 1
    usual = ("HANDLE", "EOI", "DIR") if split else ("HANDLE", "EOI")
    guest = Guest(
        tuple(parse(op) for op in spec.program),
        {int(k): tuple(parse(op, handler=True) for op in ops) for k, ops in spec.handlers.items() if ops},
        tuple(parse(op, handler=True) for op in usual), split=split, spins=spec.idle == "spin")
    return VcpuRun(vcpu, name, spec.pe, guest, timers)


def vintid_of(device: DeviceSpec) -> int:
    """What the guest sees of a device."""
    if device.vintid is not None:
        return device.vintid
    return pintid_of(device)


def pintid_of(device: DeviceSpec) -> int:
    """A device's physical interrupt; a timer's by convention."""
    if device.intid is not None:
        return device.intid
    return {"CNTV": 27, "CNTP": 30}[device.timer]
