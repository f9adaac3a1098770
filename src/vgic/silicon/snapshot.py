"""The state of a device at one moment, as data: what `snapshot()` gives and `restore()` takes.

All that changes lies in parts, small objects whose slots hold immutable values. So a snapshot is a tuple of values for
each part, in the order of `parts()`: it can be kept, compared, hashed and pickled, and says nothing of the objects that
it was taken from. Whatever has the same options takes it. Putting it back writes only to the parts that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple


class Snapshot(NamedTuple):
    """One moment of a device.

    Attributes:
        of: what it was taken of, in words. options: how that was built. parts: the values of each part's slots.
    """

    of: str
    options: Hashable
    parts: tuple[tuple[Any, ...], ...]


class SnapshotError(ValueError):
    """A snapshot that does not fit the device that it shall be restored on."""


class _Kind:
    """A class of parts: the names of its slots, and what gives their values."""

    def __init__(self, cls: type) -> None:
        self.slots = tuple(slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ()))
        several = attrgetter(*self.slots) if len(self.slots) > 1 else None
        self.values: Callable[[Any], tuple[Any, ...]] = several if several is not None else self._one_by_one

    def _one_by_one(self, part: object) -> tuple[Any, ...]:
        return tuple(getattr(part, slot) for slot in self.slots)


class _Kinds(dict[type, _Kind]):
    """Each class of parts that was met."""

    def __missing__(self, cls: type) -> _Kind:
        kind = self[cls] = _Kind(cls)
        return kind


_KINDS = _Kinds()


def values(parts: Sequence[object]) -> tuple[tuple[Any, ...], ...]:
    """What the slots of each part hold."""
    return tuple([_KINDS[type(part)].values(part) for part in parts])


def put(parts: Sequence[object], then: Sequence[tuple[Any, ...]]) -> None:
    """The parts hold these values again."""
    for part, old in zip(parts, then, strict=True):
        kind = _KINDS[type(part)]
        if kind.values(part) != old:
            for slot, value in zip(kind.slots, old, strict=True):
                setattr(part, slot, value)


def check(snapshot: Snapshot, of: str, options: Hashable, choices: Callable[[Any], Mapping[str, object]]) -> None:
    """SnapshotError, with what differs, where a snapshot is of another kind of device or of other options; `choices`
    gives the names and values of options."""
    if not isinstance(snapshot, Snapshot):
        raise SnapshotError(f"{of} takes a snapshot, this is {type(snapshot).__name__}")
    if snapshot.of != of:
        raise SnapshotError(f"a snapshot of {snapshot.of} can't be restored on {of}")
    if snapshot.options == options:
        return
    there, here = choices(snapshot.options), choices(options)
    differ = [f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
              for name in {**there, **here} if there.get(name) != here.get(name)]
    raise SnapshotError(f"a snapshot of {of} with other options can't be restored: {', '.join(differ)}")
