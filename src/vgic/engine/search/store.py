"""Where the states lie: an array in breadth-first order, and the table that finds them.

Each thread appends to a region of its own of one array, which is reserved as a whole and backed by
memory only where it is used. No parents are stored.
"""
from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vgic.engine.kernels import table

Array = npt.NDArray[Any]
LOAD: Final = 0.75
_LAST_LOAD: Final = 0.9             # where there is no memory for a larger table
_LEAST: Final = 1 << 16


class Full(Exception):
    """The memory allowed is used up."""


class Store:
    """The states found so far. `levels[d][r]`: where the states of depth d begin in region r."""

    def __init__(self, ws: tuple[int, ...], regions: int, memory: int) -> None:
        self.ws, self.regions, self.memory = ws, regions, memory
        self.cap = max(2, min(memory // 8, (1 << 32) // regions)) - 1    # whatever W is: places must not change
        self.states = reserve((regions * self.cap, len(ws)))
        self.ends = [r * self.cap for r in range(regions)]
        self.levels: list[list[int]] = [list(self.ends)]
        self.generation = 0
        """Counts the times that states already stored were rewritten."""
        self.table: Array = np.zeros(_LEAST, np.uint64)

    @property
    def n(self) -> int:
        """How many states there are."""
        return sum(self.ends) - sum(r * self.cap for r in range(self.regions))

    @property
    def bytes(self) -> int:
        """Memory in use: states and table."""
        return 8 * len(self.ws) * self.n + int(self.table.nbytes)

    def level(self, d: int) -> list[tuple[int, int]]:
        """The stretches of the array that hold the states of depth d."""
        ends = self.levels[d + 1] if d + 1 < len(self.levels) else self.ends
        return [(lo, hi) for lo, hi in zip(self.levels[d], ends, strict=True) if lo < hi]

    def all(self) -> list[tuple[int, int]]:
        """The stretches of the array that hold states."""
        return [(lo, hi) for lo, hi in zip(self.levels[0], self.ends, strict=True) if lo < hi]

    def make_room(self, more: int, each: Callable[..., Iterable[Any]]) -> None:
        """Let the table take `more` states. Raises Full where that needs too much memory."""
        need = self.n + more
        rows = 8 * len(self.ws) * need
        if rows + self.table.nbytes > self.memory:      # so no region has more than `cap`
            raise Full
        if need <= LOAD * len(self.table):
            return
        size = len(self.table)
        factor = 4 if size < 1 << 23 else 2 if size < 1 << 26 else 1.5
        size = max(int(size * factor), int(need / LOAD) + 1)
        if rows + 8 * size + self.table.nbytes > self.memory or size >= 1 << 32:
            if need <= _LAST_LOAD * len(self.table):
                return
            raise Full
        old, self.table = self.table, reserve((size,))
        cuts = np.linspace(0, len(old), self.regions + 1).astype(np.int64).tolist()
        row = (1, len(self.ws))
        list(each(lambda k: table.grow(self.ws, old, cuts[k], cuts[k + 1], self.states, self.table,
                                       np.empty(row, np.uint64)), range(self.regions)))

    def index(self, each: Callable[..., Iterable[Any]]) -> None:
        """Fill an empty table with all states."""
        self.table = reserve((max(_LEAST, int(self.n / LOAD * 1.3)),))
        list(each(lambda span: table.rebuild(self.ws, self.states, span[0], span[1], self.table), self.all()))

    def repack(self, ws: tuple[int, ...], moves: tuple[Array, ...]) -> None:
        """Rewrite all states in another layout, perhaps of more words. The table is void then: see `index`."""
        self.generation += 1
        old = self.states
        if ws != self.ws:
            if self.n * 8 * (len(ws) + len(self.ws)) + self.table.nbytes > self.memory:
                raise Full
            self.ws = ws
            self.states = reserve((self.regions * self.cap, len(ws)))
        for lo, hi in self.all():
            table.repack(old, self.states, lo, hi, *moves)


def reserve(shape: tuple[int, ...]) -> Array:
    """Zeroed words: address space now, memory on first touch, in huge pages where it is large."""
    size = 8 * int(np.prod(shape))
    if size < 1 << 21 or not sys.platform.startswith("linux"):
        return np.zeros(shape, np.uint64)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    try:
        memory = mmap.mmap(-1, size, flags=flags)
    except OSError as e:
        raise MemoryError(f"can't reserve {size >> 20} MiB of address space ({e}): allow the search less memory") from e
    memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint64).reshape(shape)


class Threads:
    """The threads of a search. `each` is `map` over them: for one thread, in the caller's."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def each(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """[function(x) for x in items], at once. Returns when all are done, whatever happened."""
        if self._pool is None:
            return [function(x) for x in items]
        futures = [self._pool.submit(function, x) for x in items]
        while not all(f.done() for f in futures):
            for f in futures:
                f.exception()
        return [f.result() for f in futures]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
