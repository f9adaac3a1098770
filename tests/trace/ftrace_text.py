"""Writes ftrace text for tests: one vCPU a thread, thread 100 + n runs vCPU n on CPU n."""

from __future__ import annotations

from pathlib import Path

from vgic.trace.ftrace_analysis import FtraceAnalysis

REDISTRIBUTOR = 0x080A_0000


class Text:
    """The lines of a recording. Times are in microseconds and go on by one a line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 1_000_000

    def event(self, name: str, text: str, *, vcpu: int = 0, cpu: int | None = None, flags: str = ".....",
              task: str | None = None) -> Text:
        """One event of a vCPU's thread, or of a task named `comm-pid`."""
        self.now += 1
        task = task or f"CPU {vcpu}/KVM-{100 + vcpu}"
        time = f"{self.now // 1_000_000}.{self.now % 1_000_000:06}"
        where = vcpu if cpu is None else cpu
        self.lines.append(f"{task:>24} [{where:03}] {flags}{' ' * bool(flags)} {time}: {name}: {text}")
        return self

    def wait(self, microseconds: int) -> Text:
        """Time passes."""
        self.now += microseconds
        return self

    def raw(self, line: str) -> Text:
        """A line as it is."""
        self.lines.append(line)
        return self

    def load(self, vcpu: int = 0, level: int = 0, ctl: int = 1, cval: int = 0x1000, flags: str = ".....") -> Text:
        """vcpu_load: the timers are mapped, the line told, the registers restored."""
        self.event("kvm_get_timer_map", f"VCPU: {vcpu}, dv: 1, dp: -1, ev: -1, ep: 0", vcpu=vcpu, flags=flags)
        self.update(vcpu, 27, level, flags=flags)
        return self.event("kvm_timer_restore_state", f"CTL: {ctl:#08x} CVAL: {cval:#16x} arch_timer_ctx_index: 1",
                          vcpu=vcpu, flags=flags)

    def save(self, vcpu: int = 0, ctl: int = 1, cval: int = 0x1000) -> Text:
        """vcpu_put."""
        self.event("kvm_get_timer_map", f"VCPU: {vcpu}, dv: 1, dp: -1, ev: -1, ep: 0", vcpu=vcpu)
        return self.event("kvm_timer_save_state", f"   CTL: {ctl:#08x} CVAL: {cval:#16x} arch_timer_ctx_index: 1",
                          vcpu=vcpu)

    def update(self, vcpu: int, intid: int, level: int, flags: str = ".....", cpu: int | None = None,
               task: str | None = None) -> Text:
        """A timer's line."""
        self.event("kvm_timer_update_irq", f"VCPU: {vcpu}, IRQ {intid}, level {level}", vcpu=vcpu, flags=flags, cpu=cpu,
                   task=task)
        return self.inject(vcpu, intid, level, flags=flags, cpu=cpu, task=task)

    def inject(self, vcpu: int, intid: int, level: int, flags: str = ".....", cpu: int | None = None,
               task: str | None = None) -> Text:
        """kvm_vgic_inject_irq."""
        return self.event("vgic_update_irq_pending", f"VCPU: {vcpu}, IRQ {intid}, level: {level}", vcpu=vcpu,
                          flags=flags, cpu=cpu, task=task)

    def enter(self, vcpu: int = 0) -> Text:
        """Into the guest."""
        return self.event("kvm_entry", "PC: 0xffff800010000000", vcpu=vcpu, flags="d....")

    def leave(self, vcpu: int = 0, reason: str = "TRAP: HSR_EC: 0x0024 (DABT_LOW)") -> Text:
        """Out of it."""
        return self.event("kvm_exit", f"{reason}, PC: 0xffff800010000000", vcpu=vcpu)

    def handler(self, vcpu: int = 0, name: str = "kvm guest vtimer", tells: int | None = 1) -> Text:
        """The host takes an interrupt while the vCPU's thread runs; its handler raises the timer's line."""
        self.event("irq_handler_entry", f"irq=12 name={name}", vcpu=vcpu, flags="d.h..")
        if tells is not None:
            self.update(vcpu, 27, tells, flags="d.h..")
        return self.event("irq_handler_exit", "irq=12 ret=handled", vcpu=vcpu, flags="d.h..")

    def wfi(self, vcpu: int = 0) -> Text:
        """The guest waits."""
        self.leave(vcpu, "TRAP: HSR_EC: 0x0001 (WFx)")
        return self.event("kvm_wfx_arm64", "guest executed wfi at: 0xffff800010000000", vcpu=vcpu)

    def wake(self, vcpu: int = 0) -> Text:
        """The wait ends."""
        return self.event("kvm_vcpu_wakeup", "wait time 1000 ns, polling valid", vcpu=vcpu)

    def enable(self, vcpu: int = 0, intid: int = 27) -> Text:
        """The guest finds its redistributors and enables one of its private interrupts."""
        base = REDISTRIBUTOR + vcpu * 0x20000
        self.event("kvm_mmio", f"mmio read len 4 gpa {REDISTRIBUTOR + 0xFFE8:#x} val 0x3b", vcpu=vcpu)
        return self.event("kvm_mmio", f"mmio write len 4 gpa {base + 0x10100:#x} val {1 << intid:#x}", vcpu=vcpu)

    def ipi(self, cpu: int, task: str = "CPU 1/KVM-101") -> Text:
        """An inter-processor interrupt."""
        self.event("irq_handler_entry", "irq=1 name=IPI", cpu=cpu, flags="d.h..", task=task)
        return self.event("irq_handler_exit", "irq=1 ret=handled", cpu=cpu, flags="d.h..", task=task)

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def analysed(folder: Path, text: Text | str) -> FtraceAnalysis:
    """The analysis of such a text."""
    path = folder / "ftrace.txt"
    path.write_text(str(text))
    return FtraceAnalysis(str(path))


def counts(analysis: FtraceAnalysis, rule: int) -> dict[str, int]:
    """A rule's verdicts, those that are not zero."""
    check = next(c for c in analysis.checks if c.rule_id == rule)
    return {verdict: n for verdict, n in check.counts.items() if n}
