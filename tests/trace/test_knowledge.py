"""Recordings from the middle: what is known of the chip, what is learned, and what is untold."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from tests.trace.recordings import Scene, analysed, analysis, lines, lr

from vgic.rules import RECORDING_CHECKS, Judge
from vgic.silicon import Gic, GicV2, GicV2Options, GicV3, GicV3Options
from vgic.silicon.interrupt import Interrupt
from vgic.trace.knowledge import Learned, Slot, moving
from vgic.trace.replay import Replay
from vgic.view.recording import RecordingReport

ISENABLER1, ICENABLER1, IPRIORITYR9 = 0x0800_0104, 0x0800_0184, 0x0800_0424


def chip(version: int = 3) -> Gic:
    if version == 3:
        return GicV3(GicV3Options.qemu(pes=2, intids=64))
    return GicV2(GicV2Options.qemu(pes=2, intids=64))


@cache
def moves(version: int) -> frozenset[Slot]:
    return frozenset(moving(chip(version)))


class Later(Scene):
    """A scene that begins in the middle: nothing is known of its chip."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = Judge(self.chip, RECORDING_CHECKS, whole=False)
        self.replay = Replay(self.chip, self.judge, known=Learned(self.chip, set(moves(3))))

    def untold(self, rule: int) -> int:
        return next(c.untold for c in self.judge.checks if c.rule.id == rule)


@pytest.fixture
def later() -> Later:
    return Later()


# -- what moves


def by_intid(version: int) -> set[tuple[int | None, str]]:
    return {(number, slot) for (cls, _, number), slot in moves(version) if cls is Interrupt}


def test_what_never_moves_is_known() -> None:
    found = by_intid(3)
    assert {(5, "enabled"), (5, "latch"), (5, "active"), (27, "line"), (40, "edge"), (40, "route")} <= found
    assert not found & {(5, "edge"), (5, "line"), (5, "sources"), (40, "intid"), (40, "targets"), (40, "sources")}
    assert {(5, "sources"), (40, "targets")} <= by_intid(2)


def test_every_pe_is_like_the_first() -> None:
    other = chip()
    known = Learned(other, set(moves(3)))
    for pe in (0, 1):
        sgi, timer = other.distributor.find(5, pe), other.distributor.find(27, pe)
        assert not known.knows(sgi, "enabled")
        assert known.knows(sgi, "edge")
        assert not known.knows(timer, "line")
        assert not known.knows(other.virtual[pe].lrs[1], "state")
        assert known.knows(other.virtual[pe].lrs[1], "index")


def test_of_many_pes_it_is_found_out_as_soon() -> None:
    few, many = (moving(GicV3(GicV3Options.qemu(pes=pes))) for pes in (1, 128))
    assert many == few


# -- learning


def test_a_read_is_untold_until_what_it_shows_was_written(later: Later) -> None:
    later.load(IPRIORITYR9, 0xA0A0A0A0)
    assert later.replay.unknown == {"GICD_IPRIORITYR9": 1}
    later.load(IPRIORITYR9, 0xA0A0A0A0)
    assert later.replay.predicted == {"GICD_IPRIORITYR9": 1}
    later.store(IPRIORITYR9 + 4, 0x10203040)
    later.load(IPRIORITYR9 + 4, 0x10203048)
    assert later.replay.different == 1


def test_set_and_clear_registers_tell_single_bits(later: Later) -> None:
    later.store(ISENABLER1, 0xFF)
    later.load(ISENABLER1, 0xFFFF)      # the upper half is not known
    later.store(ICENABLER1, 0xF0)
    later.load(ISENABLER1, 0xFF0F)
    later.load(ICENABLER1, 0xFF0F)
    assert (later.replay.unknown.total(), later.replay.predicted.total(), later.replay.different) == (1, 2, 0)


def test_a_list_register_is_known_from_its_write_on_and_others_when_they_are_told_empty(later: Later) -> None:
    later.write("ICH_HCR_EL2", 1)
    later.write("ICH_VMCR_EL2", 0xF04C000A)
    later.write("ICH_AP0R0_EL2", 0)
    later.write("ICH_AP1R0_EL2", 0)
    later.write("ICH_LR0_EL2", lr(40))
    later.read("ICV_IAR1_EL1", 40)      # another list register may have held it
    assert later.replay.unknown == {"ICV_IAR1_EL1": 1}
    later.read("ICH_LR0_EL2", lr(40, state=2))
    later.read("ICH_ELRSR_EL2", 0b1110)
    later.write("ICV_EOIR1_EL1", 40)
    later.write("ICH_LR1_EL2", lr(41))
    later.read("ICV_IAR1_EL1", 41)
    later.read("ICH_ELRSR_EL2", 0b1101)
    assert later.replay.predicted == {"ICH_LR0_EL2": 1, "ICV_IAR1_EL1": 1, "ICH_ELRSR_EL2": 1}
    later.read("ICV_RPR_EL1", 0xFF)
    assert later.replay.different == 1


def test_a_line_was_at_the_other_level_before(later: Later) -> None:
    later.raise_line(40, 0, None)
    later.raise_line(40, 1, None)
    later.raise_line(40, 1, None)
    assert (later.replay.unknown["line"], later.replay.predicted["line"], later.replay.different) == (1, 1, 1)


def test_an_acknowledged_interrupt_is_active_until_it_is_deactivated_for_all_that_is_known(later: Later) -> None:
    isactiver = 0x080B_0300
    later.load(isactiver, 0, region="gicv3_redist")
    later.read("ICC_IAR1_EL1", 27)
    later.load(isactiver, 1 << 27, region="gicv3_redist")
    assert later.replay.predicted == {"GICR_ISACTIVER0": 1}
    later.write("ICC_EOIR1_EL1", 27)      # EOImode is not known: it may have deactivated it
    later.load(isactiver, 0, region="gicv3_redist")
    assert later.replay.unknown["GICR_ISACTIVER0"] == 2
    assert later.replay.different == 0


def test_an_end_that_may_match_what_came_before_gives_no_notice(later: Later) -> None:
    later.write("ICC_EOIR1_EL1", 27)
    later.read("ICC_IAR1_EL1", 30)
    later.write("ICC_EOIR1_EL1", 30)
    later.write("ICC_EOIR1_EL1", 31)
    assert not later.chip.notices.counts


def test_an_identification_that_the_configuration_was_not_told_is_untold(later: Later) -> None:
    later.load(0x0800_FFE8, 0x4B)
    assert later.replay.unknown == {"GICD_PIDR2": 1}


# -- rules


def test_rules_are_judged_where_all_is_known(later: Later) -> None:
    later.write("ICC_EOIR1_EL1", 27)
    assert (later.judged(41), later.untold(41)) == (0, 1)
    later.write("ICV_EOIR1_EL1", 40)
    assert (later.judged(14), later.untold(14)) == (0, 1)
    later.write("ICH_HCR_EL2", 1)
    later.write("ICH_VMCR_EL2", 0xF04C000A)
    later.write("ICH_AP0R0_EL2", 0)
    later.write("ICH_AP1R0_EL2", 0)
    for n in range(4):
        later.write(f"ICH_LR{n}_EL2", 0)
    later.write("ICV_EOIR1_EL1", 40)      # what was remembered in doubt is doubted once more
    assert (later.judged(14), later.untold(14)) == (0, 2)
    later.write("ICV_EOIR1_EL1", 40)      # no priority is active
    assert later.judged(14) == 1
    assert later.broken() == {14: 1}


def test_an_lpi_may_have_been_acknowledged_before(later: Later) -> None:
    later.write("ICH_LR0_EL2", lr(8192, state=2))
    assert later.broken() == {}
    assert later.untold(15) == 1


# -- recordings


EXCERPT = (
    "gicv3_dist_set_irq GICv3 distributor interrupt 45 level changed to 1",
    "gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value 0x2d",
    "gicv3_dist_set_irq GICv3 distributor interrupt 45 level changed to 0",
    "gicv3_icc_eoir_write GICv3 ICC_EOIR1 write cpu 0x0 value 0x2d",
)


def test_an_excerpt_is_told_as_one_at_the_top(tmp_path: Path) -> None:
    a = analysed(tmp_path, EXCERPT)
    assert a.exit_status == 0
    told = RecordingReport(a)
    top = told.text().splitlines()[:4]
    assert any(line.startswith("BEGINS IN THE MIDDLE  line 2 acknowledges interrupt 45") for line in top)
    json = told.json()
    assert json["begins"]["line"] == 2
    assert json["untold"] == {"line": 1, "ICC_IAR1_EL1": 1}
    assert {rule["id"]: rule["untold"] for rule in json["rules"] if rule["untold"]} == {16: 1, 41: 1}


@pytest.mark.parametrize(("name", "first", "most"), [
    ("v3-timer.core", 40_000, 1000), ("v3-timer.core", 58_115, 1500), ("v2-timer.core", 85_405, 1500),
    ("v3-boot.core", 307, 300), ("xen-v3.core", 112_714, 1500), ("v4-vlpi.core-slice", 475, 1500),
])
def test_no_cut_of_a_good_recording_contradicts_the_chip(tmp_path: Path, name: str, first: int, most: int) -> None:
    a = analysed(tmp_path, lines(name)[first:first + most])
    assert a.middle is not None
    assert a.replay.differences == []
    assert a.judge.breaches == []
    assert a.exit_status == 0
    assert a.replay.unknown


def test_what_is_known_of_a_guest_is_predicted_in_the_middle(tmp_path: Path) -> None:
    a = analysed(tmp_path, lines("v3-timer.core")[40_000:41_000])
    assert a.by_frame()["ICV"][1] >= 24
    assert a.by_frame()["ICH"][1] >= 260


def test_a_wrong_read_in_the_middle_differs(tmp_path: Path) -> None:
    text = list(lines("v3-timer.core")[40_000:41_000])
    i = next(i for i in range(500, 1000) if "icv_iar_read" in text[i])
    text[i] = text[i].replace(text[i].split()[-1], "0x55")
    a = analysed(tmp_path, text)
    assert a.replay.differences[0].line == i + 1
    assert a.exit_status == 1


@pytest.mark.parametrize("name", ["v2-boot.core", "v3-boot.core", "v2-timer.core", "v3-timer.core", "xen-v3.core"])
def test_a_recording_from_the_boot_begins_with_it(name: str) -> None:
    a = analysis(name)
    assert a.middle is None
    assert not a.replay.unknown
    assert not a.replay.known.partial
