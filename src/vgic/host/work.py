"""A timer of the kernel's own (an hrtimer): it fires a function once the system counter has reached a deadline."""

from __future__ import annotations

from collections.abc import Callable

from vgic.parts import Part


class SoftTimer(Part):
    """One timer. Whoever drives the machine looks at `due` as time passes, and calls `fire`.

    Attributes:
        deadline: count of the system counter (CNTPCT_EL0) at which it fires, None while it is not armed.
        function: called when it fires.
    """

    __slots__ = ("deadline", "function")

    def __init__(self, function: Callable[[], None]) -> None:
        self.deadline: int | None = None
        self.function = function

    def arm(self, deadline: int) -> None:
        """Fire when the system counter reaches the deadline; an earlier arming is forgotten."""
        self.deadline = deadline

    def cancel(self) -> None:
        """Don't fire."""
        self.deadline = None

    def due(self, count: int) -> bool:
        """Whether it fires at this count."""
        return self.deadline is not None and count >= self.deadline

    def fire(self) -> None:
        """Disarm and call the function."""
        self.deadline = None
        self.function()
