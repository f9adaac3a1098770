"""A frame at an address: where its registers lie.

    gicd = FrameAt(GICD_V3, 0x0800_0000)
    gicd["CTLR"]                        GICD_CTLR, at 0x08000000, 4 bytes
    gicd["ISENABLER1"]                  GICD_ISENABLER1, at 0x08000104, 4 bytes
    gicd.of("ISENABLER", 33)            the same: the register that SPI 33 has a bit in
    gicd.byte("IPRIORITYR", 33)         GICD_IPRIORITYR8, at 0x08000421, 1 byte

Names are those of the architecture without the frame's. Whoever accesses the registers does it elsewhere: this is data.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.register import Frame, UnknownRegister, nearest


class Located(NamedTuple):
    """Where a register, or a byte of it, lies: its architectural name, the address, the size in bytes."""

    name: str
    address: int
    size: int


class FrameAt:
    """A memory-mapped frame.

    Args:
        frame: what is there. base: the address of its first byte.
    """

    def __init__(self, frame: Frame, base: int) -> None:
        self.frame, self.base = frame, base

    def __getitem__(self, name: str) -> Located:
        """The register of this name ("CTLR", "ISENABLER3"). UnknownRegister with the nearest names where none is."""
        full = f"{self.frame.name}_{name}"
        place = self.frame.named(full)
        if place is None or place.offset is None:
            raise UnknownRegister(full, nearest(full, list(self.frame.names())))
        return Located(full, self.base + place.offset, place.register.width // 8)

    def of(self, array: str, intid: int) -> Located:
        """The register of an array ("ISENABLER") that is about an interrupt. UnknownRegister where none is."""
        for register in self.frame.arrays.get(array, ()):
            n = register.covering(intid)
            if n is not None:
                return self[register.instance(n).removeprefix(self.frame.name + "_")]
        raise UnknownRegister(f"{self.frame.name}_{array} about INTID {intid}", nearest(array, self.frame.arrays))

    def byte(self, array: str, intid: int) -> Located:
        """An interrupt's byte in an array of bytes ("IPRIORITYR", "ITARGETSR")."""
        name, address, size = self.of(array, intid)
        return Located(name, address + intid % size, 1)
