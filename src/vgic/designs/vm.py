"""Virtual machines and their vCPUs, as designs and whoever runs them see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vgic.arch.gicc import GICC
from vgic.arch.gicd import GICD_V2, GICD_V3
from vgic.arch.gicr import GICR, STRIDE
from vgic.arch.intid import LPI_START, PRIVATE
from vgic.arch.located import FrameAt
from vgic.arch.machine import VIRT_V2, VIRT_V3
from vgic.parts import Part


class GuestMap(NamedTuple):
    """Where a guest sees the frames of its GIC. The defaults are those of QEMU's virt machine.

    Attributes:
        gicd: the distributor, 64 KB (GICv2: 4 KB). gicc: GICv2: the CPU interface; GICV of the PE is mapped there.
        gicr: GICv3: the first redistributor; one every 128 KB.
    """

    gicd: int = VIRT_V3.frame("GICD").base
    gicc: int = VIRT_V2.frame("GICC").base
    gicr: int = VIRT_V3.frame("GICR").base


def default_affinity(index: int) -> int:
    """The affinity of a VM's vCPU by its number: sixteen to a cluster."""
    return index >> 4 << 8 | index & 15


class Vcpu(Part):
    """One vCPU. `pe` and `in_guest` are the only truth about where it is: everybody reads them here.

    Attributes:
        index: within its VM, from 0; also the number of its GICv2 CPU interface.
        vm: its machine.
        pe: the PE that its thread is loaded on, None between vcpu_put and vcpu_load.
        in_guest: it executes the guest; only then may the guest access its virtual CPU interface.
        entering: its host is between `flush` and the guest, with interrupts masked: of an entry that others can divide.
        blocked: it waits in WFI, put, until it is kicked.
        off: its guest has switched it off (PSCI CPU_OFF), or has not switched it on yet: it is put, and no kick brings
            it back. The design sets and clears it.
        kicked: something was queued for it: in the guest it has to exit (a physical IPI is under way), else it must
            look again before it enters. The design sets it, whoever runs the vCPU clears it just before `flush`.
    """

    __slots__ = ("blocked", "entering", "in_guest", "index", "kicked", "off", "pe", "vm")

    def __init__(self, index: int, vm: Vm) -> None:
        self.index = index
        self.vm = vm
        self.pe: int | None = None
        self.in_guest = self.entering = self.blocked = self.kicked = self.off = False

    @property
    def name(self) -> str:
        """What people and actions call it: "vcpu0", or "vm0.vcpu0" where the machine has several VMs."""
        return f"vcpu{self.index}" if self.vm.alone else f"{self.vm.name}.vcpu{self.index}"

    def __repr__(self) -> str:
        return f"<vcpu{self.index} of {self.vm.name}>"


class Vm:
    """One virtual machine; it never changes, its vCPUs do.

    Args:
        name: for people. vcpus: how many. gic: what its guest sees, a GICv2 or a GICv3 (2 or 3).
        spis: the SPIs that the guest's distributor implements: INTIDs 32 to 31 + spis, a multiple of 32.
        lpis: the LPIs that exist for it. implemented: None for all private interrupts and SPIs; else only these INTIDs
            exist (a small state is quick to search).
        affinities: of each vCPU, as MPIDR_EL1 has them; None for sixteen to a cluster.
        map: where the guest sees the frames. alone: whether it is the only VM of its machine, so that its vCPUs need
            not be told from another's.

    Attributes:
        gicd: the guest's distributor. gicc: GICv2: its CPU interface. gicr: GICv3: each vCPU's redistributor.
    """

    def __init__(
        self, name: str, vcpus: int, *, gic: int = 3, spis: int = 32, lpis: Sequence[int] = (),
        implemented: Sequence[int] | None = None, affinities: Sequence[int] | None = None, map: GuestMap | None = None,
        alone: bool = True,
    ) -> None:
        if gic not in (2, 3):
            raise ValueError(f"vm {name}: gic = {gic}: expected 2 or 3")
        most = 8 if gic == 2 else 512
        if not 1 <= vcpus <= most:
            raise ValueError(f"vm {name}: vcpus = {vcpus}: a GICv{gic} serves 1 to {most}")
        if spis % 32 or not 0 <= spis <= 960:
            raise ValueError(f"vm {name}: spis = {spis}: expected a multiple of 32, at most 960")
        self.name = name
        self.alone = alone
        self.gic = gic
        self.spis = spis
        self.lpis = tuple(lpis)
        self.implemented = None if implemented is None else frozenset(implemented)
        self.map = m = map if map is not None else GuestMap()
        self.gicd = FrameAt(GICD_V2 if gic == 2 else GICD_V3, m.gicd)
        self.gicc = FrameAt(GICC, m.gicc)
        self.gicr = tuple(FrameAt(GICR, m.gicr + STRIDE * i) for i in range(vcpus if gic == 3 else 0))
        self.vcpus = tuple(Vcpu(i, self) for i in range(vcpus))
        self.affinities = tuple(affinities) if affinities is not None else tuple(
            default_affinity(i) for i in range(vcpus))
        if len(set(self.affinities)) != vcpus:
            raise ValueError(f"vm {name}: affinities: expected {vcpus} different ones")

    def exists(self, intid: int) -> bool:
        """Whether the guest's GIC has this interrupt."""
        if intid >= LPI_START:
            return intid in self.lpis
        return 0 <= intid < PRIVATE + self.spis and (self.implemented is None or intid in self.implemented)

    def frame(self, intid: int, vcpu: Vcpu) -> FrameAt:
        """The frame with an interrupt's registers, as a vCPU accesses it: GICD, of a GICv3's SGIs and PPIs its GICR."""
        return self.gicr[vcpu.index] if self.gic == 3 and intid < PRIVATE else self.gicd

    def affinity(self, vcpu: Vcpu) -> int:
        """The vCPU's affinity (`vgic.arch.affinity`)."""
        return self.affinities[vcpu.index]

    def vcpu_at(self, affinity: int) -> Vcpu | None:
        """The vCPU of an affinity, None where there is none."""
        return self.vcpus[self.affinities.index(affinity)] if affinity in self.affinities else None

    def __repr__(self) -> str:
        return f"<{self.name}>"
