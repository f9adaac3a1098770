"""All state of kernel and designs lies in parts: the explorer takes them, and refuses whatever else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from tests.designs.rig import NIC, SPI2, Rig

from vgic.arch.intid import SPURIOUS
from vgic.designs.bao import Bao
from vgic.designs.base import Design
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.history import Kvm612
from vgic.designs.trap import Trap
from vgic.designs.xen import Xen
from vgic.engine import Explorer, Model
from vgic.parts import Part


class Stack(Part):
    """What the guest has acknowledged and not ended."""

    __slots__ = ("intids",)

    def __init__(self) -> None:
        self.intids: list[int] = []


class Small:
    """A guest with the NIC's interrupt and an edge injected by software, and one list register."""

    def __init__(self, design: type[Design], v3: bool) -> None:
        self.rig = rig = Rig(
            v3, lrs=1, design=design, timers=False, irqs=(25, NIC), implemented=(NIC, SPI2),
            options={"spis": (NIC, SPI2), "ppis": (25,)})
        rig.design.observer = None
        rig.design.assign_irq(rig.vm, rig.kernel.irq(NIC), NIC)
        rig.boot(rig.v0, 0)
        rig.edge(rig.v0, SPI2)
        if not v3:
            for intid in (NIC, SPI2):
                rig.mmio(rig.v0, rig.vm.map.gicd + 0x800 + intid, 1, size=1)
        rig.enable(rig.v0, NIC, SPI2)
        self.stack = Stack()

    def line(self, level: bool) -> bool | None:
        irq = self.rig.gic.distributor.find(NIC, 0)
        assert irq is not None
        if irq.line == level:
            return False
        self.rig.line(NIC, level)
        return None

    def inject(self) -> None:
        self.rig.design.inject(self.rig.vm, None, SPI2, True)

    def turn(self) -> None:
        """Out, with what the host has to take, and in."""
        rig = self.rig
        if rig.v0.in_guest:
            rig.exit(rig.v0)
            if rig.gic.irq(0):
                rig.kernel.handle_irq(0)
        else:
            rig.enter(rig.v0)

    def acknowledge(self) -> bool | None:
        rig = self.rig
        if not rig.v0.in_guest:
            return False
        intid = rig.ack(rig.v0)
        if intid == SPURIOUS:
            return False
        self.stack.intids.append(intid)
        return None

    def end(self) -> bool | None:
        rig = self.rig
        if not rig.v0.in_guest or not self.stack.intids:
            return False
        rig.eoi(rig.v0, self.stack.intids.pop())
        return None

    def actions(self) -> Iterator[tuple[str, Callable[[], bool | None]]]:
        yield from (("up", partial(self.line, True)), ("down", partial(self.line, False)), ("inject", self.inject),
                    ("turn", self.turn), ("ack", self.acknowledge), ("end", self.end))

    def one_list_register_each(self) -> bool:
        """Rule 7, so that something is asked."""
        return any(lr.hw and lr.state == 3 for lr in self.rig.gic.virtual[0].lrs)

    def parts(self) -> list[object]:
        rig = self.rig
        return [*rig.gic.parts(), *rig.kernel.parts(), *rig.design.parts(), self.stack]


@pytest.mark.parametrize("v3", [False, True], ids=["GICv2", "GICv3"])
@pytest.mark.parametrize("design", [Kvm, Kvm612, Trap, Xen, Bao])
def test_the_explorer_takes_it(design: type[Design], v3: bool) -> None:
    machine = Small(design, v3)
    explorer = Explorer(Model(
        machine, machine.actions(), [("rule 7", machine.one_list_register_each)], parts=machine.parts()))
    result = explorer.search(states=100, engine="plain")
    assert result.broken is None
    assert result.states > 50
