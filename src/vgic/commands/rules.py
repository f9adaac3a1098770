"""`vgic rules`."""

from __future__ import annotations

import argparse
from typing import Any

from vgic.commands.arguments import number
from vgic.commands.output import tell


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    rules = commands.add_parser("rules", help="what must hold, with its section of the specification")
    rules.add_argument("ids", metavar="ID", nargs="*")
    rules.add_argument("--json", action="store_true")
    rules.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tells the rules that were named, or all."""
    from vgic.rules.catalogue import RULES
    from vgic.view.rules import RulesReport

    ids = [number(text, "rule", 1, len(RULES)) for text in options.ids] or list(RULES)
    return tell(RulesReport([RULES[i] for i in ids]), options.json)
