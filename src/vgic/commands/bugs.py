"""`vgic bugs`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

MOST_SECONDS = 86_400


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    parser = commands.add_parser(
        "bugs", help="historical bugs as designs, each found again by search",
        description="Lists the museum of historical bugs, tells one, or finds them by exploring all schedules. Exit "
                    "status of a search: 0 all found and the designs without them clean, 1 not so.")
    parser.add_argument("ids", metavar="ID", nargs="*", help="B012 ...; all by default")
    parser.add_argument("--all", action="store_true", help="search for each; with IDs, for those")
    parser.add_argument("--seconds", metavar="N", default="60", help="for each search (60)")
    parser.add_argument("--jobs", metavar="N", default=str(min(8, os.cpu_count() or 1)), help="searches at a time")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_bugs)


def _bugs(options: argparse.Namespace) -> int:
    from vgic.commands.lab import _guarded

    return _guarded(options, lambda: _report(options))


def _report(options: argparse.Namespace) -> Any:
    from vgic.arch.register import nearest
    from vgic.commands.lab import _number
    from vgic.designs.bugs import bugs
    from vgic.explore.museum import visit_all
    from vgic.lab.errors import ScenarioError
    from vgic.view.museum import Found, Museum

    known = bugs()
    for identity in options.ids:
        if identity not in known:
            near = ", ".join(nearest(identity, list(known)))
            raise ScenarioError(f"bug {identity!r}: there is none of that id" + (f"; nearest: {near}" if near else ""))
    identities = options.ids or list(known)
    if not options.all:
        return Museum(identities)
    seconds, jobs = _number(options.seconds, "--seconds"), _number(options.jobs, "--jobs")
    if seconds is None or not 1 <= seconds <= MOST_SECONDS:
        raise ScenarioError(f"--seconds {options.seconds}: expected 1 to {MOST_SECONDS:,}")
    if jobs is None or not 1 <= jobs <= 64:
        raise ScenarioError(f"--jobs {options.jobs}: expected 1 to 64")
    visits = []
    for visit in visit_all(identities, float(seconds), jobs):
        visits.append(visit)
        if sys.stderr.isatty():
            print(f"\r{len(visits)} of {len(identities)} searched", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return Found(visits)
