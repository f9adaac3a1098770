"""What a replay finds: where the recording differs from the chip."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """The recording says something else than the chip.

    Attributes:
        line: of the recording. pe: None where it isn't told. what: register or event. expected: by the chip.
        got: in the recording. state: lines of the state around it.
    """

    line: int
    pe: int | None
    what: str
    expected: str
    got: str
    state: tuple[str, ...]
