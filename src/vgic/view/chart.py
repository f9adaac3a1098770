"""A chart: a life of interrupts as a table of text, one row a step, one column a lane.

    chart = Chart(("line 27", "LR0"), [ChartRow(1, "the timer fires", ("high", "-")), ...])
    print(chart.text())

At most 100 columns: long words wrap within "what happens"; where the lanes alone are too wide, those that never change
go first, and are named below the table. A run and a counterexample are shown so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from vgic.view.words import WIDTH

NARROWEST = 34
"""Columns that "what happens" has at least."""


class ChartRow(NamedTuple):
    """One step. `cells`: one a lane. `marks`: the lanes (by number) to look at. `notes`: lines below it."""

    step: int
    what: str
    cells: tuple[str, ...]
    marks: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


class Chart:
    """A table of steps.

    Args:
        names: the lanes. rows: the steps. width: of the text.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[ChartRow], width: int = WIDTH) -> None:
        self.names, self.rows, self.width = tuple(names), tuple(rows), width

    def _cell(self, row: ChartRow, lane: int) -> str:
        return row.cells[lane] + (" <--" if lane in row.marks else "")

    def _still(self, lane: int) -> bool:
        return len({row.cells[lane] for row in self.rows}) < 2 and not any(lane in row.marks for row in self.rows)

    def _widths(self, lanes: Sequence[int]) -> list[int]:
        return [max([len(self.names[n]), *(len(self._cell(row, n)) for row in self.rows)]) for n in lanes]

    def chosen(self) -> tuple[list[int], list[int]]:
        """The lanes that are shown, and those that are left out because they never change and the table is wide."""
        shown = list(range(len(self.names)))
        left: list[int] = []
        room = self.width - 7 - NARROWEST
        while shown and sum(self._widths(shown)) + 2 * len(shown) > room:
            still = [n for n in shown if self._still(n)]
            if not still:
                break
            left.append(still[-1])
            shown.remove(still[-1])
        return shown, sorted(left)

    def text(self) -> str:
        """The table, in as many pieces as its width asks for."""
        shown, left = self.chosen()
        blocks = self._blocks(shown)
        text = "\n\n".join(self._table(block, first=i == 0) for i, block in enumerate(blocks))
        if left:
            same = ", ".join(f"{self.names[n]} {self.rows[0].cells[n] or '-'}" for n in left) if self.rows else ""
            text += "\n" + textwrap.fill(f"Unchanged throughout: {same}.", self.width)
        return text

    def _blocks(self, shown: list[int]) -> list[list[int]]:
        """Lanes that are too wide for one table go on in a second one below."""
        blocks: list[list[int]] = [[]]
        used = 0
        for n, width in zip(shown, self._widths(shown), strict=True):
            room = self.width - 7 - (NARROWEST + 2 if len(blocks) == 1 else 0)
            if blocks[-1] and used + width > room:
                blocks.append([])
                used = 0
            blocks[-1].append(n)
            used += width + 2
        return blocks

    def _table(self, lanes: list[int], first: bool) -> str:
        widths = self._widths(lanes)
        right = sum(widths) + 2 * len(widths)
        what = max(0, min(self.width - 7 - right, max([12, *(len(row.what) for row in self.rows)]))) if first else 0
        lines = [self._line("step", "what happens" if first else "", [self.names[n] for n in lanes], widths, what)]
        for row in self.rows:
            wrapped = textwrap.wrap(row.what, what, break_on_hyphens=False) if first and what else [""]
            cells = [self._cell(row, n) for n in lanes]
            lines.append(self._line(str(row.step), wrapped[0] if wrapped else "", cells, widths, what))
            lines += [f"       {more}" for more in wrapped[1:]]
            if first:
                for note in row.notes:
                    lines += textwrap.wrap(note, self.width - 9, initial_indent=" " * 9, subsequent_indent=" " * 11)
        return "\n".join(line.rstrip() for line in lines)

    @staticmethod
    def _line(step: str, what: str, cells: Sequence[str], widths: Sequence[int], room: int) -> str:
        text = f"{step:>5}  " + (f"{what:<{room}}  " if room else "")
        return text + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))

    def json(self) -> list[dict[str, object]]:
        """An object for each step, with its lanes by name."""
        return [{
            "step": row.step, "what": row.what, "lanes": dict(zip(self.names, row.cells, strict=True)),
            "marks": [self.names[n] for n in sorted(row.marks)], "notes": list(row.notes)} for row in self.rows]
