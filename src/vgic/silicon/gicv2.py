"""A GICv2 with the Virtualization Extensions as a device: frames at addresses, lines in, interrupts out.

    gic = GicV2(GicV2Options(pes=2))
    gic.write(0x0800_0000, 4, 1)                        # GICD_CTLR
    gic.set_line(27, True, pe=0)
    iar = gic.read(0x0801_000C, 4, pe=0)                # GICC_IAR

Everything that changes lies in the objects that `parts()` lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vgic.silicon.distributor_v2 import DistributorV2
from vgic.silicon.frame import Block
from vgic.silicon.gicc import CpuInterfaceV2
from vgic.silicon.gich import VirtualInterfaceV2
from vgic.silicon.options import GicV2Options
from vgic.silicon.outputs import OnChange, Outputs, Wires
from vgic.silicon.report import Notice, Notices, Report


class MapV2(NamedTuple):
    """Where the frames lie; the defaults are QEMU's virt machine."""

    gicd: int = 0x0800_0000
    gicc: int = 0x0801_0000
    gich: int = 0x0803_0000
    gicv: int = 0x0804_0000


class GicV2:
    """A GICv2.

    Args:
        options: the implementation's choices. memory_map: where the frames lie.
        report: takes each Notice of an access that the model does not follow; by default they gather in `notices`.
    """

    def __init__(
        self, options: GicV2Options | None = None, memory_map: MapV2 | None = None, report: Report | None = None,
    ) -> None:
        self.options = o = options if options is not None else GicV2Options()
        self.map = memory_map if memory_map is not None else MapV2()
        self.notices = Notices()
        self.report = report if report is not None else self.notices
        self.distributor = DistributorV2(o, self.report)
        self.cpus = tuple(CpuInterfaceV2(o, self.distributor, pe, self.report) for pe in range(o.pes))
        self.virtual = tuple(
            VirtualInterfaceV2(o, _twin(self.distributor, pe), self.report) for pe in range(o.pes))
        self.wires = Wires(o.pes)

    def _block(self, address: int, pe: int) -> tuple[Block | None, int]:
        m = self.map
        cpu, virtual = self.cpus[pe], self.virtual[pe]
        for base, block in ((m.gicc, cpu.gicc), (m.gich, virtual.gich), (m.gicv, virtual.gicv),
                            (m.gicd, self.distributor.gicd)):
            if base <= address < base + block.size:
                return block, address - base
        self.report(Notice("reserved", f"{address:#x}", "no frame of the GIC lies there"))
        return None, 0

    def read(self, address: int, size: int, pe: int = 0, *, secure: bool = False) -> int:
        """A load of `size` bytes (1, 2, 4) by a PE. What is not modelled reads as zero and is reported."""
        block, offset = self._block(address, pe)
        if block is None:
            return 0
        value = block.read(offset, size, pe, self.distributor.ns(secure))
        if block is not self.distributor.gicd:      # an IAR may have acknowledged
            self.wires.settle(self.outputs)
        return value

    def write(self, address: int, size: int, value: int, pe: int = 0, *, secure: bool = False) -> None:
        """A store of `size` bytes by a PE. What is not modelled is ignored and reported."""
        block, offset = self._block(address, pe)
        if block is not None:
            block.write(offset, size, value, pe, self.distributor.ns(secure))
            self.wires.settle(self.outputs)

    def set_line(self, intid: int, level: bool, pe: int | None = None) -> None:
        """A device moves an input: an SPI's, or with `pe` a PPI's. LookupError where there is no such input."""
        irq = self.distributor.find(intid, pe or 0) if intid >= 16 and (intid >= 32) == (pe is None) else None
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
        """All five."""
        return Outputs(*self.cpus[pe].outputs(), *self.virtual[pe].outputs(), self.maintenance(pe))

    def on_output(self, callback: OnChange | None) -> None:
        """From now on `callback(pe, name, level)` is told each change of an output, beginning with those now high."""
        self.wires.levels[:] = [Outputs()] * self.options.pes
        self.wires.on_change = callback
        self.wires.settle(self.outputs)

    def unmodelled(self) -> frozenset[str]:
        """The registers of the frames that this chip should have and the model hasn't."""
        blocks = (self.distributor.gicd, self.cpus[0].gicc, self.virtual[0].gich, self.virtual[0].gicv)
        return frozenset(name for block in blocks for name in block.unmodelled())

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *self.distributor.parts(), *(part for cpu in self.cpus for part in cpu.parts()),
            *(part for v in self.virtual for part in v.parts()),
        )


def _twin(distributor: DistributorV2, pe: int) -> Callable[[int], None]:
    """How a list register's HW bit reaches the physical interrupt."""
    return lambda pintid: distributor.deactivate_twin(pintid, pe)
