"""The few A64 instructions that the oracle's stub needs, as an assembler with labels.

The stub that runs inside QEMU is small enough to be written in Python: no cross-compiler is needed to use the oracle
and no binary is kept in the repository. Each method of `Assembler` is one instruction, named as in DDI 0487 chapter
C6, and appends one 32-bit word. Registers are numbers 0 to 30; 31 is XZR or SP as the instruction has it. Branches
name labels, which are resolved by `code()`.
"""

from __future__ import annotations

import struct

from vgic.arch.register import Encoding

XZR = 31
LR = 30

EQ, NE, HS, LO = 0, 1, 2, 3
"""Condition codes (DDI 0487, C1.2.4)."""

NOP = 0xD503201F
YIELD = 0xD503203F
ISB = 0xD5033FDF
DSB_SY = 0xD5033F9F
RET = 0xD65F03C0
ERET = 0xD69F03E0

LOADS = {1: 0x39400000, 2: 0x79400000, 4: 0xB9400000, 8: 0xF9400000}
"""LDRB, LDRH, LDR (32-bit), LDR (64-bit), unsigned offset 0, by bytes."""
STORES = {1: 0x39000000, 2: 0x79000000, 4: 0xB9000000, 8: 0xF9000000}


def system(encoding: Encoding) -> int:
    """The bits of MRS and MSR that name a system register."""
    op0, op1, crn, crm, op2 = encoding
    if op0 not in (2, 3) or not (0 <= op1 < 8 and 0 <= crn < 16 and 0 <= crm < 16 and 0 <= op2 < 8):
        raise ValueError(f"S{op0}_{op1}_C{crn}_C{crm}_{op2} is no system register encoding")
    return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5


class Assembler:
    """Words of code for a fixed address.

    Args:
        base: where the first word will stand, in bytes.
    """

    def __init__(self, base: int) -> None:
        self.base = base
        self.words: list[int] = []
        self._labels: dict[str, int] = {}
        self._branches: list[tuple[int, str, int, int]] = []

    @property
    def here(self) -> int:
        """Address of the next word."""
        return self.base + 4 * len(self.words)

    def word(self, word: int) -> None:
        """One instruction, given as its word."""
        self.words.append(word)

    def label(self, name: str) -> None:
        """The next word's name."""
        if name in self._labels:
            raise ValueError(f"label {name} stands twice")
        self._labels[name] = len(self.words)

    def align(self, size: int) -> None:
        """Fill with NOP up to a multiple of size bytes."""
        while self.here % size:
            self.word(NOP)

    def code(self) -> bytes:
        """The finished code. KeyError where a branch names no label."""
        words = list(self.words)
        for at, label, shift, bits in self._branches:
            distance = self._labels[label] - at
            if not -(1 << bits - 1) <= distance < 1 << bits - 1:
                raise ValueError(f"label {label} is out of reach: {distance} instructions")
            words[at] |= (distance & (1 << bits) - 1) << shift
        return struct.pack(f"<{len(words)}I", *words)

    def address(self, label: str) -> int:
        """Where a label stands. KeyError where there is none (yet)."""
        return self.base + 4 * self._labels[label]

    def _branch(self, word: int, label: str, shift: int, bits: int) -> None:
        self._branches.append((len(self.words), label, shift, bits))
        self.word(word)

    # Branches

    def b(self, label: str) -> None:
        self._branch(0x14000000, label, 0, 26)

    def b_cond(self, condition: int, label: str) -> None:
        self._branch(0x54000000 | condition, label, 5, 19)

    def cbz(self, rt: int, label: str) -> None:
        self._branch(0xB4000000 | rt, label, 5, 19)

    def cbnz(self, rt: int, label: str) -> None:
        self._branch(0xB5000000 | rt, label, 5, 19)

    def tbz(self, rt: int, bit: int, label: str) -> None:
        self._branch(0x36000000 | (bit >> 5) << 31 | (bit & 31) << 19 | rt, label, 5, 14)

    def tbnz(self, rt: int, bit: int, label: str) -> None:
        self._branch(0x37000000 | (bit >> 5) << 31 | (bit & 31) << 19 | rt, label, 5, 14)

    def blr(self, rn: int) -> None:
        self.word(0xD63F0000 | rn << 5)

    def adr(self, rd: int, label: str) -> None:
        """The address of a label."""
        # ADR counts bytes: a distance in words is immhi (bits 23:5) alone, immlo stays 0.
        self._branch(0x10000000 | rd, label, 5, 19)

    # Moves and arithmetic

    def mov(self, rd: int, value: int) -> None:
        """A constant of 64 bits, by MOVZ and as many MOVK as it takes."""
        parts = [(value >> s & 0xFFFF, s // 16) for s in range(0, 64, 16)]
        used = [p for p in parts if p[0]] or [(0, 0)]
        for i, (half, hw) in enumerate(used):
            self.word((0xF2800000 if i else 0xD2800000) | hw << 21 | half << 5 | rd)

    def mov_reg(self, rd: int, rm: int) -> None:
        self.word(0xAA0003E0 | rm << 16 | rd)

    def orr(self, rd: int, rn: int, rm: int, lsl: int = 0) -> None:
        self.word(0xAA000000 | rm << 16 | lsl << 10 | rn << 5 | rd)

    def and_(self, rd: int, rn: int, rm: int) -> None:
        self.word(0x8A000000 | rm << 16 | rn << 5 | rd)

    def add(self, rd: int, rn: int, imm: int) -> None:
        self.word(0x91000000 | self._imm12(imm) << 10 | rn << 5 | rd)

    def add_reg(self, rd: int, rn: int, rm: int, lsl: int = 0) -> None:
        self.word(0x8B000000 | rm << 16 | lsl << 10 | rn << 5 | rd)

    def cmp(self, rn: int, imm: int) -> None:
        self.word(0xF100001F | self._imm12(imm) << 10 | rn << 5)

    def cmp_reg(self, rn: int, rm: int) -> None:
        self.word(0xEB00001F | rm << 16 | rn << 5)

    def ubfx(self, rd: int, rn: int, lsb: int, width: int) -> None:
        """rd := rn[lsb+width-1:lsb]."""
        self.word(0xD3400000 | lsb << 16 | lsb + width - 1 << 10 | rn << 5 | rd)

    @staticmethod
    def _imm12(imm: int) -> int:
        if not 0 <= imm < 4096:
            raise ValueError(f"immediate {imm:#x} does not fit 12 bits")
        return imm

    # Loads and stores

    def load(self, rt: int, rn: int, size: int = 8, offset: int = 0) -> None:
        """LDRB, LDRH or LDR of size bytes at rn + offset."""
        self.word(LOADS[size] | self._imm12(offset // size) << 10 | rn << 5 | rt)

    def store(self, rt: int, rn: int, size: int = 8, offset: int = 0) -> None:
        """STRB, STRH or STR of size bytes at rn + offset."""
        self.word(STORES[size] | self._imm12(offset // size) << 10 | rn << 5 | rt)

    def store_post(self, rt: int, rn: int, step: int) -> None:
        """STR Xt, [Xn], #step."""
        self.word(0xF8000400 | (step & 0x1FF) << 12 | rn << 5 | rt)

    def ldp32(self, rt: int, rt2: int, rn: int, offset: int) -> None:
        self.word(0x29400000 | (offset // 4 & 0x7F) << 15 | rt2 << 10 | rn << 5 | rt)

    def ldp(self, rt: int, rt2: int, rn: int, offset: int) -> None:
        self.word(0xA9400000 | (offset // 8 & 0x7F) << 15 | rt2 << 10 | rn << 5 | rt)

    def ldar(self, rt: int, rn: int) -> None:
        self.word(0xC8DFFC00 | rn << 5 | rt)

    def stlr(self, rt: int, rn: int) -> None:
        self.word(0xC89FFC00 | rn << 5 | rt)

    # System

    def mrs(self, rt: int, encoding: Encoding) -> None:
        self.word(0xD5200000 | system(encoding) | rt)

    def msr(self, encoding: Encoding, rt: int) -> None:
        self.word(0xD5000000 | system(encoding) | rt)

    def mask_exceptions(self) -> None:
        """MSR DAIFSet, #15."""
        self.word(0xD5034FDF)

    def hvc(self, imm: int) -> None:
        self.word(0xD4000002 | imm << 5)

    def smc(self, imm: int) -> None:
        self.word(0xD4000003 | imm << 5)
