"""What a rule may look at: a machine with its chip, its guests, its devices and the ghosts beside them.

Whoever runs machines (`vgic.lab`) has objects that fit; rules know no more of them than this. Of a design they know
what its guest or its userspace could read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from vgic.arch.gicc import INTID
from vgic.arch.intid import LPI_START, PRIVATE
from vgic.arch.state import INVALID, PENDING_ACTIVE
from vgic.designs.base import Design, Unsupported
from vgic.designs.vm import Vcpu, Vm
from vgic.rules.ghost import Faults, IrqGhost, VcpuGhost, VmGhost
from vgic.silicon import GenericTimers, Gic
from vgic.silicon.virtual_interface import ListRegister

ISPENDR, ISACTIVER = "ISPENDR", "ISACTIVER"


class GuestView(Protocol):
    """What a guest has set itself to, and what it has acknowledged."""

    @property
    def off(self) -> bool: ...
    @property
    def starting(self) -> bool: ...
    @property
    def masked(self) -> bool: ...
    @property
    def grpen(self) -> bool: ...
    @property
    def pmr(self) -> int: ...
    @property
    def split(self) -> bool: ...
    @property
    def stack(self) -> tuple[tuple[int, int], ...]: ...
    @property
    def dropped(self) -> tuple[bool, ...]: ...
    @property
    def owing(self) -> tuple[int, ...]: ...


class GuestHolder(Protocol):
    """A guest."""

    @property
    def state(self) -> GuestView: ...


class TimerView(Protocol):
    """A generic timer as its guest programmed it."""

    @property
    def enable(self) -> bool: ...
    @property
    def imask(self) -> bool: ...
    @property
    def cval(self) -> int: ...


class VcpuView(Protocol):
    """One vCPU with its guest and its ghosts."""

    @property
    def name(self) -> str: ...
    @property
    def vm(self) -> VmView: ...
    @property
    def vcpu(self) -> Vcpu: ...
    @property
    def guest(self) -> GuestHolder: ...
    @property
    def ghost(self) -> VcpuGhost: ...
    @property
    def irqs(self) -> Mapping[int, IrqGhost]: ...
    @property
    def timers(self) -> Mapping[str, TimerView]: ...
    @property
    def timer_of(self) -> Mapping[int, str]: ...


class VmView(Protocol):
    """One VM."""

    @property
    def name(self) -> str: ...
    @property
    def vm(self) -> Vm: ...
    @property
    def vcpus(self) -> Sequence[VcpuView]: ...
    @property
    def ghost(self) -> VmGhost: ...
    @property
    def completions(self) -> frozenset[int]: ...
    def is_level(self, vintid: int) -> bool: ...


class World(Protocol):
    """A machine."""

    @property
    def gic(self) -> Gic: ...
    @property
    def timers(self) -> GenericTimers: ...
    @property
    def design(self) -> Design: ...
    @property
    def vms(self) -> Sequence[VmView]: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def twins(self) -> Mapping[tuple[str, int], int]: ...
    @property
    def host_lines(self) -> Mapping[int, object]: ...
    def quiescent(self) -> bool: ...
    def level_of(self, run: VcpuView, vintid: int) -> bool: ...
    def withheld(self, run: VcpuView, vintid: int) -> bool: ...
    def host_line_high(self, intid: int) -> bool: ...
    def host_disabled(self, intid: int) -> bool: ...


StateCheck = Callable[[World], "str | None"]
"""A rule's form for states: what is broken in this one, in words, or None."""


class OfVcpus:
    """A check of states that judges each vCPU by itself. Called, it judges all; the explorer asks of each, and learns
    less."""

    def __init__(self, one: Callable[[World, VcpuView], str | None]) -> None:
        self.one = one

    def __call__(self, w: World) -> str | None:
        for vm in w.vms:
            for run in vm.vcpus:
                found = self.one(w, run)
                if found is not None:
                    return found
        return None


def lrs_of(w: World, run: VcpuView) -> tuple[ListRegister, ...]:
    """The list registers of a vCPU that runs its guest; of another: none."""
    pe = run.vcpu.pe
    return w.gic.virtual[pe].lrs if run.vcpu.in_guest and pe is not None else ()


def named(run: VcpuView, lr: ListRegister) -> int:
    """The vINTID of a list register as its guest knows it. On a GICv3 a GICv2 guest's SGI carries its source there, in
    bits 12:10."""
    return lr.vintid & INTID if run.vcpu.vm.gic == 2 else lr.vintid


def valid(lrs: Sequence[ListRegister]) -> list[ListRegister]:
    """Those that hold something."""
    return [lr for lr in lrs if lr.state != INVALID]


def elsewhere(w: World, run: VcpuView, vintid: int, state: int = PENDING_ACTIVE) -> bool:
    """Whether another vCPU that is in its guest has the interrupt in a list register, where nobody reaches it. `state`:
    PENDING: pending there."""
    held = [lr.vintid for other in run.vm.vcpus if other is not run for lr in lrs_of(w, other) if lr.state & state]
    return vintid in held


def on_its_way(w: World, run: VcpuView, vintid: int) -> bool:
    """Whether the interrupt may be pending where its hypervisor does not know of it yet: at the physical distributor,
    where the host would take it or its twin is still active; in a timer that the hypervisor emulates; or with a kick
    that has not arrived."""
    if run.timer_of.get(vintid) in w.design.of(run.vcpu.vm).trapped_timers or w.withheld(run, vintid):
        return True
    if run.vm.vcpus[run.irqs[vintid].target].vcpu.kicked:
        return True
    pintid = w.twins.get((run.vm.name, vintid))
    irq = None if pintid is None else w.gic.distributor.find(pintid, run.vcpu.pe or 0)
    return irq is not None and (irq.pending() if irq.edge else irq.forwardable())


def forwarded(w: World, pintid: int, pe: int | None) -> Iterator[IrqGhost]:
    """The level interrupts of guests that a physical one stands behind; a private one: of the vCPU that is loaded on
    this PE, unless that was just switched on: what its timers are then is UNKNOWN."""
    for vm in w.vms:
        for run in vm.vcpus:
            for vintid, ghost in run.irqs.items():
                if (w.twins.get((vm.name, vintid)) == pintid and vm.is_level(vintid)
                        and (run.vcpu.index == 0 if pintid >= PRIVATE else
                             pe is not None and run.vcpu.pe == pe and not run.guest.state.starting)):
                    yield ghost


def design_bit(w: World, run: VcpuView, register: str, vintid: int) -> bool | None:
    """A bit of ISPENDR or ISACTIVER as userspace reads it; None where the design has no such reads, and for LPIs."""
    if vintid >= LPI_START:
        return None
    _, address, size = run.vcpu.vm.frame(vintid, run.vcpu).of(register, vintid)
    try:
        word = w.design.uaccess_read(run.vcpu, address, size)
    except Unsupported:
        return None
    return bool(word >> vintid % 32 & 1)
