"""The command line: `vgic COMMAND`.

Exit status: 0 all holds, 1 a rule is broken or something differs, 2 the input can't be used, 3 a limit cut a search in
which nothing is broken, 130 interrupted (Ctrl-C, SIGTERM).
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

from vgic import __version__
from vgic.commands import bugs, check, compare, explain, oracle, rules, run, scenarios, trace
from vgic.commands.arguments import Refused
from vgic.commands.output import warn
from vgic.lab.errors import ScenarioError
from vgic.view.report import Status

COMMANDS: Final = (run, check, compare, trace, bugs, oracle, explain, rules, scenarios)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every command does."""

    def error(self, message: str) -> NoReturn:
        self.exit(Status.REFUSED, f"vgic: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    _open_output()
    parser = _parser()
    options = parser.parse_args(_minus(sys.argv[1:] if arguments is None else arguments))
    if not hasattr(options, "run"):
        parser.print_help()
        return Status.REFUSED
    try:
        _end_as_by_ctrl_c()
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except (Refused, ScenarioError) as e:
        warn(e)
        return Status.REFUSED
    except OSError as e:
        if not isinstance(e, BrokenPipeError):
            warn(f"{e.filename or 'standard output'}: {e.strerror or e}")
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.REFUSED
    except KeyboardInterrupt:
        warn("interrupted")
        return Status.INTERRUPTED


def _end_as_by_ctrl_c() -> None:
    """SIGTERM is heard like Ctrl-C: what was found is told, and kept."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


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
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
