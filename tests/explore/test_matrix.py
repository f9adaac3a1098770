"""No false alarm: small scenarios are searched to the end, and break what they are known to break, and nothing else.

With one interrupt, two list registers are as good as more; with several, each number is another machine.
The whole matrix, the large scenarios included, is `python -m bench.check.matrix`.
"""
from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from bench.check.matrix import BREAKS, announced_breaks, known_breaks, line, searched

from vgic.explore.check import NO_BOUNDS, Bounds
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, designs, find_scenario
from vgic.rules.checks import MACHINE_RULES

SEVERAL = ("host-interrupt-between", "priorities-nested", "saved-sgi-v2", "sgi")
FINDINGS = tuple(s.name for s in all_scenarios() if s.expect == "breaks")
ONE = (
    "guest-isactiver-mapped", "level-held", "level-irqfd-held", "retarget-preempted", "saved-restored",
    "userspace-irqchip", "v2-guest-sgi")
CELLS = [*((name, n) for name in SEVERAL for n in range(1, 5)), *((name, 2) for name in (*FINDINGS, *ONE))]


@pytest.mark.parametrize(("name", "list_registers"), CELLS)
def test_what_is_known_breaks_and_nothing_else(name: str, list_registers: int) -> None:
    scenario = find_scenario(name)
    only_by_search = {str(n): True for n in scenario.check.breaks}
    found = searched(scenario, scenario.design, list_registers, NO_BOUNDS, confirm=bool(only_by_search))
    assert found["verdict"] == "HOLDS", line(found)
    assert found["known"].items() >= only_by_search.items(), line(found)


def test_one_list_register_is_not_enough_where_several_wait() -> None:
    scenario = find_scenario("overflow-pending")
    assert known_breaks(scenario, 1) == {17}
    assert known_breaks(scenario, 2) == frozenset()
    found = searched(scenario, scenario.design, 1, Bounds(depth=12))
    assert found["known"] == {"17": True}
    assert "(17 breaks)" in line(found)


def test_a_rule_that_is_not_announced_is_told() -> None:
    scenario = find_scenario("enabled-before-taken").model_copy(update={"rules": []})
    found = searched(scenario, scenario.design, 4, NO_BOUNDS)
    assert (found["verdict"], found["rule"]) == ("BROKEN", 6)
    assert "BROKEN   rule 6 in " in line(found)


OTHERS = (
    ("xen", "edge-after-eoi"), ("xen", "v2-guest-sgi"), ("xen", "disabled-while-active"), ("bao", "icactiver-edge"),
    ("bao", "level-held"), ("trap", "level-held"), ("timer-mask", "timer-cval-only"),
    ("kvm612", "host-masks-forwarded"), ("kvm2018", "soft-pended-timer-preempted"), ("kvm2015", "guest-ispendr-mapped"),
    ("userspace-irqchip", "v2-timer-forwarded"), ("kvm612", "level-irqfd-v3"))


@pytest.mark.parametrize(("design", "name"), OTHERS)
def test_other_designs_break_what_is_announced_and_nothing_else(design: str, name: str) -> None:
    scenario = find_scenario(name)
    found = searched(scenario, design, 2, NO_BOUNDS)
    assert found["verdict"] == "HOLDS", line(found)
    said = announced_breaks().get((design, name), frozenset())
    assert found["known"] == {str(n): True for n in said}, line(found)


@pytest.mark.parametrize(("design", "name"), [
    ("xen", "guest-isactiver-mapped"), ("xen", "level-irqfd"), ("xen", "host-masks-forwarded"), ("bao", "timer-shared"),
    ("bao", "msi-once"), ("bao", "timer-no-hw-deactivation"), ("kvm2015", "ptimer-wfi"), ("kvm2015", "level-held"),
    ("timer-mask", "ptimer-masked"), ("userspace-irqchip", "level-irqfd"), ("userspace-irqchip", "ptimer-wfi")])
def test_what_a_design_does_not_offer_is_refused_in_a_line(design: str, name: str) -> None:
    with pytest.raises(ScenarioError, match=f"^{name}: ") as refused:
        searched(find_scenario(name), design, 2, NO_BOUNDS)
    assert "\n" not in str(refused.value)


def test_what_is_announced_exists_and_its_causes_are_told() -> None:
    scenarios, rules = {s.name for s in all_scenarios()}, set(MACHINE_RULES)
    for (design, cell), broken in announced_breaks().items():
        assert design in designs()
        assert cell.partition("@")[0] in scenarios, cell
        assert broken <= rules, cell
    told = Path("docs/designs.md").read_text()
    for cause in causes():
        assert cause in told, f"docs/designs.md does not tell {cause}"


def causes() -> set[str]:
    listed = tomllib.loads(BREAKS.read_text()).values()
    return {name for found in listed for name, cause in found.items() if "what" in cause}
