"""KVM: list registers, queues, the guest's distributor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vgic.arch.ich import LRENPIE
from vgic.arch.intid import LPI_START, PRIVATE
from vgic.designs.bugs.bug import Bug, Historical
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.kvm.lrs import lowest
from vgic.designs.vgic.irq import Lr
from vgic.designs.vm import Vcpu, Vm
from vgic.host import Work, WorkItem
from vgic.host.chip import PENDING


class B002(Historical, Kvm):
    """What sync believes of the list registers is left from the run before, if the entry was given up."""

    name = "B002"
    entry = Bug(
        2015, "Linux 3.19", "ae705930fca6", "an interrupt vanishes when the entry is given up for a signal",
        "sync uses the ELRSR of the previous run, which does not know of what was written since",
        "edge-entry-given-up", (1, 19))

    def abandon_entry(self, vcpu: Vcpu) -> None:
        """ELRSR still says that the registers are empty."""
        cpu, pe = self.cpus[vcpu], self.here(vcpu)
        self.hw.write_hcr(0, pe)
        cpu.hcr = 0
        for n, irq in enumerate(tuple(cpu.lrs)):
            self.fold_lr(vcpu, irq, n, True, pe)
        cpu.lrs = []
        self.prune_ap_list(vcpu)


class B005(Historical, Kvm):
    """A guest's ICPENDR leaves the mark that the line was signalled."""

    name = "B005"
    entry = Bug(
        2015, "Linux 4.3", "544c572e0317", "the timer is dead after a guest clears its pending state, as at a reboot",
        "ICPENDR and ICACTIVER on a mapped interrupt touch virtual state alone", "guest-icpendr-mapped", (2, 8))

    def clear_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """The physical active state stays."""
        irq.pending_latch = False


class B010(Historical, Kvm):
    """A level without a twin may be pending and active."""

    name = "B010"
    entry = Bug(
        2018, "Linux 4.15", "67b5b673ad4d", "an interrupt storm from an assigned level device",
        "a level interrupt without a twin that is active may also be set pending in its list register",
        "level-irqfd-held", (3, 9, 17, 18))

    def compute_lr(self, vm: Vm, irq: VgicIrq) -> Lr:
        """Its end gives Pending, not Invalid, and tells nobody."""
        lr = super().compute_lr(vm, irq)
        if not irq.edge and not lr.hw and irq.active:
            return lr._replace(pending=irq.pending())
        return lr


class B011(Historical, Kvm):
    """A guest's ISPENDR pends a mapped interrupt whose twin is not active."""

    name = "B011"
    entry = Bug(
        2018, "Linux 4.15", "df635c5b1856", "the guest deactivates a physical interrupt that is not active",
        "ISPENDR and ICPENDR on a mapped interrupt change virtual state alone", "guest-ispendr-mapped", (6,))

    def set_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """The twin stays as it is."""
        irq.pending_latch = True
        self.queue_irq(vcpu.vm, irq)


class B013(Historical, Kvm):
    """What was remembered of the line is believed at the enable."""

    name = "B013"
    entry = Bug(
        2019, "Linux 5.5", "16e604a437c8", "a phantom at the enable, and the next interrupt is not signalled",
        "ISENABLER queues a mapped level with the line as it was last seen", "timer-disabled-dropped", (3, 8))

    def set_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """The line is not sampled."""
        irq.enabled = True
        self.queue_irq(vcpu.vm, irq)


class B014(Historical, Kvm):
    """The line is sampled again only where the list register still shows it pending."""

    name = "B014"
    entry = Bug(
        2021, "Linux 5.14", "3134cc8beb69", "a spurious timer interrupt under migration of vCPUs",
        "a mapped level that the guest deactivated is not sampled, though its line was remembered high",
        "timer-stale-line", (3,))

    def handle_resampling(self, vcpu: Vcpu, irq: VgicIrq, deactivated: bool, still_pending: bool, pe: int) -> None:
        """As if the guest had not deactivated the interrupt."""
        super().handle_resampling(vcpu, irq, False, still_pending, pe)


class B016(Historical, Kvm):
    """Userspace reads pending as the guest would."""

    name = "B016"
    entry = Bug(
        2022, "Linux 5.19", "2cdea19a34c2", "saving a VM samples hardware, and restores a line as a latch",
        "userspace uses the guest's accessor for pending", "saved-while-other-runs", (3, 21))

    def uaccess_read_pending(self, vcpu: Vcpu, irq: VgicIrq) -> bool:
        """The line of hardware, whoever's that is at the moment."""
        if irq.mapped_level() and irq.host_irq is not None:
            return self.kernel.irq_get_irqchip_state(irq.host_irq, PENDING, vcpu.pe or 0)
        return super().uaccess_read_pending(vcpu, irq)


class B017(Historical, Kvm):
    """SPI 32 is taken for private."""

    name = "B017"
    entry = Bug(
        2020, "Linux 5.6", "1c32ca5dc6d0", "SPI 32's active state changes while its list register is live elsewhere",
        "other vCPUs are stopped if INTID > 32", "active-cleared-elsewhere", (11, 12, 22))

    def prepare_active(self, accessor: Vcpu, owner: Vcpu, intid: int) -> None:
        """SPI 32 is taken for private: other vCPUs are not stopped."""
        if intid != PRIVATE:
            super().prepare_active(accessor, owner, intid)


class B019(Historical, Kvm):
    """Userspace enables as the guest would."""

    name = "B019"
    entry = Bug(
        2020, "Linux 5.8", "41ee52ecbcdc", "restoring a VM changes physical state",
        "userspace's ISENABLER uses the guest's handler", "saved-restored-dropped", (21,))

    def set_enabled(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """The line is sampled, the twin let go, on whatever PE the ioctl runs."""
        if irq.mapped_level() and user:
            pe, was_high = vcpu.pe or 0, irq.line_level
            irq.line_level = self.phys_line_level(vcpu, irq, pe)
            if not irq.active and was_high and not irq.line_level:
                self.set_phys_active(irq, False, pe)
        super().set_enabled(vcpu, irq, user)


class B020(Historical, Kvm):
    """A restored GICv2 SGI is ignored, as the guest's write would be."""

    name = "B020"
    entry = Bug(
        2020, "Linux 5.7", "Fixes 82e40f558de5", "pending SGIs are lost in a migration",
        "userspace's ISPENDR0 of a GICv2 follows the guest's rule: SGI bits are ignored", "saved-sgi-v2", (21,))

    def set_pending(self, vcpu: Vcpu, irq: VgicIrq, user: bool) -> None:
        """Userspace's write is ignored for SGIs, as the guest's is."""
        if not self.v2_sgi(vcpu.vm, irq):
            super().set_pending(vcpu, irq, user)


class B022(Historical, Kvm):
    """An active GICv2 SGI is shown with the source of the pending one."""

    name = "B022"
    entry = Bug(
        2018, "Linux 4.16", "53692908b0f5", "EOIR names another source than the list register: the SGI stays active",
        "an active SGI's list register is rebuilt with the source that is pending now", "sgi-v2-while-active",
        (11, 14, 39))

    def compute_lr(self, vm: Vm, irq: VgicIrq) -> Lr:
        """An active SGI gets the source of the pending one."""
        lr = super().compute_lr(vm, irq)
        if self.v2_sgi(vm, irq) and irq.active and irq.source:
            return lr._replace(cpuid=lowest(irq.source))
        return lr


class B023(Historical, Kvm):
    """What is on a list is left there, and its vCPU is not told."""

    name = "B023"
    entry = Bug(
        2016, "Linux 4.8", "d42c79701a3e", "an edge waits for an unrelated exit",
        "an interrupt that is on a list already needs nothing more", "edge-after-eoi", (20,))

    def queue_irq(self, vm: Vm, irq: VgicIrq) -> bool:
        """What is on a list already kicks nobody."""
        if irq.vcpu is not None:
            return False
        return super().queue_irq(vm, irq)


class _Return:
    """What whoever sent an MSI does when the call that injected it has returned."""

    def __init__(self, kvm: Kvm, vm: Vm, intid: int) -> None:
        self.kvm, self.vm, self.intid = kvm, vm, intid
        self.work = WorkItem(f"{vm.name}'s MSI {intid} is injected again", self.inject)

    def inject(self) -> None:
        """Injects once more."""
        Kvm.inject(self.kvm, self.vm, None, self.intid, True)


class B025(Historical, Kvm):
    """An MSI is injected where its doorbell is found, and once more by whoever looked for it."""

    name = "B025"
    entry = Bug(
        2016, "Linux 4.8", "0bdbf3b07198", "one MSI is delivered twice",
        "the MSI's path injects when the doorbell matches, and again on its return", "msi-once", (4,))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.returns = {(vm, intid): _Return(self, vm, intid) for vm in self.vms for intid in vm.lpis}

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        """The call returns, and whoever made it goes on some time later."""
        accepted = super().inject(vm, vcpu, vintid, level, owner)
        if accepted and vintid >= LPI_START:
            self.returns[vm, vintid].work.queue()
        return accepted

    def work(self) -> Sequence[Work]:
        """What follows the returns of injections, too."""
        return (*super().work(), *(r.work for r in self.returns.values()))


class B026(Historical, Kvm):
    """Whether there is something to wake for is asked with an old PMR."""

    name = "B026"
    entry = Bug(
        2019, "Linux 5.3", "5eeaf10eec39", "a vCPU of a guest with pseudo-NMIs sleeps for ever",
        "whether a vCPU may block is judged with the PMR of its last load", "pmr-opened-at-wfi", (19,))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stale = {vcpu: _Stale() for vcpu in self.vcpus}

    def vcpu_load(self, vcpu: Vcpu, pe: int) -> None:
        """The PMR is sampled here."""
        super().vcpu_load(vcpu, pe)
        self.stale[vcpu].pmr = self.cpus[vcpu].vmcr >> 24

    def pending(self, vcpu: Vcpu) -> bool:
        """Judged with the PMR of the last load."""
        pmr = self.stale[vcpu].pmr
        return self.dists[vcpu.vm].enabled and any(self.deliverable(irq, pmr) for irq in self.cpus[vcpu].ap_list)

    def parts(self) -> tuple[object, ...]:
        return (*super().parts(), *self.stale.values())


class _Stale:
    """PMR as of the last load."""

    __slots__ = ("pmr",)

    def __init__(self) -> None:
        self.pmr = 0


class B028(Historical, Kvm):
    """An LPI may be active."""

    name = "B028"
    entry = Bug(
        2021, "Linux 5.14 to 6.17", "73c9726975af", "an LPI keeps a list register, or is active for ever",
        "the active state of a list register is kept for LPIs, too", "lpi-spilled", (15,))

    def keeps_active(self, irq: VgicIrq) -> bool:
        """An active state counts for LPIs, too."""
        return True


class B029(Historical, Kvm):
    """Ends outside list registers are not looked at."""

    name = "B029"
    entry = Bug(
        2025, "Linux 6.18", "3cfd59f81e0f, 281c6c06e2a7", "an interrupt without a list register is never deactivated",
        "EOIcount is ignored", "overflow-nested", (1, 11))

    def replay_eois(self, vcpu: Vcpu, count: int, pe: int) -> None:
        """The ends that EOIcount counted are not replayed."""


class B031(Historical, Kvm):
    """Active interrupts first."""

    name = "B031"
    entry = Bug(
        2025, "Linux 6.18", "05984ba67eb6", "with all list registers active the next interrupt is never presented",
        "the list is sorted with active interrupts first", "overflow-split", (13,))

    def order(self, vcpu: Vcpu, irq: VgicIrq, enables: int) -> tuple[bool, bool, bool, int, bool]:
        """The third key is turned round: active ones first."""
        other, disabled, not_takeable, priority, soft = super().order(vcpu, irq, enables)
        return other, disabled, not not_takeable, priority, soft


class B032(Historical, Kvm):
    """Ends outside list registers are replayed on what is inside."""

    name = "B032"
    entry = Bug(
        2026, "Linux 6.19", "6da5e537f5af", "the wrong interrupt is deactivated; guests fail to boot",
        "EOIcount is replayed from the head of the list, not from behind the last that has a list register",
        "overflow-eoi-late", (10, 11, 12))

    def replay_eois(self, vcpu: Vcpu, count: int, pe: int) -> None:
        """The ends are replayed from the head of the list."""
        for irq in tuple(self.cpus[vcpu].ap_list):
            if count and self.replay_eoi(vcpu, irq, pe):
                count -= 1


class B035(Historical, Kvm):
    """Today's KVM (docs/findings.md, 5)."""

    name = "B035"
    entry = Bug(
        2026, "Linux 6.18 to 7.x", "open; field report of 2026-10-03",
        "a level set pending by software while it is handled does not come again",
        "an empty list register ends the latch of a level, also one that was set after the acknowledge",
        "soft-pended-split", (1,), clean="kvm-latch-kept")


class B029Blind(B029):
    """Ends outside list registers bring no exit either."""

    name = "B029-blind"
    entry = B029.entry._replace(
        wrong="EOIcount is ignored, and LRENPIE is not armed", rules=(11, 18))

    def configure_hcr(self, vcpu: Vcpu, summary: Any) -> int:
        """LRENPIE is not armed."""
        return super().configure_hcr(vcpu, summary) & ~LRENPIE
