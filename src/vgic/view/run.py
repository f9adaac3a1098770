"""`vgic run`: a scenario, one schedule, as a chart of lanes with a verdict."""

from __future__ import annotations

import textwrap
from typing import Any

from vgic.lab.lanes import Lane, State, VcpuState
from vgic.lab.scenario import Scenario
from vgic.lab.schedule import Run
from vgic.rules.checks import MACHINE_RULES
from vgic.silicon.states import InterruptState, LineState, LrState
from vgic.view import states
from vgic.view.chart import Chart, ChartRow
from vgic.view.report import Report, Status
from vgic.view.words import WIDTH, many, ranges


class RunReport(Report):
    """What `vgic run` says."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    def exit_status(self) -> int:
        """BROKEN where a rule is broken, or the machine does not come to rest."""
        well = self.run.holds and (self.run.at_rest or not self.run.scenario.run.finish)
        return Status.HOLDS if well else Status.BROKEN

    def heading(self) -> str:
        """The machine and the design that ran."""
        r = self.run
        return heading(r.scenario, r.list_registers, f"{r.design}{f', seed {r.seed}' if r.seed is not None else ''}")

    def chart(self) -> Chart:
        """The steps; what a rule says stands below the step that broke it. List registers never used are left out."""
        r = self.run
        cells = [[cell(shown) for shown in step.shown] for step in r.steps]
        used = [n for n, lane in enumerate(r.lanes)
                if lane.kind != "list register" or any(row[n] != states.NOTHING for row in cells)]
        rows = []
        for step, row in zip(r.steps, cells, strict=True):
            notes = tuple(f"rule {b.rule.id}: {b.what}" for b in r.breaches if b.place == step.number)
            rows.append(ChartRow(step.number, step.what, tuple(row[n] for n in used), notes=notes))
        return Chart([lane_name(r.lanes[n], r.scenario.machine.pes) for n in used], rows)

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
            lines.append(f"Rules {ranges(MACHINE_RULES)} judged {r.judged:,} times: all hold.")
        for b in r.breaches:
            lines.append(textwrap.fill(f"BROKEN  rule {b.rule.id}  {b.rule.sentence}  ({b.rule.section})", WIDTH,
                                       subsequent_indent="        "))
            lines.append(textwrap.fill(f"step {b.place}: {b.what}.", WIDTH, initial_indent="        ",
                                       subsequent_indent="        "))
        return "\n".join(lines)

    def text(self) -> str:
        """The steps as a chart, what they took, and the verdict."""
        return "\n\n".join((self.heading(), self.chart().text(), f"{self.sums()}\n{self.verdict()}")) + "\n"

    def json(self) -> dict[str, Any]:
        """One object, with the schedule as a script and as steps."""
        r = self.run
        return {
            "scenario": r.scenario.name, "title": r.scenario.title, "design": r.design, "seed": r.seed,
            "list_registers": r.list_registers, "holds": r.holds, "expected": r.scenario.expect,
            "broken": [{"rule": b.rule.id, "sentence": b.rule.sentence, "section": b.rule.section, "step": b.place,
                        "what": b.what} for b in r.breaches],
            "at_rest": r.at_rest, "skipped": list(r.skipped), "judged": r.judged, "counts": r.counts,
            "script": list(r.actions), "steps": self.chart().json()}


def heading(s: Scenario, list_registers: int, design: str) -> str:
    """The machine of a scenario, and its design, in a line or two; its title."""
    vms = f"{len(s.vm)} VMs, " if len(s.vm) > 1 else ""
    vcpus = many(sum(len(vm.vcpu) for vm in s.vm), "vCPU")
    words = (f"GICv{s.machine.gic}, {many(list_registers, 'list register')}, {many(s.machine.pes, 'PE')}, "
             f"{vms}{vcpus}, design {design}"
             + "".join(f", {s.vm_name(n)}: {vm.design}" for n, vm in enumerate(s.vm) if vm.design is not None))
    return textwrap.fill(f"{s.name}   {words}", WIDTH) + "\n" + textwrap.fill(s.title, WIDTH)


def lane_name(lane: Lane, pes: int) -> str:
    """A lane's head; `pes`: how many PEs the machine has."""
    at = "" if lane.pe is None else f"@pe{lane.pe}"
    match lane.kind:
        case "line":
            return f"line {lane.name}" if lane.number is None else f"line {lane.number}{at if pes > 1 else ''}"
        case "interrupt":
            return f"{'PPI' if at else 'SPI'} {lane.number}{at}"
        case "list register":
            return f"LR{lane.number}{at}"
        case "vcpu":
            return lane.name


def cell(shown: State) -> str:
    """What a lane shows, in words."""
    match shown:
        case LineState():
            return states.line(shown)
        case InterruptState():
            return states.interrupt(shown)
        case LrState():
            return states.list_register(shown)
        case VcpuState():
            return shown.doing + (f", in {'/'.join(map(str, shown.handling))}" if shown.handling else "")
        case None:
            return states.NOTHING
