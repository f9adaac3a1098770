"""GICH, the memory-mapped virtual interface control of GICv2 (IHI 0048B, Virtual interface control registers)."""

from __future__ import annotations

from vgic.arch.common import ENABLED, GROUP, V2, bit, mapped
from vgic.arch.register import Field, Frame
from vgic.arch.state import STATE

GICH = Frame(
    "GICH",
    "virtual interface control of GICv2",
    (
        mapped(
            V2,
            "GICH_HCR",
            0x000,
            "RW",
            "hypervisor control register",
            (
                Field(31, 27, "EOICount", "EOIs and deactivations of interrupts that no list register held"),
                bit(7, "VGrp1DIE", "maintenance interrupt while virtual group 1 is disabled", ENABLED),
                bit(6, "VGrp1EIE", "maintenance interrupt while virtual group 1 is enabled", ENABLED),
                bit(5, "VGrp0DIE", "maintenance interrupt while virtual group 0 is disabled", ENABLED),
                bit(4, "VGrp0EIE", "maintenance interrupt while virtual group 0 is enabled", ENABLED),
                bit(3, "NPIE", "maintenance interrupt while no list register is pending", ENABLED),
                bit(2, "LRENPIE", "maintenance interrupt while EOICount is not 0", ENABLED),
                bit(1, "UIE", "maintenance interrupt while at most one list register is valid", ENABLED),
                bit(0, "En", "virtual CPU interface", ENABLED),
            ),
            banked=True,
        ),
        mapped(
            V2,
            "GICH_VTR",
            0x004,
            "RO",
            "VGIC type register",
            (
                Field(31, 29, "PRIbits", "priority bits, less one"),
                Field(28, 26, "PREbits", "preemption bits, less one"),
                Field(5, 0, "ListRegs", "list register, less one"),
            ),
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICH_VMCR",
            0x008,
            "RW",
            "virtual machine control register: what the guest sees in GICV",
            (
                Field(31, 27, "VMPriMask", "GICV_PMR[7:3]"),
                Field(23, 21, "VMBP", "GICV_BPR"),
                Field(20, 18, "VMABP", "GICV_ABPR"),
                bit(9, "VEM", "GICV_CTLR.EOImode", {0: "EOIR drops and deactivates", 1: "EOIR drops only"}),
                bit(4, "VMCBPR", "GICV_CTLR.CBPR"),
                bit(3, "VMFIQEn", "GICV_CTLR.FIQEn"),
                bit(2, "VMAckCtl", "GICV_CTLR.AckCtl"),
                bit(1, "VMGrp1En", "virtual group 1", ENABLED),
                bit(0, "VMGrp0En", "virtual group 0", ENABLED),
            ),
            reset=None,
            banked=True,
        ),
        mapped(
            V2,
            "GICH_MISR",
            0x010,
            "RO",
            "maintenance interrupt status register",
            (
                bit(7, "VGrp1D", "virtual group 1 is disabled"),
                bit(6, "VGrp1E", "virtual group 1 is enabled"),
                bit(5, "VGrp0D", "virtual group 0 is disabled"),
                bit(4, "VGrp0E", "virtual group 0 is enabled"),
                bit(3, "NP", "no list register is pending"),
                bit(2, "LRENP", "EOICount is not 0"),
                bit(1, "U", "at most one list register is valid"),
                bit(0, "EOI", "a list register asks for EOI maintenance"),
            ),
            banked=True,
        ),
        mapped(
            V2,
            "GICH_EISR<n>",
            0x020,
            "RO",
            "end of interrupt status register",
            (
                Field(
                    31, 0, "Status", "one bit a list register whose interrupt was deactivated and asks for maintenance"
                ),
            ),
            count=2,
            banked=True,
        ),
        mapped(
            V2,
            "GICH_ELRSR<n>",
            0x030,
            "RO",
            "empty list register status register",
            (Field(31, 0, "Status", "one bit a list register that holds nothing to be kept"),),
            reset=None,
            count=2,
            banked=True,
        ),
        mapped(
            V2,
            "GICH_APR",
            0x0F0,
            "RW",
            "active priorities register, of both groups",
            (Field(31, 0, "P", "one bit a group priority that is active"),),
            banked=True,
        ),
        mapped(
            V2,
            "GICH_LR<n>",
            0x100,
            "RW",
            "list register",
            (
                bit(
                    31,
                    "HW",
                    "",
                    {
                        0: "no physical interrupt",
                        1: "mapped to a physical interrupt: guest deactivation deactivates it",
                    },
                ),
                bit(30, "Grp1", "", GROUP),
                Field(29, 28, "State", "", STATE),
                Field(27, 23, "Priority", "bits [7:3] of the priority"),
                Field(19, 10, "PhysicalID", "the physical interrupt", when="HW=1"),
                bit(19, "EOI", "maintenance interrupt at deactivation", {0: "none", 1: "asked for"}, when="HW=0"),
                Field(12, 10, "CPUID", "of an SGI: the CPU that requested it", when="HW=0"),
                Field(9, 0, "VirtualID", "the virtual interrupt"),
            ),
            count=64,
            banked=True,
        ),
    ),
    size=0x1000,
)
