"""Where an access of a recording falls: the frame, the register, and what the register does to a life of an interrupt.

A recording makes the same few hundred accesses again and again, so what is found is kept, up to `KEPT` places.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.silicon import Gic
from vgic.silicon.gicv3 import REGISTERS
from vgic.trace.events import FrameAccess, region_frame

KEPT = 1 << 16

ROLES = {
    "ICC_IAR0_EL1": "iar", "ICC_IAR1_EL1": "iar", "GICC_IAR": "iar", "GICC_AIAR": "iar",
    "ICV_IAR0_EL1": "viar", "ICV_IAR1_EL1": "viar", "GICV_IAR": "viar", "GICV_AIAR": "viar",
    "ICC_EOIR0_EL1": "end", "ICC_EOIR1_EL1": "end", "ICC_DIR_EL1": "end", "GICC_EOIR": "end", "GICC_AEOIR": "end",
    "GICC_DIR": "end",
    "ICV_EOIR0_EL1": "vend", "ICV_EOIR1_EL1": "vend", "ICV_DIR_EL1": "vend", "GICV_EOIR": "vend",
    "GICV_AEOIR": "vend", "GICV_DIR": "vend",
    "ICH_LR<n>_EL2": "lr", "GICH_LR<n>": "lr", "ICH_HCR_EL2": "hcr", "GICH_HCR": "hcr",
    "ICH_AP0R<n>_EL2": "vapr", "ICH_AP1R<n>_EL2": "vapr", "GICH_APR": "vapr",
    "ICC_AP0R<n>_EL1": "apr", "ICC_AP1R<n>_EL1": "apr", "GICC_APR<n>": "apr", "GICC_NSAPR<n>": "apr",
    "ICH_VMCR_EL2": "vmcr", "GICH_VMCR": "vmcr", "ICH_VTR_EL2": "constant", "GICH_VTR": "constant",
    "ICH_ELRSR_EL2": "elrsr", "GICH_ELRSR<n>": "elrsr",
    **{f"{i}_{name}_EL1": "control" for i in ("ICC", "ICV") for name in (
        "PMR", "BPR0", "BPR1", "CTLR", "IGRPEN0", "IGRPEN1")},
    **{f"{i}_{name}": "control" for i in ("GICC", "GICV") for name in ("PMR", "BPR", "ABPR", "CTLR")},
}
"""What matters of a register beside its value: iar, viar acknowledge; end, vend drop and deactivate; constant never
changes; elrsr tells which list registers are empty; the others hold what software wrote."""

HYPERVISOR, GUEST = frozenset({"ICH", "GICH"}), frozenset({"ICV", "GICV"})


class Reached(NamedTuple):
    """One register.

    Attributes:
        frame: GICD, GICR, GICC, GICH, GICV, ICC, ICH, ICV; others of the machine by their names; "" for no GIC's.
        name: with its `<n>`. full: with the number. n: the instance. role: of ROLES, "" for none.
        known: a system register that the chip has.
    """

    frame: str
    name: str
    full: str
    n: int
    role: str
    known: bool


class Places:
    """The places of one chip."""

    def __init__(self, chip: Gic) -> None:
        self.chip = chip
        self._frames = {block.frame.name: block.frame for block in chip.blocks()}
        self._places: dict[int, Reached] = {}
        self._registers: dict[str, Reached] = {}
        self._regions: dict[str, str | None] = {}

    def region(self, name: str) -> str | None:
        """As `region_frame`."""
        if name not in self._regions:
            if len(self._regions) >= KEPT:
                return region_frame(name)
            self._regions[name] = region_frame(name)
        return self._regions[name]

    def at(self, address: int) -> Reached:
        """The register at an address."""
        place = self._places.get(address)
        if place is None:
            place = self._find(address)
            if len(self._places) < KEPT:
                self._places[address] = place
        return place

    def register(self, name: str) -> Reached:
        """A system register."""
        place = self._registers.get(name)
        if place is None:
            found = REGISTERS.get(name) if self.chip.version == 3 else None
            frame = name.partition("_")[0]
            place = (Reached(frame, name, name, 0, "", False) if found is None
                     else Reached(frame, found.name, name, found.n, ROLES.get(found.name, ""), True))
            self._registers[name] = place      # a recording's names are those of the events' forms: bounded
        return place

    def base(self, frame: str, pe: int) -> int | None:
        """Where a frame begins, GICR: that of a PE; None where the machine has no such frame."""
        return self.chip.base(frame, pe)

    def _find(self, address: int) -> Reached:
        frame, _, offset = self.chip.locate(address)
        registers = self._frames.get(frame)
        found = registers.at(offset) if registers is not None else None
        if found is None:
            name = f"{frame}+{offset:#x}" if frame else f"{address:#x}"
            return Reached(frame, name, name, 0, "", False)
        name = found.register.name
        return Reached(frame, name, found.name, found.n, ROLES.get(name, ""), True)


def banked(e: FrameAccess) -> bool:
    """Whether a GICv2 register depends on who accesses it: GICH, and GICD's for SGIs and PPIs (IHI 0048B 4.1.4)."""
    offset = e.offset & 0xFFF
    private = offset & 0x7F < 4 if 0x80 <= offset < 0x400 else offset & 0x3FF < 32 if offset < 0xC00 else (
        offset < 0xC08 or offset >= 0xF00)
    return e.frame == "GICH" or (e.frame == "GICD" and offset >= 0x80 and private)
