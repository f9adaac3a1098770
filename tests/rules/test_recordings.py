"""The rules that a chip's events and state can judge: each breaks when it must, is judged where it should be, and gives
no false alarm where real hypervisors come near."""

from __future__ import annotations

import pytest
from tests.trace.recordings import Scene, lr

from vgic.rules import RECORDING_CHECKS, RULES
from vgic.rules.catalogue import CHIP
from vgic.rules.twins import NoneStaysActive

LRS = [f"ICH_LR{n}_EL2" for n in range(4)]
EOI_V2, IAR_V2 = 0x0804_0010, 0x0804_000C


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.start()
    return s


def enter(s: Scene, *lrs: int, pe: int = 0, hcr: int = 1) -> None:
    """A guest is entered with these list registers."""
    for n, value in enumerate(lrs):
        s.write(LRS[n], value, pe)
    s.write("ICH_HCR_EL2", hcr, pe)


def guest(s: Scene, vintid: int, pe: int = 0) -> None:
    """The guest acknowledges and ends it."""
    s.read("ICV_IAR1_EL1", vintid, pe)
    s.write("ICV_EOIR1_EL1", vintid, pe)


def told(s: Scene, rule: int) -> list[str]:
    """What is told of the breaches of a rule; all breaches must be of it."""
    assert set(s.broken()) == {rule}
    return [b.what for b in s.judge.breaches]


def test_the_forwarded_timer_breaks_nothing_and_is_judged(scene: Scene) -> None:
    for _ in range(3):
        scene.raise_line(27)
        scene.take(27)
        enter(scene, lr(27, 27))
        scene.read("ICV_IAR1_EL1", 27)
        scene.raise_line(27, 0)
        scene.write("ICV_EOIR1_EL1", 27)
        scene.write("ICH_HCR_EL2", 0)
    assert scene.broken() == {}
    assert scene.replay.different == 0
    assert {c.rule.id: c.judged for c in scene.judge.checks} == {
        5: 6, 6: 6, 7: 3, 8: 2, 10: 3, 14: 3, 15: 0, 16: 0, 17: 3, 18: 0, 41: 3}


def test_every_check_names_a_rule_of_the_catalogue() -> None:
    assert [c.rule_id for c in RECORDING_CHECKS] == [
        r.id for r in RULES.values() if r.judged_from == CHIP and not r.needs]


# -- 5


def test_5_a_vintid_in_two_list_registers(scene: Scene) -> None:
    enter(scene, lr(40), lr(40))
    guest(scene, 40)
    assert "vINTID 40" in told(scene, 5)[0]


def test_5_a_pintid_in_two_list_registers(scene: Scene) -> None:
    scene.raise_line(40, pe=None)
    scene.take(40)
    enter(scene, lr(40, 40), lr(41, 40))
    scene.read("ICV_IAR1_EL1", 40)
    assert "pINTID 40" in told(scene, 5)[0]


def test_5_counts_valid_list_registers_alone(scene: Scene) -> None:
    enter(scene, lr(40, state=0), lr(40))
    guest(scene, 40)
    assert scene.broken() == {}


def test_5_a_gicv2_sgi_may_stand_there_once_whatever_its_source() -> None:
    s = Scene(2)
    s.store(0x0803_0100, 1 << 28 | 3, region="gic_viface")
    s.store(0x0803_0008, 0xF04C0001, region="gic_viface")
    s.store(0x0803_0000, 1, region="gic_viface")
    s.load(IAR_V2, 3, region="gic_vcpu")
    assert s.broken() == {}
    s.store(0x0803_0104, 1 << 28 | 1 << 10 | 3, region="gic_viface")
    s.store(EOI_V2, 3, region="gic_vcpu")
    assert 5 in s.broken()


def spi_on_both(s: Scene) -> None:
    s.raise_line(40, pe=None)
    s.take(40)
    enter(s, lr(40, 40))
    enter(s, lr(40, 40), pe=1)


def test_5_an_spis_pintid_with_two_running_guests(scene: Scene) -> None:
    spi_on_both(scene)
    scene.read("ICV_IAR1_EL1", 40, pe=0)
    scene.read("ICV_IAR1_EL1", 40, pe=1)
    assert "of pe1 and" in told(scene, 5)[0]


def test_5_leftovers_where_no_guest_runs_are_none(scene: Scene) -> None:
    """A vCPU migrates; its old PE's interface stays enabled with what was saved from it."""
    spi_on_both(scene)
    scene.read("ICV_IAR1_EL1", 40, pe=0)
    scene.read("ICH_LR0_EL2", lr(40, 40, 2), pe=0)
    scene.write("ICH_LR0_EL2", lr(40, 40, 2), pe=1)
    scene.write("ICV_EOIR1_EL1", 40, pe=1)
    assert 5 not in scene.broken()


# -- 6 and 7


def test_6_the_physical_twin_is_not_active(scene: Scene) -> None:
    enter(scene, lr(27, 27))
    scene.read("ICV_IAR1_EL1", 27)
    assert "pINTID 27 is I" in told(scene, 6)[0]


def test_6_is_judged_while_the_guest_runs_not_while_list_registers_are_written(scene: Scene) -> None:
    enter(scene, lr(27, 27))
    assert scene.judged(6) == 0
    scene.store(0x080B_0300, 1 << 27, region="gicv3_redist")
    scene.read("ICV_IAR1_EL1", 27)
    assert scene.judged(6) == 1
    assert scene.broken() == {}


def test_7_hw_pending_and_active(scene: Scene) -> None:
    scene.write("ICH_LR0_EL2", lr(27, 27, 3))
    assert "PA 27 -> 27 HW" in told(scene, 7)[0]
    scene.write("ICH_LR0_EL2", lr(27, None, 3))
    assert scene.broken() == {7: 1}
    assert scene.judged(7) == 1


# -- 8


def test_8_an_activation_that_no_list_register_takes_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoneStaysActive, "GRACE", 100)
    scene.raise_line(27)
    scene.take(27)
    taken = scene.line
    enter(scene, lr(27, 27))
    guest(scene, 27)
    scene.take(27)
    scene.raise_line(27, 0)
    for _ in range(NoneStaysActive.ENTRIES - 1):
        scene.write("ICH_HCR_EL2", 1)
        scene.write("ICH_HCR_EL2", 0)
        assert not scene.broken()
    scene.write("ICH_HCR_EL2", 1)
    scene.write("ICH_HCR_EL2", 0)
    (what,) = told(scene, 8)
    assert "pINTID 27" in what
    assert taken < scene.judge.breaches[0].place < scene.line - NoneStaysActive.ENTRIES
    scene.write("ICH_HCR_EL2", 1)
    scene.write("ICH_HCR_EL2", 0)
    assert scene.broken() == {8: 1}


@pytest.mark.parametrize("owner", ["list register", "asserted", "other PE", "not forwarded"])
def test_8_an_activation_with_an_owner(scene: Scene, monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    monkeypatch.setattr(NoneStaysActive, "GRACE", 100)
    scene.raise_line(27)
    scene.take(27)
    if owner != "not forwarded":
        enter(scene, lr(27, 27))
        guest(scene, 27)
        scene.take(27)
    if owner != "asserted":
        scene.raise_line(27, 0)
    if owner == "list register":
        scene.write("ICH_LR1_EL2", lr(27, 27))
    for _ in range(2 * NoneStaysActive.ENTRIES):
        for hcr in (1, 0):
            scene.write("ICH_HCR_EL2", hcr, pe=1 if owner == "other PE" else 0)
    assert scene.broken() == {}


# -- 10


def test_10_the_twin_is_another_than_was_set_last(scene: Scene) -> None:
    for intid in (40, 41):
        scene.raise_line(intid, pe=None)
        scene.take(intid)
    enter(scene, lr(42, 40, 2), lr(42, 41))
    scene.write("ICH_AP1R0_EL2", 1 << (0xA0 >> 3))
    scene.write("ICV_EOIR1_EL1", 42)
    assert any("its twin is 41, not 40" in b.what for b in scene.judge.breaches if b.rule.id == 10)


def test_10_another_interrupt_is_deactivated(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip that deactivates the wrong one."""
    other = scene.chip.distributor.find(41, 0)
    assert other is not None
    for intid in (40, 41):
        scene.raise_line(intid, pe=None)
        scene.take(intid)
    monkeypatch.setattr(scene.chip.virtual[0], "deactivate_physical", lambda pintid: other.deactivate())
    enter(scene, lr(40, 40))
    guest(scene, 40)
    assert "deactivated pINTIDs [41], its twin is 40" in told(scene, 10)[0]


def test_10_counts_no_special_intids(scene: Scene) -> None:
    scene.write("ICV_EOIR1_EL1", 1023)
    assert scene.judged(10) == 0


# -- 14


def test_14_a_drop_without_an_active_priority(scene: Scene) -> None:
    scene.write("ICV_EOIR1_EL1", 27)
    assert told(scene, 14) == ["ICV_EOIR1_EL1 of 27 by the guest on pe0: no priority is active"]


def test_14_a_drop_in_the_wrong_group(scene: Scene) -> None:
    enter(scene, lr(40))
    scene.read("ICV_IAR1_EL1", 40)
    scene.write("ICV_EOIR0_EL1", 40)
    assert told(scene, 14) == ["ICV_EOIR0_EL1 of 40 by the guest on pe0: the active priority is of group 1"]


def test_14_a_guest_drops_another_than_it_names(scene: Scene) -> None:
    enter(scene, lr(40, priority=0xA0))
    scene.read("ICV_IAR1_EL1", 40)
    scene.write("ICH_LR1_EL2", lr(41, priority=0x80))
    scene.read("ICV_IAR1_EL1", 41)
    scene.write("ICV_EOIR1_EL1", 40)
    assert "drops 0x80" in told(scene, 14)[0]


def test_14_a_special_intid_drops_nothing(scene: Scene) -> None:
    scene.write("ICV_EOIR1_EL1", 1023)
    assert scene.judged(14) == 0


# -- 15


def test_15_an_lpi_written_active_that_no_guest_has_acknowledged(scene: Scene) -> None:
    scene.write("ICH_LR0_EL2", lr(8192, state=2))
    assert "A 8192" in told(scene, 15)[0]


def test_15_a_hypervisor_may_save_and_restore_an_acknowledged_lpi(scene: Scene) -> None:
    enter(scene, lr(8192))
    scene.read("ICV_IAR1_EL1", 8192)
    scene.read("ICH_LR0_EL2", lr(8192, state=2))
    scene.write("ICH_LR0_EL2", lr(8192, state=2))
    scene.write("ICV_EOIR1_EL1", 8192)
    assert scene.broken() == {}
    assert scene.judged(15) == 2
    scene.write("ICH_LR0_EL2", lr(8192, state=2))
    assert scene.broken() == {15: 1}


def test_15_an_lpi_that_stays_active_after_its_eoir(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip that forgets LPIs in EOImode 1."""
    enter(scene, lr(8192))
    scene.write("ICV_CTLR_EL1", 2)
    scene.read("ICV_IAR1_EL1", 8192)
    monkeypatch.setattr(scene.chip.virtual[0], "deactivate_lr", lambda lr: None)
    scene.write("ICV_EOIR1_EL1", 8192)
    assert "is active after ICV_EOIR1_EL1" in told(scene, 15)[0]


# -- 16


@pytest.mark.parametrize(("register", "who"), [("ICC_IAR1_EL1", "host"), ("ICV_IAR1_EL1", "guest")])
def test_16_an_interrupt_out_of_nothing(scene: Scene, register: str, who: str) -> None:
    scene.read(register, 27)
    assert told(scene, 16) == [f"the {who}'s IAR on pe0 returned 27, and nothing was deliverable"]
    assert scene.judged(16) == 1


@pytest.mark.parametrize("register", ["ICC_IAR1_EL1", "ICV_IAR1_EL1"])
def test_16_nothing_out_of_nothing_is_judged(scene: Scene, register: str) -> None:
    scene.read(register, 1023)
    assert scene.broken() == {}
    assert scene.judged(16) == 1


def test_16_a_list_register_with_a_special_intid_is_taken(scene: Scene) -> None:
    enter(scene, lr(1023))
    scene.read("ICV_IAR1_EL1", 1023)
    assert "changed a list register" in told(scene, 16)[0]


def test_16_a_deliverable_interrupt_is_none_of_its_places(scene: Scene) -> None:
    scene.raise_line(27)
    scene.take(27)
    assert scene.judged(16) == 0


# -- 17

CAUSES = {"U": 2, "NP": 8, "VGrp1E": 64}


@pytest.mark.parametrize("cause", CAUSES)
def test_17_the_same_condition_at_two_entries_without_a_step(scene: Scene, cause: str) -> None:
    for _ in range(2):
        assert scene.broken() == {}
        scene.write("ICH_HCR_EL2", 1 | CAUSES[cause])
        scene.write("ICH_HCR_EL2", 0)
    assert f"enters with {cause} asserted" in told(scene, 17)[0]


def test_17_an_ended_list_register_that_nobody_clears(scene: Scene) -> None:
    for _ in range(2):
        assert scene.broken() == {}
        enter(scene, lr(40, state=0, eoi=True))
        scene.read("ICH_EISR_EL2", 1)
    assert "enters with EOI asserted" in told(scene, 17)[0]


@pytest.mark.parametrize("between", ["guest", "list register", "other condition", "other PE"])
def test_17_something_happens_between(scene: Scene, between: str) -> None:
    scene.write("ICH_HCR_EL2", 3)
    if between == "guest":
        scene.read("ICV_IAR1_EL1", 1023)
    scene.read("ICH_ELRSR_EL2", 15)
    if between == "list register":
        scene.write("ICH_LR0_EL2", lr(40))
    elif between == "other condition":
        scene.write("ICH_HCR_EL2", 1)
        scene.read("ICH_ELRSR_EL2", 15)
    pe = 1 if between == "other PE" else 0
    scene.write("ICH_HCR_EL2", 3, pe)
    scene.read("ICH_ELRSR_EL2", 15 - (between == "list register"), pe)
    assert scene.broken() == {}
    assert scene.replay.different == 0


def test_17_an_interface_that_is_enabled_before_its_list_registers_are_written() -> None:
    """Linux on a GICv2: U is asserted between the write of HCR and that of the second list register, at no entry."""
    s, hcr, elrsr = Scene(2, pes=1), 0x0803_0000, 0x0803_0030
    for _ in range(3):
        s.store(hcr, 3, region="gic_viface")
        for n, vintid in enumerate((40, 41)):
            s.store(0x0803_0100 + 4 * n, 1 << 28 | 0x10 << 23 | vintid, region="gic_viface")
        s.load(elrsr, 0b1100, region="gic_viface")
        for n in range(2):
            s.store(0x0803_0100 + 4 * n, 0, region="gic_viface")
        s.store(hcr, 0, region="gic_viface")
    assert s.replay.different == 0
    assert s.judged(17) == 3
    assert s.broken() == {}


def test_17_a_change_of_hcr_is_no_entry(scene: Scene) -> None:
    """Xen clears UIE on its way out, and sets it on its way in, by reading HCR first."""
    for before in (0, 1):
        scene.read("ICH_HCR_EL2", before)
        scene.write("ICH_HCR_EL2", 3)
        scene.read("ICH_HCR_EL2", 3)
        scene.write("ICH_HCR_EL2", 1)
        scene.read("ICH_ELRSR_EL2", 15)
    assert scene.judged(17) == 0
    scene.read("ICH_HCR_EL2", 1)
    scene.write("ICH_HCR_EL2", 3)
    scene.read("ICV_IAR1_EL1", 1023)
    assert scene.judged(17) == 1
    assert scene.broken() == {}


# -- 18


def spilled(s: Scene, hcr: int) -> None:
    """The guest ends an interrupt that its hypervisor took out of the list registers."""
    enter(s, lr(40), hcr=hcr)
    s.read("ICV_IAR1_EL1", 40)
    enter(s, lr(50), lr(51), hcr=hcr)
    s.write("ICV_EOIR1_EL1", 40)


def test_18_a_completion_that_nobody_is_told_of(scene: Scene) -> None:
    spilled(scene, 1)
    assert "LRENPIE is not set" in told(scene, 18)[0]
    assert scene.judged(18) == 1


@pytest.mark.parametrize("hcr", [5, 1 | 64])
def test_18_a_completion_that_raises_an_exit(scene: Scene, hcr: int) -> None:
    """LRENPIE, or another condition that is there."""
    spilled(scene, hcr)
    assert scene.broken() == {}
    assert scene.judged(18) == 1
    scene.read("ICH_HCR_EL2", hcr | 1 << 27)
    assert scene.replay.different == 0


def test_18_an_interrupt_in_a_list_register_is_no_occasion(scene: Scene) -> None:
    enter(scene, lr(40))
    guest(scene, 40)
    assert scene.judged(18) == 0


# -- the judge


def test_most_breaches_are_counted_only(scene: Scene) -> None:
    scene.judge.most = 2
    for _ in range(5):
        scene.write("ICC_EOIR1_EL1", 27)
    assert scene.broken() == {41: 5}
    assert len(scene.judge.breaches) == 2


def test_a_breach_tells_its_line(scene: Scene) -> None:
    scene.write("ICC_EOIR1_EL1", 27)
    assert scene.judge.breaches[0].place == scene.line
