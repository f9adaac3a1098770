"""The design `xen`: the virtual GIC of Xen on Arm (the default one).

Every interrupt that was injected and not ended is *in flight* on its vCPU, in order of priority. It is QUEUED (a cause
came that no list register shows yet), VISIBLE (in a list register), or both. What is queued and finds no list register
waits in `lr_pending`; at the return to the guest it takes a free register, or that of a less urgent one that the guest
has not acknowledged.

A cause that comes while the guest handles the last makes the register pending and active, where there is no twin; with
a twin that is lost (the twin is active, so the hardware does not ask). What the guest enables and disables is enabled
and disabled physically. The priority is that of the injection: IPRIORITYR does not touch what is in flight.

Of the registers ISPENDR sets (with a twin, the twin's pending state), ICPENDR and ICACTIVER do nothing, all of them
read as zero, and a write of ISACTIVER is a data abort.

Interrupts with a twin follow the vCPU that they go to: the physical one is sent to its PE.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.affinity import text
from vgic.arch.ich import EN, UIE
from vgic.arch.intid import LPI_START, PRIVATE
from vgic.arch.timer import ENABLE, IMASK
from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.vgic.gic import VirtualGic
from vgic.designs.vgic.irq import Lr, VirtualDist
from vgic.designs.vgic.resident import NO_LR, ResidentCpu, ResidentIrq, ResidentLists, need_deactivation
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vcpu, Vm, default_affinity
from vgic.host import IrqDesc, Kernel
from vgic.parts import step

NOTHING_ACTIVE = 32


class XenIrq(ResidentIrq):
    """A virtual interrupt.

    Attributes:
        queued: a cause came that no list register shows. migrating: its target changed while it was in one.
        urgency: its priority when it came in flight.
    """

    __slots__ = ("migrating", "queued", "urgency")

    def __init__(self, intid: int, group: int, target: Vcpu | None, targets: int = 0) -> None:
        super().__init__(intid, group, target, targets)
        self.queued = self.migrating = False
        self.urgency = 0


class XenCpu(ResidentCpu[XenIrq]):
    """One vCPU's side.

    Attributes:
        inflight: what was injected and not ended, by priority (inflight_irqs). lr_pending: those of them that wait for
            a list register, by priority.
        processor: the PE it was loaded on last, None before the first time.
    """

    __slots__ = ("inflight", "lr_pending", "processor")

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.inflight: list[XenIrq] = []
        self.lr_pending: list[XenIrq] = []
        self.processor: int | None = None


class XenTimer(GuestTimer["Xen"]):
    """A guest's timer.

    The virtual one is in hardware while its vCPU is loaded; an expired one gets IMASK in the guest's own register, and
    its interrupt is injected once. While the vCPU is not loaded a timer of Xen's goes on in its place.

    The physical one is emulated, by a timer of Xen's that runs while ENABLE is set, whether its vCPU is loaded or not,
    and injects unless IMASK is. Nobody looks at its line.
    """

    def load(self, pe: int) -> None:
        """virt_timer_restore: the registers, in place of Xen's timer."""
        if self.desc is not None:
            self.soft.cancel()
            self.restore(pe)

    def put(self, pe: int) -> None:
        """virt_timer_save: the registers out, and Xen's timer in their place."""
        if self.desc is not None:
            self.save(pe)
            if self.can_fire():
                self.soft.arm(self.state.cval)

    def handle(self, pe: int) -> None:
        """vtimer_interrupt: IMASK, and an injection."""
        if self.should_fire():
            self.timers.sysreg_write(self.ctl_name, self.timers.sysreg_read(self.ctl_name, pe) | IMASK, pe)
            self.inject(True)

    def emulate(self) -> None:
        """vtimer_cntp_ctl, vtimer_cntp_cval: also where it has expired already."""
        if self.state.ctl & ENABLE:
            self.soft.arm(self.state.cval)

    def emulation_expired(self) -> None:
        """virt_timer_expired, phys_timer_expired."""
        if self.desc is not None:
            self.state.ctl |= IMASK
            self.inject(True)
        elif not self.state.ctl & IMASK:
            self.inject(True)


class Xen(VirtualGic[XenIrq, XenCpu, VirtualDist]):
    """Xen on Arm.

    Args:
        vhe: of no consequence: Xen has the physical timer for itself. hw_deactivation: see `need_deactivation`.
    """

    name = "xen"
    host_disables = False
    kicks_outside = True
    irq_class = XenIrq
    cpu_class = XenCpu
    dist_class = VirtualDist
    timer_class = XenTimer

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = False, hw_deactivation: bool = True,
    ) -> None:
        need_deactivation(self.name, hw_deactivation)
        super().__init__(kernel, vms, timers=timers, observer=observer, trapped_timers=frozenset(("CNTP",)))
        self.lists: ResidentLists[XenIrq] = ResidentLists(self.hw, self.cpus, EN, self.event)

    # -- injection

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """vgic_inject_irq. A falling line is ignored."""
        irq = self.get_irq(vm, vcpu, vintid)
        if not level or irq.owner is not owner or irq.target_vcpu is None:
            self.event("refused", vcpu, vintid)
            return False
        self.event("inject", vcpu, vintid)
        self.queue(irq.target_vcpu, irq)
        return True

    def queue(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """A cause came for the vCPU that it goes to now; it may be in flight on another. One that is off gets
        nothing."""
        if vcpu.off:
            self.event("refused", vcpu, irq.intid)
            return
        irq.queued = True
        if irq.vcpu is not None:
            self.raise_inflight(vcpu, irq)
        else:
            irq.urgency = irq.priority
            irq.vcpu = vcpu
            if irq.enabled:
                self.raise_guest(vcpu, irq)
            _insert(self.cpus[vcpu].inflight, irq)
        self.kick(vcpu)

    def raise_inflight(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """gic_raise_inflight_irq: another cause of one that is in flight. The list register of its number is looked at,
        on the PE of the vCPU that it goes to now, whoever is in it there."""
        if irq.enabled and irq.on_lr and self.lists.current(vcpu):
            holder = self.cpus[vcpu].held[irq.lr]
            if holder is not None:
                self.update_one_lr(vcpu, holder, irq.lr)

    def raise_guest(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """Into a free list register, if nobody waits for one; else wait."""
        waiting = self.cpus[vcpu].lr_pending
        if self.lists.current(vcpu) and not waiting:
            n = self.lists.free(vcpu)
            if n != NO_LR:
                self.set_lr(vcpu, irq, n)
                return
        if irq not in waiting:
            _insert(waiting, irq)

    def set_lr(self, vcpu: Vcpu, irq: XenIrq, n: int) -> None:
        """Pending in a list register, with its twin if it has one."""
        irq.queued = False
        lr = Lr(irq.intid, True, False, irq.hw, irq.hwintid if irq.hw else 0, irq.group, irq.urgency)
        self.lists.write(vcpu, irq, n, lr, self.here(vcpu))

    # -- entry and exit

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """vgic_sync_from_lrs: every list register is looked at."""
        self.lists.set_hcr(self.here(vcpu), UIE, False)
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(self.here(vcpu))
        for n, irq in enumerate(tuple(self.cpus[vcpu].held)):
            if irq is not None:
                self.update_one_lr(vcpu, irq, n)

    @step
    def update_one_lr(self, vcpu: Vcpu, irq: XenIrq, n: int) -> None:
        """gic_update_one_lr: what a list register says of its interrupt."""
        lr = self.lists.read(vcpu, n)
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
            self.lists.write(vcpu, irq, irq.lr, lr._replace(pending=True), self.here(vcpu))

    def retire(self, vcpu: Vcpu, irq: XenIrq) -> None:
        """The guest ended it: again, if another cause came; else it is no longer in flight. One that was sent to
        another vCPU meanwhile goes there by its next cause."""
        self.lists.clear(vcpu, irq, self.here(vcpu))
        irq.active = False
        if irq.enabled and irq.queued and not irq.migrating:
            self.raise_guest(vcpu, irq)
            return
        if irq.vcpu is not None:
            self.cpus[irq.vcpu].inflight.remove(irq)
        irq.vcpu = None
        if irq.migrating:
            self.follow(irq)
            irq.migrating = False

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """vgic_sync_to_lrs: whoever waits gets a free list register, or a less urgent one's."""
        cpu = self.cpus[vcpu]
        for irq in tuple(cpu.lr_pending)[:self.hw.nr_lr]:
            n = self.lists.free(vcpu)
            if n == NO_LR:
                n = self.evict(vcpu, irq)
            if n == NO_LR:
                break
            cpu.lr_pending.remove(irq)
            self.set_lr(vcpu, irq, n)
        if cpu.lr_pending and self.lists.free(vcpu) == NO_LR:
            self.event("overflow", vcpu)
            self.lists.set_hcr(self.here(vcpu), UIE, True)

    def evict(self, vcpu: Vcpu, irq: XenIrq) -> int:
        """The list register of the least urgent one in flight that is less urgent than this, and not active."""
        for other in reversed(tuple(self.cpus[vcpu].inflight)):
            if other.urgency == irq.urgency:
                return NO_LR
            if other.on_lr and not other.active:
                n = other.lr
                self.lists.clear(vcpu, other, self.here(vcpu))
                other.queued = True
                _insert(self.cpus[vcpu].lr_pending, other)
                return n
        return NO_LR

    def pending(self, vcpu: Vcpu) -> bool:
        """vgic_vcpu_pending_irq: the first of those in flight that is enabled, if it is more urgent than the mask and
        than what is active. Five bits of its priority are compared with those of a GICv2's mask, or with all eight of a
        GICv3's."""
        cpu = self.cpus[vcpu]
        words = self.hw.read_apr(vcpu.pe) if vcpu.pe is not None else cpu.apr
        apr = words[len(words) // 2] if vcpu.vm.gic == 3 else words[0]
        active = (apr & -apr).bit_length() - 1 if apr else NOTHING_ACTIVE
        mask = cpu.vmcr >> 24 if self.v3_host else cpu.vmcr >> 27
        for irq in cpu.inflight:
            if irq.urgency >> 3 >= mask or irq.urgency >> 3 >= active:
                return False
            if irq.enabled:
                return True
        return False

    # -- physical interrupts follow their vCPU

    def follow(self, irq: XenIrq) -> None:
        """irq_set_affinity: to the PE of the vCPU that it goes to."""
        target = irq.target_vcpu
        if irq.hw and irq.host_irq is not None and target is not None:
            pe = self.cpus[target].processor
            if pe is not None and irq.host_irq.affinity != pe:
                self.kernel.irq_set_affinity(irq.host_irq, pe, pe)

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Forwarded; disabled physically until its guest enables it."""
        super().assign_irq(vm, desc, vintid)
        self.kernel.driver.enable(desc.pintid, False, 0)

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """List registers and all; on another PE than before its interrupts come along (arch_move_irqs)."""
        super().vcpu_load(vcpu, pe)
        self.lists.load(vcpu, pe)
        cpu = self.cpus[vcpu]
        if cpu.processor != pe:
            cpu.processor = pe
            for irq in self.shared[vcpu.vm].values():
                if irq.hw and irq.target_vcpu is vcpu and not irq.migrating:
                    self.follow(irq)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """The list registers are saved first."""
        self.lists.save(vcpu, self.here(vcpu))
        super().vcpu_put(vcpu)

    # -- power

    @step
    def vcpu_reset(self, vcpu: Vcpu) -> None:
        """do_common_cpu_on: nothing is in flight any more (vgic_clear_pending_irqs), and no list register is taken,
        though their saved values stay. Timers go on."""
        cpu = self.cpus[vcpu]
        for irq in (*self.private[vcpu].values(), *self.shared[vcpu.vm].values()):
            if irq in cpu.inflight:
                cpu.inflight.remove(irq)
                irq.vcpu = None
            if irq in cpu.lr_pending:
                cpu.lr_pending.remove(irq)
            if irq in cpu.held:
                cpu.held[irq.lr] = None
                irq.on_lr, irq.lr = False, NO_LR

    # -- the guest's distributor

    @step
    def set_enabled(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> None:
        """vgic_enable_irqs: what is in flight is raised, on the vCPU that it goes to, which is not kicked; the physical
        interrupt is enabled."""
        if irq.enabled:
            return
        irq.enabled = True
        if irq.vcpu is not None and not irq.on_lr and irq.target_vcpu is not None:
            self.raise_guest(irq.target_vcpu, irq)
        self.follow(irq)
        self.set_phys_enabled(irq, self.here(vcpu))

    @step
    def clear_enabled(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> None:
        """It no longer waits for a list register; the physical interrupt is disabled."""
        if not irq.enabled:
            return
        irq.enabled = False
        self.forget(vcpu.vm, irq)
        self.set_phys_enabled(irq, self.here(vcpu))

    def forget(self, vm: Vm, irq: XenIrq) -> None:
        """The interrupt waits for no list register any more, whoever had it."""
        for vcpu in vm.vcpus:
            waiting = self.cpus[vcpu].lr_pending
            if irq in waiting:
                waiting.remove(irq)

    @step
    def set_targets(self, vcpu: Vcpu, irq: XenIrq, targets: int) -> None:
        """ITARGETSR: where nobody is named the write is ignored."""
        if targets & (1 << len(vcpu.vm.vcpus)) - 1:
            old = irq.target_vcpu
            super().set_targets(vcpu, irq, targets)
            self.migrate(vcpu.vm, irq, old)

    @step
    def set_route(self, vcpu: Vcpu, irq: XenIrq, mpidr: int) -> None:
        """IROUTER: where there is no such vCPU the write is ignored. Aff3 and Aff2 are not looked at
        (vaffinity_to_vcpuid)."""
        if vcpu.vm.vcpu_at(mpidr & 0xFFFF) is not None:
            old = irq.target_vcpu
            super().set_route(vcpu, irq, mpidr & 0xFFFF)
            self.migrate(vcpu.vm, irq, old)

    def named_by_sgi(self, vm: Vm, value: int) -> Sequence[Vcpu]:
        """vgic_v3_to_sgi: by Aff1 and the list; Aff3, Aff2 and RS are not looked at."""
        return super().named_by_sgi(vm, value & ~(0xFF << 48 | 0xF << 44 | 0xFF << 32))

    def check_affinity(self, vm: Vm, affinity: int) -> None:
        """Unsupported for others than Xen gives its vCPUs."""
        if affinity not in map(default_affinity, range(len(vm.vcpus))):
            raise Unsupported(f"xen: {vm.name}: affinity {text(affinity)}: Xen numbers vCPUs itself, sixteen to a"
                              " cluster")

    def migrate(self, vm: Vm, irq: XenIrq, old: Vcpu | None) -> None:
        """vgic_migrate_irq, for those with a twin: one that only waits moves at once; one in a list register when the
        guest has ended it. While it does, it can't be sent elsewhere."""
        new = irq.target_vcpu
        if not irq.hw or new is None or new is old:
            return
        if irq.migrating:
            irq.target_vcpu = old
        elif irq.vcpu is None:
            self.follow(irq)
        elif old is not None and irq in self.cpus[old].lr_pending:
            self.forget(vm, irq)
            self.cpus[irq.vcpu].inflight.remove(irq)
            irq.vcpu = None
            self.follow(irq)
            self.queue(new, irq)
        else:
            irq.migrating = True

    @step
    def set_pending(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> None:
        """vgic_set_irqs_pending: an injection; with a twin the twin is made pending. LPIs are not reached so."""
        if irq.hw and irq.intid >= PRIVATE:
            self.set_phys_pending(irq, True, self.here(vcpu))
        elif irq.intid < LPI_START and irq.target_vcpu is not None:
            self.queue(irq.target_vcpu, irq)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> None:
        """ICPENDR is not implemented."""

    @step
    def read_pending(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> bool:
        """Reads as zero."""
        return False

    @step
    def read_active(self, vcpu: Vcpu, irq: XenIrq, user: bool) -> bool:
        """Reads as zero."""
        return False

    @step
    def set_active(self, vcpu: Vcpu, irq: XenIrq, active: bool, user: bool) -> None:
        """ICACTIVER is not implemented; Unsupported for ISACTIVER, which Xen answers with a data abort."""
        if active:
            raise Unsupported(f"xen: a guest writes ISACTIVER for {irq.intid}: Xen gives it a data abort for that")

    def bad_width(self, vcpu: Vcpu, register: str, size: int) -> None:
        """Unsupported: Xen answers with a data abort."""
        raise Unsupported(f"xen: a guest accesses {register} by {size} bytes: Xen gives it a data abort for that")

    def set_sgi_sources(self, vcpu: Vcpu, irq: XenIrq, sources: int) -> None:
        """Unsupported: Xen answers a write of SPENDSGIR with a data abort."""
        raise Unsupported(f"xen: a guest writes SPENDSGIR for {irq.intid}: Xen gives it a data abort for that")

    def clear_sgi_sources(self, irq: XenIrq, sources: int) -> None:
        """Unsupported: Xen answers a write of CPENDSGIR with a data abort."""
        raise Unsupported(f"xen: a guest writes CPENDSGIR for {irq.intid}: Xen gives it a data abort for that")

    def dispatch_sgi(self, vcpu: Vcpu, value: int, group1: bool) -> None:
        """Unsupported where it is not ICC_SGI1R_EL1, the one that vgic_v3_emulate_sysreg knows."""
        if not group1:
            raise Unsupported("xen: a guest asks for an SGI of group 0: for Xen that is an undefined instruction")
        super().dispatch_sgi(vcpu, value, group1)

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """The source is not kept."""
        irq = self.find_irq(target.vm, target, intid)
        if irq is not None:
            self.queue(target, irq)


def _insert(irqs: list[XenIrq], irq: XenIrq) -> None:
    """Puts an interrupt into a list by its priority, behind equals."""
    place = next((n for n, other in enumerate(irqs) if other.urgency > irq.urgency), len(irqs))
    irqs.insert(place, irq)
