"""The GICv3 driver: GICD, GICR and the ICC system registers (IHI 0069)."""

from __future__ import annotations

from vgic.host.descriptor import IrqData, IrqDesc
from vgic.host.gic import CTLR, ICFGR, IGROUPR, IPRIORITYR, IROUTER, ISENABLER, PRIORITY, SGIS, TYPER, GicDriver
from vgic.silicon import GicV3

GICR_CTLR, GICR_TYPER, GICR_WAKER, SGI_BASE = 0x0, 0x8, 0x14, 0x1_0000
CHILDREN_ASLEEP = 4
RWP_D, RWP_R = 1 << 31, 1 << 3
ARE, ENABLE_GRP1, ENABLE_GRP0 = 0x10, 2, 1
PMR = 0xF0
EOIMODE = 2
LAST = 1 << 4


class GicV3Driver(GicDriver):
    """Private interrupts' registers are in the PE's redistributor."""

    name = "GICv3"

    def __init__(self, gic: GicV3, split_eoi: bool) -> None:
        super().__init__(gic.options.pes, split_eoi)
        self.gic = gic
        self.gicd = gic.map.gicd
        self.affinity = tuple(gic.options.affinity(pe) for pe in range(self.pes))
        self.gicr = self._find_redistributors()

    def _find_redistributors(self) -> tuple[int, ...]:
        """Each PE's redistributor: the one whose GICR_TYPER names its affinity."""
        found: dict[int, int] = {}
        for base, count in self.gic.map.gicr:
            for n in range(count):
                address = base + n * self.gic.gicr_stride
                typer = self.gic.read(address + GICR_TYPER, 8)
                found[typer >> 32] = address
                if typer & LAST or len(found) == self.pes:
                    break
            if len(found) == self.pes:
                break
        return tuple(found[aff] for aff in self.affinity)

    def init_distributor(self) -> None:
        write, gicd = self.gic.write, self.gicd
        lines = (self.gic.read(gicd + TYPER, 4) & 31) + 1
        for n in range(1, lines):
            write(gicd + IGROUPR + 4 * n, 4, 0xFFFF_FFFF)
        for n in range(8, 8 * lines):
            write(gicd + IPRIORITYR + 4 * n, 4, PRIORITY * 0x01010101)
        write(gicd + CTLR, 4, ARE | ENABLE_GRP1 | ENABLE_GRP0)
        aff = self.affinity[0]
        for intid in range(32, min(32 * lines, 1020)):
            write(gicd + IROUTER + 8 * intid, 8, aff >> 24 << 32 | aff & 0xFFFFFF)

    def init_cpu(self, pe: int) -> None:
        write, rd = self.gic.write, self.gicr[pe]
        write(rd + GICR_WAKER, 4, 0, pe)
        if self.gic.read(rd + GICR_WAKER, 4, pe) & CHILDREN_ASLEEP:
            raise RuntimeError(f"the redistributor of PE {pe} does not wake")
        write(rd + SGI_BASE + IGROUPR, 4, 0xFFFF_FFFF, pe)
        for n in range(8):
            write(rd + SGI_BASE + IPRIORITYR + 4 * n, 4, PRIORITY * 0x01010101, pe)
        write(rd + SGI_BASE + ISENABLER, 4, SGIS, pe)
        self.gic.sysreg_write("ICC_PMR_EL1", PMR, pe)
        self.gic.sysreg_write("ICC_CTLR_EL1", EOIMODE if self.split_eoi else 0, pe)
        self.gic.sysreg_write("ICC_IGRPEN1_EL1", 1, pe)

    def acknowledge(self, pe: int) -> int:
        return self.gic.sysreg_read("ICC_IAR1_EL1", pe)

    def intid(self, iar: int) -> int:
        return iar & 0xFFFFFF

    def drop(self, iar: int, pe: int) -> None:
        self.gic.sysreg_write("ICC_EOIR1_EL1", iar, pe)

    def deactivate(self, iar: int, pe: int) -> None:
        if self.split_eoi:
            self.gic.sysreg_write("ICC_DIR_EL1", iar, pe)

    def send_sgi(self, sgi: int, target: int, pe: int) -> None:
        aff = self.affinity[target]
        value = (aff >> 24) << 48 | (aff >> 16 & 0xFF) << 32 | (aff >> 8 & 0xFF) << 16 | sgi << 24
        self.gic.sysreg_write("ICC_SGI1R_EL1", value | (aff >> 4 & 15) << 44 | 1 << (aff & 15), pe)

    def _frame(self, intid: int, pe: int) -> int:
        return self.gicr[pe] + SGI_BASE if intid < 32 else self.gicd

    def _poke(self, intid: int, register: int, pe: int) -> None:
        self.gic.write(self._frame(intid, pe) + register + intid // 32 * 4, 4, 1 << intid % 32, pe)

    def _peek(self, intid: int, register: int, pe: int) -> bool:
        return bool(self.gic.read(self._frame(intid, pe) + register + intid // 32 * 4, 4, pe) >> intid % 32 & 1)

    def _wait_for_rwp(self, intid: int, pe: int) -> None:
        if intid < 32:
            busy = self.gic.read(self.gicr[pe] + GICR_CTLR, 4, pe) & RWP_R
        else:
            busy = self.gic.read(self.gicd + CTLR, 4, pe) & RWP_D
        if busy:
            raise RuntimeError(f"RWP stays set after the disable of INTID {intid}")

    def irq_set_type(self, desc: IrqDesc, data: IrqData, edge: bool, pe: int) -> None:
        """ICFGR's upper bit."""
        address, shift = self._frame(data.hwirq, pe) + ICFGR + data.hwirq // 16 * 4, 2 * (data.hwirq % 16)
        old = self.gic.read(address, 4, pe)
        self.gic.write(address, 4, old & ~(3 << shift) | edge << shift + 1, pe)

    def irq_set_affinity(self, desc: IrqDesc, data: IrqData, target: int, pe: int) -> None:
        """IROUTER names the PE's affinity."""
        aff = self.affinity[target]
        self.gic.write(self.gicd + IROUTER + 8 * data.hwirq, 8, aff >> 24 << 32 | aff & 0xFFFFFF, pe)
