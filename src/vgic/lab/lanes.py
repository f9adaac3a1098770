"""Lanes: what is shown of a machine while it runs, as data. `vgic.view.run` has the words.

A `Lane` says what is looked at: a device's or a timer's line, an interrupt of the chip, a list register, a vCPU. After
each step it has a state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from vgic.lab.device import Device
from vgic.lab.guest import intid_of
from vgic.lab.machine import Machine
from vgic.lab.story import Story
from vgic.lab.vcpus import VcpuRun
from vgic.lab.vms import pintid_of
from vgic.silicon.states import InterruptState, LineState, LrState, interrupt_state, lr_state
from vgic.silicon.timer import Timer


class Lane(NamedTuple):
    """What a lane shows.

    Attributes:
        kind: which of the four. name: the device's or the vCPU's, "" for a timer, an interrupt and a list register.
        number: the INTID, or the list register's number; None for a device's line and a vCPU. pe: where, None for what
            is no PE's own.
    """

    kind: Literal["line", "interrupt", "list register", "vcpu"]
    name: str = ""
    number: int | None = None
    pe: int | None = None


class VcpuState(NamedTuple):
    """A vCPU. `doing`: running, blocked, preempted ..., see `Story.states`. `handling`: the vINTIDs whose handlers its
    guest is in, the outermost first."""

    doing: str
    handling: tuple[int, ...] = ()


State = LineState | InterruptState | LrState | VcpuState | None
"""What a lane shows at one time; None of an interrupt that the chip has not."""


class Scope:
    """The lanes of a machine, and what they show now."""

    def __init__(self, machine: Machine, story: Story) -> None:
        self.story = story
        self._looks: list[tuple[Lane, Callable[[], State]]] = []
        chip, pes = machine.gic, range(machine.pes)
        devices = {device.name: device for device in machine.devices}
        for spec in machine.scenario.device:
            if spec.kind == "timer":
                ppi = pintid_of(spec)
                for pe in pes:
                    timer = machine.timers.timers[pe][spec.timer]
                    self._look(Lane("line", number=ppi, pe=pe), partial(_timer_line, timer))
                    self._look(Lane("interrupt", number=ppi, pe=pe), partial(interrupt_state, chip, ppi, pe))
                continue
            if spec.kind == "level":
                self._look(Lane("line", spec.name), partial(_device_line, devices[spec.name]))
            if spec.intid is not None:
                self._look(Lane("interrupt", number=spec.intid), partial(interrupt_state, chip, spec.intid, 0))
        for pe, interface in enumerate(chip.virtual):
            for lr in interface.lrs:
                self._look(Lane("list register", number=lr.index, pe=pe), partial(lr_state, lr))
        for run in machine.vcpus:
            self._look(Lane("vcpu", run.name), partial(self._vcpu, run))

    def _look(self, lane: Lane, look: Callable[[], State]) -> None:
        self._looks.append((lane, look))

    def _vcpu(self, run: VcpuRun) -> VcpuState:
        handling = tuple(intid_of(iar) for iar, _ in run.guest.state.stack)
        return VcpuState(self.story.states.get(run.name, "-"), handling)

    def lanes(self) -> tuple[Lane, ...]:
        """What the machine has lanes for, in the order in which they are shown."""
        return tuple(lane for lane, _ in self._looks)

    def states(self) -> tuple[State, ...]:
        """What each lane shows now, in the same order."""
        return tuple(look() for _, look in self._looks)


def _timer_line(timer: Timer) -> LineState:
    return LineState(timer.line)


def _device_line(device: Device) -> LineState:
    return LineState(device.line.high)
