"""What can be wrong with what a user gave: a scenario, a design, a profile."""

from __future__ import annotations


class ScenarioError(Exception):
    """A file or an argument can't be used. The message says where (file, line, key), what, and what was expected."""


class NotOffered(ScenarioError):
    """A scenario needs what its design does not offer: it is well, and so is the design."""


class DesignFailed(ScenarioError):
    """A design raised an exception while it ran.

    Attributes:
        traceback: the frames from the design's own file on, as Python shows them.
    """

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(f"{message}\n{traceback.rstrip()}")
        self.traceback = traceback
