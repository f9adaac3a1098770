"""Where QEMU's arm_gic does otherwise than the architecture."""

from __future__ import annotations

from vgic.oracle.deviations.deviation import Deviation, Sight, option


def _cpus(sight: Sight) -> int:
    """The bits of implemented CPU interfaces in each byte of a word."""
    return 0x0101_0101 * ((1 << sight.chip.options.pes) - 1)


def _targets_nonsecure(sight: Sight) -> bool:
    """Whether each byte is the model's, or shows what the model hides."""
    if not sight.register.startswith("GICD_ITARGETSR") or not sight.chip.options.security:
        return False
    cpus = _cpus(sight)
    return all((sight.model >> b & 0xFF) in (0, (sight.qemu & cpus) >> b & 0xFF) for b in (0, 8, 16, 24))


def _abpr(sight: Sight) -> bool:
    if sight.register == "GICH_VMCR":
        field = 7 << 18
        return sight.model & field == 3 << 18 and sight.qemu & ~field == sight.model & ~field
    return sight.register == "GICV_ABPR" and sight.model == 3 and sight.qemu in (1, 2)


def _v2_lr(sight: Sight) -> bool:
    rest = 0x7E000
    return sight.register.startswith("GICH_LR") and not sight.qemu >> 31 and sight.qemu & ~rest == sight.model & ~rest


_V2_GROUPS = """\
pe0 el2 write GICD_IGROUPR1 0x2
pe0 el2 write.b GICD_IPRIORITYR8+1 0x80
pe0 el2 write.b GICD_IPRIORITYR8+2 0x10
pe0 el2 write GICD_ISENABLER1 0x6
pe0 el2 write GICC_PMR 0xf0
pe0 el2 write GICC_CTLR 0x7
pe0 el2 write GICD_CTLR 0x2
pe0 el2 write GICD_ISPENDR1 0x6"""

DEVIATIONS_V2: tuple[Deviation, ...] = (
    # Options
    option("group_enable_selects", True, _V2_GROUPS, "GICC_HPPIR"),
    option(
        "virtual_group_enable_selects",
        True,
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf0000006\n"
        "pe0 el2 write GICH_LR0 0x11000021\npe0 el2 write GICH_LR1 0x54000022",
        "GICV_HPPIR",
    ),
    option(
        "hppir_masked",
        False,
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0x00000001\npe0 el2 write GICH_LR0 0x11000021",
        "GICV_HPPIR",
    ),
    option(
        "hppir_shows_cpuid",
        True,
        "pe1 el2 write GICD_CTLR 1\npe1 el2 write GICC_PMR 0xf0\npe1 el2 write GICC_CTLR 1\n"
        "pe1 el2 write GICD_SGIR 0x20003",
        "GICC_HPPIR",
        "pes=2 security=off",
    ),
    option("alias_registers", True, "pe0 el2 read GICC_AHPPIR", "pe0 el2 read GICC_AHPPIR"),
    option(
        "preemption_masks_candidate",
        True,
        "pe0 el2 write GICV_CTLR 0x1\npe0 el2 write GICV_PMR 0x58\npe0 el2 write GICH_LR2 0x14000000\n"
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 read GICV_IAR\npe0 el2 write GICH_VMCR 0x40c00001\n"
        "pe0 el2 write GICH_LR3 0x10000001",
        "ISR_EL1",
    ),
    option(
        "sgir_checks_group",
        True,
        "pe0 el3 write GICD_IGROUPR0 0xffff\npe0 el3 write GICD_SGIR 0x10003",
        "GICD_ISPENDR0",
        "pes=1 security=on",
    ),
    # Tolerances
    Deviation(
        "v2-itargetsr-res0",
        "tolerance",
        "GICD_ITARGETSR<n> keeps the bits of CPU interfaces that are not implemented; they are RAZ/WI. A latch set "
        "while such a bit is on is never cleared by an acknowledge.",
        "IHI 0048B 4.3.12",
        2,
        "pe0 el2 write.b GICD_ITARGETSR8+2 0x8",
        "GICD_ITARGETSR8",
        "pes=2 security=off",
        explains=lambda s: s.register.startswith("GICD_ITARGETSR") and s.qemu & _cpus(s) == s.model,
    ),
    Deviation(
        "v2-itargetsr-nonsecure",
        "tolerance",
        "Non-secure accesses read and write the targets of Group 0 interrupts; they are RAZ/WI. Generators write none.",
        "IHI 0048B 4.3.12",
        2,
        "pe0 el2 read GICD_ITARGETSR0",
        "pe0 el2 read GICD_ITARGETSR0",
        "pes=2 security=on",
        explains=_targets_nonsecure,
    ),
    Deviation(
        "v2-lr-res0",
        "tolerance",
        "GICH_LR<n> with HW 0 keeps bits 18:13, which are RES0.",
        "IHI 0048B 5.3.10",
        2,
        "pe0 el2 write GICH_LR0 0x8000",
        "GICH_LR0",
        explains=_v2_lr,
    ),
    Deviation(
        "v2-abpr-minimum",
        "tolerance",
        "GICV_ABPR takes 1 and 2; with 5 priority bits the minimum is 3. Priorities are the same with all three.",
        "IHI 0048B 5.5.8, 4.4.9",
        2,
        "pe0 el2 write GICV_ABPR 0x0",
        "GICH_VMCR",
        explains=_abpr,
    ),
    # Avoided
    Deviation(
        "v2-spi-active-by-cpu",
        "avoided",
        "The active state of an SPI is kept for each CPU: ISACTIVER sets it for eight, EOIR and DIR end one CPU's, and "
        "an SPI that is active on one CPU is offered to another. An SPI has one state.",
        "IHI 0048B 3.2.4",
        2,
        "pe0 el2 write GICC_CTLR 0x200\npe0 el2 write GICD_ISACTIVER1 0x1\npe0 el2 write GICC_DIR 0x20",
        "GICD_ISACTIVER1",
        versions=("7.2", "9.2"),
    ),
    Deviation(
        "v2-pending-by-target",
        "avoided",
        "The latch of an SPI is kept for the CPUs that it targets when it is set: with ITARGETSR 0 it is lost, and it "
        "doesn't move with the target.",
        "IHI 0048B 4.3.7, 4.3.12",
        2,
        "pe0 el2 write GICD_ISPENDR1 0x1",
        "GICD_ISPENDR1",
        "pes=2 security=off",
    ),
    Deviation(
        "v2-ppi-pending-smp",
        "avoided",
        "With several CPUs ISPENDR0 does not pend a PPI, and ICPENDR0 clears it on every CPU; both are banked.",
        "IHI 0048B 4.3.7, 4.3.8",
        2,
        "pe0 el2 write GICD_ISPENDR0 0x8000000",
        "GICD_ISPENDR0",
        "pes=2 security=off",
        versions=("7.2", "9.2"),
    ),
    Deviation(
        "v2-icfgr1-shared",
        "avoided",
        "GICD_ICFGR1 is one register for all CPUs; it is banked where PPIs can be configured.",
        "IHI 0048B 4.3.13",
        2,
        "pe0 el2 write GICD_ICFGR1 0x2",
        "GICD_ICFGR1",
        "pes=2 security=off",
    ),
    Deviation(
        "v2-itargetsr-nonsecure-write",
        "avoided",
        "A Non-secure write moves a Group 0 SPI; its targets are RAZ/WI to it.",
        "IHI 0048B 4.3.12",
        2,
        "pe0 el3 write.b GICD_ITARGETSR9+3 0x1\npe0 el2 write.b GICD_ITARGETSR9+3 0x2",
        "GICD_ITARGETSR9",
        "pes=2 security=on",
    ),
    Deviation(
        "v2-lr-source",
        "avoided",
        "A list register with HW 1 and an SGI's VirtualID gives PhysicalID[2:0] as the CPUID.",
        "IHI 0048B 5.3.10",
        2,
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf0000001\npe0 el2 write GICH_LR1 0x90000400\n"
        "pe0 el2 read GICV_IAR",
        "pe0 el2 read GICV_IAR",
    ),
    # Driver and hazards
    Deviation(
        "v2-stale-twin",
        "driver",
        "After GICV_EOIR or GICV_DIR has deactivated a physical interrupt, the physical CPU interface is not looked at "
        "again until the next physical write.",
        "IHI 0048B 5.2.2",
        2,
        "pe0 el2 write GICD_CTLR 0x1\npe0 el2 write GICC_PMR 0xf0\npe0 el2 write GICC_CTLR 0x201\n"
        "pe0 el2 write GICD_ISENABLER1 0x2\nline 33 high\n6: pe0 el2 read GICC_IAR\npe0 el2 write GICC_EOIR result 6\n"
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf8000001\npe0 el2 write GICH_LR0 0x90008421\n"
        "pe0 el2 read GICV_IAR\npe0 el2 write GICV_EOIR 0x21",
        "GICC_HPPIR",
    ),
    Deviation(
        "v2-apr-not-reset",
        "driver",
        "GICC_APR<n>, GICC_NSAPR<n> and GICH_APR keep their values over a system reset.",
        "IHI 0048B 4.4.12",
        2,
        "pe0 el2 write GICC_APR0 0x10",
        "GICC_APR0",
    ),
    Deviation(
        "v2-spendsgir-word",
        "hazard",
        "A word written to GICD_SPENDSGIR<n> pends each SGI whose byte is 0 too, and the next acknowledge aborts QEMU.",
        "IHI 0048B 4.3.17",
        2,
        "pe0 el2 write GICD_CTLR 0x1\npe0 el2 write GICC_PMR 0xf0\npe0 el2 write GICC_CTLR 0x1\n"
        "pe0 el2 write GICD_SPENDSGIR0 0x100\npe0 el2 read GICC_IAR\npe0 el2 read GICC_IAR",
    ),
)
