"""ICH, the hypervisor's control of the virtual CPU interface (IHI 0069, virtualization control System registers)."""

from __future__ import annotations

from vgic.arch.common import ENABLED, GROUP, V3, bit, system
from vgic.arch.register import Field, Frame
from vgic.arch.state import STATE

_SUPPORTED = {0: "not supported", 1: "supported"}
_TRAPS = {0: "not trapped", 1: "trapped to EL2"}
_APR = (Field(31, 0, "P", "one bit a group priority that is active"),)
_APR_NMI = (bit(63, "NMI", "a virtual non-maskable interrupt is active (in register 0 alone)"), *_APR)

ICH = Frame(
    "ICH",
    "virtual interface control, system registers",
    (
        system(V3, "ICH_AP0R<n>_EL2", (3, 4, 12, 8, 0), "RW", "hyp active priorities register, group 0", _APR, count=4),
        system(
            V3, "ICH_AP1R<n>_EL2", (3, 4, 12, 9, 0), "RW", "hyp active priorities register, group 1", _APR_NMI, count=4
        ),
        system(
            V3,
            "ICH_HCR_EL2",
            (3, 4, 12, 11, 0),
            "RW",
            "hyp control register",
            (
                Field(31, 27, "EOIcount", "EOIs and deactivations of interrupts that no list register held"),
                bit(15, "DVIM", "directly injected virtual interrupts", {0: "not masked", 1: "masked"}),
                bit(14, "TDIR", "EL1 writes to ICC_DIR_EL1 and ICV_DIR_EL1", _TRAPS),
                bit(13, "TSEI", "locally generated SEIs that EL1 would take", _TRAPS),
                bit(12, "TALL1", "EL1 accesses to the group 1 registers of ICC and ICV", _TRAPS),
                bit(11, "TALL0", "EL1 accesses to the group 0 registers of ICC and ICV", _TRAPS),
                bit(10, "TC", "EL1 accesses to the common registers of ICC and ICV", _TRAPS),
                bit(8, "vSGIEOICount", "deactivating a virtual SGI increments EOIcount (GICv4.1)", {0: "yes", 1: "no"}),
                bit(7, "VGrp1DIE", "maintenance interrupt while virtual group 1 is disabled", ENABLED),
                bit(6, "VGrp1EIE", "maintenance interrupt while virtual group 1 is enabled", ENABLED),
                bit(5, "VGrp0DIE", "maintenance interrupt while virtual group 0 is disabled", ENABLED),
                bit(4, "VGrp0EIE", "maintenance interrupt while virtual group 0 is enabled", ENABLED),
                bit(3, "NPIE", "maintenance interrupt while no list register is pending", ENABLED),
                bit(2, "LRENPIE", "maintenance interrupt while EOIcount is not 0", ENABLED),
                bit(1, "UIE", "maintenance interrupt while at most one list register is valid", ENABLED),
                bit(0, "En", "virtual CPU interface", ENABLED),
            ),
            reset=0,
        ),
        system(
            V3,
            "ICH_VTR_EL2",
            (3, 4, 12, 11, 1),
            "RO",
            "VGIC type register",
            (
                Field(31, 29, "PRIbits", "virtual priority bits, less one"),
                Field(28, 26, "PREbits", "virtual preemption bits, less one"),
                Field(25, 23, "IDbits", "bits of a virtual INTID", {0: "16", 1: "24"}),
                bit(22, "SEIS", "locally generated virtual SEIs", _SUPPORTED),
                bit(21, "A3V", "nonzero Aff3 in virtual SGIs", _SUPPORTED),
                bit(20, "nV4", "direct injection of virtual interrupts", {0: "supported", 1: "not supported"}),
                bit(19, "TDS", "ICH_HCR_EL2.TDIR", _SUPPORTED),
                bit(18, "DVIM", "ICH_HCR_EL2.DVIM", _SUPPORTED),
                Field(4, 0, "ListRegs", "list register, less one"),
            ),
        ),
        system(
            V3,
            "ICH_MISR_EL2",
            (3, 4, 12, 11, 2),
            "RO",
            "maintenance interrupt status register",
            (
                bit(7, "VGrp1D", "virtual group 1 is disabled"),
                bit(6, "VGrp1E", "virtual group 1 is enabled"),
                bit(5, "VGrp0D", "virtual group 0 is disabled"),
                bit(4, "VGrp0E", "virtual group 0 is enabled"),
                bit(3, "NP", "no list register is pending"),
                bit(2, "LRENP", "EOIcount is not 0"),
                bit(1, "U", "at most one list register is valid"),
                bit(0, "EOI", "a list register asks for EOI maintenance"),
            ),
            reset=0,
        ),
        system(
            V3,
            "ICH_EISR_EL2",
            (3, 4, 12, 11, 3),
            "RO",
            "end of interrupt status register",
            (
                Field(
                    15, 0, "Status", "one bit a list register whose interrupt was deactivated and asks for maintenance"
                ),
            ),
        ),
        system(
            V3,
            "ICH_ELRSR_EL2",
            (3, 4, 12, 11, 5),
            "RO",
            "empty list register status register",
            (Field(15, 0, "Status", "one bit a list register that holds nothing to be kept"),),
        ),
        system(
            V3,
            "ICH_VMCR_EL2",
            (3, 4, 12, 11, 7),
            "RW",
            "virtual machine control register: what the guest sees in ICV",
            (
                Field(31, 24, "VPMR", "ICV_PMR_EL1"),
                Field(23, 21, "VBPR0", "ICV_BPR0_EL1"),
                Field(20, 18, "VBPR1", "ICV_BPR1_EL1"),
                bit(9, "VEOIM", "ICV_CTLR_EL1.EOImode", {0: "EOIR drops and deactivates", 1: "EOIR drops only"}),
                bit(4, "VCBPR", "ICV_CTLR_EL1.CBPR: binary point of group 1", {0: "VBPR1", 1: "VBPR0"}),
                bit(3, "VFIQEn", "virtual group 0 interrupts are signalled as", {0: "virtual IRQ", 1: "virtual FIQ"}),
                bit(2, "VAckCtl", "GICV_CTLR.AckCtl, without system registers"),
                bit(1, "VENG1", "virtual group 1", ENABLED),
                bit(0, "VENG0", "virtual group 0", ENABLED),
            ),
        ),
        system(
            V3,
            "ICH_LR<n>_EL2",
            (3, 4, 12, 12, 0),
            "RW",
            "list register",
            (
                Field(63, 62, "State", "", STATE),
                bit(
                    61,
                    "HW",
                    "",
                    {
                        0: "no physical interrupt",
                        1: "mapped to a physical interrupt: guest deactivation deactivates pINTID",
                    },
                ),
                bit(60, "Group", "", GROUP),
                bit(59, "NMI", "non-maskable (GICv3.3)", {0: "no", 1: "yes"}),
                Field(55, 48, "Priority", "of the virtual interrupt"),
                Field(44, 32, "pINTID", "the physical interrupt", when="HW=1"),
                bit(41, "EOI", "maintenance interrupt at deactivation", {0: "none", 1: "asked for"}, when="HW=0"),
                Field(31, 0, "vINTID", "the virtual interrupt"),
            ),
            count=16,
        ),
    ),
)

_HCR = ICH["ICH_HCR_EL2"]
EN, UIE, LRENPIE, NPIE = (_HCR.mask(name) for name in ("En", "UIE", "LRENPIE", "NPIE"))
VGRP0EIE, VGRP0DIE, VGRP1EIE, VGRP1DIE = (_HCR.mask(f"VGrp{group}{way}IE") for group in (0, 1) for way in "ED")
TC, TALL0, TALL1, TSEI, TDIR = (_HCR.mask(name) for name in ("TC", "TALL0", "TALL1", "TSEI", "TDIR"))
VSGI_EOICOUNT = _HCR.mask("vSGIEOICount")
EOICOUNT_SHIFT = _HCR.field("EOIcount").lsb
EOICOUNT_MOST = (1 << _HCR.field("EOIcount").width) - 1
"""Bits of ICH_HCR_EL2; GICH_HCR has those below 256 and EOICount at the same places."""

_VMCR = ICH["ICH_VMCR_EL2"]
VENG0, VENG1, VEOIM = (_VMCR.mask(name) for name in ("VENG0", "VENG1", "VEOIM"))
"""Bits of ICH_VMCR_EL2; GICH_VMCR has them at the same places."""

MISR_NAMES = tuple(f.name for f in reversed(ICH["ICH_MISR_EL2"].fields))
"""The causes of a maintenance interrupt, by bit of MISR."""
