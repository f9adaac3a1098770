"""Memory-mapped accesses: sizes, places, and notices of what is not followed."""

from __future__ import annotations

import pytest
from tests.silicon.board import GICC_AT, GICD, V2, V3, Board

from vgic.arch.gicd import GICD_V2
from vgic.silicon.frame import Block
from vgic.silicon.report import Notices


def kinds(board: Board) -> list[tuple[str, str]]:
    """The kind and register of each notice."""
    return [(n.kind, n.register) for n in board.gic.notices.counts]


@pytest.mark.parametrize(("size", "at"), [
    (0, 0), (1, 0), (2, 0), (3, 0), (8, 0), (4, 1), (4, 2), (16, 0), (-1, 0), (1, 3)])
def test_a_word_register_takes_words(build: type[Board], size: int, at: int) -> None:
    board = build()
    board.w("GICD_ISENABLER1", 0x10F)
    assert board.gic.read(GICD + 0x104 + at, size) == 0
    board.gic.write(GICD + 0x184 + at, size, 0xFFFF_FFFF)
    assert board.r("GICD_ISENABLER1") == 0x10F
    assert kinds(board) == [("unpredictable", "GICD_ISENABLER1"), ("unpredictable", "GICD_ICENABLER1")]


@pytest.mark.parametrize(("size", "at", "seen", "left"), [
    (1, 0, 0x0F, 0x0F00_0A00), (1, 1, 0x0A, 0x0F00_000F), (2, 0, 0x0A0F, 0x0F00_0000), (2, 2, 0x0F00, 0x0A0F),
    (1, 3, 0x0F, 0x0A0F), (8, 0, 0x0F00_0A0F, 0), (3, 0, 0, 0x0F00_0A0F), (2, 1, 0, 0x0F00_0A0F),
    (0, 0, 0, 0x0F00_0A0F), (-4, 0, 0, 0x0F00_0A0F)])
def test_option_bad_size_acts_on_the_bytes_named(build: type[Board], size: int, at: int, seen: int, left: int) -> None:
    board = build(bad_size="bytes")
    board.w("GICD_ISENABLER1", 0x0F00_0A0F)
    assert board.gic.read(GICD + 0x104 + at, size) == seen
    board.gic.write(GICD + 0x184 + at, size, (1 << 64) - 1)
    assert board.r("GICD_ISENABLER1") == left


def test_a_double_word_stays_in_its_register() -> None:
    board = V2(bad_size="bytes")
    board.gic.write(0x0803_00F0, 8, (1 << 64) - 1)
    assert board.r("GICH_APR") == 0xFFFF_FFFF
    board.gic.write(GICC_AT + 0xD0, 8, (1 << 64) - 1)
    assert board.r("GICC_APR0") == 0xFFFF_FFFF
    assert board.r("GICC_APR1") == 0


@pytest.mark.parametrize("name", ["GICD_IPRIORITYR10", "GICD_ITARGETSR10", "GICD_SPENDSGIR1", "GICD_CPENDSGIR1"])
def test_registers_of_bytes_take_bytes(name: str) -> None:
    board = V2()
    address, _ = board.at(name)
    for at in range(4):
        board.gic.write(address + at, 1, 1 << at)
        board.gic.read(address + at, 1)
    assert kinds(board) == []


def test_where_no_register_is(build: type[Board]) -> None:
    board = build()
    assert board.gic.read(GICD + 0x0C, 4) == 0 or board.v3
    assert board.gic.read(GICD + 0x3C, 4) == 0
    board.gic.write(GICD + 0x3C, 4, 5)
    assert ("reserved", "GICD+0x3c") in kinds(board)
    assert any(n.detail == "write of 0x5: no register there" for n in board.gic.notices.counts)


@pytest.mark.parametrize("address", [0, 0x0900_0000, GICD - 4, (1 << 64) - 4, -4])
def test_outside_the_frames(build: type[Board], address: int) -> None:
    board = build()
    assert board.gic.read(address, 4) == 0
    board.gic.write(address, 4, 1)
    assert {kind for kind, _ in kinds(board)} == {"reserved"}


def test_a_write_that_sets_res0_bits_is_told_and_done() -> None:
    board = V2()
    board.w("GICD_CTLR", 0xF3)
    assert board.r("GICD_CTLR") == 3
    ((notice, count),) = board.gic.notices.of("reserved")
    assert (notice.register, notice.detail, count) == ("GICD_CTLR", "write sets RES0 bits 0xf0", 1)


def test_read_only_and_write_only_registers() -> None:
    board = V2()
    board.w("GICD_TYPER", 5)
    assert board.r("GICC_EOIR") == 0
    assert kinds(board) == [("unpredictable", "GICD_TYPER"), ("unpredictable", "GICC_EOIR")]


def test_what_is_not_modelled_is_told_apart() -> None:
    board = V3(lpis=True)
    assert board.r("GICR_SYNCR") == 0
    board.w("GICR_INVALLR", 0)
    assert kinds(board) == [("not modelled", "GICR_SYNCR"), ("not modelled", "GICR_INVALLR")]
    board = V3()
    board.r("GICR_SYNCR")
    board.w("GICR_INVALLR", 0)
    assert kinds(board) == []


def test_the_its_is_not_modelled_and_says_so() -> None:
    board = V3()
    assert board.gic.read(0x0808_0000, 4) == 0
    board.gic.write(0x0808_0000, 4, 1)
    assert kinds(board) == [("not modelled", "GITS+0x0")] * 2


def test_handlers_for_registers_that_are_not_there_are_refused() -> None:
    with pytest.raises(LookupError, match="GICD has no register GICD_FOO"):
        Block(GICD_V2, {"GICD_FOO": lambda n, pe, ns: 0}, {}, Notices(), "zero")


@pytest.mark.parametrize("name", [f"GICD_{r}" for r in ("SETSPI_NSR", "CLRSPI_NSR", "SETSPI_SR", "CLRSPI_SR")])
def test_registers_that_the_options_leave_out_are_silent(name: str) -> None:
    board = V3()
    board.w(name, 40)
    assert kinds(board) == []


@pytest.mark.parametrize(("options", "has", "hasnt"), [
    ({}, set(), {"GICR_SYNCR", "GICR_PROPBASER", "GICD_SETSPI_NSR", "GICD_ISENABLER<n>", "GICD_INMIR<n>"}),
    ({"lpis": True}, {"GICR_SYNCR", "GICR_INVLPIR"}, {"GICR_PROPBASER"}),
    ({"nmis": True}, {"GICD_INMIR<n>", "GICR_INMIR0"}, {"GICR_SYNCR"})])
def test_what_is_not_modelled_has_a_list(options: dict[str, bool], has: set[str], hasnt: set[str]) -> None:
    unmodelled = V3(**options).gic.unmodelled()
    assert has <= unmodelled
    assert not hasnt & unmodelled
    assert V2().gic.unmodelled() == set()
