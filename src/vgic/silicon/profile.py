"""QEMU's profile: the options by which the chip follows QEMU where QEMU departs from the architecture.

Each is an option of `GicV2Options` or `GicV3Options` whose value for QEMU the architecture does not permit (the choices
that it does permit are not listed here). Whenever one decides an outcome that the architecture would have decided
otherwise, the chip reports a `Notice` of the kind "deviation" with the option's name, so that nothing is tolerated in
silence and it can be told how often each mattered.
"""

from __future__ import annotations

from typing import NamedTuple


class Departure(NamedTuple):
    """One departure.

    Attributes:
        option: the option that makes the chip follow it. gic: 2 or 3.
        sentence: what QEMU does, and what the architecture says. section: where it says so.
    """

    option: str
    gic: int
    sentence: str
    section: str


PROFILE: tuple[Departure, ...] = (
    Departure("group_enable_selects", 2, "A pending interrupt of a disabled group still hides those below it.",
              "IHI 0048B 3.3.2"),
    Departure("virtual_group_enable_selects", 2,
              "A list register of a disabled group is still chosen, acknowledged and hides those below it.",
              "IHI 0048B 5.2.1"),
    Departure("hppir_masked", 2, "HPPIR applies the priority mask.", "IHI 0048B 4.4.7"),
    Departure("hppir_shows_cpuid", 2, "HPPIR does not name the source of an SGI.", "IHI 0048B 4.4.7"),
    Departure("alias_registers", 2, "AIAR, AEOIR and AHPPIR are absent.", "IHI 0048B 4.4.8 to 4.4.10"),
    Departure("preemption_masks_candidate", 2,
              "Preemption compares the whole priority of the pending interrupt, not its group priority.",
              "IHI 0048B 3.3.3"),
    Departure("sgir_checks_group", 2, "GICD_SGIR ignores NSATT and the SGI's group.", "IHI 0048B 4.3.15"),
    Departure("sleep_blocks", 3, "A redistributor that sleeps forwards interrupts all the same.",
              "IHI 0069 GICR_WAKER"),
    Departure("sgi1r_sends_group0", 3,
              "With a single Security state ICC_SGI1R_EL1 sends no SGI that is in Group 0; it sends both groups.",
              "IHI 0069 Use of control registers for SGI forwarding"),
    Departure("sgi_follows_table", 3,
              "With two Security states ICC_SGI1R_EL1 sends SGIs of Group 0 from Secure state, and from Non-secure "
              "state no Secure ones that GICR_NSACR permits.",
              "IHI 0069 Use of control registers for SGI forwarding"),
    Departure("group1_irq_with_ds", 3,
              "With a single Security state Group 1 comes as FIQ while the PE is Secure; it is IRQ.", "IHI 0069 4.6.2"),
    Departure("deactivation_checks_group", 3,
              "Non-secure software deactivates Secure interrupts, by ICC_EOIR1_EL1 of another INTID and by the HW bit "
              "of a list register.", "IHI 0069 ICC_DIR_EL1, GICD_ICACTIVER<n>"),
    Departure("hcr_stores_tsei", 3, "ICH_HCR_EL2 keeps TSEI, which is RES0 where ICH_VTR_EL2.SEIS is 0.",
              "IHI 0069 ICH_HCR_EL2"),
    Departure("priority_stores_low_bits", 3, "IPRIORITYR keeps unimplemented priority bits; they are RAZ/WI.",
              "IHI 0069 GICD_IPRIORITYR<n>"),
    Departure("vpmr_stores_low_bits", 3, "ICH_VMCR_EL2.VPMR keeps unimplemented priority bits, and masks by them.",
              "IHI 0069 ICH_VMCR_EL2"),
    Departure("lr_stores_res0", 3, "A list register keeps bits that are RES0.", "IHI 0069 ICH_LR<n>_EL2"),
    Departure("irm_stored", 3, "IROUTER keeps Interrupt_Routing_Mode although 1 of N is not supported.",
              "IHI 0069 GICD_IROUTER<n>"),
    Departure("eoicount_in_split_mode", 3, "ICV_EOIR counts in EOIcount in EOImode 1.", "IHI 0069 ICH_HCR_EL2"),
    Departure("vgrp0d_from_veng1", 3, "MISR.VGrp0D looks at VENG1.", "IHI 0069 ICH_MISR_EL2"),
    Departure("typer_lines_of_spis", 3, "GICD_TYPER.ITLinesNumber is one too small (QEMU up to 9).",
              "IHI 0069 GICD_TYPER"),
)

SENTENCES = {d.option: d for d in PROFILE}
