"""`vgic check`: a scenario, all schedules, as a verdict; a broken rule with the shortest schedule that breaks it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from vgic.engine import Progress
from vgic.explore.check import Verdict
from vgic.view.report import Report, Status
from vgic.view.run import RunReport, heading
from vgic.view.words import WIDTH, many, rate, table

CUT = {
    "depth": "--depth reached", "states": "--states reached", "memory": "--memory reached",
    "seconds": "--seconds reached", "interrupted": "interrupted",
}


MANY = 50
"""Values of one slot with which a search that was cut may have no end."""


class CheckReport(Report):
    """What `vgic check` says of one scenario.

    Args:
        written: the files of an exported counterexample. allow_bounded: whether a search that a limit cut will do.
    """

    def __init__(self, verdict: Verdict, written: Sequence[str] = (), allow_bounded: bool = False) -> None:
        self.verdict, self.written, self.allow_bounded = verdict, tuple(written), allow_bounded

    @property
    def exit_status(self) -> int:
        """HOLDS where all rules hold in all states, BROKEN where one is broken, BOUNDED where a limit cut the search,
        INTERRUPTED where Ctrl-C did."""
        if not self.verdict.holds:
            return Status.BROKEN
        if self.verdict.result.why_cut == "interrupted":
            return Status.INTERRUPTED
        return Status.HOLDS if self.verdict.result.complete or self.allow_bounded else Status.BOUNDED

    def heading(self) -> str:
        """The machine and the design that were explored."""
        return heading(self.verdict.scenario, self.verdict.list_registers, self.verdict.design)

    def figures(self) -> str:
        """States, transitions, depth, time: what the search came to."""
        r = self.verdict.result
        memory = f", {r.bytes / 1e6:,.0f} MB" if r.bytes >= 1e6 else ""
        speed = "since it was resumed" if self.verdict.resumed else f"{rate(r.transitions, r.seconds)} transitions/s"
        return (f"{many(r.states, 'state')}, {many(r.transitions, 'transition')}, depth {r.depth}, {r.seconds:.1f} s"
                f" ({speed}{memory})")

    def summary(self) -> str:
        """The verdict in a line or two."""
        v, r = self.verdict, self.verdict.result
        if v.rule is not None:
            return textwrap.fill(f"BROKEN  rule {v.rule.id}  {v.rule.sentence}  ({v.rule.section})", WIDTH,
                                 subsequent_indent="        ")
        if v.crash:
            return textwrap.fill(f"BROKEN  the hypervisor crashes: {v.what}", WIDTH, subsequent_indent="        ")
        rules = many(len(v.judged), "rule")
        hold = "holds" if len(v.judged) == 1 else "hold"
        slot, values = r.widest
        endless = f" {slot} took {values:,} values: if it grows for ever, so do the states." if (
            values >= MANY and 2 * values > r.depth and r.why_cut != "depth") else ""
        if r.complete:
            whole = f"all {r.states:,} states" if r.states > 1 else "its only state"
            return f"HOLDS  {rules} in {whole} ({many(r.transitions, 'transition')}), {r.seconds:.1f} s."
        return textwrap.fill(
            f"BOUNDED  {rules} {hold} in {many(r.states, 'state')} up to depth {r.depth}; not exhaustive:"
            f" {CUT.get(r.why_cut or '', r.why_cut)}. Whether an interrupt can get lost for ever is not judged."
            f"{endless}", WIDTH, subsequent_indent="         ")

    def counterexample(self) -> str:
        """The shortest schedule: as lanes, then as a list; and the step that breaks the rule."""
        v = self.verdict
        run = v.replay
        assert run is not None
        steps = len(v.schedule)
        way = f"Shortest way there, {many(steps, 'step')} (exact: every shorter schedule was tried):"
        parts = [way]
        if run.steps:
            parts.append(RunReport(run).chart().text())
        else:
            parts.append("The machine breaks it as it starts, before anything happens." if not v.crash else
                         "It does so in the first step.")
        ends = []
        if v.crash:
            ends.append(f"Step {steps}, {v.schedule[-1]}, raises {v.what}.")
        elif v.then:
            round_ = ("and there nothing can happen any more" if v.loop is None else
                      f"and from step {steps + v.loop + 1} on it goes round")
            ends.append(f"From step {steps + 1} on the machine goes on by itself, {round_}: {v.what}.")
        else:
            ran = f" Your file ran last in step {v.ran[0]}: {', '.join(v.ran[1])}." if v.ran else ""
            ends.append(f"Step {steps} breaks it: {v.what}.{ran}" if steps else f"{v.what}.")
        parts.append(textwrap.fill(ends[0], WIDTH))
        if v.crash:
            parts.append(v.crash.rstrip("\n"))
        actions = v.schedule if v.crash else run.actions
        listed = "  ".join(f"{n}. {name}" for n, name in enumerate(actions, 1))
        parts.append(textwrap.fill(f"Schedule: {listed}", WIDTH, break_on_hyphens=False))
        return "\n\n".join(parts)

    def further(self) -> str:
        """What to do with a counterexample."""
        v = self.verdict
        assert v.rule is not None
        lines = []
        if v.rule.id in (*v.scenario.rules, *v.scenario.check.breaks):
            lines.append(f"The scenario says so: rule {v.rule.id} is known to break here (docs/findings.md);"
                         f" --rules -{v.rule.id} looks beyond it.")
        if self.written:
            scenario, test, case = self.written
            ends = [f"Replay:  vgic run {scenario}", f"Test:    {test}", f"C case:  {case}"]   # to be pasted: unbroken
        else:
            ends = ["--export DIR writes it as a scenario to replay, as a test and as a C case."]
        return "\n".join([*(textwrap.fill(line, WIDTH) for line in lines), *ends])

    def text(self) -> str:
        """The verdict, and where a rule is broken the way there."""
        parts = [self.heading(), self.summary()]
        if self.verdict.rule is not None:
            parts += [self.counterexample(), self.figures() + ".", self.further()]
        elif self.verdict.crash:
            parts += [self.counterexample(), self.figures() + "."]
        elif not self.verdict.result.complete:
            parts.append(self.figures() + ".")
        return "\n\n".join(parts) + "\n"

    def json(self) -> dict[str, Any]:
        """One object; docs/check.md tells its keys."""
        v, r = self.verdict, self.verdict.result
        out: dict[str, Any] = {
            "scenario": v.scenario.name, "title": v.scenario.title, "design": v.design,
            "list_registers": v.list_registers, "verdict": r.verdict, "exact": r.complete, "cut_by": r.why_cut,
            "states": r.states, "transitions": r.transitions, "depth": r.depth, "seconds": round(r.seconds, 3),
            "bytes": r.bytes, "engine": r.engine, "judged": list(v.judged),
            "widest": {"slot": r.widest[0], "values": r.widest[1]}, "broken": None, "written": list(self.written)}
        if not v.holds:
            assert v.replay is not None
            out["broken"] = {
                "rule": v.rule and v.rule.id, "sentence": v.rule and v.rule.sentence,
                "section": v.rule and v.rule.section, "what": v.what, "crash": v.crash or None,
                "schedule": list(v.schedule), "ran": v.ran, "then": list(v.then), "loop": v.loop,
                "steps": RunReport(v.replay).chart().json()}
        return out


class DialReport(Report):
    """What `vgic check --lrs A..B` says: one row for each number of list registers.

    Args:
        allow_bounded: whether searches that a limit cut will do.
    """

    def __init__(self, verdicts: list[Verdict], allow_bounded: bool = False) -> None:
        self.verdicts, self.allow_bounded = verdicts, allow_bounded

    @property
    def exit_status(self) -> int:
        """BROKEN where a rule is broken with any of the numbers; else BOUNDED where a limit cut one of the searches."""
        each = {CheckReport(v, allow_bounded=self.allow_bounded).exit_status for v in self.verdicts}
        return Status.BROKEN if Status.BROKEN in each else max(each)

    @property
    def fewest(self) -> int | None:
        """The fewest list registers from which on nothing is broken, in what was explored."""
        fewest = None
        for v in reversed(self.verdicts):
            if not v.holds:
                break
            fewest = v.list_registers
        return fewest

    def _worst(self) -> Verdict | None:
        """The shortest failure, of the most list registers that it has."""
        broken = [v for v in self.verdicts if not v.holds]
        return min(broken, key=lambda v: (len(v.schedule), -v.list_registers), default=None)

    def text(self) -> str:
        """The table, and the shortest failure."""
        head = CheckReport(self.verdicts[0])
        rows = [[str(v.list_registers), v.result.verdict, f"{v.result.states:,}", f"{v.result.transitions:,}",
                 str(v.result.depth), f"{v.result.seconds:.1f}",
                 "" if v.holds else f"{v.rule.id if v.rule else 'crash'}, in {many(len(v.schedule), 'step')}"]
                for v in self.verdicts]
        parts = [head.heading().replace(f"{many(self.verdicts[0].list_registers, 'list register')}, ", ""),
                 "\n".join(table(["LRs", "verdict", "states", "transitions", "depth", "s", "breaks rule"], rows,
                                 {0, 2, 3, 4, 5}))]
        exact = all(v.result.complete for v in self.verdicts if v.holds)
        most = self.verdicts[-1].list_registers
        if self.fewest is None:
            parts.append(f"Not right with {most} list registers either.")
        else:
            so_far = "" if exact else ", as far as was explored"
            parts.append(f"Right with {many(self.fewest, 'list register')} or more (up to {most}){so_far}.")
        worst = self._worst()
        if worst is not None:
            report = CheckReport(worst)
            parts += [f"With {many(worst.list_registers, 'list register')}:\n{report.summary()}",
                      report.counterexample()]
        return "\n\n".join(parts) + "\n"

    def json(self) -> dict[str, Any]:
        """The fewest list registers that do, and a verdict for each number."""
        return {"fewest": self.fewest, "verdicts": [CheckReport(v).json() for v in self.verdicts]}


def progress_line(p: Progress) -> str:
    """How far a search has come, in a line."""
    if p.compiling:
        return f"  compiling, once   level {p.depth}   {p.states:,} states"
    return (f"  level {p.depth}   {p.states:,} states   {rate(p.transitions, p.seconds)} transitions/s"
            f"   {p.bytes / 1e6:,.0f} MB")
