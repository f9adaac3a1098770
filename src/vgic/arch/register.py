"""Registers as data: what a register, a field and a frame are, and how a value is taken apart.

A register block of the architecture is a `Frame`: registers at offsets (the memory-mapped frames GICD, GICR, GICC,
GICH, GICV, GITS) or at system-register encodings (ICC, ICH, ICV). The files beside this one hold nothing but such
data. Decoding, encoding, look-up by address and by name work from the data alone; what a register *does* is told in
`vgic.silicon`.

A register that stands several times (GICD_ISENABLER<n>) is one `Register` with a `count` and a `stride`; its instances
are written GICD_ISENABLER3, or ICH_LR2_EL2 where the number stands inside the name.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Encoding = tuple[int, int, int, int, int]
"""op0, op1, CRn, CRm, op2 of a system register (DDI 0487, C5.3)."""


class UnknownRegister(LookupError):
    """A name or a place that no register bears. `near` holds the nearest names."""

    def __init__(self, what: str, near: tuple[str, ...] = ()) -> None:
        self.what, self.near = what, near
        super().__init__(f"no register {what}" + (f"; nearest: {', '.join(near)}" if near else ""))


@dataclass(frozen=True, slots=True)
class Field:
    """Bits msb..lsb of a register, both included.

    `values` names the meanings of values, where the architecture names them. `when` says under which condition the
    bits are this field: "HW=1" where another field of the register decides, or what no value tells ("GICv4.1").
    """

    msb: int
    lsb: int
    name: str
    meaning: str = ""
    values: Mapping[int, str] = field(default_factory=dict, hash=False)
    when: str = ""

    @property
    def width(self) -> int:
        return self.msb - self.lsb + 1

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << self.width) - 1) << self.lsb

    def get(self, value: int) -> int:
        """The field's number out of a register's value."""
        return (value & self.mask) >> self.lsb

    def put(self, number: int) -> int:
        """The number in the field's place. ValueError where it does not fit."""
        if not 0 <= number < 1 << self.width:
            raise ValueError(f"{self.name} is {self.width} bits wide: {number:#x} does not fit")
        return number << self.lsb


@dataclass(frozen=True, slots=True)
class Register:
    """One register of the architecture, or `count` alike.

    Args:
        name: the architectural name; `<n>` stands for the number of an instance (GICD_ISENABLER<n>, ICH_LR<n>_EL2).
        section: where the architecture describes it.
        width: bits, 32 or 64 (8 where the architecture addresses it by byte alone).
        access: RW, RO or WO.
        offset: bytes from the frame's start (None for a system register).
        encoding: of a system register; instance n adds n to op2, carrying into CRm.
        fields: most significant first; bits in no field are RES0.
        reset: value after reset, where the architecture gives one (None: UNKNOWN or IMPLEMENTATION DEFINED).
        first: number of the first instance; count: how many; stride: bytes from one instance to the next.
        sizes: access sizes in bytes that the architecture permits.
        banked: one copy for each PE (so are the instances of a distributor's arrays for the INTIDs below 32).
        summary: one line on what it is.
        lane: bits for each interrupt, where the register is a piece of an array over INTIDs (0: it is none).
        base: INTID of the first lane of instance 0, where lane is not 0.
    """

    name: str
    section: str
    width: int = 32
    access: str = "RW"
    offset: int | None = None
    encoding: Encoding | None = None
    fields: tuple[Field, ...] = ()
    reset: int | None = 0
    first: int = 0
    count: int = 1
    stride: int = 4
    sizes: tuple[int, ...] = (4,)
    banked: bool = False
    summary: str = ""
    lane: int = 0
    base: int = 0

    def instance(self, n: int) -> str:
        """The name of instance n."""
        return self.name.replace("<n>", str(n))

    def intid(self, n: int, bit: int) -> int:
        """The interrupt that this bit of instance n is about, of a register with lanes."""
        return self.base + n * (self.width // self.lane) + bit // self.lane

    def covering(self, intid: int) -> int | None:
        """The instance that has a lane of this interrupt, None where none has."""
        if not self.lane:
            return None
        n = (intid - self.base) * self.lane // self.width
        return n if self.first <= n < self.first + self.count else None

    def fields_in(self, value: int) -> tuple[Field, ...]:
        """The fields that a register of this value has: all but those whose condition on another field fails."""
        return tuple(f for f in self.fields if self._holds(f.when, value))

    def _holds(self, when: str, value: int) -> bool:
        name, equals, number = when.partition("=")
        return not equals or any(f.get(value) == int(number) for f in self.fields if f.name == name)

    def field(self, name: str) -> Field:
        """The field of this name. KeyError with the names that there are."""
        for f in self.fields:
            if f.name == name:
                return f
        raise KeyError(f"{self.name} has no field {name}; it has {', '.join(f.name for f in self.fields)}")

    def mask(self, *names: str) -> int:
        """The bits of these fields, in place."""
        mask = 0
        for name in names:
            mask |= self.field(name).mask
        return mask

    def decode(self, value: int) -> list[tuple[Field, int]]:
        """Every field that it has with its number, most significant first."""
        return [(f, f.get(value)) for f in self.fields_in(value)]

    def encode(self, **numbers: int) -> int:
        """A value with these fields set and the others 0.

        KeyError for a field that it hasn't, ValueError where a number does not fit or the others say that the field is
        not there (an EOI in a list register with HW=1).
        """
        value = 0
        for name, number in numbers.items():
            value |= self.field(name).put(number)
        for name in numbers:
            if not self._holds(self.field(name).when, value):
                raise ValueError(f"{self.name} has {name} only when {self.field(name).when}")
        return value

    def res0(self, value: int) -> int:
        """The bits of value that lie in no field."""
        known = 0
        for f in self.fields_in(value):
            known |= f.mask
        return value & ~known if self.fields else 0


class Place(NamedTuple):
    """Where an access falls: the register, which instance, and the byte inside it."""

    register: Register
    n: int
    byte: int

    @property
    def name(self) -> str:
        return self.register.instance(self.n)

    @property
    def offset(self) -> int | None:
        """Of the instance, from the frame's start (None for a system register)."""
        r = self.register
        return None if r.offset is None else r.offset + (self.n - r.first) * r.stride

    @property
    def encoding(self) -> Encoding | None:
        """Of the instance (None for a memory-mapped register)."""
        if self.register.encoding is None:
            return None
        op0, op1, crn, crm, op2 = self.register.encoding
        carry, op2 = divmod(op2 + self.n - self.register.first, 8)
        return op0, op1, crn, crm + carry, op2


class Frame:
    """A block of registers with one name: GICD, GICR, GICC, GICH, GICV, ICC, ICH, ICV.

    Args:
        name: the architectural prefix.
        summary: one line on what it is.
        registers: in the order of their offsets or encodings.
        size: bytes of a memory-mapped frame (0 for system registers).
    """

    def __init__(self, name: str, summary: str, registers: tuple[Register, ...], size: int = 0) -> None:
        self.name, self.summary, self.registers, self.size = name, summary, registers, size
        self.by_name = {r.name: r for r in registers}
        self.arrays: dict[str, tuple[Register, ...]] = {}
        """Of each array over INTIDs ("ISENABLER") the registers that it is made of."""
        for r in registers:
            if r.lane:
                array = r.name.removeprefix(f"{name}_").removesuffix("E").removesuffix("<n>").rstrip("0123456789")
                self.arrays[array] = (*self.arrays.get(array, ()), r)
        self._placed = sorted(((r.offset, r) for r in registers if r.offset is not None), key=lambda placed: placed[0])
        self._starts = [offset for offset, _ in self._placed]
        self._encoded: dict[Encoding, Place] = {}
        self._instances: dict[str, Place] = {}
        for r in registers:
            for i in range(r.count):
                place = Place(r, r.first + i, 0)
                self._instances[place.name] = place
                if place.encoding is not None:
                    self._encoded[place.encoding] = place

    def __iter__(self) -> Iterator[Register]:
        return iter(self.registers)

    def __getitem__(self, name: str) -> Register:
        """The register of that name, with its `<n>`."""
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownRegister(name, nearest(name, self.by_name)) from None

    def at(self, offset: int) -> Place | None:
        """The register that covers this byte, None where none does."""
        i = bisect_right(self._starts, offset) - 1
        if i < 0:
            return None
        start, register = self._placed[i]
        instance, byte = divmod(offset - start, register.stride)
        if instance >= register.count or byte >= register.width // 8:
            return None
        return Place(register, register.first + instance, byte)

    def encoded(self, encoding: Encoding) -> Place | None:
        """The system register of this encoding, None where none has it."""
        return self._encoded.get(encoding)

    def around(self, offset: int) -> tuple[Place, ...]:
        """The register that ends last before this byte of a hole, and the one that begins first after it."""
        i = bisect_right(self._starts, offset)
        near = []
        if i > 0:
            start, before = self._placed[i - 1]
            near.append(Place(before, before.first + min((offset - start) // before.stride, before.count - 1), 0))
        if i < len(self._placed):
            after = self._placed[i][1]
            near.append(Place(after, after.first, 0))
        return tuple(near)

    def named(self, name: str) -> Place | None:
        """The register of this instance name (GICD_ISENABLER3, ICH_LR2_EL2), None where none has it."""
        return self._instances.get(name)

    def names(self) -> Iterator[str]:
        """Every instance name."""
        return iter(self._instances)


def nearest(name: str, names: Mapping[str, object] | list[str], most: int = 3) -> tuple[str, ...]:
    """The names most like this one, best first."""
    folded = {n.upper(): n for n in names}
    return tuple(folded[n] for n in difflib.get_close_matches(name.upper()[:80], list(folded), most, 0.5))


def number(text: str) -> int:
    """An integer as people write it: 0x1f, 0b11, 31, 0x70c0_001b. ValueError with the text where it is none."""
    if not re.fullmatch(r"0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|[0-9](_?[0-9])*", text, re.ASCII):
        raise ValueError(f"{text!r} is not a number (write 0x1f, 0b11 or 31)")
    return int(text, 0) if text[:2].lower() in ("0x", "0b") else int(text)
