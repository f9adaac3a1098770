"""What a guest does at its distributor, and at its redistributors: each is an access that traps. SGIs, too."""
from __future__ import annotations

from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations import operands
from vgic.lab.operations.operands import Flag, Intid, Owner, Priority, Source, Spi, Vcpu
from vgic.lab.operations.operation import Operation
from vgic.lab.vcpus import VcpuRun
from vgic.parts import step


class WriteBit(Operation):
    """Writes an interrupt's bit of the register of its name; nothing where the VM does not have the interrupt."""

    operands = (Intid(), Owner())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, of: int | None) -> None:
        owner = run if of is None else run.vm.vcpus[of]
        if intid in owner.irqs:
            guests.write(run, self.word, owner, intid, 1, run.vm.face.bit(self.word, intid, owner.vcpu))


class ReadBit(Operation):
    """Reads an interrupt's bit of a register, and sees whether that is true; rule 22."""

    operands = (Intid(),)

    def __init__(self, register: str, help: str) -> None:
        super().__init__(f"READ {register}", help)
        self.register = register

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int) -> None:
        if intid in run.irqs:
            access = run.vm.face.bit(self.register, intid, run.vcpu, write=False)
            shown = guests.trapped(run, access) >> intid % 32 & 1
            guests.m.tell.guest_read(run, self.register, run, intid, shown)


class ReadPriority(Operation):
    """Reads an interrupt's byte of IPRIORITYR, and sees whether that is true; rule 22."""

    operands = (Intid(),)

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int) -> None:
        if intid in run.irqs:
            shown = guests.trapped(run, run.vm.face.priority(intid, run.vcpu, None))
            guests.m.tell.guest_read(run, "IPRIORITYR", run, intid, shown)


class SetPriority(Operation):
    """Writes an interrupt's byte of IPRIORITYR."""

    operands = (Intid(), Priority())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, priority: int) -> None:
        if intid in run.irqs:
            access = run.vm.face.priority(intid, run.vcpu, priority)
            guests.write(run, "IPRIORITYR", run, intid, priority, access)


class Route(Operation):
    """Writes an SPI's IROUTER or ITARGETSR."""

    operands = (Spi(), Vcpu())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, target: int) -> None:
        if intid in run.irqs:
            access = run.vm.face.route(intid, run.vm.vcpus[target].vcpu)
            guests.write(run, "IROUTER", run, intid, target, access)


class Switch(Operation):
    """Writes GICD_CTLR. Off, nothing is forwarded from the moment that the write has returned."""

    operands = (Flag(),)

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, on: int) -> None:
        access = run.vm.face.distributor(bool(on))
        if on:
            guests.m.tell.guest_switches(run, True)
        guests.trapped(run, access)
        if not on:
            guests.m.tell.guest_switches(run, False)


class Sgi(Operation):
    """Writes ICC_SGI1R_EL1 or GICD_SGIR."""

    operands = (operands.Sgi(), Vcpu("to"))

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, to: int) -> None:
        target = run.vm.vcpus[to]
        guests.m.tell.guest_sends_sgi(run, target, intid)
        guests.trapped(run, run.vm.face.sgi(intid, target.vcpu))


class OtherGroup(Operation):
    """Writes ICC_SGI0R_EL1: it reaches no SGI of group 1 (IHI 0069)."""

    operands = (operands.OfV3(), Vcpu("to"))

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, to: int) -> None:
        target = run.vm.vcpus[to]
        if target.irqs[intid].hidden:
            guests.m.tell.guest_sends_sgi(run, target, intid)
        access = run.vm.face.sgi(intid, target.vcpu)
        guests.trapped(run, access._replace(name="ICC_SGI0R_EL1", register="ICC_SGI0R_EL1"))


class Group(Operation):
    """Writes an interrupt's bit of IGROUPR, and those of its neighbours as they are. Its guest takes those of group 1
    alone: the other group waits."""

    operands = (operands.OfV3Intid(), Flag())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, group: int) -> None:
        first = intid & ~31
        ones = {i for i, ghost in run.irqs.items() if first <= i < first + 32 and not ghost.hidden} - {intid}
        value = sum(1 << i - first for i in (*ones, *[intid] * group))
        guests.write(run, "IGROUPR", run, intid, group, run.vm.face.groups(intid, run.vcpu, value))


class SgiSource(Operation):
    """Writes its own SGI's byte of SPENDSGIR or CPENDSGIR, by its name (GICv2)."""

    operands = (operands.Sgi(), Source("from"))

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, source: int) -> None:
        guests.write(run, self.word, run, intid, source, run.vm.face.sgi_source(self.word, intid, source))


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
    ReadBit("ISENABLER", "reads an interrupt's enable bit, and sees whether that is true"),
    ReadPriority("READ IPRIORITYR", "reads an interrupt's priority, and sees whether that is true"),
    Sgi("SGI", "sends an SGI to a vCPU"),
    Group("IGROUPR", "moves an interrupt to group 0, which it has not enabled, or back to group 1 (GICv3)"),
    OtherGroup("SGI0R", "asks for an SGI of group 0: none comes of group 1 (GICv3)"),
    SgiSource("SPENDSGIR", "makes an SGI of its own pending, as if that vCPU had sent it (GICv2)"),
    SgiSource("CPENDSGIR", "makes an SGI of its own not pending from that vCPU (GICv2)"),
    Switch("GICD_CTLR", "has its distributor forward no interrupts, or forward them again"),
)
