"""Reports: what they have in common, and that they tell and do nothing else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import vgic.view
from vgic.view.report import Report, Status
from vgic.view.words import many, ranges, rate, wrap

WORK = ("vgic.lab.loader", "vgic.lab.machine", "vgic.lab.perform", "vgic.trace.source", "vgic.oracle.qemu")
"""Modules that load or run something."""
MODULES: list[ModuleType] = [
    importlib.import_module(info.name) for info in pkgutil.iter_modules(vgic.view.__path__, "vgic.view.")]


def test_they_load_and_run_nothing() -> None:
    for module in MODULES:
        used = {value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
                for value in vars(module).values()}
        assert not used & set(WORK), module.__name__


def test_each_command_that_judges_has_one() -> None:
    found = {value for module in MODULES for value in vars(module).values()
             if inspect.isclass(value) and issubclass(value, Report) and value is not Report}
    assert len(found) >= 14
    assert all(not inspect.isabstract(report) for report in found)
    assert [s.value for s in Status] == [0, 1, 2, 3, 130]


def test_words() -> None:
    assert (many(1, "state"), many(2000, "state")) == ("1 state", "2,000 states")
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert [rate(8_100_000, 1), rate(50_000, 2), rate(900, 1), rate(5, 0)] == ["8.1 M", "25 k", "900", "0"]
    lines = wrap("label   ", "word " * 40)
    assert max(map(len, lines)) <= 100
    assert all(line.startswith("        word") for line in lines[1:])
