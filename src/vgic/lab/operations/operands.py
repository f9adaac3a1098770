"""The operands of a guest's operations, as types.

A type knows its text (to read it, saying what was expected, and to print it), and what a VM must have so that a guest
of it can say this. What programs name is asked by type: all that is an `Intid` is an interrupt that the VM must have,
all that is a `Vcpu` one of its vCPUs. A value is a number; None stands for an optional operand that is left out.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from vgic.arch import affinity

OTHERS: Final = 1 << 40
"""ICC_SGI1R_EL1.IRM: all but the sender."""
NEVER: Final = 1 << 40
"""A CVAL that no scenario's time reaches."""


class VmShape(NamedTuple):
    """What a VM has, as far as operations of its guests can name it.

    Attributes:
        name: for people. gic: the version that its guests see. vcpus: how many. timers: those of its guests, CNTV or
            CNTP.
    """

    name: str
    gic: int
    vcpus: int
    timers: Collection[str]


def number(text: str, low: int, high: int, what: str) -> int:
    """A number, decimal or 0x. ValueError says what was expected."""
    try:
        n = int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r}: expected {what}, {low} to {high}") from None
    if not low <= n <= high:
        raise ValueError(f"{text}: expected {what}, {low} to {high}")
    return n


@dataclass(frozen=True)
class Operand(ABC):
    """One operand of an operation.

    Attributes:
        keyword: the word that stands before it, "" for none. optional: whether it may be left out, with its keyword.
        usage: how messages and tables call it.
    """

    keyword: str = ""
    optional: bool = False
    usage: ClassVar[str]

    @abstractmethod
    def parse(self, text: str) -> int:
        """Its value. ValueError says what was expected."""

    @abstractmethod
    def text(self, value: int) -> str:
        """What `parse` reads as this value."""

    @abstractmethod
    def values(self) -> Collection[int]:
        """Values that it may have: all, or some of every kind."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        """What a VM lacks for it. `intids`: all INTIDs that the same operation names."""
        yield from ()


@dataclass(frozen=True)
class Number(Operand):
    """A number, decimal or 0x, within bounds that its type has.

    Attributes:
        what: what messages say is expected. most: the highest; the lowest is 0.
    """

    what: ClassVar[str]
    most: ClassVar[int]

    def parse(self, text: str) -> int:
        return number(text, 0, self.most, self.what)

    def text(self, value: int) -> str:
        return str(value)

    def values(self) -> Collection[int]:
        return range(self.most + 1)


@dataclass(frozen=True)
class Intid(Number):
    """An interrupt of the guest's VM."""

    usage = "INTID"
    what = "an INTID"
    most = 1019


@dataclass(frozen=True)
class Awaited(Intid):
    """An interrupt whose handler the guest waits for."""


@dataclass(frozen=True)
class Spi(Intid):
    """An interrupt that has a target."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if value < 32:
            yield "a private interrupt has no target: expected an SPI, 32 to 1019"


@dataclass(frozen=True)
class Ppi(Intid):
    """A private interrupt of a device's."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if not 16 <= value < 32:
            yield f"{value}: expected a PPI, 16 to 31: the trigger of an SPI is its device's"


@dataclass(frozen=True)
class Sgi(Number):
    """A software generated interrupt."""

    usage = "N"
    what = "an SGI"
    most = 15


@dataclass(frozen=True)
class OfV3(Sgi):
    """An SGI that is asked for as a GICv3's."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if vm.gic != 3:
            yield "only a GICv3 guest asks for SGIs by group"


@dataclass(frozen=True)
class OfV3Intid(Intid):
    """An interrupt whose group a GICv3's guest chooses."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if vm.gic != 3:
            yield "only a GICv3 guest has two groups here"


@dataclass(frozen=True)
class Vcpu(Number):
    """A vCPU of the guest's VM, by its number."""

    usage = "VCPU"
    what = "a vCPU"
    most = 7

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if value >= vm.vcpus:
            yield f"expected a vCPU 0 to {vm.vcpus - 1}"


@dataclass(frozen=True)
class Affinity(Operand):
    """Where a vCPU may be or not: an affinity."""

    usage = "A.B.C.D"

    def parse(self, text: str) -> int:
        return affinity.parse(text)

    def text(self, value: int) -> str:
        return affinity.text(value)

    def values(self) -> Collection[int]:
        return (0, 1, 0x11, 0x100, 0x1_0000, 0x0203_0405, 0xFFFF_FFFF)

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        if vm.gic == 2:
            yield "a GICv2 guest knows no affinities: expected ROUTE or SGI"


@dataclass(frozen=True)
class Targets(Affinity):
    """Who gets an SGI, as the bits of ICC_SGI1R_EL1: all but the sender, or an affinity with further values of Aff0,
    all of one range of sixteen."""

    usage = "A.B.C.D[,D] or others"

    def parse(self, text: str) -> int:
        if text == "others":
            return OTHERS
        first, *more = text.split(",")
        at = affinity.parse(first)
        value = affinity.to_sgi(at)
        for word in more:
            aff0 = number(word, 0, 255, "an Aff0")
            if aff0 >> 4 != at >> 4 & 15:
                raise ValueError(f"{word}: expected an Aff0 of the same sixteen as {at & 0xFF}")
            value |= 1 << (aff0 & 15)
        return value

    def text(self, value: int) -> str:
        if value == OTHERS:
            return "others"
        first, *more = affinity.of_sgi(value)
        return ",".join((affinity.text(first), *(str(at & 0xFF) for at in more)))

    def values(self) -> Collection[int]:
        return (OTHERS, *map(affinity.to_sgi, super().values()), 3, 0x8001, affinity.to_sgi(0x0102_0315) | 0xFF)


@dataclass(frozen=True)
class Source(Vcpu):
    """The vCPU that an SGI of a GICv2 is from."""

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        yield from super().wrong(value, intids, vm)
        if vm.gic != 2:
            yield "SGIs have sources only for a GICv2 guest"


@dataclass(frozen=True)
class Owner(Vcpu):
    """The vCPU whose private interrupt it is: a GICv3 guest reaches those of others in their redistributors."""

    keyword: str = "of"
    optional: bool = True

    def wrong(self, value: int, intids: Collection[int], vm: VmShape) -> Iterator[str]:
        yield from super().wrong(value, intids, vm)
        if vm.gic == 2 and any(intid < 32 for intid in intids):
            yield f'a GICv2 guest reaches its own private interrupts alone: expected no "of {value}"'


@dataclass(frozen=True)
class Priority(Number):
    """The priority of an interrupt."""

    usage = "PRIORITY"
    what = "a priority"
    most = 255

    def text(self, value: int) -> str:
        return f"{value:#x}"


@dataclass(frozen=True)
class Width(Operand):
    """How wide an access is; in bytes."""

    keyword: str = "by"
    optional: bool = True
    usage: ClassVar[str] = "WIDTH"
    names: ClassVar[dict[str, int]] = {"byte": 1, "halfword": 2, "word": 4, "doubleword": 8}

    def parse(self, text: str) -> int:
        if text not in self.names:
            raise ValueError(f"{text!r}: expected a width, {', '.join(self.names)}")
        return self.names[text]

    def text(self, value: int) -> str:
        return next(name for name, size in self.names.items() if size == value)

    def values(self) -> Collection[int]:
        return self.names.values()


@dataclass(frozen=True)
class Mask(Priority):
    """What PMR takes: only interrupts of a higher priority, that is a lower number, are signalled."""

    usage = "VALUE"
    what = "a value"


@dataclass(frozen=True)
class Trigger(Operand):
    """What ICFGR has of an interrupt."""

    usage = "edge or level"
    names: ClassVar[tuple[str, ...]] = ("level", "edge")

    def parse(self, text: str) -> int:
        if text not in self.names:
            raise ValueError(f"{text!r}: expected edge or level")
        return self.names.index(text)

    def text(self, value: int) -> str:
        return self.names[value]

    def values(self) -> Collection[int]:
        return range(2)


@dataclass(frozen=True)
class Flag(Number):
    """One bit."""

    usage = "0 or 1"
    what = "a value"
    most = 1


@dataclass(frozen=True)
class Control(Number):
    """A timer's CNTx_CTL: bit 0 ENABLE, bit 1 IMASK."""

    usage = "VALUE"
    what = "a value"
    most = 3


@dataclass(frozen=True)
class Ticks(Operand):
    """A time of the system counter: so many ticks from now, or NEVER, further away than time goes."""

    usage = "+TICKS or never"

    def parse(self, text: str) -> int:
        if text == "never":
            return NEVER
        if not text.startswith("+"):
            raise ValueError(f"{text}: expected never, or ticks from now, +1 to +9")
        return number(text[1:], 0, 9, "ticks from now")

    def text(self, value: int) -> str:
        return "never" if value == NEVER else f"+{value}"

    def values(self) -> Collection[int]:
        return (*range(10), NEVER)
