"""Designs by name and from files: a user's runs and is judged; its mistakes are told with its own traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgic.designs.kvm import Kvm
from vgic.lab.errors import DesignFailed, ScenarioError
from vgic.lab.loader import designs, find_design, find_scenario
from vgic.lab.perform import perform
from vgic.view.run import RunReport

LOSES = """
from vgic.designs.kvm import Kvm

class Forgetful(Kvm):
    def queue_irq(self, vm, irq):
        if irq.intid == 40:
            return False
        return super().queue_irq(vm, irq)
"""
RAISES = """
from vgic.designs.kvm import Kvm

class Hasty(Kvm):
    name = "hasty"

    def flush(self, vcpu):
        super().flush(vcpu)
        if self.cpus[vcpu].lrs:
            self.helper(vcpu)

    def helper(self, vcpu):
        return {}["nothing"]
"""


def run(scenario: str, design: str) -> RunReport:
    return RunReport(perform(find_scenario(scenario), design))
HALF = """
from vgic.designs import Design

class Half(Design):
    def flush(self, vcpu):
        pass

    def sync(self, vcpu):
        pass

class Whole(Half):
    def pending(self, vcpu):
        return False
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def test_ours_have_names() -> None:
    found = designs()
    assert found["kvm"].design is Kvm
    assert {"trap", "timer-mask", "B001"} <= set(found)


def test_a_users_design_runs_and_is_judged(tmp_path: Path) -> None:
    path = written(tmp_path, LOSES)
    report = run("level-forwarded", f"{path}:Forgetful")
    assert report.exit_status == 1
    assert 2 in report.run.broken
    assert "design mine.py:Forgetful" in report.text()


def test_an_exception_in_it_is_told_with_its_own_traceback(tmp_path: Path) -> None:
    path = written(tmp_path, RAISES)
    with pytest.raises(DesignFailed) as told:
        run("level-forwarded", f"{path}:Hasty")
    text = str(told.value)
    assert text.startswith("level-forwarded: design hasty failed: KeyError: 'nothing'\nTraceback")
    assert f'File "{path}", line 13, in helper' in text
    assert f'File "{path}", line 10, in flush' in text
    assert "vgic/lab" not in text


def test_a_value_of_its_that_fails_elsewhere_is_told_too(tmp_path: Path) -> None:
    path = written(tmp_path, LOSES.replace("if irq.intid == 40:\n            return False", "irq.priority = None"))
    with pytest.raises(DesignFailed, match=r"design mine\.py:Forgetful failed: TypeError(.|\n)*Traceback"):
        run("level-forwarded", f"{path}:Forgetful")


@pytest.mark.parametrize(("text", "cls", "says"), [
    ("class X:\n    pass\n", "X", "X is no subclass of vgic.designs.base.Design"),
    (HALF, "Half", r"mine.py: Half is half written: it has no inject, pending \(methods"),
    (HALF, "Whole", "Whole is half written: it has no inject "),
    (LOSES, "Forgetfull", "Forgetfull is not there: .* has Forgetful"),
    ("def f(:\n", "X", "can't be imported: SyntaxError"),
    ("import nothing_of_that_name\n", "X", "ModuleNotFoundError"),
    ("1 / 0\n", "X", "ZeroDivisionError: division by zero"),
    ("raise SystemExit(0)\n", "X", "SystemExit"),
])
def test_files_that_have_no_design(tmp_path: Path, text: str, cls: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ScenarioError, match=says):
        find_design(f"{path}:{cls}")


@pytest.mark.parametrize(("name", "says"), [
    ("kvmm", "did you mean kvm"), ("zzz", "expected one of"), ("none.py:X", "no file none.py"),
    ("none.py", "expected FILE.py:CLASS"),
])
def test_names_of_no_design(name: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        find_design(name)


def test_a_design_that_cannot_do_it_says_so() -> None:
    with pytest.raises(ScenarioError, match=r"v2-level-forwarded: .*assign_irq"):
        perform(find_scenario("v2-level-forwarded"), "userspace-irqchip")


def test_a_script_of_another_design_leaves_out_what_is_not_possible() -> None:
    report = run("overflow-nested", "B004")
    assert report.run.skipped == () or "Left out" in report.text()
