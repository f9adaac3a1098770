"""One recording, replayed and judged: status, errors, JSON; and that bad input ends in words."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.trace.recordings import analysed, analysis, lines, path

from vgic.trace.analysis import Analysis
from vgic.trace.source import Source, TraceError
from vgic.view.recording import RecordingReport

BOOT = "v3-boot.core"
EVENT = "gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value 0x3ff"


def boot(end: int = 1000) -> list[str]:
    return list(lines(BOOT)[:end])


# -- what comes out


def test_the_screen_is_100_columns_of_plain_text() -> None:
    for name in (BOOT, "v2-timer.core", "xen-v3.core", "v4-vlpi.core-slice"):
        shown = RecordingReport(analysis(name)).text().splitlines()
        assert [line for line in shown if len(line) > 100] == []
        assert "\N{NO-BREAK SPACE}" not in "".join(shown)
    assert any("27      27        474             474         0" in line for line in RecordingReport(
        analysis("v2-timer.core")).text().splitlines())


def test_json_is_json() -> None:
    found = json.loads(json.dumps(RecordingReport(analysis("v3-timer.core")).json()))
    assert (found["gic"], found["pes"], found["exit_status"], found["errors"]) == (3, 2, 0, [])
    assert found["reads"]["ICH"] == {"predicted": 35003, "compared": 35003}
    assert found["registers"]["ICH_LR0_EL2"]["compared"] > 1000
    assert found["differences"] == {"count": 0, "first": []}
    assert found["diagnosis"] is None
    assert {r["id"]: r["judged"] for r in found["rules"]}[14] == 1480
    assert found["breaches"] == []
    assert len(found["lives"]) == 10
    assert found["lanes"] is None


def test_json_with_lanes_and_breaches(tmp_path: Path) -> None:
    text = boot()
    i = next(n for n, line in enumerate(text) if "icc_eoir_write" in line)
    text.insert(i, text[i])
    found = json.loads(json.dumps(RecordingReport(analysed(tmp_path, text, lanes=30, window=(1, 2000))).json()))
    assert found["exit_status"] == 1
    assert found["breaches"][0] == {
        "rule": 41, "line": i + 2, "what": found["breaches"][0]["what"]}
    assert found["diagnosis"] is None      # a broken rule alone is no reason to doubt a line
    assert found["lanes"]


def test_a_recording_may_come_as_an_opened_source() -> None:
    assert Analysis(Source(path(BOOT))).exit_status == 0


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    Analysis(str(path("v2-timer.core")), progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1][1] == path("v2-timer.core").stat().st_size


def test_most_bounds_what_is_kept(tmp_path: Path) -> None:
    text = [line.replace("value 0x3ff", "value 0x1e") for line in boot()]
    text += ["gicv3_icc_eoir_write GICv3 ICC_EOIR1 write cpu 0x0 value 0x1e"] * 50
    a = analysed(tmp_path, text, most=3)
    assert len(a.judge.breaches) <= 3
    assert sum(c.breaches for c in a.judge.checks) > 3


def test_only_other_lines_and_one_event(tmp_path: Path) -> None:
    a = analysed(tmp_path, ["hello world"] * 1000 + [EVENT])
    assert a.exit_status == 0
    assert a.reader.other["hello"] == 1000
    assert "no interrupt was delivered" in RecordingReport(a).text()


def test_the_configuration_is_found_behind_many_lines_of_qemus_own(tmp_path: Path) -> None:
    noise = "gicv3_cpuif_update GICv3 CPU i/f 0x0 HPPI update: irq 1023 group 0 prio 255"
    a = analysed(tmp_path, [*[noise] * 25_000, *boot(2000)])
    assert a.configuration.options.pes == 2
    assert a.exit_status == 0
    assert a.replay.events == 27_000 - a.reader.other.total() - a.reader.repeats


# -- what can't be read


def test_cut_lines_are_told_with_their_lines_and_the_rest_is_judged(tmp_path: Path) -> None:
    text = boot()
    for i in (100, 200):
        text[i] = text[i][:-12]
    a = analysed(tmp_path, text)
    assert a.exit_status == 2
    assert [b.line for b in a.replay.bad] == [101, 201]
    assert a.errors()[0].startswith(f"{a.file}:101: expected")
    assert a.replay.compared.total() > 200


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    a = analysed(tmp_path, [*boot(), *["gicv3_icc_iar1_read nonsense"] * 500])
    assert a.replay.bad_lines == 500
    assert len(a.replay.bad) == 20
    assert a.errors()[-1] == f"{a.file}: 495 more lines can't be read"


def test_a_last_line_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / "cut"
    file.write_text("\n".join(boot()))
    a = Analysis(str(file))
    assert a.exit_status == 2
    assert a.errors() == [f"{file}:1000: the last line has no end: it may be cut"]


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_xz_is_judged_as_far_as_it_goes(tmp_path: Path, share: float) -> None:
    packed = path("v3-timer.core").read_bytes()
    file = tmp_path / "cut.xz"
    file.write_bytes(packed[:int(len(packed) * share)])
    try:
        a = Analysis(str(file))
    except TraceError as e:
        pytest.fail(f"nothing was judged: {e}")
    assert a.exit_status == 2
    assert a.replay.different == 0
    assert "ends inside a compressed block" in a.errors()[-1]


def test_a_line_without_end_of_ten_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "long"
    file.write_bytes("\n".join(boot()).encode() + b"\n" + b"x" * 10_000_000)
    a = Analysis(str(file))
    assert a.exit_status == 2
    assert a.errors() == [f"{file}:1001: a line longer than 65,536 bytes; a line of a trace is much shorter"]
    file.write_bytes(b"x" * 10_000_000)
    with pytest.raises(TraceError):
        Analysis(str(file))


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, os.urandom(20_000), lzma.compress(b""), b"\xfd7zXZ\x00junk",
                                  b"nothing of interest\n" * 2000, b"# tracer: nop\n"])
def test_what_is_no_recording(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(TraceError) as e:
        Analysis(str(file))
    assert str(e.value).startswith(str(file))


LINE = st.one_of(
    st.sampled_from(lines(BOOT)[:4000]), st.sampled_from(lines("v2-boot.core")[:2000]),
    st.sampled_from(lines("event-samples")), st.text(max_size=80),
    st.builds(lambda line, n, junk: line[:n] + junk, st.sampled_from(lines(BOOT)[:500]), st.integers(0, 120),
              st.text(max_size=5)),
    st.builds("gicv3_{} GICv3 {} {} cpu 0x{:x} value 0x{:x}".format,
              st.sampled_from(["icc_eoir_write", "ich_lr_write", "ich_ap_write", "icv_iar_read", "ich_hcr_write"]),
              st.sampled_from(["ICC_EOIR1", "ICH_LR0_EL2", "ICH_LR15_EL2", "ICH_AP1R3", "ICV_IAR1", "ICH_HCR_EL2"]),
              st.sampled_from(["read", "write"]), st.integers(0, 600), st.integers(0, 2**64 - 1)),
    st.builds("memory_region_ops_{} cpu {} addr 0x{:x} value 0x{:x} size {} name '{}'".format,
              st.sampled_from(["read", "write"]), st.integers(-1, 520),
              st.one_of(st.integers(0x0800_0000, 0x0810_0000), st.integers(0, 2**64 - 1)), st.integers(0, 2**64 - 1),
              st.sampled_from([1, 2, 4, 8]),
              st.sampled_from(["gic_dist", "gic_cpu", "gic_viface", "gic_vcpu", "gicv3_dist",
                               "gicv3_redist_region[0]", "control", "gicv2m", "", "uart"])),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(LINE, max_size=40))
@example(text=["gicv3_icc_generate_sgi GICv3 CPU i/f 0x0 generating SGI 1 IRM 0 target affinity 0x0xx targetlist 0x2",
               "memory_region_ops_read cpu 0 addr 0x8000004 value 0x28 size 4 name 'gic_dist'"])
@example(text=["memory_region_ops_write cpu 0 addr 0x8000000 value 0xffffffffffffffff size 8 name 'gic_cpu'"])
def test_whatever_the_lines_say_it_is_analysed_or_refused(tmp_path: Path, text: list[str]) -> None:
    """Never anything but an analysis or a TraceError; what is found can be shown."""
    try:
        a = analysed(tmp_path, text)
    except TraceError:
        return
    assert a.exit_status in (0, 1, 2)
    json.dumps(RecordingReport(a).json())
    RecordingReport(a).text()
