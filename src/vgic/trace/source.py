"""Opens a recording and yields its lines, whatever it is packed in.

A recording is a plain file, a .xz, .gz or .zst (told apart by the first bytes, not by the name), or standard input
(`-`). It is read as a stream: one block of 64 KiB at a time, so memory does not grow with the file, and a compressed
bomb costs no more than a block (zstd: 32 MiB). Everything that can be wrong with a file becomes a `TraceError` that
names the file and, where there is one, the line; all whole lines before the place of the error are yielded first.
"""

from __future__ import annotations

import io
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol

import zstandard

BLOCK = 1 << 16
"""Bytes read, or unpacked, at a time."""

MAX_LINE = 1 << 16
"""The longest line taken, in bytes."""

_XZ_MEMORY = 1 << 28
_ZSTD_STEP = 1 << 10
"""zstandard can't bound what one call yields; a kilobyte of it unpacks to 32 MiB at the very worst."""

_BOM = b"\xef\xbb\xbf"


class TraceError(Exception):
    """A recording that can't be used, or not beyond a certain line.

    `file` is the name as the user gave it, `line` the line's number (from 1) or None, `message` what is wrong.
    """

    def __init__(self, file: str, line: int | None, message: str) -> None:
        self.file, self.line, self.message = file, line, message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")


class _Damaged(Exception):
    """The data ends early or is broken. The message holds {} where 'after so many lines' belongs."""

    def told(self, where: str) -> str:
        """The message for people; only the first {} is ours, others may stand in a library's text."""
        return str(self).replace("{}", where, 1)


class _Unpacker(Protocol):
    """One stream of compressed data."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpacks `data`, in blocks."""

    @property
    def ended(self) -> bool:
        """The stream came to its own end."""

    @property
    def rest(self) -> bytes:
        """What stood behind that end, in the data fed last."""


class _Xz:
    def __init__(self) -> None:
        self._xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._xz.decompress(data, BLOCK)
        while not (self._xz.eof or self._xz.needs_input):
            yield self._xz.decompress(b"", BLOCK)

    @property
    def ended(self) -> bool:
        return self._xz.eof

    @property
    def rest(self) -> bytes:
        return self._xz.unused_data


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterator[bytes]:
        block = self._zlib.decompress(data, BLOCK)
        yield block
        while len(block) == BLOCK:
            block = self._zlib.decompress(self._zlib.unconsumed_tail, BLOCK)
            yield block

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    @property
    def rest(self) -> bytes:
        return self._zlib.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor().decompressobj()
        self._behind = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_STEP):
            unpacked = self._zstd.decompress(data[start : start + _ZSTD_STEP])
            for place in range(0, len(unpacked), BLOCK):
                yield unpacked[place : place + BLOCK]
            if self._zstd.eof:
                self._behind = data[start + _ZSTD_STEP :]
                return

    @property
    def ended(self) -> bool:
        return self._zstd.eof

    @property
    def rest(self) -> bytes:
        return self._zstd.unused_data + self._behind


_PACKINGS: dict[bytes, tuple[str, Callable[[], _Unpacker]]] = {
    b"\xfd7zXZ\x00": ("xz", _Xz),
    b"\x1f\x8b": ("gzip", _Gzip),
    b"\x28\xb5\x2f\xfd": ("zstd", _Zstd),
}
_MAGIC_LENGTH = max(map(len, _PACKINGS))
_UNPACK_ERRORS = (lzma.LZMAError, zlib.error, zstandard.ZstdError, EOFError)


def _packing(start: bytes) -> tuple[str, Callable[[], _Unpacker]] | None:
    for magic, packing in _PACKINGS.items():
        if start.startswith(magic):
            return packing
    return None


class Source:
    """A recording, opened. Used as a context manager, or closed by `close`.

    Raises TraceError where the file can't be opened.
    """

    name: str
    """As the user gave it; '<stdin>' for '-'."""
    total: int | None
    """The file's size in bytes, as it lies on disk; None where it has none, as a pipe."""
    position: int
    """Bytes read of `total` so far."""
    packing: str
    """'plain', 'xz', 'gzip' or 'zstd'."""
    unterminated: bool
    """The last line has no end, so the file may be cut; known when `lines` has come to it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self.position = 0
        self._file = self._open()
        try:
            status = os.fstat(self._file.fileno())
            self.total = status.st_size if stat.S_ISREG(status.st_mode) else None
        except io.UnsupportedOperation:
            self.total = None
        self._held: list[bytes] = []
        self._trouble: _Damaged | None = None
        self._begun = self.unterminated = False
        try:
            start = self._begin()
        except _Damaged as trouble:
            self.close()
            raise TraceError(self.name, None, trouble.told("at its start")) from None
        packing = _packing(start)
        self.packing = packing[0] if packing else "plain"
        self._blocks = self._unpacked(start, packing[1]) if packing else self._raw(start)

    def _open(self) -> io.BufferedIOBase:
        if self.name == "-":
            self.name = "<stdin>"
            # Python sets sys.stdin to None where a process has no standard input.
            if sys.stdin is None:
                raise TraceError(self.name, None, "there is no standard input to read")
            return sys.stdin.buffer  # type: ignore[return-value]  # typeshed: BinaryIO; it is a BufferedReader
        try:
            return open(self.name, "rb")
        except OSError as error:
            raise TraceError(self.name, None, f"can't be opened: {error.strerror or error}") from None
        except ValueError:
            raise TraceError(repr(self.name), None, "not a name that a file can have") from None

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        if self.name != "<stdin>":
            self._file.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def peek(self, size: int) -> bytes:
        """The first `size` bytes of the text, or all of it if it is shorter. `lines` yields them again."""
        while self._trouble is None and sum(map(len, self._held)) < size:
            block = self._next()
            if not block:
                break
            self._held.append(block)
        return b"".join(self._held)[:size]

    @property
    def trouble(self) -> bool:
        """What was read so far ends where the file is cut or damaged; `lines` will tell."""
        return self._trouble is not None

    def lines(self) -> Iterator[list[str]]:
        """All lines, without their ends (LF or CR LF), many at a time; once.

        A last line without an end is yielded as well, and noted in `unterminated`. Bytes that are no UTF-8 come as
        U+FFFD.
        Raises TraceError, after all whole lines before: a line longer than `MAX_LINE`, or a file that is cut or
        damaged.
        """
        if self._begun:
            raise RuntimeError(f"{self.name} has been read; open it again")
        self._begun = True
        count, tail = 0, b""
        for block in self._all_blocks():
            if not block:
                break
            if count == 0 and not tail:
                block = block.removeprefix(_BOM)
            data = tail + block
            end = data.rfind(b"\n")
            if (len(data) if end < 0 else data.find(b"\n")) > MAX_LINE:
                raise TraceError(
                    self.name, count + 1, f"a line longer than {MAX_LINE:,} bytes; a line of a trace is much shorter"
                )
            if end < 0:
                tail = data
                continue
            lines = data[:end].decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\r").split("\n")
            tail = data[end + 1 :]
            count += len(lines)
            yield lines
        if self._trouble is not None:
            message = self._trouble.told(f"after {count:,} lines")
            raise TraceError(self.name, None, f"{message}; nothing after line {count:,} was judged")
        if tail:
            self.unterminated = True
            yield [tail.decode("utf-8", "replace").removesuffix("\r")]

    def _all_blocks(self) -> Iterator[bytes]:
        while self._held:
            yield self._held.pop(0)
        while self._trouble is None:
            yield self._next()

    def _next(self) -> bytes:
        """The next block that is not empty; b'' at the end, or where trouble is noted."""
        try:
            for block in self._blocks:
                if block:
                    return block
        except _Damaged as trouble:
            self._trouble = trouble
        return b""

    def _read(self) -> bytes:
        try:
            data = self._file.read1(BLOCK)
        except OSError as error:
            raise _Damaged(f"can't be read further {{}}: {error.strerror or error}") from None
        self.position += len(data)
        return data

    def _begin(self) -> bytes:
        """Enough of the file to tell its packing."""
        start = b""
        while len(start) < _MAGIC_LENGTH and (data := self._read()):
            start += data
        return start

    def _raw(self, start: bytes) -> Iterator[bytes]:
        data = start
        while data:
            yield data
            data = self._read()

    def _unpacked(self, start: bytes, unpacker: Callable[[], _Unpacker]) -> Iterator[bytes]:
        """The text of one or more compressed streams, one behind the other, with zero bytes between them."""
        data, inside = start, True
        stream = unpacker()
        while data:
            try:
                yield from stream.feed(data)
            except _UNPACK_ERRORS as error:
                raise _Damaged(f"the compressed data is damaged {{}} ({error})") from None
            except MemoryError:
                raise _Damaged("the compressed data needs too much memory {}") from None
            inside = not stream.ended
            if inside:
                data = self._read()
                continue
            data = stream.rest.lstrip(b"\0")
            while len(data) < _MAGIC_LENGTH and (more := self._read()):
                data = (data + more).lstrip(b"\0")
            if data:
                packing = _packing(data)
                if packing is None or packing[1] is not unpacker:
                    raise _Damaged("something else stands behind the compressed data {}")
                stream = unpacker()
        if inside:
            raise _Damaged("the file ends inside a compressed block {}")
