"""The face of a chip: what rules, designs and recordings see of it, whatever its version; and copies of it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from tests.silicon.accesses import frames, snapshot
from tests.silicon.board import Board

from vgic.silicon import Gic


def test_locate_undoes_base(board: Board) -> None:
    chip = board.gic
    for frame, base in frames(chip):
        owner = (base - frames(chip)[1][1]) // 0x2_0000 if frame.name == "GICR" else 0
        assert chip.base(frame.name, owner) == base
        for offset in (0, 0xFFC):
            assert chip.locate(base + offset) == (frame.name, owner, offset)
    assert chip.locate(0x0900_0000) == ("", 0, 0x0900_0000)
    assert chip.base("GITS", 0) is None


def test_the_blocks_are_its_frames(board: Board) -> None:
    assert {block.frame.name for block in board.gic.blocks()} == {frame.name for frame, _ in frames(board.gic)}


def test_it_says_its_version(board: Board) -> None:
    assert board.gic.version == (3 if board.v3 else 2)


def test_half_a_chip_is_none() -> None:
    class Half(Gic):
        """Without accesses."""

    with pytest.raises(TypeError, match=r"abstract methods? .*read"):
        Half(None, None)  # type: ignore[abstract,arg-type]  # that is the question


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda chip: pickle.loads(pickle.dumps(chip))],
                         ids=["copied", "pickled"])
def test_a_copy_is_a_chip_of_its_own(board: Board, duplicate: Callable[[Any], Any]) -> None:
    """No handler holds on to what belongs to another chip."""
    board.make(40)
    board.lr(1, 1, 50)
    original, before = board.gic, snapshot(board.gic)
    twin = duplicate(original)
    assert snapshot(twin) == before
    board.gic = twin
    board.line(40, True)
    assert board.signalled()
    assert board.ack() == 40
    board.hcr()
    board.vmcr()
    assert board.viar() == 50
    board.w("GICD_CTLR", 0)
    assert snapshot(original) == before
