"""The entries of the museum: which there are, what each names, and what the designs beside them do."""

from __future__ import annotations

import pytest

from vgic.designs.base import Design
from vgic.designs.bugs import AWAITED, SECTIONS, bugs, section
from vgic.designs.bugs.bases import LatchKept, LateIsr, LateRelease
from vgic.designs.bugs.bug import Historical
from vgic.designs.build import Buildable
from vgic.designs.kvm import Kvm
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import designs, find_scenario
from vgic.lab.perform import perform
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.lab.schedule import Run, Schedule
from vgic.rules.checks import MACHINE_RULES

BUGS = bugs()
A = (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 33, 35)
B = (36, 38, 39, 41, 42, 44)
F = (96, 97, 99, 100, 102, 103, 105, 106, 108, 109, 111, 112, 114, 115, 117)
LATE = "vcpu0's late CNTV handler runs"
USERSPACE = ("saved-restored", "saved-restored-dropped", "saved-while-other-runs", "saved-sgi-v2")


def ran(scenario: str | Scenario, design: Buildable, script: list[str] | None = None) -> Run:
    return Schedule(find_scenario(scenario) if isinstance(scenario, str) else scenario, design).run(script)


# -- the entries


def test_each_entry_is_a_design_or_awaits_something() -> None:
    designed = {i[:4] for i in BUGS}
    assert not designed & set(AWAITED)
    for letter, numbers in (("A", A), ("B", B), ("F", F)):
        known = {i for i in (*designed, *AWAITED) if section(i).letter == letter}
        assert known == {f"B{n:03}" for n in numbers}
    awaited = {i for i in AWAITED if section(i).letter in "ABF"}
    assert awaited == {"B033", "B036", "B108"}
    assert all(a.awaits and a.symptom and a.source and 2010 <= a.year <= 2026 for a in AWAITED.values())


def test_sections_hold_all_numbers_once() -> None:
    edges = (1, 35, 36, 44, 45, 75, 76, 85, 86, 95, 96, 117)
    assert "".join(section(f"B{n:03}").letter for n in edges) == "AABBCCDDEEFF"
    assert [s.first for s in SECTIONS[1:]] == [s.last + 1 for s in SECTIONS[:-1]]


@pytest.mark.parametrize("name", sorted(BUGS))
def test_an_entry_names_what_there_is(name: str) -> None:
    entry = BUGS[name].entry
    assert set(entry.rules) <= set(MACHINE_RULES)
    assert not entry.clean or entry.clean in designs()
    assert not (entry.clean and issubclass(designs()[entry.clean].design, Historical))


# -- bugs that touch other places than their own


@pytest.mark.parametrize("scenario", USERSPACE)
@pytest.mark.parametrize("name", ["B005", "B011", "B016", "B019", "B020"])
def test_userspace_reaches_a_vcpu_that_is_not_loaded(name: str, scenario: str) -> None:
    run = Schedule(find_scenario(scenario), BUGS[name], lenient=True).run(["vcpu0 put", "vm0 saved"])
    assert "vm0 saved" in run.actions


@pytest.mark.parametrize("scenario", ["v2-level-forwarded", "level-forwarded", "msi-once", "timer-shared"])
@pytest.mark.parametrize("name", ["B106", "B109"])
def test_a_chip_with_a_bug_does_the_rest(name: str, scenario: str) -> None:
    assert perform(find_scenario(scenario), name).broken == ()


def test_an_msi_is_injected_twice() -> None:
    run = ran("msi-once", BUGS["B025"])
    assert [s.action for s in run.steps].count("vcpu0 acks") == 2
    assert [b.what for b in run.breaches] == ["vcpu0 acknowledges 8192 once more than edges came and were not cleared"]


# -- the designs beside them


@pytest.mark.parametrize("scenario", ["soft-pended-active-level", "soft-pended-split"])
def test_without_b035_what_was_latched_after_the_acknowledge_stays(scenario: str) -> None:
    assert 1 in ran(scenario, Kvm).broken
    assert ran(scenario, LatchKept).broken == ()


PENDED = """
name = "pended"
title = "A guest sets a level interrupt pending while it masks interrupts."
teaches = "What becomes of the latch."
[[vm]]
[[vm.vcpu]]
program = ["MASK", "ISPENDR 40", {then}"UNMASK"]
idle = "spin"
[[device]]
name = "uart"
kind = "level"
vintid = 40
wiring = "injected"
"""


@pytest.mark.parametrize(("then", "acks"), [("", 1), ('"ISPENDR 40", ', 1), ('"ICPENDR 40", ', 0)])
def test_a_latch_that_moves_into_list_registers_is_delivered_once_and_can_be_cleared(then: str, acks: int) -> None:
    scenario = parse_scenario(PENDED.format(then=then))
    for design in (Kvm, LatchKept):
        run = ran(scenario, design, ["vcpu0 steps", "vcpu0 steps", "vcpu0 enters", "vcpu0 exits"])
        assert run.broken == ()
        assert run.at_rest
        assert [s.action for s in run.steps].count("vcpu0 acks") == acks


CLEARED = """
name = "cleared"
title = "Another vCPU clears what one has pending in a list register."
teaches = "What becomes of the latch."
[machine]
pes = 2
[[vm]]
[[vm.vcpu]]
program = ["MASK", "ISPENDR 40", "UNMASK"]
[[vm.vcpu]]
pe = 1
program = ["ICPENDR 40"]
[[device]]
name = "uart"
kind = "level"
vintid = 40
wiring = "injected"
"""


@pytest.mark.parametrize("design", [Kvm, LatchKept])
def test_a_latch_that_another_vcpu_clears_does_not_come_back(design: type[Design]) -> None:
    run = ran(parse_scenario(CLEARED), design, [
        "vcpu0 steps", "vcpu0 steps", "vcpu0 enters", "vcpu1 steps", "vcpu0 exits", "vcpu0 enters"])
    assert run.broken == ()
    assert "vcpu0 acks" not in run.actions


def test_a_late_handler_leaves_the_timer_alone() -> None:
    steps = ["vcpu0 steps", "time passes", "vcpu0 put", LATE, "vcpu0 loaded"]
    run = Schedule(find_scenario("timer-put-untaken"), LateIsr).run(steps)
    assert run.broken == ()
    assert [s.action for s in run.steps].count("vcpu0 acks") == 1
    assert Schedule(find_scenario("timer-put-untaken"), BUGS["B038"]).run(steps).broken == (2, 19, 23)


def test_a_handler_is_late_only_where_the_host_did_not_take_it() -> None:
    taken = ["vcpu0 steps", "time passes", "pe0 takes IRQ", "vcpu0 put", LATE]
    early = ["vcpu0 steps", "vcpu0 put", LATE]
    loaded = ["vcpu0 steps", "time passes", "vcpu0 put", "vcpu0 loaded", LATE]
    for steps in (taken, early, loaded):
        with pytest.raises(ScenarioError, match=f"{LATE}. is not possible"):
            Schedule(find_scenario("timer-put-untaken"), LateIsr).run(steps)


def test_a_released_interrupt_that_still_arrives_ends_like_any_other() -> None:
    scenario = find_scenario("released-while-taken")
    steps = ["nic raises", "host disables nic", "pe0 takes IRQ", "disk raises", "pe0 takes IRQ"]
    assert ran(scenario, LateRelease, steps).broken == ()
    with pytest.raises(ScenarioError, match="'pe0 takes IRQ' is not possible at step 5"):
        ran(scenario, BUGS["B103"], steps)


def test_b103_ends_what_is_wanted() -> None:
    for scenario in ("level-forwarded", "timer-shared", "v2-level-forwarded", "host-interrupt-between"):
        assert perform(find_scenario(scenario), "B103").broken == ()
