"""Random register accesses and line changes on every configuration of the chip: no exception, and the invariants hold.

    PYTHONPATH=src:. python -m bench.silicon.fuzz [--steps 1000000] [--seed 1] [--every 200]

The steps are shared out over the configurations of tests/silicon/test_invariants.py. Exit status 1 and the last
accesses, with the seed that repeats them, where something breaks.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import deque

from tests.silicon.accesses import Access, Generator, acknowledged, broken
from tests.silicon.test_invariants import CHIPS, make


def run(name: str, steps: int, seed: int, every: int) -> tuple[int, int, float]:
    """One configuration: acknowledges, notices, seconds. AssertionError with the last accesses where it breaks."""
    chip = make(name)
    generator = Generator(chip, seed)
    recent: deque[Access] = deque(maxlen=20)
    taken, began = 0, time.perf_counter()
    for n in range(steps):
        try:
            access, value = generator.step()
            recent.append(access)
            taken += acknowledged(access, value)
            wrong = broken(chip) if n % every == 0 else []
        except Exception:
            wrong = [traceback.format_exc()]
        if wrong:
            raise AssertionError("\n".join([f"{name}, seed {seed}, step {n}:", *wrong, *map(str, recent)]))
        if n % 10000 == 0:
            print(f"\r{name}: {n} of {steps}", end="", file=sys.stderr, flush=True)
    print("\r\x1b[K", end="", file=sys.stderr)
    return taken, chip.notices.total, time.perf_counter() - began


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="random accesses to the chip")
    parser.add_argument("--steps", type=int, default=1_000_000, help="of all configurations together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=200, help="steps between two looks at the invariants")
    arguments = parser.parse_args()
    steps = max(1, arguments.steps // len(CHIPS))
    for name in CHIPS:
        try:
            taken, notices, seconds = run(name, steps, arguments.seed, arguments.every)
        except AssertionError as error:
            print(error)
            return 1
        print(f"{name:<28}{steps:>8} accesses {taken:>7} acknowledged {notices:>8} notices {steps / seconds:>8.0f}/s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
