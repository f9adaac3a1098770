"""`vgic check`: verdicts, counterexamples that the lab replays, what is refused, and plain Python as the judge."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from vgic.cli import main
from vgic.explore.check import LOST, Bounds, check, self_check, with_vcpus
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, find_design, find_scenario
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.lab.schedule import Schedule
from vgic.rules.catalogue import RULES
from vgic.rules.checks import MACHINE_RULES
from vgic.view.check import CheckReport, DialReport

EDGE = """
name = "one-edge"
title = "One edge device of the VMM and one guest."
teaches = "How a scenario is explored."
[[vm]]
[[vm.vcpu]]
[[device]]
name = "net"
kind = "edge"
vintid = 40
wiring = "irqfd"
times = 1
"""
TWO_EDGES = EDGE + """
[[device]]
name = "disk"
kind = "edge"
vintid = 41
wiring = "irqfd"
times = 1
[check]
never = ["vcpu0 put", "vcpu0 exits", "vcpu0 gives up entry"]
"""
LOSSY = '''
from vgic.designs.kvm.vgic import Kvm

class Lossy(Kvm):
    """Drops every edge, and never lets a vCPU block: the machine never comes to rest."""
    def inject(self, vm, vcpu, vintid, level, owner=None):
        return level

    def pending(self, vcpu):
        return True
'''
RANDOM = '''
import itertools
from vgic.designs.kvm.vgic import Kvm

class Random(Kvm):
    coin = itertools.cycle([0x98, 0xa0])
    def set_priority(self, irq, priority):
        pass

    def flush(self, vcpu):
        super().flush(vcpu)
        for irq in self.cpus[vcpu].ap_list:
            irq.priority = next(self.coin)
'''
COUNTING = '''
from vgic.designs.kvm.vgic import Kvm

class Counting(Kvm):
    entries = 0
    def flush(self, vcpu):
        self.entries += 1
        super().flush(vcpu)
'''
RAISING = '''
from vgic.designs.kvm.vgic import Kvm

class Raising(Kvm):
    def sync(self, vcpu):
        super().sync(vcpu)
        if vcpu.kicked and self.cpus[vcpu].ap_list:
            raise RuntimeError("no way out")
'''


@pytest.fixture
def edge() -> Scenario:
    return parse_scenario(EDGE)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _design(tmp_path: Path, text: str, cls: str) -> str:
    file = tmp_path / "mine.py"
    file.write_text(text)
    return f"{file}:{cls}"


@pytest.mark.parametrize("name", ["level-irqfd", "level-trap", "timer-no-hw-deactivation", "timer-forwarded"])
def test_plain_python_finds_the_same(name: str) -> None:
    scenario = find_scenario(name)
    verdict = self_check(scenario, find_design(scenario.design))
    assert verdict.result.verdict == "HOLDS"
    assert CheckReport(verdict).exit_status == 0


def test_a_broken_rule_comes_with_a_schedule_that_the_lab_replays() -> None:
    scenario = find_scenario("level-irqfd-v3")
    verdict = check(scenario, find_design("kvm"))
    assert verdict.rule is not None
    assert verdict.rule.id in scenario.rules
    assert verdict.replay is not None
    assert verdict.replay.actions == verdict.schedule
    assert verdict.replay.breaches[-1].place == len(verdict.schedule)
    shorter = scenario.model_copy(update={"run": scenario.run.model_copy(update={"finish": False})})
    assert Schedule(shorter, find_design("kvm")).run(verdict.schedule[:-1]).holds
    text = CheckReport(verdict).text()
    assert f"BROKEN  rule {verdict.rule.id}" in text
    assert f"Step {len(verdict.schedule)} breaks it" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_counterexample_of_plain_python_is_as_short() -> None:
    scenario = parse_scenario(TWO_EDGES)
    found = [check(scenario, find_design("kvm"), list_registers=1, engine=engine) for engine in ("plain", "compiled")]
    assert [(v.rule.id, len(v.schedule)) for v in found if v.rule] == [(17, 7), (17, 7)]


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_what_is_cut_never_holds(edge: Scenario, engine: str) -> None:
    for bounds, why in ((Bounds(depth=3), "depth"), (Bounds(states=20), "states")):
        verdict = check(edge, find_design("kvm"), bounds=bounds, engine=engine)
        assert verdict.result.verdict == "BOUNDED"
        assert verdict.result.why_cut == why
        text = CheckReport(verdict).text()
        assert "not exhaustive" in text
        assert "HOLDS" not in text
        assert CheckReport(verdict).exit_status == 3
        assert CheckReport(verdict, allow_bounded=True).exit_status == 0


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_an_interrupt_that_is_lost_while_the_machine_goes_round(edge: Scenario, tmp_path: Path, engine: str) -> None:
    cls = find_design(_design(tmp_path, LOSSY, "Lossy"))
    verdict = check(edge, cls, engine=engine, rules=[1])        # that it goes round is told by 42 before
    assert verdict.rule is not None
    assert verdict.rule.id == 1
    assert verdict.schedule == ("net pulses",)
    assert verdict.loop is not None
    assert "40 of vm0 never gets to its guest" in " ".join(CheckReport(verdict).text().split())
    assert check(edge, cls, engine=engine, rules=[1], liveness=False).result.verdict == "HOLDS"


def test_a_design_that_is_not_deterministic_is_refused_with_both_runs(edge: Scenario, tmp_path: Path) -> None:
    cls = find_design(_design(tmp_path, RANDOM, "Random"))
    with pytest.raises(ScenarioError, match=r"not deterministic: run twice from the same state, .*152.*160|160.*152"):
        check(edge, cls, engine="plain")


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_state_outside_the_parts_is_refused_by_name(edge: Scenario, tmp_path: Path, engine: str) -> None:
    cls = find_design(_design(tmp_path, COUNTING, "Counting"))
    with pytest.raises(ScenarioError, match=r"design\.entries"):
        check(edge, cls, engine=engine)


def test_a_design_that_raises_is_told_with_its_traceback(edge: Scenario, tmp_path: Path) -> None:
    cls = find_design(_design(tmp_path, RAISING, "Raising"))
    with pytest.raises(ScenarioError, match=r"(?s)no way out.*mine\.py.*in sync"):
        check(edge, cls)


def test_only_some_rules() -> None:
    scenario = find_scenario("level-irqfd-v3")
    verdict = check(scenario, find_design("kvm"), rules=[7], liveness=False)
    assert verdict.judged == (7,)
    assert verdict.result.verdict == "HOLDS"


@pytest.mark.parametrize(("rules", "broken"), [
    ([12], None), ([19], None), ([1], 1), ([2], 2), (frozenset(MACHINE_RULES) - LOST, None)])
def test_what_is_lost_is_told_of_the_rules_that_are_judged_alone(rules: list[int], broken: int | None) -> None:
    verdict = check(find_scenario("soft-pended-split"), find_design("kvm"), rules=rules)
    assert verdict.rule == (None if broken is None else RULES[broken])


def test_more_vcpus_are_copies_and_what_names_others_is_refused(edge: Scenario) -> None:
    assert len(with_vcpus(edge, 3).vm[0].vcpu) == 3
    with pytest.raises(ScenarioError, match="1 vCPUs: a program says 'SGI 1 to 1'"):
        with_vcpus(find_scenario("sgi"), 1)


def test_a_dial_tells_the_fewest_list_registers() -> None:
    scenario = parse_scenario(TWO_EDGES)
    verdicts = [check(scenario, find_design("kvm"), list_registers=n, bounds=Bounds(depth=10)) for n in (1, 2)]
    report = DialReport(verdicts)
    assert report.fewest == 2
    assert report.exit_status == 1
    assert "Right with 2 list registers or more (up to 2), as far as was explored." in report.text()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(EDGE)
    assert main(["check", "nothing-such"]) == 2
    assert capsys.readouterr().err.startswith("vgic: ")
    assert main(["check", str(file), "--depth", "4"]) == 3
    assert "BOUNDED" in capsys.readouterr().out
    assert main(["check", "level-irqfd-v3", "--json", "--export", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "BROKEN"
    assert told["broken"]["schedule"]
    assert (tmp_path / f"counterexample-{told['broken']['rule']}.toml").is_file()
    for wrong in (["--lrs", "0"], ["--lrs", "3..2"], ["--depth", "x"], ["--rules", "99"], ["--design", "nobody"],
                  ["--vcpus", "9"], ["--memory", "-1"]):
        assert main(["check", str(file), *wrong]) == 2
        assert capsys.readouterr().err.startswith("vgic: ")


def test_a_cut_search_goes_on_with_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = check(find_scenario("timer-forwarded"), find_design("kvm"), engine="compiled")
    where = str(tmp_path / "saved")
    cut = check(find_scenario("timer-forwarded"), find_design("kvm"), engine="compiled", checkpoint=where,
                bounds=Bounds(depth=5))
    assert cut.result.why_cut == "depth"
    rest = check(find_scenario("timer-forwarded"), find_design("kvm"), engine="compiled", checkpoint=where)
    for figure in ("verdict", "states", "transitions", "depth"):
        assert getattr(rest.result, figure) == getattr(whole.result, figure)


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda s: s.name)
def test_the_first_states_of_every_scenario_break_nothing_that_is_not_known(scenario: Scenario) -> None:
    known = {*scenario.rules, *scenario.check.breaks}
    rules = [n for n in MACHINE_RULES if n not in known]
    verdict = check(scenario, find_design(scenario.design), rules=rules, bounds=Bounds(states=80), engine="plain")
    assert verdict.rule is None
    assert verdict.result.complete or verdict.result.states >= 80
