"""The frames of a guest's GIC: from an address to what happens (GICD and GICR of a GICv3; GICD and GICC of a GICv2).

What a register does to an interrupt is a hypervisor's business (`vgic.designs.vgic.registers`); here are addresses,
widths and bits. Registers that aren't there read as zero and ignore writes; so do accesses of a width that a register
does not permit, unless the hypervisor says otherwise (`GuestRegisters.bad_width`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vgic.arch.affinity import of_route, to_route
from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR, STRIDE
from vgic.arch.register import Frame, Place
from vgic.designs.vgic import cpuif, legacy
from vgic.designs.vgic.irq import VirtualIrq
from vgic.designs.vgic.registers import GuestRegisters
from vgic.designs.vm import Vcpu, Vm

ROUTE = GICD_V3["GICD_IROUTER<n>"].mask("Aff3", "Aff2", "Aff1", "Aff0")
A3V, RSS = (GICD_V3["GICD_TYPER"].mask(name) for name in ("A3V", "RSS"))
ENABLE_GRP1, ARE, DS = (GICD_V3["GICD_CTLR"].mask(name) for name in ("EnableGrp1", "ARE", "DS"))


class RegisterAccess(NamedTuple):
    """An access to a register of a frame.

    Attributes:
        accessor: the vCPU that makes it. owner: whose private interrupts and redistributor are meant.
        n: the register's instance. user: whether userspace makes it.
    """

    accessor: Vcpu
    owner: Vcpu
    n: int
    user: bool


ReadHandler = Callable[[RegisterAccess], int]
WriteHandler = Callable[[RegisterAccess, int, int], None]
"""Called with the value and the bits that the access covers."""
Handlers = dict[str, tuple[ReadHandler | None, WriteHandler | None]]
"""What reads and writes each register do, by its name in `vgic.arch`; None for what reads as zero, or is ignored."""


class GuestFrames:
    """The frames of one VM.

    Args:
        registers: what a register does to an interrupt. vm: whose.
    """

    def __init__(self, registers: GuestRegisters[Any], vm: Vm) -> None:
        self.registers, self.vm = registers, vm
        v3 = vm.gic == 3
        self.frames: list[tuple[int, Frame, Handlers]] = []
        gicd = self._distributor()
        if v3:
            self.frames.append((vm.map.gicd, GICD_V3, gicd | self._v3()))
            redistributor = self._private() | self._redistributor()
            self.frames += [(vm.map.gicr + STRIDE * v.index, GICR, redistributor) for v in vm.vcpus]
        else:
            self.frames += [(vm.map.gicd, GICD_V2, gicd | self._v2()), (vm.map.gicc, GICC, self._gicc())]

    # -- decoding

    def _find(
        self, accessor: Vcpu, address: int, size: int, user: bool,
    ) -> tuple[Place, RegisterAccess, ReadHandler | None, WriteHandler | None] | None:
        for index, (base, frame, table) in enumerate(self.frames):
            extent = STRIDE if frame is GICR else frame.size
            if base <= address < base + extent:
                place = frame.at(address - base)
                if place is None:
                    return None
                if not self.registers.permits(place.register, size) or place.byte % size:
                    if not user:
                        self.registers.bad_width(accessor, place.register.instance(place.n), size)
                    return None
                owner = self.vm.vcpus[index - 1] if frame is GICR else accessor
                read, write = table.get(place.register.name, (None, None))
                return place, RegisterAccess(accessor, owner, place.n, user), read, write
        return None

    def read(self, accessor: Vcpu, address: int, size: int, user: bool) -> int:
        """The value of a load by a vCPU, or for one by userspace (`user`)."""
        found = self._find(accessor, address, size, user)
        if found is None or found[2] is None:
            return 0
        place, access, read, _ = found
        assert read is not None
        return read(access) >> 8 * place.byte & (1 << 8 * size) - 1

    def write(self, accessor: Vcpu, address: int, size: int, value: int, user: bool) -> None:
        """A store by a vCPU, or for one by userspace (`user`)."""
        found = self._find(accessor, address, size, user)
        if found is None or found[3] is None:
            return
        place, access, _, write = found
        assert write is not None
        lanes = (1 << 8 * size) - 1
        write(access, (value & lanes) << 8 * place.byte, lanes << 8 * place.byte)

    # -- interrupts of a register

    def _irqs(self, a: RegisterAccess, first: int, count: int) -> Iterator[tuple[int, VirtualIrq]]:
        for k in range(count):
            irq = self.registers.find_irq(self.vm, a.owner, first + k)
            if irq is not None:
                yield k, irq

    def _chosen(self, a: RegisterAccess, value: int) -> Iterator[VirtualIrq]:
        for k, irq in self._irqs(a, 32 * a.n, 32):
            if value >> k & 1:
                yield irq

    # -- what the distributors of GICv2 and GICv3 share, and redistributors have for private interrupts

    def _per_irq(self) -> Handlers:
        v = self.registers

        def bits(get: Callable[[RegisterAccess, VirtualIrq], int]) -> ReadHandler:
            return lambda a: sum(get(a, irq) << k for k, irq in self._irqs(a, 32 * a.n, 32))

        def each(guests: Callable[[Vcpu, VirtualIrq], None], users: Callable[[Vcpu, VirtualIrq], None]) -> WriteHandler:
            def write(a: RegisterAccess, value: int, lanes: int) -> None:
                act = users if a.user else guests
                for irq in self._chosen(a, value):
                    act(a.accessor, irq)
            return write

        def enable(act: Callable[[Vcpu, VirtualIrq, bool], None]) -> WriteHandler:
            return each(lambda vcpu, irq: act(vcpu, irq, False), lambda vcpu, irq: act(vcpu, irq, True))

        def read_active(a: RegisterAccess) -> int:
            if not a.user:
                v.prepare_active_read(a.accessor, a.owner, 32 * a.n)
            read = v.uaccess_read_active if a.user else v.mmio_read_active
            return sum(read(a.accessor, irq) << k for k, irq in self._irqs(a, 32 * a.n, 32))

        def write_active(write_each: WriteHandler) -> WriteHandler:
            def write(a: RegisterAccess, value: int, lanes: int) -> None:
                if not a.user:
                    v.prepare_active(a.accessor, a.owner, 32 * a.n)
                write_each(a, value, lanes)
                if not a.user:
                    v.finish_active(a.accessor, a.owner, 32 * a.n)
            return write

        write_spending = each(v.mmio_write_spending, v.uaccess_write_spending)
        write_cpending = each(v.mmio_write_cpending, v.uaccess_write_cpending)

        def set_pending(a: RegisterAccess, value: int, lanes: int) -> None:
            if a.user and self.vm.gic == 3:
                for k, irq in self._irqs(a, 32 * a.n, 32):
                    v.assign_pending(a.accessor, irq, bool(value >> k & 1))
            else:
                write_spending(a, value, lanes)

        def clear_pending(a: RegisterAccess, value: int, lanes: int) -> None:
            if not (a.user and self.vm.gic == 3):
                write_cpending(a, value, lanes)

        def read_pending(a: RegisterAccess) -> int:
            read = v.uaccess_read_pending if a.user else v.mmio_read_pending
            return sum(read(a.accessor, irq) << k for k, irq in self._irqs(a, 32 * a.n, 32))

        def read_clear_pending(a: RegisterAccess) -> int:
            return 0 if a.user and self.vm.gic == 3 else read_pending(a)

        def write_group(a: RegisterAccess, value: int, lanes: int) -> None:
            for k, irq in self._irqs(a, 32 * a.n, 32):
                v.set_group(a.accessor, irq, value >> k & 1)

        def write_priority(a: RegisterAccess, value: int, lanes: int) -> None:
            for k, irq in self._irqs(a, 4 * a.n, 4):
                if lanes >> 8 * k & 0xFF:
                    v.write_priority(a.accessor, irq, value >> 8 * k & 0xFF)

        def write_config(a: RegisterAccess, value: int, lanes: int) -> None:
            for k, irq in self._irqs(a, 16 * a.n, 16):
                v.write_config(a.accessor, irq, bool(value >> 2 * k & 2))

        def read_priority(a: RegisterAccess) -> int:
            return sum(irq.priority << 8 * k for k, irq in self._irqs(a, 4 * a.n, 4))

        enabled = bits(lambda a, irq: irq.enabled)
        return {
            "IGROUPR": (bits(lambda a, irq: irq.group), write_group),
            "ISENABLER": (enabled, enable(v.set_enabled)), "ICENABLER": (enabled, enable(v.clear_enabled)),
            "ISPENDR": (read_pending, set_pending), "ICPENDR": (read_clear_pending, clear_pending),
            "ISACTIVER": (read_active, write_active(each(v.mmio_write_sactive, v.uaccess_write_sactive))),
            "ICACTIVER": (read_active, write_active(each(v.mmio_write_cactive, v.uaccess_write_cactive))),
            "IPRIORITYR": (read_priority, write_priority),
            "ICFGR": (lambda a: sum(irq.edge << 2 * k + 1 for k, irq in self._irqs(a, 16 * a.n, 16)), write_config),
        }

    def _distributor(self) -> Handlers:
        """GICD's; word 0 of a GICv3's is RAZ/WI, its redistributors have it."""
        private = 1 if self.vm.gic == 2 else 0

        def shared(
            read: ReadHandler | None, write: WriteHandler | None, words: int,
        ) -> tuple[ReadHandler, WriteHandler]:
            def reader(a: RegisterAccess) -> int:
                return read(a) if read is not None and (private or a.n >= words) else 0

            def writer(a: RegisterAccess, value: int, lanes: int) -> None:
                if write is not None and (private or a.n >= words):
                    write(a, value, lanes)
            return reader, writer

        words = {"IPRIORITYR": 8, "ICFGR": 2}
        return {f"GICD_{name}<n>": shared(r, w, words.get(name, 1)) for name, (r, w) in self._per_irq().items()}

    def _private(self) -> Handlers:
        table = self._per_irq()
        names: Handlers = {}
        for name, handlers in table.items():
            if name == "ICFGR":
                names |= {"GICR_ICFGR0": handlers, "GICR_ICFGR1": _instance(1, handlers)}
            else:
                names["GICR_IPRIORITYR<n>" if name == "IPRIORITYR" else f"GICR_{name}0"] = handlers
        return names

    # -- a GICv3's own

    def _v3(self) -> Handlers:
        v, vm = self.registers, self.vm

        def write_ctlr(a: RegisterAccess, value: int, lanes: int) -> None:
            v.enable_distributor(a.accessor, bool(value & ENABLE_GRP1))

        def read_route(a: RegisterAccess) -> int:
            irq = v.find_irq(vm, None, a.n)
            return 0 if irq is None else to_route(irq.mpidr)

        def write_route(a: RegisterAccess, value: int, lanes: int) -> None:
            irq = v.find_irq(vm, None, a.n)
            lanes &= ROUTE if v.aff3 else ROUTE & 0xFFFF_FFFF
            if irq is not None and lanes:
                route = read_route(a) & ~lanes | value & lanes
                v.set_route(a.accessor, irq, of_route(route))

        lines = (32 + vm.spis) // 32 - 1
        reach = (A3V if v.aff3 else 0) | (RSS if v.range_selector else 0)
        return {
            "GICD_CTLR": (lambda a: (ENABLE_GRP1 if v.distributor_enabled(vm) else 0) | ARE | DS, write_ctlr),
            "GICD_TYPER": (lambda a: lines | 9 << 19 | reach, None), "GICD_IIDR": (lambda a: v.iidr, None),
            "GICD_IROUTER<n>": (read_route, write_route), "GICD_PIDR2": (lambda a: 0x3B, None),
        }

    def _redistributor(self) -> Handlers:
        v, vm = self.registers, self.vm

        def typer(a: RegisterAccess) -> int:
            last = a.owner is vm.vcpus[-1]
            return vm.affinity(a.owner) << 32 | a.owner.index << 8 | last << 4

        return {
            "GICR_TYPER": (typer, None), "GICR_IIDR": (lambda a: v.iidr, None),
            "GICR_CTLR": (lambda a: 0, None), "GICR_WAKER": (lambda a: 0, None), "GICR_PIDR2": (lambda a: 0x3B, None),
        }

    # -- a GICv2's own

    def _v2(self) -> Handlers:
        v, vm = self.registers, self.vm
        lines = (32 + vm.spis) // 32 - 1

        def write_ctlr(a: RegisterAccess, value: int, lanes: int) -> None:
            v.enable_distributor(a.accessor, bool(value & 1))

        def write_targets(a: RegisterAccess, value: int, lanes: int) -> None:
            for k, irq in self._irqs(a, 4 * a.n, 4):
                if a.n >= 8 and lanes >> 8 * k & 0xFF:
                    v.set_targets(a.accessor, irq, value >> 8 * k & 0xFF)

        def write_sgir(a: RegisterAccess, value: int, lanes: int) -> None:
            me, everyone = 1 << a.accessor.index, (1 << len(vm.vcpus)) - 1
            targets = (value >> 16 & 0xFF, everyone & ~me, me, 0)[value >> 24 & 3]
            for target in vm.vcpus:
                if targets >> target.index & 1:
                    v.pend_sgi(a.accessor, target, value & 15, True)

        def read_sources(a: RegisterAccess) -> int:
            return sum(v.read_sgi_sources(irq) << 8 * k for k, irq in self._irqs(a, 4 * a.n, 4))

        def write_sources(on: bool) -> WriteHandler:
            def write(a: RegisterAccess, value: int, lanes: int) -> None:
                for k, irq in self._irqs(a, 4 * a.n, 4):
                    sources = value >> 8 * k & 0xFF
                    if lanes >> 8 * k & 0xFF and on:
                        v.set_sgi_sources(a.accessor, irq, sources)
                    elif lanes >> 8 * k & 0xFF:
                        v.clear_sgi_sources(irq, sources)
            return write

        return {
            "GICD_CTLR": (lambda a: int(v.distributor_enabled(vm)), write_ctlr),
            "GICD_TYPER": (lambda a: lines | len(vm.vcpus) - 1 << 5, None), "GICD_IIDR": (lambda a: v.iidr, None),
            "GICD_ITARGETSR<n>": (
                lambda a: sum(irq.targets << 8 * k for k, irq in self._irqs(a, 4 * a.n, 4)), write_targets),
            "GICD_SGIR": (None, write_sgir),
            "GICD_CPENDSGIR<n>": (read_sources, write_sources(False)),
            "GICD_SPENDSGIR<n>": (read_sources, write_sources(True)),
        }

    def _gicc(self) -> Handlers:
        """The CPU interface for userspace; for the guest DIR, and on a GICv3 host all of it (see
        `vgic.designs.vgic.legacy`): on a GICv2 it reaches the rest directly."""
        v = self.registers
        saved = ("GICC_CTLR", "GICC_PMR", "GICC_BPR", "GICC_ABPR", "GICC_APR<n>")

        def register(name: str) -> tuple[ReadHandler, WriteHandler]:
            def read(a: RegisterAccess) -> int:
                if a.user:
                    return cpuif.read_gicc(name, v.cpu_interface(a.owner), a.n) if name in saved else 0
                return v.access_gicc(a.accessor, name, None)

            def write(a: RegisterAccess, value: int, lanes: int) -> None:
                if not a.user:
                    v.access_gicc(a.accessor, name, value)
                elif name in saved:
                    cpuif.write_gicc(name, v.cpu_interface(a.owner), a.n, value)
            return read, write

        def write_dir(a: RegisterAccess, value: int, lanes: int) -> None:
            if not a.user:
                v.deactivate(a.accessor, value)

        return {name: register(name) for name in (*saved, *legacy.NAMES)} | {"GICC_DIR": (None, write_dir)}


def _instance(n: int, handlers: tuple[ReadHandler | None, WriteHandler | None]) -> tuple[ReadHandler, WriteHandler]:
    """Handlers of a register that is instance n of a kind, but has a name of its own."""
    read, write = handlers
    assert read is not None
    assert write is not None
    return lambda a: read(a._replace(n=n)), lambda a, value, lanes: write(a._replace(n=n), value, lanes)
