"""`vgic compare`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.arguments import names
from vgic.commands.output import tell

MOST_DESIGNS = 40


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    compare = commands.add_parser("compare", help="several designs on one scenario: verdicts and costs")
    compare.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    compare.add_argument("--designs", metavar="A,B", default="kvm,trap,timer-mask",
                         help="names or FILE.py:CLASS, separated by commas")
    compare.add_argument("--profile", default="xgene-kvm", help="a cost profile's name, or a TOML file")
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compares designs on one scenario."""
    from vgic.cost import compare_designs, find_profile
    from vgic.lab.loader import find_scenario
    from vgic.view.compare import CompareReport

    designs = names(options.designs, "--designs", MOST_DESIGNS)
    scenario, profile = find_scenario(options.scenario), find_profile(options.profile)
    return tell(CompareReport(compare_designs(scenario, designs, profile)), options.json)
