"""The shortest episode that still shows a difference.

Delta debugging (Zeller and Hildebrandt, 2002): leave out ever smaller pieces as long as some difference remains, then
single operations until none can go. Then values are made simpler. An operation whose operand was read by one that is
left out goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vgic.oracle.episode import Episode, Operation, Reference
from vgic.oracle.errors import OracleDied
from vgic.oracle.lockstep import Lockstep, Mismatch

Fails = Callable[[Episode], Mismatch | None]


def shrink(lockstep: Lockstep, episode: Episode) -> Episode:
    """A shortest episode that differs, from one that does. The same one where it does not differ again.

    A candidate that kills QEMU is none; QEMU is started anew.

    Args:
        lockstep: with the deviations that shall be tolerated. Its QEMU is reset for each try.
    """

    def fails(candidate: Episode) -> Mismatch | None:
        try:
            return lockstep.run(candidate)
        except OracleDied:
            lockstep.restart()
            return None

    return reduce(fails, episode)


def reduce(fails: Fails, episode: Episode) -> Episode:
    """As `shrink`, for any test that says where an episode differs."""
    found = fails(episode)
    if found is None:
        return episode
    what = found.what

    def fails_alike(candidate: Episode) -> Mismatch | None:
        """A difference in the same register: another one might be a known deviation that the episode kept away from."""
        difference = fails(candidate)
        return difference if difference is not None and difference.what == what else None

    # What stands after the difference can't have caused it.
    episode = _first(episode, found.index + 1)
    pieces = 2
    while len(episode.operations) > 1:
        smaller = _without_a_piece(fails_alike, episode, pieces)
        if smaller is not None:
            episode, pieces = smaller, max(pieces - 1, 2)
        elif pieces < len(episode.operations):
            pieces = min(pieces * 2, len(episode.operations))
        else:
            break
    return _simpler_values(fails_alike, episode)


def _first(episode: Episode, count: int) -> Episode:
    return replace(episode, operations=episode.operations[:count])


def _without_a_piece(fails: Fails, episode: Episode, pieces: int) -> Episode | None:
    """The episode without one of so many pieces, if that still differs. Late pieces first: set-up stands in front."""
    count = len(episode.operations)
    size = -(-count // pieces)
    for start in range((count - 1) // size * size, -1, -size):
        kept = [*range(start), *range(start + size, count)]
        candidate = episode.keeping(kept)
        if len(candidate.operations) < count:
            found = fails(candidate)
            if found is not None:
                return _first(candidate, found.index + 1)
    return None


def _simpler_values(fails: Fails, episode: Episode) -> Episode:
    """Each written value with as few bits as still differ."""
    for index in range(len(episode.operations)):
        op = episode.operations[index]
        if op.kind != "write" or isinstance(op.value, Reference):
            continue
        for bit in reversed(range(op.value.bit_length())):
            assert isinstance(op.value, int)
            if not op.value >> bit & 1:
                continue
            simpler = replace(op, value=op.value & ~(1 << bit))
            candidate = _replaced(episode, index, simpler)
            found = fails(candidate)
            if found is not None and found.index == len(episode.operations) - 1:
                episode, op = candidate, simpler
    return episode


def _replaced(episode: Episode, index: int, operation: Operation) -> Episode:
    operations = list(episode.operations)
    operations[index] = operation
    return replace(episode, operations=tuple(operations))
