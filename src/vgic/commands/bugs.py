"""`vgic bugs`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from typing import Any

MOST_SECONDS = 86_400
MOST_JOBS = 64


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    parser = commands.add_parser(
        "bugs", help="historical bugs as designs, each found again by search",
        description="Lists the museum of historical bugs, tells one, or finds them by exploring all schedules. Of a "
                    "bug of your own, FILE.py:CLASS, it tells which scenarios show it. Exit status of a search: 0 all "
                    "found and the designs without them clean, 1 not so.")
    parser.add_argument("ids", metavar="ID", nargs="*", help="B010 ..., all by default; or one FILE.py:CLASS")
    parser.add_argument("--all", action="store_true", help="search for each; with IDs, for those")
    parser.add_argument("--seconds", metavar="N", help="for each search (60; of a bug of your own 5)")
    parser.add_argument("--jobs", metavar="N", default=str(min(8, os.cpu_count() or 1)), help="searches at a time")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_bugs)


def _bugs(options: argparse.Namespace) -> int:
    from vgic.commands.run import _guarded

    return _guarded(options, lambda: _report(options))


def _report(options: argparse.Namespace) -> Any:
    from vgic.designs.bugs import AWAITED
    from vgic.lab.errors import ScenarioError
    from vgic.view.museum import Found, Museum

    if any(":" in i or i.endswith(".py") for i in options.ids):
        return _own(options)
    identities = _chosen(options.ids)
    seconds = _within(options.seconds or "60", "--seconds", MOST_SECONDS)
    jobs = _within(options.jobs, "--jobs", MOST_JOBS)
    if not options.all:
        return Museum(identities)
    searched = [i for i in identities if i not in AWAITED]
    if options.ids:
        for identity in identities:
            if identity in AWAITED:
                raise ScenarioError(f"{identity} can't be searched for yet: it awaits {AWAITED[identity].awaits}")
    visits, interrupted = _search(searched, float(seconds), jobs)
    return Found(visits, [i for i in identities if i in AWAITED], len(searched), interrupted)


def _own(options: argparse.Namespace) -> Any:
    """Which scenarios show a bug of the user's own."""
    from vgic.explore.differ import differ_all, fitting, made_of
    from vgic.lab.errors import ScenarioError
    from vgic.lab.loader import find_design
    from vgic.view.museum import Differences

    if len(options.ids) > 1:
        raise ScenarioError(f"{' '.join(options.ids)}: expected one FILE.py:CLASS alone, or ids of the museum's bugs")
    seconds = _within(options.seconds or "5", "--seconds", MOST_SECONDS)
    design = find_design(options.ids[0])
    base = made_of(design)
    scenarios = fitting(base)
    found: list[Any] = []
    shown, interrupted = sys.stderr.isatty(), False
    try:
        for difference in differ_all(design, scenarios, float(seconds)):
            found.append(difference)
            if shown:
                print(f"\r{len(found)} of {len(scenarios)} searched", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        interrupted = True
    if shown:
        print(file=sys.stderr)
    return Differences(options.ids[0], base.name, found, len(scenarios), interrupted)


def _chosen(names: list[str]) -> list[str]:
    """The ids that were named, in any case and once each; all where none was."""
    from vgic.arch.register import nearest
    from vgic.designs.bugs import AWAITED, bugs
    from vgic.lab.errors import ScenarioError

    known = {identity.casefold(): identity for identity in sorted((*bugs(), *AWAITED))}
    for name in names:
        if name.casefold() not in known:
            near = ", ".join(nearest(name.upper(), list(known.values())))
            raise ScenarioError(f"bug {name!r}: there is none of that id" + (f"; nearest: {near}" if near else ""))
    return list(dict.fromkeys(known[name.casefold()] for name in names)) or list(known.values())


def _within(text: str, what: str, most: int) -> int:
    from vgic.commands.run import _number
    from vgic.lab.errors import ScenarioError

    value = _number(text, what)
    if value is None or not 1 <= value <= most:
        raise ScenarioError(f"{what} {text}: expected 1 to {most:,}")
    return value


def _search(identities: list[str], seconds: float, jobs: int) -> tuple[list[Any], bool]:
    """The visits, and whether an interrupt ended them early."""
    from vgic.explore.museum import visit_all

    visits: list[Any] = []
    shown = sys.stderr.isatty()
    try:
        with closing(visit_all(identities, seconds, jobs)) as found:
            for visit in found:
                visits.append(visit)
                if shown:
                    print(f"\r{len(visits)} of {len(identities)} searched", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        return visits, True
    finally:
        if shown:
            print(file=sys.stderr)
    return visits, False
