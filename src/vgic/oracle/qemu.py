"""QEMU's side of an episode: operations posted, outcomes brought back."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from types import TracebackType
from typing import NamedTuple

from vgic.arch.machine import VIRT_V2
from vgic.oracle import stub
from vgic.oracle.a64 import Assembler
from vgic.oracle.episode import Operation, Reference
from vgic.oracle.errors import OracleError
from vgic.oracle.lines import Lines
from vgic.oracle.machine import MachineOptions, QemuMachine
from vgic.oracle.mailbox import Level, Mailbox
from vgic.oracle.registers import target


class How(Enum):
    """How an operation ended."""

    DONE = "done"
    UNDEFINED = "UNDEFINED"
    TRAPPED = "trapped to EL2"
    TRAPPED_EL3 = "trapped to EL3"
    ABORTED = "external abort"
    PREEMPTED = "not done: a FIQ for EL3 came first"


class Outcome(NamedTuple):
    """What an operation answered: how it ended, and the value that it read (0 for a write, or if it was not done)."""

    how: How
    value: int = 0

    def __str__(self) -> str:
        return f"{self.value:#x}" if self.how is How.DONE else self.how.value


_EC_UNKNOWN, _EC_SYSTEM = 0x00, 0x18
_EC_ABORTS = (0x24, 0x25)


def how_of(status: int, resident: int) -> How:
    """A stub's status in words; `resident` is the stub's exception level.

    Raises:
        OracleError: a status that no operation on a GIC should give.
    """
    if status == 0:
        return How.DONE
    if status == stub.PREEMPTED:
        return How.PREEMPTED
    cause = status >> 26 & 0x3F
    if cause == _EC_UNKNOWN:
        return How.UNDEFINED
    if cause in _EC_ABORTS:
        return How.ABORTED
    if cause == _EC_SYSTEM:
        return How.TRAPPED_EL3 if resident == 3 and not status & stub.AT_EL2 else How.TRAPPED
    raise OracleError(f"QEMU's stub met an exception that no GIC access causes: status {status:#x}")


class Qemu:
    """A machine that operations can be posted to. Use it as a context manager, or call `close`.

    Args:
        options: which machine. fiq_to_el3: see `Mailbox`.

    Raises:
        OracleAbsent, OracleDied, OracleError: as `QemuMachine`.
    """

    def __init__(self, options: MachineOptions, *, fiq_to_el3: bool = True) -> None:
        self.options = options
        self.home = Level(options.resident)
        self._start(fiq_to_el3)

    def _start(self, fiq_to_el3: bool) -> None:
        self.machine = QemuMachine(self.options)
        self.mailbox = Mailbox(self.machine, fiq_to_el3=fiq_to_el3)
        self._fresh()

    def restart(self) -> None:
        """Another QEMU instead of this one, which died."""
        fiq_to_el3 = self.mailbox.fiq_to_el3
        self.close()
        self._start(fiq_to_el3)

    def _fresh(self) -> None:
        self.lines = Lines(self.mailbox)
        self.lines.prepare()
        if self.options.gic == 2:
            for pe in range(self.options.pes):
                self.mailbox.post(self.mailbox.routine("APRs", _clear_aprs), pe, self.mailbox.flags(self.home))
        self._outside: dict[tuple[int, int], bool] = {}
        self.mailbox.go()
        self.mailbox.wait()

    def reset(self, *, fiq_to_el3: bool | None = None) -> None:
        """The machine as new, all lines low."""
        if fiq_to_el3 is not None:
            self.mailbox.fiq_to_el3 = fiq_to_el3
        for (intid, pe), high in self._outside.items():
            if high:
                self.machine.set_line(intid, False, pe)
        self.mailbox.reset()
        self._fresh()

    def post(self, operation: Operation, results: list[int]) -> int:
        """Post one operation; the result's number.

        Args:
            results: the numbers of the results of the episode's earlier operations, for references.
        """
        mailbox = self.mailbox
        if operation.kind == "line":
            if self.lines.can_drive(operation.intid):
                return self.lines.post(operation.intid, operation.high, operation.pe)
            mailbox.go()
            mailbox.wait()
            self.machine.set_line(operation.intid, operation.high, operation.pe)
            self._outside[operation.intid, operation.pe] = operation.high
            return mailbox.post(mailbox.routine("nothing", lambda a: a.mov(0, 0)), 0, mailbox.flags(self.home))
        t = target(self.options.gic, operation.register)
        flags = mailbox.flags(operation.level)
        value = operation.value
        if operation.kind == "read":
            if t.encoding is not None:
                return mailbox.post(mailbox.read_system(t.encoding), operation.pe, flags)
            return mailbox.post(mailbox.load(operation.size), operation.pe, flags, t.address)
        if isinstance(value, Reference):
            value = mailbox.value_address(results[value.index])
            flags |= 1 << stub.SHIFT_REFERENCE0
        if t.encoding is not None:
            return mailbox.post(mailbox.write_system(t.encoding), operation.pe, flags, value)
        return mailbox.post(mailbox.store(operation.size), operation.pe, flags, value, t.address)

    def outcome(self, operation: Operation, result: int) -> Outcome:
        """What a finished operation answered."""
        how = how_of(self.mailbox.status(result), self.options.resident)
        reads = how is How.DONE and operation.kind == "read"
        return Outcome(how, self.mailbox.value(result) if reads else 0)

    def run(self, operations: Iterable[Operation]) -> list[Outcome]:
        """Do these operations, and return their outcomes. References count from the first of them."""
        done = list(operations)
        results: list[int] = []
        for operation in done:
            results.append(self.post(operation, results))
        self.mailbox.go()
        self.mailbox.wait()
        return [self.outcome(op, r) for op, r in zip(done, results, strict=True)]

    def close(self) -> None:
        self.mailbox.release()
        self.machine.close()

    def __enter__(self) -> Qemu:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _clear_aprs(a: Assembler) -> None:
    """QEMU's arm_gic keeps the active priorities over a reset (deviation v2-apr-not-reset)."""
    gicc, gich = VIRT_V2.frame("GICC"), VIRT_V2.frame("GICH")
    a.mov(0, 0)
    for _, address, size in (*(gicc[f"{apr}{n}"] for n in range(4) for apr in ("APR", "NSAPR")), gich["APR"]):
        a.mov(1, address)
        a.store(0, 1, size)
