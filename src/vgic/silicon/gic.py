"""A GIC as everybody outside sees it: whoever drives one, judges it, or shows it, whatever its version.

Software reaches it by `read` and `write` of its frames (and GICv3's by system registers, see `gicv3`), devices by
`set_line`; what comes out are five levels for each PE. A judge also looks inside: at the distributor's interrupts, and
at each PE's physical and virtual CPU interface.

Everything that changes lies in the objects that `parts()` lists, so the state of a chip is data: `snapshot` gives it,
`restore` puts it back, on this chip or on another of the same options, and `reset` makes the chip as new. A copy, by
`copy` or by `pickle`, is a chip of its own.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from vgic.arch.intid import PRIVATE, SGIS
from vgic.silicon.cpu_interface import CpuInterface
from vgic.silicon.distributor import Distributor
from vgic.silicon.frame import Block
from vgic.silicon.options import ChipOptions
from vgic.silicon.outputs import OnChange, Outputs, Wires
from vgic.silicon.report import Notices, OnNotice
from vgic.silicon.snapshot import Snapshot, check, put, values
from vgic.silicon.virtual_interface import VirtualInterface


class Gic(ABC):
    """What GICv2 and GICv3 have in common. The device itself never changes.

    Args:
        options: the implementation's choices.
        report: takes each Notice of an access that the model does not follow; by default they gather in `notices`.

    Attributes:
        version: of the architecture, 2 or 3. Class attribute.
        distributor: the interrupts: `find`, `banked`, `spis`.
        cpus: each PE's physical CPU interface. virtual: each PE's virtual one, with its list registers.
    """

    version = 0

    options: ChipOptions
    distributor: Distributor
    cpus: Sequence[CpuInterface]
    virtual: Sequence[VirtualInterface]

    def __init__(self, options: ChipOptions, report: OnNotice | None) -> None:
        self.options = options
        self.notices = Notices()
        self.report = report if report is not None else self.notices
        self.wires = Wires(options.pes)

    # -- accesses to frames

    @abstractmethod
    def locate(self, address: int) -> tuple[str, int, int]:
        """Where an address falls: the frame's name ("" where none is), whose it is (GICR; 0 for others), the offset."""

    @abstractmethod
    def base(self, frame: str, pe: int) -> int | None:
        """Where a frame begins, GICR: that of a PE; None where the chip has no such frame."""

    @abstractmethod
    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """A load of `size` bytes by a PE. What is not modelled reads as zero and is reported."""

    @abstractmethod
    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """A store of `size` bytes by a PE. What is not modelled is ignored and reported."""

    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """The frames, one of each kind."""

    def unmodelled(self) -> frozenset[str]:
        """The registers of the frames that this chip should have and the model hasn't."""
        return frozenset(name for block in self.blocks() for name in block.unmodelled())

    # -- lines and outputs

    def set_line(self, intid: int, level: bool, pe: int | None = None) -> None:
        """A device moves an input: an SPI's, or with `pe` a PPI's. LookupError where there is no such input."""
        shared = intid >= PRIVATE
        irq = self.distributor.find(intid, pe or 0) if intid >= SGIS and shared == (pe is None) else None
        if irq is None:
            of = "an SPI" if pe is None else f"a PPI of PE {pe}"
            raise LookupError(f"INTID {intid} is not {of} here")
        irq.set_line(level)
        self.wires.settle(self.outputs)

    def irq(self, pe: int) -> bool:
        """The physical IRQ to a PE."""
        return self.cpus[pe].outputs()[0]

    def fiq(self, pe: int) -> bool:
        """The physical FIQ to a PE."""
        return self.cpus[pe].outputs()[1]

    def virq(self, pe: int) -> bool:
        """The virtual IRQ to a PE."""
        return self.virtual[pe].outputs()[0]

    def vfiq(self, pe: int) -> bool:
        """The virtual FIQ to a PE."""
        return self.virtual[pe].outputs()[1]

    def maintenance(self, pe: int) -> bool:
        """The maintenance interrupt's level. The machine wires it to a PPI (25 by convention)."""
        return self.virtual[pe].maintenance()

    def outputs(self, pe: int) -> Outputs:
        """All outputs to a PE."""
        return Outputs(*self.cpus[pe].outputs(), *self.virtual[pe].outputs(), self.maintenance(pe))

    def on_output(self, callback: OnChange | None) -> None:
        """From now on `callback(pe, name, level)` is told each change of an output, beginning with those now high."""
        self.wires.levels[:] = [Outputs()] * self.options.pes
        self.wires.on_change = callback
        self.wires.settle(self.outputs)

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *self.distributor.parts(), *(part for cpu in self.cpus for part in cpu.parts()),
            *(part for v in self.virtual for part in v.parts()),
        )

    # -- its state as data

    @abstractmethod
    def new(self) -> Gic:
        """A new chip of the same class, options and memory map, that tells notices to nobody."""

    def snapshot(self) -> Snapshot:
        """The state of the chip now: of its registers, of its inputs, and of what its PEs told it. Who listens to
        outputs and notices, and what they were told, is no state of the chip."""
        return Snapshot(f"a GICv{self.version}", self.options, values(self.parts()))

    def restore(self, snapshot: Snapshot) -> None:
        """The state is what it was then; a callback is told the outputs that change by it. SnapshotError, and nothing
        changes, for a snapshot of a chip of other options."""
        check(snapshot, f"a GICv{self.version}", self.options, type(self.options).choices)
        put(self.parts(), snapshot.parts)
        self.wires.settle(self.outputs)

    def reset(self) -> None:
        """The chip is as new: all inputs are low too, until whoever drives them moves them again."""
        self.restore(self.new().snapshot())

    def __copy__(self) -> Self:
        """As `copy.deepcopy`: two chips never share state."""
        return copy.deepcopy(self)
