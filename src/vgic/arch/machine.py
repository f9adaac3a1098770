"""Memory maps of machines, as data: where which frame lies. A further machine is a further entry of `MACHINES`.

QEMU's `virt` machine maps its GIC at fixed addresses (QEMU documentation, "virt" generic virtual platform; the device
tree that it gives its guest tells the same). The second region of redistributors lies above the memory, at 256 GiB
where the memory ends below that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.gicr import GICR, STRIDE, STRIDE_V4
from vgic.arch.gicv import GICV
from vgic.arch.gits import GITS
from vgic.arch.located import FrameAt
from vgic.arch.register import Frame, nearest
from vgic.arch.v2m import V2M

KB: Final = 1024
MB: Final = 1024 * KB


class UnknownMachine(LookupError):
    """A name that no machine bears."""

    def __init__(self, name: str) -> None:
        near = nearest(name, MACHINES, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(MACHINES)}"
        super().__init__(f"no machine {name!r}; {hint}")


class Location(NamedTuple):
    """Where an address falls: the frame, whose it is where each PE has one, and the byte inside it."""

    frame: Frame
    pe: int | None
    offset: int


@dataclass(frozen=True)
class Region:
    """A piece of the memory map.

    Args:
        base, size: of the region, in bytes.
        frame: what is there, at its start; one for each PE where `stride` is not 0.
        stride: bytes from one PE's frame to the next.
        first_pe: whose the first is.
    """

    base: int
    size: int
    frame: Frame
    stride: int = 0
    first_pe: int = 0

    @property
    def last(self) -> int:
        """The region's last byte."""
        return self.base + self.size - 1

    def locate(self, address: int) -> Location | None:
        """Where in the region the address falls, None where it is outside."""
        if not self.base <= address <= self.last:
            return None
        if not self.stride:
            return Location(self.frame, None, address - self.base)
        pe, offset = divmod(address - self.base, self.stride)
        return Location(self.frame, self.first_pe + pe, offset)


@dataclass(frozen=True)
class MemoryMap:
    """Where a machine has its GIC: its name, the GIC's version (2, 3 or 4), the regions by ascending address."""

    name: str
    gic_version: int
    regions: tuple[Region, ...]

    def frame(self, name: str) -> FrameAt:
        """A frame, GICR: PE 0's. LookupError where the machine has none of this name."""
        for region in self.regions:
            if region.frame.name == name:
                return FrameAt(region.frame, region.base)
        raise LookupError(f"{self.name} has no frame {name}")

    def locate(self, address: int) -> Location | None:
        """Where the address falls, None where no frame of the GIC is."""
        for region in self.regions:
            location = region.locate(address)
            if location:
                return location
        return None


def _qemu_virt(gic_version: int, stride: int) -> MemoryMap:
    """QEMU's virt with GICv3 or GICv4, whose redistributors take `stride` bytes each."""
    size = 0xF60000
    return MemoryMap(
        f"qemu-virt-v{gic_version}",
        gic_version,
        (
            Region(0x08000000, 64 * KB, GICD_V3),
            Region(0x08080000, 128 * KB, GITS),
            Region(0x080A0000, size // stride * stride, GICR, stride),
            Region(0x4000000000, 64 * MB, GICR, stride, first_pe=size // stride),
        ),
    )


MACHINES: Final = {
    machine.name: machine
    for machine in (
        MemoryMap(
            "qemu-virt-v2",
            2,
            (
                Region(0x08000000, 64 * KB, GICD_V2),
                Region(0x08010000, 64 * KB, GICC),
                Region(0x08020000, 4 * KB, V2M),
                Region(0x08030000, 64 * KB, GICH),
                Region(0x08040000, 64 * KB, GICV),
            ),
        ),
        _qemu_virt(3, STRIDE),
        _qemu_virt(4, STRIDE_V4),
    )
}
"""Every machine by its name."""

VIRT_V2, VIRT_V3 = MACHINES["qemu-virt-v2"], MACHINES["qemu-virt-v3"]


def find_machine(name: str) -> MemoryMap:
    """The machine of this name, whatever its case. UnknownMachine where none is."""
    try:
        return MACHINES[name.lower()]
    except KeyError:
        raise UnknownMachine(name) from None
