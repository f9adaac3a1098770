"""Episodes as text and back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.oracle import episode as episode_module
from vgic.oracle.episode import Episode, EpisodeError, Operation, Reference, parse
from vgic.oracle.generate import KINDS
from vgic.oracle.machine import MachineOptions
from vgic.oracle.mailbox import Level

TEXT = """\
machine gicv3 pes=2 security=off
seed 42
1: pe0 el2 write GICD_CTLR 0x12
2: pe0 el2 write.b GICD_IPRIORITYR8 0x80
3: line 33 high
4: line 27@1 low
5: pe1 el1 read ICV_IAR1_EL1
6: pe1 el1 write ICV_EOIR1_EL1 result 5
"""


def test_text_and_back() -> None:
    episode = parse(TEXT)
    assert episode.text() == TEXT
    assert episode.options == MachineOptions(3, 2)
    assert episode.seed == 42
    assert episode.operations[1] == Operation("write", "GICD_IPRIORITYR8", 0, Level(2), 1, 0x80)
    assert episode.operations[3] == Operation("line", pe=1, intid=27)
    assert episode.operations[5].value == Reference(4)


def test_people_may_leave_out_numbers_and_add_comments_and_spaces() -> None:
    episode = parse(
        "# why\nmachine  gicv2 pes=1 security=on # two states\n\nfiq-to-el3 off\n"
        "  pe0 s-el1 read GICC_IAR   # nothing\n 70: pe0 el3 read GICC_IAR\npe0 el1 write GICC_EOIR result 70\n"
    )
    assert [op.level for op in episode.operations] == [Level(1, True), Level(3), Level(1)]
    assert episode.operations[2].value == Reference(1)
    assert not episode.fiq_to_el3
    assert parse(episode.text()) == episode


def test_a_comment_stands_in_front() -> None:
    episode = parse(TEXT)
    told = Episode(episode.options, episode.operations, comment="two\nlines").text()
    assert told.startswith("# two\n# lines\nmachine gicv3")
    assert parse(told).operations == episode.operations


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 2), st.integers(0, 1 << 32))
def test_what_generators_make_reads_back(kind: str, pes: int, seed: int) -> None:
    generator = KINDS[kind](seed, MachineOptions(KINDS[kind].GIC, pes, KINDS[kind].SECURITY))
    operations = generator.preamble() + [generator.next() for _ in range(60)]
    episode = Episode(generator.options, tuple(operations), seed, generator.fiq_to_el3)
    assert parse(episode.text()) == episode


def test_keeping_moves_references_and_drops_what_lost_its_operand() -> None:
    episode = parse(TEXT)
    kept = episode.keeping([0, 4, 5])
    assert kept.text().splitlines()[2:] == [
        "1: pe0 el2 write GICD_CTLR 0x12",
        "2: pe1 el1 read ICV_IAR1_EL1",
        "3: pe1 el1 write ICV_EOIR1_EL1 result 2",
    ]
    assert len(episode.keeping([0, 1, 2, 3, 5]).operations) == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pe0 el2 frobnicate GICD_CTLR", "can't read 'pe0 el2 frobnicate GICD_CTLR': expected 'peN elM read"),
        ("pe2 el2 read GICD_CTLR", "there is no PE 2: the machine has 2"),
        ("pe0 el3 read GICD_CTLR", "el3: this machine has el1 to el2"),
        ("pe0 s-el1 read GICD_CTLR", "s-el1: this machine has el1 to el2"),
        ("pe0 el2 read GICD_CTRL", "no register GICD_CTRL; nearest: GICD_CTLR"),
        ("pe0 el2 read GICR_CTLR@2", "there is no PE 2"),
        ("pe0 el2 read GICD_CTLR 3", "expected 'read GICD_CTLR'"),
        ("pe0 el2 write GICD_CTLR", "expected 'write GICD_CTLR VALUE'"),
        ("pe0 el2 write GICD_CTLR x", "'x' is not a number"),
        ("pe0 el2 write.b GICD_IPRIORITYR8 0x100", "0x100 does not fit 1 bytes"),
        ("pe0 el2 read.w ICC_PMR_EL1", "ICC_PMR_EL1 is a system register: it is read and written whole"),
        ("pe0 el2 write GICD_CTLR result 9", "no operation 9 stands above"),
        ("pe0 el2 write GICD_CTLR result 1", "operation 1 reads nothing"),
        ("1: pe0 el2 read GICD_CTLR", "number 1 stands twice"),
        ("line 15 high", "INTID 15 has no line"),
        ("line 33@1 high", "INTID 33 is an SPI"),
        ("line 30@2 high", "there is no PE 2"),
        ("machine gicv3 pes=1 security=off", "expected one line 'machine"),
        ("seed many", "'many' is not a number"),
    ],
)
def test_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(EpisodeError) as e:
        parse(f"machine gicv3 pes=2 security=off\n1: pe0 el2 write GICD_CTLR 1\n{line}\n", "x.txt")
    assert str(e.value).startswith("x.txt:3: ")
    assert said in str(e.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no machine: begin with"),
        ("pe0 el2 read GICD_CTLR", "an operation before the machine"),
        ("machine gicv5 pes=1 security=off", "expected one line 'machine"),
    ],
)
def test_refused_as_a_whole(text: str, said: str) -> None:
    with pytest.raises(EpisodeError, match=said):
        parse(text)


def test_an_endless_episode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_module, "_MOST_OPERATIONS", 3)
    with pytest.raises(EpisodeError, match="episode:5: more than 3 operations: split the episode"):
        parse("machine gicv3 pes=1 security=off\n" + "pe0 el2 read GICD_CTLR\n" * 4)


@given(st.text(alphabet=st.sampled_from("pe012 el: readwith.GICDR_@+0x#\n"), max_size=200))
def test_whatever_text_is_read_or_refused(text: str) -> None:
    script = "machine gicv3 pes=1 security=off\n" + text
    try:
        episode = parse(script)
    except EpisodeError as e:
        said = str(e)
    else:
        said = f"episode: {episode.options}"
    assert said.startswith("episode:")
