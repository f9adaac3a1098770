"""A bug of a user's own: which scenarios show it, and that nothing else is taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vgic.cli import main
from vgic.designs.kvm import Kvm
from vgic.designs.vm import Vcpu
from vgic.designs.xen import Xen
from vgic.explore import differ as module
from vgic.explore.differ import Distinction, differ, differ_all, fitting, made_of, reached_first
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.scenario import Scenario
from vgic.view.museum import distinction_line

MINE = '''
from vgic.designs import Design, Kvm

class HwPendingActive(Kvm):
    def compute_lr(self, vm, irq):
        lr = super().compute_lr(vm, irq)
        return lr._replace(pending=True) if lr.hw and lr.active and irq.pending() else lr

class Same(Kvm):
    pass

class FromNothing(Design):
    def flush(self, vcpu):
        pass

    def sync(self, vcpu):
        pass

    def pending(self, vcpu):
        return False

    def inject(self, vm, vcpu, vintid, level, owner=None):
        return False
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's file, and few scenarios to search."""
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    few = [find_scenario(n) for n in ("host-masks-forwarded", "level-held", "timer-preempted-active")]
    monkeypatch.setattr(module, "all_scenarios", lambda: few)
    return str(file)


def test_the_scenario_that_shows_it_is_found(mine: str) -> None:
    names = [s.name for s in fitting(Kvm)]
    found = sorted(differ_all(f"{mine}:HwPendingActive", "kvm", names, 60))
    assert [(d.scenario, d.rule) for d in found] == [
        ("host-masks-forwarded", 7), ("level-held", None), ("timer-preempted-active", 7)]
    assert found[2].steps == 8


def test_what_its_base_breaks_too_is_none_of_its_doing(mine: str) -> None:
    """Rule 6 breaks in host-masks-forwarded with Kvm: docs/findings.md, 9."""
    found = differ(find_scenario("host-masks-forwarded"), find_design(f"{mine}:Same"), Kvm, 60)
    assert (found.verdict, found.rule) == ("HOLDS", None)


class LosesAll(Xen):
    """No interrupt ever gets to its guest."""

    name = "loses-all"

    def flush_hwstate(self, vcpu: Vcpu) -> None:
        self.cpus[vcpu].lr_pending.clear()


def test_what_is_lost_for_ever_counts() -> None:
    found = differ(find_scenario("edge-again"), LosesAll, made_of(LosesAll), 60)
    assert found.rule is not None
    assert made_of(LosesAll).design is Xen


def test_what_cant_be_explored_is_told() -> None:
    found = differ(find_scenario("level-irqfd"), LosesAll, Xen, 60)
    assert (found.verdict, found.rule) == ("-", None)
    assert "tells no completions" in found.error


def test_a_design_from_nothing_has_nothing_to_be_compared_with(mine: str) -> None:
    with pytest.raises(ScenarioError, match=r"mine.py derives it from no design of ours"):
        made_of(find_design(f"{mine}:FromNothing"))


@pytest.mark.parametrize(("cls", "status", "told"), [
    ("HwPendingActive", 0, "timer-preempted-active"), ("Same", 1, "0 of 3 scenarios tell")])
def test_the_command(mine: str, capsys: pytest.CaptureFixture[str], cls: str, status: int, told: str) -> None:
    assert main(["bugs", f"{mine}:{cls}", "--seconds", "60"]) == status
    out = capsys.readouterr().out
    assert told in out
    assert ("--design" in out) is (status == 0)


def test_scenarios_by_name_in_a_process_each_and_a_line_as_each_ends(
        mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bugs", f"{mine}:HwPendingActive", "edge-again", "timer-preempted-active", "--jobs", "2",
                 "--seconds", "60", "--json"]) == 0
    told = {d["scenario"]: d["rule"] for d in json.loads(capsys.readouterr().out)}
    assert told == {"edge-again": None, "timer-preempted-active": 7}
    line = distinction_line(Distinction("edge-again", "BROKEN", 7, "so", 8, 1.25))
    assert line == "edge-again  BROKEN  rule 7 in 8 steps  1.2 s"
    assert distinction_line(Distinction("edge-again", "HOLDS", None, "", 0, 1.0)) == "edge-again  HOLDS  1.0 s"


def test_a_right_rule_of_ones_own(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a design from nothing, and of one that is none of ours."""
    command = ["bugs", f"{mine}:HwPendingActive", "timer-preempted-active", "--seconds", "60", "--base"]
    assert main([*command, f"{mine}:Same"]) == 0
    assert "tell" in capsys.readouterr().out
    assert main([*command, f"{mine}:HwPendingActive"]) == 1
    assert "0 of 1 scenarios tell" in capsys.readouterr().out
    assert main(["bugs", f"{mine}:FromNothing", "msi-once", "--base", "kvm", "--seconds", "60"]) == 1
    assert "1 can't be explored with it" in " ".join(capsys.readouterr().out.split()), "it has no GIC for guests"
    assert main(["bugs", f"{mine}:FromNothing", "edge-again"]) == 2
    assert "name one by --base" in capsys.readouterr().err
    assert main(["bugs", "B032", "--base", "kvm"]) == 2


def test_what_the_change_reaches_comes_first(mine: str) -> None:
    names = ["msi-once", "saved-sgi-v2"]
    text = Path(mine).read_text() + """
class Saves(Kvm):
    def uaccess_read(self, *a):
        return super().uaccess_read(*a)
"""
    Path(mine).write_text(text)
    scenarios = {n: find_scenario(n) for n in names}
    assert reached_first(scenarios, find_design(f"{mine}:Same")) == names
    assert reached_first(scenarios, Kvm) == names
    assert reached_first(scenarios, find_design(f"{mine}:Saves"))[0] == "saved-sgi-v2"


def test_those_that_were_cut_are_gone_on_with_where_none_shows_it(
        mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def cut(scenario: Scenario, design: object, base: object, seconds: float) -> Distinction:
        asked.append((scenario.name, seconds))
        held = scenario.name == "level-held"
        return Distinction(scenario.name, "HOLDS" if held else "BOUNDED", None, "", 0, 0.0)
    monkeypatch.setattr(module, "differ", cut)
    list(differ_all(f"{mine}:Same", "kvm", ["level-held", "edge-again"], 5))
    assert asked == [("level-held", 5), ("edge-again", 5), ("edge-again", 20)]


def test_a_crash_shows_it_too(mine: str) -> None:
    Path(mine).write_text(MINE + """
class Crashes(Kvm):
    def fold_lr(self, *a):
        raise KeyError("nothing")
""")
    found = differ(find_scenario("edge-again"), find_design(f"{mine}:Crashes"), Kvm, 60)
    assert (found.verdict, found.rule, found.steps, found.shows) == ("BROKEN", None, 3, True)
    assert found.what == "crashes: KeyError: 'nothing'"


def test_one_at_a_time(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bugs", f"{mine}:Same", "B032"]) == 2
    assert "one FILE.py:CLASS alone" in capsys.readouterr().err
