"""Affinities: which PE, level by level, as MPIDR_EL1 has it, and as registers of the GIC name PEs by it.

An affinity is a number, Aff3<<24 | Aff2<<16 | Aff1<<8 | Aff0. People write it A.B.C.D, from Aff3 to Aff0.
"""

from __future__ import annotations

from vgic.arch.icc import ICC

SGI1R = ICC["ICC_SGI1R_EL1"]


def parse(text: str) -> int:
    """An affinity from A.B.C.D. ValueError says what was expected."""
    levels = text.split(".")
    if len(levels) != 4 or not all(level.isascii() and level.isdigit() and int(level) < 256 for level in levels):
        raise ValueError(f'"{text}": expected an affinity, A.B.C.D, each 0 to 255')
    return int.from_bytes(map(int, levels), "big")


def text(affinity: int) -> str:
    """An affinity as A.B.C.D."""
    return ".".join(map(str, affinity.to_bytes(4, "big")))


def to_route(affinity: int) -> int:
    """What IROUTER holds to name a PE: Aff3 at bits 39:32, Aff2 to Aff0 at bits 23:0 (IHI 0069, GICD_IROUTER<n>)."""
    return (affinity & 0xFF00_0000) << 8 | affinity & 0xFF_FFFF


def of_route(value: int) -> int:
    """The affinity that IROUTER names."""
    return value >> 8 & 0xFF00_0000 | value & 0xFF_FFFF


def to_sgi(affinity: int) -> int:
    """What an SGI register (ICC_SGI1R_EL1) names one PE by: its cluster, the range of sixteen that its Aff0 is in, and
    its bit of the target list (IHI 0069, ICC_SGI1R_EL1)."""
    return SGI1R.encode(Aff3=affinity >> 24, RS=affinity >> 4 & 15, Aff2=affinity >> 16 & 0xFF,
                        Aff1=affinity >> 8 & 0xFF, TargetList=1 << (affinity & 15))


def of_sgi(value: int, range_selector: bool = True) -> tuple[int, ...]:
    """The affinities that a value of an SGI register names, if it is not for all others (IRM). `range_selector`:
    whether RS is implemented; it is RES0 without (GICD_TYPER.RSS)."""
    cluster = (value >> 48 & 0xFF) << 24 | (value >> 32 & 0xFF) << 16 | (value >> 16 & 0xFF) << 8
    low = (value >> 44 & 15) * 16 if range_selector else 0
    return tuple(cluster | low + n for n in range(16) if value >> n & 1)
