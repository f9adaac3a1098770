"""What a replay tells: differences from the chip, and steps of an interrupt's life."""

from __future__ import annotations

from typing import NamedTuple

from vgic.silicon.virtual_interface import ListRegister


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


class Step(NamedTuple):
    """Something that happened to an interrupt, for whoever tells its life.

    Attributes:
        line: of the recording. pe: where. kind: line, iar, viar, end, vend, lr. register: its name.
        intid: physical or virtual INTID. value: as written or read. lr: the list register concerned.
        before: for lr: the list register's state before it was written (state, hw, pintid, vintid).
    """

    line: int
    pe: int | None
    kind: str
    register: str
    intid: int
    value: int
    lr: ListRegister | None
    before: tuple[int, bool, int, int] | None
