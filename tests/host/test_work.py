"""Work that the host puts off: when it is due, that it runs once, and that a lock that is held keeps it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from vgic.engine import Explorer, Model
from vgic.host import KernelTimer, Lock, WorkItem
from vgic.parts import Part


def test_a_timer_fires_once_its_deadline_is_reached() -> None:
    fired: list[int] = []
    timer = KernelTimer("vcpu0's wake-up timer", lambda: fired.append(1))
    assert timer.action == "vcpu0's wake-up timer fires"
    assert not timer.due(100)
    timer.arm(50)
    assert not timer.due(49)
    assert timer.due(50)
    timer.run()
    assert fired == [1]
    assert not timer.due(60)
    timer.arm(5)
    timer.cancel()
    assert not timer.due(60)


def test_an_item_runs_once_however_often_it_was_queued() -> None:
    ran: list[int] = []
    item = WorkItem("the late half runs", lambda: ran.append(1))
    assert not item.due(0)
    item.queue()
    item.queue()
    assert item.due(0)
    item.run()
    assert ran == [1]
    assert not item.due(0)
    item.queue()
    item.cancel()
    assert not item.due(0)


def test_an_item_may_queue_itself_again() -> None:
    def again(work: WorkItem) -> None:
        work.queue()
    item = WorkItem("it goes on", lambda: again(item))
    item.queue()
    item.run()
    assert item.due(0)


@pytest.mark.parametrize("kind", [KernelTimer, WorkItem])
def test_work_that_needs_a_lock_waits_for_it(kind: type[KernelTimer | WorkItem]) -> None:
    free, lock = Lock("the list's lock"), Lock("the device's lock")
    work = kind("work", lambda: None, needs=(free, lock))
    if isinstance(work, KernelTimer):
        work.arm(0)
    else:
        work.queue()
    lock.take("an unmapping")
    assert work.wanted(0)
    assert not work.due(0)
    lock.release()
    assert work.due(0)


def test_a_lock_has_one_holder() -> None:
    lock = Lock("the lock")
    with pytest.raises(RuntimeError, match="the lock is released, and nobody holds it"):
        lock.release()
    lock.take("a map")
    assert lock.holder == "a map"
    with pytest.raises(RuntimeError, match="an unmap takes the lock, which a map holds"):
        lock.take("an unmap")


class Table(Part):
    """Who may come: `mapped` is what a call in two halves ends by."""

    __slots__ = ("mapped", "seen")

    def __init__(self) -> None:
        self.mapped = True
        self.seen = False


class Halves:
    """A call that is cut where it drops a lock, or keeps it, and work that needs the lock and looks at the table."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.table, self.lock = Table(), Lock("the table's lock")
        self.second = WorkItem("the unmapping goes on", self.finish)
        self.reader = WorkItem("the table is read", self.read, needs=(self.lock,))

    def begin(self) -> bool:
        if self.second.queued or not self.table.mapped:
            return False
        if self.keeps:
            self.lock.take("the unmapping")
        self.second.queue()
        self.reader.queue()
        return True

    def finish(self) -> None:
        self.table.mapped = False
        if self.keeps:
            self.lock.release()

    def read(self) -> None:
        self.table.seen = self.table.mapped

    def actions(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        yield "the unmapping begins", self.begin
        yield self.second.action, lambda: self.run(self.second)
        yield self.reader.action, lambda: self.run(self.reader)

    def run(self, work: WorkItem) -> bool:
        if not work.due(0):
            return False
        work.run()
        return True

    def parts(self) -> list[object]:
        return [self.table, self.lock, self.second, self.reader]


@pytest.mark.parametrize(("keeps", "verdict"), [(False, "BROKEN"), (True, "HOLDS")])
def test_what_comes_between_two_halves_is_found_by_search(keeps: bool, verdict: str) -> None:
    m = Halves(keeps)
    model = Model(m, list(m.actions()), [("nobody reads what goes", lambda: m.table.seen)], parts=m.parts())
    assert Explorer(model).search(engine="plain").verdict == verdict
