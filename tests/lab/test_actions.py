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
