"""What every virtual GIC keeps in memory: a part for each virtual interrupt, each vCPU, each VM.

These are the slots that the tools of this folder need. A hypervisor derives its own parts from them, with what its
rules remember besides. While a vCPU runs, the state of what is in its list registers is in the hardware, and what is
here is stale.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.intid import LPI_START, SGIS
from vgic.designs.vm import Vcpu
from vgic.host import IrqDesc
from vgic.parts import Part

"""INTIDs below the first are SGIs, below the second private; from the third on LPIs."""


class VirtualIrq(Part):
    """One virtual interrupt of one VM, for private ones of one vCPU.

    Attributes:
        intid: vINTID. enabled, group, priority: the guest's configuration. edge: its trigger.
        active: acknowledged and not deactivated, as far as was looked.
        vcpu: the vCPU that has it now, on a list or in a list register; None for none. target_vcpu: where it goes when
            it becomes pending, None where the guest routes it to nobody.
        targets: ITARGETSR's byte. mpidr: IROUTER.
        hw: it has a physical twin: host_irq, its descriptor, and hwintid, its pINTID.
        owner: who alone may inject it, None for anybody without an owner.
        on_lr: it is in a list register.
    """

    __slots__ = (
        "active", "edge", "enabled", "group", "host_irq", "hw", "hwintid", "intid", "mpidr", "on_lr", "owner",
        "priority", "target_vcpu", "targets", "vcpu",
    )

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        self.intid = intid
        self.group = group
        self.priority = 0
        self.enabled = intid < SGIS or intid >= LPI_START
        self.edge = intid < SGIS or intid >= LPI_START
        self.active = self.on_lr = False
        self.vcpu: Vcpu | None = None
        self.target_vcpu = target
        self.targets = targets
        self.mpidr = 0
        self.hw = False
        self.hwintid = 0
        self.host_irq: IrqDesc | None = None
        self.owner: object | None = None

    def __repr__(self) -> str:
        return f"<virtual {self.intid}>"


class VirtualCpu(Part):
    """A vCPU's CPU interface.

    Attributes:
        vmcr: as of the last exit. apr: the active priorities as saved, group 0's words, then group 1's.
        hcr: HCR where the hypervisor keeps it, 0 elsewhere.
    """

    __slots__ = ("apr", "hcr", "vmcr")

    def __init__(self, words: int) -> None:
        self.hcr = 0
        self.vmcr = 0
        self.apr: tuple[int, ...] = (0,) * words


class VirtualDist(Part):
    """A VM's distributor. `enabled`: GICD_CTLR's enable."""

    __slots__ = ("enabled",)

    def __init__(self) -> None:
        self.enabled = False


class Lr(NamedTuple):
    """The content of a list register, whatever its layout (IHI 0069, ICH_LR<n>_EL2; IHI 0048B 5.3.10).

    Attributes:
        vintid, priority, group: as the guest sees them. pending, active: State.
        hw, pintid: the physical twin. eoi: without hw: a deactivation asks for a maintenance interrupt.
        cpuid: the source of a v2 SGI.
    """

    vintid: int
    pending: bool = False
    active: bool = False
    hw: bool = False
    pintid: int = 0
    group: int = 0
    priority: int = 0
    eoi: bool = False
    cpuid: int = 0

    def signals_eoi(self) -> bool:
        """Whether it tells of a completion: Invalid, with the EOI bit."""
        return not self.pending and not self.active and self.eoi and not self.hw
