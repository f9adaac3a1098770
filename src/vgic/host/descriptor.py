"""Interrupt descriptors: what the kernel remembers of one of its interrupts, and what chips can do to it.

Disabling is *lazy*: it only marks the descriptor. The chip is masked when the interrupt next arrives; that arrival is
swallowed, remembered as `pending`, and an edge is sent again at the enable. A descriptor with `unlazy`
(IRQ_DISABLE_UNLAZY) is masked at once, which whoever lets a guest complete the interrupt needs: what arrives must not
be swallowed by a host that will not complete it.

A *forwarded* interrupt (IRQD_FORWARDED_TO_VCPU) is completed by a guest: the host drops its priority and leaves it
active.

An interrupt may pass through several chips on its way to a PE. Each level has its own number and its own chip, an
`IrqData`; a chip does what it can, and hands the rest to its parent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from vgic.parts import Part

Handler = Callable[["IrqDesc", int], bool]
"""An interrupt handler: called with the descriptor and the PE; returns whether the interrupt was its device's."""


class CannotForward(RuntimeError):
    """The host can't leave an interrupt active for a guest to deactivate."""


class IrqChip(ABC):
    """The operations of an interrupt chip, by the kernel's names, on one level of an interrupt's hierarchy.

    Every operation takes the PE that executes it, because registers of private interrupts are banked.
    """

    name = "chip"

    @abstractmethod
    def irq_mask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The interrupt no longer reaches the PE; its pending state stays."""

    @abstractmethod
    def irq_unmask(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The interrupt reaches the PE."""

    @abstractmethod
    def irq_eoi(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """The handler has run: deactivate, unless a guest will."""

    @abstractmethod
    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """The trigger: edge or level."""

    @abstractmethod
    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """The PE that takes it from now on."""

    @abstractmethod
    def irq_get_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, pe: int) -> bool:
        """PENDING, ACTIVE or MASKED (`vgic.host.chip`), as the chip tells it."""

    @abstractmethod
    def irq_set_irqchip_state(self, desc: IrqDesc, data: IrqData, which: str, state: bool, pe: int) -> None:
        """Sets or clears PENDING, ACTIVE or MASKED. Setting ACTIVE is complete when this returns."""

    @abstractmethod
    def irq_set_vcpu_affinity(self, desc: IrqDesc, data: IrqData, info: object | None, pe: int) -> None:
        """With `info` the interrupt is forwarded to a vCPU (the guest deactivates it), with None no longer."""

    @abstractmethod
    def irq_retrigger(self, desc: IrqDesc, data: IrqData, pe: int) -> None:
        """Makes it pending again: an edge that was swallowed while disabled."""


@dataclass(frozen=True, slots=True)
class IrqData:
    """One level of a hierarchy: the interrupt as one domain numbers it.

    Attributes:
        hwirq: the number. chip: who carries out operations.
        parent: the next level towards the PE, None at the root.
    """

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
