"""The distributor's common part: which interrupts there are, who is the highest priority pending one for a PE.

SGIs and PPIs are banked: each PE has its own copies, which GICv3 reaches through the PE's redistributor. SPIs exist
once; a target decides which PEs may take one. The distributor forwards to a PE the highest priority interrupt that is
enabled, pending, not active, of an enabled group and (SPIs) targets it (IHI 0048B 3.2, IHI 0069 4.8). Nothing is
cached: the answer is computed from the interrupts whenever a CPU interface asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from vgic.arch.intid import PRIVATE, SGIS
from vgic.parts import step
from vgic.silicon.candidate import Candidate
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.options import DistributorOptions, Shared
from vgic.silicon.priority import highest

Irqs = Sequence[Interrupt | None]
"""The interrupts that a register speaks of, None where an INTID is not implemented."""


class DistributorState:
    """GICD_CTLR.

    Attributes:
        groups: the group enables as one bit a group (G0, G1S, G1NS).
        ds: whether there is a single Security state (GICv2: no Security Extensions). e1nwf: E1NWF.
    """

    __slots__ = ("ds", "e1nwf", "groups")

    def __init__(self, ds: bool) -> None:
        self.groups = 0
        self.ds = ds
        self.e1nwf = False


def private_interrupts(options: Shared) -> tuple[Interrupt, ...]:
    """A PE's SGIs and PPIs, ascending."""
    edge, clears = options.ppi_edge, options.level_ack_clears_latch
    return tuple(Interrupt(i, i < SGIS or i in edge, clears) for i in (*range(SGIS), *options.ppi_intids()))


def by_intid(irqs: Iterable[Interrupt], count: int) -> tuple[Interrupt | None, ...]:
    """A place for each INTID below `count`."""
    found = {irq.intid: irq for irq in irqs}
    return tuple(found.get(i) for i in range(count))


class Distributor(ABC):
    """The interrupts of a chip. Its own attributes never change.

    Args:
        options: which SPIs exist. banked: each PE's SGIs and PPIs. state: GICD_CTLR.

    Attributes:
        spis: the SPIs, ascending.
    """

    def __init__(
        self, options: DistributorOptions, banked: tuple[tuple[Interrupt, ...], ...], state: DistributorState,
    ) -> None:
        self.banked, self.state = banked, state
        self.spis = tuple(Interrupt(i, False, options.level_ack_clears_latch) for i in options.spi_intids())
        self.lines = options.intids // 32
        self._private = tuple(by_intid(bank, PRIVATE) for bank in banked)
        self._shared = by_intid(self.spis, 1024)
        order = -1 if options.tie == "highest" else 1
        self._in_order = tuple((*bank, *self.spis)[::order] for bank in banked)

    def find(self, intid: int, pe: int) -> Interrupt | None:
        """The SGI, PPI or SPI of that INTID as this PE sees it, None where it is not implemented."""
        if intid < PRIVATE:
            return self._private[pe][intid] if intid >= 0 else None
        return self._shared[intid] if intid < 1024 else None

    def row(self, first: int, count: int, pe: int) -> Irqs:
        """The interrupts of INTIDs first..first+count-1, all private or all shared, as this PE sees them."""
        return (self._private[pe] if first < PRIVATE else self._shared)[first:first + count]

    def ns(self, secure: bool) -> bool:
        """Whether an access sees the Non-secure view."""
        return not secure and not self.state.ds

    @abstractmethod
    def targets(self, irq: Interrupt, pe: int) -> bool:
        """Whether an SPI may go to this PE."""

    @abstractmethod
    def forwarded(self, pe: int, groups: int) -> Candidate | None:
        """The highest priority pending interrupt of the groups that GICD_CTLR and `groups` enable."""

    def pending(self, pe: int, groups: int) -> Iterator[Candidate]:
        """What may be forwarded to this PE, in the order of preference among equal priorities."""
        return (irq for irq in self._in_order[pe] if irq.enabled and (irq.intid < PRIVATE or self.targets(irq, pe))
                and not irq.active and groups >> irq.group & 1 and irq.pending())

    @step
    def highest_pending(self, pe: int, groups: int) -> Candidate | None:
        """What is forwarded to this PE; `groups`: a bit for each group that counts. Ties: option `tie`."""
        return highest(self.pending(pe, groups))

    @abstractmethod
    def deactivate_twin(self, intid: int, pe: int) -> None:
        """What a list register's HW bit does to the physical interrupt; nothing where that isn't active or isn't
        implemented."""

    def parts(self) -> tuple[object, ...]:
        """Every object here that changes."""
        return (self.state, *(irq for bank in self.banked for irq in bank), *self.spis)
