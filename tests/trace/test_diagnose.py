"""Diagnosis: which single line of a recording is wrong, told at that line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.trace.recordings import analysed, lines, path

from vgic.trace import diagnose as module
from vgic.trace.analysis import Analysis
from vgic.trace.configure import configure
from vgic.trace.diagnose import AHEAD, WINDOW, Diagnosis, Recent
from vgic.trace.qemu import QemuReader
from vgic.trace.replay import Replay
from vgic.view.recording import RecordingReport

END = 34_000
"""Lines of v3-timer that are replayed: its guest takes interrupts from line 25,000 on."""


def slice_of(name: str = "v3-timer.core", end: int = END) -> list[str]:
    return list(lines(name)[:end])


def place(text: list[str], *words: str, after: int = 30_000) -> int:
    """The index of the first line with these words."""
    return next(i for i in range(after, len(text)) if all(word in text[i] for word in words))


def told(folder: Path, text: list[str]) -> tuple[Analysis, Diagnosis]:
    a = analysed(folder, text)
    assert a.diagnosis is not None
    return a, a.diagnosis


def test_a_good_recording_needs_none(tmp_path: Path) -> None:
    assert analysed(tmp_path, slice_of()).diagnosis is None


def test_a_doubled_line(tmp_path: Path) -> None:
    text = slice_of()
    i = place(text, "icv_iar_read")
    text.insert(i, text[i])
    a, d = told(tmp_path, text)
    assert (d.kind, d.line, d.agree) == ("doubled", i + 2, AHEAD)
    assert str(d) == f"line {i + 2:,} is doubled; then the next 500 events agree"
    assert a.replay.differences[0].line == i + 2


@pytest.mark.parametrize("words", [("icv_iar_read",), ("icv_eoir_write",), ("lr_write", "ICH_LR0_EL2", "0x7"),
                                   ("icc_dir_write",), ("icc_eoir_write",),
                                   ("redist_set_irq", "interrupt 30", "to 0")])
def test_a_missing_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    text = slice_of()
    i = place(text, *words)
    gone = text.pop(i)
    _, d = told(tmp_path, text)
    assert d.kind == "missing"
    assert d.first <= i + 1 <= d.last
    assert d.first <= d.line <= d.last
    assert f"missing before line {d.line:,}" in str(d)
    value = gone.split()[-1]
    assert d.what.split(" on pe")[0].endswith(value) or "line 30 drops" in d.what


def test_a_missing_sgi(tmp_path: Path) -> None:
    text = slice_of("xen-v3.core", 106_000)
    i = place(text, "generate_sgi", after=104_000)
    del text[i]
    a, d = told(tmp_path, text)
    assert a.replay.differences[0].line == i + 1
    assert d.kind == "missing"
    assert d.first <= i + 1 <= d.last
    assert d.what.startswith("host sends SGI")


def test_two_swapped_lines(tmp_path: Path) -> None:
    text = slice_of()
    i = next(i for i in range(30_000, END) if "lr_write" in text[i] and "0x7" in text[i] and "icv_iar" in text[i + 1])
    text[i], text[i + 1] = text[i + 1], text[i]
    _, d = told(tmp_path, text)
    assert (d.kind, d.line) == ("swapped", i + 1)
    assert f"lines {i + 1:,} and {i + 2:,} are swapped" in str(d)


@pytest.mark.parametrize(("words", "wrong"), [
    (("icv_iar_read",), "0x55"), (("ich_elrsr_read",), "0x9"),
    (("lr_write", "ICH_LR0_EL2", "0x7"), "0x70c0001b0000001a"),
    (("icc_dir_write", "0x1e"), "0x1f"), (("icv_eoir_write",), "0x3"), (("ich_vmcr_read",), "0xf04c0002"),
])
def test_a_changed_value(tmp_path: Path, words: tuple[str, ...], wrong: str) -> None:
    text = slice_of()
    i = place(text, *words)
    right = text[i].split()[-1]
    text[i] = text[i].replace(f"value {right}", f"value {wrong}")
    _, d = told(tmp_path, text)
    assert (d.kind, d.line, d.what) == ("changed", i + 1, right)


def test_a_changed_level(tmp_path: Path) -> None:
    text = slice_of()
    i = place(text, "interrupt 30 level changed to 1")
    text[i] = text[i][:-1] + "0"
    a, d = told(tmp_path, text)
    assert (d.kind, d.line, d.what) == ("changed", i + 1, "level 1")
    assert a.replay.differences[0].line == i + 1


def test_a_write_that_shows_only_later_is_named_though_the_difference_stands_at_the_read(tmp_path: Path) -> None:
    text = slice_of("v2-timer.core", 64_000)
    i = place(text, "addr 0x8011000 value 0x1e", after=60_000)      # GICC_DIR of the timer
    text[i] = text[i].replace("value 0x1e", "value 0x1d")
    a, d = told(tmp_path, text)
    assert a.replay.differences[0].line > i + 40
    assert a.replay.differences[0].what == "GICC_IAR"
    assert (d.kind, d.line, d.what) == ("changed", i + 1, "0x1e")


def test_a_rule_that_breaks_without_a_difference_is_no_reason_to_doubt_a_line(tmp_path: Path) -> None:
    text = slice_of("xen-v3.core", 106_000)
    i = place(text, "icv_eoir_write", after=104_000)
    text.insert(i, text[i])
    a = analysed(tmp_path, text)
    assert a.replay.different == 0
    assert a.judge.breaches[0].rule.id == 14
    assert a.diagnosis is None


def test_a_difference_far_behind_a_broken_rule_is_diagnosed(tmp_path: Path) -> None:
    text = slice_of("xen-v3.core", 106_000)
    i = place(text, "icv_eoir_write", after=102_000)
    text.insert(i, text[i])
    j = place(text, "icv_iar_read", after=i + 2000)
    text.insert(j, text[j])
    a, d = told(tmp_path, text)
    assert a.judge.breaches[0].place == i + 2
    assert (d.kind, d.line) == ("doubled", j + 2)


def test_what_no_single_line_explains_is_not_explained(tmp_path: Path) -> None:
    text = slice_of()
    for i in (place(text, "icv_iar_read"), place(text, "icv_iar_read", after=30_400)):
        text[i] = text[i].replace(text[i].split()[-1], "0x55")
    a = analysed(tmp_path, text)
    assert a.replay.different >= 2
    assert a.diagnosis is None


def test_near_the_end_what_is_left_must_agree(tmp_path: Path) -> None:
    text = slice_of()
    i = place(text, "icv_iar_read", after=END - 300)
    text.insert(i, text[i])
    _, d = told(tmp_path, text)
    assert (d.kind, d.line) == ("doubled", i + 2)
    assert d.agree < 300


def test_it_says_the_same_every_time(tmp_path: Path) -> None:
    text = slice_of()
    del text[place(text, "icc_dir_write")]
    assert told(tmp_path, text)[1] == told(tmp_path, text)[1]


def test_a_budget_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET", 50)
    text = slice_of()
    del text[place(text, "icc_dir_write")]
    a = analysed(tmp_path, text)
    assert a.replay.different
    assert a.diagnosis is None


def test_it_is_shown_under_the_first_difference_and_in_json(tmp_path: Path) -> None:
    text = slice_of()
    i = place(text, "icv_iar_read")
    text.insert(i, text[i])
    a = analysed(tmp_path, text)
    shown = RecordingReport(a).text().splitlines()
    first = next(n for n, line in enumerate(shown) if line.startswith("DIFFERS"))
    assert f"    DIAGNOSIS  line {i + 2:,} is doubled; then the next 500 events agree." in shown[first:first + 5]
    assert [line for line in shown if len(line) > 100] == []
    assert json.loads(json.dumps(RecordingReport(a).json()))["diagnosis"]["line"] == i + 2


def test_the_window_is_bounded() -> None:
    """All that is kept of a long recording: some thousand events."""
    events = list(QemuReader(str(path("v2-timer.core"))))
    chip = configure("", events[:20_000]).chip()
    replay = Replay(chip)
    recent = Recent(chip, replay)
    for event in events:
        recent.before(event)
        replay.feed(event)
        assert len(recent.segments) <= WINDOW // recent.spacing
    assert recent.length == sum(len(segment) for _, segment in recent.segments) <= WINDOW
