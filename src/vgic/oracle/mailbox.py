"""Operations to the stub and results back, through shared RAM.

`post` puts one operation into the ring and says where its result will stand; `go` publishes what was posted; `wait`
returns when all of it is done. Between `go` and `wait` Python may work while QEMU does, so a caller that prepares the
next batch meanwhile keeps both busy.

A *routine* is the code of an operation. The common ones are here: a system register read or written, a load or a
store of 1, 2, 4 or 8 bytes, and a *probe*, which reads many registers at once.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vgic.arch.machine import VIRT_V2
from vgic.arch.register import Encoding
from vgic.oracle import a64, stub
from vgic.oracle.a64 import Assembler
from vgic.oracle.errors import OracleError
from vgic.oracle.machine import QemuMachine

_STUCK_SECONDS = 20.0
_SPINS = 300
_NAP = 50e-6


class Level(NamedTuple):
    """Where an operation runs: an exception level, and the Security state below EL3."""

    el: int
    secure: bool = False

    def __str__(self) -> str:
        return f"{'s-' if self.secure and self.el < 3 else ''}el{self.el}"


class System(NamedTuple):
    """A system register, for a probe."""

    encoding: Encoding


class Memory(NamedTuple):
    """A memory-mapped register, for a probe."""

    address: int
    size: int = 4


class Mailbox:
    """The ring of one machine.

    Args:
        machine: a started machine; the mailbox lets its PEs run.
        fiq_to_el3: SCR_EL3.FIQ while a lower level runs Non-secure: a pending group 0 or Secure group 1 interrupt is
            then EL3's, and Non-secure priorities are shown in the Non-secure view (IHI 0069 4.8.6). Secure EL1 always
            runs with SCR_EL3.FIQ = 0.
    """

    def __init__(self, machine: QemuMachine, *, fiq_to_el3: bool = True) -> None:
        self.machine = machine
        self.fiq_to_el3 = fiq_to_el3
        self._words = memoryview(machine.ram).cast("Q")
        self._pack = struct.Struct(stub.FORMAT).pack_into
        self._routines: dict[object, int] = {}
        self._next_routine = stub.ROUTINES
        self._start()

    def _start(self) -> None:
        self._posted = self._published = 0
        self._next_out = stub.RESULTS
        base = (stub.MAILBOX - stub.RAM) // 8
        words = {stub.HEAD: 0, stub.TAIL: 0, stub.PES: self.machine.options.pes}
        words[stub.GICC_PMR] = VIRT_V2.frame("GICC")["PMR"].address if self.machine.options.gic == 2 else 0
        words |= {stub.PRESENT + 8 * pe: 0 for pe in range(8)}
        for offset, value in words.items():
            self._words[base + offset // 8] = value
        self.machine.cont()
        self._until(lambda: all(self._words[base + stub.PRESENT // 8 + pe] for pe in range(self.machine.options.pes)))

    def reset(self) -> None:
        """Reset the whole machine; every PE is back in the stub. Results of before are gone."""
        self.machine.reset()
        self._start()

    # Routines

    def routine(self, key: object, build: Callable[[Assembler], None]) -> int:
        """The address of a routine; `build` writes it at its first use, without its final RET.

        Raises:
            OracleError: there is no room for more code.
        """
        address = self._routines.get(key)
        if address is None:
            address = self._next_routine
            a = Assembler(address)
            build(a)
            a.word(a64.RET)
            a.align(16)
            code = a.code()
            self._next_routine += len(code)
            if self._next_routine > stub.MAILBOX:
                raise OracleError("the oracle's routines do not fit their memory any more: reuse probes")
            at = address - stub.RAM
            self.machine.ram[at : at + len(code)] = code
            self._routines[key] = address
        return address

    def read_system(self, encoding: Encoding) -> int:
        """Routine: x0 := system register."""
        return self.routine(("mrs", encoding), lambda a: a.mrs(0, encoding))

    def write_system(self, encoding: Encoding) -> int:
        """Routine: system register := x0."""

        def build(a: Assembler) -> None:
            a.msr(encoding, 0)
            a.word(a64.ISB)

        return self.routine(("msr", encoding), build)

    def load(self, size: int) -> int:
        """Routine: x0 := size bytes at x0."""
        return self.routine(("load", size), lambda a: a.load(0, 0, size))

    def store(self, size: int) -> int:
        """Routine: size bytes at x1 := x0."""
        return self.routine(("store", size), lambda a: a.store(0, 1, size))

    def probe(self, registers: Sequence[System | Memory]) -> int:
        """Routine: read all of these, in order; post it with as many values."""

        def build(a: Assembler) -> None:
            for i, register in enumerate(registers):
                if isinstance(register, System):
                    a.mrs(0, register.encoding)
                else:
                    a.mov(0, register.address)
                    a.load(0, 0, register.size)
                if i < len(registers) - 1:
                    a.store_post(0, 26, 8)

        return self.routine(("probe", *registers), build)

    # The ring

    def flags(self, level: Level) -> int:
        """The flags that make an operation run there.

        Raises:
            ValueError: this machine has no such level.
        """
        resident = self.machine.options.resident
        if level.el > resident or level.el < 1:
            raise ValueError(f"{level}: this machine has EL1 to EL{resident}")
        if resident == 2:
            if level.secure:
                raise ValueError(f"{level}: this machine has one Security state")
            return stub.PSTATE[1] if level.el == 1 else 0
        if level.el == 3:
            return stub.SCR_BASE << stub.SHIFT_SCR
        if level.secure:
            if level.el == 2:
                raise ValueError("s-el2: this machine has no Secure EL2")
            return stub.SCR_BASE << stub.SHIFT_SCR | stub.PSTATE[1]
        scr = stub.SCR_BASE | stub.SCR_NS | (stub.SCR_FIQ if self.fiq_to_el3 else 0)
        return scr << stub.SHIFT_SCR | stub.PSTATE[level.el]

    def post(self, routine: int, pe: int, flags: int, a0: int = 0, a1: int = 0, values: int = 1) -> int:
        """Put one operation into the ring.

        Args:
            routine: what to do. pe: on which PE. flags: from `flags`, and the reference bits.
            a0, a1: x0 and x1; the address of a result's value (`value_address`) where the reference bit is set.
            values: how many values come back.

        Returns:
            the number of the result, for `status` and `values`. It is good until 2^20 words of results later.
        """
        if self._posted - self._published >= stub.RING_SIZE:
            raise OracleError(f"more than {stub.RING_SIZE} operations in one batch")
        out = self._next_out
        end = out + 8 + 8 * values
        if end > stub.RESULTS + 8 * stub.RESULT_WORDS:
            out = stub.RESULTS
            end = out + 8 + 8 * values
        self._next_out = end
        at = stub.RING - stub.RAM + (self._posted & stub.RING_SIZE - 1) * 32
        self._pack(self.machine.ram, at, routine, out, pe, flags, a0, a1)
        self._posted += 1
        return (out - stub.RAM) >> 3

    def go(self) -> None:
        """Publish what was posted. Waits first for what was published before, which may still use the ring."""
        self.wait()
        self._published = self._posted
        self._words[(stub.MAILBOX - stub.RAM + stub.HEAD) // 8] = self._posted

    def done(self) -> int:
        """How many operations are done since the reset."""
        return self._words[(stub.MAILBOX - stub.RAM + stub.TAIL) // 8]

    def wait(self) -> None:
        """Until all published operations are done.

        Raises:
            OracleDied, OracleError: with the number of the operation that killed QEMU, or where it is stuck.
        """
        tail, words, published = (stub.MAILBOX - stub.RAM + stub.TAIL) // 8, self._words, self._published
        self._until(lambda: words[tail] >= published)

    def _until(self, ready: Callable[[], object]) -> None:
        spins, deadline = 0, 0.0
        while not ready():
            spins += 1
            if spins < _SPINS:
                continue
            time.sleep(_NAP)
            if spins % 64 == 0:
                self.machine.check(self.done())
                now = time.monotonic()
                deadline = deadline or now + _STUCK_SECONDS
                if now > deadline:
                    at = f"operation {self.done()} of {self._published}"
                    raise OracleError(f"QEMU has been busy with {at} for {_STUCK_SECONDS:.0f} s")

    def status(self, result: int) -> int:
        """How the operation ended; 0 is well (see `vgic.oracle.stub`)."""
        return self._words[result]

    def value(self, result: int) -> int:
        """Its first value."""
        return self._words[result + 1]

    def values(self, result: int, count: int) -> list[int]:
        """Its first `count` values."""
        return self._words[result + 1 : result + 1 + count].tolist()

    @staticmethod
    def value_address(result: int) -> int:
        """Where its first value stands, as an operand by reference."""
        return stub.RAM + 8 * result + 8

    def release(self) -> None:
        """Let go of the machine's RAM."""
        self._words.release()
