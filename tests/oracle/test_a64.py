"""The assembler's words, against those of GNU as where that is installed, and against the manual's for a few."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vgic.oracle import a64, stub
from vgic.oracle.a64 import Assembler

Emit = Callable[[Assembler], None]

INSTRUCTIONS: list[tuple[str, Emit]] = [
    ("mov x3, #0", lambda a: a.mov(3, 0)),
    ("mov x0, #0x33ff", lambda a: a.mov(0, 0x33FF)),
    ("movz x9, #0x4030, lsl #16", lambda a: a.mov(9, 0x4030_0000)),
    (
        "movz x1, #0x1234\nmovk x1, #0x5678, lsl #16\nmovk x1, #0x9abc, lsl #48",
        lambda a: a.mov(1, 0x9ABC_0000_5678_1234),
    ),
    ("mov x7, x8", lambda a: a.mov_reg(7, 8)),
    ("orr x1, x2, x3", lambda a: a.orr(1, 2, 3)),
    ("orr x1, x2, x3, lsl #5", lambda a: a.orr(1, 2, 3, 5)),
    ("and x24, x23, x21", lambda a: a.and_(24, 23, 21)),
    ("add x0, x19, #8", lambda a: a.add(0, 19, 8)),
    ("add x24, x22, x24, lsl #5", lambda a: a.add_reg(24, 22, 24, 5)),
    ("cmp x1, #0x16", lambda a: a.cmp(1, 0x16)),
    ("cmp x23, x1", lambda a: a.cmp_reg(23, 1)),
    ("ubfx x1, x29, #26, #6", lambda a: a.ubfx(1, 29, 26, 6)),
    ("ldr x0, [x0]", lambda a: a.load(0, 0)),
    ("ldr x24, [x19, #16]", lambda a: a.load(24, 19, offset=16)),
    ("ldr w18, [x17]", lambda a: a.load(18, 17, 4)),
    ("ldrh w0, [x0, #2]", lambda a: a.load(0, 0, 2, 2)),
    ("ldrb w0, [x0]", lambda a: a.load(0, 0, 1)),
    ("str x0, [x26]", lambda a: a.store(0, 26)),
    ("str wzr, [x17]", lambda a: a.store(a64.XZR, 17, 4)),
    ("strh w0, [x1]", lambda a: a.store(0, 1, 2)),
    ("strb w0, [x1, #3]", lambda a: a.store(0, 1, 1, 3)),
    ("str x0, [x26], #8", lambda a: a.store_post(0, 26, 8)),
    ("ldp w2, w3, [x24, #8]", lambda a: a.ldp32(2, 3, 24, 8)),
    ("ldp x0, x1, [x24, #16]", lambda a: a.ldp(0, 1, 24, 16)),
    ("ldar x23, [x0]", lambda a: a.ldar(23, 0)),
    ("stlr x23, [x2]", lambda a: a.stlr(23, 2)),
    ("blr x27", lambda a: a.blr(27)),
    ("mrs x0, s3_0_c12_c12_0", lambda a: a.mrs(0, (3, 0, 12, 12, 0))),
    ("msr s3_4_c12_c15_7, x5", lambda a: a.msr((3, 4, 12, 15, 7), 5)),
    ("mrs x20, mpidr_el1", lambda a: a.mrs(20, stub.SYSTEM["MPIDR_EL1"])),
    ("msr daifset, #15", lambda a: a.mask_exceptions()),
    ("hvc #1", lambda a: a.hvc(1)),
    ("smc #2", lambda a: a.smc(2)),
    ("nop", lambda a: a.word(a64.NOP)),
    ("yield", lambda a: a.word(a64.YIELD)),
    ("isb", lambda a: a.word(a64.ISB)),
    ("ret", lambda a: a.word(a64.RET)),
    ("eret", lambda a: a.word(a64.ERET)),
    ("back:", lambda a: a.label("back")),
    ("b ahead", lambda a: a.b("ahead")),
    ("b.hs back", lambda a: a.b_cond(a64.HS, "back")),
    ("b.ne ahead", lambda a: a.b_cond(a64.NE, "ahead")),
    ("cbz x1, back", lambda a: a.cbz(1, "back")),
    ("cbnz x20, ahead", lambda a: a.cbnz(20, "ahead")),
    ("tbz w3, #10, ahead", lambda a: a.tbz(3, 10, "ahead")),
    ("tbnz x3, #62, back", lambda a: a.tbnz(3, 62, "back")),
    ("adr x0, ahead", lambda a: a.adr(0, "ahead")),
    ("adr x30, back", lambda a: a.adr(30, "back")),
    ("ahead:", lambda a: a.label("ahead")),
]

SYSTEM_NAMES = [n for n in stub.SYSTEM if n != "ICC_PMR_EL1"]


@pytest.mark.skipif(shutil.which("aarch64-linux-gnu-as") is None, reason="a cross-check needs binutils for AArch64")
def test_words_are_those_of_gnu_as(tmp_path: Path) -> None:
    a = Assembler(0)
    source = []
    for text, emit in INSTRUCTIONS:
        source.append(text)
        emit(a)
    for name in SYSTEM_NAMES:
        source.append(f"mrs x4, {name.lower()}")
        a.mrs(4, stub.SYSTEM[name])
    (tmp_path / "x.s").write_text("\n".join(source) + "\n")
    subprocess.run(["aarch64-linux-gnu-as", "-o", tmp_path / "x.o", tmp_path / "x.s"], check=True)
    subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", tmp_path / "x.o", tmp_path / "x"], check=True)
    assert (tmp_path / "x").read_bytes() == a.code()


def test_words_of_the_manual() -> None:
    a = Assembler(0x1000)
    a.mrs(0, (3, 0, 12, 12, 0))
    a.mov(1, 0xFFFF_FFFF_FFFF_FFFF)
    a.label("end")
    a.b("end")
    assert struct.unpack("<6I", a.code()) == (0xD538CC00, 0xD29FFFE1, 0xF2BFFFE1, 0xF2DFFFE1, 0xF2FFFFE1, 0x14000000)
    assert a.address("end") == 0x1014


@pytest.mark.parametrize(
    ("emit", "said"),
    [
        (lambda a: a.add(0, 0, 4096), "0x1000 does not fit 12 bits"),
        (lambda a: a.mrs(0, (1, 0, 0, 0, 0)), "S1_0_C0_C0_0 is no system register encoding"),
        (lambda a: (a.label("x"), a.label("x")), "label x stands twice"),
    ],
)
def test_refused(emit: Emit, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        emit(Assembler(0))


def test_a_branch_out_of_reach_is_refused() -> None:
    a = Assembler(0)
    a.tbz(0, 0, "far")
    for _ in range(1 << 13):
        a.word(a64.NOP)
    a.label("far")
    with pytest.raises(ValueError, match="label far is out of reach: 8193 instructions"):
        a.code()


def test_a_missing_label_is_named() -> None:
    a = Assembler(0)
    a.b("nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        a.code()
