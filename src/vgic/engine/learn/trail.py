"""What is noted of one run of a call: see `vgic.engine.learn.units`."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Vector = list[int]
Effects = list[tuple[int, int]]     # (unit, its new value)


@dataclass(slots=True)
class Segment:
    """A stretch of a trail between two calls of steps. `vector` is the state at its start."""
    vector: Vector
    reads: list[int] = field(default_factory=list)      # each once
    effects: Effects = field(default_factory=list)
    step: int = -1                  # the step called at its end, or -1
    inner: Trail | None = None      # what that did
    read: int = 0                   # the reads as a set, once it is closed

    def close(self) -> None:
        """Nothing more is read."""
        self.read = sum(1 << u for u in self.reads)


@dataclass(slots=True)
class Trail:
    """One run of an action, a rule or a step: its segments, and the number of its result.

    A step that was recalled, not run, has no segments, but only its `effects`.
    """
    segments: list[Segment]
    result: int = 0
    effects: Effects = field(default_factory=list)
    value: Any = None
    raised: Exception | None = None

    def end(self) -> Vector:
        """The state after it."""
        vector = list(self.segments[-1].vector)
        for u, value in self.segments[-1].effects:
            vector[u] = value
        return vector


class Varies(Exception):
    """Slots taken for constants were written: they are units from now on, and all paths are void."""
