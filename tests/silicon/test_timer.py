"""The generic timers (DDI 0487, "The Generic Timer") and their PPIs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.silicon.board import V2, V3, Board

from vgic.arch.register import UnknownRegister
from vgic.silicon import GenericTimers
from vgic.silicon.timer import ECV, PPIS

EL = {"CNTP": "EL0", "CNTV": "EL0", "CNTHP": "EL2", "CNTHV": "EL2", "CNTPS": "EL1"}
WORDS = st.integers(0, (1 << 64) - 1)
EACH = pytest.mark.parametrize("name", list(PPIS))


class Machine:
    """Timers whose lines are noted."""

    def __init__(self, pes: int = 1) -> None:
        self.moves: list[tuple[int, bool, int]] = []
        self.timers = GenericTimers(pes, lambda intid, level, pe: self.moves.append((intid, level, pe)))

    def r(self, name: str, pe: int = 0) -> int:
        return self.timers.sysreg_read(name, pe)

    def w(self, name: str, value: int, pe: int = 0) -> None:
        self.timers.sysreg_write(name, value, pe)


@EACH
def test_the_line_rises_when_the_count_reaches_cval_and_falls_when_cval_moves(name: str) -> None:
    m = Machine()
    m.w(f"{name}_CVAL_{EL[name]}", 10)
    m.w(f"{name}_CTL_{EL[name]}", 1)
    m.timers.advance(9)
    assert m.moves == []
    assert m.r(f"{name}_CTL_{EL[name]}") == 1
    m.timers.advance(1)
    assert m.moves == [(PPIS[name], True, 0)]
    assert m.r(f"{name}_CTL_{EL[name]}") == 5
    m.w(f"{name}_CVAL_{EL[name]}", 11)
    assert m.moves[1:] == [(PPIS[name], False, 0)]


def test_the_line_is_told_once() -> None:
    m = Machine()
    m.w("CNTV_CTL_EL0", 1)
    m.timers.advance(5)
    m.w("CNTV_CVAL_EL0", 3)
    assert m.moves == [(27, True, 0)]


def test_imask_holds_the_line_and_not_istatus() -> None:
    m = Machine()
    m.w("CNTV_CTL_EL0", 3)
    assert m.r("CNTV_CTL_EL0") == 7
    assert m.moves == []
    m.w("CNTV_CTL_EL0", 1)
    assert m.moves == [(27, True, 0)]


def test_a_disabled_timer_has_no_condition() -> None:
    m = Machine()
    m.w("CNTV_CTL_EL0", 1)
    m.w("CNTV_CTL_EL0", 6)
    assert m.r("CNTV_CTL_EL0") == 2
    assert m.moves == [(27, True, 0), (27, False, 0)]


def test_istatus_is_read_only() -> None:
    m = Machine()
    m.w("CNTP_CVAL_EL0", 5)
    m.w("CNTP_CTL_EL0", 5)
    assert m.r("CNTP_CTL_EL0") == 1


@given(WORDS, WORDS, WORDS)
def test_the_comparison_is_of_unsigned_64_bits(count: int, offset: int, cval: int) -> None:
    m = Machine()
    m.timers.advance(count)
    m.w("CNTVOFF_EL2", offset)
    m.w("CNTV_CVAL_EL0", cval)
    m.w("CNTV_CTL_EL0", 1)
    met = (count - offset) % (1 << 64) >= cval
    assert m.r("CNTV_CTL_EL0") >> 2 == met
    assert m.moves[-1:] == ([(27, True, 0)] if met else [])


@given(WORDS, WORDS)
def test_tval_is_32_signed_bits_from_now(count: int, tval: int) -> None:
    m = Machine()
    m.timers.advance(count)
    m.w("CNTV_TVAL_EL0", tval)
    low = tval & 0xFFFF_FFFF
    assert m.r("CNTV_TVAL_EL0") == low
    assert m.r("CNTV_CVAL_EL0") == (count + low - (low >> 31 << 32)) % (1 << 64)


def test_tval_goes_on_past_zero() -> None:
    m = Machine()
    m.w("CNTP_TVAL_EL0", 1)
    m.timers.advance(3)
    assert m.r("CNTP_TVAL_EL0") == 0xFFFF_FFFE


def test_the_count_wraps() -> None:
    m = Machine()
    m.timers.advance((1 << 64) - 1)
    m.w("CNTP_CVAL_EL0", 5)
    m.w("CNTP_CTL_EL0", 1)
    assert m.moves == [(30, True, 0)]
    m.timers.advance(2)
    assert m.r("CNTPCT_EL0") == 1
    assert m.moves[1:] == [(30, False, 0)]


def test_offsets_are_each_pes_and_each_counters() -> None:
    m = Machine(2)
    m.timers.advance(100)
    m.w("CNTVOFF_EL2", 30, 1)
    m.w("CNTPOFF_EL2", 5)
    m.w("CNTHCTL_EL2", ECV)
    assert [m.r("CNTVCT_EL0", pe) for pe in range(2)] == [100, 70]
    assert [m.r("CNTPCT_EL0", pe) for pe in range(2)] == [95, 100]
    assert (m.r("CNTVOFF_EL2", 1), m.r("CNTPOFF_EL2")) == (30, 5)
    for name in ("CNTHP", "CNTHV", "CNTPS"):
        m.w(f"{name}_TVAL_{EL[name]}", 0)
        assert m.r(f"{name}_CVAL_{EL[name]}") == 100


def test_the_physical_offset_counts_with_ecv_alone_and_not_at_el2() -> None:
    """DDI 0487, CNTPOFF_EL2: a fixed offset of zero while CNTHCTL_EL2.ECV is 0; it applies at EL1 and EL0."""
    m = Machine()
    m.timers.advance(1000)
    m.w("CNTPOFF_EL2", 500)
    m.w("CNTP_CVAL_EL0", 600)
    m.w("CNTP_CTL_EL0", 1)
    assert (m.r("CNTPCT_EL0"), m.r("CNTHCTL_EL2"), m.moves) == (1000, 0, [(30, True, 0)])
    m.w("CNTHCTL_EL2", ECV | 3)
    assert (m.r("CNTPCT_EL0"), m.r("CNTHCTL_EL2"), m.moves[1:]) == (500, ECV, [(30, False, 0)])
    assert [m.timers.sysreg_read("CNTPCT_EL0", el=el) for el in (0, 1, 2, 3)] == [500, 500, 1000, 1000]


def test_an_offset_may_move_the_line() -> None:
    m = Machine()
    m.timers.advance(10)
    m.w("CNTV_CVAL_EL0", 10)
    m.w("CNTV_CTL_EL0", 1)
    m.w("CNTVOFF_EL2", 1)
    assert m.moves == [(27, True, 0), (27, False, 0)]


def test_each_pe_has_its_own_timers() -> None:
    m = Machine(3)
    m.w("CNTP_CTL_EL0", 1, 2)
    assert m.moves == [(30, True, 2)]


def test_the_next_deadline() -> None:
    m = Machine(2)
    assert m.timers.next_deadline() is None
    m.w("CNTV_CVAL_EL0", 50)
    m.w("CNTV_CTL_EL0", 3)
    assert m.timers.next_deadline() is None
    m.w("CNTV_CTL_EL0", 1)
    m.w("CNTP_CVAL_EL0", 40, 1)
    m.w("CNTP_CTL_EL0", 1, 1)
    assert m.timers.next_deadline() == 40
    m.timers.advance(40)
    assert m.moves == [(30, True, 1)]
    assert m.timers.next_deadline() == 10


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=4))
def test_nothing_moves_before_the_deadline_and_something_at_it(cvals: list[int]) -> None:
    m = Machine()
    for name, cval in zip(PPIS, cvals, strict=False):
        m.w(f"{name}_CVAL_{EL[name]}", cval)
        m.w(f"{name}_CTL_{EL[name]}", 1)
    deadline = m.timers.next_deadline()
    assert deadline == min(cvals)
    m.timers.advance(deadline - 1)
    assert m.moves == []
    m.timers.advance(1)
    assert m.moves


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="can't go back by 1"):
        Machine().timers.advance(-1)


@pytest.mark.parametrize("name", ["CNTV_CTL_EL1", "CNTX_CTL_EL0", "CNTV_FOO_EL0", "CNTFRQ_EL0", "", "CNTV_CTL"])
def test_other_names_are_refused_with_the_nearest(name: str) -> None:
    m = Machine()
    for access in (lambda: m.r(name), lambda: m.w(name, 0)):
        with pytest.raises(UnknownRegister, match=f"no register {name}"):
            access()
    with pytest.raises(UnknownRegister, match=r"nearest: .*CNTV_CTL_EL0"):
        m.r("CNTV_CTL_EL1")


@pytest.mark.parametrize("name", ["CNTPCT_EL0", "CNTVCT_EL0"])
def test_counts_are_read_only(name: str) -> None:
    m = Machine()
    with pytest.raises(UnknownRegister):
        m.w(name, 1)
    assert m.r(name) == 0


def test_other_ppis_may_be_chosen() -> None:
    moves: list[tuple[int, bool, int]] = []
    timers = GenericTimers(1, lambda *move: moves.append(move), {"CNTV": 20})
    timers.sysreg_write("CNTV_CTL_EL0", 1)
    assert moves == [(20, True, 0)]
    with pytest.raises(UnknownRegister):
        timers.sysreg_read("CNTP_CTL_EL0")


@pytest.mark.parametrize("chip", [V2, V3])
def test_the_lines_are_ppis_of_a_gic(chip: type[Board]) -> None:
    board = chip()
    timers = GenericTimers(2, board.gic.set_line)
    board.make(27, pe=1)
    timers.sysreg_write("CNTV_TVAL_EL0", 10, 1)
    timers.sysreg_write("CNTV_CTL_EL0", 1, 1)
    timers.advance(10)
    assert board.ack(1) == 27
    board.eoi(27, 1)
    assert board.state(27, 1) == "P"
    timers.sysreg_write("CNTV_CTL_EL0", 3, 1)
    assert board.state(27, 1) == "I"


def test_every_object_that_changes_is_a_part() -> None:
    m = Machine(3)
    assert len(m.timers.parts()) == 1 + 3 + 3 * 5
    assert len(set(map(id, m.timers.parts()))) == len(m.timers.parts())
