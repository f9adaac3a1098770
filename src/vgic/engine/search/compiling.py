"""Compilation of the search itself, noticed: it takes tens of seconds, once, and is no part of any search.

The kernels are compiled as they are first called, each for the machine words of a state that it meets; so it can
happen at any time. Numba says when it begins and ends.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

_event: Any = event
_Listener: Any = event.Listener


class _Noted(_Listener):  # type: ignore[misc]  # Numba has no types
    """Hears of each compilation; those within another belong to it."""

    def __init__(self, begins: Callable[[], None], ended: Callable[[float], None]) -> None:
        self.begins, self.ended = begins, ended
        self.depth, self.at = 0, 0.0

    def on_start(self, what: Any) -> None:
        self.depth += 1
        if self.depth == 1:
            self.begins()
            self.at = time.thread_time()

    def on_end(self, what: Any) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.ended(time.thread_time() - self.at)


@contextmanager
def compiling(begins: Callable[[], None], ended: Callable[[float], None]) -> Iterator[None]:
    """While the body runs, calls `begins` where a kernel has to be compiled, and `ended` with the CPU seconds that it
    took. Code that is taken from disk is told to neither. Numba compiles in one thread at a time."""
    noted = _Noted(begins, ended)
    _event.register("numba:compile", noted)
    try:
        yield
    finally:
        _event.unregister("numba:compile", noted)
