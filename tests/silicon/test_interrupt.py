"""The state machine of one interrupt (IHI 0048B 3.2.4, IHI 0069 4.1.2): each transition, on both chips."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, V3, Board

from vgic.silicon.interrupt import Interrupt

PPI, SPI = 27, 40
EACH = pytest.mark.parametrize("intid", [PPI, SPI], ids=["PPI", "SPI"])


# -- edge-triggered


@EACH
def test_a_rising_edge_latches(board: Board, intid: int) -> None:
    board.make(intid, edge=True)
    board.line(intid, True)
    assert board.state(intid) == "P"
    board.line(intid, False)
    assert board.state(intid) == "P"


@EACH
def test_a_line_that_stays_high_gives_one_edge(board: Board, intid: int) -> None:
    board.make(intid, edge=True)
    board.line(intid, True)
    board.eoi(board.ack())
    board.line(intid, True)
    assert board.state(intid) == "I"
    board.line(intid, False)
    assert board.state(intid) == "I"


@EACH
def test_an_edge_while_active_makes_it_pending_too(board: Board, intid: int) -> None:
    board.make(intid, edge=True)
    board.pulse(intid)
    assert board.ack() == intid
    assert board.state(intid) == "A"
    board.pulse(intid)
    assert board.state(intid) == "PA"
    board.eoi(intid)
    assert board.state(intid) == "P"


@EACH
def test_an_edge_while_disabled_is_kept(board: Board, intid: int) -> None:
    board.make(intid, edge=True, enable=False)
    board.pulse(intid)
    assert board.state(intid) == "P"
    assert not board.signalled()
    board.set("ISENABLER", intid)
    assert board.signalled()


@EACH
def test_two_edges_before_the_acknowledge_are_one(board: Board, intid: int) -> None:
    board.make(intid, edge=True)
    board.pulse(intid)
    board.pulse(intid)
    board.eoi(board.ack())
    assert board.state(intid) == "I"


# -- level-sensitive


@EACH
def test_a_level_follows_its_line(board: Board, intid: int) -> None:
    board.make(intid)
    board.line(intid, True)
    assert board.state(intid) == "P"
    board.line(intid, False)
    assert board.state(intid) == "I"


@EACH
def test_a_level_stays_pending_while_active_until_the_line_drops(board: Board, intid: int) -> None:
    board.make(intid)
    board.line(intid, True)
    assert board.ack() == intid
    assert board.state(intid) == "PA"
    board.line(intid, False)
    assert board.state(intid) == "A"
    board.eoi(intid)
    assert board.state(intid) == "I"


@EACH
def test_a_level_comes_again_after_the_deactivation_while_its_line_is_high(board: Board, intid: int) -> None:
    board.make(intid)
    board.line(intid, True)
    board.eoi(board.ack())
    assert board.state(intid) == "P"
    assert board.ack() == intid


def test_a_level_with_a_latch_stays_pending_when_the_line_drops(board: Board) -> None:
    board.make(SPI)
    board.set("ISPENDR", SPI)
    board.line(SPI, True)
    board.line(SPI, False)
    assert board.state(SPI) == "P"


# -- ISPENDR, ICPENDR


@EACH
@pytest.mark.parametrize("edge", [False, True], ids=["level", "edge"])
def test_ispendr_latches(board: Board, intid: int, edge: bool) -> None:
    board.make(intid, edge=edge)
    board.set("ISPENDR", intid)
    assert board.state(intid) == "P"
    assert board.bit("ICPENDR", intid) == 1


def test_ispendr_of_an_active_interrupt_makes_it_pending_too(board: Board) -> None:
    board.make(SPI)
    board.set("ISPENDR", SPI)
    board.ack()
    board.set("ISPENDR", SPI)
    assert board.state(SPI) == "PA"


def test_ispendr_while_the_line_is_high_outlives_the_line(board: Board) -> None:
    """IHI 0048B 4.3.7: also when it is pending from its line already."""
    board.make(SPI)
    board.line(SPI, True)
    board.set("ISPENDR", SPI)
    board.line(SPI, False)
    assert board.state(SPI) == "P"


def test_option_setpend_when_line_high(build: type[Board]) -> None:
    board = build(setpend_when_line_high=False)
    board.make(SPI)
    board.line(SPI, True)
    board.set("ISPENDR", SPI)
    board.line(SPI, False)
    assert board.state(SPI) == "I"
    board.set("ISPENDR", SPI)
    assert board.state(SPI) == "P"
    board.edge(PPI)
    board.line(PPI, True)
    board.set("ICPENDR", PPI)
    board.set("ISPENDR", PPI)
    assert board.state(PPI) == "P"


def test_icpendr_clears_the_latch(board: Board) -> None:
    board.make(SPI, edge=True)
    board.pulse(SPI)
    board.set("ICPENDR", SPI)
    assert board.state(SPI) == "I"


def test_icpendr_leaves_a_level_pending_whose_line_is_high(board: Board) -> None:
    board.make(SPI)
    board.line(SPI, True)
    board.set("ISPENDR", SPI)
    board.set("ICPENDR", SPI)
    assert board.state(SPI) == "P"
    board.line(SPI, False)
    assert board.state(SPI) == "I"


def test_a_one_in_ispendr_speaks_of_that_interrupt_alone(board: Board) -> None:
    board.set("ISPENDR", SPI)
    assert [i for i in range(32, 64) if board.state(i) != "I"] == [SPI]
    board.w(board.per_intid("ICPENDR", SPI), 0)
    assert board.state(SPI) == "P"


# -- acknowledge


@pytest.mark.parametrize("clears", [True, False])
def test_option_level_ack_clears_latch(build: type[Board], clears: bool) -> None:
    """GICv2: IHI 0048B Figure 4-10; GICv3: IMPLEMENTATION DEFINED."""
    board = build(level_ack_clears_latch=clears)
    board.make(SPI)
    board.set("ISPENDR", SPI)
    assert board.ack() == SPI
    assert board.state(SPI) == ("A" if clears else "PA")


def test_the_acknowledge_of_an_edge_clears_the_latch_whatever_that_option(build: type[Board]) -> None:
    board = build(level_ack_clears_latch=False)
    board.make(SPI, edge=True)
    board.pulse(SPI)
    assert board.ack() == SPI
    assert board.state(SPI) == "A"


def test_nothing_active_is_signalled_again(board: Board) -> None:
    board.make(SPI)
    board.line(SPI, True)
    board.split()
    board.ack()
    board.eoi(SPI)
    assert board.rpr() == 0xFF
    assert not board.signalled()
    assert board.ack() == 1023
    board.dir(SPI)
    assert board.signalled()


def test_an_acknowledged_interrupt_is_active_at_once(board: Board) -> None:
    board.make(SPI, edge=True)
    board.pulse(SPI)
    assert board.ack() == SPI
    assert board.bit("ICACTIVER", SPI) == 1


# -- ISACTIVER, ICACTIVER, deactivation


@EACH
def test_isactiver_activates_without_an_acknowledge(board: Board, intid: int) -> None:
    board.make(intid)
    board.set("ISACTIVER", intid)
    assert board.state(intid) == "A"
    assert board.rpr() == 0xFF
    board.line(intid, True)
    assert board.state(intid) == "PA"
    assert not board.signalled()


def test_icactiver_gives_pending_back_and_leaves_the_running_priority(board: Board) -> None:
    board.make(SPI)
    board.line(SPI, True)
    board.ack()
    board.set("ICACTIVER", SPI)
    assert board.state(SPI) == "P"
    assert board.rpr() == 0x80
    assert not board.signalled()


def test_deactivating_what_is_not_active_has_no_effect(board: Board) -> None:
    board.make(SPI)
    board.line(SPI, True)
    board.set("ICACTIVER", SPI)
    assert board.state(SPI) == "P"


def test_an_spi_is_active_once_for_the_system_and_any_pe_deactivates_it(board: Board) -> None:
    board.make(SPI, edge=True)
    board.pulse(SPI)
    board.split()
    board.split(pe=1)
    assert board.ack() == SPI
    assert board.state(SPI, pe=1) == "A"
    board.dir(SPI, pe=1)
    assert board.state(SPI) == "I"


def test_a_ppi_is_banked_and_deactivated_by_its_own_pe_alone(board: Board) -> None:
    board.make(PPI, edge=True)
    board.pulse(PPI)
    board.split()
    board.split(pe=1)
    assert board.ack() == PPI
    assert board.state(PPI, pe=1) == "I"
    board.dir(PPI, pe=1)
    assert board.state(PPI) == "A"
    board.dir(PPI)
    assert board.state(PPI) == "I"


# -- enables


def test_icenabler_stops_the_forwarding_only(board: Board) -> None:
    board.make(SPI)
    board.line(SPI, True)
    board.ack()
    board.set("ICENABLER", SPI)
    assert board.state(SPI) == "PA"
    assert board.bit("ISENABLER", SPI) == board.bit("ICENABLER", SPI) == 0
    board.eoi(SPI)
    assert board.state(SPI) == "P"
    assert not board.signalled()
    board.set("ISENABLER", SPI)
    assert board.signalled()


# -- ICFGR


@pytest.mark.parametrize("clears", [False, True])
def test_option_cfg_clears_latch(build: type[Board], clears: bool) -> None:
    """What becomes of a pending state is UNKNOWN (IHI 0069, GICD_ICFGR<n>)."""
    board = build(cfg_clears_latch=clears)
    board.edge(SPI)
    board.pulse(SPI)
    board.edge(SPI)                 # no change of trigger
    assert board.state(SPI) == "P"
    board.edge(SPI, False)
    assert board.state(SPI) == ("I" if clears else "P")


@EACH
def test_icfgr_has_the_edge_in_the_upper_bit_of_two(board: Board, intid: int) -> None:
    register = f"{'GICR' if board.v3 and intid < 32 else 'GICD'}_ICFGR{intid // 16}"
    board.w(register, 0xFFFF_FFFF)
    assert board.r(register) == 0xAAAA_AAAA
    board.w(register, 0x5555_5555)
    assert board.r(register) == 0


def test_sgis_are_edge_triggered_and_stay_so(board: Board) -> None:
    register = "GICR_ICFGR0" if board.v3 else "GICD_ICFGR0"
    board.w(register, 0)
    assert board.r(register) == 0xAAAA_AAAA


@pytest.mark.parametrize("writable", [True, False])
def test_option_ppi_config_writable(build: type[Board], writable: bool) -> None:
    board = build(ppi_config_writable=writable)
    register = "GICR_ICFGR1" if board.v3 else "GICD_ICFGR1"
    board.w(register, 2)
    assert board.r(register) == (2 if writable else 0)


def test_option_ppi_edge(build: type[Board]) -> None:
    assert build(ppi_edge=(30,)).r("GICR_ICFGR1" if build is V3 else "GICD_ICFGR1") == 2 << 28


# -- SGIs


def test_gicv2_an_sgi_is_pending_once_for_each_source_and_the_lowest_comes_first() -> None:
    board = V2(pes=4)
    board.make(5, pe=3)
    for source in (2, 0):
        board.sgi(5, 1 << 3, pe=source)
    assert board.r("GICD_SPENDSGIR1", 3) == 0b101 << 8
    assert board.ack(3) == 5
    assert board.state(5, 3) == "PA"
    assert board.r("GICD_SPENDSGIR1", 3) == 0b100 << 8
    assert not board.signalled(3)
    board.eoi(5, 3)
    assert board.ack(3) == 5 | 2 << 10
    assert board.state(5, 3) == "A"
    board.eoi(5 | 2 << 10, 3)
    assert board.state(5, 3) == "I"


def test_gicv3_an_sgi_has_one_pending_bit_for_each_target() -> None:
    board = V3(pes=4)
    board.make(5, pe=3)
    for source in (2, 0):
        board.sgi(5, 1 << 3, pe=source)
    assert board.ack(3) == 5
    assert board.state(5, 3) == "A"
    board.sgi(5, 1 << 3, pe=1)
    assert board.state(5, 3) == "PA"
    board.eoi(5, 3)
    assert board.ack(3) == 5
    assert [board.state(5, pe) for pe in range(3)] == ["I", "I", "I"]


def test_gicv2_pending_registers_can_not_change_sgis() -> None:
    """IHI 0048B 4.3.7: GICD_SPENDSGIR and GICD_CPENDSGIR do."""
    board = V2()
    board.set("ISPENDR", 3)
    assert board.state(3) == "I"
    board.w("GICD_SPENDSGIR0", 1 << 24)
    board.set("ICPENDR", 3)
    assert board.state(3) == "P"
    board.w("GICD_CPENDSGIR0", 1 << 24)
    assert board.state(3) == "I"


def test_gicv3_pending_registers_change_sgis() -> None:
    """IHI 0069, GICR_ISPENDR0."""
    board = V3()
    board.set("ISPENDR", 3)
    assert board.state(3) == "P"
    board.set("ICPENDR", 3)
    assert board.state(3) == "I"


def test_what_an_interrupt_looks_like() -> None:
    irq = Interrupt(40, edge=True, ack_clears_latch=True)
    assert repr(irq) == "<40 I>"
    irq.set_line(True)
    assert (repr(irq), irq.state(), irq.forwardable()) == ("<40 P>", 1, False)
    irq.enabled = True
    assert irq.forwardable()
    irq.acknowledge()
    irq.set_pending(True)
    assert (repr(irq), irq.state(), irq.forwardable()) == ("<40 PA>", 3, False)
