"""The command line as a whole: help, what it does with streams that are closed, full or of few letters."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.commands.runner import ROOT, Runner, process, refused, shell

from vgic import __version__
from vgic.cli import COMMANDS


def test_help_and_version(vgic: Runner) -> None:
    assert vgic("--version").out == f"vgic {__version__}\n"
    assert vgic("--help").status == 0
    ran = vgic()
    assert ran.status == 2
    assert "trace" in ran.out


def test_help_names_every_command_and_brings_nothing_heavy(vgic: Runner) -> None:
    told = vgic("--help").out
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        assert f"\n    {name}" in told
        assert vgic(name, "--help").status == 0
    code = ("import sys; from vgic.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
            "heavy = {'numba', 'numpy', 'pydantic', 'zstandard', 'vgic.arch', 'vgic.silicon', 'vgic.designs'}\n"
            "print('HEAVY', *sorted(heavy & set(sys.modules)))")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert (ran.stdout.splitlines()[-1], ran.stderr) == ("HEAVY", "")


def test_no_such_command(vgic: Runner) -> None:
    refused(vgic("dance"), "dance")


@pytest.mark.parametrize("arguments", [["run", "edge-again"], ["rules", "--json"], ["scenarios", "--schema"]])
def test_a_full_disk_behind_standard_output(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        ran = process(*arguments, stdout=full)
    assert (ran.returncode, ran.stderr) == (2, "vgic: standard output: No space left on device\n")


def test_no_standard_output_at_all() -> None:
    ran = shell("exec vgic check timer-cval-only --design timer-mask >&-")
    assert (ran.returncode, ran.stderr) == (1, "")


def test_a_title_that_the_terminal_has_no_letters_for(tmp_path: Path) -> None:
    text = (ROOT / "scenarios" / "level-irqfd-v3.toml").read_text()
    text = re.sub("(?m)^title = .*", 'title = "ü ☃ a level, held"', text)
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    ran = process("check", str(tmp_path / "mine.toml"), "--export", str(tmp_path), LC_ALL="C", PYTHONUTF8="0",
                  PYTHONCOERCECLOCALE="0", XDG_CACHE_HOME=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "\\xfc \\u2603 a level, held" in ran.stdout
    assert "ü ☃" in (tmp_path / "counterexample-3.toml").read_text(encoding="utf-8")
    assert f"Replay:  vgic run {tmp_path}/counterexample-3.toml\n" in ran.stdout


@pytest.mark.parametrize("command", ["explain -", "trace -", "oracle replay -", "check --all saved-sgi-v2 --depth 1"])
def test_a_standard_input_that_is_closed(command: str) -> None:
    ran = shell(f"vgic {command} <&-")
    assert (ran.returncode, "Traceback" in ran.stderr) == (3 if "check" in command else 2, False)
    assert "standard input" in ran.stderr or "check" in command


@pytest.mark.parametrize("after", [0.5, 1.5, 3.0])
def test_an_interrupt_while_processes_are_started(after: float) -> None:
    """Of the whole group, as a terminal sends it."""
    with subprocess.Popen(
            [sys.executable, "-m", "vgic", "bugs", "--all", "--jobs", "2", "--seconds", "1"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")}) as run:
        time.sleep(after)
        os.killpg(run.pid, signal.SIGINT)
        out, err = run.communicate()
    assert (run.returncode, "Traceback" in out + err) == (130, False)
