"""Devices: what drives the lines. A device that is the guest's either has a physical interrupt, which the host hands
on, or is emulated, and its model injects.

The generic timers are no devices of this kind: they are the PE's, and time makes them fire.
"""

from __future__ import annotations

from collections.abc import Callable

from vgic.designs import base
from vgic.designs.vm import Vm
from vgic.host import IrqDesc
from vgic.lab.observe import Observer
from vgic.lab.scenario import DeviceSpec
from vgic.lab.vms import VmRun, vintid_of
from vgic.parts import Part
from vgic.rules.ghost import IrqGhost

SetLine = Callable[[int, bool], None]


class Line(Part):
    """A device's output. `high`: it asserts."""

    __slots__ = ("high",)

    def __init__(self) -> None:
        self.high = False


class Device:
    """A level or edge device with a physical SPI, of a guest or of the host.

    Args:
        spec: what it is. vm: whose, None for the host's. set_line: the chip's input. observer: told of its line.
    """

    def __init__(self, spec: DeviceSpec, vm: VmRun | None, set_line: SetLine, observer: Observer | None) -> None:
        self.spec, self.name, self.vm = spec, spec.name, vm
        self.vintid = vintid_of(spec)
        self.edge = spec.kind == "edge"
        self.set_line, self.observer = set_line, observer
        self.line = Line()
        self.ghost: IrqGhost | None = vm.spis[self.vintid] if vm is not None else None

    def drive(self, level: bool) -> None:
        """Puts the line on the wire."""
        if self.spec.intid is not None:
            self.set_line(self.spec.intid, level)

    def _moved(self, level: bool) -> None:
        self.line.high = level
        if self.ghost is not None:
            self.ghost.line_moved(level)
        if self.observer is not None:
            self.observer.happens("line", device=self.name, vintid=self.vintid, level=level)
        self.drive(level)

    def raises(self) -> bool:
        """A level device asserts. False where it does already."""
        if self.line.high:
            return False
        self._moved(True)
        return True

    def lowers(self) -> bool:
        """A level device stops asserting by itself. False where it doesn't assert."""
        if not self.line.high:
            return False
        self._moved(False)
        return True

    def pulses(self) -> bool:
        """An edge. False where as many as the scenario allows are under way."""
        if self.ghost is not None and self.ghost.credit >= self.spec.times:
            return False
        if self.observer is not None:
            self.observer.happens("line", device=self.name, vintid=self.vintid, level=True)
        self.drive(True)
        self.drive(False)
        self._accepted()
        return True

    def _accepted(self) -> None:
        if self.ghost is not None:
            self.ghost.edge_came()
            self.ghost.was_disabled = self.ghost.was_disabled or not self.ghost.enabled

    def served(self) -> None:
        """Its driver handles it: a level line drops."""
        if not self.edge and self.line.high:
            self._moved(False)

    def traps(self) -> bool:
        """Whether each access of the guest to it leaves the guest."""
        return False

    def host_handler(self, desc: IrqDesc, pe: int) -> bool:
        """The host's own driver."""
        self.served()
        return True

    def parts(self) -> tuple[object, ...]:
        """What changes here."""
        return (self.line,)


class Emulated(Device):
    """A device of the VMM: its line is driven by `inject`. "irqfd": a guest's EOI de-asserts it and asks it again."""

    def __init__(self, spec: DeviceSpec, vm: VmRun, design: base.Design, observer: Observer | None) -> None:
        super().__init__(spec, vm, lambda intid, level: None, observer)
        self.design = design
        self.resampled = spec.wiring == "irqfd"
        if self.resampled and not self.edge:
            design.on_ack(vm.vm, self.vintid, self._acknowledged)

    def drive(self, level: bool) -> None:
        if level or not self.resampled:
            self._inject(level)

    def _inject(self, level: bool) -> bool:
        assert self.vm is not None
        return self.design.inject(self.vm.vm, None, self.vintid, level)

    def _accepted(self) -> None:
        """Counted where the injection was accepted, in `pulses`."""

    def pulses(self) -> bool:
        assert self.ghost is not None
        if self.ghost.credit >= self.spec.times:
            return False
        if self.observer is not None:
            self.observer.happens("line", device=self.name, vintid=self.vintid, level=True)
        if self._inject(True):
            Device._accepted(self)
        self._inject(False)
        return True

    def _acknowledged(self, vm: Vm, vintid: int) -> None:
        self._inject(False)
        if self.line.high:
            self._inject(True)

    def traps(self) -> bool:
        return not self.resampled
