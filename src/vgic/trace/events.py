"""What a recording holds: the events that a QEMU trace tells, one small tuple each.

Every event begins with `line`, the number of its line in the recording (from 1), so that any finding can name its
place. A `pe` is QEMU's CPU index (0..511). Values are numbers as QEMU printed them, without sign. The events fall
into three sorts:

- what software did to the chip: `Access`, `FrameAccess`, `SysReg`, `PropertyByte`;
- what came from outside: `LineChange`, `Msi`, and `Probe` (the entry of a function of the recorded kernel);
- what QEMU worked out from these, for comparison: `Sgi`, `SgiPending`, `ItsCommand`, `TableWrite`, `TimerEvent`,
  `QemuState`.

`BadLine` stands where a line of a known event can't be read; it is an event as well, so that its place among the
others is kept and nothing is passed over in silence.

A write stands before its effects, a read after them: QEMU prints an `Access` write when it begins and an `Access`
read when it has ended; a `SysReg` write is printed before its effects and a `SysReg` read after them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Access(NamedTuple):
    """A load or store on a memory-mapped device (QEMU `memory_region_ops_read`, `memory_region_ops_write`)."""

    line: int
    pe: int | None
    """The CPU that did it; None for a device, such as one that writes an MSI."""
    address: int
    """Absolute physical address."""
    size: int
    """1, 2, 4 or 8 bytes."""
    value: int
    write: bool
    region: str
    """QEMU's name of the region, '' where an old QEMU prints none. `REGION_FRAMES` tells the frame."""


class FrameAccess(NamedTuple):
    """An access told by the interrupt controller itself, by its offset in one frame.

    In a recording that holds both forms this repeats an `Access`; the reader then leaves it out and counts it
    (see `vgic.trace.qemu.Reader`).
    """

    line: int
    frame: str
    """'GICD', 'GICC', 'GICH', 'GICV', 'GICR' or 'GITS'."""
    pe: int | None
    """GICC, GICV: the accessing CPU. GICR: whose redistributor it is, whoever accesses it. Else None: not told."""
    offset: int
    """Offset in the frame; GICR: in the redistributor, so that its SGI frame begins at 0x10000."""
    size: int
    value: int | None
    """None for a read that QEMU refused: it prints no value."""
    write: bool
    secure: bool | None
    """The Security state of the access; None where QEMU does not tell."""
    refused: bool
    """QEMU knows no register of that size there (`*_badread`, `*_badwrite`)."""


class SysReg(NamedTuple):
    """A read or write of a CPU interface register: ICC_*_EL1/EL3, ICH_*_EL2, or ICV_*_EL1.

    The guest's accesses to ICC_* that the hypervisor lets through to the virtual interface are told as ICV_*.
    AArch32's halves of a list register stand as ICH_LR<n> and ICH_LRC<n>, without `_EL2`.
    """

    line: int
    pe: int
    register: str
    value: int
    write: bool


class LineChange(NamedTuple):
    """An interrupt's input line went high (1) or low (0)."""

    line: int
    intid: int
    """16..1019 (QEMU moves no line of an SGI)."""
    pe: int | None
    """Whose PPI; None for an SPI."""
    level: int


class Msi(NamedTuple):
    """A device's write to GITS_TRANSLATER. The `Access` to the region `translation` beside it tells no DeviceID."""

    line: int
    device: int
    """DeviceID."""
    event: int
    """EventID."""


class ItsCommand(NamedTuple):
    """A command that the ITS carried out, decoded by QEMU.

    `fields` by name: device, event, icid, intid, rdbase, rdbase2, valid, size, itt_address, vpe, vintid, doorbell,
    doorbell_valid, vpt_address, vpt_size, code; only those that QEMU prints for the command. Addresses are the fields
    of the command word, not yet shifted.
    """

    line: int
    name: str
    """'MAPD', 'VMAPTI' ...; 'UNKNOWN' (field `code`) for a command number that QEMU does not know."""
    fields: dict[str, int]


class TableWrite(NamedTuple):
    """The ITS wrote an entry of one of its tables."""

    line: int
    kind: str
    """'cte' collection, 'dte' device, 'ite' interrupt translation, 'vte' vPE."""
    fields: dict[str, int]


class PropertyByte(NamedTuple):
    """A byte store of software into the LPI property table."""

    line: int
    pe: int
    address: int
    """Physical address."""
    value: int


class Probe(NamedTuple):
    """The entry of a function of the recorded kernel."""

    line: int
    el: int
    percpu: int
    """The kernel's per-CPU base (TPIDR_EL1 or TPIDR_EL2): one value for each PE, not the PE's number."""
    name: str
    args: dict[str, int]
    """'x0', 'x1' ... to their values."""
    memory: dict[str, bytes]
    """'x0+40': the bytes that stood 40 (decimal) bytes behind where x0 points."""


class Sgi(NamedTuple):
    """A PE generates an SGI: its write to ICC_SGI0R_EL1, ICC_SGI1R_EL1 or ICC_ASGI1R_EL1, decoded."""

    line: int
    pe: int
    """Who sends."""
    intid: int
    irm: int
    """1: to all PEs but the sender."""
    affinity: int
    """Aff3.Aff2.Aff1 of the targets, eight bits each."""
    targets: int
    """Target list: bit n is Aff0 = n."""


class SgiPending(NamedTuple):
    """An SGI became pending at a redistributor."""

    line: int
    pe: int
    intid: int


class TimerEvent(NamedTuple):
    """A generic timer's register write or output (QEMU `arm_gt_*`); QEMU does not tell which CPU's."""

    line: int
    name: str
    """'ctl_write', 'cval_write', 'tval_write', 'cntvoff_write', 'cntpoff_write', 'imask_toggle', 'recalc',
    'recalc_disabled' or 'update_irq'."""
    timer: int | None
    """0 physical, 1 virtual, 2 hypervisor physical, 3 secure, 4 hypervisor virtual, 5 secure EL2 physical,
    6 secure EL2 virtual; None for an offset."""
    value: int | None


class QemuState(NamedTuple):
    """What QEMU worked out for itself: a highest priority pending interrupt, an output to a CPU, a table read."""

    line: int
    name: str
    """QEMU's name of the event, as 'gicv3_cpuif_update'."""
    fields: dict[str, int | str]


class BadLine(NamedTuple):
    """A line of a known event that can't be read: cut, doubled, or with a number out of its range."""

    line: int
    text: str
    """At most 200 characters, printable."""
    why: str
    """What was expected."""


class ExceptionLevel(NamedTuple):
    """A PE takes an exception, or returns from one."""

    line: int
    pe: int | None
    """None: QEMU doesn't tell which."""
    before: int
    """0 to 3, likewise `after`."""
    after: int


Event = (
    Access
    | FrameAccess
    | SysReg
    | LineChange
    | Msi
    | ItsCommand
    | TableWrite
    | PropertyByte
    | Probe
    | Sgi
    | SgiPending
    | TimerEvent
    | QemuState
    | ExceptionLevel
    | BadLine
)

EVENT_KINDS: tuple[type[Event], ...] = (
    Access,
    FrameAccess,
    SysReg,
    LineChange,
    Msi,
    ItsCommand,
    TableWrite,
    PropertyByte,
    Probe,
    Sgi,
    SgiPending,
    TimerEvent,
    QemuState,
    ExceptionLevel,
    BadLine,
)

REGION_FRAMES = {
    "gic_dist": "GICD",
    "gic_cpu": "GICC",
    "gic_viface": "GICH",
    "gic_vcpu": "GICV",
    "gicv3_dist": "GICD",
    "gicv3_redist": "GICR",
    "control": "GITS",
    "translation": "GITS_TRANSLATER",
    "gicv2m": "V2M",
}
"""QEMU's names of the regions of an interrupt controller, without an index. See `region_frame`."""


def region_frame(region: str) -> str | None:
    """The frame of an `Access.region`, or None for another device.

    QEMU numbers the redistributor regions ('gicv3_redist_region[0]') and, in some versions, others too.
    """
    base = region.partition("[")[0]
    return REGION_FRAMES.get(base.removesuffix("_region"))


WHO: Final = {"ICV": "guest", "GICV": "guest", "ICH": "hyp", "GICH": "hyp"}
"""Whose registers a frame's are; the others are the host's."""


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
