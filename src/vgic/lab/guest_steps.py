"""How a guest goes on: it boots, takes interrupts, does the operations of its program.

What an operation does is in `vgic.lab.operations`; here is what several of them need: an access that traps, an end, a
timer's write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from vgic.arch.gicc import CPUID_SHIFT
from vgic.arch.intid import LPI_START, SGIS, special
from vgic.designs.base import Unsupported
from vgic.lab.board import Board
from vgic.lab.guest import TrappedAccess, intid_of
from vgic.lab.operations.operands import NEVER
from vgic.lab.vcpus import GuestVm, VcpuRun
from vgic.parts import step
from vgic.silicon.report import Trap

SAVED_GICC = ("CTLR", "PMR", "BPR", "ABPR", "APR0")
SAVED_ICC = (
    "ICC_PMR_EL1", "ICC_BPR0_EL1", "ICC_BPR1_EL1", "ICC_CTLR_EL1", "ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1",
    "ICC_AP0R0_EL1", "ICC_AP1R0_EL1")
"""What a VMM saves of a guest's CPU interface, of five priority bits."""


class _Saved(NamedTuple):
    """A register that userspace saves: how it is read, cleared and written; whether it reads as zero once it is
    cleared, whatever its interrupts do."""

    read: Callable[[], int]
    clear: Callable[[], None]
    write: Callable[[int], None]
    empties: bool

    def restores(self, value: int) -> bool:
        """Clears it, and writes what was read: whether it is kept."""
        self.clear()
        cleared = not (self.empties and self.read())
        self.write(value)
        return cleared and self.read() == value


class GuestSteps:
    """The guests of a machine. It never changes; guests do."""

    def __init__(self, board: Board) -> None:
        self.m = board

    # -- boot

    def boot(self, run: VcpuRun) -> None:
        """The guest sets up its distributor and its CPU interface. The vCPU is loaded, and is again afterwards."""
        vm, face = run.vm, run.vm.face
        accesses = [face.distributor(True)] if run.vcpu.index == 0 else []
        for intid, ghost in run.irqs.items():
            if intid >= LPI_START:      # its tables are enabled, and name vCPU 0
                self.m.tell.guest_writes(run, "ISENABLER", run, intid, 1)
            if intid >= LPI_START or (intid >= 32 and run.vcpu.index):
                continue
            accesses.append(face.priority(intid, run.vcpu, ghost.priority))
            if intid >= 32:
                accesses += face.route(intid, vm.vcpus[ghost.target].vcpu, face.route_size)
            if intid not in vm.disabled:
                self.m.tell.guest_writes(run, "ISENABLER", run, intid, 1)
                accesses.append(face.bit("ISENABLER", intid, run.vcpu))
        edges = [i for i in run.irqs if 32 <= i < LPI_START and not vm.is_level(i)] if run.vcpu.index == 0 else []
        words = sorted({i // 16 for i in edges})
        accesses[:0] = [face.edges(n, [i for i in edges if i // 16 == n], run.vcpu) for n in words]
        for access in accesses:
            self._emulate(run, access)
        pe = self.pe(run)
        self.m.host_takes_all(pe)           # what firmware left
        self.set_up_interface(run)
        for name, timer in run.timers.items():
            timer.enable = True
            for register, value in (("CVAL", NEVER), ("CTL", 1)):
                if not self._trapped_timer(run, name):
                    self.m.timers.sysreg_write(f"{name}_{register}_EL0", value, pe)
        if run.vcpu.in_guest:
            self.m.leave(run, "boot")
        for name in run.timers:
            for register, value in (("CVAL", NEVER), ("CTL", 1)):
                if self._trapped_timer(run, name):
                    self.m.design.sysreg_write(run.vcpu, f"{name}_{register}_EL0", value)

    def set_up_interface(self, run: VcpuRun) -> None:
        """It sets up its CPU interface: mask, EOImode, group."""
        face, state = run.vm.face, run.guest.state
        for write, value in ((partial(face.pmr, run.vcpu, state.pmr), state.pmr),
                             (partial(face.eoimode, run.vcpu, state.split, True), 2 * state.split),
                             (partial(face.group, run.vcpu, state.split, True), 1)):
            if self.m.can_enter(run):
                self.m.enter(run)
            self.set_register(run, write, value)

    def start(self, run: VcpuRun) -> None:
        """It was switched on: it sets up its timers and its CPU interface, and takes interrupts. The registers of its
        distributor are as it left them."""
        self.m.tell.guest_says(run, "starts: sets up its CPU interface")
        for name in sorted(run.timers, key=partial(self._trapped_timer, run)):
            for register, value in (("CVAL", NEVER), ("CTL", 1)):
                self.write_timer(run, name, register, value)
        self.set_up_interface(run)
        run.guest.state.masked = False

    # -- what it may do

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
        if not run.vcpu.in_guest or run.guest.state.off:
            return False
        op = run.guest.next_op()
        if op is None:
            pe = self.pe(run)
            return not run.guest.spins and not self.m.virq(run) and not self.m.gic.irq(pe)
        return op.operation.possible(run, *op.values)

    def ack(self, run: VcpuRun) -> None:
        """It takes the virtual interrupt that is signalled: reads IAR, and is in the handler."""
        self.m.tell.guest_takes(run)
        iar = run.vm.face.iar(run.vcpu)
        self.m.settle()
        self.read_iar(run, iar, None)

    def read_iar(self, run: VcpuRun, iar: int, changed: bool | None) -> None:
        """IAR returned this: where it is an interrupt, the guest is in its handler. `changed`: whether the read changed
        the interface, where anybody looked."""
        intid = intid_of(iar)
        self.m.tell.guest_read_iar(run, intid, intid, changed)
        if not special(intid):
            self.m.tell.guest_acknowledged(run, intid, None, iar >> CPUID_SHIFT & 7 if intid < SGIS else 0)
            run.guest.enters_handler(iar)

    def do(self, run: VcpuRun) -> None:
        """It does its next operation; idle, it waits in WFI."""
        self.m.tell.guest_steps(run)
        op = run.guest.next_op()
        if op is None:
            self.wfi(run)
            return
        operation = op.operation
        values = (run.guest.state.stack[-1][0], *op.values) if operation.own else op.values
        if not operation.moves:
            run.guest.advance()
        operation.do(self, run, *values)
        self.m.settle()

    # -- what several operations do

    def wfi(self, run: VcpuRun) -> None:
        """It executes WFI, which traps where nothing is signalled."""
        pe = self.pe(run)
        if self.m.virq(run) or self.m.gic.irq(pe):
            self.m.tell.guest_says(run, "executes WFI, and goes on at once")
            return
        self.m.tell.guest_says(run, "executes WFI")
        self.m.leave(run, "WFI")
        run.sched.blocking = True

    def switch_off(self, run: VcpuRun) -> None:
        """It calls CPU_OFF, which does not return; its thread sleeps until it is switched on."""
        self.m.tell.switched_off(run)
        if run.vcpu.in_guest:
            self.m.leave(run, "hypercall")
        run.guest.switches_off()
        self.m.design.psci_cpu_off(run.vcpu)
        self.m.put(run)

    def switch_on(self, run: VcpuRun, target: VcpuRun) -> None:
        """It calls CPU_ON for another vCPU, or for itself."""
        self.m.tell.guest_says(run, f"calls CPU_ON of {target.name}")
        self.m.leave(run, "hypercall")
        started = self.m.design.psci_cpu_on(target.vcpu)
        self.m.tell.switched_on(run, target, started)
        if started:
            target.guest.starts()
            for timer in target.timers.values():
                timer.enable = timer.imask = False
            self.m.timers_moved()

    def suspend(self, run: VcpuRun) -> None:
        """It calls CPU_SUSPEND: it waits as in WFI, and goes on after the call."""
        self.m.tell.guest_says(run, "calls CPU_SUSPEND")
        self.m.leave(run, "hypercall")
        run.sched.blocking = True

    @step
    def eoi(self, run: VcpuRun, iar: int) -> None:
        """It writes EOIR with what IAR returned."""
        if not run.guest.state.split:
            self.m.tell.guest_deactivates(run, intid_of(iar))
        self.write_eoir(run, iar)

    def write_eoir(self, run: VcpuRun, iar: int) -> None:
        """It writes EOIR with what may have been acknowledged or not."""
        face, intid = run.vm.face, intid_of(iar)
        self.m.tell.guest_ends(run, face.eoir_name, intid)
        face.eoir(run.vcpu, iar)
        self.m.tell.guest_ended(run, face.eoir_name, intid, None)

    @step
    def write_timer(self, run: VcpuRun, name: str, register: str, value: int) -> None:
        """It writes CTL or CVAL of a timer."""
        trapped = self._trapped_timer(run, name)
        full = f"{name}_{register}_EL0"
        if not trapped:
            self.m.timers.sysreg_write(full, value, self.pe(run))
        timer = run.timers.get(name)
        if timer is not None:
            timer.written(register, value)
        self.m.tell.timer_written(run, full, value)
        self.m.timers_moved()
        if trapped:
            self.trapped(run, TrappedAccess(full, 0, 8, value, full))

    def write(self, run: VcpuRun, register: str, owner: VcpuRun, intids: Sequence[int], value: int,
              *accesses: TrappedAccess) -> None:
        """It writes the same for some interrupts in a register of its distributor, by accesses that trap."""
        for intid in intids:
            self.m.tell.guest_writes(run, register, owner, intid, value)
        for access in accesses:
            self.trapped(run, access)
        for intid in intids:
            self.m.tell.guest_wrote(run, register, owner, intid, value)

    def _trapped_timer(self, run: VcpuRun, name: str) -> bool:
        return name in self.m.design.of(run.vcpu.vm).trapped_timers

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
            self.trapped(run, TrappedAccess(trap.register, 0, 8, value, trap.register))

    def trapped(self, run: VcpuRun, access: TrappedAccess) -> int:
        """An access that traps: exit, and the design does it."""
        if run.vcpu.in_guest:
            self.m.tell.trapped(run, access.name, access.value)
            self.m.leave(run, "trap")
        return self._emulate(run, access)

    def _emulate(self, run: VcpuRun, access: TrappedAccess) -> int:
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
        """Userspace reads the pending, active and enable state and the CPU interfaces of a stopped VM, clears each
        register, and writes it back. False where the design can't be saved."""
        before, places = _chip_state(self.m), list(self._distributor_saves(vm))
        try:
            read = [place.read() for place in places]
        except Unsupported:
            return False
        kept = [place.restores(value) for place, value in zip(places, read, strict=True)]
        kept += [place.restores(place.read()) for place in self._interface_saves(vm)]
        again = [place.read() for place in places]
        after = _chip_state(self.m)
        self.m.tell.saved_and_restored(vm.name, after != before, again == read and all(kept))
        return True

    def _distributor_saves(self, vm: GuestVm) -> Iterator[_Saved]:
        """What is saved of a VM's distributor and redistributors, in the order in which it is restored."""
        for register in ("ISENABLER", "ISPENDR", "ISACTIVER"):
            for run in vm.vcpus:
                for n in sorted({i // 32 for i in run.irqs if i < 32 or run.vcpu.index == 0}):
                    frame = vm.vm.frame(32 * n, run.vcpu)
                    address, clear = (frame.of(r, 32 * n).address for r in (register, f"IC{register[2:]}"))
                    if vm.vm.gic == 3 and register == "ISPENDR":        # a zero clears, and ICPENDR does nothing
                        yield self._frame_saved(run, address, address, 0, True)
                    else:
                        yield self._frame_saved(run, address, clear, 0xFFFF_FFFF)
        if vm.vm.gic == 2:              # ISPENDR can't tell who sent an SGI
            for run in vm.vcpus:
                for n in sorted({i // 4 for i in run.irqs if i < 16}):
                    address, clear = (vm.vm.gicd[f"{r}{n}"].address for r in ("SPENDSGIR", "CPENDSGIR"))
                    yield self._frame_saved(run, address, clear, 0xFFFF_FFFF)

    def _interface_saves(self, vm: GuestVm) -> Iterator[_Saved]:
        """What is saved of its vCPUs' CPU interfaces."""
        design = self.m.design
        for run in vm.vcpus:
            if vm.vm.gic == 2:
                for name in SAVED_GICC:
                    address = vm.vm.gicc[name].address
                    yield self._frame_saved(run, address, address, 0, True)
            else:
                for name in SAVED_ICC:
                    write = partial(design.uaccess_sysreg_write, run.vcpu, name)
                    yield _Saved(partial(design.uaccess_sysreg_read, run.vcpu, name), partial(write, 0), write, True)

    def _frame_saved(self, run: VcpuRun, address: int, clear: int, zero: int, empties: bool = False) -> _Saved:
        read, write = self.m.design.uaccess_read, self.m.design.uaccess_write
        return _Saved(partial(read, run.vcpu, address, 4), partial(write, run.vcpu, clear, 4, zero),
                      partial(write, run.vcpu, address, 4), empties)


def _chip_state(board: Board) -> list[tuple[bool, bool, bool]]:
    chip = board.gic.distributor
    return [(i.enabled, i.latch, i.active) for bank in (*chip.banked, chip.spis) for i in bank]
