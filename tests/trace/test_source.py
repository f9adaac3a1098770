"""Opening recordings: every packing, every way in which a file can be wrong."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from vgic.trace.source import BLOCK, MAX_LINE, Source, TraceError

PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "xz": lzma.compress,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
PACKED = sorted(PACK.keys() - {"plain"})

LINES = [f"gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value {n:#x}" for n in range(12_000)]
TEXT = "".join(f"{line}\n" for line in LINES).encode()


def write(folder: Path, data: bytes) -> Path:
    path = folder / "recording"
    path.write_bytes(data)
    return path


def read(path: Path | str) -> list[str]:
    with Source(path) as source:
        return [line for lines in source.lines() for line in lines]


def read_until_error(path: Path | str) -> tuple[list[str], TraceError]:
    """The lines yielded before the error, and the error."""
    lines: list[str] = []
    with Source(path) as source:
        try:
            for some in source.lines():
                lines += some
        except TraceError as error:
            return lines, error
    raise AssertionError("no error was raised")


@pytest.mark.parametrize("packing", PACK)
def test_packing_is_told_by_the_first_bytes(tmp_path: Path, packing: str) -> None:
    path = write(tmp_path, PACK[packing](TEXT))
    with Source(path) as source:
        assert source.packing == packing
        assert source.total == path.stat().st_size
    assert read(path) == LINES


@pytest.mark.parametrize("packing", PACK)
def test_position_comes_to_total(tmp_path: Path, packing: str) -> None:
    with Source(write(tmp_path, PACK[packing](TEXT))) as source:
        seen = [source.position for _ in source.lines()]
        assert seen == sorted(seen)
        assert source.position == source.total


@pytest.mark.parametrize("packing", PACK)
def test_peek_takes_nothing_away(tmp_path: Path, packing: str) -> None:
    with Source(write(tmp_path, PACK[packing](TEXT))) as source:
        assert source.peek(10) == TEXT[:10]
        assert source.peek(200_000) == TEXT[:200_000]
        assert source.peek(len(TEXT) + 1) == TEXT
        assert [line for lines in source.lines() for line in lines] == LINES


@pytest.mark.parametrize("packing", PACKED)
def test_several_streams_in_one_file(tmp_path: Path, packing: str) -> None:
    pack = PACK[packing]
    half = len(TEXT) // 2 + 7  # within a line
    assert read(write(tmp_path, pack(TEXT[:half]) + pack(TEXT[half:]))) == LINES
    assert read(write(tmp_path, pack(TEXT[:half]) + bytes(8) + pack(TEXT[half:]) + bytes(4))) == LINES


@pytest.mark.parametrize("packing", PACKED)
def test_something_behind_the_compressed_data(tmp_path: Path, packing: str) -> None:
    lines, error = read_until_error(write(tmp_path, PACK[packing](TEXT) + b"behind"))
    assert lines == LINES
    assert "something else stands behind the compressed data after 12,000 lines" in error.message


@pytest.mark.parametrize("packing", PACKED)
def test_one_packing_behind_another_is_refused(tmp_path: Path, packing: str) -> None:
    other = next(name for name in PACKED if name != packing)
    lines, error = read_until_error(write(tmp_path, PACK[packing](TEXT) + PACK[other](TEXT)))
    assert lines == LINES
    assert "something else stands behind" in error.message


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.999])
def test_cut_compressed_file_yields_its_whole_lines_first(tmp_path: Path, packing: str, part: float) -> None:
    packed = PACK[packing](TEXT)
    path = write(tmp_path, packed[: max(8, int(len(packed) * part))])
    lines, error = read_until_error(path)
    assert lines == LINES[: len(lines)]
    assert len(lines) > 0 or part < 0.5
    assert error.file == str(path)
    assert error.line is None
    assert str(error) == (
        f"{path}: the file ends inside a compressed block after {len(lines):,} lines; "
        f"nothing after line {len(lines):,} was judged"
    )


@pytest.mark.parametrize("packing", PACKED)
def test_damaged_compressed_file(tmp_path: Path, packing: str) -> None:
    packed = bytearray(PACK[packing](TEXT))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"{}" * 20
    lines, error = read_until_error(write(tmp_path, bytes(packed)))
    # The check sum of gzip and of zstd stands at the end: what was damaged comes as text before it is known.
    assert packing != "xz" or lines == LINES[: len(lines)]
    assert f"damaged after {len(lines):,} lines (" in error.message


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PACKED), st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_hostile_compressed_data_is_an_error_or_text(
    tmp_path_factory: pytest.TempPathFactory, packing: str, place: int, noise: bytes
) -> None:
    packed = bytearray(PACK[packing](TEXT[:40_000]))
    packed[place : place + len(noise)] = noise
    with contextlib.suppress(TraceError):
        read(write(tmp_path_factory.mktemp("hostile"), bytes(packed)))


@pytest.mark.parametrize("packing", PACKED)
def test_bomb_costs_little_memory(tmp_path: Path, packing: str) -> None:
    path = write(tmp_path, PACK[packing](bytes(120 << 20)))
    tracemalloc.start()
    try:
        lines, error = read_until_error(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == []
    assert error.line == 1
    assert peak < 70 << 20


@pytest.mark.parametrize("data", [b"a\nb\nc\n", b"a\r\nb\r\nc\r\n", b"\xef\xbb\xbfa\nb\r\nc\n"])
def test_line_ends_and_byte_order_mark(tmp_path: Path, data: bytes) -> None:
    with Source(write(tmp_path, data)) as source:
        assert [line for lines in source.lines() for line in lines] == ["a", "b", "c"]
        assert not source.unterminated


@pytest.mark.parametrize("data", [b"a\nb", b"a\r\nb\r"])
def test_last_line_without_end(tmp_path: Path, data: bytes) -> None:
    with Source(write(tmp_path, data)) as source:
        assert [line for lines in source.lines() for line in lines] == ["a", "b"]
        assert source.unterminated


def test_line_ends_at_every_place_of_a_block(tmp_path: Path) -> None:
    for length in (BLOCK - 3, BLOCK - 2, BLOCK - 1):
        first = "x" * length
        assert read(write(tmp_path, f"{first}\r\nb\r\n".encode())) == [first, "b"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"a\xff\n\x00b\n")) == ["a\ufffd", "\x00b"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nmore\n"])
@pytest.mark.parametrize("before", [0, 1, 3000])
def test_too_long_a_line_is_refused_at_its_number(tmp_path: Path, before: int, end: bytes) -> None:
    path = write(tmp_path, b"short\n" * before + b"x" * (MAX_LINE + 1) + end)
    lines, error = read_until_error(path)
    assert lines == ["short"] * before
    assert error.line == before + 1
    assert str(error).startswith(f"{path}:{before + 1}: a line longer than 65,536 bytes")


def test_the_longest_line_is_taken(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"a\n" + b"x" * MAX_LINE + b"\nb\n")) == ["a", "x" * MAX_LINE, "b"]
    assert read(write(tmp_path, b"a\n" + b"x" * MAX_LINE)) == ["a", "x" * MAX_LINE]


def test_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"")) == []


def test_is_read_once(tmp_path: Path) -> None:
    with Source(write(tmp_path, TEXT)) as source:
        next(source.lines())
        with pytest.raises(RuntimeError, match="has been read"):
            next(source.lines())


@pytest.mark.parametrize("packing", PACK)
def test_standard_input(monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    packed = io.BytesIO(PACK[packing](TEXT))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(packed))
    with Source("-") as source:
        assert source.name == "<stdin>"
        assert source.total is None
        assert [line for lines in source.lines() for line in lines] == LINES
    assert not packed.closed


def test_pipe_that_gives_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(1)

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Slow(lzma.compress(TEXT))))
    assert read("-") == LINES


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(TraceError, match="<stdin>: there is no standard input"):
        Source("-")


def test_files_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing.xz"
    with pytest.raises(TraceError) as error:
        Source(missing)
    assert str(error.value) == f"{missing}: can't be opened: No such file or directory"
    with pytest.raises(TraceError, match="can't be opened: Is a directory"):
        Source(tmp_path)
    with pytest.raises(TraceError, match="not a name that a file can have"):
        Source("a\0b")

    def refuse(name: str, mode: str) -> None:
        raise PermissionError(13, os.strerror(13), name)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(TraceError, match="can't be opened: Permission denied"):
        Source(missing)


class Breaking(io.BytesIO):
    """A file on a disk that fails after some reads."""

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data)
        self.reads = reads

    def read1(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise OSError(5, os.strerror(5))
        return self.read(1000)


def test_disk_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Breaking(TEXT, 10)))
    lines, error = read_until_error("-")
    assert lines == LINES[: len(lines)]
    assert f"can't be read further after {len(lines):,} lines: Input/output error" in str(error)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Breaking(TEXT, 0)))
    with pytest.raises(TraceError, match="can't be read further at its start"):
        Source("-")
