"""What a guest does in the PE and in its program: PSTATE.I, waiting, going round, serving a device."""
from __future__ import annotations

from vgic.lab.guest import intid_of
from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations.operands import NEVER, Awaited, Vcpu
from vgic.lab.operations.operation import Op, Operation
from vgic.lab.vcpus import VcpuRun
from vgic.parts import step


class Mask(Operation):
    """Sets PSTATE.I."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        run.guest.state.masked = True
        guests.m.tell.guest_says(run, "masks interrupts")


class Unmask(Operation):
    """Clears PSTATE.I."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        run.guest.state.masked = False
        guests.m.tell.guest_says(run, "unmasks interrupts")


class Wfi(Operation):
    """WFI. Where nothing is signalled it traps."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        guests.wfi(run)


class Await(Operation):
    """Waits in a loop until a handler has been run since the program began, or since it last waited for it."""

    operands = (Awaited(),)

    def possible(self, run: VcpuRun, intid: int) -> bool:
        return intid in run.guest.state.handled

    def do(self, guests: GuestSteps, run: VcpuRun, intid: int) -> None:
        guests.m.tell.guest_says(run, f"goes on: its handler of {intid} was run")
        run.guest.state.handled = run.guest.state.handled - {intid}


class Again(Operation):
    """Goes back to the first operation of the program."""

    moves = True

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        run.guest.state.pc = 0
        run.guest.state.handled = frozenset()


class CpuOn(Operation):
    """PSCI CPU_ON."""

    operands = (Vcpu(),)

    def do(self, guests: GuestSteps, run: VcpuRun, target: int) -> None:
        guests.switch_on(run, run.vm.vcpus[target])


class CpuOff(Operation):
    """PSCI CPU_OFF."""

    moves = outside = True

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        guests.switch_off(run)


class CpuSuspend(Operation):
    """PSCI CPU_SUSPEND, a standby: unlike WFI it always traps."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        guests.suspend(run)


class Start(Operation):
    """What a guest does before its program where its vCPU was switched on."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        guests.start(run)


START = Op(Start("START", "sets up its timers and its CPU interface"), ())


class Handle(Operation):
    """Serves what raised the interrupt of the handler: a device, or a timer, whose CVAL goes to where no time is."""

    own = True

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, iar: int) -> None:
        vintid = intid_of(iar)
        name = run.timer_of.get(vintid)
        if name is not None:
            guests.write_timer(run, name, "CVAL", NEVER)
            return
        device = guests.m.device_of.get((run.vm.name, vintid))
        if device is None:
            return
        if device.traps():
            guests.m.tell.trapped(run, f"an access to {device.name}", None)
            guests.m.leave(run, "trap")
        guests.m.tell.guest_says(run, f"serves {device.name}")
        device.served()


CONTROL: tuple[Operation, ...] = (
    Mask("MASK", "masks interrupts (PSTATE.I)"),
    Unmask("UNMASK", "unmasks interrupts"),
    Wfi("WFI", "waits for an interrupt; goes on when there is one"),
    Await("AWAIT", "waits, running, until its handler of this interrupt has been run"),
    Again("AGAIN", "starts over"),
    CpuOn("CPU_ON", "switches a vCPU on (PSCI), whose guest starts its program anew; one that is on stays as it is"),
    CpuOff("CPU_OFF", "switches its vCPU off (PSCI)"),
    CpuSuspend("CPU_SUSPEND", "waits for an interrupt, as in WFI, by a hypercall (PSCI standby)"),
    Handle("HANDLE", "serves the device: a level line drops; a timer is armed no more (CNTx_CVAL never)"),
)
