"""A GICv2 and a GICv3 to test, driven by register names, with one vocabulary for what both can do.

`V2` uses Group 0 and no Security Extensions, `V3` Group 1 and a single Security state, unless a test asks otherwise.
The states that `state` tells are read from registers, never from the model's objects.
"""

from __future__ import annotations

from typing import Any

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.gicr import GICR
from vgic.arch.gicv import GICV
from vgic.arch.ich import ICH
from vgic.arch.register import Frame, Register
from vgic.arch.state import STATE_NAMES
from vgic.silicon import GicV2, GicV2Options, GicV3, GicV3Options

GICD, GICC_AT, GICH_AT, GICV_AT, GICR_AT = 0x0800_0000, 0x0801_0000, 0x0803_0000, 0x0804_0000, 0x080A_0000


def place(frame: Frame, name: str) -> tuple[int, int]:
    """Offset and size in bytes of a register."""
    found = frame.named(name)
    assert found is not None, name
    assert found.offset is not None, name
    return found.offset, found.register.width // 8


class Board:
    """What the tests of both chips say."""

    gic: GicV2 | GicV3
    group = 0
    v3 = False
    lr_register: Register

    def __init__(self, **options: Any) -> None:
        raise NotImplementedError  # abstract: V2 and V3 differ

    def r(self, name: str, pe: int = 0, **how: Any) -> int:
        """A read of a register by its name."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def w(self, name: str, value: int, pe: int = 0, **how: Any) -> None:
        """A write."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    # -- the distributor

    def per_intid(self, name: str, intid: int) -> str:
        """GICD_ISPENDR1 for ("ISPENDR", 33); of a GICv3's SGIs and PPIs the redistributor's."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def bit(self, name: str, intid: int, pe: int = 0, **how: Any) -> int:
        """An interrupt's bit of a register."""
        return self.r(self.per_intid(name, intid), pe, **how) >> intid % 32 & 1

    def set(self, name: str, intid: int, pe: int = 0, **how: Any) -> None:
        """Writes an interrupt's bit alone."""
        self.w(self.per_intid(name, intid), 1 << intid % 32, pe, **how)

    def put(self, name: str, intid: int, value: int, pe: int = 0, **how: Any) -> None:
        """Changes an interrupt's bit of IGROUPR or IGRPMODR."""
        register = self.per_intid(name, intid)
        old = self.r(register, pe, **how)
        self.w(register, old & ~(1 << intid % 32) | value << intid % 32, pe, **how)

    def state(self, intid: int, pe: int = 0, **how: Any) -> str:
        """I, P, A or PA."""
        return STATE_NAMES[self.bit("ISPENDR", intid, pe, **how) | self.bit("ISACTIVER", intid, pe, **how) << 1]

    def byte(self, intid: int, pe: int) -> int:
        """The address of the interrupt's priority."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def prioritize(self, intid: int, priority: int, pe: int = 0, **how: Any) -> None:
        """Writes its priority, by a byte access."""
        self.gic.write(self.byte(intid, pe), 1, priority, pe, **how)

    def priority(self, intid: int, pe: int = 0, **how: Any) -> int:
        """Its priority."""
        return self.gic.read(self.byte(intid, pe), 1, pe, **how)

    def edge(self, intid: int, edge: bool = True, pe: int = 0, **how: Any) -> None:
        """Sets its trigger."""
        register = f"{'GICR' if self.v3 and intid < 32 else 'GICD'}_ICFGR{intid // 16}"
        shift = intid % 16 * 2
        self.w(register, self.r(register, pe, **how) & ~(3 << shift) | 2 * edge << shift, pe, **how)

    def make(
        self, intid: int, *, edge: bool = False, priority: int = 0x80, group: int | None = None, pe: int = 0,
        enable: bool = True,
    ) -> int:
        """Configures an interrupt for a PE and enables it."""
        if intid >= 16:
            self.edge(intid, edge, pe)
        self.put("IGROUPR", intid, self.group if group is None else group, pe)
        self.prioritize(intid, priority, pe)
        if intid >= 32:
            self.target(intid, pe)
        if enable:
            self.set("ISENABLER", intid, pe)
        return intid

    def target(self, intid: int, pe: int) -> None:
        """Routes an SPI to one PE."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def line(self, intid: int, level: bool, pe: int = 0) -> None:
        """Moves the interrupt's line."""
        self.gic.set_line(intid, level, pe if intid < 32 else None)

    def pulse(self, intid: int, pe: int = 0) -> None:
        """A rising and a falling edge."""
        self.line(intid, True, pe)
        self.line(intid, False, pe)

    # -- the physical CPU interface

    def ack(self, pe: int = 0) -> int:
        """IAR of the group that `make` chooses."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def eoi(self, intid: int, pe: int = 0) -> None:
        """EOIR."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def dir(self, intid: int, pe: int = 0) -> None:
        """DIR."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def split(self, on: bool = True, pe: int = 0) -> None:
        """EOImode."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def pmr(self, value: int, pe: int = 0) -> None:
        """The priority mask."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def rpr(self, pe: int = 0) -> int:
        """The running priority."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def bpr(self, group: int, value: int, pe: int = 0) -> None:
        """A binary point."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def hppir(self, pe: int = 0) -> int:
        """The highest priority pending interrupt."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def signalled(self, pe: int = 0) -> bool:
        """Whether IRQ or FIQ is high."""
        return self.gic.irq(pe) or self.gic.fiq(pe)

    # -- the virtual interface

    def lr(self, n: int, state: int, vintid: int, *, priority: int = 0x80, group: int | None = None,
           pintid: int | None = None, eoi: bool = False, cpuid: int = 0) -> None:
        """Writes a list register; `pintid` means HW=1."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def lr_name(self, n: int) -> str:
        """GICH_LR<n> or ICH_LR<n>_EL2."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def held(self, n: int) -> str:
        """The state of a list register."""
        return STATE_NAMES[{f.name: v for f, v in self.lr_register.decode(self.r(self.lr_name(n)))}["State"]]

    def h(self, name: str) -> int:
        """A read of GICH_<name> or ICH_<name>_EL2."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def hw(self, name: str, value: int) -> None:
        """A write of it."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def vapr(self) -> int:
        """The virtual active priorities of both groups."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def hcr(self, bits: int = 0) -> None:
        """Writes HCR with En and these bits."""
        self.hw("HCR", 1 | bits)

    def eoicount(self) -> int:
        """HCR.EOIcount."""
        return self.h("HCR") >> 27

    def vmcr(
        self, *, pmr: int = 0xF8, bpr0: int = 2, bpr1: int = 3, eng: int = 3, cbpr: int = 0, eoim: int = 0,
    ) -> None:
        """Writes VMCR; by default both groups are enabled and nothing is masked."""
        self.hw("VMCR", pmr << 24 | bpr0 << 21 | bpr1 << 18 | eoim << 9 | cbpr << 4 | 8 | eng)

    def viar(self, group: int = 1) -> int:
        """The guest's IAR (group 1: AIAR on a GICv2)."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def vhppir(self, group: int = 1) -> int:
        """The guest's HPPIR."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def veoi(self, vintid: int, group: int = 1) -> None:
        """The guest's EOIR."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def vdir(self, vintid: int) -> None:
        """The guest's DIR."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def vrpr(self) -> int:
        """The guest's running priority."""
        raise NotImplementedError  # abstract: V2 and V3 differ

    def vout(self, pe: int = 0) -> tuple[bool, bool]:
        """Virtual IRQ and FIQ."""
        return self.gic.virq(pe), self.gic.vfiq(pe)


class V2(Board):
    """A GICv2 with everything enabled."""

    frames = ((GICD_V2, GICD), (GICC, GICC_AT), (GICH, GICH_AT), (GICV, GICV_AT))
    lr_register = GICH["GICH_LR<n>"]

    def __init__(self, **options: Any) -> None:
        self.gic: GicV2 = GicV2(GicV2Options(**{"pes": 2} | options))
        how = {"secure": True}
        self.w("GICD_CTLR", 3, **how)
        for pe in range(self.gic.options.pes):
            self.w("GICC_CTLR", 3, pe, **how)
            self.w("GICC_PMR", 0xFF, pe, **how)

    def at(self, name: str) -> tuple[int, int]:
        """Address and size of a register."""
        frame, base = next((f, b) for f, b in self.frames if name.startswith(f.name + "_"))
        offset, size = place(frame, name)
        return base + offset, size

    def r(self, name: str, pe: int = 0, **how: Any) -> int:
        return self.gic.read(*self.at(name), pe, **how)

    def w(self, name: str, value: int, pe: int = 0, **how: Any) -> None:
        self.gic.write(*self.at(name), value, pe, **how)

    def per_intid(self, name: str, intid: int) -> str:
        return f"GICD_{name}{intid // 32}"

    def byte(self, intid: int, pe: int) -> int:
        return GICD + 0x400 + intid

    def target(self, intid: int, pe: int) -> None:
        self.gic.write(GICD + 0x800 + intid, 1, 1 << pe, pe, secure=True)

    def sgi(self, intid: int, to: int, pe: int = 0, filter_: int = 0, **how: Any) -> None:
        """GICD_SGIR to a list of CPU interfaces."""
        self.w("GICD_SGIR", filter_ << 24 | to << 16 | intid, pe, **how)

    def ack(self, pe: int = 0) -> int:
        return self.r("GICC_IAR", pe)

    def eoi(self, intid: int, pe: int = 0) -> None:
        self.w("GICC_EOIR", intid, pe)

    def dir(self, intid: int, pe: int = 0) -> None:
        self.w("GICC_DIR", intid, pe)

    def split(self, on: bool = True, pe: int = 0) -> None:
        self.w("GICC_CTLR", self.r("GICC_CTLR", pe) & ~0x200 | 0x200 * on, pe)

    def pmr(self, value: int, pe: int = 0) -> None:
        self.w("GICC_PMR", value, pe)

    def rpr(self, pe: int = 0) -> int:
        return self.r("GICC_RPR", pe)

    def bpr(self, group: int, value: int, pe: int = 0) -> None:
        self.w("GICC_ABPR" if group else "GICC_BPR", value, pe)

    def hppir(self, pe: int = 0) -> int:
        return self.r("GICC_HPPIR", pe)

    def lr(self, n: int, state: int, vintid: int, *, priority: int = 0x80, group: int | None = None,
           pintid: int | None = None, eoi: bool = False, cpuid: int = 0) -> None:
        low = (pintid << 10 | 1 << 31) if pintid is not None else eoi << 19 | cpuid << 10
        which = 1 if group is None else group
        self.w(f"GICH_LR{n}", low | which << 30 | state << 28 | priority >> 3 << 23 | vintid)

    def lr_name(self, n: int) -> str:
        return f"GICH_LR{n}"

    def h(self, name: str) -> int:
        return self.r("GICH_" + name)

    def hw(self, name: str, value: int) -> None:
        self.w("GICH_" + name, value)

    def vapr(self) -> int:
        return self.r("GICH_APR")

    def viar(self, group: int = 1) -> int:
        return self.r("GICV_AIAR" if group else "GICV_IAR")

    def vhppir(self, group: int = 1) -> int:
        return self.r("GICV_AHPPIR" if group else "GICV_HPPIR")

    def veoi(self, vintid: int, group: int = 1) -> None:
        self.w("GICV_AEOIR" if group else "GICV_EOIR", vintid)

    def vdir(self, vintid: int) -> None:
        self.w("GICV_DIR", vintid)

    def vrpr(self) -> int:
        return self.r("GICV_RPR")


class V3(Board):
    """A GICv3 with everything enabled and every PE awake."""

    group = 1
    v3 = True
    lr_register = ICH["ICH_LR<n>_EL2"]

    def __init__(self, **options: Any) -> None:
        self.gic: GicV3 = GicV3(GicV3Options(**{"pes": 2} | options))
        secure = self.gic.options.security
        self.w("GICD_CTLR", 0x37 if secure else 0x13, secure=True)
        for pe in range(self.gic.options.pes):
            self.w("GICR_WAKER", 0, pe, secure=True)
            self.w("ICC_PMR_EL1", 0xFF, pe)
            self.w("ICC_IGRPEN0_EL1", 1, pe)
            self.w("ICC_IGRPEN1_EL1", 1, pe)
            if secure:
                self.w("ICC_IGRPEN1_EL3", 3, pe)

    def at(self, name: str, pe: int = 0) -> tuple[int, int]:
        """Address and size of a memory-mapped register; of GICR the PE's."""
        if name.startswith("GICD_"):
            offset, size = place(GICD_V3, name)
            return GICD + offset, size
        offset, size = place(GICR, name)
        return GICR_AT + 0x2_0000 * pe + offset, size

    def r(self, name: str, pe: int = 0, *, el: int | None = None, secure: bool = False, **how: Any) -> int:
        if name.startswith("IC"):
            return self.gic.sysreg_read(name, pe, el=int(name[-1]) if el is None else el, secure=secure)
        return self.gic.read(*self.at(name, pe), pe, secure=secure)

    def w(
        self, name: str, value: int, pe: int = 0, *, el: int | None = None, secure: bool = False, **how: Any,
    ) -> None:
        if name.startswith("IC"):
            self.gic.sysreg_write(name, value, pe, el=int(name[-1]) if el is None else el, secure=secure)
        else:
            self.gic.write(*self.at(name, pe), value, pe, secure=secure)

    def per_intid(self, name: str, intid: int) -> str:
        return f"GICR_{name}0" if intid < 32 else f"GICD_{name}{intid // 32}"

    def byte(self, intid: int, pe: int) -> int:
        return GICR_AT + 0x2_0000 * pe + 0x1_0400 + intid if intid < 32 else GICD + 0x400 + intid

    def target(self, intid: int, pe: int) -> None:
        aff = self.gic.options.affinity(pe)
        self.w(f"GICD_IROUTER{intid}", (aff & 0xFF00_0000) << 8 | aff & 0xFF_FFFF, secure=True)

    def sgi(self, intid: int, to: int, pe: int = 0, register: str = "ICC_SGI1R_EL1", **how: Any) -> None:
        """An SGI to a list of PEs of cluster 0."""
        self.w(register, intid << 24 | to, pe, **how)

    def ack(self, pe: int = 0) -> int:
        return self.r("ICC_IAR1_EL1", pe)

    def eoi(self, intid: int, pe: int = 0) -> None:
        self.w("ICC_EOIR1_EL1", intid, pe)

    def dir(self, intid: int, pe: int = 0) -> None:
        self.w("ICC_DIR_EL1", intid, pe)

    def split(self, on: bool = True, pe: int = 0) -> None:
        self.w("ICC_CTLR_EL1", self.r("ICC_CTLR_EL1", pe) & ~2 | 2 * on, pe)

    def pmr(self, value: int, pe: int = 0) -> None:
        self.w("ICC_PMR_EL1", value, pe)

    def rpr(self, pe: int = 0) -> int:
        return self.r("ICC_RPR_EL1", pe)

    def bpr(self, group: int, value: int, pe: int = 0) -> None:
        self.w(f"ICC_BPR{group}_EL1", value, pe)

    def hppir(self, pe: int = 0) -> int:
        return self.r("ICC_HPPIR1_EL1", pe)

    def lr(self, n: int, state: int, vintid: int, *, priority: int = 0x80, group: int | None = None,
           pintid: int | None = None, eoi: bool = False, cpuid: int = 0) -> None:
        low = (pintid << 32 | 1 << 61) if pintid is not None else eoi << 41
        which = 1 if group is None else group
        self.w(f"ICH_LR{n}_EL2", low | which << 60 | state << 62 | priority << 48 | vintid)

    def lr_name(self, n: int) -> str:
        return f"ICH_LR{n}_EL2"

    def h(self, name: str) -> int:
        return self.r(f"ICH_{name}_EL2")

    def hw(self, name: str, value: int) -> None:
        self.w(f"ICH_{name}_EL2", value)

    def vapr(self) -> int:
        return self.r("ICH_AP0R0_EL2") | self.r("ICH_AP1R0_EL2")

    def viar(self, group: int = 1) -> int:
        return self.r(f"ICV_IAR{group}_EL1")

    def vhppir(self, group: int = 1) -> int:
        return self.r(f"ICV_HPPIR{group}_EL1")

    def veoi(self, vintid: int, group: int = 1) -> None:
        self.w(f"ICV_EOIR{group}_EL1", vintid)

    def vdir(self, vintid: int) -> None:
        self.w("ICV_DIR_EL1", vintid)

    def vrpr(self) -> int:
        return self.r("ICV_RPR_EL1")


def virtual(board: Board) -> Board:
    """With the virtual interface on, both groups enabled and nothing masked."""
    board.hcr()
    board.vmcr()
    return board
