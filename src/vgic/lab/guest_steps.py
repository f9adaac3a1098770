"""How a guest goes on: it boots, takes interrupts, does its program's operations; and what rules remember of it.

What an operation does is in `vgic.lab.operations`; here is what several of them need: an access that traps, an end, a
timer's write.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vgic.designs.base import Unsupported
from vgic.lab.board import Board
from vgic.lab.guest import Access, intid_of
from vgic.lab.operations.operands import NEVER
from vgic.lab.vcpus import GuestVm, VcpuRun
from vgic.parts import step
from vgic.rules.ghost import DROPPED, GONE, PRESENT
from vgic.silicon.report import Trap
from vgic.silicon.virtual_interface import special

LPI_START = 8192
SGI_SOURCE = 10
CPENDSGIR, SPENDSGIR = 0xF10, 0xF20
CLEAR = 0x80
"""From a set-bits register to its clear-bits twin."""


class GuestSteps:
    """The guests of a machine. It never changes; guests and ghosts do."""

    def __init__(self, board: Board) -> None:
        self.m = board

    # -- boot

    def boot(self, vm: GuestVm, run: VcpuRun) -> None:
        """The guest sets up its distributor and its CPU interface. The vCPU is loaded, and is again afterwards."""
        face = vm.face
        accesses = [face.enable_distributor()] if run.vcpu.index == 0 else []
        for intid, ghost in run.irqs.items():
            if intid >= LPI_START:      # its tables are enabled, and name vCPU 0
                ghost.enabled = True
            if intid >= LPI_START or (intid >= 32 and run.vcpu.index):
                continue
            accesses.append(face.priority(intid, run.vcpu, ghost.priority))
            if intid >= 32:
                accesses.append(face.route(intid, vm.vcpus[ghost.target].vcpu))
            ghost.enabled = intid not in vm.disabled
            if ghost.enabled:
                accesses.append(face.bit("ISENABLER", intid, run.vcpu))
        edges = [i for i in run.irqs if 32 <= i < LPI_START and not vm.is_level(i)] if run.vcpu.index == 0 else []
        words = sorted({i // 16 for i in edges})
        accesses[:0] = [face.edges(n, [i for i in edges if i // 16 == n], run.vcpu) for n in words]
        for access in accesses:
            self._emulate(run, access)
        state, pe = run.guest.state, self.pe(run)
        for write, value in ((partial(face.pmr, run.vcpu, state.pmr), state.pmr),
                             (partial(face.eoimode, run.vcpu, state.split, True), 2 * state.split),
                             (partial(face.group, run.vcpu, state.split, True), 1)):
            if not run.vcpu.in_guest:
                self.m.enter(run)
            self.set_register(run, write, value)
        for name, timer in run.timers.items():
            timer.enable = True
            for register, value in (("CVAL", NEVER), ("CTL", 1)):
                if not self._trapped_timer(name):
                    self.m.timers.sysreg_write(f"{name}_{register}_EL0", value, pe)
        if run.vcpu.in_guest:
            self.m.leave(run, "boot")
        for name in run.timers:
            for register, value in (("CVAL", NEVER), ("CTL", 1)):
                if self._trapped_timer(name):
                    self.m.design.sysreg_write(run.vcpu, f"{name}_{register}_EL0", value)

    def enters(self, run: VcpuRun) -> None:
        """It is about to be entered: what its own model has lowered is known to be low."""
        for intid, ghost in run.irqs.items():
            if (ghost.software and ghost.cause == DROPPED and ghost.target == run.vcpu.index
                    and not self.elsewhere(run, intid)):
                ghost.cause = GONE

    # -- what it may do

    def vm(self, run: VcpuRun) -> GuestVm:
        """A vCPU's VM."""
        return self.m.vm_of[run.name]

    def pe(self, run: VcpuRun) -> int:
        """The PE that a vCPU is loaded on."""
        pe = run.vcpu.pe
        assert pe is not None
        return pe

    def can_ack(self, run: VcpuRun) -> bool:
        """Whether a virtual interrupt is signalled and it takes interrupts."""
        return run.vcpu.in_guest and not run.guest.state.masked and self.m.virq(run)

    def can_step(self, run: VcpuRun) -> bool:
        """Whether it can do its next operation now."""
        if not run.vcpu.in_guest:
            return False
        op = run.guest.next_op()
        if op is None:
            pe = self.pe(run)
            return not run.guest.spins and not self.m.virq(run) and not self.m.gic.irq(pe)
        return op.operation.possible(run, *op.values)

    def _stepped(self, run: VcpuRun) -> None:
        self.m.calm()
        if run.ghost.barren:
            run.ghost.barren = 0
        if run.ghost.maintained:
            run.ghost.maintained = False

    def ack(self, run: VcpuRun) -> bool:
        """It takes the virtual interrupt that is signalled: reads IAR, and is in the handler."""
        if not self.can_ack(run):
            return False
        self._stepped(run)
        iar = self.vm(run).face.iar(run.vcpu)
        intid = intid_of(iar)
        self.m.settle()
        self.m.tell("ack", run, intid=intid)
        if special(intid):
            return True
        self.acknowledged(run, intid, iar)
        run.guest.enters_handler(iar)
        return True

    def acknowledged(self, run: VcpuRun, intid: int, iar: int) -> None:
        """What rules remember of an acknowledge."""
        ghost, faults, vm = run.irqs.get(intid), self.m.faults, self.vm(run)
        who = f"{run.name} acknowledges {intid}"
        if ghost is None:
            faults.tell(4, f"{who}, which its machine does not have")
            return
        if not ghost.enabled:
            faults.tell(34, f"{who}, which its guest has disabled")
        if ghost.active is not None:
            faults.tell(4, f"{who}, which is active: vCPU {ghost.active} has not deactivated it")
        if vm.vm.gic == 2 and intid < 16:
            source = iar >> SGI_SOURCE & 7
            if not ghost.sources >> source & 1:
                faults.tell(39, f"{who} from vCPU {source}, which did not send it")
            ghost.sources &= ~(1 << source)
        elif vm.is_level(intid) and intid >= 16:
            if ghost.cause != PRESENT and not ghost.soft and ghost.cause != DROPPED:
                faults.tell(3, f"{who}, whose line is low, and it has been out of its guest since it dropped")
            ghost.soft = False
        else:
            if not ghost.credit:
                faults.tell(4, f"{who} once more than edges came")
            ghost.credit = max(0, ghost.credit - 1)
            ghost.owed = ghost.was_disabled = False
        ghost.active = run.vcpu.index

    def deactivated(self, run: VcpuRun, intid: int) -> None:
        """What rules remember of a deactivation."""
        ghost = run.irqs.get(intid)
        if ghost is not None:
            ghost.active = None
            if ghost.cause == DROPPED:
                ghost.cause = GONE

    def do(self, run: VcpuRun) -> bool:
        """It does its next operation; idle, it waits in WFI."""
        if not self.can_step(run):
            return False
        self._stepped(run)
        op = run.guest.next_op()
        if op is None:
            self.wfi(run)
            return True
        operation = op.operation
        values = (run.guest.state.stack[-1][0], *op.values) if operation.own else op.values
        if not operation.moves:
            run.guest.advance()
        operation.do(self, run, *values)
        self.m.settle()
        return True

    # -- what several operations do

    def wfi(self, run: VcpuRun) -> None:
        """It executes WFI, which traps where nothing is signalled."""
        pe = self.pe(run)
        if self.m.virq(run) or self.m.gic.irq(pe):
            self.m.tell("guest", run, text="executes WFI, and goes on at once")
            return
        self.m.tell("guest", run, text="executes WFI")
        self.m.leave(run, "WFI")
        run.sched.blocking = True

    @step
    def eoi(self, run: VcpuRun, iar: int) -> None:
        """It writes EOIR with what IAR returned."""
        self.vm(run).face.eoir(run.vcpu, iar)
        self.m.tell("eoi", run, intid=intid_of(iar))
        if not run.guest.state.split:
            self.deactivated(run, intid_of(iar))

    @step
    def write_timer(self, run: VcpuRun, name: str, register: str, value: int) -> None:
        """It writes CTL or CVAL of a timer."""
        trapped = self._trapped_timer(name)
        if not trapped:
            self.m.timers.sysreg_write(f"{name}_{register}_EL0", value, self.pe(run))
        ghost = run.timers.get(name)
        if ghost is not None:
            if register == "CVAL":
                ghost.cval = value
            else:
                ghost.enable, ghost.imask = bool(value & 1), bool(value & 2)
        shown = "never" if value == NEVER else str(value)
        self.m.tell("guest", run, text=f"writes {name}_{register}_EL0 = {shown}")
        self.m.timers_moved()
        if trapped:
            self.trapped(run, Access(f"{name}_{register}_EL0", 0, 8, value, f"{name}_{register}_EL0"))

    def _trapped_timer(self, name: str) -> bool:
        return name in self.m.trapped_timers

    def elsewhere(self, run: VcpuRun, intid: int) -> bool:
        """Whether another vCPU that is in its guest has the interrupt in a list register, where nobody reaches it."""
        held = [lr.vintid for other in self.vm(run).vcpus if other is not run and other.vcpu.in_guest
                for lr in self.m.gic.virtual[self.pe(other)].lrs if lr.state]
        return intid in held

    def interface_state(self, pe: int) -> tuple[object, ...]:
        """What an acknowledge or an end changes in a PE's virtual interface."""
        interface = self.m.gic.virtual[pe]
        return (interface.state.eoicount, *(g.active for g in interface.groups), *(lr.state for lr in interface.lrs))

    # -- traps

    def set_register(self, run: VcpuRun, write: Callable[[], None], value: int) -> None:
        """A write to a register of its CPU interface; where that traps, the design does it."""
        try:
            write()
        except Trap as trap:
            self.trapped(run, Access(trap.register, 0, 8, value, trap.register))

    def trapped(self, run: VcpuRun, access: Access) -> int:
        """An access that traps: exit, and the design does it."""
        if run.vcpu.in_guest:
            self.m.tell("trap", run, name=access.name, value=access.value)
            self.m.leave(run, "trap")
        return self._emulate(run, access)

    def _emulate(self, run: VcpuRun, access: Access) -> int:
        design = self.m.design
        if access.register:
            design.sysreg_write(run.vcpu, access.register, access.value or 0)
        elif access.value is None:
            return design.mmio_read(run.vcpu, access.address, access.size)
        else:
            design.mmio_write(run.vcpu, access.address, access.size, access.value)
        self.m.settle()
        return 0

    # -- userspace

    def saved(self, vm: GuestVm) -> bool:
        """Userspace reads the pending, active and enable state of a stopped VM, clears it, and writes it back;
        rule 21: nothing physical changes, and what it reads then is the same, at once and in the end."""
        if any(run.vcpu.in_guest for run in vm.vcpus):
            return False
        before, read = _chip_state(self.m), self._save(vm)
        if read is None:
            return False
        kept = True
        for run, address, clear, value in read:
            self.m.design.uaccess_write(run.vcpu, clear, 4, 0xFFFF_FFFF)
            self.m.design.uaccess_write(run.vcpu, address, 4, value)
            kept = kept and self.m.design.uaccess_read(run.vcpu, address, 4) == value
        again = self._save(vm)
        after = _chip_state(self.m)
        if after != before:
            self.m.faults.tell(21, f"userspace saves and restores {vm.name}, and physical state changes")
        if again != read or not kept:
            self.m.faults.tell(21, f"userspace saves and restores {vm.name}, and then reads another state")
        return True

    def _save(self, vm: GuestVm) -> list[tuple[VcpuRun, int, int, int]] | None:
        """Of each register to save, in the order in which it is restored: the vCPU that accesses it, where it is set,
        where it is cleared, its value."""
        found = []
        try:
            for register in ("ISENABLER", "ISPENDR", "ISACTIVER"):
                for run in vm.vcpus:
                    for n in sorted({i // 32 for i in run.irqs if i < 32 or run.vcpu.index == 0}):
                        address = vm.face.bit(register, 32 * n, run.vcpu, write=False).address
                        value = self.m.design.uaccess_read(run.vcpu, address, 4)
                        found.append((run, address, address + CLEAR, value))
            if vm.vm.gic == 2:          # ISPENDR can't tell who sent an SGI
                base = vm.vm.map.gicd
                for run in vm.vcpus:
                    for n in sorted({i // 4 for i in run.irqs if i < 16}):
                        value = self.m.design.uaccess_read(run.vcpu, base + SPENDSGIR + 4 * n, 4)
                        found.append((run, base + SPENDSGIR + 4 * n, base + CPENDSGIR + 4 * n, value))
        except Unsupported:
            return None
        return found


def _chip_state(board: Board) -> list[tuple[bool, bool, bool]]:
    chip = board.gic.distributor
    return [(i.enabled, i.latch, i.active) for bank in (*chip.banked, chip.spis) for i in bank]
