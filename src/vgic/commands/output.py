"""What commands print: a report on standard output, how far they have come on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from vgic.view.report import Report

T = TypeVar("T")
BAR = 20
"""Characters of a bar."""


def tell(report: Report, as_json: bool) -> int:
    """Prints a report, and returns the command's exit status."""
    if as_json:
        print_json(report.json())
    else:
        print(report.text().rstrip("\n"))
    return report.exit_status


def print_json(value: object) -> None:
    """Prints one value as JSON."""
    json.dump(value, sys.stdout, indent=2)
    print()


def warn(message: object) -> None:
    """Says something beside the report: on standard error, in a line."""
    print(f"vgic: {message}", file=sys.stderr)


class Progress:
    """How far a command has come: one line of a terminal, written over and over, and gone at the end.

    Nothing is written where standard error is no terminal.
    """

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Writes the line anew."""
        self._write(f"\r{text}\x1b[K")

    def part(self, what: str, done: int, total: int | None) -> None:
        """Writes the line anew: a bar, as far as something is done; its size alone where the whole is not known."""
        if total:
            full = min(BAR, BAR * done // total)
            self.show(f"  {what}  [{'#' * full}{'-' * (BAR - full)}] {100 * done // total} %")
        else:
            self.show(f"  {what}  {done:,}")

    def keep(self, text: str) -> None:
        """Writes a line that stays."""
        self._write(f"\r{text}\x1b[K\n")

    def _write(self, text: str) -> None:
        if self.on:
            sys.stderr.write(text)
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\r\x1b[K")


def gathered(
    found: Generator[T, None, None], total: int, told: Callable[[T], str] | None = None,
) -> tuple[list[T], bool]:
    """All that is found, and whether Ctrl-C ended that early. On a terminal the count shows as it grows.

    Args:
        total: how many there are to be. told: each in a line that stays, where that is wanted.
    """
    out: list[T] = []
    with Progress() as progress, closing(found):
        try:
            for one in found:
                out.append(one)
                if told is not None:
                    progress.keep(told(one))
                progress.show(f"{len(out):,} of {total:,} searched")
        except KeyboardInterrupt:
            return out, True
    return out, False
