"""What Bao keeps of a virtual interrupt, a vCPU and a VM."""

from __future__ import annotations

from vgic.designs.vgic.irq import VirtualDist
from vgic.designs.vgic.resident import ResidentCpu, ResidentIrq
from vgic.designs.vm import Vcpu


class BaoIrq(ResidentIrq):
    """A virtual interrupt. `vcpu` is its owner; `active` holds where it is in no list register.

    Attributes:
        pending_latch: pending, where it is in no list register. source: v2 SGIs: a bit for each vCPU that sent it and
            was not yet served. active_source: v2 SGIs: whose is being handled.
    """

    __slots__ = ("active_source", "pending_latch", "source")

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.pending_latch = False
        self.source = self.active_source = 0


class BaoCpu(ResidentCpu[BaoIrq]):
    """One vCPU's side.

    Attributes:
        spilled: its private interrupts without a list register. lost_tail: that list's end was cut (see `unspill`).
        messages: from other PEs: what, of which interrupt (None: of none), a value.
        home: its PE, None before the first load.
    """

    __slots__ = ("home", "lost_tail", "messages", "spilled")

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.spilled: list[BaoIrq] = []
        self.lost_tail = False
        self.messages: list[tuple[str, BaoIrq | None, int]] = []
        self.home: int | None = None


class BaoDist(VirtualDist):
    """One VM's side.

    Attributes:
        spilled: its SPIs without a list register. lost_tail: that list's end was cut (see `unspill`).
    """

    __slots__ = ("lost_tail", "spilled")

    def __init__(self) -> None:
        super().__init__()
        self.spilled: list[BaoIrq] = []
        self.lost_tail = False
