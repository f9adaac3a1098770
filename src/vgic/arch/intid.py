"""INTIDs: which kind of interrupt a number names, and which PPI is whose.

The ranges are of IHI 0069, INTIDs. Which PPI serves which device is no matter of the GIC: the numbers are those that
Arm's Base System Architecture assigns, and that machines use (BSA, PPI assignments).
"""

from __future__ import annotations

from typing import Final

SGIS: Final = 16
"""INTIDs below are SGIs, which a PE sends to another."""
PRIVATE: Final = 32
"""INTIDs below are a PE's own: SGIs and PPIs. Those from here on are shared: SPIs, and then LPIs."""
SPECIAL_START: Final = 1020
"""INTIDs from here to SPURIOUS name no interrupt."""
EPPI_START: Final = 1056
"""INTID of the first extended PPI."""
ESPI_START: Final = 4096
"""INTID of the first extended SPI."""
LPI_START: Final = 8192
"""INTIDs from here on are LPIs."""

SECURE_PENDING: Final = 1020
NONSECURE_PENDING: Final = 1021
GROUP1_PENDING: Final = 1022
SPURIOUS: Final = 1023
"""What an acknowledge register returns where there is nothing to acknowledge."""

RANGES: Final = (
    (0, SGIS - 1, "SGI"),
    (SGIS, PRIVATE - 1, "PPI"),
    (PRIVATE, SPECIAL_START - 1, "SPI"),
    (SPECIAL_START, SPURIOUS, "special"),
    (EPPI_START, 1119, "extended PPI"),
    (ESPI_START, 5119, "extended SPI"),
    (LPI_START, (1 << 24) - 1, "LPI"),
)
"""First, last and kind. What lies between is reserved."""

MAINTENANCE: Final = 25
"""The PPI of the GIC's maintenance interrupts."""

TIMER_PPIS: Final = {"CNTP": 30, "CNTV": 27, "CNTHP": 26, "CNTHV": 28, "CNTPS": 29, "CNTHPS": 20, "CNTHVS": 19}
"""The PPI of each generic timer."""

PPI: Final = {
    TIMER_PPIS["CNTHVS"]: "Secure EL2 virtual timer",
    TIMER_PPIS["CNTHPS"]: "Secure EL2 physical timer",
    23: "performance monitors",
    MAINTENANCE: "GIC maintenance interrupt",
    TIMER_PPIS["CNTHP"]: "EL2 physical timer",
    TIMER_PPIS["CNTV"]: "virtual timer",
    TIMER_PPIS["CNTHV"]: "EL2 virtual timer",
    TIMER_PPIS["CNTPS"]: "Secure physical timer",
    TIMER_PPIS["CNTP"]: "physical timer",
}
"""Well-known PPIs."""

_NOTHING: Final = "spurious: nothing to acknowledge here"
LEGACY_ACK: Final = {
    GROUP1_PENDING: "a group 1 interrupt is pending, and with AckCtl 0 this register does not acknowledge it",
    SPURIOUS: _NOTHING,
}
"""What special INTIDs tell in IAR and HPPIR of GICC and GICV, the view that acknowledges group 0 (IHI 0048B, 3.2.5)."""
GROUP0_ACK: Final = {
    SECURE_PENDING: "read at EL3: the interrupt is one of Secure EL1",
    NONSECURE_PENDING: "read at EL3: the interrupt is one of Non-secure state",
    SPURIOUS: _NOTHING,
}
"""What special INTIDs tell in ICC_IAR0_EL1 and ICC_HPPIR0_EL1 (IHI 0069, special INTIDs)."""
GROUP1_ACK: Final = {SPURIOUS: _NOTHING}
"""What special INTIDs tell where an interrupt of one group alone is acknowledged, and there is no EL3 to be told: the
registers of group 1 (IHI 0048B, GICC_AIAR; IHI 0069, special INTIDs), and those of virtual interrupts."""
IAR1_ACK: Final = {
    GROUP1_PENDING: "with FEAT_GICv3_NMI: a non-maskable interrupt is pending, for NMIAR1 to acknowledge",
    SPURIOUS: _NOTHING,
}
"""What special INTIDs tell in ICC_IAR1_EL1 and ICV_IAR1_EL1 (IHI 0069, ICC_IAR1_EL1)."""


def special(intid: int) -> bool:
    """Whether an INTID names no interrupt (1020 to 1023)."""
    return SPECIAL_START <= intid <= SPURIOUS


def kind(intid: int) -> str:
    """SGI, PPI, SPI, special, extended PPI, extended SPI, LPI or reserved."""
    return next((what for first, last, what in RANGES if first <= intid <= last), "reserved")


def describe(intid: int) -> str:
    """The interrupt in words: "PPI 27, virtual timer", "SPI 33". What a special INTID tells is its register's affair:
    the fields of those that return one name it."""
    what = kind(intid)
    if what == "special":
        return f"special INTID {intid}: names no interrupt"
    note = f", {PPI[intid]}" if intid in PPI else ""
    return f"{what} {intid}{note}"
