"""A recording held against a design, for people: `vgic trace --design`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vgic.trace.design_analysis import DesignAnalysis
from vgic.view.report import Report
from vgic.view.words import WIDTH, wrap


class DesignReport(Report):
    """What `vgic trace --design` says."""

    def __init__(self, analysis: DesignAnalysis) -> None:
        self.analysis = analysis

    @property
    def exit_status(self) -> int:
        """HOLDS where every determined entry is equal, REFUSED where none is or it can't be read through."""
        return self.analysis.exit_status

    def text(self) -> str:
        """What was compared, and each entry that differs."""
        a, o = self.analysis, self.analysis.outcome
        machines = ", ".join(f"{vm.name} ({len(vm.vcpus)} vCPUs, GICv{vm.gic})" for vm in a.replay.vms.values())
        out = wrap(f"{a.file}   ",
                   f"QEMU trace, GICv{a.configuration.version}, {a.reader.lines:,} lines, {a.seconds:.1f} s")
        out += wrap("design           ", f"{a.build.name} ({a.why})")
        if a.own is not None:
            called = Counter({name: n for name, n in a.own.calls.items() if n})
            idle = ", ".join(sorted(name for name, n in a.own.calls.items() if not n))
            out += wrap("of its own       ", f"methods called: {_counts(called) or 'none'}"
                        + (f"; never called: {idle}" if idle else ""))
            out += wrap("                 ", f"{a.own.entries:,} entries have other list registers than "
                        f"{a.own.base.name}'s" + ": NOTHING OF ITS OWN WAS EXERCISED" * a.idle)
        out += wrap("machines         ", machines or "none")
        out += wrap("stimulus         ", _counts(o.stimuli))
        if o.adopted:
            out += wrap("from memory      ", _counts(o.adopted))
        share = f", {100 * o.equal / o.determined:.2f} %" if o.determined and not a.idle else ""
        out += ["", *wrap("entries          ",
                          f"{o.determined:,} determined: {o.equal:,} equal{share}, {o.different:,} different"),
                *wrap("                 ", f"of the equal ones {o.exact:,} to the bit and in the same order, "
                                           f"{o.empty:,} without a list register; {o.registers:,} list registers")]
        out += wrap("not determined   ", _counts(o.undetermined) or "none")
        if o.given_up:
            out += wrap("given up         ", f"{o.given_up:,} (populated, and the guest was not entered)")
        acknowledged = ", ".join(f"{n:,} {what}" for what, n in o.acknowledged.most_common())
        out += wrap("guest's IAR      ", acknowledged or "none")
        if o.classes:
            out += ["", *wrap("DIFFERENT in     ", _counts(o.classes))]
        for d in o.differences:
            out.append(f"DIFFERS at line {d.line:,}, {d.vcpu}: {'; '.join(d.classes)}"[:WIDTH])
            out += wrap("    kernel  ", ", ".join(d.kernel) or "no list register")
            out += wrap("    design  ", ", ".join(d.design) or "no list register")
        if o.different > len(o.differences):
            out.append(f"... {o.different - len(o.differences):,} more differences")
        return "\n".join(out)

    def json(self) -> dict[str, Any]:
        """All figures, and the entries that differ."""
        a, o = self.analysis, self.analysis.outcome
        return {
            "file": a.file, "gic": a.configuration.version, "design": a.build.name, "asked": a.name,
            "why": a.why, "lines": a.reader.lines,
            "machines": [{"name": vm.name, "vcpus": len(vm.vcpus), "gic": vm.gic} for vm in a.replay.vms.values()],
            "entries": {"determined": o.determined, "equal": o.equal, "equal_to_the_bit": o.exact, "empty": o.empty,
                        "different": o.different, "not_determined": dict(o.undetermined), "given_up": o.given_up},
            "list_registers": o.registers, "classes": dict(o.classes), "adopted": dict(o.adopted),
            "acknowledged": dict(o.acknowledged), "stimuli": dict(o.stimuli), "not_used": dict(o.other),
            "differences": [d._asdict() for d in o.differences],
            "own": None if a.own is None else {
                "base": a.own.base.name, "calls": dict(a.own.calls), "entries_unlike_base": a.own.entries},
            "errors": a.errors(), "exit_status": self.exit_status,
        }


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{what} ({n:,})" for what, n in counts.most_common())
