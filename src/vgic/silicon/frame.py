"""Memory-mapped frames: from an offset and a size to the handler of a register.

A frame's handlers stand in two tables, register name to function, beside the functions. A register of the architecture
that is in neither table is not modelled, and an access to it is reported; so is an access where no register is.

A reader is `read(n, pe, ns) -> value` and a writer `write(n, value, lanes, pe, ns)`: n is the instance, `lanes` the
bits that the access covers, pe the PE that accesses, ns whether it sees the Non-secure view (always False with a single
Security state).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from vgic.arch.register import Frame, Place
from vgic.silicon.report import Notice, OnNotice

ReadHandler = Callable[[int, int, bool], int]
WriteHandler = Callable[[int, int, int, int, bool], None]

SIZES = (1, 2, 4, 8)


@cache
def _slots(frame: Frame) -> Mapping[int, Place]:
    """What stands at each byte of a frame."""
    every = ((r, i, byte) for r in frame for i in range(r.count) for byte in range(r.width // 8))
    return {(r.offset or 0) + i * r.stride + byte: Place(r, r.first + i, byte) for r, i, byte in every}


class Block:
    """One frame with its handlers.

    Args:
        frame: the registers as data. reads, writes: handlers by register name.
        report: takes the notices. bad_size: the option of that name.
        silent: registers without a handler that read as zero by architecture or by the options chosen.
    """

    def __init__(
        self, frame: Frame, reads: Mapping[str, ReadHandler], writes: Mapping[str, WriteHandler], report: OnNotice,
        bad_size: str, silent: frozenset[str] = frozenset(),
    ) -> None:
        self.frame, self.name, self.size, self.report = frame, frame.name, frame.size, report
        self.bad_size, self.silent = bad_size, silent
        unknown = [n for n in (*reads, *writes) if n not in frame.by_name]
        if unknown:
            raise LookupError(f"{frame.name} has no register {', '.join(unknown)}")
        self.slots, self.reads, self.writes = _slots(frame), reads, writes

    def unmodelled(self) -> set[str]:
        """The names of the registers that have no handler and no right to be silent."""
        return {p.register.name for p in self.slots.values()} - self.reads.keys() - self.writes.keys() - self.silent

    def _place(self, offset: int, size: int, verb: str, value: int | None) -> Place | None:
        place = self.slots.get(offset)
        what = "" if value is None else f" of {value:#x}"
        if place is None:
            self.report(Notice("reserved", f"{self.name}+{offset:#x}", f"{verb}{what}: no register there"))
            return None
        if size not in place.register.sizes or place.byte % size:
            self.report(Notice("unpredictable", place.register.instance(place.n),
                               f"{size}-byte {verb} at byte {place.byte}: option bad_size = {self.bad_size}"))
            return None if self.bad_size == "zero" or size not in SIZES or place.byte % size else place
        return place

    def read(self, offset: int, size: int, pe: int, ns: bool) -> int:
        """A load. Zero where nothing is modelled, and then a notice is given."""
        place = self._place(offset, size, "read", None)
        if place is None:
            return 0
        name = place.register.name
        read = self.reads.get(name)
        if read is None:
            if name not in self.silent:
                kind = "not modelled" if place.register.access != "WO" or name not in self.writes else "unpredictable"
                why = "reads as zero" if kind == "not modelled" else "read of a write-only register: reads as zero"
                self.report(Notice(kind, place.register.instance(place.n), why))
            return 0
        return read(place.n, pe, ns) >> 8 * place.byte & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int, pe: int, ns: bool) -> None:
        """A store. No effect where nothing is modelled, and then a notice is given."""
        place = self._place(offset, size, "write", value)
        if place is None:
            return
        lanes = (1 << min(8 * size, place.register.width - 8 * place.byte)) - 1
        value &= lanes
        name = place.register.name
        write = self.writes.get(name)
        if write is None:
            if name not in self.silent:
                read_only = place.register.access == "RO" or name in self.reads
                why = f"write of {value:#x}{' to a read-only register' * read_only}: ignored"
                kind = "unpredictable" if read_only else "not modelled"
                self.report(Notice(kind, place.register.instance(place.n), why))
            return
        unknown = place.register.res0(value << 8 * place.byte)
        if unknown:
            self.report(Notice("reserved", place.register.instance(place.n), f"write sets RES0 bits {unknown:#x}"))
        write(place.n, value << 8 * place.byte, lanes << 8 * place.byte, pe, ns)


def zero(n: int, pe: int, ns: bool) -> int:
    """A reader that always gives 0 (RAZ)."""
    return 0


def ignored(n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
    """A writer without effect (WI)."""


def _give(value: int, n: int, pe: int, ns: bool) -> int:
    return value


def constant(value: int) -> ReadHandler:
    """A reader that always gives the value."""
    return partial(_give, value)


def identification(frame: str, pidr2: int, part: int) -> dict[str, ReadHandler]:
    """CoreSight identification registers with Arm's JEP106 code (0x43b), a part number, and PIDR2 as given."""
    values = {
        "PIDR4": 0x44, "PIDR5": 0, "PIDR6": 0, "PIDR7": 0, "PIDR0": part & 0xFF, "PIDR1": 0xB0 | part >> 8,
        "PIDR2": pidr2, "PIDR3": 0, "CIDR0": 0x0D, "CIDR1": 0xF0, "CIDR2": 0x05, "CIDR3": 0xB1,
    }
    return {f"{frame}_{name}": constant(value) for name, value in values.items()}
