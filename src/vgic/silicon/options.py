"""What the architecture leaves to the implementation, each choice under its own name.

A default is what the architecture's text suggests or what most implementations do; QEMU's choices are the values of
`GicV2Options.qemu()` and `GicV3Options.qemu()`. Nothing in `silicon` decides such a question without an option here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class OptionError(ValueError):
    """An option outside what the architecture permits."""


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise OptionError(f"{name} = {value}: expected {low} to {high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The choices common to GICv2 and GICv3.

    Attributes:
        intids: INTIDs of SGIs, PPIs and SPIs together: a multiple of 32, at most 1020 (rounded up to 1024 as 32*32).
        spis: the SPIs that exist, None for all of 32..intids-1. The others are RAZ/WI (IHI 0069, GICD_ISENABLER<n>).
        ppis: the PPIs that exist, None for all of 16..31.
        list_registers: of the virtual interface.
        ppi_config_writable: whether GICD_ICFGR1 (GICR_ICFGR1) takes writes (IMPLEMENTATION DEFINED).
        ppi_edge: the PPIs that are edge-triggered at reset.
        level_ack_clears_latch: whether acknowledging a level-sensitive interrupt ends the pending state that ISPENDR
            gave it. GICv2: yes (IHI 0048B Figure 4-10); GICv3: IMPLEMENTATION DEFINED.
        setpend_when_line_high: whether ISPENDR on a level-sensitive interrupt that its line already holds pending is
            remembered, so that it stays pending when the line drops (IHI 0048B 4.3.7 says it is).
        tie: which of several list registers or interrupts of one priority is taken: the lowest index (INTID) or the
            highest (IMPLEMENTATION DEFINED, IHI 0069 4.8.1).
        bad_size: what an access of a size that the register does not permit does: reads as zero and ignores writes, or
            acts on the bytes named (UNPREDICTABLE).
        eoi_without_active: what an EOIR write does when no priority is active (UNPREDICTABLE): nothing at all, or the
            search for the interrupt to deactivate still runs.
        eoi_of_unimplemented: what an EOIR write does that names an INTID which is not implemented (UNPREDICTABLE): the
            CPU interface drops the priority without asking, or nothing.
        cfg_clears_latch: whether a change of trigger by ICFGR drops the latched pending state (UNKNOWN).
    """

    intids: int = 288
    spis: tuple[int, ...] | None = None
    ppis: tuple[int, ...] | None = None
    list_registers: int = 4
    ppi_config_writable: bool = True
    ppi_edge: tuple[int, ...] = ()
    level_ack_clears_latch: bool = True
    setpend_when_line_high: bool = True
    tie: Literal["lowest", "highest"] = "lowest"
    bad_size: Literal["zero", "bytes"] = "zero"
    eoi_without_active: Literal["nothing", "deactivates"] = "nothing"
    eoi_of_unimplemented: Literal["drops", "ignored"] = "drops"
    cfg_clears_latch: bool = False

    def _check_common(self, most_lrs: int) -> None:
        _within("intids", self.intids, 32, 1024)
        if self.intids % 32:
            raise OptionError(f"intids = {self.intids}: expected a multiple of 32 (ITLinesNumber counts 32s)")
        _within("list_registers", self.list_registers, 1, most_lrs)
        for i in self.spis or ():
            _within("spis", i, 32, min(self.intids, 1020) - 1)
        for i in (*(self.ppis or ()), *self.ppi_edge):
            _within("ppis", i, 16, 31)

    def spi_intids(self) -> tuple[int, ...]:
        """The SPIs that exist, ascending."""
        return tuple(range(32, min(self.intids, 1020))) if self.spis is None else tuple(sorted(set(self.spis)))

    def ppi_intids(self) -> tuple[int, ...]:
        """The PPIs that exist, ascending."""
        return tuple(range(16, 32)) if self.ppis is None else tuple(sorted(set(self.ppis)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GicV2Options(Options):
    """A GICv2 (IHI 0048B) with the Virtualization Extensions.

    Attributes:
        pes: CPU interfaces, 1 to 8.
        priority_bits: implemented bits of GICD_IPRIORITYR and GICC_PMR, 4 to 8 (3.3, 5 or more with security).
        virtual_priority_bits: of GICV_PMR, fixed to 5 by GICH_LR.Priority (5.3.10).
        security: whether the Security Extensions are implemented (two Security states).
        sgi_always_enabled: whether GICD_ISENABLER0[15:0] are RAO/WI (IMPLEMENTATION DEFINED, 4.3.5).
        iidr: GICD_IIDR. cpu_iidr: GICC_IIDR and GICV_IIDR.
        group_enable_selects: whether an interrupt of a disabled group is left out when the highest priority pending
            interrupt is chosen. The architecture's way; QEMU chooses first and then finds the group disabled.
        virtual_group_enable_selects: the same for GICV_CTLR's enables and the list registers.
        hppir_masked: whether GICC_HPPIR and GICV_HPPIR apply the priority mask (the architecture: no).
        alias_registers: whether the aliased registers AIAR, AEOIR, AHPPIR exist in GICC and GICV.
        eoi_checks_cpuid: whether GICV_EOIR and GICV_DIR match the CPUID of an SGI, so that of two list registers with
            one SGI the right one ends (5.5.5); QEMU looks at the INTID alone.
        eoicount_without_priority: whether GICV_EOIR counts in EOIcount although no APR bit was cleared
            (CONSTRAINED UNPREDICTABLE).
        virtual_eoi_without_priority_deactivates: whether GICV_EOIR still deactivates then.
        dir_in_mode0: what GICC_DIR does in EOImode 0 (UNPREDICTABLE): nothing, or the deactivation all the same.
        eoi_of_group1_without_ackctl: what a Secure GICC_EOIR of a Group 1 interrupt does while AckCtl is 0
            (UNPREDICTABLE, 4.4.5): as if AckCtl were 1, or nothing.
        virtual_dir_in_mode0: what GICV_DIR does in EOImode 0 (UNPREDICTABLE): nothing, or counts in EOIcount where no
            list register holds the interrupt.
        hppir_shows_cpuid: whether HPPIR names the source of an SGI (4.4.7: it does).
        sgir_checks_group: whether GICD_SGIR heeds NSATT and the SGI's group with the Security Extensions (4.3.15).
        sgir_reserved_filter: what the reserved TargetListFilter 3 does: nothing, or all PEs.
        pidr2: the ArchRev field's register.
        preemption_masks_candidate: whether a pending interrupt's priority is cut to its group priority before it is
            compared with the running priority (3.3.3: it is; it matters only where the binary point changed meanwhile).
        uniprocessor_targets: whether GICD_ITARGETSR<n> are RAZ/WI with one CPU interface (4.3.12).
    """

    pes: int = 1
    priority_bits: int = 8
    virtual_priority_bits: int = 5
    security: bool = False
    sgi_always_enabled: bool = True
    iidr: int = 0
    cpu_iidr: int = 0x0002043B
    group_enable_selects: bool = True
    virtual_group_enable_selects: bool = True
    hppir_masked: bool = False
    alias_registers: bool = True
    eoi_checks_cpuid: bool = True
    eoicount_without_priority: bool = False
    virtual_eoi_without_priority_deactivates: bool = False
    dir_in_mode0: Literal["ignored", "deactivates"] = "ignored"
    eoi_of_group1_without_ackctl: Literal["ends", "ignored"] = "ends"
    virtual_dir_in_mode0: Literal["ignored", "counts"] = "ignored"
    uniprocessor_targets: bool = True
    preemption_masks_candidate: bool = True
    hppir_shows_cpuid: bool = True
    sgir_checks_group: bool = True
    sgir_reserved_filter: Literal["ignored", "all"] = "ignored"
    pidr2: int = 0x2B

    def __post_init__(self) -> None:
        _within("pes", self.pes, 1, 8)
        self._check_common(64)
        _within("priority_bits", self.priority_bits, 5 if self.security else 4, 8)
        _within("virtual_priority_bits", self.virtual_priority_bits, 5, 5)

    @classmethod
    def qemu(cls, **changes: object) -> GicV2Options:
        """The choices of QEMU's arm_gic."""
        base: dict[str, object] = {
            "group_enable_selects": False, "virtual_group_enable_selects": False, "hppir_masked": True,
            "alias_registers": False, "bad_size": "bytes", "iidr": 0x43B, "preemption_masks_candidate": False,
            "hppir_shows_cpuid": False, "sgir_checks_group": False, "sgir_reserved_filter": "all",
            "eoi_checks_cpuid": False, "eoi_of_unimplemented": "ignored",
            "virtual_eoi_without_priority_deactivates": True,
        }
        return cls(**(base | changes))  # type: ignore[arg-type]  # checked by __post_init__


@dataclass(frozen=True, slots=True, kw_only=True)
class GicV3Options(Options):
    """A GICv3 (IHI 0069) with affinity routing always on, and its CPU interfaces.

    Attributes:
        pes: 1 to 512.
        affinities: MPIDR affinity (aff3<<24 | aff2<<16 | aff1<<8 | aff0) of each PE, None for sixteen to a cluster.
        priority_bits: of the distributor and the physical CPU interface, 4 to 8 (5 or more with two Security states).
        preemption_bits: of the physical CPU interface, at most 7 and at most priority_bits.
        virtual_priority_bits, virtual_preemption_bits: ICH_VTR_EL2.PRIbits and PREbits, 5 to 8 and 5 to 7.
        security: two Security states (GICD_CTLR.DS resets to 0), else DS is RAO/WI.
        ds_writable: whether software may set GICD_CTLR.DS (with security).
        iidr, pidr2: GICD_IIDR and the ArchRev field's register.
        lpis, vlpis: what GICD_TYPER and GICR_TYPER announce. Their behaviour is not modelled here yet; a use of it is
            reported.
        nmis: what GICD_TYPER.NMI announces; non-maskable interrupts are not modelled, and a use of them is reported.
        clear_enable_lpis: GICR_CTLR.CES: whether EnableLPIs may be cleared (QEMU from 7.1).
        id_bits: GICD_TYPER.IDbits + 1. cpu_id_bits: 16 or 24, ICC_CTLR_EL1.IDbits.
        tdir: whether ICH_HCR_EL2.TDIR is implemented (ICH_VTR_EL2.TDS).
        one_of_n: what IROUTER.Interrupt_Routing_Mode = 1 does: not supported (GICD_TYPER.No1N = 1), taken by the
            lowest-numbered PE that can take it, or offered to all of them until one acknowledges.
        irm_stored: whether the bit is stored although not supported.
        message_spis: whether GICD_SETSPI_* and GICD_CLRSPI_* exist (GICD_TYPER.MBIS).
        disabled_group_hides: whether a pending interrupt of a group that ICC_IGRPEN disables still counts as the
            highest priority one and so hides a lower one of an enabled group (the architecture: no).
        sgi1r_sends_group0: whether ICC_SGI1R_EL1 also sends SGIs that are in Group 0, with a single Security state (IHI
            0069, "Use of control registers for SGI forwarding": it does; ICC_ASGI1R_EL1 and ICC_SGI0R_EL1 send those
            alone).
        sleep_blocks: whether a redistributor whose GICR_WAKER.ChildrenAsleep is 1 holds its interrupts back.
        priority_stores_low_bits: whether GICD_IPRIORITYR and GICR_IPRIORITYR keep the unimplemented bits.
        vpmr_stores_low_bits: the same for ICH_VMCR_EL2.VPMR.
        lr_stores_res0: whether a list register keeps the bits that the architecture reserves.
        eoicount_in_split_mode: whether ICV_EOIR counts in EOIcount in EOImode 1 (the architecture: no).
        eoicount_without_priority: whether it counts although no APR bit was cleared (CONSTRAINED UNPREDICTABLE).
        wrong_group_eoi_drops: whether an ICV_EOIR to the wrong group drops the priority all the same
            (CONSTRAINED UNPREDICTABLE).
        vgrp0d_from_veng1: whether MISR.VGrp0D looks at VENG1 (a mistake of QEMU).
        common_lpi_affinity: GICR_TYPER.CommonLPIAff.
        typer_lines_of_spis: whether GICD_TYPER.ITLinesNumber counts one too few (a mistake of QEMU 7).
    """

    pes: int = 1
    affinities: tuple[int, ...] | None = None
    priority_bits: int = 5
    preemption_bits: int = 5
    virtual_priority_bits: int = 5
    virtual_preemption_bits: int = 5
    security: bool = False
    ds_writable: bool = True
    iidr: int = 0x43B
    pidr2: int = 0x3B
    lpis: bool = False
    vlpis: bool = False
    nmis: bool = False
    clear_enable_lpis: bool = True
    id_bits: int = 16
    cpu_id_bits: int = 16
    tdir: bool = True
    one_of_n: Literal["none", "lowest", "all"] = "none"
    irm_stored: bool = False
    message_spis: bool = False
    disabled_group_hides: bool = False
    sgi1r_sends_group0: bool = True
    sleep_blocks: bool = True
    priority_stores_low_bits: bool = False
    vpmr_stores_low_bits: bool = False
    lr_stores_res0: bool = False
    eoicount_in_split_mode: bool = False
    eoicount_without_priority: bool = False
    wrong_group_eoi_drops: bool = True
    vgrp0d_from_veng1: bool = False
    common_lpi_affinity: int = 0
    typer_lines_of_spis: bool = False

    def __post_init__(self) -> None:
        _within("pes", self.pes, 1, 512)
        self._check_common(16)
        _within("priority_bits", self.priority_bits, 5 if self.security else 4, 8)
        _within("preemption_bits", self.preemption_bits, 4, min(7, self.priority_bits))
        _within("virtual_priority_bits", self.virtual_priority_bits, 5, 8)
        _within("virtual_preemption_bits", self.virtual_preemption_bits, 5, min(7, self.virtual_priority_bits))
        if self.affinities is not None and len(set(self.affinities)) != self.pes:
            raise OptionError(f"affinities names {len(set(self.affinities))} PEs: expected {self.pes} different ones")
        if self.cpu_id_bits not in (16, 24):
            raise OptionError(f"cpu_id_bits = {self.cpu_id_bits}: expected 16 or 24")

    def range_selector(self) -> bool:
        """Whether SGIs reach Aff0 above 15: GICD_TYPER.RSS and ICC_CTLR_EL1.RSS, told where a PE has such an Aff0."""
        return any(self.affinity(pe) & 0xF0 for pe in range(self.pes))

    def affinity(self, pe: int) -> int:
        """MPIDR affinity of a PE."""
        if self.affinities is not None:
            return self.affinities[pe]
        return pe >> 4 << 8 | pe & 15

    @classmethod
    def qemu(cls, **changes: object) -> GicV3Options:
        """The choices of QEMU's arm-gicv3 (7.2 to 10.0)."""
        base: dict[str, object] = {
            "one_of_n": "none", "common_lpi_affinity": 1, "irm_stored": True, "disabled_group_hides": True,
            "sleep_blocks": False, "sgi1r_sends_group0": False,
            "priority_stores_low_bits": True, "vpmr_stores_low_bits": True, "lr_stores_res0": True,
            "eoicount_in_split_mode": True, "vgrp0d_from_veng1": True, "lpis": True, "cpu_id_bits": 24,
            "eoi_of_unimplemented": "ignored",
        }
        return cls(**(base | changes))  # type: ignore[arg-type]  # checked by __post_init__
