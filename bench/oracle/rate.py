"""How fast the chip is compared with QEMU's: operations a second, values compared, and whose time it takes.

    PYTHONPATH=src:. python -m bench.oracle.rate [OPERATIONS]
"""

from __future__ import annotations

import sys

from vgic.oracle.campaign import campaign
from vgic.oracle.generate import KINDS


def main() -> int:
    """One row a kind of episode and number of PEs."""
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"{'kind':<12} {'PEs':>3} {'operations':>10} {'values':>10} {'operations/s':>12} {'QEMU':>6} {'ours':>6}")
    for kind in KINDS:
        for pes in (1, 2):
            report = campaign(kind, operations, seed=1, pes=pes)
            tally = report.tally
            waiting = tally.wait_seconds / report.seconds
            print(f"{kind:<12} {pes:>3} {tally.operations:>10,} {tally.compared:>10,} "
                  f"{tally.operations / report.seconds:>12,.0f} {waiting:>6.0%} {1 - waiting:>6.0%}")
            if report.finding is not None:
                print(report.finding.text())
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
