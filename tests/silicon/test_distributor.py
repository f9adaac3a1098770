"""Which interrupts exist, whose they are, and whom a distributor forwards them to: on both chips."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, V3, Board


def test_private_interrupts_are_banked(board: Board) -> None:
    for pe in range(2):
        board.make(27, pe=pe, priority=0x40 + 0x40 * pe)
    board.line(27, True, pe=1)
    assert [board.state(27, pe) for pe in range(2)] == ["I", "P"]
    assert [board.signalled(pe) for pe in range(2)] == [False, True]
    assert [board.priority(27, pe) for pe in range(2)] == [0x40, 0x80]
    board.set("ICENABLER", 27, 1)
    assert [board.bit("ISENABLER", 27, pe) for pe in range(2)] == [1, 0]


def test_an_spi_goes_to_its_target_alone(board: Board) -> None:
    board.make(40, pe=1)
    board.line(40, True)
    assert [board.signalled(pe) for pe in range(2)] == [False, True]
    assert board.ack(0) == 1023
    assert board.ack(1) == 40


def test_pending_moves_with_the_target_and_active_stays(board: Board) -> None:
    board.make(40, edge=True)
    board.pulse(40)
    board.target(40, 1)
    assert [board.signalled(pe) for pe in range(2)] == [False, True]
    board.ack(1)
    board.target(40, 0)
    assert board.state(40) == "A"
    assert (board.rpr(0), board.rpr(1)) == (0xFF, 0x80)
    board.eoi(40, 1)
    assert board.state(40) == "I"


def test_interrupts_that_are_not_implemented_read_as_zero(build: type[Board]) -> None:
    board = build(spis=(33, 40), ppis=(27,), intids=64)
    for name in ("IGROUPR", "ISENABLER", "ISPENDR", "ISACTIVER"):
        board.w(board.per_intid(name, 32), 0xFFFF_FFFF)
        assert board.r(board.per_intid(name, 32)) == 1 << 1 | 1 << 8
        board.w(board.per_intid(name, 16), 0xFFFF_0000)
        assert board.r(board.per_intid(name, 16)) >> 16 == 1 << 11
    for intid, kept in ((27, 0x80), (28, 0), (33, 0x80), (34, 0), (63, 0)):
        board.prioritize(intid, 0x80)
        assert board.priority(intid) == kept
    board.w("GICD_ICFGR2", 0xFFFF_FFFF)
    assert board.r("GICD_ICFGR2") == 2 << 2 | 2 << 16


def test_past_the_last_interrupt_everything_reads_as_zero(build: type[Board]) -> None:
    board = build(intids=64)
    for name in ("IGROUPR2", "ISENABLER31", "ICPENDR2", "ISACTIVER7", "IPRIORITYR16", "ICFGR4"):
        board.w("GICD_" + name, 0xFFFF_FFFF)
        assert board.r("GICD_" + name) == 0


def test_there_are_at_most_988_spis(build: type[Board]) -> None:
    """INTIDs 1020 to 1023 are special."""
    board = build(intids=1024)
    assert board.r("GICD_TYPER") & 31 == 31
    board.w("GICD_ISENABLER31", 0xFFFF_FFFF)
    assert board.r("GICD_ISENABLER31") == 0x0FFF_FFFF
    board.make(1019)
    board.line(1019, True)
    assert board.ack() == 1019


@pytest.mark.parametrize("intids", [32, 96, 288])
def test_typer_tells_the_lines(build: type[Board], intids: int) -> None:
    assert build(intids=intids).r("GICD_TYPER") & 31 == intids // 32 - 1


@pytest.mark.parametrize(("intid", "pe"), [(5, 0), (15, None), (27, None), (40, 0), (288, None), (1020, None), (-1, 0)])
def test_a_line_that_does_not_exist_is_refused(board: Board, intid: int, pe: int | None) -> None:
    with pytest.raises(LookupError, match=f"INTID {intid} is not"):
        board.gic.set_line(intid, True, pe)


def test_the_groups_are_enabled_apart(board: Board) -> None:
    board.make(40, group=0, priority=0x40)
    board.make(41, group=1)
    board.line(40, True)
    board.line(41, True)
    board.w("GICD_CTLR", 2)
    assert board.r("GICD_CTLR") & 3 == 2
    assert board.r("ICC_HPPIR1_EL1" if board.v3 else "GICC_AHPPIR") == 41
    board.w("GICD_CTLR", 1)
    assert board.r("ICC_HPPIR0_EL1" if board.v3 else "GICC_HPPIR") == 40
    board.w("GICD_CTLR", 0)
    assert not board.signalled()


def test_sgis_are_there_on_every_pe() -> None:
    for board in (V2(pes=8), V3(pes=8)):
        assert [board.state(i, pe) for pe in range(8) for i in range(16)] == ["I"] * 128
