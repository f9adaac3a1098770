"""An analysed ftrace recording for people: `vgic trace`."""

from __future__ import annotations

from typing import Any

from vgic.rules.kernel import ALLOWED, BROKEN, HOLDS, UNKNOWN
from vgic.trace.ftrace_analysis import FtraceAnalysis, record
from vgic.view.report import Report
from vgic.view.words import WIDTH, many, table, wrap


class FtraceReport(Report):
    """What `vgic trace` says of an ftrace recording."""

    def __init__(self, analysis: FtraceAnalysis) -> None:
        self.analysis = analysis

    @property
    def exit_status(self) -> int:
        """HOLDS where all rules hold, REFUSED where it can't be read through."""
        return self.analysis.exit_status

    def text(self) -> str:
        """Exits, injections and rules, as far as the events tell them."""
        a = self.analysis
        vcpus, cpus = a.vcpus(), len(a.reader.cpus)
        out = wrap(f"{a.file}   ", f"ftrace, {many(cpus, 'CPU')}, {many(len(vcpus), 'vCPU')}, "
                   f"{a.reader.lines:,} lines, {a.events:,} events, {a.seconds:.1f} s")
        if a.reader.overwritten:
            out += wrap("overwritten      ", f"{a.reader.overwritten:,} events at the start: the ring buffer was too "
                        "small (trace-cmd record -b, or buffer_size_kb)")
        if a.losses_count:
            places = ", ".join(f"line {x.line:,} (CPU {x.cpu})" for x in a.losses)
            out += wrap("LOST             ", f"{a.lost_events:,} events or more in {a.losses_count:,} places: {places}"
                        f"{' ...' if a.losses_count > len(a.losses) else ''}; nothing is judged over them")
        out += ["", *_exits(a), "", *_injections(a), "", *_rules(a)]
        missing = a.all_missing()
        if missing:
            out += ["", *wrap("not in it        ", ", ".join(missing) + ": never happened, or not recorded. To record: "
                              "trace-cmd record " + " ".join(record(name) for name in missing))]
        return "\n".join(out)

    def json(self) -> dict[str, Any]:
        """All that the text has, and what it leaves out for its length."""
        a = self.analysis
        label = a.follow.label
        return {
            "file": a.file, "format": "ftrace", "lines": a.reader.lines, "events": a.events,
            "by_event": dict(sorted(a.reader.counts.items())), "other_lines": a.reader.other,
            "cpus": sorted(a.reader.cpus), "vcpus": [
                {"label": label(v), "number": v.number, "pid": v.pid, "task": v.comm, "entries": v.entries,
                 "ns_in_guest": a.exits.inside.get(v), "blocked": a.blocks.times.get(v, [0, 0])[0],
                 "ns_blocked": a.blocks.times.get(v, [0, 0])[1]} for v in a.vcpus()],
            "overwritten": a.reader.overwritten,
            "lost": {"places": a.losses_count, "events": a.lost_events,
                     "first": [x._asdict() for x in a.losses]},
            "missing": [{"event": name, "record": record(name)} for name in a.all_missing()],
            "exits": [{"vcpu": label(v), "reason": why, "count": n} for (v, why), n in a.exits.counts.items()],
            "injections": [
                {"vcpu": where, "vintid": intid, "high": t.high, "low": t.low, "rises": t.rises,
                 "spacing_ns": {"shortest": t.shortest, "median": t.median, "longest": t.longest if t.spaces else None}}
                for where, intid, t in a.rows()],
            "rules": [
                {"id": c.rule.id, "sentence": c.rule.sentence, "section": c.rule.section, "needs": sorted(c.needs),
                 "missing": a.missing(c.needs)}
                | ({} if a.missing(c.needs) else {
                    "judged": c.judged, HOLDS: c.counts[HOLDS], ALLOWED: c.counts[ALLOWED],
                    UNKNOWN: c.counts[UNKNOWN], BROKEN: c.counts[BROKEN], "why_unknown": dict(c.why)})
                for c in a.checks],
            "breaches": [{"rule": b.rule.id, "line": b.place, "what": b.what}
                         for c in a.checks if not a.missing(c.needs) for b in c.breaches],
            "errors": a.errors(), "exit_status": self.exit_status,
        }


def _time(ns: int | None) -> str:
    if ns is None:
        return "-"
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)):
        if ns >= size:
            return f"{ns / size:,.1f} {unit}"
    return f"{ns} ns"


def _exits(a: FtraceAnalysis) -> list[str]:
    vcpus = a.vcpus()
    if not vcpus:
        return ["no vCPU entered its guest in this recording"]
    head = ("vCPU", "thread", "entries", "in guest", "blocked", "exits by reason")
    body = []
    for vcpu in vcpus:
        reasons = sorted(((n, why) for (v, why), n in a.exits.counts.items() if v is vcpu), reverse=True)
        told = [f"{why} {n:,}" for n, why in reasons]
        times, spent = a.blocks.times.get(vcpu, [0, 0])
        row = (a.follow.label(vcpu).split(" pid")[0], str(vcpu.pid), f"{vcpu.entries:,}",
               _time(a.exits.inside.get(vcpu)), f"{times:,} x {_time(spent // times)}" if times else "-")
        body += [(*(row if n == 0 else ("",) * 5), "   ".join(told[n:n + 3])) for n in range(0, max(1, len(told)), 3)]
    return table(head, body, {1, 2, 3, 4})


def _injections(a: FtraceAnalysis) -> list[str]:
    rows = a.rows()
    if not rows:
        return ["no interrupt was injected in this recording"]
    head = ("vCPU", "vINTID", "told high", "that rose", "told low", "apart: shortest", "median", "longest")
    body = [(where, str(intid), f"{t.high:,}", f"{t.rises:,}" if t.high else "-", f"{t.low:,}", _time(t.shortest),
             _time(t.median), _time(t.longest) if t.spaces else "-") for where, intid, t in rows[:60]]
    out = table(head, body, set(range(1, 8)))
    if len(rows) > 60:
        out.append(f"... {len(rows) - 60:,} more interrupts: --json has them")
    return [*out, "that rose: from a level known to be low.  apart: between two calls with level 1.  shared: an SPI,",
            "of any VM; where it goes is not told"]


def _rules(a: FtraceAnalysis) -> list[str]:
    head = ("rule", "judged", HOLDS, BROKEN, ALLOWED, UNKNOWN, "")
    body = []
    notes: list[str] = []
    for c in a.checks:
        missing = a.missing(c.needs)
        if missing:
            body.append((str(c.rule.id), "-", "-", "-", "-", "-", "not judged: needs " + ", ".join(missing)))
            continue
        n = c.counts
        body.append((str(c.rule.id), f"{c.judged:,}", f"{n[HOLDS]:,}", f"{n[BROKEN]:,}", f"{n[ALLOWED]:,}",
                     f"{n[UNKNOWN]:,}", ""))
        for why, count in c.why.most_common(3):
            notes += wrap("", f"rule {c.rule.id}, unknown: {why} ({count:,})")
    out = table(head, body, {0, 1, 2, 3, 4, 5})
    out += ["allowed: the events leave it open; unknown: what would decide it isn't known there", *notes]
    for c in a.checks:
        if a.broken(c):
            out += ["", f"BROKEN  rule {c.rule.id}  {c.rule.sentence}", f"        {c.rule.section}",
                    f"        {c.counts[BROKEN]:,} of {c.judged:,} judged places; the first:"]
            for b in c.breaches[:5]:
                out += wrap("        ", f"line {b.place:,}: {b.what}")
    return [line[:WIDTH] for line in out]
