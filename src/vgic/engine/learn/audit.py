"""Whether a model keeps the contract, looked at while it is learned: constants stay, and actions are deterministic."""
from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

from vgic.engine.learn.trail import Trail, Varies, Vector
from vgic.engine.learn.units import Units
from vgic.engine.model.contract import NO_PART, Call, ModelError
from vgic.engine.model.culprit import line_of
from vgic.engine.model.values import shown

_SELDOM: Final = 20                 # so many times longer than a look at all constants, they are not looked at


class Audit:
    """The checks of one model, and the runs since its constants were looked at."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self._runs: list[tuple[str, Call, Vector]] = []
        self._look_again = 0.0

    def note(self, name: str, call: Call, vector: Vector) -> None:
        """A run begins: it is to blame if a constant has changed."""
        self._runs.append((name, call, vector))

    def constants(self, now: bool = False) -> None:
        """Raise ModelError if a run since the last look has changed something that is no part.

        Looking takes time: it is done where much more time has passed since, or `now`.
        """
        began = time.perf_counter()
        if not now and began < self._look_again:
            return
        suspect = self.units.seal.suspect()
        if suspect is not None:
            self._find_culprit(suspect)
        self._runs.clear()
        ended = time.perf_counter()
        self._look_again = ended + _SELDOM * (ended - began)

    def _find_culprit(self, suspect: int) -> NoReturn:
        seal = self.units.seal
        what = seal.change(suspect) or "something that is no part"
        seal.restore()
        before, culprit = seal.change(suspect), "one of the actions"
        for name, call, vector in self._runs:
            with suppress(Varies):
                self.units.run(call, vector)
            again = seal.change(suspect)
            if again is not None and again != before:
                line = line_of(seal, suspect, partial(self.units.run, call, vector))
                what, culprit = f"{again}{f' in {line}' if line else ''}", name
                break
        raise ModelError(f"{culprit} changes {what}: {NO_PART}")

    def repeats(self, name: str, call: Call, vector: Vector, trail: Trail) -> None:
        """Run once more, and raise ModelError if the two runs differ: they are not deterministic."""
        a, b = self._story(trail), self._story(self.units.run(call, vector))
        if a != b:
            self._runs = [(name, call, vector)]
            self.constants(now=True)
            i = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            first, second = (s[i] if i < len(s) else "ends" for s in (a, b))
            raise ModelError(f"{name} is not deterministic: run twice from the same state, it first {first}, then"
                             f" {second}. The state: {self.units.describe(vector)}")

    def _story(self, trail: Trail) -> list[str]:
        units = self.units
        out: list[str] = []
        for s in trail.segments:
            out += [f"reads {units.where(u)}" for u in s.reads]
            out += [f"writes {units.where(u)} = {shown(units.values[u][v])}" for u, v in s.effects]
            if s.inner is not None:
                out += [f"calls {units.step_names[s.step]}", *self._story(s.inner)]
        out.append(f"raises {shown(trail.raised)}" if trail.raised else
                   "returns False" if trail.value is False else f"returns result {trail.result}")
        return out
