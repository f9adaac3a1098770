"""Grouping and active priorities as functions (IHI 0048B 3.3, IHI 0069 4.8), for every value they can take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.silicon.priority import (
    IDLE,
    bit,
    from_nonsecure,
    group_mask,
    implemented,
    lowest,
    nonsecure_view,
)


@pytest.mark.parametrize(
    ("bpr", "mask"), [(-1, 0xFF), (0, 0xFE), (1, 0xFC), (2, 0xF8), (3, 0xF0), (4, 0xE0), (5, 0xC0), (6, 0x80), (7, 0)])
def test_a_binary_point_masks_its_bit_and_those_below(bpr: int, mask: int) -> None:
    """IHI 0069 4.8.2, Table "Priority grouping by binary point"; -1 is Group 1's 0."""
    assert group_mask(bpr) == mask


@pytest.mark.parametrize(("bits", "mask"), [(4, 0xF0), (5, 0xF8), (6, 0xFC), (7, 0xFE), (8, 0xFF)])
def test_the_implemented_bits_are_the_upper_ones(bits: int, mask: int) -> None:
    assert implemented(bits) == mask


@given(st.sets(st.integers(0, 127), max_size=6), st.integers(4, 7))
def test_the_running_priority_is_that_of_the_lowest_bit(levels: set[int], preemption_bits: int) -> None:
    levels = {level % (1 << preemption_bits) for level in levels}
    priorities = [level << 8 - preemption_bits for level in levels]
    bitmap = 0
    for priority in priorities:
        bitmap |= bit(priority, preemption_bits)
    assert bitmap.bit_count() == len(levels)
    assert lowest(bitmap, preemption_bits) == min(priorities, default=IDLE)


@given(st.integers(0x80, 0xFF))
def test_the_nonsecure_view_is_the_lower_half_of_the_priorities_shifted_up(priority: int) -> None:
    """IHI 0069 4.8.6."""
    assert nonsecure_view(priority) == priority * 2 & 0xFF
    assert from_nonsecure(nonsecure_view(priority)) == priority


@given(st.integers(0, 0x7F))
def test_the_nonsecure_view_of_a_secure_priority_is_zero(priority: int) -> None:
    assert nonsecure_view(priority) == 0
