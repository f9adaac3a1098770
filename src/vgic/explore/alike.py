"""Which vCPUs, VMs and devices of a machine are alike: the exchanges under which it might stay the same.

Two vCPUs of a VM are alike if they run the same program on PEs of their own, and each has devices of the same kinds.
With a vCPU its PE changes places (CPU interface, redistributor, banked interrupts, list registers, timers), its guest,
its private interrupts, its devices with their interrupts, and what the design keeps of all that. Two VMs are alike if
their vCPUs are, pair by pair. That one vCPU is called 0 and another 1 must make no difference, so what names it by a
number, in a slot or in a list of targets, is renamed along (`_Renaming`).

The parts of a design are found without knowing it: a part that is reached by way of something that changes places
(`design.cpus[vcpu 0]`, `design.shared[vm][40]`) takes the place of the one at the same way of the other.

Nothing here is trusted. An exchange is a guess, made from names; whether it is a symmetry is proved in
`vgic.explore.mirror`, and a guess that is wrong, or a design that is not symmetric, is refused there. Two devices of
one vCPU are tried where the VMM emulates them: software takes first what came first. Of two physical interrupts the
chip takes the lower INTID.
"""
from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from vgic.designs.vgic.irq import VirtualIrq
from vgic.designs.vgic.resident import ResidentCpu
from vgic.designs.vm import Vcpu
from vgic.explore.reach import attributes_of
from vgic.explore.symmetry import Exchange
from vgic.host import IrqDesc
from vgic.lab.guest import GuestState
from vgic.lab.machine import Machine
from vgic.lab.program import Op
from vgic.lab.scenario import DeviceSpec
from vgic.lab.vms import VcpuRun, VmRun, pintid_of, vintid_of
from vgic.rules.ghost import Faults, IrqGhost
from vgic.silicon import GicV2, GicV3
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.virtual_interface import ListRegister

MOST_ALIKE: Final = 3
"""No more exchanges than this are made: they make a group of up to 24 elements, and each is proved by itself."""

_SPI: Final = 32
_WORD: Final = re.compile(r"[\w.-]+")


def exchanges(machine: Machine) -> list[Exchange]:
    """What may be exchanged, as far as names tell; empty where nothing may."""
    found: list[Exchange | None] = []
    for vm in machine.vms:
        found += _chain(vm.vcpus, lambda a, b: _exchange(machine, [(a, b)], []))
    found += _chain(machine.vms, lambda a, b: _exchange(machine, list(zip(a.vcpus, b.vcpus, strict=False)), [(a, b)]))
    for vm in machine.vms:
        for run in vm.vcpus:
            emulated = [d for d in _devices_of(vm, run) if d.emulated()]
            found += _chain(emulated, partial(_two_devices, machine, vm))
    return [e for e in found if e is not None][:MOST_ALIKE]


def _chain(things: Sequence[Any], exchange: Callable[[Any, Any], Exchange | None]) -> list[Exchange | None]:
    """Each with the next that is like it: these make all permutations of those that are alike."""
    return [next(filter(None, (exchange(a, b) for b in things[i + 1:])), None) for i, a in enumerate(things)]


class _Unlike(Exception):
    """The two can't be exchanged."""


def _two_devices(machine: Machine, vm: VmRun, d: DeviceSpec, e: DeviceSpec) -> Exchange | None:
    return _exchange(machine, [], [], (vm, d, e))


def _exchange(machine: Machine, runs: list[tuple[VcpuRun, VcpuRun]], vms: list[tuple[VmRun, VmRun]],
              devices: tuple[VmRun, DeviceSpec, DeviceSpec] | None = None) -> Exchange | None:
    try:
        names = _Names(machine, runs, vms, devices)
        moves = _Moves(machine, names)
        what = " and ".join(x.name for x in (devices[1:] if devices is not None else (vms or runs)[0]))
        renaming = _Renaming(machine, names, moves.foreign)
        called = {name: names.words(name) for name, _ in machine.actions()}
        return Exchange(what, moves.pairs(), renaming, {a: b for a, b in called.items() if a != b}, moves.others(),
                        {"pe": names.pe})
    except _Unlike:
        return None


# -- what is called how

class _Names:
    """What each number and name becomes: PEs, vCPUs of a VM, vINTIDs, pINTIDs, names of vCPUs, devices, PEs, VMs.

    Raises _Unlike where what they name differs.
    """

    def __init__(self, machine: Machine, runs: list[tuple[VcpuRun, VcpuRun]], vms: list[tuple[VmRun, VmRun]],
                 devices: tuple[VmRun, DeviceSpec, DeviceSpec] | None) -> None:
        self.m = machine
        self.run: dict[VcpuRun, VcpuRun] = {}
        self.vm: dict[VmRun, VmRun] = {}
        self.pe: dict[int, int] = {}
        self.vint: dict[int, int] = {}
        self.pint: dict[int, int] = {}
        self.word: dict[str, str] = {}
        self.device: dict[str, str] = {}
        for a, b in vms:
            _both(self.vm, a, b)
            _both(self.word, a.name, b.name)
            if len(a.vcpus) != len(b.vcpus):
                raise _Unlike
        for x, y in runs:
            if x.home == y.home:
                raise _Unlike               # only one of them is there at the start
            _both(self.run, x, y)
            _both(self.pe, x.home, y.home)
            _both(self.word, x.name, y.name)
            _both(self.word, f"pe{x.home}", f"pe{y.home}")
        self.index = {x.vcpu.index: y.vcpu.index for x, y in self.run.items()} if not vms else {}
        for v in machine.vcpus:
            if self.run.get(v, v).home != self.pe.get(v.home, v.home):
                raise _Unlike               # somebody else's PE would change places
        self.mine = mine = {machine.vm_of[x.name] for run in self.run.items() for x in run}
        for vm in mine:
            self._devices(vm, self.vm.get(vm, vm))
        if devices is not None:
            mine.add(devices[0])
            self._pair(*devices[1:])
        for vm in machine.vms:
            self._same(vm, self.vm.get(vm, vm))
            if vm not in mine and vm not in self.vm and self.vint.keys() & set(vm.intids):
                raise _Unlike

    def _devices(self, vm: VmRun, other: VmRun) -> None:
        """Each device of a vCPU that moves with one of its counterpart: of one kind, in the order of the scenario."""
        for x in vm.vcpus:
            y = self.run.get(x, x)
            mine, theirs = _devices_of(vm, x), _devices_of(other, y)
            if len(mine) != len(theirs):
                raise _Unlike
            for d, e in zip(mine, theirs, strict=True) if x is not y else ():
                self._pair(d, e)
        if vm is not other:
            timers = [[(d.timer, vintid_of(d)) for d in v.devices.values() if d.kind == "timer"] for v in (vm, other)]
            if timers[0] != timers[1]:
                raise _Unlike

    def _pair(self, d: DeviceSpec, e: DeviceSpec) -> None:
        unnamed: dict[str, Any] = {"name": "", "intid": None, "vintid": None, "vm": None, "routed": 0}
        if d.model_copy(update=unnamed) != e.model_copy(update=unnamed):
            raise _Unlike
        _both(self.vint, vintid_of(d), vintid_of(e))
        _both(self.word, d.name, e.name)
        _both(self.device, d.name, e.name)
        if not d.emulated():
            _both(self.pint, pintid_of(d), pintid_of(e))

    def _same(self, vm: VmRun, other: VmRun) -> None:
        """Whether a VM, renamed, is the VM in whose place it comes."""
        a, b = vm.spec, other.spec
        unnamed: dict[str, Any] = {"name": None, "vcpu": [], "priorities": {}, "disabled": []}
        if a.model_copy(update=unnamed) != b.model_copy(update=unnamed):
            raise _Unlike
        if ({self.intid(int(k)): p for k, p in a.priorities.items()} != {int(k): p for k, p in b.priorities.items()}
                or {self.intid(i) for i in a.disabled} != set(b.disabled)
                or {self.intid(i) for i in vm.intids} != set(other.intids)):
            raise _Unlike
        for x in vm.vcpus:
            y = self.run.get(x, x)
            g, h = x.guest, y.guest
            if (self._ops(g.program) != _ops(h.program) or g.spins != h.spins
                    or {self.intid(i): self._ops(ops) for i, ops in g.handlers.items()}
                    != {i: _ops(ops) for i, ops in h.handlers.items()}):
                raise _Unlike

    def _ops(self, ops: Sequence[Op]) -> list[tuple[str, int, int, int]]:
        return [(op.word, self.intid(op.intid), self.index.get(op.value, op.value) if op.word in ("SGI", "ROUTE")
                 else op.value, self.index.get(op.of, op.of)) for op in ops]

    def intid(self, n: int) -> int:
        """A vINTID."""
        return self.vint.get(n, n)

    def words(self, text: str) -> str:
        """The name of an action."""
        return _WORD.sub(lambda m: self.word.get(m[0], m[0]), text)


def _ops(ops: Sequence[Op]) -> list[tuple[str, int, int, int]]:
    return [(op.word, op.intid, op.value, op.of) for op in ops]


def _devices_of(vm: VmRun, run: VcpuRun) -> list[DeviceSpec]:
    return [d for d in vm.devices.values() if d.kind != "timer" and d.routed == run.vcpu.index]


def _both(names: dict[Any, Any], a: Any, b: Any) -> None:
    """a and b change places; each has only one to change with."""
    if names.setdefault(a, b) != b or names.setdefault(b, a) != a:
        raise _Unlike


# -- which parts change places

class _Moves:
    """The parts that change places.

    Attributes:
        foreign: ids of parts of VMs whose vCPUs stay.
    """

    def __init__(self, machine: Machine, names: _Names) -> None:
        self.m, self.names = machine, names
        self._to: dict[int, tuple[object, object]] = {}
        self.foreign: set[int] = set()
        self._met: list[tuple[object, object]] = []
        for p, q in names.pe.items():
            self._all(_of_pe(machine, p), _of_pe(machine, q))
        for (pe, intid), ghost in machine.taken.items():
            there = machine.taken.get((names.pe.get(pe, pe), names.pint.get(intid, intid)))
            self._one(ghost, there)
        for x, y in names.run.items():
            self._all((x.vcpu, *x.parts()), (y.vcpu, *y.parts()))
            self._all([x.irqs[i] for i in x.irqs if i < _SPI], [y.irqs[i] for i in x.irqs if i < _SPI])
        for vm in names.mine:
            for v, irq in vm.spis.items():
                self._one(irq, names.vm.get(vm, vm).spis[names.intid(v)])
        devices = {d.name: d for d in machine.devices}
        for a, b in names.device.items():
            if a in devices:
                self._all(devices[a].parts(), devices[b].parts())
        for i, j in names.pint.items():
            if i >= _SPI:
                self._one(machine.gic.distributor.find(i, 0), machine.gic.distributor.find(j, 0))
                self._one(machine.kernel.irq(i), machine.kernel.irq(j))
        self._things = {id(vm.vm): self.names.vm.get(vm, vm).vm for vm in machine.vms}
        for vm in machine.vms:
            if vm not in names.mine:
                self.foreign |= {id(p) for p in vm.parts()}
        self._design()

    def pairs(self) -> list[tuple[object, object]]:
        """Each part that moves, and the one whose place it takes."""
        return [pair for pair in self._to.values() if pair[0] is not pair[1]]

    def others(self) -> list[tuple[object, object]]:
        """What is no part, and changes places too."""
        m, n = self.m, self.names
        devices = {d.name: d for d in m.devices}
        pairs: list[tuple[Any, Any]] = [*n.run.items(), *n.vm.items(), *((a.guest, b.guest) for a, b in n.run.items())]
        pairs += [(a.vm, b.vm) for a, b in n.vm.items()]
        pairs += [(tuple_[p], tuple_[q]) for tuple_ in (m.gic.cpus, m.gic.virtual) for p, q in n.pe.items()]
        pairs += [(devices[a], devices[b]) for a, b in n.device.items() if a in devices]
        return [*pairs, *((a, b) for a, b in self._met if a is not b)]

    def _image(self, part: object) -> object:
        return self._to[id(part)][1] if id(part) in self._to else part

    def _one(self, a: object, b: object) -> None:
        if a is None or b is None or type(a) is not type(b) or self._to.setdefault(id(a), (a, b))[1] is not b:
            raise _Unlike

    def _all(self, mine: Sequence[object], theirs: Sequence[object]) -> None:
        if len(mine) != len(theirs):
            raise _Unlike
        for a, b in zip(mine, theirs, strict=True):
            self._one(a, b)

    def _design(self) -> None:
        """The design's own parts, by the ways that lead to them."""
        design = self.m.design
        own = {id(p): p for p in (*design.parts(), *design.work())
               if id(p) not in self._to and not isinstance(p, Vcpu)}
        foreign = {id(vm.vm) for vm in self.m.vms if vm not in self.names.mine}
        for part, way in self._ways(own):
            here: Any = design
            there: Any = design
            for kind, place in way:
                here = _go(here, kind, place)
                there = _go(there, kind, self._place(place) if kind == "key" else place)
                if hasattr(here, "__dict__") and type(here) is type(there):
                    self._met.append((here, there))
            if id(there) not in own:
                raise _Unlike
            self._one(part, there)
            for kind, place in way:
                for thing in (place if isinstance(place, tuple) else (place,)) if kind == "key" else ():
                    vm = thing.vm if isinstance(thing, Vcpu) else thing
                    if id(vm) in foreign:
                        self.foreign.add(id(part))

    def _place(self, key: Any) -> Any:
        """What a key becomes: a vCPU, a VM, an interrupt's number, or several of these."""
        if isinstance(key, tuple):
            return tuple(self._place(k) for k in key)
        if type(key) is int:
            return self.names.vint.get(key, self.names.pint.get(key, key)) if key >= _SPI else key
        if type(key) is str:
            return self.names.word.get(key, key)
        return self._things.get(id(key), self._image(key))

    def _ways(self, own: Mapping[int, object]) -> Iterator[tuple[object, tuple[tuple[str, Any], ...]]]:
        """Each of these parts with a shortest way there from the design. Raises _Unlike where one has none."""
        m = self.m
        seen = {id(x) for x in (m, m.kernel, m.gic, m.timers, m.scenario, *m.kernel.descs, *(v.vcpu for v in m.vcpus),
                                *(vm.vm for vm in m.vms), m.steps, m.observer)}
        todo: deque[tuple[Any, tuple[tuple[str, Any], ...]]] = deque([(m.design, ())])
        left = set(own)
        while todo:
            here, way = todo.popleft()
            if id(here) in seen or isinstance(here, (str, bytes, int, float, type, type(None))):
                continue
            seen.add(id(here))
            if id(here) in own:
                left.discard(id(here))
                yield here, way
            if isinstance(here, dict):
                todo.extend((v, (*way, ("key", k))) for k, v in here.items())
            elif isinstance(here, (list, tuple)):
                todo.extend((v, (*way, ("item", i))) for i, v in enumerate(here))
            elif hasattr(here, "__self__"):
                todo.append((here.__self__, (*way, ("attribute", "__self__"))))
            else:
                todo.extend((v, (*way, ("attribute", k))) for k, v in attributes_of(here).items())
        if left:
            raise _Unlike


def _go(here: Any, kind: str, place: Hashable) -> Any:
    try:
        return getattr(here, str(place)) if kind == "attribute" else here[place]
    except (LookupError, AttributeError, TypeError):
        raise _Unlike from None


def _of_pe(m: Machine, pe: int) -> list[object]:
    """All that a PE has: chip, timers, the kernel's side."""
    gic: GicV2 | GicV3 = m.gic
    own: list[object] = [*gic.distributor.banked[pe], *gic.cpus[pe].parts(), *gic.virtual[pe].parts()]
    if isinstance(gic, GicV3):
        own += [gic.pe_states[pe], gic.distributor.rds[pe]]
    own += [m.timers.offsets[pe], *m.timers.timers[pe].values()]
    return [*own, *(desc.percpu[pe] for desc in m.kernel.descs if desc.percpu)]


# -- what names them otherwise than by reference

class _Renaming:
    """The value of a slot after the exchange, where it names what moves by a number or in a text."""

    def __init__(self, machine: Machine, names: _Names, foreign: set[int]) -> None:
        self.names, self.foreign = names, foreign
        self.v2 = isinstance(machine.gic, GicV2)
        self.sourced = any(machine.vm_of[run.name].vm.gic == 2 for run in names.run)
        gic = machine.gic
        self.route = ({gic.options.affinity(p): gic.options.affinity(q) for p, q in names.pe.items()}
                      if isinstance(gic, GicV3) else {})
        pe, index, intid = _by(names.pe), _by(names.index), _by(names.vint)
        self._by_slot: list[tuple[type, dict[str, Callable[[Any], Any]]]] = [
            (Vcpu, {"pe": pe}),
            (IrqDesc, {"affinity": pe}),
            (Interrupt, {"route": _by(self.route), "targets": _bits(names.pe), "sources": _bits(names.pe)}),
            (ListRegister, {"vintid": intid, "pintid": _by(names.pint), "cpuid": index}),
            (GuestState, {"handled": lambda v: frozenset(map(intid, v)), "stack": self._stack,
                          "owing": lambda v: tuple(map(self._iar, v))}),
            (IrqGhost, {"active": index, "target": index, "sources": _bits(names.index)}),
            (VirtualIrq, {"targets": _bits(names.index), "source": _bits(names.index), "active_source": index,
                          "mpidr": index, "hwintid": _by(names.pint)}),
            (ResidentCpu, {"saved": lambda v: tuple(map(self._register, v))}),
            (Faults, {"told": lambda v: tuple((n, self._text(text)) for n, text in v)}),
        ]
        self._found: dict[tuple[type, str], Callable[[Any], Any] | None] = {}

    def __call__(self, part: Any, slot: str, value: Any) -> Any:
        """The value after the exchange."""
        key = type(part), slot
        if key not in self._found:
            fit = (by[slot] for cls, by in self._by_slot if slot in by and isinstance(part, cls))
            self._found[key] = next(fit, None)
        rename = self._found[key]
        return value if rename is None or id(part) in self.foreign else rename(value)

    def _stack(self, stack: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple((self._iar(iar), pc) for iar, pc in stack)

    def _iar(self, iar: int) -> int:
        """GICv2's IAR tells the source of an SGI in bits 12 to 10."""
        low, source = iar & 0x3FF, iar >> 10 & 7
        if low < 16 and self.sourced:
            return low | self.names.index.get(source, source) << 10
        return self.names.intid(iar)

    def _register(self, raw: int) -> int:
        """A list register's value."""
        n = self.names
        if self.v2:
            twin = raw >> 10 & 0x3FF
            twin = n.pint.get(twin, twin) if raw >> 31 else n.index.get(twin & 7, twin & 7) | twin & ~7
            return raw & ~0xFFFFF | twin << 10 | n.intid(raw & 0x3FF)
        twin = raw >> 32 & 0x1FFF
        if raw >> 61 & 1:
            raw = raw & ~(0x1FFF << 32) | n.pint.get(twin, twin) << 32
        return raw & ~0xFFFF_FFFF | n.intid(raw & 0xFFFF_FFFF)

    def _text(self, text: str) -> str:
        """What a rule was told of."""
        n = self.names
        text = re.sub(r"vCPU (\d+)", lambda m: f"vCPU {n.index.get(int(m[1]), int(m[1]))}", text)

        def word(m: re.Match[str]) -> str:
            if m[0].isdigit() and int(m[0]) >= _SPI:
                return str(n.intid(int(m[0])))
            return n.word.get(m[0], m[0])
        return re.sub(r"[\w-]+(?:\.[\w-]+)*", word, text)


def _by(names: Mapping[int, int]) -> Callable[[Any], Any]:
    return lambda value: names.get(value, value)


def _bits(names: Mapping[int, int]) -> Callable[[int], int]:
    """A number with a bit for each."""
    def renamed(value: int) -> int:
        return sum(1 << names.get(n, n) for n in range(value.bit_length()) if value >> n & 1)
    return renamed
