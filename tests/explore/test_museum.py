"""The museum: a bug is found by its own rules, the design without it is judged by all, and nothing ends a visit but an
interrupt."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing import active_children
from typing import Any

import pytest

from vgic.designs.base import Design
from vgic.designs.bugs import Bug, bugs
from vgic.designs.bugs.bases import LateIsr, LateRelease
from vgic.designs.bugs.bug import Historical, bug_build
from vgic.designs.kvm import Kvm
from vgic.designs.kvm.irq import VgicIrq
from vgic.designs.timer_mask import TimerMask
from vgic.designs.vm import Vcpu, Vm
from vgic.designs.xen import Xen
from vgic.explore.check import Verdict, check
from vgic.explore.museum import clean_of, visit, visit_all

ENTRY = Bug(2026, "a test", "none", "nothing", "nothing", "guest-ispendr-mapped", (6,))


class NoBug(Historical, Kvm):
    """An entry with nothing flipped."""

    name = "B011"
    entry = ENTRY


class Other(Historical, Kvm):
    """Breaks a rule, and claims another."""

    name = "B011"
    entry = ENTRY._replace(scenario="timer-wfi", rules=(23,))

    def queue_irq(self, vm: Vm, irq: VgicIrq) -> bool:
        return False


class Raises(Historical, Kvm):
    """Fails."""

    name = "B011"
    entry = ENTRY

    def flush(self, vcpu: Vcpu) -> None:
        raise RuntimeError("a flush that fails")


class WrongWithout(Historical, Kvm):
    """The design that is to be clean is another bug, which breaks another rule (9)."""

    name = "B011"
    entry = ENTRY._replace(scenario="timer-guest-disabled", rules=(2, 8, 17, 19), clean="B004")

    def queue_irq(self, vm: Vm, irq: VgicIrq) -> bool:
        return False


class Rootless(Historical):
    """A bug of a design that is nothing else."""

    name = "B011"
    entry = ENTRY

    def flush(self, vcpu: Vcpu) -> None:
        """Nothing."""

    def sync(self, vcpu: Vcpu) -> None:
        """Nothing."""

    def pending(self, vcpu: Vcpu) -> bool:
        return False

    def inject(self, vm: Vm, vcpu: Vcpu | None, vintid: int, level: bool, owner: object | None = None) -> bool:
        return False


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has a class take the place of an entry, for this process."""
    real = bugs()

    def put(design: type[Historical]) -> None:
        monkeypatch.setattr("vgic.explore.museum.bugs", lambda: {**real, design.name: bug_build(design)})
    return put


# -- a visit


def test_a_bug_is_found_and_its_base_is_clean() -> None:
    found = visit("B011")
    assert (found.found, found.rule, found.verdict, found.depth) == (True, 6, "BROKEN", 2)
    assert (found.clean, found.clean_verdict, found.clean_rule, found.error) == ("kvm", "HOLDS", None, "")
    assert found.good
    assert found.states > 0
    assert found.clean_states > found.states


@pytest.mark.parametrize(("identity", "rule", "clean"), [
    ("B013", 3, "kvm"), ("B019", 21, "kvm"), ("B025", 4, "kvm"), ("B035", 1, "kvm-latch-kept"),
    ("B038", 23, "kvm-late-isr"), ("B042", 17, "kvm"), ("B096", 2, "xen"), ("B099", 10, "kvm"),
    ("B103", 33, "kvm-late-release"), ("B106", 15, "kvm"),
    ("B109", 8, "kvm")])
def test_each_breaks_its_own_rule(identity: str, rule: int, clean: str) -> None:
    found = visit(identity)
    assert (found.rule, found.clean, found.clean_verdict) == (rule, clean, "HOLDS")
    assert found.good


def test_the_clean_design_of_the_timer_mask_is_todays() -> None:
    found = visit("B001")
    assert found.rule in (2, 23)
    assert (found.clean, found.clean_verdict) == ("kvm", "HOLDS")


def test_the_design_that_a_bug_was_planted_in() -> None:
    def bases(identity: str) -> tuple[type[Design], type[Design]]:
        bug = bugs()[identity]
        assert not bug.base.exchanged
        return bug.base.design, clean_of(bug).design

    assert bases("B002") == (Kvm, Kvm)
    assert bases("B029-blind") == (Kvm, Kvm)
    assert bases("B096") == (Xen, Xen)
    assert bases("B038") == (LateIsr, LateIsr)
    assert bases("B001") == (TimerMask, Kvm)
    assert bases("B103") == (LateRelease, LateRelease)
    assert bases("B106") == (Kvm, Kvm)
    with pytest.raises(LookupError, match="planted in no design"):
        _ = bug_build(Rootless).base


def test_nothing_flipped_is_not_found(plant: Any) -> None:
    plant(NoBug)
    found = visit("B011")
    assert (found.found, found.rule, found.verdict, found.good) == (False, None, "HOLDS", False)


def test_another_rule_than_its_own_does_not_count(plant: Any) -> None:
    plant(Other)
    found = visit("B011")
    assert (found.verdict, found.rule, found.found) == ("HOLDS", None, False)
    assert not found.good


def test_a_clean_design_that_is_not_is_told(plant: Any) -> None:
    plant(WrongWithout)
    found = visit("B011")
    assert found.found
    assert (found.clean, found.clean_verdict, found.clean_rule) == ("B004", "BROKEN", 9)
    assert not found.good


def test_a_design_that_fails_is_told(plant: Any) -> None:
    plant(Raises)
    found = visit("B011")
    assert "a flush that fails" in found.error
    assert "\n" not in found.error
    assert (found.found, found.good, found.verdict) == (False, False, "-")


def test_a_search_that_is_cut_is_bounded() -> None:
    found = visit("B032", seconds=1e-9)
    assert (found.found, found.rule, found.verdict, found.clean_verdict) == (False, None, "BOUNDED", "BOUNDED")
    assert found.clean_rule is None


def test_an_interrupt_ends_a_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any, **how: Any) -> Verdict:
        verdict = check(*args, **how)
        return replace(verdict, result=replace(verdict.result, why_cut="interrupted"))
    monkeypatch.setattr("vgic.explore.check.check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        visit("B011")


# -- all; how processes are kept is tested in test_processes.py


def test_one_process_goes_in_order() -> None:
    assert [v.id for v in visit_all(["B025", "B008"], processes=1)] == ["B025", "B008"]


def test_in_parallel_each_is_visited_once_and_no_process_stays() -> None:
    found = {v.id: v for v in visit_all(["B025", "B008"], processes=2)}
    assert sorted(found) == ["B008", "B025"]
    assert all(v.good for v in found.values())
    assert active_children() == []


def test_an_error_of_ours_is_told_with_its_bug() -> None:
    found = list(visit_all(["B011", "B008"], seconds="soon", processes=1))  # type: ignore[arg-type]  # what goes wrong here
    assert [v.id for v in found] == ["B011", "B008"]
    assert all("TypeError" in v.error and not v.good for v in found)
