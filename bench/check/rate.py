"""How fast all schedules of the machine are tried: `python -m bench.check.rate [--states N] [SCENARIO.toml ...]`.

For each scenario: states, transitions, what was learned and how long it took, and transitions per CPU second with all
rules judged: of the whole (compiled code loaded), and of its second half, when little is left to learn.
"""
from __future__ import annotations

import argparse
import time
from pathlib import Path

from vgic.engine import Progress
from vgic.explore.check import Bounds, check
from vgic.lab.loader import find_design, find_scenario

HERE = Path(__file__).parent
DEFAULT = ("edges2x2", "timers2x2", "irqs1x4")


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=[str(HERE / f"{n}.toml") for n in DEFAULT])
    parser.add_argument("--states", type=int, default=30_000_000)
    options = parser.parse_args()
    small = find_scenario(str(HERE / "edges2x2.toml"))
    check(small, find_design("kvm"), bounds=Bounds(depth=4), engine="compiled", liveness=False)     # loads the code
    print("scenario    states       transitions   paths  learning s  CPU s  M/s whole  M/s second half")
    for name in options.scenarios:
        scenario = find_scenario(name)
        seen: list[tuple[float, int]] = []

        def note(p: Progress, seen: list[tuple[float, int]] = seen) -> None:
            seen.append((time.process_time(), p.transitions))
        began = time.process_time()
        r = check(scenario, find_design(scenario.design), bounds=Bounds(states=options.states), engine="compiled",
                  liveness=False, progress=note).result
        took = time.process_time() - began
        seen.append((time.process_time(), r.transitions))
        half = next(s for s in seen if s[1] >= r.transitions / 2)
        late = (seen[-1][1] - half[1]) / max(1e-9, seen[-1][0] - half[0])
        print(f"{scenario.name:10}  {r.states:11,}  {r.transitions:12,}  {r.paths:6,}  {r.learning:10.1f}  {took:5.1f}"
              f"  {r.transitions / took / 1e6:9.2f}  {late / 1e6:15.2f}")


if __name__ == "__main__":
    main()
