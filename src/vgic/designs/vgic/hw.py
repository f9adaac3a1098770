"""The hypervisor's registers of the virtual CPU interface, GICH and ICH, behind one interface.

Each method is one or a few register accesses on a PE; nothing is remembered here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from vgic.arch.gich import GICH
from vgic.arch.intid import SGIS
from vgic.arch.located import FrameAt
from vgic.designs.vgic.irq import Lr
from vgic.host.mmio import BoundFrame
from vgic.silicon import Gic, GicV3


class VirtualHw(ABC):
    """What GICH and ICH have: `nr_lr` list registers, `words` of active priorities for both groups together."""

    nr_lr = 0
    words = 1
    tdir = False
    """Whether the guest's DIR can be trapped alone (ICH_HCR_EL2.TDIR)."""

    @abstractmethod
    def encode(self, lr: Lr) -> int:
        """The value of a list register that holds this."""

    @abstractmethod
    def decode(self, value: int, v2_guest: bool) -> Lr:
        """What a list register's value means; `v2_guest`: the vINTID of an SGI carries its source."""

    @abstractmethod
    def write_lr(self, n: int, value: int, pe: int) -> None:
        """Writes list register n of a PE."""

    @abstractmethod
    def read_lr(self, n: int, pe: int) -> int:
        """Reads list register n of a PE."""

    @abstractmethod
    def elrsr(self, pe: int) -> int:
        """Reads ELRSR: a bit for each empty list register."""

    @abstractmethod
    def write_hcr(self, value: int, pe: int) -> None:
        """Writes HCR: enables, conditions for a maintenance interrupt, EOIcount, traps."""

    @abstractmethod
    def read_hcr(self, pe: int) -> int:
        """Reads HCR."""

    @abstractmethod
    def write_vmcr(self, value: int, pe: int) -> None:
        """Writes VMCR: the guest's masks, enables and modes."""

    @abstractmethod
    def read_vmcr(self, pe: int) -> int:
        """Reads VMCR."""

    @abstractmethod
    def write_apr(self, words: tuple[int, ...], pe: int) -> None:
        """Writes the active priorities: group 0's words, then group 1's."""

    @abstractmethod
    def read_apr(self, pe: int) -> tuple[int, ...]:
        """Reads the active priorities: group 0's words, then group 1's."""


class GichHw(VirtualHw):
    """GICH of a GICv2 (IHI 0048B 5.3). A list register holds five bits of priority."""

    def __init__(self, gic: Gic) -> None:
        base = gic.base("GICH", 0)
        assert base is not None
        at = FrameAt(GICH, base)
        self.gich = tuple(BoundFrame(at, gic, pe) for pe in range(gic.options.pes))
        self.nr_lr = (self.gich[0].VTR.read() & 63) + 1

    def encode(self, lr: Lr) -> int:
        low = lr.pintid << 10 if lr.hw else lr.eoi << 19 | lr.cpuid << 10
        return (lr.hw << 31 | lr.group << 30 | lr.active << 29 | lr.pending << 28 | lr.priority >> 3 << 23 | low
                | lr.vintid)

    def decode(self, value: int, v2_guest: bool) -> Lr:
        hw = bool(value >> 31 & 1)
        return Lr(
            value & 0x3FF, bool(value >> 28 & 1), bool(value >> 29 & 1), hw, value >> 10 & 0x3FF if hw else 0,
            value >> 30 & 1, (value >> 23 & 31) << 3, not hw and bool(value >> 19 & 1), 0 if hw else value >> 10 & 7)

    def write_lr(self, n: int, value: int, pe: int) -> None:
        self.gich[pe].LR[n] = value

    def read_lr(self, n: int, pe: int) -> int:
        return self.gich[pe].LR[n]

    def elrsr(self, pe: int) -> int:
        elrsr = self.gich[pe].ELRSR
        return elrsr[0] | elrsr[1] << 32 if self.nr_lr > 32 else elrsr[0]

    def write_hcr(self, value: int, pe: int) -> None:
        self.gich[pe].HCR.write(value)

    def read_hcr(self, pe: int) -> int:
        return self.gich[pe].HCR.read()

    def write_vmcr(self, value: int, pe: int) -> None:
        self.gich[pe].VMCR.write(value)

    def read_vmcr(self, pe: int) -> int:
        return self.gich[pe].VMCR.read()

    def write_apr(self, words: tuple[int, ...], pe: int) -> None:
        self.gich[pe].APR.write(words[0])

    def read_apr(self, pe: int) -> tuple[int, ...]:
        return (self.gich[pe].APR.read(),)


class IchHw(VirtualHw):
    """ICH of a GICv3 (IHI 0069, ICH_*_EL2). For a GICv2 guest the vINTID of an SGI carries its source in bits 12:10."""

    def __init__(self, gic: GicV3) -> None:
        self.gic = gic
        vtr = gic.sysreg_read("ICH_VTR_EL2")
        self.nr_lr = (vtr & 31) + 1
        self.per_group = 1 << max(0, (vtr >> 26 & 7) + 1 - 5)
        self.words = 2 * self.per_group
        self.tdir = bool(vtr >> 19 & 1)
        self.lr_names = tuple(f"ICH_LR{n}_EL2" for n in range(self.nr_lr))
        self.apr_names = tuple(f"ICH_AP{g}R{n}_EL2" for g in (0, 1) for n in range(self.per_group))

    def encode(self, lr: Lr) -> int:
        high = lr.pintid << 32 if lr.hw else lr.eoi << 41
        return (lr.active << 63 | lr.pending << 62 | lr.hw << 61 | lr.group << 60 | lr.priority << 48 | high
                | lr.cpuid << 10 | lr.vintid)

    def decode(self, value: int, v2_guest: bool) -> Lr:
        hw, vintid, cpuid = bool(value >> 61 & 1), value & 0xFFFF_FFFF, 0
        if v2_guest:
            vintid &= 0x3FF
            cpuid = value >> 10 & 7 if vintid < SGIS else 0
        return Lr(
            vintid, bool(value >> 62 & 1), bool(value >> 63 & 1), hw, value >> 32 & 0x1FFF if hw else 0,
            value >> 60 & 1, value >> 48 & 0xFF, not hw and bool(value >> 41 & 1), cpuid)

    def write_lr(self, n: int, value: int, pe: int) -> None:
        self.gic.sysreg_write(self.lr_names[n], value, pe)

    def read_lr(self, n: int, pe: int) -> int:
        return self.gic.sysreg_read(self.lr_names[n], pe)

    def elrsr(self, pe: int) -> int:
        return self.gic.sysreg_read("ICH_ELRSR_EL2", pe)

    def write_hcr(self, value: int, pe: int) -> None:
        self.gic.sysreg_write("ICH_HCR_EL2", value, pe)

    def read_hcr(self, pe: int) -> int:
        return self.gic.sysreg_read("ICH_HCR_EL2", pe)

    def write_vmcr(self, value: int, pe: int) -> None:
        self.gic.sysreg_write("ICH_VMCR_EL2", value, pe)

    def read_vmcr(self, pe: int) -> int:
        return self.gic.sysreg_read("ICH_VMCR_EL2", pe)

    def write_apr(self, words: tuple[int, ...], pe: int) -> None:
        for name, value in zip(self.apr_names, words, strict=True):
            self.gic.sysreg_write(name, value, pe)

    def read_apr(self, pe: int) -> tuple[int, ...]:
        return tuple(self.gic.sysreg_read(name, pe) for name in self.apr_names)


def virtual_hw(gic: Gic) -> VirtualHw:
    """The registers of a chip's virtual CPU interfaces."""
    return IchHw(gic) if isinstance(gic, GicV3) else GichHw(gic)
