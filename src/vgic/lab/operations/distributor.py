"""What a guest does at its distributor, and at its redistributors: each is an access that traps. SGIs, too."""
from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.affinity import of_sgi
from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations import operands
from vgic.lab.operations.operands import (
    OTHERS,
    Affinity,
    Flag,
    Intid,
    Owner,
    Ppi,
    Priority,
    Source,
    Spi,
    Targets,
    Trigger,
    Vcpu,
    Width,
)
from vgic.lab.operations.operation import Operation
from vgic.lab.vcpus import VcpuRun
from vgic.parts import step
from vgic.rules.ghost import NOBODY


class WriteBit(Operation):
    """Writes an interrupt's bit of the register of its name; nothing where the VM does not have the interrupt."""

    operands = (Intid(), Owner())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, of: int | None) -> None:
        owner = run if of is None else run.vm.vcpus[of]
        if intid in owner.irqs:
            guests.write(run, self.word, owner, (intid,), 1, run.vm.face.bit(self.word, intid, owner.vcpu))


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


class SetPriority(Operation):
    """Writes IPRIORITYR: an interrupt's byte, or the word, where all that are in it get the priority."""

    operands = (Intid(), Priority(), Width())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, priority: int, width: int | None) -> None:
        if intid in run.irqs:
            size = width or 1
            access = run.vm.face.priority(intid, run.vcpu, priority, size)
            guests.write(run, "IPRIORITYR", run, covered(run, intid, size), priority, access)


class ReadPriority(Operation):
    """Reads IPRIORITYR, and sees whether an interrupt's priority is what the guest wrote; rule 22."""

    operands = (Intid(), Width())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, width: int | None) -> None:
        if intid in run.irqs:
            size = width or 1
            value = guests.trapped(run, run.vm.face.priority(intid, run.vcpu, None, size))
            if size in BYTES:
                guests.m.tell.guest_read(run, "IPRIORITYR", run, intid, value >> 8 * (intid % size) & 0xFF)


class SetTrigger(Operation):
    """Writes the word of ICFGR with the PPIs: this one edge-triggered or not, the others not. Whether it can be changed
    is IMPLEMENTATION DEFINED (IHI 0069, GICR_ICFGR1), and a hypervisor's choice."""

    operands = (Ppi(), Trigger())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, edge: int) -> None:
        if intid in run.irqs:
            guests.trapped(run, run.vm.face.edges(1, (intid,) if edge else (), run.vcpu))


class Route(Operation):
    """Writes an SPI's IROUTER, or ITARGETSR: a byte, or the word, where all that are in it go to the vCPU."""

    operands = (Spi(), Vcpu(), Width())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, target: int, width: int | None) -> None:
        if intid in run.irqs:
            face = run.vm.face
            size = width or face.route_size
            if run.vcpu.vm.gic == 3:
                written: Sequence[int] = (intid,) if size >= 4 else ()
            else:
                written = covered(run, intid, size)
            accesses = face.route(intid, run.vm.vcpus[target].vcpu, size)
            guests.write(run, "IROUTER", run, written, target, *accesses)


class RouteTo(Operation):
    """Writes an SPI's IROUTER with an affinity; where no vCPU has it, nobody is to get the SPI."""

    operands = (Spi(), Affinity(), Width())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, affinity: int, width: int | None) -> None:
        if intid in run.irqs:
            face, target = run.vm.face, run.vcpu.vm.vcpu_at(affinity)
            size = width or face.route_size
            accesses = face.irouter(intid, affinity, size)
            guests.write(run, "IROUTER", run, (intid,) if size >= 4 else (), NOBODY if target is None else target.index,
                         *accesses)


class SgiTo(Operation):
    """Writes ICC_SGI1R_EL1 with what names vCPUs; those that there are get the SGI."""

    operands = (operands.Sgi(), Targets())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, targets: int) -> None:
        vm = run.vcpu.vm
        named = of_sgi(targets)
        for target in run.vm.vcpus:
            if target is not run if targets == OTHERS else vm.affinity(target.vcpu) in named:
                guests.m.tell.guest_sends_sgi(run, target, intid)
        guests.trapped(run, run.vm.face.sgi1r(intid, targets))


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
        guests.write(run, "IGROUPR", run, (intid,), group, run.vm.face.groups(intid, run.vcpu, value))


class SgiSource(Operation):
    """Writes one source's bit of its own SGI in SPENDSGIR or CPENDSGIR, by its name (GICv2)."""

    operands = (operands.Sgi(), Source("from"), Width())

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, intid: int, source: int, width: int | None) -> None:
        size = width or 1
        access = run.vm.face.sgi_source(self.word, intid, source, size)
        guests.write(run, self.word, run, (intid,) if size in BYTES else (), source, access)


BYTES = (1, 4)
"""The widths that registers with a byte for each interrupt have (IHI 0048B 4.1.4; IHI 0069, GICD_IPRIORITYR<n>)."""


def covered(run: VcpuRun, intid: int, size: int) -> tuple[int, ...]:
    """The interrupts of a vCPU that an access of this size reaches in a register with a byte for each, with this one;
    none where the register does not have the size."""
    first = intid - intid % size
    return tuple(i for i in range(first, first + size) if i in run.irqs) if size in BYTES else ()


DISTRIBUTOR: tuple[Operation, ...] = (
    WriteBit("ISENABLER", "enables an interrupt (a word)"),
    WriteBit("ICENABLER", "disables an interrupt (a word)"),
    WriteBit("ISPENDR", "makes an interrupt pending (a word)"),
    WriteBit("ICPENDR", "makes an interrupt not pending (a word)"),
    WriteBit("ISACTIVER", "makes an interrupt active (a word)"),
    WriteBit("ICACTIVER", "makes an interrupt inactive (a word)"),
    SetPriority("IPRIORITYR", "sets an interrupt's priority: by byte, or by word those of all that are in it"),
    SetTrigger("ICFGR", "asks for a PPI to be edge-triggered or level-sensitive (a word, all others level-sensitive)"),
    Route("ROUTE", "sends an SPI to a vCPU: IROUTER, a doubleword or by word its halves; ITARGETSR, a byte or by word"
                   " all that are in it"),
    RouteTo("IROUTER", "sends an SPI to an affinity, be there a vCPU or not (GICv3)"),
    ReadBit("ISPENDR", "reads an interrupt's pending bit, and sees whether that is true"),
    ReadBit("ISACTIVER", "reads an interrupt's active bit, and sees whether that is true"),
    ReadBit("ISENABLER", "reads an interrupt's enable bit, and sees whether that is true"),
    ReadPriority("READ IPRIORITYR", "reads an interrupt's priority (a byte), and sees whether that is true"),
    Sgi("SGI", "sends an SGI to a vCPU"),
    Group("IGROUPR", "moves an interrupt to group 0, which it has not enabled, or back to group 1 (GICv3)"),
    SgiTo("ICC_SGI1R", "sends an SGI to those of an affinity and a list of Aff0, be there such or not (GICv3)"),
    OtherGroup("SGI0R", "asks for an SGI of group 0: none comes of group 1 (GICv3)"),
    SgiSource("SPENDSGIR", "makes an SGI of its own pending, as if that vCPU had sent it (GICv2): a byte, or by word"),
    SgiSource("CPENDSGIR", "makes an SGI of its own not pending from that vCPU (GICv2): a byte, or by word"),
    Switch("GICD_CTLR", "has its distributor forward no interrupts, or forward them again"),
)
