"""`vgic compare`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.arguments import Refused, names, number
from vgic.commands.output import Progress, tell

MOST_DESIGNS = 40
SECONDS = 20
"""For each search, where nobody says how many."""


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    compare = commands.add_parser("compare", help="several designs on one scenario: verdicts and costs")
    compare.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    compare.add_argument("--designs", metavar="A,B", default="kvm,trap,timer-mask",
                         help="names or FILE.py:CLASS, separated by commas")
    compare.add_argument("--profile", help="a cost profile's name, or a TOML file (of a machine with such a GIC)")
    compare.add_argument("--check", action="store_true",
                         help="search all schedules, too; verdicts and list registers are of the script alone else")
    compare.add_argument("--seconds", metavar="N", help=f"with --check: for each search ({SECONDS})")
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compares designs on one scenario."""
    from vgic.cost import compare_designs, find_profile, usual
    from vgic.explore.searched import searched
    from vgic.lab.loader import find_scenario
    from vgic.view.compare import CompareReport

    designs = names(options.designs, "--designs", MOST_DESIGNS)
    seconds = number(options.seconds, "--seconds", 1, 1 << 32)
    if seconds is not None and not options.check:
        raise Refused("--seconds goes with --check")
    scenario = find_scenario(options.scenario)
    profile = find_profile(options.profile if options.profile is not None else usual(scenario.machine.gic))
    comparison = compare_designs(scenario, designs, profile)
    found = {}
    if options.check:
        with Progress() as progress:
            for name, row in zip(designs, comparison.rows, strict=True):
                progress.show(f"  {row.design}: searching")
                found[row.design] = searched(scenario, name, float(seconds or SECONDS))
    return tell(CompareReport(comparison, found), options.json)
