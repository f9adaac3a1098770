"""What the `kvm_fn` probes of a recording tell, and what has to be known of a host before its run can be followed.

A probe is the entry of a function of the host's KVM, with the registers that hold its arguments and, for some, a piece
of the memory that an argument points to. The memory of `struct vgic_irq` is that of Linux 6.12 on 64 bits, from its
41st byte on: vcpu, target_vcpu, intid, line_level, pending_latch, active, enabled, hw, refcount, hwintid, host_irq,
targets or mpidr, source, active_source, priority, group. Memory that doesn't fit is not used.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from vgic.arch.gicd import GICD_V3
from vgic.arch.gich import GICH
from vgic.arch.ich import VGRP0DIE, VGRP0EIE, VGRP1DIE, VGRP1EIE
from vgic.arch.intid import LPI_START, PRIVATE, SGIS, SPECIAL_START
from vgic.arch.located import FrameAt
from vgic.designs.vm import GuestMap
from vgic.trace.events import Access, Event, Probe, SysReg

POPULATE = frozenset({"vgic_v2_populate_lr", "vgic_v3_populate_lr"})
FOLD = frozenset({"vgic_v2_fold_lr_state", "vgic_v3_fold_lr_state"})
_LAYOUT = struct.Struct("<QQI5?3xIIIIBBBB")
_GICH, _PIDR2 = FrameAt(GICH, 0), FrameAt(GICD_V3, 0)["PIDR2"].address
_GICH_LR, _GICH_REGISTERS = _GICH["LR0"].address, {_GICH[name].address: name for name in ("HCR", "VMCR")}
_GROUP_ENABLES = VGRP0EIE | VGRP0DIE | VGRP1EIE | VGRP1DIE
_V3_DEVICE = 7
"""KVM_DEV_TYPE_ARM_VGIC_V3, as kvm_vgic_create is told it; a GICv2 is 5."""


class IrqMemory(NamedTuple):
    """A virtual interrupt as Linux has it in memory. `vcpu`, `target_vcpu`: addresses; 0 for none."""

    vcpu: int
    target_vcpu: int
    intid: int
    line_level: bool
    pending_latch: bool
    active: bool
    enabled: bool
    hw: bool
    refcount: int
    hwintid: int
    host_irq: int
    mpidr: int
    source: int
    active_source: int
    priority: int
    group: int


def irq_memory(probe: Probe) -> IrqMemory | None:
    """The interrupt that the probe's second argument points to; None where its memory isn't told or doesn't fit."""
    data = probe.memory.get("x1+40", b"")
    if len(data) < _LAYOUT.size or any(flag > 1 for flag in data[20:25]):
        return None
    memory = IrqMemory(*_LAYOUT.unpack_from(data))
    return memory if memory.group <= 1 and memory.intid < 1 << 24 else None


class Msi(NamedTuple):
    """The device and event of an MSI."""

    device: int
    event: int


def msi(probe: Probe) -> Msi | None:
    """The MSI that a probe tells: as a struct kvm_msi in memory, or in its registers."""
    if probe.name == "vgic_its_trigger_msi":
        return Msi(probe.args.get("x2", 0) & 0xFFFF_FFFF, probe.args.get("x3", 0) & 0xFFFF_FFFF)
    data = probe.memory.get("x1+0", b"")
    if len(data) < 20:
        return None
    event, device = struct.unpack_from("<8xI4xI", data)
    return Msi(device, event)


class RecordedVm(NamedTuple):
    """One VM: the address of its struct kvm, those of its vCPUs in their order, its guest's GIC (2 or 3), and where the
    guest sees its frames."""

    address: int
    vcpus: tuple[int, ...]
    gic: int
    map: GuestMap


class Survey:
    """A first look over the whole recording.

    Attributes:
        pe_of: the PE of each per-CPU base. names: probes seen. lpis: LPIs of guests.
        pintids: the pINTID of each (vCPU's address, vINTID) that is mapped to a physical interrupt.
        arms_group_enables: whether the kernel ever entered a guest with an exit armed for a change of the guest's group
        enables, as Linux does since 6.19.
    """

    def __init__(self, events: Iterable[Event], host: int) -> None:
        self.names: Counter[str] = Counter()
        self.lpis: set[int] = set()
        self.pintids: dict[tuple[int, int], int] = {}
        self._votes: dict[int, Counter[int]] = {}
        self._initialised: dict[int, None] = {}
        self._loaded: dict[int, None] = {}
        self._vm_of: dict[int, int] = {}
        self._gic_of: dict[int, int] = {}
        self._asking: tuple[int, str] | None = None
        self._host = host
        self._first: dict[int, int] = {}
        self._frames: dict[int, dict[int, None]] = {}
        self.arms_group_enables = False
        for event in events:
            if type(event) is Probe:
                self._probe(event)
            elif (type(event) is SysReg or type(event) is Access) and event.write and event.pe is not None:
                self._written(event, event.pe)
        self.pe_of = {base: votes.most_common(1)[0][0] for base, votes in self._votes.items()}

    def _probe(self, e: Probe) -> None:
        self.names[e.name] += 1
        x0, x1 = e.args.get("x0", 0), e.args.get("x1", 0)
        if e.name in POPULATE:
            self._asking = (e.percpu, "LR")
            memory = irq_memory(e)
            if memory is not None:
                self._interrupt(memory, x0)
        elif e.name == "kvm_vgic_load":
            self._asking = (e.percpu, "VMCR")
            self._loaded.setdefault(x0)
        elif e.name == "kvm_vgic_vcpu_init":
            self._initialised.setdefault(x0)
        elif e.name == "kvm_vgic_inject_irq" and x1:
            self._vm_of.setdefault(x1, x0)
        elif e.name == "kvm_vgic_create":
            self._gic_of[x0] = 3 if x1 == _V3_DEVICE else 2
        elif e.name in ("dispatch_mmio_read", "dispatch_mmio_write"):
            self._frame(x0, e.args.get("x2", 0))
        elif e.name == "update_lpi_config":
            memory = irq_memory(e)
            if memory is not None:
                self._interrupt(memory, 0)

    def _frame(self, vcpu: int, address: int) -> None:
        """A guest looks at its distributor first: a GICv2 at any register of it, a GICv3 at its PIDR2; then at that of
        its first redistributor."""
        self._first.setdefault(vcpu, address & ~0xFFF)
        if address & 0xFFFF == _PIDR2 and len(self._frames.setdefault(vcpu, {})) < 2:
            self._frames[vcpu].setdefault(address & ~0xFFFF)

    def _map(self, vcpus: Iterable[int], gic: int) -> GuestMap:
        """QEMU's, where the recording doesn't tell."""
        found = GuestMap()
        for vcpu in vcpus:
            bases = tuple(self._frames.get(vcpu, ()))
            if gic == 2 and vcpu in self._first:
                return found._replace(gicd=self._first[vcpu])
            if gic == 3 and len(bases) == 2:
                return found._replace(gicd=bases[0], gicr=bases[1])
        return found

    def _interrupt(self, memory: IrqMemory, vcpu: int) -> None:
        if memory.intid >= LPI_START and len(self.lpis) < 1 << 16:
            self.lpis.add(memory.intid)
        if memory.hw and SGIS <= memory.hwintid < SPECIAL_START:
            self.pintids[vcpu if memory.intid < PRIVATE else 0, memory.intid] = memory.hwintid

    def _written(self, e: SysReg | Access, pe: int) -> None:
        """A hypervisor's register: what a probe says comes next on its CPU votes for the PE."""
        if isinstance(e, SysReg):
            register = e.register.removeprefix("ICH_").rstrip("0123456789_EL") if e.register.startswith("ICH_") else ""
        elif e.region == "gic_viface":
            offset = e.address & 0xFFF
            register = "LR" if offset >= _GICH_LR else _GICH_REGISTERS.get(offset, "")
        else:
            return
        if register == "HCR" and e.value & 1 and e.value & _GROUP_ENABLES:
            self.arms_group_enables = True
        if self._asking is not None and register == self._asking[1]:
            self._votes.setdefault(self._asking[0], Counter())[pe] += 1
            self._asking = None

    def machines(self) -> list[RecordedVm]:
        """The VMs whose vCPUs ran."""
        loaded = [v for v in (*self._initialised, *self._loaded) if v in self._loaded]
        vms = dict.fromkeys(self._vm_of[v] for v in loaded if v in self._vm_of)
        only = next(iter(vms)) if len(vms) == 1 else 0
        found: dict[int, dict[int, None]] = {}
        for vcpu in loaded:
            found.setdefault(self._vm_of.get(vcpu, only), {}).setdefault(vcpu)
        gic = {vm: self._gic_of.get(vm, self._host) for vm in found}
        return [RecordedVm(vm, tuple(vcpus), gic[vm], self._map(vcpus, gic[vm])) for vm, vcpus in found.items()]
