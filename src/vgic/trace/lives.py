"""The life of each interrupt in a recording: delivered, deactivated by whom, seen in which states, how long it took.

A row is a virtual interrupt of one guest CPU: (where, vINTID). `where` is the vCPU, if the recording holds the kernel's
probes that name it, and the PE otherwise. Recordings without any guest get a row for each physical interrupt and PE.

Lengths are counted in lines of the recording, as its events carry no time: from the rise of the line (for a forwarded
interrupt) or the first list register that shows it (for the others) to the guest's acknowledge, and from there to the
deactivation. A virtual interrupt that was active and comes back into a list register without being active was
deactivated by software.
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import NamedTuple

from vgic.arch.intid import LPI_START, PRIVATE
from vgic.arch.state import ACTIVE, INVALID, PENDING, STATE_NAMES
from vgic.rules import Moments
from vgic.silicon import Gic
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.virtual_interface import ListRegister
from vgic.trace.events import Probe

KEPT = 5000
"""Lengths kept for the median of a row; the maximum counts all."""


class Lengths:
    """Lengths in lines: their number, the longest, and the median of the first KEPT."""

    __slots__ = ("count", "first", "longest")

    def __init__(self) -> None:
        self.count = self.longest = 0
        self.first: list[int] = []

    def add(self, length: int) -> None:
        """One more."""
        self.count += 1
        self.longest = max(self.longest, length)
        if len(self.first) < KEPT:
            self.first.append(length)

    def median(self) -> int | None:
        """None where there is none."""
        return round(median(self.first)) if self.first else None


class Life:
    """What is known of one interrupt at one place."""

    __slots__ = (
        "acknowledged_at", "active", "delivered", "ended_by_guest", "ended_by_software", "pintids", "raised_at",
        "states", "to_ack", "to_end",
    )

    def __init__(self) -> None:
        self.pintids: set[int] = set()
        self.states: set[int] = set()
        self.delivered = self.ended_by_guest = self.ended_by_software = 0
        self.to_ack, self.to_end = Lengths(), Lengths()
        self.raised_at: int | None = None
        self.acknowledged_at: int | None = None
        self.active = False

    def end(self, line: int) -> None:
        """Deactivated."""
        if self.acknowledged_at is not None:
            self.to_end.add(line - self.acknowledged_at)
        self.active, self.acknowledged_at = False, None


class LifeRow(NamedTuple):
    """The lives of one interrupt, summed up: one row of a table."""

    where: str
    vintid: int
    pintids: tuple[int, ...]
    delivered: int
    ended_by_guest: int
    ended_by_software: int
    states: str
    ack_median: int | None
    ack_longest: int
    end_median: int | None
    end_longest: int


class Vcpus:
    """Which vCPU runs on which PE, from the kernel's probes, if there are any.

    A probe names the vCPU and the kernel's per-CPU base, not the PE; the list register writes that follow a
    `populate_lr` probe come from that PE, and a majority of them settles which base is which.
    """

    SAYS = frozenset({"kvm_vgic_load", "kvm_vgic_flush_hwstate", "vgic_v3_populate_lr", "vgic_v2_populate_lr",
                      "kvm_vgic_sync_hwstate"})

    def __init__(self) -> None:
        self.votes: dict[int, Counter[int]] = {}
        self.on: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.vm_of: dict[int, int] = {}
        self.base: int | None = None

    def probe(self, e: Probe) -> None:
        """A probe of the recording."""
        if e.name == "kvm_vgic_inject_irq" and e.args.get("x1"):
            self.vm_of.setdefault(e.args["x1"], e.args.get("x0", 0))
        if e.name in self.SAYS and "x0" in e.args:
            self.on[e.percpu] = e.args["x0"]
            self.base = e.percpu if e.name.endswith("populate_lr") else None

    def wrote_list_register(self, pe: int) -> None:
        """A list register write just after a probe votes for its PE."""
        if self.base is not None:
            self.votes.setdefault(pe, Counter())[self.base] += 1
            self.base = None

    def where(self, pe: int) -> str:
        """The vCPU that runs on this PE, or the PE."""
        votes = self.votes.get(pe)
        vcpu = self.on.get(votes.most_common(1)[0][0]) if votes else None
        if vcpu is None:
            return f"pe{pe}"
        name = self.names.get(vcpu)
        if name is None:
            name = self.names[vcpu] = f"vcpu{len(self.names)}"
        return name


class Lives(Moments[int]):
    """Gathers the rows, by listening to the replay of a recording."""

    def __init__(self, chip: Gic) -> None:
        self.chip = chip
        self.vcpus = Vcpus()
        self.virtual: dict[tuple[str, int], Life] = {}
        self.physical: dict[tuple[str, int], Life] = {}
        self.rises: dict[tuple[int | None, int], int] = {}

    def _guests(self, pe: int, vintid: int) -> Life:
        key = self.vcpus.where(pe), vintid
        life = self.virtual.get(key)
        if life is None:
            life = self.virtual[key] = Life()
        return life

    def _hosts(self, pe: int, pintid: int) -> Life:
        key = f"pe{pe}", pintid
        life = self.physical.get(key)
        if life is None:
            life = self.physical[key] = Life()
        return life

    def _risen(self, pe: int, pintid: int) -> int | None:
        return self.rises.pop((pe if pintid < PRIVATE else None, pintid), None)

    def line_moved(self, pe: int | None, pintid: int, level: bool) -> None:
        if level:
            self.rises.setdefault((pe, pintid), self.place)

    def host_acknowledged(self, pe: int, pintid: int, irq: Interrupt | None) -> None:
        if pintid >= LPI_START:
            return
        life = self._hosts(pe, pintid)
        life.delivered += 1
        rise = self.rises.get((pe if pintid < PRIVATE else None, pintid))
        if rise is not None:
            life.to_ack.add(self.place - rise)
        life.active, life.acknowledged_at = True, self.place

    def host_ended(self, pe: int, register: str, pintid: int) -> None:
        irq = self.chip.distributor.find(pintid, pe)
        if irq is not None and not irq.active:
            life = self._hosts(pe, pintid)
            if life.active:
                life.ended_by_software += 1
                life.end(self.place)
                self._risen(pe, pintid)

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        self.vcpus.wrote_list_register(pe)
        if lr.state == INVALID:
            return
        life = self._guests(pe, lr.vintid)
        life.states.add(lr.state)
        if lr.hw:
            life.pintids.add(lr.pintid)
        if lr.state & PENDING and life.raised_at is None:
            life.raised_at = self._risen(pe, lr.pintid) if lr.hw else self.place
        if life.active and not lr.state & ACTIVE:
            life.ended_by_software += 1
            life.end(self.place)

    def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None, source: int) -> None:
        life = self._guests(pe, vintid)
        life.delivered += 1
        life.states.add(lr.state if lr is not None else ACTIVE)
        if life.raised_at is not None:
            life.to_ack.add(self.place - life.raised_at)
            life.raised_at = None
        life.active, life.acknowledged_at = True, self.place

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        life = self._guests(pe, vintid)
        split = self.chip.virtual[pe].state.eoimode and "DIR" not in register and vintid < LPI_START
        if life.active and not split:
            life.states.add(lr.state if lr is not None else INVALID)
            life.ended_by_guest += 1
            life.end(self.place)

    def rows(self, virtual: bool = True) -> list[LifeRow]:
        """The rows of the guests' interrupts, or of the host's, by place and INTID."""
        lives = self.virtual if virtual else self.physical
        return [
            LifeRow(where, intid, tuple(sorted(f.pintids)), f.delivered, f.ended_by_guest, f.ended_by_software,
                " ".join(name for i, name in enumerate(STATE_NAMES) if i in f.states),
                f.to_ack.median(), f.to_ack.longest, f.to_end.median(), f.to_end.longest)
            for (where, intid), f in sorted(lives.items(), key=lambda kv: (_order(kv[0][0]), kv[0][1]))
        ]


def _order(where: str) -> tuple[str, int]:
    stem = where.rstrip("0123456789")
    return stem, int(where[len(stem):])
