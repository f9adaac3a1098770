"""A replayed recording for people: `vgic trace`."""

from __future__ import annotations

from typing import Any

from vgic.trace.analysis import Analysis
from vgic.trace.comparison import notices
from vgic.trace.events import describe
from vgic.trace.lanes import LaneRow, Lanes
from vgic.trace.lives import LifeRow
from vgic.trace.qemu import TEXT_PROFILE
from vgic.view import states
from vgic.view.report import Report
from vgic.view.words import WIDTH, many, table, wrap


class RecordingReport(Report):
    """What `vgic trace` says of a QEMU trace."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @property
    def exit_status(self) -> int:
        """HOLDS where all is predicted and all rules hold, REFUSED where it can't be read through."""
        return self.analysis.exit_status

    def text(self) -> str:
        """What was predicted, what differs, the lives of interrupts, the rules."""
        a = self.analysis
        version, pes, r = a.configuration.version, a.configuration.options.pes, a.replay
        out = wrap(f"{a.file}   ", f"QEMU trace, GICv{version}, {many(pes, 'PE')}, {a.reader.lines:,} lines, "
                   f"{r.events:,} events, {a.seconds:.1f} s")
        if a.configuration.facts:
            out += wrap("configured from  ", ", ".join(f.replace(" ", "") for f in a.configuration.facts))
        if a.middle is not None:
            out += ["", *wrap("BEGINS IN THE MIDDLE  ", f"{a.middle}. What was set before is learned from the lines as "
                              "they come; what depends on more is untold, and not judged.")]
        frames = "   ".join(f"{f}\N{NO-BREAK SPACE}{p:,}/{c:,}" for f, (p, c) in a.by_frame().items())
        out += ["", *wrap("predicted        ", frames or "none: no read of a GIC")]
        if a.untold():
            out += wrap("untold           ", "   ".join(f"{f}\N{NO-BREAK SPACE}{n:,}" for f, n in a.untold().items()))
        for label, counts in (("not modelled     ", r.not_modelled), ("not compared     ", r.not_compared),
                              ("other lines      ", a.reader.other)):
            if counts:
                out += wrap(label, ", ".join(f"{n} ({c:,})" for n, c in counts.most_common(12)))
        out += _deviations(a)
        told = [(n, c) for n, c in notices(a.chip) if n.register not in r.not_modelled and n.kind != "deviation"]
        for notice, count in told[:8]:
            out += wrap("notice           ", f"{notice} ({count:,} times)")
        if len(told) > 8:
            out.append(f"                 ... {len(told) - 8} more notices: --json has them")
        out += _differences(a)
        out += ["", *_lives(a.lives.rows(), a.lives.rows(False)), *_rules(a)]
        if a.lanes is not None:
            out += ["", *lanes(a.lanes)]
        return "\n".join(out).replace("\N{NO-BREAK SPACE}", " ")

    def json(self) -> dict[str, Any]:
        """All that the text has, and what it leaves out for its length."""
        a, r = self.analysis, self.analysis.replay
        return {
            "file": a.file, "gic": a.configuration.version, "pes": a.configuration.options.pes,
            "begins": a.middle._asdict() if a.middle is not None else None, "untold": dict(r.unknown),
            "configured_from": list(a.configuration.facts), "lines": a.reader.lines, "events": r.events,
            "reads": {f: {"predicted": p, "compared": c} for f, (p, c) in a.by_frame().items()},
            "registers": {n: {"predicted": r.predicted[n], "compared": c} for n, c in sorted(r.compared.items())},
            "writes": r.writes, "not_modelled": dict(r.not_modelled), "not_compared": dict(r.not_compared),
            "other_lines": dict(a.reader.other), "repeats": a.reader.repeats, "sign_extended": a.reader.sign_extended,
            "qemu_profile": [{**d._asdict(), "count": dict(a.deviations()).get(d, 0)} for d in a.profile()],
            "differences": {"count": r.different, "first": [d._asdict() for d in r.differences]},
            "diagnosis": {**a.diagnosis._asdict(), "text": str(a.diagnosis)} if a.diagnosis else None,
            "notices": [{"kind": n.kind, "register": n.register, "detail": n.detail, "count": c}
                        for n, c in notices(a.chip)],
            "lives": [row._asdict() for row in a.lives.rows()],
            "physical": [row._asdict() for row in a.lives.rows(False)],
            "rules": [{"id": c.rule.id, "sentence": c.rule.sentence, "section": c.rule.section, "judged": c.judged,
                       "broken": c.breaches, "untold": c.untold} for c in a.judge.checks],
            "breaches": [{"rule": b.rule.id, "line": b.place, "what": b.what} for b in a.judge.breaches],
            "lanes": [told(row) for row in a.lanes.rows] if a.lanes is not None else None,
            "errors": a.errors(), "exit_status": self.exit_status,
        }


def _deviations(a: Analysis) -> list[str]:
    """Which departures of QEMU from the architecture were needed, and how often; never silently."""
    used, text = a.deviations(), []
    if a.reader.sign_extended:
        text = wrap("QEMU text        ", f"sign_extended ({a.reader.sign_extended:,} times): "
                    f"{TEXT_PROFILE['sign_extended']}")
    if not used:
        return text + wrap("QEMU deviations  ", f"none needed (profile qemu has {len(a.profile())} for this GIC)")
    return text + [line for d, count in used
            for line in wrap("QEMU deviation   ", f"{d.option} ({count:,} times): {d.sentence} {d.section}")]


def _differences(a: Analysis) -> list[str]:
    r = a.replay
    diagnosis = wrap("    DIAGNOSIS  ", f"{a.diagnosis}.") if a.diagnosis is not None else []
    out = [""] if r.different else ["", *diagnosis] if diagnosis else []
    for n, d in enumerate(r.differences):
        where = "" if d.pe is None else f" on pe{d.pe}"
        out += wrap(f"DIFFERS at line {d.line:,}: ",
                    f"{d.what}{where}: the recording has {d.got}, the chip says {d.expected}")
        out += [f"    {line}"[:WIDTH] for line in d.state]
        out += diagnosis if n == 0 else []
    if r.different > len(r.differences):
        out.append(f"... {r.different - len(r.differences):,} more differences")
    return out


def _rules(a: Analysis) -> list[str]:
    checks = a.judge.checks
    broken = [c for c in checks if c.breaches]
    judged = "   ".join(f"{c.rule.id}:\N{NO-BREAK SPACE}{c.judged:,}" for c in checks if c.judged)
    nowhere = ", ".join(str(c.rule.id) for c in checks if not c.judged and not c.untold)
    untold = "   ".join(f"{c.rule.id}:\N{NO-BREAK SPACE}{c.untold:,}" for c in checks if c.untold)
    out = ["", *wrap("rules judged     ", (judged or "none") + ("" if broken or not judged else "   all hold"))]
    if untold:
        out += wrap("rules untold     ", untold)
    if nowhere:
        out.append(f"judged nowhere   {nowhere} (the recording has no occasion for them)")
    for c in broken:
        out += ["", *wrap(f"BROKEN  rule {c.rule.id}  ", c.rule.sentence), f"        {c.rule.section}",
                f"        {c.breaches:,} of {c.judged:,} places; the first:"]
        out += [f"        line {b.place:,}: {b.what}"[:WIDTH] for b in a.judge.breaches if b.rule.id == c.rule.id][:5]
    return out


def _lives(virtual: list[LifeRow], physical: list[LifeRow]) -> list[str]:
    """The life table; of the host's interrupts where there is no guest."""
    rows = virtual or physical
    if not rows:
        return ["no interrupt was delivered in this recording"]
    ids = ("vINTID", "pINTID") if virtual else ("INTID", "-")
    head = ("where", *ids, "delivered", "ended by guest" if virtual else "by guest", "software", "raise to ack",
            "ack to end", "states")
    body = [
        (r.where, str(r.vintid), ",".join(map(str, r.pintids)) or "-", f"{r.delivered:,}", f"{r.ended_by_guest:,}",
         f"{r.ended_by_software:,}", _length(r.ack_median, r.ack_longest), _length(r.end_median, r.end_longest),
         r.states or "-")
        for r in rows
    ]
    return [*table(head, body, set(range(1, 8))),
            "raise to ack, ack to end: median and longest, in lines of the recording"]


def _length(middle: int | None, longest: int) -> str:
    return "-" if middle is None else f"{middle:,} max {longest:,}"


def lanes(found: Lanes) -> list[str]:
    """The lanes of one interrupt, as a table."""
    head = ("line", "pe", "what happens", f"line {found.intid}", "phys", "list register", "guest")
    body = []
    for row in map(told, found.rows):
        row |= {"line": str(row["line"]), "pe": str(row["pe"]), "what": row["what"][:44],
                "list_register": row["list_register"][:24]}
        body.append(tuple(row.values()))
    out = table(head, body, {0})
    if not found.rows:
        out.append(f"nothing happens to INTID {found.intid} in these lines")
    if found.left_out:
        out.append(f"... {found.left_out:,} more rows; choose lines with --window FROM:TO")
    return out


def told(row: LaneRow) -> dict[str, Any]:
    """A row of lanes in words."""
    held = row.states.list_registers
    return {
        "line": row.event.line, "pe": row.pe, "what": describe(row.event, row.register),
        "level": states.line(row.states.line), "physical": states.interrupt(row.states.physical),
        "list_register": ", ".join(f"LR{lr.number} {states.list_register(lr)}" for lr in held) or states.NOTHING,
        "guest": "handles" if row.states.handled else states.NOTHING}
