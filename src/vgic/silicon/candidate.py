"""What a CPU interface may signal: the one type that its rules know of, whatever holds the interrupt.

For a physical CPU interface that is an `Interrupt` of the distributor, for a virtual one a `ListRegister`. A recording
also acknowledges interrupts that the chip does not model: of such a one only the priority becomes active.

Whoever finds out what would be acknowledged now (`would_acknowledge`) gets a `Candidate`, and acknowledges it through
the interface: `interface.acknowledge(candidate)`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Candidate(Protocol):
    """An interrupt that is pending for a CPU interface."""

    @property
    def intid(self) -> int:
        """The INTID that its software sees."""

    @property
    def iar(self) -> int:
        """What an acknowledge register shows: the INTID, and of a GICv2's SGI the source above it."""

    @property
    def group(self) -> int:
        """G0, G1S or G1NS; of a virtual interrupt 0 or 1."""

    @property
    def priority(self) -> int:
        """8 bits; 0 is the highest."""

    def acknowledge(self) -> None:
        """It is taken: what holds it changes as after a read of IAR. Its priority is the CPU interface's business."""


class Unmodelled(NamedTuple):
    """An interrupt that the chip does not model (an LPI, a virtual LPI): there is nothing to take it from."""

    intid: int
    group: int
    priority: int

    @property
    def iar(self) -> int:
        """The INTID."""
        return self.intid

    def acknowledge(self) -> None:
        """Nothing holds it, so nothing changes."""
