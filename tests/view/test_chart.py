"""Lanes as text: at most 100 columns, nothing lost, pasteable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vgic.view.lanes import Lanes, Row
from vgic.view.run import run

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


def test_a_table() -> None:
    lanes = Lanes(("line 27", "LR0"), [Row(1, "timer fires", ("high", "-")), Row(2, "host takes 27", ("high", "P"))])
    assert lanes.text() == (
        " step  what happens   line 27  LR0\n"
        "    1  timer fires    high     -\n"
        "    2  host takes 27  high     P")


def test_a_mark_and_a_note() -> None:
    text = Lanes(("a",), [Row(7, "x", ("I",), frozenset({0}), ("rule 9: what is wrong",))]).text()
    assert text.splitlines()[1:] == ["    7  x             I <--", "         rule 9: what is wrong"]


def test_lanes_that_never_change_make_room() -> None:
    names = [f"still{n}" for n in range(12)] + ["moves"]
    rows = [Row(n, "a longer text of what happens here", (*["x" * 8] * 12, str(n))) for n in range(2)]
    text = Lanes(names, rows).text()
    assert "moves" in text.splitlines()[0]
    assert "Unchanged throughout: still" in text
    assert max(map(len, text.splitlines())) <= 100


def test_lanes_that_all_change_go_on_below() -> None:
    names = [f"lane{n}" for n in range(20)]
    rows = [Row(n, "what happens", tuple(f"value {n + i}" for i in range(20))) for n in range(3)]
    text = Lanes(names, rows).text()
    assert max(map(len, text.splitlines())) <= 100
    assert all(name in text for name in names)
    assert text.count(" step") > 1


@given(st.integers(1, 14).flatmap(lambda n: st.lists(
    st.tuples(st.lists(WORDS, min_size=1, max_size=20), st.lists(WORDS, min_size=n, max_size=n)),
    min_size=1, max_size=6)))
def test_no_line_is_too_long_and_no_word_is_lost(rows: list[tuple[list[str], list[str]]]) -> None:
    names = [f"l{n}" for n in range(len(rows[0][1]))]
    lanes = Lanes(names, [Row(i, " ".join(what), tuple(cells)) for i, (what, cells) in enumerate(rows)])
    text = lanes.text()
    assert max(map(len, text.splitlines())) <= 100
    joined = "".join(text.split())
    assert all(name in text for name in names)
    for what, _ in rows:
        assert all(word in joined for word in what)


def test_no_rows() -> None:
    assert Lanes(("a",), []).text() == " step  what happens  a"


def test_json_has_everything() -> None:
    row = Row(1, "x", ("I", "P"), frozenset({1}), ("why",))
    assert Lanes(("a", "b"), [row]).json() == [
        {"step": 1, "what": "x", "lanes": {"a": "I", "b": "P"}, "marks": ["b"], "notes": ["why"]}]


def test_the_forwarded_timer_reads_as_its_story() -> None:
    report = run("timer-forwarded")
    text = report.text()
    assert max(map(len, text.splitlines())) <= 100
    story = "; ".join(step.what for step in report.run.steps)
    for words in ("host takes 27, priority drop, no deactivate", "kvm inject 27", "guest reads ICV_IAR1_EL1 = 27",
                  "guest writes CNTV_CVAL_EL0", "guest writes ICV_EOIR1_EL1 = 27"):
        assert words in story
    for words in ("P  27 -> 27 HW", "A  27 -> 27 HW", "1 exit (1 IRQ)", "times: all hold"):
        assert words in text
    data = report.json()
    assert data["holds"] is True
    assert data["script"] == [step.action for step in report.run.steps]
