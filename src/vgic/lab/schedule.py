"""One schedule of a scenario: its script, or a random one, step by step, with every rule judged after each.

After a script the machine goes on by itself (what the host, the hypervisor and the guests do when nobody interferes)
until it is at rest, unless the scenario says otherwise. Only there rules about the lost can be judged.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from vgic.designs.build import Buildable
from vgic.lab.errors import ScenarioError
from vgic.lab.guest import intid_of
from vgic.lab.machine import Machine
from vgic.lab.observe import Both, Observer
from vgic.lab.scenario import Scenario
from vgic.lab.story import Story
from vgic.lab.vms import pintid_of
from vgic.rules.catalogue import RULES, Rule
from vgic.rules.state import STATE_RULES
from vgic.silicon.interrupt import STATE_NAMES
from vgic.silicon.timer import Timer

REST = "rest"
"""In a script: on by itself until at rest."""


class Step(NamedTuple):
    """One step: the action's name, what happened in words, and each lane's text afterwards."""

    number: int
    action: str
    what: str
    cells: tuple[str, ...]


class Breach(NamedTuple):
    """A broken rule: at which step, and how."""

    rule: Rule
    step: int
    what: str


class Run(NamedTuple):
    """What came of one schedule.

    Attributes:
        scenario, design: what ran. list_registers: of each PE. lanes: their names. steps: what happened.
        breaches: the first of each rule. judged: how often each rule was judged. counts: how often what happened.
        at_rest: whether the machine came to rest at the end. skipped: what the script asks and wasn't possible.
    """

    scenario: Scenario
    design: str
    list_registers: int
    lanes: tuple[str, ...]
    steps: tuple[Step, ...]
    breaches: tuple[Breach, ...]
    judged: int
    counts: dict[str, int]
    at_rest: bool
    seed: int | None = None
    skipped: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[int, ...]:
        """The ids of the rules that are broken, in order."""
        return tuple(sorted({b.rule.id for b in self.breaches}))

    @property
    def holds(self) -> bool:
        """Whether no rule is broken."""
        return not self.breaches

    @property
    def actions(self) -> tuple[str, ...]:
        """The schedule, as a script."""
        return tuple(step.action for step in self.steps)


class Scope:
    """What is shown of a machine: its lanes, and their text now."""

    def __init__(self, machine: Machine, story: Story) -> None:
        self.m, self.story = machine, story
        self.columns: list[tuple[str, Callable[[], str]]] = []
        for spec in machine.scenario.device:
            self._device(spec)
        for pe, interface in enumerate(machine.gic.virtual):
            for lr in interface.lrs:
                self.columns.append((f"LR{lr.index}@pe{pe}", partial(_lr, lr)))
        for run in machine.vcpus:
            self.columns.append((run.name, partial(self._vcpu, run)))

    def _device(self, spec: Any) -> None:
        m = self.m
        if spec.kind == "timer":
            ppi = pintid_of(spec)
            for pe in range(m.pes):
                many = f"@pe{pe}" if m.pes > 1 else ""
                timer = m.timers.timers[pe][spec.timer]
                self.columns.append((f"line {ppi}{many}", partial(_line, timer)))
                self.columns.append((f"PPI {ppi}@pe{pe}", partial(_state, m, ppi, pe)))
            return
        device = next(d for d in m.devices if d.spec is spec)
        if spec.kind == "level":
            self.columns.append((f"line {device.name}", lambda: _level(device.line.high)))
        if spec.intid is not None:
            self.columns.append((f"SPI {spec.intid}", lambda: _state(m, spec.intid, 0)))

    def _vcpu(self, run: Any) -> str:
        state = self.story.states.get(run.name, "-")
        stack = run.guest.state.stack
        return f"{state}, in {'/'.join(str(intid_of(iar)) for iar, _ in stack)}" if stack else state

    def names(self) -> tuple[str, ...]:
        """The lanes."""
        return tuple(name for name, _ in self.columns)

    def cells(self) -> tuple[str, ...]:
        """Their text now."""
        return tuple(show() for _, show in self.columns)


def _line(timer: Timer) -> str:
    return _level(timer.line)


def _level(high: bool) -> str:
    return "high" if high else "low"


def _state(m: Machine, intid: int, pe: int) -> str:
    irq = m.gic.distributor.find(intid, pe)
    return "-" if irq is None else STATE_NAMES[irq.state()] + ("" if irq.enabled else " masked")


def _lr(lr: Any) -> str:
    if lr.state == 0 and not lr.vintid:
        return "-"
    if lr.state == 0:
        return "I"
    twin = f" -> {lr.pintid} HW" if lr.hw else " EOI" if lr.eoi else ""
    source = f" from {lr.cpuid}" if lr.vintid < 16 and lr.cpuid else ""
    return f"{STATE_NAMES[lr.state]:<2} {lr.vintid}{source}{twin}"


class Schedule:
    """Runs one schedule. ScenarioError for an action that there isn't, or that isn't possible when its turn comes.

    Args:
        scenario: what runs. design: what it is built of, or the design's class.
        list_registers: instead of the scenario's. observer: told everything, too.
        lenient: what a script asks and isn't possible is left out.
    """

    def __init__(
        self, scenario: Scenario, design: Buildable, list_registers: int | None = None,
        observer: Observer | None = None, lenient: bool = False,
    ) -> None:
        self.scenario, self.lenient = scenario, lenient
        guests = {vm.gic or scenario.machine.gic for vm in scenario.vm}
        self.story = Story(design.name, guests == {2})
        heard: Observer = self.story if observer is None else Both(self.story, observer)
        self.machine = Machine(scenario, design, heard, list_registers)
        self.story.counts.clear()
        self.story.begin()
        for run in self.machine.vcpus:
            self.story.names[id(run.vcpu)] = run.name
            self.story.states[run.name] = "running" if run.vcpu.in_guest else "preempted"
        self.scope = Scope(self.machine, self.story)
        self.steps: list[Step] = []
        self.breaches: dict[int, Breach] = {}
        self.skipped: list[str] = []
        self.judged = 0
        self.choices = self.machine.all_actions()

    def run(self, script: Sequence[str] | None = None) -> Run:
        """The script (the scenario's, if none is given), then on to rest."""
        for n, name in enumerate(self.scenario.run.script if script is None else script):
            self._scripted(n, name)
        at_rest = self._finish() if self.scenario.run.finish else self.machine.quiescent()
        return self._result(at_rest)

    def random(self, seed: int, steps: int) -> Run:
        """So many steps drawn from the scenario's alphabet, then on to rest."""
        rng = random.Random(seed)
        alphabet = self.machine.actions()
        while len(self.steps) < steps:
            for name, call in rng.sample(alphabet, len(alphabet)):
                if self._take(name, call):
                    break
            else:
                break
        return self._result(self._finish())._replace(seed=seed)

    def _scripted(self, n: int, name: str) -> None:
        if name == REST:
            self._finish()
            return
        where = f"{self.scenario.where('run', 'script', n)}: run: script {n}"
        call = self.choices.get(name)
        if call is None:
            close = difflib.get_close_matches(name, list(self.choices), 1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(self.choices)}"
            raise ScenarioError(f"{where}: no action {name!r}: {hint}")
        if self._take(name, call):
            return
        if self.lenient:
            self.skipped.append(name)
        else:
            can = ", ".join(other for other, c in self.machine.fair() if self._possible(other))
            raise ScenarioError(
                f"{where}: {name!r} is not possible at step {len(self.steps) + 1}"
                f" (design {self.story.design_name}); what can happen by itself: {can or 'nothing'}")

    def _possible(self, name: str) -> bool:
        m = self.machine
        words = name.split()
        if name in m.work:
            return m.can_run(m.work[name])
        if words[1] == "takes":
            return m.can_take(int(words[0][2:]))
        run = m.by_name[words[0]]
        return {"blocks": lambda: run.sched.blocking, "kicked": lambda: m.can_kick_out(run),
                "acks": lambda: m.steps.can_ack(run),
                "steps": lambda: m.steps.can_step(run), "enters": lambda: m.can_enter(run),
                "loaded": lambda: m.can_load(run, run.home)}[words[1]]()

    def _take(self, name: str, call: Callable[[], bool]) -> bool:
        self.story.begin()
        if not call():
            return False
        what = self.story.end() or name
        self.steps.append(Step(len(self.steps) + 1, name, what, self.scope.cells()))
        self._judge()
        return True

    def _judge(self) -> None:
        for rule, check in STATE_RULES:
            self.judged += 1
            what = check(self.machine)
            if what is not None and rule.id not in self.breaches:
                self.breaches[rule.id] = Breach(rule, len(self.steps), what)

    def _finish(self) -> bool:
        """On by itself; whether it came to rest. Where it does not and no guest made a step but WFI, rule 17 is broken;
        a guest that goes on for ever, as one that never serves its device, breaks none by that."""
        first = len(self.steps)
        for _ in range(self.scenario.run.most):
            if not any(self._take(name, call) for name, call in self.machine.fair()):
                return True
        guests = any(
            step.action.endswith(" acks") or (step.action.endswith(" steps") and "executes WFI" not in step.what)
            for step in self.steps[first:])
        if not guests and 17 not in self.breaches:
            self.breaches[17] = Breach(RULES[17], len(self.steps), f"the machine is not at rest after"
                                       f" {self.scenario.run.most} more steps in which nothing new came")
        return False

    def _result(self, at_rest: bool) -> Run:
        return Run(
            self.scenario, self.story.design_name, len(self.machine.gic.virtual[0].lrs), self.scope.names(),
            tuple(self.steps), tuple(sorted(self.breaches.values(), key=lambda b: b.step)), self.judged,
            dict(sorted(self.story.counts.items())), at_rest, skipped=tuple(self.skipped))
