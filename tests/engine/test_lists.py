"""A list that a method empties while it finds more that varies: the run goes on with what it has done."""
from __future__ import annotations

import pytest

from vgic.engine import Explorer, Model
from vgic.parts import step


class Endless(BaseException):
    """A loop that does not end. No Exception: that would be taken for the model's."""


class Queue:
    """Messages, and what they were."""
    __slots__ = ("last", "other", "seen", "waiting")

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.last = self.seen = self.other = 0

    def send(self) -> bool:
        if len(self.waiting) == 2:
            return False
        self.waiting.append(len(self.waiting) + 1)
        return True

    def take(self) -> bool:
        """Each message changes a slot that nothing has written before, and asks a step; at first they are constants."""
        if len(self.waiting) < 2:
            return False
        turns = 0
        while self.waiting:
            turns += 1
            if turns > 2:
                raise Endless("a message that was taken is there again")
            message = self.waiting[0]
            del self.waiting[0]
            if message == 1:
                self.seen = 1 - self.seen
            else:
                self.other = self.count(message)
        return True

    @step
    def count(self, message: int) -> int:
        self.last = (self.last + message) % 3
        return self.last


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_what_was_taken_off_a_list_stays_off(engine: str) -> None:
    queue = Queue()
    explorer = Explorer(Model(queue, [("send", queue.send), ("take", queue.take)]))
    result = explorer.search(engine=engine)
    assert (result.verdict, result.states, result.transitions) == ("HOLDS", 18, 18)


def test_both_find_the_same() -> None:
    queue = Queue()
    Explorer(Model(queue, [("send", queue.send), ("take", queue.take)])).self_check()
