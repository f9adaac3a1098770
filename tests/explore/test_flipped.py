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
