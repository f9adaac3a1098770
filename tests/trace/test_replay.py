"""Replaying recordings: every read is predicted; what can't be compared is counted; what is wrong is told."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from tests.trace.recordings import FRAMES, SHARED, Scene, analysed, analysis, lines, lr, path, present, reads

from vgic.rules import Moments
from vgic.silicon.interrupt import Interrupt
from vgic.silicon.virtual_interface import ListRegister
from vgic.trace.analysis import Analysis
from vgic.trace.events import Access, FrameAccess, LineChange, Sgi, SgiPending

WHOLE = present("v2-boot.core", "v3-boot.core", "v2-timer.core", "v3-timer.core", "xen-v3.core", "v2-intx.core",
                "v3-intx.core")


# -- recordings


@pytest.mark.parametrize("name", WHOLE)
def test_every_read_is_predicted_and_every_rule_holds(name: str) -> None:
    a = analysis(name)
    assert a.replay.differences == []
    assert a.judge.breaches == []
    assert a.exit_status == 0
    assert a.diagnosis is None
    compared = sum(compared for frame, (_, compared) in a.by_frame().items() if frame in FRAMES)
    assert compared >= 0.995 * reads(lines(name))
    assert compared > 1000
    assert set(a.replay.not_modelled) <= {"GITS", "GITS_TRANSLATER", "V2M", "ICC: LPI acknowledged"}
    assert not a.replay.not_compared


@pytest.mark.parametrize(("name", "judged"), [
    ("v2-timer.core", {5, 6, 7, 8, 10, 14, 16, 17, 41}), ("v3-timer.core", {5, 6, 7, 8, 10, 14, 15, 17, 41}),
    ("xen-v3.core", {5, 6, 7, 8, 10, 14, 16, 17, 41}), ("v3-boot.core", {41}),
])
def test_which_rules_a_recording_judges(name: str, judged: set[int]) -> None:
    assert {c.rule.id for c in analysis(name).judge.checks if c.judged} == judged


@pytest.mark.parametrize("name", ["v2-timer.full-slice", "v3-timer.full-slice", "v4-vlpi.core-slice"])
def test_a_piece_of_a_recording_breaks_no_rule(name: str) -> None:
    """What it ends was acknowledged before it begins."""
    assert [str(breach) for breach in analysis(name).judge.breaches] == []


@pytest.mark.parametrize("name", ["v4-vlpi.core-slice", *present("v4-vlpi.core")])
def test_gicv4_differs_nowhere_outside_what_is_not_modelled(name: str) -> None:
    a = analysis(name)
    assert a.replay.different == 0
    assert a.judge.breaches == []
    assert a.replay.not_modelled["GICR_VPENDBASER"] > 0


def test_a_slice_of_a_full_recording_holds_both_forms_and_each_access_counts_once() -> None:
    a = analysis("v3-timer.full-slice")
    assert a.reader.repeats > 50
    assert a.by_frame()["GICR"] == (39, 39)
    assert a.exit_status == 0


def test_a_recording_from_the_middle_differs_nowhere_and_is_untold_where_what_was_set_before_matters() -> None:
    a = analysis("v2-timer.full-slice")
    assert a.middle is not None
    assert a.exit_status == 0
    assert a.replay.different == 0
    assert a.replay.predicted.total() == a.replay.compared.total() > 50
    assert a.replay.unknown["GICC_IAR"] > 30


@pytest.mark.parametrize("machine", [name for name in ("v2-timer", "v3-timer") if present(f"{name}.full")])
def test_a_full_recording_gives_what_its_core_gives(machine: str) -> None:
    core, full = analysis(f"{machine}.core"), analysis(f"{machine}.full")
    assert full.by_frame() == core.by_frame()
    assert full.replay.different == 0
    assert full.judge.breaches == []
    assert [(c.rule.id, c.judged) for c in full.judge.checks] == [(c.rule.id, c.judged) for c in core.judge.checks]
    assert [row[:6] for row in full.lives.rows()] == [row[:6] for row in core.lives.rows()]


def without_accesses(name: str, folder: Path) -> Analysis:
    """A full recording without the lines that tell who accesses."""
    file = folder / "without.txt"
    with lzma.open(path(name), "rt") as whole, file.open("w") as out:
        out.writelines(line for line in whole if not line.startswith("memory_region_ops_"))
    return Analysis(str(file))


@pytest.mark.skipif(not present("v3-timer.full"), reason="needs the full recordings beside the repository")
def test_gicv3_needs_no_accesses_told_with_their_cpu(tmp_path: Path) -> None:
    a = without_accesses("v3-timer.full", tmp_path)
    core = analysis("v3-timer.core")
    assert a.replay.different == 0
    assert a.judge.breaches == []
    assert a.by_frame() == {**core.by_frame(), "GICD": (17, 17)}
    assert a.replay.not_compared == {"GICD: refused by QEMU": 1}


@pytest.mark.skipif(not present("v2-timer.full"), reason="needs the full recordings beside the repository")
def test_gicv2_without_accesses_compares_what_the_cpu_is_told_of(tmp_path: Path) -> None:
    a = without_accesses("v2-timer.full", tmp_path)
    assert a.replay.different == 0
    assert a.judge.breaches == []
    frames = a.by_frame()
    assert frames["GICC"][1] > 5000
    assert frames["line"] == analysis("v2-timer.core").by_frame()["line"]
    assert "GICV" not in frames
    assert any("GICH" in why for why in a.replay.not_compared)


def test_a_prefix_of_process_and_time_changes_nothing(tmp_path: Path) -> None:
    text = [f"4711@1700000000.{n:06}:{line}" for n, line in enumerate(lines("v3-boot.core"))]
    a = analysed(tmp_path, text)
    assert a.by_frame() == analysis("v3-boot.core").by_frame()
    assert a.exit_status == 0


def test_lines_of_qemus_interrupt_log_change_nothing(tmp_path: Path) -> None:
    text = [more for line in lines("v3-boot.core") for more in (
        "Taking exception 5 [IRQ] on CPU 0", "...from EL1 to EL2", "...with ESR 0x17/0x5e000000", line)]
    a = analysed(tmp_path, text)
    assert a.by_frame() == analysis("v3-boot.core").by_frame()
    assert a.exit_status == 0


def test_the_recordings_beside_the_repository_are_found_by_the_name_in_the_readme() -> None:
    assert SHARED.name == "traces"


# -- by hand: differences


def test_a_wrong_read_is_told_with_line_register_values_and_state() -> None:
    s = Scene()
    s.start()
    s.write("ICH_LR0_EL2", lr(27, 27))
    s.read("ICH_LR0_EL2", lr(28, 27), pe=0)
    (d,) = s.replay.differences
    assert (d.line, d.pe, d.what) == (s.line, 0, "ICH_LR0_EL2")
    assert (d.expected, d.got) == (hex(lr(27, 27)), hex(lr(28, 27)))
    assert "LR0 P 27 -> 27 HW group 1 prio 0xa0" in d.state


@pytest.mark.parametrize("register", ["ICH_LR0_EL2", "ICH_HCR_EL2", "ICH_VMCR_EL2", "ICH_AP1R0_EL2", "ICC_PMR_EL1"])
def test_one_wrong_read_of_what_software_keeps_there_is_one_difference(register: str) -> None:
    s = Scene()
    s.start()
    value = {"ICH_LR0_EL2": lr(40), "ICH_HCR_EL2": 3, "ICH_VMCR_EL2": 0xF04C0008, "ICH_AP1R0_EL2": 1 << 20,
             "ICC_PMR_EL1": 0x80}[register]
    for _ in range(3):
        s.read(register, value)
    assert s.replay.different == 1


def test_a_wrong_acknowledge_is_followed() -> None:
    s = Scene()
    s.start()
    s.raise_line(27)
    s.read("ICC_IAR1_EL1", 1023)
    s.raise_line(26)
    s.take(27)
    assert [d.what for d in s.replay.differences] == ["ICC_IAR1_EL1", "ICC_IAR1_EL1"]      # 26 is the lower INTID
    irq = s.chip.distributor.find(27, 0)
    assert irq is not None
    assert irq.active


def test_a_line_change_must_change_the_line() -> None:
    s = Scene()
    s.start()
    s.raise_line(27)
    s.raise_line(27)
    (d,) = s.replay.differences
    assert (d.line, d.what) == (s.line, "line 27")
    assert (s.replay.compared["line"], s.replay.predicted["line"]) == (2, 1)


def test_a_line_that_the_machine_has_not() -> None:
    s = Scene()
    s.raise_line(200, pe=None)
    assert s.replay.differences[0].expected == "no such input on this machine"


def test_the_maintenance_line_is_predicted() -> None:
    s = Scene()
    s.start()
    s.write("ICH_HCR_EL2", 3)      # UIE: at once
    s.raise_line(25)
    assert s.replay.predicted["maintenance"] == 1
    s.raise_line(25, 0)
    assert s.replay.differences[0].what == "maintenance"


@pytest.mark.parametrize(("event", "what"), [
    (LineChange(0, 27, 7, 1), "line 27"), (Access(0, 7, 0x0800_0000, 4, 0, False, "gicv3_dist"), "gicv3_dist"),
    (FrameAccess(0, "GICR", 7, 0, 4, 0, False, False, False), "GICR"), (SgiPending(0, 7, 1), "SGI"),
    (Sgi(0, 7, 1, 0, 0, 1), "SGI"),
])
def test_a_cpu_that_the_machine_has_not(event: Access, what: str) -> None:
    s = Scene()
    s.feed(event)
    (d,) = s.replay.differences
    assert d.what == what
    assert "--option pes=8" in d.got


@pytest.mark.parametrize(("version", "frame"), [(2, "GICR"), (3, "GICC"), (3, "GICH"), (3, "GICV")])
def test_a_frame_that_the_machine_has_not(version: int, frame: str) -> None:
    s = Scene(version)
    s.feed(FrameAccess(0, frame, 0, 0, 4, 0, False, None, False))
    assert s.replay.differences[0].expected == f"a GICv{version}, which has no such frame"


def test_an_sgi_by_a_system_register_does_not_fit_a_gicv2() -> None:
    s = Scene(2)
    s.feed(Sgi(0, 0, 1, 0, 0, 2))
    assert s.replay.differences[0].expected == "a GICv2"


def test_a_trap_or_undefined_register_differs() -> None:
    s = Scene()
    s.read("ICH_LR9_EL2", 0)
    assert "UNDEFINED" in s.replay.differences[0].expected


def test_most_differences_are_counted_only() -> None:
    s = Scene()
    for _ in range(150):
        s.load(0x0800_0004, 0xFFFF)
    assert s.replay.different == 150
    assert len(s.replay.differences) == 100


# -- by hand: SGIs


def sgi(targets: int, irm: int = 0) -> Sgi:
    return Sgi(0, 0, 3, irm, 0, targets)


def test_an_sgi_is_pending_where_it_was_sent() -> None:
    s = Scene()
    s.start()
    s.feed(sgi(2))
    s.feed(SgiPending(0, 1, 3))
    s.read("ICC_IAR1_EL1", 3, pe=1)
    assert s.replay.different == 0
    assert s.replay.predicted["SGI"] == 1


def test_an_sgi_that_none_sent_differs() -> None:
    s = Scene()
    s.start()
    s.feed(SgiPending(0, 1, 3))
    assert s.replay.differences[0].what == "SGI 3"


@pytest.mark.parametrize("irm", [0, 1])
def test_an_sgi_that_does_not_arrive_differs_at_its_senders_next_line(irm: int) -> None:
    s = Scene()
    s.start()
    s.feed(sgi(2, irm))
    s.feed(SgiPending(0, 1, 3))
    s.feed(sgi(2, irm))
    s.read("ICC_IAR1_EL1", 3, pe=1)
    assert s.replay.different == 0
    s.read("ICC_IAR1_EL1", 1023, pe=0)
    (d,) = s.replay.differences
    assert (d.line, d.pe, d.got) == (s.line, 1, "nothing")


def test_recordings_that_tell_no_pending_sgis_are_believed() -> None:
    s = Scene()
    s.start()
    for _ in range(2):
        s.feed(sgi(2))
        s.read("ICC_IAR1_EL1", 3, pe=1)
        s.write("ICC_EOIR1_EL1", 3, pe=1)
        s.write("ICC_DIR_EL1", 3, pe=1)
    assert s.replay.different == 0


# -- by hand: what is not compared


def test_what_other_devices_do_is_passed_over() -> None:
    s = Scene()
    s.load(0x0900_0000, 5, region="pl011")
    s.load(0x0900_0000, 5, region="")
    assert s.replay.compared.total() == 0
    assert s.replay.different == 0


def test_an_access_without_its_regions_name_is_known_by_its_address() -> None:
    s = Scene()
    s.load(0x0800_0008, 0x43B, region="")
    assert s.replay.predicted["GICD_IIDR"] == 1


def test_a_devices_write_is_counted() -> None:
    s = Scene()
    s.feed(Access(0, None, 0x0800_0040, 4, 40, True, "gicv3_dist"))
    assert s.replay.not_compared == {"GICD: by a device": 1}


def test_an_lpi_is_acknowledged_though_none_is_modelled() -> None:
    s = Scene()
    s.start()
    s.read("ICC_IAR1_EL1", 8200)
    s.write("ICC_EOIR1_EL1", 8200)
    assert s.replay.not_modelled == {"ICC: LPI acknowledged": 1}
    assert s.replay.different == 0
    assert s.broken() == {}


def test_a_vlpi_is_acknowledged_though_none_is_modelled() -> None:
    s = Scene()
    s.start()
    s.write("ICH_HCR_EL2", 1)
    s.read("ICV_IAR1_EL1", 8200)
    s.write("ICV_EOIR1_EL1", 8200)
    s.read("ICH_AP1R0_EL2", 0)
    assert s.replay.not_modelled == {"ICV: VLPI acknowledged": 1}
    assert s.replay.different == 0


def test_a_gicv2_of_one_pe_needs_no_cpu_told() -> None:
    s = Scene(2, pes=1)
    s.feed(FrameAccess(0, "GICH", None, 0x100, 4, 0x9A006C1B, True, None, False))
    s.feed(FrameAccess(0, "GICH", None, 0x100, 4, 0x9A006C1B, False, None, False))
    assert s.replay.predicted["GICH_LR0"] == 1


def test_a_gicv2_of_two_pes_is_compared_as_far_as_the_cpu_is_told() -> None:
    s = Scene(2)
    s.feed(FrameAccess(0, "GICH", None, 0x100, 4, 0x9A006C1B, True, None, False))
    s.feed(FrameAccess(0, "GICV", 0, 0xC, 4, 27, False, None, False))
    s.feed(FrameAccess(0, "GICD", None, 0x100, 4, 0xFFFFFFFF, True, None, False))
    s.feed(FrameAccess(0, "GICC", 0, 0xC, 4, 27, False, None, False))
    s.feed(FrameAccess(0, "GICC", 0, 4, 4, 0, False, None, False))
    s.feed(FrameAccess(0, "GICD", None, 4, 4, 0x21, False, None, False))
    assert dict(s.replay.compared) == {"GICC_PMR": 1, "GICD_TYPER": 1}
    assert s.replay.different == 0
    assert sum(s.replay.not_compared.values()) == 4


# -- by hand: moments


class Heard(Moments[int]):
    """Notes the moments of an interrupt's way."""

    def __init__(self) -> None:
        self.moments: list[tuple[int, str, int]] = []
        self.ended: ListRegister | None = None

    def line_moved(self, pe: int | None, pintid: int, level: bool) -> None:
        self.moments.append((self.place, "line_moved", pintid))

    def host_acknowledged(self, pe: int, pintid: int, irq: Interrupt | None) -> None:
        self.moments.append((self.place, "host_acknowledged", pintid))

    def host_ended(self, pe: int, register: str, pintid: int) -> None:
        self.moments.append((self.place, "host_ended", pintid))

    def list_register_written(self, pe: int, lr: ListRegister) -> None:
        self.moments.append((self.place, "list_register_written", lr.vintid))

    def entered(self, pe: int) -> None:
        self.moments.append((self.place, "entered", pe))

    def guest_acknowledged(self, pe: int, vintid: int, lr: ListRegister | None, source: int) -> None:
        self.moments.append((self.place, "guest_acknowledged", vintid))

    def guest_ended(self, pe: int, register: str, vintid: int, lr: ListRegister | None) -> None:
        self.moments.append((self.place, "guest_ended", vintid))
        self.ended = lr


def test_moments_tell_an_interrupts_way() -> None:
    s = Scene()
    s.start()
    heard = Heard()
    s.listen(heard)
    first = s.line
    s.raise_line(27)
    s.take(27)
    s.write("ICH_LR0_EL2", lr(27, 27))
    s.write("ICH_HCR_EL2", 1)
    s.read("ICV_IAR1_EL1", 27)
    s.write("ICV_EOIR1_EL1", 27)
    assert [(place - first, moment, of) for place, moment, of in heard.moments] == [
        (1, "line_moved", 27), (2, "host_acknowledged", 27), (3, "host_ended", 27), (4, "list_register_written", 27),
        (6, "entered", 0), (6, "guest_acknowledged", 27), (7, "guest_ended", 27)]
    assert heard.ended is s.chip.virtual[0].lrs[0]
    assert s.replay.different == 0
