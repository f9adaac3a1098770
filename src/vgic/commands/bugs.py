"""`vgic bugs`."""

from __future__ import annotations

import argparse
import re
from typing import Any

from vgic.commands.arguments import Refused, number
from vgic.commands.output import gathered, tell
from vgic.view.report import Report

MOST_SECONDS = 86_400
MOST_JOBS = 64
BUG = re.compile(r"[Bb]\d{3}.*")
"""What the ids of the museum's bugs look like."""


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    parser = commands.add_parser(
        "bugs", help="historical bugs as designs, each found again by search",
        description="Lists the museum of historical bugs, tells one, or finds them by exploring all schedules. Of a "
                    "bug of your own, FILE.py:CLASS, it tells which scenarios show it. Exit status of a search: 0 all "
                    "found and the designs without them clean, 1 not so.")
    parser.add_argument("ids", metavar="ID", nargs="*",
                        help="B010 ..., all by default; or one FILE.py:CLASS, and scenarios for it (all that fit)")
    parser.add_argument("--base", metavar="DESIGN",
                        help="of a bug of your own: the right design, also FILE.py:CLASS (the one that it is made of)")
    parser.add_argument("--all", action="store_true", help="search for each; with IDs, for those")
    parser.add_argument("--seconds", metavar="N", help="for each search (60; of a bug of your own 5)")
    parser.add_argument("--jobs", metavar="N", help="searches at a time (one a core)")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tells of bugs, or searches for them."""
    if options.base is not None and not any(":" in i or i.endswith(".py") for i in options.ids):
        raise Refused("--base goes with a bug of your own, FILE.py:CLASS")
    own = any(":" in i or i.endswith(".py") for i in options.ids)
    return tell(_own(options) if own else _museum(options), options.json)


def _museum(options: argparse.Namespace) -> Report:
    from vgic.designs.bugs import AWAITED
    from vgic.explore.museum import SECONDS, exhibits, visit_all
    from vgic.explore.processes import cores
    from vgic.view.museum import ExhibitsReport, VisitsReport

    identities = _chosen(options.ids)
    seconds = number(options.seconds, "--seconds", 1, MOST_SECONDS) or SECONDS
    jobs = number(options.jobs, "--jobs", 1, MOST_JOBS) or cores()
    if not options.all:
        return ExhibitsReport(exhibits(identities))
    searched, awaited = ([i for i in identities if (i in AWAITED) is later] for later in (False, True))
    if options.ids and awaited:
        raise Refused(f"{awaited[0]} can't be searched for yet: it awaits {AWAITED[awaited[0]].awaits}")
    visits, interrupted = gathered(visit_all(searched, float(seconds), jobs), len(searched))
    return VisitsReport(visits, awaited, len(searched), interrupted)


def _own(options: argparse.Namespace) -> Report:
    """Which scenarios show a bug of the user's own."""
    from vgic.explore.all import ours
    from vgic.explore.differ import differ_all, fitting, made_of, reached_first
    from vgic.explore.processes import cores
    from vgic.lab.loader import find_design, find_scenario
    from vgic.view.museum import DistinctionsReport, distinction_line

    own = [i for i in options.ids if ":" in i or i.endswith(".py")]
    named = [i for i in options.ids if i not in own]
    if len(own) > 1 or any(BUG.fullmatch(i) for i in named):
        raise Refused(f"{' '.join(options.ids)}: expected one FILE.py:CLASS alone, or with scenarios, or ids of the"
                      " museum's bugs")
    seconds = number(options.seconds, "--seconds", 1, MOST_SECONDS) or 5
    jobs = number(options.jobs, "--jobs", 1, MOST_JOBS) or cores()
    design = find_design(own[0])
    base = find_design(options.base) if options.base is not None else made_of(design)
    scenarios = {i: find_scenario(i) for i in named} or {s.name: s for s in fitting(ours(base) or base)}
    names = reached_first(scenarios, design)
    found, interrupted = gathered(
        differ_all(own[0], options.base or base.name, names, float(seconds), jobs), len(names), distinction_line)
    return DistinctionsReport(own[0], base.name, list({d.scenario: d for d in found}.values()), len(names), interrupted)


def _chosen(names: list[str]) -> list[str]:
    """The ids that were named, in any case and once each; all where none was."""
    from vgic.arch.register import nearest
    from vgic.designs.bugs import AWAITED, bugs

    known = {identity.casefold(): identity for identity in sorted((*bugs(), *AWAITED))}
    for name in names:
        if name.casefold() not in known:
            near = ", ".join(nearest(name.upper(), list(known.values())))
            raise Refused(f"bug {name!r}: there is none of that id" + (f"; nearest: {near}" if near else ""))
    return list(dict.fromkeys(known[name.casefold()] for name in names)) or list(known.values())
