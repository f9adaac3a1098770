"""What is looked up by the values of windows: what a run has seen decides where it is possible, nothing else does."""
from __future__ import annotations

import pytest

from vgic.engine import Model
from vgic.engine.learn.trail import Segment, Trail, Vector
from vgic.engine.lookup import windows
from vgic.engine.lookup.lookups import RootLookups
from vgic.engine.model.inventory import Inventory
from vgic.engine.model.result import Limits
from vgic.engine.plain import Warm
from vgic.engine.search.forward import Search
from vgic.engine.search.run import Request, explore
from vgic.engine.trie.trie import RunReads, _seen


class Mode:
    """What chooses: one slot, and another that nobody reads together with it."""
    __slots__ = ("kind", "spare")

    def __init__(self) -> None:
        self.kind = self.spare = 0

    def turn(self) -> None:
        self.kind = (self.kind + 1) % 3

    def use(self) -> None:
        self.spare = (self.spare + 1) % 4


class Worker:
    """Reads one cell or the other, by the mode; and one that it may have written itself."""
    __slots__ = ("left", "mode", "own", "right")

    def __init__(self, mode: Mode) -> None:
        self.mode, self.left, self.right, self.own = mode, 0, 0, 0

    def work(self) -> bool:
        if self.mode.kind == 0:
            return False
        if self.mode.kind == 1:
            self.left = (self.left + 1) % 5
        else:
            self.own = 1 - self.own
            self.right = (self.right + self.own + 1) % 7
        return True


@pytest.fixture
def searched() -> Search:
    mode = Mode()
    worker = Worker(mode)
    actions = [("turn", mode.turn), ("use", mode.use), ("work", worker.work)]
    kept: list[Search] = []
    result = explore(Inventory(Model(worker, actions)), Warm(), Limits(),
                     Request(1, look=lambda units, search: kept.append(search)))
    assert result.states == 3 * 4 * 5 * 7 * 2
    return kept[0]


def unit(search: Search, name: str) -> int:
    return next(u for u in search.units.vary.values() if search.units.where(u) == name)


def names(search: Search, words: list[int]) -> set[str]:
    layout = search.layout
    return {search.units.where(u) for u, w, shift, mask in layout.fields if words[w] & mask << shift}


def test_each_value_has_what_is_read_there(searched: Search) -> None:
    kind = unit(searched, "machine.mode.kind")
    masks = windows.Masks(windows.Windows(searched.trie, searched.layout), [2], ((kind,),))
    idle, one, two, *_ = (names(searched, words) for words in masks.refresh())
    assert idle == {"machine.mode.kind"}
    assert one == {"machine.mode.kind", "machine.left"}
    assert two == {"machine.mode.kind", "machine.own", "machine.right"}


def test_a_window_that_tells_nothing_apart_is_in_each_mask(searched: Search) -> None:
    spare = unit(searched, "machine.mode.spare")
    every = windows.Masks(windows.Windows(searched.trie, searched.layout), [2], ((spare,),)).refresh()
    assert {frozenset(names(searched, words)) for words in every} == {
        frozenset({"machine.mode.kind", "machine.mode.spare", "machine.left", "machine.own", "machine.right"})}


def test_without_windows_there_is_one_mask(searched: Search) -> None:
    masks = windows.Masks(windows.Windows(searched.trie, searched.layout), [2])
    assert [names(searched, words) for words in masks.refresh()] == [
        {"machine.mode.kind", "machine.left", "machine.own", "machine.right"}]
    assert masks.reads == searched.trie.reads_of(2)


def test_two_windows_are_one_number(searched: Search) -> None:
    kind, own = unit(searched, "machine.mode.kind"), unit(searched, "machine.own")
    selector = ((kind,), (own,))
    masks = windows.Masks(windows.Windows(searched.trie, searched.layout), [2], selector).refresh()
    rows = windows.rows_of(searched.layout, selector, searched.latest)
    assert len(masks) > int(rows.max())
    for state, row in zip(searched.latest.tolist(), rows.tolist(), strict=True):
        values = searched.layout.unpack(state)
        assert row == values[kind] | values[own] << searched.layout.width[kind]
        said = names(searched, masks[row])
        assert ("machine.left" in said, "machine.right" in said) == (
            searched.units.values[kind][values[kind]] == 1, searched.units.values[kind][values[kind]] == 2)


def test_more_that_is_learned_is_added(searched: Search) -> None:
    kind, left = unit(searched, "machine.mode.kind"), unit(searched, "machine.left")
    held = windows.Windows(searched.trie, searched.layout)
    masks = windows.Masks(held, [2], ((kind,),))
    before = [names(searched, words) for words in masks.refresh()]
    row: Vector = [0] * len(searched.units.slot)
    searched.trie.roots[2].runs.append(RunReads(1 << kind | 1 << left, 0, 1 << kind, row))
    searched.trie.version += 1
    after = [names(searched, words) for words in masks.refresh()]
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == [0], "only where the run is possible"
    assert after[0] == before[0] | {"machine.left"}


def test_what_is_too_wide_is_no_selector(searched: Search) -> None:
    wide = tuple(searched.layout.members[searched.layout.group[unit(searched, "machine.left")]])
    assert windows.fits(searched.layout, (wide,)) == (sum(searched.layout.width[u] for u in wide) <= 8)
    kind = unit(searched, "machine.mode.kind")
    assert windows.fits(searched.layout, ((kind,),))
    assert not windows.fits(searched.layout, (wide, wide, (kind,), wide))
    assert not windows.fits(searched.layout, (wide[::-1],)), "they must lie side by side"


def test_the_first_tests_are_candidates(searched: Search) -> None:
    found = {searched.units.where(u) for w in windows.candidates(searched.trie, searched.layout, 2) for u in w}
    assert "machine.mode.kind" in found


def test_the_windows_are_chosen_where_they_pay(searched: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgic.engine.lookup.lookups.SELECT", 0)
    monkeypatch.setattr("vgic.engine.lookup.lookups.SETTLED", -1.0)
    plan = RootLookups(searched.trie, searched.layout, [2])
    plan.choose(searched.latest)
    [group] = plan.groups
    assert any(unit(searched, "machine.mode.kind") in window for window in group.masks.selector)


def trail(*segments: Segment) -> Trail:
    """A run of these segments."""
    for segment in segments:
        segment.close()
    return Trail(list(segments))


def test_what_a_run_wrote_before_it_read_it_is_not_seen() -> None:
    inner = Trail([], effects=[(3, 1)])
    run = trail(Segment([0] * 6, [0, 1], [(2, 1)], 0, inner), Segment([0, 0, 1, 1, 0, 0], [2, 3, 4], [(5, 1)]))
    assert _seen(run) == 1 << 0 | 1 << 1 | 1 << 4
    recalled = trail(Segment([0] * 6, [1], [(1, 1)], 0, trail(Segment([0] * 6, [5], [(4, 1)]))),
                     Segment([0] * 6, [1, 4, 5]))
    assert _seen(recalled) == 1 << 1 | 1 << 5
