"""The design `bao`: the virtual GIC of the Bao hypervisor, which gives each vCPU a PE of its own for ever.

Nothing happens at entries and exits: an injection writes a list register. Where all are taken it *spills*: of the
pending ones the least urgent leaves, if more than one is pending, else the least urgent active one; or the newcomer
itself waits. What was spilled comes back by maintenance interrupts: NPIE when nothing pending is left in list
registers, UIE when they become free, and LRENPIE for the end of one that was spilled while active.

An injection for a vCPU on another PE is a message to that PE.
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.designs.base import Observer, TimerRegisters
from vgic.designs.kvm.hw import EN, EOICOUNT_SHIFT, LRENPIE, NPIE, UIE
from vgic.designs.kvm.irq import PRIVATE, SGIS, Lr, VgicDist, VirtualIrq
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.resident import NO_LR, Resident, ResidentCpu, ResidentIrq
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.host.chip import ACTIVE
from vgic.parts import step


class BaoCpu(ResidentCpu):
    """One vCPU's side.

    Attributes:
        spilled: its private interrupts without a list register. messages: injections from other PEs.
    """

    __slots__ = ("messages", "spilled")

    def __init__(self, words: int) -> None:
        super().__init__(words)
        self.spilled: list[VirtualIrq] = []
        self.messages: list[VirtualIrq] = []


class BaoDist(VgicDist):
    """One VM's side.

    Attributes:
        spilled: its SPIs without a list register.
    """

    __slots__ = ("spilled",)

    def __init__(self) -> None:
        super().__init__()
        self.spilled: list[VirtualIrq] = []


class BaoTimer(ArchTimer):
    """The PPI is the guest's for good: nothing is ever switched."""

    def load(self, pe: int) -> None:
        self.restore(pe)

    def put(self, pe: int) -> None:
        self.save(pe)

    def handle(self, pe: int) -> None:
        self.kvm.inject(self.vcpu.vm, self.vcpu, self.vintid, True, self)


class Bao(Resident):
    """Bao's."""

    name = "bao"
    irq_class = ResidentIrq
    cpu_class = BaoCpu
    dist_class = BaoDist
    timer_class: type[ArchTimer] = BaoTimer
    base_hcr = EN | LRENPIE

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer)
        kernel.request_irq(kernel.irq(kernel.maintenance), self.maintenance_handler, "vgic maintenance")

    def bao(self, vcpu: Vcpu) -> BaoCpu:
        """The vCPU's side."""
        cpu = self.cpus[vcpu]
        assert isinstance(cpu, BaoCpu)
        return cpu

    def spilled(self, vcpu: Vcpu, irq: VirtualIrq) -> list[VirtualIrq]:
        """The list that an interrupt spills to."""
        dist = self.dists[vcpu.vm]
        assert isinstance(dist, BaoDist)
        return self.bao(vcpu).spilled if irq.intid < PRIVATE else dist.spilled

    # -- injection

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """vgic_inject. A falling line is ignored."""
        irq = self.get_irq(vm, vcpu, vintid)
        target = irq.target_vcpu
        if not level or irq.owner is not owner or target is None:
            self.event("refused", vcpu, vintid)
            return False
        self.event("inject", vcpu, vintid)
        self.inject_at(irq.vcpu if irq.vcpu is not None else target, irq)
        return True

    def inject_at(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """Here, or by a message to the PE of the vCPU."""
        if self.current(vcpu):
            self.pend(vcpu, irq)
        elif irq not in self.bao(vcpu).messages:
            self.bao(vcpu).messages.append(irq)
        self.kick(vcpu)

    @step
    def pend(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """Pending, and into a list register if it can be. With a twin it can't be active: the twin would be."""
        irq.vcpu = vcpu
        if irq.hw:
            if irq.on_lr:
                self.clear_lr(vcpu, irq)
            irq.active = False
        else:
            self.remove_lr(vcpu, irq)
        self.unspill(vcpu, irq)
        irq.pending_latch = True
        self.add_lr(vcpu, irq)

    def unspill(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """Off its list."""
        spilled = self.spilled(vcpu, irq)
        if irq in spilled:
            spilled.remove(irq)

    # -- list registers

    def add_lr(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """vgic_add_lr."""
        if not irq.enabled or irq.on_lr:
            return
        elrsr = self.hw.elrsr(self.here(vcpu))
        n = next((n for n in range(self.hw.nr_lr) if elrsr >> n & 1), NO_LR)
        if n == NO_LR:
            n = self.victim(vcpu, irq)
            if n != NO_LR:
                self.spill_lr(vcpu, n)
        if n == NO_LR:
            self.add_spilled(vcpu, irq)
        else:
            self.write_lr(vcpu, irq, n)

    def victim(self, vcpu: Vcpu, irq: VirtualIrq) -> int:
        """Whose list register is taken: see the module."""
        pending: list[tuple[int, int, int]] = []
        active: list[tuple[int, int, int]] = []
        for n in range(self.hw.nr_lr):
            lr = self.look_at_lr(vcpu, n)
            if lr.active:
                active.append((lr.priority, lr.vintid, n))
            elif lr.pending:
                pending.append((lr.priority, lr.vintid, n))
        chosen = max(pending if len(pending) > 1 else active, default=None)
        return chosen[2] if chosen is not None and chosen[:2] > (irq.priority, irq.intid) else NO_LR

    def spill_lr(self, vcpu: Vcpu, n: int) -> None:
        """Its interrupt leaves for the list of the spilled."""
        irq = self.cpu(vcpu).held[n]
        if irq is not None:
            self.remove_lr(vcpu, irq)
            self.add_spilled(vcpu, irq)

    def add_spilled(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """It waits; once nothing pending is left in list registers, we are told."""
        self.event("overflow", vcpu, irq.intid)
        spilled = self.spilled(vcpu, irq)
        if irq not in spilled:
            spilled.append(irq)
        self.set_hcr(vcpu, NPIE, True)

    def write_lr(self, vcpu: Vcpu, irq: VirtualIrq, n: int) -> None:
        """vgic_write_lr."""
        previous = self.cpu(vcpu).held[n]
        if previous is not None and previous is not irq:
            self.clear_lr(vcpu, previous)
        v2_sgi = vcpu.vm.gic == 2 and irq.intid < SGIS
        pending, cpuid, eoi = irq.pending_latch, 0, irq.intid >= PRIVATE and not irq.hw
        if irq.hw:
            pending = pending and not irq.active
        elif v2_sgi:
            cpuid, pending = irq.active_source, pending and not irq.active
            if pending:
                cpuid = irq.source.bit_length() - 1
                irq.source &= ~(1 << cpuid)
            eoi = irq.source != 0
        pintid = irq.hwintid if irq.hw else 0
        lr = Lr(irq.intid, pending, irq.active, irq.hw, pintid, irq.group, irq.priority, eoi, cpuid)
        irq.pending_latch = v2_sgi and irq.source != 0
        irq.active = False
        self.put_in_lr(vcpu, irq, n, lr)

    def remove_lr(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """vgic_remove_lr: the state comes back."""
        if not irq.on_lr:
            return
        assert isinstance(irq, ResidentIrq)
        lr = self.look_at_lr(vcpu, irq.lr)
        self.event("fold", vcpu, irq.intid)
        self.clear_lr(vcpu, irq)
        if not lr.active and not lr.pending:
            return
        irq.active = lr.active
        irq.pending_latch = irq.pending_latch or lr.pending
        if vcpu.vm.gic == 2 and irq.intid < SGIS:
            if lr.active:
                irq.active_source = lr.cpuid
            else:
                irq.source |= 1 << lr.cpuid
        self.set_hcr(vcpu, UIE | (NPIE if lr.pending and irq.enabled else 0), True)

    # -- entry and exit

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """Messages from other PEs."""
        cpu = self.bao(vcpu)
        for irq in tuple(cpu.messages):
            cpu.messages.remove(irq)
            self.pend(vcpu, irq)

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """Nothing but what the model needs to tell whether the guest can take an interrupt."""
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(self.here(vcpu))

    def pending(self, vcpu: Vcpu) -> bool:
        """A message, or anything that is pending in a list register or spilled."""
        cpu = self.bao(vcpu)
        if cpu.messages:
            return True
        saved = [self.hw.decode(value, False).pending for value in cpu.saved]
        held = [self.look_at_lr(vcpu, n).pending for n in range(self.hw.nr_lr)] if vcpu.pe is not None else saved
        return any(held) or any(irq.pending_latch for irq in cpu.spilled)

    # -- maintenance

    def maintenance_handler(self, desc: IrqDesc, pe: int) -> bool:
        """gic_maintenance_handler."""
        vcpu = self.running(pe)
        if vcpu is not None:
            self.maintain(vcpu)
        return True

    def maintain(self, vcpu: Vcpu) -> None:
        """Ends that were asked for, list registers to refill, ends of spilled ones."""
        pe = self.here(vcpu)
        for n, irq in enumerate(tuple(self.cpu(vcpu).held)):
            if irq is not None:
                self.ended(vcpu, irq, n)
        states = [self.look_at_lr(vcpu, n) for n in range(self.hw.nr_lr)]
        hcr = self.hw.read_hcr(pe)
        no_pending = bool(hcr & NPIE) and not any(lr.pending and not lr.active for lr in states)
        underflow = bool(hcr & UIE) and sum(lr.pending or lr.active for lr in states) < 2
        if no_pending or underflow:
            self.refill_lrs(vcpu, no_pending)
        self.replay(vcpu, self.hw.read_hcr(pe) >> EOICOUNT_SHIFT & 31)

    def ended(self, vcpu: Vcpu, irq: VirtualIrq, n: int) -> None:
        """One whose end was asked for: its list register is free; an SGI may have another source."""
        lr = self.look_at_lr(vcpu, n)
        if lr.signals_eoi():
            self.clear_lr(vcpu, irq)
            if irq.intid < SGIS and irq.pending_latch:
                self.add_lr(vcpu, irq)

    def refill_lrs(self, vcpu: Vcpu, no_pending: bool) -> None:
        """vgic_refill_lrs: first a pending one if that was missed, then whatever is most urgent."""
        for n in range(self.hw.nr_lr):
            lr = self.look_at_lr(vcpu, n)
            if lr.pending or lr.active or lr.signals_eoi():
                continue
            irq = self.most_urgent(vcpu, True, not no_pending)
            if irq is None:
                self.set_hcr(vcpu, NPIE | UIE, False)
                return
            self.unspill(vcpu, irq)
            self.write_lr(vcpu, irq, n)
            no_pending = False

    def most_urgent(self, vcpu: Vcpu, pending: bool, active: bool) -> VirtualIrq | None:
        """Of the spilled that are in one of these states: by priority, then number."""
        dist = self.dists[vcpu.vm]
        assert isinstance(dist, BaoDist)
        mine = [
            irq for irq in (*self.bao(vcpu).spilled, *dist.spilled)
            if irq.vcpu in (None, vcpu) and ((pending and irq.pending_latch) or (active and irq.active))]
        return min(mine, key=lambda irq: (irq.priority, irq.intid), default=None)

    def replay(self, vcpu: Vcpu, count: int) -> None:
        """The guest ended `count` spilled interrupts."""
        for _ in range(count):
            irq = self.most_urgent(vcpu, False, True)
            if irq is None:
                break
            self.event("replay", vcpu, irq.intid)
            irq.active = False
            if irq.hw and irq.host_irq is not None:
                self.kernel.irq_set_irqchip_state(irq.host_irq, ACTIVE, False, self.here(vcpu))
            self.unspill(vcpu, irq)
            if irq.pending_latch:
                self.add_lr(vcpu, irq)
        if count:
            self.set_hcr(vcpu, 31 << EOICOUNT_SHIFT, False)

    # -- the guest's distributor

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """Enabled, physically too, and shown if pending."""
        if irq.enabled:
            return
        irq.enabled = True
        if irq.hw and irq.host_irq is not None and irq.intid >= PRIVATE:
            self.kernel.enable_irq(irq.host_irq, self.here(vcpu))
        self.route(vcpu, irq)

    @step
    def clear_enabled(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """Disabled, physically too, and out of its list register."""
        if not irq.enabled:
            return
        if irq.on_lr and irq.vcpu is vcpu:
            self.remove_lr(vcpu, irq)
        irq.enabled = False
        if irq.hw and irq.host_irq is not None and irq.intid >= PRIVATE:
            self.kernel.disable_irq(irq.host_irq, self.here(vcpu))

    def route(self, vcpu: Vcpu, irq: VirtualIrq) -> None:
        """vgic_route: one that is pending goes to its target."""
        if irq.pending_latch and irq.enabled and irq.target_vcpu is not None:
            self.inject_at(irq.target_vcpu, irq)

    @step
    def set_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """ISPENDR, as an injection."""
        if irq.target_vcpu is not None:
            self.inject_at(irq.target_vcpu, irq)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> None:
        """ICPENDR of one whose list register is here."""
        if irq.on_lr and irq.vcpu is vcpu:
            self.remove_lr(vcpu, irq)
        irq.pending_latch = False
        if irq.active:
            self.add_lr(vcpu, irq)

    @step
    def read_pending(self, vcpu: Vcpu, irq: VirtualIrq, user: bool) -> bool:
        """The list register's, if it is here."""
        if irq.on_lr and irq.vcpu is vcpu:
            assert isinstance(irq, ResidentIrq)
            return self.look_at_lr(vcpu, irq.lr).pending
        return irq.pending_latch

    @step
    def set_active(self, vcpu: Vcpu, irq: VirtualIrq, active: bool, user: bool) -> None:
        """ISACTIVER, ICACTIVER of one whose list register is here or nowhere."""
        if irq.on_lr and irq.vcpu is vcpu:
            self.remove_lr(vcpu, irq)
        irq.active = active
        if irq.active or irq.pending_latch:
            irq.vcpu = vcpu
            self.add_lr(vcpu, irq)

    @step
    def set_group(self, vcpu: Vcpu, irq: VirtualIrq, group: int) -> None:
        """Fixed."""

    @step
    def pend_sgi(self, source: Vcpu, target: Vcpu, intid: int, group1: bool) -> None:
        """To the target's PE."""
        irq = self.find_irq(target.vm, target, intid)
        if irq is not None:
            if target.vm.gic == 2:
                irq.source |= 1 << source.index
            self.inject_at(target, irq)
