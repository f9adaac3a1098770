"""`vgic bugs`: as people call it."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest
from tests.commands.runner import Runner, refused


def test_bugs_lists_every_entry(vgic: Runner) -> None:
    ran = vgic("bugs")
    assert (ran.status, ran.err) == (0, "")
    assert "B002" in ran.out
    assert "B033: lifetimes" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    assert len(json.loads(vgic("bugs", "--json").out)) > 80


def test_bugs_takes_ids_in_any_case_and_once(vgic: Runner) -> None:
    assert vgic("bugs", "b002").out == vgic("bugs", "B002", "b002").out == vgic("bugs", "B002").out
    assert [b["id"] for b in json.loads(vgic("bugs", "b029-BLIND", "b033", "--json").out)] == ["B029-blind", "B033"]


def test_bugs_finds_one(vgic: Runner) -> None:
    ran = vgic("bugs", "b025", "--all")
    assert (ran.status, ran.err) == (0, "")
    assert "1 of 1 found" in ran.out
    data = json.loads(vgic("bugs", "B025", "--all", "--json").out)
    assert [(d["id"], d["found"], d["rule"], d["clean_verdict"]) for d in data] == [("B025", True, 4, "HOLDS")]


@pytest.mark.parametrize(("arguments", "words"), [
    (["B999"], ["'B999'", "nearest: B"]), (["B011", "nonsense"], ["'nonsense'"]), (["", "--all"], ["''"]),
    (["B033", "--all"], ["B033 can't be searched for yet", "awaits"]),
    (["B011", "b076", "--all"], ["B076 can't be searched for yet"]),
    (["--all", "--seconds", "0"], ["--seconds 0", "1 to 86,400"]), (["--all", "--seconds", "-1"], ["--seconds"]),
    (["--seconds", "x"], ["--seconds x: expected a whole number, 1 to 86,400"]),
    (["--all", "--seconds", "86401"], ["--seconds 86401"]),
    (["--all", "--jobs", "0"], ["--jobs 0", "1 to 64"]), (["--all", "--jobs", "65"], ["--jobs 65"])])
def test_bugs_refuses(vgic: Runner, arguments: list[str], words: list[str]) -> None:
    refused(vgic("bugs", *arguments), *words)


def test_bugs_interrupted_tells_what_was_found(vgic: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from vgic.explore.museum import Visit, visit

    def interrupted(identities: list[str], seconds: float, jobs: int) -> Generator[Visit, None, None]:
        assert (seconds, jobs) == (5.0, 2)
        yield visit(identities[0], seconds)
        raise KeyboardInterrupt
    monkeypatch.setattr("vgic.explore.museum.visit_all", interrupted)
    ran = vgic("bugs", "B025", "B002", "--all", "--seconds", "5", "--jobs", "2")
    assert ran.status == 130
    assert "Interrupted: 1 of 2 searched." in ran.out
    assert "B025  msi-once" in ran.out
