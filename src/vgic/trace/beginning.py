"""Where a recording begins: with the machine's start, or in the middle of a run.

A chip comes out of reset with nothing enabled, no line high and no interrupt active, and software must enable it before
anything can happen. So a recording begins in the middle if, with nothing enabled by what it has told so far, an
interrupt is acknowledged, ended or put into a list register; or if, before anything was written, a register that
software writes reads otherwise than after reset, or a line drops. And software begins with the distributor as a whole:
it asks what it is, or switches it off. A recording whose first access to it is about single interrupts begins later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vgic.arch.intid import special
from vgic.arch.state import INVALID
from vgic.silicon import Gic, GicV3, Trap, Undefined
from vgic.trace.events import Access, Event, FrameAccess, LineChange, SysReg
from vgic.trace.knowledge import Knowledge, Learned, moving
from vgic.trace.places import Reached
from vgic.trace.replay import KINDS, Replay

LOOKED_AT = 5000
"""Events in which something is enabled, where a recording begins with the machine's start."""


class Middle(NamedTuple):
    """A recording begins in the middle: its line that shows it, and how."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line:,} {self.why}"


def middle(events: Iterable[Event], chip: Gic) -> Middle | None:
    """How the first events show that a recording begins in the middle, None where they don't. `chip`: a new one."""
    replay = Replay(chip, most=0)
    seen, begun = 0, False
    for event in events:
        if type(event) not in KINDS:
            continue
        seen += 1
        if seen > LOOKED_AT or chip.distributor.state.groups:
            return None
        why = _unlike_reset(replay, event)
        if not begun and not why and isinstance(event, (Access, FrameAccess)):
            place, address = _reached(replay, event, event.pe or 0)
            begun = place is not None and place.frame in ("GICD", "GICR")
            if begun and _of_many(chip, address):
                assert place is not None
                why = f"is the first access to the distributor, of {place.full}"
        if why:
            return Middle(event.line, why)
        replay.feed(event)
    return None


def known_of(chip: Gic, another: Gic) -> Knowledge:
    """What is known of a new chip whose recording begins in the middle; `another` like it is used up."""
    return Learned(chip, moving(another))


def _unlike_reset(replay: Replay, event: Event) -> str:
    """Why an event can't come so soon after a reset, "" if it can."""
    chip = replay.chip
    if isinstance(event, LineChange):
        irq = chip.distributor.find(event.intid, event.pe or 0) if (event.pe or 0) < replay.pes else None
        low = not event.level and irq is not None and not irq.line and not replay.writes
        return f"lowers the line of {event.intid}, which nothing raised" if low else ""
    if not isinstance(event, (Access, FrameAccess, SysReg)) or event.value is None:
        return ""
    pe = event.pe or 0
    place, address = _reached(replay, event, pe)
    if place is None or pe >= replay.pes:
        return ""
    if place.role in ("iar", "viar", "end", "vend", "lr"):
        intid = event.value & replay.intid_mask
        if chip.cpus[pe].enabled_groups():
            return ""
        if place.role == "lr":
            shift = 62 if isinstance(chip, GicV3) else 28
            shown = event.value >> shift & 3 != INVALID
            return f"has an interrupt in {place.full} before anything was enabled" if shown else ""
        if special(intid) or event.write is not (place.role in ("end", "vend")):
            return ""
        return f"{'ends' if event.write else 'acknowledges'} interrupt {intid} before anything was enabled"
    if event.write or replay.writes or place.role == "constant":
        return ""
    return f"reads {place.full} = {event.value:#x} before anything was written" if (
        _differs(chip, event, address, pe)) else ""


def _of_many(chip: Gic, address: int) -> bool:
    """Whether an address is that of a register for single interrupts."""
    frame, _, offset = chip.locate(address)
    found = next((block.frame.at(offset) for block in chip.blocks() if block.name == frame), None)
    return found is not None and found.register.lane != 0


def _reached(replay: Replay, event: Access | FrameAccess | SysReg, pe: int) -> tuple[Reached | None, int]:
    """The register that an access reaches, None where that is none of the chip's; and its address."""
    places = replay.places
    if isinstance(event, SysReg):
        place = places.register(event.register)
        return (place if place.known and replay.chip.version == 3 else None), 0
    if isinstance(event, Access):
        if event.region and places.region(event.region) in (None, "GITS", "GITS_TRANSLATER", "V2M"):
            return None, 0
        address = event.address
    else:
        base = places.base(event.frame, pe) if event.frame != "GITS" and pe < replay.pes else None
        if base is None:
            return None, 0
        address = base + event.offset
    place = places.at(address)
    return (place if place.known else None), address


def _differs(chip: Gic, event: Access | FrameAccess | SysReg, address: int, pe: int) -> bool:
    """Whether a read differs from the reset state, and a write would have made it so."""
    value = event.value
    assert value is not None
    if isinstance(event, SysReg):
        if not isinstance(chip, GicV3):
            return False
        el = 3 if event.register.endswith("EL3") else 2
        try:
            if chip.sysreg_read(event.register, pe, el=el) == value:
                return False
            chip.sysreg_write(event.register, value, pe, el=el)
            return chip.sysreg_read(event.register, pe, el=el) == value
        except (Trap, Undefined):
            return False
    secure = isinstance(event, FrameAccess) and bool(event.secure)
    if chip.read(address, event.size, pe, secure=secure) == value:
        return False
    chip.write(address, event.size, value, pe, secure=secure)
    return chip.read(address, event.size, pe, secure=secure) == value
