"""Rules of the generic timers: what its guest programmed is what counts (23)."""

from __future__ import annotations

from vgic.rules.kernel import ALLOWED, BROKEN, HOLDS, UNKNOWN, KernelCheck, KernelTimer, KernelVcpu
from vgic.rules.waking import ENABLE, IMASK
from vgic.rules.world import OfVcpus, VcpuView, World


@OfVcpus
def timer_is_not_the_guests(w: World, run: VcpuView) -> str | None:
    """Rule 23. A guest that was just switched on has not said yet what its timers are: CNTx_CTL is UNKNOWN after a
    reset (DDI 0487, CNTV_CTL_EL0)."""
    pe = run.vcpu.pe
    if pe is None or not run.vcpu.in_guest or run.guest.state.starting:
        return None
    for name, ghost in run.timers.items():
        if name in w.design.of(run.vcpu.vm).trapped_timers:
            continue
        timer = w.timers.timers[pe][name]
        if (timer.enable, timer.imask, timer.cval) != (ghost.enable, ghost.imask, ghost.cval):
            now = f"ENABLE {timer.enable:d}, IMASK {timer.imask:d}"
            return f"{run.name}: {name}_CTL_EL0 has {now}; its guest wrote {ghost.enable:d}, {ghost.imask:d}"
    return None


class LineIsTimer(KernelCheck):
    """Rule 23, at each load of a vCPU's timers, and at each look at an emulated one.

    A disabled or masked timer's line must be told low, an expired one's high; for others it depends on the counter,
    which no self.event tells.
    """

    rule_id = 23
    needs = frozenset({"kvm_get_timer_map", "kvm_timer_update_irq", "kvm_timer_restore_state"})

    def timer_loaded(self, vcpu: KernelVcpu, index: int, intid: int, level: int, timer: KernelTimer) -> None:
        """A direct timer was loaded."""
        expected = vcpu.expected(index, timer.ctl, timer.cval)
        if expected is None:
            self.judge(self.event, ALLOWED)
        elif expected == level:
            self.judge(self.event, HOLDS)
        else:
            state = "disabled" if not timer.ctl & ENABLE else "masked" if timer.ctl & IMASK else "expired"
            self.judge(self.event, BROKEN, f"{self.teller.label(vcpu)}: loaded with vINTID {intid}'s line told "
                       f"{level}, and its timer {state} (CTL {timer.ctl:#x}, CVAL {timer.cval:#x})")

    def timer_loaded_untold(self, vcpu: KernelVcpu) -> None:
        """The load told no line, or another than before."""
        self.judge(self.event, UNKNOWN, "which line the load told isn't clear")

    def timer_emulated(self, vcpu: KernelVcpu, index: int, fires: int, level: int | None) -> None:
        """An emulated timer."""
        if level is None:
            self.judge(self.event, UNKNOWN, "the emulated timer's line was not told before")
        elif level == fires:
            self.judge(self.event, HOLDS)
        else:
            self.judge(self.event, BROKEN, f"{self.teller.label(vcpu)}: emulated timer {index} should be {fires}, and "
                       f"its line was last told {level}")
