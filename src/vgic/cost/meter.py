"""A meter: a listener that counts what a machine does and adds up its cycles as they pass.

Latencies are differences of that sum: from a line's rise (an edge) to the guest's acknowledge, and from an EOI with
the line still high to the acknowledge that follows. Devices, guests' own work and waiting take no time.
"""

from __future__ import annotations

from statistics import median

from vgic.cost.profile import Profile
from vgic.lab.story import LIST_REGISTERS
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView
from vgic.silicon.virtual_interface import ListRegister

COUNTED = (
    "exits", "maintenance", "traps", "switches", "host interrupts", "MMIO", "sysreg", "LR writes", "acknowledged",
)
"""What is counted; accesses are the host's. `switches`: loads of a vCPU."""


class Meter(Moments[VcpuView]):
    """Counts and cycles of one run.

    Attributes:
        counts: of COUNTED. cycles: of all that is priced. to_ack, again: latencies in cycles.
        unpriced: the events that came, and have no price: with any, cycles are a lower bound. did: what the hypervisor
            did, access by access, as it can be told from outside.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.counts = dict.fromkeys(COUNTED, 0)
        self.cycles = 0
        self.unpriced: set[str] = set()
        self.did: list[tuple[object, ...]] = []
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
        self.unpriced, self.did = set(), []
        self._rose, self._ended = {}, {}
        self.running = True

    def _add(self, what: str, event: str = "", times: int = 1) -> None:
        self.counts[what] += times
        if event:
            self._charge(event, times)

    def _charge(self, event: str, times: int = 1, part: int = 1) -> None:
        """Adds so many times the cycles of an event, or a part of them."""
        if self.profile.priced(event):
            self.cycles += self.profile.cost(event) * times // part
        else:
            self.unpriced.add(event)

    def accessed(self, pe: int, kind: str, write: bool, place: str, value: int, guest: bool) -> None:
        if guest:
            return
        self.did.append((pe, kind, write, place, value))
        self._add("MMIO" if kind == "mmio" else "sysreg", f"{kind}_{'write' if write else 'read'}")
        if write and place.startswith(LIST_REGISTERS):
            self._add("LR writes")

    def host_takes(self, pe: int, what: str, pintid: int) -> None:
        if what == "take":
            self._add("host interrupts")

    def left(self, who: VcpuView, reason: str) -> None:
        self.did.append((who.name, reason))
        self._add("exits", "exit")
        if reason == "maintenance":
            self._add("maintenance")

    def trapped(self, who: VcpuView, name: str, value: int | None) -> None:
        self.did.append((who.name, name, value))
        self._add("traps", "trap")

    def loaded(self, who: VcpuView, pe: int) -> None:
        self._charge("switch", part=2)
        self._add("switches")

    def put(self, who: VcpuView) -> None:
        self._charge("switch", part=2)

    def device_drives(self, who: VcpuView | None, vintid: int, level: bool, device: str) -> None:
        self._line(vintid, level)

    def device_pulses(self, who: VcpuView | None, vintid: int, device: str) -> None:
        self._line(vintid, True)

    def guest_acknowledged(self, who: VcpuView, vintid: int, lr: ListRegister | None, source: int) -> None:
        self._add("acknowledged")
        self._charge("completion")
        rose, ended = self._rose.pop(vintid, None), self._ended.pop(vintid, None)
        if rose is not None:
            self.to_ack.append(self.cycles - rose)
        if ended is not None:
            self.again.append(self.cycles - ended)

    def guest_ended(self, who: VcpuView, register: str, vintid: int, lr: ListRegister | None) -> None:
        if "EOIR" in register and vintid in self._high:
            self._ended[vintid] = self.cycles

    def _line(self, vintid: int, level: bool) -> None:
        if level:
            self._high.add(vintid)
            self._rose.setdefault(vintid, self.cycles)
        else:
            self._high.discard(vintid)
            self._rose.pop(vintid, None)

    def per_interrupt(self, what: str) -> float:
        """A count, or "cycles", for each interrupt that a guest acknowledged."""
        n = max(1, self.counts["acknowledged"])
        return (self.cycles if what == "cycles" else self.counts[what]) / n

    def latency(self, of: list[int]) -> float | None:
        """The median, None where there is none."""
        return median(of) if of else None
