"""The registers that hold a few bits for each interrupt, which the distributor and the redistributors have in common.

An `Array` is what such a register is about; `array` places it in a frame. Instance n of a register of 32 bits with k
bits an interrupt is about the interrupts from n*32/k on, counted from the INTID where the array begins: 0, 1024 for
extended PPIs (whose registers begin at n=1, or at the first PPI's: IHI 0069, INTIDs), 4096 for extended SPIs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vgic.arch.common import ENABLED, GROUP, TRIGGER, mapped
from vgic.arch.intid import EPPI_START
from vgic.arch.register import Field, Register

EPPI: Final = EPPI_START - 32
"""Where the arrays over extended PPIs would begin at n=0: their first INTID is at n=1 of 32 a register."""


@dataclass(frozen=True)
class Array:
    """What the lanes of a register are: `bits` for each interrupt, each lane a field `lane` with the lane's number."""

    bits: int
    lane: str
    summary: str
    values: dict[int, str] = field(default_factory=dict)
    sizes: tuple[int, ...] = (4,)
    banked: bool = False

    def fields(self) -> tuple[Field, ...]:
        k = self.bits
        return tuple(Field(k * i + k - 1, k * i, f"{self.lane}{i}", "", self.values) for i in reversed(range(32 // k)))


_PENDING = {0: "not pending", 1: "pending"}
_ACTIVE = {0: "not active", 1: "active"}
BYTE = (1, 4)
"""Access sizes of the registers that hold a byte an interrupt."""

IGROUPR = Array(1, "Group_status_bit", "interrupt group register", GROUP)
ISENABLER = Array(1, "Set_enable_bit", "interrupt set-enable register", ENABLED)
ICENABLER = Array(1, "Clear_enable_bit", "interrupt clear-enable register", ENABLED)
ISPENDR = Array(1, "Set_pending_bit", "interrupt set-pending register", _PENDING)
ICPENDR = Array(1, "Clear_pending_bit", "interrupt clear-pending register", _PENDING)
ISACTIVER = Array(1, "Set_active_bit", "interrupt set-active register", _ACTIVE)
ICACTIVER = Array(1, "Clear_active_bit", "interrupt clear-active register", _ACTIVE)
IPRIORITYR = Array(8, "Priority_offset_", "interrupt priority register", sizes=BYTE)
ITARGETSR = Array(8, "CPU_targets_offset_", "interrupt processor targets register", sizes=BYTE)
ICFGR = Array(
    2, "Int_config", "interrupt configuration register", TRIGGER | {n + 1: does for n, does in TRIGGER.items()})
"""Bit 0 of a field is reserved (GICv1: the N-N or 1-N model)."""
IGRPMODR = Array(1, "Group_modifier_bit", "interrupt group modifier register")
INMIR = Array(1, "nmi", "non-maskable interrupt register", {0: "ordinary", 1: "non-maskable"})
CPENDSGIR = Array(8, "Clear_pending_SGI_", "SGI clear-pending register, one bit a source CPU", sizes=BYTE, banked=True)
SPENDSGIR = Array(8, "Set_pending_SGI_", "SGI set-pending register, one bit a source CPU", sizes=BYTE, banked=True)
NSACR = Array(
    2,
    "NS_access",
    "Non-secure access control register",
    {
        0: "no Non-secure access",
        1: "Non-secure may set it pending or generate it",
        2: "Non-secure may also clear its pending state",
        3: "Non-secure may also set its target",
    },
)
SGI_NSACR = Array(
    2,
    "NS_access",
    "Non-secure access control register of the SGIs",
    {
        0: "no Non-secure access",
        1: "Non-secure may generate it as Secure group 0",
        2: "Non-secure may generate it as Secure group 0 and group 1",
    },
)


def array(
    document: str,
    name: str,
    offset: int,
    what: Array,
    *,
    note: str = "",
    reset: int | None = None,
    first: int = 0,
    count: int = 1,
    base: int = 0,
) -> Register:
    """The registers of an array in a frame. `note` adds to the summary."""
    return mapped(
        document,
        name,
        offset,
        "RW",
        f"{what.summary}{'; ' if note else ''}{note}",
        what.fields(),
        reset=reset,
        first=first,
        count=count,
        sizes=what.sizes,
        banked=what.banked,
        lane=what.bits,
        base=base,
    )
