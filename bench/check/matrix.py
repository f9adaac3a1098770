"""Every scenario with its own design and every number of list registers: `python -m bench.check.matrix
[--lrs 1..4] [--design NAME] [--seconds N] [--resume FILE] [SCENARIO ...]`.

Two searches each: one by all rules but those that are known to break, which should hold; and one by those, to see
whether they do. With its own design those are the scenario's `rules` and `[check] breaks` (docs/findings.md), with
another one what `bench/check/breaks.toml` lists for that (docs/designs.md), and rule 17 with a single list register.
A line each tells

    HOLDS      all states were seen, and nothing is broken that is not known
    BROKEN     by a rule that is not known to break: look at it
    BOUNDED    nothing is broken in what was seen; by what it was cut, and at which depth

and for known rules `(6 breaks)`, `(6 not found in time)`, or `(6 does not break)` although it is said to. A scenario
with more list registers is searched with its own number, too. Results are appended to FILE as JSON lines; what stands
there and would be no different now is not searched again. Exit status 1 where something is BROKEN, or does not break.

With --design, the scenarios are those whose own design is that one or `kvm`; what it can't do is told, and passed over.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from vgic.explore.check import Bounds, Verdict, check
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, find_design, find_scenario
from vgic.lab.scenario import Scenario
from vgic.rules.state import STATE_RULES

BREAKS = Path(__file__).parents[2] / "src" / "vgic" / "designs" / "breaks.toml"
ALL = frozenset(r.rule.id for r in STATE_RULES)
NO_STEP = 17
SAID = {True: "breaks", False: "does not break", None: "not found in time"}


@cache
def announced_breaks() -> dict[tuple[str, str], frozenset[int]]:
    """By design and scenario, what `breaks.toml` says."""
    found: dict[tuple[str, str], set[int]] = {}
    for design, causes in tomllib.loads(BREAKS.read_text()).items():
        for cause in causes.values():
            for n, scenarios in cause["rules"].items():
                for name in scenarios:
                    found.setdefault((design, name), set()).add(int(n))
    return {cell: frozenset(rules) for cell, rules in found.items()}


def announced(scenario: Scenario, design: str, list_registers: int) -> frozenset[int]:
    """The rules that some schedule is said to break. `breaks.toml` names a scenario for any number of list registers,
    or as `scenario@2` for that one."""
    own = frozenset({*scenario.rules, *scenario.check.breaks}) if design == scenario.design else frozenset()
    told = announced_breaks()
    return own.union(*(told.get((design, name), ()) for name in (scenario.name, f"{scenario.name}@{list_registers}")))


def known_breaks(scenario: Scenario, list_registers: int, design: str = "") -> frozenset[int]:
    """The rules that some schedule is known to break."""
    alone = {NO_STEP} if list_registers == 1 else set()
    return announced(scenario, design or scenario.design, list_registers) | alone


def searched(
    scenario: Scenario, design_name: str, list_registers: int, bounds: Bounds, confirm: bool = True,
) -> dict[str, Any]:
    """Both searches of one cell of the matrix; without `confirm` only the first."""
    design = find_design(design_name)
    known = known_breaks(scenario, list_registers, design_name)

    def verdict(rules: Iterable[int], liveness: bool) -> Verdict:
        return check(scenario, design, list_registers=list_registers, rules=rules, bounds=bounds, liveness=liveness)
    found = verdict(ALL - known, True)
    breaks: dict[int, bool | None] = {}
    if found.rule is not None and found.rule.id in known:       # what is lost for ever is judged besides the rules
        breaks[found.rule.id] = True
        found = verdict(ALL - known, False)
    for n in sorted(known - breaks.keys()) if confirm else ():
        looked = verdict([n], False)
        breaks[n] = True if looked.rule is not None else None if looked.result.why_cut else False
    said = announced(scenario, design_name, list_registers)
    return {"scenario": scenario.name, "design": design_name, "lrs": list_registers, **_told(found),
            "known": {str(n): broken for n, broken in breaks.items() if broken or n in said}}


def _told(verdict: Verdict) -> dict[str, Any]:
    r = verdict.result
    told: dict[str, Any] = {
        "verdict": r.verdict, "states": r.states, "transitions": r.transitions, "depth": r.depth,
        "cut": r.why_cut, "seconds": round(r.seconds, 1), "learning": round(r.learning, 1), "engine": r.engine}
    if verdict.rule is not None:
        told |= {"rule": verdict.rule.id, "what": verdict.what, "schedule": verdict.schedule, "then": verdict.then}
    return told


def line(found: dict[str, Any]) -> str:
    """A cell of the matrix, in one line."""
    text = f"{found['scenario']:30} {found['lrs']:2}  {found['verdict']:8}"
    if found["verdict"] == "BROKEN":
        text += f" rule {found['rule']} in {len(found['schedule'])} steps: {found['what'][:60]}"
    elif found["verdict"] == "REFUSED":
        text += f" {found['what'][:80]}"
    else:
        text += f" {found['states']:10,} states  depth {found['depth']:3}  {found['seconds']:6.1f} s"
        if found["cut"]:
            text += f"  cut by {found['cut']}"
    known = ", ".join(f"{n} {SAID[broken]}" for n, broken in found["known"].items())
    return f"{text}  ({known})" if known else text


def _key(scenario: Scenario, design: str, list_registers: int) -> str:
    said = sorted(announced(scenario, design, list_registers))
    what = f"{scenario.model_dump_json()} {design} {list_registers} {said}"
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def _before(path: Path | None, seconds: int) -> dict[str, dict[str, Any]]:
    """What was found before, and would be no different with this bound."""
    if path is None or not path.is_file():
        return {}
    found = [json.loads(text) for text in path.read_text().splitlines()]
    return {f["key"]: f for f in found if f["verdict"] != "BOUNDED" or f["bound"] >= seconds}


def main() -> int:
    """Searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--lrs", default="1..4")
    parser.add_argument("--design", help="instead of kvm")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--memory", type=float, default=6, help="GB")
    parser.add_argument("--resume", type=Path, metavar="FILE")
    options = parser.parse_args()
    low, _, high = options.lrs.partition("..")
    most = int(high or low)
    scenarios = [find_scenario(n) for n in options.scenarios] or all_scenarios()
    if options.design:
        scenarios = [s for s in scenarios if s.design in ("kvm", options.design)]
    bounds = Bounds(seconds=options.seconds, memory=int(options.memory * 2**30))
    before = _before(options.resume, options.seconds)
    count: Counter[str] = Counter()
    for scenario in scenarios:
        design = options.design or scenario.design
        own = scenario.machine.list_registers
        for n in (*range(int(low), most + 1), *([own] if own > most else [])):
            key = _key(scenario, design, n)
            found = before.get(key)
            if found is None:
                try:
                    found = searched(scenario, design, n, bounds)
                except ScenarioError as e:
                    found = {"scenario": scenario.name, "lrs": n, "verdict": "REFUSED", "what": str(e), "known": {}}
                found |= {"key": key, "bound": options.seconds}
                if options.resume is not None:
                    with options.resume.open("a") as file:
                        file.write(json.dumps(found) + "\n")
            count[found["verdict"]] += 1
            count["not broken as announced"] += sum(broken is False for broken in found["known"].values())
            print(line(found), flush=True)
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(count.items()) if n))
    return 1 if count["BROKEN"] or count["not broken as announced"] else 0


if __name__ == "__main__":
    sys.exit(main())
