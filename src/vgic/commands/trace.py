"""`vgic trace`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vgic.commands.arguments import Refused, number, one_of
from vgic.commands.output import Progress, print_json, warn
from vgic.view.report import Report, Status

if TYPE_CHECKING:
    from vgic.trace.source import Source

FOR_QEMU = ("machine", "option", "lanes", "design")
"""Options that go with QEMU traces alone."""


class _Asked(NamedTuple):
    """The options, read.

    Attributes:
        given: those of FOR_QEMU that were given. machine, overrides, design: of the chip, and what is held against it.
        lanes, window: an INTID, and lines of the recording. most: differences and breaches shown.
    """

    given: tuple[str, ...]
    machine: str | None
    overrides: Mapping[str, str]
    design: str | None
    lanes: int | None
    window: tuple[int, int] | None
    most: int


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    trace = commands.add_parser(
        "trace", help="replay recordings of a real system into the chip, predict every read, judge the rules",
        description="Replays recordings (QEMU trace text) into the chip, or follows a host's kernel events (ftrace). "
                    "Plain, .xz, .gz, .zst, - for standard input.")
    trace.add_argument("files", metavar="FILE", nargs="+")
    trace.add_argument("--machine", help="qemu-virt-v2, qemu-virt-v3 or qemu-virt-v4; otherwise seen from the events")
    trace.add_argument("--option", metavar="NAME=VALUE", action="append", default=[],
                       help="set an option of the chip, such as list_registers=4; may be repeated")
    trace.add_argument("--design", metavar="NAME",
                       help="hold a design's list registers against the recorded kernel's: kvm, kvm612, FILE.py:CLASS")
    trace.add_argument("--lanes", metavar="INTID", help="draw the lanes of this interrupt")
    trace.add_argument("--window", metavar="FROM:TO", help="only these lines of the recording, for --lanes")
    trace.add_argument("--most", metavar="N", default="20", help="differences and breaches shown (20)")
    trace.add_argument("--json", action="store_true", help="a JSON object, or a list of them for several files")
    trace.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Reads each file; one that can't be used is told, and the others are read."""
    from vgic.lab.errors import ScenarioError
    from vgic.trace.source import TraceError

    asked = _asked(options)
    status: int = Status.HOLDS
    told: list[Any] = []
    for n, file in enumerate(options.files):
        try:
            report, errors = _analysed(file, asked)
        except (TraceError, ScenarioError) as e:
            warn(e)
            status = Status.REFUSED
            continue
        status = max(status, report.exit_status)
        if options.json:
            told.append(report.json())
        else:
            print(("\n" if n else "") + report.text())
        sys.stdout.flush()
        for error in errors:
            warn(error)
    if options.json and told:
        print_json(told[0] if len(options.files) == 1 else told)
    return status


def _asked(options: argparse.Namespace) -> _Asked:
    from vgic.trace.configure import MACHINES

    if options.machine is not None:
        one_of(options.machine, "--machine", MACHINES)
    overrides = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise Refused(f"--option {text}: expected NAME=VALUE")
        overrides[name] = value
    lanes = number(options.lanes, "--lanes", 0, 1 << 24)
    window = _window(options.window)
    if window is not None and lanes is None:
        raise Refused("--window goes with --lanes INTID")
    if options.design is not None and lanes is not None:
        raise Refused("--lanes draws the recorded chip; it doesn't go with --design")
    return _Asked(tuple(name for name in FOR_QEMU if getattr(options, name)), options.machine, overrides,
                  options.design, lanes, window, number(options.most, "--most", 1, 1_000_000))


def _window(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, colon, last = text.partition(":")
    if not colon:
        raise Refused(f"--window {text}: expected FROM:TO, two line numbers")
    window = number(first or "1", "--window", 1), number(last, "--window", 1) if last else sys.maxsize
    if window[0] > window[1]:
        raise Refused(f"--window {text}: the first line is behind the last")
    return window


def _analysed(file: str, asked: _Asked) -> tuple[Report, list[str]]:
    """What came of a recording, and what is wrong with the recording itself."""
    from vgic.trace.source import Source

    with Progress() as progress, Source(file) as source:
        how = {"most": asked.most, "progress": partial(progress.part, os.path.basename(file)) if progress.on else None}
        return _read(source, file, asked, how)


def _read(source: Source, file: str, asked: _Asked, how: dict[str, Any]) -> tuple[Report, list[str]]:
    from vgic.trace.analysis import Analysis
    from vgic.trace.design_analysis import DesignAnalysis
    from vgic.trace.ftrace_analysis import FtraceAnalysis
    from vgic.trace.sniff import sniff
    from vgic.trace.source import TraceError
    from vgic.view.design import DesignReport
    from vgic.view.ftrace import FtraceReport
    from vgic.view.recording import RecordingReport

    if sniff(source) == "ftrace":
        if asked.given:
            raise TraceError(source.name, None, f"--{asked.given[0]} is for QEMU traces; this is ftrace")
        events = FtraceAnalysis(source, **how)
        return FtraceReport(events), events.errors()
    how |= {"machine": asked.machine, "overrides": asked.overrides}
    if asked.design is not None:
        held = DesignAnalysis(file, asked.design, **how)
        return DesignReport(held), held.errors()
    replayed = Analysis(source, lanes=asked.lanes, window=asked.window, **how)
    return RecordingReport(replayed), replayed.errors()
