"""One schedule of a scenario: its script, or a random one, step by step, with every rule judged after each.

After a script the machine goes on by itself (what the host, the hypervisor and the guests do when nobody interferes)
until it is at rest, unless the scenario says otherwise. Only there rules about the lost can be judged.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vgic.designs.build import Buildable
from vgic.lab.actions import Acknowledges, Action, Steps
from vgic.lab.errors import ScenarioError
from vgic.lab.lanes import Lane, Scope, State
from vgic.lab.machine import Machine
from vgic.lab.scenario import Scenario
from vgic.lab.story import Story
from vgic.rules.catalogue import RULES
from vgic.rules.checks import MACHINE_RULES, broken
from vgic.rules.judge import Breach
from vgic.rules.list_registers import never_at_rest
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView

REST = "rest"
"""In a script: on by itself until at rest."""


class Step(NamedTuple):
    """One step: the action's name, what happened in words, and what each lane shows afterwards."""

    number: int
    action: str
    what: str
    shown: tuple[State, ...]


class Run(NamedTuple):
    """What came of one schedule.

    Attributes:
        scenario, design: what ran. list_registers: of each PE. lanes: what is shown. steps: what happened.
        breaches: the first of each rule; its place is the step. judged: how often each rule was judged. counts: how
            often what happened. at_rest: whether the machine came to rest at the end. skipped: what the script asks
            and wasn't possible.
    """

    scenario: Scenario
    design: str
    list_registers: int
    lanes: tuple[Lane, ...]
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


class Schedule:
    """Runs one schedule. ScenarioError for an action that there isn't, or that isn't possible when its turn comes.

    Args:
        scenario: what runs. design: what it is built of, or the design's class. list_registers: instead of the
            scenario's. listeners: hear everything, too. lenient: what a script asks and isn't possible is left out.
    """

    def __init__(
        self, scenario: Scenario, design: Buildable, list_registers: int | None = None,
        listeners: Iterable[Moments[VcpuView]] = (), lenient: bool = False,
    ) -> None:
        self.scenario, self.lenient = scenario, lenient
        self.story = Story(design.name, sum(len(vm.vcpu) for vm in scenario.vm) == 1)
        self.machine = Machine(scenario, design, (self.story, *listeners), list_registers)
        self.story.counts.clear()
        for run in self.machine.vcpus:
            self.story.states[run.name] = "running" if run.vcpu.in_guest else "off" if run.vcpu.off else "preempted"
        self.scope = Scope(self.machine, self.story)
        self.steps: list[Step] = []
        self.breaches: dict[int, Breach] = {}
        self.skipped: list[str] = []
        self.judged = 0

    def run(self, script: Sequence[str] | None = None) -> Run:
        """The script (the scenario's, if none is given), then on to rest."""
        for n, name in enumerate(self.scenario.run.script if script is None else script):
            self._scripted(n, name)
        at_rest = self._finish() if self.scenario.run.finish else self.machine.quiescent()
        return self._result(at_rest)

    def so_far(self) -> Run:
        """What has been done of it, where it ended early."""
        return self._result(False)

    def random(self, seed: int, steps: int) -> Run:
        """So many steps drawn from the scenario's alphabet, then on to rest."""
        rng = random.Random(seed)
        alphabet = self.machine.alphabet()
        while len(self.steps) < steps:
            if not any(self._take(action) for action in rng.sample(alphabet, len(alphabet))):
                break
        return self._result(self._finish())._replace(seed=seed)

    def _scripted(self, n: int, name: str) -> None:
        if name == REST:
            self._finish()
            return
        where = f"{self.scenario.where('run', 'script', n)}: run: script {n}"
        actions = self.machine.actions
        action = actions.get(name)
        if action is None:
            close = difflib.get_close_matches(name, list(actions), 1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(actions)}"
            raise ScenarioError(f"{where}: no action {name!r}: {hint}")
        if self._take(action):
            return
        if self.lenient:
            self.skipped.append(name)
        else:
            can = ", ".join(str(other) for other in self.machine.fair if other.possible())
            raise ScenarioError(
                f"{where}: {name!r} is not possible at step {len(self.steps) + 1}"
                f" (design {self.story.design_name}); what can happen by itself: {can or 'nothing'}")

    def _take(self, action: Action) -> bool:
        self.story.begin()
        if not action.do():
            return False
        name = str(action)
        self.steps.append(Step(len(self.steps) + 1, name, self.story.end() or name, self.scope.states()))
        self._judge()
        return True

    def _judge(self) -> None:
        for n in MACHINE_RULES:
            self.judged += 1
            what = broken(n, self.machine)
            if what is not None:
                self._broken(n, what)

    def _broken(self, rule: int, what: str) -> None:
        if rule not in self.breaches:
            self.breaches[rule] = Breach(RULES[rule], len(self.steps), what)

    def _finish(self) -> bool:
        """On by itself; whether it came to rest. Where it does not and no guest made a step but WFI, rule 17 is broken;
        a guest that goes on for ever, as one that never serves its device, breaks none by that."""
        stepped = False
        for _ in range(self.scenario.run.most):
            action = next((action for action in self.machine.fair if self._take(action)), None)
            if action is None:
                return True
            waits = "executes WFI" in self.steps[-1].what
            stepped = stepped or isinstance(action, Acknowledges) or (isinstance(action, Steps) and not waits)
        if not stepped:
            self._broken(17, never_at_rest(self.scenario.run.most))
        return False

    def _result(self, at_rest: bool) -> Run:
        return Run(
            self.scenario, self.story.design_name, len(self.machine.gic.virtual[0].lrs), self.scope.lanes(),
            tuple(self.steps), tuple(sorted(self.breaches.values(), key=lambda b: b.place)), self.judged,
            dict(sorted(self.story.counts.items())), at_rest, skipped=tuple(self.skipped))
