"""Priorities: grouping, the active priorities registers, preemption (IHI 0048B 3.3, IHI 0069 4.8).

A lower number is a higher priority. The binary point splits a priority into the group priority, which decides
preemption, and the subpriority, which only orders what is pending. Every acknowledge sets one bit of an active
priorities register, for the group priority that it had at that moment; every priority drop clears one.

An active priorities bitmap is one integer here: bit n stands for the group priority n << (8 - preemption bits), so
that the lowest bit set is the running priority. The registers APR<n> are its 32-bit words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

IDLE = 0xFF
"""The running priority when nothing is active, and the priority that is never signalled."""


class Group:
    """What a CPU interface, physical or virtual, keeps for one interrupt group.

    Attributes:
        enabled: the group enable (ICC_IGRPEN<n>, GICC_CTLR.EnableGrp<n>, VMCR.VENG<n>).
        bpr: the binary point as written, clamped to its minimum.
        active: the active priorities.
    """

    __slots__ = ("active", "bpr", "enabled")

    def __init__(self, bpr: int) -> None:
        self.enabled = False
        self.bpr = bpr
        self.active = 0


def physical_groups(preemption_bits: int) -> tuple[Group, Group, Group]:
    """Those of a physical CPU interface, by G0, G1S and G1NS, each with its minimum as binary point (IHI 0069,
    ICC_BPR0_EL1, ICC_BPR1_EL1)."""
    low = 7 - preemption_bits
    return Group(low), Group(low), Group(low + 1)


class Prioritized(Protocol):
    """What has a priority."""

    @property
    def priority(self) -> int: ...


P = TypeVar("P", bound=Prioritized)


def highest(pending: Iterable[P]) -> P | None:
    """The one of the highest priority, the first of equals; None where there is none. Priority 0xff is never signalled
    (IHI 0069 4.8.1)."""
    best, priority = None, IDLE
    for one in pending:
        if one.priority < priority:
            best, priority = one, one.priority
    return best


def group_mask(bpr: int) -> int:
    """The group priority bits of an 8-bit priority for a binary point that counts as group 0's: n masks bits n..0."""
    return 0xFF & (0xFF << (bpr + 1))


def lowest(bits: int, preemption_bits: int) -> int:
    """The running priority of a bitmap: that of its lowest bit, IDLE where none is set."""
    return ((bits & -bits).bit_length() - 1) << (8 - preemption_bits) if bits else IDLE


def preempts(priority: int, running: int, mask: int) -> bool:
    """Whether a priority is higher than the running one, as far as `mask` covers both (IHI 0048B 3.3.3)."""
    return priority & mask < running & mask


def bit(priority: int, preemption_bits: int) -> int:
    """The bitmap's bit of a group priority."""
    return 1 << (priority >> (8 - preemption_bits))


def implemented(bits: int) -> int:
    """The mask of the implemented bits of a priority field."""
    return 0xFF & (0xFF << (8 - bits))


def nonsecure_view(priority: int) -> int:
    """What a non-secure read sees of a priority: the upper half shifted up, 0 for a secure one (IHI 0069 4.8.6)."""
    return (priority << 1) & 0xFF if priority & 0x80 else 0


def from_nonsecure(value: int) -> int:
    """The priority that a non-secure write of value gives: the lower half of the priorities (IHI 0069 4.8.6)."""
    return 0x80 | value >> 1
