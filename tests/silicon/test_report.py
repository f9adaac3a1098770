"""Notices, traps and undefined accesses as people read them."""

from __future__ import annotations

from vgic.silicon import Notice, Trap, Undefined
from vgic.silicon.report import Notices


def test_notices_are_counted_once_each() -> None:
    notices = Notices()
    a, b = Notice("reserved", "GICD_CTLR", "x"), Notice("not modelled", "GITS_CTLR", "y")
    for notice in (a, b, a):
        notices(notice)
    assert notices.counts == {a: 2, b: 1}
    assert notices.total == 3
    assert notices.of("reserved") == [(a, 2)]
    assert str(a) == "GICD_CTLR: reserved: x"


def test_notices_are_bounded() -> None:
    notices = Notices(most=2)
    for n in range(5):
        notices(Notice("reserved", f"r{n}", ""))
    notices(Notice("reserved", "r0", ""))
    assert len(notices.counts) == 2
    assert notices.total == 6
    assert notices.of("reserved")[0][1] == 2


def test_what_a_trap_and_an_undefined_access_say() -> None:
    assert str(Trap("ICC_DIR_EL1", 2, "ICH_HCR_EL2.TDIR = 1")) == "ICC_DIR_EL1 traps to EL2: ICH_HCR_EL2.TDIR = 1"
    assert str(Undefined("ICH_LR9_EL2", "4 list registers")) == "ICH_LR9_EL2 is UNDEFINED: 4 list registers"
