"""The scenarios: each comes out as it says, every mechanism has one, and each historical bug shows in its own."""

from __future__ import annotations

import json

import pytest

from vgic.designs.bugs import bugs
from vgic.lab.loader import all_scenarios, find_scenario, scenario_dir
from vgic.lab.perform import perform
from vgic.lab.scenario import Scenario, schema
from vgic.view.scenarios import ScenariosReport

SCENARIOS = all_scenarios()
BUGS = bugs()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_comes_out_as_it_says(scenario: Scenario) -> None:
    run = perform(scenario)
    assert run.skipped == ()
    if scenario.expect == "holds":
        assert run.broken == (), run.breaches
        assert run.at_rest
    else:
        assert set(scenario.rules) <= set(run.broken)


def test_every_mechanism_has_one() -> None:
    shown = {m for s in SCENARIOS for m in s.mechanisms}
    assert {*(f"M{n}" for n in range(1, 12)), "M28", "M29"} <= shown
    assert len(SCENARIOS) >= 25


def test_a_file_is_named_after_its_scenario() -> None:
    assert [p.stem for p in sorted(scenario_dir().glob("*.toml"))] == [s.name for s in SCENARIOS]


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_historical_bug_shows(name: str) -> None:
    entry = BUGS[name].entry
    run = perform(find_scenario(entry.scenario), name)
    assert set(run.broken) & set(entry.rules), f"{name} breaks {run.broken}, expected one of {entry.rules}"


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_scenario_of_a_bug_holds_without_it(name: str) -> None:
    scenario = find_scenario(BUGS[name].entry.scenario)
    assert scenario.expect == "holds"


@pytest.mark.parametrize("name", sorted(BUGS))
def test_an_entry_is_complete(name: str) -> None:
    entry = BUGS[name].entry
    assert name.startswith("B")
    assert 2000 <= entry.year <= 2030
    assert all((entry.where, entry.source, entry.symptom, entry.wrong))


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.expect == "holds"], ids=lambda s: s.name)
def test_random_schedules_break_what_is_announced_alone(scenario: Scenario) -> None:
    for seed in (1, 2):
        run = perform(scenario, seed=seed, steps=40)
        assert set(run.broken) <= set(scenario.check.breaks), f"seed {seed}: {run.breaches}"


def test_a_random_schedule_is_repeated_by_its_seed() -> None:
    scenario = find_scenario("timer-shared")
    assert perform(scenario, seed=7, steps=50).actions == perform(scenario, seed=7, steps=50).actions
    assert perform(scenario, seed=7, steps=50).actions != perform(scenario, seed=8, steps=50).actions


def test_a_random_schedule_is_a_script() -> None:
    scenario = find_scenario("timer-forwarded")
    run = perform(scenario, seed=3, steps=20)
    again = scenario.model_copy(update={"run": scenario.run.model_copy(update={"script": list(run.actions)})})
    assert perform(again).steps[:len(run.steps)] == run.steps


def test_the_list_says_what_each_teaches() -> None:
    report = ScenariosReport(SCENARIOS)
    text = report.text()
    assert all(s.name in text for s in SCENARIOS)
    assert max(map(len, text.splitlines())) <= 100
    assert {entry["name"]: entry["expect"] for entry in report.json()} == {s.name: s.expect for s in SCENARIOS}


def test_the_published_schema_is_that_of_the_model() -> None:
    published = json.loads((scenario_dir() / "scenario.schema.json").read_text())
    assert published == json.loads(json.dumps(schema()))
    assert all(path.read_text().startswith("#:schema scenario.schema.json\n") for path in scenario_dir().glob("*.toml"))
