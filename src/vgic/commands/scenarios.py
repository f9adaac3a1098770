"""`vgic scenarios`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.output import print_json, tell


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    scenarios = commands.add_parser("scenarios", help="the scenarios that come with vgic")
    scenarios.add_argument("--schema", action="store_true", help="the JSON Schema of a scenario file, for editors")
    scenarios.add_argument("--json", action="store_true")
    scenarios.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Lists the scenarios, or prints the schema of their files."""
    from vgic.lab.loader import all_scenarios
    from vgic.lab.scenario import schema
    from vgic.view.scenarios import ScenariosReport

    if options.schema:
        print_json(schema())
        return 0
    return tell(ScenariosReport(all_scenarios()), options.json)
