"""Bao's list registers: injection, spilling, maintenance, and the messages between PEs. See `vgic.designs.bao`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from vgic.arch.ich import EN, EOICOUNT_SHIFT, LRENPIE, NPIE, UIE
from vgic.arch.intid import PRIVATE, SGIS
from vgic.designs.bao.irq import BaoCpu, BaoDist, BaoIrq
from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.vgic.gic import VirtualGic
from vgic.designs.vgic.irq import Lr
from vgic.designs.vgic.resident import NO_LR, ResidentLists, need_deactivation
from vgic.designs.vgic.timer import GuestTimer
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.host.chip import ACTIVE
from vgic.parts import step

INJECT, ROUTE, FORWARD = "inject", "route", "forward"
ENABLE, PEND, ACT, PRIORITY, CONFIG, TARGET = "enable", "pend", "act", "priority", "config", "target"
"""What a message asks for; those of the second line are register fields (VGIC_SET_REG)."""


class BaoTimer(GuestTimer["BaoLists"]):
    """The timer and its PPI are the guest's for good: mapped, and nothing is ever switched."""

    forwarded = True

    def connect(self) -> None:
        """Mapped: the guest's deactivation ends the PPI's."""
        if self.desc is not None:
            self.design.map_phys_irq(self.vcpu, self.desc, self.vintid)

    def load(self, pe: int) -> None:
        """Once; a vCPU of Bao's is put nowhere but in a model."""
        self.restore(pe)

    def put(self, pe: int) -> None:
        """The registers out; `load` restores them."""
        self.save(pe)

    def handle(self, pe: int) -> None:
        """The PPI has arrived: injected, as any interrupt with a twin."""
        self.inject(True)


class BaoLists(VirtualGic[BaoIrq, BaoCpu, BaoDist]):
    """List registers and the spilled, owners and messages; `Bao` adds the registers.

    Args:
        vhe: of no consequence: the guest has both timers. hw_deactivation: see `need_deactivation`.
    """

    pinned = True
    host_disables = False
    kicks_outside = True
    irq_class = BaoIrq
    cpu_class = BaoCpu
    dist_class = BaoDist
    timer_class = BaoTimer

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = True, hw_deactivation: bool = True,
    ) -> None:
        need_deactivation(self.name, hw_deactivation)
        super().__init__(kernel, vms, timers=timers, observer=observer)
        self.lists: ResidentLists[BaoIrq] = ResidentLists(self.hw, self.cpus, EN | LRENPIE, self.event)
        for vm in self.vms:
            if vm.lpis:
                raise Unsupported(f"bao: {vm.name} has LPIs: Bao emulates no ITS")
        for vcpu, irqs in self.private.items():
            for irq in irqs.values():
                irq.vcpu = vcpu
        kernel.request_irq(kernel.irq(kernel.maintenance), self.maintenance_handler, "vgic maintenance")

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """Its own PE, for ever. Unsupported for another, or where two vCPUs have the same."""
        cpu = self.cpus[vcpu]
        if cpu.home is None:
            other = [v for v in self.vcpus if self.cpus[v].home == pe]
            if other:
                raise Unsupported(
                    f"bao: {_name(vcpu)} and {_name(other[0])} share PE {pe}: Bao gives each vCPU a PE of its own")
            cpu.home = pe
            for timer in self.arch_timers.of(vcpu):
                if timer.desc is not None and not self.get_irq(vcpu.vm, vcpu, timer.vintid).enabled:
                    self.kernel.disable_percpu_irq(timer.desc, pe)
        elif cpu.home != pe:
            raise Unsupported(
                f"bao: {_name(vcpu)} moves from PE {cpu.home} to PE {pe}: Bao's vCPUs stay where they are")
        super().vcpu_load(vcpu, pe)
        self.lists.load(vcpu, pe)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """The list registers are saved first."""
        self.lists.save(vcpu, self.here(vcpu))
        super().vcpu_put(vcpu)

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Forwarded; disabled physically until its guest enables it."""
        super().assign_irq(vm, desc, vintid)
        self.kernel.driver.enable(desc.pintid, False, 0)

    # -- who owns an interrupt

    def owns(self, vcpu: Vcpu, irq: BaoIrq) -> bool:
        """vgic_get_ownership: it is nobody's, or the vCPU's."""
        if irq.vcpu is None:
            irq.vcpu = vcpu
        return irq.vcpu is vcpu

    def yield_ownership(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """vgic_yield_ownership: neither in a list register nor active."""
        private_v2 = vcpu.vm.gic == 2 and irq.intid < PRIVATE
        if not private_v2 and irq.vcpu is vcpu and not irq.on_lr and not irq.active:
            irq.vcpu = None

    def redistributor(self, vm: Vm, irq: BaoIrq) -> Vcpu:
        """The vCPU whose private interrupt it is."""
        return next(v for v in vm.vcpus if self.private[v].get(irq.intid) is irq)

    def target_of(self, vm: Vm, irq: BaoIrq) -> int:
        """ITARGETSR's byte or IROUTER, as they are."""
        return irq.targets if vm.gic == 2 else irq.mpidr

    def targets_of(self, vm: Vm, irq: BaoIrq) -> list[Vcpu]:
        """The vCPUs that may take it."""
        if irq.intid < PRIVATE:
            return [self.redistributor(vm, irq)]
        if vm.gic == 2:
            return [v for v in vm.vcpus if irq.targets >> v.index & 1]
        return [irq.target_vcpu] if irq.target_vcpu is not None else []

    # -- messages

    def send(self, vcpu: Vcpu, what: str, irq: BaoIrq | None, value: int = 0) -> None:
        """Leaves a message for the PE of a vCPU, and kicks that: an IPI."""
        self.cpus[vcpu].messages.append((what, irq, value))
        self.kick(vcpu)

    def take_messages(self, vcpu: Vcpu) -> None:
        """vgic_ipi_handler: does what the messages ask for."""
        cpu = self.cpus[vcpu]
        while cpu.messages:
            what, irq, value = cpu.messages[0]
            del cpu.messages[0]
            if irq is None:
                self.update_enable(vcpu)
            elif what == INJECT:
                self.inject_here(vcpu, irq, value)
            elif what == ROUTE:
                if self.owns(vcpu, irq):
                    if vcpu in self.targets_of(vcpu.vm, irq):
                        self.add_lr(vcpu, irq)
                    self.yield_ownership(vcpu, irq)
            else:
                self.set_field(vcpu, irq, what, value if what != TARGET else self.target_of(vcpu.vm, irq))

    def enable_distributor(self, vcpu: Vcpu, enabled: bool) -> None:
        """vgicd_emul_misc_access: here at once, on the other PEs by a message."""
        dist = self.dists[vcpu.vm]
        if dist.enabled != enabled:
            dist.enabled = enabled
            self.update_enable(vcpu)
            for other in vcpu.vm.vcpus:
                if other is not vcpu:
                    self.send(other, FORWARD, None)

    def update_enable(self, vcpu: Vcpu) -> None:
        """vgic_update_enable: where the distributor is off, so is the virtual CPU interface."""
        self.lists.set_hcr(self.here(vcpu), EN, self.dists[vcpu.vm].enabled)

    # -- injection

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """vgic_inject on the PE of its target. A falling line is ignored."""
        irq = self.get_irq(vm, vcpu, vintid)
        targets = self.targets_of(vm, irq)
        if not level or irq.owner is not owner or not targets:
            self.event("refused", vcpu, vintid)
            return False
        self.event("inject", vcpu, vintid)
        if self.lists.current(targets[0]):
            self.inject_here(targets[0], irq, 0)
        else:
            self.send(targets[0], INJECT, irq)
        return True

    @step
    def inject_here(self, vcpu: Vcpu, irq: BaoIrq, source: int) -> None:
        """With a twin it has just arrived, so it can't be in a list register; else as a write of ISPENDR."""
        if irq.hw:
            irq.vcpu = vcpu
            irq.pending_latch, irq.active, irq.on_lr = True, False, False
            self.add_lr(vcpu, irq)
        elif self.v2_sgi(vcpu.vm, irq):
            self.inject_sgi(vcpu, irq, source)
        else:
            self.set_field(vcpu, irq, PEND, 1)
        self.kick(vcpu)

    def inject_sgi(self, vcpu: Vcpu, irq: BaoIrq, source: int) -> None:
        """vgic_inject_sgi: one that its source has sent already leaves its list register for good."""
        self.remove_lr(vcpu, irq)
        if not irq.source >> source & 1:
            irq.source |= 1 << source
            irq.pending_latch = True
            self.add_lr(vcpu, irq)

    # -- list registers

    def lr_of(self, vcpu: Vcpu, irq: BaoIrq) -> Lr | None:
        """gich_get_lr: its list register here, unless that is empty or another's."""
        if not irq.on_lr or irq.vcpu is not vcpu:
            return None
        lr = self.lists.read(vcpu, irq.lr)
        return lr if self.cpus[vcpu].held[irq.lr] is irq and (lr.pending or lr.active) else None

    def state(self, vcpu: Vcpu, irq: BaoIrq) -> tuple[bool, bool]:
        """vgic_get_state: whether it is pending and whether active, wherever that is held."""
        lr = self.lr_of(vcpu, irq)
        pending, active = (irq.pending_latch, irq.active) if lr is None else (lr.pending, lr.active)
        return pending or (vcpu.vm.gic == 2 and irq.source != 0), active

    def add_lr(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """vgic_add_lr: into a free list register, or another's; else it is spilled."""
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

    def victim(self, vcpu: Vcpu, irq: BaoIrq) -> int:
        """Whose list register is taken: see the module."""
        pending: list[tuple[int, int, int]] = []
        active: list[tuple[int, int, int]] = []
        for n in range(self.hw.nr_lr):
            lr = self.lists.read(vcpu, n)
            if lr.active:
                active.append((lr.priority, lr.vintid, n))
            elif lr.pending:
                pending.append((lr.priority, lr.vintid, n))
        chosen = max(pending if len(pending) > 1 else active, default=None)
        return chosen[2] if chosen is not None and chosen[:2] > (irq.priority, irq.intid) else NO_LR

    def spill_lr(self, vcpu: Vcpu, n: int) -> None:
        """Its interrupt leaves for the list of the spilled."""
        irq = self.cpus[vcpu].held[n]
        if irq is not None:
            self.remove_lr(vcpu, irq)
            self.add_spilled(vcpu, irq)
            self.yield_ownership(vcpu, irq)

    def write_lr(self, vcpu: Vcpu, irq: BaoIrq, n: int) -> None:
        """vgic_write_lr: the state moves from memory into list register n."""
        previous = self.cpus[vcpu].held[n]
        if (previous is not None and previous is not irq and previous.intid >= PRIVATE
                and previous.vcpu is vcpu and previous.on_lr and previous.lr == n):
            previous.on_lr = False
            self.yield_ownership(vcpu, previous)
        v2_sgi = self.v2_sgi(vcpu.vm, irq)
        pending, active = self.state(vcpu, irq)
        cpuid, eoi = 0, irq.intid >= PRIVATE and not irq.hw
        if irq.hw:
            pending = pending and not active
        elif v2_sgi:
            cpuid, pending = irq.active_source, pending and not active
            if pending:
                cpuid = irq.source.bit_length() - 1
                irq.source &= ~(1 << cpuid)
            eoi = irq.source != 0
        lr = Lr(irq.intid, pending, active, irq.hw, irq.hwintid if irq.hw else 0, irq.group, irq.priority, eoi, cpuid)
        irq.pending_latch = irq.active = False
        self.lists.write(vcpu, irq, n, lr, self.here(vcpu))

    def remove_lr(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """vgic_remove_lr: the state comes back."""
        if irq.vcpu is not vcpu or not irq.on_lr:
            return
        lr = self.lr_of(vcpu, irq)
        if lr is None:
            irq.on_lr = False
            return
        self.event("fold", vcpu, irq.intid)
        self.lists.clear(vcpu, irq, self.here(vcpu))
        irq.pending_latch, irq.active = lr.pending, lr.active
        if self.v2_sgi(vcpu.vm, irq):
            if lr.active:
                irq.active_source = lr.cpuid
            else:
                irq.source |= 1 << lr.cpuid
        self.lists.set_hcr(self.here(vcpu), UIE | (NPIE if lr.pending and irq.enabled else 0), True)

    # -- the spilled

    def spilled(self, vcpu: Vcpu, irq: BaoIrq) -> BaoCpu | BaoDist:
        """Who has the list that an interrupt spills to."""
        dist = self.dists[vcpu.vm]
        return self.cpus[vcpu] if irq.intid < PRIVATE else dist

    def add_spilled(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """vgic_add_spilled: at the end of the list; where that was cut, nobody will find it. What is on the list
        already loses those behind it."""
        self.event("overflow", vcpu, irq.intid)
        side = self.spilled(vcpu, irq)
        if irq in side.spilled:
            side.spilled = side.spilled[:side.spilled.index(irq) + 1]
            side.lost_tail = False
        elif not side.lost_tail:
            side.spilled.append(irq)
        self.lists.set_hcr(self.here(vcpu), NPIE, True)

    def unspill(self, vcpu: Vcpu, irq: BaoIrq) -> None:
        """list_rm: where the last leaves a list that is not empty then, the list's end stays with it, and what is added
        afterwards hangs behind what has left. An empty list is whole again."""
        side = self.spilled(vcpu, irq)
        if irq not in side.spilled:
            return
        side.lost_tail = side.lost_tail or side.spilled[-1] is irq
        side.spilled.remove(irq)
        side.lost_tail = side.lost_tail and bool(side.spilled)

    def most_urgent(self, vcpu: Vcpu, pending: bool, active: bool) -> BaoIrq | None:
        """vgic_highest_prio_spilled: of the spilled that are in one of these states, by priority, then number."""
        dist = self.dists[vcpu.vm]
        mine = []
        for irq in (*self.cpus[vcpu].spilled, *dist.spilled):
            is_pending, is_active = self.state(vcpu, irq)
            if irq.vcpu in (None, vcpu) and ((pending and is_pending) or (active and is_active)):
                mine.append(irq)
        return min(mine, key=lambda irq: (irq.priority, irq.intid), default=None)

    # -- entry and exit

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """The IPIs of messages that came while it was out of its guest."""
        self.take_messages(vcpu)

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """The IPI comes before the maintenance interrupt, whose INTID is higher; and what the model needs to tell
        whether the guest can take an interrupt."""
        self.take_messages(vcpu)
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(self.here(vcpu))

    def pending(self, vcpu: Vcpu) -> bool:
        """WFI does not trap: anything that the PE would wake for."""
        cpu = self.cpus[vcpu]
        if cpu.messages:
            return True
        if not (self.hw.read_hcr(vcpu.pe) if vcpu.pe is not None else cpu.hcr or self.lists.hcr) & EN:
            return False
        saved = [self.hw.decode(value, False).pending for value in cpu.saved]
        held = [self.lists.read(vcpu, n).pending for n in range(self.hw.nr_lr)] if vcpu.pe is not None else saved
        return any(held)

    # -- maintenance

    def maintenance_handler(self, desc: IrqDesc, pe: int) -> bool:
        """gic_maintenance_handler: for the vCPU that is loaded there."""
        vcpu = self.running(pe)
        if vcpu is not None:
            self.maintain(vcpu)
        return True

    def maintain(self, vcpu: Vcpu) -> None:
        """Ends that were asked for, list registers to refill, ends of spilled ones."""
        pe = self.here(vcpu)
        states = [self.lists.read(vcpu, n) for n in range(self.hw.nr_lr)]
        hcr = self.hw.read_hcr(pe)
        no_pending = bool(hcr & NPIE) and not any(lr.pending and not lr.active for lr in states)
        underflow = bool(hcr & UIE) and sum(lr.pending or lr.active for lr in states) < 2
        for n, irq in enumerate(tuple(self.cpus[vcpu].held)):
            if irq is not None:
                self.ended(vcpu, irq, n)
        if no_pending or underflow:
            self.refill_lrs(vcpu, no_pending)
        self.replay(vcpu, self.hw.read_hcr(pe) >> EOICOUNT_SHIFT & 31)

    def ended(self, vcpu: Vcpu, irq: BaoIrq, n: int) -> None:
        """vgic_handle_trapped_eoir: its list register is free; an SGI may have another source."""
        if self.lists.read(vcpu, n).signals_eoi():
            self.hw.write_lr(n, 0, self.here(vcpu))
            held = self.cpus[vcpu].held
            held[n] = None
            irq.on_lr = False
            if irq.intid < SGIS:
                self.add_lr(vcpu, irq)
            else:
                self.yield_ownership(vcpu, irq)

    def refill_lrs(self, vcpu: Vcpu, no_pending: bool) -> None:
        """vgic_refill_lrs: first a pending one if that was missed, then whatever is most urgent."""
        for n in range(self.hw.nr_lr):
            lr = self.lists.read(vcpu, n)
            if lr.pending or lr.active or lr.signals_eoi():
                continue
            irq = self.most_urgent(vcpu, True, not no_pending)
            if irq is None:
                self.lists.set_hcr(self.here(vcpu), NPIE | UIE, False)
                return
            irq.vcpu = vcpu
            self.unspill(vcpu, irq)
            self.write_lr(vcpu, irq, n)
            no_pending = False

    def replay(self, vcpu: Vcpu, count: int) -> None:
        """vgic_eoir_highest_spilled_active: the guest ended `count` spilled interrupts. They stay on the list."""
        for _ in range(count):
            irq = self.most_urgent(vcpu, False, True)
            if irq is None:
                break
            self.event("replay", vcpu, irq.intid)
            irq.vcpu = vcpu
            irq.active = False
            if irq.hw and irq.host_irq is not None:
                self.kernel.irq_set_irqchip_state(irq.host_irq, ACTIVE, False, self.here(vcpu))
            elif irq.pending_latch:
                self.add_lr(vcpu, irq)
        if count:
            self.lists.set_hcr(self.here(vcpu), 31 << EOICOUNT_SHIFT, False)

    @abstractmethod
    def set_field(self, vcpu: Vcpu, irq: BaoIrq, what: str, value: int) -> None:
        """A field of an interrupt changes, by a register write or an injection; see `Bao`."""


def _name(vcpu: Vcpu) -> str:
    return f"vcpu{vcpu.index} of {vcpu.vm.name}"
