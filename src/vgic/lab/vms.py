"""Virtual machines as the laboratory runs them: each vCPU with its guest, its place, and what rules remember of it."""

from __future__ import annotations

from vgic.designs.vm import Vcpu, Vm
from vgic.lab.guest import FaceV2, FaceV3, Guest, Reach
from vgic.lab.program import NEVER, parse
from vgic.lab.scenario import DeviceSpec, Scenario, VcpuSpec, VmSpec
from vgic.parts import Part
from vgic.rules.ghost import IrqGhost, TimerGhost, VcpuGhost
from vgic.silicon import Gic

PRIORITY = 0xA0
LPI_START = 8192


class SchedState(Part):
    """A vCPU's thread. `blocking`: its guest executed WFI, and it has not yet looked whether to block. `waiting`: it
    was put by WFI, and has not been loaded since."""

    __slots__ = ("blocking", "waiting")

    def __init__(self) -> None:
        self.blocking = self.waiting = False


class VcpuRun:
    """One vCPU.

    Attributes:
        name: as actions call it. home: its first PE. irqs: its private interrupts and its VM's SPIs, by vINTID.
        timers: the timers of its guest, by name.
    """

    def __init__(self, vcpu: Vcpu, name: str, spec: VcpuSpec, vm: VmSpec, timers: dict[str, int]) -> None:
        self.vcpu, self.name, self.home = vcpu, name, spec.pe
        split = vm.eoimode == 1
        usual = ("HANDLE", "EOI", "DIR") if split else ("HANDLE", "EOI")
        self.guest = Guest(
            tuple(parse(op) for op in spec.program),
            {int(k): tuple(parse(op, handler=True) for op in ops) for k, ops in spec.handlers.items() if ops},
            tuple(parse(op, handler=True) for op in usual), split=split, spins=spec.idle == "spin")
        self.ghost = VcpuGhost()
        self.sched = SchedState()
        self.irqs: dict[int, IrqGhost] = {}
        self.timers = {name: TimerGhost(NEVER) for name in timers}
        self.timer_of = {vintid: name for name, vintid in timers.items()}

    def priority_of(self, intid: int) -> int:
        """The priority of one of its interrupts."""
        ghost = self.irqs.get(intid)
        return ghost.priority if ghost is not None else PRIORITY

    def parts(self) -> tuple[object, ...]:
        """What changes here; `vcpu` is the design's."""
        return (self.guest.state, self.ghost, self.sched, *self.timers.values())


class VmRun:
    """One VM.

    Attributes:
        devices: by vINTID. level: the vINTIDs of its level-sensitive interrupts. spis: the ghosts of its SPIs.
        face: its GIC, as its guests use it. completions: the vINTIDs whose completion somebody waits for.
    """

    def __init__(self, n: int, scenario: Scenario, gic: Gic, reach: Reach) -> None:
        spec = scenario.vm[n]
        self.name, self.spec = scenario.vm_name(n), spec
        self.devices: dict[int, DeviceSpec] = {
            vintid_of(d): d for d in scenario.device if scenario.vm_of(d) == n}
        self.level = frozenset(v for v, d in self.devices.items() if d.kind != "edge")
        self.completions = frozenset(v for v, d in self.devices.items() if d.wiring == "irqfd" and d.kind == "level")
        spis = [v for v in self.devices if v >= 32]
        ops = [parse(text, handler=True) for v in spec.vcpu for texts in (v.program, *v.handlers.values())
               for text in texts]
        named = {op.intid for op in ops if op.intid >= 0 and op.word != "SGI"}
        named |= {int(k) for v in spec.vcpu for k in v.handlers}
        self.sgis = tuple(sorted({*spec.sgis, *(op.intid for op in ops if op.word == "SGI")}))
        self.intids = tuple(sorted({*self.devices, *self.sgis, *named}))
        lpis = tuple(i for i in self.intids if i >= LPI_START)
        highest = max((i for i in self.intids if i < LPI_START), default=0)
        self.vm = Vm(self.name, len(spec.vcpu), gic=spec.gic or scenario.machine.gic,
                     spis=-(-(max(highest, 32) - 31) // 32) * 32, implemented=self.intids, lpis=lpis)
        timers: dict[str, int] = {d.timer: vintid_of(d) for d in self.devices.values() if d.kind == "timer"}
        many = len(scenario.vm) > 1
        self.vcpus = tuple(
            VcpuRun(self.vm.vcpus[i], f"{self.name}.vcpu{i}" if many else f"vcpu{i}", v, spec, timers)
            for i, v in enumerate(spec.vcpu))
        self.face: FaceV3 = FaceV2(self.vm, reach) if self.vm.gic == 2 else FaceV3(gic, self.vm)
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

    def is_level(self, vintid: int) -> bool:
        """Whether its guest has the interrupt as level-sensitive."""
        return vintid in self.level or (vintid >= 16 and vintid not in self.devices)

    def parts(self) -> tuple[object, ...]:
        """What changes here."""
        own = (*self.spis.values(), *(g for v in self.vcpus for i, g in v.irqs.items() if i < 32))
        return (*own, *(p for v in self.vcpus for p in v.parts()))


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
