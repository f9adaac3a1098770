"""The program that runs inside QEMU and does the oracle's operations, one after another.

Theory of operation
-------------------
The stub owns every PE of the machine. It takes *operations* from a ring in shared RAM (the mailbox), does each on the
PE that the operation names, and writes what came of it to shared RAM, where Python reads it. Python never touches the
GIC itself, because the GIC's answer depends on who asks: banked registers on the PE, the virtual CPU interface on the
exception level, the Secure view on the Security state.

One order over all PEs. `tail` is the number of the operation to do next and at the same time a token: a PE whose
number isn't in that operation says YIELD and looks again. With `-accel tcg,thread=single` a YIELD hands QEMU's only
thread to the next PE, so an operation on another PE costs about as much as one on the same.

An operation names a *routine*: a few instructions that Python wrote to a fresh address beforehand, such as
`mrs x0, ICC_IAR1_EL1; ret`. The stub passes operands in x0 and x1 and stores x0 when the routine returns. A routine
which reads many registers stores all values but its last through x26 itself ("str x0, [x26], #8"), so one operation
brings back a whole snapshot. Routines are never overwritten: a write from outside escapes QEMU's detection of
self-modifying code.

Where an operation runs. The stub resides at EL2 (`virt,virtualization=on`) or at EL3 (`secure=on`). An operation
without PSTATE runs at the stub's own level. One with PSTATE is entered by ERET with that PSTATE and ends with HVC #0
(SMC #0 for an EL3 stub). An exception on the way is the operation's outcome: its syndrome becomes the status, the
value is 0.

    status                   meaning
    0                        done
    ESR                      trapped from EL1 to EL2, or from a lower level to EL3
    bit 63 | ESR_EL1         exception taken to EL1 (an UNDEFINED instruction, an external abort)
    bit 62 | ESR             exception at the stub's own level
    bit 61 | ESR_EL2         exception taken to EL2, EL3 stub
    bit 60                   a physical interrupt for EL3 came first: the operation was not done

A physical interrupt never waits for a masked PSTATE.I below EL2 when HCR_EL2.IMO is 1, so it would come before every
EL1 operation while its line is up. The EL2 stub then hides it by ICC_PMR_EL1 = 0 (GICC_PMR for GICv2), resumes the
operation and restores the mask afterwards: the virtual interface doesn't depend on the physical mask. The EL3 stub
reports it instead (bit 60), for there the mask is what the operations look at; one that comes only after the
operation's first instruction was raised by it, and is no failure.

Registers: x19 mailbox, x20 own PE, x21 ring mask, x22 ring, x23 number of the operation, x24 operation,
x25 result, x26 where values go, x27 routine, x28 saved priority mask (-1: none), x29 status.
"""

from __future__ import annotations

from typing import NamedTuple

from vgic.arch.register import Encoding
from vgic.oracle import a64
from vgic.oracle.a64 import EQ, HS, LR, NE, XZR, Assembler

RAM = 0x4000_0000
RAM_SIZE = 64 << 20
STUB = RAM + 0x20_0000
"""QEMU keeps a device tree in the first MiB, so the stub stands above it."""
ROUTINES = RAM + 0x21_0000
MAILBOX = RAM + 0x30_0000
RING = RAM + 0x40_0000
RESULTS = RAM + 0x60_0000
RING_SIZE = 1 << 16
"""Operations that the ring holds."""
RESULT_WORDS = 1 << 20
"""64-bit words that hold results."""

HEAD, TAIL, PES, GICC_PMR, PRESENT = 0, 8, 16, 24, 32
"""Offsets in the mailbox: operations given, operations done, number of PEs, address of GICC_PMR (0: ICC_PMR_EL1
masks), and one word for each PE that says 1 once it is there."""

SHIFT_REFERENCE0, SHIFT_REFERENCE1, SHIFT_SCR = 10, 11, 16
"""An operation's flags: PSTATE (bits 9:0, 0: run at the stub's own level), first operand is the address of an earlier
result, second operand is one, SCR_EL3 (bits 31:16)."""

PREEMPTED = 1 << 60
AT_EL2 = 1 << 61

PSTATE = {1: 0x3C5, 2: 0x3C9}
"""SPSR value that enters EL1 or EL2 with its own stack pointer and DAIF masked."""

SCR_NS, SCR_FIQ = 1, 4
SCR_BASE = 1 << 10 | 1 << 8 | 1 << 5 | 1 << 4
"""SCR_EL3: lower levels are AArch64, HVC is enabled; bits 5:4 are RES1."""

SYSTEM: dict[str, Encoding] = {
    "MPIDR_EL1": (3, 0, 0, 0, 5),
    "SCTLR_EL1": (3, 0, 1, 0, 0),
    "SPSR_EL2": (3, 4, 4, 0, 0),
    "SPSR_EL3": (3, 6, 4, 0, 0),
    "ELR_EL2": (3, 4, 4, 0, 1),
    "ELR_EL3": (3, 6, 4, 0, 1),
    "ESR_EL1": (3, 0, 5, 2, 0),
    "ESR_EL2": (3, 4, 5, 2, 0),
    "ESR_EL3": (3, 6, 5, 2, 0),
    "VBAR_EL1": (3, 0, 12, 0, 0),
    "VBAR_EL2": (3, 4, 12, 0, 0),
    "VBAR_EL3": (3, 6, 12, 0, 0),
    "HCR_EL2": (3, 4, 1, 1, 0),
    "SCTLR_EL2": (3, 4, 1, 0, 0),
    "SCR_EL3": (3, 6, 1, 1, 0),
    "CNTHCTL_EL2": (3, 4, 14, 1, 0),
    "CURRENTEL": (3, 0, 4, 2, 2),
    "ICC_PMR_EL1": (3, 0, 4, 6, 0),
}
"""The system registers that the stub itself uses (DDI 0487, D19)."""

_HCR_RW, _HCR_AMO, _HCR_IMO, _HCR_FMO = 1 << 31, 1 << 5, 1 << 4, 1 << 3
_SCTLR_EL1_RES1, _SCTLR_EL2_RES1 = 0x30D0_0800, 0x30C5_0830
_PSCI_CPU_ON = 0xC400_0003
_EC_HVC, _EC_SMC = 0x16, 0x17

_VECTOR = 0x80


class Operation(NamedTuple):
    """What goes into the ring: 32 bytes, little-endian, in this order."""

    routine: int
    out: int
    pe: int
    flags: int
    a0: int
    a1: int


FORMAT = "<IIIIQQ"
"""`struct` format of an Operation. `out` is the address of the result: its status, then its values."""


def image(resident: int) -> bytes:
    """The stub's code, to stand at STUB.

    Args:
        resident: the exception level where it lives, 2 or 3.
    """
    if resident not in (2, 3):
        raise ValueError(f"the stub lives at EL2 or EL3, not at EL{resident}")
    a = Assembler(STUB)
    _start(a, resident)
    _loop(a, resident)
    _vectors(a, resident)
    return a.code()


def _start(a: Assembler, resident: int) -> None:
    """Every PE begins here, at the resident level with the MMU off."""
    a.label("start")
    a.mrs(20, SYSTEM["MPIDR_EL1"])
    a.ubfx(20, 20, 0, 8)
    a.mov(19, MAILBOX)
    a.mov(22, RING)
    a.mov(21, RING_SIZE - 1)
    a.adr(0, "resident_vectors")
    a.msr(SYSTEM[f"VBAR_EL{resident}"], 0)
    a.adr(0, "lower_vectors")
    a.msr(SYSTEM["VBAR_EL1"], 0)
    if resident == 3:
        a.msr(SYSTEM["VBAR_EL2"], 0)
        a.mov(1, SCR_BASE | SCR_NS)
        a.msr(SYSTEM["SCR_EL3"], 1)
        a.mov(1, _SCTLR_EL2_RES1)
        a.msr(SYSTEM["SCTLR_EL2"], 1)
    # Virtual interrupts exist for EL1 only under IMO and FMO. With two Security states EL1 uses the physical interface.
    a.mov(0, _HCR_RW | (_HCR_AMO | _HCR_IMO | _HCR_FMO if resident == 2 else 0))
    a.msr(SYSTEM["HCR_EL2"], 0)
    a.mask_exceptions()
    a.mov(0, 3)
    a.msr(SYSTEM["CNTHCTL_EL2"], 0)
    a.mov(0, _SCTLR_EL1_RES1)
    a.msr(SYSTEM["SCTLR_EL1"], 0)
    a.word(a64.ISB)
    a.add_reg(0, 19, 20, lsl=3)
    a.mov(1, 1)
    a.store(1, 0, offset=PRESENT)
    if resident == 2:
        _start_others(a)


def _start_others(a: Assembler) -> None:
    """PE 0 turns the others on. An EL3 machine starts them all by itself."""
    a.cbnz(20, "loop")
    a.load(24, 19, offset=PES)
    a.mov(25, 1)
    a.label("next_pe")
    a.cmp_reg(25, 24)
    a.b_cond(HS, "loop")
    a.mov(0, _PSCI_CPU_ON)
    a.mov_reg(1, 25)
    a.adr(2, "start")
    a.mov(3, 0)
    a.smc(0)
    a.add(25, 25, 1)
    a.b("next_pe")


def _loop(a: Assembler, resident: int) -> None:
    """Take the next operation, if it is this PE's; do it; say that it is done."""
    a.label("other")
    a.word(a64.YIELD)
    a.label("loop")
    a.add(0, 19, TAIL)
    a.ldar(23, 0)
    a.ldar(1, 19)
    a.cmp_reg(23, 1)
    a.b_cond(HS, "loop")
    a.and_(24, 23, 21)
    a.add_reg(24, 22, 24, lsl=5)
    a.ldp32(2, 3, 24, 8)
    a.cmp_reg(2, 20)
    a.b_cond(NE, "other")
    a.ldp32(27, 25, 24, 0)
    a.ldp(0, 1, 24, 16)
    a.tbz(3, SHIFT_REFERENCE0, "value0")
    a.load(0, 0)
    a.label("value0")
    a.tbz(3, SHIFT_REFERENCE1, "value1")
    a.load(1, 1)
    a.label("value1")
    a.add(26, 25, 8)
    a.mov(29, 0)
    a.mov(28, (1 << 64) - 1)
    if resident == 3:
        a.ubfx(4, 3, SHIFT_SCR, 16)
        a.msr(SYSTEM["SCR_EL3"], 4)
        a.word(a64.ISB)
    a.ubfx(4, 3, 0, 10)
    a.cbnz(4, "lower")
    a.blr(27)
    a.label("done")
    a.store(0, 26)
    a.store(29, 25)
    a.add(23, 23, 1)
    a.add(2, 19, TAIL)
    a.stlr(23, 2)
    a.b("loop")
    a.label("lower")
    a.msr(SYSTEM[f"SPSR_EL{resident}"], 4)
    a.msr(SYSTEM[f"ELR_EL{resident}"], 27)
    a.adr(LR, "return")
    a.word(a64.ERET)
    a.label("return")
    _call(a, resident, 0)


def _call(a: Assembler, resident: int, imm: int) -> None:
    """Back to the resident level."""
    if resident == 2:
        a.hvc(imm)
    else:
        a.smc(imm)


def _vectors(a: Assembler, resident: int) -> None:
    """Two vector tables (DDI 0487, D1.3.1.5: 16 entries of 128 bytes) and what they lead to."""
    a.align(0x800)
    a.label("resident_vectors")
    for entry in range(16):
        group, kind = divmod(entry, 4)
        target = {(1, 0): "own_fault", (2, 0): "from_lower", (2, 1): "interrupt", (2, 2): "interrupt"}
        a.b(target.get((group, kind), "never"))
        a.align(_VECTOR)
    a.label("lower_vectors")
    for _ in range(16):
        a.b("lower_fault")
        a.align(_VECTOR)

    a.label("lower_fault")
    if resident == 3:
        a.mrs(1, SYSTEM["CURRENTEL"])
        a.cmp(1, 2 << 2)
        a.b_cond(EQ, "fault_at_el2")
    _call(a, resident, 1)
    a.label("fault_at_el2")
    _call(a, resident, 2)

    a.label("own_fault")
    a.mrs(29, SYSTEM[f"ESR_EL{resident}"])
    _mark(a, 62)
    a.mov(0, 0)
    a.b("done")

    a.label("from_lower")
    a.mrs(29, SYSTEM[f"ESR_EL{resident}"])
    a.ubfx(1, 29, 26, 6)
    a.cmp(1, _EC_HVC if resident == 2 else _EC_SMC)
    a.b_cond(NE, "failed")
    a.ubfx(1, 29, 0, 16)
    a.mov(29, 0)
    a.cbz(1, "finish")
    if resident == 3:
        a.tbnz(1, 1, "failed_at_el2")
    a.mrs(29, SYSTEM["ESR_EL1"])
    _mark(a, 63)
    a.b("failed")
    a.label("failed_at_el2")
    a.mrs(29, SYSTEM["ESR_EL2"])
    _mark(a, 61)
    a.label("failed")
    a.mov(0, 0)
    a.label("finish")
    a.add(1, 28, 1)
    a.cbz(1, "done")
    a.load(2, 19, offset=GICC_PMR)
    a.cbnz(2, "restore_gicc")
    a.msr(SYSTEM["ICC_PMR_EL1"], 28)
    a.word(a64.ISB)
    a.b("done")
    a.label("restore_gicc")
    a.store(28, 2, size=4)
    a.b("done")

    a.label("interrupt")
    if resident == 3:
        # The operation may itself have raised the interrupt: then it is done, and only its return is missing.
        a.mrs(1, SYSTEM["ELR_EL3"])
        a.cmp_reg(1, 27)
        a.b_cond(NE, "done")
        a.mov(29, PREEMPTED)
        a.mov(0, 0)
        a.b("done")
    a.load(17, 19, offset=GICC_PMR)
    a.cbnz(17, "mask_gicc")
    a.mrs(28, SYSTEM["ICC_PMR_EL1"])
    a.msr(SYSTEM["ICC_PMR_EL1"], XZR)
    a.word(a64.ISB)
    a.word(a64.ERET)
    a.label("mask_gicc")
    a.load(28, 17, size=4)
    a.store(XZR, 17, size=4)
    a.word(a64.ERET)

    a.label("never")
    a.mov(29, (1 << 64) - 1)
    a.mov(0, 0)
    a.b("done")


def _mark(a: Assembler, bit: int) -> None:
    """Set one high bit of the status."""
    a.mov(1, 1 << bit)
    a.orr(29, 29, 1)
