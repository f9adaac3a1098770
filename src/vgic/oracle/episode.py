"""Episodes: scripts of operations on a GIC, as data and as text.

An episode names a machine and what happens to it after its reset, one operation a line:

    machine gicv3 pes=2 security=off
    seed 42
    1: pe0 el2 write GICD_CTLR 0x12
    2: pe0 el2 write.b GICD_IPRIORITYR8+1 0x80
    3: line 33 high
    4: line 27@1 low                        # the PPI of PE 1
    5: pe0 el2 read ICC_IAR1_EL1
    6: pe0 el2 write ICC_EOIR1_EL1 result 5

`read` and `write` take a size as .b .h .w .x (1, 2, 4, 8 bytes) where it isn't the register's own. `result 5` is what
operation 5 read. Numbers before the colon may be left out where nothing refers to them; `#` begins a comment. The level
is el1, el2, el3 or s-el1 (Secure EL1). `fiq-to-el3 off` (two Security states) runs Non-secure levels with
SCR_EL3.FIQ = 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from vgic.arch.register import UnknownRegister, number
from vgic.oracle.machine import SPIS, MachineOptions
from vgic.oracle.mailbox import Level
from vgic.oracle.registers import Target, target

EL2 = Level(2)
SIZES = {"b": 1, "h": 2, "w": 4, "x": 8}
_SUFFIXES = {size: suffix for suffix, size in SIZES.items()}
_MOST_OPERATIONS = 1_000_000


class EpisodeError(ValueError):
    """An episode that can't be read or done, with its line."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The value that an earlier operation read; `index` counts from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that happens.

    Args:
        kind: an access by a PE, or an input line that changes.
        register: as `vgic.oracle.registers` writes it; empty for a line.
        pe, level: who accesses. For the line of a PPI, pe is whose.
        size: bytes of an access.
        value: what is written.
        intid, high: the line and its new level.
    """

    kind: Literal["read", "write", "line"]
    register: str = ""
    pe: int = 0
    level: Level = EL2
    size: int = 8
    value: int | Reference = 0
    intid: int = 0
    high: bool = False

    def text(self, gic: int) -> str:
        """As a line of a script, without its number. `gic` says how large its register is."""
        if self.kind == "line":
            pe = f"@{self.pe}" if self.intid < 32 else ""
            return f"line {self.intid}{pe} {'high' if self.high else 'low'}"
        t = target(gic, self.register)
        suffix = "" if self.size == t.size else f".{_SUFFIXES[self.size]}"
        line = f"pe{self.pe} {self.level} {self.kind}{suffix} {self.register}"
        if self.kind == "read":
            return line
        if isinstance(self.value, Reference):
            return f"{line} result {self.value.index + 1}"
        return f"{line} {self.value:#x}"


@dataclass(frozen=True, slots=True)
class Episode:
    """A machine, and what happens to it.

    Args:
        options: which machine. seed: of the generator that made the episode, None for one written by hand.
        fiq_to_el3: SCR_EL3.FIQ while a lower level runs Non-secure.
    """

    options: MachineOptions
    operations: tuple[Operation, ...] = ()
    seed: int | None = None
    fiq_to_el3: bool = True
    comment: str = ""

    def text(self) -> str:
        """The script. `parse` reads it back."""
        lines = [f"# {line}".rstrip() for line in self.comment.splitlines()]
        lines.append(f"machine {self.options}")
        if self.seed is not None:
            lines.append(f"seed {self.seed}")
        if self.options.security and not self.fiq_to_el3:
            lines.append("fiq-to-el3 off")
        width = len(str(len(self.operations)))
        lines += [f"{i:>{width}}: {op.text(self.options.gic)}" for i, op in enumerate(self.operations, 1)]
        return "\n".join(lines) + "\n"

    def keeping(self, kept: list[int]) -> Episode:
        """The episode with only the operations of these indices, in order.

        A reference to an operation that is gone has nothing to refer to: its operation goes too.
        """
        new_index: dict[int, int] = {}
        operations: list[Operation] = []
        for i in kept:
            op = self.operations[i]
            if isinstance(op.value, Reference):
                if op.value.index not in new_index:
                    continue
                op = replace(op, value=Reference(new_index[op.value.index]))
            new_index[i] = len(operations)
            operations.append(op)
        return replace(self, operations=tuple(operations))


_MACHINE = re.compile(r"gicv([23]) pes=([1-8]) security=(on|off)")
_ACCESS = re.compile(r"pe(\d) (s-)?el([123]) (read|write)(?:\.([bhwx]))? (\S+)(?: (result )?(\S+))?")
_LINE = re.compile(r"line (\d{1,4})(?:@(\d))? (high|low)")
_NUMBERED = re.compile(r"(\d+):\s*(.*)")


def parse(text: str, name: str = "episode") -> Episode:
    """The episode that a script tells.

    Args:
        text: the script. name: the file's, for errors.

    Raises:
        EpisodeError: with the line, what was expected and what to do.
    """
    return _Parser(name).parse(text)


class _Parser:
    def __init__(self, name: str) -> None:
        self.name = name
        self.at = 0
        self.options: MachineOptions | None = None
        self.seed: int | None = None
        self.fiq_to_el3 = True
        self.labels: dict[int, int] = {}
        self.operations: list[Operation] = []

    def fail(self, message: str) -> EpisodeError:
        return EpisodeError(f"{self.name}:{self.at}: {message}")

    def parse(self, text: str) -> Episode:
        for self.at, raw in enumerate(text.splitlines(), 1):
            line = " ".join(raw.partition("#")[0].split())
            if line:
                self.line(line)
        if self.options is None:
            raise self.fail("no machine: begin with e.g. 'machine gicv3 pes=1 security=off'")
        return Episode(self.options, tuple(self.operations), self.seed, self.fiq_to_el3)

    def line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "machine":
            found = _MACHINE.fullmatch(rest)
            if found is None or self.options is not None:
                raise self.fail("expected one line 'machine gicv2|gicv3 pes=1..8 security=on|off'")
            self.options = MachineOptions(int(found[1]), int(found[2]), found[3] == "on")
        elif word == "seed":
            self.seed = self.number(rest)
        elif line in ("fiq-to-el3 off", "fiq-to-el3 on"):
            self.fiq_to_el3 = rest == "on"
        else:
            self.operation(line)

    def operation(self, line: str) -> None:
        if self.options is None:
            raise self.fail("an operation before the machine: begin with 'machine gicv3 pes=1 security=off'")
        if len(self.operations) >= _MOST_OPERATIONS:
            raise self.fail(f"more than {_MOST_OPERATIONS:,} operations: split the episode")
        numbered = _NUMBERED.fullmatch(line)
        if numbered is not None:
            label, line = int(numbered[1]), numbered[2]
            if label in self.labels:
                raise self.fail(f"number {label} stands twice")
            self.labels[label] = len(self.operations)
        found = _LINE.fullmatch(line)
        if found is not None:
            self.operations.append(self.input_line(int(found[1]), found[2], found[3] == "high"))
            return
        access = _ACCESS.fullmatch(line)
        if access is None:
            raise self.fail(
                f"can't read {line!r}: expected 'peN elM read REGISTER', 'peN elM write REGISTER VALUE' "
                "or 'line INTID high|low'"
            )
        self.operations.append(self.access(access))

    def input_line(self, intid: int, pe: str | None, high: bool) -> Operation:
        if not 16 <= intid < 32 + SPIS:
            raise self.fail(f"INTID {intid} has no line: PPIs are 16 to 31, SPIs 32 to {31 + SPIS}")
        if intid >= 32 and pe is not None:
            raise self.fail(f"INTID {intid} is an SPI: only a PPI's line belongs to a PE (@)")
        return Operation("line", pe=self.pe(int(pe or 0)), intid=intid, high=high)

    def access(self, found: re.Match[str]) -> Operation:
        assert self.options is not None
        pe, secure, el, kind, suffix, register, by_result, value = found.groups()
        t = self.target(register)
        level = Level(int(el), bool(secure))
        if level.el > self.options.resident or (level.secure and (level.el != 1 or not self.options.security)):
            raise self.fail(
                f"{level}: this machine has el1 to el{self.options.resident}"
                + (" and s-el1" if self.options.security else "")
            )
        size = SIZES[suffix] if suffix else t.size
        if t.encoding is not None and size != 8:
            raise self.fail(f"{register} is a system register: it is read and written whole")
        if (kind == "write") != (value is not None):
            raise self.fail(f"expected '{kind} {register}{' VALUE' if kind == 'write' else ''}'")
        written: int | Reference = 0
        if by_result:
            index = self.labels.get(self.number(value))
            if index is None:
                raise self.fail(f"no operation {value} stands above")
            if self.operations[index].kind != "read":
                raise self.fail(f"operation {value} reads nothing")
            written = Reference(index)
        elif value is not None:
            written = self.number(value)
            if written >> 8 * size:
                raise self.fail(f"{value} does not fit {size} bytes")
        return Operation("read" if kind == "read" else "write", register, self.pe(int(pe)), level, size, written)

    def pe(self, pe: int) -> int:
        assert self.options is not None
        if pe >= self.options.pes:
            raise self.fail(f"there is no PE {pe}: the machine has {self.options.pes}")
        return pe

    def target(self, register: str) -> Target:
        assert self.options is not None
        try:
            found = target(self.options.gic, register)
        except (UnknownRegister, ValueError) as e:
            raise self.fail(str(e)) from None
        if "@" in register:
            self.pe(number(register.partition("@")[2]))
        return found

    def number(self, text: str) -> int:
        try:
            return number(text)
        except ValueError as e:
            raise self.fail(str(e)) from None
