"""What stands in a chip, as data to be shown: an interrupt's state, a list register's, a line's.

Parts change under whoever looks at them; these are what they were at one time.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.silicon.gic import Gic
from vgic.silicon.virtual_interface import ListRegister


class LineState(NamedTuple):
    """A line that is high, or low."""

    high: bool


class InterruptState(NamedTuple):
    """An interrupt in the distributor or a redistributor. `state`: pending, active ..., as `STATE_NAMES` counts."""

    state: int
    enabled: bool


class LrState(NamedTuple):
    """A list register.

    Attributes:
        number: its own. state: Invalid, Pending ..., as `STATE_NAMES` counts. vintid: what the guest sees.
        pintid: the physical interrupt that the guest's deactivation deactivates, None without the HW bit.
        eoi: without the HW bit, whether the deactivation shows in EISR. source: the CPU that a GICv2's SGI comes from.
    """

    number: int
    state: int
    vintid: int
    pintid: int | None = None
    eoi: bool = False
    source: int = 0


def interrupt_state(chip: Gic, intid: int, pe: int) -> InterruptState | None:
    """An interrupt as a PE has it now, None where the chip has none of that INTID."""
    irq = chip.distributor.find(intid, pe)
    return None if irq is None else InterruptState(irq.state(), irq.enabled)


def lr_state(lr: ListRegister) -> LrState:
    """A list register as it is now."""
    return LrState(lr.index, lr.state, lr.vintid, lr.pintid if lr.hw else None, lr.eoi and not lr.hw,
                   lr.cpuid if lr.vintid < 16 else 0)
