"""Rules of what a guest reads: IAR, and what its distributor tells of an interrupt (16, 22)."""

from __future__ import annotations

from vgic.arch.intid import special
from vgic.rules.delivery import IMPLEMENTED, is_edge, preempted
from vgic.rules.ghost import DROPPED, PRESENT
from vgic.rules.judge import MomentCheck, RecordingCheck
from vgic.rules.world import VcpuView, on_its_way
from vgic.silicon.virtual_interface import ListRegister

# -- 16: an IAR that finds nothing changes nothing

class SpuriousLeavesAll(MomentCheck):
    """Rule 16, at each IAR that a guest reads without being asked to. Where that traps, list registers are emptied by
    the exit."""

    rule_id = 16

    def guest_read_iar(self, who: VcpuView, expected: int, got: int, changed: bool | None) -> None:
        if special(got) and changed and who.vcpu.in_guest:
            self.broken(f"{who.name} reads {got} from IAR, and the interface changes")


class SpuriousChangesNothing(RecordingCheck):
    """Rule 16, at each acknowledge where the chip has nothing to deliver: it returns a special INTID, and a guest's
    leaves the list registers as they are (one that holds a special INTID would be taken)."""

    rule_id = 16

    def guest_read_iar(self, pe: int, expected: int, got: int, changed: bool | None) -> None:
        """The guest's IAR."""
        if special(expected):
            self.judged += 1
            if not special(got):
                self.broken(f"the guest's IAR on pe{pe} returned {got}, and nothing was deliverable")
            elif changed:
                self.broken(f"the guest's IAR on pe{pe} returned {got} and changed a list register")

    def host_read_iar(self, pe: int, expected: int, got: int) -> None:
        """The host's IAR."""
        if special(expected):
            self.judged += 1
            if not special(got):
                self.broken(f"the host's IAR on pe{pe} returned {got}, and nothing was deliverable")


class NothingKeepsItBack(MomentCheck):
    """Rule 16, at each acknowledge of a guest: the registers that the guest itself set let the interrupt through: its
    group enable, its priority mask, and the priorities of what it has acknowledged and not dropped. Nothing is said
    while a priority may still be one that was changed where nobody reached it."""

    rule_id = 16

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        ghost, guest = who.irqs.get(vintid), who.guest.state
        if ghost is None or ghost.stale:
            return
        priority = ghost.priority & IMPLEMENTED
        if not guest.grpen:
            self.broken(f"{who.name} acknowledges {vintid}, and its guest has disabled its group")
        elif priority >= guest.pmr & IMPLEMENTED:
            self.broken(f"{who.name} acknowledges {vintid} of priority {priority:#x}, and its guest's mask is"
                        f" {guest.pmr:#x}")
        else:
            held = preempted(who, priority)
            if held is not None:
                self.broken(f"{who.name} acknowledges {vintid} of priority {priority:#x} while its guest handles"
                            f" {held}, which is as urgent")


# -- 22: what is read was true

class ReadsAreTrue(MomentCheck):
    """Rule 22: what a guest reads of enable, priority and active is what guests did; of pending, what devices and
    guests did, as far as it cannot be on its way. A level's line holds it pending whether it is active or not."""

    rule_id = 22

    def guest_read(self, who: VcpuView, register: str, owner: VcpuView, vintid: int, value: int) -> None:
        ghost = owner.irqs[vintid]
        match register:
            case "ISENABLER":
                true = bool(value) == ghost.enabled
            case "IPRIORITYR":
                true = value & IMPLEMENTED == ghost.priority & IMPLEMENTED
            case "ISACTIVER":
                true = bool(value) == (ghost.active is not None)
            case _ if value:
                true = (ghost.owed or ghost.soft or ghost.cause in (PRESENT, DROPPED) or ghost.credit > 0
                        or ghost.sources != 0)
            case _:
                came = ghost.owed or (ghost.cause == PRESENT and not is_edge(owner, vintid))
                true = not (ghost.soft or ghost.sources or (came and not on_its_way(self.w, owner, vintid)))
        if not true:
            self.broken(f"{who.name} reads {register} of {vintid} as {value if value < 2 else hex(value)}")
