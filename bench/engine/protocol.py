"""The benchmark: how a hypervisor forwards a shared timer and SPIs to two virtual CPUs on one PE.

The timer is a level PPI with the HW bit that both vCPUs share; SPIs are (forwarded or not, level or edge,
target). Each vCPU has two list registers. `protocol.pml` is the same machine for SPIN: both have
the same states and transitions, and `bench.py` asserts it.
"""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from vgic.parts import Part

SPIS = ((True, False, 0), (False, True, 1), (True, True, 1), (False, False, 0))      # HW bit, level, target
COUNTS = {1: (102_144, 595_008), 2: (1_130_496, 7_740_672), 3: (13_881_344, 110_947_840),
          4: (128_471_040, 1_091_934_208)}
"""SPIs -> states and transitions. Up to three, `bench.py spin` has them from SPIN, too."""


class Line(Part):
    """A physical interrupt of the distributor."""
    __slots__ = ("active", "high", "latch", "level")

    def __init__(self, level: bool) -> None:
        self.level = level
        self.high = self.latch = self.active = False

    @property
    def pending(self) -> bool:
        return self.latch or (self.level and self.high)


class Virtual(Part):
    """A virtual interrupt of one vCPU."""
    __slots__ = ("active", "backed_by", "enabled", "high", "intid", "latch", "level", "target")

    def __init__(self, intid: int, level: bool, backed_by: Line | None, target: int) -> None:
        self.intid, self.level, self.backed_by, self.target = intid, level, backed_by, target
        self.high = self.latch = self.active = False
        self.enabled = True

    @property
    def pending(self) -> bool:
        return self.enabled and (self.latch or (self.level and self.high))

    def inject(self) -> None:
        if self.level:
            self.high = True
        else:
            self.latch = True


class ListRegister(Part):
    """`holds` is None where it is invalid."""
    __slots__ = ("active", "holds", "pending")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.holds: Virtual | None = None
        self.pending = self.active = False

    @property
    def forwarded(self) -> Line | None:
        """The physical interrupt that the HW bit ties it to."""
        return self.holds.backed_by if self.holds is not None else None


class Cpu(Part):
    """A vCPU: its timer's output, the PPI's active state saved while it is out, and its PSTATE.I."""
    __slots__ = ("masked", "saved", "timer")

    def __init__(self) -> None:
        self.timer = self.saved = self.masked = False


class Pe(Part):
    """The physical PE: which vCPU is loaded, and whether its guest runs."""
    __slots__ = ("guest_runs", "loaded")

    def __init__(self) -> None:
        self.loaded: int | None = None
        self.guest_runs = False


class Machine:
    """`spis`: how many of SPIS there are. `forgets`: the bug, the active state isn't saved on a switch."""

    def __init__(self, spis: int = 2, forgets: bool = False) -> None:
        self.forgets = forgets
        self.ppi = Line(True)
        self.lines = [self.ppi, *(Line(level) for _, level, _ in SPIS[:spis])]
        self.timers = [Virtual(0, True, self.ppi, v) for v in range(2)]
        self.spis = [Virtual(i, level, self.lines[i] if hw else None, target)
                     for i, (hw, level, target) in enumerate(SPIS[:spis], 1)]
        self.owned = [[self.timers[v], *(n for n in self.spis if n.target == v)] for v in range(2)]
        self.cpus = [Cpu(), Cpu()]
        self.banks = [[ListRegister(), ListRegister()] for _ in range(2)]
        self.pe = Pe()

    def actions(self) -> Iterator[tuple[str, Any]]:
        for v in range(2):
            yield f"timer of vcpu{v}", partial(self.timer_toggles, v)
            yield f"switch to vcpu{v}", partial(self.switch, v)
        yield "switch to the host", partial(self.switch, None)
        for i, line in enumerate(self.lines):
            if i == 0 or self.spis[i - 1].backed_by is line:
                yield f"host takes {i}", partial(self.host_takes, i)
            yield f"enable {i}", partial(self.toggle_enable, i)
        for n in self.spis:
            yield f"device of {n.intid}", partial(self.device_toggles, n)
        for k in range(2):
            yield f"guest completes LR{k}", partial(self.guest_completes, k)
        for f in (self.enter, self.leave, self.guest_acknowledges, self.guest_unmasks):
            yield f.__name__, f

    # -- devices
    def timer_toggles(self, v: int) -> None:
        cpu = self.cpus[v]
        cpu.timer = not cpu.timer
        if self.pe.loaded == v:
            self.ppi.high = cpu.timer

    def device_toggles(self, n: Virtual) -> bool | None:
        line = n.backed_by
        if line is None and n.level:
            n.high = not n.high
        elif line is None:
            if n.latch:
                return False
            n.latch = True
        else:
            line.high = not line.high
            if line.high and not line.level:
                line.latch = True
        return None

    # -- host
    def host_takes(self, i: int) -> bool | None:
        line = self.lines[i]
        if self.pe.guest_runs or line.active or not line.pending:
            return False
        line.active, line.latch = True, False
        if i:
            self.spis[i - 1].inject()
        elif self.pe.loaded is not None:
            self.timers[self.pe.loaded].inject()
        return None

    def enter(self) -> bool | None:
        v = self.pe.loaded
        if v is None or self.pe.guest_runs:
            return False
        due = [n for n in self.owned[v] if n.active] + [n for n in self.owned[v] if not n.active and n.pending]
        for lr, n in zip(self.banks[v], due, strict=False):
            self.populate(lr, n)
        self.pe.guest_runs = True
        return None

    def populate(self, lr: ListRegister, n: Virtual) -> None:
        lr.holds, lr.active = n, n.active
        if not n.pending or (n.backed_by is not None and n.active):
            return
        lr.pending = True
        if not n.level:
            n.latch = False
        elif n.backed_by is not None:
            n.high = False

    def leave(self) -> bool | None:
        if not self.pe.guest_runs:
            return False
        for lr in self.banks[self.pe.loaded or 0]:
            if lr.holds is not None:
                self.fold(lr, lr.holds)
                lr.clear()
        self.pe.guest_runs = False
        return None

    def fold(self, lr: ListRegister, n: Virtual) -> None:
        completed = n.active and not lr.active
        n.active = lr.active
        if not n.level:
            n.latch = n.latch or lr.pending
            return
        if not lr.pending:
            n.latch = False
        line = n.backed_by
        if line is not None and (lr.pending or (completed and n.high)):
            n.high = line.pending
            if not n.high:
                line.active = False

    def switch(self, to: int | None) -> bool | None:
        pe = self.pe
        if pe.guest_runs or pe.loaded == to:
            return False
        if pe.loaded is not None and not self.forgets:
            self.cpus[pe.loaded].saved = self.ppi.active
        self.ppi.active = self.ppi.high = False
        pe.loaded = to
        if to is not None:
            cpu = self.cpus[to]
            self.ppi.active, cpu.saved = cpu.saved, False
            self.ppi.high = cpu.timer
        return None

    # -- guest
    def _running(self) -> int | None:
        return self.pe.loaded if self.pe.guest_runs else None

    def guest_acknowledges(self) -> bool | None:
        v = self._running()
        if v is None or self.cpus[v].masked:
            return False
        ready = [lr for lr in self.banks[v] if lr.pending and not lr.active]
        if not ready:
            return False
        best = min(ready, key=lambda lr: lr.holds.intid if lr.holds else 0)
        best.pending, best.active = False, True
        self.cpus[v].masked = True
        return None

    def guest_completes(self, k: int) -> bool | None:
        v = self._running()
        if v is None or not self.banks[v][k].active:
            return False
        lr = self.banks[v][k]
        lr.active = False
        if lr.forwarded is not None:
            lr.forwarded.active = False
        return None

    def guest_unmasks(self) -> bool | None:
        v = self._running()
        if v is None or not self.cpus[v].masked:
            return False
        self.cpus[v].masked = False
        return None

    def toggle_enable(self, i: int) -> bool | None:
        v = self.pe.loaded
        if v is None or self.pe.guest_runs:
            return False
        n = self.spis[i - 1] if i else self.timers[v]
        if n.target != v:
            return False
        n.enabled = not n.enabled
        return None

    # -- rules
    def rules(self) -> Iterator[tuple[str, Any]]:
        for v, bank in enumerate(self.banks):
            for k, lr in enumerate(bank):
                yield f"vcpu{v} LR{k} with the HW bit is not pending and active", partial(self.pending_and_active, lr)
        yield "what a list register forwards is active", self.forwards_inactive
        for n in self.spis:
            if n.backed_by is not None:
                yield f"active {n.intid} is in the hypervisor's hands", partial(self.orphan, n)
        yield "nothing is saved for the vCPU that is loaded", self.saved_while_loaded

    def pending_and_active(self, lr: ListRegister) -> bool:
        return lr.forwarded is not None and lr.pending and lr.active

    def forwards_inactive(self) -> Any:
        v = self._running()
        if v is None:
            return None
        first, second = self.banks[v]
        if first.holds is not None and first.holds is second.holds:
            return f"{first.holds.intid} is in two list registers"
        for k, lr in enumerate(self.banks[v]):
            if lr.forwarded is not None and (lr.pending or lr.active) and not lr.forwarded.active:
                return f"LR{k} of vcpu{v}: the physical interrupt is not active"
        return None

    def orphan(self, n: Virtual) -> bool:
        assert n.backed_by is not None
        return (n.backed_by.active and not (n.high or n.latch or n.active)
                and not any(lr.holds is n and (lr.pending or lr.active) for lr in self.banks[n.target]))

    def saved_while_loaded(self) -> bool:
        return self.pe.loaded is not None and self.cpus[self.pe.loaded].saved
