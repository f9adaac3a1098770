"""The command line: `vgic COMMAND`.

Exit status: 0 all holds, 1 a rule is broken or something differs, 2 the input can't be used.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import NoReturn

from vgic import __version__

Progress = Callable[[int, "int | None"], None]


class _Refused(Exception):
    """Input that can't be used: the message is for people."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every command does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"vgic: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    _open_output()
    parser = _parser()
    options = parser.parse_args(_minus(sys.argv[1:] if arguments is None else arguments))
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except _Refused as e:
        print(f"vgic: {e}", file=sys.stderr)
        return 2
    except OSError as e:
        if not isinstance(e, BrokenPipeError):
            print(f"vgic: {e.filename or 'standard output'}: {e.strerror or e}", file=sys.stderr)
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        print("vgic: interrupted", file=sys.stderr)
        return 130


def _open_output() -> None:
    """A standard output that takes all text: none was opened, or its encoding lacks characters of a title."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for the rest of the process
    elif isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors != "backslashreplace":
        sys.stdout.reconfigure(errors="backslashreplace")


def _minus(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--rules -6,-17` as `--rules=-6,-17`: what begins with - is an option to argparse."""
    out: list[str] = []
    for word in arguments:
        if out and out[-1] == "--rules" and word[:1] == "-" and word[1:2].isdigit():
            out[-1] += f"={word}"
        else:
            out.append(word)
    return out


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="vgic", description="A laboratory for Arm interrupt virtualization.")
    parser.add_argument("--version", action="version", version=f"vgic {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)

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
    trace.set_defaults(run=_trace)

    explain = commands.add_parser(
        "explain", help="what a register, its value or an address means",
        description="Prints registers and values in words: ICH_LR0_EL2=0x70c0001b0000001b, GICD_CTLR, a dump (-).")
    explain.add_argument("what", metavar="NAME[=VALUE]", nargs="*")
    explain.add_argument("--map", metavar="ADDRESS", help="name the register at this address")
    explain.add_argument("--machine", help="whose memory map (qemu-virt-v2, qemu-virt-v3, qemu-virt-v4)")
    explain.add_argument("--json", action="store_true")
    explain.set_defaults(run=_explain)

    rules = commands.add_parser("rules", help="what must hold, with its section of the specification")
    rules.add_argument("ids", metavar="ID", nargs="*")
    rules.add_argument("--json", action="store_true")
    rules.set_defaults(run=_rules)

    for topic in ("vgic.commands.run", "vgic.commands.check", "vgic.commands.bugs", "vgic.commands.oracle"):
        importlib.import_module(topic).add(commands)
    return parser


def _number(text: str, what: str, low: int, high: int) -> int:
    from vgic.arch.register import number
    try:
        value = number(text)
    except ValueError as e:
        raise _Refused(f"{what}: {e}") from None
    if not low <= value <= high:
        raise _Refused(f"{what} = {text}: expected {low} to {high}")
    return value


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    print()


def _trace(options: argparse.Namespace) -> int:
    from vgic.lab.errors import ScenarioError
    from vgic.trace.analysis import Analysis
    from vgic.trace.configure import MACHINES
    from vgic.trace.design_analysis import DesignAnalysis
    from vgic.trace.ftrace_analysis import FtraceAnalysis
    from vgic.trace.sniff import sniff
    from vgic.trace.source import Source, TraceError
    from vgic.view.design import text as tell_design
    from vgic.view.ftrace import text as tell_ftrace
    from vgic.view.recording import text as tell

    if options.machine is not None and options.machine not in MACHINES:
        raise _Refused(f"--machine {options.machine}: expected one of {', '.join(MACHINES)}")
    overrides = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise _Refused(f"--option {text}: expected NAME=VALUE")
        overrides[name] = value
    lanes = _number(options.lanes, "--lanes", 0, 1 << 24) if options.lanes is not None else None
    window = None
    if options.window is not None:
        first, colon, last = options.window.partition(":")
        if not colon:
            raise _Refused(f"--window {options.window}: expected FROM:TO, two line numbers")
        window = (_number(first or "1", "--window", 1, 1 << 62), _number(last or str(1 << 62), "--window", 1, 1 << 62))
        if window[0] > window[1]:
            raise _Refused(f"--window {options.window}: the first line is behind the last")
    if window is not None and lanes is None:
        raise _Refused("--window goes with --lanes INTID")
    most = _number(options.most, "--most", 1, 1_000_000)
    for_qemu = [name for name in ("machine", "option", "lanes", "design") if getattr(options, name)]
    if options.design is not None and lanes is not None:
        raise _Refused("--lanes draws the recorded chip; it doesn't go with --design")
    status, told = 0, []
    for n, file in enumerate(options.files):
        analysis: Analysis | FtraceAnalysis | DesignAnalysis
        try:
            with _progress(file) as progress, Source(file) as source:
                if sniff(source) == "ftrace":
                    if for_qemu:
                        raise TraceError(source.name, None, f"--{for_qemu[0]} is for QEMU traces; this is ftrace")
                    analysis = FtraceAnalysis(source, most=most, progress=progress)
                elif options.design is not None:
                    analysis = DesignAnalysis(file, options.design, machine=options.machine, overrides=overrides,
                                              most=most, progress=progress)
                else:
                    analysis = Analysis(source, machine=options.machine, overrides=overrides, lanes=lanes,
                                        window=window, most=most, progress=progress)
        except (TraceError, ScenarioError) as e:
            print(f"vgic: {e}", file=sys.stderr)
            status = 2
            continue
        status = max(status, analysis.exit_status)
        if options.json:
            told.append(analysis.json())
        else:
            text = (tell_ftrace(analysis) if isinstance(analysis, FtraceAnalysis)
                    else tell_design(analysis) if isinstance(analysis, DesignAnalysis) else tell(analysis))
            print(("\n" if n else "") + text)
        sys.stdout.flush()
        for error in analysis.errors():
            print(f"vgic: {error}", file=sys.stderr)
    if options.json and told:
        _print_json(told[0] if len(options.files) == 1 else told)
    return status


class _Bar:
    """A progress bar on a terminal, by bytes of the file."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
                            console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task(os.path.basename(name))

    def __enter__(self) -> Progress:
        self.bar.start()
        return lambda done, total: self.bar.update(self.task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def _progress(file: str) -> AbstractContextManager[Progress | None]:
    return _Bar(file) if sys.stderr.isatty() else nullcontext()


def _explain(options: argparse.Namespace) -> int:
    from vgic.arch.machine import UnknownMachine, find_machine
    from vgic.view.explain import ExplainError, explain

    try:
        machine = find_machine(options.machine) if options.machine is not None else None
        address = _number(options.map, "--map", 0, (1 << 64) - 1) if options.map is not None else None
        if not options.what and address is None:
            raise _Refused("explain: say a register (ICH_LR0_EL2), a value (ICH_LR0_EL2=0x70c0001b0000001b), "
                           "or --map ADDRESS --machine NAME")
        texts = [sys.stdin.read() if text == "-" else text for text in options.what]
        explained = explain(texts, machine, address)
    except (ExplainError, UnknownMachine) as e:
        raise _Refused(str(e)) from None
    if options.json:
        _print_json(explained.json())
    else:
        print(explained.text())
    return 0


def _rules(options: argparse.Namespace) -> int:
    from vgic.rules import HARDWARE_CHECKS, RULES
    from vgic.rules.state import STATE_RULES
    from vgic.trace.ftrace_rules import KERNEL_CHECKS

    ids = [_number(text, "rule", 1, len(RULES)) for text in options.ids] or list(RULES)
    judged = {
        "in scenarios": {r.rule.id for r in STATE_RULES}, "on QEMU traces": {c.rule_id for c in HARDWARE_CHECKS},
        "on ftrace": {c.rule_id for c in KERNEL_CHECKS},
    }
    if options.json:
        _print_json([RULES[i]._asdict() | {"judged": [where for where, those in judged.items() if i in those]}
                     for i in ids])
        return 0
    awaits = {"ITS": "awaits the ITS", "VFIO": "awaits VFIO", "x86": "awaits posted interrupts"}
    for i in ids:
        rule = RULES[i]
        where = ", ".join(where for where, those in judged.items() if i in those)
        for line in textwrap.wrap(rule.sentence, 95, initial_indent=f"{i:3}  ", subsequent_indent="     "):
            print(line)
        print(f"     {rule.section}; {f'judged {where}' if where else awaits.get(rule.evidence, 'judged nowhere yet')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
