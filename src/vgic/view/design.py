"""A recording held against a design, for people: `vgic trace --design`."""

from __future__ import annotations

from collections import Counter

from vgic.trace.design_analysis import DesignAnalysis
from vgic.view.table import WIDTH, wrap


def text(a: DesignAnalysis) -> str:
    """All that came out, in lines of at most 100 columns."""
    o = a.outcome
    machines = ", ".join(f"{vm.name} ({len(vm.vcpus)} vCPUs, GICv{vm.gic})" for vm in a.replay.vms.values())
    out = wrap(f"{a.file}   ",
               f"QEMU trace, GICv{a.configuration.version}, {a.reader.lines:,} lines, {a.seconds:.1f} s")
    out += wrap("design           ", f"{a.build.name} ({a.why})")
    out += wrap("machines         ", machines or "none")
    out += wrap("stimulus         ", _counts(o.stimuli))
    if o.adopted:
        out += wrap("from memory      ", _counts(o.adopted))
    share = f", {100 * o.equal / o.determined:.2f} %" if o.determined else ""
    out += ["", *wrap("entries          ",
                      f"{o.determined:,} determined: {o.equal:,} equal{share}, {o.different:,} different"),
            *wrap("                 ", f"of the equal ones {o.exact:,} to the bit and in the same order, {o.empty:,} "
                                       f"without a list register; {o.registers:,} list registers")]
    out += wrap("not determined   ", _counts(o.undetermined) or "none")
    if o.given_up:
        out += wrap("given up         ", f"{o.given_up:,} (populated, and the guest was not entered)")
    out += wrap("guest's IAR      ", ", ".join(f"{n:,} {what}" for what, n in o.acknowledged.most_common()) or "none")
    if o.classes:
        out += ["", *wrap("DIFFERENT in     ", _counts(o.classes))]
    for d in o.differences:
        out.append(f"DIFFERS at line {d.line:,}, {d.vcpu}: {'; '.join(d.classes)}"[:WIDTH])
        out += wrap("    kernel  ", ", ".join(d.kernel) or "no list register")
        out += wrap("    design  ", ", ".join(d.design) or "no list register")
    if o.different > len(o.differences):
        out.append(f"... {o.different - len(o.differences):,} more differences")
    return "\n".join(out)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{what} ({n:,})" for what, n in counts.most_common())
