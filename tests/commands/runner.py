"""Commands, run in this process or as one of their own, and what they said."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from vgic.cli import main

ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


class Runner:
    """Runs commands in this process. `here`: an empty directory, the cache's, too."""

    def __init__(self, capsys: pytest.CaptureFixture[str], here: Path, patch: pytest.MonkeyPatch) -> None:
        self.capsys, self.here, self.patch = capsys, here, patch
        patch.setenv("XDG_CACHE_HOME", str(here / "cache"))

    def design(self, text: str) -> str:
        """A design of a user's, with this text; its name."""
        (self.here / "mine.py").write_text(text)
        return f"{self.here / 'mine.py'}:Mine"

    def __call__(self, *arguments: str, text: str | None = None) -> Ran:
        """Runs a command; `text`: what it finds on standard input."""
        if text is not None:
            self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        try:
            status = main(arguments)
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else -1
        out, err = self.capsys.readouterr()
        return Ran(status, out, err)


def process(
    *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str,
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "vgic", *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment})


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell, with `vgic` in it as a command."""
    line = command.replace("vgic", f"{sys.executable} -m vgic", 1)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "src")})


def refused(ran: Ran, *words: str) -> None:
    """Status 2, nothing on standard output, and one line that says this."""
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("vgic: ")
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err
