"""Charts: at most 100 columns, nothing lost, pasteable; a run as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.lab.lanes import Lane, State, VcpuState
from vgic.lab.loader import find_scenario
from vgic.lab.perform import perform
from vgic.silicon.states import InterruptState, LineState, LrState
from vgic.view.chart import Chart, ChartRow
from vgic.view.run import RunReport, cell, lane_name

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


def test_a_table() -> None:
    rows = [ChartRow(1, "timer fires", ("high", "-")), ChartRow(2, "host takes 27", ("high", "P"))]
    assert Chart(("line 27", "LR0"), rows).text() == (
        " step  what happens   line 27  LR0\n"
        "    1  timer fires    high     -\n"
        "    2  host takes 27  high     P")


def test_a_mark_and_a_note() -> None:
    text = Chart(("a",), [ChartRow(7, "x", ("I",), frozenset({0}), ("rule 9: what is wrong",))]).text()
    assert text.splitlines()[1:] == ["    7  x             I <--", "         rule 9: what is wrong"]


def test_lanes_that_never_change_make_room() -> None:
    names = [f"still{n}" for n in range(12)] + ["moves"]
    rows = [ChartRow(n, "a longer text of what happens here", (*["x" * 8] * 12, str(n))) for n in range(2)]
    text = Chart(names, rows).text()
    assert "moves" in text.splitlines()[0]
    assert "Unchanged throughout: still" in text
    assert max(map(len, text.splitlines())) <= 100


def test_lanes_that_all_change_go_on_below() -> None:
    names = [f"lane{n}" for n in range(20)]
    rows = [ChartRow(n, "what happens", tuple(f"value {n + i}" for i in range(20))) for n in range(3)]
    text = Chart(names, rows).text()
    assert max(map(len, text.splitlines())) <= 100
    assert all(name in text for name in names)
    assert text.count(" step") > 1


@given(st.integers(1, 14).flatmap(lambda n: st.lists(
    st.tuples(st.lists(WORDS, min_size=1, max_size=20), st.lists(WORDS, min_size=n, max_size=n)),
    min_size=1, max_size=6)))
def test_no_line_is_too_long_and_no_word_is_lost(rows: list[tuple[list[str], list[str]]]) -> None:
    names = [f"l{n}" for n in range(len(rows[0][1]))]
    lanes = Chart(names, [ChartRow(i, " ".join(what), tuple(cells)) for i, (what, cells) in enumerate(rows)])
    text = lanes.text()
    assert max(map(len, text.splitlines())) <= 100
    joined = "".join(text.split())
    assert all(name in text for name in names)
    for what, _ in rows:
        assert all(word in joined for word in what)


def test_names_are_not_broken_at_their_hyphens() -> None:
    rows = [ChartRow(1, "0 0 0000000 00000000000 host-disk-two", ("x",)), ChartRow(2, "0", ("y" * 60,))]
    assert "host-disk-two" in Chart(("a",), rows).text()


def test_no_rows() -> None:
    assert Chart(("a",), []).text() == " step  what happens  a"


def test_json_has_everything() -> None:
    row = ChartRow(1, "x", ("I", "P"), frozenset({1}), ("why",))
    assert Chart(("a", "b"), [row]).json() == [
        {"step": 1, "what": "x", "lanes": {"a": "I", "b": "P"}, "marks": ["b"], "notes": ["why"]}]


def test_the_forwarded_timer_reads_as_its_story() -> None:
    report = RunReport(perform(find_scenario("timer-forwarded")))
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


@pytest.mark.parametrize(("lane", "pes", "name"), [
    (Lane("line", number=27, pe=0), 1, "line 27"), (Lane("line", number=27, pe=1), 2, "line 27@pe1"),
    (Lane("line", "nic"), 2, "line nic"), (Lane("interrupt", number=27, pe=0), 1, "PPI 27@pe0"),
    (Lane("interrupt", number=40), 1, "SPI 40"), (Lane("list register", number=3, pe=1), 2, "LR3@pe1"),
    (Lane("vcpu", "one.vcpu0"), 1, "one.vcpu0")])
def test_lanes_have_names(lane: Lane, pes: int, name: str) -> None:
    assert lane_name(lane, pes) == name


@pytest.mark.parametrize(("shown", "words"), [
    (LineState(True), "high"), (LineState(False), "low"), (InterruptState(3, True), "PA"),
    (InterruptState(1, False), "P masked"), (None, "-"), (LrState(0, 0, 0), "-"), (LrState(0, 0, 27), "I"),
    (LrState(0, 1, 27, 27), "P  27 -> 27 HW"), (LrState(0, 3, 40, eoi=True), "PA 40 EOI"),
    (LrState(0, 2, 1, source=3), "A  1 from 3"), (VcpuState("running"), "running"),
    (VcpuState("exit IRQ", (40, 27)), "exit IRQ, in 40/27")])
def test_what_lanes_show_in_words(shown: State, words: str) -> None:
    assert cell(shown) == words


def test_list_registers_that_were_never_written_are_left_out() -> None:
    report = RunReport(perform(find_scenario("timer-forwarded")))
    names = report.chart().names
    assert "LR0@pe0" in names
    assert "LR1@pe0" not in names
    assert Lane("list register", number=1, pe=0) in report.run.lanes
