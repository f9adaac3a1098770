"""The state of a replay, taken and put back: the chip's snapshot, and what the replay remembers itself."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from vgic.silicon.snapshot import Snapshot
from vgic.trace.replay import Replay


class Moment(NamedTuple):
    """One moment of a replay: its chip, and the replay's memory."""

    chip: Snapshot
    sent: dict[tuple[int, int], int]
    sending: dict[int, tuple[int, list[int]]]
    sgis_told: bool
    untold: frozenset[str]
    lpi_priority: dict[str, int]
    ghosts: dict[tuple[int, str], int]


def take(replay: Replay) -> Moment:
    """The moment now."""
    return Moment(replay.chip.snapshot(), dict(replay.sgis.sent), dict(replay.sgis.sending), replay.sgis.told,
                  frozenset(replay.untold), dict(replay.lpis.priority), dict(replay.lpis.ghosts))


def put(moment: Moment, replay: Replay) -> None:
    """Back to that moment, of this replay or of another whose chip has the same options."""
    replay.chip.restore(moment.chip)
    replay.sgis.sent = Counter(moment.sent)
    replay.sgis.sending = dict(moment.sending)
    replay.sgis.told = moment.sgis_told
    replay.untold = set(moment.untold)
    replay.lpis.priority = dict(moment.lpi_priority)
    replay.lpis.ghosts = dict(moment.ghosts)
