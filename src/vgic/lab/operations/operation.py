"""What every operation of a guest has: a word, operands, a sentence, and what it does.

    class Sgi(Operation):
        operands = (operands.Sgi(), operands.Vcpu("to"))

        @step
        def do(self, guests: GuestSteps, run: VcpuRun, intid: int, target: int) -> None: ...

An `Operation` is what "SGI N to VCPU" means; an `Op` is what a program says, "SGI 1 to 0": an operation with a value
for each operand. All that is not of one operation alone (reading, printing, checking, what a program names) is a loop
over operands. Both are immutable.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from vgic.lab.operations.operands import Intid, Operand, VmShape

Values = tuple[int | None, ...]


class Operation(ABC):
    """One operation. Subclasses say what it does.

    Attributes:
        word: its name; a second word may follow it. help: what the guest does, in a sentence.
        operands: in the order of its text; what is optional comes last.
        outside: only a program has it, no handler.
        own: it concerns the interrupt that its handler was entered for: only a handler has it, and `do` gets what IAR
            returned before the operands. moves: it moves the guest's position in its program itself; before all others
            are done, the position goes on by one.
    """

    operands: ClassVar[tuple[Operand, ...]] = ()
    outside: ClassVar[bool] = False
    own: ClassVar[bool] = False
    moves: ClassVar[bool] = False

    def __init__(self, word: str, help: str) -> None:
        self.word, self.help = word, help

    # -- what it does

    def possible(self, *args: Any, **kwargs: Any) -> bool:
        """Whether the guest can do it now. Takes the guest's `VcpuRun` and a value for each operand."""
        return True

    @abstractmethod
    def do(self, *args: Any, **kwargs: Any) -> None:
        """Does it. Takes `GuestSteps`, the guest's `VcpuRun`, IAR's value if it is `own`, a value for each operand."""

    # -- its text

    @property
    def forms(self) -> list[str]:
        """What its text looks like: "SGI N to VCPU"; with what is optional, and without."""
        needed = [o for o in self.operands if not o.optional]
        return [" ".join([self.word, *(f"{o.keyword} {o.usage}".lstrip() for o in operands)])
                for operands in dict.fromkeys((tuple(needed), self.operands))]

    def text(self, values: Values) -> str:
        """The text of this operation with these values."""
        said = zip(self.operands, values, strict=True)
        return " ".join([self.word, *(f"{o.keyword} {o.text(v)}".lstrip() for o, v in said if v is not None)])

    def parse(self, words: Sequence[str]) -> Values | None:
        """The operands' values from a text's words, None if there are too few or too many words, or if they begin
        otherwise than this operation. ValueError says what was expected of one of them."""
        own = self.word.split()
        rest = list(words[len(own):])
        needed = [o for o in self.operands if not o.optional]
        if list(words[:len(own)]) != own or len(rest) not in (_length(needed), _length(self.operands)):
            return None
        values: list[int | None] = []
        for operand in self.operands:
            if not rest:
                values.append(None)
                continue
            if operand.keyword and (word := rest.pop(0)) != operand.keyword:
                raise ValueError(f"{word!r}: expected {operand.keyword}")
            values.append(operand.parse(rest.pop(0)))
        return tuple(values)

    # -- its VM

    def wrong(self, op: Op, vm: VmShape) -> Iterator[str]:
        """What a VM lacks for its guest to do this, as `op` says it."""
        intids = op.named(Intid)
        yield from chain.from_iterable(operand.wrong(value, intids, vm) for operand, value in op.operands())


@dataclass(frozen=True, slots=True)
class Op:
    """One operation as a program says it. `str` is its text.

    Attributes:
        operation: which. values: of each of its operands; None where it is left out.
    """

    operation: Operation
    values: Values

    def __str__(self) -> str:
        return self.operation.text(self.values)

    def operands(self) -> Iterator[tuple[Operand, int]]:
        """Each operand that is there, with its value."""
        return ((o, v) for o, v in zip(self.operation.operands, self.values, strict=True) if v is not None)

    def named(self, kind: type[Operand]) -> tuple[int, ...]:
        """The values of its operands of a kind."""
        return tuple(value for operand, value in self.operands() if isinstance(operand, kind))

    def wrong(self, vm: VmShape) -> Iterator[str]:
        """What a VM lacks for its guest to do this."""
        return self.operation.wrong(self, vm)


def _length(operands: Sequence[Operand]) -> int:
    """How many words they take."""
    return sum(2 if operand.keyword else 1 for operand in operands)
