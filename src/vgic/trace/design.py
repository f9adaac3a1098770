"""A design beside a recorded kernel: the same stimulus, and the same list registers entry by entry?

The recording of a host with KVM tells what reached its virtual GIC, by probes of its functions: injections, SGIs, MSIs,
the guest's accesses to its distributor, mappings, loads and puts; by the trace of the chip: lines, and what the guest
did at its virtual CPU interface. All of this is done to a design, which has a chip of its own. It decides by itself
what belongs to which vCPU, in which order, what each list register holds, and what it learns from them at an exit. At
each entry where the kernel wrote list registers, those of the design must be the same: vINTID, pINTID, HW, state, EOI
bit, and the source of a GICv2's SGI.

**An entry** begins where the kernel populates its first list register (`*_populate_lr`), and ends where it folds them
(`*_fold_lr_state`). An entry without list registers shows only where its guest touches its CPU interface; the design
must then have none either. Entries that leave no trace are not counted: with empty lists they change nothing.

**What the events don't tell** is taken from the interrupt's memory at populate, never its pending or active state:
which LPI an MSI is translated to (the guest's ITS commands are in its memory), an LPI's configuration and target (its
property table likewise), the pINTID of a mapped interrupt (the probe names Linux's number). Each use is counted. An
entry is not determined where an MSI whose translation was not seen before is under way, or where its vCPU's load is not
in the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from vgic.arch.ich import EN
from vgic.arch.intid import LPI_START, MAINTENANCE, special
from vgic.designs.base import NoInterrupt, Unsupported
from vgic.designs.build import Build
from vgic.designs.kvm import Kvm
from vgic.designs.vm import Vcpu, Vm
from vgic.silicon import Gic, GicV2, Trap, Undefined
from vgic.trace.design_outcome import Entry, Outcome
from vgic.trace.events import Access, BadLine, Event, LineChange, Probe, SysReg
from vgic.trace.kvm_probes import FOLD, POPULATE, IrqMemory, Msi, Survey, irq_memory, msi
from vgic.trace.places import Places

LOOK_AHEAD = 20_000
"""Events looked at behind a first populate for the others of the same entry."""


class _Ahead:
    """Events, with a look at those to come."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.held: deque[Event] = deque()

    def __iter__(self) -> Iterator[Event]:
        while True:
            if self.held:
                yield self.held.popleft()
            else:
                event = next(self.events, None)
                if event is None:
                    return
                yield event

    def coming(self) -> Iterator[Event]:
        """The next events, which stay to come."""
        yield from tuple(self.held)
        for _ in range(LOOK_AHEAD - len(self.held)):
            event = next(self.events, None)
            if event is None:
                return
            self.held.append(event)
            yield event


class DesignReplay:
    """One recording's way through one design.

    Args:
        chip: a new one, of the recorded machine. survey: of the recording. build: the design that is tried, one of
            KVM's, and its kernel.
        most: how many differences are kept; all are counted.
    """

    def __init__(
        self, chip: Gic, survey: Survey, build: Build, most: int = 20,
    ) -> None:
        self.chip, self.survey = chip, survey
        self.outcome = Outcome(most)
        self.places = Places(chip)
        machines = survey.machines()
        self.vms: dict[int, Vm] = {}
        self.vcpus: dict[int, Vcpu] = {}
        for n, machine in enumerate(machines):
            vm = Vm(f"vm{n}", len(machine.vcpus), gic=machine.gic, spis=960,
                    lpis=sorted(survey.lpis) if machine.gic == 3 else (), map=machine.map)
            self.vms[machine.address] = vm
            self.vcpus |= dict(zip(machine.vcpus, vm.vcpus, strict=True))
        pintids = sorted(set(survey.pintids.values()))
        self.kernel = build.kernel(chip, (MAINTENANCE, *pintids))
        design = build.design(self.kernel, tuple(self.vms.values()))
        assert isinstance(design, Kvm)
        self.design = design
        self.entries: dict[int, Entry] = {}
        self.translations: dict[tuple[int, Msi], int] = {}
        self.unknown_msis: list[tuple[int, Msi]] = []
        self.line = 0
        self.bad: list[BadLine] = []
        self._done: dict[int, Msi] = {}
        self._probes: dict[str, Callable[[Probe, int], None]] = {
            "kvm_vgic_load": self._load, "kvm_vgic_put": self._put, "kvm_vgic_inject_irq": self._inject,
            "vgic_v3_dispatch_sgi": self._sgi, "kvm_vgic_map_phys_irq": self._map,
            "kvm_vgic_unmap_phys_irq": self._unmap, "kvm_vgic_reset_mapped_irq": self._reset,
            "dispatch_mmio_write": self._mmio_write, "dispatch_mmio_read": self._mmio_read,
            "update_lpi_config": self._lpi_config, "vgic_its_inject_cached_translation": self._msi,
            "vgic_its_trigger_msi": self._msi, **dict.fromkeys(POPULATE, self._populate),
            **dict.fromkeys(FOLD, self._fold),
        }

    def run(self, events: Iterator[Event]) -> None:
        """All events."""
        self.ahead = _Ahead(events)
        for event in self.ahead:
            self.feed(event)
        for pe in list(self.entries):
            self._leave(pe)

    def feed(self, e: Event) -> None:
        """The next event."""
        if type(e) is Probe:
            self._probe(e)
        elif type(e) is SysReg:
            if e.pe < len(self.chip.cpus):
                self._sysreg(e)
        elif type(e) is Access:
            if e.pe is not None and e.pe < len(self.chip.cpus):
                self._access(e)
        elif type(e) is LineChange and (e.pe is None or e.pe < len(self.chip.cpus)):
            if self.chip.distributor.find(e.intid, e.pe or 0) is not None:
                self.chip.set_line(e.intid, bool(e.level), e.pe)
        elif type(e) is BadLine:
            self.bad.append(e)

    # -- probes

    def _probe(self, e: Probe) -> None:
        handler = self._probes.get(e.name)
        if handler is None:
            self.outcome.other[e.name] += 1
            return
        pe = self.survey.pe_of.get(e.percpu)
        if pe is None or pe >= len(self.chip.cpus):
            self.outcome.other[f"{e.name} on a CPU whose PE isn't known"] += 1
            return
        if e.name not in POPULATE and e.name not in FOLD:
            self.outcome.stimuli[e.name] += 1
            # An interrupt's handler runs in the host: an entry that only an access told of is over.
            entry = self.entries.get(pe)
            if entry is not None and entry.seen_by_access:
                self._leave(pe)
        try:
            handler(e, pe)
        except (Unsupported, NoInterrupt) as why:
            self.outcome.other[str(why)] += 1

    def _vcpu(self, e: Probe, argument: str = "x0") -> Vcpu | None:
        return self.vcpus.get(e.args.get(argument, 0))

    def _loaded(self, pe: int) -> Vcpu | None:
        return self.design.running(pe)

    def _load(self, e: Probe, pe: int) -> None:
        vcpu = self._vcpu(e)
        if vcpu is None:
            return
        for other in (self._loaded(pe), vcpu):
            if other is not None:
                self._put_vcpu(other)
        self.design.vcpu_load(vcpu, pe)

    def _put(self, e: Probe, pe: int) -> None:
        vcpu = self._vcpu(e)
        if vcpu is not None:
            self._put_vcpu(vcpu)

    def _put_vcpu(self, vcpu: Vcpu) -> None:
        if vcpu.pe is not None:
            self._leave(vcpu.pe)
            self.design.vcpu_put(vcpu)

    def _inject(self, e: Probe, pe: int) -> None:
        vm = self.vms.get(e.args.get("x0", 0))
        if vm is not None:
            intid, level = e.args.get("x2", 0) & 0xFFFF_FFFF, bool(e.args.get("x3", 0) & 1)
            self.design.inject(vm, self._vcpu(e, "x1"), intid, level)

    def _sgi(self, e: Probe, pe: int) -> None:
        vcpu = self._vcpu(e)
        if vcpu is not None:
            register = "ICC_SGI1R_EL1" if e.args.get("x2", 0) & 1 else "ICC_SGI0R_EL1"
            self.design.sysreg_write(vcpu, register, e.args.get("x1", 0))

    def _map(self, e: Probe, pe: int) -> None:
        vcpu, vintid = self._vcpu(e), e.args.get("x2", 0)
        pintid = self.survey.pintids.get((e.args.get("x0", 0) if vintid < 32 else 0, vintid))
        if vcpu is None or pintid is None:
            self.outcome.other["a mapping whose pINTID no memory tells"] += 1
            return
        self.outcome.adopted["pINTID of a mapped interrupt"] += 1

        def level(whose: Vcpu) -> bool:
            irq = self.chip.distributor.find(pintid, whose.pe or 0)
            return irq is not None and irq.line
        self.design.map_phys_irq(vcpu, self.kernel.irq(pintid), vintid, level)

    def _unmap(self, e: Probe, pe: int) -> None:
        vcpu = self._vcpu(e)
        if vcpu is not None:
            self.design.unmap_phys_irq(vcpu, e.args.get("x1", 0))

    def _reset(self, e: Probe, pe: int) -> None:
        vcpu = self._vcpu(e)
        if vcpu is not None:
            self.design.reset_mapped_irq(vcpu, e.args.get("x1", 0))

    def _mmio_write(self, e: Probe, pe: int) -> None:
        vcpu, size = self._vcpu(e), e.args.get("x3", 0)
        data = e.memory.get("x4+0", b"")
        if vcpu is None or size not in (1, 2, 4, 8) or len(data) < size:
            self.outcome.other["a write to the guest's GIC without its value"] += 1
        elif vcpu.pe is None:
            self.outcome.other["a write to the guest's GIC by a vCPU that isn't loaded"] += 1
        else:
            self.design.mmio_write(vcpu, e.args.get("x2", 0), size, int.from_bytes(data[:size], "little"))

    def _mmio_read(self, e: Probe, pe: int) -> None:
        vcpu, size = self._vcpu(e), e.args.get("x3", 0)
        if vcpu is not None and vcpu.pe is not None and size in (1, 2, 4, 8):
            self.design.mmio_read(vcpu, e.args.get("x2", 0), size)

    # -- LPIs

    def _lpi_config(self, e: Probe, pe: int) -> None:
        """Its target; its configuration is what a later memory tells."""
        memory, vm = irq_memory(e), self.vms.get(e.args.get("x0", 0))
        if memory is not None and vm is not None:
            irq = self.design.find_irq(vm, None, memory.intid)
            if irq is not None:
                irq.target_vcpu = self.vcpus.get(memory.target_vcpu)

    def _msi(self, e: Probe, pe: int) -> None:
        """An MSI is first looked up in the cache of translations; where it isn't there, the ITS's function follows."""
        address = e.args.get("x0", 0)
        vm, which = self.vms.get(address), msi(e)
        if vm is None or which is None:
            return
        triggered = e.name == "vgic_its_trigger_msi"
        if triggered and self._done.pop(pe, None) == which:
            return
        intid = self.translations.get((address, which))
        if intid is not None:
            self.design.inject(vm, None, intid, True)
            if not triggered:
                self._done[pe] = which
        elif triggered and len(self.unknown_msis) < 1024:
            self.unknown_msis.append((address, which))

    def _learn(self, vm: Vm, memory: IrqMemory) -> bool:
        """The LPI that the kernel shows now, and that the design knows nothing of, is what the oldest MSI of unknown
        translation became. Whether one was learned."""
        irq = self.design.find_irq(vm, None, memory.intid)
        if irq is None or irq.pending_latch or not memory.pending_latch:
            return False
        for n, (address, which) in enumerate(self.unknown_msis):
            if self.vms[address] is vm:
                del self.unknown_msis[n]
                self.translations[address, which] = memory.intid
                self.outcome.adopted["translation of an MSI"] += 1
                self.design.inject(vm, None, memory.intid, True)
                return True
        return False

    def _adopt(self, vm: Vm, memory: IrqMemory) -> None:
        """An LPI's configuration is in the guest's memory: only its own memory tells it."""
        irq = self.design.find_irq(vm, None, memory.intid)
        if irq is None:
            return
        target = self.vcpus.get(memory.target_vcpu)
        for name, value in (("enabled", memory.enabled), ("priority", memory.priority), ("group", memory.group),
                            ("target_vcpu", target)):
            if getattr(irq, name) != value:
                setattr(irq, name, value)
                self.outcome.adopted[f"LPI's {name.partition('_')[0]}"] += 1

    # -- entries

    def _populate(self, e: Probe, pe: int) -> None:
        if pe in self.entries and not self.entries[pe].seen_by_access:
            return  # one of an entry that has begun
        self._leave(pe)
        vcpu = self._vcpu(e)
        memories = [m for m in (irq_memory(p) for p in (e, *self._same_entry(e, pe))) if m is not None]
        if vcpu is None or vcpu.pe != pe:
            self.outcome.undetermined["its vCPU's load is not in the recording"] += 1
            return
        learned = False
        for memory in memories:
            if memory.intid >= LPI_START:
                self._adopt(vcpu.vm, memory)
                learned = self._learn(vcpu.vm, memory) or learned
        self._enter(vcpu, pe, e.line, False)
        if learned or any(self.vms[address] is vcpu.vm for address, _ in self.unknown_msis):
            self.entries[pe].undetermined = "an MSI whose translation was not seen before is under way"

    def _same_entry(self, first: Probe, pe: int) -> Iterator[Probe]:
        """The other populates of the entry: up to the write of HCR, or another function of the same CPU."""
        for event in self.ahead.coming():
            if type(event) is Probe and event.percpu == first.percpu:
                if event.name not in POPULATE:
                    return
                yield event
            elif (type(event) is SysReg and event.pe == pe and event.register.startswith("ICH")) or (
                    type(event) is Access and event.pe == pe and event.region == "gic_viface"):
                return

    def _enter(self, vcpu: Vcpu, pe: int, line: int, access: bool) -> None:
        vcpu.kicked = False
        self.design.flush(vcpu)
        vcpu.in_guest = True
        hw, v2 = self.design.hw, vcpu.vm.gic == 2
        lrs = [hw.decode(hw.read_lr(n, pe), v2) for n in range(hw.nr_lr)]
        self.entries[pe] = Entry(line, vcpu, pe, [lr for lr in lrs if lr.pending or lr.active], access)

    def _fold(self, e: Probe, pe: int) -> None:
        entry = self.entries.get(pe)
        if entry is not None and not entry.seen_by_access:
            self._leave(pe)

    def _leave(self, pe: int) -> None:
        """The guest has left, if it was in."""
        entry = self.entries.pop(pe, None)
        if entry is None:
            return
        if entry.vcpu.in_guest:
            entry.vcpu.in_guest = False
            self.design.sync(entry.vcpu)
        self.outcome.compare(entry)

    # -- registers

    def _written(self, pe: int, role: str, n: int, value: int, write: bool) -> None:
        """The kernel at its hypervisor registers: the list registers of the entry, until it reads or disables them."""
        entry = self.entries.get(pe)
        if entry is None or entry.seen_by_access:
            return
        if role == "lr" and write and not entry.over:
            entry.theirs[n] = self.design.hw.decode(value, entry.vcpu.vm.gic == 2)
        elif not write or (role == "hcr" and not value & EN):
            entry.over = True

    def _guest(self, pe: int) -> bool:
        """The guest is at its virtual interface: if no entry is under way, one was made without list registers."""
        if pe not in self.entries:
            vcpu = self._loaded(pe)
            if vcpu is None:
                return False
            self._enter(vcpu, pe, self.line, True)
        return not self.entries[pe].over

    def _sysreg(self, e: SysReg) -> None:
        self.line = e.line
        frame = e.register[:3]
        place = self.places.register(e.register)
        if frame == "ICH":
            self._written(e.pe, place.role, place.n, e.value, e.write)
        elif frame == "ICC":
            entry = self.entries.get(e.pe)
            if entry is not None and entry.seen_by_access:
                self._leave(e.pe)
        elif frame == "ICV" and (e.write or place.role == "viar") and self._guest(e.pe):
            chip: Any = self.chip
            try:
                if e.write:
                    chip.sysreg_write(e.register, e.value, e.pe)
                else:
                    self._acknowledged(chip.sysreg_read(e.register, e.pe), e.value)
            except (Trap, Undefined) as why:
                self.outcome.other[f"the design's guest: {why}"] += 1

    def _access(self, e: Access) -> None:
        self.line = e.line
        assert e.pe is not None
        frame = self.places.region(e.region)
        if frame == "GICH":
            place = self.places.at(e.address)
            self._written(e.pe, place.role, place.n, e.value, e.write)
        elif frame == "GICC":
            entry = self.entries.get(e.pe)
            if entry is not None and entry.seen_by_access:
                self._leave(e.pe)
        elif frame == "GICV" and isinstance(self.chip, GicV2):
            place = self.places.at(e.address)
            if (e.write or place.role == "viar") and self._guest(e.pe):
                if e.write:
                    self.chip.write(e.address, e.size, e.value, e.pe)
                else:
                    self._acknowledged(self.chip.read(e.address, e.size, e.pe), e.value)

    def _acknowledged(self, ours: int, theirs: int) -> None:
        from_hardware = theirs >= LPI_START and special(ours)
        same = "equal" if ours == theirs else "VLPI" if from_hardware else "different"
        self.outcome.acknowledged[same] += 1
