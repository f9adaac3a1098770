"""`vgic run`, `vgic compare`, `vgic scenarios`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Protocol


class Report(Protocol):
    """What a command says."""

    @property
    def exit_status(self) -> int: ...
    def text(self) -> str: ...
    def json(self) -> Any: ...


def add(commands: Any) -> None:
    """Adds the commands to what `add_subparsers` returned."""
    run = commands.add_parser("run", help="one schedule of a scenario, as lanes, with a verdict")
    run.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    run.add_argument("--design", help="kvm, trap, timer-mask ... or FILE.py:CLASS; instead of the scenario's")
    run.add_argument("--seed", metavar="N", help="a random schedule instead of the script")
    run.add_argument("--steps", metavar="N", help="of a random schedule (40)")
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)

    compare = commands.add_parser("compare", help="several designs on one scenario: verdicts and costs")
    compare.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    compare.add_argument("--designs", metavar="A,B", help="names or FILE.py:CLASS, separated by commas")
    compare.add_argument("--profile", help="a cost profile's name, or a TOML file")
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(run=_compare)

    scenarios = commands.add_parser("scenarios", help="the scenarios that come with vgic")
    scenarios.add_argument("--schema", action="store_true", help="the JSON Schema of a scenario file, for editors")
    scenarios.add_argument("--json", action="store_true")
    scenarios.set_defaults(run=_scenarios)


def _tell(report: Report, as_json: bool) -> int:
    if as_json:
        json.dump(report.json(), sys.stdout, indent=2)
        print()
    else:
        print(report.text().rstrip("\n"))
    return report.exit_status


def _number(text: str | None, what: str) -> int | None:
    from vgic.arch.register import number
    from vgic.lab.errors import ScenarioError

    if text is None:
        return None
    try:
        return number(text)
    except ValueError as e:
        raise ScenarioError(f"{what}: {e}") from None


def _guarded(options: argparse.Namespace, report: Any) -> int:
    from vgic.lab.errors import ScenarioError

    try:
        return _tell(report(), options.json)
    except ScenarioError as e:
        print(f"vgic: {e}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    from vgic.view.run import run

    return _guarded(options, lambda: run(
        options.scenario, design=options.design, seed=_number(options.seed, "--seed"),
        steps=_number(options.steps, "--steps")))


def _compare(options: argparse.Namespace) -> int:
    from vgic.view.compare import compare

    chosen = {name: getattr(options, name) for name in ("designs", "profile") if getattr(options, name) is not None}
    return _guarded(options, lambda: compare(options.scenario, **chosen))


def _scenarios(options: argparse.Namespace) -> int:
    from vgic.lab.scenario import schema
    from vgic.view.compare import list_scenarios

    if options.schema:
        json.dump(schema(), sys.stdout, indent=2)
        print()
        return 0
    return _guarded(options, list_scenarios)
