"""Interrupt descriptors: what the kernel remembers of one of its interrupts.

Disabling is *lazy*: it only marks the descriptor. The chip is masked when the interrupt next arrives; that arrival is
swallowed, remembered as `pending`, and an edge is sent again at the enable. A descriptor with `unlazy`
(IRQ_DISABLE_UNLAZY) is masked at once, which whoever lets a guest complete the interrupt needs: what arrives must not
be swallowed by a host that will not complete it.

A *forwarded* interrupt (IRQD_FORWARDED_TO_VCPU) is completed by a guest: the host drops its priority and leaves it
active.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgic.parts import Part

if TYPE_CHECKING:
    from vgic.host.chip import IrqChip
    from vgic.host.domain import IrqDomain

Handler = Callable[["IrqDesc", int], bool]
"""An interrupt handler: called with the descriptor and the PE; returns whether the interrupt was its device's."""


class CannotForward(RuntimeError):
    """The host can't leave an interrupt active for a guest to deactivate."""


@dataclass(frozen=True, slots=True)
class IrqData:
    """One level of a hierarchy: the interrupt as one domain numbers it.

    Attributes:
        domain, hwirq, chip: whose number this is, and who carries out operations.
        parent: the next level towards the PE, None at the root.
    """

    domain: IrqDomain
    hwirq: int
    chip: IrqChip
    parent: IrqData | None


class PercpuState(Part):
    """What a descriptor of a private interrupt (PPI) keeps for one PE.

    Attributes:
        enabled: enable_percpu_irq was called there.
    """

    __slots__ = ("enabled",)

    def __init__(self) -> None:
        self.enabled = False


class IrqDesc(Part):
    """One interrupt of the kernel's.

    Attributes:
        irq: its number in the kernel. data: the outermost level of its hierarchy.
        name: of the device, for people.
        edge: trigger type. unlazy: IRQ_DISABLE_UNLAZY.
        depth: how often it is disabled; 0 is enabled. masked: masked at the chip.
        pending: arrived while disabled. forwarded: completed by a guest.
        affinity: the PE that takes it (shared interrupts).
        handler: the device's, None as long as nobody requested it.
        percpu: private interrupts: one PercpuState for each PE; empty for shared ones.
    """

    __slots__ = (
        "affinity", "data", "depth", "edge", "forwarded", "handler", "irq", "masked", "name", "pending", "percpu",
        "unlazy",
    )

    def __init__(self, irq: int, data: IrqData, pes: int) -> None:
        self.irq = irq
        self.data = data
        self.name = ""
        self.edge = False
        self.unlazy = False
        self.depth = 1
        self.masked = True
        self.pending = False
        self.forwarded = False
        self.affinity = 0
        self.handler: Handler | None = None
        self.percpu: list[PercpuState] = [PercpuState() for _ in range(pes)]

    @property
    def hwirq(self) -> int:
        """Its number in the outermost domain; for SPIs and PPIs the INTID."""
        return self.data.hwirq

    @property
    def pintid(self) -> int:
        """The physical INTID: its number at the root of the hierarchy."""
        data = self.data
        while data.parent is not None:
            data = data.parent
        return data.hwirq

    def __repr__(self) -> str:
        return f"<irq {self.irq}, INTID {self.pintid}>"
