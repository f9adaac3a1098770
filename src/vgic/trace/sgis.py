"""SGIs of a recorded GICv3: each that the recording sees pending must have been sent, and each sent must arrive.

Of which group an SGI is sent is not told: it is taken to be the one that each target has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vgic.silicon import GicV3
from vgic.trace.events import Sgi
from vgic.trace.knowledge import Knowledge


class Sgis:
    """Those on their way.

    Attributes:
        sent: by target and INTID, how many have not been told pending. sending: by sender, the INTID and the targets of
            its last one. told: the recording tells what becomes pending.
    """

    def __init__(self) -> None:
        self.sent: Counter[tuple[int, int]] = Counter()
        self.sending: dict[int, tuple[int, list[int]]] = {}
        self.told = False

    def send(self, chip: GicV3, e: Sgi, known: Knowledge) -> None:
        """A PE sends one."""
        aff1, aff2, aff3 = e.affinity & 0xFF, e.affinity >> 8 & 0xFF, e.affinity >> 16 & 0xFF
        targets = chip.cpus[e.pe].sgi_targets(
            e.intid << 24 | e.irm << 40 | aff3 << 48 | aff2 << 32 | aff1 << 16 | e.targets)
        for target in targets:
            self.sent[target, e.intid] += 1
            irq = chip.distributor.find(e.intid, target)
            if irq is not None:
                known.do(chip.distributor.send_sgi, e.intid, target, irq.group, False)
        if self.told:
            self.sending[e.pe] = e.intid, targets

    def arrives(self, pe: int, intid: int) -> bool:
        """One is told pending. Whether it was sent."""
        self.told = True
        if self.sent[pe, intid] <= 0:
            return False
        self.sent[pe, intid] -= 1
        return True

    def overdue(self, pe: int) -> Iterator[tuple[int, int]]:
        """What a PE sent before has become pending, if the recording tells such things: it does so at once. The targets
        and INTIDs of those that have not; they are forgotten."""
        intid, targets = self.sending.pop(pe, (0, ()))
        for target in targets:
            if self.sent[target, intid] > 0:
                self.sent[target, intid] = 0
                yield target, intid
