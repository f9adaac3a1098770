"""Where the keys of a TOML file stand: the line of each, so that an error can name it.

`tomllib` reads values and forgets places. This reader looks only for places: table headers, keys at the start of a
line, and the elements of arrays that go over several lines. What it does not find is reported at the line of its table.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[|\[)\s*([^\]]+?)\s*\]{1,2}\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_TOKEN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[\]{},]|[^\s\[\]{},"\'#]+')


def _names(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""", dotted)]


class KeyLines:
    """The line of every key of a TOML text that parses."""

    def __init__(self, text: str) -> None:
        self.at: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        self._read(text)

    def line(self, path: Path) -> int:
        """The line of a key, or of the nearest thing around it that has one."""
        while path not in self.at:
            path = path[:-1]
        return self.at[path]

    def _table(self, names: list[str], array: bool, line: int) -> Path:
        """The path of a header: the last element of each array of tables on the way."""
        path: Path = ()
        for i, name in enumerate(names):
            path = (*path, name)
            if array and i == len(names) - 1:
                self.at.setdefault(path, line)
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        self.at[path] = line
        return path

    def _read(self, text: str) -> None:
        table: Path = ()
        inside: Path | None = None          # the array that we are in
        depth = index = 0
        quote = ""                          # the multi-line string that we are in
        for n, line in enumerate(text.splitlines(), 1):
            rest = line
            if quote:
                end = line.find(quote)
                if end < 0:
                    continue
                rest, quote = line[end + 3:], ""
            elif inside is None:
                header = _HEADER.match(line)
                if header:
                    table = self._table(_names(header[2]), header[1] == "[[", n)
                    continue
                key = _KEY.match(line)
                if not key:
                    continue
                inside = (*table, *_names(key[1]))
                self.at[inside] = n
                depth = index = 0
                rest = line[key.end():]
            for token in _TOKEN.finditer(rest):
                t = token[0]
                if t.startswith("#"):
                    break
                if t in ('"""', "'''"):
                    end = rest.find(t, token.end())
                    if end < 0:
                        quote = t
                    break
                if depth == 1 and t not in ",]" and inside is not None:
                    self.at.setdefault((*inside, index), n)
                if t in "[{":
                    depth += 1
                elif t in "]}":
                    depth -= 1
                elif t == "," and depth == 1:
                    index += 1
            if depth == 0 and not quote:
                inside = None
