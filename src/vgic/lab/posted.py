"""Writes that are on their way: a store to GICD or GICR is done before it has reached the chip.

Such frames are Device-nGnRE memory: a write may be acknowledged early, by something between the PE and the chip. What
is certain is order: a PE's later write to the frame arrives after it, and a read of the frame is answered after all
that the PE has written there. A DSB is no such thing: it waits for the acknowledgement. So software that needs an
effect reads something back.

On a GICv3 a *disable* (ICENABLER) may take effect even later than it arrives, and later than what was written behind
it: GICD_CTLR.RWP, and GICR_CTLR.RWP for private interrupts, tell that one is pending (IHI 0069, GICD_CTLR.RWP). Who
polls that waits for it, so that here a read of CTLR is the end of the wait: the bit reads as zero.

A machine has it where its scenario says `posted = true`. At most `MOST` writes of a PE are on their way, or there would
be too many states; one more makes the oldest arrive.
"""

from __future__ import annotations

from typing import Any

from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.register import Frame
from vgic.parts import Part
from vgic.silicon import Gic, GicV2, GicV3

MOST = 2
POSTED = ("GICD", "GICR")
"""The frames whose writes are posted."""

Write = tuple[int, int, int]
"""Address, size in bytes, value."""


class InFlight(Part):
    """The writes of one PE that are on their way, the oldest first."""

    __slots__ = ("writes",)

    def __init__(self) -> None:
        self.writes: tuple[Write, ...] = ()


class Posting(Gic):
    """A chip at the far end of a bus that posts writes.

    Attributes:
        in_flight: each PE's writes that have not arrived.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_flight = tuple(InFlight() for _ in range(self.options.pes))
        self.tables: dict[str, Frame] = {"GICD": GICD_V3 if self.version == 3 else GICD_V2, "GICR": GICR}

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """It has been accepted by the bus."""
        if self.locate(address)[0] not in POSTED:
            super().write(address, size, value, pe, secure=secure)  # type: ignore[safe-super]  # a chip's class stands behind this one
            return
        flight = self.in_flight[pe]
        if len(flight.writes) == MOST:
            self._arrives(pe, flight.writes[0])
        flight.writes = (*flight.writes, (address, size, value))

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """Answered after all that this PE has written to the frame has arrived; of CTLR, once it has taken effect."""
        frame, owner, _ = self.locate(address)
        if frame in POSTED:
            waits = self._register(address).endswith("_CTLR")
            for write in self.in_flight[pe].writes:
                if self.locate(write[0])[:2] == (frame, owner) and (waits or not self.late(write)):
                    self._arrives(pe, write)
        return super().read(address, size, pe, secure=secure)  # type: ignore[safe-super]  # a chip's class stands behind this one

    def late(self, write: Write) -> bool:
        """Whether it may take effect later than it arrives: a disable, of a GICv3."""
        return self.version == 3 and "ICENABLER" in self._register(write[0])

    def next_of(self, pe: int, late: bool) -> Write | None:
        """The oldest write of a PE that has not arrived, or disable that has not taken effect."""
        return next((write for write in self.in_flight[pe].writes if self.late(write) is late), None)

    def arrive(self, pe: int, late: bool) -> None:
        """That one does."""
        write = self.next_of(pe, late)
        if write is not None:
            self._arrives(pe, write)

    def arrive_all(self) -> None:
        """All do."""
        for pe, flight in enumerate(self.in_flight):
            for write in flight.writes:
                self._arrives(pe, write)

    def _arrives(self, pe: int, write: Write) -> None:
        flight = self.in_flight[pe]
        at = flight.writes.index(write)
        flight.writes = flight.writes[:at] + flight.writes[at + 1:]
        super().write(*write, pe)  # type: ignore[safe-super]  # a chip's class stands behind this one

    def _register(self, address: int) -> str:
        frame, _, offset = self.locate(address)
        place = self.tables[frame].at(offset)
        return place.register.name if place is not None else ""

    def parts(self) -> tuple[object, ...]:
        """What is on its way, too."""
        return (*super().parts(), *self.in_flight)


def posting_v2(chip: type[GicV2]) -> type[GicV2]:
    """A class of GICv2 behind such a bus."""
    return type(f"Posted{chip.__name__}", (Posting, chip), {})


def posting_v3(chip: type[GicV3]) -> type[GicV3]:
    """A class of GICv3 behind such a bus."""
    return type(f"Posted{chip.__name__}", (Posting, chip), {})
