"""Scenarios that were written for a rule of a hypervisor or a host: with the rule as it should be they hold, and a
flipped one is found."""
from __future__ import annotations

from vgic.designs.build import Buildable
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.trap import Trap
from vgic.designs.vm import Vcpu, Vm
from vgic.explore.check import Verdict, check
from vgic.lab.loader import find_scenario


def verdict(scenario: str, design: Buildable, rules: list[int] | None = None) -> Verdict:
    return check(find_scenario(scenario), design, rules=rules)


# -- the count of SPIs (docs/findings.md, 20)

class CountedByTheirLists(Kvm):
    """An SPI is counted as long as it is on a list."""

    name = "counted-by-lists"

    def uncount_spi(self, vm: Vm) -> None:
        pass

    def move_irq(self, vcpu: Vcpu, irq: VgicIrq, target: Vcpu | None) -> None:
        super().move_irq(vcpu, irq, target)
        if target is None and 32 <= irq.intid < 8192:
            super().uncount_spi(vcpu.vm)


def test_a_count_that_falls_too_often_loses_a_dir_and_one_of_lists_does_not() -> None:
    broken = verdict("undercount", Kvm)
    assert broken.rule is not None
    assert broken.rule.id == 11
    assert sum(step == "vcpu0 acks" for step in broken.schedule) == 3, "40, and 41 twice"
    held = verdict("undercount", CountedByTheirLists)
    assert held.result.verdict == "HOLDS", held.what


# -- another vCPU's redistributor (docs/findings.md, 21)

def test_a_write_to_another_redistributor_touches_the_writers_timer() -> None:
    for scenario, rule in (("redistributor-timer", 2), ("redistributor-timer-enabled", 3)):
        broken = verdict(scenario, Kvm, [rule])
        assert broken.rule is not None, scenario
        assert verdict(scenario, Trap).result.verdict == "HOLDS", "a timer without a twin"


# -- entries that others divide (docs/findings.md, 22)

class NoLastCheck(Kvm):
    """It looks for kicks before it fills list registers, and not again."""

    name = "no-last-check"

    def last_check(self, vcpu: Vcpu) -> bool:
        return True


class SendsIpis(NoLastCheck):
    """So does this one, and whoever kicks sends an IPI."""

    name = "sends-ipis"
    kicks_outside = True


class WaitsForWhoeverEnters(Kvm):
    """A vCPU that is about to enter is taken back, and synced."""

    name = "waits"

    def halt_vcpu(self, vcpu: Vcpu) -> None:
        super().halt_vcpu(vcpu)
        if vcpu.entering:
            self.sync(vcpu)


def test_an_injection_between_flush_and_guest_needs_a_last_look_or_an_ipi() -> None:
    held = verdict("entry-divided-kick", Kvm)
    assert held.result.verdict == "HOLDS", held.what
    assert held.result.states < 5000
    broken = verdict("entry-divided-kick", NoLastCheck)
    assert broken.rule is not None
    assert broken.rule.id == 20
    assert broken.schedule == ("vcpu0 exits", "vcpu0 flushes", "net pulses", "vcpu0 enters")
    assert verdict("entry-divided-kick", SendsIpis).result.verdict == "HOLDS"


def test_whoever_is_about_to_enter_must_be_stopped() -> None:
    broken = verdict("entry-divided-icactiver", Kvm)
    assert broken.rule is not None
    assert broken.rule.id == 11
    assert verdict("entry-divided-icactiver", WaitsForWhoeverEnters, [11, 12]).result.verdict == "HOLDS"
