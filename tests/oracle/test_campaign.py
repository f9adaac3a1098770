"""Fresh episodes of every kind agree, and meet every situation that they must.

VGIC_ORACLE_OPERATIONS sets how many operations of each kind are compared (2,000 with each number of PEs by default);
VGIC_ORACLE_SEED the first seed.
"""

from __future__ import annotations

import os
import secrets

import pytest

from vgic.oracle.campaign import campaign
from vgic.oracle.coverage import REQUIRED, Coverage
from vgic.oracle.generate import KINDS

OPERATIONS = int(os.environ.get("VGIC_ORACLE_OPERATIONS", "4000"))
SEED = int(os.environ.get("VGIC_ORACLE_SEED", secrets.randbelow(1 << 30)))
ENOUGH_FOR_COVERAGE = 20_000


@pytest.mark.oracle
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_qemu_and_the_model_agree(kind: str) -> None:
    counts: dict[str, int] = {}
    for pes in (1, 2):
        report = campaign(kind, OPERATIONS // 2, SEED, pes=pes)
        assert report.finding is None, f"VGIC_ORACLE_SEED={SEED}\n{report.finding.text()}"
        for name, count in report.coverage.counts.items():
            counts[name] = counts.get(name, 0) + count
    if OPERATIONS >= ENOUGH_FOR_COVERAGE:
        assert [name for name in REQUIRED[kind] if not counts.get(name)] == []


@pytest.mark.oracle
def test_a_seed_makes_the_same_episode_again() -> None:
    first, second = (campaign("v3-virtual", 1000, 7) for _ in range(2))
    assert first.coverage.counts == second.coverage.counts
    assert first.tally.compared == second.tally.compared


def test_every_kind_has_its_list_of_situations() -> None:
    assert set(REQUIRED) == set(KINDS)
    assert Coverage().missing("v3") == list(REQUIRED["v3"])
    for kind in KINDS:
        assert len(set(REQUIRED[kind])) == len(REQUIRED[kind])
