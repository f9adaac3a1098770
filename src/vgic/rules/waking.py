"""Rules of waking and kicking: a vCPU that has an interrupt to take learns of it, no other does, and one that is off
stays off (19, 20, 40, 42, 43)."""

from __future__ import annotations

from vgic.rules.delivery import IMPLEMENTED, carried, full, undelivered
from vgic.rules.ghost import DROPPED, PRESENT, TWICE
from vgic.rules.judge import MomentCheck
from vgic.rules.kernel import (
    BROKEN,
    EXIT_BOUND,
    HOLDS,
    PATIENCE,
    UNKNOWN,
    KernelCheck,
    KernelEvent,
    KernelLine,
    KernelTimer,
    KernelVcpu,
)
from vgic.rules.world import OfVcpus, VcpuView, World

ENABLE, IMASK, ISTATUS = 1, 2, 4


# -- 19: one that sleeps is woken

def sleeps(w: World) -> str | None:
    """Rule 19."""
    for u in undelivered(w):
        if u.run.vcpu.blocked:
            return f"{u}; the vCPU is blocked"
    return None


class BlockedIsWoken(KernelCheck):
    """Rule 19, for each blocked vCPU whose own interrupt is raised by somebody else, or whose timer had expired when it
    blocked.

    What wakes it otherwise (SGIs, LPIs, shared interrupts, the timer that KVM arms at a block) no self.event tells.
    """

    rule_id = 19
    needs = frozenset({"kvm_wfx_arm64", "kvm_vcpu_wakeup", "vgic_update_irq_pending"})

    def prepare(self) -> None:
        """The first raise of each block: the event, the vINTID, and whether it must be deliverable."""
        self.raised: dict[KernelVcpu, tuple[KernelEvent, int, bool]] = {}

    def blocked(self, vcpu: KernelVcpu) -> None:
        """A WFI."""
        self.raised.pop(vcpu, None)

    def timer_saved(self, vcpu: KernelVcpu, index: int, timer: KernelTimer) -> None:
        """A timer that had expired when its vCPU blocked."""
        if vcpu.blocked is not None and vcpu not in self.raised \
                and timer.ctl & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS:
            intid = vcpu.direct.get(index)
            if intid is not None:
                self.raised[vcpu] = (self.event, intid, vcpu.enabled.get(intid) is True)

    def line_told(self, vcpu: KernelVcpu | None, intid: int, level: int, before: KernelLine | None, own: bool) -> None:
        """A line rose."""
        if level and vcpu is None:
            blocked = [v for v in self.teller.seen() if v.blocked is not None]
            if blocked:
                self.judge(self.event, UNKNOWN, "where the interrupt goes isn't told")
            return
        if not level or vcpu is None or vcpu.blocked is None or vcpu in self.raised \
                or (own and self.event.pid == vcpu.pid):
            return
        sure = before is not None and before.level == 0 and vcpu.enabled.get(intid) is True
        self.raised[vcpu] = (self.event, intid, sure)

    def woken(self, vcpu: KernelVcpu) -> None:
        """The block ended."""
        raised = self.raised.pop(vcpu, None)
        if raised is not None:
            self._end(vcpu, *raised, "woken")

    def _end(self, vcpu: KernelVcpu, event: KernelEvent, intid: int, sure: bool, how: str) -> None:
        late = self.event.time - event.time
        if not self.verdicts.timed:
            self.judge(event, UNKNOWN, "the recording's times are no seconds")
        elif how == "woken" and late <= PATIENCE:
            self.judge(event, HOLDS)
        elif late > PATIENCE and sure:
            self.judge(event, BROKEN, f"{self.teller.label(vcpu)} is blocked since line {vcpu.blocked.line:,}: vINTID "
                       f"{intid} is enabled and was raised, and it is {how} {late / 1e9:.3f} s later"
                       if vcpu.blocked is not None else "")
        elif late > PATIENCE:
            self.judge(event, UNKNOWN, "whether the interrupt was enabled and accepted isn't told")
        else:
            self.judge(event, UNKNOWN, "the recording ends before it is woken")

    def lost(self) -> None:
        """Nothing is known."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "events were lost")
        self.raised.clear()

    def finished(self) -> None:
        """Those that are still blocked."""
        for vcpu, raised in self.raised.items():
            self._end(vcpu, *raised, "still blocked")


# -- 42: one that has nothing to take sleeps

class NothingToTake(MomentCheck):
    """Rule 42, at each WFI after which a vCPU does not sleep: something may have come for it that is enabled, not
    active, and let through by its priority mask. WFI ends for what PSTATE.I masks, too; and a hypervisor need not weigh
    running priorities, or know of a line that drops just then."""

    rule_id = 42

    def stayed(self, who: VcpuView) -> None:
        pmr = who.guest.state.pmr & IMPLEMENTED
        if not who.vm.ghost.forwards or not any(
                ghost.enabled and ghost.active is None and ghost.priority & IMPLEMENTED < pmr
                and (ghost.owed or ghost.soft or ghost.credit or ghost.sources or ghost.cause in (PRESENT, DROPPED))
                for ghost in who.irqs.values()):
            self.broken(f"{who.name} executes WFI with nothing to take, and does not sleep")


# -- 40: one that is told has something to take

@OfVcpus
def signalled_for_nothing(w: World, run: VcpuView) -> str | None:
    """Rule 40: a signal that stays with nothing to take, by nothing but the guest's taking it. What any device, timer
    or guest does between may signal something anew, and that may be withdrawn as well: each is told once."""
    if run.ghost.spurious >= TWICE:
        return f"{run.name} was signalled an interrupt twice with nothing new between, and IAR returned none"
    return None


# -- 43: one that is off runs when it is switched on

def stays_off(w: World) -> str | None:
    """Rule 43: switched on, and it does not run."""
    if w.quiescent():
        for vm in w.vms:
            for run in vm.vcpus:
                if run.vcpu.off and not run.guest.state.off:
                    return f"{run.name} was switched on, and does not run"
    return None


class OffUntilSwitchedOn(MomentCheck):
    """Rule 43, at each entry, and at each CPU_ON: that one starts what is off, and leaves alone what is on."""

    rule_id = 43

    def entered(self, who: VcpuView) -> None:
        if who.guest.state.off:
            self.broken(f"{who.name} runs, and is off")

    def switched_on(self, who: VcpuView, target: VcpuView, started: bool) -> None:
        if started != target.guest.state.off:
            self.broken(f"CPU_ON of {target.name}, which is {'off' if target.guest.state.off else 'on'}, says"
                        f" {'SUCCESS' if started else 'ALREADY_ON'}")


# -- 20: one that runs is kicked

def not_told(w: World) -> str | None:
    """Rule 20."""
    for u in undelivered(w):
        if u.run.vcpu.in_guest and not full(w, u.run) and carried(w, u):
            return f"{u}; the hypervisor has it, and the vCPU runs on"
    return None


class KickIsSeen(KernelCheck):
    """Rule 20, wherever the own interrupt of a vCPU that is in its guest is raised from another CPU.

    It must get out: by an inter-processor interrupt taken on its CPU, or because it was leaving. What it does with the
    request afterwards no event tells.
    """

    rule_id = 20
    needs = frozenset({"kvm_entry", "kvm_exit", "vgic_update_irq_pending", "irq_handler_entry"})

    def prepare(self) -> None:
        """The first raise since each vCPU's entry, and whether it must have kicked."""
        self.raised: dict[KernelVcpu, tuple[KernelEvent, int, bool]] = {}

    def line_told(self, vcpu: KernelVcpu | None, intid: int, level: int, before: KernelLine | None, own: bool) -> None:
        """A line rose."""
        if not level:
            return
        if vcpu is None:
            if any(v.running and v.cpu != self.event.cpu for v in self.teller.seen()):
                self.judge(self.event, UNKNOWN, "where the interrupt goes isn't told")
        elif vcpu.running and vcpu.cpu != self.event.cpu and vcpu not in self.raised:
            sure = before is not None and before.level == 0 and vcpu.enabled.get(intid) is True
            self.raised[vcpu] = (self.event, intid, sure)

    def interrupted(self, cpu: int) -> None:
        """An inter-processor interrupt."""
        for vcpu in [v for v in self.raised if v.cpu == cpu]:
            self.judge(self.raised.pop(vcpu)[0], HOLDS)

    def left(self, vcpu: KernelVcpu, reason: str) -> None:
        """It left without one."""
        raised = self.raised.pop(vcpu, None)
        if raised is None:
            return
        cause, intid, sure = raised
        late = self.event.time - cause.time
        if not self.verdicts.timed:
            self.judge(cause, UNKNOWN, "the recording's times are no seconds")
        elif late <= EXIT_BOUND:
            self.judge(cause, HOLDS)
        elif not sure:
            self.judge(cause, UNKNOWN, "whether the interrupt was enabled and accepted isn't told")
        else:
            self.judge(cause, BROKEN, f"{self.teller.label(vcpu)} was in its guest when vINTID {intid}, enabled, was "
                       f"raised, and stayed there for {late / 1e6:.3f} ms: nobody kicked it")

    def lost(self) -> None:
        """Nothing is known."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "events were lost")
        self.raised.clear()

    def finished(self) -> None:
        """Those that are still in their guest; and a recording without any inter-processor interrupt tells no kicks."""
        for event, _, _ in self.raised.values():
            self.judge(event, UNKNOWN, "the recording ends before it leaves its guest")
        if not self.teller.ipis and self.counts[BROKEN]:
            self.why["no inter-processor interrupt is in the recording"] += self.counts[BROKEN]
            self.counts[UNKNOWN] += self.counts.pop(BROKEN)
            self.breaches.clear()
