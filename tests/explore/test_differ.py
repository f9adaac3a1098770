"""A bug of a user's own: which scenarios show it, and that nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgic.cli import main
from vgic.designs.kvm import Kvm
from vgic.designs.vm import Vcpu
from vgic.designs.xen import Xen
from vgic.explore import differ as module
from vgic.explore.differ import differ, differ_all, fitting, made_of
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_design, find_scenario

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
    found = list(differ_all(find_design(f"{mine}:HwPendingActive"), fitting(Kvm), 60))
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


def test_one_at_a_time(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bugs", f"{mine}:Same", "B032"]) == 2
    assert "one FILE.py:CLASS alone" in capsys.readouterr().err
