"""A recording of a real host analysed whole, and what the command does with such files."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.trace.ftrace_text import Text, analysed

from vgic.cli import main
from vgic.trace.ftrace_analysis import FtraceAnalysis
from vgic.trace.ftrace_state import reason
from vgic.trace.source import Source, TraceError
from vgic.view.ftrace import FtraceReport

SLICE = Path(__file__).parent.parent / "data" / "v3-l1.ftrace-slice.xz"


def slice_lines() -> list[str]:
    with Source(SLICE) as source:
        return [line for block in source.lines() for line in block]


@pytest.fixture(scope="module")
def real() -> FtraceAnalysis:
    return FtraceAnalysis(str(SLICE))


def test_a_hosts_events(real: FtraceAnalysis) -> None:
    assert [(v.number, v.pid) for v in real.vcpus()] == [(0, 175), (1, 176)]
    found = {(real.follow.label(v), why): n for (v, why), n in real.exits.counts.items()}
    lines = slice_lines()
    assert found["vcpu0", "WFx"] == sum("-175 " in line and "(WFx)" in line for line in lines)
    assert found["vcpu1", "IRQ"] == sum("-176 " in line and "kvm_exit: IRQ:" in line for line in lines)
    assert sum(found.values()) == sum(" kvm_exit: " in line for line in lines)
    told = {(where, intid): t for where, intid, t in real.rows()}
    assert told["vcpu0", 27].high == sum("irq_pending: VCPU: 0, IRQ 27, level: 1" in line for line in lines)
    assert told["vcpu0", 27].median == 4_000_000
    assert told["shared", 33].high == 0


def test_its_rules(real: FtraceAnalysis) -> None:
    judged = {c.rule_id: c for c in real.checks}
    assert real.exit_status == 0
    assert all(not c.counts["broken"] for c in real.checks)
    assert judged[23].counts["holds"] == judged[23].judged == 507
    assert judged[9].counts["allowed"] == 88
    assert judged[19].counts["holds"] == 3


def test_text_fits_a_mail(real: FtraceAnalysis) -> None:
    told = FtraceReport(real).text()
    assert max(map(len, told.splitlines())) <= 100
    assert "vcpu1     176" in told
    assert "not in it        " not in told


def test_missing_events_are_named_with_their_command(tmp_path: Path) -> None:
    told = FtraceReport(analysed(tmp_path, Text().load().handler())).text()
    assert "not judged: needs kvm_entry" in told
    assert "-e kvm:kvm_exit" in " ".join(told.split())
    assert "-e irq:irq_handler_entry" not in told
    assert "no vCPU entered its guest" in told


def test_a_line_doubled_in_the_recording_breaks_rule_9(tmp_path: Path) -> None:
    """A real recording, one handler repeated."""
    lines = slice_lines()
    start = [n for n, line in enumerate(lines) if "name=kvm guest vtimer" in line][20]
    end = next(n for n in range(start, len(lines)) if "irq_handler_exit: irq=12" in lines[n])
    broken = lines[:end + 1] + lines[start:end + 1] + lines[end + 1:]
    analysis = analysed(tmp_path, "\n".join(broken) + "\n")
    assert {c.rule_id: c.counts["broken"] for c in analysis.checks} == {9: 1, 19: 0, 20: 0, 23: 0}
    assert analysis.exit_status == 1
    assert f"line {end + 2:,}: " in FtraceReport(analysis).text()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("TRAP: HSR_EC: 0x0018 (SYS64), PC: 0xffff", "SYS64"),
        ("TRAP: ESR_EC: 0x003f, PC: 0xffff", "0x003f"),
        ("IRQ: HSR_EC: 0x0000 (UNKNOWN), PC: 0xffff", "IRQ"),
        ("PC: 0xffff", "not told"),
        ("exit_type=IRQ, PC=0xffff", "exit_type=IRQ"),
    ],
)
def test_reasons(told: str, expected: str) -> None:
    assert reason(told) == expected


def test_pieces_of_a_recording_in_any_order_are_survived(tmp_path: Path) -> None:
    """Cut in the middle, shuffled, doubled, with pieces gone: never an exception, and the text can be told."""
    lines = slice_lines()[:3000]
    for seed in range(20):
        rng = random.Random(seed)
        some = [line for line in lines if rng.random() < 0.5]
        if seed % 2:
            rng.shuffle(some)
        for _ in range(30):
            n = rng.randrange(len(some))
            some[n] = some[n][:rng.randrange(len(some[n]) + 1)] + rng.choice(["", "\x00", "CPU:0 [LOST 1 EVENTS]"])
        analysis = analysed(tmp_path, "\n".join(some) + "\n")
        FtraceReport(analysis).text()
        json.dumps(FtraceReport(analysis).json())


# -- the command


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(SLICE)]) == 0
    assert "ftrace, 2 CPUs, 2 vCPUs" in capsys.readouterr().out
    assert main(["trace", "--json", str(SLICE)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [r["id"] for r in found["rules"]] == [9, 19, 20, 23]


def test_command_refuses_what_belongs_to_qemu(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--lanes", "27", str(SLICE)]) == 2
    assert "--lanes is for QEMU traces" in capsys.readouterr().err


def test_command_tells_bad_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace"
    path.write_text(str(Text().load().enter().event("kvm_timer_update_irq", "VCPU: 0")))
    assert main(["trace", str(path)]) == 2
    assert f"{path}:6: kvm_timer_update_irq without its IRQ" in capsys.readouterr().err


def test_a_header_alone(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no event is in it"):
        analysed(tmp_path, "# tracer: nop\n#\n")
