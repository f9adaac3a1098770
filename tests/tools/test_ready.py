"""The two commands' set-up, in a scratch clone that needs one tiny package from a folder: no network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PYTHON3 = Path(shutil.which("python3") or sys.executable)  # the one that ./test used, which has a pip
MAIN = """\
import sys
import needed
print(needed.VERSION, *sys.argv[1:])
"""


def wheel(folder: Path, version: str) -> str:
    """Writes a wheel of the package `needed`; returns the line that pins it."""
    path = folder / f"needed-{version}-py3-none-any.whl"
    info = f"needed-{version}.dist-info"
    files = {
        "needed.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: needed\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (*files.items(), (f"{info}/RECORD", record)):
            archive.writestr(name, text)
    return f"needed=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Clone:
    """A scratch clone: the launcher and its tools, a package that prints what it was given, a folder of wheels."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"  # with a space, as folders may have
        self.wheels = folder / "wheels"
        self.environment = {
            "PATH": f"{PYTHON3.parent}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
        }
        package = self.root / "src" / "vgic"
        for made in (package, self.root / "tools", self.wheels, folder / "home", folder / "elsewhere"):
            made.mkdir(parents=True)
        for name in ("vgic", "tools/ready", "tools/ready.py"):
            shutil.copy(ROOT / name, self.root / name)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(MAIN)
        self.elsewhere = folder / "elsewhere"
        self.pin("1.0")

    def pin(self, version: str) -> None:
        (self.root / "requirements.txt").write_text(wheel(self.wheels, version))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "vgic"), *arguments],
            cwd=self.elsewhere,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_first_call_sets_up_and_the_next_is_quiet(clone: Clone) -> None:
    status, output, errors = clone.run("trace", "a file")
    assert (status, output) == (0, "1.0 trace a file\n"), errors
    assert "setting up" in errors
    shutil.rmtree(clone.wheels)
    assert clone.run() == (0, "1.0\n", "")


def test_set_up_writes_nothing_outside_the_clone(clone: Clone) -> None:
    status, _, errors = clone.run()
    assert status == 0, errors
    assert list((clone.elsewhere.parent / "home").iterdir()) == []
    assert sorted(path.name for path in clone.root.iterdir()) == [".deps", "requirements.txt", "src", "tools", "vgic"]


def test_works_through_a_link_and_not_from_the_current_folder(clone: Clone) -> None:
    (clone.elsewhere / "needed.py").write_text("VERSION = 'a stray file of that name'\n")
    (clone.elsewhere / "link").symlink_to(clone.root / "vgic")
    clone.run()
    done = subprocess.run(["./link"], cwd=clone.elsewhere, env=clone.environment, check=True, capture_output=True)
    assert done.stdout == b"1.0\n"


def test_changed_requirements_are_set_up_again(clone: Clone) -> None:
    clone.run()
    clone.pin("2.0")
    status, output, errors = clone.run()
    assert (status, output) == (0, "2.0\n")
    assert "setting up" in errors


def test_interrupted_set_up_begins_afresh(clone: Clone) -> None:
    clone.run()
    (clone.root / ".deps" / "requirements.txt").unlink()
    for left in (clone.root / ".deps" / "venv").rglob("needed.py"):
        left.unlink()
    status, output, _ = clone.run()
    assert (status, output) == (0, "1.0\n")


def test_two_first_calls_at_once(clone: Clone) -> None:
    calls = [clone.start(name) for name in ("a", "b")]
    outputs = [call.communicate(timeout=120) for call in calls]
    assert [output for output, _ in outputs] == ["1.0 a\n", "1.0 b\n"]
    assert sum("that requirements.txt pins" in errors for _, errors in outputs) == 1
    assert [call.returncode for call in calls] == [0, 0]


def test_moved_clone_works_on(clone: Clone) -> None:
    clone.run()
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    assert clone.run() == (0, "1.0\n", "")


def test_altered_package_is_refused(clone: Clone) -> None:
    with zipfile.ZipFile(next(clone.wheels.glob("*.whl")), "a") as archive:
        archive.writestr("needed_too.py", "")
    status, output, errors = clone.run()
    assert (status, output) == (2, "")
    assert "could not set up the Python packages" in errors
    assert "HASHES" in errors
    clone.pin("1.0")
    assert clone.run()[:2] == (0, "1.0\n")


def test_requirement_without_a_hash_is_refused(clone: Clone) -> None:
    (clone.root / "requirements.txt").write_text("needed==1.0\n")
    status, output, errors = clone.run()
    assert (status, output) == (2, "")
    assert "Hashes are required" in errors


def test_package_that_is_nowhere(clone: Clone) -> None:
    next(clone.wheels.glob("*.whl")).unlink()
    status, output, errors = clone.run()
    assert (status, output) == (2, "")
    assert "needs the network" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("version", ["3.10.2", "3.15.0"])
def test_unsupported_python_is_named(clone: Clone, version: str) -> None:
    folder = clone.elsewhere / "bin"
    folder.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        program = folder / name
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo Python {version} || exit 1\n')
        program.chmod(0o755)
    clone.environment["PATH"] = f"{folder}:{clone.environment['PATH']}"
    status, output, errors = clone.run()
    assert (status, output) == (2, "")
    assert f"needs Python 3.11 to 3.14; here python3 is: Python {version}" in errors
    assert not (clone.root / ".deps").exists()


@pytest.mark.parametrize("found", ["raise importlib.metadata.PackageNotFoundError(name)", "return '22.2.1'"])
def test_python_without_a_usable_pip_is_told_how(clone: Clone, found: str) -> None:
    (clone.elsewhere / "sitecustomize.py").write_text(
        f"import importlib.metadata\ndef version(name): {found}\nimportlib.metadata.version = version\n"
    )
    clone.environment["PYTHONPATH"] = str(clone.elsewhere)
    status, output, errors = clone.run()
    assert (status, output) == (2, "")
    assert "needs pip 22.3 or newer" in errors
    assert "apt install python3-pip" in errors
    assert "Traceback" not in errors
