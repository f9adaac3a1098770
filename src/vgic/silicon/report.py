"""What the chip tells beside values: notices of what is not modelled, traps, and undefined accesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Notice(NamedTuple):
    """An access that the model does not follow, or whose effect the architecture leaves open.

    Attributes:
        kind: "not modelled" (the architecture defines it, the model hasn't it), "reserved" (no register there, or RES0
            bits set), "unpredictable" (the architecture leaves it open; the named option decided), "deviation" (an
            option that departs from the architecture decided; see `vgic.silicon.profile`).
        register: architectural name, or the frame and offset.
        detail: what was asked, in words.
    """

    kind: str
    register: str
    detail: str

    def __str__(self) -> str:
        return f"{self.register}: {self.kind}: {self.detail}"


class Notices:
    """Collects notices, each once with its count. Bounded: past `most` kinds only the total grows.

    Attributes:
        counts: of each. total: of all. last: the latest, None before the first.
    """

    __slots__ = ("counts", "last", "most", "total")

    def __init__(self, most: int = 1000) -> None:
        self.counts: dict[Notice, int] = {}
        self.most = most
        self.total = 0
        self.last: Notice | None = None

    def __call__(self, notice: Notice) -> None:
        self.total += 1
        self.last = notice
        if notice in self.counts or len(self.counts) < self.most:
            self.counts[notice] = self.counts.get(notice, 0) + 1

    def state(self) -> tuple[dict[Notice, int], int, Notice | None]:
        """All of it at this moment."""
        return dict(self.counts), self.total, self.last

    def restore(self, state: tuple[dict[Notice, int], int, Notice | None]) -> None:
        """As it was at that moment."""
        self.counts, self.total, self.last = dict(state[0]), *state[1:]

    def of(self, kind: str) -> list[tuple[Notice, int]]:
        """The notices of one kind, with their counts."""
        return [(n, c) for n, c in self.counts.items() if n.kind == kind]


OnNotice = Callable[[Notice], None]


def ignore(notice: Notice) -> None:
    """Takes notices for somebody whom they don't concern."""


def deviation(option: str, detail: str) -> Notice:
    """An option that departs from the architecture decided an outcome."""
    return Notice("deviation", option, detail)


class Trap(Exception):
    """The access traps to a higher exception level and has no effect.

    Attributes:
        register: the register asked for. to: exception level, 2 or 3. why: the bit that traps.
    """

    def __init__(self, register: str, to: int, why: str) -> None:
        self.register, self.to, self.why = register, to, why
        super().__init__(f"{register} traps to EL{to}: {why}")


class Undefined(Exception):
    """The access is UNDEFINED here (no such register, or not at this exception level)."""

    def __init__(self, register: str, why: str) -> None:
        self.register, self.why = register, why
        super().__init__(f"{register} is UNDEFINED: {why}")
