"""`vgic check`: one scenario, or with `--all` every one."""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgic.commands.arguments import Refused, gigabytes, number, span
from vgic.commands.output import Progress, gathered, tell, warn
from vgic.view.report import Report, Status

if TYPE_CHECKING:
    from vgic.explore.check import Bounds, Verdict
    from vgic.lab.scenario import Scenario

MOST_LRS = 16
MOST_VCPUS = 8
MOST_JOBS = 64
FOR_ONE = ("vcpus", "rules", "threads", "resume", "export", "self_check")
FOR_ALL = ("confirm", "jobs")


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    check = commands.add_parser(
        "check", help="all schedules of a scenario: a verdict, and the shortest counterexample",
        description="Explores every schedule of a scenario, and judges every rule in every state. Exit status: 0 all "
                    "hold, 1 a rule is broken, 2 the input can't be used, 3 a limit cut the search (BOUNDED), 130 "
                    "interrupted. A search that is interrupted or killed goes on with --resume. With --all: every "
                    "scenario, a process a core; exit status 0 where each verdict is as announced, 1 where one is "
                    "not, 3 where a limit cut one.")
    check.add_argument("scenarios", metavar="SCENARIO", nargs="*",
                       help="a name (see vgic scenarios), or a TOML file; with --all several, or none for all that fit")
    check.add_argument("--all", action="store_true", help="every scenario, or those named, as a table")
    check.add_argument("--design", help="kvm, trap, timer-mask ... or FILE.py:CLASS; instead of the scenario's")
    check.add_argument("--lrs", metavar="N|A..B", help="list registers, 1 to 16; A..B: each, and the fewest that do")
    check.add_argument("--vcpus", metavar="N", help="vCPUs of each VM, instead of the scenario's")
    check.add_argument("--rules", metavar="IDS", help="judge only these, such as 1,2,9; with -: all but these, -6,-17")
    check.add_argument("--depth", metavar="N", help="at most so many actions")
    check.add_argument("--states", metavar="N", help="at most so many states (passed by up to a round)")
    check.add_argument("--memory", metavar="GB", help="at most so much memory (three quarters of what is free)")
    check.add_argument("--seconds", metavar="N", help="at most so many seconds of CPU time, in each thread")
    check.add_argument("--allow-bounded", action="store_true", help="exit status 0 where a limit cut the search, not 3")
    check.add_argument("--threads", metavar="N", help="of the search (1)")
    check.add_argument("--resume", action="store_true", help="go on with the same search where it was cut or killed")
    check.add_argument("--export", metavar="DIR", help="write a counterexample there: a scenario, a test, a C case")
    check.add_argument("--self-check", action="store_true",
                       help="explore in plain Python too, and compare states, transitions, depth and verdict")
    check.add_argument("--confirm", action="store_true",
                       help="with --all: look beyond what is announced to break, and for each such rule by itself")
    check.add_argument("--jobs", metavar="N", help="with --all: searches at a time (one a core)")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Checks one scenario, or all."""
    for name in FOR_ONE if options.all else FOR_ALL:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise Refused(f"{option} goes with one scenario, not with --all" if options.all else
                          f"{option} goes with --all")
    if options.all:
        return tell(_all(options), options.json)
    if len(options.scenarios) != 1:
        raise Refused("check: expected one scenario (vgic scenarios lists them), or --all")
    return _one(options)


def _bounds(options: argparse.Namespace) -> Bounds:
    from vgic.explore.check import Bounds

    return Bounds(
        number(options.depth, "--depth", 0, 1 << 32), number(options.states, "--states", 1, 1 << 40),
        gigabytes(options.memory, "--memory", 1 << 20), number(options.seconds, "--seconds", 1, 1 << 32))


# -- one

def _one(options: argparse.Namespace) -> int:
    from vgic.explore.check import with_vcpus
    from vgic.lab.loader import find_scenario
    from vgic.view.check import CheckReport, DialReport

    lrs, bounds = span(options.lrs, "--lrs", 1, MOST_LRS), _bounds(options)
    threads = number(options.threads, "--threads", 1, 256) or 1
    scenario = find_scenario(options.scenarios[0])
    vcpus = number(options.vcpus, "--vcpus", 1, MOST_VCPUS)
    if vcpus is not None:
        scenario = with_vcpus(scenario, vcpus)
    search = _Search(options, scenario, bounds, threads, _rules(options.rules))
    if lrs is None or lrs[0] == lrs[1]:
        found = search.verdict(lrs and lrs[0])
        return tell(CheckReport(found, search.written, options.allow_bounded), options.json)
    verdicts = []
    for n in range(lrs[0], lrs[1] + 1):
        verdicts.append(search.verdict(n))
        if verdicts[-1].result.why_cut == "interrupted":
            warn(f"interrupted at {n} list registers")
            return Status.INTERRUPTED
    return tell(DialReport(verdicts, options.allow_bounded), options.json)


class _Search:
    """What is explored, and how; the files of its last exported counterexample."""

    def __init__(
        self, options: argparse.Namespace, scenario: Scenario, bounds: Bounds, threads: int,
        rules: frozenset[int] | None,
    ) -> None:
        from vgic.lab.loader import find_design

        self.options, self.scenario, self.bounds, self.threads, self.rules = options, scenario, bounds, threads, rules
        self.name = scenario.design if options.design is None else options.design
        self.design = find_design(self.name)
        self.written: tuple[str, ...] = ()

    def verdict(self, lrs: int | None) -> Verdict:
        """The verdict with so many list registers, None for the scenario's own; what is to be told beside it is."""
        from vgic.explore.check import DesignCrashed, check, self_check
        from vgic.lab.errors import ScenarioError
        from vgic.view.check import progress_line

        o = self.options
        if o.export:
            self._probed(Path(o.export))
        saved: dict[str, Any] = {} if o.self_check else {"checkpoint": self._saved(lrs), "anew": not o.resume}
        with Progress() as progress:
            try:
                found = (self_check if o.self_check else check)(
                    self.scenario, self.design, list_registers=lrs, rules=self.rules, bounds=self.bounds,
                    threads=self.threads, progress=lambda p: progress.show(progress_line(p)), **saved)
            except DesignCrashed as e:
                found = e.verdict
            except AssertionError as e:
                raise ScenarioError(f"{e} (an error of vgic, or a design that does one thing now and another then:"
                                    " please report it)") from e
        if found.rule is not None and o.export:
            self.written = self._exported(found, Path(o.export))
        elif found.crash and o.export:
            warn("nothing is exported of a crash: its schedule tells it")
        elif found.result.unsaved:
            warn(f"{found.result.unsaved}; the search can't be resumed")
        elif found.result.why_cut == "interrupted":
            warn("interrupted; the same command with --resume goes on from here")
        if found.result.unkept:
            warn(f"what was compiled could not be kept ({found.result.unkept}), and each command compiles anew: set"
                 " NUMBA_CACHE_DIR to a directory that can be written")
        if o.resume and not found.resumed:
            warn("nothing was saved of this search: it began anew")
        return found

    def _probed(self, directory: Path) -> None:
        """Says before the search that its counterexample can't be written. The verdict is told all the same."""
        from vgic.explore.export import probe
        from vgic.lab.errors import ScenarioError

        try:
            probe(directory)
        except ScenarioError as e:
            warn(e)

    def _exported(self, found: Verdict, directory: Path) -> tuple[str, ...]:
        """The files of a counterexample; none, and why, where they can't be written. A verdict is never lost by it."""
        from vgic.explore.export import export
        from vgic.lab.errors import ScenarioError

        try:
            return tuple(map(str, export(found, self.name, directory)))
        except ScenarioError as e:
            warn(f"{e}: the verdict is told, its counterexample is not on disk")
            return ()

    def _saved(self, lrs: int | None) -> str:
        """Where this search is saved."""
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgic" / "check"
        rules = sorted(self.rules) if self.rules is not None else None
        which = repr((self.scenario.model_dump_json(), self.name, lrs, rules))
        return str(base / hashlib.sha256(which.encode()).hexdigest()[:16])


def _rules(text: str | None) -> frozenset[int] | None:
    from vgic.rules.checks import MACHINE_RULES

    if text is None:
        return None
    known = set(MACHINE_RULES)
    words = text.split(",")
    without = {word.startswith("-") for word in words}
    try:
        ids = {abs(int(word)) for word in words}
    except ValueError:
        ids = {0}
    if len(without) > 1 or not ids <= known:
        raise Refused(f"--rules {text}: expected 1,2,9 or -6,-17, of {', '.join(map(str, sorted(known)))}")
    return frozenset(known - ids if without.pop() else ids)


# -- all

def _all(options: argparse.Namespace) -> Report:
    from vgic.explore.all import check_all, tasks
    from vgic.explore.processes import cores
    from vgic.view.all import AllReport, line

    bounds, jobs = _bounds(options), number(options.jobs, "--jobs", 1, MOST_JOBS) or cores()
    todo = tasks(options.scenarios, options.design, span(options.lrs, "--lrs", 1, MOST_LRS))
    found, interrupted = gathered(check_all(todo, bounds, options.confirm, jobs), len(todo), line)
    return AllReport(found, len(todo), interrupted, options.allow_bounded)
