"""From the first events of a recording to the machine it was made on.

The version of the GIC follows from the kinds of event; its size and its IMPLEMENTATION DEFINED choices from the
identification registers that the recorded software read at boot: GICD_TYPER, GICR_TYPER, GICC_IIDR, ICC_CTLR_EL1,
ICH_VTR_EL2. What was taken from where is told (`Configuration.facts`), so that nobody mistakes it for a prediction.
Everything else is QEMU's choices (`vgic.silicon.options`), and a user can override each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR, STRIDE
from vgic.arch.located import FrameAt
from vgic.arch.machine import MACHINES as KNOWN_MACHINES
from vgic.silicon import Gic, GicV2, GicV2Options, GicV3, GicV3Options, OptionError
from vgic.trace.events import (
    Access,
    Event,
    FrameAccess,
    LineChange,
    QemuState,
    Sgi,
    SgiPending,
    SysReg,
    region_frame,
)
from vgic.trace.source import TraceError

MACHINES = {name: min(machine.gic_version, 3) for name, machine in KNOWN_MACHINES.items()}
"""The chip that each machine has here: a GICv4 is a GICv3 with virtual LPIs."""

_GICR = FrameAt(GICR, 0)
_IDENTITY = {
    (frame.name, FrameAt(frame, 0)[name].address): f"{frame.name}_{name}"
    for frame, names in ((GICD_V3, ("TYPER", "IIDR", "PIDR2")), (GICD_V2, ("PIDR2",)), (GICC, ("IIDR",)))
    for name in names
}
"""The identification registers of one copy, by frame and offset."""


class Configuration(NamedTuple):
    """A machine, and where its properties come from.

    Attributes:
        version: 2 or 3. options: of the chip. facts: what was read off the recording, for people.
    """

    version: int
    options: GicV2Options | GicV3Options
    facts: tuple[str, ...]

    def chip(self, gicv2: type[GicV2] = GicV2, gicv3: type[GicV3] = GicV3) -> Gic:
        """A new chip of this kind, of one of these classes."""
        return gicv2(self.options) if isinstance(self.options, GicV2Options) else gicv3(self.options)


class _Seen:
    """What the first events tell."""

    def __init__(self) -> None:
        self.v2 = self.v3 = 0
        self.pe = 0
        self.intid = 0
        self.registers: dict[str, int] = {}
        self.typers: dict[int, int] = {}

    def look(self, event: Event) -> None:
        if isinstance(event, Access):
            frame = region_frame(event.region)
            if frame in ("GICC", "GICH", "GICV"):
                self.v2 += 1
            elif frame == "GICR" or event.region.startswith("gicv3"):
                self.v3 += 1
            elif event.region == "gic_dist":
                self.v2 += 1
            if frame is not None:
                self.pe = max(self.pe, event.pe or 0)
                if not event.write:
                    self._identity(frame, event.address, event.size, event.value)
        elif isinstance(event, FrameAccess):
            if event.frame in ("GICC", "GICH", "GICV"):
                self.v2 += 1
            elif event.frame == "GICR" or (event.frame == "GICD" and event.secure is not None):
                self.v3 += 1
            elif event.frame == "GICD":
                self.v2 += 1
            self.pe = max(self.pe, event.pe or 0)
            if not event.write and event.value is not None:
                if event.frame in ("GICD", "GICC"):
                    self._identity(event.frame, event.offset, event.size, event.value)
                elif event.frame == "GICR" and event.offset == _GICR["TYPER"].address and event.size == 8:
                    self.typers.setdefault(event.pe or 0, event.value)
        elif isinstance(event, SysReg):
            self.v3 += 1
            self.pe = max(self.pe, event.pe)
            if not event.write:
                self.registers.setdefault(event.register, event.value)
        elif isinstance(event, LineChange):
            self.intid = max(self.intid, event.intid)
            self.pe = max(self.pe, event.pe or 0)
        elif isinstance(event, (Sgi, SgiPending)):
            self.v3 += 1
            self.pe = max(self.pe, event.pe)
        elif isinstance(event, QemuState):
            if event.name.startswith("gicv3"):
                self.v3 += 1
            elif event.name.startswith("gic_"):
                self.v2 += 1

    def _identity(self, frame: str, address: int, size: int, value: int) -> None:
        if frame == "GICR" and size == 4 and address & STRIDE - 1 == _GICR["CTLR"].address:
            self.registers.setdefault("GICR_CTLR", value)
        if frame == "GICR" and size == 8 and address & 0xFFFF == _GICR["TYPER"].address:
            number = value >> 8 & 0xFFFF
            self.typers.setdefault(number, value)
        name = _IDENTITY.get((frame, address & 0xFFFF))
        if name is not None and size == 4:
            self.registers.setdefault(name, value)


def configure(
    file: str, events: Iterable[Event], machine: str | None = None, overrides: dict[str, str] | None = None,
) -> Configuration:
    """The configuration of a recording's machine.

    Args:
        file: for messages. events: the first ones. machine: qemu-virt-v2, -v3 or -v4, None to see from the events.
        overrides: option names to their values as text.

    Raises:
        TraceError: no event tells a GIC, or they contradict `machine`, or an override names no option.
    """
    seen = _Seen()
    for event in events:
        seen.look(event)
    version = 3 if seen.v3 > seen.v2 else 2
    if seen.v2 == seen.v3 == 0:
        raise TraceError(file, None, "no access to a GIC in the first events: nothing says whether it is a GICv2 or a "
                         "GICv3; record memory_region_ops_*, gic_* and gicv3_* events")
    if machine is not None and MACHINES[machine] != version:
        raise TraceError(file, None, f"--machine {machine} has a GICv{MACHINES[machine]}, but this recording is of a "
                         f"GICv{version} ({max(seen.v2, seen.v3)} of the first events say so); leave --machine out, or "
                         f"use --machine qemu-virt-v{version}")
    found = _v2(seen) if version == 2 else _v3(seen)
    if machine == "qemu-virt-v4":
        found["vlpis"] = True
    facts = tuple(f"{name} = {value:#x}" for name, value in sorted(seen.registers.items()) if name in _TOLD)
    cls = GicV2Options if version == 2 else GicV3Options
    try:
        given = {name: cls.from_text(name, text) for name, text in (overrides or {}).items()}
    except OptionError as e:
        raise TraceError(file, None, f"option {e}") from None
    if "pes" in given and given["pes"] != found["pes"]:
        found.pop("affinities", None)      # those were of another number of PEs
    found |= given
    try:
        return Configuration(version, cls.qemu(**found), facts)
    except OptionError as e:
        raise TraceError(file, None, f"no such machine: {e}") from None


_TOLD = {"GICD_TYPER", "GICD_IIDR", "GICD_PIDR2", "GICC_IIDR", "ICC_CTLR_EL1", "ICH_VTR_EL2"}


def _v2(seen: _Seen) -> dict[str, object]:
    r = seen.registers
    found: dict[str, object] = {"pes": min(8, seen.pe + 1)}
    if "GICD_TYPER" in r:
        found |= {"intids": 32 * ((r["GICD_TYPER"] & 31) + 1), "security": bool(r["GICD_TYPER"] >> 10 & 1),
                  "pes": max(seen.pe, r["GICD_TYPER"] >> 5 & 7) + 1}
    if "GICC_IIDR" in r:
        found["cpu_iidr"] = r["GICC_IIDR"]
    return found


def _v3(seen: _Seen) -> dict[str, object]:
    r = seen.registers
    last = max((n for n, v in seen.typers.items() if v >> 4 & 1), default=None)
    pes = max(seen.pe, last if last is not None else max(seen.typers, default=0)) + 1
    found: dict[str, object] = {"pes": pes}
    if "GICD_TYPER" in r:
        typer = r["GICD_TYPER"]
        intids = 32 * ((typer & 31) + 1)
        short = seen.intid >= intids
        found |= {
            "intids": intids + 32 * short, "typer_lines_of_spis": short, "security": bool(typer >> 10 & 1),
            "message_spis": bool(typer >> 16 & 1), "lpis": bool(typer >> 17 & 1), "vlpis": bool(typer >> 18 & 1),
            "nmis": bool(typer >> 9 & 1),
            "id_bits": (typer >> 19 & 31) + 1, "one_of_n": "none" if typer >> 25 & 1 else "lowest",
        }
    if "GICD_IIDR" in r:
        found["iidr"] = r["GICD_IIDR"]
    if "GICD_PIDR2" in r:
        found["pidr2"] = r["GICD_PIDR2"]
    if "GICR_CTLR" in r:
        found["clear_enable_lpis"] = bool(r["GICR_CTLR"] >> 1 & 1)
    if "ICC_CTLR_EL1" in r:
        ctlr = r["ICC_CTLR_EL1"]
        bits = (ctlr >> 8 & 7) + 1
        found |= {"priority_bits": bits, "cpu_id_bits": 24 if ctlr >> 11 & 7 else 16}
    if "ICH_VTR_EL2" in r:
        vtr = r["ICH_VTR_EL2"]
        found |= {
            "virtual_priority_bits": (vtr >> 29 & 7) + 1, "virtual_preemption_bits": (vtr >> 26 & 7) + 1,
            "list_registers": (vtr & 31) + 1, "tdir": bool(vtr >> 19 & 1),
        }
    if seen.typers:
        found["common_lpi_affinity"] = next(iter(seen.typers.values())) >> 24 & 3
        found["vlpis"] = found.get("vlpis", False) or any(v >> 1 & 1 for v in seen.typers.values())
        if set(seen.typers) == set(range(pes)):
            found["affinities"] = tuple(seen.typers[pe] >> 32 for pe in range(pes))
    return found
