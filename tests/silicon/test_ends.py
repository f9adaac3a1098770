"""Ends that match nothing are told (UNPREDICTABLE), and nothing is that the architecture permits."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, V3, Board

from vgic.arch.state import ACTIVE, PENDING
from vgic.silicon import GicV2, GicV3
from vgic.silicon.report import ignore


def told(board: Board) -> list[tuple[str, str]]:
    """Register and detail of each notice since the last look."""
    found = [(n.register, n.detail) for n, count in board.gic.notices.of("unpredictable") for _ in range(count)]
    board.gic.notices.counts.clear()
    return found


def taken(board: Board, *intids: int) -> None:
    """Edges, each of a higher priority than the one before, acknowledged one after another."""
    for n, intid in enumerate(intids):
        board.make(intid, edge=True, priority=0xA0 - 0x20 * n)
        board.pulse(intid)
        assert board.ack() == intid


def eoir(board: Board) -> str:
    return "ICC_EOIR1_EL1" if board.v3 else "GICC_EOIR"


def dir_(board: Board) -> str:
    return "ICC_DIR_EL1" if board.v3 else "GICC_DIR"


@pytest.mark.parametrize("split", [False, True])
def test_ends_in_order_are_no_news(board: Board, split: bool) -> None:
    board.split(split)
    taken(board, 40, 41, 42)
    for intid in (42, 41, 40):
        board.eoi(intid)
        if split:
            board.dir(intid)
    board.eoi(1023)
    taken(board, 40)
    board.set("ICACTIVER", 40)
    board.eoi(40)
    assert told(board) == []


def test_an_eoir_of_what_was_never_acknowledged(board: Board) -> None:
    board.eoi(40)
    assert told(board) == [(
        eoir(board), "write of 0x28 (INTID 40): expected nothing: no interrupt that was acknowledged here is left")]
    taken(board, 41)
    board.eoi(40)
    assert told(board) == [(
        eoir(board), "write of 0x28 (INTID 40): expected 41, which was acknowledged last")]
    board.eoi(41)
    board.eoi(41)
    assert [register for register, _ in told(board)] == [eoir(board)]


def test_an_eoir_in_the_wrong_nesting(board: Board) -> None:
    taken(board, 40, 41)
    board.eoi(40)
    board.eoi(41)
    ((register, detail),) = told(board)
    assert (register, detail) == (
        eoir(board), "write of 0x28 (INTID 40): expected 41, which was acknowledged last")


def test_restored_priorities_may_be_anybodys(board: Board) -> None:
    """Software that wakes a PE writes its active priorities and ends what was active before."""
    for register in ("ICC_AP1R0_EL1",) if board.v3 else ("GICC_APR0", "GICC_NSAPR0"):
        board.w(register, 1 << 10)
    board.eoi(40)
    assert told(board) == []
    board.eoi(41)
    assert len(told(board)) == (1 if board.v3 else 0)


def test_dir_in_eoimode_0_dir_twice_and_of_what_is_not_active(board: Board) -> None:
    taken(board, 40)
    board.dir(40)
    ((register, detail),) = told(board)
    assert register == dir_(board)
    assert "expected EOImode 1" in detail
    board.split(True)
    board.eoi(40)
    board.dir(40)
    assert told(board) == []
    board.dir(40)
    board.dir(41)
    expected = "expected an active interrupt: it was never acknowledged, or was deactivated before"
    assert told(board) == [(dir_(board), f"write of {n:#x} (INTID {n}): {expected}") for n in (40, 41)]
    board.dir(1023)
    assert told(board) == []


def test_dir_before_the_drop(board: Board) -> None:
    """UNPREDICTABLE for GICv2; GICv3 deactivates (IHI 0069, ICC_DIR_EL1)."""
    board.split(True)
    taken(board, 40)
    board.dir(40)
    assert [detail.partition("): ")[2] for _, detail in told(board)] == (
        [] if board.v3 else ["expected GICC_EOIR first: its priority is not dropped"])


def test_the_register_of_the_other_group() -> None:
    board = V3()
    taken(board, 40)
    board.w("ICC_EOIR0_EL1", 40)
    words = "write of 0x28 (INTID 40): expected a write to the register of its group, "
    assert told(board) == [("ICC_EOIR0_EL1", words + "1")]
    v2 = V2()
    taken(v2, 40)
    v2.w("GICC_AEOIR", 40)
    assert told(v2) == [("GICC_AEOIR", words + "0")]


@pytest.mark.parametrize("split", [False, True])
def test_an_sgi_is_ended_with_its_source(split: bool) -> None:
    board = V2(pes=3)
    board.split(split)
    board.make(5)
    board.sgi(5, 1, pe=2)
    iar = board.r("GICC_IAR")
    assert iar == 2 << 10 | 5
    board.w("GICC_EOIR", iar)
    if split:
        board.w("GICC_DIR", 5)
        assert told(board) == [(
            "GICC_DIR", "write of 0x5 (INTID 5): expected 0x805 (SGI 5 from CPU 2), its source with it")]
        return
    assert told(board) == []
    board.sgi(5, 1, pe=2)
    board.r("GICC_IAR")
    board.w("GICC_EOIR", 5)
    assert told(board) == [(
        "GICC_EOIR", "write of 0x5 (INTID 5): expected 0x805 (SGI 5 from CPU 2), which was acknowledged last")]


def guest(board: Board, name: str) -> str:
    if board.v3:
        return "ICV_EOIR1_EL1" if name == "EOIR" else "ICV_DIR_EL1"
    return "GICV_AEOIR" if name == "EOIR" else "GICV_DIR"      # the guest's interrupts are in group 1


def test_a_guests_ends_in_order_are_no_news(vboard: Board) -> None:
    for split in (False, True):
        vboard.vmcr(eoim=split)
        vboard.lr(0, PENDING, 50, priority=0x80)
        assert vboard.viar() == 50
        vboard.lr(1, PENDING, 51, priority=0x40)
        assert vboard.viar() == 51
        for vintid in (51, 50):
            vboard.veoi(vintid)
            if split:
                vboard.vdir(vintid)
    assert told(vboard) == []


def test_a_guest_ends_what_no_list_register_holds(vboard: Board) -> None:
    """Its hypervisor may keep it elsewhere, and counts in EOIcount."""
    vboard.lr(0, PENDING, 50)
    assert vboard.viar() == 50
    vboard.lr(0, 0, 0)
    vboard.veoi(50)
    assert (vboard.eoicount(), told(vboard)) == (1, [])


def test_a_guests_ends_that_match_nothing(vboard: Board) -> None:
    register = guest(vboard, "EOIR")
    vboard.veoi(50)
    assert told(vboard) == [(register, "write of 0x32 (INTID 50): expected nothing: no virtual priority is active")]
    vboard.lr(0, PENDING, 50, priority=0x80)
    vboard.viar()
    vboard.lr(1, PENDING, 51, priority=0x80)
    vboard.veoi(51)
    assert told(vboard) == [(
        register, "write of 0x33 (INTID 51): expected an acknowledge first: it is pending in list register 1")]
    vboard.lr(0, ACTIVE, 50, priority=0x80)
    vboard.lr(1, PENDING, 51, priority=0x40)
    vboard.viar()
    vboard.veoi(50)
    assert told(vboard) == [(
        register, "write of 0x32 (INTID 50): expected an interrupt of the priority that is active, 0x40")]


def test_a_guests_dir(vboard: Board) -> None:
    register = guest(vboard, "DIR")
    vboard.lr(0, PENDING, 50)
    vboard.viar()
    vboard.vdir(50)
    assert told(vboard) == [(register, "write of 0x32 (INTID 50): expected EOImode 1")]
    vboard.vmcr(eoim=1)
    vboard.veoi(50)
    vboard.vdir(50)
    assert told(vboard) == []
    vboard.vdir(50)
    assert told(vboard) == [(
        register, "write of 0x32 (INTID 50): expected an active interrupt: its list register has let it go already")]


@pytest.mark.parametrize("chip", [GicV2, GicV3])
def test_nothing_is_remembered_where_nobody_listens(chip: type[GicV2 | GicV3]) -> None:
    """So that who explores all schedules has no more states."""
    board = V3() if chip is GicV3 else V2()
    told_too = board.gic
    board.gic = chip(board.gic.options, report=ignore)  # type: ignore[arg-type]  # of its own kind
    board.gic.restore(told_too.snapshot())
    taken(board, 40)
    assert board.gic.cpus[0].acknowledged.running == ()
    assert not board.gic.cpus[0].tells
