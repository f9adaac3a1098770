"""Earlier rules of KVM, each a few methods apart from today's (what Linux did at the time, not its data structures).

    Kvm612    Linux 5.10 to 6.18: what is active comes first in list registers, UIE alone is armed for an overflow, EOIs
              outside list registers are not seen, VMCR is read at puts and in WFI
    Kvm2018   Linux 4.18: besides, the timer's PPI is active only while the interrupt is active in the guest, a mapped
              level's line is sampled again only where the guest never took it, a vCPU in WFI goes on for whatever is
              pending and enabled, and the guest's physical timer is always emulated
    Kvm2015   Linux 4.4: the timer is off while the host runs; its line is sampled, and the PPI's active state set, at
              each entry; what a guest writes to its distributor touches the virtual state alone
"""

from __future__ import annotations

from collections.abc import Sequence

from vgic.arch.ich import EN, UIE
from vgic.arch.intid import TIMER_PPIS
from vgic.designs.base import Observer, TimerRegisters, Unsupported
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.timer import ArchTimer
from vgic.designs.kvm.vgic import Kvm
from vgic.designs.vm import Vcpu, Vm
from vgic.host import IrqDesc, Kernel
from vgic.parts import step

NO_PRIORITY = 0x100


class Kvm612(Kvm):
    """Linux 6.12's virtual GIC."""

    name = "kvm612"
    trap_v2_dir = False

    def count_spi(self, vm: Vm, irq: VgicIrq) -> None:
        """DIR never traps."""

    # -- entry

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        """Nothing is written while the list is empty: the interface stays disabled then."""
        cpu, pe = self.cpus[vcpu], self.here(vcpu)
        if not cpu.ap_list:
            return
        depth, multi_sgi = self.compute_ap_list_depth(vcpu)
        if depth > self.hw.nr_lr or multi_sgi:
            self.sort_ap_list(vcpu)
        resident: list[VgicIrq] = []
        least = NO_PRIORITY
        hcr = EN
        for irq in cpu.ap_list:
            if multi_sgi and irq.priority > least:
                break
            if len(resident) == self.hw.nr_lr:
                self.event("overflow", vcpu)
                hcr |= UIE
                break
            if self.target_oracle(vcpu.vm, irq) is vcpu:
                self.populate_lr(vcpu, irq, len(resident), pe)
                resident.append(irq)
                if irq.source:
                    least = irq.priority
        if resident:
            cpu.lrs = resident
            cpu.hcr = hcr
            self.hw.write_hcr(hcr, pe)

    def compute_ap_list_depth(self, vcpu: Vcpu) -> tuple[int, bool]:
        """How many list registers the list could fill, and whether an SGI with several sources is among them."""
        depth, multi_sgi = 0, False
        for irq in self.cpus[vcpu].ap_list:
            n = self.lr_count(irq)
            depth += n
            multi_sgi = multi_sgi or n > 1
        return depth, multi_sgi

    @step
    def lr_count(self, irq: VgicIrq) -> int:
        """How many list registers an interrupt could fill."""
        return irq.lr_count()

    @step
    def order(self, vcpu: Vcpu, irq: VgicIrq, enables: int) -> tuple[bool, bool, bool, int, bool]:
        """Active ones first, then pending ones that are enabled, then by priority."""
        if irq.active:
            return (False, False, False, 0, False)
        return (True, not (irq.enabled and irq.pending()), False, irq.priority, False)

    # -- exit

    def sync_hwstate(self, vcpu: Vcpu) -> None:
        """EOIcount is not looked at."""
        cpu, pe = self.cpus[vcpu], self.here(vcpu)
        resident = tuple(cpu.lrs)
        if resident:
            elrsr = self.hw.elrsr(pe)
            self.hw.write_hcr(0, pe)
            cpu.hcr = 0
            for n, irq in enumerate(resident):
                self.fold_lr(vcpu, irq, n, bool(elrsr >> n & 1), pe)
            cpu.lrs = []
        self.prune_ap_list(vcpu)

    def keeps_active(self, irq: VgicIrq) -> bool:
        """LPIs, too, stay active in memory."""
        return True

    def notifies(self, deactivated: bool) -> bool:
        """Every empty list register that asked for it tells."""
        return True

    @step
    def pending(self, vcpu: Vcpu) -> bool:
        """kvm_vgic_vcpu_pending_irq. In WFI VMCR is read before it is asked (kvm_arch_vcpu_blocking)."""
        if not self.dists[vcpu.vm].enabled:
            return False
        cpu = self.cpus[vcpu]
        pmr = (cpu.vmcr if vcpu.pe is None else self.hw.read_vmcr(vcpu.pe)) >> 24
        return any(self.deliverable(irq, pmr) for irq in cpu.ap_list)

    def vcpu_put(self, vcpu: Vcpu) -> None:
        """VMCR is saved, with the rest."""
        self.cpus[vcpu].vmcr = self.hw.read_vmcr(self.here(vcpu))
        super().vcpu_put(vcpu)


class Timer2018(ArchTimer):
    """The PPI is active while the guest handles it, not while it is only pending."""

    def load_active(self) -> bool:
        return self.design.map_is_active(self.vcpu, self.vintid)


class Kvm2018(Kvm612):
    """Linux 4.18's virtual GIC and timers."""

    name = "kvm2018"
    timer_class = Timer2018

    def __init__(
        self, kernel: Kernel, vms: Sequence[Vm], *, timers: TimerRegisters | None = None,
        observer: Observer | None = None, vhe: bool = False, hw_deactivation: bool = True,
    ) -> None:
        super().__init__(kernel, vms, timers=timers, observer=observer, vhe=False, hw_deactivation=hw_deactivation)

    @step
    def pending(self, vcpu: Vcpu) -> bool:
        """kvm_vgic_vcpu_pending_irq did not ask for priorities, or for what is active."""
        return self.dists[vcpu.vm].enabled and any(irq.pending() and irq.enabled for irq in self.cpus[vcpu].ap_list)

    def handle_resampling(self, vcpu: Vcpu, irq: VgicIrq, deactivated: bool, still_pending: bool, pe: int) -> None:
        super().handle_resampling(vcpu, irq, False, still_pending, pe)

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """ISENABLER, with the line as it was last seen."""
        irq.enabled = True
        self.queue_irq(vcpu.vm, irq)


class Timer2015(ArchTimer):
    """The timer is in hardware only while the guest runs."""

    def load(self, pe: int) -> None:
        self.soft.cancel()

    def put(self, pe: int) -> None:
        self.soft.cancel()

    def flush(self, pe: int) -> None:
        """kvm_timer_flush_hwstate: the line as of now, the PPI's active state, then the registers."""
        self._sample()
        active = self.state.level or self.design.map_is_active(self.vcpu, self.vintid)
        if self.desc is not None:
            self.set_phys_active(active, pe)
            self.restore(pe)

    def sync(self, pe: int) -> None:
        """kvm_timer_sync_hwstate: off, and the line as of now."""
        if self.desc is not None:
            self.save(pe)
        self._sample()

    def _sample(self) -> None:
        level = self.should_fire()
        if level != self.state.level:
            self.update_irq(level)

    def handle(self, pe: int) -> None:
        """The exit that it caused is enough."""


class Kvm2015(Kvm612):
    """Linux 4.4's virtual GIC and timers."""

    name = "kvm2015"
    timer_class = Timer2015

    def assign_irq(self, vm: Vm, desc: IrqDesc, vintid: int) -> None:
        """Unsupported for levels: nobody samples a line but the timer's."""
        if not desc.edge:
            raise Unsupported(f"{self.name}: {vm.name}, level {vintid}: Linux 4.4 maps no interrupt but the timer's")
        super().assign_irq(vm, desc, vintid)

    def assign_timer(self, vm: Vm, timer: str = "CNTV", vintid: int = TIMER_PPIS["CNTV"]) -> None:
        """The virtual timer. Unsupported for CNTP."""
        if timer == "CNTP":
            raise Unsupported(f"{self.name}: {vm.name} uses CNTP: Linux has given guests one since 4.11")
        super().assign_timer(vm, timer, vintid)

    @step
    def pending(self, vcpu: Vcpu) -> bool:
        """It did not ask for priorities, or for what is active."""
        return self.dists[vcpu.vm].enabled and any(irq.pending() and irq.enabled for irq in self.cpus[vcpu].ap_list)

    def consume_pending(self, vm: Vm, irq: VgicIrq) -> None:
        """A mapped level keeps its line: the timer's is sampled at each entry and exit."""
        level = irq.line_level
        super().consume_pending(vm, irq)
        irq.line_level = level

    def handle_resampling(self, vcpu: Vcpu, irq: VgicIrq, deactivated: bool, still_pending: bool, pe: int) -> None:
        """Nothing is sampled at an exit but the timer."""

    @step
    def set_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        irq.enabled = True
        self.queue_irq(vcpu.vm, irq)

    @step
    def read_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> bool:
        return irq.pending()

    @step
    def set_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        if not self.v2_sgi(vcpu.vm, irq):
            irq.pending_latch = True
            self.queue_irq(vcpu.vm, irq)

    @step
    def clear_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        if not self.v2_sgi(vcpu.vm, irq):
            irq.pending_latch = False

    @step
    def set_active(self, vcpu: Vcpu, irq: VgicIrq, active: bool, user: bool) -> None:
        irq.active = active
        if active:
            self.queue_irq(vcpu.vm, irq)


HISTORY = {design.name: design for design in (Kvm612, Kvm2018, Kvm2015)}
"""By name."""
