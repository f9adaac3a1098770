"""A vCPU with its guest, its thread and what rules remember of it; and its VM, as far as guests know it."""
from __future__ import annotations

from collections.abc import Collection, Mapping

from vgic.designs.vm import Vcpu, Vm
from vgic.lab.guest import FaceV3, Guest, GuestTimer
from vgic.lab.operations.operands import NEVER
from vgic.parts import Part
from vgic.rules.ghost import VmGhost, VmGhosts


class SchedState(Part):
    """A vCPU's thread. `blocking`: its guest executed WFI, and it has not yet looked whether to block. `waiting`: it
    was put by WFI, and has not been loaded since."""

    __slots__ = ("blocking", "waiting")

    def __init__(self) -> None:
        self.blocking = self.waiting = False


class VcpuRun:
    """One vCPU.

    Args:
        timers: the PPI of each timer that its guest has. off: whether it begins switched off.

    Attributes:
        name: as actions call it. home: its first PE. vm: its VM. timers: the timers of its guest, by name.
        irqs, ghost: what rules remember of its interrupts, private and shared, by vINTID; and of itself.
    """

    vm: GuestVm

    def __init__(self, vcpu: Vcpu, home: int, guest: Guest, timers: Mapping[str, int], ghosts: VmGhosts,
                 off: bool = False) -> None:
        self.vcpu, self.name, self.home, self.guest, self.off = vcpu, vcpu.name, home, guest, off
        self.sched = SchedState()
        self.irqs, self.ghost = ghosts.irqs[vcpu.index], ghosts.vcpus[vcpu.index]
        self.timers = {name: GuestTimer(NEVER) for name in timers}
        self.timer_of = {vintid: name for name, vintid in timers.items()}

    def parts(self) -> tuple[object, ...]:
        """What changes here; `vcpu` is the design's, and ghosts are the VM's."""
        return (self.guest.state, self.sched, *self.timers.values())


class GuestVm:
    """One VM, as far as its guests know it.

    Attributes:
        vm: the design's. face: its GIC, as its guests use it. vcpus: by their index.
        edges: the vINTIDs that are edge-triggered beside SGIs. disabled: those that guests do not enable at boot.
        completions: the vINTIDs whose completion somebody waits for. ghost: what rules remember of it.
    """

    def __init__(self, name: str, vm: Vm, face: FaceV3, vcpus: tuple[VcpuRun, ...], ghost: VmGhost, *,
                 edges: Collection[int], disabled: Collection[int], completions: Collection[int]) -> None:
        self.name, self.vm, self.face, self.vcpus, self.ghost = name, vm, face, vcpus, ghost
        self.edges, self.disabled, self.completions = frozenset(edges), frozenset(disabled), frozenset(completions)
        for run in vcpus:
            run.vm = self

    def is_level(self, vintid: int) -> bool:
        """Whether its guest has the interrupt as level-sensitive."""
        return vintid >= 16 and vintid not in self.edges
