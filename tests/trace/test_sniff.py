"""What a file is, told from its first lines."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from vgic.trace.sniff import PEEKED, sniff
from vgic.trace.source import Source, TraceError

EVENT = "gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value 0x1b\n"
CONSOLE = "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd034]\n"


def sniffed(folder: Path, data: bytes) -> str:
    path = folder / "file"
    path.write_bytes(data)
    with Source(path) as source:
        return sniff(source)


@pytest.mark.parametrize(
    "text",
    [
        EVENT,
        EVENT.rstrip(),
        "\ufeff" + EVENT,
        EVENT.replace("\n", "\r\n"),
        "1234@1700000000.123456:" + EVENT,
        "1234@1700000000.123456:virtio_notify vdev 0x55\n",
        CONSOLE * 100 + EVENT,
        CONSOLE * 5000 + EVENT,
        "Taking exception 5 [IRQ] on CPU 0\n...from EL1 to EL2\n",
        "x" * (PEEKED[0] - 10) + "\n" + EVENT,
        "cut_off value 0x1\n" + EVENT,
    ],
)
def test_qemu(tmp_path: Path, text: str) -> None:
    assert sniffed(tmp_path, text.encode()) == "qemu"
    assert sniffed(tmp_path, lzma.compress(text.encode())) == "qemu"


@pytest.mark.parametrize(
    "text",
    [
        "# tracer: nop\n#\n# entries-in-buffer/entries-written: 365788/365788   #P:2\n",
        "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n",
        "          <idle>-0       [000] d.h..     1.952542: irq_handler_exit: irq=11 ret=handled\n",
        " qemu-system-aar-123   (    123) [001] ....1    12.345678: kvm_entry: PC: 0xffff\n",
        "cpus=2\n            qemu-123   [000]    12.345678: kvm_entry:            PC: 0xffff\n",
    ],
)
def test_ftrace(tmp_path: Path, text: str) -> None:
    assert sniffed(tmp_path, text.encode()) == "ftrace"
    assert sniffed(tmp_path, (CONSOLE + text).encode()) == "ftrace"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (lzma.compress(b""), "the file is empty"),
        (bytes(range(256)) * 40, "this is a binary file"),
        (b"\x7fELF\x02\x01\x01" + bytes(57), "this is a binary file"),
        (b"\x17\x08\x44tracing6\0", "trace-cmd report"),
        (b"PERFILE2" + bytes(20), "perf script"),
        (b"BZh91AY&SY", "bzip2 is not read"),
        (b"PK\x03\x04rest", "a zip archive is not read"),
        (EVENT.encode("utf-16"), "UTF-16"),
        (bytes.fromhex("ffffffffffffffff"), "this is neither"),
        (b"Dear list,\n\nplease find attached\n", "this is neither a QEMU trace nor ftrace text: none of its first 4"),
    ],
)
def test_neither(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(TraceError) as error:
        sniffed(tmp_path, data)
    assert message in error.value.message
    assert error.value.file == str(tmp_path / "file")


def test_event_too_far_behind_is_not_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="this is neither"):
        sniffed(tmp_path, (CONSOLE * 20_000 + EVENT).encode())


def test_cut_before_anything_can_be_told(tmp_path: Path) -> None:
    packed = lzma.compress((CONSOLE * 5000).encode())
    with pytest.raises(TraceError, match="ends inside a compressed block after"):
        sniffed(tmp_path, packed[:-40])


def test_too_long_a_line(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="this is neither"):
        sniffed(tmp_path, b"x" * 10_000_000)
