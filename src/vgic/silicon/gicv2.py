"""A GICv2 with the Virtualization Extensions as a device: frames at addresses, lines in, interrupts out.

    gic = GicV2(GicV2Options(pes=2))
    gic.write(0x0800_0000, 4, 1)                        # GICD_CTLR
    gic.set_line(27, True, pe=0)
    iar = gic.read(0x0801_000C, 4, pe=0)                # GICC_IAR

Everything that changes lies in the objects that `parts()` lists.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.machine import VIRT_V2
from vgic.silicon.distributor_v2 import DistributorV2
from vgic.silicon.frame import Block
from vgic.silicon.gic import Gic
from vgic.silicon.gicc import CpuInterfaceV2
from vgic.silicon.gich import VirtualInterfaceV2
from vgic.silicon.options_v2 import GicV2Options
from vgic.silicon.report import Notice, OnNotice, ignore


class MapV2(NamedTuple):
    """Where the frames lie; the defaults are QEMU's virt machine."""

    gicd: int = VIRT_V2.frame("GICD").base
    gicc: int = VIRT_V2.frame("GICC").base
    gich: int = VIRT_V2.frame("GICH").base
    gicv: int = VIRT_V2.frame("GICV").base


class GicV2(Gic):
    """A GICv2.

    Args:
        options: the implementation's choices. memory_map: where the frames lie.
        report: takes each Notice of an access that the model does not follow; by default they gather in `notices`.

    Attributes:
        distributor_type, virtual_type: what it is built of, for chips with another rule. Class attributes.
    """

    version = 2
    distributor_type = DistributorV2
    virtual_type = VirtualInterfaceV2

    options: GicV2Options
    distributor: DistributorV2
    cpus: tuple[CpuInterfaceV2, ...]
    virtual: tuple[VirtualInterfaceV2, ...]

    def __init__(
        self, options: GicV2Options | None = None, memory_map: MapV2 | None = None, report: OnNotice | None = None,
    ) -> None:
        o = options if options is not None else GicV2Options()
        super().__init__(o, report)
        self.map = memory_map if memory_map is not None else MapV2()
        self.distributor = d = self.distributor_type(o.distributor, self.report)
        self.cpus = tuple(CpuInterfaceV2(o.cpu, d, pe, self.report) for pe in range(o.pes))
        self.virtual = tuple(self.virtual_type(o.virtual, d, pe, self.report) for pe in range(o.pes))
        m = self.map
        self._frames = tuple((block.name, base, base + block.size) for block, base in zip(
            self.blocks(), (m.gicc, m.gich, m.gicv, m.gicd), strict=True))

    # -- accesses to frames

    def locate(self, address: int) -> tuple[str, int, int]:
        """Where an address falls: the frame's name ("" where none is), 0, the offset."""
        for frame, base, end in self._frames:
            if base <= address < end:
                return frame, 0, address - base
        return "", 0, address

    def base(self, frame: str, pe: int) -> int | None:
        """Where a frame begins, for every PE; None where the chip has no such frame."""
        return next((base for name, base, _ in self._frames if name == frame), None)

    def _block(self, frame: str, pe: int) -> Block:
        if frame == "GICC":
            return self.cpus[pe].gicc
        if frame == "GICD":
            return self.distributor.gicd
        return self.virtual[pe].gich if frame == "GICH" else self.virtual[pe].gicv

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """A load of `size` bytes (1, 2, 4) by a PE. What is not modelled reads as zero and is reported."""
        frame, _, offset = self.locate(address)
        if not frame:
            self._nowhere(address)
            return 0
        value = self._block(frame, pe).read(offset, size, pe, self.distributor.ns(secure))
        if frame != "GICD":      # an IAR may have acknowledged
            self.wires.settle(self.outputs)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """A store of `size` bytes by a PE. What is not modelled is ignored and reported."""
        frame, _, offset = self.locate(address)
        if not frame:
            self._nowhere(address)
            return
        self._block(frame, pe).write(offset, size, value, pe, self.distributor.ns(secure))
        self.wires.settle(self.outputs)

    def _nowhere(self, address: int) -> None:
        self.report(Notice("reserved", f"{address:#x}", "no frame of the GIC lies there"))

    def new(self) -> GicV2:
        """A new chip of the same class, options and memory map, that tells notices to nobody."""
        return type(self)(self.options, self.map, ignore)

    def blocks(self) -> tuple[Block, ...]:
        """The frames, one of each kind."""
        return self.cpus[0].gicc, self.virtual[0].gich, self.virtual[0].gicv, self.distributor.gicd
