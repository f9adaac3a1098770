"""The design `xen`: the virtual GIC of Xen on Arm (the default one).

Every interrupt that was injected and not ended is *in flight* on its vCPU, in order of priority. It is QUEUED (a cause
came that no list register shows yet), VISIBLE (in a list register), or both. What is queued and finds no list register
waits in `lr_pending`; at the return to the guest it takes a free register, or that of a less urgent one that the guest
has not acknowledged.

A cause that comes while the guest handles the last makes the register pending and active, where there is no twin; with
a twin that is lost (the twin is active, so the hardware does not ask). What the guest enables and disables is enabled
and disabled physically.
"""

from __future__ import annotations

from vgic.designs.kvm.hw import UIE
from vgic.designs.kvm.irq import Lr, VirtualIrq
from vgic.designs.resident import NO_LR, Resident, ResidentCpu, ResidentIrq
from vgic.designs.vm import Vcpu, Vm
from vgic.parts import step


class XenIrq(ResidentIrq):
    """A virtual interrupt.

    Attributes:
        queued: a cause came that no list register shows. migrating: its target changed while it was in one.
    """

    __slots__ = ("migrating", "queued")

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.queued = self.migrating = False


class XenCpu(ResidentCpu):
    """One vCPU's side. `ap_list` is what Xen calls inflight_irqs.

    Attributes:
        lr_pending: those that wait for a list register, by priority.
    """

    __slots__ = ("lr_pending",)

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.lr_pending: list[VirtualIrq] = []


class Xen(Resident):
    """Xen's."""

    name = "xen"
    irq_class = XenIrq
    cpu_class = XenCpu

    def xen(self, vcpu: Vcpu) -> XenCpu:
        """The vCPU's side."""
        cpu = self.cpus[vcpu]
        assert isinstance(cpu, XenCpu)
        return cpu

    # -- injection

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """vgic_inject_irq. A falling line is ignored."""
        irq = self.get_irq(vm, vcpu, vintid)
        target = irq.vcpu if irq.vcpu is not None else irq.target_vcpu
        if not level or irq.owner is not owner or target is None:
            self.event("refused", vcpu, vintid)
            return False
        self.event("inject", vcpu, vintid)
        self.queue(target, irq)
        return True

    def queue(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """A cause came."""
        assert isinstance(irq, XenIrq)
        irq.queued = True
        if irq.vcpu is not None:
            self.raise_inflight(vcpu, irq)
        else:
            irq.vcpu = vcpu
            _insert(self.cpus[vcpu].ap_list, irq)
            if irq.enabled:
                self.raise_guest(vcpu, irq)
        self.kick(vcpu)

    def raise_inflight(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """Another cause of one that is in flight: its list register may be able to show it."""
        if irq.enabled and irq.on_lr and self.current(vcpu):
            self.update_one_lr(vcpu, irq, irq.lr)

    def raise_guest(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """Into a free list register, if nobody waits for one; else wait."""
        waiting = self.xen(vcpu).lr_pending
        if self.current(vcpu) and not waiting:
            n = self.free_lr(vcpu)
            if n != NO_LR:
                self.set_lr(vcpu, irq, n)
                return
        if irq not in waiting:
            _insert(waiting, irq)

    def set_lr(self, vcpu: Vcpu, irq: VirtualIrq, n: int) -> None:
        """Pending in a list register, with its twin if it has one."""
        assert isinstance(irq, XenIrq)
        irq.queued = False
        lr = Lr(irq.intid, True, False, irq.hw, irq.hwintid if irq.hw else 0, irq.group, irq.priority)
        self.put_in_lr(vcpu, irq, n, lr)

    # -- entry and exit

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """vgic_sync_from_lrs."""
        self.set_hcr(vcpu, UIE, False)
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(self.here(vcpu))
        for n, irq in enumerate(tuple(self.cpu(vcpu).held)):
            if irq is not None:
                self.update_one_lr(vcpu, irq, n)

    @step
    def update_one_lr(self, vcpu: Vcpu, irq: VirtualIrq, n: int) -> None:
        """gic_update_one_lr."""
        assert isinstance(irq, XenIrq)
        lr = self.look_at_lr(vcpu, n)
        self.event("fold", vcpu, irq.intid)
        if lr.active:
            irq.active = True
            if irq.enabled and irq.queued:
                self.requeue_active(vcpu, irq, lr)
        elif lr.pending:
            irq.queued = False
        else:
            self.retire(vcpu, irq)

    def requeue_active(self, vcpu: Vcpu, irq: XenIrq, lr: Lr) -> None:
        """A cause came while the guest handles the last."""
        irq.queued = False
        if not irq.hw:
            self.put_in_lr(vcpu, irq, irq.lr, lr._replace(pending=True))

    def retire(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """The guest ended it: again, if another cause came; else it is no longer in flight."""
        self.clear_lr(vcpu, irq)
        irq.active = False
        if irq.enabled and irq.queued and not irq.migrating:
            self.raise_guest(vcpu, irq)
            return
        self.cpus[vcpu].ap_list.remove(irq)
        irq.vcpu = None
        irq.migrating = False
        if irq.queued and irq.target_vcpu is not None:
            self.queue(irq.target_vcpu, irq)

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """vgic_sync_to_lrs: whoever waits gets a free list register, or a less urgent one's."""
        cpu = self.xen(vcpu)
        for irq in tuple(cpu.lr_pending)[:self.hw.nr_lr]:
            n = self.free_lr(vcpu)
            if n == NO_LR:
                n = self.evict(vcpu, irq)
            if n == NO_LR:
                break
            cpu.lr_pending.remove(irq)
            self.set_lr(vcpu, irq, n)
        if cpu.lr_pending and self.free_lr(vcpu) == NO_LR:
            self.event("overflow", vcpu)
            self.set_hcr(vcpu, UIE, True)

    def evict(self, vcpu: Vcpu, irq: VirtualIrq) -> int:
        """The list register of the least urgent one in flight that is less urgent than this, and not active."""
        for other in reversed(tuple(self.cpus[vcpu].ap_list)):
            if other.priority == irq.priority:
                return NO_LR
            if other.on_lr and not other.active:
                assert isinstance(other, XenIrq)
                n = other.lr
                self.clear_lr(vcpu, other)
                other.queued = True
                _insert(self.xen(vcpu).lr_pending, other)
                return n
        return NO_LR

    def pending(self, vcpu: Vcpu) -> bool:
        """gic_events_need_delivery."""
        pmr = self.cpus[vcpu].vmcr >> 24
        return any(irq.enabled and not irq.active and irq.priority < pmr for irq in self.cpus[vcpu].ap_list)

    # -- the guest's distributor

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """Whoever waits in flight is raised; the physical interrupt is enabled."""
        if irq.enabled:
            return
        irq.enabled = True
        if irq.vcpu is not None and not irq.on_lr:
            self.raise_guest(irq.vcpu, irq)
        if irq.hw and irq.host_irq is not None:
            self.kernel.enable_irq(irq.host_irq, self.here(vcpu))

    @step
    def clear_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """It no longer waits for a list register; the physical interrupt is disabled."""
        if not irq.enabled:
            return
        irq.enabled = False
        if irq.vcpu is not None and irq in self.xen(irq.vcpu).lr_pending:
            self.xen(irq.vcpu).lr_pending.remove(irq)
        if irq.hw and irq.host_irq is not None:
            self.kernel.disable_irq(irq.host_irq, self.here(vcpu))

    @step
    def set_targets(self, vcpu: Vcpu, irq: VirtualIrq, targets: int) -> None:
        super().set_targets(vcpu, irq, targets)
        self.migrate(irq)

    @step
    def set_route(self, vcpu: Vcpu, irq: VirtualIrq, mpidr: int) -> None:
        super().set_route(vcpu, irq, mpidr)
        self.migrate(irq)

    def migrate(self, irq: VirtualIrq) -> None:
        """vgic_migrate_irq: one that only waits moves at once; one in a list register when the guest has ended it."""
        assert isinstance(irq, XenIrq)
        old, new = irq.vcpu, irq.target_vcpu
        if old is None or new is None or new is old:
            return
        if irq.on_lr:
            irq.migrating = True
            return
        if irq in self.xen(old).lr_pending:
            self.xen(old).lr_pending.remove(irq)
        self.cpus[old].ap_list.remove(irq)
        irq.vcpu = None
        self.queue(new, irq)

    @step
    def set_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """Guests' ISPENDR is not implemented."""

    @step
    def clear_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """Guests' ICPENDR is not implemented."""

    @step
    def read_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> bool:
        """Reads as zero."""
        return False

    @step
    def set_active(self, vcpu: Vcpu, irq: VirtualIrq, active: bool, user: bool) -> None:
        """Guests' ISACTIVER and ICACTIVER are not implemented."""

    @step
    def set_group(self, vcpu: Vcpu, irq: VirtualIrq, group: int) -> None:
        """Fixed."""

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """The source is not kept."""
        irq = self.find_irq(target.vm, target, intid)
        if irq is not None:
            self.queue(target, irq)


def _insert(irqs: list[VirtualIrq], irq: VirtualIrq) -> None:
    """By priority, behind equals."""
    place = next((n for n, other in enumerate(irqs) if other.priority > irq.priority), len(irqs))
    irqs.insert(place, irq)
