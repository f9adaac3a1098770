"""The witness: it turns the moments of a machine into what rules remember of it.

The machine tells what happens and knows nothing of rules; the rules look at ghosts and never at what happened. Between
the two stands the witness: it hears every moment, after the rules that are judged as it happens, and brings the ghosts
up to date.
"""

from __future__ import annotations

from collections.abc import Iterable

from vgic.arch.intid import special
from vgic.arch.state import PENDING
from vgic.parts import step
from vgic.rules.delivery import is_edge
from vgic.rules.ghost import DROPPED, GONE, NOBODY, NONE, PRESENT, STORM, Faults, IrqGhost
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView, World, elsewhere, forwarded, on_its_way
from vgic.silicon.virtual_interface import ListRegister


class Witness(Moments[VcpuView]):
    """Remembers. It never changes itself; the ghosts do.

    Args:
        w: the machine.

    Attributes:
        faults: what rules found as it happened.
    """

    def __init__(self, w: World) -> None:
        self.w = w
        self.faults = Faults()

    def _anew(self) -> None:
        """Something happened that may signal an interrupt anew, to whomever."""
        for vm in self.w.vms:
            for run in vm.vcpus:
                if run.ghost.spurious:
                    run.ghost.spurious = 0

    # -- devices, time and the host

    def device_drives(self, who: VcpuView | None, vintid: int, level: bool, device: str) -> None:
        if who is not None:
            who.irqs[vintid].line_moved(level)
        self._anew()

    def device_pulses(self, who: VcpuView | None, vintid: int, device: str) -> None:
        self._anew()

    def edge_accepted(self, who: VcpuView, vintid: int) -> None:
        ghost = who.irqs[vintid]
        ghost.edge_came()
        ghost.was_disabled = ghost.was_disabled or not ghost.enabled or not who.vm.ghost.forwards

    def left_pending(self, who: VcpuView, vintid: int) -> None:
        ghost = who.irqs[vintid]
        if who.vm.is_level(vintid):
            ghost.cause = DROPPED
        else:
            ghost.credit = 1

    def time_passed(self, count: int) -> None:
        self._anew()

    def host_disables(self, pintid: int, disable: bool) -> None:
        for ghost in forwarded(self.w, pintid, None):
            ghost.taken = False

    def host_took(self, pe: int, pintid: int) -> None:
        for ghost in forwarded(self.w, pintid, pe):
            ghost.taken = ghost.cause == PRESENT        # else it was a latch, of which its guest gets nothing

    # -- vCPUs

    def flushes(self, who: VcpuView) -> None:
        """What the guest's own model has lowered is known to be low from here on."""
        for vintid, ghost in who.irqs.items():
            if (ghost.software and ghost.cause == DROPPED and ghost.target == who.vcpu.index
                    and not elsewhere(self.w, who, vintid)):
                ghost.cause = GONE

    def entered(self, who: VcpuView) -> None:
        pe = who.vcpu.pe
        assert pe is not None
        if self.w.gic.maintenance(pe):
            who.ghost.maintained = True
        elif who.ghost.barren:
            who.ghost.barren = 0

    def left(self, who: VcpuView, reason: str) -> None:
        self._exit(who)
        for ghost in who.irqs.values():
            if ghost.stale and ghost.active is None and ghost.target == who.vcpu.index:
                ghost.stale = False

    @step
    def _exit(self, who: VcpuView) -> None:
        if who.ghost.maintained:
            who.ghost.barren = min(STORM, who.ghost.barren + 1)
            who.ghost.maintained = False
        if who.vcpu.pe is not None:
            for lr in self.w.gic.virtual[who.vcpu.pe].lrs:
                self._sees(who, lr)

    @step
    def _sees(self, who: VcpuView, lr: ListRegister) -> None:
        """The exit sees that a level has dropped, where it is pending or active in a list register; what the guest had
        ended was seen by its end. An irqfd carries no falling edge: there it is the end alone that tells."""
        ghost = who.irqs.get(lr.vintid) if lr.state else None
        if (ghost is not None and ghost.cause == DROPPED and ghost.target == who.vcpu.index
                and lr.vintid not in who.vm.completions):
            self._gone(who, lr.vintid, ghost)

    def _gone(self, who: VcpuView, vintid: int, ghost: IrqGhost) -> None:
        """What may have been taken from a list register, though it had dropped or was cleared, may be so no more."""
        if is_edge(who, vintid):
            ghost.cause, ghost.credit = NONE, int(ghost.owed)
        else:
            ghost.cause = GONE

    # -- guests

    def guest_steps(self, who: VcpuView) -> None:
        self._anew()
        self._goes_on(who)

    def guest_takes(self, who: VcpuView) -> None:
        self._goes_on(who)

    def _goes_on(self, who: VcpuView) -> None:
        if who.ghost.barren:
            who.ghost.barren = 0
        if who.ghost.maintained:
            who.ghost.maintained = False

    def guest_read_iar(self, who: VcpuView, expected: int, got: int, changed: bool | None) -> None:
        if special(got) and changed is None:        # it was signalled; nobody asked for this read
            who.ghost.spurious = min(STORM, who.ghost.spurious + 1)

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        if who.ghost.spurious:
            who.ghost.spurious = 0
        ghost = who.irqs.get(vintid)
        if ghost is None:
            return
        if who.vcpu.vm.gic == 2 and vintid < 16:
            ghost.sources &= ~(1 << source)
        elif vintid >= 16 and who.vm.is_level(vintid):
            ghost.soft = False
        else:
            ghost.credit = max(0, ghost.credit - 1)
            ghost.owed = ghost.soft = ghost.was_disabled = False
            if ghost.cause == DROPPED:
                ghost.cause = NONE
        ghost.active = who.vcpu.index

    def guest_deactivates(self, who: VcpuView, vintid: int) -> None:
        ghost = who.irqs.get(vintid)
        if ghost is not None:
            self._inactive(ghost)
            if ghost.cause == DROPPED:
                ghost.cause = GONE

    def _inactive(self, ghost: IrqGhost) -> None:
        ghost.active = None
        ghost.taken = False
        if ghost.stale:
            ghost.stale = False

    def guest_sends_sgi(self, who: VcpuView, target: VcpuView, intid: int) -> None:
        ghost = target.irqs[intid]
        if who.vcpu.vm.gic == 2:
            ghost.sources |= 1 << who.vcpu.index
        else:
            ghost.edge_came()

    def guest_writes(self, who: VcpuView, register: str, owner: VcpuView, vintid: int, value: int) -> None:
        ghost = owner.irqs[vintid]
        match register:
            case "IPRIORITYR":
                if ghost.active is not None or elsewhere(self.w, who, vintid):
                    ghost.stale = True
                ghost.priority = value
            case "IROUTER":
                ghost.target = value
            case "ISENABLER":
                ghost.enabled = True
                if ghost.cause == DROPPED and vintid not in who.vm.completions and not elsewhere(self.w, who, vintid):
                    ghost.cause = GONE          # an enable samples the line
            case "ICENABLER":
                ghost.was_disabled = True
            case "IGROUPR" if value:
                ghost.hidden = False
            case "IGROUPR":
                ghost.was_disabled = True
            case "ISPENDR" | "ICPENDR":
                self._pends(who, register, vintid, ghost)
            case "SPENDSGIR":
                ghost.sources |= 1 << value
            case "CPENDSGIR":
                ghost.sources &= ~(1 << value)
            case "ISACTIVER":
                ghost.active = NOBODY if ghost.active is None else ghost.active
            case "ICACTIVER":
                self._inactive(ghost)

    def _pends(self, who: VcpuView, register: str, vintid: int, ghost: IrqGhost) -> None:
        if who.vcpu.vm.gic == 2 and vintid < 16:
            return                              # a GICv2's SGIs have sources: writes are ignored (IHI 0048B 4.3.7)
        soft, ghost.taken = ghost.soft, False
        ghost.soft = register == "ISPENDR"
        edge = is_edge(who, vintid)
        if register == "ISPENDR":
            if edge:
                ghost.edge_came()
        elif edge:
            there = elsewhere(self.w, who, vintid, PENDING)
            ghost.cleared(there + on_its_way(self.w, who, vintid))
            ghost.cause = DROPPED if there else NONE        # it may be taken there until that vCPU is left
        elif soft and ghost.cause != PRESENT and elsewhere(self.w, who, vintid):
            ghost.cause = DROPPED

    def guest_wrote(self, who: VcpuView, register: str, owner: VcpuView, vintid: int, value: int) -> None:
        if register == "ICENABLER":             # disabled from the moment that the write has returned
            owner.irqs[vintid].enabled = False
        elif register == "IGROUPR" and not value:
            owner.irqs[vintid].hidden = True

    def guest_switches(self, who: VcpuView, on: bool) -> None:
        who.vm.ghost.forwards = on
        for run in who.vm.vcpus:
            for ghost in run.irqs.values():
                if not on and ghost.owed:
                    ghost.was_disabled = True

    def booted(self, vcpus: Iterable[VcpuView]) -> None:
        """The machine begins here: what came of the way there does not count."""
        for run in vcpus:
            run.ghost.barren = 0

    def parts(self) -> tuple[object, ...]:
        """The ghosts that are of no VM; those of a VM are in its `VmGhosts`."""
        return (self.faults,)
