"""The lanes of one interrupt in a recording: its line, its physical state, its list registers, whether a guest has it.

A row stands for every event after which one of them is different from before, and for every acknowledge, end and list
register write that names the interrupt. All of it is data: `vgic.view.recording` has the words.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.state import INACTIVE
from vgic.rules import Moments
from vgic.silicon import Gic
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.states import InterruptState, LineState, LrState, interrupt_state, lr_state
from vgic.silicon.virtual_interface import ListRegister
from vgic.trace.events import Event, Sgi


class LaneStates(NamedTuple):
    """What there is of the interrupt on one PE.

    Attributes:
        line: None of an SGI, which has none. physical: None where the chip has no such interrupt. list_registers: those
            that hold it, as vINTID or as pINTID. handled: whether the guest has acknowledged it, and not ended it.
    """

    line: LineState | None
    physical: InterruptState | None
    list_registers: tuple[LrState, ...]
    handled: bool

    @property
    def idle(self) -> bool:
        """Whether nothing of it is to be seen."""
        return (not (self.line is not None and self.line.high) and self.physical is not None
                and self.physical.state == INACTIVE and not self.list_registers and not self.handled)


class LaneRow(NamedTuple):
    """One row: an event of the recording, the register that it reaches if it is an access, the PE that was looked at,
    and what there is of the interrupt there afterwards."""

    event: Event
    register: str
    pe: int
    states: LaneStates


class Lanes(Moments[int]):
    """Follows one INTID, as a pINTID and as a vINTID.

    Args:
        chip: the chip that the replay drives. intid: which. window: lines of the recording to tell, both included.
        most: rows told; the others are counted.
    """

    def __init__(self, chip: Gic, intid: int, window: tuple[int, int] | None = None, most: int = 200) -> None:
        self.chip, self.intid, self.window, self.most = chip, intid, window, most
        self.rows: list[LaneRow] = []
        self.left_out = 0
        self.last: dict[int, LaneStates] = {}
        self.named: tuple[int | None] | None = None
        self.handled: set[int] = set()

    # A moment that names the interrupt makes a row, of its PE; None: of all.

    def line_moved(self, pe: int | None, pintid: int, level: bool) -> None:
        if pintid == self.intid:
            self.named = (pe,)

    def host_acknowledged(self, pe: int, pintid: int, irq: Interrupt | None) -> None:
        if pintid == self.intid:
            self.named = (pe,)

    def host_ended(self, pe: int, register: str, pintid: int) -> None:
        if pintid == self.intid:
            self.named = (pe,)

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        if self._names(lr.vintid, lr):
            self.named = (pe,)

    def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None, source: int) -> None:
        if self._names(vintid, lr):
            self.named = (pe,)
            self.handled.add(pe)

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        if self._names(vintid, lr):
            self.named = (pe,)
            self.handled.discard(pe)

    def _names(self, vintid: int, lr: ListRegister | None) -> bool:
        return vintid == self.intid or (lr is not None and lr.hw and lr.pintid == self.intid and bool(lr.state))

    def event(self, event: Event, register: str) -> None:
        """An event, after it was fed to the replay; `register`: what it reaches, if it is an access."""
        pe = getattr(event, "pe", None)
        named, self.named = self.named, None
        for at in range(len(self.chip.cpus)) if pe is None or isinstance(event, Sgi) else (pe,):
            if at >= len(self.chip.cpus):
                continue
            now = self._state(at)
            before = self.last.get(at)
            self.last[at] = now
            news = now != before and not (before is None and now.idle)
            if news or (named is not None and named[0] in (None, at)):
                self._row(event, register, at, now)

    def _row(self, event: Event, register: str, pe: int, now: LaneStates) -> None:
        if self.window is not None and not self.window[0] <= event.line <= self.window[1]:
            return
        if len(self.rows) >= self.most:
            self.left_out += 1
            return
        self.rows.append(LaneRow(event, register, pe, now))

    def _state(self, pe: int) -> LaneStates:
        irq = self.chip.distributor.find(self.intid, pe)
        return LaneStates(
            None if irq is None or irq.intid < 16 else LineState(irq.line), interrupt_state(self.chip, self.intid, pe),
            tuple(lr_state(lr) for lr in self.chip.virtual[pe].lrs
                  if lr.state and (lr.vintid == self.intid or (lr.hw and lr.pintid == self.intid))),
            pe in self.handled)
