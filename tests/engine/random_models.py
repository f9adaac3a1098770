"""Small random machines that use all that a model may: references, lists, early exits after writes, blind
writes, caught exceptions, steps (nested, writing, raising), tuples, enums, constant parts."""
from __future__ import annotations

import enum
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from vgic.parts import Part, step


class Colour(enum.Enum):
    RED = 0
    BLUE = 1


class Cell(Part):
    __slots__ = ("a", "b", "c", "colour", "d", "late", "others", "pair")
    late: Any

    def __init__(self) -> None:
        self.a = 0
        self.b = False
        self.c: list[Any] = []
        self.d: Cell | None = None
        self.pair: tuple[Any, ...] = (0, None)
        self.colour = Colour.RED
        self.others: list[Cell] = []

    @step
    def weight(self, plus: int) -> int:
        return self.a + plus + (2 if self.b else 0)

    @step
    def bump(self, by: int) -> bool:
        if self.b:
            return False
        self.a = (self.a + by) % 3
        if self.d is not None:
            self.d.poke()
        return True

    @step
    def poke(self) -> None:
        self.b = not self.b
        if len(self.c) < 2:
            self.c.append(self.a)

    @step
    def must(self) -> Colour:
        if self.a == 2:
            raise KeyError("two")
        return self.colour


class Machine:
    def __init__(self, seed: int, steps: bool = True) -> None:
        g = random.Random(seed)
        self.cells = [Cell() for _ in range(g.randint(2, 4))]
        for cell in self.cells:
            cell.others = self.cells[:2] if seed % 3 else [*self.cells]
        top = 15 if steps else 11
        self.scripts = tuple(
            tuple((g.randint(0, top), g.randrange(len(self.cells)), g.randrange(len(self.cells)), g.randint(0, 3))
                  for _ in range(g.randint(1, 7))) for _ in range(g.randint(2, 5)))

    def actions(self) -> list[tuple[str, Callable[[], Any]]]:
        return [(f"act {i}", partial(self.act, s)) for i, s in enumerate(self.scripts)]

    def rules(self) -> list[tuple[str, Callable[[], Any]]]:
        return [("sum", self.rule_sum), *((f"cell {i}", partial(self.rule_cell, i)) for i in range(len(self.cells)))]

    def rule_sum(self) -> Any:
        return sum(c.a for c in self.cells) == 2 * len(self.cells) and "all are two"

    def rule_cell(self, i: int) -> Any:
        c = self.cells[i]
        return c.b and c.d is c and c.weight(1) == 5

    def act(self, script: tuple[tuple[int, int, int, int], ...]) -> bool | None:
        acc = 0
        kept: list[Any] = []
        for op, i, j, k in script:
            c, d = self.cells[i], self.cells[j]
            if op == 0:
                acc += c.a
            elif op == 1 and c.b == bool(k & 1):
                return False
            elif op == 2:
                c.a = (acc + k) % 3
            elif op == 3:
                c.b = not c.b
            elif op == 4 and len(c.c) < 2:
                c.c.append((acc + k) % 2)
            elif op == 5 and c.c:
                acc += c.c.pop(0)
            elif op == 6:
                c.d = d if acc % 2 else None
            elif op == 7 and c.d is not None:
                acc += c.d.a + 1
            elif op == 8:
                d.b = bool(k & 1)
            elif op == 9 and acc % 2:
                return None
            elif op == 10:
                c.pair = (acc % 2, d if k & 1 else None)
                acc += sum(x.a for x in c.others)
            elif op == 11:
                c.colour = Colour.BLUE if acc % 2 else Colour.RED
                c.late = d.pair[0]
            elif op == 12:
                acc += c.weight(k)
                kept = c.c
            elif op == 13:
                acc += c.bump(1 + k % 2)
                if len(kept) > 1:
                    kept.pop()
            elif op == 14:
                try:
                    acc += c.must() is Colour.BLUE
                except KeyError:
                    acc += 1
                    d.b = False
            elif op == 15:
                c.poke()
                acc += hasattr(d, "late")
                if kept and kept[0]:
                    acc += 1
        return None
