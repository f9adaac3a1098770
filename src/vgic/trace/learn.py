"""What the reads of a recording from the middle tell of the chip's state (`vgic.trace.knowledge`).

A register that software writes is learned by writing back what was read. Of a pair that sets and clears, what is set is
set and what is not is cleared; of what is pending only the latter, for a line may hold it pending. Where the register
then still reads otherwise, it is not as simple as that, and nothing is learned.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

from vgic.arch.state import INVALID
from vgic.silicon import Gic, GicV3, Trap, Undefined
from vgic.silicon.gicv3 import REGISTERS
from vgic.silicon.interrupt import Interrupt
from vgic.trace.knowledge import Knowledge
from vgic.trace.places import Reached

_PAIR = re.compile(r"(GIC[DR]_I)([SC])((?:ENABLE|PEND|ACTIVE)R.*)")


class Learner:
    """Takes what is read of one chip into what is known of it."""

    def __init__(self, chip: Gic, known: Knowledge) -> None:
        self.chip, self.known = chip, known
        self.frames = {block.name: block.frame for block in chip.blocks()}

    def frame(self, place: Reached, address: int, size: int, value: int, pe: int, secure: bool) -> None:
        """A register of a frame returned a value that was in doubt."""
        frame, _, offset = self.chip.locate(address)
        found = self.frames[frame].at(offset) if frame in self.frames else None
        if place.role == "elrsr":
            self.empty(pe, value, 32 * place.n)
        elif found is not None and found.register.access == "RW":
            write = partial(self.chip.write, size=size, pe=pe, secure=secure)
            writes = [partial(write, address, value=value)]
            pair = _PAIR.fullmatch(place.name)
            if pair is not None:
                at = {way: address + (self.frames[frame][pair[1] + way + pair[3]].offset or 0)
                      - (found.register.offset or 0) for way in "SC"}
                writes = [partial(write, at["C"], value=~value & (1 << 8 * size) - 1)]
                if "PEND" not in pair[3]:
                    writes.append(partial(write, at["S"], value=value))
            notices = self.chip.notices.state()
            self.known.learn(partial(self.chip.read, address, size, pe, secure=secure), value, *writes)
            self.chip.notices.restore(notices)

    def register(self, place: Reached, value: int, pe: int, el: int) -> None:
        """A system register likewise."""
        chip = self.chip
        assert isinstance(chip, GicV3)
        if place.role == "elrsr":
            self.empty(pe, value, 0)
        elif REGISTERS[place.full].write is not None:
            notices = self.chip.notices.state()
            with suppress(Trap, Undefined):
                self.known.learn(partial(chip.sysreg_read, place.full, pe, el=el), value,
                                 partial(chip.sysreg_write, place.full, value, pe, el=el))
            self.chip.notices.restore(notices)

    def empty(self, pe: int, elrsr: int, first: int) -> None:
        """List registers that are told empty: invalid, and nothing to be told about them."""
        for lr in self.chip.virtual[pe].lrs:
            if lr.index >= first and elrsr >> lr.index - first & 1 and not self.known.knows(lr, "state"):
                self.known.doubt = False
                lr.state, lr.hw, lr.eoi = INVALID, False, False      # whichever of them says that nothing is to be told

    def taken(self, irq: Interrupt | None) -> None:
        """The host has acknowledged it, as the recording tells."""
        if irq is not None:
            irq.active = irq.enabled = True
            self.known.know(irq, "active", "enabled")

    def moves(self, irq: Interrupt, level: bool) -> bool:
        """Its line is told to move to a level. Whether it was not known: it must have been at the other."""
        if self.known.knows(irq, "line"):
            return False
        self.known.doubt = False
        irq.line = not level
        return True

    def sgi_pending(self, irq: Interrupt) -> None:
        """An SGI is told pending."""
        self.known.doubt = False
        irq.latch = True
