"""Recordings for the tests, and small sequences of events made by hand."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from vgic.rules import RECORDING_CHECKS, Judge, Moments
from vgic.silicon import Gic, GicV2, GicV2Options, GicV3, GicV3Options
from vgic.trace.analysis import Analysis
from vgic.trace.events import Access, Event, LineChange, SysReg
from vgic.trace.replay import Replay

DATA = Path(__file__).parent.parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "traces"
"""More recordings, where they are present beside the repository."""

FRAMES = ("GICD", "GICR", "GICC", "GICH", "GICV", "ICC", "ICH", "ICV")


def path(name: str) -> Path:
    """A recording of either folder, by its name without .txt.xz."""
    own = DATA / f"{name}.txt.xz"
    return own if own.exists() else SHARED / f"{name}.txt.xz"


def present(*names: str) -> list[str]:
    """Those recordings that are there: all in tests/data always are."""
    return [name for name in names if path(name).exists()]


@cache
def analysis(name: str) -> Analysis:
    """A recording, analysed once for all tests."""
    return Analysis(str(path(name)))


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of a recording."""
    return tuple(lzma.open(path(name), "rt").read().splitlines())


_READ = re.compile(
    r"memory_region_ops_read cpu [0-9]+ .* name 'gic(?:_dist|_cpu|_viface|_vcpu|v3_dist|v3_redist_region\[0\])'"
    r"|gicv3_ic[hv]_\w+_read .*|gicv3_icc_(?!iar)\w+_read .*|gicv3_icc_iar[01]_read .* value 0x[0-9a-f]{1,3}")


def reads(text: Iterable[str]) -> int:
    """Lines that tell a read of a frame that is modelled, told by the text alone; no acknowledge of an LPI."""
    return sum(_READ.fullmatch(line) is not None for line in text)


def analysed(folder: Path, text: Iterable[str], **more: object) -> Analysis:
    """A recording made of lines."""
    file = folder / "recording.txt"
    file.write_text("".join(f"{line}\n" for line in text))
    return Analysis(str(file), **more)  # type: ignore[arg-type]  # passed through as they are


class Scene:
    """A small chip and events made by hand, one line each; judged on the way."""

    def __init__(self, version: int = 3, pes: int = 2, **options: object) -> None:
        self.chip: Gic
        if version == 3:
            self.chip = GicV3(GicV3Options.qemu(pes=pes, intids=64, **options))
        else:
            self.chip = GicV2(GicV2Options.qemu(pes=pes, intids=64, **options))
        self.judge = Judge(self.chip, RECORDING_CHECKS)
        self.replay = Replay(self.chip, self.judge)
        self.line = 0

    def listen(self, *listeners: Moments[int]) -> None:
        """These hear the moments from now on, beside the checks."""
        self.replay.listen(self.judge, listeners)

    def feed(self, event: Event) -> None:
        """Any event, at the next line."""
        self.line += 1
        self.replay.feed(event._replace(line=self.line))

    def write(self, register: str, value: int, pe: int = 0) -> None:
        """A system register."""
        self.feed(SysReg(0, pe, register, value, True))

    def read(self, register: str, value: int, pe: int = 0) -> None:
        """A system register that returned the value."""
        self.feed(SysReg(0, pe, register, value, False))

    def store(self, address: int, value: int, pe: int = 0, region: str = "gicv3_dist") -> None:
        """A register of a frame."""
        self.feed(Access(0, pe, address, 4, value, True, region))

    def feed_byte(self, address: int, value: int, pe: int = 0, region: str = "gicv3_redist") -> None:
        """One byte of a register of a frame."""
        self.feed(Access(0, pe, address, 1, value, True, region))

    def load(self, address: int, value: int, pe: int = 0, region: str = "gicv3_dist") -> None:
        """A register of a frame that returned the value."""
        self.feed(Access(0, pe, address, 4, value, False, region))

    def raise_line(self, intid: int, level: int = 1, pe: int | None = 0) -> None:
        """A line moves."""
        self.feed(LineChange(0, intid, pe, level))

    def start(self) -> None:
        """GICv3: all is enabled, for the host with EOImode 1 and for a guest."""
        self.store(0x0800_0000, 0x12)
        for pe in range(len(self.chip.cpus)):
            self.store(0x080B_0100 + 0x2_0000 * pe, 0xFFFF_FFFF, pe, "gicv3_redist")
            self.write("ICC_PMR_EL1", 0xF0, pe)
            self.write("ICC_CTLR_EL1", 2, pe)
            self.write("ICC_IGRPEN1_EL1", 1, pe)
            self.write("ICH_VMCR_EL2", 0xF04C000A, pe)
        self.store(0x0800_0084, 0xFFFF_FFFF)
        self.store(0x0800_0104, 0xFFFF_FFFF)
        for pe in range(len(self.chip.cpus)):
            self.store(0x080B_0080 + 0x2_0000 * pe, 0xFFFF_FFFF, pe, "gicv3_redist")

    def take(self, intid: int, pe: int = 0) -> None:
        """GICv3: the host acknowledges an interrupt and drops its priority; it stays active."""
        self.read("ICC_IAR1_EL1", intid, pe)
        self.write("ICC_EOIR1_EL1", intid, pe)

    def broken(self) -> dict[int, int]:
        """Breaches by rule."""
        return {c.rule.id: c.breaches for c in self.judge.checks if c.breaches}

    def judged(self, rule: int) -> int:
        """How often a rule was judged."""
        return next(c.judged for c in self.judge.checks if c.rule.id == rule)


def lr(vintid: int, pintid: int | None = None, state: int = 1, priority: int = 0xA0, eoi: bool = False) -> int:
    """A value of ICH_LR<n>_EL2 of group 1; with `pintid` HW is set."""
    hw = 0 if pintid is None else 1 << 61 | pintid << 32
    return state << 62 | hw | 1 << 60 | priority << 48 | eoi << 41 | vintid
