"""What a guest does, as a small typed program: a list of operations, each one step of the guest, so that anything may
happen between two of them.

`OPERATIONS` is all that a guest can do: see `vgic.lab.operations`, and the table in docs/scenarios.md, which is made of
it. A handler starts with the acknowledge, and has operations more that a program has not: those of its own interrupt.
`HANDLE` of a timer can be replaced by timer operations, to tell a guest that does less. After the last operation of its
program a guest idles: it waits in WFI for ever, or runs in a loop (`idle = "spin"`).
"""
from __future__ import annotations

from typing import Final

from vgic.lab.operations.control import CONTROL
from vgic.lab.operations.cpu_interface import CPU_INTERFACE
from vgic.lab.operations.distributor import DISTRIBUTOR
from vgic.lab.operations.operation import Op, Operation
from vgic.lab.operations.timers import TIMERS

OPERATIONS: Final = (*DISTRIBUTOR, *CPU_INTERFACE, *TIMERS, *CONTROL)
_BY_WORD: Final[dict[str, list[Operation]]] = {}
"""Operations by the first word of their text."""
for _operation in OPERATIONS:
    _BY_WORD.setdefault(_operation.word.split()[0], []).append(_operation)


def parse(text: str, *, handler: bool = False) -> Op:
    """An operation from its text. ValueError says what is wrong and what was expected."""
    words = text.split()
    word = words[0] if words else ""
    named = _BY_WORD.get(word, [])
    if not named:
        raise ValueError(f'"{text}": no operation {word!r}: expected one of {", ".join(_BY_WORD)}')
    allowed = [operation for operation in named if handler or not operation.own]
    if not allowed:
        raise ValueError(f'"{text}": only a handler can do this')
    for operation in allowed:
        try:
            values = operation.parse(words)
        except ValueError as e:
            raise ValueError(f'"{text}": {e}') from None
        if values is not None:
            return Op(operation, values)
    forms = " or ".join(f'"{form}"' for operation in allowed for form in operation.forms)
    raise ValueError(f'"{text}": expected {forms}' + (" outside a handler" if len(allowed) < len(named) else ""))


def table() -> str:
    """All operations for people, as a table in Markdown; those that only a handler has come last."""
    operations = sorted(OPERATIONS, key=lambda operation: operation.own)
    rows = [("operation", "what the guest does"), ("---", "---"),
            *((", ".join(f"`{form}`" for form in operation.forms), operation.help) for operation in operations)]
    return "\n".join(f"| {form} | {does} |" for form, does in rows)
