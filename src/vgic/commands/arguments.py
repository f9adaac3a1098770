"""What people write on a command line: numbers, ranges, choices; and what is said where they can't be used."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TextIO, overload


class Refused(Exception):
    """What was asked for can't be used. The message, for people, says what, and what was expected."""


@overload
def number(text: str, what: str, low: int = ..., high: int | None = ...) -> int: ...
@overload
def number(text: None, what: str, low: int = ..., high: int | None = ...) -> None: ...


def number(text: str | None, what: str, low: int = 0, high: int | None = None) -> int | None:
    """A whole number, as 31, 0x1f or 0b11; None where nothing was written.

    Args:
        what: the option, as messages name it. low, high: its bounds, both included; no upper one if None.
    """
    if text is None:
        return None
    try:
        value = _parsed(text)
    except ValueError:
        value = low - 1
    if value < low or (high is not None and value > high):
        bounds = f" from {low:,} on" if high is None else f", {low:,} to {high:,}"
        raise Refused(f"{what} {text}: expected a whole number{bounds}")
    return value


def gigabytes(text: str | None, what: str, most: int) -> int | None:
    """So many gigabytes, whole or not, in bytes; None where nothing was written."""
    if text is None:
        return None
    try:
        value = int(float(text) * 2**30)
    except (ValueError, OverflowError):
        value = 0
    if not 1 <= value <= most * 2**30:
        raise Refused(f"{what} {text}: expected a number, more than 0, up to {most:,}")
    return value


def span(text: str | None, what: str, low: int, high: int) -> tuple[int, int] | None:
    """N, or A..B: the first and the last of a range; None where nothing was written."""
    if text is None:
        return None
    first, dots, last = text.partition("..")
    try:
        found = _parsed(first), _parsed(last if dots else first)
    except ValueError:
        found = (1, 0)
    if not low <= found[0] <= found[1] <= high:
        raise Refused(f"{what} {text}: expected N, or A..B with A at most B, {low} to {high}")
    return found


def one_of(text: str, what: str, known: Collection[str]) -> str:
    """A word, if it is one of those there are."""
    if text not in known:
        raise Refused(f"{what} {text}: expected one of {', '.join(known)}")
    return text


def names(text: str, what: str, most: int) -> list[str]:
    """Words separated by commas, at most so many."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise Refused(f"{what}: expected names separated by commas, such as kvm,trap,mine.py:MyVgic")
    if len(found) > most:
        raise Refused(f"{what}: {len(found)} names: expected at most {most}")
    return found


def standard_input() -> TextIO:
    """What a process reads for `-`. Refused where it was started without one."""
    if sys.stdin is None or sys.stdin.closed:       # None: of a process that has none
        raise Refused("-: standard input is closed")
    return sys.stdin


def _parsed(text: str) -> int:
    from vgic.arch.register import number  # brings all registers with it: late, so that help comes at once

    return number(text)
