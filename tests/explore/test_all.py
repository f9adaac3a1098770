"""No false alarm: small scenarios are searched to the end, and break what they are known to break, and nothing else.

With one interrupt, two list registers are as good as more; with several, each number is another machine.
All of it, the large scenarios included, is `vgic check --all --lrs 1..4 --confirm`, and with each `--design`.
"""
from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from vgic.designs.bugs import bugs
from vgic.designs.kvm import Kvm
from vgic.explore.all import BREAKS, Task, announced, announced_breaks, check_all, judged, ours, tasks
from vgic.explore.check import Bounds
from vgic.lab.errors import NotOffered, ScenarioError
from vgic.lab.loader import all_scenarios, designs, find_design, find_scenario
from vgic.lab.scenario import parse_scenario
from vgic.rules.checks import MACHINE_RULES
from vgic.view.all import line

SEVERAL = ("host-interrupt-between", "priorities-nested", "saved-sgi-v2", "sgi")
FINDINGS = tuple(s.name for s in all_scenarios() if s.expect == "breaks")
ONE = (
    "guest-isactiver-mapped", "level-held", "level-irqfd-held", "retarget-preempted", "saved-restored",
    "userspace-irqchip", "v2-guest-sgi")
CELLS = [*((name, n) for name in SEVERAL for n in range(1, 5)), *((name, 2) for name in (*FINDINGS, *ONE))]


@pytest.mark.parametrize(("name", "list_registers"), CELLS)
def test_what_is_known_breaks_and_nothing_else(name: str, list_registers: int) -> None:
    scenario = find_scenario(name)
    design = find_design(scenario.design)
    found = judged(scenario, design, list_registers, confirm=True)
    assert found.verdict == "HOLDS", line(found)
    assert found.expected, line(found)
    assert found.breaks.items() >= dict.fromkeys(scenario.check.breaks, True).items(), line(found)


TWO_EDGES = """
name = "two-edges"
title = "Two edge devices of the VMM and one guest."
teaches = "What a single list register does not hold."
[[vm]]
[[vm.vcpu]]
[[device]]
name = "net"
kind = "edge"
vintid = 40
wiring = "irqfd"
times = 1
[[device]]
name = "disk"
kind = "edge"
vintid = 41
wiring = "irqfd"
times = 1
[check]
never = ["vcpu0 put", "vcpu0 exits", "vcpu0 gives up entry"]
"""


def test_one_list_register_is_not_enough_where_several_wait() -> None:
    scenario = parse_scenario(TWO_EDGES)
    assert announced(scenario, "kvm", 1) == frozenset()
    found = judged(scenario, Kvm, 1)
    assert (found.verdict, found.rule, found.breaks, found.expected) == ("BROKEN", 17, {17: True}, True)
    beyond = judged(scenario, Kvm, 1, confirm=True)
    assert (beyond.verdict, beyond.breaks, beyond.expected) == ("HOLDS", {17: True}, True)
    assert "17 breaks" in line(beyond)
    two = judged(scenario, Kvm, 2)
    assert (two.verdict, two.breaks, two.expected) == ("HOLDS", {}, True)


def test_a_rule_that_is_not_announced_is_told() -> None:
    scenario = find_scenario("enabled-before-taken").model_copy(update={"rules": []})
    for confirm in (False, True):
        found = judged(scenario, Kvm, 4, confirm=confirm)
        assert (found.verdict, found.rule, found.breaks, found.expected) == ("BROKEN", 6, {}, False)
        assert "BROKEN rule 6 in " in line(found)
        assert "not announced" in line(found)


def test_a_rule_that_does_not_break_as_announced_is_told() -> None:
    scenario = find_scenario("saved-sgi-v2").model_copy(update={"rules": [3, 6]})
    for confirm in (False, True):
        found = judged(scenario, Kvm, confirm=confirm)
        assert (found.verdict, found.rule, found.expected) == ("HOLDS", None, False)
        assert found.breaks == {3: False, 6: False}
        assert "3 does not break, 6 does not break" in line(found)
    cut = judged(scenario, Kvm, bounds=Bounds(depth=3))
    assert (cut.verdict, cut.cut, cut.breaks, cut.expected) == ("BOUNDED", "depth", {3: None, 6: None}, True)


def test_by_default_all_rules_are_judged_at_once() -> None:
    found = judged(find_scenario("soft-pended-level"), Kvm)
    assert (found.verdict, found.rule, found.depth, found.breaks) == ("BROKEN", 6, 3, {6: True})
    assert found.expected


class Mine(Kvm):
    """A user's, which changes nothing."""

    name = "mine"


def test_a_users_design_may_break_what_its_base_does_and_need_not() -> None:
    scenario = find_scenario("soft-pended-level")
    assert ours(Mine) is Kvm
    found = judged(scenario, Mine)
    assert (found.rule, found.breaks, found.expected) == (6, {6: True}, True)
    mended = judged(find_scenario("saved-sgi-v2").model_copy(update={"rules": [3]}), Mine)
    assert (mended.verdict, mended.breaks, mended.expected) == ("HOLDS", {}, True)


def test_a_historical_bug_is_not_announced() -> None:
    bug = bugs()["B011"]
    assert ours(bug) is Kvm
    found = judged(find_scenario(bug.entry.scenario), bug)
    assert (found.rule, found.expected) == (6, False)


# -- all


def test_each_scenario_by_its_own_design_the_largest_first() -> None:
    found = tasks()
    assert sorted(t.scenario for t in found) == sorted(s.name for s in all_scenarios())
    assert all((t.design, t.list_registers) == (s.design, s.machine.list_registers)
               for t in found for s in [find_scenario(t.scenario)])
    place = {t.scenario: n for n, t in enumerate(found)}
    assert max(place[name] for name in ("active-cleared-elsewhere", "active-read-elsewhere", "retarget-active")) < 20


def test_the_scenarios_that_fit_a_design() -> None:
    fit = {t.scenario for t in tasks(design="trap")}
    assert fit == {s.name for s in all_scenarios() if s.design in ("kvm", "trap")}
    assert fit > {t.scenario for t in tasks(design="B011")}
    assert {t.design for t in tasks(design="trap")} == {"trap"}
    assert tasks(["v2-timer-forwarded"], "xen") == [Task("v2-timer-forwarded", "xen", 4)]


def test_list_registers_from_so_many_to_so_many_and_the_scenarios_own() -> None:
    assert [t.list_registers for t in tasks(["overflow-32"], None, (1, 2))] == [1, 2, 32]
    assert [t.list_registers for t in tasks(["sgi"], None, (3, 5))] == [3, 4, 5]
    with pytest.raises(ScenarioError, match="nothing-such"):
        tasks(["nothing-such"])


def test_what_cannot_be_explored_is_told_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from vgic.designs.kvm import Kvm\nclass Mine(Kvm):\n    def flush(self, vcpu):\n        1 / 0\n")
    todo = [Task("level-irqfd", "xen", 4), Task("edge-again", f"{tmp_path / 'mine.py'}:Mine", 4),
            Task("soft-pended-level", "kvm", 4)]
    refused, failed, well = check_all(todo)
    assert (refused.verdict, refused.expected) == ("REFUSED", True)
    assert "tells no completions" in line(refused)
    assert (failed.verdict, failed.expected) == ("FAILED", False)
    assert "ZeroDivisionError" in line(failed)
    assert "\n" not in failed.what
    assert well == judged(find_scenario("soft-pended-level"), Kvm)._replace(seconds=well.seconds)


# -- other designs

OTHERS = (
    ("xen", "edge-after-eoi"), ("xen", "v2-guest-sgi"), ("xen", "disabled-while-active"), ("bao", "icactiver-edge"),
    ("bao", "level-held"), ("trap", "level-held"), ("timer-mask", "timer-cval-only"),
    ("kvm612", "host-masks-forwarded"), ("kvm2018", "soft-pended-timer-preempted"), ("kvm2015", "guest-ispendr-mapped"),
    ("userspace-irqchip", "v2-timer-forwarded"), ("kvm612", "level-irqfd-v3"))


@pytest.mark.parametrize(("design", "name"), OTHERS)
def test_other_designs_break_what_is_announced_and_nothing_else(design: str, name: str) -> None:
    scenario = find_scenario(name)
    found = judged(scenario, find_design(design), 2, confirm=True)
    assert found.verdict == "HOLDS", line(found)
    said = announced_breaks().get((design, name), frozenset())
    assert found.breaks == dict.fromkeys(said, True), line(found)


@pytest.mark.parametrize(("design", "name"), [
    ("xen", "guest-isactiver-mapped"), ("xen", "level-irqfd"), ("xen", "host-masks-forwarded"), ("bao", "timer-shared"),
    ("bao", "msi-once"), ("bao", "timer-no-hw-deactivation"), ("kvm2015", "ptimer-wfi"), ("kvm2015", "level-held"),
    ("timer-mask", "ptimer-masked"), ("userspace-irqchip", "level-irqfd"), ("userspace-irqchip", "ptimer-wfi")])
def test_what_a_design_does_not_offer_is_refused_in_a_line(design: str, name: str) -> None:
    with pytest.raises(NotOffered, match=f"^{name}: ") as refused:
        judged(find_scenario(name), find_design(design), 2)
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
