"""Reading QEMU's trace text: which lines are events, accesses told twice, and whole recordings."""

from __future__ import annotations

import contextlib
import lzma
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgic.trace.events import (
    EVENT_KINDS,
    Access,
    BadLine,
    Event,
    ExceptionLevel,
    FrameAccess,
    LineChange,
    QemuState,
    Sgi,
    SysReg,
    region_frame,
)
from vgic.trace.qemu import _HINTS, LOOK_AHEAD, OTHER_WORDS, QemuReader, format_event
from vgic.trace.qemu_lines import FORMS
from vgic.trace.source import Source, TraceError

DATA = Path(__file__).parent.parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "traces"
"""More recordings, where they are present beside the repository."""

FIRST = "gic_enable_irq irq 30 enabled"
"""A line that makes any file a trace."""


def unpacked(name: str) -> list[str]:
    return lzma.decompress((DATA / f"{name}.txt.xz").read_bytes()).decode().splitlines()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trace")


def reader(folder: Path, lines: Iterable[str], kinds: set[type[Event]] | None = None) -> QemuReader:
    path = folder / "qemu.log"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return QemuReader(path, kinds)


def events(folder: Path, lines: Iterable[str], kinds: set[type[Event]] | None = None) -> list[Event]:
    return list(reader(folder, lines, kinds))


def one(folder: Path, line: str) -> Event:
    """The one event of a line, which stands in line 2."""
    found = events(folder, [FIRST, line])
    assert len(found) == 2
    assert found[1].line == 2
    return found[1]


HCR_LINE = "gicv3_ich_hcr_write GICv3 ICH_HCR_EL2 write cpu 0x1 value 0xd0001"
HCR = SysReg(2, 1, "ICH_HCR_EL2", 0xD0001, True)
SAMPLES = [line for line in unpacked("event-samples") if line.partition(" ")[0] in FORMS]


def test_pid_and_time_before_the_event(folder: Path) -> None:
    kinds = set(EVENT_KINDS) - {Access}
    plain = events(folder, SAMPLES, kinds)
    assert events(folder, [f"1234@1700000000.123456:{line}" for line in SAMPLES], kinds) == plain
    assert len(plain) > 400


def test_line_ends_of_dos(folder: Path) -> None:
    kinds = set(EVENT_KINDS) - {Access}
    path = folder / "dos.log"
    path.write_bytes("\r\n".join(SAMPLES).encode())
    assert list(QemuReader(path, kinds)) == events(folder, SAMPLES, kinds)


def test_every_line_cut_anywhere_is_an_event_or_told(folder: Path) -> None:
    for line in {line.partition(" ")[0]: line for line in SAMPLES}.values():
        cuts = [line[:length] for length in range(8, len(line) + 1)]
        run = reader(folder, [FIRST, *cuts], {FORMS[line.partition(" ")[0]].kind, QemuState})
        assert [event.line for event in run] == list(range(1, len(cuts) + 2))
        assert not run.other


def test_every_line_doubled_is_told(folder: Path) -> None:
    doubled = [line + line for line in SAMPLES]
    found = events(folder, doubled)
    assert {type(event) for event in found} == {BadLine}
    assert [event.line for event in found] == list(range(1, len(doubled) + 1))


def test_last_line_without_end(folder: Path) -> None:
    path = folder / "cut.log"
    path.write_text(f"{FIRST}\n{HCR_LINE}")
    run = QemuReader(path)
    assert list(run)[1:] == [HCR]
    assert run.unterminated
    path.write_text(f"{FIRST}\n{HCR_LINE[:40]}")
    assert isinstance(list(QemuReader(path))[1], BadLine)
    path.write_text(f"{FIRST}\n{HCR_LINE[:14]}")
    event = list(QemuReader(path))[1]
    assert isinstance(event, BadLine)
    assert "the line is cut" in event.why


LOG = [
    "Taking exception 5 [IRQ] on CPU 0",
    "...from EL1 to EL2",
    "...with ESR 0x17/0x5e000000",
    "smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC",
    "",
    "[    0.000000] GICv3: 256 SPIs implemented \u00e9",
    "gicv3_of_the_future GICv3 something 0x1",
]


def test_other_lines_are_counted(folder: Path) -> None:
    run = reader(folder, [*LOG, FIRST, *LOG])
    assert [type(event) for event in run] == [ExceptionLevel, QemuState, ExceptionLevel]
    assert run.lines == 15
    words = ["Taking", "...with", "smmuv3_cmdq_opcode", "", "[", "gicv3_of_the_future"]
    assert run.other == dict.fromkeys(words, 2)
    assert run.counts == {"gic_enable_irq": 1}
    assert run.kinds == {QemuState: 1, ExceptionLevel: 2}


def test_other_words_are_bounded(folder: Path) -> None:
    run = reader(folder, ["w" * 1000, FIRST, *(f"word{n}" for n in range(5000))])
    assert len(list(run)) == 1
    assert len(run.other) == OTHER_WORDS + 1
    assert sum(run.other.values()) == 5001
    assert max(map(len, run.other)) == 40


@pytest.mark.parametrize("front", ["debian login: ", "gicv3_ich_l", "gicv3_ich_unknown ", "x" * 3000])
def test_event_behind_other_text_is_told(folder: Path, front: str) -> None:
    event = one(folder, front + HCR_LINE)
    assert isinstance(event, BadLine)
    assert "the event gicv3_ich_hcr_write stands behind other text" in event.why
    # Only a wanted event is missed, and text that merely names one is none.
    assert events(folder, [FIRST, front + HCR_LINE], {Access}) == []
    assert len(events(folder, [FIRST, f"-trace {HCR_LINE.split()[0]} -D file"])) == 1


def test_trace_of_nothing_but_an_event_behind_other_text(folder: Path) -> None:
    assert [type(event) for event in events(folder, [f"1@1.1:x {HCR_LINE}"])] == [BadLine]


@pytest.mark.parametrize("word", FORMS)
def test_event_of_every_name_is_found_behind_other_text(folder: Path, word: str) -> None:
    line = next((line for line in SAMPLES if line.startswith(f"{word} ")), None)
    assert re.match("|".join(_HINTS), f"{word} ")
    if line:
        assert isinstance(one(folder, f"# {line}"), BadLine)


def test_kinds_that_are_not_wanted_are_counted(folder: Path) -> None:
    lines = [*SAMPLES, "gicv3_ich_hcr_write GICv3 broken", "gic_set_irq broken"]
    run = reader(folder, lines, {SysReg})
    found = list(run)
    everything = [e for e in events(folder, lines) if type(e) is SysReg or "gicv3_ich" in str(e)]
    assert found == everything
    assert type(found[-1]) is BadLine
    assert sum(run.counts.values()) == run.lines == len(lines)
    assert run.kinds == Counter(map(type, found))


# Accesses told twice.

READ = "memory_region_ops_read cpu {} addr 0x800{:04x} value {:#x} size 4 name 'gicv3_dist'"
READ_FRAME = "gicv3_dist_read GICv3 distributor read: offset {:#x} data {:#x} size 4 secure 0"
WRITE = "memory_region_ops_write cpu {} addr 0x800{:04x} value {:#x} size 4 name 'gicv3_dist'"
WRITE_FRAME = "gicv3_dist_write GICv3 distributor write: offset {:#x} data {:#x} size 4 secure 0"


def kinds_and_lines(found: Iterable[Event]) -> list[tuple[str, int]]:
    return [(type(event).__name__, event.line) for event in found]


def test_read_told_twice_is_one(folder: Path) -> None:
    run = reader(folder, [READ_FRAME.format(4, 7), READ.format(0, 4, 7)])
    assert list(run) == [Access(2, 0, 0x8000004, 4, 7, False, "gicv3_dist")]
    assert run.repeats == 1


def test_write_told_twice_is_one_whatever_stands_between(folder: Path) -> None:
    run = reader(folder, [WRITE.format(1, 4, 7), *[FIRST] * 500, WRITE_FRAME.format(4, 7)])
    found = list(run)
    assert found[0] == Access(1, 1, 0x8000004, 4, 7, True, "gicv3_dist")
    assert kinds_and_lines(found[1:]) == [("QemuState", n) for n in range(2, 502)]
    assert run.repeats == 1


def test_refused_read_told_twice_is_one(folder: Path) -> None:
    bad = "gicv3_dist_badread GICv3 distributor read: offset 0xc size 4 secure 0: error"
    assert kinds_and_lines(events(folder, [bad, READ.format(0, 12, 0)])) == [("Access", 2)]


def test_one_form_alone_is_all_kept(folder: Path) -> None:
    accesses = [READ.format(0, 4, 7), WRITE.format(0, 4, 7)] * 3
    frames = [READ_FRAME.format(4, 7), WRITE_FRAME.format(4, 7)] * 3
    assert kinds_and_lines(events(folder, accesses)) == [("Access", n) for n in range(1, 7)]
    assert kinds_and_lines(events(folder, frames)) == [("FrameAccess", n) for n in range(1, 7)]
    assert events(folder, [*frames, *accesses], {FrameAccess}) == events(folder, frames)


def test_forms_that_change_within_a_recording(folder: Path) -> None:
    alone = [READ_FRAME.format(4, 7), WRITE_FRAME.format(4, 7)]
    both = [READ_FRAME.format(8, 9), READ.format(0, 8, 9), WRITE.format(0, 8, 9), WRITE_FRAME.format(8, 9)]
    run = reader(folder, [*alone, *both, *alone, *both])
    assert kinds_and_lines(run) == [
        ("FrameAccess", 1),
        ("FrameAccess", 2),
        ("Access", 4),
        ("Access", 5),
        ("FrameAccess", 7),
        ("FrameAccess", 8),
        ("Access", 10),
        ("Access", 11),
    ]
    assert run.repeats == 4


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_cpus_that_run_in_parallel(folder: Path, order: tuple[int, int]) -> None:
    reads = [READ.format(0, 4, 7), READ.format(1, 8, 9)]
    writes = [WRITE_FRAME.format(4, 1), WRITE_FRAME.format(8, 2)]
    lines = [READ_FRAME.format(4, 7), READ_FRAME.format(8, 9), *(reads[n] for n in order)]
    lines += [WRITE.format(0, 4, 1), WRITE.format(1, 8, 2), *(writes[n] for n in order)]
    assert kinds_and_lines(events(folder, lines)) == [("Access", n) for n in (3, 4, 5, 6)]


@pytest.mark.parametrize(
    "access",
    [
        READ.format(0, 8, 7),
        READ.format(0, 4, 8),
        READ.format(0, 4, 7).replace("size 4", "size 8"),
        READ.format(0, 4, 7).replace("gicv3_dist", "control"),
        WRITE.format(0, 4, 7),
    ],
)
def test_another_access_is_no_repeat(folder: Path, access: str) -> None:
    assert kinds_and_lines(events(folder, [READ_FRAME.format(4, 7), access])) == [("FrameAccess", 1), ("Access", 2)]


def test_write_is_over_with_the_next_access_of_its_cpu(folder: Path) -> None:
    frame = WRITE_FRAME.format(4, 7)
    write, other = WRITE.format(0, 4, 7), READ.format(0, 8, 9)
    assert kinds_and_lines(events(folder, [write, other, frame]))[-1] == ("FrameAccess", 3)
    assert kinds_and_lines(events(folder, [write, other.replace("cpu 0", "cpu 1"), frame]))[-1] == ("Access", 2)
    assert kinds_and_lines(events(folder, [write, frame, frame]))[-1] == ("FrameAccess", 3)


def test_interface_of_another_cpu_is_no_repeat(folder: Path) -> None:
    access = "memory_region_ops_read cpu {} addr 0x801000c value 0x1b size 4 name 'gic_cpu'"
    frame = "gic_cpu_read cpu 0 iface read at 0x0000000c: 0x0000001b"
    assert kinds_and_lines(events(folder, [frame, access.format(0)])) == [("Access", 2)]
    assert kinds_and_lines(events(folder, [frame, access.format(1)])) == [("FrameAccess", 1), ("Access", 2)]


def test_region_without_a_name_repeats_too(folder: Path) -> None:
    assert kinds_and_lines(events(folder, [READ_FRAME.format(4, 7), READ.format(0, 4, 7)[:-18]])) == [("Access", 2)]


@pytest.mark.parametrize(("between", "repeats"), [(LOOK_AHEAD - 1, 1), (LOOK_AHEAD, 0)])
def test_look_ahead_ends(folder: Path, between: int, repeats: int) -> None:
    lines = [READ_FRAME.format(4, 7), *[FIRST] * between, READ.format(0, 4, 7)]
    run = reader(folder, lines)
    assert [event.line for event in run] == list(range(1 + repeats, len(lines) + 1))
    assert run.repeats == repeats


@pytest.mark.parametrize("name", ["v2-timer.full-slice", "v3-timer.full-slice"])
def test_full_recording_tells_each_access_once(folder: Path, name: str) -> None:
    lines = unpacked(name)
    accesses = [line for line in lines if line.startswith("memory_region_ops_")]
    told = {"gic_dist", "gic_cpu", "gic_hyp", "gicv3_dist", "gicv3_redist", "gicv3_its"}
    frames = [line for line in lines if line.partition(" ")[0].rpartition("_")[0].replace("bad", "") in told]
    run = reader(folder, lines)
    found = [event for event in run if isinstance(event, Access | FrameAccess)]
    assert all(isinstance(event, Access) for event in found)
    assert len(found) == len(accesses)
    assert run.repeats == len(frames) > 100
    # Without the accesses each frame's line counts; without the frames nothing repeats.
    rest = [line for line in lines if line not in set(accesses)]
    run = reader(folder, rest)
    assert Counter(map(type, run))[FrameAccess] == len(frames)
    assert run.repeats == 0


# Whole recordings.

LOG_WORDS = {"##", "...from", "...handled", "...to", "...with", "Exception", "Taking", "smmuv3_cmdq_opcode"}
RECORDINGS = sorted(DATA.glob("*.txt.xz"))
MORE = [path for path in sorted(SHARED.glob("*.xz")) if ".core." in path.name and not (DATA / path.name).exists()]


@pytest.mark.parametrize("path", [*RECORDINGS, *MORE, *SHARED.glob("event-samples.txt")], ids=lambda path: path.name)
def test_recordings_are_read_wholly(path: Path) -> None:
    run = QemuReader(path)
    order = bad = 0
    for event in run:
        assert event.line > order
        order = event.line
        bad += type(event) is BadLine
    assert bad == 0
    assert run.other.keys() <= LOG_WORDS
    assert sum(run.kinds.values()) + run.repeats + sum(run.other.values()) == run.lines
    assert run.position == run.total
    assert not run.unterminated


def test_samples_of_all_kinds_are_read() -> None:
    run = QemuReader(DATA / "event-samples.txt.xz")
    kinds = {type(event) for event in run}
    assert kinds == set(EVENT_KINDS) - {BadLine}
    assert set(run.counts) | {word for word in run.other if "_" in word} >= {
        line.partition(" ")[0] for line in unpacked("event-samples") if line.partition(" ")[0] in FORMS
    }


def test_v3_timer_holds_what_is_known_of_it() -> None:
    """Counts by `xzcat v3-timer.core.txt.xz | cut -d' ' -f1 | sort | uniq -c`."""
    run = QemuReader(DATA / "v3-timer.core.txt.xz", {SysReg, LineChange, Sgi, Access})
    registers = Counter((event.register, event.write) for event in run if isinstance(event, SysReg))
    assert registers["ICC_IAR1_EL1", False] == 6525
    assert registers["ICV_IAR1_EL1", False] == 1481
    assert registers["ICH_AP0R0_EL2", False] + registers["ICH_AP1R0_EL2", False] == 12484
    assert registers["ICH_ELRSR_EL2", False] == 2591
    assert sum(registers[f"ICH_LR{n}_EL2", False] for n in range(16)) == 1199
    assert run.kinds[LineChange] == 12848
    assert run.kinds[Sgi] == 1532
    assert run.kinds[Access] == 7519
    assert run.lines == 155843


def test_regions_have_frames() -> None:
    regions = {event.region for name in RECORDINGS for event in QemuReader(name, {Access}) if isinstance(event, Access)}
    assert {region: region_frame(region) for region in regions} == {
        "gic_dist": "GICD",
        "gic_cpu": "GICC",
        "gic_vcpu": "GICV",
        "gic_viface": "GICH",
        "gicv2m": "V2M",
        "gicv3_dist": "GICD",
        "gicv3_redist_region[0]": "GICR",
        "control": "GITS",
        "translation": "GITS_TRANSLATER",
    }
    assert region_frame("virtio-net-pci") is None


# What is no trace.


def test_ftrace_is_told(folder: Path) -> None:
    path = folder / "trace.txt"
    path.write_text("# tracer: nop\n#\n")
    with pytest.raises(TraceError) as error:
        QemuReader(path)
    assert str(error.value) == (
        f"{path}:1: this looks like ftrace text; expected the text of a QEMU trace here"
    )


def test_log_without_any_event(folder: Path) -> None:
    with pytest.raises(TraceError, match="no event of an interrupt controller in 3 lines"):
        events(folder, ["Taking exception 5 [IRQ] on CPU 0"] * 3)


def test_cut_file_yields_its_events_first(folder: Path) -> None:
    packed = (DATA / "v3-boot.core.txt.xz").read_bytes()
    whole = list(QemuReader(DATA / "v3-boot.core.txt.xz"))
    path = folder / "cut.xz"
    path.write_bytes(packed[:3000])
    found: list[Event] = []
    with pytest.raises(TraceError, match=r"inside a compressed block after [1-9]"):
        found.extend(QemuReader(path))
    assert 0 < len(found) < len(whole)
    assert found == whole[: len(found)]


def test_reader_takes_an_opened_source_and_closes_it() -> None:
    source = Source(DATA / "v3-boot.core.txt.xz")
    assert len(list(QemuReader(source))) == 8139
    with pytest.raises(ValueError, match="closed"):
        source._read()


def test_recorded_lines_are_written_the_same() -> None:
    lines = unpacked("v3-boot.core")
    run = QemuReader(DATA / "v3-boot.core.txt.xz", {Access, SysReg, LineChange})
    written = {event.line: format_event(event) for event in run if isinstance(event, Access | SysReg | LineChange)}
    assert len(written) > 6000
    assert all(lines[number - 1] == line for number, line in written.items())


# Hostile input.


def read_or_error(path: Path) -> None:
    with contextlib.suppress(TraceError):
        lines = [event.line for event in QemuReader(path)]
        assert lines == sorted(lines)


@settings(deadline=None)
@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"gic_enable_irq irq 30 enabled\n", b"1@2.3:"]))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(head + data)
    read_or_error(path)


@settings(deadline=None)
@given(
    line=st.sampled_from(SAMPLES),
    place=st.integers(0, 120),
    length=st.integers(0, 20),
    noise=st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12),
    number=st.integers(1, 400),
)
def test_mutated_lines(
    tmp_path_factory: pytest.TempPathFactory, line: str, place: int, length: int, noise: str, number: int
) -> None:
    """Whatever is made of a line, all others are read as before, and what comes of it bears its number."""
    mutated = line[:place] + noise + line[place + length :]
    lines = [FIRST] * (number - 1) + [mutated] + [FIRST] * 3
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    run = QemuReader(path)
    found = list(run)
    assert run.lines == len(lines)
    untouched = [event for event in found if event.line != number]
    assert [event.line for event in untouched] == [n for n in range(1, len(lines) + 1) if n != number]
    assert len(found) + sum(run.other.values()) == len(lines)


def test_a_read_printed_sign_extended_is_cut_to_its_size_and_counted(folder: Path) -> None:
    """QEMU's arm_gic gives a signed number; a value that is too wide in another way stays."""
    read = "memory_region_ops_read cpu 0 mr 0x1 addr 0x8000420 value {:#x} size {} name 'gic_dist'"
    lines = [read.format(0xFFFF_FFFF_A0A0_A0A0, 4), read.format(0xA0A0_A0A0, 4), read.format(0xFFFF_FFFF_20A0_A0A0, 4),
             read.format(0x1_A0A0_A0A0, 4), read.format(0xFFFF_FFFF_FFFF_FF80, 1), read.format((1 << 64) - 1, 8),
             read.format(0xFFFF_FFFF_A0A0_A0A0, 4).replace("_read", "_write")]
    it = reader(folder, lines)
    assert [e.value for e in it if isinstance(e, Access)] == [
        0xA0A0_A0A0, 0xA0A0_A0A0, 0xFFFF_FFFF_20A0_A0A0, 0x1_A0A0_A0A0, 0x80, (1 << 64) - 1, 0xFFFF_FFFF_A0A0_A0A0]
    assert it.sign_extended == 2
