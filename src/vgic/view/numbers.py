"""A register's value as people and dumps write it.

Dumps print %08x and %016x without 0x, so eight digits are hexadecimal whatever they look like. A person who types 25
means twenty-five. So what decides is how a number is written: 0x or 0b; a letter; a leading zero; eight or sixteen
digits; and in a dump whether another value of the same width is hexadecimal beyond doubt. What could be read in another
way is told with how it was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from vgic.arch.register import number

_DIGITS: Final = re.compile(r"[0-9a-fA-F](_?[0-9a-fA-F])*", re.ASCII)
_BINARY: Final = re.compile(r"0[bB](_?[01])+", re.ASCII)
_PRINTED: Final = (8, 16)
"""Digits of what %08x and %016x print."""


class Reading(NamedTuple):
    """A number, and how it was read: "" where it can be read in one way alone."""

    value: int
    how: str = ""


def read(text: str, widths: Collection[int] = ()) -> Reading:
    """A number as it is written: 0x1f, 0b11, 31, 01010101, 70c0001b0000001b. ValueError with the text where it is none.

    Args:
        widths: so many digits are known to be hexadecimal (`hexadecimal_widths`).
    """
    if not _DIGITS.fullmatch(text):
        return Reading(number(text))
    width = _width(text)
    as_hex = int(text, 16)
    printed = width in _PRINTED or width in widths
    if _BINARY.fullmatch(text):
        if printed and width in widths:
            return Reading(as_hex, f"{text} is read as hexadecimal; as binary it is {number(text):#x}")
        return Reading(number(text), f"{text} is read as binary; for hexadecimal write 0x{text}" if printed else "")
    if not text.replace("_", "").isdigit():
        return Reading(as_hex)
    as_decimal = int(text)
    if as_decimal == as_hex:
        return Reading(as_hex)
    if printed or text[0] == "0":
        return Reading(as_hex, f"{text} is read as hexadecimal; as decimal it is {as_decimal:#x}")
    return Reading(as_decimal, f"{text} is read as decimal; for hexadecimal write 0x{text}")


def written(text: str) -> bool:
    """Whether a word is a number by its looks: it begins with a digit, or is as long as what a dump prints."""
    return text[0].isdigit() or (_DIGITS.fullmatch(text) is not None and _width(text) in _PRINTED)


def hexadecimal_widths(values: Iterable[str]) -> frozenset[int]:
    """How many digits those of a dump's values have that are hexadecimal beyond doubt: a letter, or a leading zero."""
    return frozenset(
        _width(text) for text in values
        if _DIGITS.fullmatch(text) and not _BINARY.fullmatch(text)
        and (not text.replace("_", "").isdigit() or (text[0] == "0" and _width(text) > 1)))


def _width(text: str) -> int:
    return len(text.replace("_", ""))
