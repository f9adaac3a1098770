"""The distributor's common part: which interrupts there are, who is the highest priority pending one for a PE.

SGIs and PPIs are banked: each PE has its own copies, which GICv3 reaches through the PE's redistributor. SPIs exist
once; a target decides which PEs may take one. The distributor forwards to a PE the highest priority interrupt that is
enabled, pending, not active, of an enabled group and (SPIs) targets it (IHI 0048B 3.2, IHI 0069 4.8). Nothing is
cached: the answer is computed from the interrupts whenever a CPU interface asks.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.parts import step
from vgic.silicon.interrupt import G0, Interrupt
from vgic.silicon.options import Options
from vgic.silicon.priority import IDLE


class Distributor:
    """The interrupts of a chip. Its own attributes never change.

    Args:
        options: which interrupts exist. pes: how many PEs.
        reset_group: the group at reset.
    """

    def __init__(self, options: Options, pes: int, reset_group: int = G0) -> None:
        private = (*range(16), *options.ppi_intids())
        self.banked = tuple(
            tuple(Interrupt(i, i < 16 or i in options.ppi_edge, reset_group) for i in private) for _ in range(pes))
        self.spis = tuple(Interrupt(i, False, reset_group) for i in options.spi_intids())
        self.lines = options.intids // 32
        spi = {irq.intid: irq for irq in self.spis}
        self._private: tuple[tuple[Interrupt | None, ...], ...] = tuple(
            tuple({irq.intid: irq for irq in bank}.get(i) for i in range(32)) for bank in self.banked)
        self._shared: tuple[Interrupt | None, ...] = tuple(spi.get(i) for i in range(1024))
        highest = options.tie == "highest"
        self._banked_order = tuple(bank[::-1] if highest else bank for bank in self.banked)
        self._spi_order = self.spis[::-1] if highest else self.spis
        self._spis_first = highest

    def find(self, intid: int, pe: int) -> Interrupt | None:
        """The SGI, PPI or SPI of that INTID as this PE sees it, None where it is not implemented."""
        if intid < 32:
            return self._private[pe][intid] if intid >= 0 else None
        return self._shared[intid] if intid < 1024 else None

    def row(self, first: int, count: int, pe: int) -> Sequence[Interrupt | None]:
        """The interrupts of INTIDs first..first+count-1, all private or all shared, as this PE sees them."""
        return (self._private[pe] if first < 32 else self._shared)[first:first + count]

    def targets(self, irq: Interrupt, pe: int) -> bool:
        """Whether an SPI may go to this PE."""
        raise NotImplementedError  # abstract: GICv2 and GICv3 differ: ITARGETSR or IROUTER

    @step
    def highest_pending(self, pe: int, groups: int) -> Interrupt | None:
        """The interrupt that is forwarded to this PE; `groups`: a bit for each group that counts.

        Priority 0xff is never forwarded (IHI 0069 4.8.1). Ties: option `tie`.
        """
        best, priority = None, IDLE
        if self._spis_first:
            for irq in self._spi_order:
                if (irq.enabled and self.targets(irq, pe) and not irq.active and irq.priority < priority
                        and groups >> irq.group & 1 and irq.pending()):
                    best, priority = irq, irq.priority
        for irq in self._banked_order[pe]:
            if (irq.enabled and not irq.active and irq.priority < priority and groups >> irq.group & 1
                    and irq.pending()):
                best, priority = irq, irq.priority
        if not self._spis_first:
            for irq in self._spi_order:
                if (irq.enabled and self.targets(irq, pe) and not irq.active and irq.priority < priority
                        and groups >> irq.group & 1 and irq.pending()):
                    best, priority = irq, irq.priority
        return best

    def deactivate(self, intid: int, pe: int) -> None:
        """Ends the active state of an interrupt; none, and no error, where it isn't active or isn't implemented."""
        irq = self.find(intid, pe)
        if irq is not None:
            irq.deactivate()
