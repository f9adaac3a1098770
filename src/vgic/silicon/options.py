"""What the architecture leaves to the implementation, each choice under its own name.

A block of a chip (distributor, redistributor, CPU interface, virtual interface) goes by its own options and by those
that it shares with other blocks. A whole chip's are made from names, whichever block they belong to:

    options = GicV3Options(pes=2, list_registers=8, tie="highest")
    options.virtual.list_registers      # 8
    options.distributor.tie             # "highest"

A name means one choice, in every block that has it. Names with values as text (a command line's, a scenario's) go the
same way, by `from_text`. A default is what the architecture's text suggests or what most implementations do; QEMU's
choices are those of `GicV2Options.qemu()` and `GicV3Options.qemu()`. Nothing in `silicon` decides such a question
without an option.

Here is what both architectures have, and how options are made; `options_v2` and `options_v3` have the rest.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from vgic.arch.intid import PRIVATE, SGIS, SPECIAL_START
from vgic.arch.register import nearest, number

T = TypeVar("T", bound="ChipOptions")


class OptionError(ValueError):
    """An option that no chip of the kind has, or a value outside what the architecture permits."""


def within(name: str, value: int, low: int, high: int) -> None:
    """OptionError where the value is outside."""
    if not low <= value <= high:
        raise OptionError(f"{name} = {value}: expected {low} to {high}")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The choices that concern more than one block, or both architectures' distributors.

    Attributes:
        pes: how many PEs, GICv2: 1 to 8 CPU interfaces, GICv3: 1 to 512.
        security: two Security states (GICv2: the Security Extensions; GICv3: GICD_CTLR.DS resets to 0, else it is
            RAO/WI).
        priority_bits: of the distributor and the physical CPU interface, 4 to 8 (5 or more with two Security states).
        ppis: the PPIs that exist, None for all of 16..31.
        ppi_edge: the PPIs that are edge-triggered at reset.
        ppi_config_writable: whether GICD_ICFGR1 (GICR_ICFGR1) takes writes (IMPLEMENTATION DEFINED).
        level_ack_clears_latch: whether acknowledging a level-sensitive interrupt ends the pending state that ISPENDR
            gave it. GICv2: yes (IHI 0048B Figure 4-10); GICv3: IMPLEMENTATION DEFINED.
        setpend_when_line_high: whether ISPENDR on a level-sensitive interrupt that its line already holds pending is
            remembered, so that it stays pending when the line drops (IHI 0048B 4.3.7 says it is).
        cfg_clears_latch: whether a change of trigger by ICFGR drops the latched pending state (UNKNOWN).
        tie: which of several list registers or interrupts of one priority is taken: the lowest index (INTID) or the
            highest (IMPLEMENTATION DEFINED, IHI 0069 4.8.1).
        bad_size: what an access of a size that the register does not permit does: reads as zero and ignores writes, or
            acts on the bytes named (UNPREDICTABLE).
        eoi_without_active: what an EOIR write does when no priority is active (UNPREDICTABLE): nothing at all, or the
            search for the interrupt to deactivate still runs.
    """

    pes: int = 1
    security: bool = False
    priority_bits: int = 8
    ppis: tuple[int, ...] | None = None
    ppi_edge: tuple[int, ...] = ()
    ppi_config_writable: bool = True
    level_ack_clears_latch: bool = True
    setpend_when_line_high: bool = True
    cfg_clears_latch: bool = False
    tie: Literal["lowest", "highest"] = "lowest"
    bad_size: Literal["zero", "bytes"] = "zero"
    eoi_without_active: Literal["nothing", "deactivates"] = "nothing"

    MOST_PES: ClassVar[int] = 0

    def __post_init__(self) -> None:
        within("pes", self.pes, 1, self.MOST_PES)
        within("priority_bits", self.priority_bits, 5 if self.security else 4, 8)
        for i in (*(self.ppis or ()), *self.ppi_edge):
            within("ppis", i, SGIS, PRIVATE - 1)

    def ppi_intids(self) -> tuple[int, ...]:
        """The PPIs that exist, ascending."""
        return tuple(range(SGIS, PRIVATE)) if self.ppis is None else tuple(sorted(set(self.ppis)))


@dataclass(frozen=True, kw_only=True)
class DistributorOptions(Shared):
    """The choices of a distributor, GICv2's and GICv3's.

    Attributes:
        intids: INTIDs of SGIs, PPIs and SPIs together: a multiple of 32, at most 1020 (rounded up to 1024 as 32*32).
        spis: the SPIs that exist, None for all of 32..intids-1. The others are RAZ/WI (IHI 0069, GICD_ISENABLER<n>).
    """

    intids: int = 288
    spis: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        within("intids", self.intids, PRIVATE, 1024)
        if self.intids % 32:
            raise OptionError(f"intids = {self.intids}: expected a multiple of 32 (ITLinesNumber counts 32s)")
        for i in self.spis or ():
            within("spis", i, PRIVATE, min(self.intids, SPECIAL_START) - 1)

    def spi_intids(self) -> tuple[int, ...]:
        """The SPIs that exist, ascending."""
        every = range(PRIVATE, min(self.intids, SPECIAL_START))
        return tuple(every) if self.spis is None else tuple(sorted(set(self.spis)))


@dataclass(frozen=True, kw_only=True)
class CpuInterfaceOptions(Shared):
    """The choices of a physical CPU interface, GICv2's and GICv3's.

    Attributes:
        eoi_of_unimplemented: what an EOIR write does that names an INTID which is not implemented (UNPREDICTABLE): the
            CPU interface drops the priority without asking, or nothing.
    """

    eoi_of_unimplemented: Literal["drops", "ignored"] = "drops"


@dataclass(frozen=True, kw_only=True)
class VirtualInterfaceOptions(Shared):
    """The choices of a virtual interface, GICv2's and GICv3's.

    Attributes:
        list_registers: how many, GICv2: 1 to 64, GICv3: 1 to 16.
        virtual_priority_bits: of GICV_PMR, fixed to 5 by GICH_LR.Priority (5.3.10); ICH_VTR_EL2.PRIbits, 5 to 8.
        eoicount_without_priority: whether GICV_EOIR or ICV_EOIR counts in EOIcount although no APR bit was cleared
            (CONSTRAINED UNPREDICTABLE).
        hw_deactivates: whether a guest's deactivation reaches the physical interrupt of a list register with the HW bit
            (the architecture: it does; on Apple's chips it does not).
    """

    list_registers: int = 4
    virtual_priority_bits: int = 5
    eoicount_without_priority: bool = False
    hw_deactivates: bool = True

    MOST_LIST_REGISTERS: ClassVar[int] = 0
    MOST_PRIORITY_BITS: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        within("list_registers", self.list_registers, 1, self.MOST_LIST_REGISTERS)
        within("virtual_priority_bits", self.virtual_priority_bits, 5, self.MOST_PRIORITY_BITS)


@dataclass(frozen=True, init=False, repr=False)
class ChipOptions:
    """The options of a chip: a field for each block. Made from the names of choices, each given once to all blocks that
    have it."""

    distributor: DistributorOptions
    cpu: CpuInterfaceOptions
    virtual: VirtualInterfaceOptions

    QEMU: ClassVar[Mapping[str, object]] = types.MappingProxyType({})
    """QEMU's choices where they are not the defaults."""
    BLOCKS: ClassVar[Mapping[str, Any]]
    """The fields, each with the class of the block's options."""
    KINDS: ClassVar[Mapping[str, Any]]
    """Every name with the type of its value."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls)
        cls.BLOCKS = types.MappingProxyType(
            {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Shared)})
        kinds: dict[str, Any] = {}
        for block in cls.BLOCKS.values():
            hints = get_type_hints(block)
            kinds |= {f.name: hints[f.name] for f in fields(block)}
        cls.KINDS = types.MappingProxyType(kinds)

    def __init__(self, **choices: object) -> None:
        """OptionError for a name that no block has (with the nearest), or a value that it can't have."""
        for name, value in choices.items():
            _check_kind(name, value, self.kind(name))
        for block, cls in self.BLOCKS.items():
            names = {f.name for f in fields(cls)}
            chosen = {name: value for name, value in choices.items() if name in names}
            object.__setattr__(self, block, cls(**chosen))

    @classmethod
    def qemu(cls: type[T], **changes: object) -> T:
        """QEMU's choices, but for these changes."""
        return cls(**{**cls.QEMU, **changes})

    @classmethod
    def kind(cls, name: str) -> Any:
        """The type of a choice's value. OptionError with the nearest names where there is no such choice."""
        if name not in cls.KINDS:
            near = nearest(name, cls.KINDS)
            others = f"nearest: {', '.join(near)}" if near else f"it has {', '.join(sorted(cls.KINDS))}"
            raise OptionError(f"{name}: this chip has no such option; {others}")
        return cls.KINDS[name]

    @classmethod
    def from_text(cls, name: str, text: str) -> object:
        """A value as people write it: a number, a list of numbers "1,2", true or false, or a word. OptionError for a
        name that the chip hasn't, and for text that is no value of it."""
        kind = cls.kind(name)
        choices = ("true", "false") if kind is bool else get_args(kind)
        try:
            if kind is int:
                return number(text)
            if any(get_origin(choice) is tuple for choice in (kind, *choices)):
                return tuple(number(n) for n in text.split(",") if n)
        except ValueError as e:
            raise OptionError(f"{name}: {e}") from None
        if text not in choices:
            raise OptionError(f"{name} = {text!r}: expected {' or '.join(choices)}")
        return text == "true" if kind is bool else text

    def choices(self) -> dict[str, object]:
        """Every name with its value."""
        blocks = [getattr(self, block) for block in self.BLOCKS]
        return {f.name: getattr(block, f.name) for block in blocks for f in fields(block)}

    @property
    def pes(self) -> int:
        """How many PEs."""
        return self.distributor.pes

    @property
    def security(self) -> bool:
        """Whether there are two Security states."""
        return self.distributor.security

    def __repr__(self) -> str:
        default = type(self)().choices()
        chosen = (f"{name}={value!r}" for name, value in self.choices().items() if value != default[name])
        return f"{type(self).__name__}({', '.join(chosen)})"


def _check_kind(name: str, value: object, kind: Any) -> None:
    """That a value is of the option's type: a number, true or false, one of its words, INTIDs or affinities."""
    words = get_args(kind) if get_origin(kind) is Literal else ()
    if words:
        if value not in words:
            raise OptionError(f"{name} = {value!r}: expected {' or '.join(words)}")
    elif kind is bool or kind is int:
        if type(value) is not kind:
            raise OptionError(f"{name} = {value!r}: expected {'true or false' if kind is bool else 'a number'}")
    elif value is None and type(None) in get_args(kind):
        return
    elif not isinstance(value, tuple) or not all(type(n) is int for n in value):
        raise OptionError(f"{name} = {value!r}: expected a tuple of numbers")
