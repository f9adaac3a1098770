"""Actions: each says what it is, whether it is possible, and of whom; none is named twice."""

from __future__ import annotations

import pytest

from vgic.lab.actions import Acknowledges, Loaded, Moved, Put, Takes, WorkRuns
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine


def machine(name: str) -> Machine:
    scenario = find_scenario(name)
    return Machine(scenario, find_design(scenario.design))


@pytest.mark.parametrize("scenario", ["timer-shared-vms", "timer-migrated", "saved-mapped-v2", "edge-host-disabled"])
def test_no_two_actions_have_the_same_name(scenario: str) -> None:
    m = machine(scenario)
    names = [str(action) for action in m.actions.values()]
    assert names == list(m.actions) == list(dict.fromkeys(names))


def test_an_action_knows_whose_it_is_and_where() -> None:
    m = machine("timer-migrated")
    (run,) = m.vcpus
    acks, takes = m.actions["vcpu0 acks"], m.actions["pe1 takes IRQ"]
    assert isinstance(acks, Acknowledges)
    assert (acks.kind, acks.who, acks.where, acks.fair) == ("acks", run, None, True)
    assert isinstance(takes, Takes)
    assert (takes.who, takes.where) == (None, 1)


def test_a_vcpu_comes_back_by_itself_and_moves_by_chance() -> None:
    m = machine("timer-migrated")
    home, away, put = (m.actions[f"vcpu0 {what}"] for what in ("loaded", "loaded on pe1", "put"))
    assert isinstance(home, Loaded)
    assert isinstance(away, Moved)
    assert isinstance(put, Put)
    assert (home.fair, away.fair, put.fair) == (True, False, False)
    assert put.do()
    assert (home.possible(), away.possible(), put.possible()) == (True, True, False)
    assert away.do()
    assert not home.possible()


def test_work_is_named_by_what_it_does() -> None:
    m = machine("timer-guest-disabled")
    works = [str(action) for action in m.fair if isinstance(action, WorkRuns)]
    assert works[0] == "vcpu0's wake-up timer fires"


def test_what_is_possible_is_done_and_changes_that() -> None:
    m = machine("level-forwarded")
    raises, lowers = m.actions["nic raises"], m.actions["nic lowers"]
    assert (raises.possible(), lowers.possible()) == (True, False)
    assert raises.do()
    assert (raises.possible(), lowers.possible()) == (False, True)
    assert not raises.do()


def divided(name: str) -> Machine:
    scenario = find_scenario(name).model_copy(update={"entry": "divided"})
    return Machine(scenario, find_design(scenario.design))


def test_an_entry_is_one_action_and_divided_it_is_two() -> None:
    assert "vcpu0 flushes" not in machine("level-forwarded").actions
    m = divided("level-forwarded")
    flushes, enters, gives_up = (m.actions[f"vcpu0 {what}"] for what in ("flushes", "enters", "gives up entry"))
    assert (flushes.fair, enters.fair, gives_up.fair) == (True, True, False)
    assert m.actions["vcpu0 exits"].do()
    assert (flushes.possible(), enters.possible(), gives_up.possible()) == (True, False, False)
    assert flushes.do()
    assert (flushes.possible(), enters.possible(), gives_up.possible()) == (False, True, True)
    assert not m.actions["vcpu0 put"].possible()
    assert not m.vcpus[0].vcpu.in_guest
    assert gives_up.do()
    assert (flushes.possible(), enters.possible()) == (True, False)


def test_interrupts_are_masked_from_flush_to_guest() -> None:
    m = divided("level-forwarded")
    for name in ("vcpu0 exits", "vcpu0 flushes", "nic raises"):
        assert m.actions[name].do(), name
    takes = m.actions["pe0 takes IRQ"]
    assert not takes.possible()
    assert m.actions["vcpu0 enters"].do()
    assert m.vcpus[0].vcpu.in_guest
    assert takes.possible(), "it is taken as soon as the guest runs"


def test_a_kick_after_the_flush_is_seen_by_the_last_check() -> None:
    m = divided("entry-divided-kick")
    vcpu = m.vcpus[0].vcpu
    for name in ("vcpu0 exits", "vcpu0 flushes", "net pulses"):
        assert m.actions[name].do(), name
    assert vcpu.kicked
    assert m.actions["vcpu0 enters"].do()
    assert not vcpu.in_guest
    assert not vcpu.entering
    for name in ("vcpu0 flushes", "vcpu0 enters", "vcpu0 acks"):
        assert m.actions[name].do(), name
