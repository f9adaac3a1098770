"""Text that fits a mail: tables and wrapped lines of at most 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 100


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] | set[int]) -> list[str]:
    """The rows below the head, columns aligned; `right`: those aligned to the right."""
    everything = [head, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(head))]
    lines = []
    for row in everything:
        cells = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(cells).rstrip()[:WIDTH])
    return lines


def wrap(label: str, text: str) -> list[str]:
    """The label, then the text, in lines of at most WIDTH; further lines are indented."""
    lines, line = [], label
    for word in text.split(" "):
        if len(line) + len(word) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * min(len(label), 20)
        line += word + " "
    return [*lines, line.rstrip()]
