"""The machine: PEs, the chip, the kernel, a design, VMs with their guests, devices; and all that can happen next.

What can happen is an *action*: a name and a call, which returns False where it isn't possible now. A script is a list
of such names; a random schedule draws from them; the explorer tries all. One action is what no interrupt can divide: a
guest's operation, the host's whole handler with the exit that it causes, an entry with its flush.

    nic raises, nic lowers, nic pulses      a device's line
    time passes                             the system counter goes on by one tick; timers fire
    vcpu0's wake-up timer fires             work that the host put off, once it is due (`vgic.host.work`)
    pe0 takes IRQ                           the guest on PE 0, if one runs, is left; the host handles one interrupt
    vcpu0 enters                            flush, then its guest runs
    vcpu0 gives up entry                    flush, then sync: something turned up before the guest could run
    vcpu0 kicked out                        it is left for a kick
    vcpu0 exits                             it is left for no reason of ours
    vcpu0 acks                              its guest takes the virtual interrupt that is signalled
    vcpu0 steps                             its guest does the next operation of its handler or program
    vcpu0 blocks                            after WFI: it waits, put, unless there is an interrupt to take
    vcpu0 put, vcpu0 loaded (on pe1)        its thread leaves its PE, comes back, or to another PE
    host disables nic, host enables nic     disable_irq, enable_irq
    guest saved                             userspace saves and restores a VM's GIC

All that changes lies in `parts()`. Who wants to hear more gives an observer, which is no part of the state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from vgic.designs.base import Unsupported
from vgic.designs.build import Buildable, build_of
from vgic.designs.vm import Vcpu
from vgic.host import CannotForward, Work
from vgic.lab.assembly import MAINTENANCE, make_chip
from vgic.lab.device import Device, Emulated
from vgic.lab.errors import ScenarioError
from vgic.lab.guest import Access
from vgic.lab.guest_steps import GuestSteps
from vgic.lab.observe import Observer
from vgic.lab.scenario import Scenario
from vgic.lab.vms import VcpuRun, VmRun, pintid_of
from vgic.parts import step
from vgic.rules.ghost import DROPPED, GONE, PRESENT, STORM, Faults, TakenGhost
from vgic.rules.state import STATE_RULES
from vgic.silicon import GenericTimers, GicV3
from vgic.silicon.virtual_interface import PENDING, ListRegister

Action = tuple[str, Callable[[], bool]]


class Machine:
    """A machine as a scenario describes it, booted, with every first vCPU of a PE loaded and its guest running.

    Args:
        scenario: what there is in it. design: what it is built of, or the class of the design.
        observer: hears everything, None for nobody. list_registers: instead of the scenario's.
    """

    def __init__(self, scenario: Scenario, design: Buildable, observer: Observer | None = None,
                 list_registers: int | None = None) -> None:
        self.scenario, self.observer = scenario, None
        build = build_of(design)
        self.gic = make_chip(scenario, build, observer, list_registers)
        self.pes = scenario.machine.pes
        self.vms = tuple(VmRun(n, scenario, self.gic, self.reach) for n in range(len(scenario.vm)))
        self.vcpus = tuple(v for vm in self.vms for v in vm.vcpus)
        self.of_vcpu = {v.vcpu: v for v in self.vcpus}
        self.by_name = {v.name: v for v in self.vcpus}
        self.vm_of = {v.name: vm for vm in self.vms for v in vm.vcpus}
        specs = scenario.device
        physical = sorted({pintid_of(d) for d in specs if not d.emulated()})
        self.kernel = build.kernel(self.gic, (*physical, MAINTENANCE), split_eoi=scenario.machine.host_split,
                                   maintenance=MAINTENANCE, observer=observer.kernel if observer else None)
        timer_ppis: dict[str, int] = {d.timer: pintid_of(d) for d in specs if d.kind == "timer"}
        self.timers = GenericTimers(self.pes, self.gic.set_line, timer_ppis)
        for pe in range(self.pes):
            if isinstance(self.gic, GicV3):
                self.gic.set_pe_state(pe, imo=True, fmo=True)
        try:
            self.design = build.design(self.kernel, [vm.vm for vm in self.vms], timers=self.timers,
                                       observer=observer.design if observer else None, **scenario.design_options)
        except TypeError as e:
            if not scenario.design_options or not re.search("keyword argument|multiple values", str(e)):
                raise
            raise ScenarioError(f"{scenario.where('design_options')}: design_options: {e}") from None
        self.devices = tuple(self._device(d, observer) for d in specs if d.kind != "timer")
        self.device_of = {(id(d.vm), d.vintid): d for d in self.devices}
        self.forwarded = frozenset(
            pintid_of(d) for d in specs if d.kind != "edge" and d.vm != "host" and not d.emulated())
        self.taken = {(pe, i): TakenGhost() for pe in range(self.pes) for i in sorted(self.forwarded)}
        self.twins = {(vm.name, v): pintid_of(d) for vm in self.vms for v, d in vm.devices.items() if not d.emulated()}
        self.trapped_timers = self.design.trapped_timers
        self.host_lines = {d.spec.intid: d for d in self.devices if d.vm is None and d.spec.intid is not None}
        self.faults = Faults()
        self.steps = GuestSteps(self)
        try:
            self._assign()
        except CannotForward as e:
            raise ScenarioError(f"{scenario.where('machine', 'host_split')}: machine: host_split: {e}") from None
        self.work = {work.action: work for work in (*self.kernel.work(), *self.design.work())}
        self._boot()
        self.observer = observer

    # -- putting it together

    def _device(self, spec: Any, observer: Observer | None) -> Device:
        vm = self.scenario.vm_of(spec)
        run = None if vm is None else self.vms[vm]
        if run is not None and spec.emulated():
            return Emulated(spec, run, self.design, observer)
        return Device(spec, run, self.gic.set_line, observer)

    def _assign(self) -> None:
        kernel = self.kernel
        for device in [d for d in self.devices if not d.spec.emulated()]:
            if device.spec.disables and not self.design.host_disables:
                raise Unsupported(f"{self.design.name}: {device.name}: its host disables no interrupt of a guest's")
            desc = kernel.irq(pintid_of(device.spec))
            kernel.irq_set_irq_type(desc, device.edge)
            if device.vm is None:
                kernel.request_irq(desc, device.host_handler, device.name, edge=device.edge)
                kernel.enable_irq(desc)
            else:
                kernel.irq_set_affinity(desc, device.vm.vcpus[device.spec.routed].home)
                self.design.assign_irq(device.vm.vm, desc, device.vintid)
        for vm in self.vms:
            for vintid, spec in vm.devices.items():
                if spec.kind == "timer":
                    self.design.assign_timer(vm.vm, spec.timer, vintid)

    def _boot(self) -> None:
        """Every guest sets up its GIC, one after the other; then the first vCPU of each PE is loaded and entered."""
        for vm in self.vms:
            for run in vm.vcpus:
                self._load(run, run.home)
                self.steps.boot(vm, run)
                self._put(run)
        for run in self.vcpus:
            if self.on_pe(run.home) is None:
                self._load(run, run.home)
                self.enter(run)
        for run in self.vcpus:
            run.ghost.barren = 0

    def reach(self, vcpu: Vcpu, access: Access) -> int:
        """A guest's access to its GICC frame: at GICV where the design maps it there, by a trap elsewhere."""
        physical, pe = self.design.translate(vcpu, access.address), vcpu.pe
        assert pe is not None
        if physical is None:
            return self.steps.trapped(self.of_vcpu[vcpu], access)
        if access.value is None:
            return self.gic.read(physical, access.size, pe)
        self.gic.write(physical, access.size, access.value, pe)
        return 0

    def virq(self, run: VcpuRun) -> bool:
        """Whether a virtual interrupt is signalled to a vCPU that is loaded."""
        return self.design.virq(run.vcpu)

    # -- where everybody is

    def on_pe(self, pe: int) -> VcpuRun | None:
        """The vCPU that is loaded on a PE."""
        here = [run for run in self.vcpus if run.vcpu.pe == pe]      # looks at all, whoever is first (symmetry)
        return here[0] if here else None

    def tell(self, what: str, run: VcpuRun | None = None, **more: Any) -> None:
        """Tells the observer."""
        if self.observer is not None:
            self.observer.happens(what, run.vcpu if run is not None else None, **more)

    @step
    def settle(self) -> None:
        """The maintenance interrupts are wired to a PPI, and the guests' timers to what their guests expect."""
        for pe in range(self.pes):
            self.gic.set_line(MAINTENANCE, self.gic.maintenance(pe), pe)

    def calm(self) -> None:
        """Something happened that may let the host take an interrupt again."""
        for ghost in self.taken.values():
            if ghost.times:
                ghost.times = 0

    def timer_level(self, run: VcpuRun, name: str) -> bool:
        """A timer's line as its guest programmed it."""
        ghost = run.timers[name]
        return ghost.enable and not ghost.imask and self.timers.counter.count >= ghost.cval

    def timers_moved(self) -> None:
        """Notes the lines of all guests' timers."""
        for run in self.vcpus:
            for vintid, name in run.timer_of.items():
                level, ghost = self.timer_level(run, name), run.irqs[vintid]
                if level != (ghost.cause == PRESENT):
                    self.tell("timer", run, vintid=vintid, level=level)
                ghost.line_moved(level)

    def level_of(self, name: str, vintid: int) -> bool:
        """The line of a level interrupt of the vCPU of that name, as its device drives it."""
        run = self.by_name[name]
        timer = run.timer_of.get(vintid)
        if timer is not None:
            return self.timer_level(run, timer)
        device = self.device_of.get((id(self.vm_of[name]), vintid))
        return device is not None and not device.edge and device.line.high

    def withheld(self, name: str, vintid: int) -> bool:
        """Whether the host has disabled the interrupt behind a vCPU's vINTID."""
        device = self.device_of.get((id(self.vm_of[name]), vintid))
        return device is not None and device.spec.disables and self.kernel.irq(pintid_of(device.spec)).depth > 0

    def host_line_high(self, intid: int) -> bool:
        """The line of one of the host's own devices."""
        return self.host_lines[intid].line.high

    def host_disabled(self, intid: int) -> bool:
        """Whether the host's driver has disabled an interrupt of its own."""
        return self.kernel.irq(intid).depth > 0

    # -- the life of a vCPU

    def _load(self, run: VcpuRun, pe: int) -> None:
        self.tell("load", run, pe=pe)
        self.design.vcpu_load(run.vcpu, pe)
        if run.sched.waiting:
            run.sched.waiting = False
            self.design.vcpu_unblocking(run.vcpu)
        self.settle()

    def _put(self, run: VcpuRun) -> None:
        if run.vcpu.in_guest:
            self.leave(run, "preempted")
        self.tell("put", run)
        self.design.vcpu_put(run.vcpu)
        self.settle()

    def leave(self, run: VcpuRun, reason: str) -> None:
        """The guest is left: exit and sync."""
        run.vcpu.in_guest = False
        self.tell("exit", run, reason=reason)
        self._left(run)

    @step
    def _left(self, run: VcpuRun) -> None:
        if run.ghost.maintained:
            run.ghost.barren = min(STORM, run.ghost.barren + 1)
            run.ghost.maintained = False
        if run.vcpu.pe is not None:
            for lr in self.gic.virtual[run.vcpu.pe].lrs:
                self._sees(run, lr)
        self.design.sync(run.vcpu)
        self.settle()

    @step
    def _sees(self, run: VcpuRun, lr: ListRegister) -> None:
        """The exit sees that a level has dropped, where it is pending or active in a list register; what the guest had
        ended was seen by its end. An irqfd carries no falling edge: there it is the end alone that tells."""
        ghost = run.irqs.get(lr.vintid) if lr.state else None
        if (ghost is not None and ghost.cause == DROPPED and ghost.target == run.vcpu.index
                and lr.vintid not in self.vm_of[run.name].completions):
            ghost.cause = GONE

    def can_enter(self, run: VcpuRun) -> bool:
        """Whether it is loaded and out of its guest. The host has interrupts enabled until just before an entry, so it
        takes first what is signalled to the PE; what comes later comes in the guest."""
        pe = run.vcpu.pe
        return pe is not None and not run.vcpu.in_guest and not run.sched.blocking and not self.gic.irq(pe)

    def enter(self, run: VcpuRun) -> bool:
        """Flush and entry."""
        if not self.can_enter(run):
            return False
        run.vcpu.kicked = False
        self.tell("enter", run)
        self.steps.enters(run)
        self.design.flush(run.vcpu)
        run.vcpu.in_guest = True
        self.settle()
        pe = run.vcpu.pe
        assert pe is not None
        for lr in self.gic.virtual[pe].lrs:
            irq = run.irqs.get(lr.vintid) if lr.state == PENDING and lr.vintid >= 32 else None
            if irq is not None and irq.target != run.vcpu.index:
                self.faults.tell(35, f"{run.name} enters with {lr.vintid} pending, which goes to vCPU {irq.target}")
        if self.gic.maintenance(pe):
            run.ghost.maintained = True
        elif run.ghost.barren:
            run.ghost.barren = 0
        return True

    def give_up(self, run: VcpuRun) -> bool:
        """Flush, and then no entry: sync."""
        if not self.can_enter(run):
            return False
        run.vcpu.kicked = False
        self.tell("give up", run)
        self.design.flush(run.vcpu)
        self.design.abandon_entry(run.vcpu)
        self.settle()
        return True

    def exits(self, run: VcpuRun) -> bool:
        """Left for no reason of ours: a signal, a tick."""
        if not run.vcpu.in_guest:
            return False
        self.calm()
        self.leave(run, "signal")
        return True

    def can_kick_out(self, run: VcpuRun) -> bool:
        """Whether a kick is on its way to a running guest."""
        return run.vcpu.in_guest and run.vcpu.kicked

    def kick_out(self, run: VcpuRun) -> bool:
        """The kick's IPI arrives."""
        if not self.can_kick_out(run):
            return False
        self.leave(run, "kick")
        return True

    def put(self, run: VcpuRun) -> bool:
        """The scheduler takes it off its PE."""
        if run.vcpu.pe is None or run.sched.blocking:
            return False
        self.calm()
        self._put(run)
        return True

    def can_load(self, run: VcpuRun, pe: int) -> bool:
        """Whether it is runnable and the PE is free."""
        return run.vcpu.pe is None and not run.vcpu.blocked and self.on_pe(pe) is None

    def load(self, run: VcpuRun, pe: int) -> bool:
        """The scheduler puts it on a PE."""
        if not self.can_load(run, pe):
            return False
        self.calm()
        self._load(run, pe)
        return True

    def block(self, run: VcpuRun) -> bool:
        """After WFI, out of the guest: wait, unless there is something to take."""
        if not run.sched.blocking:
            return False
        run.sched.blocking = False
        if self.design.pending(run.vcpu):
            self.tell("stay", run)
            return True
        self.tell("block", run)
        self.design.vcpu_blocking(run.vcpu)
        self.design.vcpu_put(run.vcpu)
        run.vcpu.blocked = True
        run.sched.waiting = True
        self.settle()
        return True

    # -- the host and its devices

    def can_take(self, pe: int) -> bool:
        """Whether a physical interrupt is signalled to a PE."""
        return self.gic.irq(pe)

    def take(self, pe: int) -> bool:
        """The PE takes an interrupt: the guest is left first."""
        if not self.gic.irq(pe):
            return False
        run = self.on_pe(pe)
        if run is not None and run.vcpu.in_guest:
            best = self.gic.cpus[pe].best()
            self.leave(run, "maintenance" if best is not None and best.intid == MAINTENANCE else "IRQ")
        intid = self.kernel.handle_irq(pe)
        self.settle()
        ghost = self.taken.get((pe, intid))
        if ghost is not None:
            ghost.times = min(STORM, ghost.times + 1)
        return True

    def passes(self) -> bool:
        """Time: one tick."""
        if self.timers.counter.count >= self.scenario.check.ticks:
            return False
        self.calm()
        self.tell("time", count=self.timers.counter.count + 1)
        self.timers.advance(1)
        self.timers_moved()
        return True

    def can_run(self, work: Work) -> bool:
        """Whether work that the host put off is due."""
        return work.due(self.timers.counter.count)

    def run(self, work: Work) -> bool:
        """Work that the host put off runs."""
        if not self.can_run(work):
            return False
        self.tell("work", text=work.action)
        work.run()
        if self.can_run(work):
            self.faults.tell(17, f"{work.action} and is due again at once: no guest gets to make a step")
        self.settle()
        return True

    def _moves(self, device: Device, what: str) -> bool:
        done = {"raises": device.raises, "lowers": device.lowers, "pulses": device.pulses}[what]()
        if done:
            self.calm()
            self.settle()
        return done

    def _disables(self, device: Device, disable: bool) -> bool:
        desc = self.kernel.irq(pintid_of(device.spec))
        if bool(desc.depth) is disable:
            return False
        self.calm()
        self.tell("host", text=f"{'disable' if disable else 'enable'}_irq {desc.pintid}")
        (self.kernel.disable_irq if disable else self.kernel.enable_irq)(desc, desc.affinity)
        self.settle()
        return True

    # -- what can happen

    def fair(self) -> Iterator[Action]:
        """What a machine does by itself, the most urgent first: hosts before guests."""
        for work in self.work.values():
            yield work.action, partial(self.run, work)
        for pe in range(self.pes):
            yield f"pe{pe} takes IRQ", partial(self.take, pe)
        for run in self.vcpus:
            yield f"{run.name} kicked out", partial(self.kick_out, run)
        for run in self.vcpus:
            yield f"{run.name} acks", partial(self.steps.ack, run)
            yield f"{run.name} steps", partial(self.steps.do, run)
        for run in self.vcpus:
            yield f"{run.name} blocks", partial(self.block, run)
            yield f"{run.name} enters", partial(self.enter, run)
            yield f"{run.name} loaded", partial(self.load, run, run.home)

    def environment(self) -> Iterator[Action]:
        """What others may do at any time: devices, time, the scheduler."""
        for device in self.devices:
            for what in ("pulses",) if device.edge else ("raises", "lowers"):
                yield f"{device.name} {what}", partial(self._moves, device, what)
            if device.spec.disables:
                yield f"host disables {device.name}", partial(self._disables, device, True)
                yield f"host enables {device.name}", partial(self._disables, device, False)
        if self.timers.ppis:
            yield "time passes", self.passes
        for run in self.vcpus:
            yield f"{run.name} exits", partial(self.exits, run)
            yield f"{run.name} put", partial(self.put, run)
            yield f"{run.name} gives up entry", partial(self.give_up, run)
            for pe in range(self.pes):
                if pe != run.home:
                    yield f"{run.name} loaded on pe{pe}", partial(self.load, run, pe)
        if self.scenario.userspace:
            for vm in self.vms:
                yield f"{vm.name} saved", partial(self.steps.saved, vm)

    def all_actions(self) -> dict[str, Callable[[], bool]]:
        """Everything that can happen, by name; what a script may say."""
        return dict((*self.fair(), *self.environment()))

    def actions(self) -> list[Action]:
        """The alphabet of the scenario, for the explorer and random schedules; no moves where a design has none."""
        check, everything = self.scenario.check, self.all_actions()
        for key, patterns in (("actions", check.actions), ("never", check.never)):
            for n, pattern in enumerate(patterns):
                if not any(fnmatchcase(name, pattern) for name in everything):
                    raise ScenarioError(
                        f"{self.scenario.where('check', key, n)}: check: {key} {n}: {pattern!r} names no action:"
                        f" expected names or patterns (*) of {', '.join(everything)}")
        return [
            (name, call) for name, call in everything.items() if not (self.design.pinned and " loaded on pe" in name)
            if any(fnmatchcase(name, p) for p in check.actions) and not any(fnmatchcase(name, p) for p in check.never)]

    @step
    def quiescent(self) -> bool:
        """Whether nothing happens any more unless a device, time or a scheduler does something."""
        if any(map(self.can_run, self.work.values())) or any(map(self.can_take, range(self.pes))):
            return False
        return not any(
            self.can_kick_out(run) or run.sched.blocking or self.can_enter(run) or self.can_load(run, run.home)
            or self.steps.can_ack(run) or self.steps.can_step(run) for run in self.vcpus)

    def rules(self) -> list[tuple[str, Callable[[], str | None]]]:
        """The rules, each with a call that tells what is broken in the present state, or None."""
        return [(f"rule {r.rule.id}", partial(r.check, self)) for r in STATE_RULES]

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *self.gic.parts(), *self.kernel.parts(), *self.timers.parts(), *self.design.parts(),
            *self.work.values(), *(p for vm in self.vms for p in vm.parts()),
            *(p for d in self.devices for p in d.parts()), *self.taken.values(), self.faults)
