"""The GICv2 driver: GICD and GICC (IHI 0048B)."""

from __future__ import annotations

from vgic.host.descriptor import IrqData, IrqDesc
from vgic.host.gic import CTLR, ICFGR, IPRIORITYR, ISENABLER, ITARGETSR, PRIORITY, SGIR, SGIS, TYPER, GicDriver
from vgic.silicon import GicV2

GICC_CTLR, GICC_PMR, GICC_IAR, GICC_EOIR, GICC_DIR = 0x0, 0x4, 0xC, 0x10, 0x1000
PMR = 0xF0
ENABLE, EOIMODE = 1, 1 << 9


class GicV2Driver(GicDriver):
    """Private interrupts' registers are banked by the PE that accesses."""

    name = "GICv2"

    def __init__(self, gic: GicV2, split_eoi: bool) -> None:
        super().__init__(gic.options.pes, split_eoi)
        self.gic = gic
        self.gicd, self.gicc = gic.map.gicd, gic.map.gicc

    def init_distributor(self) -> None:
        lines = (self.gic.read(self.gicd + TYPER, 4) & 31) + 1
        for n in range(8, 8 * lines):
            self.gic.write(self.gicd + IPRIORITYR + 4 * n, 4, PRIORITY * 0x01010101)
            self.gic.write(self.gicd + ITARGETSR + 4 * n, 4, 0x01010101)
        self.gic.write(self.gicd + CTLR, 4, ENABLE)

    def init_cpu(self, pe: int) -> None:
        for n in range(8):
            self.gic.write(self.gicd + IPRIORITYR + 4 * n, 4, PRIORITY * 0x01010101, pe)
        self.gic.write(self.gicd + ISENABLER, 4, SGIS, pe)
        self.gic.write(self.gicc + GICC_PMR, 4, PMR, pe)
        self.gic.write(self.gicc + GICC_CTLR, 4, ENABLE | (EOIMODE if self.split_eoi else 0), pe)

    def acknowledge(self, pe: int) -> int:
        return self.gic.read(self.gicc + GICC_IAR, 4, pe)

    def intid(self, iar: int) -> int:
        return iar & 0x3FF

    def drop(self, iar: int, pe: int) -> None:
        self.gic.write(self.gicc + GICC_EOIR, 4, iar, pe)

    def deactivate(self, iar: int, pe: int) -> None:
        if self.split_eoi:
            self.gic.write(self.gicc + GICC_DIR, 4, iar, pe)

    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        self.gic.write(self.gicd + SGIR, 4, 1 << (16 + target) | sgi, pe)

    def _poke(self, intid: int, register: int, pe: int) -> None:
        self.gic.write(self.gicd + register + intid // 32 * 4, 4, 1 << intid % 32, pe)

    def _peek(self, intid: int, register: int, pe: int) -> bool:
        return bool(self.gic.read(self.gicd + register + intid // 32 * 4, 4, pe) >> intid % 32 & 1)

    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """ICFGR's upper bit."""
        address, shift = self.gicd + ICFGR + data.hwirq // 16 * 4, 2 * (data.hwirq % 16)
        old = self.gic.read(address, 4, pe)
        self.gic.write(address, 4, old & ~(3 << shift) | edge << shift + 1, pe)

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """One bit of ITARGETSR's byte."""
        self.gic.write(self.gicd + ITARGETSR + data.hwirq, 1, 1 << target, pe)
