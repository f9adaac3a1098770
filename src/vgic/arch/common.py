"""How the files of register data are written: short forms of `Register` and `Field`, and what several frames share."""

from __future__ import annotations

from collections.abc import Mapping

from vgic.arch.register import Encoding, Field, Register

V2 = "IHI 0048B"
"""GIC architecture version 2.0."""
V3 = "IHI 0069"
"""GIC architecture versions 3 and 4."""
A_PROFILE = "DDI 0487"
"""Arm architecture, A-profile."""

ENABLED = {0: "disabled", 1: "enabled"}
GROUP = {0: "group 0", 1: "group 1"}
TRIGGER = {0: "level", 2: "edge"}
CACHE = {
    0: "Device-nGnRnE",
    1: "Normal Non-cacheable",
    2: "Read-allocate, Write-through",
    3: "Read-allocate, Write-back",
    4: "Write-allocate, Write-through",
    5: "Write-allocate, Write-back",
    6: "Read- and Write-allocate, Write-through",
    7: "Read- and Write-allocate, Write-back",
}
OUTER_CACHE = {**CACHE, 0: "as the inner cacheability"}
SHAREABILITY = {0: "Non-shareable", 1: "Inner Shareable", 2: "Outer Shareable"}
PAGE_SIZE = {0: "4 KB", 1: "16 KB", 2: "64 KB"}


def bit(n: int, name: str, meaning: str = "", values: Mapping[int, str] | None = None, when: str = "") -> Field:
    """A field of one bit."""
    return Field(n, n, name, meaning, values or {}, when)


def mapped(
    document: str,
    name: str,
    offset: int,
    access: str,
    summary: str,
    fields: tuple[Field, ...] = (),
    *,
    reset: int | None = 0,
    width: int = 32,
    first: int = 0,
    count: int = 1,
    sizes: tuple[int, ...] = (),
    banked: bool = False,
    lane: int = 0,
    base: int = 0,
) -> Register:
    """A memory-mapped register: described under its name, its instances side by side, accessed by (double)word."""
    return Register(
        name=name,
        section=f"{document}, {name}",
        width=width,
        access=access,
        offset=offset,
        fields=fields,
        reset=reset,
        first=first,
        count=count,
        stride=width // 8,
        sizes=sizes or ((4,) if width == 32 else (4, 8)),
        banked=banked,
        summary=summary,
        lane=lane,
        base=base,
    )


def system(
    document: str,
    name: str,
    encoding: Encoding,
    access: str,
    summary: str,
    fields: tuple[Field, ...] = (),
    *,
    reset: int | None = None,
    count: int = 1,
) -> Register:
    """A system register of the AArch64 state: 64 bits, one copy for each PE."""
    return Register(
        name=name,
        section=f"{document}, {name}",
        width=64,
        access=access,
        encoding=encoding,
        fields=fields,
        reset=reset,
        count=count,
        sizes=(8,),
        banked=True,
        summary=summary,
    )


IIDR = (
    Field(31, 24, "ProductID", "product identifier, IMPLEMENTATION DEFINED"),
    Field(19, 16, "Variant", "major revision, IMPLEMENTATION DEFINED"),
    Field(15, 12, "Revision", "minor revision, IMPLEMENTATION DEFINED"),
    Field(11, 0, "Implementer", "JEP106 code of the implementer", {0x43B: "Arm"}),
)
"""Fields of GICD_IIDR, GICR_IIDR and GITS_IIDR."""

CPU_IIDR = (
    Field(31, 20, "ProductID", "product identifier, IMPLEMENTATION DEFINED"),
    Field(19, 16, "Architecture_version", "of the GIC", {1: "GICv1", 2: "GICv2", 3: "GICv3", 4: "GICv4"}),
    Field(15, 12, "Revision", "of the CPU interface, IMPLEMENTATION DEFINED"),
    Field(11, 0, "Implementer", "JEP106 code of the implementer", {0x43B: "Arm"}),
)
"""Fields of GICC_IIDR and GICV_IIDR."""

STATUSR = (
    bit(3, "WROD", "a write to a reserved location was detected; write 1 to clear"),
    bit(2, "RWOD", "a read of a write-only location was detected; write 1 to clear"),
    bit(1, "WRD", "a write to a read-only location was detected; write 1 to clear"),
    bit(0, "RRD", "a read of a reserved location was detected; write 1 to clear"),
)
"""Fields of GICD_STATUSR, GICR_STATUSR, GICC_STATUSR and GICV_STATUSR."""

ARCH_REV = {1: "GICv1", 2: "GICv2", 3: "GICv3", 4: "GICv4"}


def identification(document: str, prefix: str, start: int) -> tuple[Register, ...]:
    """The peripheral and component identification registers, which lie from `start` to the end of a frame.

    The architecture fixes PIDR2.ArchRev; the rest is IMPLEMENTATION DEFINED, with the layout of CoreSight recommended.
    """
    peripheral = {
        4: "4KB count and JEP106 continuation code",
        5: "reserved",
        6: "reserved",
        7: "reserved",
        0: "part number [7:0]",
        1: "JEP106 identity code [3:0] and part number [11:8]",
        2: "revision of the GIC architecture",
        3: "revision and customer modification",
    }
    arch_rev = (
        Field(7, 4, "ArchRev", "revision of the GIC architecture", ARCH_REV),
        Field(3, 0, "DES_1", "IMPLEMENTATION DEFINED; recommended: JEDEC bit and JEP106 identity code [6:4]"),
    )
    anything = (Field(7, 0, "ID", "IMPLEMENTATION DEFINED"),)
    registers = [
        mapped(
            document,
            f"{prefix}_PIDR{n}",
            start + 4 * i,
            "RO",
            f"peripheral identification {n}: {summary}",
            arch_rev if n == 2 else anything,
            reset=None,
        )
        for i, (n, summary) in enumerate(peripheral.items())
    ]
    registers += [
        mapped(
            document,
            f"{prefix}_CIDR{n}",
            start + 0x20 + 4 * n,
            "RO",
            f"component identification {n}",
            anything,
            reset=None,
        )
        for n in range(4)
    ]
    return tuple(registers)
