"""The machine: what is possible when, where it comes to rest, what its parts are."""

from __future__ import annotations

from vgic.designs.kvm import Kvm
from vgic.engine import Explorer, Model
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.schedule import Schedule


def machine(name: str) -> Machine:
    scenario = find_scenario(name)
    return Machine(scenario, find_design(scenario.design))


def test_an_action_that_is_not_possible_returns_false_and_changes_nothing() -> None:
    m = machine("timer-shared")
    actions = m.all_actions()
    impossible = ["vcpu0 acks", "vcpu0 enters", "vcpu1 loaded", "vcpu1 acks", "vcpu1 put", "pe0 takes IRQ",
                  "vcpu0 kicked out", "vcpu1 exits", "vcpu0 blocks", "soft timer 0 fires"]
    before = snapshot(m)
    assert {name: actions[name]() for name in impossible} == dict.fromkeys(impossible, False)
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
    actions = m.all_actions()
    assert actions["nic raises"]()
    steps = 0
    while not m.quiescent():
        assert any(call() for _, call in m.fair())
        steps += 1
        assert steps < 50
    assert not any(call() for _, call in m.fair())
    assert not m.devices[0].line.high


def test_time_is_bounded() -> None:
    m = machine("timer-forwarded")
    passes = m.all_actions()["time passes"]
    assert [passes() for _ in range(4)] == [True, True, False, False]


def test_an_edge_waits_until_its_guest_has_taken_as_many_as_the_scenario_allows() -> None:
    m = machine("edge-again")
    pulses = m.all_actions()["nic pulses"]
    assert [pulses() for _ in range(3)] == [True, True, False]


def test_two_machines_of_one_scenario_do_the_same() -> None:
    runs = [Schedule(find_scenario("timer-shared-vms"), Kvm).run() for _ in range(2)]
    assert runs[0].steps == runs[1].steps


def test_the_explorer_takes_exactly_these_objects() -> None:
    m = machine("timer-forwarded")
    explorer = Explorer(Model(m, m.actions(), m.rules(), parts=m.parts()))
    result = explorer.search(engine="plain", states=400)
    assert result.broken is None
    assert result.states > 100


def test_all_that_changes_is_in_the_parts() -> None:
    m = machine("level-trap")
    explorer = Explorer(Model(m, m.actions(), m.rules(), parts=m.parts()))
    assert explorer.search(engine="plain", states=200).broken is None    # a write elsewhere is a ModelError


def test_a_broken_design_is_found_by_the_explorer() -> None:
    scenario = find_scenario("timer-guest-disabled")
    m = Machine(scenario, find_design("B004"))
    result = Explorer(Model(m, m.actions(), m.rules(), parts=m.parts())).search(engine="plain", states=4000)
    assert result.broken is not None
    assert result.broken.rule in ("rule 9", "rule 17")
