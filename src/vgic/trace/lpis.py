"""Priorities of LPIs, which are not modelled: from the property table where its bytes are told, else learned.

An acknowledged LPI sets a bit of the active priorities, its *ghost*. Where a read of these differs by that bit alone,
the recording has told the priority, and it is that of other LPIs, too, until something else is told.
"""

from __future__ import annotations

from vgic.arch.intid import LPI_START
from vgic.silicon import GicV3
from vgic.trace.events import PropertyByte, SysReg

PRIORITY = 0xC0
"""Until one was told."""
MOST = 1 << 16
"""Property bytes that are remembered."""


class Lpis:
    """What one recording has told of LPIs.

    Attributes:
        property_bytes: by address. priority: the last that was learned, by "apr" (the host's) and "vapr" (guests').
        ghosts: the bit that an acknowledged LPI has set, by PE and "apr" or "vapr".
    """

    def __init__(self) -> None:
        self.property_bytes: dict[int, int] = {}
        self.priority = {"apr": PRIORITY, "vapr": PRIORITY}
        self.ghosts: dict[tuple[int, str], int] = {}

    def told(self, e: PropertyByte) -> None:
        """Software writes a byte of the property table."""
        if len(self.property_bytes) < MOST or e.address in self.property_bytes:
            self.property_bytes[e.address] = e.value

    def priority_of(self, chip: GicV3, intid: int, pe: int) -> int:
        """A physical LPI's, in the bits that the CPU interface has."""
        base = chip.redistributors[pe].state.propbaser & 0x000F_FFFF_FFFF_F000
        told = self.property_bytes.get(base + intid - LPI_START, self.priority["apr"])
        return told & 0xFC & chip.cpus[pe].priority_mask

    def learn(self, chip: GicV3, e: SysReg, role: str, expected: int) -> bool:
        """Whether a read of active priorities differs only by the priority of an LPI that is active and not modelled:
        then the recording tells that priority, and the chip takes it over."""
        ghost = self.ghosts.get((e.pe, role))
        change = expected ^ e.value
        if ghost is None or not expected & ghost or change.bit_count() != 2 or not change & ghost:
            return False
        shift = 8 - (chip.virtual if role == "vapr" else chip.cpus)[e.pe].preemption_bits
        self.priority[role] = (change & ~ghost).bit_length() - 1 << shift
        self.ghosts[e.pe, role] = change & ~ghost
        chip.sysreg_write(e.register, e.value, e.pe, el=2)
        return True
