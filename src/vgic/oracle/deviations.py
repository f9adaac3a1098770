"""Where QEMU is known to do otherwise than the architecture, each by name.

A deviation is one of three things here:

- *an option* of the model: QEMU's way changes state, so the model has to follow it. `GicV2Options.qemu()` and
  `GicV3Options.qemu()` set it; the architecture's value is the default.
- *a tolerance*: a value that QEMU alone shows, recognised by a predicate; state stays the same.
- *a hazard*: QEMU aborts or corrupts itself, so episodes keep away from it.

Each has a script that shows it (tests/oracle/test_deviations.py runs them all), so that a QEMU that mends it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vgic.oracle.episode import Operation
    from vgic.oracle.model import Model


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
        id: its name. sentence: what QEMU does, and what the architecture says. section: where it says so.
        gic: which GIC. versions: QEMU's, from the first to the last seen, as prefixes (7.2, 10.0).
        option: the model's option and its architectural value. explains: whether it explains a difference.
        hazard: whether QEMU dies of it.
        script: an episode's operations that show it. shows: the register in which it shows.
    """

    id: str
    sentence: str
    section: str
    gic: int
    script: str
    shows: str = ""
    versions: tuple[str, str] = ("7.2", "10.0")
    option: tuple[str, Any] | None = None
    explains: Callable[[Sight], bool] | None = None
    hazard: bool = False

    def concerns(self, gic: int, version: str) -> bool:
        """Whether a QEMU of this version has it; an unknown later version is taken to have what the last seen had."""
        first, last = (tuple(map(int, v.split("."))) for v in self.versions)
        here = tuple(map(int, version.split(".")))[:2]
        newest = tuple(map(int, NEWEST_SEEN.split(".")))
        return self.gic == gic and first <= here and (here <= last or last >= newest)


def _cpus(sight: Sight) -> int:
    """The bits of implemented CPU interfaces in each byte of a word."""
    return 0x0101_0101 * ((1 << sight.chip.options.pes) - 1)


NEWEST_SEEN = "10.0"
"""The newest QEMU whose deviations were looked at."""

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "v3-typer-lines",
        "GICD_TYPER.ITLinesNumber counts the 32s of SPIs alone: 7 for INTIDs 0 to 287, for which 8 is right.",
        "IHI 0069, GICD_TYPER",
        3,
        "pe0 el2 read GICD_TYPER",
        "GICD_TYPER",
        versions=("7.2", "9.2"),
        explains=lambda s: s.register == "GICD_TYPER" and s.qemu == s.model - 1,
    ),
    Deviation(
        "v3-irouter-res0",
        "GICD_IROUTER<n> keeps every bit that is written; bits 63:40 and 30:24 are RES0.",
        "IHI 0069, GICD_IROUTER<n>",
        3,
        "pe0 el2 write GICD_IROUTER34 0x1000000",
        "GICD_IROUTER34",
        explains=lambda s: s.register.startswith("GICD_IROUTER") and s.qemu & 0xFF_80FF_FFFF == s.model,
    ),
    Deviation(
        "v3-vpmr-low-bits",
        "ICV_PMR_EL1 shows low bits of the mask that ICH_VMCR_EL2 was given; unimplemented bits are RAZ/WI.",
        "IHI 0069, ICH_VMCR_EL2 and ICV_PMR_EL1",
        3,
        "pe0 el2 write ICH_VMCR_EL2 0x1000000",
        "ICV_PMR_EL1",
        explains=lambda s: s.register == "ICV_PMR_EL1" and s.qemu & 0xF8 == s.model,
    ),
    Deviation(
        "v2-itargetsr-res0",
        "GICD_ITARGETSR<n> keeps the bits of CPU interfaces that are not implemented; they are RAZ/WI.",
        "IHI 0048B 4.3.12",
        2,
        "pe0 el2 write.b GICD_ITARGETSR8+2 0x8",
        "GICD_ITARGETSR8",
        explains=lambda s: s.register.startswith("GICD_ITARGETSR") and s.qemu & _cpus(s) == s.model,
    ),
    Deviation(
        "v2-lr-res0",
        "GICH_LR<n> with HW 0 keeps bits 18:13, which are RES0.",
        "IHI 0048B 5.3.10",
        2,
        "pe0 el2 write GICH_LR0 0x8000",
        "GICH_LR0",
        explains=lambda s: s.register.startswith("GICH_LR") and not s.qemu >> 31 and s.qemu & ~0x7E000 == s.model & ~0x7E000,
    ),
    Deviation(
        "v2-abpr-minimum",
        "GICV_ABPR takes 1 and 2; with 5 priority bits the minimum is 3.",
        "IHI 0048B 5.5.8, 4.4.9",
        2,
        "pe0 el2 write GICV_ABPR 0x0",
        "GICH_VMCR",
        explains=lambda s: (s.register == "GICH_VMCR" and s.model >> 18 & 7 == 3 and s.qemu | 3 << 18 == s.model | 3 << 18)
        or (s.register == "GICV_ABPR" and s.model == 3 and s.qemu in (1, 2)),
    ),
    Deviation(
        "v3-nds",
        "ICC_CTLR_EL3.nDS is 1 although GICD_CTLR.DS can be set.",
        "IHI 0069, ICC_CTLR_EL3",
        3,
        "pe0 el3 read ICC_CTLR_EL3",
        "ICC_CTLR_EL3",
        explains=lambda s: s.register == "ICC_CTLR_EL3" and s.qemu == s.model | 1 << 17,
    ),
)
