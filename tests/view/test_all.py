"""`vgic check --all`, told: a table that fits a mail, what speaks against what is announced, sums, exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vgic.explore.all import Checked
from vgic.view.all import AllReport, line
from vgic.view.report import Status


def made_up(scenario: str = "level-held", **other: Any) -> Checked:
    return Checked(scenario, "kvm", 4, "HOLDS", states=1_234_567, depth=43, seconds=12.34)._replace(**other)


KNOWN: dict[str, Any] = {"verdict": "BROKEN", "rule": 6, "what": "it is not active", "steps": 4, "breaks": {6: True}}


def test_a_row_for_each_by_name_and_number_of_list_registers() -> None:
    text = AllReport([made_up(list_registers=4), made_up(list_registers=2), made_up("edge", **KNOWN)]).text()
    rows = [row.split() for row in text.splitlines()]
    assert rows[1] == ["edge", "kvm", "4", "BROKEN", "6", "43", "1,234,567", "12.3", "6", "breaks"]
    assert [row[:4] for row in rows[2:4]] == [["level-held", "kvm", n, "HOLDS"] for n in ("2", "4")]
    assert text.endswith("\n3 searched: 2 HOLDS, 1 BROKEN. All as announced.")


@pytest.mark.parametrize(("other", "status", "told"), [
    (KNOWN, Status.HOLDS, "1 BROKEN. All as announced."),
    ({**KNOWN, "breaks": {}}, Status.BROKEN, "level-held: rule 6, not announced, breaks in 4 steps: it is not active"),
    ({"breaks": {6: False}}, Status.BROKEN, "6 does not break"),
    ({"breaks": {3: True, 6: None}, "verdict": "BOUNDED", "cut": "seconds"}, Status.BOUNDED,
     "3 breaks, 6 not found in time"),
    ({"verdict": "BOUNDED", "cut": "states"}, Status.BOUNDED, "level-held: cut by --states"),
    ({"verdict": "REFUSED", "what": "kvm: no such thing"}, Status.HOLDS, "REFUSED  kvm: no such thing"),
    ({"verdict": "FAILED", "what": "it raised"}, Status.BROKEN, "FAILED  it raised"),
])
def test_what_is_told_and_the_exit_status(other: dict[str, Any], status: Status, told: str) -> None:
    report = AllReport([made_up(**other), made_up("sgi")])
    assert report.exit_status == status
    assert told in report.text()
    assert ("1 not as announced." in report.text()) == (status == Status.BROKEN)


def test_it_fits_a_mail() -> None:
    long = {"what": "word " * 60, "breaks": dict.fromkeys(range(1, 9), True), "verdict": "BROKEN", "rule": 9}
    report = AllReport([made_up("x" * 40, **long), made_up(verdict="FAILED", what="word " * 60)])
    assert max(map(len, report.text().splitlines())) <= 100


def test_an_interrupted_search_tells_what_it_has() -> None:
    report = AllReport([made_up()], 105, interrupted=True)
    assert report.exit_status == Status.INTERRUPTED
    assert report.text().endswith("Interrupted: 1 of 105 searched: 1 HOLDS. All as announced.")
    assert AllReport([], 105, interrupted=True).text().endswith("Interrupted: 0 of 105 searched.")


def test_as_data() -> None:
    (found,) = json.loads(json.dumps(AllReport([made_up(**KNOWN)]).json()))
    assert found.items() >= {"scenario": "level-held", "rule": 6, "breaks": {"6": True}, "expected": True}.items()


def test_a_line() -> None:
    assert line(made_up()) == "level-held  kvm  4 LRs  HOLDS  1,234,567 states, depth 43, 12.3 s"
    assert line(made_up(**KNOWN)).endswith("BROKEN rule 6 in 4 steps  1,234,567 states, depth 43, 12.3 s  (6 breaks)")
    assert line(made_up(**{**KNOWN, "breaks": {}})).endswith("(not announced)")
    assert line(made_up(verdict="REFUSED", what="no such thing")) == "level-held  kvm  4 LRs  REFUSED: no such thing"


def test_nothing_but_what_is_refused() -> None:
    assert AllReport([made_up(verdict="REFUSED", what="no such thing")]).text() == (
        "REFUSED  no such thing\n\n1 searched: 1 REFUSED. All as announced.")
