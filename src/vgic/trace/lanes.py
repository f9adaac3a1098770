"""The lanes of one interrupt in a recording: its line, its physical state, its list register, what the guest has.

A row stands for every event after which one of them is different from before, and for every acknowledge, end and list
register write that names the interrupt.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.state import STATE_NAMES
from vgic.silicon import Gic
from vgic.trace.events import Access, Event, FrameAccess, LineChange, Sgi, SysReg
from vgic.trace.findings import Step

WHO = {"ICV": "guest", "GICV": "guest", "ICH": "hyp", "GICH": "hyp"}


class LaneRow(NamedTuple):
    """One row: the recording's line, the PE, what happens, and the lanes after it."""

    line: int
    pe: int | None
    what: str
    level: str
    physical: str
    list_register: str
    guest: str


class Lanes:
    """Follows one INTID, as a pINTID and as a vINTID.

    Args:
        chip: the chip that the replay drives. intid: which. window: lines of the recording to tell, both included.
        most: rows told; the others are counted.
    """

    def __init__(self, chip: Gic, intid: int, window: tuple[int, int] | None = None, most: int = 200) -> None:
        self.chip, self.intid, self.window, self.most = chip, intid, window, most
        self.rows: list[LaneRow] = []
        self.left_out = 0
        self.last: dict[int, tuple[str, str, str, str]] = {}
        self.named: Step | None = None
        self.running: dict[int, str] = {}

    def step(self, step: Step) -> None:
        """A step of the replay; one that names the interrupt makes a row."""
        lr = step.lr
        if step.intid == self.intid or (lr is not None and lr.hw and lr.pintid == self.intid and lr.state):
            self.named = step
            if step.kind == "viar" and step.pe is not None:
                self.running[step.pe] = "handles"
            elif step.kind == "vend" and step.pe is not None:
                self.running.pop(step.pe, None)

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
            idle = before is None and now[0] != "high" and now[1].startswith("I") and now[2:] == ("-", "-")
            if (now != before and not idle) or (named is not None and named.pe in (None, at)):
                self._row(event, register, at, now)

    def _row(self, event: Event, register: str, pe: int, now: tuple[str, str, str, str]) -> None:
        if self.window is not None and not self.window[0] <= event.line <= self.window[1]:
            return
        if len(self.rows) >= self.most:
            self.left_out += 1
            return
        self.rows.append(LaneRow(event.line, pe, describe(event, register), *now))

    def _state(self, pe: int) -> tuple[str, str, str, str]:
        irq = self.chip.distributor.find(self.intid, pe)
        held = [lr for lr in self.chip.virtual[pe].lrs
                if lr.state and (lr.vintid == self.intid or (lr.hw and lr.pintid == self.intid))]
        lrs = ", ".join(
            f"LR{lr.index} {STATE_NAMES[lr.state]} {lr.vintid}" + (f"->{lr.pintid} HW" if lr.hw else " EOI" * lr.eoi)
            for lr in held)
        return (
            "-" if irq is None or irq.intid < 16 else "high" if irq.line else "low",
            "-" if irq is None else STATE_NAMES[irq.state()] + ("" if irq.enabled else " off"),
            lrs or "-", self.running.get(pe, "-"),
        )


def describe(event: Event, register: str) -> str:
    """An event in words; `register`: the architectural name of what an access reaches."""
    if isinstance(event, (Access, FrameAccess, SysReg)):
        who = WHO.get(register.partition("_")[0], "host")
        value = "" if event.value is None else f" {event.value:#x}"
        return f"{who} {f'writes {register}' if event.write else f'reads {register} ='}{value}"
    if isinstance(event, LineChange):
        return f"line {event.intid} {'rises' if event.level else 'drops'}"
    if isinstance(event, Sgi):
        return f"host sends SGI {event.intid}"
    return type(event).__name__
