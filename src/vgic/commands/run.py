"""`vgic run`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.arguments import Refused, number
from vgic.commands.output import tell

LONGEST = 10_000
"""Steps of a random schedule."""


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    parser = commands.add_parser("run", help="one schedule of a scenario, as lanes, with a verdict")
    parser.add_argument("scenario", metavar="SCENARIO", help="a name (see vgic scenarios), or a TOML file")
    parser.add_argument("--design", help="kvm, trap, timer-mask ... or FILE.py:CLASS; instead of the scenario's")
    parser.add_argument("--seed", metavar="N", help="a random schedule instead of the script")
    parser.add_argument("--steps", metavar="N", help="of a random schedule (40)")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs one schedule of a scenario."""
    from vgic.lab.loader import find_scenario
    from vgic.lab.perform import STEPS, perform
    from vgic.view.run import RunReport

    seed, steps = number(options.seed, "--seed"), number(options.steps, "--steps", 1, LONGEST)
    if steps is not None and seed is None:
        raise Refused(f"--steps {steps}: expected --seed too: a script has its own steps")
    scenario = find_scenario(options.scenario)
    return tell(RunReport(perform(scenario, options.design, seed=seed, steps=steps or STEPS)), options.json)
