"""What can happen next: each action an object that knows whether it is possible, does it, and tells itself by `str`.

An action is what no interrupt can divide: an operation of a guest, the host's whole handler with the exit that it
causes, an entry with its flush (which other PEs may divide, where a scenario says so). Scripts and patterns of
scenarios name actions by their text; a random schedule draws from them; the explorer tries all.

    nic raises, nic lowers, nic pulses      a device's line
    time passes                             the system counter goes on by one tick; timers fire
    vcpu0's wake-up timer fires             work that the host put off, once it is due (`vgic.host.work`)
    pe0's write arrives                     a write of its host's to GICD or GICR reaches the chip (`posted`)
    pe0's disable takes effect              one to ICENABLER does (GICv3)
    pe0 takes IRQ                           the guest on PE 0, if one runs, is left; the host handles one interrupt
    vcpu0 enters                            flush, then its guest runs
    vcpu0 gives up entry                    flush, then sync: something turned up before the guest could run
    vcpu0 flushes                           flush, of an entry that is divided: what other PEs do may come before the
                                            rest of it, "vcpu0 enters" or "vcpu0 gives up entry"
    vcpu0 kicked out                        it is left for a kick
    vcpu0 exits                             it is left for no reason of ours
    vcpu0 acks                              its guest takes the virtual interrupt that is signalled
    vcpu0 steps                             its guest does the next operation of its handler or program
    vcpu0 blocks                            after WFI: it waits, put, unless there is an interrupt to take
    vcpu0 put, vcpu0 loaded (on pe1)        its thread leaves its PE, comes back, or to another PE
    host disables nic, host enables nic     disable_irq, enable_irq
    guest saved                             userspace saves and restores a VM's GIC

`fair` actions are what the machine does by itself, if nobody hinders it: it is at rest when none is possible.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from vgic.host import Work
from vgic.lab.device import Device
from vgic.lab.mainboard import Mainboard
from vgic.lab.posted import Posting
from vgic.lab.vcpus import VcpuRun
from vgic.lab.vms import VmRun, pintid_of


class Action(ABC):
    """One thing that can happen.

    Attributes:
        kind: what happens, in a word or two, whoever it concerns. Class attribute.
        fair: whether the machine does it by itself. Class attribute.
        who: the vCPU that it is of. where: the PE. None where it is of none.
    """

    kind: ClassVar[str]
    fair: ClassVar[bool] = False

    def __init__(self, machine: Mainboard, who: VcpuRun | None = None, where: int | None = None) -> None:
        self.m, self.who, self.where = machine, who, where

    @abstractmethod
    def possible(self) -> bool:
        """Whether it can happen now. Changes nothing."""

    @abstractmethod
    def happens(self) -> None:
        """Does it; it is possible."""

    def do(self) -> bool:
        """Does it, if it is possible; whether it was."""
        if not self.possible():
            return False
        self.happens()
        return True

    @abstractmethod
    def __str__(self) -> str:
        """Its name, as scripts say it: no two actions of a machine have the same."""


# -- what the machine does by itself, the most urgent first: hosts before guests

class WorkRuns(Action):
    """Work that the host put off runs."""

    kind, fair = "work", True

    def __init__(self, machine: Mainboard, work: Work) -> None:
        super().__init__(machine)
        self.work = work

    def possible(self) -> bool:
        return self.work.due(self.m.timers.counter.count)

    def happens(self) -> None:
        m, work = self.m, self.work
        m.tell.work_runs(work.action)
        work.run()
        m.tell.work_done(work.action, self.possible())
        m.settle()

    def __str__(self) -> str:
        return self.work.action


class Arrives(Action):
    """A posted write reaches the chip."""

    kind, fair = "write arrives", True
    late: ClassVar[bool] = False

    def __init__(self, machine: Mainboard, chip: Posting, pe: int) -> None:
        super().__init__(machine, where=pe)
        self.chip, self.pe = chip, pe

    def possible(self) -> bool:
        return self.chip.next_of(self.pe, self.late) is not None

    def happens(self) -> None:
        self.chip.arrive(self.pe, self.late)
        self.m.settle()

    def __str__(self) -> str:
        return f"pe{self.pe}'s {self.kind}"


class TakesEffect(Arrives):
    """A disable that was posted takes effect, of a GICv3."""

    kind, late = "disable takes effect", True


class Takes(Action):
    """A PE takes a physical interrupt: the guest is left first."""

    kind, fair = "takes IRQ", True

    def __init__(self, machine: Mainboard, pe: int) -> None:
        super().__init__(machine, where=pe)
        self.pe = pe

    def possible(self) -> bool:
        return self.m.gic.irq(self.pe) and not self.m.masked(self.pe)

    def happens(self) -> None:
        m = self.m
        run = m.on_pe(self.pe)
        if run is not None and run.vcpu.in_guest:
            m.leave(run, "maintenance" if m.next_is_maintenance(self.pe) else "IRQ")
        pintid = m.kernel.handle_irq(self.pe)
        m.settle()
        m.tell.host_took(self.pe, pintid)

    def __str__(self) -> str:
        return f"pe{self.pe} {self.kind}"


class OfVcpu(Action):
    """An action of one vCPU."""

    def __init__(self, machine: Mainboard, run: VcpuRun) -> None:
        super().__init__(machine, who=run)
        self.run = run

    def __str__(self) -> str:
        return f"{self.run.name} {self.kind}"


class KickedOut(OfVcpu):
    """The IPI of a kick arrives: the guest is left."""

    kind, fair = "kicked out", True

    def possible(self) -> bool:
        return self.run.vcpu.in_guest and self.run.vcpu.kicked

    def happens(self) -> None:
        self.m.leave(self.run, "kick")


class Acknowledges(OfVcpu):
    """The guest takes the virtual interrupt that is signalled."""

    kind, fair = "acks", True

    def possible(self) -> bool:
        return self.m.guests.can_ack(self.run)

    def happens(self) -> None:
        self.m.guests.ack(self.run)


class Steps(OfVcpu):
    """The guest does its next operation; idle, it waits in WFI."""

    kind, fair = "steps", True

    def possible(self) -> bool:
        return self.m.guests.can_step(self.run)

    def happens(self) -> None:
        self.m.guests.do(self.run)


class Blocks(OfVcpu):
    """After WFI, out of the guest: wait, unless there is something to take."""

    kind, fair = "blocks", True

    def possible(self) -> bool:
        return self.run.sched.blocking

    def happens(self) -> None:
        m, run = self.m, self.run
        run.sched.blocking = False
        if m.design.pending(run.vcpu):
            m.tell.stayed(run)
            return
        m.tell.blocked(run)
        m.design.vcpu_blocking(run.vcpu)
        m.design.vcpu_put(run.vcpu)
        run.vcpu.blocked = True
        run.sched.waiting = True
        m.settle()


class Enters(OfVcpu):
    """Flush and entry. The host has interrupts enabled until just before, so that it takes first what is signalled to
    the PE; what comes later comes in the guest."""

    kind, fair = "enters", True

    def possible(self) -> bool:
        return self.m.can_enter(self.run)

    def happens(self) -> None:
        self.m.enter(self.run)


class Flushes(OfVcpu):
    """The first part of an entry that other PEs may divide: flush, with interrupts masked from there on. (KVM has
    consumed its requests before.)"""

    kind, fair = "flushes", True

    def possible(self) -> bool:
        return not self.run.vcpu.entering and self.m.can_enter(self.run)

    def happens(self) -> None:
        self.m.begin_entry(self.run)


class EndsEntry(OfVcpu):
    """The rest of it: the guest is entered, unless the design sees that something turned up. A kick from here on is an
    IPI, and so is a physical interrupt that came since flush: the guest is left as soon as it takes that."""

    kind, fair = Enters.kind, True

    def possible(self) -> bool:
        return self.run.vcpu.entering

    def happens(self) -> None:
        self.m.end_entry(self.run)


class Loaded(OfVcpu):
    """The scheduler puts a runnable vCPU on a PE that is free: on its own, by itself, on another one by chance."""

    kind, fair = "loaded", True

    def __init__(self, machine: Mainboard, run: VcpuRun, pe: int) -> None:
        super().__init__(machine, run)
        self.pe = self.where = pe

    def possible(self) -> bool:
        vcpu = self.run.vcpu
        return vcpu.pe is None and not vcpu.blocked and not vcpu.off and self.m.on_pe(self.pe) is None

    def happens(self) -> None:
        self.m.load(self.run, self.pe)

    def __str__(self) -> str:
        return super().__str__() + (f" on pe{self.pe}" if self.pe != self.run.home else "")


class Moved(Loaded):
    """The scheduler puts a vCPU on a PE that is not its own."""

    fair = False


# -- what others may do at any time: devices, time, the scheduler, userspace

class LineAction(Action):
    """A device moves its line."""

    def __init__(self, machine: Mainboard, device: Device) -> None:
        super().__init__(machine)
        self.device = device

    def __str__(self) -> str:
        return f"{self.device.name} {self.kind}"


class Raises(LineAction):
    """A level device asserts."""

    kind = "raises"

    def possible(self) -> bool:
        return not self.device.line.high

    def happens(self) -> None:
        self.device.moves(True)
        self.m.settle()


class Lowers(LineAction):
    """A level device stops asserting by itself."""

    kind = "lowers"

    def possible(self) -> bool:
        return self.device.line.high

    def happens(self) -> None:
        self.device.moves(False)
        self.m.settle()


class Pulses(LineAction):
    """A device sends an edge."""

    kind = "pulses"

    def possible(self) -> bool:
        return self.device.can_pulse()

    def happens(self) -> None:
        self.device.pulses()
        self.m.settle()


class HostDisables(Action):
    """A driver of the host's calls disable_irq, or enable_irq."""

    def __init__(self, machine: Mainboard, device: Device, disable: bool) -> None:
        super().__init__(machine)
        self.device, self.disable = device, disable
        self.desc = machine.kernel.irq(pintid_of(device.spec))

    kind = "disables"

    def possible(self) -> bool:
        return bool(self.desc.depth) is not self.disable

    def happens(self) -> None:
        m, desc = self.m, self.desc
        m.tell.host_disables(desc.pintid, self.disable)
        (m.kernel.disable_irq if self.disable else m.kernel.enable_irq)(desc, desc.affinity)
        m.settle()

    def __str__(self) -> str:
        return f"host {'disables' if self.disable else 'enables'} {self.device.name}"


class TimePasses(Action):
    """The system counter goes on by one tick, as often as the scenario lets it."""

    kind = "time passes"

    def possible(self) -> bool:
        return self.m.timers.counter.count < self.m.scenario.check.ticks

    def happens(self) -> None:
        m = self.m
        m.tell.time_passed(m.timers.counter.count + 1)
        m.timers.advance(1)
        m.timers_moved()

    def __str__(self) -> str:
        return self.kind


class Exits(OfVcpu):
    """The guest is left for no reason of ours: a signal, a tick."""

    kind = "exits"

    def possible(self) -> bool:
        return self.run.vcpu.in_guest

    def happens(self) -> None:
        self.m.leave(self.run, "signal")


class Put(OfVcpu):
    """The scheduler takes a vCPU off its PE."""

    kind = "put"

    def possible(self) -> bool:
        run = self.run
        return run.vcpu.pe is not None and not run.sched.blocking and not (self.m.divided and run.vcpu.entering)

    def happens(self) -> None:
        self.m.put(self.run)


class GivesUpEntry(Enters):
    """Flush, and then no entry: sync."""

    kind, fair = "gives up entry", False

    def happens(self) -> None:
        m, vcpu = self.m, self.run.vcpu
        vcpu.kicked = False
        m.tell.entry_given_up(self.run)
        m.design.flush(vcpu)
        m.design.abandon_entry(vcpu)
        m.settle()


class GivesUpDivided(OfVcpu):
    """An entry that was begun is given up: there is something else to do (a signal)."""

    kind = GivesUpEntry.kind

    def possible(self) -> bool:
        return self.run.vcpu.entering

    def happens(self) -> None:
        self.m.give_up_entry(self.run)


class Saved(Action):
    """Userspace saves a stopped VM's GIC, and restores it. It does not happen where the design can't be saved."""

    kind = "saved"

    def __init__(self, machine: Mainboard, vm: VmRun) -> None:
        super().__init__(machine)
        self.vm = vm

    def possible(self) -> bool:
        return not any(run.vcpu.in_guest or (self.m.divided and run.vcpu.entering) for run in self.vm.vcpus)

    def happens(self) -> None:
        self.do()

    def do(self) -> bool:
        return self.possible() and self.m.guests.saved(self.vm)

    def __str__(self) -> str:
        return f"{self.vm.name} {self.kind}"


def all_actions(m: Mainboard) -> Iterator[Action]:
    """Everything that can happen on a machine: first what it does by itself, in the order in which it does."""
    yield from (WorkRuns(m, work) for work in m.work)
    if isinstance(m.gic, Posting):
        for pe in range(m.pes):
            yield from (Arrives(m, m.gic, pe), *((TakesEffect(m, m.gic, pe),) if m.gic.version == 3 else ()))
    yield from (Takes(m, pe) for pe in range(m.pes))
    yield from (KickedOut(m, run) for run in m.vcpus)
    for run in m.vcpus:
        yield from (Acknowledges(m, run), Steps(m, run))
    for run in m.vcpus:
        entry = (EndsEntry(m, run), Flushes(m, run)) if m.divided else (Enters(m, run),)
        yield from (Blocks(m, run), *entry, Loaded(m, run, run.home))
    for device in m.devices:
        yield from (Pulses(m, device),) if device.edge else (Raises(m, device), Lowers(m, device))
        if device.spec.disables:
            yield from (HostDisables(m, device, True), HostDisables(m, device, False))
    if m.timers.ppis:
        yield TimePasses(m)
    for run in m.vcpus:
        yield from (Exits(m, run), Put(m, run), (GivesUpDivided if m.divided else GivesUpEntry)(m, run))
        yield from (Moved(m, run, pe) for pe in range(m.pes) if pe != run.home)
    if m.scenario.userspace:
        yield from (Saved(m, vm) for vm in m.vms)
