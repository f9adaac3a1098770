"""The physical CPU interface's common part: signalling, acknowledge, priority drop (IHI 0069 4.8, IHI 0048B 3.3).

An interrupt that the distributor forwards is signalled if its group is enabled here, its priority is higher than the
priority mask (strictly) and its group priority is higher than the running priority. The acknowledge makes the group
priority active; the drop ends the highest active one; the deactivation belongs to the distributor.

Groups are indexed by G0, G1S and G1NS; a GICv2 and a single Security state use G0 and G1NS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from vgic.silicon.candidate import Candidate
from vgic.silicon.ends import Acknowledged
from vgic.silicon.interrupt import G0, G1NS, G1S
from vgic.silicon.options import CpuInterfaceOptions
from vgic.silicon.priority import IDLE, Group, bit, group_mask, implemented, lowest, preempts
from vgic.silicon.report import OnNotice, ignore


class CpuState:
    """What a physical CPU interface keeps beside its groups.

    Attributes:
        pmr: the priority mask as the Secure side sees it.
        cbpr_s, cbpr_ns: Group 1 uses Group 0's binary point. eoimode_s, eoimode_ns, eoimode_el3: EOIR only drops.
        ackctl, fiqen: GICv2: GICC_CTLR.AckCtl and FIQEn.
    """

    __slots__ = ("ackctl", "cbpr_ns", "cbpr_s", "eoimode_el3", "eoimode_ns", "eoimode_s", "fiqen", "pmr")

    def __init__(self) -> None:
        self.pmr = 0
        self.cbpr_s = self.cbpr_ns = self.eoimode_s = self.eoimode_ns = self.eoimode_el3 = False
        self.ackctl = self.fiqen = False


class CpuInterface(ABC):
    """The rules of one PE's physical CPU interface. Its own attributes never change.

    Args:
        options: the implementation's choices. preemption_bits: of the active priorities.
        groups: what it keeps for each group (`physical_groups`). report: takes the notices.
    """

    mask_candidate = True
    """The option preemption_masks_candidate."""

    def __init__(
        self, options: CpuInterfaceOptions, preemption_bits: int, groups: tuple[Group, Group, Group], report: OnNotice,
    ) -> None:
        self.report, self.tells = report, report is not ignore
        self.acknowledged = Acknowledged()
        self.preemption_bits = preemption_bits
        self.min_bpr = 7 - preemption_bits
        self.priority_mask = implemented(options.priority_bits)
        self.state = CpuState()
        self.groups = groups

    @abstractmethod
    def best(self) -> Candidate | None:
        """The highest priority pending interrupt."""

    @abstractmethod
    def outputs(self) -> tuple[bool, bool]:
        """IRQ and FIQ to the PE."""

    @abstractmethod
    def named(self, iar: int) -> Candidate | None:
        """What a read of IAR that gave this value has acknowledged, whatever is pending here; None where that is no
        interrupt of the chip."""

    def enabled_groups(self) -> int:
        """A bit for each enabled group."""
        return sum(1 << i for i, g in enumerate(self.groups) if g.enabled)

    def mask(self, group: int) -> int:
        """The group priority bits for an interrupt of a group. Non-secure Group 1's binary point counts one less
        (IHI 0069 4.8.2, Table "Priority grouping by binary point")."""
        if group == G1NS and not self.state.cbpr_ns:
            return group_mask(self.groups[G1NS].bpr - 1)
        if group == G1S and not self.state.cbpr_s:
            return group_mask(self.groups[G1S].bpr)
        return group_mask(self.groups[G0].bpr)

    def running_priority(self) -> int:
        """The group priority of the highest active interrupt, IDLE if none."""
        g = self.groups
        return lowest(g[G0].active | g[G1S].active | g[G1NS].active, self.preemption_bits)

    def active_group(self) -> int | None:
        """The group of the highest active priority: G0 first, then G1S, on a tie."""
        running = self.running_priority()
        if running == IDLE:
            return None
        mine = bit(running, self.preemption_bits)
        return next(i for i, g in enumerate(self.groups) if g.active & mine)

    def signals(self, irq: Candidate | None) -> bool:
        """Whether the forwarded interrupt is signalled to the PE."""
        if irq is None or not self.groups[irq.group].enabled or irq.priority >= self.state.pmr:
            return False
        running = self.running_priority()
        if running == IDLE:
            return True
        return preempts(irq.priority, running, self.mask(irq.group) if self.mask_candidate else IDLE)

    def acknowledge(self, candidate: Candidate) -> None:
        """It is taken: it becomes active, and so does its group priority."""
        group = self.groups[candidate.group]
        group.active |= bit(candidate.priority & self.mask(candidate.group), self.preemption_bits)
        if self.tells:
            self.acknowledged.take(candidate.iar, candidate.group)
        candidate.acknowledge()

    def drop(self, group: int) -> None:
        """Ends the highest active priority of a group."""
        active = self.groups[group].active
        self.groups[group].active = active & (active - 1) if active else 0

    def restored(self) -> None:
        """Software has written active priorities."""
        if self.tells:
            self.acknowledged.restore(sum(group.active.bit_count() for group in self.groups))

    def set_bpr(self, group: int, value: int) -> None:
        """A binary point write, raised to the minimum (IHI 0069, ICC_BPR0_EL1, ICC_BPR1_EL1)."""
        self.groups[group].bpr = max(value & 7, self.min_bpr + (group == G1NS))

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        return (self.state, self.acknowledged, *self.groups)
