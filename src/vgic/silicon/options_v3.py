"""The choices of a GICv3 (IHI 0069) with affinity routing always on, and its CPU interfaces."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import ClassVar, Literal

from vgic.silicon.options import (
    ChipOptions,
    CpuInterfaceOptions,
    DistributorOptions,
    OptionError,
    Shared,
    VirtualInterfaceOptions,
    within,
)


@dataclass(frozen=True, kw_only=True)
class SharedV3(Shared):
    """The choices that concern more than one block of a GICv3 (affinity routing is always on).

    Attributes:
        affinities: MPIDR affinity (aff3<<24 | aff2<<16 | aff1<<8 | aff0) of each PE, None for sixteen to a cluster.
        iidr, pidr2: GICD_IIDR and GICR_IIDR, and the ArchRev field's register.
        lpis, vlpis: what GICD_TYPER and GICR_TYPER announce. Their behaviour is not modelled here yet; a use of it is
            reported.
        nmis: what GICD_TYPER.NMI announces; non-maskable interrupts are not modelled, and a use of them is reported.
        cpu_id_bits: 16 or 24, ICC_CTLR_EL1.IDbits.
        one_of_n: what IROUTER.Interrupt_Routing_Mode = 1 does: not supported (GICD_TYPER.No1N = 1), taken by the
            lowest-numbered PE that can take it, or offered to all of them until one acknowledges.
        priority_stores_low_bits: whether GICD_IPRIORITYR and GICR_IPRIORITYR keep the unimplemented bits.
    """

    priority_bits: int = 5
    affinities: tuple[int, ...] | None = None
    iidr: int = 0x43B
    pidr2: int = 0x3B
    lpis: bool = False
    vlpis: bool = False
    nmis: bool = False
    cpu_id_bits: int = 16
    one_of_n: Literal["none", "lowest", "all"] = "none"
    priority_stores_low_bits: bool = False

    MOST_PES: ClassVar[int] = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.affinities is not None and len(set(self.affinities)) != self.pes:
            raise OptionError(f"affinities names {len(set(self.affinities))} PEs: expected {self.pes} different ones")
        if self.cpu_id_bits not in (16, 24):
            raise OptionError(f"cpu_id_bits = {self.cpu_id_bits}: expected 16 or 24")

    def affinity(self, pe: int) -> int:
        """MPIDR affinity of a PE."""
        if self.affinities is not None:
            return self.affinities[pe]
        return pe >> 4 << 8 | pe & 15

    def range_selector(self) -> bool:
        """Whether SGIs reach Aff0 above 15: GICD_TYPER.RSS and ICC_CTLR_EL1.RSS, told where a PE has such an Aff0."""
        return any(self.affinity(pe) & 0xF0 for pe in range(self.pes))


@dataclass(frozen=True, kw_only=True)
class DistributorV3Options(SharedV3, DistributorOptions):
    """GICD of a GICv3 (IHI 0069, Distributor registers).

    Attributes:
        ds_writable: whether software may set GICD_CTLR.DS (with security).
        id_bits: GICD_TYPER.IDbits + 1.
        message_spis: whether GICD_SETSPI_* and GICD_CLRSPI_* exist (GICD_TYPER.MBIS).
        irm_stored: whether IROUTER keeps Interrupt_Routing_Mode although 1 of N is not supported.
        sleep_blocks: whether a redistributor whose GICR_WAKER.ChildrenAsleep is 1 holds its interrupts back.
        sgi1r_sends_group0: whether ICC_SGI1R_EL1 also sends SGIs that are in Group 0, with a single Security state (IHI
            0069, "Use of control registers for SGI forwarding": it does; ICC_ASGI1R_EL1 and ICC_SGI0R_EL1 send those
            alone).
        sgi_follows_table: whether, with two Security states, the register that is written and GICR_NSACR together
            decide which SGIs are sent ("Use of control registers for SGI forwarding": they do).
        deactivation_checks_group: whether Non-secure software leaves Secure interrupts active, by ICC_EOIR1_EL1 of an
            INTID that was not acknowledged, and by the HW bit of a list register.
        typer_lines_of_spis: whether GICD_TYPER.ITLinesNumber counts one too few (a mistake of QEMU 7).
    """

    ds_writable: bool = True
    id_bits: int = 16
    message_spis: bool = False
    irm_stored: bool = False
    sleep_blocks: bool = True
    sgi1r_sends_group0: bool = True
    sgi_follows_table: bool = True
    deactivation_checks_group: bool = True
    typer_lines_of_spis: bool = False


@dataclass(frozen=True, kw_only=True)
class RedistributorOptions(SharedV3):
    """GICR (IHI 0069, Redistributor registers).

    Attributes:
        clear_enable_lpis: GICR_CTLR.CES: whether EnableLPIs may be cleared (QEMU from 7.1).
        common_lpi_affinity: GICR_TYPER.CommonLPIAff.
    """

    clear_enable_lpis: bool = True
    common_lpi_affinity: int = 0


@dataclass(frozen=True, kw_only=True)
class CpuInterfaceV3Options(SharedV3, CpuInterfaceOptions):
    """ICC (IHI 0069, AArch64 System register descriptions).

    Attributes:
        disabled_group_hides: whether a pending interrupt of a group that ICC_IGRPEN disables still counts as the
            highest priority one and so hides a lower one of an enabled group (IMPLEMENTATION DEFINED for an interrupt
            that is routed to one PE, 4.7.2, as GIC-720AE's manual says too; a 1-of-N interrupt never does).
        group1_irq_with_ds: whether Group 1 is IRQ in Secure state too once GICD_CTLR.DS is 1 (4.6.2: it is).
        nonsecure_pmr_shows_ff: whether a Non-secure read of ICC_PMR_EL1 = 0xff shows 0xff, and not 0xfe, which the
            Non-secure view of it is. Not known: gem5 shows 0xff.
        nds: ICC_CTLR_EL3.nDS: whether the CPU interface says that it can't work with a single Security state
            (IMPLEMENTATION DEFINED).

    The priority bits are also those of preemption, 7 at most: ICC_CTLR_EL1.PRIbits tells the minimum of ICC_BPR0_EL1,
    and ICC_AP1R1_EL1 is there from 6 bits of priority on (IHI 0069, ICC_CTLR_EL1, ICC_AP1R<n>_EL1; their pages, DDI
    0601).
    """

    disabled_group_hides: bool = False
    group1_irq_with_ds: bool = True
    nonsecure_pmr_shows_ff: bool = False
    nds: bool = False


@dataclass(frozen=True, kw_only=True)
class VirtualInterfaceV3Options(SharedV3, VirtualInterfaceOptions):
    """ICH and ICV (IHI 0069, virtualization control System registers).

    Attributes:
        virtual_preemption_bits: ICH_VTR_EL2.PREbits, 5 to 7.
        tdir: whether ICH_HCR_EL2.TDIR is implemented (ICH_VTR_EL2.TDS).
        vpmr_stores_low_bits: whether ICH_VMCR_EL2.VPMR keeps the unimplemented bits.
        lr_stores_res0: whether a list register keeps the bits that the architecture reserves.
        hcr_stores_tsei: whether ICH_HCR_EL2 keeps TSEI, which is RES0 without SEIs.
        eoicount_in_split_mode: whether ICV_EOIR counts in EOIcount in EOImode 1 (the architecture: no).
        wrong_group_eoi_drops: whether an ICV_EOIR to the wrong group drops the priority all the same
            (CONSTRAINED UNPREDICTABLE).
        vgrp0d_from_veng1: whether MISR.VGrp0D looks at VENG1 (a mistake of QEMU).
    """

    virtual_preemption_bits: int = 5
    tdir: bool = True
    vpmr_stores_low_bits: bool = False
    lr_stores_res0: bool = False
    hcr_stores_tsei: bool = False
    eoicount_in_split_mode: bool = False
    wrong_group_eoi_drops: bool = True
    vgrp0d_from_veng1: bool = False

    MOST_LIST_REGISTERS: ClassVar[int] = 16
    MOST_PRIORITY_BITS: ClassVar[int] = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        within("virtual_preemption_bits", self.virtual_preemption_bits, 5, min(7, self.virtual_priority_bits))


@dataclass(frozen=True, init=False, repr=False)
class GicV3Options(ChipOptions):
    """A GICv3 (IHI 0069) with affinity routing always on, and its CPU interfaces."""

    distributor: DistributorV3Options
    redistributor: RedistributorOptions
    cpu: CpuInterfaceV3Options
    virtual: VirtualInterfaceV3Options

    QEMU = types.MappingProxyType({      # arm-gicv3, 7.2 to 10.0
        "one_of_n": "none", "common_lpi_affinity": 1, "irm_stored": True, "disabled_group_hides": True,
        "sleep_blocks": False, "sgi1r_sends_group0": False, "sgi_follows_table": False, "group1_irq_with_ds": False,
        "deactivation_checks_group": False, "hcr_stores_tsei": True, "nds": True,
        "priority_stores_low_bits": True, "vpmr_stores_low_bits": True, "lr_stores_res0": True,
        "eoicount_in_split_mode": True, "vgrp0d_from_veng1": True, "lpis": True, "cpu_id_bits": 24,
        "eoi_of_unimplemented": "ignored",
    })

    def affinity(self, pe: int) -> int:
        """MPIDR affinity of a PE."""
        return self.distributor.affinity(pe)
