"""A call into a user's file that does not come back is left, and told with what it was doing.

An alarm looks at the running frames four times a second. Where one and the same call of the file (or of a step of the
machine, which a design can lead round) is there at every look of `PATIENCE` seconds, or takes more memory than any
step can need, it raises `Endless` in it. Nothing is slowed down, and a process that sleeps is not counted.
Loops inside of one call of C code (`list(itertools.count())`) are not seen. Nor can a file end the process by the way.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

PATIENCE = 20.0
"""Seconds that one call may take."""
MOST_MEMORY: Final = 1 << 30
"""Bytes by which the process may grow in one call."""
_TICK: Final = 0.25
_MACHINE: Final = str(Path(__file__).with_name("machine.py"))


class Endless(BaseException):
    """A call did not come back. No Exception: what runs must not take it for a finding."""


@contextmanager
def watched(file: Path | None) -> Iterator[None]:
    """Watches calls of this file while the body runs; does nothing without a file, or where alarms can't be had."""
    if (file is None or threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL):
        yield
        return
    signal.signal(signal.SIGALRM, _Watch(file))
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


class Leaves(BaseException):
    """A file ended the process. No Exception: what runs must not take it for a finding."""


@contextmanager
def staying(file: Path | None) -> Iterator[None]:
    """While the body runs, this file can't end the process without a word (os._exit): it raises `Leaves`."""
    if file is None:
        yield
        return

    def leave(status: int) -> NoReturn:
        raise Leaves(f"it calls os._exit({status!r}), which would end vgic without a verdict")
    before = os._exit
    os._exit = leave
    try:
        yield
    finally:
        os._exit = before


class _Watch:
    """The alarm's handler."""

    def __init__(self, file: Path) -> None:
        self.files = {str(file), str(file.resolve()), _MACHINE}
        self.frame: FrameType | None = None
        self.looks = self.memory = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        outermost = None
        while frame is not None:
            if frame.f_code.co_filename in self.files:
                outermost = frame
            frame = frame.f_back
        if outermost is None or outermost is not self.frame:
            self.frame, self.looks, self.memory = outermost, 0, _resident()
            return
        self.looks += 1
        if self.looks * _TICK >= PATIENCE:
            raise Endless(f"one call has run for {PATIENCE:.0f} s: does it loop for ever?")
        if _resident() - self.memory > MOST_MEMORY:
            raise Endless(f"one call has taken more than {MOST_MEMORY >> 30} GB of memory: does it grow for ever?")


def _resident() -> int:
    """Bytes of memory that the process has, 0 where that can't be told."""
    try:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
