"""How a line of a QEMU trace is described: a template, and what is made of its fields.

A line is the trace event's name, a blank, and text in which the arguments stand. A form's template is that text with
`{name:x}` for a hexadecimal number (with or without 0x), `{name:d}` for a decimal one, `{name:i}` for one that may be
negative, `{name:s}` for a size of 1, 2, 4 or 8 bytes, `{name:w}` for a word, `{name:q}` for any text without a quote;
a part in `[[` `]]` may be missing, and its fields are None then. `{name:a}` and `{name:m}` are the lists of registers
and of memory contents of a probe.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vgic.trace.events import BadLine, Event

_TEXT_SHOWN = 200

_ARGUMENT = "x[0-9]{1,2}=0x[0-9a-fA-F]{1,16}"
_MEMORY = r"mem\[x[0-9]{1,2}\+[0-9]{1,6}\]=(?:[0-9a-fA-F]{2})+"

_KINDS: dict[str, tuple[str, str]] = {
    "x": ("(?:0x)?([0-9a-fA-F]{1,16})", "HEX"),
    "d": ("([0-9]{1,10})", "N"),
    "i": ("(-?[0-9]{1,10})", "N"),
    "s": ("([1248])", "1|2|4|8"),
    "w": (r"([A-Za-z0-9_.$]{1,128})", "WORD"),
    "q": (r"([^'\n]{0,120})", "TEXT"),
    "a": (f"((?: {_ARGUMENT}){{0,31}})", "[ xN=HEX ...]"),
    "m": (f"((?: {_MEMORY}){{0,31}})", "[ mem[xN+OFFSET]=HEX-BYTES ...]"),
}
"""The kinds of field: what they match, and how they are told to people."""

_FIELD = re.compile(r"\{(\w+):(\w)\}")

Build = Callable[..., Event]
"""From the line's number and the texts of the fields to the event; ValueError says what is out of its range."""


def bad_line(line: int, text: str, why: str) -> BadLine:
    """A `BadLine`, with the text made fit to print."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:_TEXT_SHOWN])
    return BadLine(line, shown[:_TEXT_SHOWN], why)


class Form:
    """What the lines of one trace event look like, and the kind of event that they become."""

    __slots__ = ("_build", "_match", "_start", "expected", "kind", "word")

    def __init__(self, word: str, template: str, kind: type[Event], build: Build) -> None:
        self.word, self.kind = word, kind
        self.expected = f"{word} " + _FIELD.sub(
            lambda m: _KINDS[m[2]][1], template.replace("[[", "[").replace("]]", "]")
        )
        self._build = build
        self._match = re.compile(_regex(template)).fullmatch
        self._start = len(word) + 1

    def parse(self, line: int, text: str) -> Event:
        """The event of a line that begins with this form's word; a `BadLine` where it can't be read."""
        match = self._match(text, self._start)
        if match is None:
            return bad_line(line, text, f"expected: {self.expected}")
        try:
            return self._build(line, *match.groups())
        except ValueError as error:
            return bad_line(line, text, str(error))


def _regex(template: str) -> str:
    """The regular expression of a template; its groups are the fields in their order."""
    pieces, end = [], 0
    for field in _FIELD.finditer(template):
        pieces += [_literal(template[end : field.start()]), _KINDS[field[2]][0]]
        end = field.end()
    return "".join([*pieces, _literal(template[end:])])


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\[\[", "(?:").replace(r"\]\]", ")?")


def fields_of(template: str) -> Callable[[tuple[str, ...]], dict[str, Any]]:
    """Turns the texts of a template's fields to what they stand for, by their names: numbers, or words."""
    fields = [(name, {"x": 16, "w": 0}.get(kind, 10)) for name, kind in _FIELD.findall(template)]

    def convert(texts: tuple[str, ...]) -> dict[str, Any]:
        return {name: int(text, base) if base else text for (name, base), text in zip(fields, texts, strict=True)}

    return convert
