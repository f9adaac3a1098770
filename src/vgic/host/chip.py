"""The operations of an interrupt chip, by the kernel's names.

A chip acts on an `IrqData`, one level of an interrupt's hierarchy. Every operation takes the PE that executes it,
because registers of private interrupts are banked. A chip between a device and the GIC hands to its parent what it does
not do itself: that is what the methods here do. The root chip, the GIC driver, implements all of them.
"""

from __future__ import annotations

from vgic.host.descriptor import IrqData, IrqDesc

PENDING, ACTIVE, MASKED = "pending", "active", "masked"
"""What irq_get_irqchip_state and irq_set_irqchip_state read and change."""


class IrqChip:
    """A chip that hands everything to its parent."""

    name = "chip"

    def _parent(self, data: IrqData) -> IrqData:
        assert data.parent is not None, f"{self.name}: the root chip must implement this operation"
        return data.parent

    def irq_mask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The interrupt no longer reaches the PE; its pending state stays."""
        parent = self._parent(data)
        parent.chip.irq_mask(desc, parent, pe)

    def irq_unmask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The interrupt reaches the PE."""
        parent = self._parent(data)
        parent.chip.irq_unmask(desc, parent, pe)

    def irq_eoi(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The handler has run: deactivate, unless a guest will."""
        parent = self._parent(data)
        parent.chip.irq_eoi(desc, parent, pe)

    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """The trigger: edge or level."""
        parent = self._parent(data)
        parent.chip.irq_set_type(desc, parent, edge, pe)

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """The PE that takes it from now on."""
        parent = self._parent(data)
        parent.chip.irq_set_affinity(desc, parent, target, pe)

    def irq_get_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, pe: int) -> bool:
        """PENDING, ACTIVE or MASKED, as the chip tells it."""
        parent = self._parent(data)
        return parent.chip.irq_get_irqchip_state(desc, parent, which, pe)

    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        """Sets or clears PENDING, ACTIVE or MASKED. Setting ACTIVE is complete when this returns."""
        parent = self._parent(data)
        parent.chip.irq_set_irqchip_state(desc, parent, which, state, pe)

    def irq_set_vcpu_affinity(self, desc: IrqDesc, data: IrqData, info: object | None, pe: int) -> None:
        """With `info` the interrupt is forwarded to a vCPU (the guest deactivates it), with None no longer."""
        parent = self._parent(data)
        parent.chip.irq_set_vcpu_affinity(desc, parent, info, pe)

    def irq_retrigger(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """Makes it pending again: an edge that was swallowed while disabled."""
        parent = self._parent(data)
        parent.chip.irq_retrigger(desc, parent, pe)
