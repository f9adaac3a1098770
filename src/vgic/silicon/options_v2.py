"""The choices of a GICv2 (IHI 0048B) with the Virtualization Extensions."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import ClassVar, Literal

from vgic.silicon.options import ChipOptions, CpuInterfaceOptions, DistributorOptions, Shared, VirtualInterfaceOptions


@dataclass(frozen=True, kw_only=True)
class SharedV2(Shared):
    """The choices that concern more than one block of a GICv2.

    Attributes:
        cpu_iidr: GICC_IIDR and GICV_IIDR.
        group_enable_selects: whether an interrupt of a disabled group is left out when the highest priority pending
            interrupt is chosen. QEMU chooses first and then finds the group disabled, be it GICD_CTLR that disables it
            or GICC_CTLR. That the distributor forwards enabled groups alone is 3.3.2's; whether an interrupt of a group
            that only GICC_CTLR disables may hide others is not known (IHI 0069 4.7.2 leaves it open for GICv3).
        hppir_masked: whether GICC_HPPIR and GICV_HPPIR apply the priority mask (the architecture: no).
        hppir_shows_cpuid: whether HPPIR names the source of an SGI (4.4.7: it does).
        alias_registers: whether the aliased registers AIAR, AEOIR, AHPPIR exist in GICC and GICV.
        preemption_masks_candidate: whether a pending interrupt's priority is cut to its group priority before it is
            compared with the running priority (3.3.3: it is; it matters only where the binary point changed meanwhile).
    """

    cpu_iidr: int = 0x0002043B
    group_enable_selects: bool = True
    hppir_masked: bool = False
    hppir_shows_cpuid: bool = True
    alias_registers: bool = True
    preemption_masks_candidate: bool = True

    MOST_PES: ClassVar[int] = 8


@dataclass(frozen=True, kw_only=True)
class DistributorV2Options(SharedV2, DistributorOptions):
    """GICD of a GICv2 (IHI 0048B 4.3).

    Attributes:
        iidr: GICD_IIDR. pidr2: the ArchRev field's register.
        sgi_always_enabled: whether GICD_ISENABLER0[15:0] are RAO/WI (IMPLEMENTATION DEFINED, 4.3.5).
        uniprocessor_targets: whether GICD_ITARGETSR<n> are RAZ/WI with one CPU interface (4.3.12).
        sgir_checks_group: whether GICD_SGIR heeds NSATT and the SGI's group with the Security Extensions (4.3.15).
        sgir_reserved_filter: what the reserved TargetListFilter 3 does: nothing, or all PEs.
    """

    iidr: int = 0
    pidr2: int = 0x2B
    sgi_always_enabled: bool = True
    uniprocessor_targets: bool = True
    sgir_checks_group: bool = True
    sgir_reserved_filter: Literal["ignored", "all"] = "ignored"


@dataclass(frozen=True, kw_only=True)
class CpuInterfaceV2Options(SharedV2, CpuInterfaceOptions):
    """GICC (IHI 0048B 4.4).

    Attributes:
        dir_in_mode0: what GICC_DIR does in EOImode 0 (UNPREDICTABLE): nothing, or the deactivation all the same.
        nonsecure_alias_reads: what Non-secure reads of GICC_AIAR and GICC_AHPPIR, which are Secure registers, see: the
            spurious INTID, or zero as of other Secure registers. Not known: 4.4.8 and 4.4.10 do not say.
        eoi_of_group1_without_ackctl: what a Secure GICC_EOIR of a Group 1 interrupt does while AckCtl is 0
            (UNPREDICTABLE, 4.4.5): as if AckCtl were 1, or nothing.
    """

    dir_in_mode0: Literal["ignored", "deactivates"] = "ignored"
    nonsecure_alias_reads: Literal["spurious", "zero"] = "spurious"
    eoi_of_group1_without_ackctl: Literal["ends", "ignored"] = "ends"


@dataclass(frozen=True, kw_only=True)
class VirtualInterfaceV2Options(SharedV2, VirtualInterfaceOptions):
    """GICH and GICV (IHI 0048B ch. 5).

    Attributes:
        virtual_group_enable_selects: as group_enable_selects, for GICV_CTLR's enables and the list registers.
        eoi_checks_cpuid: whether GICV_EOIR and GICV_DIR match the CPUID of an SGI, so that of two list registers with
            one SGI the right one ends (5.5.5); QEMU looks at the INTID alone.
        virtual_eoi_without_priority_deactivates: whether GICV_EOIR still deactivates although no APR bit was cleared.
        virtual_dir_in_mode0: what GICV_DIR does in EOImode 0 (UNPREDICTABLE): nothing, or counts in EOIcount where no
            list register holds the interrupt.
    """

    virtual_group_enable_selects: bool = True
    eoi_checks_cpuid: bool = True
    virtual_eoi_without_priority_deactivates: bool = False
    virtual_dir_in_mode0: Literal["ignored", "counts"] = "ignored"

    MOST_LIST_REGISTERS: ClassVar[int] = 64
    MOST_PRIORITY_BITS: ClassVar[int] = 5


@dataclass(frozen=True, init=False, repr=False)
class GicV2Options(ChipOptions):
    """A GICv2 (IHI 0048B) with the Virtualization Extensions."""

    distributor: DistributorV2Options
    cpu: CpuInterfaceV2Options
    virtual: VirtualInterfaceV2Options

    QEMU = types.MappingProxyType({      # arm_gic
        "group_enable_selects": False, "virtual_group_enable_selects": False, "hppir_masked": True,
        "alias_registers": False, "bad_size": "bytes", "iidr": 0x43B, "preemption_masks_candidate": False,
        "hppir_shows_cpuid": False, "sgir_checks_group": False, "sgir_reserved_filter": "all",
        "eoi_checks_cpuid": False, "eoi_of_unimplemented": "ignored",
        "virtual_eoi_without_priority_deactivates": True,
    })
