"""The machine: what is possible when, where it comes to rest, what its parts are."""

from __future__ import annotations

from vgic.designs.kvm import Kvm
from vgic.engine import Explorer, Result
from vgic.explore.check import model_of
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.schedule import Schedule


def machine(name: str) -> Machine:
    scenario = find_scenario(name)
    return Machine(scenario, find_design(scenario.design))


def test_an_action_that_is_not_possible_returns_false_and_changes_nothing() -> None:
    m = machine("timer-shared")
    impossible = ["vcpu0 acks", "vcpu0 enters", "vcpu1 loaded", "vcpu1 acks", "vcpu1 put", "pe0 takes IRQ",
                  "vcpu0 kicked out", "vcpu1 exits", "vcpu0 blocks", "vcpu0's wake-up timer fires"]
    before = snapshot(m)
    assert {name: m.actions[name].do() for name in impossible} == dict.fromkeys(impossible, False)
    assert not any(m.actions[name].possible() for name in impossible)
    assert snapshot(m) == before


def snapshot(m: Machine) -> list[object]:
    return [getattr(p, s, None) for p in m.parts() for c in type(p).__mro__ for s in getattr(c, "__slots__", ())]


def test_it_is_booted_with_its_guests_running() -> None:
    m = machine("timer-shared")
    first, second = m.vcpus
    assert (first.vcpu.pe, first.vcpu.in_guest) == (0, True)
    assert (second.vcpu.pe, second.vcpu.in_guest) == (None, False)
    assert all(ghost.enabled for ghost in first.irqs.values())


def test_rest_is_where_no_fair_action_is_possible() -> None:
    m = machine("level-forwarded")
    assert m.actions["nic raises"].do()
    steps = 0
    while not m.quiescent():
        assert any(action.do() for action in m.fair)
        steps += 1
        assert steps < 50
    assert not any(action.do() for action in m.fair)
    assert not m.devices[0].line.high


def test_time_is_bounded() -> None:
    m = machine("timer-forwarded")
    passes = m.actions["time passes"].do
    assert [passes() for _ in range(4)] == [True, True, False, False]


def test_an_edge_waits_until_its_guest_has_taken_as_many_as_the_scenario_allows() -> None:
    m = machine("edge-again")
    pulses = m.actions["nic pulses"].do
    assert [pulses() for _ in range(3)] == [True, True, False]


def test_two_machines_of_one_scenario_do_the_same() -> None:
    runs = [Schedule(find_scenario("timer-shared-vms"), Kvm).run() for _ in range(2)]
    assert runs[0].steps == runs[1].steps


def explored(m: Machine, states: int) -> Result:
    return Explorer(model_of(m)).search(engine="plain", states=states)


def test_the_explorer_takes_exactly_these_objects() -> None:
    m = machine("timer-forwarded")
    result = explored(m, 400)
    assert result.broken is None
    assert result.states > 100


def test_all_that_changes_is_in_the_parts() -> None:
    assert explored(machine("level-trap"), 200).broken is None      # a write elsewhere is a ModelError


def test_a_broken_design_is_found_by_the_explorer() -> None:
    scenario = find_scenario("timer-guest-disabled")
    result = explored(Machine(scenario, find_design("B004")), 4000)
    assert result.broken is not None
    assert result.broken.rule in ("rule 9", "rule 17")
