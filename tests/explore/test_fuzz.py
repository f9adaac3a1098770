"""Random scenarios (`bench.check.fuzz`): the ways to search them agree, whatever they are."""
from __future__ import annotations

import pytest
from bench.check.fuzz import broken_rules, scenario_of, shrunk, tables_of, text_of, told

from vgic.explore.check import Bounds, check
from vgic.lab.loader import find_design


@pytest.mark.parametrize("seed", range(6))
def test_plain_python_finds_the_same(seed: int) -> None:
    """Of the first levels: the same states and transitions."""
    scenario = scenario_of(tables_of(seed, ("quiet", "polite", "rude")[seed % 3]))
    found = [
        told(check(scenario, find_design("kvm"), bounds=Bounds(depth=4), engine=engine, liveness=False))
        for engine in ("plain", "compiled")]
    assert found[0] == found[1]


def test_a_seed_makes_one_scenario() -> None:
    texts = {text_of(tables_of(7, manners)) for manners in ("quiet", "polite", "rude", "rude")}
    assert len(texts) == 3


def test_what_breaks_a_rule_is_shrunk_to_that() -> None:
    tables = {
        "name": "large", "title": "More than it takes.", "teaches": "What shrinks.", "machine": {
            "gic": 3, "pes": 1, "list_registers": 2},
        "vm": [{"priorities": {"40": 128}, "vcpu": [{"pe": 0, "program": ["WFI", "IAR"], "idle": "spin"}]}],
        "device": [{"name": "a", "kind": "level", "wiring": "irqfd", "vintid": 40},
                   {"name": "b", "kind": "edge", "wiring": "injected", "vintid": 41}],
        "check": {"ticks": 1, "never": ["* put", "* exits", "* gives up entry"]}}
    bounds = Bounds(states=3000)
    verdict = next(iter(broken_rules(tables, "kvm", bounds)))
    assert verdict.rule is not None
    less, again = shrunk(tables, "kvm", verdict, bounds)
    assert again.rule == verdict.rule
    assert [d["name"] for d in less["device"]] == ["a"]
    assert less["vm"] == [{"vcpu": [{"pe": 0, "program": []}]}]
