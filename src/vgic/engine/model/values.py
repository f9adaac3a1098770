"""What a slot may hold, and when two values are the same.

The explorer numbers the values that each slot takes. Two values get one number exactly if no model
could tell them apart: so 1, True and 1.0 differ (Python's `==` says otherwise), and objects of the
machine are told apart by identity, whatever their `__eq__` says.
"""
from __future__ import annotations

import dataclasses
import enum
import sys
import types
from collections import deque
from collections.abc import Container, Hashable
from typing import Any, Final

_ATOMS: Final = frozenset({type(None), bool, int, str, bytes, range, type(Ellipsis)})
_CODE: Final = (types.FunctionType, types.BuiltinFunctionType, type)


class _Mark:
    """A value that stands for itself alone."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


OBJECT: Final = _Mark("object")
UNSET: Final = _Mark("(unset)")
"""The content of a slot that has never been given a value."""


class Frozen(tuple[Any, ...]):
    """A list at rest."""

    __slots__ = ()


def key_of(value: Any, known: Container[int]) -> Hashable:
    """What identifies a value. `known`: the ids of the objects of the machine.

    Raises TypeError, with the reason, for a value that could change behind the explorer's back.
    """
    cls = type(value)
    if cls in _ATOMS:
        return cls, value
    if id(value) in known:
        return OBJECT, id(value)
    if cls is list or cls is Frozen:
        return list, tuple([_flat(item, known) for item in value])
    return _flat(value, known)


def _flat(value: Any, known: Container[int]) -> Hashable:
    cls = type(value)
    if cls in _ATOMS:
        return cls, value
    if id(value) in known:
        return OBJECT, id(value)
    if isinstance(value, enum.Enum):
        return cls, value._value_
    if isinstance(value, tuple):
        return cls, tuple([_flat(item, known) for item in value])
    if isinstance(value, frozenset):
        return cls, frozenset([_flat(item, known) for item in value])
    if isinstance(value, float):
        return cls, value.hex()                      # 0.0 is not -0.0, and nan is nan
    if isinstance(value, (int, str, bytes)):
        return cls, value
    if is_frozen_dataclass(cls):
        return cls, tuple([_flat(getattr(value, field.name), known) for field in dataclasses.fields(value)])
    if isinstance(value, types.MethodType):
        return cls, value.__func__, _flat(value.__self__, known)
    if isinstance(value, _CODE) or value is UNSET:
        return cls, value
    if isinstance(value, (list, dict, set, bytearray, deque)):
        raise TypeError(f"a {cls.__name__} inside it can change: use a tuple or a frozenset, or a part of its own")
    if cls.__module__.partition(".")[0] in sys.stdlib_module_names:
        raise TypeError(
            f"it is an object of {cls.__module__}.{cls.__qualname__}, and whether such a one changes the explorer can't"
            " see: a slot holds immutable values, functions, bound methods, and objects of the model's own that the"
            " machine was built with")
    raise TypeError(
        f"it is an object of {cls.__module__}.{cls.__qualname__} made while the machine ran: a slot holds immutable"
        " values and objects that the machine was built with")


def is_frozen_dataclass(cls: type) -> bool:
    """Whether instances of the class can't be written."""
    parameters = getattr(cls, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def shown(value: Any, most: int = 200) -> str:
    """A value for a message: its repr, cut where it is long; a model's own repr may raise."""
    if isinstance(value, int) and value.bit_length() > 4 * most:
        return f"an integer of {value.bit_length():,} bits"      # Python refuses to print the largest
    try:
        text = repr(value)
    except Exception as e:
        text = f"(a {type(value).__qualname__} whose repr raises {type(e).__name__})"
    return text if len(text) <= most else f"{text[:most - 20]} ... ({len(text):,} characters)"


def freeze(value: Any) -> Any:
    """The value as it is kept: a list becomes a `Frozen`."""
    return Frozen(value) if type(value) is list else value


def thaw(value: Any) -> Any:
    """A kept value as the model sees it: lists are fresh."""
    return list(value) if type(value) is Frozen else value
