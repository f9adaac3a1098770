"""The state of a replay, taken and put back: of the chip's parts, and of what the replay remembers itself.

A part's slots hold immutables alone (`vgic.parts`), so a snapshot is a tuple for each part, and putting it back writes
only to the parts that are different.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from vgic.silicon import Gic
from vgic.trace.replay import Replay


class Snapshot(NamedTuple):
    """One moment: the slots of every part, and the replay's memory."""

    parts: list[Any]
    sent: dict[tuple[int, int], int]
    sending: dict[int, tuple[int, list[int]]]
    sgis_told: bool
    untold: frozenset[str]
    lpi_priority: dict[str, int]
    ghosts: dict[tuple[int, str], int]


class Keeper:
    """Takes and puts back snapshots of one chip; those of another chip with the same configuration fit too."""

    def __init__(self, chip: Gic) -> None:
        self.parts = chip.parts()
        self.slots = [_slots(type(part)) for part in self.parts]
        getters: dict[type, Callable[[Any], Any]] = {}
        for part, slots in zip(self.parts, self.slots, strict=True):
            getters.setdefault(type(part), attrgetter(*slots, slots[0]))
        self.getters = [getters[type(part)] for part in self.parts]

    def state(self) -> list[Any]:
        """The slots of every part."""
        return [get(part) for get, part in zip(self.getters, self.parts, strict=True)]

    def take(self, replay: Replay) -> Snapshot:
        """The moment now."""
        return Snapshot(self.state(), dict(replay.sgis.sent), dict(replay.sgis.sending), replay.sgis.told,
                        frozenset(replay.untold), dict(replay.lpi_priority), dict(replay.ghosts))

    def put(self, snapshot: Snapshot, replay: Replay) -> None:
        """Back to that moment."""
        for now, then, part, slots in zip(self.state(), snapshot.parts, self.parts, self.slots, strict=True):
            if now != then:
                for slot, value in zip(slots, then, strict=False):      # `then` has the first slot's value once more
                    setattr(part, slot, value)
        replay.sgis.sent = Counter(snapshot.sent)
        replay.sgis.sending = dict(snapshot.sending)
        replay.sgis.told = snapshot.sgis_told
        replay.untold = set(snapshot.untold)
        replay.lpi_priority = dict(snapshot.lpi_priority)
        replay.ghosts = dict(snapshot.ghosts)


def _slots(cls: type) -> tuple[str, ...]:
    return tuple(slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ()))
