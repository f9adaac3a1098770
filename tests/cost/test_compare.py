"""Costs: what is claimed of forwarding shows in the counts; profiles are checked; a user can bring one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgic.cli import main
from vgic.cost import Comparison, DesignCost, compare_designs, find_profile, profiles
from vgic.cost.profile import EVENTS, profile_dir
from vgic.explore.searched import searched
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import find_scenario
from vgic.view.compare import CompareReport


def compare(scenario: str, designs: str, profile: str = "xgene-kvm") -> Comparison:
    return compare_designs(find_scenario(scenario), designs.split(","), find_profile(profile))


def row(comparison: Comparison, design: str) -> DesignCost:
    return next(r for r in comparison.rows if r.design == design)


@pytest.mark.parametrize("scenario", ["timer-forwarded", "level-forwarded", "v2-level-forwarded", "v2-timer-forwarded"])
def test_forwarding_needs_no_exit_at_eoi_and_trap_a_maintenance_exit_an_interrupt(scenario: str) -> None:
    c = compare(scenario, "kvm,trap")
    kvm, trap = row(c, "kvm"), row(c, "trap")
    assert kvm.per_interrupt["maintenance"] == 0
    assert trap.per_interrupt["maintenance"] == 1
    assert trap.per_interrupt["exits"] == kvm.per_interrupt["exits"] + 1
    assert trap.per_interrupt["cycles"] > kvm.per_interrupt["cycles"]
    assert kvm.broken == trap.broken == ()


def test_the_timer_mask_loses_the_next_interrupt_of_a_guest_that_writes_cval_alone() -> None:
    c = compare("timer-cval-only", "kvm,timer-mask")
    assert row(c, "kvm").broken == ()
    assert 2 in row(c, "timer-mask").broken
    assert row(c, "timer-mask").counts["acknowledged"] < row(c, "kvm").counts["acknowledged"]
    assert CompareReport(c).exit_status == 1


def test_the_fewest_list_registers() -> None:
    c = compare("overflow-pending", "kvm")
    assert c.rows[0].needs == 2
    assert compare("level-forwarded", "kvm").rows[0].needs == 1


def test_a_level_that_is_held_is_delivered_again_after_its_eoi() -> None:
    c = compare("level-held", "kvm,trap")
    assert all(r.again is not None and r.again > 0 for r in c.rows)
    assert row(c, "trap").again > row(c, "kvm").again  # type: ignore[operator]  # neither is None: the line above
    assert all(r.again is None for r in compare("level-forwarded", "kvm").rows)


def test_mmio_is_what_a_gicv2_costs() -> None:
    v2 = compare("v2-level-forwarded", "kvm").rows[0]
    v3 = compare("level-forwarded", "kvm").rows[0]
    assert v2.per_interrupt["MMIO"] > 0
    assert v2.per_interrupt["sysreg"] == 0
    assert v3.per_interrupt["sysreg"] > 0
    assert v2.per_interrupt["cycles"] > v3.per_interrupt["cycles"]


def test_a_design_that_cannot_do_it_is_a_row_with_its_reason() -> None:
    report = CompareReport(compare("v2-level-forwarded", "kvm,userspace-irqchip"))
    assert "assign_irq" in report.text()
    assert report.exit_status == 1
    assert report.json()["designs"][1]["refused"]


@pytest.mark.parametrize("scenario", ["timer-shared", "overflow-pending"])
def test_the_text_fits_a_mail(scenario: str) -> None:
    text = CompareReport(compare(scenario, "kvm,trap,timer-mask")).text()
    assert max(map(len, text.splitlines())) <= 100
    assert "unconfirmed" in text


def test_every_cost_has_its_source() -> None:
    found = {p.name: p for p in profiles()}
    assert {"xgene-kvm", "xgene-xen", "vhe"} <= set(found)
    for p in found.values():
        assert p.source
        assert p.confirmed or p.note
        assert p.cost("exit") > 0
        assert set(p.unpriced()) <= set(EVENTS)


def test_what_is_not_priced_is_said() -> None:
    assert "Not priced: trap" in CompareReport(compare("level-forwarded", "kvm", "vhe")).text()


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "my board"\nsource = "measured"\n'
                    '[cycles.exit]\nvalue = 1000\nbasis = "published"\nsource = "perf"\n')
    c = compare("level-forwarded", "kvm", str(path))
    assert c.rows[0].per_interrupt["cycles"] == 1000


GOOD = (profile_dir() / "vhe.toml").read_text()


@pytest.mark.parametrize(("old", "new", "says"), [
    ("value = 750", 'value = "750"', r":8: cycles: exit: value: \"750\": expected an integer"),
    ("value = 750", "value = -1", ":8: cycles: exit: value: -1: expected at least 0"),
    ("[cycles.exit]", "[cycles.exot]", ":7: cycles: exot: no such key: did you mean exit"),
    ('basis = "published"', 'basis = "guessed"', 'basis: "guessed": expected "published", "derived" or "assumed"'),
    ('name = "vhe"', "", "name: missing"),
    ("[cycles.exit]", "[cycles.exit", "not TOML"),
])
def test_profiles_that_are_wrong(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ScenarioError, match=says):
        find_profile(str(path))


@pytest.mark.parametrize(("arguments", "says"), [
    (("--designs", "kvm,"), "--designs: expected names separated by commas"), (("--designs", ""), "expected names"),
    (("--designs", "kvm,tarp"), "did you mean trap"), (("--profile", "xgene"), "did you mean xgene-"),
    (("--profile", "none/none.toml"), "expected a cost profile"),
    (("--designs", ",".join(["kvm"] * 41)), "at most 40"),
])
def test_arguments_that_are_wrong(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "level-forwarded", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_machine_is_priced_by_a_profile_of_its_gic(capsys: pytest.CaptureFixture[str]) -> None:
    for scenario, profile in (("level-forwarded", "vhe"), ("v2-level-forwarded", "xgene-kvm")):
        assert main(["compare", scenario, "--designs", "kvm"]) == 0
        assert f"Cycles by {profile} " in " ".join(capsys.readouterr().out.split())
    assert main(["compare", "level-forwarded", "--designs", "kvm", "--profile", "xgene-kvm"]) == 0
    assert "xgene-kvm" in capsys.readouterr().out


def test_what_came_and_has_no_price_makes_a_total_a_lower_bound() -> None:
    partly, whole = (CompareReport(compare("level-forwarded", "kvm,trap", name)) for name in ("vhe", "xgene-kvm"))
    assert ">=810" in partly.text()
    assert "at least, for there came completion, mmio_read, mmio_write" in " ".join(partly.text().split())
    assert partly.json()["designs"][0]["unpriced_events"] == ["completion"]
    assert [d["at_least"] for d in partly.json()["designs"]] == [True, True]
    assert ">=" not in whole.text()
    assert not any(d["at_least"] for d in whole.json()["designs"])


def test_a_design_that_does_what_another_does_has_nothing_of_its_own_to_show() -> None:
    c = compare("msi-once", "kvm,trap,timer-mask")
    assert [r.same_as for r in c.rows] == ["", "kvm", "kvm"]
    assert "trap: does on this schedule what kvm does" in CompareReport(c).text()
    c = compare("level-forwarded", "kvm,trap,timer-mask")
    assert [r.same_as for r in c.rows] == ["", "", "trap"]


def test_a_verdict_is_of_one_schedule_unless_all_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    """Rule 3 breaks with trap in another schedule than the script."""
    assert main(["compare", "level-forwarded", "--designs", "kvm,trap"]) == 0
    out = capsys.readouterr().out
    assert "on this schedule\n" in out
    assert "--check searches all" in " ".join(out.split())
    assert main(["compare", "level-forwarded", "--designs", "kvm,trap", "--check"]) == 1
    out = capsys.readouterr().out
    assert "  kvm: HOLDS, with 1 list register or more\n" in out
    assert "  trap: BROKEN rule 3\n" in out


def test_a_search_for_a_comparison_that_is_cut() -> None:
    found = searched(find_scenario("level-forwarded"), "kvm", 1e-9)
    assert (found.verdict, found.needs) == ("BOUNDED", None)
    report = CompareReport(compare("level-forwarded", "kvm"), {"kvm": found})
    assert report.exit_status == 3
    assert "kvm: BOUNDED" in report.text()


def test_a_design_that_fails_leaves_the_others_rows(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from vgic.designs import Kvm\nclass Crash(Kvm):\n    def fold_lr(self, *a, **k):\n"
                    "        raise RuntimeError('boom')\n")
    c = compare("edge-again", f"kvm,{file}:Crash")
    assert c.rows[0].counts["acknowledged"] > 0
    assert "failed: RuntimeError: boom" in c.rows[1].refused
    assert CompareReport(c).exit_status == 1


def test_one_that_breaks_a_rule_does_not_what_the_other_does(tmp_path: Path) -> None:
    """What its guest reads is seen, though no access to the chip tells it."""
    file = tmp_path / "mine.py"
    file.write_text("from vgic.designs import Kvm\nclass Zero(Kvm):\n    def mmio_read_pending(self, *a, **k):\n"
                    "        return False\n")
    c = compare("pending-read", f"kvm,{file}:Zero")
    assert c.rows[1].broken == (22,)
    assert c.rows[1].same_as == ""
