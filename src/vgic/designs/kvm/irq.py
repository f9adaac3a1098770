"""What KVM keeps of a virtual interrupt, a vCPU and a distributor (struct vgic_irq, vgic_cpu, vgic_dist).

A virtual interrupt is pending by its latch (an edge, a write of ISPENDR) or, if level-sensitive, by its line. While it
is pending and enabled, or active, it belongs on the `ap_list` of one vCPU; only what is on that list can reach a list
register.
"""

from __future__ import annotations

from vgic.designs.base import InputLevel
from vgic.designs.vgic.irq import VirtualCpu, VirtualDist, VirtualIrq
from vgic.designs.vm import Vcpu


class VgicIrq(VirtualIrq):
    """One virtual interrupt. `vcpu` is the one whose ap_list it is on; `on_lr` holds from flush to sync.

    Attributes:
        line_level: the line as last injected. pending_latch: the pending state that needs no line.
        source: v2 SGIs: a bit for each vCPU that sent it and was not yet served. active_source: v2 SGIs: whose is being
            handled.
        get_input_level: tells the twin's line, None to ask the physical pending state.
    """

    __slots__ = ("active_source", "get_input_level", "line_level", "pending_latch", "source")
    get_input_level: InputLevel | None

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.line_level = self.pending_latch = False
        self.source, self.active_source, self.get_input_level = 0, 0, None

    def pending(self) -> bool:
        """Pending, whether enabled or not."""
        return self.pending_latch or (not self.edge and self.line_level)

    def mapped_level(self) -> bool:
        """Level-sensitive with a physical twin: only the rise of its line is seen."""
        return self.hw and not self.edge

    def lr_count(self) -> int:
        """How many list registers it could fill: a v2 SGI has one for each source, and one for the active one."""
        if self.source:
            return self.source.bit_count() + self.active
        return 1


class VgicCpu(VirtualCpu):
    """One vCPU's side. `hcr` is what was written to HCR at the entry; 0 outside flush to sync.

    Attributes:
        ap_list: the interrupts that are active, or pending and enabled, in the order in which they fill list registers.
        lrs: the interrupts in the list registers of the PE, by index; empty outside flush to sync.
        last_lr_irq: with more than fits: the last of the ap_list that is in a list register.
        update: the ap_list must be pruned before the next entry (KVM_REQ_VGIC_PROCESS_UPDATE).
    """

    __slots__ = ("ap_list", "last_lr_irq", "lrs", "update")
    last_lr_irq: VgicIrq | None

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.ap_list: list[VgicIrq] = []
        self.lrs: list[VgicIrq] = []
        self.last_lr_irq, self.update = None, False


class VgicDist(VirtualDist):
    """One VM's distributor.

    Attributes:
        active_spis: a guess how many SPIs are on their way through list registers (see `vgic.designs.kvm.queue`).
    """

    __slots__ = ("active_spis",)

    def __init__(self) -> None:
        super().__init__()
        self.active_spis = 0
