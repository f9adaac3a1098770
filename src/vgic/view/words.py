"""Words that fit a mail: numbers, tables and wrapped lines of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WIDTH = 100


def many(n: int, what: str) -> str:
    """So many of something: 1 state, 2,000 states."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in ascending order, those that follow each other as one: 0-3, 7."""
    ends: list[list[int]] = []
    for n in numbers:
        if ends and ends[-1][1] == n - 1:
            ends[-1][1] = n
        else:
            ends.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ends)


def rate(count: int, seconds: float) -> str:
    """How many in a second: 8.1 M, 25 k, 900; 0 where no time has passed."""
    per_second = count / seconds if seconds else 0
    if per_second >= 1e6:
        return f"{per_second / 1e6:.1f} M"
    return f"{per_second / 1e3:.0f} k" if per_second >= 1e4 else f"{per_second:,.0f}"


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
