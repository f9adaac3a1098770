"""Many episodes of one kind, from one seed on: what `vgic oracle run` does.

Each episode has its own seed, its number: a difference is found again from its kind, PEs and seed alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vgic.oracle.coverage import Coverage
from vgic.oracle.episode import Episode, Operation
from vgic.oracle.errors import OracleDied
from vgic.oracle.generate import KINDS, Generator
from vgic.oracle.lockstep import Lockstep, Mismatch, Tally
from vgic.oracle.machine import MachineOptions
from vgic.oracle.qemu import Qemu
from vgic.oracle.shrink import shrink

EPISODE = 500
"""Operations of an episode."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, or QEMU's death.

    Attributes:
        seed: of the episode. difference: what differs at the end of `episode`, None where QEMU died.
        episode: the shortest that shows it; for a death, all that was done. death: what QEMU said.
    """

    seed: int
    episode: Episode
    difference: Mismatch | None = None
    death: str = ""

    def text(self) -> str:
        """The episode as a script, with what it shows."""
        comment = f"{self.difference}" if self.difference is not None else self.death
        return replace(self.episode, comment=comment).text()


@dataclass(slots=True)
class Campaign:
    """What many episodes of one kind came to.

    Attributes:
        kind, options, seed: what ran, and from which seed on. qemu: its version. tally: how much was compared.
        coverage: which situations were met. finding: what differs, None where nothing does. seconds: it took.
    """

    kind: str
    options: MachineOptions
    seed: int
    qemu: str = ""
    tally: Tally = field(default_factory=Tally)
    coverage: Coverage = field(default_factory=Coverage)
    finding: Finding | None = None
    seconds: float = 0.0


def options_of(kind: str, pes: int) -> MachineOptions:
    """The machine that a kind of episode runs on. KeyError for an unknown kind."""
    generator = KINDS[kind]
    return MachineOptions(generator.GIC, pes, generator.SECURITY)


def campaign(
    kind: str,
    operations: int,
    seed: int,
    *,
    pes: int = 1,
    changes: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    shrinking: bool = True,
) -> Campaign:
    """Run episodes until so many operations are done or a difference is found, which is then shrunk.

    Args:
        kind: of `KINDS`. operations: how many at least. seed: of the first episode. pes: PEs of the machine.
        changes: options of the model that shall differ from QEMU's choices.
        progress: called after each episode with the operations done and wanted.
        shrinking: whether to shrink a difference.

    Raises:
        OracleAbsent, OracleError: there is no QEMU, or it is stuck.
    """
    options = options_of(kind, pes)
    done = Campaign(kind, options, seed)
    start = time.perf_counter()
    with Qemu(options) as qemu:
        lockstep = Lockstep(qemu, changes=changes)
        lockstep.watcher = done.coverage
        done.qemu, done.tally = qemu.machine.version, lockstep.tally
        while lockstep.tally.operations < operations and done.finding is None:
            done.coverage.begin()
            done.finding = _one(lockstep, KINDS[kind](seed, options), seed, shrinking)
            seed += 1
            if progress is not None:
                progress(lockstep.tally.operations, operations)
    done.seconds = time.perf_counter() - start
    return done


def _one(lockstep: Lockstep, generator: Generator, seed: int, shrinking: bool) -> Finding | None:
    operations: list[Operation] = []
    try:
        difference = _generated(lockstep, generator, operations)
    except OracleDied as death:
        lockstep.restart()
        episode = Episode(lockstep.options, tuple(operations), seed, generator.fiq_to_el3)
        return Finding(seed, episode, death=str(death))
    if difference is None:
        return None
    done = operations[: difference.index + 1]
    episode = Episode(lockstep.options, tuple(done), seed, generator.fiq_to_el3)
    if shrinking:
        tally, watcher = lockstep.tally, lockstep.watcher
        lockstep.tally, lockstep.watcher = Tally(), None
        episode = shrink(lockstep, episode)
        difference = lockstep.run(episode) or difference
        lockstep.tally, lockstep.watcher = tally, watcher
    return Finding(seed, episode, difference)


def _generated(lockstep: Lockstep, generator: Generator, operations: list[Operation]) -> Mismatch | None:
    """One episode, generated as it goes."""
    lockstep.start(fiq_to_el3=generator.fiq_to_el3)
    generator.model = lockstep.model
    preamble = iter(generator.preamble())
    while len(operations) < EPISODE:
        operation = next(preamble, None) or generator.next()
        operations.append(operation)
        outcome, difference = lockstep.step(operation)
        if difference is not None:
            return difference
        generator.observe(operation, outcome)
    return lockstep.finish()
