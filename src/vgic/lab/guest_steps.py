"""What a guest's operations do to the machine, and what rules remember of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vgic.arch.intid import special
from vgic.designs.base import Unsupported
from vgic.lab.guest import Access, intid_of
from vgic.lab.program import NEVER, Op
from vgic.lab.vms import LPI_START, VcpuRun, VmRun
from vgic.parts import step
from vgic.rules.ghost import DROPPED, GONE, NOBODY, PRESENT, IrqGhost
from vgic.silicon.report import Trap

if TYPE_CHECKING:
    from vgic.lab.machine import Machine

SGI_SOURCE = 10
CPENDSGIR, SPENDSGIR = 0xF10, 0xF20
CLEAR = 0x80
"""From a set-bits register to its clear-bits twin."""


class GuestSteps:
    """The guests of a machine. It never changes; guests and ghosts do."""

    def __init__(self, machine: Machine) -> None:
        self.m = machine

    # -- boot

    def boot(self, vm: VmRun, run: VcpuRun) -> None:
        """The guest sets up its distributor and its CPU interface. The vCPU is loaded, and is again afterwards."""
        face, spec = vm.face, vm.spec
        accesses = [face.enable_distributor()] if run.vcpu.index == 0 else []
        for intid, ghost in run.irqs.items():
            if intid >= LPI_START:      # its tables are enabled, and name vCPU 0
                ghost.enabled = True
            if intid >= LPI_START or (intid >= 32 and run.vcpu.index):
                continue
            accesses.append(face.priority(intid, run.vcpu, ghost.priority))
            if intid >= 32:
                accesses.append(face.route(intid, vm.vcpus[ghost.target].vcpu))
            ghost.enabled = intid not in spec.disabled
            if ghost.enabled:
                accesses.append(face.bit("ISENABLER", intid, run.vcpu))
        edges = [i for i in run.irqs if 32 <= i < LPI_START and not vm.is_level(i)] if run.vcpu.index == 0 else []
        words = sorted({i // 16 for i in edges})
        accesses[:0] = [face.edges(n, [i for i in edges if i // 16 == n], run.vcpu) for n in words]
        for access in accesses:
            self._emulate(run, access)
        state, pe = run.guest.state, self._pe(run)
        for write, value in ((partial(face.pmr, run.vcpu, state.pmr), state.pmr),
                             (partial(face.eoimode, run.vcpu, state.split, True), 2 * state.split),
                             (partial(face.group, run.vcpu, state.split, True), 1)):
            if not run.vcpu.in_guest:
                self.m.enter(run)
            self._set(run, write, value)
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

    def _pe(self, run: VcpuRun) -> int:
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
            pe = self._pe(run)
            return not run.guest.spins and not self.m.virq(run) and not self.m.gic.irq(pe)
        if op.word == "AWAIT":
            return op.intid in run.guest.state.handled
        return True

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
        iar = self.m.vm_of[run.name].face.iar(run.vcpu)
        intid = intid_of(iar)
        self.m.settle()
        self.m.tell("ack", run, intid=intid)
        if special(intid):
            return True
        self._acknowledged(run, intid, iar)
        run.guest.enters_handler(iar)
        return True

    def _acknowledged(self, run: VcpuRun, intid: int, iar: int) -> None:
        """What rules remember of an acknowledge."""
        ghost, faults, vm = run.irqs.get(intid), self.m.faults, self.m.vm_of[run.name]
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

    def do(self, run: VcpuRun) -> bool:
        """It does its next operation; idle, it waits in WFI."""
        if not self.can_step(run):
            return False
        self._stepped(run)
        op = run.guest.next_op()
        if op is None:
            self._wfi(run)
            return True
        if op.word == "AGAIN":
            run.guest.state.pc = 0
            run.guest.state.handled = frozenset()
            return True
        pe = self._pe(run)
        iar = run.guest.state.stack[-1][0] if run.guest.state.stack else -1
        if op.word != "EOI":            # an EOI belongs to its handler's stack until it is done
            run.guest.advance()
        self._do(run, pe, op, iar)
        if op.word == "EOI":
            run.guest.drops()
            run.guest.advance()
        self.m.settle()
        return True

    # -- operations

    def _do(self, run: VcpuRun, pe: int, op: Op, iar: int) -> None:
        state, vm = run.guest.state, self.m.vm_of[run.name]
        match op.word:
            case "MASK" | "UNMASK":
                state.masked = op.word == "MASK"
                self.m.tell("guest", run, text="masks interrupts" if state.masked else "unmasks interrupts")
            case "WFI":
                self._wfi(run)
            case "AWAIT":
                self.m.tell("guest", run, text=f"goes on: its handler of {op.intid} was run")
                state.handled = state.handled - {op.intid}
            case "EOI":
                self._eoi(run, vm, pe, iar)
            case "IAR":
                self._iar(run, vm, pe)
            case "EOIR":
                self._eoir(run, vm, pe, op.intid)
            case "DIR":
                self._dir(run, vm, pe, iar if op.intid < 0 else op.intid)
            case "HANDLE":
                self._serve(run, vm, pe, intid_of(iar))
            case "PMR":
                state.pmr = op.value
                self.m.tell("guest", run, text=op.text)
                self._set(run, partial(vm.face.pmr, run.vcpu, op.value), op.value)
            case "EOIMODE" | "IGRPEN":
                self.m.tell("guest", run, text=op.text)
                if op.word == "EOIMODE":
                    state.split = bool(op.value)
                    self._set(run, partial(vm.face.eoimode, run.vcpu, state.split, state.grpen), 2 * state.split)
                else:
                    state.grpen = bool(op.value)
                    vm.face.group(run.vcpu, state.split, state.grpen)
            case "CNTV_CTL" | "CNTP_CTL":
                self._timer(run, pe, op.word[:4], "CTL", op.value)
            case "CNTV_CVAL" | "CNTP_CVAL":
                value = NEVER if op.value == NEVER else self.m.timers.counter.count + op.value
                self._timer(run, pe, op.word[:4], "CVAL", value)
            case "SGI":
                self._sgi(run, vm, op)
            case _:
                self._distributor(run, vm, op)

    def _wfi(self, run: VcpuRun) -> None:
        pe = self._pe(run)
        if self.m.virq(run) or self.m.gic.irq(pe):
            self.m.tell("guest", run, text="executes WFI, and goes on at once")
            return
        self.m.tell("guest", run, text="executes WFI")
        self.m.leave(run, "WFI")
        run.sched.blocking = True

    def _iar(self, run: VcpuRun, vm: VmRun, pe: int) -> None:
        """An IAR read that nobody asked for; rule 16. Where it traps, list registers are emptied by the exit."""
        before = _interface_state(self.m, pe)
        iar = vm.face.iar(run.vcpu)
        self.m.tell("ack", run, intid=intid_of(iar))
        if not special(intid_of(iar)):
            self._acknowledged(run, intid_of(iar), iar)
            run.guest.enters_handler(iar)
        elif _interface_state(self.m, pe) != before and run.vcpu.in_guest:
            self.m.faults.tell(16, f"{run.name} reads {iar} from IAR, and the interface changes")

    @step
    def _eoi(self, run: VcpuRun, vm: VmRun, pe: int, iar: int) -> None:
        vm.face.eoir(run.vcpu, iar)
        self.m.tell("eoi", run, intid=intid_of(iar))
        if not run.guest.state.split:
            self._deactivated(run, intid_of(iar))

    def _eoir(self, run: VcpuRun, vm: VmRun, pe: int, intid: int) -> None:
        """EOIR outside the usual place: it ends what the guest has acknowledged and not ended, or nothing."""
        iar = run.guest.owes(intid)
        if iar is None:
            vm.face.eoir(run.vcpu, intid)
            self.m.tell("eoi", run, intid=intid)
        else:
            self._eoi(run, vm, pe, iar)
            run.guest.ends(iar)

    @step
    def _dir(self, run: VcpuRun, vm: VmRun, pe: int, iar: int) -> None:
        if run.guest.state.split:       # else it does nothing (IHI 0069, ICV_DIR_EL1)
            self._deactivated(run, intid_of(iar))
        try:
            vm.face.dir(run.vcpu, iar)
        except Trap:
            self.trapped(run, vm.face.trapped_dir(iar))
        self.m.tell("dir", run, intid=intid_of(iar))

    def _deactivated(self, run: VcpuRun, intid: int) -> None:
        ghost = run.irqs.get(intid)
        if ghost is not None:
            ghost.active = None
            if ghost.cause == DROPPED:
                ghost.cause = GONE

    @step
    def _serve(self, run: VcpuRun, vm: VmRun, pe: int, vintid: int) -> None:
        name = run.timer_of.get(vintid)
        if name is not None:
            self._timer(run, pe, name, "CVAL", NEVER)
            return
        device = self.m.device_of.get((id(vm), vintid))
        if device is None:
            return
        if device.traps():
            self.m.tell("trap", run, name=f"an access to {device.name}")
            self.m.leave(run, "trap")
        self.m.tell("guest", run, text=f"serves {device.name}")
        device.served()

    @step
    def _timer(self, run: VcpuRun, pe: int, name: str, register: str, value: int) -> None:
        trapped = self._trapped_timer(name)
        if not trapped:
            self.m.timers.sysreg_write(f"{name}_{register}_EL0", value, pe)
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

    @step
    def _sgi(self, run: VcpuRun, vm: VmRun, op: Op) -> None:
        target = vm.vcpus[op.value]
        ghost = target.irqs[op.intid]
        if vm.vm.gic == 2:
            ghost.sources |= 1 << run.vcpu.index
        else:
            ghost.edge_came()
        self.trapped(run, vm.face.sgi(op.intid, target.vcpu))

    @step
    def _distributor(self, run: VcpuRun, vm: VmRun, op: Op) -> None:
        owner = vm.vcpus[op.of] if op.of >= 0 else run
        ghost = owner.irqs.get(op.intid)
        face = vm.face
        if ghost is None:
            return
        if op.word == "IPRIORITYR":
            ghost.priority = op.value
            self.trapped(run, face.priority(op.intid, run.vcpu, op.value))
        elif op.word == "ROUTE":
            ghost.target = op.value
            self.trapped(run, face.route(op.intid, vm.vcpus[op.value].vcpu))
        elif op.word.startswith("READ"):
            register = op.word.split()[1]
            shown = self.trapped(run, face.bit(register, op.intid, run.vcpu, write=False)) >> op.intid % 32 & 1
            self._judge_read(run, op, register, bool(shown), ghost)
        else:
            self._note_bit(run, vm, op, ghost)
            self.trapped(run, face.bit(op.word, op.intid, owner.vcpu))
            if op.word == "ICENABLER":          # disabled from the moment that the write has returned
                ghost.enabled = False

    def _note_bit(self, run: VcpuRun, vm: VmRun, op: Op, ghost: IrqGhost) -> None:
        level = vm.is_level(op.intid)
        match op.word:
            case "ISENABLER":
                ghost.enabled = True
                if ghost.cause == DROPPED and op.intid not in vm.completions and not self.elsewhere(run, op.intid):
                    ghost.cause = GONE          # an enable samples the line
            case "ICENABLER":
                ghost.was_disabled = True
            case "ISPENDR" | "ICPENDR" if vm.vm.gic == 2 and op.intid < 16:
                pass                            # a GICv2's SGIs have sources: writes are ignored (IHI 0048B 4.3.7)
            case "ISPENDR" if level:
                ghost.soft = True
            case "ISPENDR":
                ghost.edge_came()
            case "ICPENDR":
                if ghost.soft and ghost.cause != PRESENT and self.elsewhere(run, op.intid):
                    ghost.cause = DROPPED       # it may be taken there until that vCPU is left
                ghost.owed = ghost.soft = False
            case "ISACTIVER":
                ghost.active = NOBODY if ghost.active is None else ghost.active
            case "ICACTIVER":
                ghost.active = None

    def elsewhere(self, run: VcpuRun, intid: int) -> bool:
        """Whether another vCPU that is in its guest has the interrupt in a list register, where nobody reaches it."""
        held = [lr.vintid for other in self.m.vm_of[run.name].vcpus if other is not run and other.vcpu.in_guest
                for lr in self.m.gic.virtual[self._pe(other)].lrs if lr.state]
        return intid in held

    def _judge_read(self, run: VcpuRun, op: Op, register: str, shown: bool, ghost: IrqGhost) -> None:
        """Rule 22: what a guest reads of active is what guests did; of pending, what devices and guests did, as far as
        it cannot be on its way."""
        if register == "ISACTIVER":
            true = shown == (ghost.active is not None)
        elif shown:
            true = ghost.owed or ghost.soft or ghost.cause in (PRESENT, DROPPED) or ghost.credit > 0
        else:
            true = not ghost.soft
        self.m.tell("guest", run, text=f"reads {register} of {op.intid}: {int(shown)}")
        if not true:
            self.m.faults.tell(22, f"{run.name} reads {register} of {op.intid} as {int(shown)}")

    # -- traps

    def _set(self, run: VcpuRun, write: Callable[[], None], value: int) -> None:
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

    def saved(self, vm: VmRun) -> bool:
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

    def _save(self, vm: VmRun) -> list[tuple[VcpuRun, int, int, int]] | None:
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


def _interface_state(machine: Machine, pe: int) -> tuple[object, ...]:
    interface = machine.gic.virtual[pe]
    return (interface.state.eoicount, *(g.active for g in interface.groups), *(lr.state for lr in interface.lrs))


def _chip_state(machine: Machine) -> list[tuple[bool, bool, bool]]:
    chip = machine.gic.distributor
    return [(i.enabled, i.latch, i.active) for bank in (*chip.banked, chip.spis) for i in bank]
