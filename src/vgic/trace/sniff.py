"""Tells what a recording is before it is read: QEMU's trace text, ftrace text, or nothing that can be used.

The first line that can only be one of both decides: a log may begin with a guest's console or with lines of other
trace events. What is neither gets an answer that says what the file is and how to get a usable one.
"""

from __future__ import annotations

import re
from typing import Literal

from vgic.trace.ftrace import LINE
from vgic.trace.qemu_lines import FORMS
from vgic.trace.source import Source, TraceError

Format = Literal["qemu", "ftrace"]

PEEKED = (1 << 16, 1 << 20)
"""Bytes looked at: more only where the first did not decide."""

PREFIX = re.compile(r"[0-9]{1,10}@[0-9]{1,12}\.[0-9]{1,9}:")
"""QEMU's `pid@time:` before a trace event (its option `-msg timestamp=on`)."""

_QEMU_LOG = (
    "Taking exception ",
    "Exception return from ",
    "...from EL",
    "...with ESR ",
    "...with ELR ",
    "...to EL",
)
"""Lines of QEMU's `-d int`, which its log mixes with trace events."""

_FTRACE_HEADER = re.compile(r"# tracer: |#\s+TASK-PID\s")

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"\x17\x08Dtracing", "this is trace-cmd's binary file; turn it into text by `trace-cmd report`"),
    (b"PERFILE2", "this is perf's binary file; turn it into text by `perf script`"),
    (bytes.fromhex("a429b40acb77b1f2"), "this is the file of QEMU's `simple` trace backend; record with `log` instead"),
    (bytes.fromhex("f2b177cb0aa429b4"), "this is the file of QEMU's `simple` trace backend; record with `log` instead"),
    (b"BZh", "bzip2 is not read; unpack it, or pack it as xz, gz or zst"),
    (b"PK\x03\x04", "a zip archive is not read; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive is not read; unpack it"),
    (b"\xff\xfe", "this is UTF-16 text; convert it to UTF-8"),
    (b"\xfe\xff", "this is UTF-16 text; convert it to UTF-8"),
)


def sniff(source: Source) -> Format:
    """What the recording is. `source.lines` still yields it from its first line.

    Raises TraceError for an empty file, a binary one, and text that is neither.
    """
    start = source.peek(PEEKED[0])
    for magic, message in _MAGICS:
        if start.startswith(magic):
            raise TraceError(source.name, None, message)
    seen = 0
    for size in PEEKED:
        text = source.peek(size).decode("utf-8", "replace").removeprefix("\ufeff")
        lines = text.split("\n")
        for line in lines[seen:]:
            found = _format_of(line)
            if found:
                return found
        # The last one may have been cut by the peek, so it is looked at again.
        seen = len(lines) - 1
    if source.trouble:
        for _ in source.lines():
            pass  # at its end it raises the error that tells where the file is cut
    if not start:
        raise TraceError(source.name, None, "the file is empty")
    if _is_binary(start):
        raise TraceError(source.name, None, "this is a binary file; a trace is text")
    raise TraceError(
        source.name,
        1,
        f"this is neither a QEMU trace nor ftrace text: none of its first {len(lines):,} lines is an event; QEMU "
        "writes one, as `gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value 0x1b`, with -trace 'gic*' -D FILE",
    )


def _format_of(line: str) -> Format | None:
    prefix = PREFIX.match(line)
    if prefix or line.partition(" ")[0] in FORMS or line.startswith(_QEMU_LOG):
        return "qemu"
    return "ftrace" if _FTRACE_HEADER.match(line) or LINE.match(line) else None


def _is_binary(start: bytes) -> bool:
    """More than one byte in twenty is a control character that no text holds."""
    control = sum(start.count(byte) for byte in range(32) if byte not in b"\t\n\r\b\x1b\f")
    return control * 20 > len(start)
