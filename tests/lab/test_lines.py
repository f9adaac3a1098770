"""The line of every key of a TOML text."""

from __future__ import annotations

import pytest

from vgic.lab.lines import KeyLines, Path

TEXT = '''# a comment = 1
top = 1
"quoted key" = 2
[table]
a = [1, 2,
  3,          # a comment, with "quotes", [brackets]
  [4, 5],
  "six, seven", 7]
b = """
c = 3
"""
d.e = 4

[[list]]
x = 1
[[list]]
x = 2
[[list.inner]]
y = "[not a table]"
[list.inner.deep]
z = {k = 1}
'''


@pytest.mark.parametrize(("path", "line"), [
    (("top",), 2), (("quoted key",), 3), (("table",), 4), (("table", "a"), 5), (("table", "a", 0), 5),
    (("table", "a", 2), 6), (("table", "a", 3), 7), (("table", "a", 4), 8), (("table", "a", 5), 8), (("table", "b"), 9),
    (("table", "d", "e"), 12), (("list", 0, "x"), 15), (("list", 1, "x"), 17), (("list", 1, "inner", 0, "y"), 19),
    (("list", 1, "inner", 0, "deep", "z"), 21), (("list", 1, "inner", 0, "deep", "z", "k"), 21),
    (("table", "nowhere"), 4), (("nowhere",), 1), (("table", "c"), 4),
])
def test_lines(path: Path, line: int) -> None:
    assert KeyLines(TEXT).line(path) == line
