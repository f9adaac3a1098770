"""The GICv3 driver: GICD, GICR and the ICC system registers (IHI 0069)."""

from __future__ import annotations

from vgic.arch.gicd import GICD_V3
from vgic.arch.gicr import GICR
from vgic.arch.icc import ICC, INTID
from vgic.arch.intid import PRIVATE, SPECIAL_START
from vgic.arch.located import FrameAt
from vgic.host.descriptor import IrqData, IrqDesc
from vgic.host.gic import EVERY, IT_LINES, PMR, GicDriver
from vgic.host.mmio import BoundFrame
from vgic.silicon import GicV3

CTLR = GICD_V3["GICD_CTLR"].mask("ARE", "EnableGrp1", "EnableGrp0")
RWP_D, RWP_R = GICD_V3["GICD_CTLR"].mask("RWP"), GICR["GICR_CTLR"].mask("RWP")
CHILDREN_ASLEEP, LAST = GICR["GICR_WAKER"].mask("ChildrenAsleep"), GICR["GICR_TYPER"].mask("Last")
EOIMODE, PRIBITS = ICC["ICC_CTLR_EL1"].mask("EOImode"), ICC["ICC_CTLR_EL1"].mask("PRIbits")
PRIBITS_SHIFT = (PRIBITS & -PRIBITS).bit_length() - 1
SGI1R = ICC["ICC_SGI1R_EL1"]


class GicV3Driver(GicDriver):
    """Private interrupts' registers are in the PE's redistributor."""

    name = "GICv3"

    def __init__(self, gic: GicV3, split_eoi: bool) -> None:
        super().__init__(gic.options.pes, split_eoi)
        self.gic = gic
        self.affinity = tuple(gic.options.affinity(pe) for pe in range(self.pes))
        gicd = FrameAt(GICD_V3, gic.map.gicd)
        self.gicd = tuple(BoundFrame(gicd, gic, pe) for pe in range(self.pes))
        found = self._find_redistributors()
        self.gicr = tuple(BoundFrame(found[affinity], gic, pe) for pe, affinity in enumerate(self.affinity))

    def _find_redistributors(self) -> dict[int, FrameAt]:
        """The redistributors, each by the affinity that its GICR_TYPER names."""
        found: dict[int, FrameAt] = {}
        for base, count in self.gic.map.gicr:
            for n in range(count):
                gicr = FrameAt(GICR, base + n * self.gic.gicr_stride)
                typer = BoundFrame(gicr, self.gic, 0).TYPER.read()
                found[typer >> 32] = gicr
                if typer & LAST or len(found) == self.pes:
                    break
            if len(found) == self.pes:
                break
        return found

    def frame(self, intid: int, pe: int) -> BoundFrame:
        """GICR, or for shared interrupts GICD."""
        return self.gicr[pe] if intid < PRIVATE else self.gicd[pe]

    def dist_init(self) -> None:
        gicd = self.gicd[0]
        gicd.CTLR.write(0)
        self.wait_for_rwp(PRIVATE, 0)
        lines = (gicd.TYPER.read() & IT_LINES) + 1
        for n in range(1, lines):
            gicd.IGROUPR[n] = EVERY
        self.dist_config()
        gicd.CTLR.write(CTLR)
        self.wait_for_rwp(PRIVATE, 0)
        for intid in range(PRIVATE, min(32 * lines, SPECIAL_START)):
            gicd.IROUTER[intid] = self._route(0)

    def cpu_init(self, pe: int) -> None:
        self.enable_redist(pe)
        self.gicr[pe].IGROUPR[0] = EVERY
        self.cpu_config(pe)
        self.cpu_sys_reg_init(pe)

    def enable_redist(self, pe: int) -> None:
        """Wakes the PE's redistributor."""
        gicr = self.gicr[pe]
        gicr.WAKER.write(0)
        if gicr.WAKER.read() & CHILDREN_ASLEEP:
            raise RuntimeError(f"the redistributor of PE {pe} does not wake")

    def cpu_sys_reg_init(self, pe: int) -> None:
        """Masks, EOImode, no priority active, and the CPU interface enabled."""
        gic = self.gic
        gic.sysreg_write("ICC_PMR_EL1", PMR, pe)
        gic.sysreg_write("ICC_BPR1_EL1", 0, pe)
        gic.sysreg_write("ICC_CTLR_EL1", EOIMODE if self.split_eoi else 0, pe)
        bits = ((gic.sysreg_read("ICC_CTLR_EL1", pe) & PRIBITS) >> PRIBITS_SHIFT) + 1
        for n in range(1 << max(0, bits - 5)):
            gic.sysreg_write(f"ICC_AP1R{n}_EL1", 0, pe)
        gic.sysreg_write("ICC_IGRPEN1_EL1", 1, pe)

    def acknowledge(self, pe: int) -> int:
        return self.gic.sysreg_read("ICC_IAR1_EL1", pe)

    def intid(self, iar: int) -> int:
        return iar & INTID

    def drop(self, iar: int, pe: int) -> None:
        self.gic.sysreg_write("ICC_EOIR1_EL1", iar, pe)

    def deactivate(self, iar: int, pe: int) -> None:
        if self.split_eoi:
            self.gic.sysreg_write("ICC_DIR_EL1", iar, pe)

    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        aff = self.affinity[target]
        self.gic.sysreg_write("ICC_SGI1R_EL1", SGI1R.encode(
            Aff3=aff >> 24, RS=aff >> 4 & 15, Aff2=aff >> 16 & 0xFF, INTID=sgi, Aff1=aff >> 8 & 0xFF,
            TargetList=1 << (aff & 15)), pe)

    def wait_for_rwp(self, intid: int, pe: int) -> None:
        """GICR_CTLR.RWP, or for shared interrupts GICD_CTLR.RWP."""
        busy = self.gicr[pe].CTLR.read() & RWP_R if intid < PRIVATE else self.gicd[pe].CTLR.read() & RWP_D
        if busy:
            raise RuntimeError(f"RWP stays set after the disable of INTID {intid}")

    def _route(self, pe: int) -> int:
        """IROUTER's value for a PE."""
        affinity = self.affinity[pe]
        return affinity >> 24 << 32 | affinity & 0xFFFFFF

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """IROUTER names the PE's affinity."""
        self.gicd[pe].IROUTER[data.hwirq] = self._route(target)
