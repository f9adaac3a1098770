"""Where QEMU is known to do otherwise than the architecture, each by name.

What is done about a deviation is its `kind`:

- *option*: it changes state, so the model has to follow it. `GicV2Options.qemu()` and `GicV3Options.qemu()` set the
  option, `vgic.silicon.profile` tells its sentence, the architecture's value is the default.
- *tolerance*: a value that QEMU alone shows, recognised by a predicate; state stays the same.
- *avoided*: it changes state, and generators keep away from it.
- *driver*: the driver makes it harmless (it rewrites a register, so that QEMU looks at its state again).
- *hazard*: QEMU aborts or corrupts itself; generators keep away from it.

Each has a script that shows it (tests/oracle/test_deviations.py runs them all), so that a QEMU that mends it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vgic.silicon.profile import SENTENCES

if TYPE_CHECKING:
    from vgic.oracle.episode import Operation
    from vgic.oracle.model import Model

Kind = Literal["option", "tolerance", "avoided", "driver", "hazard"]


class Sight(NamedTuple):
    """A difference to be explained: after which operation, in which register, what each side says, and the model."""

    operation: Operation
    register: str
    qemu: int
    model: int
    chip: Model


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation of QEMU's.

    Args:
        id: its name. kind: what is done about it.
        sentence: what QEMU does, and what the architecture says. section: where it says so.
        gic: which GIC. versions: QEMU's, the first and the last seen with it (7.2, 10.0).
        machine: the rest of the machine that shows it.
        script: an episode's operations that show it, one a line. shows: the register, or the operation, that differs.
        option: of kind option: the model's option and its architectural value.
        explains: of kind tolerance: whether it explains a difference.
    """

    id: str
    kind: Kind
    sentence: str
    section: str
    gic: int
    script: str
    shows: str = ""
    machine: str = "pes=1 security=off"
    versions: tuple[str, str] = ("7.2", "10.0")
    option: tuple[str, Any] | None = None
    explains: Callable[[Sight], bool] | None = None

    def concerns(self, gic: int, version: str) -> bool:
        """Whether a QEMU of this version has it; an unknown later version is taken to have what the last seen had."""
        first, last = (tuple(map(int, v.split("."))) for v in self.versions)
        here = tuple(map(int, version.split(".")))[:2]
        newest = tuple(map(int, NEWEST_SEEN.split(".")))
        return self.gic == gic and first <= here and (here <= last or last >= newest)

    def episode_text(self) -> str:
        """The script with its machine."""
        return f"machine gicv{self.gic} {self.machine}\n{self.script}\n"


NEWEST_SEEN = "10.0"
"""The newest QEMU whose deviations were looked at."""


def _option(
    option: str, value: object, script: str, shows: str, machine: str = "pes=1 security=off", versions: tuple[str, str] = ("7.2", "10.0"),
) -> Deviation:
    """An option of the model; `value` is the architecture's."""
    told = SENTENCES[option]
    return Deviation(
        f"v{told.gic}-{option.replace('_', '-')}", "option", told.sentence, told.section, told.gic, script, shows, machine,
        versions, (option, value),
    )


def _cpus(sight: Sight) -> int:
    """The bits of implemented CPU interfaces in each byte of a word."""
    return 0x0101_0101 * ((1 << sight.chip.options.pes) - 1)


def _targets_nonsecure(sight: Sight) -> bool:
    """Whether each byte is the model's, or shows what the model hides."""
    if not sight.register.startswith("GICD_ITARGETSR") or not sight.chip.options.security:
        return False
    cpus = _cpus(sight)
    return all((sight.model >> b & 0xFF) in (0, (sight.qemu & cpus) >> b & 0xFF) for b in (0, 8, 16, 24))


def _ctlr_el3(sight: Sight) -> bool:
    """Whether QEMU's ICC_CTLR_EL3 is the model's, but for nDS and for EL1NS shown as EL1S."""
    nonsecure = sight.model >> 1 & 9
    return sight.register == "ICC_CTLR_EL3" and sight.qemu == sight.model & ~9 | nonsecure | 1 << 17


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

DEVIATIONS: tuple[Deviation, ...] = (
    # GICv2: options
    _option("group_enable_selects", True, _V2_GROUPS, "GICC_HPPIR"),
    _option(
        "virtual_group_enable_selects", True,
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf0000006\n"
        "pe0 el2 write GICH_LR0 0x11000021\npe0 el2 write GICH_LR1 0x54000022", "GICV_HPPIR",
    ),
    _option("hppir_masked", False, "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0x00000001\n"
            "pe0 el2 write GICH_LR0 0x11000021", "GICV_HPPIR"),
    _option("hppir_shows_cpuid", True, "pe1 el2 write GICD_CTLR 1\npe1 el2 write GICC_PMR 0xf0\npe1 el2 write GICC_CTLR 1\n"
            "pe1 el2 write GICD_SGIR 0x20003", "GICC_HPPIR", "pes=2 security=off"),
    _option("alias_registers", True, "pe0 el2 read GICC_AHPPIR", "pe0 el2 read GICC_AHPPIR"),
    _option(
        "preemption_masks_candidate", True,
        "pe0 el2 write GICV_CTLR 0x1\npe0 el2 write GICV_PMR 0x58\npe0 el2 write GICH_LR2 0x14000000\n"
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 read GICV_IAR\npe0 el2 write GICH_VMCR 0x40c00001\n"
        "pe0 el2 write GICH_LR3 0x10000001", "ISR_EL1",
    ),
    _option("sgir_checks_group", True, "pe0 el3 write GICD_IGROUPR0 0xffff\npe0 el3 write GICD_SGIR 0x10003",
            "GICD_ISPENDR0", "pes=1 security=on"),
    # GICv2: tolerances
    Deviation(
        "v2-itargetsr-res0", "tolerance",
        "GICD_ITARGETSR<n> keeps the bits of CPU interfaces that are not implemented; they are RAZ/WI. A latch set "
        "while such a bit is on is never cleared by an acknowledge.",
        "IHI 0048B 4.3.12", 2, "pe0 el2 write.b GICD_ITARGETSR8+2 0x8", "GICD_ITARGETSR8", "pes=2 security=off",
        explains=lambda s: s.register.startswith("GICD_ITARGETSR") and s.qemu & _cpus(s) == s.model,
    ),
    Deviation(
        "v2-itargetsr-nonsecure", "tolerance",
        "Non-secure accesses read and write the targets of Group 0 interrupts; they are RAZ/WI. Generators write none.",
        "IHI 0048B 4.3.12", 2, "pe0 el2 read GICD_ITARGETSR0", "pe0 el2 read GICD_ITARGETSR0", "pes=2 security=on",
        explains=_targets_nonsecure,
    ),
    Deviation(
        "v2-lr-res0", "tolerance", "GICH_LR<n> with HW 0 keeps bits 18:13, which are RES0.",
        "IHI 0048B 5.3.10", 2, "pe0 el2 write GICH_LR0 0x8000", "GICH_LR0", explains=_v2_lr,
    ),
    Deviation(
        "v2-abpr-minimum", "tolerance",
        "GICV_ABPR takes 1 and 2; with 5 priority bits the minimum is 3. Priorities are the same with all three.",
        "IHI 0048B 5.5.8, 4.4.9", 2, "pe0 el2 write GICV_ABPR 0x0", "GICH_VMCR", explains=_abpr,
    ),
    # GICv2: avoided
    Deviation(
        "v2-spi-active-by-cpu", "avoided",
        "The active state of an SPI is kept for each CPU: ISACTIVER sets it for eight, EOIR and DIR end one CPU's, and "
        "an SPI that is active on one CPU is offered to another. An SPI has one state.",
        "IHI 0048B 3.2.4", 2,
        "pe0 el2 write GICC_CTLR 0x200\npe0 el2 write GICD_ISACTIVER1 0x1\npe0 el2 write GICC_DIR 0x20", "GICD_ISACTIVER1",
    ),
    Deviation(
        "v2-pending-by-target", "avoided",
        "The latch of an SPI is kept for the CPUs that it targets when it is set: with ITARGETSR 0 it is lost, and it "
        "doesn't move with the target.",
        "IHI 0048B 4.3.7, 4.3.12", 2, "pe0 el2 write GICD_ISPENDR1 0x1", "GICD_ISPENDR1", "pes=2 security=off",
    ),
    Deviation(
        "v2-ppi-pending-smp", "avoided",
        "With several CPUs ISPENDR0 does not pend a PPI, and ICPENDR0 clears it on every CPU; both are banked.",
        "IHI 0048B 4.3.7, 4.3.8", 2, "pe0 el2 write GICD_ISPENDR0 0x8000000", "GICD_ISPENDR0", "pes=2 security=off",
    ),
    Deviation(
        "v2-icfgr1-shared", "avoided", "GICD_ICFGR1 is one register for all CPUs; it is banked where PPIs can be configured.",
        "IHI 0048B 4.3.13", 2, "pe0 el2 write GICD_ICFGR1 0x2", "GICD_ICFGR1", "pes=2 security=off",
    ),
    Deviation(
        "v2-itargetsr-nonsecure-write", "avoided", "A Non-secure write moves a Group 0 SPI; its targets are RAZ/WI to it.",
        "IHI 0048B 4.3.12", 2, "pe0 el3 write.b GICD_ITARGETSR9+3 0x1\npe0 el2 write.b GICD_ITARGETSR9+3 0x2",
        "GICD_ITARGETSR9", "pes=2 security=on",
    ),
    Deviation(
        "v2-lr-source", "avoided", "A list register with HW 1 and an SGI's VirtualID gives PhysicalID[2:0] as the CPUID.",
        "IHI 0048B 5.3.10", 2,
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf0000001\npe0 el2 write GICH_LR1 0x90000400\n"
        "pe0 el2 read GICV_IAR", "pe0 el2 read GICV_IAR",
    ),
    # GICv2: driver and hazards
    Deviation(
        "v2-stale-twin", "driver",
        "After GICV_EOIR or GICV_DIR has deactivated a physical interrupt, the physical CPU interface is not looked at "
        "again until the next physical write.",
        "IHI 0048B 5.2.2", 2,
        "pe0 el2 write GICD_CTLR 0x1\npe0 el2 write GICC_PMR 0xf0\npe0 el2 write GICC_CTLR 0x201\n"
        "pe0 el2 write GICD_ISENABLER1 0x2\nline 33 high\n6: pe0 el2 read GICC_IAR\npe0 el2 write GICC_EOIR result 6\n"
        "pe0 el2 write GICH_HCR 0x1\npe0 el2 write GICH_VMCR 0xf8000001\npe0 el2 write GICH_LR0 0x90008421\n"
        "pe0 el2 read GICV_IAR\npe0 el2 write GICV_EOIR 0x21", "GICC_HPPIR",
    ),
    Deviation(
        "v2-apr-not-reset", "driver", "GICC_APR<n>, GICC_NSAPR<n> and GICH_APR keep their values over a system reset.",
        "IHI 0048B 4.4.12", 2, "pe0 el2 write GICC_APR0 0x10", "GICC_APR0",
    ),
    Deviation(
        "v2-spendsgir-word", "hazard",
        "A word written to GICD_SPENDSGIR<n> pends each SGI whose byte is 0 too, and the next acknowledge aborts QEMU.",
        "IHI 0048B 4.3.17", 2,
        "pe0 el2 write GICD_CTLR 0x1\npe0 el2 write GICC_PMR 0xf0\npe0 el2 write GICC_CTLR 0x1\n"
        "pe0 el2 write GICD_SPENDSGIR0 0x100\npe0 el2 read GICC_IAR\npe0 el2 read GICC_IAR",
    ),
    # GICv3: options
    _option(
        "disabled_group_hides", False,
        "pe0 el2 write GICD_CTLR 0x13\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write.b GICD_IPRIORITYR8+1 0x80\n"
        "pe0 el2 write GICD_ISENABLER1 0x6\npe0 el2 write ICC_IGRPEN1_EL1 1\npe0 el2 write GICD_ISPENDR1 0x6", "ICC_HPPIR1_EL1",
    ),
    _option(
        "sleep_blocks", True,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_IGRPEN1_EL1 1\npe0 el2 write GICD_ISPENDR1 0x2", "ICC_HPPIR1_EL1",
    ),
    _option("priority_stores_low_bits", False, "pe0 el2 write.b GICD_IPRIORITYR8 0x7", "GICD_IPRIORITYR8"),
    _option("vpmr_stores_low_bits", False, "pe0 el2 write ICH_VMCR_EL2 0x1000000", "ICH_VMCR_EL2"),
    _option("lr_stores_res0", False, "pe0 el2 write ICH_LR0_EL2 0x200000000000000", "ICH_LR0_EL2"),
    _option("irm_stored", False, "pe0 el2 write GICD_IROUTER33 0x80000000", "GICD_IROUTER33"),
    _option(
        "eoicount_in_split_mode", False,
        "pe0 el2 write ICH_VMCR_EL2 0xf8000202\npe0 el2 write ICH_AP1R0_EL2 0x10\npe0 el1 write ICV_EOIR1_EL1 0x21",
        "ICH_HCR_EL2",
    ),
    _option("vgrp0d_from_veng1", False, "pe0 el2 write ICH_VMCR_EL2 0x2\npe0 el2 write ICH_HCR_EL2 0x20", "ICH_MISR_EL2"),
    # GICv3: tolerances
    Deviation(
        "v3-typer-lines", "tolerance",
        "GICD_TYPER.ITLinesNumber counts the 32s of SPIs alone: 7 for INTIDs 0 to 287, for which 8 is right.",
        "IHI 0069, GICD_TYPER", 3, "pe0 el2 read GICD_TYPER", "pe0 el2 read GICD_TYPER", versions=("7.2", "9.2"),
        explains=lambda s: s.register == "GICD_TYPER" and s.qemu == s.model - 1,
    ),
    Deviation(
        "v3-irouter-res0", "tolerance",
        "GICD_IROUTER<n> keeps every bit that is written; bits 63:40 and 30:24 are RES0.",
        "IHI 0069, GICD_IROUTER<n>", 3, "pe0 el2 write GICD_IROUTER34 0x1000000", "GICD_IROUTER34",
        explains=lambda s: s.register.startswith("GICD_IROUTER") and s.qemu & 0xFF_80FF_FFFF == s.model,
    ),
    Deviation(
        "v3-vpmr-low-bits", "tolerance",
        "ICV_PMR_EL1 shows low bits of the mask that ICH_VMCR_EL2 was given; unimplemented bits are RAZ/WI.",
        "IHI 0069, ICH_VMCR_EL2 and ICV_PMR_EL1", 3, "pe0 el2 write ICH_VMCR_EL2 0x1000000", "ICV_PMR_EL1",
        explains=lambda s: s.register == "ICV_PMR_EL1" and s.qemu & 0xF8 == s.model,
    ),
    Deviation(
        "v3-nds", "tolerance", "ICC_CTLR_EL3.nDS is 1 although GICD_CTLR.DS can be set.",
        "IHI 0069, ICC_CTLR_EL3", 3, "pe0 el3 read ICC_CTLR_EL3", "pe0 el3 read ICC_CTLR_EL3", "pes=1 security=on",
        explains=lambda s: _ctlr_el3(s) and not (s.qemu ^ s.model) & 9,
    ),
    Deviation(
        "v3-ctlr-el3-el1s", "tolerance",
        "ICC_CTLR_EL3 shows CBPR_EL1NS and EOImode_EL1NS in the fields of EL1S too; writes are right.",
        "IHI 0069, ICC_CTLR_EL3", 3, "pe0 el3 write ICC_CTLR_EL3 0x10\npe0 el3 read ICC_CTLR_EL3", "ICC_CTLR_EL3",
        "pes=1 security=on", explains=lambda s: _ctlr_el3(s) and bool((s.qemu ^ s.model) & 9),
    ),
    Deviation(
        "v3-waker-nonsecure", "tolerance",
        "GICR_WAKER can be read and written by Non-secure accesses; with GICD_CTLR.DS = 0 it is RAZ/WI to them.",
        "IHI 0069, GICR_WAKER", 3, "pe0 el2 read GICR_WAKER", "pe0 el2 read GICR_WAKER", "pes=1 security=on",
        explains=lambda s: s.register.startswith("GICR_WAKER") and s.chip.options.security,
    ),
    # GICv3: avoided, driver, hazards
    Deviation(
        "v3-ap1-nonsecure", "avoided",
        "With EL3 a Non-secure write of ICC_AP1R0_EL1 is ignored; only its Secure half is to be.",
        "IHI 0069, ICC_AP1R<n>_EL1", 3, "pe0 el2 write ICC_AP1R0_EL1 0x10000", "ICC_RPR_EL1", "pes=1 security=on",
    ),
    Deviation(
        "v3-ap-bit-31", "avoided",
        "The active bit of priority 0xf8 is set in ICH_AP1R0_EL2 with 32 more bits above it (reached only by VPMR's low "
        "bits, v3-vpmr-low-bits).",
        "IHI 0069, ICH_AP1R<n>_EL2", 3,
        "pe0 el2 write ICH_LR0_EL2 0x50f8000000000000\npe0 el2 write ICH_HCR_EL2 0x1\n"
        "pe0 el2 write ICH_VMCR_EL2 0xf9000002\npe0 el1 read ICV_IAR1_EL1", "ICH_AP1R0_EL2", versions=("7.2", "9.2"),
    ),
    Deviation(
        "v3-stale-config", "driver",
        "A change of GICD_ICFGR<n> that ends or begins a pending state is not looked at until the next change.",
        "IHI 0069, GICD_ICFGR<n>: UNPREDICTABLE while the interrupt is enabled", 3,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_IGRPEN1_EL1 1\nline 33 high\npe0 el2 write GICD_ICFGR2 0x8", "ICC_HPPIR1_EL1",
    ),
    Deviation(
        "v3-bpr1-abort", "hazard",
        "A value of 8 or more written to ICC_BPR1_EL1 whose low three bits are 0 aborts QEMU; bits 63:3 are RES0.",
        "IHI 0069, ICC_BPR1_EL1", 3,
        "pe0 el2 write GICD_CTLR 0x12\npe0 el2 write GICD_IGROUPR1 0x2\npe0 el2 write GICD_ISENABLER1 0x2\n"
        "pe0 el2 write ICC_PMR_EL1 0xf0\npe0 el2 write ICC_IGRPEN1_EL1 1\npe0 el2 write ICC_BPR1_EL1 0x8\n"
        "line 33 high\npe0 el2 read ICC_IAR1_EL1",
    ),
)
