"""The registers that hold a bit, two bits or a byte for each interrupt: IGROUPR to ICFGR, IPRIORITYR, NSACR.

GICD of GICv2 and GICv3 and GICR have them in common, and each has a `Bank` of them. What differs is which interrupts a
frame speaks of, how SGIs of a GICv2 behave, and whether NSACR gives Non-secure accesses a part in Secure interrupts
(IHI 0069, GICD_NSACR<n>): else they see Non-secure Group 1 alone. An INTID that is not implemented is RAZ/WI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from vgic.arch.intid import SGIS
from vgic.arch.register import Frame
from vgic.silicon.distributor import DistributorState, Irqs
from vgic.silicon.frame import ReadHandler, WriteHandler
from vgic.silicon.interrupt import G0, G1NS, G1S, Interrupt
from vgic.silicon.options import Shared
from vgic.silicon.priority import from_nonsecure, implemented
from vgic.silicon.report import OnNotice, deviation

Rows = Callable[[int, int, int], Irqs]
"""The interrupts of INTIDs first..first+count-1 as a PE sees them: rows(first, count, pe)."""

NEVER = 4
"""No value of NSACR."""

_enabled, _active, _grpmod = attrgetter("enabled"), attrgetter("active"), attrgetter("grpmod")


def visible(irq: Interrupt, ns: bool, nsacr: int = NEVER) -> bool:
    """Whether an access may touch it; `nsacr`: the least NSACR value that lets a Non-secure access do so."""
    return not ns or irq.group == G1NS or irq.nsacr >= nsacr


def is_group1(irq: Interrupt) -> bool:
    """Whether its bit of IGROUPR is set."""
    return irq.group == G1NS


def bits(irqs: Irqs, bit: Callable[[Interrupt], bool], ns: bool, nsacr: int = NEVER) -> int:
    """A bit of each that the access may see."""
    value = 0
    for k, irq in enumerate(irqs):
        if irq is not None and bit(irq) and visible(irq, ns, nsacr):
            value |= 1 << k
    return value


def chosen(irqs: Irqs, value: int, ns: bool, nsacr: int = NEVER) -> Iterator[Interrupt]:
    """Those whose bit is set, as far as the access may touch them."""
    for k, irq in enumerate(irqs):
        if value >> k & 1 and irq is not None and visible(irq, ns, nsacr):
            yield irq


class Bank:
    """These registers of one frame. Its own attributes never change.

    Args:
        frame: which of them there are. rows: the interrupts that they speak of.
        options: what a write does. state: whether there are two Security states. report: takes the notices.
        by_nsacr: NSACR gives Non-secure accesses a part (of SPIs; that of SGIs is about sending them).
        sgis_by_source: GICv2: an SGI is pending for each sender, which ISPENDR and ICPENDR don't change.
        sgis_enabled: SGIs can't be disabled.
        keeps_low_bits: IPRIORITYR keeps unimplemented bits: option priority_stores_low_bits.
    """

    def __init__(
        self, frame: Frame, rows: Rows, options: Shared, state: DistributorState, report: OnNotice, *,
        by_nsacr: bool = False, sgis_by_source: bool = False, sgis_enabled: bool = False, keeps_low_bits: bool = False,
    ) -> None:
        self.frame, self.rows, self.options, self.state, self.report = frame, rows, options, state, report
        self.set_from, self.clear_from = (1, 2) if by_nsacr else (NEVER, NEVER)
        self.sgis_by_source, self.sgis_enabled = sgis_by_source, sgis_enabled
        self.keeps_low_bits = keeps_low_bits
        self.implemented = implemented(options.priority_bits)
        self.priority_mask = 0xFF if keeps_low_bits else self.implemented

    def handlers(self) -> tuple[dict[str, ReadHandler], dict[str, WriteHandler]]:
        """What the frame has of them, by name; not those of the extended ranges."""
        both: dict[str, tuple[ReadHandler, WriteHandler]] = {
            "IGROUPR": (self.read_groups, self.write_groups),
            "IGRPMODR": (self.read_modifiers, self.write_modifiers),
            "ISENABLER": (self.read_enabled, self.set_enabled),
            "ICENABLER": (self.read_enabled, self.clear_enabled),
            "ISPENDR": (self.read_pending_to_set, self.set_pending),
            "ICPENDR": (self.read_pending_to_clear, self.clear_pending),
            "ISACTIVER": (self.read_active, self.set_active),
            "ICACTIVER": (self.read_active, self.clear_active),
            "IPRIORITYR": (self.read_priorities, self.write_priorities),
            "ICFGR": (self.read_config, self.write_config),
            "NSACR": (self.read_nsacr, self.write_nsacr),
        }
        arrays = self.frame.arrays
        names = {r.name: array for array in both for r in arrays.get(array, ()) if not r.base}
        return ({name: both[array][0] for name, array in names.items()},
                {name: both[array][1] for name, array in names.items()})

    # -- a bit each

    def read_enabled(self, n: int, pe: int, ns: bool) -> int:
        """ISENABLER and ICENABLER both show what is enabled."""
        return bits(self.rows(32 * n, 32, pe), _enabled, ns)

    def set_enabled(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ISENABLER enables."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns):
            irq.enabled = True

    def clear_enabled(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ICENABLER disables."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns):
            irq.enabled = irq.intid < SGIS and self.sgis_enabled

    def read_pending_to_set(self, n: int, pe: int, ns: bool) -> int:
        """ISPENDR shows what is pending, to those who may set it."""
        return bits(self.rows(32 * n, 32, pe), Interrupt.pending, ns, self.set_from)

    def read_pending_to_clear(self, n: int, pe: int, ns: bool) -> int:
        """ICPENDR shows what is pending, to those who may clear it."""
        return bits(self.rows(32 * n, 32, pe), Interrupt.pending, ns, self.clear_from)

    def set_pending(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ISPENDR makes pending (option setpend_when_line_high)."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns, self.set_from):
            if irq.intid >= SGIS or not self.sgis_by_source:
                irq.set_pending(self.options.setpend_when_line_high)

    def clear_pending(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ICPENDR clears the latch."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns, self.clear_from):
            if irq.intid >= SGIS or not self.sgis_by_source:
                irq.clear_pending()

    def read_active(self, n: int, pe: int, ns: bool) -> int:
        """ISACTIVER and ICACTIVER both show what is active."""
        return bits(self.rows(32 * n, 32, pe), _active, ns, self.clear_from)

    def set_active(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ISACTIVER makes active."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns):
            irq.set_active()

    def clear_active(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ICACTIVER makes inactive."""
        for irq in chosen(self.rows(32 * n, 32, pe), value, ns):
            irq.deactivate()

    # -- groups: Secure accesses alone

    def read_groups(self, n: int, pe: int, ns: bool) -> int:
        """IGROUPR shows who is in Non-secure Group 1."""
        return 0 if ns else bits(self.rows(32 * n, 32, pe), is_group1, False)

    def write_groups(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """IGROUPR: 1 is Non-secure Group 1; 0 is Group 0, or Secure Group 1 where IGRPMODR says so."""
        for k, irq in enumerate(() if ns else self.rows(32 * n, 32, pe)):
            if irq is not None and lanes >> k & 1:
                irq.group = G1NS if value >> k & 1 else G1S if irq.grpmod else G0

    def _is_single(self, ns: bool) -> bool:
        """Whether IGRPMODR and NSACR are RAZ/WI: to Non-secure accesses, and with a single Security state."""
        return ns or self.state.ds

    def read_modifiers(self, n: int, pe: int, ns: bool) -> int:
        """IGRPMODR as written."""
        return 0 if self._is_single(ns) else bits(self.rows(32 * n, 32, pe), _grpmod, False)

    def write_modifiers(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """IGRPMODR (IHI 0069, GICD_IGRPMODR<n>). Group 1 with the modifier set is reserved: Non-secure Group 1."""
        for k, irq in enumerate(() if self._is_single(ns) else self.rows(32 * n, 32, pe)):
            if irq is not None and lanes >> k & 1:
                irq.grpmod = bool(value >> k & 1)
                if irq.group != G1NS:
                    irq.group = G1S if irq.grpmod else G0

    # -- two bits, and a byte each

    def read_priorities(self, n: int, pe: int, ns: bool) -> int:
        """IPRIORITYR; the Non-secure view of a priority is shifted up (IHI 0069 4.8.6)."""
        value = 0
        for k, irq in enumerate(self.rows(4 * n, 4, pe)):
            if irq is not None and visible(irq, ns):
                value |= (irq.priority << ns & 0xFF) << 8 * k
        return value

    def write_priorities(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """IPRIORITYR, the bytes that the access covers."""
        irqs = self.rows(4 * n, 4, pe)
        low = (0xFF ^ self.implemented) << ns & 0xFF
        if self.keeps_low_bits and irqs and value & low * 0x01010101:
            detail = f"{self.frame.name}_IPRIORITYR{n} keeps low bits of {value:#x}"
            self.report(deviation("priority_stores_low_bits", detail))
        for k, irq in enumerate(irqs):
            if irq is not None and lanes >> 8 * k & 0xFF and visible(irq, ns):
                byte = value >> 8 * k & 0xFF
                irq.priority = (from_nonsecure(byte) if ns else byte) & self.priority_mask

    def read_config(self, n: int, pe: int, ns: bool) -> int:
        """ICFGR; the upper bit is 1 for edge-triggered (IHI 0069, GICD_ICFGR<n>)."""
        value = 0
        for k, irq in enumerate(self.rows(16 * n, 16, pe)):
            if irq is not None and irq.edge and visible(irq, ns):
                value |= 2 << 2 * k
        return value

    def write_config(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """ICFGR: read-only for SGIs, for PPIs by option. What becomes of a pending state is UNKNOWN: option
        cfg_clears_latch."""
        if n == 0 or (n == 1 and not self.options.ppi_config_writable):
            return
        for k, irq in enumerate(self.rows(16 * n, 16, pe)):
            if irq is not None and lanes >> 2 * k & 2 and visible(irq, ns):
                edge = bool(value >> 2 * k & 2)
                if edge != irq.edge:
                    irq.edge = edge
                    if self.options.cfg_clears_latch:
                        irq.latch = False

    def read_nsacr(self, n: int, pe: int, ns: bool) -> int:
        """NSACR as written."""
        irqs = () if self._is_single(ns) else self.rows(16 * n, 16, pe)
        return sum(irq.nsacr << 2 * k for k, irq in enumerate(irqs) if irq is not None)

    def write_nsacr(self, n: int, value: int, lanes: int, pe: int, ns: bool) -> None:
        """NSACR: what Non-secure accesses may do to Secure interrupts."""
        for k, irq in enumerate(() if self._is_single(ns) else self.rows(16 * n, 16, pe)):
            if irq is not None and lanes >> 2 * k & 3:
                irq.nsacr = value >> 2 * k & 3
