"""`vgic check --all`: the table of all scenarios."""

from __future__ import annotations

import json
import re
from collections.abc import Generator

import pytest
from tests.commands.runner import ROOT, Runner, refused

from vgic.explore.all import Checked, Task

SMALL = ("saved-sgi-v2", "soft-pended-level")
"""One that holds, and one that breaks rule 6 as announced."""


def test_all_is_a_table_and_as_announced(vgic: Runner) -> None:
    ran = vgic("check", "--all", *SMALL, "--jobs", "1")
    assert (ran.status, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["scenario", "design", "LRs", "verdict", "rule", "depth", "states", "s", "announced"]
    assert rows[1][:6] == ["saved-sgi-v2", "kvm", "4", "HOLDS", "12", "45"]
    assert (rows[2][:5], rows[2][-2:]) == (["soft-pended-level", "kvm", "4", "BROKEN", "6"], ["6", "breaks"])
    assert ran.out.endswith("2 searched: 1 HOLDS, 1 BROKEN. All as announced.\n")


def test_all_tells_and_passes_over_what_a_design_does_not_offer(vgic: Runner) -> None:
    ran = vgic("check", "--all", "level-irqfd", "--design", "xen")
    assert ran.status == 0
    assert "REFUSED  level-irqfd: xen: on_ack: this design tells no completions" in ran.out
    assert "1 searched: 1 REFUSED. All as announced." in ran.out


def test_all_looks_beyond_what_is_announced(vgic: Runner) -> None:
    (found,) = json.loads(vgic("check", "--all", "level-trap-withdrawn", "--confirm", "--json").out)
    assert found.items() >= {
        "scenario": "level-trap-withdrawn", "design": "trap", "list_registers": 4, "verdict": "HOLDS", "rule": None,
        "breaks": {"3": True}, "expected": True}.items()


def test_all_as_json_has_these_keys() -> None:
    docs = (ROOT / "docs" / "check.md").read_text()
    said = docs.partition("`--json` prints a list of objects")[2].partition("\n## ")[0]
    for key in (*Checked._fields, "expected"):
        assert f"`{key}`" in said


def test_all_with_what_is_not_announced(vgic: Runner) -> None:
    text = (ROOT / "scenarios" / "soft-pended-level.toml").read_text()
    (vgic.here / "mine.toml").write_text(text.replace("rules = [6]", "rules = [5]"))
    ran = vgic("check", "--all", str(vgic.here / "mine.toml"), "saved-sgi-v2")
    assert ran.status == 1
    assert "not announced" in ran.out
    assert "soft-pended-level: rule 6, not announced, breaks in 3 steps: " in ran.out
    assert "1 not as announced." in ran.out


def test_all_cut_by_a_bound_speaks_against_nothing(vgic: Runner) -> None:
    ran = vgic("check", "--all", "msi-once", "--depth", "2", "--lrs", "1..2")
    assert ran.status == 3
    assert ran.out.count("msi-once: cut by --depth\n") == 3
    assert ran.out.endswith("3 searched: 3 BOUNDED. All as announced.\n")


def test_all_interrupted_tells_what_was_found(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(todo: list[Task], bounds: object, confirm: bool, jobs: int) -> Generator[Checked, None, None]:
        assert ([t.scenario for t in todo], confirm, jobs) == (["soft-pended-level", "saved-sgi-v2"], True, 3)
        yield Checked("saved-sgi-v2", "kvm", 4, "HOLDS")
        raise KeyboardInterrupt
    monkeypatch.setattr("vgic.explore.all.check_all", interrupted)
    ran = vgic("check", "--all", *SMALL, "--jobs", "3", "--confirm")
    assert ran.status == 130
    assert "Interrupted: 1 of 2 searched: 1 HOLDS. All as announced." in ran.out


def test_all_tells_each_as_it_ends_on_a_terminal(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ran = vgic("check", "--all", *SMALL, "--jobs", "1")
    told = re.findall(r"\r([^\r]*)\x1b\[K\n", ran.err)
    assert [line.split()[0] for line in told] == ["soft-pended-level", "saved-sgi-v2"]
    assert "\r1 of 2 searched\x1b[K" in ran.err


@pytest.mark.parametrize(("options", "says"), [
    ((), "check: expected one scenario"), (("sgi", "level-held"), "check: expected one scenario"),
    (("--all", "nothing-such"), "'nothing-such': there is none of that name"),
    (("--all", "--design", "nobody"), "design 'nobody': there is none"),
    (("--all", "--jobs", "0"), "--jobs 0: expected"), (("--all", "--lrs", "0"), "--lrs 0: expected N"),
    (("--all", "--resume"), "--resume goes with one scenario"),
    (("--all", "--self-check"), "--self-check goes with one scenario"),
    (("sgi", "--jobs", "2"), "--jobs goes with --all"), (("sgi", "--confirm"), "--confirm goes with --all"),
])
def test_what_does_not_go_together(vgic: Runner, options: tuple[str, ...], says: str) -> None:
    refused(vgic("check", *options), says)
