"""What is shown of a machine, as data: every lane once, each with the state that the chip and the guests are in."""

from __future__ import annotations

from vgic.arch.state import ACTIVE, INACTIVE, PENDING, PENDING_ACTIVE
from vgic.lab.lanes import Lane, State, VcpuState
from vgic.lab.loader import find_scenario
from vgic.lab.perform import perform
from vgic.lab.schedule import Run
from vgic.silicon.states import InterruptState, LineState, LrState

LINE, PPI = Lane("line", number=27, pe=0), Lane("interrupt", number=27, pe=0)
LR, VCPU = Lane("list register", number=0, pe=0), Lane("vcpu", "vcpu0")


def shown(run: Run, lane: Lane) -> list[State]:
    """What a lane shows, step by step, without repetitions."""
    states = [step.shown[run.lanes.index(lane)] for step in run.steps]
    return [s for n, s in enumerate(states) if n == 0 or s != states[n - 1]]


def test_each_is_there_once() -> None:
    run = perform(find_scenario("timer-migrated"))
    assert len(set(run.lanes)) == len(run.lanes)
    pes = run.scenario.machine.pes
    assert pes > 1
    assert {lane.pe for lane in run.lanes if lane.kind in ("line", "interrupt")} == set(range(pes))
    assert sum(lane.kind == "list register" for lane in run.lanes) == pes * run.list_registers
    assert all(len(step.shown) == len(run.lanes) for step in run.steps)


def test_devices_have_names_and_their_interrupts_numbers() -> None:
    lanes = perform(find_scenario("level-forwarded")).lanes
    assert lanes[:2] == (Lane("line", "nic"), Lane("interrupt", number=40))
    assert lanes[-1] == VCPU
    edges = perform(find_scenario("msi-once")).lanes
    assert {lane.kind for lane in edges} == {"list register", "vcpu"}, "an emulated edge has neither line nor twin"


def test_a_forwarded_timer_step_by_step() -> None:
    run = perform(find_scenario("timer-forwarded"))
    assert shown(run, LINE)[:3] == [LineState(False), LineState(True), LineState(False)]
    enabled = [s for s in shown(run, PPI) if isinstance(s, InterruptState)]
    assert [s.state for s in enabled[:4]] == [INACTIVE, PENDING, PENDING_ACTIVE, ACTIVE]
    assert all(s.enabled for s in enabled)
    assert LrState(0, PENDING, 27, 27) in shown(run, LR)
    assert LrState(0, ACTIVE, 27, 27) in shown(run, LR)
    doing = shown(run, VCPU)
    assert VcpuState("exit IRQ") in doing
    assert VcpuState("running", (27,)) in doing


def test_an_interrupt_that_the_host_masks_is_shown_so() -> None:
    run = perform(find_scenario("level-trap"))
    assert InterruptState(PENDING, False) in shown(run, Lane("interrupt", number=40))
