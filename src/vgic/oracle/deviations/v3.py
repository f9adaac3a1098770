"""Where QEMU's arm-gicv3 does otherwise than the architecture."""

from __future__ import annotations

from vgic.oracle.deviations.deviation import Deviation, Sight, option


def _ctlr_el3(sight: Sight) -> bool:
    """Whether QEMU's ICC_CTLR_EL3 is the model's, but for EL1NS shown as EL1S."""
    nonsecure = sight.model >> 1 & 9
    return sight.register == "ICC_CTLR_EL3" and sight.qemu == sight.model & ~9 | nonsecure


DEVIATIONS_V3: tuple[Deviation, ...] = (
    # Options
    option(
        "sleep_blocks",
        True,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_IGRPEN1_EL1 1\npe0 el2 write GICD_ISPENDR1 0x2",
        "ICC_HPPIR1_EL1",
    ),
    option("sgi1r_sends_group0", True, "pe0 el2 write ICC_SGI1R_EL1 0x5000001", "GICR_ISPENDR0@0"),
    option(
        "sgi_follows_table",
        True,
        "pe0 el3 write GICD_CTLR 0x37\npe0 el3 write ICC_SGI1R_EL1 0x5000001",
        "GICR_ISPENDR0@0",
        "pes=1 security=on",
    ),
    option(
        "group1_irq_with_ds",
        True,
        "pe0 el3 write GICD_CTLR 0x77\npe0 el3 write GICD_IGROUPR1 0x2\npe0 el3 write GICD_ISENABLER1 0x2\n"
        "pe0 el3 write ICC_PMR_EL1 0xf8\npe0 el3 write ICC_IGRPEN1_EL3 0x1\nline 33 high\n"
        "pe0 el3 write GICD_CTLR 0x53",
        "ISR_EL1",
        "pes=1 security=on",
    ),
    option(
        "deactivation_checks_group",
        True,
        "pe0 el3 write GICD_CTLR 0x37\npe0 el3 write GICD_IGROUPR1 0x4\npe0 el3 write GICD_ISENABLER1 0x4\n"
        "pe0 el3 write GICD_ISACTIVER1 0x2\npe0 el3 write ICC_PMR_EL1 0xf8\npe0 el3 write ICC_IGRPEN1_EL3 0x1\n"
        "pe0 el3 write.b GICD_IPRIORITYR8+2 0x80\nline 34 high\npe0 el2 read ICC_IAR1_EL1\n"
        "pe0 el2 write ICC_EOIR1_EL1 0x21",
        "GICD_ISACTIVER1",
        "pes=1 security=on",
    ),
    option("hcr_stores_tsei", False, "pe0 el2 write ICH_HCR_EL2 0x2000", "ICH_HCR_EL2"),
    option("priority_stores_low_bits", False, "pe0 el2 write.b GICD_IPRIORITYR8 0x7", "GICD_IPRIORITYR8"),
    option("vpmr_stores_low_bits", False, "pe0 el2 write ICH_VMCR_EL2 0x1000000", "ICH_VMCR_EL2"),
    option("lr_stores_res0", False, "pe0 el2 write ICH_LR0_EL2 0x200000000000000", "ICH_LR0_EL2"),
    option("irm_stored", False, "pe0 el2 write GICD_IROUTER33 0x80000000", "GICD_IROUTER33"),
    option(
        "eoicount_in_split_mode",
        False,
        "pe0 el2 write ICH_VMCR_EL2 0xf8000202\npe0 el2 write ICH_AP1R0_EL2 0x10\npe0 el1 write ICV_EOIR1_EL1 0x21",
        "ICH_HCR_EL2",
    ),
    option(
        "vgrp0d_from_veng1", False, "pe0 el2 write ICH_VMCR_EL2 0x2\npe0 el2 write ICH_HCR_EL2 0x20", "ICH_MISR_EL2"
    ),
    # Tolerances
    Deviation(
        "v3-typer-lines",
        "tolerance",
        "GICD_TYPER.ITLinesNumber counts the 32s of SPIs alone: 7 for INTIDs 0 to 287, for which 8 is right.",
        "IHI 0069, GICD_TYPER",
        3,
        "pe0 el2 read GICD_TYPER",
        "pe0 el2 read GICD_TYPER",
        versions=("7.2", "9.2"),
        explains=lambda s: s.register == "GICD_TYPER" and s.qemu == s.model - 1,
    ),
    Deviation(
        "v3-irouter-res0",
        "tolerance",
        "GICD_IROUTER<n> keeps every bit that is written; bits 63:40 and 30:24 are RES0.",
        "IHI 0069, GICD_IROUTER<n>",
        3,
        "pe0 el2 write GICD_IROUTER34 0x1000000",
        "GICD_IROUTER34",
        explains=lambda s: s.register.startswith("GICD_IROUTER") and s.qemu & 0xFF_80FF_FFFF == s.model,
    ),
    Deviation(
        "v3-vpmr-low-bits",
        "tolerance",
        "ICV_PMR_EL1 shows low bits of the mask that ICH_VMCR_EL2 was given; unimplemented bits are RAZ/WI.",
        "IHI 0069, ICH_VMCR_EL2 and ICV_PMR_EL1",
        3,
        "pe0 el2 write ICH_VMCR_EL2 0x1000000",
        "ICV_PMR_EL1",
        explains=lambda s: s.register == "ICV_PMR_EL1" and s.qemu & 0xF8 == s.model,
    ),
    Deviation(
        "v3-ctlr-el3-el1s",
        "tolerance",
        "ICC_CTLR_EL3 shows CBPR_EL1NS and EOImode_EL1NS in the fields of EL1S too; writes are right.",
        "IHI 0069, ICC_CTLR_EL3",
        3,
        "pe0 el3 write ICC_CTLR_EL3 0x10\npe0 el3 read ICC_CTLR_EL3",
        "ICC_CTLR_EL3",
        "pes=1 security=on",
        explains=_ctlr_el3,
    ),
    Deviation(
        "v3-waker-nonsecure",
        "tolerance",
        "GICR_WAKER can be read and written by Non-secure accesses; with GICD_CTLR.DS = 0 it is RAZ/WI to them.",
        "IHI 0069, GICR_WAKER",
        3,
        "pe0 el2 read GICR_WAKER",
        "pe0 el2 read GICR_WAKER",
        "pes=1 security=on",
        explains=lambda s: s.register.startswith("GICR_WAKER") and s.chip.options.security,
    ),
    # Avoided, driver, hazards
    Deviation(
        "v3-ap1-nonsecure",
        "avoided",
        "With EL3 a Non-secure write of ICC_AP1R0_EL1 is ignored; only its Secure half is to be.",
        "IHI 0069, ICC_AP1R<n>_EL1",
        3,
        "pe0 el2 write ICC_AP1R0_EL1 0x10000",
        "ICC_RPR_EL1",
        "pes=1 security=on",
    ),
    Deviation(
        "v3-ap-bit-31",
        "avoided",
        "The active bit of priority 0xf8 is set in ICH_AP1R0_EL2 with 32 more bits above it (reached only by the low "
        "bits of VPMR, v3-vpmr-low-bits).",
        "IHI 0069, ICH_AP1R<n>_EL2",
        3,
        "pe0 el2 write ICH_LR0_EL2 0x50f8000000000000\npe0 el2 write ICH_HCR_EL2 0x1\n"
        "pe0 el2 write ICH_VMCR_EL2 0xf9000002\npe0 el1 read ICV_IAR1_EL1",
        "ICH_AP1R0_EL2",
        versions=("7.2", "9.2"),
    ),
    Deviation(
        "v3-stale-config",
        "driver",
        "A change of GICD_ICFGR<n> that ends or begins a pending state is not looked at until the next change.",
        "IHI 0069, GICD_ICFGR<n>: UNPREDICTABLE while the interrupt is enabled",
        3,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_IGRPEN1_EL1 1\nline 33 high\npe0 el2 write GICD_ICFGR2 0x8",
        "ICC_HPPIR1_EL1",
    ),
    Deviation(
        "v3-bpr1-abort",
        "hazard",
        "A value of 8 or more written to ICC_BPR1_EL1 whose low three bits are 0 aborts QEMU; bits 63:3 are RES0.",
        "IHI 0069, ICC_BPR1_EL1",
        3,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_PMR_EL1 0xf0\npe0 el2 write ICC_IGRPEN1_EL1 1\npe0 el2 write ICC_BPR1_EL1 0x8\n"
        "line 33 high\npe0 el2 read ICC_IAR1_EL1",
    ),
)
