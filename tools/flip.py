#!/usr/bin/env python3
"""Flips one rule of the chip after another and sees that a test fails for each.

    python tools/flip.py            all, in a scratch copy; a line each
    python tools/flip.py EOIcount   those whose file or text contains the word
    python tools/flip.py --list     what there is

Each entry of FLIPS replaces a text that stands once in a file of src/vgic/silicon by a wrong rule; then tests/silicon
runs until the first failure. Exit status 1 if a flipped rule survives, 2 if an entry no longer fits the source.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SILICON = Path("src/vgic/silicon")
LONGEST = 300
"""Seconds after which a flipped rule counts as noticed: the tests hang."""


class Flip(NamedTuple):
    """A rule in words, and how it is broken."""

    rule: str
    file: str
    old: str
    new: str


FLIPS: tuple[Flip, ...] = (
    # one interrupt
    Flip("an edge latches", "interrupt.py", "if level and not self.line and self.edge:", "if level and self.edge:"),
    Flip("only edges latch", "interrupt.py", "and not self.line and self.edge", "and not self.line"),
    Flip("a level is pending from its line", "interrupt.py", "(self.line or self.message)", "self.message"),
    Flip("ISPENDR is remembered while the line is high", "interrupt.py", "if remember or self.edge or not self.line:",
         "if self.edge or not self.line:"),
    Flip("the acknowledge of an edge clears the latch", "interrupt.py", "elif self.edge or self.ack_clears_latch:",
         "elif self.ack_clears_latch:"),
    Flip("one source is acknowledged", "interrupt.py", "self.sources &= ~(1 << source)", "self.sources = 0"),
    Flip("a deactivation leaves pending", "interrupt.py", '''not active."""
        self.active = False''', '''not active."""
        self.active = self.latch = False'''),
    Flip("a message level is no latch", "interrupt.py", "self.message = True", "self.latch = True"),
    Flip("a message for what is pending has no effect", "interrupt.py", "elif not self.pending():", "else:"),
    Flip("CLRSPI removes the latch of a level too", "interrupt.py", "self.latch = self.message = False",
         "self.message = False"),
    # the distributor
    Flip("an active interrupt is not forwarded", "distributor.py", "and not irq.active and", "and"),
    Flip("a disabled interrupt is not forwarded", "distributor.py", "if irq.enabled and (irq.intid", "if (irq.intid"),
    Flip("0xff is never forwarded", "priority.py", "best, priority = None, IDLE", "best, priority = None, IDLE + 1"),
    Flip("the first of equals is taken", "priority.py", "if one.priority < priority:", "if one.priority <= priority:"),
    Flip("ties go to the lowest INTID", "distributor.py", '-1 if options.tie == "highest" else 1', "-1"),
    Flip("targets are asked of SPIs", "distributor.py", "irq.intid < PRIVATE or self.targets", "True or self.targets"),
    Flip("INTIDs below 32 are banked", "distributor.py", "return self._private[pe][intid] if",
         "return self._private[0][intid] if"),
    Flip("GICv2: SGIs ignore ISPENDR", "bank.py", '''not self.sgis_by_source:
                irq.set_pending''', '''True:
                irq.set_pending'''),
    Flip("GICv2: SGIs may be always enabled", "bank.py", "irq.intid < SGIS and self.sgis_enabled", "False"),
    Flip("GICv2: SGIR filter 1 leaves out the sender", "distributor_v2.py", "1: self.all_targets & ~(1 << pe)",
         "1: self.all_targets"),
    Flip("GICv2: SGIR checks the group", "distributor_v2.py", "(ns or want_group1)", "want_group1"),
    Flip("GICv2: targets of private interrupts name the reader", "distributor_v2.py",
         "(1 << pe if irq.intid < PRIVATE else irq.targets)", "irq.targets"),
    Flip("GICv2: HW bit with Security leaves Group 0", "distributor_v2.py",
         "if irq is not None and visible(irq, self.options.security):", "if irq is not None:"),
    Flip("GICv2: the Non-secure GICD_CTLR is Group 1's", "distributor_v2.py",
         "group1 = value & 1 if ns else value >> 1 & 1", "group1 = value >> 1 & 1"),
    Flip("GICv3: a sleeping redistributor forwards nothing", "distributor_v3.py",
         "if asleep and self.options.sleep_blocks:", "if False:"),
    Flip("GICv3: SPIs go by affinity", "distributor_v3.py", "return irq.route & ROUTE == self.route_of[pe]",
         "return irq.route & 0xFF == self.route_of[pe] & 0xFF"),
    Flip("GICv3: NSACR 2 for a Secure Group 1 SGI", "distributor_v3.py", "(1 if irq.group == G0 else 2)", "1"),
    Flip("GICv3: ICPENDR needs NSACR 2", "bank.py", "(1, 2) if by_nsacr", "(1, 1) if by_nsacr"),
    Flip("GICv3: NSACR is about SPIs' registers alone", "bank.py", "if by_nsacr else (NEVER, NEVER)", ""),
    Flip("GICv3: IGRPMODR and NSACR go with a second Security state", "bank.py", "return ns or self.state.ds",
         "return ns"),
    Flip("GICv3: SETSPI_SR is Secure", "distributor_v3.py", "if not ns and not self.state.ds:", "if not ns:"),
    Flip("GICv3: private registers are the redistributors'", "distributor_v3.py",
         "self._shared[first:first + count] if first >= PRIVATE else ()", "self.row(first, count, pe)"),
    Flip("GICv3: DPG keeps a PE out of 1 of N", "redistributor.py", "and not self.state.ctlr & DPG[group]", ""),
    Flip("GICv3: DS takes Secure Group 1", "distributor_v3.py", '''if irq.group == G1S:
                        irq.group = G0''', '''if irq.group == G1S:
                        irq.group = G1S'''),
    Flip("GICv3: Last ends every region", "gicv3.py", "{first - 1 for _, _, first in self._gicr[1:]} | ", ""),
    # what Non-secure accesses see
    Flip("Non-secure accesses see Group 1 alone", "bank.py", "return not ns or irq.group == G1NS", "return True or ns"),
    Flip("Non-secure priorities are shifted", "bank.py", "(irq.priority << ns & 0xFF)", "irq.priority"),
    Flip("the Non-secure view of a Secure priority is 0", "priority.py", " if priority & 0x80 else 0", ""),
    # the physical CPU interface
    Flip("the mask is strict", "cpu_interface.py", "irq.priority >= self.state.pmr", "irq.priority > self.state.pmr"),
    Flip("an equal group priority does not preempt", "priority.py", "priority & mask < running & mask",
         "priority & mask <= running & mask"),
    Flip("preemption is by group priority", "cpu_interface.py", "self.mask(irq.group) if self.mask_candidate else",
         "0xFF if self.mask_candidate else"),
    Flip("virtual preemption is by group priority", "virtual_interface.py",
         "self.mask(best.group) if self.mask_candidate else", "0xFF if self.mask_candidate else"),
    Flip("Group 1's binary point counts one less", "cpu_interface.py", "group_mask(self.groups[G1NS].bpr - 1)",
         "group_mask(self.groups[G1NS].bpr)"),
    Flip("the active priority is the group priority", "cpu_interface.py",
         "bit(candidate.priority & self.mask(candidate.group),", "bit(candidate.priority,"),
    Flip("the drop ends the highest", "cpu_interface.py", "active & (active - 1) if active else 0", "0"),
    Flip("binary points have a minimum", "cpu_interface.py",
         "max(value & 7, self.min_bpr + (group == G1NS))", "value & 7"),
    Flip("both groups count for the running priority", "cpu_interface.py",
         "lowest(g[G0].active | g[G1S].active | g[G1NS].active,", "lowest(g[G1S].active | g[G1NS].active,"),
    Flip("GICv2: 1022 without AckCtl", "gicc.py",
         "irq.intid if ns or self.state.ackctl else GROUP1_PENDING", "irq.intid"),
    Flip("GICv2: HPPIR and IAR name the source", "gicc.py", "self.irq.intid | self.source << CPUID_SHIFT",
         "self.irq.intid"),
    Flip("GICv2: IAR takes the SGI of one source", "gicc.py", "self.irq.acknowledge(self.source)",
         "self.irq.acknowledge()"),
    Flip("GICv2: the lowest source is taken", "gicc.py", "(sgi.sources & -sgi.sources).bit_length() - 1",
         "sgi.sources.bit_length() - 1"),
    Flip("GICv2: EOImode 1 only drops", "gicc.py", '''self.drop(irq.group)
        if not self.split(ns):
            irq.deactivate()''', '''self.drop(irq.group)
        irq.deactivate()'''),
    Flip("GICv2: the Non-secure APR is the upper half", "gicc.py", "half = 1 << self.preemption_bits - 1", "half = 64"),
    Flip("GICv2: FIQEn", "gicc.py", "fiq = irq.group == G0 and self.state.fiqen", "fiq = irq.group == G0"),
    Flip("GICv3: DIR is ignored in EOImode 0", "icc.py", "if irq is None or not self.split(el, secure):",
         "if irq is None:"),
    Flip("GICv3: EOIR0 is Group 0's", "icc.py", "if (top == G0) != (group == 0):", "if False:"),
    Flip("GICv3: 1020 tells EL3 of a Secure interrupt", "icc.py", "(SECURE_PENDING if hidden else NONSECURE_PENDING)",
         "NONSECURE_PENDING"),
    Flip("GICv3: Secure Group 1 is FIQ to EL3", "icc.py", "fiq = not secure or pe.el == 3", "fiq = not secure"),
    Flip("GICv3: SGIs at EL3 are Secure", "icc.py", "as_secure = i.has_el3 and (secure or el == 3)\n    group = G0",
         "as_secure = i.has_el3 and secure\n    group = G0"),
    Flip("GICv3: ICC_SGI with IMO or FMO traps", "icc.py", "if name in SGIS and (pe.imo or pe.fmo):",
         "if name in SGIS and pe.imo and pe.fmo:"),
    Flip("GICv3: TC traps the common registers", "icc.py", '(TC, COMMON | SGIS, "TC")', '(TC, COMMON, "TC")'),
    Flip("GICv3: common registers are virtual with IMO or FMO", "icc.py",
         "return name in COMMON and (pe.fmo or pe.imo)", "return name in COMMON and pe.imo"),
    Flip("GICv3: UNDEFINED comes before a trap", "gicv3.py", "if reading and r.read is None and r.write is not None:",
         "if False:"),
    # the virtual interface
    Flip("Pending and Active is no candidate", "virtual_interface.py", "if lr.state == PENDING and (",
         "if lr.state & PENDING and ("),
    Flip("the virtual mask is strict", "virtual_interface.py",
         "best.priority >= self.state.pmr:\n            return None",
         "best.priority > self.state.pmr:\n            return None"),
    Flip("nothing is signalled with En = 0", "virtual_interface.py",
         "best = self.candidate() if self.state.hcr & EN else None", "best = self.candidate()"),
    Flip("a virtual acknowledge leaves Pending", "virtual_interface.py", "self.state &= ~PENDING",
         "self.state |= PENDING"),
    Flip("a special vINTID leaves its list register", "virtual_interface.py", "if not special(self.vintid):",
         "if True:"),
    Flip("a special vINTID makes no priority active", "virtual_interface.py", "if not special(candidate.intid):",
         "if True:"),
    Flip("GICv2: the guest's IAR names the source", "virtual_interface.py",
         "self.vintid | self.cpuid << CPUID_SHIFT if", "self.vintid if"),
    Flip("Group 0 is dropped first", "virtual_interface.py",
         "group = self.groups[0] if self.groups[0].active & mine else self.groups[1]",
         "group = self.groups[1] if self.groups[1].active & mine else self.groups[0]"),
    Flip("HW reaches the twin", "virtual_interface.py", "if lr.hw and self.hw_deactivates and not special(lr.pintid):",
         "if False:"),
    Flip("ELRSR leaves out what EISR tells", "virtual_interface.py",
         "return self.state == INVALID and (self.hw or not self.eoi)", "return self.state == INVALID"),
    Flip("EISR is for HW = 0", "virtual_interface.py", "return self.state == INVALID and not self.hw and self.eoi",
         "return self.state == INVALID and (self.hw or self.eoi)"),
    Flip("EOIcount wraps at 32", "virtual_interface.py", "(self.state.eoicount + 1) & EOICOUNT_MOST",
         "self.state.eoicount + 1"),
    Flip("MISR.U at one or none", "virtual_interface.py", "for lr in self.lrs) < 2:", "for lr in self.lrs) < 1:"),
    Flip("MISR.NP counts Pending alone", "virtual_interface.py", "any(lr.state == PENDING for lr in self.lrs)",
         "any(lr.state & PENDING for lr in self.lrs)"),
    Flip("MISR.VGrp0D looks at group 0", "virtual_interface.py", "not (veng1 if self.vgrp0d_from_veng1 else veng0)",
         "not veng1"),
    Flip("maintenance needs En", "virtual_interface.py", "return bool(self.state.hcr & EN) and self.misr() != 0",
         "return self.misr() != 0"),
    Flip("GICv2: EOImode 1 doesn't count in EOIcount", "gich.py", '''group, priority)
        if self.state.eoimode:
            return''', '''group, priority)'''),
    Flip("GICv2: an SGI's EOIR looks at CPUID", "gich.py",
         "if vintid < SGIS and self.options.eoi_checks_cpuid else None", "if False else None"),
    Flip("GICv3: EOIcount only with a dropped priority", "ich.py",
         "if dropped != IDLE or self.options.eoicount_without_priority:", "if True:"),
    Flip("GICv3: an LPI leaves at EOIR in EOImode 1", "ich.py", "not self.state.eoimode or vintid >= LPI_START):",
         "not self.state.eoimode):"),
    Flip("GICv3: an LPI is not counted", "ich.py", "if vintid < LPI_START and (not", "if (not"),
    Flip("GICv3: EOIR deactivates what it dropped", "ich.py",
         "(dropped == IDLE or lr.priority & self.mask(group) == dropped)", "True"),
    Flip("GICv3: DIR ignores LPIs", "ich.py", "if not self.state.eoimode or vintid >= LPI_START or special(vintid):",
         "if not self.state.eoimode or special(vintid):"),
    # ends that match nothing
    Flip("an EOIR matches what was acknowledged last", "ends.py", "(last[0] == value and last[1] in groups)",
         "value in [iar for iar, _ in running]"),
    Flip("an EOIR is of its group", "ends.py", "last[0] == value and last[1] in groups", "last[0] == value"),
    Flip("restored priorities are anybody's", "ends.py", "self.running = (UNKNOWN,) * active", "self.running = ()"),
    Flip("an SGI's DIR names its source", "ends.py", "if waiting and iar not in waiting else", "if False else"),
    Flip("GICv2: DIR in EOImode 0 is told", "gicc.py", "        if not self.split(ns):\n            expected =",
         "        if False:\n            expected ="),
    Flip("GICv3: DIR in EOImode 0 is told", "icc.py", "if not self.split(el, secure):\n            self.report(",
         "if False:\n            self.report("),
    Flip("a guest's EOIR needs an active priority", "virtual_interface.py", "if dropped == IDLE:", "if False:"),
    Flip("a guest's EOIR is of the priority that is active", "virtual_interface.py",
         "elif lr.priority & self.mask(lr.group) != dropped:", "elif False:"),
    Flip("a guest's DIR needs EOImode 1", "virtual_interface.py", "if not self.state.eoimode:", "if False:"),
    Flip("a guest's DIR needs what is active", "virtual_interface.py",
         "if vintid and any(lr.vintid == vintid for lr in self.lrs):", "if False:"),
    # timers and outputs
    Flip("a timer fires at its compare value", "timer.py", "return self.enable and count >= self.cval",
         "return self.enable and count > self.cval"),
    Flip("IMASK holds the line, not ISTATUS", "timer.py", "return self.met(count) and not self.imask",
         "return self.met(count)"),
    Flip("TVAL is signed", "timer.py", "- (1 << 32) * (value >> 31 & 1)", ""),
    Flip("CNTVOFF is CNTV's alone", "timer.py", 'if name == "CNTV":', 'if name == "CNTHV":'),
    Flip("CNTPOFF counts with ECV alone", "timer.py", 'name == "CNTP" and self.offsets[pe].ecv', 'name == "CNTP"'),
    Flip("CNTPCT has no offset at EL2", "timer.py", 'self.count("CNTP", pe) if el < 2 else self.counter.count',
         'self.count("CNTP", pe)'),
    Flip("GICv2: a callback is told what an acknowledge changes", "gicv2.py", 'if frame != "GICD":',
         "if False:"),
    Flip("GICv3: a callback is told what an acknowledge changes", "gicv3.py", 'if "_IAR" in r.name:', "if False:"),
    Flip("GICv3: ICC_SGI1R sends both groups with DS = 1", "distributor_v3.py", "return irq.group in (G0, group)",
         "return irq.group == group"),
    Flip("GICv3: a Secure SGI register sends its group alone", "distributor_v3.py", "if not ns or irq.group == G1NS:",
         "if irq.group == G1NS:"),
    Flip("GICv3: ICC_SGI0R sends no Secure Group 1 SGI", "distributor_v3.py", "irq.nsacr >= 2 and group != G0",
         "irq.nsacr >= 2"),
    Flip("GICv3: NSACR 1 for a Group 0 SGI", "distributor_v3.py", "irq.nsacr >= 1 if", "irq.nsacr >= 2 if"),
    Flip("GICv3: Non-secure software ends no Secure interrupt", "distributor_v3.py", "if ns and not visible(irq, ns):",
         "if False:"),
    Flip("GICv3: a twin's deactivation is Non-secure", "distributor_v3.py",
         "self.options.security and not self.state.ds)", "False)"),
    Flip("GICv3: an EOIR's deactivation is of its state", "icc.py",
         '''        self.drop(top)
        if not self.split(el, secure):
            self.distributor.deactivate(intid, self.pe, self.has_el3 and self.distributor.ns(as_secure))''',
         '''        self.drop(top)
        if not self.split(el, secure):
            self.distributor.deactivate(intid, self.pe)'''),
    Flip("GICv3: Group 1 is IRQ with DS = 1", "icc.py", "if fiq and self.distributor.state.ds:", "if False:"),
    Flip("GICv3: 1 of N heeds the group enable", "redistributor.py", "and self.groups[group].enabled and", "and"),
    Flip("GICv3: DPG1S is RAZ with DS = 1", "redistributor.py", "else DPG[G1S] * self.distributor.ds", "else 0"),
    Flip("GICv3: NMIAR1 is UNDEFINED without NMIs", "gicv3.py", "if name in NMI and not", "if False and not"),
    Flip("GICv3: a vINTID has IDbits", "ich.py", "value & self.vintid_mask", "value & 0xFFFFFFFF"),
    Flip("GICv3: an EOIR's INTID has IDbits", "icc.py", "intid = value & self.intid_mask", "intid = value & 0xFFFFFF"),
    Flip("GICv3: TSEI is RES0", "ich.py", "TSEI * options.hcr_stores_tsei", "TSEI"),
    Flip("GICv3: the priority bits are those of preemption", "gicv3.py", "physical_groups(min(7, o.cpu.priority_bits))",
         "physical_groups(5)"),
    Flip("GICv2: a Secure AEOIR is a Non-secure EOIR", "gicc.py", "ns or (alias and self.options.security)", "ns"),
)


def stale(root: Path) -> list[str]:
    """The entries whose text does not stand exactly once in its file, in words."""
    wrong = []
    for flip in FLIPS:
        count = (root / SILICON / flip.file).read_text(encoding="utf-8").count(flip.old)
        if count != 1:
            wrong.append(f"{flip.file}: {flip.rule}: the text stands there {count} times: {flip.old!r}")
    return wrong


def run(scratch: Path, flip: Flip) -> str | None:
    """The first test that fails with the rule flipped (or that they hang), None if none does."""
    path = scratch / SILICON / flip.file
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace(flip.old, flip.new), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "tests/silicon"],
            cwd=scratch, env=os.environ | {"VGIC_PROFILE": "ci", "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True,
            text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {LONGEST} s"
    finally:
        path.write_text(right, encoding="utf-8")
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if not failed:
        raise SystemExit(f"flip.py: the tests did not run:\n{done.stdout}{done.stderr}")
    return failed[0].split(" - ")[0].split(" ", 1)[1]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="flip rules of the chip: a test must fail for each")
    parser.add_argument("words", nargs="*", help="only the entries with one of these words")
    parser.add_argument("--list", action="store_true", help="show the entries")
    arguments = parser.parse_args()
    words = arguments.words
    chosen = [f for f in FLIPS if not words or any(w in f"{f.file} {f.rule} {f.old}" for w in words)]
    if arguments.list:
        for flip in chosen:
            print(f"{flip.file:<22} {flip.rule}")
        return 0
    wrong = stale(ROOT)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="flip-") as folder:
        scratch = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
        shutil.copy(ROOT / "pyproject.toml", scratch)
        for flip in chosen:
            test = run(scratch, flip)
            survivors += test is None
            print(f"{flip.file:<22} {flip.rule}: {test or 'SURVIVED'}", flush=True)
    print(f"{len(chosen)} rules flipped, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
