"""Parts and steps: what a model of the machine is made of, and all that it needs to know of the explorer.

**Part.** All that can change lives in parts: small objects with `__slots__` (one interrupt, one list
register, one virtual CPU). A slot holds an immutable value (None, bool, int, str, bytes, an enum, a
tuple or frozenset of such, a frozen dataclass), a reference to another object of the machine, or a
flat list of those. Everything else (the machine itself, its lists of parts, its tables) is built
once and never written again; the explorer refuses such a write, naming the attribute.

`Part` is the base class that says so. It is optional for a class with `__slots__` alone: the explorer
takes as a part every object that it can reach from the machine, has `__slots__`, no `__dict__`, and
is not a frozen dataclass.

**Step.** A method that actions call in loops (`populate_lr`, `fold_lr`, "is it deliverable?") multiplies
what the explorer has to learn of its callers: all values that it reads, for all interrupts. Marked with
`@step` it is learned on its own, once for each object and arguments, and its callers only see its
result. Outside the explorer the mark does nothing, and costs nothing: the function is returned as it is.

A step takes and returns immutable values and objects of the machine, never lists.
"""
from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__vgic_step__"


class Part:
    """An object of the machine whose slots may change. Subclasses declare their own `__slots__`."""

    __slots__ = ()


def step(method: F) -> F:
    """Mark a method for the explorer to learn on its own; it stays the function that it was.

    Raises TypeError for anything but a plain method (put it below `@property` or `@staticmethod`
    and there is nothing that the explorer could intercept).
    """
    if not isinstance(method, FunctionType):
        raise TypeError(f"@step marks a plain method, not {type(method).__name__}")
    setattr(method, _MARK, True)
    return method


def is_step(function: object) -> bool:
    """Whether `step` marked this function."""
    return isinstance(function, FunctionType) and hasattr(function, _MARK)
