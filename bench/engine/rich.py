"""A KVM-like virtual GIC for measuring: sorted ap_list, list registers that overflow, EOIcount, level and
edge, priorities, the HW bit, guest accesses to enable and pending bits. One PE a vCPU.

Its helpers that run in loops over interrupts are steps; `Machine(..., steps=False)` has the same machine
without them, to see what they are worth.
"""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from vgic.parts import Part, step

IDLE = 0x100
KINDS = ((True, True), (False, False), (True, False), (False, False), (True, True))    # level, HW bit
COUNTS = {(1, 1): (320, 1_110), (1, 2): (9_056, 40_226), (2, 1): (102_400, 710_400),
          (1, 3): (270_432, 1_721_162), (1, 4): (4_881_184, 40_222_086), (2, 2): (82_011_136, 728_573_312)}
"""(vCPUs, interrupts of each) -> states and transitions with two list registers."""


class Line(Part):
    __slots__ = ("active", "high")

    def __init__(self) -> None:
        self.high = self.active = False


class Irq(Part):
    """A virtual interrupt."""
    __slots__ = ("active", "enabled", "high", "intid", "latch", "level", "line", "priority", "queued", "vcpu")

    def __init__(self, intid: int, level: bool, priority: int, vcpu: Vcpu, line: Line | None) -> None:
        self.intid, self.level, self.priority, self.vcpu, self.line = intid, level, priority, vcpu, line
        self.enabled = True
        self.high = self.latch = self.active = self.queued = False

    def pending(self) -> bool:
        return self.latch or (self.level and self.high)

    @step
    def due(self) -> bool:
        """Whether it must be in a list register."""
        return self.active or (self.enabled and self.pending())

    @step
    def rank(self) -> tuple[bool, int, int]:
        """Sorts the ap_list: deliverable and not active first, then by priority."""
        return self.active or not (self.enabled and self.pending()), self.priority, self.intid

    @step
    def queue(self) -> None:
        if not self.queued and self.due():
            self.queued = True
            self.vcpu.ap_list.append(self)

    @step
    def prune(self) -> bool:
        """Leave the ap_list if there is no reason to be in it."""
        if self.due():
            return False
        self.queued = False
        return True

    @step
    def deactivate(self) -> bool:
        if not self.active:
            return False
        self.active = False
        if self.line is not None:
            self.line.active = False
        return True


class ListRegister(Part):
    __slots__ = ("active", "eoi", "irq", "pending")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.irq: Irq | None = None
        self.pending = self.active = self.eoi = False

    @step
    def populate(self, n: Irq) -> None:
        self.irq, self.active = n, n.active
        may = n.pending() and n.enabled and not (n.active and (n.level or n.line is not None))
        if may:
            self.pending = True
            if not n.level:
                n.latch = False
            elif n.line is not None:
                n.high = False
        self.eoi = n.level and n.line is None

    @step
    def fold(self) -> Irq | None:
        """Take back what the guest did to it; returns what was in it."""
        n = self.irq
        if n is None:
            return None
        completed = n.active and not self.active
        n.active = self.active
        if not n.level:
            n.latch = n.latch or self.pending
        else:
            if not self.pending and not self.active:
                n.latch = False
            if n.line is not None and (self.pending or (completed and n.high)):
                n.high = n.line.high
                if not n.high:
                    n.line.active = False
        self.clear()
        return n


class Vcpu(Part):
    __slots__ = ("ap_list", "eoicount", "in_guest", "number", "uie")

    def __init__(self, number: int) -> None:
        self.number = number
        self.in_guest = self.uie = False
        self.eoicount = 0
        self.ap_list: list[Irq] = []

    @step
    def overflows(self, used: int) -> bool:
        """Whether more are due than list registers are used."""
        return sum(n.due() for n in self.ap_list) > used


class Guest(Part):
    """What runs: the interrupts acknowledged and not yet completed, innermost last."""
    __slots__ = ("masked", "stack")

    def __init__(self) -> None:
        self.stack: list[Irq] = []
        self.masked = False


class Machine:
    def __init__(self, vcpus: int, irqs: int, lrs: int = 2) -> None:
        self.vcpus = [Vcpu(v) for v in range(vcpus)]
        self.guests = [Guest() for _ in range(vcpus)]
        self.banks = [[ListRegister() for _ in range(lrs)] for _ in range(vcpus)]
        self.irqs = [Irq(v * irqs + i, level, i, self.vcpus[v], Line() if hw else None)
                     for v in range(vcpus) for i, (level, hw) in enumerate(KINDS[:irqs])]

    def actions(self) -> Iterator[tuple[str, Any]]:
        for n in self.irqs:
            yield f"device of {n.intid}", partial(self.device, n)
            if n.line is not None:
                yield f"host takes {n.intid}", partial(self.host_takes, n)
            for f in (self.enables, self.disables, self.sets_pending, self.clears_pending):
                yield f"guest {f.__name__} {n.intid}", partial(f, n)
        for c in self.vcpus:
            for g in (self.flush, self.sync, self.acknowledges, self.completes, self.unmasks):
                yield f"vcpu{c.number} {g.__name__}", partial(g, c)

    # -- devices and the host
    def device(self, n: Irq) -> bool | None:
        if n.line is not None:
            n.line.high = not n.line.high
            return None
        if n.level:
            n.high = not n.high
            if not n.high:
                return None
        elif n.latch:
            return False
        else:
            n.latch = True
        n.queue()
        return None

    def host_takes(self, n: Irq) -> bool | None:
        line = n.line
        if line is None or not line.high or line.active or n.vcpu.in_guest:
            return False
        line.active = n.high = True
        n.queue()
        return None

    # -- the guest's accesses to its distributor; each takes it out of the guest
    def enables(self, n: Irq) -> bool | None:
        if n.vcpu.in_guest or n.enabled:
            return False
        n.enabled = True
        n.queue()
        return None

    def disables(self, n: Irq) -> bool | None:
        if n.vcpu.in_guest or not n.enabled:
            return False
        n.enabled = False
        return None

    def sets_pending(self, n: Irq) -> bool | None:
        if n.vcpu.in_guest or n.latch:
            return False
        n.latch = True
        if n.line is not None:
            n.line.active = True
        n.queue()
        return None

    def clears_pending(self, n: Irq) -> bool | None:
        if n.vcpu.in_guest or not n.latch:
            return False
        n.latch = False
        if n.line is not None and not n.active:
            n.line.active = False
        return None

    # -- entry and exit
    def flush(self, c: Vcpu) -> bool | None:
        if c.in_guest:
            return False
        bank = self.banks[c.number]
        if len(c.ap_list) > len(bank):
            c.ap_list.sort(key=Irq.rank)
        due = [n for n in c.ap_list if n.due()]
        for lr, n in zip(bank, due, strict=False):
            lr.populate(n)
        c.uie = c.overflows(min(len(due), len(bank)))
        c.in_guest = True
        return None

    def sync(self, c: Vcpu) -> bool | None:
        if not c.in_guest:
            return False
        resident = []
        for lr in self.banks[c.number]:
            n = lr.fold()
            if n is None:
                break
            resident.append(n)
        for n in c.ap_list:
            if c.eoicount and n not in resident and n.deactivate():
                c.eoicount -= 1
        c.eoicount = 0
        for n in tuple(c.ap_list):
            if n.prune():
                c.ap_list.remove(n)
        c.in_guest = c.uie = False
        return None

    # -- the guest
    def acknowledges(self, c: Vcpu) -> bool | None:
        guest = self.guests[c.number]
        if not c.in_guest or guest.masked:
            return False
        running = guest.stack[-1].priority if guest.stack else IDLE
        best: ListRegister | None = None
        for lr in self.banks[c.number]:
            if lr.irq is None:
                break
            if lr.pending and not lr.active and lr.irq.priority < running:
                best, running = lr, lr.irq.priority
        if best is None or best.irq is None:
            return False
        best.pending, best.active = False, True
        guest.stack.append(best.irq)
        guest.masked = True
        return None

    def completes(self, c: Vcpu) -> bool | None:
        guest = self.guests[c.number]
        if not c.in_guest or not guest.stack:
            return False
        n = guest.stack.pop()
        for lr in self.banks[c.number]:
            if lr.irq is None:
                break
            if lr.irq is n and lr.active:
                lr.active = False
                if n.line is not None:
                    n.line.active = False
                return None
        c.eoicount = min(c.eoicount + 1, 3)
        return None

    def unmasks(self, c: Vcpu) -> bool | None:
        guest = self.guests[c.number]
        if not c.in_guest or not guest.masked:
            return False
        guest.masked = False
        return None

    # -- rules
    def rules(self) -> Iterator[tuple[str, Any]]:
        for c in self.vcpus:
            yield f"vcpu{c.number}: an interrupt is in one list register", partial(self.twice, c)
        for n in self.irqs:
            yield f"{n.intid} is queued if it is due", partial(self.forgotten, n)

    def twice(self, c: Vcpu) -> bool:
        held = [lr.irq for lr in self.banks[c.number] if lr.irq is not None]
        return any(n in held[:i] for i, n in enumerate(held))

    def forgotten(self, n: Irq) -> bool:
        return not n.queued and n.due()
