"""TOML files against pydantic models, with errors for people: file, line, key, what was expected."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vgic.lab.errors import ScenarioError
from vgic.lab.lines import KeyLines

LARGEST = 1 << 20
"""Bytes of a file beyond which it can only be a mistake."""
MOST = 8
"""Errors told of one file."""

M = TypeVar("M", bound=BaseModel)
Tables = Mapping[tuple[str, ...], type[BaseModel]]
"""The model of each table, by the keys that lead to it."""


def read_toml(path: Path | str, expected: str) -> str:
    """A file's text. ScenarioError where it can't be read."""
    path = Path(path)
    try:
        if not path.is_file() and path.exists():
            raise ScenarioError(f"{path}: not a file: expected {expected}")
        if path.stat().st_size > LARGEST:
            raise ScenarioError(f"{path}: {path.stat().st_size} bytes: expected at most {LARGEST}")
        data = path.read_bytes()
    except (OSError, ValueError) as e:
        raise ScenarioError(f"{path}: {getattr(e, 'strerror', None) or e}: expected {expected}") from None
    try:
        return data.decode("utf-8-sig")              # some editors write a byte order mark
    except UnicodeDecodeError as e:
        line = data[:e.start].count(b"\n") + 1
        raise ScenarioError(f"{path}:{line}: byte {data[e.start]:#04x} is not UTF-8: expected a TOML file") from None


def validated(model: type[M], text: str, name: str, tables: Tables) -> tuple[M, KeyLines]:
    """The model that a file's text describes, and where its keys stand."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ScenarioError(_toml_error(e, text, name)) from None
    lines = KeyLines(text)
    try:
        return model.model_validate(data), lines
    except ValidationError as e:
        told = [printable(_words(error, data, lines, name, tables)) for error in e.errors()[:MOST]]
        raise ScenarioError("\n".join(told)) from None


def printable(text: str) -> str:
    """The text with whatever a terminal might obey as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _toml_error(e: Exception, text: str, name: str) -> str:
    words = str(e)
    if isinstance(e, RecursionError):
        return f"{name}:1: arrays nested too deeply: expected a scenario"
    what, _, place = words.rpartition(" (at ")
    line = place.partition("line ")[2].partition(",")[0]
    if not line.isdigit():
        what, line = words.replace(" (at end of document)", ""), str(max(1, len(text.splitlines())))
    return f"{name}:{line}: not TOML: {what[0].lower()}{what[1:]}"


def key_words(path: tuple[str | int, ...], data: Any) -> str:
    """A path as people write it: device "nic": trigger; vm 0: vcpu 1: program 3."""
    words: list[str] = []
    here = data
    for part in path:
        if isinstance(part, int):
            here = here[part] if isinstance(here, list) and part < len(here) else None
            named = here.get("name") if isinstance(here, dict) else None
            words[-1] += f' "{named}"' if isinstance(named, str) else f" {part}"
        else:
            here = here.get(part) if isinstance(here, dict) else None
            words.append(part)
    return ": ".join(words)


def _words(error: Any, data: Any, lines: KeyLines, name: str, tables: Tables) -> str:
    path = tuple(p for p in error["loc"] if p != "[key]")
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    where = f"{name}:{lines.line(path)}: "
    if kind == "extra_forbidden":
        where += f"{key_words(path[:-1], data)}: " if path[:-1] else ""
        known = _fields(path[:-1], tables)
        close = difflib.get_close_matches(str(path[-1]), known, 1)
        hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(known)}"
        return f"{where}{path[-1]}: no such key: {hint}"
    if kind == "missing":
        where += f"{key_words(path[:-1], data)}: " if path[:-1] else ""
        return f"{where}{path[-1]}: missing: expected {_EXPECTED.get(str(path[-1]), 'a value')}"
    where += f"{key_words(path, data)}: " if path else ""
    if kind == "value_error":
        return f"{where}{context['error']}"
    shown = _shown(given)
    if kind == "literal_error":
        return f"{where}{shown}: expected {context['expected'].replace(chr(39), chr(34))}"
    expected = {
        "string_type": "a string", "int_type": "an integer", "bool_type": "true or false", "list_type": "an array",
        "dict_type": "a table", "model_type": "a table", "string_pattern_mismatch": "a name: small letters, digits, -",
        "too_short": f"at least {context.get('min_length')}", "too_long": f"at most {context.get('max_length')}",
        "string_too_short": f"at least {context.get('min_length')} characters",
        "string_too_long": f"at most {context.get('max_length')} characters",
        "greater_than_equal": f"at least {context.get('ge')}", "less_than_equal": f"at most {context.get('le')}",
    }.get(kind, error["msg"])
    return f"{where}{shown}: expected {expected}"


_EXPECTED = {
    "name": "a name: small letters, digits, -", "title": "a sentence: what happens", "vm": "at least one [[vm]] table",
    "teaches": "a sentence: what one learns", "vcpu": "at least one [[vm.vcpu]] table",
    "kind": '"timer", "level" or "edge"',
}


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields(path: tuple[str | int, ...], tables: Tables) -> list[str]:
    """The keys that a table may have."""
    model = tables.get(tuple(p for p in path if isinstance(p, str)))
    return list(model.model_fields) if model is not None else []
