"""The GICv2 driver: GICD and GICC (IHI 0048B)."""

from __future__ import annotations

from vgic.arch.gicc import GICC, INTID
from vgic.arch.gicd import GICD_V2
from vgic.arch.located import FrameAt
from vgic.host.descriptor import IrqData, IrqDesc
from vgic.host.gic import IT_LINES, PMR, GicDriver
from vgic.host.mmio import BoundFrame
from vgic.silicon import GicV2

ENABLE, EOIMODE = GICC["GICC_CTLR"].mask("EnableGrp0"), GICC["GICC_CTLR"].mask("EOImodeS")


class GicV2Driver(GicDriver):
    """Private interrupts' registers are banked by the PE that accesses."""

    name = "GICv2"

    def __init__(self, gic: GicV2, split_eoi: bool) -> None:
        super().__init__(gic.options.pes, split_eoi)
        gicd, gicc = FrameAt(GICD_V2, gic.map.gicd), FrameAt(GICC, gic.map.gicc)
        self.gicd = tuple(BoundFrame(gicd, gic, pe) for pe in range(self.pes))
        self.gicc = tuple(BoundFrame(gicc, gic, pe) for pe in range(self.pes))

    def frame(self, intid: int, pe: int) -> BoundFrame:
        """GICD, where SGIs and PPIs are banked."""
        return self.gicd[pe]

    def dist_init(self) -> None:
        gicd = self.gicd[0]
        gicd.CTLR.write(0)
        for n in range(8, 8 * ((gicd.TYPER.read() & IT_LINES) + 1)):
            gicd.ITARGETSR[n] = 0x01010101
        self.dist_config()
        gicd.CTLR.write(ENABLE)

    def cpu_init(self, pe: int) -> None:
        self.cpu_config(pe)
        self.gicc[pe].PMR.write(PMR)
        self.cpu_if_up(pe)

    def cpu_if_up(self, pe: int) -> None:
        """No priority active, and the CPU interface enabled."""
        gicc = self.gicc[pe]
        for n in range(4):
            gicc.APR[n] = 0
        gicc.CTLR.write(ENABLE | EOIMODE if self.split_eoi else ENABLE)

    def acknowledge(self, pe: int) -> int:
        return self.gicc[pe].IAR.read()

    def intid(self, iar: int) -> int:
        return iar & INTID

    def drop(self, iar: int, pe: int) -> None:
        self.gicc[pe].EOIR.write(iar)

    def deactivate(self, iar: int, pe: int) -> None:
        if self.split_eoi:
            self.gicc[pe].DIR.write(iar)

    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        self.gicd[pe].SGIR.write(GICD_V2["GICD_SGIR"].encode(CPUTargetList=1 << target, INTID=sgi))

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """One bit of ITARGETSR's byte."""
        self.gicd[pe].ITARGETSR.write_byte(data.hwirq, 1 << target)
