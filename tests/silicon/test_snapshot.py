"""The state of a chip and of the timers as data: taken, put back, reset, copied, pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.silicon.accesses import Generator, apply
from tests.silicon.board import Board
from tests.silicon.test_invariants import CHIPS, make

from vgic.silicon import GenericTimers, Gic, GicV2, GicV2Options, GicV3, GicV3Options, SnapshotError

seeds = st.integers(0, 1 << 32)


@given(st.sampled_from(list(CHIPS)), seeds, seeds, seeds)
@settings(max_examples=30)
def test_what_came_between_snapshot_and_restore_has_never_been(name: str, first: int, between: int, after: int) -> None:
    chip, twin = make(name), make(name)
    steps = Generator(chip, first)
    for _ in range(80):
        access, value = steps.step()
        assert apply(twin, access) == value
    then = chip.snapshot()
    noise = Generator(chip, between)
    for _ in range(80):
        noise.step()
    chip.restore(then)
    assert chip.snapshot() == then
    later = Generator(chip, after)
    for _ in range(80):
        access, value = later.step()
        assert apply(twin, access) == value, access
    assert chip.snapshot() == twin.snapshot()


@given(st.sampled_from(list(CHIPS)), seeds)
@settings(max_examples=15)
def test_reset_is_a_new_chip(name: str, seed: int) -> None:
    chip = make(name)
    steps = Generator(chip, seed)
    for _ in range(100):
        steps.step()
    chip.reset()
    assert chip.snapshot() == make(name).snapshot()


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda it: pickle.loads(pickle.dumps(it)),
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("name", list(CHIPS))
def test_a_copy_lives_on_its_own(name: str, duplicate: Callable[[Any], Any]) -> None:
    """What is done to the one is not done to the other, and both answer alike."""
    chip = make(name)
    steps = Generator(chip, 5)
    for _ in range(200):
        steps.step()
    then = chip.snapshot()
    twin = duplicate(chip)
    assert twin.snapshot() == then
    later = Generator(twin, 6)
    done = [later.step() for _ in range(300)]
    assert twin.snapshot() != then
    assert chip.snapshot() == then
    assert [apply(chip, access) for access, _ in done] == [value for _, value in done]
    assert chip.snapshot() == twin.snapshot()


@pytest.mark.parametrize("name", list(CHIPS))
def test_a_snapshot_is_immutable_data(name: str) -> None:
    chip = make(name)
    steps = Generator(chip, 9)
    for _ in range(200):
        steps.step()
    then = chip.snapshot()
    kept = pickle.dumps(then)
    steps.step()
    other = make(name)
    other.restore(pickle.loads(kept))
    assert other.snapshot() == then
    assert hash(pickle.loads(kept)) == hash(then)
    with pytest.raises(AttributeError):
        then.parts = ()  # type: ignore[misc]  # that is the question


def test_a_snapshot_of_other_options_is_refused_with_what_differs() -> None:
    chip = GicV3(GicV3Options(list_registers=8))
    before = chip.snapshot()
    with pytest.raises(SnapshotError, match=r"list_registers is 4 there and 8 here$"):
        chip.restore(GicV3(GicV3Options()).snapshot())
    with pytest.raises(SnapshotError, match="a snapshot of a GICv2 can't be restored on a GICv3"):
        chip.restore(GicV2(GicV2Options()).snapshot())
    assert chip.snapshot() == before


def test_a_callback_is_told_what_a_restore_changes(board: Board) -> None:
    told: list[tuple[int, str, bool]] = []
    board.make(40)
    quiet = board.gic.snapshot()
    board.gic.on_output(lambda *change: told.append(change))
    board.line(40, True)
    assert told
    asked = board.gic.snapshot()
    name = told[-1][1]
    told.clear()
    board.gic.restore(quiet)
    board.gic.restore(asked)
    board.gic.reset()
    assert told == [(0, name, False), (0, name, True), (0, name, False)]


def _timers(chip: Gic) -> GenericTimers:
    timers = GenericTimers(2, chip.set_line)
    timers.sysreg_write("CNTV_CVAL_EL0", 100, pe=1)
    timers.sysreg_write("CNTV_CTL_EL0", 1, pe=1)
    return timers


@pytest.mark.parametrize("chip_first", [True, False])
def test_timers_and_chip_go_back_in_either_order(board: Board, chip_first: bool) -> None:
    timers = _timers(board.gic)
    then = board.gic.snapshot(), timers.snapshot()
    timers.advance(100)
    assert board.state(27, 1) == "P"
    high = board.gic.snapshot(), timers.snapshot()
    for chip, clock in (then, high):
        if chip_first:
            board.gic.restore(chip)
        timers.restore(clock)
        if not chip_first:
            board.gic.restore(chip)
        assert (board.gic.snapshot(), timers.snapshot()) == (chip, clock)
    timers.reset()
    assert board.state(27, 1) == "I"
    assert timers.snapshot() == GenericTimers(2, board.gic.set_line).snapshot()


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_timers_are_copied_with_what_they_drive(board: Board, duplicate: Callable[[Any], Any]) -> None:
    timers = _timers(board.gic)
    if duplicate is copy.copy:      # of a tuple it is the tuple
        twin: Any = duplicate(timers)
        chip: Any = twin.set_line.__self__
    else:
        chip, twin = duplicate((board.gic, timers))
    twin.advance(100)
    assert not any(irq.line for irq in board.gic.distributor.banked[1])
    assert [irq.intid for irq in chip.distributor.banked[1] if irq.line] == [27]
    assert timers.sysreg_read("CNTV_CTL_EL0", pe=1) == 1


def test_timers_of_other_pes_are_refused() -> None:
    timers = GenericTimers(2, print)
    with pytest.raises(SnapshotError, match=r"other options can't be restored: pes is 1 there and 2 here$"):
        timers.restore(GenericTimers(1, print).snapshot())
