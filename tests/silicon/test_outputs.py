"""The outputs of a chip and the callback that tells their changes."""

from __future__ import annotations

from tests.silicon.board import Board, virtual

from vgic.arch.state import PENDING

Change = tuple[int, str, bool]


def watched(board: Board) -> list[Change]:
    changes: list[Change] = []
    board.gic.on_output(lambda pe, name, level: changes.append((pe, name, level)))
    return changes


def test_changes_are_told_and_nothing_else(board: Board) -> None:
    board.make(40, pe=1)
    changes = watched(board)
    assert changes == []
    board.line(40, True)
    board.line(40, True)
    assert changes == [(1, "irq", True)]
    board.ack(1)
    assert changes[1:] == [(1, "irq", False)]
    board.eoi(40, 1)
    board.w("GICD_CTLR", 0)
    assert changes[2:] == [(1, "irq", True), (1, "irq", False)]


def test_what_is_high_already_is_told_at_once(board: Board) -> None:
    board.make(40)
    board.line(40, True)
    assert watched(board) == [(0, "irq", True)]
    assert watched(board) == [(0, "irq", True)]


def test_virtual_and_maintenance_outputs(board: Board) -> None:
    changes = watched(board)
    virtual(board)
    board.lr(0, PENDING, 50)
    board.lr(1, PENDING, 51, group=0, priority=0x40)
    board.lr(1, 0, 51)
    board.hcr(2)
    board.vmcr(eng=0)
    board.w("ICH_HCR_EL2" if board.v3 else "GICH_HCR", 0)
    assert changes == [
        (0, "virq", True), (0, "virq", False), (0, "vfiq", True), (0, "virq", True), (0, "vfiq", False),
        (0, "maintenance", True), (0, "virq", False), (0, "maintenance", False)]


def test_a_callback_may_be_taken_away(board: Board) -> None:
    changes = watched(board)
    board.gic.on_output(None)
    board.make(40)
    board.line(40, True)
    assert changes == []


def test_outputs_are_the_single_levels(board: Board) -> None:
    virtual(board)
    board.make(40)
    board.line(40, True)
    board.lr(0, 0, 50, eoi=True)
    board.lr(1, PENDING, 51)
    gic = board.gic
    assert gic.outputs(0) == (gic.irq(0), gic.fiq(0), gic.virq(0), gic.vfiq(0), gic.maintenance(0))
    assert gic.outputs(0)._asdict() == {"irq": True, "fiq": False, "virq": True, "vfiq": False, "maintenance": True}
    assert not any(gic.outputs(1))


def test_a_callback_may_wire_maintenance_to_a_ppi(board: Board) -> None:
    changes: list[Change] = []

    def told(pe: int, name: str, level: bool) -> None:
        changes.append((pe, name, level))
        if name == "maintenance":
            board.line(25, level, pe)

    board.make(25)
    board.gic.on_output(told)
    board.lr(0, 0, 50, eoi=True)
    board.hcr()
    assert changes == [(0, "maintenance", True), (0, "irq", True)]
    assert board.ack() == 25
    board.lr(0, 0, 50)
    assert changes[2:] == [(0, "irq", False), (0, "maintenance", False)]
    assert board.state(25) == "A"


def test_a_callback_that_acknowledges_at_once_is_told_the_levels_in_order(board: Board) -> None:
    """The last level told of each output is the output's level."""
    last: dict[tuple[int, str], bool] = {}
    taken: list[int] = []

    def told(pe: int, name: str, level: bool) -> None:
        assert last.get((pe, name), False) != level
        last[pe, name] = level
        if name in ("irq", "fiq") and level:
            taken.append(board.ack(pe))
            board.eoi(taken[-1], pe)

    for intid in (40, 41):
        board.make(intid, edge=True)
    board.set("ICENABLER", 40)
    board.pulse(40)
    board.gic.on_output(told)
    board.pulse(41)
    board.set("ISENABLER", 40)
    assert taken == [41, 40]
    assert not any(last.values())


def test_levels_changed_by_a_reader_are_told_too(board: Board) -> None:
    virtual(board)
    board.lr(0, PENDING, 50)
    changes = watched(board)
    board.viar()
    assert changes == [(0, "virq", True), (0, "virq", False)]
