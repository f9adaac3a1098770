"""The registers that hold a bit, two bits or a byte for each interrupt: ISENABLER to ICFGR, IPRIORITYR, NSACR.

GICD and GICR, GICv2 and GICv3 share them. Each function takes the 32, 16 or 4 interrupts that the register speaks of
(None where an INTID is not implemented: RAZ/WI) and whether the access sees the Non-secure view, in which only
Non-secure Group 1 interrupts show, and others as far as NSACR permits (IHI 0069, GICD_NSACR<n>).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.priority import from_nonsecure

Irqs = Sequence[Interrupt | None]


def visible(irq: Interrupt, ns: bool, nsacr: int = 4) -> bool:
    """Whether the access may touch it; `nsacr`: the least NSACR value that lets a Non-secure access do so (4: none)."""
    return not ns or irq.group == G1NS or irq.nsacr >= nsacr


def read_bits(irqs: Irqs, bit: Callable[[Interrupt], bool], ns: bool, nsacr: int = 4) -> int:
    """A bit of each."""
    value = 0
    for k, irq in enumerate(irqs):
        if irq is not None and bit(irq) and visible(irq, ns, nsacr):
            value |= 1 << k
    return value


def chosen(irqs: Irqs, value: int, ns: bool, nsacr: int = 4) -> Iterator[Interrupt]:
    """The interrupts whose bit is set, as far as the access may touch them."""
    for k, irq in enumerate(irqs):
        if value >> k & 1 and irq is not None and visible(irq, ns, nsacr):
            yield irq


def write_groups(irqs: Irqs, value: int, lanes: int) -> None:
    """IGROUPR: 1 is Non-secure Group 1; 0 is Group 0, or Secure Group 1 where IGRPMODR says so."""
    for k, irq in enumerate(irqs):
        if irq is not None and lanes >> k & 1:
            irq.group = G1NS if value >> k & 1 else G1S if irq.grpmod else G0


def write_modifiers(irqs: Irqs, value: int, lanes: int) -> None:
    """IGRPMODR (IHI 0069, GICD_IGRPMODR<n>). Group 1 with the modifier set is reserved: Non-secure Group 1."""
    for k, irq in enumerate(irqs):
        if irq is not None and lanes >> k & 1:
            irq.grpmod = bool(value >> k & 1)
            if irq.group != G1NS:
                irq.group = G1S if irq.grpmod else G0


def read_priorities(irqs: Irqs, ns: bool) -> int:
    """Four priorities; the Non-secure view of one is shifted up (IHI 0069 4.8.6)."""
    value = 0
    for k, irq in enumerate(irqs):
        if irq is not None and visible(irq, ns):
            value |= (irq.priority << ns & 0xFF) << 8 * k
    return value


def write_priorities(irqs: Irqs, value: int, lanes: int, mask: int, ns: bool) -> None:
    """Four priorities, as far as `lanes` covers them; `mask`: the implemented bits."""
    for k, irq in enumerate(irqs):
        if irq is not None and lanes >> 8 * k & 0xFF and visible(irq, ns):
            byte = value >> 8 * k & 0xFF
            irq.priority = (from_nonsecure(byte) if ns else byte) & mask


def read_config(irqs: Irqs, ns: bool) -> int:
    """Sixteen times two bits; the upper one is 1 for edge-triggered (IHI 0069, GICD_ICFGR<n>)."""
    value = 0
    for k, irq in enumerate(irqs):
        if irq is not None and irq.edge and visible(irq, ns):
            value |= 2 << 2 * k
    return value


def write_config(irqs: Irqs, value: int, lanes: int, ns: bool, clear_latch: bool) -> None:
    """The trigger. What becomes of a pending state is UNKNOWN: option cfg_clears_latch."""
    for k, irq in enumerate(irqs):
        if irq is not None and lanes >> 2 * k & 2 and visible(irq, ns):
            edge = bool(value >> 2 * k & 2)
            if edge != irq.edge:
                irq.edge = edge
                if clear_latch:
                    irq.latch = False


def read_nsacr(irqs: Irqs) -> int:
    """Sixteen times two bits (IHI 0069, GICD_NSACR<n>)."""
    return sum(irq.nsacr << 2 * k for k, irq in enumerate(irqs) if irq is not None)


def write_nsacr(irqs: Irqs, value: int, lanes: int) -> None:
    """Sixteen times two bits."""
    for k, irq in enumerate(irqs):
        if irq is not None and lanes >> 2 * k & 3:
            irq.nsacr = value >> 2 * k & 3
