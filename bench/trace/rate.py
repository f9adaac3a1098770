"""How fast recordings are replayed, against the time in which QEMU made one, and in how much memory.

    python -m bench.trace.rate [FOLDER]

FOLDER holds recordings NAME.txt or NAME.txt.xz (tests/data by default; those absent are passed over). Each is replayed
three times in a process of its own; the best CPU time counts, reading and unpacking included. QEMU took 30 s of wall
time for v3-timer.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMES = ("v2-boot.core", "v3-boot.core", "v2-timer.core", "v3-timer.core", "xen-v3.core", "v4-vlpi.core",
         "v3-timer.full", "v4-vlpi.full")
MADE_IN = {"v3-timer.core": 30.0}
"""Seconds of wall time that QEMU took."""


def one(file: str, rounds: int) -> dict[str, Any]:
    """One recording, in this process."""
    from vgic.trace.analysis import Analysis

    best, events = float("inf"), 0
    for _ in range(rounds):
        began = time.process_time()
        events = Analysis(file).replay.events
        best = min(best, time.process_time() - began)
    return {"events": events, "seconds": best, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main() -> None:
    """Prints a row for each recording."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "data"
    print(f"python -m bench.trace.rate {folder}\n")
    print(f"{'recording':16}{'events':>11}{'seconds':>9}{'events/s':>10}{'peak MB':>9}  times as fast as QEMU made it")
    for name in NAMES:
        file = next((f for f in (folder / f"{name}.txt", folder / f"{name}.txt.xz") if f.exists()), None)
        if file is None:
            continue
        rounds = 3 if "core" in name and "v4" not in name else 1
        done = subprocess.run([sys.executable, "-m", "bench.trace.rate", "--one", str(file), str(rounds)], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        r = json.loads(done.stdout)
        ratio = f"  {MADE_IN[name] / r['seconds']:.0f}" if name in MADE_IN else ""
        print(f"{name:16}{r['events']:11,}{r['seconds']:9.2f}{r['events'] / r['seconds']:10,.0f}"
              f"{r['peak'] / 1024:9.0f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
