"""Designs and scenarios by name: ours, or a file of the user's.

A design is "kvm", the name of another of ours, "B010" (a historical bug), or "mine.py:MyVgic": in a file a class, or a
build with a chip or a kernel of its own. Whatever it is, a `Build` is found.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import FunctionType
from typing import Final, TypeVar

import vgic.designs
from vgic.designs.base import Design, Unsupported
from vgic.designs.build import Build, Buildable, build_of
from vgic.lab.errors import DesignFailed, ScenarioError
from vgic.lab.scenario import Scenario, load
from vgic.lab.watch import Endless, Leaves, staying, watched

T = TypeVar("T")
USERS: Final = "_vgic_design_"
"""What the names of the modules begin with that are users' files."""
_WATCH: Final = str(Path(__file__).with_name("watch.py"))
LAST = 4
"""Frames shown of an exception that did not pass through the user's file."""


def designs() -> dict[str, Build]:
    """The designs that come with vgic, historical bugs included, by name."""
    found: dict[str, Build] = {}
    for info in pkgutil.walk_packages(vgic.designs.__path__, "vgic.designs."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if (isinstance(value, type) and issubclass(value, Design) and value.__module__ == info.name
                    and "name" in vars(value) and not inspect.isabstract(value)):
                found[value.name] = Build(value)
            elif isinstance(value, Build):
                found[value.name] = value
    return dict(sorted(found.items()))


def find_design(name: str) -> Build:
    """What a machine is to be built of. ScenarioError where there is no such design, or its file can't be imported."""
    if ":" in name or name.endswith(".py"):
        return _from_file(name)
    ours = designs()
    if name in ours:
        return ours[name]
    close = difflib.get_close_matches(name, list(ours), 1)
    hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(ours)}"
    raise ScenarioError(f"design {name!r}: there is none of that name: {hint}, or FILE.py:CLASS")


def _from_file(name: str) -> Build:
    file, _, cls = name.rpartition(":")
    if not file:
        raise ScenarioError(f"design {name!r}: expected FILE.py:CLASS, such as {name}:MyVgic")
    path = Path(file)
    if not path.is_file():
        raise ScenarioError(f"design {name!r}: no file {file}: expected FILE.py:CLASS")
    module_name = _free_name(path)
    spec = importlib.util.spec_from_file_location(module_name, path)
    loader = spec.loader if spec is not None else None
    if spec is None or loader is None:
        raise ScenarioError(f"design {name!r}: {file} is no Python file: expected FILE.py:CLASS")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    beside = str(path.resolve().parent)
    if beside not in sys.path:
        sys.path.append(beside)                      # last: a design's helpers hide nothing of ours
    guarded(path, f"design {name!r}: {file} can't be imported", lambda: loader.exec_module(module))
    found = getattr(module, cls, None)
    if isinstance(found, Build):
        if found.name == found.design.name:
            found = replace(found, name=f"{path.name}:{cls}")
        _check_design(found.design, name, file)
        return replace(found, file=path)
    if not (isinstance(found, type) and issubclass(found, Design)):
        have = [n for n, v in vars(module).items() if isinstance(v, Build) or (
                    isinstance(v, type) and issubclass(v, Design) and v.__module__ == module_name)]
        what = "is no subclass of vgic.designs.base.Design, and no Build" if found is not None else "is not there"
        raise ScenarioError(f"design {name!r}: {cls} {what}: {file} has {', '.join(have) or 'no design'}")
    _check_design(found, name, file)
    if "name" not in vars(found):
        found.name = f"{path.name}:{cls}"
    return Build(found, file=path)


def _check_design(design: type[Design], name: str, file: str) -> None:
    """ScenarioError for a design that is half written, or that can't be called as a design is."""
    missing = sorted(getattr(design, "__abstractmethods__", ()))
    if missing:
        raise ScenarioError(
            f"design {name!r}: {file}: {design.__name__} is half written: it has no {', '.join(missing)}"
            f" ({'a method' if len(missing) == 1 else 'methods'} that every design has of its own: see"
            " vgic.designs.base.Design)")
    _check_signatures(design, name, file)


def _free_name(path: Path) -> str:
    """A module's name for a file: two files of one name, in two directories, are two modules."""
    for n in count():
        name = f"{USERS}{n}_{path.stem}"
        held = sys.modules.get(name)
        if held is None or Path(held.__file__ or "").resolve() == path.resolve():
            return name
    raise AssertionError


def as_named(text: str) -> str:
    """A message with the modules of users' files called as the files are."""
    return re.sub(rf"\b{USERS}\d+_", "", text)


def _check_signatures(design: type[Design], name: str, file: str) -> None:
    """ScenarioError for a method that can't be called as the one that it replaces is."""
    for base in design.__mro__:
        if not base.__module__.startswith(USERS):
            continue
        for method, function in vars(base).items():
            made = method == "__init__"              # called by the laboratory, with all that Design takes
            replaced = Design.__init__ if made else getattr(super(base, design), method, None)
            if not isinstance(function, FunctionType) or not isinstance(replaced, FunctionType) or (
                    method.startswith("__") and not made):
                continue
            was, now = inspect.signature(replaced), inspect.signature(function)
            needed = [p for p in was.parameters.values() if p.default is p.empty or made]
            by_place = [p.name for p in needed if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
            by_name = {p.name: None for p in needed if p.kind is p.KEYWORD_ONLY}
            try:
                now.bind(*by_place, **by_name)
            except TypeError as e:
                raise ScenarioError(
                    f"design {name!r}: {file}:{function.__code__.co_firstlineno}: {base.__name__}.{method}"
                    f"({', '.join(now.parameters)}): {e}: expected ({', '.join(was.parameters)}), as"
                    f" {replaced.__qualname__} has it") from None


def guarded(file: Path | None, what: str, call: Callable[[], T]) -> T:
    """The result of a call into a user's file; DesignFailed, with the traceback from that file on, where it raises or
    does not come back. What the file prints goes to standard error: standard output is for reports."""
    try:
        with redirect_stdout(sys.stderr) if file is not None else nullcontext(), watched(file), staying(file):
            return call()
    except (ScenarioError, Unsupported, KeyboardInterrupt):
        raise
    except BaseException as e:
        ours = isinstance(e, (Endless, Leaves))
        said = str(e) if ours else said_of(e)
        raise DesignFailed(f"{what}: {said}", traceback_of(file, e)) from e


def said_of(e: BaseException) -> str:
    """An exception by its class and its text, if that can be had."""
    try:
        return f"{type(e).__name__}: {e}"
    except Exception:
        return f"{type(e).__name__}, whose text can't be had"


def traceback_of(file: Path | None, e: BaseException) -> str:
    """An exception's traceback from the user's file on, as Python shows it."""
    frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename != _WATCH]
    own = file.resolve() if file is not None else None
    first = next((n for n, f in enumerate(frames) if own is not None and Path(f.filename).resolve() == own), None)
    told = frames[first:] if first is not None else frames[-LAST:]          # what it returned may fail elsewhere
    shown = traceback.format_list(told) if not isinstance(e, SyntaxError) else []
    last = [] if isinstance(e, (Endless, Leaves)) else traceback.format_exception_only(e)
    return "".join(["Traceback (most recent call last):\n", *shown, *last])


def design_file(design: Buildable) -> Path | None:
    """The user's file that a design comes from, None for ours."""
    return build_of(design).file


def scenario_dir() -> Path:
    """Where our scenarios are: beside the sources, or in the installed package."""
    here = Path(__file__).resolve()
    beside = here.parents[3] / "scenarios"
    return beside if beside.is_dir() else here.parents[1] / "scenarios"


def find_scenario(name: str) -> Scenario:
    """A scenario by its name, or by its file. ScenarioError where there is none."""
    if name.endswith(".toml") or "/" in name:
        return load(name)
    path = scenario_dir() / f"{name}.toml"
    if path.is_file():
        return load(path)
    names = [p.stem for p in scenario_dir().glob("*.toml")]
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]}?" if close else "vgic scenarios lists them"
    raise ScenarioError(f"scenario {name!r}: there is none of that name: {hint}; expected a name, or a file.toml")


def all_scenarios() -> list[Scenario]:
    """Ours, in the order of their names."""
    return [load(path) for path in sorted(scenario_dir().glob("*.toml"))]
