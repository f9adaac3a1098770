"""Rules of what is held where: list registers, twins, active states, priorities, timers (5 to 15, 17, 18, 23, 33)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vgic.arch.ich import EN, LRENPIE, TC, TDIR
from vgic.arch.intid import LPI_START
from vgic.arch.state import ACTIVE, INVALID, PENDING_ACTIVE
from vgic.rules.delivery import full, waits, would_take
from vgic.rules.ghost import NOBODY
from vgic.rules.world import ISACTIVER, OfVcpus, VcpuView, VmView, World, design_bit, lrs_of, named, valid
from vgic.silicon import GicV2

STORM = 2


@OfVcpus
def two_list_registers(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 5, of one vCPU."""
    seen: set[tuple[int, int]] = set()
    twins: set[int] = set()
    for lr in valid(lrs_of(w, run)):
        key = (lr.vintid, lr.cpuid if lr.vintid < 16 else 0)
        if key in seen:
            return f"{run.name}: vINTID {lr.vintid} is in two list registers"
        if lr.hw and lr.pintid in twins:
            return f"{run.name}: pINTID {lr.pintid} is in two list registers"
        seen.add(key)
        if lr.hw:
            twins.add(lr.pintid)
    return None


def two_vcpus(w: World) -> str | None:
    """Rule 5, of shared interrupts."""
    shared: dict[tuple[str, int], str] = {}
    for vm in w.vms:
        for run in vm.vcpus if len(vm.vcpus) > 1 else ():
            for lr in valid(lrs_of(w, run)):
                vintid = named(run, lr)
                if vintid >= 32 and shared.setdefault((vm.name, vintid), run.name) != run.name:
                    return f"{vintid} is in list registers of {shared[vm.name, vintid]} and {run.name}"
    return None


@OfVcpus
def twin_is_inactive(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 6."""
    for lr in valid(lrs_of(w, run)):
        irq = w.gic.distributor.find(lr.pintid, run.vcpu.pe or 0) if lr.hw else None
        if irq is not None and not irq.active:
            return f"{run.name} can deactivate {lr.vintid} with its twin {lr.pintid}, which is not active"
    return None


def hw_pending_and_active(w: World) -> str | None:
    """Rule 7."""
    for pe, interface in enumerate(w.gic.virtual):
        for lr in interface.lrs:
            if lr.hw and lr.state == PENDING_ACTIVE:
                return f"LR{lr.index}@pe{pe} is pending and active with the HW bit: {lr.vintid}"
    return None


class Stuck(NamedTuple):
    """A physical interrupt that is active, and its guest has it neither pending nor active."""

    run: VcpuView
    vm: VmView
    vintid: int
    pintid: int

    def __str__(self) -> str:
        return f"pINTID {self.pintid} stays active; {self.run.name} has {self.vintid} neither pending nor active"


def ownerless(w: World) -> Iterator[Stuck]:
    """Every physical interrupt that is active without its guest now; not one that its guest would not take, and that
    may be pending with the hypervisor: all list registers are full, or the vCPU sleeps."""
    for vm in w.vms:
        for run in vm.vcpus:
            for vintid, ghost in run.irqs.items():
                pintid = w.twins.get((vm.name, vintid))
                if pintid is None or ghost.target != run.vcpu.index or not ghost.enabled or ghost.active is not None:
                    continue
                pe = run.vcpu.pe
                if pintid < 32 and (pe is None or run.guest.state.masked):
                    continue
                irq = w.gic.distributor.find(pintid, pe or 0)
                if irq is None or not irq.active or _shown(w, run, vintid):
                    continue
                if would_take(run, ghost) or not (full(w, run) or run.vcpu.blocked):
                    yield Stuck(run, vm, vintid, pintid)


def stuck_active(w: World) -> str | None:
    """Rule 8. One that its guest masks, or that waits for a scheduler, may be pending with the hypervisor."""
    if w.quiescent():
        for stuck in ownerless(w):
            ghost = stuck.run.irqs[stuck.vintid]
            if not waits(stuck.vm, stuck.run, ghost) and would_take(stuck.run, ghost):
                return str(stuck)
    return None


def _shown(w: World, run: VcpuView, vintid: int) -> bool:
    return any(lr.vintid == vintid for lr in valid(lrs_of(w, run)))


def host_takes_again(w: World) -> str | None:
    """Rule 9."""
    for (pe, intid), ghost in w.taken.items():
        if ghost.times >= STORM:
            return f"the host on pe{pe} took {intid} again, and neither its guest nor its device did anything between"
    return None


@OfVcpus
def wrong_twin(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 10."""
    for lr in valid(lrs_of(w, run)):
        twin = w.twins.get((vm.name, lr.vintid))
        if lr.hw and lr.pintid != twin:
            return f"{run.name}: the list register of {lr.vintid} names pINTID {lr.pintid}, not {twin}"
    return None


def _held_active(w: World, run: VcpuView, vintid: int) -> bool | None:
    """Whether a vCPU's interrupt is active, for its hypervisor: in a list register that still holds it (a hypervisor
    may leave them as they are over an exit), else as userspace reads it. None where nobody can tell."""
    pe = run.vcpu.pe
    if pe is None:
        return None
    shown = [lr for lr in w.gic.virtual[pe].lrs if named(run, lr) == vintid and (vintid or lr.state != INVALID)]
    return any(lr.state & ACTIVE for lr in shown) if shown else design_bit(w, run, ISACTIVER, vintid)


def _differs(w: World, vm: VmView, run: VcpuView, guest_active: bool) -> str | None:
    """An interrupt whose active state the design has otherwise than its guests made it, no vCPU of the VM running."""
    if any(each.vcpu.in_guest for each in vm.vcpus):
        return None
    for vintid, ghost in run.irqs.items():
        if (vintid >= 32 and run.vcpu.index) or vintid >= LPI_START:
            continue
        if (ghost.active is not None) is not guest_active:
            continue
        holder = ghost.target if ghost.active == NOBODY else ghost.active
        held = _held_active(w, run if holder is None else vm.vcpus[holder], vintid)
        if held is not None and held is not guest_active:
            return f"{run.name}: {vintid}"
    return None


@OfVcpus
def completion_is_lost(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 11."""
    found = _differs(w, vm, run, False)
    return f"{found} was deactivated by its guest, and the hypervisor has it active" if found else None


@OfVcpus
def active_is_lost(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 12."""
    found = _differs(w, vm, run, True)
    return f"{found} was acknowledged and not deactivated, and the hypervisor has it inactive" if found else None


@OfVcpus
def priorities_differ(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 14. Nothing where the guest runs without the virtual CPU interface."""
    pe = run.vcpu.pe
    if pe is None or not run.vcpu.in_guest or not w.gic.virtual[pe].state.hcr & EN:
        return None
    held = sum(group.active.bit_count() for group in w.gic.virtual[pe].groups)
    dropped = run.guest.state.dropped
    due = len(dropped) - sum(dropped) + len(run.guest.state.owing)
    if held != due:
        return f"{run.name}: {held} active priorities, {due} interrupts acknowledged and not dropped"
    return None


@OfVcpus
def lpi_is_active(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 15."""
    if max(run.irqs, default=0) < LPI_START:
        return None
    for lr in valid(lrs_of(w, run)):
        if lr.vintid < LPI_START or not lr.state & ACTIVE:
            continue
        if lr.vintid not in (*(iar for iar, _ in run.guest.state.stack), *run.guest.state.owing):
            return f"{run.name}: LPI {lr.vintid} is active, and its guest has ended it"
    return None


@OfVcpus
def no_step_allowed(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 17."""
    if run.ghost.barren >= STORM:
        return f"{run.name} was left twice for a maintenance condition that held at its entry; it made no step"
    return None


@OfVcpus
def completion_not_seen(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 18, completions. Nothing where the guest runs without the virtual CPU interface."""
    lrs = lrs_of(w, run)
    if not lrs:
        return None
    for lr in valid(lrs):
        if lr.vintid not in vm.completions or lr.hw:
            continue
        if not lr.eoi:
            return f"{run.name}: LR{lr.index} holds the level interrupt {lr.vintid} without the EOI bit"
        if lr.state == PENDING_ACTIVE:
            return f"{run.name}: {lr.vintid} is pending and active in LR{lr.index}: its end will not be seen"
    hcr = w.gic.virtual[run.vcpu.pe or 0].state.hcr
    if not hcr & EN:
        return None
    armed = hcr & (LRENPIE | TC | TDIR) if run.guest.state.split else hcr & LRENPIE
    if armed or (isinstance(w.gic, GicV2) and run.guest.state.split):
        return None
    for vintid, ghost in run.irqs.items():
        if vintid >= LPI_START or ghost.active != run.vcpu.index:
            continue
        if not any(named(run, lr) == vintid and lr.state & ACTIVE for lr in lrs):
            return f"{run.name}: {vintid} is active in no list register, and no exit is armed for its end"
    return None


@OfVcpus
def timer_is_not_the_guests(w: World, vm: VmView, run: VcpuView) -> str | None:
    """Rule 23."""
    pe = run.vcpu.pe
    if pe is None or not run.vcpu.in_guest:
        return None
    for name, ghost in run.timers.items():
        if name in w.trapped_timers:
            continue
        timer = w.timers.timers[pe][name]
        if (timer.enable, timer.imask, timer.cval) != (ghost.enable, ghost.imask, ghost.cval):
            now = f"ENABLE {timer.enable:d}, IMASK {timer.imask:d}"
            return f"{run.name}: {name}_CTL_EL0 has {now}; its guest wrote {ghost.enable:d}, {ghost.imask:d}"
    return None


def host_is_left_with_it(w: World) -> str | None:
    """Rule 33."""
    for intid in w.host_lines:
        irq = w.gic.distributor.find(intid, 0)
        if irq is None or w.host_disabled(intid):
            continue
        if not irq.enabled:
            return f"the host's interrupt {intid} is masked, and the host did not mask it"
        if w.quiescent() and (irq.active or w.host_line_high(intid)):
            state = "active" if irq.active else "asserted"
            return f"the host's interrupt {intid} is {state}, and nothing happens any more"
    return None
