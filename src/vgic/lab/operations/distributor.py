"""What a guest does at its distributor, and at its redistributors: each is an access that traps. SGIs, too."""
from __future__ import annotations

from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations import operands
from vgic.lab.operations.operands import Intid, Owner, Priority, Spi, Vcpu
from vgic.lab.operations.operation import Operation
from vgic.lab.vcpus import GuestVm, VcpuRun
from vgic.parts import step
from vgic.rules.ghost import DROPPED, GONE, NOBODY, PRESENT, IrqGhost


class WriteBit(Operation):
    """Writes an interrupt's bit of the register of its name; nothing where the VM does not have the interrupt."""

    operands = (Intid(), Owner())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, of: int | None) -> None:
        vm = guests.vm(run)
        owner = run if of is None else vm.vcpus[of]
        ghost = owner.irqs.get(intid)
        if ghost is None:
            return
        _note_bit(guests, run, vm, self.word, intid, ghost)
        guests.trapped(run, vm.face.bit(self.word, intid, owner.vcpu))
        if self.word == "ICENABLER":            # disabled from the moment that the write has returned
            ghost.enabled = False


class ReadBit(Operation):
    """Reads an interrupt's pending or active bit, and sees whether that is true; rule 22."""

    operands = (Intid(),)

    def __init__(self, register: str, help: str) -> None:
        super().__init__(f"READ {register}", help)
        self.register = register

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int) -> None:
        ghost = run.irqs.get(intid)
        if ghost is None:
            return
        access = guests.vm(run).face.bit(self.register, intid, run.vcpu, write=False)
        shown = guests.trapped(run, access) >> intid % 32 & 1
        _judge_read(guests, run, intid, self.register, bool(shown), ghost)


class SetPriority(Operation):
    """Writes an interrupt's byte of IPRIORITYR."""

    operands = (Intid(), Priority())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, priority: int) -> None:
        ghost = run.irqs.get(intid)
        if ghost is None:
            return
        ghost.priority = priority
        guests.trapped(run, guests.vm(run).face.priority(intid, run.vcpu, priority))


class Route(Operation):
    """Writes an SPI's IROUTER or ITARGETSR."""

    operands = (Spi(), Vcpu())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, target: int) -> None:
        vm = guests.vm(run)
        ghost = run.irqs.get(intid)
        if ghost is None:
            return
        ghost.target = target
        guests.trapped(run, vm.face.route(intid, vm.vcpus[target].vcpu))


class Sgi(Operation):
    """Writes ICC_SGI1R_EL1 or GICD_SGIR."""

    operands = (operands.Sgi(), Vcpu("to"))

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, to: int) -> None:
        vm = guests.vm(run)
        target = vm.vcpus[to]
        ghost = target.irqs[intid]
        if vm.vm.gic == 2:
            ghost.sources |= 1 << run.vcpu.index
        else:
            ghost.edge_came()
        guests.trapped(run, vm.face.sgi(intid, target.vcpu))


DISTRIBUTOR: tuple[Operation, ...] = (
    WriteBit("ISENABLER", "enables an interrupt"),
    WriteBit("ICENABLER", "disables an interrupt"),
    WriteBit("ISPENDR", "makes an interrupt pending"),
    WriteBit("ICPENDR", "makes an interrupt not pending"),
    WriteBit("ISACTIVER", "makes an interrupt active"),
    WriteBit("ICACTIVER", "makes an interrupt inactive"),
    SetPriority("IPRIORITYR", "sets an interrupt's priority"),
    Route("ROUTE", "sends an SPI to a vCPU (IROUTER, ITARGETSR)"),
    ReadBit("ISPENDR", "reads an interrupt's pending bit, and sees whether that is true"),
    ReadBit("ISACTIVER", "reads an interrupt's active bit, and sees whether that is true"),
    Sgi("SGI", "sends an SGI to a vCPU"),
)


# -- what rules remember

def _note_bit(guests: GuestSteps, run: VcpuRun, vm: GuestVm, register: str, intid: int, ghost: IrqGhost) -> None:
    level = vm.is_level(intid)
    match register:
        case "ISENABLER":
            ghost.enabled = True
            if ghost.cause == DROPPED and intid not in vm.completions and not guests.elsewhere(run, intid):
                ghost.cause = GONE          # an enable samples the line
        case "ICENABLER":
            ghost.was_disabled = True
        case "ISPENDR" | "ICPENDR" if vm.vm.gic == 2 and intid < 16:
            pass                            # a GICv2's SGIs have sources: writes are ignored (IHI 0048B 4.3.7)
        case "ISPENDR" if level:
            ghost.soft = True
        case "ISPENDR":
            ghost.edge_came()
        case "ICPENDR":
            if ghost.soft and ghost.cause != PRESENT and guests.elsewhere(run, intid):
                ghost.cause = DROPPED       # it may be taken there until that vCPU is left
            ghost.owed = ghost.soft = False
        case "ISACTIVER":
            ghost.active = NOBODY if ghost.active is None else ghost.active
        case "ICACTIVER":
            ghost.active = None


def _judge_read(guests: GuestSteps, run: VcpuRun, intid: int, register: str, shown: bool, ghost: IrqGhost) -> None:
    """Rule 22: what a guest reads of active is what guests did; of pending, what devices and guests did, as far as
    it cannot be on its way."""
    if register == "ISACTIVER":
        true = shown == (ghost.active is not None)
    elif shown:
        true = ghost.owed or ghost.soft or ghost.cause in (PRESENT, DROPPED) or ghost.credit > 0
    else:
        true = not ghost.soft
    guests.m.tell("guest", run, text=f"reads {register} of {intid}: {int(shown)}")
    if not true:
        guests.m.faults.tell(22, f"{run.name} reads {register} of {intid} as {int(shown)}")
