"""The lanes of one interrupt in a recording."""

from __future__ import annotations

from pathlib import Path

from tests.trace.recordings import Scene, analysed, lines, lr

from vgic.arch.state import PENDING
from vgic.silicon.states import InterruptState, LrState
from vgic.trace.analysis import Analysis
from vgic.trace.events import Access, FrameAccess, LineChange, Msi, Sgi, SysReg, describe
from vgic.trace.lanes import Lanes
from vgic.view.recording import lanes as draw
from vgic.view.recording import told


def drawn(tmp_path: Path, name: str, intid: int, window: tuple[int, int], end: int) -> Analysis:
    return analysed(tmp_path, lines(name)[:end], lanes=intid, window=window)


def test_the_way_of_the_timer_on_a_gicv3(tmp_path: Path) -> None:
    a = drawn(tmp_path, "v3-timer.core", 27, (25_000, 26_000), 26_000)
    assert a.lanes is not None
    rows = [told(row) for row in a.lanes.rows]
    rises = next(n for n, r in enumerate(rows) if (r["what"], r["physical"]) == ("line 27 rises", "P"))
    first = rows[rises]
    assert [tuple(r.values())[2:] for r in rows if r["pe"] == first["pe"] and r["line"] >= first["line"]][:3] == [
        ("line 27 rises", "high", "P", "-", "-"),
        ("host reads ICC_IAR1_EL1 = 0x1b", "high", "PA", "-", "-"),
        ("host writes ICC_EOIR1_EL1 0x1b", "high", "PA", "-", "-")]
    what = {r["what"] for r in rows}
    assert {"hyp writes ICH_LR0_EL2 0x70c0001b0000001b", "guest reads ICV_IAR1_EL1 = 0x1b", "line 27 drops",
            "guest writes ICV_EOIR1_EL1 0x1b"} <= what
    handled = next(r for r in rows if r["what"].startswith("guest reads"))
    assert (handled["physical"][0:1], handled["list_register"], handled["guest"]) == (
        "P", "LR0 A  27 -> 27 HW", "handles")
    ended = next(r for r in rows if r["what"].startswith("guest writes ICV_EOIR1"))
    assert (ended["physical"], ended["list_register"], ended["guest"]) == ("I", "-", "-")


def test_a_gicv2_names_registers_too(tmp_path: Path) -> None:
    a = drawn(tmp_path, "v2-timer.core", 27, (60_000, 60_030), 60_100)
    assert a.lanes is not None
    what = [told(r)["what"] for r in a.lanes.rows]
    assert "host reads GICC_IAR = 0x1b" in what
    assert "hyp writes GICH_LR0 0x9a006c1b" in what
    assert "guest writes GICV_EOIR 0x1b" in what
    assert not any("+0x" in text for text in what)
    assert all(60_000 <= r.event.line <= 60_030 for r in a.lanes.rows)


def test_rows_are_bounded() -> None:
    s = Scene()
    s.start()
    found = Lanes(s.chip, 27, most=3)
    for n in range(10):
        change = LineChange(n + 1, 27, 0, 1 - n % 2)
        s.replay.feed(change)
        found.event(change, "")
    assert len(found.rows) == 3
    assert found.left_out == 7
    assert "... 7 more rows; choose lines with --window FROM:TO" in draw(found)


def test_nothing_happens() -> None:
    s = Scene()
    found = Lanes(s.chip, 27)
    assert draw(found)[-1] == "nothing happens to INTID 27 in these lines"


def test_an_sgi_shows_on_its_target() -> None:
    s = Scene()
    s.start()
    found = Lanes(s.chip, 3)
    sent = Sgi(1, 0, 3, 0, 0, 2)
    s.replay.feed(sent)
    found.event(sent, "")
    (row,) = found.rows
    assert (row.pe, row.event) == (1, sent)
    assert (row.states.line, row.states.physical) == (None, InterruptState(PENDING, True))
    assert (told(row)["what"], told(row)["level"]) == ("host sends SGI 3", "-")


def test_a_software_interrupt_with_its_eoi_bit() -> None:
    s = Scene()
    s.start()
    found = Lanes(s.chip, 40)
    s.listen(found)
    write = SysReg(1, 0, "ICH_LR1_EL2", lr(40, eoi=True), True)
    s.replay.feed(write)
    found.event(write, s.replay.register)
    (row,) = found.rows
    assert row.states.list_registers == (LrState(1, PENDING, 40, eoi=True),)
    assert told(row)["list_register"] == "LR1 P  40 EOI"
    assert told(row)["what"].startswith("hyp writes ICH_LR1_EL2 0x")


def test_every_kind_of_event_has_words() -> None:
    assert describe(SysReg(1, 0, "ICC_EOIR1_EL1", 27, True), "ICC_EOIR1_EL1") == "host writes ICC_EOIR1_EL1 0x1b"
    assert describe(Access(1, 0, 0x0804_000C, 4, 27, False, "gic_vcpu"), "GICV_IAR") == "guest reads GICV_IAR = 0x1b"
    assert describe(FrameAccess(1, "GICH", None, 0, 4, 1, True, None, False), "GICH_HCR") == "hyp writes GICH_HCR 0x1"
    assert describe(FrameAccess(1, "GICD", None, 0, 4, None, False, False, True), "GICD_CTLR") == (
        "host reads GICD_CTLR =")
    assert describe(LineChange(1, 27, 0, 0), "") == "line 27 drops"
    assert describe(Msi(1, 0, 0), "") == "Msi"
