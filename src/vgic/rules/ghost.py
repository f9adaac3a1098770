"""What is remembered so that rules can be functions of the present state: ghosts.

A ghost is a small part beside the machine. The `Witness` writes to it what guests and devices did (an edge came and
nobody has acknowledged it; a guest acknowledged and has not deactivated), bounded, so that all schedules can be
explored. Nothing of a chip, a kernel or a design ever looks at a ghost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from vgic.parts import Part

NONE, PRESENT, DROPPED, GONE = 0, 1, 2, 3
"""Why a level interrupt may be delivered: its line was never high; is high; dropped; dropped, and its guest has been
out since."""
NOBODY = -1
"""Who acknowledged an interrupt that was made active by ISACTIVER; where an SPI goes that is sent to no vCPU."""
MOST = 2
"""Edges that are told apart."""
TWICE = 2
"""So often the same, with no step of the guest between, breaks a rule."""
STORM = 3
"""The most that is counted of that."""


class IrqGhost(Part):
    """One virtual interrupt; of a private one, that of one vCPU.

    Attributes:
        enabled: by its guest, as far as the guest knows. priority: likewise. target: the vCPU that an SPI goes to,
            NOBODY for none. routed: the one that it went to at boot; it never changes.
        credit: edges that came and may each be acknowledged once, 0 to MOST.
        owed: whether an edge came after the last acknowledge.
        cause: NONE to GONE; of an edge DROPPED while one that was cleared may still be taken from the list register
            that it is in, else NONE. soft: the guest set it pending by ISPENDR, and it has not been acknowledged since.
        active: the vCPU (its index in the VM) that acknowledged it and has not deactivated it, None if none; NOBODY
            where ISACTIVER made it active.
        was_disabled: whether it has been disabled while an edge was owed.
        hidden: its guest has moved it to the group that it has not enabled.
        stale: its priority was changed where the one that it had may still count: while it was active, or in a list
            register of a vCPU that runs, until that ends.
        software: no physical interrupt stands behind it; it never changes.
        taken: the host has taken the physical interrupt behind this level for it, and since then its line has stayed
            high, and no guest has ended or changed it: its guest has it pending or active.
        sources: GICv2 SGIs: bit n: vCPU n sent it, and it has not been acknowledged since.
    """

    __slots__ = (
        "active", "cause", "credit", "enabled", "hidden", "owed", "priority", "routed", "soft", "software", "sources",
        "stale", "taken", "target", "was_disabled")

    def __init__(self, priority: int, target: int, software: bool = False) -> None:
        self.software = software
        self.enabled = self.hidden = False
        self.priority = priority
        self.target = self.routed = target
        self.credit = self.cause = self.sources = 0
        self.owed = self.soft = self.was_disabled = self.stale = self.taken = False
        self.active: int | None = None

    def edge_came(self) -> None:
        """An edge of a device, or an SGI."""
        self.credit = min(MOST, self.credit + 1)
        self.owed = True

    def line_moved(self, level: bool) -> None:
        """The line of a level-sensitive device."""
        if level:
            self.cause = PRESENT
        else:
            self.taken = False
            if self.cause == PRESENT:
                self.cause = DROPPED

    def cleared(self, may_come: int) -> None:
        """Its guest cleared what is pending of an edge; so many are where that does not reach."""
        self.owed = False
        self.credit = min(self.credit, may_come)


class VcpuGhost(Part):
    """One vCPU.

    Attributes:
        barren: exits in a row by a maintenance interrupt that was there at the entry, with no step of the guest.
        maintained: whether a maintenance condition held right after the last entry, and no step has been made since.
        spurious: times in a row that its guest took what was signalled and IAR returned nothing, with nothing between
            that may signal anew; 0 to STORM.
    """

    __slots__ = ("barren", "maintained", "spurious")

    def __init__(self) -> None:
        self.barren = self.spurious = 0
        self.maintained = False


class VmGhost(Part):
    """One VM. `forwards`: whether its distributor forwards interrupts (GICD_CTLR), as far as its guests know."""

    __slots__ = ("forwards",)

    def __init__(self) -> None:
        self.forwards = True


class Faults(Part):
    """Breaches of rules that are seen in a moment, not in a state.

    Attributes:
        told: (rule, what) of each, at most eight.
    """

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told: tuple[tuple[int, str], ...] = ()

    def tell(self, rule: int, what: str) -> None:
        """A rule is broken."""
        if len(self.told) < 8 and (rule, what) not in self.told:
            self.told = (*self.told, (rule, what))


class VmGhosts:
    """The ghosts of one VM.

    Args:
        vcpus: how many. vintids: its interrupts. priority: of each, at boot. routed: the vCPU that an SPI goes to, 0
            where it doesn't say. software: those that no physical interrupt stands behind.

    Attributes:
        shared: those of its SPIs and LPIs. irqs: for each vCPU its private ones and the shared ones, by vINTID.
        vcpus: one for each. vm: the VM's own.
    """

    def __init__(self, vcpus: int, vintids: Collection[int], priority: Callable[[int], int], routed: Mapping[int, int],
                 software: Collection[int]) -> None:
        self.shared = {v: IrqGhost(priority(v), routed.get(v, 0), v in software) for v in vintids if v >= 32}
        self.irqs: tuple[dict[int, IrqGhost], ...] = tuple(
            {**{v: IrqGhost(priority(v), n) for v in vintids if v < 32}, **self.shared} for n in range(vcpus))
        self.vcpus = tuple(VcpuGhost() for _ in range(vcpus))
        self.vm = VmGhost()

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        private = (g for irqs in self.irqs for v, g in irqs.items() if v < 32)
        return (*self.shared.values(), *private, *self.vcpus, self.vm)
