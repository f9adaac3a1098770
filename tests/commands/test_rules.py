"""`vgic rules`: as people call it."""

from __future__ import annotations

import json

import pytest
from tests.commands.runner import Runner, refused

from vgic.rules import RULES


def test_rules(vgic: Runner) -> None:
    ran = vgic("rules")
    assert ran.status == 0
    told = " ".join(ran.out.split())
    assert all(rule.sentence in told for rule in RULES.values())
    assert max(map(len, ran.out.splitlines())) <= 100
    one = " ".join(vgic("rules", "14").out.split())
    assert one.startswith(f"14 {RULES[14].sentence}")
    assert "judged in scenarios, on QEMU traces" in one
    assert f"does not see: {RULES[14].unseen}" in one
    assert "does not see" not in vgic("rules", "24").out
    found = json.loads(vgic("rules", "--json").out)
    assert [r["id"] for r in found] == list(RULES)
    assert [r["id"] for r in found if "on QEMU traces" in r["judged"]] == [5, 6, 7, 8, 10, 14, 15, 16, 17, 18, 41]


@pytest.mark.parametrize("rule", ["0", "44", "x", "-1"])
def test_rules_refuses(vgic: Runner, rule: str) -> None:
    refused(vgic("rules", rule))
