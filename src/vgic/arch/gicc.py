"""GICC, the memory-mapped CPU interface (IHI 0048B, CPU interface register map; IHI 0069, memory-mapped CPU interface).

With the Security Extensions GICC_CTLR and GICC_BPR are banked: the Secure copy is what stands here, the Non-secure copy
is told in the meanings of the fields.
"""

from __future__ import annotations

from vgic.arch.common import CPU_IIDR, ENABLED, STATUSR, V2, V3, bit, mapped
from vgic.arch.intid import GROUP1_ACK, LEGACY_ACK
from vgic.arch.register import Field, Frame

_CPUID = Field(12, 10, "CPUID", "of an SGI: the CPU that requested it")
_END = (_CPUID, Field(9, 0, "INTID", "the interrupt"))
_ACK = (_CPUID, Field(9, 0, "INTID", "the interrupt", LEGACY_ACK))
_ACK1 = (_CPUID, Field(9, 0, "INTID", "the interrupt", GROUP1_ACK))
_BPR = (Field(2, 0, "Binary_Point", "splits a priority in group priority and subpriority"),)
_APR = (Field(31, 0, "P", "one bit a group priority that is active"),)

GICC = Frame(
    "GICC",
    "CPU interface",
    (
        mapped(
            V2,
            "GICC_CTLR",
            0x0000,
            "RW",
            "CPU interface control register",
            (
                bit(
                    10,
                    "EOImodeNS",
                    "EOIR of Non-secure accesses",
                    {0: "drops and deactivates", 1: "drops only, DIR deactivates"},
                ),
                bit(
                    9,
                    "EOImodeS",
                    "EOIR of Secure accesses (Non-secure copy, and without Security: of all)",
                    {0: "drops and deactivates", 1: "drops only, DIR deactivates"},
                ),
                bit(8, "IRQBypDisGrp1", "IRQ bypass of group 1", {0: "enabled", 1: "disabled"}),
                bit(7, "FIQBypDisGrp1", "FIQ bypass of group 1", {0: "enabled", 1: "disabled"}),
                bit(
                    6,
                    "IRQBypDisGrp0",
                    "IRQ bypass of group 0 (Non-secure copy: of group 1)",
                    {0: "enabled", 1: "disabled"},
                ),
                bit(
                    5,
                    "FIQBypDisGrp0",
                    "FIQ bypass of group 0 (Non-secure copy: of group 1)",
                    {0: "enabled", 1: "disabled"},
                ),
                bit(4, "CBPR", "binary point of group 1", {0: "GICC_ABPR", 1: "GICC_BPR"}),
                bit(3, "FIQEn", "group 0 interrupts are signalled as", {0: "IRQ", 1: "FIQ"}),
                bit(2, "AckCtl", "reading IAR of a group 1 interrupt", {0: "returns 1022", 1: "acknowledges it"}),
                bit(1, "EnableGrp1", "signalling of group 1 interrupts (Non-secure copy: bit 0)", ENABLED),
                bit(0, "EnableGrp0", "signalling of group 0 interrupts", ENABLED),
            ),
            banked=True,
        ),
        mapped(
            V2,
            "GICC_PMR",
            0x0004,
            "RW",
            "interrupt priority mask register",
            (Field(7, 0, "Priority", "only interrupts of a lower value are signalled"),),
            banked=True,
        ),
        mapped(V2, "GICC_BPR", 0x0008, "RW", "binary point register", _BPR, reset=None, banked=True),
        mapped(V2, "GICC_IAR", 0x000C, "RO", "interrupt acknowledge register", _ACK, reset=0x3FF, banked=True),
        mapped(V2, "GICC_EOIR", 0x0010, "WO", "end of interrupt register", _END, reset=None, banked=True),
        mapped(
            V2,
            "GICC_RPR",
            0x0014,
            "RO",
            "running priority register",
            (Field(7, 0, "Priority", "of the highest priority active interrupt; 0xff: none"),),
            reset=0xFF,
            banked=True,
        ),
        mapped(
            V2,
            "GICC_HPPIR",
            0x0018,
            "RO",
            "highest priority pending interrupt register",
            _ACK,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V2, "GICC_ABPR", 0x001C, "RW", "aliased binary point register (of group 1)", _BPR, reset=None, banked=True
        ),
        mapped(
            V2,
            "GICC_AIAR",
            0x0020,
            "RO",
            "aliased interrupt acknowledge register (of group 1)",
            _ACK1,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V2,
            "GICC_AEOIR",
            0x0024,
            "WO",
            "aliased end of interrupt register (of group 1)",
            _END,
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICC_AHPPIR",
            0x0028,
            "RO",
            "aliased highest priority pending interrupt register (of group 1)",
            _ACK1,
            reset=0x3FF,
            banked=True,
        ),
        mapped(
            V3,
            "GICC_STATUSR",
            0x002C,
            "RW",
            "error reporting status register (GICv3)",
            (bit(4, "ASV", "an attempted security violation was detected; write 1 to clear"), *STATUSR),
            banked=True,
        ),
        mapped(V2, "GICC_APR<n>", 0x00D0, "RW", "active priorities register", _APR, count=4, banked=True),
        mapped(V2, "GICC_NSAPR<n>", 0x00E0, "RW", "Non-secure active priorities register", _APR, count=4, banked=True),
        mapped(V2, "GICC_IIDR", 0x00FC, "RO", "CPU interface identification register", CPU_IIDR, reset=None),
        mapped(V2, "GICC_DIR", 0x1000, "WO", "deactivate interrupt register", _END, reset=None, banked=True),
    ),
    size=0x2000,
)

INTID = GICC["GICC_IAR"].mask("INTID")
CPUID_SHIFT = GICC["GICC_IAR"].field("CPUID").lsb
"""What an acknowledge register of a GICv2 shows, GICC's and GICV's: the INTID, and of an SGI its source above it."""
