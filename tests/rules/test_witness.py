"""The witness: what it remembers of what a machine tells."""

from __future__ import annotations

import pytest

from vgic.lab.loader import find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.rules.ghost import DROPPED, GONE, NOBODY, NONE, PRESENT


def machine(name: str) -> Machine:
    scenario = find_scenario(name)
    return Machine(scenario, find_design(scenario.design))


def test_a_line_is_present_then_dropped_then_gone_with_the_next_exit() -> None:
    m = machine("level-forwarded")
    (run,) = m.vcpus
    ghost = run.irqs[40] if 40 in run.irqs else next(g for v, g in run.irqs.items() if v >= 32)
    causes = [ghost.cause]
    for name in ("nic raises", "pe0 takes IRQ", f"{run.name} enters", "nic lowers"):
        assert m.actions[name].do(), name
        causes.append(ghost.cause)
    assert m.actions[f"{run.name} exits"].do()
    assert causes == [NONE, PRESENT, PRESENT, PRESENT, DROPPED]
    assert ghost.cause == GONE


def test_an_edge_may_be_acknowledged_once() -> None:
    m = machine("edge-again")
    (run,) = m.vcpus
    ghost = next(g for v, g in run.irqs.items() if v >= 32)
    assert m.actions["nic pulses"].do()
    assert (ghost.credit, ghost.owed, ghost.active) == (1, True, None)
    for name in ("pe0 takes IRQ", f"{run.name} enters", f"{run.name} acks"):
        assert m.actions[name].do(), name
    assert (ghost.credit, ghost.owed, ghost.active) == (0, False, run.vcpu.index)
    while ghost.active is not None:
        assert any(action.do() for action in m.fair)
    assert ghost.credit == 0


@pytest.mark.parametrize(("register", "before", "after"), [
    ("ISACTIVER", None, NOBODY), ("ISACTIVER", 0, 0), ("ICACTIVER", 0, None), ("ICACTIVER", NOBODY, None)])
def test_what_a_guest_writes_to_active(register: str, before: int | None, after: int | None) -> None:
    m = machine("edge-again")
    (run,) = m.vcpus
    vintid, ghost = next((v, g) for v, g in run.irqs.items() if v >= 32)
    ghost.active = before
    m.tell.guest_writes(run, register, run, vintid, 1)
    assert ghost.active == after


def test_disabled_counts_from_the_end_of_the_write() -> None:
    m = machine("edge-again")
    (run,) = m.vcpus
    vintid, ghost = next((v, g) for v, g in run.irqs.items() if v >= 32)
    m.tell.guest_writes(run, "ICENABLER", run, vintid, 1)
    assert (ghost.enabled, ghost.was_disabled) == (True, True)
    m.tell.guest_wrote(run, "ICENABLER", run, vintid, 1)
    assert not ghost.enabled
    m.tell.guest_writes(run, "ISENABLER", run, vintid, 1)
    assert ghost.enabled


def test_taken_again_is_counted_until_anything_else_happens() -> None:
    m = machine("level-forwarded")
    (taken,) = m.taken.values()
    ((pe, pintid),) = m.taken
    m.tell.host_took(pe, pintid)
    m.tell.host_took(pe, pintid)
    assert taken.times == 2
    m.tell.time_passed(1)
    assert taken.times == 0
