"""How many single mutations of a real recording are told, and at the right line.

    python -m bench.trace.mutations [--many 200] [--seed 1] [--wrong]

Slices of three recordings (see tests/trace/mutations.py), for each operation `--many` mutations at random places.
Equivalent: the chip predicts all of the mutated slice, no rule breaks and the state at the end is the same, so nothing
can be told. Unread: likewise, but the state is another, which nothing reads before the slice ends.
"""

from __future__ import annotations

import argparse
import time

from tests.trace.mutations import NAMES, OPERATIONS, share


def main() -> None:
    """Prints one row for each recording and operation."""
    parser = argparse.ArgumentParser(description="Shares of mutations told.")
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", action="store_true", help="print those that the diagnosis does not name")
    options = parser.parse_args()
    print(f"python -m bench.trace.mutations --many {options.many} --seed {options.seed}\n")
    head = ("equivalent", "unread", "named", "rule", "at the line", "elsewhere")
    print(f"{'recording':16}{'operation':11}" + "".join(f"{h:>12}" for h in head) + f"{'seconds':>9}")
    for name in NAMES:
        for operation in OPERATIONS:
            began, wrong = time.process_time(), list[str]()
            counts = share(name, operation, options.many, options.seed, wrong)
            print(f"{name:16}{operation:11}" + "".join(f"{counts[h]:12}" for h in head)
                  + f"{time.process_time() - began:9.1f}", flush=True)
            if options.wrong:
                print("\n".join(wrong) if wrong else "", end="\n" if wrong else "")


if __name__ == "__main__":
    main()
