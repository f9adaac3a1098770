"""What all generators share: a seeded source, weighted choices, and the memory of what software has in hand.

A generator is biased to legal use: it ends what it has acknowledged, in the order that the architecture asks for, by
reference to what the acknowledge read. A share of its operations (`ILLEGAL`) is anything that fits the encoding:
wrong sizes, read-only registers, EOIs of nothing.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import ClassVar, TypeVar

from vgic.oracle.episode import Operation, Reference
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Place
from vgic.oracle.qemu import How, Outcome
from vgic.oracle.registers import target

T = TypeVar("T")

LINES = (33, 34, 39)
"""SPIs whose line a batch can move."""
PPI_LINES = (23, 26, 27, 30)
QUIET_SPIS = (32, 35, 40, 63, 64, 77, 95, 256, 287)
"""SPIs that are pended by register, in the words that every probe covers."""
SPIS = LINES * 3 + QUIET_SPIS
OTHER_SPIS = (100, 130, 200, 250)
"""SPIs outside those words: each access costs a sweep."""
PRIORITIES = (0x00, 0x08, 0x10, 0x20, 0x40, 0x48, 0x80, 0x88, 0xA0, 0xC0, 0xE0, 0xF0, 0xF8)


class Generator:
    """A seeded source of operations.

    Args:
        seed: of the random numbers. options: the machine.
    """

    GIC: ClassVar[int] = 3
    SECURITY: ClassVar[bool] = False
    FIQ_TO_EL3: ClassVar[bool] = True

    def __init__(self, seed: int, options: MachineOptions) -> None:
        self.random = random.Random(seed)
        self.options = options
        self.home = Place(options.resident)
        self.count = 0
        self.held: list[list[tuple[int, int]]] = [[] for _ in range(options.pes)]
        self.values: dict[int, int] = {}
        self.dropped: list[list[tuple[int, int]]] = [[] for _ in range(options.pes)]
        table = self.table()
        self._choices = [choice for _, choice in table]
        self._weights = list(accumulate(weight for weight, _ in table))

    @property
    def fiq_to_el3(self) -> bool:
        """SCR_EL3.FIQ of this episode."""
        return self.FIQ_TO_EL3

    # What a kind of generator gives

    def table(self) -> Sequence[tuple[float, Callable[[], Operation]]]:
        """Weights, and what makes an operation."""
        raise NotImplementedError

    def preamble(self) -> list[Operation]:
        """The operations that every episode begins with: what software sets up."""
        return []

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        """Learn what an operation answered. Called for each, the preamble's too, in order."""
        self.count += 1

    # What the lockstep asks for

    def next(self) -> Operation:
        """One more operation."""
        x = self.random.random() * self._weights[-1]
        return self._choices[min(bisect_right(self._weights, x), len(self._choices) - 1)]()

    # Helpers

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random.random() * len(options))]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def bits(self, n: int) -> int:
        return self.random.getrandbits(n)

    def pe(self) -> int:
        return int(self.random.random() * self.options.pes)

    def place(self) -> Place:
        """Where an access to the physical interface or the distributor comes from."""
        return self.home

    def read(self, register: str, *, pe: int | None = None, place: Place | None = None, size: int = 0) -> Operation:
        size = size or target(self.options.gic, register).size
        return Operation("read", register, self.pe() if pe is None else pe, place or self.place(), size)

    def write(
        self, register: str, value: int | Reference, *, pe: int | None = None, place: Place | None = None, size: int = 0
    ) -> Operation:
        size = size or target(self.options.gic, register).size
        if not isinstance(value, Reference):
            value &= (1 << 8 * size) - 1
        return Operation("write", register, self.pe() if pe is None else pe, place or self.place(), size, value)

    def priority(self) -> int:
        return self.pick(PRIORITIES) if self.chance(0.85) else self.bits(8)

    def line(self) -> Operation:
        """A device moves its line; mostly one whose INTID a batch can move."""
        x = self.random.random()
        if x < 0.55:
            return Operation("line", intid=self.pick(LINES), high=self.chance(0.5))
        if x < 0.995:
            return Operation("line", pe=self.pe(), intid=self.pick(PPI_LINES), high=self.chance(0.5))
        if self.chance(0.5):
            return Operation("line", intid=self.pick(QUIET_SPIS), high=self.chance(0.5))
        return Operation("line", pe=self.pe(), intid=self.pick((16, 20, 31)), high=self.chance(0.5))

    def spi(self) -> int:
        return self.pick(SPIS) if self.chance(0.995) else self.pick(OTHER_SPIS)

    def intid(self) -> int:
        """An SGI, PPI or SPI."""
        x = self.random.random()
        if x < 0.55:
            return self.spi()
        return self.pick(PPI_LINES) if x < 0.85 else self.pick((0, 1, 2, 7, 15, 16, 20, 25, 31))

    def remember(self, pe: int, outcome: Outcome, spurious: int = 1020) -> None:
        """The operation that was just observed acknowledged something on this PE."""
        if outcome.how is How.DONE and not spurious <= outcome.value & 0x3FF <= 1023 and outcome.value < 8192:
            held = self.held[pe]
            held.append((self.count - 1, outcome.value))
            if len(held) > 24:
                del held[0]

    def ending(self, pe: int) -> int | Reference | None:
        """What an EOIR should be given: the last acknowledged interrupt, sometimes another; None where none is held."""
        held = self.held[pe]
        if not held:
            return None
        index, value = held.pop(-1 if self.chance(0.9) else int(self.random.random() * len(held)))
        self.values[index] = value
        dropped = self.dropped[pe]
        dropped.append((index, value))
        if len(dropped) > 12:
            del dropped[0]
        return Reference(index)

    def deactivating(self, pe: int) -> int | Reference | None:
        """What a DIR should be given: an interrupt whose priority was dropped, sometimes one still held."""
        pool = self.dropped[pe] if self.chance(0.85) else self.held[pe]
        if not pool:
            return None
        index, value = pool.pop(int(self.random.random() * len(pool)))
        self.values[index] = value
        return Reference(index)

    def intid_of(self, value: int | Reference) -> int:
        """The INTID in what is about to be written to EOIR or DIR."""
        return (self.values[value.index] if isinstance(value, Reference) else value) & 0x3FF
