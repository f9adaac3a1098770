"""`vgic bugs`, told: tables that fit a mail, sums, and what is to be told of single entries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vgic.designs.bugs import AWAITED, bugs
from vgic.explore.museum import Visit, exhibits
from vgic.view.museum import ExhibitsReport, VisitsReport
from vgic.view.report import Status

BUGS = bugs()
EVERYTHING = sorted((*BUGS, *AWAITED))


def made_up(identity: str, **other: Any) -> Visit:
    """A visit of an entry that came out well."""
    entry = BUGS[identity].entry
    good = Visit(identity, entry, True, entry.rules[0], "BROKEN", 12, 123_456, 7.25, "kvm", "HOLDS", None, 1_000)
    return good._replace(**other)


def fits(text: str) -> bool:
    return max(map(len, text.splitlines())) <= 100


def row(text: str, identity: str) -> list[str]:
    """The cells of an entry's row."""
    return next(line for line in text.splitlines() if line.startswith(identity + " ")).split()


# -- the entries


def test_all_entries_by_section() -> None:
    text = ExhibitsReport(exhibits(EVERYTHING)).text()
    assert fits(text)
    assert all(i in text for i in EVERYTHING)
    places = [text.index(f"\n{letter}  ") for letter in "BCDEF"]
    assert text.startswith("A  ")
    assert places == sorted(places)
    assert places[0] < text.index("B042") < places[1]
    assert places[4] < text.index("B096")
    assert f"{len(EVERYTHING) - 1} entries, {len(BUGS) - 1} of them as designs" in text, "B029-blind is no entry"


def test_what_is_awaited_is_said_once_for_all_that_await_it() -> None:
    text = " ".join(ExhibitsReport(exhibits(["B076", "B077", "B086"])).text().split())
    assert f"B076, B077: {AWAITED['B076'].awaits}" in text
    assert f"B086: {AWAITED['B086'].awaits}" in text
    assert "3 entries, 0 of them as designs" in text


def test_one_entry_in_full() -> None:
    entry = BUGS["B001"].entry
    text = ExhibitsReport(exhibits(["B001"])).text()
    assert fits(text)
    told = " ".join(text.split())
    assert told.startswith(f"B001 {entry.year} {entry.where} ({entry.source})")
    for words in (entry.wrong, entry.symptom, "rules it breaks 2, 23", "the right design kvm",
                  f"vgic run {entry.scenario} --design B001"):
        assert words in told


def test_one_entry_that_awaits_something() -> None:
    text = ExhibitsReport(exhibits(["B033"])).text()
    assert text.startswith("B033  2026")
    assert f"awaits {AWAITED['B033'].awaits}" in " ".join(text.split())


def test_entries_as_data() -> None:
    data = json.loads(json.dumps(ExhibitsReport(exhibits(["B001", "B033"])).json()))
    assert [(d["id"], d["section"]) for d in data] == [("B001", "A"), ("B033", "A")]
    assert (data[0]["base"], data[0]["clean"], data[0]["rules"]) == ("timer-mask", "kvm", [2, 23])
    assert data[1]["awaits"] == AWAITED["B033"].awaits
    assert ExhibitsReport(exhibits(["B001"])).exit_status == 0


# -- searched


def test_all_is_well() -> None:
    found = VisitsReport([made_up("B023"), made_up("B002")])
    text = found.text()
    assert found.exit_status == 0
    assert row(text, "B002") == ["B002", "edge-entry-given-up", "yes", "1", "12", "123,456", "7.2", "kvm", "holds"]
    assert text.index("B002") < text.index("B023"), "in the order of their ids"
    assert "2 of 2 found; without them 2 of 2 break no rule, 2 of these in all their states." in text
    assert fits(text)


@pytest.mark.parametrize(("other", "cells", "remark"), [
    ({"found": False, "rule": None, "verdict": "HOLDS"}, ["no", "-"], "B002: holds after 123,456 states"),
    ({"found": False, "rule": None, "verdict": "BOUNDED"}, ["no", "-"], "B002: bounded after 123,456 states"),
    ({"found": False, "rule": 17}, ["no", "17"], "B002: breaks rule 17, and not one of 1, 19"),
    ({"clean_verdict": "BROKEN", "clean_rule": 6}, ["yes", "1"],
     "B002: the design without it (kvm) breaks rule 6 there too"),
    ({"found": False, "rule": None, "verdict": "-", "error": "it fell over"}, ["no", "-"], "B002: it fell over")])
def test_what_is_not_well_is_told(other: dict[str, Any], cells: list[str], remark: str) -> None:
    found = VisitsReport([made_up("B002", **other), made_up("B023")])
    assert found.exit_status == 1
    text = found.text()
    assert row(text, "B002")[2:4] == cells
    assert [line for line in text.splitlines() if line.startswith("B002: ")] == [remark]
    assert "B023: " not in text
    found_count = 2 if other.get("found", True) else 1
    assert f"{found_count} of 2 found" in text


def test_a_clean_design_that_breaks_something_is_counted() -> None:
    text = VisitsReport([
        made_up("B002", clean_verdict="BROKEN", clean_rule=6), made_up("B023", clean_verdict="BOUNDED"),
        made_up("B004")]).text()
    assert row(text, "B002")[-3:] == ["kvm", "broken", "6"]
    assert "without them 2 of 3 break no rule, 1 of these in all their states" in text


def test_sections_tell_what_is_found_and_what_is_awaited() -> None:
    visits = [made_up("B029"), made_up("B029-blind"), made_up("B002", found=False), made_up("B042")]
    text = VisitsReport(visits, ["B033", "B036", "B076"]).text()
    lines = text.splitlines()
    assert any(line.startswith("A  ") and line.endswith(": 1 of 3 entries found, 1 awaiting") for line in lines)
    assert any(line.startswith("B  ") and line.endswith(": 1 of 2 entries found, 1 awaiting") for line in lines)
    assert any(line.startswith("D  ") and line.endswith(": 0 of 1 entries found, 1 awaiting") for line in lines)
    assert f"  B033: {AWAITED['B033'].awaits}" in lines
    assert fits(text)
    assert VisitsReport([made_up("B029")], ["B033"]).exit_status == 0, "what can't be searched for yet is not missed"


def test_an_interrupted_search_tells_what_it_has() -> None:
    found = VisitsReport([made_up("B002")], asked=38, interrupted=True)
    assert found.exit_status == Status.INTERRUPTED
    assert "Interrupted: 1 of 38 searched." in found.text()
    assert "Interrupted" not in VisitsReport([made_up("B002")]).text()
    assert fits(VisitsReport([], asked=38, interrupted=True).text())


def test_visits_as_data() -> None:
    data = json.loads(json.dumps(VisitsReport([made_up("B002", clean_rule=6)], ["B033"]).json()))
    assert [d["id"] for d in data] == ["B002", "B033"]
    assert (data[0]["found"], data[0]["rule"], data[0]["clean_rule"], data[0]["section"]) == (True, 1, 6, "A")
    assert data[0]["bug"]["scenario"] == "edge-entry-given-up"
    assert (data[1]["found"], data[1]["awaits"]) == (None, AWAITED["B033"].awaits)


def test_a_table_of_all_fits() -> None:
    visits = [made_up(i, clean="kvm-latch-kept", clean_verdict="BROKEN", clean_rule=34) for i in BUGS]
    text = VisitsReport(visits).text()
    assert fits(text)
    assert all("broken 34" in line for line in text.splitlines()[1:1 + len(BUGS)])
