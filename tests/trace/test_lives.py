"""The life table: delivered, ended by whom, states, lengths, on which vCPU."""

from __future__ import annotations

import pytest
from tests.trace.recordings import Scene, analysis, lr

from vgic.trace.events import Probe
from vgic.trace.lives import KEPT, Lengths, LifeRow, Lives


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.start()
    return s


def lives_of(s: Scene) -> Lives:
    """Who hears a scene's moments beside its checks."""
    lives = s.replay.tell.listeners[-1]
    assert isinstance(lives, Lives)
    return lives


def rows(s: Scene, virtual: bool = True) -> list[LifeRow]:
    """The rows of what a scene's moments tell, told as they come."""
    return lives_of(s).rows(virtual)


@pytest.fixture
def living(scene: Scene) -> Scene:
    scene.listen(Lives(scene.chip))
    return scene


def forwarded(s: Scene, pe: int = 0) -> None:
    s.raise_line(27, pe=pe)
    s.take(27, pe)
    s.write("ICH_LR0_EL2", lr(27, 27), pe)
    s.write("ICH_HCR_EL2", 1, pe)
    s.read("ICV_IAR1_EL1", 27, pe)
    s.raise_line(27, 0, pe)
    s.write("ICV_EOIR1_EL1", 27, pe)


def test_a_forwarded_interrupt(living: Scene) -> None:
    for _ in range(3):
        forwarded(living)
    (row,) = rows(living)
    assert row == LifeRow("pe0", 27, (27,), 3, 3, 0, "I P A", ack_median=5, ack_longest=5, end_median=2, end_longest=2)


def test_each_pe_has_its_own_row(living: Scene) -> None:
    forwarded(living, 1)
    forwarded(living, 0)
    assert [(r.where, r.delivered) for r in rows(living)] == [("pe0", 1), ("pe1", 1)]


def test_a_software_interrupt_counts_from_its_list_register(living: Scene) -> None:
    living.write("ICH_HCR_EL2", 1)
    living.write("ICH_LR0_EL2", lr(40))
    living.read("ICV_PMR_EL1", 0xF0)
    living.read("ICV_IAR1_EL1", 40)
    living.write("ICV_EOIR1_EL1", 40)
    (row,) = rows(living)
    assert (row.pintids, row.ack_median, row.end_median, row.states) == ((), 2, 1, "I P A")


def test_one_that_software_deactivates(living: Scene) -> None:
    living.write("ICH_HCR_EL2", 1)
    living.write("ICH_LR0_EL2", lr(40))
    living.read("ICV_IAR1_EL1", 40)
    living.write("ICH_LR0_EL2", lr(40))
    (row,) = rows(living)
    assert (row.delivered, row.ended_by_guest, row.ended_by_software) == (1, 0, 1)


def test_in_eoimode_1_the_dir_ends_it(living: Scene) -> None:
    living.write("ICH_HCR_EL2", 1)
    living.write("ICV_CTLR_EL1", 2)
    living.write("ICH_LR0_EL2", lr(40))
    living.read("ICV_IAR1_EL1", 40)
    living.write("ICV_EOIR1_EL1", 40)
    assert rows(living)[0].ended_by_guest == 0
    living.write("ICV_DIR_EL1", 40)
    assert rows(living)[0].ended_by_guest == 1


def test_the_hosts_own_interrupts(living: Scene) -> None:
    living.raise_line(30)
    living.take(30)
    living.raise_line(30, 0)
    living.write("ICC_DIR_EL1", 30)
    (row,) = rows(living, virtual=False)
    assert (row.where, row.vintid, row.delivered, row.ended_by_software) == ("pe0", 30, 1, 1)
    assert (row.ack_median, row.end_median) == (1, 3)
    assert rows(living) == []


def probe(name: str, percpu: int, vcpu: int) -> Probe:
    return Probe(0, 1, percpu, name, {"x0": vcpu}, {})


def test_a_vcpu_is_followed_from_pe_to_pe(living: Scene) -> None:
    lives = lives_of(living)
    for pe, percpu, vcpu in ((0, 0x100, 0xA), (1, 0x200, 0xB), (0, 0x100, 0xB), (1, 0x200, 0xA)):
        lives.vcpus.probe(probe("kvm_vgic_load", percpu, vcpu))
        lives.vcpus.probe(probe("vgic_v3_populate_lr", percpu, vcpu))
        forwarded(living, pe)
    assert [(r.where, r.delivered) for r in rows(living)] == [("vcpu0", 2), ("vcpu1", 2)]


def test_lengths_keep_the_first_and_the_longest() -> None:
    lengths = Lengths()
    assert lengths.median() is None
    for n in range(KEPT + 100):
        lengths.add(n)
    assert (lengths.count, lengths.longest, len(lengths.first)) == (KEPT + 100, KEPT + 99, KEPT)
    assert lengths.median() == round((KEPT - 1) / 2)


@pytest.mark.parametrize(("name", "where", "timer"), [
    ("v3-timer.core", ["vcpu0", "vcpu1"], [485, 442]), ("v2-timer.core", ["vcpu0", "vcpu1"], [474, 450]),
    ("xen-v3.core", ["pe0", "pe1"], [396, 391]),
])
def test_recorded_guests(name: str, where: list[str], timer: list[int]) -> None:
    found = [r for r in analysis(name).lives.rows() if r.vintid == 27]
    assert [r.where for r in found] == where
    assert [r.delivered for r in found] == timer
    assert [r.ended_by_guest for r in found] == timer
    assert all(r.pintids == ((27,) if "xen" not in name else ()) for r in found)


def test_a_host_alone() -> None:
    a = analysis("v3-boot.core")
    assert a.lives.rows() == []
    assert ("pe0", 30, 464, 464) in [(r.where, r.vintid, r.delivered, r.ended_by_software) for r in a.lives.rows(False)]
