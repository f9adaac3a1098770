"""`vgic run`: a scenario, one schedule, as lanes with a verdict."""

from __future__ import annotations

import textwrap
from typing import Any

from vgic.designs.base import Unsupported
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import design_file, find_design, find_scenario, guarded
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Run, Schedule
from vgic.rules.checks import MACHINE_RULES
from vgic.view.lanes import WIDTH, Lanes, Row

LONGEST = 10_000
"""Steps of a random schedule."""


class RunReport:
    """What `vgic run` says."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    def exit_status(self) -> int:
        """0 where all rules hold, 1 where one is broken or the machine does not come to rest."""
        return 0 if self.run.holds and (self.run.at_rest or not self.run.scenario.run.finish) else 1

    def heading(self) -> str:
        """What ran."""
        r = self.run
        return heading(r.scenario, r.list_registers, f"{r.design}{f', seed {r.seed}' if r.seed is not None else ''}")

    def lanes(self) -> Lanes:
        """The steps; what a rule says stands below the step that broke it."""
        r = self.run
        used = [n for n, name in enumerate(r.lanes)
                if not name.startswith("LR") or any(step.cells[n] != "-" for step in r.steps)]
        rows = []
        for step in r.steps:
            notes = tuple(f"rule {b.rule.id}: {b.what}" for b in r.breaches if b.step == step.number)
            rows.append(Row(step.number, step.what, tuple(step.cells[n] for n in used), notes=notes))
        return Lanes([r.lanes[n] for n in used], rows)

    def sums(self) -> str:
        """What was delivered, and what it took."""
        c = self.run.counts
        reasons = ", ".join(f"{c[k]} {k[5:]}" for k in sorted(c) if k.startswith("exit ") and c[k])
        exits = f"{many(c.get('exit', 0), 'exit')}{f' ({reasons})' if reasons else ''}"
        text = (f"{many(c.get('acknowledged', 0), 'interrupt')} acknowledged, {c.get('ended', 0)} ended by its guest;"
                f" {exits}; {many(c.get('host interrupt', 0), 'host interrupt')}.")
        if self.run.skipped:
            text += f" Left out, as not possible with this design: {', '.join(self.run.skipped)}."
        return textwrap.fill(text, WIDTH)

    def verdict(self) -> str:
        """Which rules are broken, or that all hold."""
        r = self.run
        lines = []
        if not r.at_rest and r.scenario.run.finish:
            lines.append(textwrap.fill(
                f"NOT AT REST after {r.scenario.run.most} steps in which nothing new came: whether something is lost"
                " was not judged at the end.", WIDTH))
        if r.holds:
            lines.append(f"Rules {_ranges(list(MACHINE_RULES))} judged {r.judged:,} times: all hold.")
        for b in r.breaches:
            lines.append(textwrap.fill(f"BROKEN  rule {b.rule.id}  {b.rule.sentence}  ({b.rule.section})", WIDTH,
                                       subsequent_indent="        "))
            lines.append(textwrap.fill(f"step {b.step}: {b.what}.", WIDTH, initial_indent="        ",
                                       subsequent_indent="        "))
        return "\n".join(lines)

    def text(self) -> str:
        """The whole."""
        return "\n\n".join((self.heading(), self.lanes().text(), f"{self.sums()}\n{self.verdict()}")) + "\n"

    def json(self) -> dict[str, Any]:
        """The same as data."""
        r = self.run
        return {
            "scenario": r.scenario.name, "title": r.scenario.title, "design": r.design, "seed": r.seed,
            "list_registers": r.list_registers, "holds": r.holds, "expected": r.scenario.expect,
            "broken": [{"rule": b.rule.id, "sentence": b.rule.sentence, "section": b.rule.section, "step": b.step,
                        "what": b.what} for b in r.breaches],
            "at_rest": r.at_rest, "skipped": list(r.skipped), "judged": r.judged, "counts": r.counts,
            "script": list(r.actions), "steps": self.lanes().json()}


def _ranges(numbers: list[int]) -> str:
    """1-23, 33-35, 39."""
    ends: list[list[int]] = []
    for n in numbers:
        if ends and ends[-1][1] == n - 1:
            ends[-1][1] = n
        else:
            ends.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ends)


def many(n: int, what: str) -> str:
    """So many of something, in words."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def perform(
    scenario: Scenario, design: str | None = None, *, seed: int | None = None, steps: int | None = None,
    list_registers: int | None = None,
) -> Run:
    """One schedule of a scenario. ScenarioError where it can't be run."""
    cls = find_design(design or scenario.design)

    def whole() -> Run:
        schedule = Schedule(scenario, cls, list_registers, lenient=cls.name != scenario.design)
        return schedule.run() if seed is None else schedule.random(seed, steps or 40)

    try:
        return guarded(design_file(cls), f"{scenario.name}: design {cls.name} failed", whole)
    except Unsupported as e:
        raise ScenarioError(f"{scenario.name}: {e}") from e


def run(
    scenario: str, *, design: str | None = None, seed: int | None = None, steps: int | None = None,
) -> RunReport:
    """`vgic run`.

    Args:
        scenario: a name, or a file. design: instead of the scenario's. seed: for a random schedule instead of the
            script. steps: of a random schedule, 1 to 10,000.
    """
    if steps is not None and not 1 <= steps <= LONGEST:
        raise ScenarioError(f"--steps {steps}: expected 1 to {LONGEST:,}")
    if steps is not None and seed is None:
        raise ScenarioError(f"--steps {steps}: expected --seed too: a script has its own steps")
    return RunReport(perform(find_scenario(scenario), design, seed=seed, steps=steps))


def heading(s: Scenario, list_registers: int, design: str) -> str:
    """The machine of a scenario, and its design, in a line or two; its title."""
    vms = f"{len(s.vm)} VMs, " if len(s.vm) > 1 else ""
    vcpus = many(sum(len(vm.vcpu) for vm in s.vm), "vCPU")
    words = (f"GICv{s.machine.gic}, {many(list_registers, 'list register')}, {many(s.machine.pes, 'PE')}, "
             f"{vms}{vcpus}, design {design}")
    return textwrap.fill(f"{s.name}   {words}", WIDTH) + "\n" + textwrap.fill(s.title, WIDTH)
