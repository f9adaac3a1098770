"""What commands print beside their reports: one line of a terminal, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from vgic.commands.output import Progress, gathered


def counted(most: int, interrupted: bool = False) -> Generator[int, None, None]:
    yield from range(most)
    if interrupted:
        raise KeyboardInterrupt


def test_a_line_is_written_over_and_gone_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress() as progress:
        progress.show("first")
        progress.part("file", 50, 200)
        progress.part("file", 7, None)
        progress.keep("stays")
    assert capsys.readouterr().err == (
        "\rfirst\x1b[K\r  file  [#####---------------] 25 %\x1b[K\r  file  7\x1b[K\rstays\x1b[K\n\r\x1b[K")


def test_nothing_is_written_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.show("first")
        progress.keep("stays")
    assert gathered(counted(3), 3, str) == ([0, 1, 2], False)
    assert capsys.readouterr().err == ""


def test_what_is_gathered_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert gathered(counted(2), 2, str) == ([0, 1], False)
    assert capsys.readouterr().err == (
        "\r0\x1b[K\n\r1 of 2 searched\x1b[K\r1\x1b[K\n\r2 of 2 searched\x1b[K\r\x1b[K")


def test_an_interrupt_keeps_what_was_gathered() -> None:
    assert gathered(counted(2, interrupted=True), 5) == ([0, 1], True)
