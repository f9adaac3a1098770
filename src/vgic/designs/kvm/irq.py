"""What the virtual GIC keeps in memory: one part for each virtual interrupt, each vCPU, each distributor.

A virtual interrupt is pending by its latch (an edge, a write of ISPENDR) or, if level-sensitive, by its line. While it
is pending and enabled, or active, it belongs on the `ap_list` of one vCPU; only what is on that list can reach a list
register. While a vCPU runs, the state of what is in its list registers is in the hardware, and what is here is stale.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.designs.base import InputLevel
from vgic.designs.vm import Vcpu
from vgic.host import IrqDesc
from vgic.parts import Part

SGIS, PRIVATE, LPI_START = 16, 32, 8192
"""INTIDs below the first are SGIs, below the second private; from the third on LPIs."""


class VirtualIrq(Part):
    """One virtual interrupt of one VM, for private ones of one vCPU.

    Attributes:
        intid: vINTID. enabled, group, priority: the guest's configuration. edge: its trigger.
        line_level: the line as last injected. pending_latch: the pending state that needs no line.
        active: acknowledged and not deactivated, as of the last exit.
        vcpu: the vCPU whose ap_list it is on, None for none. target_vcpu: where it goes when it becomes pending, None
            where the guest routes it to nobody.
        targets: ITARGETSR's byte. mpidr: IROUTER. source: v2 SGIs: a bit for each vCPU that sent it and was not yet
            served. active_source: v2 SGIs: whose is being handled.
        hw: it has a physical twin: host_irq, its descriptor, and hwintid, its pINTID.
        get_input_level: tells the twin's line, None to ask the physical pending state.
        owner: who alone may inject it, None for anybody without an owner.
        on_lr: it is in a list register of a vCPU that is about to run, runs, or has just left its guest.
    """

    __slots__ = (
        "active", "active_source", "edge", "enabled", "get_input_level", "group", "host_irq", "hw", "hwintid", "intid",
        "line_level", "mpidr", "on_lr", "owner", "pending_latch", "priority", "source", "target_vcpu", "targets",
        "vcpu",
    )

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        self.intid = intid
        self.group = group
        self.priority = 0
        self.enabled = intid < SGIS or intid >= LPI_START
        self.edge = intid < SGIS or intid >= LPI_START
        self.line_level = self.pending_latch = self.active = self.on_lr = False
        self.vcpu: Vcpu | None = None
        self.target_vcpu = target
        self.targets = targets
        self.mpidr = 0
        self.source = self.active_source = 0
        self.hw = False
        self.hwintid = 0
        self.host_irq: IrqDesc | None = None
        self.get_input_level: InputLevel | None = None
        self.owner: object | None = None

    def pending(self) -> bool:
        """Pending, whether enabled or not."""
        return self.pending_latch or (not self.edge and self.line_level)

    def mapped_level(self) -> bool:
        """Level-sensitive with a physical twin: only the rise of its line is seen."""
        return self.hw and not self.edge

    def lr_count(self) -> int:
        """How many list registers it could fill: a v2 SGI has one for each source, and one for the active one."""
        if self.intid < SGIS and self.source:
            return self.source.bit_count() + self.active
        return 1

    def __repr__(self) -> str:
        return f"<virtual {self.intid}>"


class VgicCpu(Part):
    """One vCPU's side.

    Attributes:
        ap_list: the interrupts that are active, or pending and enabled, in the order in which they fill list registers.
        lrs: the interrupts in the list registers of the PE, by index; empty outside flush to sync.
        last_lr_irq: with more than fits: the last of the ap_list that is in a list register.
        hcr: what was written to HCR at the entry; 0 outside flush to sync.
        vmcr, apr: the registers as saved (apr: group 0's words, then group 1's).
        update: the ap_list must be pruned before the next entry (KVM_REQ_VGIC_PROCESS_UPDATE).
    """

    __slots__ = ("ap_list", "apr", "hcr", "last_lr_irq", "lrs", "update", "vmcr")

    def __init__(self, words: int) -> None:
        self.ap_list: list[VirtualIrq] = []
        self.lrs: list[VirtualIrq] = []
        self.last_lr_irq: VirtualIrq | None = None
        self.hcr = 0
        self.vmcr = 0
        self.apr: tuple[int, ...] = (0,) * words
        self.update = False


class VgicDist(Part):
    """One VM's distributor.

    Attributes:
        enabled: GICD_CTLR's enable.
        active_spis: a guess how many SPIs are on their way through list registers (see `vgic.designs.kvm.queue`).
    """

    __slots__ = ("active_spis", "enabled")

    def __init__(self) -> None:
        self.enabled = False
        self.active_spis = 0


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
