"""What a guest does with its timers."""
from __future__ import annotations

from collections.abc import Iterator

from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations.operands import NEVER, Control, Ticks, VmShape
from vgic.lab.operations.operation import Op, Operation
from vgic.lab.vcpus import VcpuRun


class TimerWrite(Operation):
    """A write to a register of a timer, CNTV or CNTP, that its VM must have.

    Attributes:
        timer: which. register: CTL or CVAL.
    """

    def __init__(self, timer: str, register: str, help: str) -> None:
        super().__init__(f"{timer}_{register}", help)
        self.timer, self.register = timer, register

    def wrong(self, op: Op, vm: VmShape) -> Iterator[str]:
        yield from super().wrong(op, vm)
        if self.timer not in vm.timers:
            yield f'expected a device of {vm.name} with kind = "timer", timer = "{self.timer}"'

    def do(self, guests: GuestSteps, run: VcpuRun, value: int) -> None:
        guests.write_timer(run, self.timer, self.register, value)


class TimerControl(TimerWrite):
    """CNTx_CTL."""

    operands = (Control(),)


class TimerCompare(TimerWrite):
    """CNTx_CVAL, by ticks from now."""

    operands = (Ticks(),)

    def do(self, guests: GuestSteps, run: VcpuRun, value: int) -> None:
        super().do(guests, run, NEVER if value == NEVER else guests.m.timers.counter.count + value)


_CONTROL = "writes the {} timer's control register: 0 off, 1 on, 3 masked"
_COMPARE = 'arms the {} timer so many ticks from now; "never": further away than time goes'
TIMERS: tuple[Operation, ...] = (
    TimerControl("CNTV", "CTL", _CONTROL.format("virtual")),
    TimerControl("CNTP", "CTL", _CONTROL.format("physical")),
    TimerCompare("CNTV", "CVAL", _COMPARE.format("virtual")),
    TimerCompare("CNTP", "CVAL", _COMPARE.format("physical")),
)
