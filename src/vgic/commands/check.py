"""`vgic check`."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgic.engine import Progress
    from vgic.explore.check import Verdict
    from vgic.lab.scenario import Scenario

MOST_LRS = 16


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    check = commands.add_parser(
        "check", help="all schedules of a scenario: a verdict, and the shortest counterexample",
        description="Explores every schedule of a scenario, and judges every rule in every state. Exit status: 0 all "
                    "hold, 1 a rule is broken, 2 the input can't be used. A search that is interrupted or killed goes "
                    "on with --resume.")
    check.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    check.add_argument("--design", help="kvm, trap, timer-mask ... or FILE.py:CLASS; instead of the scenario's")
    check.add_argument("--lrs", metavar="N|A..B", help="list registers, 1 to 16; A..B: each, and the fewest that do")
    check.add_argument("--vcpus", metavar="N", help="vCPUs of each VM, instead of the scenario's")
    check.add_argument("--rules", metavar="IDS", help="judge only these, such as 1,2,9; with -: all but these, -6,-17")
    check.add_argument("--depth", metavar="N", help="at most so many actions")
    check.add_argument("--states", metavar="N", help="at most so many states (passed by up to a round)")
    check.add_argument("--memory", metavar="GB", help="at most so much memory (three quarters of what is free)")
    check.add_argument("--seconds", metavar="N", help="at most so long")
    check.add_argument("--threads", metavar="N", help="of the search (1)")
    check.add_argument("--resume", action="store_true", help="go on with the same search where it was cut or killed")
    check.add_argument("--export", metavar="DIR", help="write a counterexample there: a scenario, a test, a C case")
    check.add_argument("--self-check", action="store_true",
                       help="explore in plain Python too, and compare states, transitions, depth and verdict")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from vgic.commands.lab import _guarded

    return _guarded(options, lambda: _report(options))


def _report(options: argparse.Namespace) -> Any:
    from vgic.explore.check import Bounds, check, self_check, with_vcpus
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_design, find_scenario
    from vgic.view.check import CheckReport, DialReport

    first, last = _range(options.lrs)
    bounds = Bounds(
        _number(options.depth, "--depth", 0, 1 << 32), _number(options.states, "--states", 1, 1 << 40),
        _number(options.memory, "--memory", 1, 1 << 20, 1 << 30), _number(options.seconds, "--seconds", 1, 1 << 32))
    threads = _number(options.threads, "--threads", 1, 256) or 1
    scenario = find_scenario(options.scenario)
    vcpus = _number(options.vcpus, "--vcpus", 1, 8)
    if vcpus is not None:
        scenario = with_vcpus(scenario, vcpus)
    rules = _rules(options.rules)
    name = scenario.design if options.design is None else options.design
    design = find_design(name)
    explore: Callable[..., Verdict] = self_check if options.self_check else check

    written: tuple[str, ...] = ()

    def one(list_registers: int | None) -> Verdict:
        nonlocal written
        saved = None if options.self_check else _saved(options.resume, scenario, name, list_registers, rules)
        with _Line() as line:
            try:
                verdict = explore(scenario, design, list_registers=list_registers, rules=rules, bounds=bounds,
                                  threads=threads, progress=line.show, checkpoint=saved)
            except AssertionError as e:
                raise ScenarioError(f"{e} (an error of vgic, or a design that does one thing now and another then:"
                                    " please report it)") from e
        if verdict.rule is not None and options.export:
            from vgic.explore.export import export
            written = tuple(map(str, export(verdict, name, Path(options.export))))
        elif verdict.result.unsaved:
            print(f"vgic: {verdict.result.unsaved}; the search can't be resumed", file=sys.stderr)
        elif verdict.result.why_cut == "interrupted":
            print("vgic: interrupted; the same command with --resume goes on from here", file=sys.stderr)
        if options.resume and not verdict.resumed:
            print("vgic: nothing was saved of this search: it began anew", file=sys.stderr)
        return verdict

    if first is None or last is None or first == last:
        report = CheckReport(one(first))
        report.written = written
        return report
    verdicts = []
    for n in range(first, last + 1):
        verdicts.append(one(n))
        if verdicts[-1].result.why_cut == "interrupted":
            raise ScenarioError(f"interrupted at {n} list registers")
    return DialReport(verdicts)


def _range(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    low, dots, high = text.partition("..")
    from vgic.lab.errors import ScenarioError
    try:
        first, last = int(low), int(high if dots else low)
    except ValueError:
        first, last = 1, 0
    if not 1 <= first <= last <= MOST_LRS:
        raise ScenarioError(f"--lrs {text}: expected N, or A..B with A at most B, 1 to {MOST_LRS}")
    return first, last


def _rules(text: str | None) -> frozenset[int] | None:
    from vgic.lab.errors import ScenarioError
    from vgic.rules.state import STATE_RULES

    if text is None:
        return None
    known = {r.rule.id for r in STATE_RULES}
    words = text.split(",")
    without = {word.startswith("-") for word in words}
    try:
        ids = {abs(int(word)) for word in words}
    except ValueError:
        ids = {0}
    if len(without) > 1 or not ids <= known:
        raise ScenarioError(f"--rules {text}: expected 1,2,9 or -6,-17, of {', '.join(map(str, sorted(known)))}")
    return frozenset(known - ids if without.pop() else ids)


def _number(text: str | None, what: str, low: int, high: int, times: int = 1) -> int | None:
    from vgic.lab.errors import ScenarioError

    if text is None:
        return None
    expected = f"a whole number, {low} to {high}" if times == 1 else f"a number, more than 0, up to {high}"
    try:
        value = float(text) if times > 1 else int(text, 0)
    except ValueError:
        raise ScenarioError(f"{what} {text}: expected {expected}") from None
    if not (low <= value <= high if times == 1 else 1 <= value * times <= high * times):
        raise ScenarioError(f"{what} {text}: expected {expected}")
    return int(value * times)


def _saved(resume: bool, scenario: Scenario, design: str, lrs: int | None, rules: frozenset[int] | None) -> str:
    """Where this search is saved. What an earlier one left there goes, unless it is to go on."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgic" / "check"
    which = repr((scenario.model_dump_json(), design, lrs, sorted(rules) if rules is not None else None))
    path = base / hashlib.sha256(which.encode()).hexdigest()[:16]
    if not resume:
        shutil.rmtree(path, ignore_errors=True)
    return str(path)


class _Line:
    """The progress, in one line of a terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def show(self, p: Progress) -> None:
        from vgic.view.check import progress_line

        if self.on:
            sys.stderr.write(f"\r{progress_line(p)}\x1b[K")
            sys.stderr.flush()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self.on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
