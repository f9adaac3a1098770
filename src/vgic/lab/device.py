"""Devices: what drives the lines. A device that is the guest's either has a physical interrupt, which the host hands
on, or is emulated, and its model injects.

The generic timers are no devices of this kind: they are the PE's, and time makes them fire.
"""

from __future__ import annotations

from collections.abc import Callable

from vgic.designs import base
from vgic.designs.vm import Vm
from vgic.host import IrqDesc
from vgic.lab.scenario import DeviceSpec
from vgic.lab.vms import VmRun, vintid_of
from vgic.parts import Part
from vgic.rules.moments import Teller
from vgic.rules.world import VcpuView

SetLine = Callable[[int, bool], None]


class Line(Part):
    """A device's output. `high`: it asserts."""

    __slots__ = ("high",)

    def __init__(self) -> None:
        self.high = False


class Device:
    """A level or edge device with a physical SPI, of a guest or of the host.

    Args:
        spec: what it is. vm: whose, None for the host's. set_line: the chip's input. tell: told of its line.
    """

    def __init__(self, spec: DeviceSpec, vm: VmRun | None, set_line: SetLine, tell: Teller[VcpuView]) -> None:
        self.spec, self.name, self.vm = spec, spec.name, vm
        self.vintid = vintid_of(spec)
        self.edge = spec.kind == "edge"
        self.set_line, self.tell = set_line, tell
        self.line = Line()
        self.who: VcpuView | None = vm.vcpus[0] if vm is not None else None

    def drive(self, level: bool) -> None:
        """Puts the line on the wire."""
        if self.spec.intid is not None:
            self.set_line(self.spec.intid, level)

    def moves(self, level: bool) -> None:
        """A level device asserts, or stops asserting."""
        self.line.high = level
        self.tell.device_drives(self.who, self.vintid, level, self.name)
        self.drive(level)

    def can_pulse(self) -> bool:
        """Whether fewer edges are under way than the scenario allows."""
        return self.who is None or self.who.irqs[self.vintid].credit < self.spec.times

    def pulses(self) -> None:
        """An edge."""
        self.tell.device_pulses(self.who, self.vintid, self.name)
        self.drive(True)
        self.drive(False)
        self._accepted()

    def _accepted(self) -> None:
        if self.who is not None:
            self.tell.edge_accepted(self.who, self.vintid)

    def served(self) -> None:
        """Its driver handles it: a level line drops."""
        if not self.edge and self.line.high:
            self.moves(False)

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

    def __init__(self, spec: DeviceSpec, vm: VmRun, design: base.Design, tell: Teller[VcpuView]) -> None:
        super().__init__(spec, vm, lambda intid, level: None, tell)
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

    def pulses(self) -> None:
        self.tell.device_pulses(self.who, self.vintid, self.name)
        if self._inject(True):
            self._accepted()
        self._inject(False)

    def _acknowledged(self, vm: Vm, vintid: int) -> None:
        self._inject(False)
        if self.line.high:
            self._inject(True)

    def traps(self) -> bool:
        return not self.resampled
