"""Sets up .deps/venv with what a requirements file of this clone pins: `ready.py FILE`.

Needs Python 3.11 and pip, nothing else: on a plain Debian there is no ensurepip (so no `python3 -m venv` with pip
inside) and pip refuses to install system-wide, so the environment is made without pip and the system's pip fills it.
Nothing outside the clone is written.

.deps/ holds
  venv/       the environment
  FILE        a copy of each requirements file that venv/ satisfies, written last: without it venv/ counts for nothing
  lock        held while .deps/ changes, by pip too, so that two first calls, or an orphaned pip, do no harm

When requirements.txt is satisfied and unchanged, requirements-dev.txt only adds to it. In any other case, after an
interruption above all, the environment is made afresh.
"""

import fcntl
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPS = ROOT / ".deps"
VENV = DEPS / "venv"
PYTHON = VENV / "bin" / "python"
FILES = ("requirements.txt", "requirements-dev.txt")  # the second holds all of the first

PIP_OPTIONS = (
    "--quiet",
    "--no-input",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--no-warn-script-location",
    "--only-binary=:all:",
    "--require-hashes",
)
# Settings that would send packages to another place than venv/.
PIP_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")


class Unusable(Exception):
    """Setting up can't go on; the text says why and what to do."""


def say(text: str) -> None:
    print(f"vgic: {text}", file=sys.stderr, flush=True)


def satisfied(name: str) -> bool:
    """Whether venv/ is complete and holds what the requirements file pins today."""
    try:
        return os.access(PYTHON, os.X_OK) and (DEPS / name).read_bytes() == (ROOT / name).read_bytes()
    except FileNotFoundError:
        return False


def run(command: list[str], lock: int) -> None:
    """Runs a step of the set-up, which holds the lock as long as it lives."""
    environment = {key: value for key, value in os.environ.items() if key not in PIP_ELSEWHERE} | {"PIP_USER": "0"}
    done = subprocess.run(
        command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[lock]
    )
    if done.returncode:
        raise Unusable(
            "could not set up the Python packages; the lines above say why.\n"
            "This needs the network, or a package index that pip is configured for, and 400 MB of disk.\n"
            "Nothing is left half-done: run the same command again."
        )


def pip() -> list[str]:
    """The command of this Python's pip, made to fill venv/."""
    try:
        release = tuple(int(part) for part in importlib.metadata.version("pip").split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        release = (0,)
    if release < (22, 3):  # the first that knows --python
        raise Unusable(f"needs pip 22.3 or newer for {sys.executable}\nOn Debian and Ubuntu: apt install python3-pip")
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def make_venv(lock: int) -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    # The versioned name, so that a system that moves on to another Python leaves a dangling link, which is noticed.
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    run([python, "-m", "venv", "--without-pip", str(VENV)], lock)
    for packages in VENV.glob("lib/python*/site-packages"):
        (packages / "vgic.pth").write_text(os.path.relpath(ROOT / "src", packages) + "\n", encoding="utf-8")


def set_up(name: str, lock: int) -> None:
    fill = [*pip(), "install", *PIP_OPTIONS, "--requirement", str(ROOT / name)]
    adds = name == "requirements-dev.txt" and satisfied("requirements.txt")
    say(f"setting up the Python packages that {name} pins, in {DEPS} (once, a minute or so)")
    for file in FILES:
        (DEPS / file).unlink(missing_ok=True)
    if not adds:
        make_venv(lock)
    run(fill, lock)
    prebuild()
    held = FILES if name == "requirements-dev.txt" else FILES[:1]
    for file in held:
        part = DEPS / f"{file}.part"
        shutil.copyfile(ROOT / file, part)
        part.replace(DEPS / file)


def prebuild() -> None:
    """Compile the search, so that no search has to wait for it. Where that fails it is compiled when it is needed."""
    if (ROOT / "src" / "vgic" / "engine" / "prebuild.py").exists():
        say("compiling the search (once, a minute or so)")
        subprocess.run([str(PYTHON), "-P", "-m", "vgic.engine.prebuild"], check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    name = sys.argv[1]
    try:
        DEPS.mkdir(exist_ok=True)
        with (DEPS / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another call that is setting up the Python packages")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not satisfied(name):
                set_up(name, lock.fileno())
    except Unusable as why:
        say(str(why).replace("\n", "\n      "))
    except OSError as why:
        say(f"can't set up the Python packages: {why.filename or DEPS}: {why.strerror}")
    except KeyboardInterrupt:
        say("set-up interrupted; the next call begins it afresh")
        return 130
    else:
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main())
