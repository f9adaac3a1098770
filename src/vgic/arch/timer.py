"""CNT, the generic timers as system registers (DDI 0487, The Generic Timer in AArch64 state)."""

from __future__ import annotations

from vgic.arch.common import A_PROFILE, ENABLED, bit, system
from vgic.arch.register import Field, Frame, Register

_CTL = (
    bit(2, "ISTATUS", "the timer's condition is met (read only)", {0: "no", 1: "yes"}),
    bit(1, "IMASK", "the timer's interrupt", {0: "not masked", 1: "masked"}),
    bit(0, "ENABLE", "the timer", ENABLED),
)
_CVAL = (Field(63, 0, "CompareValue", "the count from which on the condition is met"),)
_TVAL = (Field(31, 0, "TimerValue", "signed count until the condition is met"),)
_COUNT = (Field(63, 0, "Count", "the count"),)


def _timer(name: str, suffix: str, op1: int, crm: int, summary: str) -> tuple[Register, ...]:
    """The three registers of one timer."""
    return (
        system(
            A_PROFILE, f"{name}_TVAL_{suffix}", (3, op1, 14, crm, 0), "RW", f"{summary}, timer value register", _TVAL
        ),
        system(A_PROFILE, f"{name}_CTL_{suffix}", (3, op1, 14, crm, 1), "RW", f"{summary}, control register", _CTL),
        system(
            A_PROFILE, f"{name}_CVAL_{suffix}", (3, op1, 14, crm, 2), "RW", f"{summary}, compare value register", _CVAL
        ),
    )


def _count(name: str, op1: int, op2: int, access: str, summary: str) -> Register:
    return system(A_PROFILE, name, (3, op1, 14, 0, op2), access, summary, _COUNT)


CNT = Frame(
    "CNT",
    "generic timers, system registers",
    (
        system(
            A_PROFILE,
            "CNTFRQ_EL0",
            (3, 3, 14, 0, 0),
            "RW",
            "counter frequency register",
            (Field(31, 0, "Clock_frequency", "of the system counter, in Hz"),),
        ),
        _count("CNTPCT_EL0", 3, 1, "RO", "physical count register"),
        _count("CNTVCT_EL0", 3, 2, "RO", "virtual count register: CNTPCT_EL0 less CNTVOFF_EL2"),
        _count("CNTPCTSS_EL0", 3, 5, "RO", "self-synchronized physical count register"),
        _count("CNTVCTSS_EL0", 3, 6, "RO", "self-synchronized virtual count register"),
        _count("CNTVOFF_EL2", 4, 3, "RW", "virtual offset register"),
        _count("CNTPOFF_EL2", 4, 6, "RW", "physical offset register"),
        *_timer("CNTP", "EL0", 3, 2, "EL1 physical timer"),
        *_timer("CNTV", "EL0", 3, 3, "EL1 virtual timer"),
        *_timer("CNTHP", "EL2", 4, 2, "EL2 physical timer"),
        *_timer("CNTHV", "EL2", 4, 3, "EL2 virtual timer"),
        *_timer("CNTHVS", "EL2", 4, 4, "Secure EL2 virtual timer"),
        *_timer("CNTHPS", "EL2", 4, 5, "Secure EL2 physical timer"),
        *_timer("CNTP", "EL02", 5, 2, "EL1 physical timer, reached from EL2 with E2H"),
        *_timer("CNTV", "EL02", 5, 3, "EL1 virtual timer, reached from EL2 with E2H"),
        *_timer("CNTPS", "EL1", 7, 2, "EL1 Secure physical timer"),
    ),
)

_CTL_BITS = CNT["CNTV_CTL_EL0"]
ENABLE, IMASK, ISTATUS = (_CTL_BITS.mask(name) for name in ("ENABLE", "IMASK", "ISTATUS"))
"""Bits of every timer's control register."""
