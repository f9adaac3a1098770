"""Reads ftrace text: tracefs `trace` and `trace_pipe`, and `trace-cmd report`, of any kernel.

A line tells the task, its CPU, in most forms a few flags, a time, the event's name and the event's own text:

    qemu-system-aar-175     [001] d.h..     4.304731: kvm_timer_update_irq: VCPU: 0, IRQ 27, level 1

The task's name may hold blanks and dashes, its thread group may follow in parentheses, the flags may be left out, CPU
and flags may stand together (`1d.h..`, the latency format), times are in seconds (kept in nanoseconds) or, without a
dot, in the ticks of another trace clock. Of the event's own text the reader takes the fields that analyses use, by
their names and not by their place, so that kernels that print `level: 1`, `level 1` or `level=1` read alike.

Lines are read one at a time and nothing is kept. A `CPU:1 [LOST 12 EVENTS]` or `CPU:1 [12 EVENTS DROPPED]` becomes a
`Lost`; an event whose fields can't be read becomes a `BadLine`; other lines (headers, stacks) are counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from vgic.trace.events import BadLine
from vgic.trace.source import Source


class Event(NamedTuple):
    """One event.

    Attributes:
        line: of the recording, from 1. cpu, pid, comm: where, and in which task. time: nanoseconds.
        interrupting: whether the event happened in an interrupt or a softirq that borrows the task; None: not told.
        name: of the event, without its system. text: what follows.
        fields: its numbers, those of FIELDS. word: its word, that of WORDS; '' where it has none.
    """

    line: int
    cpu: int
    pid: int
    comm: str
    time: int
    interrupting: bool | None
    name: str
    text: str
    fields: tuple[int, ...]
    word: str


class Lost(NamedTuple):
    """Events of one CPU are missing here: `events` of them, None where the recording doesn't say."""

    line: int
    cpu: int
    events: int | None


def _field(names: str, pattern: str = r"-?(?:0x[0-9a-fA-F]{1,16}|\d{1,20})") -> re.Pattern[str]:
    return re.compile(rf"(?:^|[^\w.>])(?:{names})\s?[:=]?\s{{0,20}}({pattern})(?!\w)")


_VCPU = ("vCPU", _field("VCPU|vcpu->idx|vcpu_idx|vcpu_id|vcpu"))
_IRQ = ("IRQ", _field("IRQ|irq"))
_LEVEL = ("level", _field("level"))
_CTX = ("timer's index", _field("arch_timer_ctx_index|timer_idx"))
_REGISTERS = (("CTL", _field("CTL|ctl")), ("CVAL", _field("CVAL|cval")), _CTX)

FIELDS: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "vgic_update_irq_pending": (_VCPU, _IRQ, _LEVEL),
    "kvm_timer_update_irq": (_VCPU, _IRQ, _LEVEL),
    "kvm_get_timer_map": (_VCPU, ("dv", _field("dv|direct_vtimer")), ("dp", _field("dp|direct_ptimer"))),
    "kvm_timer_save_state": _REGISTERS,
    "kvm_timer_restore_state": _REGISTERS,
    "kvm_timer_emulate": (_CTX, ("should_fire", _field("should_fire"))),
    "kvm_timer_hrtimer_expire": (_CTX,),
    "kvm_irq_line": (_VCPU, ("num", _field("num|irq_num")), _LEVEL),
    "kvm_mmio": (("len", _field("len")), ("gpa", _field("gpa")), ("val", _field("val"))),
    "kvm_vcpu_wakeup": (("time", _field("time|ns")),),
    "kvm_halt_poll_ns": (_VCPU,),
    "irq_handler_entry": (_IRQ,),
    "irq_handler_exit": (_IRQ,),
}
"""The fields read of each event that an analysis knows: what each is, and how it is found; in `Event.fields`' order."""

_WFX = ("WFI or WFE", re.compile(r"(wfi|wfe|is_wfe=0|is_wfe=1)"))

WORDS: dict[str, tuple[str, re.Pattern[str]]] = {
    "kvm_mmio": ("direction", re.compile(r"(unsatisfied-read|read|write)")),
    "kvm_wfx_arm64": _WFX,
    "kvm_wfx": _WFX,
    "irq_handler_entry": ("name", re.compile(r"name[=:]\s{0,20}(\S.{0,80}?)\s*$")),
    "kvm_exit": ("reason", re.compile(r"\s*(.{0,300})")),
}
"""The word read of an event."""

LINE = re.compile(
    r"\s*(?P<comm>\S.{0,80}?)-(?P<pid>\d{1,10})\s+(?:\(\s*[-\d]+\)\s+)?"
    r"(?:\[(?P<cpu>\d{1,5})\]\s+(?:(?P<flags>[^\s\d]\S{2,7})\s+)?|(?P<lcpu>\d{1,5})(?P<lflags>[a-zA-Z.#]\S{2,7})\s+)"
    r"(?P<time>\d{1,19}(?:\.\d{1,9})?(?:us)?)\s?[$@*#!+]?\s?:\s+(?P<name>(?:\w+:)?[A-Za-z_]\w*):(?P<text>.*)")
"""An event's line, in both forms."""

_LOST = re.compile(r"\s*CPU:\s?(\d{1,5})\s+\[(?:LOST\s+)?(\d{1,19})?\s*EVENTS(?:\s+DROPPED)?\]")
_BUFFER = re.compile(r"# entries-in-buffer/entries-written:\s*(\d{1,19})/(\d{1,19})")
_INTERRUPT_FLAGS = frozenset("hHzZs")
_NAMES_KEPT = 4096


def _time(text: str) -> int:
    if text.endswith("us"):
        return int(float(text[:-2]) * 1000)
    seconds, dot, fraction = text.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")) if dot else int(text)


class FtraceReader:
    """The events of an ftrace recording, in the file's order; iterated once.

    Attributes:
        lines: read so far. counts: events by name. other: lines that are no events. cpus: seen.
        overwritten: events that the ring buffer's header says are gone from the start; 0 where it says none.
        first_time: the first event's time, as it stands there.

    Iterating raises TraceError where the file is cut or damaged, after all whole lines before.
    """

    def __init__(self, source: str | os.PathLike[str] | Source) -> None:
        self.source = source if isinstance(source, Source) else Source(source)
        self.lines = 0
        self.counts: dict[str, int] = {}
        self.other = 0
        self.cpus: set[int] = set()
        self.overwritten = 0
        self.first_time = ""

    def __iter__(self) -> Iterator[Event | Lost | BadLine]:
        with self.source:
            for block in self.source.lines():
                for line in block:
                    self.lines += 1
                    found = self._event(line)
                    if found is not None:
                        yield found

    def _event(self, line: str) -> Event | Lost | BadLine | None:
        match = LINE.match(line)
        if match is None:
            return self._other(line)
        comm, pid, cpu, flags, latency_cpu, latency_flags, time, name, text = match.groups()
        if latency_cpu is not None:
            cpu, flags = latency_cpu, latency_flags
        name = name.rpartition(":")[2]
        if name not in self.counts and len(self.counts) >= _NAMES_KEPT:
            name = "others"
        self.counts[name] = self.counts.get(name, 0) + 1
        where = int(cpu)
        self.first_time = self.first_time or time
        self.cpus.add(where)
        fields: list[int] = []
        for what, pattern in FIELDS.get(name, ()):
            value = pattern.search(text)
            if value is None:
                return BadLine(self.lines, _printable(line), f"{name} without its {what}")
            number = value.group(1)
            fields.append(int(number, 16 if "x" in number else 10))
        word = ""
        if name in WORDS:
            what, pattern = WORDS[name]
            value = pattern.search(text)
            if value is None:
                return BadLine(self.lines, _printable(line), f"{name} without its {what}")
            word = value.group(1)
        interrupting = flags[2] in _INTERRUPT_FLAGS if flags is not None else None
        return Event(self.lines, where, int(pid), comm, _time(time), interrupting, name, text, tuple(fields), word)

    def _other(self, line: str) -> Lost | None:
        lost = _LOST.match(line)
        if lost is not None:
            return Lost(self.lines, int(lost.group(1)), int(lost.group(2)) if lost.group(2) else None)
        buffer = _BUFFER.match(line)
        if buffer is not None:
            self.overwritten = max(0, int(buffer.group(2)) - int(buffer.group(1)))
        elif line.strip() and not line.startswith("#"):
            self.other += 1
        return None


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line[:200].strip())
