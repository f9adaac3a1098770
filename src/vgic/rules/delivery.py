"""Rules of delivery: what came is delivered, once, to who it is for, and nothing else is (1 to 4, 13, 34, 35, 39).

Whether an interrupt is lost shows when the machine is at rest: nothing happens any more by itself, and its guest, which
would take it, has not got it. Then the rule broken depends on where the interrupt is. It is in no carrier: 1 (an edge),
2 (a level). It is with the hypervisor: its vCPU sleeps (19), runs on and was not told (20), or has all list registers
full and no exit armed (18), or only such as can't be taken (13).

Whether it is delivered twice, or without a cause, shows when a guest acknowledges it (3, 4, 34, 39).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vgic.arch.gicc import INTID
from vgic.arch.state import PENDING
from vgic.rules.ghost import DROPPED, PRESENT, IrqGhost
from vgic.rules.judge import MomentCheck
from vgic.rules.world import ISPENDR, VcpuView, VmView, World, design_bit, lrs_of, named, valid
from vgic.silicon.priority import IDLE, implemented
from vgic.silicon.virtual_interface import ListRegister

IMPLEMENTED = implemented(5)
"""The bits of a virtual priority: a hypervisor shows its guests five."""


class Undelivered(NamedTuple):
    """An interrupt that its guest would take, and has not got."""

    run: VcpuView
    vm: VmView
    vintid: int
    ghost: IrqGhost
    level: bool

    def __str__(self) -> str:
        what = "its line is high" if self.level and not self.ghost.soft else "it became pending"
        return f"{self.run.name}: {self.vintid}: {what}, its guest would take it, and nothing happens any more"


def would_take(run: VcpuView, ghost: IrqGhost) -> bool:
    """Whether the guest has enabled the interrupt and lets it through: its distributor, its mask and its running
    priority do (IHI 0069 4.8.6; IHI 0048B 3.3.3). Guests leave the binary point at its minimum."""
    g = run.guest.state
    if not (run.vm.ghost.forwards and ghost.enabled and not ghost.hidden and ghost.active is None and not g.masked
            and g.grpen):
        return False
    priority = ghost.priority & IMPLEMENTED
    return priority < g.pmr & IMPLEMENTED and preempted(run, priority, True) is None


def preempted(run: VcpuView, priority: int, stale: bool = False) -> int | None:
    """What the guest has acknowledged and not dropped that is as urgent as this priority, as IAR returned it; None if
    it preempts all. `stale`: whether priorities count that were changed while their interrupts were active."""
    g = run.guest.state
    for iar in (*(iar for (iar, _), dropped in zip(g.stack, g.dropped, strict=True) if not dropped), *g.owing):
        ghost = run.irqs.get(iar & 0x3FF if run.vcpu.vm.gic == 2 else iar)
        if priority >= _priority(run, iar) and (stale or ghost is None or not ghost.stale):
            return iar
    return None


def _priority(run: VcpuView, iar: int) -> int:
    """The group priority of what IAR returned. A GICv2's tells the source of an SGI above the INTID."""
    ghost = run.irqs.get(iar & INTID if run.vcpu.vm.gic == 2 else iar)
    return ghost.priority & IMPLEMENTED if ghost is not None else IDLE


def outstanding(w: World) -> Iterator[Undelivered]:
    """Every interrupt that its guest would take now, and has not got."""
    for vm in w.vms:
        for run in vm.vcpus:
            for vintid, ghost in run.irqs.items():
                if ghost.target != run.vcpu.index or not would_take(run, ghost) or w.withheld(run, vintid):
                    continue
                level = vintid >= 16 and vm.is_level(vintid)
                if ghost.soft or (w.level_of(run, vintid) if level else ghost.owed):
                    yield Undelivered(run, vm, vintid, ghost, level)


def undelivered(w: World) -> Iterator[Undelivered]:
    """Every interrupt that is not delivered at rest. Nothing while the machine goes on by itself, and nothing that
    waits for a scheduler."""
    if w.quiescent():
        for u in outstanding(w):
            if not waits(u.vm, u.run, u.ghost):
                yield u


def waits(vm: VmView, run: VcpuView, ghost: IrqGhost) -> bool:
    """Whether a scheduler may bring an interrupt on: its vCPU waits for a PE, or another one, that may have it since it
    went there."""
    return not scheduled(run) or (ghost.target != ghost.routed and not all(map(scheduled, vm.vcpus)))


def scheduled(run: VcpuView) -> bool:
    """Whether a vCPU does not wait for a PE."""
    return run.vcpu.pe is not None or run.vcpu.blocked or run.vcpu.off


def carried(w: World, u: Undelivered) -> bool:
    """Whether the hypervisor still has it, pending."""
    if any(named(u.run, lr) == u.vintid and lr.state & PENDING for lr in lrs_of(w, u.run)):
        return True
    return bool(design_bit(w, u.run, ISPENDR, u.vintid))


def full(w: World, run: VcpuView) -> bool:
    """Whether all list registers of a running vCPU hold something."""
    lrs = lrs_of(w, run)
    return bool(lrs) and len(valid(lrs)) == len(lrs)


# -- 1, 2, 13: what came is with its guest, or can still get there

def edge_is_lost(w: World) -> str | None:
    """Rule 1."""
    for u in undelivered(w):
        if not u.level or u.ghost.soft:
            where = carried(w, u)
            if not where:
                return f"{u}; it is pending nowhere that can be seen"
    return None


def level_is_unseen(w: World) -> str | None:
    """Rule 2."""
    for u in undelivered(w):
        if u.level and not u.ghost.soft:
            return str(u)
    return None


def kept_out(w: World) -> str | None:
    """Rule 13."""
    for u in undelivered(w):
        lrs = lrs_of(w, u.run)
        if full(w, u.run) and not any(lr.state == PENDING for lr in lrs):
            held = ", ".join(str(lr.vintid) for lr in lrs)
            return f"{u}; the list registers hold {held}, all active"
    return None


# -- 3, 4: no delivery without a cause of its own

class NotAfterTheDrop(MomentCheck):
    """Rule 3, at each acknowledge of a level interrupt."""

    rule_id = 3

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        ghost = who.irqs.get(vintid)
        if (ghost is not None and vintid >= 16 and who.vm.is_level(vintid) and ghost.cause not in (PRESENT, DROPPED)
                and not ghost.soft):
            self.broken(f"{who.name} acknowledges {vintid}, whose line is low, and it has been out of its guest since"
                        " it dropped")


class OnceAnEdge(MomentCheck):
    """Rule 4, at each acknowledge: of an interrupt that there is, that is not active, and (an edge) that came and was
    not cleared."""

    rule_id = 4

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        ghost = who.irqs.get(vintid)
        said = f"{who.name} acknowledges {vintid}"
        if ghost is None:
            self.broken(f"{said}, which its machine does not have")
            return
        if ghost.active is not None:
            self.broken(f"{said}, which is active: vCPU {ghost.active} has not deactivated it")
        if not ghost.credit and is_edge(who, vintid):
            self.broken(f"{said} once more than edges came and were not cleared")


def is_edge(run: VcpuView, vintid: int) -> bool:
    """Whether each cause of an interrupt may be acknowledged once: edges, and the SGIs of a GICv3; those of a GICv2 are
    counted by their sources."""
    return run.vcpu.vm.gic == 3 if vintid < 16 else not run.vm.is_level(vintid)


# -- 34: what is disabled waits

def forgotten_while_disabled(w: World) -> str | None:
    """Rule 34: enabled again, and not delivered."""
    for u in undelivered(w):
        if u.ghost.was_disabled and not carried(w, u):
            return f"{u}; it came while it was disabled"
    return None


class NotWhileDisabled(MomentCheck):
    """Rule 34, at each acknowledge."""

    rule_id = 34

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        ghost = who.irqs.get(vintid)
        if ghost is not None and not ghost.enabled:
            self.broken(f"{who.name} acknowledges {vintid}, which its guest has disabled")
        elif ghost is not None and ghost.hidden:
            self.broken(f"{who.name} acknowledges {vintid}, and its guest has disabled its group")
        elif not who.vm.ghost.forwards:
            self.broken(f"{who.name} acknowledges {vintid}, and its guest has switched the distributor off")


# -- 35: what was sent elsewhere goes there

class PendingWhereItGoes(MomentCheck):
    """Rule 35, as list registers are filled for an entry: none holds an SPI pending that goes to another vCPU."""

    rule_id = 35

    def flushed(self, who: VcpuView) -> None:
        pe = who.vcpu.pe
        for lr in self.w.gic.virtual[pe].lrs if pe is not None else ():
            ghost = who.irqs.get(lr.vintid) if lr.state == PENDING and lr.vintid >= 32 else None
            if ghost is not None and ghost.target != who.vcpu.index:
                self.broken(f"{who.name} enters with {lr.vintid} pending, which goes to vCPU {ghost.target}")


# -- 39: the SGIs of a GICv2 have sources

def sgi_of_a_source_lost(w: World) -> str | None:
    """Rule 39, GICv2."""
    if not w.quiescent():
        return None
    for vm in w.vms:
        for run in vm.vcpus:
            for vintid, ghost in run.irqs.items():
                if ghost.sources and would_take(run, ghost) and scheduled(run):
                    senders = [n for n in range(8) if ghost.sources >> n & 1]
                    return f"{run.name}: SGI {vintid} of vCPU {', '.join(map(str, senders))} is not delivered"
    return None


class OnceASource(MomentCheck):
    """Rule 39, at each acknowledge of a GICv2's SGI."""

    rule_id = 39

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        ghost = who.irqs.get(vintid)
        if ghost is not None and who.vcpu.vm.gic == 2 and vintid < 16 and not ghost.sources >> source & 1:
            self.broken(f"{who.name} acknowledges {vintid} from vCPU {source}, which did not send it")
