"""A meter: an observer that counts what a machine does and adds up its cycles as they pass.

Latencies are differences of that sum: from a line's rise (an edge) to the guest's acknowledge, and from an EOI with
the line still high to the acknowledge that follows. Devices, guests' own work and waiting take no time.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from vgic.arch.intid import special
from vgic.cost.profile import Profile
from vgic.designs.vm import Vcpu
from vgic.lab.observe import Observer

COUNTED = (
    "exits", "maintenance", "traps", "switches", "host interrupts", "MMIO", "sysreg", "LR writes", "acknowledged",
)
"""What is counted; accesses are the host's. `switches`: loads of a vCPU."""


class Meter(Observer):
    """Counts and cycles of one run.

    Attributes:
        counts: of COUNTED. cycles: of all. to_ack, again: latencies in cycles.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.counts = dict.fromkeys(COUNTED, 0)
        self.cycles = 0
        self.to_ack: list[int] = []
        self.again: list[int] = []
        self._rose: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._high: set[int] = set()
        self.running = False

    def start(self) -> None:
        """The machine is booted: what follows counts."""
        self.counts = dict.fromkeys(COUNTED, 0)
        self.cycles = 0
        self._rose, self._ended = {}, {}
        self.running = True

    def _add(self, what: str, event: str = "", times: int = 1) -> None:
        self.counts[what] += times
        if event:
            self.cycles += self.profile.cost(event) * times

    def access(self, kind: str, write: bool, place: str, value: int, pe: int, guest: bool) -> None:
        if guest:
            return
        self._add("MMIO" if kind == "mmio" else "sysreg", f"{kind}_{'write' if write else 'read'}")
        if write and place.startswith(("ICH_LR", "GICH+0x1")):
            self._add("LR writes")

    def kernel(self, what: str, intid: int, pe: int) -> None:
        if what == "take":
            self._add("host interrupts")

    def happens(self, what: str, vcpu: Vcpu | None = None, **more: Any) -> None:
        match what:
            case "exit":
                self._add("exits", "exit")
                if more["reason"] == "maintenance":
                    self._add("maintenance")
            case "trap":
                self._add("traps", "trap")
            case "load" | "put":
                self.cycles += self.profile.cost("switch") // 2
                if what == "load":
                    self._add("switches")
            case "line" | "timer":
                self._line(more["vintid"], more["level"])
            case "ack" if not special(more["intid"]):
                self._acknowledged(more["intid"])
            case "eoi":
                if more["intid"] in self._high:
                    self._ended[more["intid"]] = self.cycles

    def _line(self, vintid: int, level: bool) -> None:
        if level:
            self._high.add(vintid)
            self._rose.setdefault(vintid, self.cycles)
        else:
            self._high.discard(vintid)
            self._rose.pop(vintid, None)

    def _acknowledged(self, vintid: int) -> None:
        self._add("acknowledged")
        self.cycles += self.profile.cost("completion")
        rose, ended = self._rose.pop(vintid, None), self._ended.pop(vintid, None)
        if rose is not None:
            self.to_ack.append(self.cycles - rose)
        if ended is not None:
            self.again.append(self.cycles - ended)

    def per_interrupt(self, what: str) -> float:
        """A count, or "cycles", for each interrupt that a guest acknowledged."""
        n = max(1, self.counts["acknowledged"])
        return (self.cycles if what == "cycles" else self.counts[what]) / n

    def latency(self, of: list[int]) -> float | None:
        """The median, None where there is none."""
        return median(of) if of else None
