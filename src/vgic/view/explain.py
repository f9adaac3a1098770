"""What a register, its value or an address means, in words: `vgic explain`.

The data is that of `vgic.arch`; nothing here knows a register by name. What is asked for is written as people have it
at hand: `ICH_LR0_EL2=0x70c0001b0000001b`, `ICH_HCR_EL2`, or the text of a dump with one `NAME = value` or more a line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vgic.arch import find
from vgic.arch.intid import describe, kind, special
from vgic.arch.machine import MACHINES, MemoryMap
from vgic.arch.register import Field, Frame, Place, Register, UnknownRegister
from vgic.view.numbers import hexadecimal_widths, read, written
from vgic.view.report import Report
from vgic.view.words import WIDTH, ranges

INTIDS: Final = frozenset({"INTID", "pINTID", "vINTID", "VirtualID", "PhysicalID"})
"""Fields that hold an INTID."""
_STRANGE: Final = {"RO": ", and this register never returns it", "WO": ", and the write of it is ignored", "RW": ""}
"""What is to be said of a special INTID that a register has no word for."""
LONGEST: Final = 200
"""Characters of a name or a number beyond which it can only be a mistake."""
_OURS: Final = re.compile(r"(SYS_)?(GIC[A-Z]|GITS|IC[CHV]|CNT[A-Z]*|V2M)_|S\d_\d_C", re.IGNORECASE)


class ExplainError(ValueError):
    """What is asked for can't be explained. The message says what, why, and what to do."""


@dataclass(frozen=True)
class Value:
    """A register's value, taken apart. `how`: how the number was read, "" where there is one way alone."""

    place: Place
    value: int
    how: str = ""

    def lines(self) -> Iterator[str]:
        register = self.place.register
        yield from _heading(self.place.name, register)
        if self.how:
            yield from _wrapped(f"  {self.how}", indent=4)
        if register.lane == register.width:
            yield f"  {describe(register.intid(self.place.n, 0))}"
        if _is_array(register):
            yield from self._lanes()
        else:
            yield from self._fields()
        res0 = register.res0(self.value)
        if res0:
            yield from _wrapped(f"  RES0 bits set: {res0:#x} (bits {ranges(_bits(res0))})", indent=4)

    def _fields(self) -> Iterator[str]:
        decoded = self.place.register.decode(self.value)
        shown = [(f, n) for f, n in decoded if n or f.width > 1]
        access = self.place.register.access
        rows = [(_span(f), f.name, _digits(f, n), _words(f, n, access)) for f, n in shown]
        yield from _table(rows)
        zero = [f.name for f, n in decoded if not n and f.width == 1]
        if zero:
            yield from _wrapped(f"  zero: {', '.join(zero)}", indent=8)

    def _lanes(self) -> Iterator[str]:
        yield from _table([(f"{number:#x}", name, _interrupts(intids)) for number, name, intids in self.by_value()])

    def by_value(self) -> list[tuple[int, str, list[int]]]:
        """Of a register with lanes: every number that a lane holds, its name, and the interrupts that have it."""
        register = self.place.register
        found: dict[int, tuple[str, list[int]]] = {}
        for f, n in reversed(register.decode(self.value)):
            found.setdefault(n, (f.values.get(n, ""), []))[1].append(register.intid(self.place.n, f.lsb))
        return [(n, name, intids) for n, (name, intids) in sorted(found.items(), reverse=True)]

    def json(self) -> dict[str, object]:
        register = self.place.register
        fields = [
            {"name": f.name, "bits": _span(f), "value": n, "meaning": _words(f, n, register.access)}
            for f, n in register.decode(self.value)
        ]
        return {
            **_identity(self.place),
            "value": f"{self.value:#x}",
            "read": self.how,
            "fields": fields,
            "res0": f"{register.res0(self.value):#x}",
        }


@dataclass(frozen=True)
class Layout:
    """A register without a value: where it is and which fields it has."""

    place: Place
    frame: Frame
    machine: MemoryMap | None

    def lines(self) -> Iterator[str]:
        register = self.place.register
        yield from _heading(register.name, register)
        for line in self._facts():
            yield from _wrapped(f"  {line}", indent=4)
        if _is_array(register):
            yield from _wrapped(f"  {self._lane()}", indent=4)
        else:
            yield from _table([(_span(f), f.name, _meaning(f)) for f in register.fields])

    def _facts(self) -> Iterator[str]:
        r = self.place.register
        reset = "UNKNOWN or IMPLEMENTATION DEFINED" if r.reset is None else f"{r.reset:#x}"
        each = ", one for each PE" if r.banked else ""
        yield f"{r.width} bits, {r.access}{each}{'' if r.access == 'WO' else f', reset {reset}'}"
        if r.encoding is not None:
            yield f"encoding {_encoding(self.place)}{self._up_to()}"
        if r.offset is not None:
            each = f" + {r.stride:#x}*(n-{r.first})" if r.first else f" + {r.stride:#x}*n"
            where = f"{r.offset:#x}{each if r.count > 1 else ''}"
            n = f", n = {r.first} to {r.first + r.count - 1}" if r.count > 1 else ""
            yield f"offset {where} in {self.frame.name}{n}; accesses of {' or '.join(map(str, r.sizes))} bytes"
            yield from self._addresses()

    def _up_to(self) -> str:
        r = self.place.register
        if r.count == 1:
            return ""
        last = Place(r, r.first + r.count - 1, 0)
        return f" to {_encoding(last)}, n = {r.first} to {last.n}"

    def _addresses(self) -> Iterator[str]:
        offset = self.place.register.offset or 0
        if self.machine is None:
            return
        for region in self.machine.regions:
            if region.frame is self.frame and offset < (region.stride or region.size):
                which = f"(PE-{region.first_pe})" if region.first_pe else "PE"
                pe = f" + {region.stride:#x}*{which}" if region.stride else ""
                yield f"on {self.machine.name} at {region.base + offset:#010x}{pe}"

    def _lane(self) -> str:
        r = self.place.register
        per = r.width // r.lane
        values = "; ".join(f"{n} {name}" for n, name in r.fields[0].values.items())
        first = f"{r.base} + " if r.base else ""
        of = (
            f"INTIDs from {first}{per}n on"
            if r.count > 1
            else f"INTIDs {r.intid(r.first, 0)} to {r.intid(r.first, r.width - 1)}"
        )
        return f"{r.lane} bit{'s' if r.lane > 1 else ''} an interrupt, {of}{': ' if values else ''}{values}"

    def json(self) -> dict[str, object]:
        r = self.place.register
        fields: list[dict[str, object]] = [
            {
                "name": f.name,
                "bits": _span(f),
                "meaning": f.meaning,
                "values": {str(n): text for n, text in f.values.items()},
                "when": f.when,
            }
            for f in r.fields
        ]
        return {
            **_identity(self.place),
            "register": r.name,
            "width": r.width,
            "access": r.access,
            "reset": None if r.reset is None else f"{r.reset:#x}",
            "sizes": list(r.sizes),
            "first": r.first,
            "count": r.count,
            "addresses": list(self._addresses()),
            "fields": fields,
        }


@dataclass(frozen=True)
class Address:
    """An address in a machine's memory map."""

    address: int
    machine: MemoryMap
    frame: Frame
    pe: int | None
    offset: int
    place: Place | None

    def lines(self) -> Iterator[str]:
        whose = f" of PE {self.pe}" if self.pe is not None else ""
        where = f"{self.address:#010x}  {self.machine.name}: {self.frame.name}{whose} + {self.offset:#x}"
        if self.place is not None:
            byte = f", byte {self.place.byte}" if self.place.byte else ""
            yield f"{where}: {self.place.name}{byte}"
            return
        near = " and ".join(f"{p.name} (+ {p.offset:#x})" for p in self.frame.around(self.offset))
        yield f"{where}: no register"
        yield f"  nearest: {near}"

    def json(self) -> dict[str, object]:
        return {
            "address": f"{self.address:#x}",
            "machine": self.machine.name,
            "frame": self.frame.name,
            "pe": self.pe,
            "offset": f"{self.offset:#x}",
            "register": self.place.name if self.place else None,
            "byte": self.place.byte if self.place else None,
            "nearest": [] if self.place else [p.name for p in self.frame.around(self.offset)],
        }


@dataclass(frozen=True)
class Explained(Report):
    """What `vgic explain` says: a part for each register or address, and the names of a dump that are no registers of
    ours."""

    parts: tuple[Value | Layout | Address, ...]
    passed_over: tuple[str, ...] = ()

    def text(self) -> str:
        """Plain text of at most 100 columns, without a newline at its end."""
        blocks = ["\n".join(part.lines()) for part in self.parts]
        if self.passed_over:
            blocks.append("\n".join(_wrapped(f"not registers of the GIC: {', '.join(self.passed_over)}", indent=2)))
        return "\n\n".join(blocks)

    def json(self) -> dict[str, object]:
        """The same as JSON: numbers of 64 bits are strings in hex."""
        return {"explained": [part.json() for part in self.parts], "passed_over": list(self.passed_over)}


def explain(texts: list[str], machine: MemoryMap | None = None, map_address: int | None = None) -> Explained:
    """Explain registers, values and, with a machine, an address.

    Args:
        texts: each a register's name, NAME=value, or a dump's text.
        machine: whose GIC it is; tells which version's registers are meant and where they lie.
        map_address: physical address to look up in the machine.

    Raises:
        ExplainError: a name that no register bears, a value that is no number or too wide, an address in no frame.
    """
    parts: list[Value | Layout | Address] = []
    passed_over: list[str] = []
    if map_address is not None:
        parts += _mapped(map_address, machine)
    dump = any("\n" in text.strip() for text in texts)
    items = list(_items(texts))
    widths = hexadecimal_widths(value for _, _, value in items if value is not None) if dump else frozenset()
    for line, name, value in items:
        where = f"line {line}: " if dump else ""
        if dump and not _OURS.match(name):
            passed_over.append(_short(name))
            continue
        try:
            parts.append(_register(name, value, machine, widths))
        except ExplainError as error:
            raise ExplainError(f"{where}{error}") from None
    if not parts:
        raise ExplainError("nothing to explain: write a register's name, NAME=value, or a dump of such lines")
    return Explained(tuple(parts), tuple(dict.fromkeys(passed_over)))


def _items(texts: Iterable[str]) -> Iterator[tuple[int, str, str | None]]:
    """Line number, name and value of everything that is asked for."""
    lines = [line for text in texts for line in text.split("\n")]
    name: str | None = None
    name_line = 0
    expect = False
    for n, line in enumerate(lines, 1):
        for token in re.findall(r"[=:]|[^\s=:,;]+", re.sub(r"#.*|//.*", "", line)):
            if token in "=:":
                if name is None:
                    raise ExplainError(f"line {n}: a value without a register's name before it: {_short(line.strip())}")
                expect = True
            elif name is not None and (expect or written(token)):
                yield name_line, name, token
                name, expect = None, False
            elif written(token):
                raise ExplainError(f"the number {_short(token)} stands alone: write NAME={_short(token)}")
            else:
                if name is not None:
                    yield name_line, name, None
                name, name_line = token, n
    if expect:
        raise ExplainError(f"{_short(name or '')} has no value after its = or :")
    if name is not None:
        yield name_line, name, None


def _register(
    name: str, value: str | None, machine: MemoryMap | None, widths: frozenset[int],
) -> Value | Layout:
    if len(name) > LONGEST:
        raise ExplainError(f"no register {_short(name)}")
    version = machine.gic_version if machine else 3
    try:
        frame, place = find(name, version)
    except UnknownRegister as error:
        raise ExplainError(_elsewhere(name, version, machine) or str(error)) from None
    if value is None:
        return Layout(place, frame, machine)
    try:
        if len(value) > LONGEST:
            raise ValueError(f"{_short(value)} is not a number (write 0x1f, 0b11 or 31)")
        held, how = read(value, widths)
    except ValueError as error:
        raise ExplainError(f"{place.name}: {error}") from None
    width = place.register.width
    if held >> width:
        why = f" ({how})" if how and len(value) <= 60 else ""
        raise ExplainError(f"{place.name} is {width} bits wide: {_short(value)} has {held.bit_length()}{why}")
    return Value(place, held, how)


def _elsewhere(name: str, version: int, machine: MemoryMap | None) -> str:
    """What to say of a name that the other version's distributor has."""
    other = 3 if version == 2 else 2
    try:
        _, place = find(name, other)
    except UnknownRegister:
        return ""
    have = f"{machine.name} has GICv{version}" if machine else "without a machine GICv3 is taken"
    return f"{place.name} is a register of GICv{other}, and {have}"


def _mapped(address: int, machine: MemoryMap | None) -> list[Address | Layout]:
    if machine is None:
        raise ExplainError(f"an address needs the machine that it is of: {', '.join(MACHINES)}")
    location = machine.locate(address)
    if location is None:
        regions = ", ".join(f"{r.frame.name} {r.base:#010x}-{r.last:#010x}" for r in machine.regions)
        raise ExplainError(f"{address:#x} is in no frame of the GIC of {machine.name}, which has {regions}")
    frame, pe, offset = location
    place = frame.at(offset)
    found: list[Address | Layout] = [Address(address, machine, frame, pe, offset, place)]
    if place is not None:
        found.append(Layout(place, frame, machine))
    return found


def _is_array(register: Register) -> bool:
    """A register with several lanes."""
    return 0 < register.lane < register.width


def _identity(place: Place) -> dict[str, object]:
    r = place.register
    offset = place.offset
    return {
        "name": place.name,
        "summary": r.summary,
        "section": r.section,
        "offset": None if offset is None else f"{offset:#x}",
        "encoding": _encoding(place) if place.encoding else None,
    }


def _encoding(place: Place) -> str:
    """As assemblers write it: S3_4_C12_C11_0."""
    op0, op1, crn, crm, op2 = place.encoding or (0, 0, 0, 0, 0)
    return f"S{op0}_{op1}_C{crn}_C{crm}_{op2}"


def _span(f: Field) -> str:
    return f"{f.msb}:{f.lsb}" if f.msb != f.lsb else f"{f.msb}"


def _digits(f: Field, value: int) -> str:
    return str(value) if f.name in INTIDS or value < 10 else f"{value:#x}"


def _words(f: Field, value: int, access: str) -> str:
    """What the number says: the value's name, the interrupt, or the field's meaning."""
    name = f.values.get(value, "")
    if f.name in INTIDS:
        return name or (f"{describe(value)}{_STRANGE[access]}" if special(value) else describe(value))
    if f.name.endswith("_Address"):
        name = f"{value << f.lsb:#x}"
    text = f"{f.meaning}: {name}" if f.meaning and name else f.meaning or name
    return f"{text} ({f.when})" if f.when and "=" not in f.when else text


def _meaning(f: Field) -> str:
    """The field without a value: its meaning, the names of its values, its condition."""
    values = "; ".join(f"{n} {name}" for n, name in f.values.items())
    text = f"{f.meaning}: {values}" if f.meaning and values else f.meaning or values
    return f"{text} ({f.when})" if f.when else text


def _bits(value: int) -> list[int]:
    return [n for n in range(value.bit_length()) if value >> n & 1]


def _interrupts(intids: list[int]) -> str:
    """The interrupts by kind: SGI 0-15, PPI 16-31."""
    kinds: dict[str, list[int]] = {}
    for intid in intids:
        kinds.setdefault(kind(intid), []).append(intid)
    return ", ".join(f"{what} {ranges(of)}" for what, of in kinds.items())


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _heading(name: str, register: Register) -> Iterator[str]:
    """The name, what it is, and where that stands."""
    line = f"{name}  {register.summary}"
    if len(line) + 3 + len(register.section) <= WIDTH:
        yield f"{line}   {register.section}"
    else:
        yield from _wrapped(line, indent=4)
        yield f"    {register.section}"


def _wrapped(line: str, indent: int) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True, break_on_hyphens=False) or [
        ""
    ]


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The rows in columns, indented by two; the last column wraps."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] if rows else []
    for *cells, last in rows:
        head = "  " + "".join(f"{cell:<{width}} " for cell, width in zip(cells, widths, strict=True))
        yield from textwrap.wrap(
            f"{head} {last}".rstrip(),
            WIDTH,
            subsequent_indent=" " * (len(head) + 1),
            drop_whitespace=True,
            break_on_hyphens=False,
        )
