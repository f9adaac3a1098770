"""A recording with one line deleted, doubled, swapped with its neighbour or with another value is told as such.

Not every mutation can be told: one that is *equivalent* can't. Equivalent is a sequence of events that contradicts the
chip nowhere, breaks no rule, and brings the chip to the state of the original: a read left out, the same value written
twice, two lines that have nothing to do with each other swapped. A few more contradict nothing and end in another
state, of which nothing was read to the end: *unread*. All others must be told: the contradiction stands at the mutated
line itself, or the diagnosis names it, or a rule is broken there. Where a rule is broken and nothing differs no line is
doubted: it is the software that is wrong, and a recording of it would look just so.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trace.mutations import MUTATED, NAMES, OPERATIONS, REST, mutated, outcome, piece, share, told_right

from vgic.trace.events import LineChange


@pytest.mark.parametrize("name", NAMES)
def test_the_slice_itself_is_predicted(name: str) -> None:
    s = piece(name)
    assert len(s.events) == MUTATED + REST
    assert outcome(s, s.events).at is None
    assert outcome(s, s.events).final == s.final


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_told_is_told(name: str, operation: str) -> None:
    """The same sixteen mutations every time. The figures for many more: bench/trace/mutations.py."""
    counts = share(name, operation, 16, 7)
    told = counts["named"] + counts["rule"] + counts["at the line"]
    assert told >= 1
    assert counts["elsewhere"] <= 1
    assert counts["unread"] <= 1
    assert counts["at the line"] <= 2      # told without the right diagnosis


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.sampled_from(OPERATIONS), st.integers(0, MUTATED - 1), st.integers(0, 63))
def test_nothing_is_told_before_the_mutated_line(name: str, operation: str, at: int, bit: int) -> None:
    s = piece(name)
    found = outcome(s, mutated(s.events, operation, at, bit))
    assert found.at is None or found.at >= at


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.integers(0, MUTATED - 1), st.integers(0, 63))
def test_a_changed_read_or_line_is_told_at_itself(name: str, at: int, bit: int) -> None:
    s = piece(name)
    e = s.events[at]
    if not isinstance(e, LineChange) and getattr(e, "write", True):
        return
    found = outcome(s, mutated(s.events, "changed", at, bit))
    assert found.at == at
    assert found.diagnosis is not None
    assert told_right(found.diagnosis, "changed", at)


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.integers(0, MUTATED - 1))
def test_a_doubled_line_change_is_told_at_the_second(name: str, at: int) -> None:
    s = piece(name)
    at = next((i for i in range(at, MUTATED) if isinstance(s.events[i], LineChange)), -1)
    if at >= 0:
        assert outcome(s, mutated(s.events, "doubled", at, 0)).at == at + 1
