"""Interrupt domains: how a hardware number becomes a descriptor, and how domains stack.

A domain belongs to a chip and numbers its interrupts. A hierarchical domain has a parent: a message number of an MSI
domain is an event of an ITS, which is an LPI of the GIC. Mappings are made while the machine is built.
"""

from __future__ import annotations

from vgic.host.descriptor import IrqChip, IrqData


class IrqDomain:
    """One domain.

    Args:
        name: for people. chip: who carries out operations at this level. parent: the domain towards the PE.
    """

    def __init__(self, name: str, chip: IrqChip, parent: IrqDomain | None = None) -> None:
        self.name = name
        self.chip = chip
        self.parent = parent

    def translate(self, hwirq: int) -> int:
        """The number at the parent of one of this domain's numbers; the same unless a subclass says otherwise."""
        return hwirq

    def irq_data(self, hwirq: int) -> IrqData:
        """One interrupt's levels, from this domain down to the root."""
        parent = self.parent.irq_data(self.translate(hwirq)) if self.parent is not None else None
        return IrqData(hwirq, self.chip, parent)
