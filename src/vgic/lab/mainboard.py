"""The machine put together: PEs, the chip, the kernel, a design, VMs with their guests, devices; and what moves a vCPU.

What can happen on it is in `vgic.lab.actions`. All that changes lies in parts. Whatever happens is told
(`vgic.rules.moments`): to the rules that are judged as it happens, to the witness, and to whoever listens; nobody here
knows of rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from vgic.arch.intid import MAINTENANCE, PRIVATE
from vgic.designs.base import Unsupported
from vgic.designs.build import Buildable, build_of
from vgic.designs.vm import Vcpu
from vgic.host import CannotForward
from vgic.lab.assembly import leave_behind, make_chip, make_design
from vgic.lab.device import Device, Emulated
from vgic.lab.errors import ScenarioError
from vgic.lab.guest import TrappedAccess
from vgic.lab.guest_steps import GuestSteps
from vgic.lab.scenario import Scenario
from vgic.lab.vcpus import VcpuRun
from vgic.lab.vms import VmRun, pintid_of
from vgic.parts import step
from vgic.rules.checks import MOMENT_CHECKS
from vgic.rules.ghost import PRESENT
from vgic.rules.moments import Moments, Teller
from vgic.rules.witness import Witness
from vgic.rules.world import VcpuView
from vgic.silicon import GenericTimers, GicV3
from vgic.silicon.ends import is_physical
from vgic.silicon.report import Notice


class Mainboard(ABC):
    """A machine as a scenario describes it, put together and not yet booted.

    Args:
        scenario: what there is in it. design: what it is built of, or the class of the design. listeners: hear
            everything.
        list_registers: instead of the scenario's.
    """

    def __init__(self, scenario: Scenario, design: Buildable, listeners: Iterable[Moments[VcpuView]] = (),
                 list_registers: int | None = None) -> None:
        build, heard = build_of(design), tuple(listeners)
        self.scenario = scenario
        self.divided = scenario.entry == "divided"
        self.tell: Teller[VcpuView] = Teller()
        self.gic = make_chip(scenario, build, self._noticed, self._accessed if heard else None, list_registers)
        leave_behind(self.gic, scenario.firmware)
        self.pes = scenario.machine.pes
        self.vms = tuple(VmRun(n, scenario, self.gic, self.reach) for n in range(len(scenario.vm)))
        self.vcpus = tuple(v for vm in self.vms for v in vm.vcpus)
        self.of_vcpu = {v.vcpu: v for v in self.vcpus}
        specs = scenario.device
        self.witness = Witness(self)
        self.faults = self.witness.faults
        self.tell = Teller((*(check(self) for check in MOMENT_CHECKS), self.witness, *heard))
        physical = sorted({pintid_of(d) for d in specs if not d.emulated()})
        self.kernel = build.kernel(
            self.gic, (*physical, MAINTENANCE), split_eoi=scenario.machine.host_split, maintenance=MAINTENANCE,
            observer=self._host_takes if heard else None)
        timer_ppis: dict[str, int] = {d.timer: pintid_of(d) for d in specs if d.kind == "timer"}
        self.timers = GenericTimers(self.pes, self.gic.set_line, timer_ppis)
        for pe in range(self.pes):
            if isinstance(self.gic, GicV3):
                self.gic.set_pe_state(pe, imo=True, fmo=True)
        self.design = make_design(scenario, build, self.kernel, self.vms, self.timers,
                                  self._designed if heard else None)
        self.taken_pes = {run.home for run in self.vcpus if self.design.of(run.vcpu.vm).pinned}
        self.devices = tuple(self._device(d) for d in specs if d.kind != "timer")
        self.device_of = {(d.vm.name, d.vintid): d for d in self.devices if d.vm is not None}
        self.twins = {(vm.name, v): pintid_of(d) for vm in self.vms for v, d in vm.devices.items() if not d.emulated()}
        self.host_lines = {d.spec.intid: d for d in self.devices if d.vm is None and d.spec.intid is not None}
        self.guests = GuestSteps(self)
        self._left_pending()
        try:
            self._assign()
        except CannotForward as e:
            raise ScenarioError(f"{scenario.where('machine', 'host_split')}: machine: host_split: {e}") from None
        self.work = (*self.kernel.work(), *self.design.work())

    def _device(self, spec: Any) -> Device:
        vm = self.scenario.vm_of(spec)
        run = None if vm is None else self.vms[vm]
        if run is not None and spec.emulated():
            return Emulated(spec, run, self.design, self.tell)
        return Device(spec, run, self.gic.set_line, self.tell)

    def _assign(self) -> None:
        kernel = self.kernel
        for device in [d for d in self.devices if not d.spec.emulated()]:
            design = self.design if device.vm is None else self.design.of(device.vm.vm)
            if device.spec.disables and not design.host_disables:
                raise Unsupported(f"{design.name}: {device.name}: its host disables no interrupt of a guest's")
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

    def _left_pending(self) -> None:
        """Tells what firmware left pending that is a guest's."""
        left = {spec.intid: spec.pe for spec in self.scenario.firmware if spec.pending}
        for vm in self.vms:
            for vintid, device in vm.devices.items():
                if device.emulated() or pintid_of(device) not in left:
                    continue
                for run in vm.vcpus if vintid < PRIVATE else vm.vcpus[:1]:
                    if vintid >= PRIVATE or run.home == left[pintid_of(device)]:
                        self.tell.left_pending(run, vintid)

    # -- what others tell, passed on

    def _accessed(self, pe: int, kind: str, write: bool, place: str, value: int, guest: bool) -> None:
        self.tell.accessed(pe, kind, write, place, value, guest)

    def _noticed(self, notice: Notice) -> None:
        if is_physical(notice):
            self.tell.host_ended_nothing(notice)

    def _host_takes(self, what: str, pintid: int, pe: int) -> None:
        self.tell.host_takes(pe, what, pintid)

    def _designed(self, event: str, vcpu: Vcpu | None, intid: int) -> None:
        self.tell.designed(event, None if vcpu is None else self.of_vcpu[vcpu], intid)

    # -- wires

    @step
    def settle(self) -> None:
        """The maintenance interrupts are wired to a PPI, and the guests' timers to what their guests expect."""
        for pe in range(self.pes):
            self.gic.set_line(MAINTENANCE, self.gic.maintenance(pe), pe)

    def reach(self, vcpu: Vcpu, access: TrappedAccess) -> int:
        """A guest's access to its GICC frame: at GICV where the design maps it there, by a trap elsewhere."""
        physical, pe = self.design.translate(vcpu, access.address), vcpu.pe
        assert pe is not None
        if physical is None:
            return self.guests.trapped(self.of_vcpu[vcpu], access)
        if access.value is None:
            return self.gic.read(physical, access.size, pe)
        self.gic.write(physical, access.size, access.value, pe)
        return 0

    def virq(self, run: VcpuRun) -> bool:
        """Whether a virtual interrupt is signalled to a vCPU that is loaded."""
        return self.design.virq(run.vcpu)

    def next_is_maintenance(self, pe: int) -> bool:
        """Whether the physical interrupt that a PE would take next is its maintenance interrupt."""
        best = self.gic.cpus[pe].best()
        return best is not None and best.intid == MAINTENANCE

    def timer_level(self, run: VcpuRun, name: str) -> bool:
        """The line of a timer as its guest programmed it."""
        return run.timers[name].high(self.timers.counter.count)

    def timers_moved(self) -> None:
        """Tells the lines of all guests' timers that changed."""
        for run in self.vcpus:
            for vintid, name in run.timer_of.items():
                level = self.timer_level(run, name)
                if level != (run.irqs[vintid].cause == PRESENT):
                    self.tell.device_drives(run, vintid, level, name)

    # -- what rules may ask

    @abstractmethod
    def quiescent(self) -> bool:
        """Whether nothing happens any more unless a device, time or a scheduler does something: it is at rest."""

    def level_of(self, run: VcpuView, vintid: int) -> bool:
        """The line of a level interrupt of a vCPU, as its device drives it."""
        mine = self.of_vcpu[run.vcpu]
        timer = mine.timer_of.get(vintid)
        if timer is not None:
            return self.timer_level(mine, timer)
        device = self.device_of.get((run.vm.name, vintid))
        return device is not None and not device.edge and device.line.high

    def withheld(self, run: VcpuView, vintid: int) -> bool:
        """Whether the host has disabled the interrupt behind the vINTID of a vCPU."""
        device = self.device_of.get((run.vm.name, vintid))
        return device is not None and device.spec.disables and self.kernel.irq(pintid_of(device.spec)).depth > 0

    def host_line_high(self, intid: int) -> bool:
        """The line of one of the host's own devices."""
        return self.host_lines[intid].line.high

    def host_disabled(self, intid: int) -> bool:
        """Whether the host's driver has disabled an interrupt of its own."""
        return self.kernel.irq(intid).depth > 0

    # -- the life of a vCPU

    def on_pe(self, pe: int) -> VcpuRun | None:
        """The vCPU that is loaded on a PE."""
        here = [run for run in self.vcpus if run.vcpu.pe == pe]
        return here[0] if here else None

    def load(self, run: VcpuRun, pe: int) -> None:
        """Its thread is scheduled on a PE."""
        self.tell.loaded(run, pe)
        self.design.vcpu_load(run.vcpu, pe)
        if run.sched.waiting:
            run.sched.waiting = False
            self.design.vcpu_unblocking(run.vcpu)
        self.settle()

    def put(self, run: VcpuRun) -> None:
        """Its thread leaves its PE; the guest is left first."""
        if run.vcpu.in_guest:
            self.leave(run, "preempted")
        self.tell.put(run)
        self.design.vcpu_put(run.vcpu)
        self.settle()

    def host_takes_all(self, pe: int) -> None:
        """The host takes whatever is signalled to a PE that runs no guest."""
        while self.gic.irq(pe):
            pintid = self.kernel.handle_irq(pe)
            self.settle()
            self.tell.host_took(pe, pintid)

    def can_enter(self, run: VcpuRun) -> bool:
        """Whether it is loaded and out of its guest, and there is nothing that its host takes first."""
        pe = run.vcpu.pe
        return pe is not None and not run.vcpu.in_guest and not run.sched.blocking and not self.gic.irq(pe)

    def masked(self, pe: int) -> bool:
        """Whether a PE's host has interrupts masked over more than a step: it divides an entry."""
        return self.divided and any(run.vcpu.entering for run in self.vcpus if run.vcpu.pe == pe)

    def enter(self, run: VcpuRun) -> None:
        """Flush and entry, at once."""
        self.tell.enters(run)
        self._flush(run)
        self._in_guest(run)

    def begin_entry(self, run: VcpuRun) -> None:
        """Flush, of an entry that others may divide."""
        self._flush(run)
        run.vcpu.entering = True
        self.settle()

    def end_entry(self, run: VcpuRun) -> None:
        """The rest of it: the guest runs, unless something turned up that the design sees."""
        if not self.design.last_check(run.vcpu):
            self.give_up_entry(run)
            return
        run.vcpu.entering = False
        self.tell.enters(run)
        if not self.design.of(run.vcpu.vm).kicks_outside:
            run.vcpu.kicked = False             # who kicked it saw it outside, and sent no IPI
        self._in_guest(run)

    def give_up_entry(self, run: VcpuRun) -> None:
        """After flush: no entry, but sync."""
        run.vcpu.entering = False
        self.tell.entry_given_up(run)
        self.design.abandon_entry(run.vcpu)
        self.settle()

    def _flush(self, run: VcpuRun) -> None:
        run.vcpu.kicked = False
        self.tell.flushes(run)
        self.design.flush(run.vcpu)
        self.tell.flushed(run)

    def _in_guest(self, run: VcpuRun) -> None:
        run.vcpu.in_guest = True
        self.settle()
        self.tell.entered(run)

    def leave(self, run: VcpuRun, reason: str) -> None:
        """The guest is left: exit and sync."""
        run.vcpu.in_guest = False
        self.tell.left(run, reason)
        self._sync(run)

    @step
    def _sync(self, run: VcpuRun) -> None:
        self.design.sync(run.vcpu)
        self.settle()

    def parts(self) -> tuple[object, ...]:
        """Every object that changes."""
        return (
            *self.gic.parts(), *self.kernel.parts(), *self.timers.parts(), *self.design.parts(), *self.work,
            *(p for vm in self.vms for p in vm.parts()), *(p for d in self.devices for p in d.parts()),
            *self.witness.parts())
