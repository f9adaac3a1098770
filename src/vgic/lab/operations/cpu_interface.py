"""What a guest does at its CPU interface: acknowledge, end, deactivate; its masks and its mode."""
from __future__ import annotations

from functools import partial
from typing import ClassVar

from vgic.arch.intid import special
from vgic.lab.guest import intid_of
from vgic.lab.guest_steps import GuestSteps
from vgic.lab.operations.operands import Flag, Intid, Mask, Operand
from vgic.lab.operations.operation import Operation
from vgic.lab.vcpus import VcpuRun
from vgic.parts import step
from vgic.silicon.report import Trap


class Pmr(Operation):
    """The priority mask."""

    operands = (Mask(),)

    def do(self, guests: GuestSteps, run: VcpuRun, value: int) -> None:
        run.guest.state.pmr = value
        guests.m.tell.guest_says(run, self.text((value,)))
        guests.set_register(run, partial(run.vm.face.pmr, run.vcpu, value), value)


class EoiMode(Operation):
    """EOImode: 1 splits the priority drop and the deactivation."""

    operands = (Flag(),)

    def do(self, guests: GuestSteps, run: VcpuRun, value: int) -> None:
        state = run.guest.state
        guests.m.tell.guest_says(run, self.text((value,)))
        state.split = bool(value)
        write = partial(run.vm.face.eoimode, run.vcpu, state.split, state.grpen)
        guests.set_register(run, write, 2 * state.split)


class GroupEnable(Operation):
    """The enable of the group that all its interrupts are in."""

    operands = (Flag(),)

    def do(self, guests: GuestSteps, run: VcpuRun, value: int) -> None:
        state = run.guest.state
        guests.m.tell.guest_says(run, self.text((value,)))
        state.grpen = bool(value)
        run.vm.face.group(run.vcpu, state.split, state.grpen)


class Iar(Operation):
    """An IAR read that nobody asked for; rule 16. Where it traps, list registers are emptied by the exit."""

    def do(self, guests: GuestSteps, run: VcpuRun) -> None:
        pe = guests.pe(run)
        before = guests.interface_state(pe)
        iar = run.vm.face.iar(run.vcpu)
        guests.read_iar(run, iar, special(intid_of(iar)) and guests.interface_state(pe) != before)


class Eoi(Operation):
    """EOIR at the end of a handler. It belongs to its handler until it is done."""

    own = True
    moves = True

    def do(self, guests: GuestSteps, run: VcpuRun, iar: int) -> None:
        guests.eoi(run, iar)
        run.guest.drops()
        run.guest.advance()


class Eoir(Operation):
    """EOIR outside the usual place: it ends what the guest has acknowledged and not ended, or nothing."""

    operands = (Intid(),)

    def do(self, guests: GuestSteps, run: VcpuRun, intid: int) -> None:
        iar = run.guest.owes(intid)
        if iar is None:
            guests.write_eoir(run, intid)
        else:
            guests.eoi(run, iar)
            run.guest.ends(iar)


class Dir(Operation):
    """DIR, with an INTID; it does nothing with EOImode 0 (IHI 0069, ICV_DIR_EL1)."""

    operands: ClassVar[tuple[Operand, ...]] = (Intid(),)

    @step
    def do(self, guests: GuestSteps, run: VcpuRun, iar: int) -> None:
        tell, face, intid = guests.m.tell, run.vm.face, intid_of(iar)
        tell.guest_ends(run, face.dir_name, intid)
        if run.guest.state.split:
            tell.guest_deactivates(run, intid)
        try:
            face.dir(run.vcpu, iar)
        except Trap:
            guests.trapped(run, face.trapped_dir(iar))
        tell.guest_ended(run, face.dir_name, intid, None)


class OwnDir(Dir):
    """DIR in a handler, with what IAR returned."""

    operands = ()
    own = True


CPU_INTERFACE: tuple[Operation, ...] = (
    Pmr("PMR", "sets the priority mask of its CPU interface"),
    EoiMode("EOIMODE", "sets EOImode: 0 ends and deactivates at once, 1 leaves the deactivation to DIR"),
    GroupEnable("IGRPEN", "disables or enables the group of its interrupts at its CPU interface"),
    Iar("IAR", "reads IAR whatever is signalled; with nothing there, nothing may change"),
    Eoi("EOI", "writes EOIR with what IAR returned"),
    Eoir("EOIR", "writes EOIR outside a handler"),
    OwnDir("DIR", "writes DIR with what IAR returned"),
    Dir("DIR", "deactivates an interrupt (EOImode 1) outside its handler"),
)
