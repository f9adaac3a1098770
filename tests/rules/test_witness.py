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


def test_what_the_host_took_is_with_its_guest_until_it_ends_or_drops() -> None:
    m = machine("level-forwarded")
    (run,) = m.vcpus
    vintid, ghost = next((v, g) for v, g in run.irqs.items() if v >= 32)
    pintid = m.twins[run.vm.name, vintid]

    def taken() -> bool:
        return ghost.taken

    def takes() -> None:
        m.tell.device_drives(run, vintid, True, "nic")
        m.tell.host_took(0, pintid)
        assert taken()
    m.tell.host_took(0, pintid)
    assert not taken()                  # a latch, while the line is low: its guest gets nothing
    takes()
    m.tell.put(run)
    m.tell.time_passed(1)
    m.tell.guest_steps(run)
    assert taken()
    m.tell.guest_deactivates(run, vintid)
    assert not taken()
    takes()
    m.tell.device_drives(run, vintid, False, "nic")
    assert not taken()
    for register, still in (("ICENABLER", True), ("ISPENDR", False), ("ICPENDR", False), ("ICACTIVER", False)):
        takes()
        m.tell.guest_writes(run, register, run, vintid, 1)
        assert taken() is still, register
    takes()
    m.tell.host_disables(pintid, True)
    assert not taken()
    m.tell.host_took(0, pintid + 1)
    assert not taken()


def test_a_private_interrupt_is_taken_for_the_vcpu_that_is_loaded() -> None:
    m = machine("timer-shared")
    ghosts = [run.irqs[27] for run in m.vcpus]
    for ghost in ghosts:
        ghost.line_moved(True)
    m.tell.host_took(0, 27)
    assert [g.taken for g in ghosts] == [run.vcpu.pe == 0 for run in m.vcpus]
    assert any(g.taken for g in ghosts)
    assert not all(g.taken for g in ghosts)


def test_what_is_cleared_is_owed_to_nobody() -> None:
    m = machine("edge-again-software")
    (run,) = m.vcpus
    vintid, ghost = next((v, g) for v, g in run.irqs.items() if v >= 32)
    m.tell.guest_writes(run, "ISPENDR", run, vintid, 1)
    assert (ghost.credit, ghost.owed, ghost.soft) == (1, True, True)
    m.tell.guest_writes(run, "ICPENDR", run, vintid, 1)
    assert (ghost.credit, ghost.owed, ghost.soft) == (0, False, False)


def test_what_is_cleared_may_come_from_the_physical_distributor() -> None:
    m = machine("edge-again")
    (run,) = m.vcpus
    vintid, ghost = next((v, g) for v, g in run.irqs.items() if v >= 32)
    assert m.actions["nic pulses"].do()
    m.tell.guest_writes(run, "ICPENDR", run, vintid, 1)
    assert (ghost.credit, ghost.owed) == (1, False)


def test_what_is_cleared_may_be_taken_where_it_is_until_that_vcpu_is_left() -> None:
    m = machine("icpendr-elsewhere")
    run, other = m.vcpus
    ghost = run.irqs[40]
    for name in ("vcpu0 steps", "net pulses", "vcpu0 kicked out", "vcpu0 enters", "vcpu1 steps"):
        assert m.actions[name].do(), name
    assert (ghost.credit, ghost.owed, ghost.cause) == (1, False, DROPPED)
    assert m.actions["vcpu0 exits"].do()
    assert (ghost.credit, ghost.owed, ghost.cause) == (0, False, NONE)
    m.tell.device_pulses(other, 40, "net")
    m.tell.edge_accepted(run, 40)
    assert (ghost.credit, ghost.owed) == (1, True)
