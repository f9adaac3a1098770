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
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from vgic.arch.intid import special
from vgic.oracle.episode import Operation, Reference
from vgic.oracle.lines import PPIS, SPIS
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level
from vgic.oracle.qemu import How, Outcome
from vgic.oracle.registers import target

if TYPE_CHECKING:
    from vgic.oracle.model import Model

T = TypeVar("T")

LINES, PPI_LINES = SPIS, PPIS
"""The SPIs and the PPIs whose line a batch can move."""
QUIET_SPIS = (32, 35, 40, 63, 64, 77, 95, 256, 287)
"""SPIs that are pended by register, in the words that every probe covers."""
SPIS = LINES * 3 + QUIET_SPIS
OTHER_SPIS = (100, 130, 200, 250)
"""SPIs outside those words: each access costs a sweep."""
PRIORITIES = (0x00, 0x08, 0x10, 0x20, 0x40, 0x48, 0x80, 0x88, 0xA0, 0xC0, 0xE0, 0xF0, 0xF8)


class Grip(NamedTuple):
    """An interrupt that software has in hand.

    Attributes:
        operand: what to write to end it: a reference to the acknowledge, or a number where there was none.
        value: the number. group: whose acknowledge register it came from.
    """

    operand: int | Reference
    value: int
    group: int


class Hands:
    """What each PE's software has acknowledged and must end, and what it has dropped and must deactivate."""

    MOST = 16

    def __init__(self, source: random.Random, pes: int) -> None:
        self._random = source
        self.held: list[list[Grip]] = [[] for _ in range(pes)]
        self.dropped: list[list[Grip]] = [[] for _ in range(pes)]

    def take(self, pe: int, grip: Grip) -> None:
        """Something was acknowledged."""
        self.held[pe].append(grip)
        del self.held[pe][: -self.MOST]

    def holder(self) -> int | None:
        """A PE that holds something."""
        pes = [pe for pe, held in enumerate(self.held) if held]
        return pes[int(self._random.random() * len(pes))] if pes else None

    def end(self, pe: int) -> Grip | None:
        """What an EOIR should be given: the last acknowledged interrupt, one time in ten another."""
        held = self.held[pe]
        if not held:
            return None
        grip = held.pop(-1 if self._random.random() < 0.9 else int(self._random.random() * len(held)))
        self.dropped[pe].append(grip)
        del self.dropped[pe][: -self.MOST]
        return grip

    def deactivate(self, pe: int) -> Grip | None:
        """What a DIR should be given: an interrupt whose priority was dropped, sometimes one still held."""
        pool = self.dropped[pe] if self._random.random() < 0.85 else self.held[pe]
        return pool.pop(int(self._random.random() * len(pool))) if pool else None


class Generator:
    """A seeded source of operations.

    Args:
        seed: of the random numbers. options: the machine.

    Attributes:
        model: the model that the episode runs on, for hints on what would be worth doing now; None without.
        queue: operations that come next, whatever else would.
    """

    GIC: ClassVar[int] = 3
    SECURITY: ClassVar[bool] = False
    FIQ_TO_EL3: ClassVar[bool] = True

    def __init__(self, seed: int, options: MachineOptions) -> None:
        self.random = random.Random(seed)
        self.options = options
        self.home = Level(options.resident)
        self.count = 0
        self.model: Model | None = None
        self.queue: list[Operation] = []
        self.hands = Hands(self.random, options.pes)
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
        raise NotImplementedError  # abstract: each kind has its own

    def preamble(self) -> list[Operation]:
        """The operations that every episode begins with: what software sets up."""
        return []

    def observe(self, operation: Operation, outcome: Outcome) -> None:
        """Learn what an operation answered. Called for each, the preamble's too, in order."""
        self.count += 1

    # What the lockstep asks for

    def next(self) -> Operation:
        """One more operation."""
        if self.queue:
            return self.queue.pop(0)
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

    def level(self) -> Level:
        """Where an access to the physical interface or the distributor comes from."""
        return self.home

    def read(self, register: str, *, pe: int | None = None, level: Level | None = None, size: int = 0) -> Operation:
        size = size or target(self.options.gic, register).size
        return Operation("read", register, self.pe() if pe is None else pe, level or self.level(), size)

    def write(
        self, register: str, value: int | Reference, *, pe: int | None = None, level: Level | None = None, size: int = 0
    ) -> Operation:
        size = size or target(self.options.gic, register).size
        if not isinstance(value, Reference):
            value &= (1 << 8 * size) - 1
        return Operation("write", register, self.pe() if pe is None else pe, level or self.level(), size, value)

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

    def acknowledged(self, operation: Operation, outcome: Outcome, intid: int) -> bool:
        """Whether the operation that was just observed has taken an interrupt."""
        return outcome.how is How.DONE and operation.kind == "read" and not special(intid)

    def grip(self, value: int, group: int) -> Grip:
        """A grip on what the operation that was just observed acknowledged."""
        return Grip(Reference(self.count - 1), value, group)

    def signalled(self, virtual: bool = False) -> tuple[int, int] | None:
        """A PE with an interrupt on its line, and the group that IRQ or FIQ stands for, mostly; else None."""
        if self.model is None or self.chance(0.25):
            return None
        pe, device = self.pe(), self.model.device
        if device.virq(pe) if virtual else device.irq(pe):
            return pe, 1
        if device.vfiq(pe) if virtual else device.fiq(pe):
            return pe, 0
        return None
