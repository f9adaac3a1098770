"""Counterexamples as files: the scenario is replayed to the same end, the test fails while the rule is broken."""
from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from vgic.explore.check import Verdict, check
from vgic.explore.export import export, probe, scenario_text
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, find_design, find_scenario
from vgic.lab.perform import perform
from vgic.lab.scenario import load, parse_scenario

QUIRKY = '''
from vgic.designs.kvm.vgic import Kvm

class Quirky(Kvm):
    """Never clears what it injected."""
    def fold_lr(self, vcpu, irq, n, empty, pe):
        irq.on_lr = False
'''


@pytest.fixture(scope="module")
def broken() -> Verdict:
    return check(find_scenario("level-irqfd-v3"), find_design("kvm"))


def test_every_scenario_survives_as_text() -> None:
    for scenario in all_scenarios():
        assert parse_scenario(scenario_text(scenario)).model_dump() == scenario.model_dump()


def test_the_scenario_is_replayed_to_the_same_breach(broken: Verdict, tmp_path: Path) -> None:
    assert broken.rule is not None
    toml, _, _ = export(broken, "kvm", tmp_path / "new")
    scenario = load(toml)
    run = perform(scenario)
    assert run.actions == broken.schedule
    assert broken.rule.id in run.broken
    assert scenario.rules == [broken.rule.id]


def test_the_test_fails_as_long_as_the_rule_is_broken(broken: Verdict, tmp_path: Path) -> None:
    assert broken.rule is not None
    _, test, _ = export(broken, "kvm", tmp_path)
    names = runpy.run_path(str(test))
    with pytest.raises(AssertionError):
        names[f"test_rule_{broken.rule.id}_holds_on_this_schedule"]()
    mended = test.read_text().replace('kind = "level"', 'kind = "edge"')
    test.write_text(mended.replace('"disk raises"', '"disk pulses"'))
    runpy.run_path(str(test))[f"test_rule_{broken.rule.id}_holds_on_this_schedule"]()


def test_the_c_case_has_the_guests_part_in_order(broken: Verdict, tmp_path: Path) -> None:
    _, _, case = export(broken, "kvm", tmp_path)
    text = case.read_text()
    assert text.count("{") == text.count("}")
    order = [text.index(word) for word in ("disk raises", "gic_read_iar", "\tserve_device", "gic_write_eoir")]
    assert order == sorted(order)


def test_a_users_design_is_named_from_the_files_and_moves_with_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine.py").write_text(QUIRKY)
    monkeypatch.chdir(tmp_path / "work")
    scenario = find_scenario("edge-again-software")
    verdict = check(scenario, find_design("mine.py:Quirky"))
    assert verdict.rule is not None
    assert verdict.ran is not None
    assert verdict.ran[1] == ("mine.py:6 Quirky.fold_lr",)
    toml, test, case = export(verdict, "mine.py:Quirky", tmp_path / "work" / "cases")
    assert not any(str(tmp_path) in file.read_text() for file in (toml, test, case))
    assert 'design = "../mine.py:Quirky"' in toml.read_text()
    monkeypatch.chdir("/")
    (tmp_path / "work").rename(tmp_path / "moved")
    toml, test = (tmp_path / "moved" / "cases" / file.name for file in (toml, test))
    assert verdict.rule.id in perform(load(toml)).broken
    with pytest.raises(AssertionError, match=f"rule {verdict.rule.id}"):
        runpy.run_path(str(test))[f"test_rule_{verdict.rule.id}_holds_on_this_schedule"]()


def test_a_scenario_names_a_design_from_where_it_is_or_from_where_one_is(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in ("beside", "elsewhere"):
        (tmp_path / where).mkdir()
    (tmp_path / "beside" / "mine.py").write_text(QUIRKY)
    text = scenario_text(find_scenario("edge-again-software").model_copy(update={"design": "mine.py:Quirky"}))
    for where in ("beside", "elsewhere"):
        (tmp_path / where / "case.toml").write_text(text)
    monkeypatch.chdir(tmp_path / "beside")
    assert load("case.toml").design == "mine.py:Quirky"
    assert load(tmp_path / "elsewhere" / "case.toml").design == "mine.py:Quirky"
    monkeypatch.chdir(tmp_path)
    assert load("beside/case.toml").design == "beside/mine.py:Quirky"
    assert find_design(load("beside/case.toml").design).name == "mine.py:Quirky"


def test_a_probe_leaves_nothing_and_tells_what_can_not_be_written(tmp_path: Path) -> None:
    probe(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(ScenarioError, match="can't write a counterexample"):
            probe(place)


def test_what_cannot_be_written(broken: Verdict, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ScenarioError, match="can't write a counterexample"):
        export(broken, "kvm", file)
    holds = check(find_scenario("level-trap"), find_design("trap"))
    with pytest.raises(ScenarioError, match="there is no counterexample: HOLDS"):
        export(holds, "trap", tmp_path)
