"""Signalling, masking, preemption, acknowledge, priority drop (IHI 0048B 3.3, IHI 0069 4.8): on both chips.

Group 0 on the GICv2 board, Group 1 on the GICv3 one, whose binary point counts one less; `point` evens that out.
"""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, V3, Board

LOW, HIGH = 40, 41


def two(board: Board, low: int, high: int) -> None:
    """Two edges pending: LOW and HIGH at these priorities."""
    for intid, priority in ((LOW, low), (HIGH, high)):
        board.make(intid, edge=True, priority=priority)


def point(board: Board, n: int) -> None:
    """The binary point that masks bits n..0 for the board's group."""
    board.bpr(board.group, n + board.group)


def active_bits(board: Board) -> int:
    """The active priorities of the board's group."""
    if isinstance(board, V3):
        return board.r("ICC_AP1R0_EL1")
    return sum(board.r(f"GICC_APR{n}") << 32 * n for n in range(4))


# -- the mask


def test_the_mask_is_strict(board: Board) -> None:
    board.make(LOW, priority=0x80)
    board.line(LOW, True)
    board.pmr(0x80)
    assert not board.signalled()
    assert board.ack() == 1023
    assert board.state(LOW) == "P"
    board.pmr(0x88)
    assert board.signalled()
    assert board.ack() == LOW


@pytest.mark.parametrize(("bits", "kept"), [(4, 0xF0), (5, 0xF8), (8, 0xFF)])
def test_unimplemented_bits_of_the_mask_read_as_zero(build: type[Board], bits: int, kept: int) -> None:
    board = build(priority_bits=bits)
    board.pmr(0xFF)
    assert board.r("ICC_PMR_EL1" if board.v3 else "GICC_PMR") == kept


@pytest.mark.parametrize(("bits", "kept"), [(4, 0xF0), (5, 0xF8), (8, 0xFF)])
def test_unimplemented_bits_of_a_priority_read_as_zero(build: type[Board], bits: int, kept: int) -> None:
    board = build(priority_bits=bits)
    for intid in (3, 27, LOW):
        board.prioritize(intid, 0xFF)
        assert board.priority(intid) == kept


def test_priority_0xff_is_never_signalled(build: type[Board]) -> None:
    board = build(priority_bits=8)
    board.make(LOW, priority=0xFF)
    board.line(LOW, True)
    assert not board.signalled()
    assert board.ack() == board.hppir() == 1023
    board.prioritize(LOW, 0xFE)
    assert board.signalled()


# -- which one


def test_the_lowest_number_is_the_highest_priority(board: Board) -> None:
    two(board, 0xA0, 0x60)
    board.pulse(LOW)
    board.pulse(HIGH)
    assert board.ack() == HIGH


@pytest.mark.parametrize(("tie", "first"), [("lowest", 27), ("highest", HIGH)])
def test_option_tie(build: type[Board], tie: str, first: int) -> None:
    board = build(tie=tie)
    two(board, 0x80, 0x80)
    board.make(27, edge=True, priority=0x80)
    board.make(26, edge=True, priority=0x88)
    for intid in (LOW, HIGH, 27, 26):
        board.pulse(intid)
    assert board.ack() == first


def test_only_among_spis_and_only_among_ppis_the_tie_goes_the_same_way(build: type[Board]) -> None:
    for tie, expected in (("lowest", (27, LOW)), ("highest", (28, HIGH))):
        for pair, first in zip(((27, 28), (LOW, HIGH)), expected, strict=True):
            board = build(tie=tie)
            for intid in pair:
                board.make(intid, edge=True)
                board.pulse(intid)
            assert board.ack() == first


# -- preemption


def test_a_higher_group_priority_preempts(board: Board) -> None:
    two(board, 0xA0, 0x60)
    board.pulse(LOW)
    board.ack()
    board.pulse(HIGH)
    assert board.signalled()
    assert board.ack() == HIGH
    assert board.rpr() == 0x60
    board.eoi(HIGH)
    assert board.rpr() == 0xA0


def test_an_equal_group_priority_does_not_preempt(board: Board) -> None:
    two(board, 0x80, 0x80)
    board.pulse(LOW)
    board.ack()
    board.pulse(HIGH)
    assert not board.signalled()
    assert board.ack() == 1023
    board.eoi(LOW)
    assert board.ack() == HIGH


def test_the_subpriority_orders_what_is_pending_but_does_not_preempt(board: Board) -> None:
    two(board, 0x98, 0x90)
    point(board, 4)
    board.pulse(LOW)
    board.ack()
    assert board.rpr() == 0x80
    board.pulse(HIGH)
    assert not board.signalled()
    board.eoi(LOW)
    board.pulse(LOW)
    assert board.ack() == HIGH


def test_the_last_level_preempts_the_lowest(board: Board) -> None:
    two(board, 0x90, 0x88)
    point(board, 2)
    board.pulse(LOW)
    board.ack()
    board.pulse(HIGH)
    assert board.signalled()


def test_the_running_priority_is_the_group_priority_of_the_acknowledge(board: Board) -> None:
    """IHI 0069, ICC_RPR_EL1: a later write of the binary point or the priority doesn't change it."""
    board.make(LOW, edge=True, priority=0xB8)
    point(board, 4)
    board.pulse(LOW)
    board.ack()
    assert board.rpr() == 0xA0
    point(board, 2)
    assert board.rpr() == 0xA0
    board.prioritize(LOW, 0x40)
    assert board.rpr() == 0xA0


def test_the_pending_ones_binary_point_masks_both_sides_of_the_comparison(board: Board) -> None:
    two(board, 0x98, 0x90)
    board.pulse(LOW)
    board.ack()
    point(board, 4)
    board.pulse(HIGH)
    assert not board.signalled()


@pytest.mark.parametrize(("masked", "preempts"), [(True, False), (False, True)])
def test_gicv2_option_preemption_masks_candidate(masked: bool, preempts: bool) -> None:
    """3.3.3. It shows only where the binary point changed after the acknowledge."""
    board = V2(preemption_masks_candidate=masked)
    two(board, 0x98, 0x90)
    board.pulse(LOW)
    board.ack()
    point(board, 4)
    board.pulse(HIGH)
    assert board.signalled() == preempts
    assert board.ack() == (HIGH if preempts else 1023)


def test_a_binary_point_of_seven_means_no_preemption(board: Board) -> None:
    two(board, 0xF0, 0x00)
    board.bpr(0, 7)
    if board.group:
        board.w("ICC_CTLR_EL1", 1)
    board.pulse(LOW)
    board.ack()
    assert board.rpr() == 0
    board.pulse(HIGH)
    assert not board.signalled()


# -- the binary point registers


@pytest.mark.parametrize(
    ("options", "low"),
    [({"priority_bits": 8}, 0), ({"priority_bits": 5}, 2), ({"priority_bits": 4}, 3)])
def test_gicv2_binary_points_are_raised_to_their_minimum(options: dict[str, int], low: int) -> None:
    board = V2(**options)
    board.w("GICC_BPR", 0)
    board.w("GICC_ABPR", 0)
    assert (board.r("GICC_BPR"), board.r("GICC_ABPR")) == (low, low + 1)
    board.w("GICC_BPR", 7)
    board.w("GICC_ABPR", 0xFF)
    assert (board.r("GICC_BPR"), board.r("GICC_ABPR")) == (7, 7)


@pytest.mark.parametrize(("bits", "low"), [(4, 3), (5, 2), (6, 1), (7, 0), (8, 0)])
def test_gicv3_binary_points_are_raised_to_their_minimum(bits: int, low: int) -> None:
    """It is that of the priority bits (IHI 0069, ICC_CTLR_EL1.PRIbits)."""
    board = V3(priority_bits=bits)
    assert board.r("ICC_CTLR_EL1") >> 8 & 7 == bits - 1
    assert (board.r("ICC_BPR0_EL1"), board.r("ICC_BPR1_EL1")) == (low, low + 1)
    board.w("ICC_BPR0_EL1", 7)
    board.w("ICC_BPR1_EL1", 7)
    board.w("ICC_BPR0_EL1", 0)
    board.w("ICC_BPR1_EL1", 0)
    assert (board.r("ICC_BPR0_EL1"), board.r("ICC_BPR1_EL1")) == (low, low + 1)


@pytest.mark.parametrize(("group", "bpr"), [(0, 4), (1, 5)])
def test_group_1s_binary_point_counts_one_less(board: Board, group: int, bpr: int) -> None:
    board.make(LOW, edge=True, priority=0xB8, group=group)
    board.bpr(group, bpr)
    board.pulse(LOW)
    if board.v3:
        assert board.r(f"ICC_IAR{group}_EL1") == LOW
    else:
        assert board.r("GICC_AIAR" if group else "GICC_IAR") == LOW
    assert board.rpr() == 0xA0


def test_cbpr_gives_group_1_group_0s_binary_point(board: Board) -> None:
    board.make(LOW, edge=True, priority=0xB8, group=1)
    board.bpr(0, 5)
    board.bpr(1, 3)
    if board.v3:
        board.w("ICC_CTLR_EL1", 1)
        assert board.r("ICC_BPR1_EL1") == 6
        board.w("ICC_BPR1_EL1", 4)
        assert board.r("ICC_BPR1_EL1") == 6
    else:
        board.w("GICC_CTLR", 0x13)
    board.pulse(LOW)
    assert board.r("ICC_IAR1_EL1" if board.v3 else "GICC_AIAR") == LOW
    assert board.rpr() == 0x80
    if board.v3:
        board.w("ICC_CTLR_EL1", 0)
        assert board.r("ICC_BPR1_EL1") == 3


def test_cbpr_shows_at_most_seven() -> None:
    board = V3()
    board.w("ICC_BPR0_EL1", 7)
    board.w("ICC_CTLR_EL1", 1)
    assert board.r("ICC_BPR1_EL1") == 7


# -- the active priorities


def test_the_acknowledge_sets_the_bit_of_the_group_priority(board: Board) -> None:
    preemption = 5 if board.v3 else 7
    board.make(LOW, edge=True, priority=0xB8)
    point(board, 3)
    board.pulse(LOW)
    board.ack()
    assert active_bits(board) == 1 << (0xB0 >> 8 - preemption)
    board.eoi(LOW)
    assert active_bits(board) == 0


def test_the_drop_ends_the_highest(board: Board) -> None:
    two(board, 0xA0, 0x60)
    board.pulse(LOW)
    board.ack()
    board.pulse(HIGH)
    board.ack()
    board.eoi(HIGH)
    assert board.rpr() == 0xA0
    board.eoi(LOW)
    assert board.rpr() == 0xFF


def test_active_priorities_are_context_that_software_may_restore(board: Board) -> None:
    name = "ICC_AP1R0_EL1" if board.v3 else "GICC_APR2"
    board.w(name, 1 << 16)
    assert board.r(name) == 1 << 16
    assert board.rpr() == (0x80 if board.v3 else 0xA0)
    board.make(LOW, priority=0xC0)
    board.line(LOW, True)
    assert not board.signalled()


@pytest.mark.parametrize(("bits", "registers"), [(4, 1), (5, 1), (6, 2), (8, 4)])
def test_gicv2_active_priorities_have_a_bit_for_each_level(bits: int, registers: int) -> None:
    board = V2(priority_bits=bits)
    for n in range(4):
        for name in ("GICC_APR", "GICC_NSAPR"):
            board.w(f"{name}{n}", 0xFFFF_FFFF)
            levels = 0xFFFF if bits == 4 else 0xFFFF_FFFF
            assert board.r(f"{name}{n}") == (levels if n < registers else 0)


def test_gicv3_four_priority_bits_have_sixteen_levels() -> None:
    board = V3(priority_bits=4)
    for name in ("ICC_AP0R0_EL1", "ICC_AP1R0_EL1"):
        board.w(name, 0xFFFF_0000)
        assert board.r(name) == 0
    assert board.rpr() == 0xFF
    board.w("ICC_AP0R0_EL1", 0xFFFF_8000)
    assert (board.r("ICC_AP0R0_EL1"), board.rpr()) == (0x8000, 0xF0)


@pytest.mark.parametrize("bits", [7, 8])
def test_gicv3_seven_priority_bits_have_four_registers(bits: int) -> None:
    board = V3(priority_bits=bits)
    for group in (0, 1):
        for n in range(4):
            board.w(f"ICC_AP{group}R{n}_EL1", 1 << n)
    assert [board.r(f"ICC_AP1R{n}_EL1") for n in range(4)] == [1, 2, 4, 8]
    board.w("ICC_AP0R0_EL1", 0)
    board.w("ICC_AP1R0_EL1", 0)
    assert board.rpr() == 33 << 1


def test_both_groups_count_for_the_running_priority(board: Board) -> None:
    board.make(LOW, edge=True, priority=0xA0, group=1)
    board.make(HIGH, edge=True, priority=0x60, group=0)
    board.pulse(LOW)
    assert board.r("ICC_IAR1_EL1" if board.v3 else "GICC_AIAR") == LOW
    assert board.rpr() == 0xA0
    board.pulse(HIGH)
    assert board.r("ICC_IAR0_EL1" if board.v3 else "GICC_IAR") == HIGH
    assert board.rpr() == 0x60


# -- EOIR and DIR


def test_eoir_in_mode_0_drops_and_deactivates(board: Board) -> None:
    board.make(LOW, edge=True)
    board.pulse(LOW)
    board.eoi(board.ack())
    assert (board.rpr(), board.state(LOW)) == (0xFF, "I")


def test_eoir_in_mode_1_only_drops_and_dir_deactivates(board: Board) -> None:
    board.make(LOW, edge=True)
    board.split()
    board.pulse(LOW)
    board.eoi(board.ack())
    assert (board.rpr(), board.state(LOW)) == (0xFF, "A")
    board.dir(LOW)
    assert board.state(LOW) == "I"


def test_dir_before_eoir_deactivates_and_leaves_the_priority(board: Board) -> None:
    board.make(LOW, edge=True)
    board.split()
    board.pulse(LOW)
    board.dir(board.ack())
    assert (board.rpr(), board.state(LOW)) == (0x80, "I")
    board.pulse(LOW)
    assert not board.signalled()
    board.eoi(LOW)
    assert board.signalled()


def test_dir_in_mode_0_is_ignored(board: Board) -> None:
    """GICv3; on a GICv2 UNPREDICTABLE."""
    board.make(LOW, edge=True)
    board.pulse(LOW)
    board.dir(board.ack())
    assert (board.rpr(), board.state(LOW)) == (0x80, "A")


@pytest.mark.parametrize("special", [1020, 1021, 1022, 1023])
def test_special_intids_in_eoir_and_dir_have_no_effect(board: Board, special: int) -> None:
    board.make(LOW, edge=True)
    board.pulse(LOW)
    board.ack()
    board.eoi(special)
    board.split()
    board.dir(special)
    board.eoi(special)
    assert (board.rpr(), board.state(LOW)) == (0x80, "A")


@pytest.mark.parametrize(("choice", "after"), [("nothing", "A"), ("deactivates", "I")])
def test_option_eoi_without_active(build: type[Board], choice: str, after: str) -> None:
    board = build(eoi_without_active=choice)
    board.make(LOW)
    board.set("ISACTIVER", LOW)
    board.eoi(LOW)
    assert board.state(LOW) == after
    board.set("ISACTIVER", LOW)
    board.split()
    board.eoi(LOW)
    assert board.state(LOW) == "A"


@pytest.mark.parametrize(("choice", "after"), [("drops", 0xFF), ("ignored", 0x80)])
def test_option_eoi_of_unimplemented(build: type[Board], choice: str, after: int) -> None:
    board = build(eoi_of_unimplemented=choice)
    board.make(LOW, edge=True)
    board.pulse(LOW)
    board.ack()
    board.eoi(1000)
    assert (board.rpr(), board.state(LOW)) == (after, "A")


# -- what reading tells


def test_with_nothing_pending_iar_and_hppir_say_1023_and_change_nothing(board: Board) -> None:
    assert board.ack() == board.hppir() == 1023
    assert board.rpr() == 0xFF


def test_hppir_ignores_the_mask_and_the_running_priority(board: Board) -> None:
    two(board, 0x80, 0x88)
    board.pulse(LOW)
    board.ack()
    board.pulse(HIGH)
    board.pmr(0)
    assert board.hppir() == HIGH
    assert board.state(HIGH) == "P"


def test_hppir_heeds_the_group_enables(board: Board) -> None:
    board.make(LOW)
    board.line(LOW, True)
    name = f"ICC_IGRPEN{board.group}_EL1" if board.v3 else "GICC_CTLR"
    board.w(name, 0)
    assert board.hppir() == board.ack() == 1023
    assert not board.signalled()
    board.w(name, 1)
    assert board.hppir() == LOW
    board.w("GICD_CTLR", 0)
    assert board.hppir() == board.ack() == 1023
    assert not board.signalled()


def test_an_active_interrupt_is_not_the_highest_pending_one(board: Board) -> None:
    board.make(LOW)
    board.line(LOW, True)
    board.ack()
    assert board.hppir() == 1023
