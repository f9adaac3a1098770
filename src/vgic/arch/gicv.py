"""GICV, the memory-mapped virtual CPU interface, which a guest sees as its GICC (IHI 0048B, virtual CPU interface)."""

from __future__ import annotations

from vgic.arch.common import CPU_IIDR, ENABLED, STATUSR, V2, V3, bit, mapped
from vgic.arch.intid import GROUP1_ACK, LEGACY_ACK
from vgic.arch.register import Field, Frame

_CPUID = Field(12, 10, "CPUID", "of an SGI: the CPU that requested it")
_END = (_CPUID, Field(9, 0, "INTID", "the virtual interrupt"))
_ACK = (_CPUID, Field(9, 0, "INTID", "the virtual interrupt", LEGACY_ACK))
_ACK1 = (_CPUID, Field(9, 0, "INTID", "the virtual interrupt", GROUP1_ACK))
_BPR = (Field(2, 0, "Binary_Point", "splits a priority in group priority and subpriority"),)

GICV = Frame(
    "GICV",
    "virtual CPU interface",
    (
        mapped(
            V2,
            "GICV_CTLR",
            0x0000,
            "RW",
            "virtual machine control register",
            (
                bit(9, "EOImode", "GICV_EOIR", {0: "drops and deactivates", 1: "drops only, GICV_DIR deactivates"}),
                bit(4, "CBPR", "binary point of group 1", {0: "GICV_ABPR", 1: "GICV_BPR"}),
                bit(3, "FIQEn", "group 0 interrupts are signalled as", {0: "virtual IRQ", 1: "virtual FIQ"}),
                bit(2, "AckCtl", "reading GICV_IAR of a group 1 interrupt", {0: "returns 1022", 1: "acknowledges it"}),
                bit(1, "EnableGrp1", "signalling of group 1 virtual interrupts", ENABLED),
                bit(0, "EnableGrp0", "signalling of group 0 virtual interrupts", ENABLED),
            ),
            banked=True,
        ),
        mapped(
            V2,
            "GICV_PMR",
            0x0004,
            "RW",
            "virtual machine priority mask register",
            (Field(7, 0, "Priority", "only interrupts of a lower value are signalled; bits 2:0 are RES0 in GICv2"),),
            banked=True,
        ),
        mapped(V2, "GICV_BPR", 0x0008, "RW", "virtual machine binary point register", _BPR, reset=None, banked=True),
        mapped(
            V2,
            "GICV_IAR",
            0x000C,
            "RO",
            "virtual machine interrupt acknowledge register",
            _ACK,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V2, "GICV_EOIR", 0x0010, "WO", "virtual machine end of interrupt register", _END, reset=None, banked=True
        ),
        mapped(
            V2,
            "GICV_RPR",
            0x0014,
            "RO",
            "virtual machine running priority register",
            (Field(7, 0, "Priority", "of the highest priority active virtual interrupt; 0xff: none"),),
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_HPPIR",
            0x0018,
            "RO",
            "virtual machine highest priority pending interrupt register",
            _ACK,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_ABPR",
            0x001C,
            "RW",
            "virtual machine aliased binary point register (of group 1)",
            _BPR,
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_AIAR",
            0x0020,
            "RO",
            "virtual machine aliased interrupt acknowledge register (of group 1)",
            _ACK1,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_AEOIR",
            0x0024,
            "WO",
            "virtual machine aliased end of interrupt register (of group 1)",
            _END,
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_AHPPIR",
            0x0028,
            "RO",
            "virtual machine aliased highest priority pending interrupt register (of group 1)",
            _ACK1,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V3,
            "GICV_STATUSR",
            0x002C,
            "RW",
            "virtual machine error reporting status register (GICv3)",
            STATUSR,
            banked=True,
        ),
        mapped(
            V2,
            "GICV_APR<n>",
            0x00D0,
            "RW",
            "virtual machine active priorities register",
            (Field(31, 0, "P", "one bit a group priority that is active"),),
            count=4,
            banked=True,
        ),
        mapped(
            V2, "GICV_IIDR", 0x00FC, "RO", "virtual machine CPU interface identification register", CPU_IIDR, reset=None
        ),
        mapped(
            V2, "GICV_DIR", 0x1000, "WO", "virtual machine deactivate interrupt register", _END, reset=None, banked=True
        ),
    ),
    size=0x2000,
)
