"""What a recording says beside what the chip says: predicted, different, untold."""

from __future__ import annotations

from collections import Counter

from vgic.silicon import Gic, Notice
from vgic.trace.around import state_around
from vgic.trace.findings import Difference
from vgic.trace.knowledge import Knowledge


class Comparison:
    """Counts answers by the register or event they are of.

    Args:
        chip: what is compared. known: what is known of its state. most: how many differences are kept; all are counted.

    Attributes:
        compared: answers that the chip had one to. predicted: of these the same. unknown: those that depend on what is
            not known of the chip. not_compared: those that depend on what the recording leaves out.
        line: where the recording is now.
    """

    def __init__(self, chip: Gic, known: Knowledge, most: int) -> None:
        self.chip, self.known, self.most = chip, known, most
        self.pes = len(chip.cpus)
        self.compared: Counter[str] = Counter()
        self.predicted: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.not_compared: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self.different = 0
        self.line = 0

    def answer(self, name: str, pe: int, expected: int, got: int) -> bool:
        """As `compare`, where the chip's answer may be in doubt. Whether it was."""
        doubt, self.known.doubt = self.known.doubt, False
        if doubt:
            self.unknown[name] += 1
        else:
            self.compare(name, pe, expected, got)
        return doubt

    def compare(self, name: str, pe: int, expected: int, got: int) -> None:
        """The chip's answer, and the recording's."""
        self.compared[name] += 1
        if expected == got:
            self.predicted[name] += 1
        else:
            self.differ(pe, name, f"{expected:#x}", f"{got:#x}")

    def differ(self, pe: int | None, what: str, expected: str, got: str) -> None:
        """The recording says something else than the chip."""
        self.different += 1
        if len(self.differences) < self.most:
            known = pe is not None and pe < self.pes
            state = state_around(self.chip, pe, what) if known and pe is not None else ()
            self.differences.append(Difference(self.line, pe, what, expected, got, state))

    def unknown_pe(self, pe: int, what: str) -> None:
        """An event of a PE that the machine has not."""
        self.differ(pe, what, f"a machine of {self.pes} PEs", f"PE {pe}: say --option pes={pe + 1}")


def notices(chip: Gic) -> list[tuple[Notice, int]]:
    """What the chip reported, most frequent first."""
    return sorted(chip.notices.counts.items(), key=lambda item: -item[1])
