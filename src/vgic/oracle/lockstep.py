"""One episode in QEMU and in the model, compared after each operation.

The model runs as the operations are posted: it does the operation, tells what each probe must read, and so is always
a batch ahead. QEMU works on a batch while the model is at the next one. The first disagreement ends the episode; the
two differ for good from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from vgic.arch.machine import VIRT_V2
from vgic.oracle.a64 import Assembler
from vgic.oracle.deviations import DEVIATIONS, Deviation, Sight
from vgic.oracle.episode import Episode, Operation, Reference
from vgic.oracle.machine import MachineOptions
from vgic.oracle.model import Model, gic
from vgic.oracle.probes import SWEEP_EVERY, BoundProbe, Plan, Probe
from vgic.oracle.qemu import How, Outcome, Qemu, how_of
from vgic.oracle.registers import target

BATCH = 256
"""Operations to a batch."""
FAR = 1024
"""A result so many operations ago may no longer be in QEMU's memory: it has been compared, so the model's will do."""
STALE_AFTER = {
    2: frozenset({"GICV_EOIR", "GICV_AEOIR", "GICV_DIR"}),
    3: frozenset({"GICD_ICFGR<n>", "GICR_ICFGR0", "GICR_ICFGR1"}),
}
"""By GIC: registers whose writes QEMU's outputs don't follow at once (deviations v2-stale-twin and v3-stale-config)."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """QEMU and the model disagree.

    Attributes:
        index: of the operation in its episode. what: the operation's own result, or a register read after it.
        where: PE and level of that register. qemu, model: what each says, in words.
    """

    index: int
    what: str
    where: str
    qemu: str
    model: str

    def __str__(self) -> str:
        return f"after operation {self.index + 1}: {self.what} {self.where}: QEMU {self.qemu}, model {self.model}"


@dataclass(slots=True)
class Tally:
    """What a lockstep has done.

    Attributes:
        operations, compared: operations done, register values compared. episodes: run.
        tolerated: by deviation's id, how often it explained a difference.
        wait_seconds: time spent waiting for QEMU.
    """

    operations: int = 0
    compared: int = 0
    episodes: int = 0
    tolerated: dict[str, int] = field(default_factory=dict)
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation in flight."""

    index: int
    operation: Operation
    result: int
    outcome: Outcome
    probes: list[tuple[BoundProbe, int, list[int] | How]]


Watcher = Callable[[Operation, Outcome, "list[tuple[Probe, list[int]]]"], None]
"""Called after each operation with its outcome in the model, and the probes with the model's values."""


class Lockstep:
    """A QEMU, and models run beside it.

    Args:
        qemu: a started machine. changes: options of the model that shall differ from QEMU's choices.
        deviations: what to tolerate. nudge: whether to make QEMU look again after the writes in `STALE_AFTER`.
    """

    def __init__(
        self,
        qemu: Qemu,
        *,
        changes: Mapping[str, object] | None = None,
        deviations: tuple[Deviation, ...] = DEVIATIONS,
        nudge: bool = True,
    ) -> None:
        self.qemu = qemu
        self.options: MachineOptions = qemu.options
        self.changes = changes
        self.deviations = tuple(d for d in deviations if d.concerns(self.options.gic, qemu.machine.version))
        self.plan = Plan(self.options)
        self.tally = Tally()
        self.watcher: Watcher | None = None
        self.model: Model
        self._stale_after = STALE_AFTER[self.options.gic] if nudge else frozenset()

    def restart(self) -> None:
        """After QEMU's death: another one."""
        self.qemu.restart()

    def start(self, *, fiq_to_el3: bool = True) -> None:
        """A new episode: both as after reset."""
        self.qemu.reset(fiq_to_el3=fiq_to_el3)
        self.model = Model(gic(self.options, self.changes), self.options, fiq_to_el3=fiq_to_el3)
        self._bound: dict[Probe, BoundProbe] = {}
        self._results: list[int] = []
        self._values: list[int] = []
        self._steps: list[_Step] = []
        self._flying: list[_Step] = []
        self.tally.episodes += 1

    def run(self, episode: Episode) -> Mismatch | None:
        """Do an episode from its reset; the first difference, None if there is none."""
        if episode.options != self.options:
            raise ValueError(f"the episode is for {episode.options}, this QEMU is {self.options}")
        self.start(fiq_to_el3=episode.fiq_to_el3)
        return self.feed(episode.operations) or self.finish()

    def feed(self, operations: Iterable[Operation]) -> Mismatch | None:
        """Do more operations; a difference may come a batch later, or from `finish`."""
        for operation in operations:
            _, difference = self.step(operation)
            if difference is not None:
                return difference
        return None

    def step(self, operation: Operation) -> tuple[Outcome, Mismatch | None]:
        """Do one operation: its outcome in the model, and a difference that has come to light meanwhile."""
        outside = operation.kind == "line" and not self.qemu.lines.can_drive(operation.intid)
        difference = self.flush(wait=True) if outside and self._steps else None
        if difference is not None:
            return Outcome(How.DONE), difference
        index = len(self._results)
        value = operation.value
        number = self._values[value.index] if isinstance(value, Reference) else value
        far = isinstance(value, Reference) and index - value.index > FAR
        result = self.qemu.post(replace(operation, value=number) if far else operation, self._results)
        outcome = self.model.perform(operation, number)
        if operation.kind == "write" and target(self.options.gic, operation.register).register in self._stale_after:
            mailbox = self.qemu.mailbox
            mailbox.post(mailbox.routine("nudge GICD_CTLR", _nudge), operation.pe, mailbox.flags(self.model.home))
        self._results.append(result)
        self._values.append(outcome.value)
        wanted = self.plan.sweep if index % SWEEP_EVERY == SWEEP_EVERY - 1 else self.plan.after(operation)
        probes = [self._probe(p) for p in wanted]
        self._steps.append(_Step(index, operation, result, outcome, probes))
        self.tally.operations += 1
        if self.watcher is not None:
            seen = [(bound.probe, values) for bound, _, values in probes if not isinstance(values, How)]
            self.watcher(operation, outcome, seen)
        if len(self._steps) >= BATCH:
            difference = self.flush()
        return outcome, difference

    def _probe(self, probe: Probe) -> tuple[BoundProbe, int, list[int] | How]:
        bound = self._bound.get(probe)
        if bound is None:
            bound = self._bound[probe] = BoundProbe(probe, self.qemu.mailbox, self.model, self.options.gic)
        handle = self.qemu.mailbox.post(bound.routine, probe.pe, bound.flags, values=bound.count)
        return bound, handle, bound.expected()

    def finish(self) -> Mismatch | None:
        """Everything done and compared, with a last sweep."""
        if self._steps:
            last = self._steps[-1]
            last.probes.extend(self._probe(p) for p in self.plan.sweep)
        return self.flush(wait=True)

    def flush(self, *, wait: bool = False) -> Mismatch | None:
        """Give QEMU what was posted, and compare the batch before (with `wait`: this one too)."""
        before = time.perf_counter()
        self.qemu.mailbox.go()
        self.tally.wait_seconds += time.perf_counter() - before
        done, self._flying, self._steps = self._flying, self._steps, []
        difference = self._compare(done)
        if difference is None and wait:
            before = time.perf_counter()
            self.qemu.mailbox.wait()
            self.tally.wait_seconds += time.perf_counter() - before
            done, self._flying = self._flying, []
            difference = self._compare(done)
        return difference

    def _compare(self, steps: list[_Step]) -> Mismatch | None:
        mailbox = self.qemu.mailbox
        for step in steps:
            outcome = self.qemu.outcome(step.operation, step.result)
            if outcome != step.outcome and not self._tolerated(
                Sight(step.operation, step.operation.register, outcome.value, step.outcome.value, self.model)
            ):
                op = step.operation
                return Mismatch(step.index, op.text(self.options.gic), "", str(outcome), str(step.outcome))
            for bound, handle, expected in step.probes:
                difference = self._compare_probe(step, bound, mailbox.status(handle), handle, expected)
                if difference is not None:
                    return difference
        return None

    def _compare_probe(
        self, step: _Step, bound: BoundProbe, status: int, handle: int, expected: list[int] | How
    ) -> Mismatch | None:
        probe = bound.probe
        where = f"(PE {probe.pe}, {probe.level})"
        how = how_of(status, self.options.resident)
        if isinstance(expected, How) or how is not How.DONE:
            if how is expected:
                return None
            told = expected.value if isinstance(expected, How) else How.DONE.value
            return Mismatch(step.index, probe.registers[0], where, how.value, told)
        self.tally.compared += bound.count
        values = self.qemu.mailbox.values(handle, bound.count)
        if values == expected:
            return None
        for register, got, wanted in zip(probe.registers, values, expected, strict=True):
            if got != wanted and not self._tolerated(Sight(step.operation, register, got, wanted, self.model)):
                return Mismatch(step.index, register, where, f"{got:#x}", f"{wanted:#x}")
        return None

    def _tolerated(self, sight: Sight) -> bool:
        for deviation in self.deviations:
            if deviation.explains is not None and deviation.explains(sight):
                tolerated = self.tally.tolerated
                tolerated[deviation.id] = tolerated.get(deviation.id, 0) + 1
                return True
        return False


def _nudge(a: Assembler) -> None:
    """Rewrite GICD_CTLR with its own value: QEMU's arm_gic looks at the physical side again."""
    a.mov(1, VIRT_V2.frame("GICD")["CTLR"].address)
    a.load(0, 1, 4)
    a.store(0, 1, 4)
