"""How many accesses and line changes a second the chip takes, with and without a callback on its outputs.

    PYTHONPATH=src:. python -m bench.silicon.rate

One round is a rising edge, a falling edge, IAR and EOIR. The figures are CPU time of one process.
"""

from __future__ import annotations

import time
from typing import Any

from tests.silicon.board import V2, V3, Board

ROUNDS = 2000
SHAPES: tuple[dict[str, Any], ...] = ({"intids": 288, "pes": 2}, {"intids": 1024, "pes": 8})


def rate(board: Board) -> float:
    """Accesses and line changes a second."""
    for intid in range(40, 48):
        board.make(intid, edge=True)
    began = time.process_time()
    for n in range(ROUNDS):
        board.pulse(40 + n % 8)
        board.eoi(board.ack())
    return 4 * ROUNDS / (time.process_time() - began)


def main() -> None:
    """The command."""
    for chip in (V2, V3):
        for shape in SHAPES:
            plain, told = chip(**shape), chip(**shape)
            told.gic.on_output(lambda pe, name, level: None)
            without, with_callback = rate(plain), rate(told)
            size = f"{shape['intids']:>4} INTIDs {shape['pes']} PEs"
            print(f"Gic{chip.__name__} {size}: {without:>8.0f}/s, with a callback "
                  f"{with_callback:>7.0f}/s (1 in {without / with_callback:.1f})")


if __name__ == "__main__":
    main()
