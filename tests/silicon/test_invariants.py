"""What holds whatever software does: no exception, every part in its domain, nothing changes by looking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.silicon.accesses import REFUSED, Chip, Generator, acknowledged, acknowledges, broken, slots, snapshot
from tests.silicon.board import V2, V3, Board, virtual

from vgic.arch.state import INVALID, PENDING
from vgic.silicon import GenericTimers, GicV2, GicV2Options, GicV3, GicV3Options

CHIPS: dict[str, tuple[type[Any], type[Any], dict[str, Any]]] = {
    "GICv2": (GicV2, GicV2Options, {"pes": 3}),
    "GICv2, two states": (GicV2, GicV2Options, {"pes": 2, "security": True, "priority_bits": 6, "tie": "highest"}),
    "GICv2, few bits, any size": (GicV2, GicV2Options, {"pes": 8, "priority_bits": 4, "bad_size": "bytes"}),
    "GICv3": (GicV3, GicV3Options, {"pes": 2}),
    "GICv3, two states": (GicV3, GicV3Options, {
        "pes": 3, "security": True, "one_of_n": "all", "message_spis": True, "priority_bits": 8}),
    "GICv3, four bits, any size": (GicV3, GicV3Options, {
        "priority_bits": 4, "bad_size": "bytes", "one_of_n": "lowest", "lpis": True,
        "eoi_without_active": "deactivates", "virtual_priority_bits": 7, "virtual_preemption_bits": 7}),
    "GICv3 as in QEMU": (GicV3, GicV3Options, {"pes": 2, "qemu": True, "security": True}),
    "GICv2 as in QEMU": (GicV2, GicV2Options, {"pes": 2, "qemu": True}),
}


def make(name: str) -> Chip:
    chip, options, chosen = CHIPS[name]
    chosen = {"intids": 64} | chosen
    made: Chip = chip(options.qemu(**chosen) if chosen.pop("qemu", False) else options(**chosen))
    return made


@pytest.mark.parametrize("name", list(CHIPS))
def test_any_accesses_are_answered_and_the_invariants_hold(name: str) -> None:
    """A longer run: `python -m bench.silicon.fuzz`."""
    chip = make(name)
    generator = Generator(chip, seed=2024)
    recent: list[object] = []
    taken = 0
    for n in range(6000):
        access, value = generator.step()
        recent = [*recent[-9:], access]
        taken += acknowledged(access, value)
        if n % 20 == 0:
            assert broken(chip) == [], recent
    assert taken > 20, "the accesses hardly ever reached an acknowledge"


@given(st.sampled_from(list(CHIPS)), st.integers(0, 1 << 32))
@settings(max_examples=15)
def test_reading_changes_nothing_but_the_acknowledge_does(name: str, seed: int) -> None:
    """And an acknowledge that returns a special INTID changes nothing either; nor does an access that is refused."""
    chip = make(name)
    generator = Generator(chip, seed)
    for _ in range(60):
        for _ in range(10):
            generator.step()
        before = snapshot(chip)
        access, value = generator.step()
        reads = access[0] in ("read", "mrs")
        if value == REFUSED or (reads and not acknowledges(access)) or (reads and value in (1020, 1021, 1022, 1023)):
            assert snapshot(chip) == before, access


@given(st.sampled_from(list(CHIPS)), st.integers(0, 1 << 32))
@settings(max_examples=15)
def test_looking_at_outputs_changes_nothing(name: str, seed: int) -> None:
    chip = make(name)
    generator = Generator(chip, seed)
    for _ in range(20):
        for _ in range(20):
            generator.step()
        before = snapshot(chip)
        levels = [chip.outputs(pe) for pe in range(chip.options.pes)]
        for pe in range(chip.options.pes):
            chip.cpus[pe].best()
            chip.virtual[pe].signalled()
        assert snapshot(chip) == before
        assert [chip.outputs(pe) for pe in range(chip.options.pes)] == levels


@given(st.sampled_from(list(CHIPS)), st.integers(0, 1 << 32))
@settings(max_examples=10)
def test_a_callback_is_told_every_change_and_changes_nothing(name: str, seed: int) -> None:
    told, plain = make(name), make(name)
    levels: dict[tuple[int, str], bool] = {}
    told.on_output(lambda pe, output, level: levels.update({(pe, output): level}))
    generator = Generator(told, seed)
    twin = Generator(plain, seed)
    for _ in range(300):
        assert generator.step() == twin.step()
        for pe in range(told.options.pes):
            assert all(levels.get((pe, k), False) == v for k, v in plain.outputs(pe)._asdict().items())
    assert snapshot(told) == snapshot(plain)


# -- parts


def reachable(root: object) -> dict[int, tuple[str, object]]:
    """Every object of the package, and every container, that the root leads to, with the way there."""
    found: dict[int, tuple[str, object]] = {}
    todo: list[tuple[str, object]] = [("chip", root)]
    while todo:
        way, it = todo.pop()
        if id(it) in found or isinstance(it, (type, int, str, bytes, float, type(None))):
            continue
        found[id(it)] = way, it
        if isinstance(it, dict):
            todo += [(f"{way}[{k!r}]", v) for k, v in it.items()]
        elif isinstance(it, (list, tuple, set, frozenset)):
            todo += [(f"{way}[{i}]", v) for i, v in enumerate(it)]
        elif callable(it) and hasattr(it, "__closure__"):
            todo += [(f"{way}()", cell.cell_contents) for cell in it.__closure__ or ()]
        elif type(it).__module__.startswith("vgic."):
            names = [*slots(it), *getattr(it, "__dict__", ())]
            todo += [(f"{way}.{name}", getattr(it, name)) for name in names]
    return found


def fingerprint(it: object) -> object:
    """What an object holds, by identity."""
    if isinstance(it, dict):
        return [(id(k) if not isinstance(k, (int, str)) else k, id(v)) for k, v in it.items()]
    if isinstance(it, (list, tuple, set, frozenset)):
        return [id(v) for v in it]
    if type(it).__module__.startswith("vgic."):
        return [(n, id(getattr(it, n))) for n in (*slots(it), *getattr(it, "__dict__", ()))]
    return None


@pytest.mark.parametrize("name", list(CHIPS))
def test_only_parts_change(name: str) -> None:
    """Beside the notices and the wires, which tell and are no state of the chip's."""
    chip = make(name)
    objects = reachable(chip)
    changing = {id(part) for part in chip.parts()} | reachable(chip.notices).keys() | reachable(chip.wires).keys()
    assert len({id(part) for part in chip.parts()}) == len(chip.parts())
    assert {id(part) for part in chip.parts()} <= objects.keys()
    before = {i: fingerprint(it) for i, (_, it) in objects.items() if i not in changing}
    generator = Generator(chip, seed=7)
    for _ in range(4000):
        generator.step()
    changed = [way for i, (way, it) in objects.items() if i in before and fingerprint(it) != before[i]]
    assert changed == []
    new = reachable(chip).keys() - objects.keys() - reachable(chip.notices).keys()
    assert not {type(reachable(chip)[i][1]).__name__ for i in new} - {"tuple"}      # a value, which can't change


@pytest.mark.parametrize("name", list(CHIPS))
def test_parts_have_slots_and_hold_flat_values(name: str) -> None:
    chip = make(name)
    generator = Generator(chip, seed=3)
    for _ in range(2000):
        generator.step()
    for part in (*chip.parts(), *GenericTimers(2, chip.set_line).parts()):
        assert not hasattr(part, "__dict__"), part
        for slot in slots(part):
            value = getattr(part, slot)
            items = list(value) if isinstance(value, (list, tuple)) else [value]
            items = [one for item in items for one in (item if isinstance(item, tuple) else [item])]
            assert all(isinstance(v, (bool, int, str, bytes, type(None))) for v in items), (part, slot)


# -- legal software


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What devices and software do: interrupts arrive, the CPU acknowledges, ends the last one, or goes on."""
    return draw(st.lists(st.tuples(st.sampled_from(["pulse", "ack", "end"]), st.integers(0, 5)), max_size=40))


@given(lives(), st.lists(st.integers(0, 30), min_size=6, max_size=6), st.integers(2, 7), st.booleans(),
       st.sampled_from([V2, V3]))
def test_active_priorities_are_what_was_acknowledged_and_not_dropped(
    steps: list[tuple[str, int]], priorities: list[int], bpr: int, split: bool, chip: type[Board],
) -> None:
    board = chip(pes=1, intids=64)
    board.split(split)
    board.bpr(board.group, min(7, bpr + board.group))
    for n, priority in enumerate(priorities):
        board.make(40 + n, edge=True, priority=priority << 3)
    stack: list[int] = []
    for step, n in steps:
        if step == "pulse":
            board.pulse(40 + n)
        elif step == "ack":
            signalled = board.signalled()
            intid = board.ack()
            assert (intid < 1020) == signalled
            if signalled:
                assert board.state(intid) == "A"
                assert not stack or board.rpr() < 0xFF
                stack.append(intid)
        elif stack:
            ended = stack.pop()
            board.eoi(ended)
            if split:
                board.dir(ended)
            assert board.state(ended) in ("I", "P")
        active = board.gic.cpus[0].groups[0].active | board.gic.cpus[0].groups[2].active
        assert active.bit_count() == len(stack)
        cut = 0xFF & 0xFF << min(7, bpr + board.group) + 1 - board.group
        assert board.rpr() == (priorities[stack[-1] - 40] << 3 & cut if stack else 0xFF)
        assert [board.state(40 + k) in ("A", "PA") for k in range(6)] == [40 + k in stack for k in range(6)]


@given(lives(), st.lists(st.integers(0, 30), min_size=6, max_size=6), st.booleans(), st.sampled_from([V2, V3]))
def test_virtual_active_priorities_likewise_and_twins_follow(
    steps: list[tuple[str, int]], priorities: list[int], split: bool, chip: type[Board],
) -> None:
    """List registers 0 to 5 for vINTIDs 40 to 45, each with a physical twin that the hypervisor holds active."""
    board = chip(pes=1, intids=64, list_registers=6)
    virtual(board)
    board.vmcr(eoim=split)
    stack: list[int] = []
    for step, n in steps:
        if step == "pulse" and board.held(n) == "I":
            board.set("ISACTIVER", 50 + n)
            board.lr(n, PENDING, 40 + n, priority=priorities[n] << 3, pintid=50 + n)
        elif step == "ack":
            signalled = any(board.vout())
            vintid = board.viar()
            assert (vintid < 1020) == signalled
            if signalled:
                stack.append(vintid)
        elif step == "end" and stack:
            board.veoi(stack[-1])
            if split:
                board.vdir(stack[-1])
            stack.pop()
        assert board.vapr().bit_count() == len(stack)
        assert board.vrpr() == (priorities[stack[-1] - 40] << 3 if stack else 0xFF)
        for k in range(6):
            assert (board.held(k) == "A") == (40 + k in stack)
            assert board.state(50 + k) == ("A" if board.held(k) != "I" else "I")
        assert board.eoicount() == 0
    board.lr(0, INVALID, 0)
