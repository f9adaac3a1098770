"""Rules of what is active: what a guest acknowledged and has not ended, and no other (11, 12, 14, 15)."""

from __future__ import annotations

from collections import Counter

from vgic.arch.gicc import INTID
from vgic.arch.ich import EN
from vgic.arch.intid import LPI_START, special
from vgic.arch.state import ACTIVE, INVALID
from vgic.rules.delivery import IMPLEMENTED
from vgic.rules.ghost import NOBODY
from vgic.rules.judge import RecordingCheck
from vgic.rules.world import ISACTIVER, OfVcpus, VcpuView, World, design_bit, lrs_of, named, valid
from vgic.silicon.priority import IDLE, bit
from vgic.silicon.virtual_interface import ListRegister

# -- 11, 12: active from the acknowledge to the deactivation

def _held_active(w: World, run: VcpuView, vintid: int) -> bool | None:
    """Whether a vCPU's interrupt is active, for its hypervisor: in a list register that still holds it (a hypervisor
    may leave them as they are over an exit), else as userspace reads it. None where nobody can tell."""
    pe = run.vcpu.pe
    if pe is None:
        return None
    shown = [lr for lr in w.gic.virtual[pe].lrs if named(run, lr) == vintid and (vintid or lr.state != INVALID)]
    return any(lr.state & ACTIVE for lr in shown) if shown else design_bit(w, run, ISACTIVER, vintid)


def _differs(w: World, run: VcpuView, guest_active: bool) -> str | None:
    """An interrupt whose active state the design has otherwise than its guests made it, while no vCPU of the VM runs or
    is about to. An end that a maintenance interrupt is still to tell of is under way."""
    if any(each.vcpu.in_guest or each.vcpu.entering for each in run.vm.vcpus):
        return None
    if not guest_active and any(each.vcpu.pe is not None and w.gic.maintenance(each.vcpu.pe) for each in run.vm.vcpus):
        return None
    for vintid, ghost in run.irqs.items():
        if (vintid >= 32 and run.vcpu.index) or vintid >= LPI_START:
            continue
        if (ghost.active is not None) is not guest_active:
            continue
        holder = ghost.target if ghost.active == NOBODY else ghost.active
        held = _held_active(w, run if holder is None else run.vm.vcpus[holder], vintid)
        if held is not None and held is not guest_active:
            return f"{run.name}: {vintid}"
    return None


@OfVcpus
def completion_is_lost(w: World, run: VcpuView) -> str | None:
    """Rule 11."""
    found = _differs(w, run, False)
    return f"{found} was deactivated by its guest, and the hypervisor has it active" if found else None


@OfVcpus
def active_is_lost(w: World, run: VcpuView) -> str | None:
    """Rule 12."""
    found = _differs(w, run, True)
    return f"{found} was acknowledged and not deactivated, and the hypervisor has it inactive" if found else None


# -- 14: each acknowledge has one drop

@OfVcpus
def priorities_differ(w: World, run: VcpuView) -> str | None:
    """Rule 14. Nothing where the guest runs without the virtual CPU interface."""
    pe = run.vcpu.pe
    if pe is None or not run.vcpu.in_guest or not w.gic.virtual[pe].state.hcr & EN:
        return None
    held = sum(group.active.bit_count() for group in w.gic.virtual[pe].groups)
    dropped = run.guest.state.dropped
    due = len(dropped) - sum(dropped) + len(run.guest.state.owing)
    if held != due:
        return f"{run.name}: {held} active priorities, {due} interrupts acknowledged and not dropped"
    return _other_priorities(w, run, pe)


def _other_priorities(w: World, run: VcpuView, pe: int) -> str | None:
    """Priorities that are active in a vCPU's interface, and not those of what its guest has acknowledged. Nothing where
    it has ended interrupts in another order, or has changed a priority."""
    guest, virtual = run.guest.state, w.gic.virtual[pe]
    if guest.owing or guest.dropped != tuple(sorted(guest.dropped)):
        return None
    due = 0
    for (iar, _), dropped in zip(guest.stack, guest.dropped, strict=True):
        ghost = run.irqs.get(iar & INTID if run.vcpu.vm.gic == 2 else iar)
        if ghost is None or ghost.stale:
            return None
        if not dropped:
            due |= bit(ghost.priority & IMPLEMENTED, virtual.preemption_bits)
    held = virtual.groups[0].active | virtual.groups[1].active
    if held != due:
        return f"{run.name}: active priorities {held:#x}; those acknowledged and not dropped are {due:#x}"
    return None


class AcknowledgesMatchDrops(RecordingCheck):
    """Rule 14, at each EOIR of a guest: a priority is active; it is of the group that the register drops; and it is
    that of the interrupt named. What a guest has acknowledged is known only of interrupts in list registers, as vCPUs
    come and go. The host's ends are rule 41's."""

    rule_id = 14

    def guest_ends(self, pe: int, register: str, vintid: int) -> None:
        """A drop needs an active priority, that of the list register named."""
        if "EOIR" not in register or special(vintid):
            return
        self.judged += 1
        virtual = self.chip.virtual[pe]
        running = virtual.running_priority()
        group = 0 if virtual.groups[0].active & bit(running, virtual.preemption_bits) else 1
        said = f"{register} of {vintid} by the guest on pe{pe}"
        lr = virtual.find_active(vintid)
        if running == IDLE:
            self.broken(f"{said}: no priority is active")
        elif register[8:9] in ("0", "1") and group != int(register[8]):
            self.broken(f"{said}: the active priority is of group {group}")
        elif lr is not None and lr.priority & virtual.mask(lr.group) != running:
            self.broken(f"{said}: drops {running:#x}, and {lr} is not that")


# -- 15: an LPI has no active state

@OfVcpus
def lpi_is_active(w: World, run: VcpuView) -> str | None:
    """Rule 15."""
    if max(run.irqs, default=0) < LPI_START:
        return None
    for lr in valid(lrs_of(w, run)):
        if lr.vintid < LPI_START or not lr.state & ACTIVE:
            continue
        if lr.vintid not in (*(iar for iar, _ in run.guest.state.stack), *run.guest.state.owing):
            return f"{run.name}: LPI {lr.vintid} is active, and its guest has ended it"
    return None


class NoActiveLpi(RecordingCheck):
    """Rule 15, at each list register written with an active LPI, and after each EOIR of one.

    Between its IAR and its EOIR an LPI in a list register is Active, and a hypervisor may save and restore it so; what
    must not be is one that is active without an acknowledge that still waits for its EOIR.
    """

    rule_id = 15

    def prepare(self) -> None:
        self.acknowledged: Counter[int] = Counter()
        self.heard_of: set[int] = set()

    def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None, source: int) -> None:
        """Active from now on."""
        if vintid >= LPI_START:
            self.heard_of.add(vintid)
            self.acknowledged[vintid] += 1

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        """Software may only restore it."""
        if lr.vintid >= LPI_START and lr.state & ACTIVE:
            if not self.judge.whole and lr.vintid not in self.heard_of:
                self.untold += 1      # it may have been acknowledged before the recording began
                self.heard_of.add(lr.vintid)
                self.acknowledged[lr.vintid] += 1
                return
            self.judged += 1
            if not self.acknowledged[lr.vintid]:
                self.broken(f"{lr} of pe{pe} is written active, and no guest has it acknowledged")

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        """After EOIR no list register holds it active."""
        if vintid >= LPI_START and "EOIR" in register:
            self.judged += 1
            self.heard_of.add(vintid)
            self.acknowledged[vintid] -= 1
            if self.acknowledged[vintid] <= 0:
                del self.acknowledged[vintid]
            held = self.chip.virtual[pe].find_active(vintid)
            if held is not None:
                self.broken(f"{held} of pe{pe} is active after {register}")
