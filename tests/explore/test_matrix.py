"""No false alarm: small scenarios are searched to the end, and break what they are known to break, and nothing else.

With one interrupt, two list registers are as good as more; with several, each number is another machine.
The whole matrix, the large scenarios included, is `python -m bench.check.matrix`.
"""
from __future__ import annotations

import pytest
from bench.check.matrix import known_breaks, line, searched

from vgic.explore.check import NO_BOUNDS, Bounds
from vgic.lab.loader import all_scenarios, find_scenario

SEVERAL = ("host-interrupt-between", "priorities-nested", "saved-sgi-v2", "sgi")
FINDINGS = tuple(s.name for s in all_scenarios() if s.expect == "breaks")
ONE = (
    "edge-again-software", "guest-isactiver-mapped", "icactiver-elsewhere-asleep", "level-held", "level-irqfd-held",
    "ptimer-wfi", "retarget-preempted", "saved-restored", "timer-migrated",
    "userspace-irqchip", "v2-guest-sgi", "v2-level-forwarded")
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
