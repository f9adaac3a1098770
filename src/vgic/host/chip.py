"""What is read and changed of a chip's state; and a chip between a device and the GIC, which hands on to its parent."""

from __future__ import annotations

from vgic.host.descriptor import IrqChip, IrqData, IrqDesc

PENDING, ACTIVE, MASKED = "pending", "active", "masked"
"""What irq_get_irqchip_state and irq_set_irqchip_state read and change."""


class StackedChip(IrqChip):
    """A chip that hands everything to its parent; subclasses keep what is theirs. Not for a root."""

    def _parent(self, data: IrqData) -> IrqData:
        assert data.parent is not None, f"{self.name}: the root chip must implement this operation"
        return data.parent

    def irq_mask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_mask(desc, parent, pe)

    def irq_unmask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_unmask(desc, parent, pe)

    def irq_eoi(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_eoi(desc, parent, pe)

    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_set_type(desc, parent, edge, pe)

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_set_affinity(desc, parent, target, pe)

    def irq_get_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, pe: int) -> bool:
        """The parent does it."""
        parent = self._parent(data)
        return parent.chip.irq_get_irqchip_state(desc, parent, which, pe)

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_set_irqchip_state(desc, parent, which, state, pe)

    def irq_set_vcpu_affinity(self, desc: IrqDesc, data: IrqData, info: object | None, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_set_vcpu_affinity(desc, parent, info, pe)

    def irq_retrigger(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The parent does it."""
        parent = self._parent(data)
        parent.chip.irq_retrigger(desc, parent, pe)
