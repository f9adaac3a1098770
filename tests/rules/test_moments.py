"""The alphabet of moments: who hears what, in which order."""

from __future__ import annotations

import inspect

import pytest

from vgic.rules.checks import KERNEL_CHECKS, MOMENT_CHECKS, RECORDING_CHECKS
from vgic.rules.moments import MOMENTS, Moments, Teller
from vgic.rules.witness import Witness


class Hears(Moments[int]):
    """Notes entries, with who it is and where that was."""

    def __init__(self, name: str, heard: list[tuple[str, int, int]]) -> None:
        self.name, self.heard = name, heard

    def entered(self, who: int) -> None:
        self.heard.append((self.name, who, self.place))


class HearsMore(Hears):
    """Notes exits, too."""

    def left(self, who: int, reason: str) -> None:
        self.heard.append((reason, who, self.place))


def test_listeners_hear_what_they_define_in_their_order() -> None:
    heard: list[tuple[str, int, int]] = []
    tell = Teller([HearsMore("a", heard), Hears("b", heard)])
    tell.place = 7
    tell.entered(1)
    tell.left(1, "kick")
    tell.put(1)
    assert heard == [("a", 1, 7), ("b", 1, 7), ("kick", 1, 7)]


def test_a_moment_that_nobody_hears_calls_nobody() -> None:
    tell = Teller([Hears("a", [])])
    assert "entered" in vars(tell)
    assert not {"left", "put", "finished"} & set(vars(tell))


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_moment_is_documented_and_takes_no_defaults(moment: str) -> None:
    method = getattr(Moments, moment)
    assert (inspect.getdoc(method) or "").endswith((".", ")"))
    assert all(p.default is p.empty for p in inspect.signature(method).parameters.values())


def test_nobody_hears_a_moment_that_there_is_not() -> None:
    """A misspelt method of a check would never be called, and its rule never judged."""
    for check in (*MOMENT_CHECKS, *RECORDING_CHECKS, *KERNEL_CHECKS, Witness):
        own = {name for name, thing in vars(check).items() if inspect.isfunction(thing) and not name.startswith("_")}
        assert own - {"prepare", "broken", "judge", "booted", "parts"} <= set(MOMENTS), check
        assert own & set(MOMENTS), check
