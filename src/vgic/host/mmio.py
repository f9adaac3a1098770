"""Memory-mapped registers as a driver writes them: a frame at an address, as one PE accesses it.

    gicd = BoundFrame(FrameAt(GICD_V3, 0x0800_0000), gic, pe)
    gicd.CTLR.write(gicd.CTLR.read() | 2)
    gicd.IPRIORITYR[9] = 0xA0A0_A0A0            GICD_IPRIORITYR9
    gicd.ITARGETSR.write_byte(33, 1)            SPI 33's byte of GICD_ITARGETSR8
    gicd.ISENABLER.write_bit(33)                its bit of GICD_ISENABLER1, the others written as 0
    if gicd.ISPENDR.read_bit(33): ...

Names are those of the architecture without the frame's; each access has the register's width. A bound frame holds no
state: it is built once, and what changes is in the chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vgic.arch.located import FrameAt


class Bus(Protocol):
    """What carries loads and stores; a `vgic.silicon.Gic` is one."""

    def read(self, address: int, size: int, pe: int = 0) -> int:
        """A load of `size` bytes."""

    def write(self, address: int, size: int, value: int, pe: int = 0) -> None:
        """A store of `size` bytes."""


@dataclass(frozen=True, slots=True)
class BoundRegister:
    """A register, or the registers of one name, which are told apart by an index.

    UnknownRegister where the frame has no such register.
    """

    at: FrameAt
    name: str
    bus: Bus
    pe: int

    def read(self) -> int:
        """Reads a register that stands alone."""
        _, address, size = self.at[self.name]
        return self.bus.read(address, size, self.pe)

    def write(self, value: int) -> None:
        """Writes a register that stands alone."""
        _, address, size = self.at[self.name]
        self.bus.write(address, size, value, self.pe)

    def __getitem__(self, n: int) -> int:
        _, address, size = self.at[f"{self.name}{n}"]
        return self.bus.read(address, size, self.pe)

    def __setitem__(self, n: int, value: int) -> None:
        _, address, size = self.at[f"{self.name}{n}"]
        self.bus.write(address, size, value, self.pe)

    def read_bit(self, intid: int) -> bool:
        """An interrupt's bit, of an array of bits."""
        _, address, size = self.at.of(self.name, intid)
        return bool(self.bus.read(address, size, self.pe) >> intid % 32 & 1)

    def write_bit(self, intid: int) -> None:
        """1 to an interrupt's bit and 0 to the others, of an array of bits."""
        _, address, size = self.at.of(self.name, intid)
        self.bus.write(address, size, 1 << intid % 32, self.pe)

    def write_byte(self, intid: int, value: int) -> None:
        """An interrupt's byte alone, of an array of bytes."""
        _, address, size = self.at.byte(self.name, intid)
        self.bus.write(address, size, value, self.pe)


class BoundFrame:
    """A frame with a bus: its attributes are its registers, by name.

    Args:
        at: the frame and where it lies. bus: what carries the accesses. pe: who accesses.
    """

    def __init__(self, at: FrameAt, bus: Bus, pe: int) -> None:
        self.at, self.bus, self.pe = at, bus, pe

    def __getattr__(self, name: str) -> BoundRegister:
        if not name.isupper():
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return BoundRegister(self.at, name, self.bus, self.pe)
