"""One physical interrupt and its state machine (IHI 0048B 3.2.4, IHI 0069 4.1.2).

Pending is not a bit of its own. A level-sensitive interrupt is pending while its line is high; beside the line there
is a latch, which an edge, ISPENDR or a message sets. So

    pending = latch, or (level-sensitive and (line or message))

Active is a bit of its own, set by the acknowledge or by ISACTIVER, cleared by the deactivation or by ICACTIVER. The
two together give the four states I, P, A, PA. Nothing here knows of priorities, targets' choice or CPU interfaces.

The model has one Interrupt for each SPI, and one for each PE's copy of each SGI and PPI.
"""

from __future__ import annotations

from vgic.arch.state import ACTIVE, INACTIVE, PENDING, STATE_NAMES

G0, G1S, G1NS = 0, 1, 2


class Interrupt:
    """State of one interrupt; of what a CPU interface signals the most usual kind (see `candidate`).

    Attributes:
        intid: INTID, 0 to 1019.
        edge: edge-triggered, else level-sensitive. enabled: ISENABLER.
        group: G0, G1S or G1NS (GICv2 and a single Security state: G0 and G1NS).
        grpmod: GICD_IGRPMODR's bit as written.
        priority: 8 bits, as the Secure side sees it; 0 is the highest.
        nsacr: GICD_NSACR's two bits, what non-secure accesses may do to it.
        line: the input. latch: the pending state that outlives the line. message: set by a message-based SPI.
        active: the active bit.
        sources: GICv2 SGIs: bit n: CPU interface n has it pending here.
        targets: GICv2 SPIs: GICD_ITARGETSR's byte. route: GICv3 SPIs: GICD_IROUTER.
        ack_clears_latch: the option level_ack_clears_latch.
    """

    __slots__ = (
        "ack_clears_latch", "active", "edge", "enabled", "group", "grpmod", "intid", "latch", "line", "message",
        "nsacr", "priority", "route", "sources", "targets",
    )

    def __init__(self, intid: int, edge: bool, ack_clears_latch: bool) -> None:
        self.intid = intid
        self.ack_clears_latch = ack_clears_latch
        self.edge = edge
        self.enabled = False
        self.group = G0
        self.grpmod = False
        self.priority = 0
        self.nsacr = 0
        self.line = self.latch = self.message = self.active = False
        self.sources = 0
        self.targets = 0
        self.route = 0

    @property
    def iar(self) -> int:
        """What an acknowledge register shows of it."""
        return self.intid

    def pending(self) -> bool:
        """Whether it is pending, from the latch or from its input."""
        return self.latch or (not self.edge and (self.line or self.message)) or self.sources != 0

    def state(self) -> int:
        """INACTIVE, PENDING, ACTIVE or PENDING_ACTIVE."""
        return (ACTIVE if self.active else INACTIVE) | (PENDING if self.pending() else INACTIVE)

    def forwardable(self) -> bool:
        """Whether the distributor may forward it: enabled, pending and not active (IHI 0048B 3.2.4, A3)."""
        return self.enabled and not self.active and self.pending()

    def set_line(self, level: bool) -> None:
        """The device moves its line. A rising edge latches an edge-triggered one, also while active or disabled."""
        if level and not self.line and self.edge:
            self.latch = True
        self.line = level

    def set_message(self, on: bool) -> None:
        """A message-based SPI (IHI 0069, GICD_SETSPI_NSR, GICD_CLRSPI_NSR): edge latches, level lasts until cleared.
        SETSPI has no effect where it is pending already, CLRSPI removes the pending state wherever it came from, but
        for the line (settled by the registers' pages, DDI 0601: "Accessing GICD_SETSPI_NSR" and "Purpose")."""
        if not on:
            self.latch = self.message = False
        elif self.edge:
            self.latch = True
        elif not self.pending():
            self.message = True

    def set_pending(self, remember: bool) -> None:
        """ISPENDR. `remember`: keep it also where the line holds a level-sensitive one pending already (4.3.7)."""
        if remember or self.edge or not self.line:
            self.latch = True

    def clear_pending(self) -> None:
        """ICPENDR: the latch alone; a line that is high keeps a level-sensitive one pending (4.3.8)."""
        self.latch = False

    def set_active(self) -> None:
        """ISACTIVER: no acknowledge happens, no priority becomes active (4.3.9)."""
        self.active = True

    def acknowledge(self, source: int | None = None) -> None:
        """IAR: active; edge: no longer pending. `source`: the one CPU interface whose GICv2 SGI is taken (4.4.4)."""
        if source is not None:
            self.sources &= ~(1 << source)
        elif self.edge or self.ack_clears_latch:
            self.latch = False
        self.active = True

    def deactivate(self) -> None:
        """EOIR, DIR, ICACTIVER or a list register's HW bit. No effect, and no error, where it is not active."""
        self.active = False

    def __repr__(self) -> str:
        return f"<{self.intid} {STATE_NAMES[self.state()]}>"
