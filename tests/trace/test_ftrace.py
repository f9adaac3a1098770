"""ftrace text: every form that kernels and tools print, what is lost, what is no event, and garbage."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.trace.events import BadLine
from vgic.trace.ftrace import LINE, Event, FtraceReader, Lost

HEADER = """# tracer: nop
#
# entries-in-buffer/entries-written: 1000/1234   #P:2
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
"""


def read(folder: Path, text: str) -> tuple[FtraceReader, list[Event | Lost | BadLine]]:
    path = folder / "trace"
    path.write_text(text)
    reader = FtraceReader(path)
    return reader, list(reader)


def one(folder: Path, line: str) -> Event:
    _, (event,) = read(folder, line + "\n")
    assert isinstance(event, Event)
    return event


UPDATE = (0, 27, 1)


@pytest.mark.parametrize(
    ("line", "comm", "pid", "cpu", "interrupting", "time"),
    [
        (" qemu-system-aar-175     [001] d.h..     4.304731: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "qemu-system-aar", 175, 1, True, 4_304_731_000),
        (" qemu-system-aar-175     [001] d....     4.304731: kvm_timer_update_irq: VCPU: 0, IRQ 27, level: 1",
         "qemu-system-aar", 175, 1, False, 4_304_731_000),
        (" qemu-system-aar-175   [001]     4.304731: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "qemu-system-aar", 175, 1, None, 4_304_731_000),
        ("     CPU 0/KVM-4   (    3) [013] d..1.  12.304731123: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "CPU 0/KVM", 4, 13, False, 12_304_731_123),
        ("     CPU 0/KVM-4   (-----) [003] d..1   12.3: kvm:kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "CPU 0/KVM", 4, 3, False, 12_300_000_000),
        ("   a-1 [000]-99  [000] dNh1.   1.000001: kvm_timer_update_irq: level=1 irq=0x1b vcpu_id=0",
         "a-1 [000]", 99, 0, True, 1_000_001_000),
        ("    <...>-4        3d.s1.  12.304731: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "<...>", 4, 3, True, 12_304_731_000),
        ("    <...>-4        0d.h..    3us+: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "<...>", 4, 0, True, 3000),
        ("    <...>-4        0d.h..    3us : kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "<...>", 4, 0, True, 3000),
        ("    <...>-4       [000] 123456: kvm_timer_update_irq: [FAILED TO PARSE] vcpu_id=0 irq=27 level=1",
         "<...>", 4, 0, None, 123456),
        ("    <...>-4       [000] dZ... 1.000000: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1",
         "<...>", 4, 0, False, 1_000_000_000),
    ],
)
def test_forms(tmp_path: Path, line: str, comm: str, pid: int, cpu: int, interrupting: bool | None, time: int) -> None:
    event = one(tmp_path, line)
    assert event[:7] == (1, cpu, pid, comm, time, interrupting, "kvm_timer_update_irq")
    assert event.fields == UPDATE


@pytest.mark.parametrize(
    ("text", "fields", "word"),
    [
        ("kvm_exit: TRAP: HSR_EC: 0x0018 (SYS64), PC: 0x1", (), "TRAP: HSR_EC: 0x0018 (SYS64), PC: 0x1"),
        ("kvm_get_timer_map: VCPU: 1, dv: 1, dp: -1, ep: 0", (1, 1, -1), ""),
        ("kvm_get_timer_map: VCPU: 1, dv: 2, dp: 3, ev: 1, ep: 0", (1, 2, 3), ""),
        ("kvm_timer_save_state:    CTL: 0x000005 CVAL:        0x6d28a6c arch_timer_ctx_index: 1",
         (5, 0x6D28A6C, 1), ""),
        ("kvm_timer_save_state:    CTL: 00000000 CVAL:               0 arch_timer_ctx_index: 0", (0, 0, 0), ""),
        ("kvm_timer_emulate: arch_timer_ctx_index: 0 (should_fire: 1)", (0, 1), ""),
        ("kvm_irq_line: Inject VGIC PPI interrupt (2), vcpu->idx: 3, num: 23, level: 0", (3, 23, 0), ""),
        ("kvm_mmio: mmio unsatisfied-read len 4 gpa 0x800ffe8 val 0x0", (4, 0x800FFE8, 0), "unsatisfied-read"),
        ("kvm_mmio: mmio write len 4 gpa 0x80b0100 val 0x8000000", (4, 0x80B0100, 0x8000000), "write"),
        ("kvm_wfx_arm64: guest executed wfe at: 0xffff", (), "wfe"),
        ("kvm_vcpu_wakeup: poll time 4000 ns, polling valid", (4000,), ""),
        ("kvm_vcpu_wakeup: wait time 4000 ns (max poll 20 ns), polling invalid", (4000,), ""),
        ("irq_handler_entry: irq=12 name=kvm guest vtimer", (12,), "kvm guest vtimer"),
        ("vgic_update_irq_pending: VCPU: 18446744073709551615, IRQ 33, level: 0", (18446744073709551615, 33, 0), ""),
        ("kvm_sys_access: PC: ffffc18 SYS_CTR_EL0 (3,3,0,0,1) read", (), ""),
    ],
)
def test_fields(tmp_path: Path, text: str, fields: tuple[int, ...], word: str) -> None:
    event = one(tmp_path, f"   task-1     [000] .....     1.000000: {text}")
    assert (event.fields, event.word) == (fields, word)


def test_lost_events_in_both_wordings(tmp_path: Path) -> None:
    _, found = read(tmp_path, "CPU:1 [LOST 12 EVENTS]\nCPU:7 [204600 EVENTS DROPPED]\nCPU:3 [EVENTS DROPPED]\n")
    assert found == [Lost(1, 1, 12), Lost(2, 7, 204600), Lost(3, 3, None)]


def test_headers_and_stacks_are_no_events(tmp_path: Path) -> None:
    reader, found = read(tmp_path, HEADER + "cpus=2\n\n => vgic_queue_irq_unlock\n")
    assert found == []
    assert (reader.lines, reader.other, reader.overwritten) == (8, 2, 234)


@pytest.mark.parametrize("text", ["VCPU: 0, IRQ 27, lev", "VCPU: 0, IRQ , level 1", "", "VCPU: x, IRQ 27, level 1"])
def test_an_event_without_its_fields_is_bad(tmp_path: Path, text: str) -> None:
    _, (bad,) = read(tmp_path, f"   task-1     [000] .....     1.000000: kvm_timer_update_irq: {text}\n")
    assert isinstance(bad, BadLine)
    assert bad.line == 1
    assert bad.why.startswith("kvm_timer_update_irq without its ")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    LINE.match(text)
    LINE.match(f"   task-1     [000] .....     1.000000: kvm_timer_update_irq: {text}")


@given(st.integers(1, 60_000), st.sampled_from(["a-", "-1 ", "-1 [", "[000]", "1.", " ", "x-1 [000] ", "\t"]))
def test_long_lines_take_no_long_time(length: int, piece: str) -> None:
    """Backtracking stays near the line's length: this would not come back otherwise."""
    LINE.match(piece * (length // len(piece)))
    LINE.match("   task-1     [000] .....     1.000000: x:" + piece * (length // len(piece)))
