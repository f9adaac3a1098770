"""INTIDs: which kind of interrupt a number names, and which PPI is whose.

The ranges are of IHI 0069, INTIDs. Which PPI serves which device is no matter of the GIC: the numbers are those that
Arm's Base System Architecture assigns, and that machines use (BSA, PPI assignments).
"""

from __future__ import annotations

from typing import Final

SPURIOUS: Final = 1023
"""What an acknowledge register returns where there is nothing to acknowledge."""

RANGES: Final = (
    (0, 15, "SGI"),
    (16, 31, "PPI"),
    (32, 1019, "SPI"),
    (1020, 1023, "special"),
    (1056, 1119, "extended PPI"),
    (4096, 5119, "extended SPI"),
    (8192, (1 << 24) - 1, "LPI"),
)
"""First, last and kind. What lies between is reserved."""

PPI: Final = {
    19: "Secure EL2 virtual timer",
    20: "Secure EL2 physical timer",
    23: "performance monitors",
    25: "GIC maintenance interrupt",
    26: "EL2 physical timer",
    27: "virtual timer",
    28: "EL2 virtual timer",
    29: "Secure physical timer",
    30: "physical timer",
}
"""Well-known PPIs."""

SPECIAL: Final = {
    1020: "for EL3: a Secure interrupt is pending",
    1021: "for EL3: a Non-secure interrupt is pending",
    1022: "a group 1 interrupt is pending, and this register does not acknowledge it",
    1023: "spurious: nothing to acknowledge",
}
"""What the special INTIDs tell in an acknowledge register (GICv2 uses 1022 and 1023)."""


def kind(intid: int) -> str:
    """SGI, PPI, SPI, special, extended PPI, extended SPI, LPI or reserved."""
    return next((what for first, last, what in RANGES if first <= intid <= last), "reserved")


def describe(intid: int) -> str:
    """The interrupt in words: "PPI 27, virtual timer", "SPI 33", "special: ..."."""
    what = kind(intid)
    if what == "special":
        return f"special: {SPECIAL[intid]}"
    note = f", {PPI[intid]}" if intid in PPI else ""
    return f"{what} {intid}{note}"
