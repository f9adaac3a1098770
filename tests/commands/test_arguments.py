"""What people write: numbers, ranges, words; what is refused, and how that is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vgic.commands.arguments import Refused, gigabytes, names, number, one_of, span


def test_numbers() -> None:
    assert [number(text, "--n") for text in ("0", "31", "0x1f", "0b11")] == [0, 31, 31, 3]
    assert number(None, "--n") is None
    assert [number("2", "--n", 2, 4), number("4", "--n", 2, 4)] == [2, 4]


@pytest.mark.parametrize("text", ["", "x", "-1", "1", "5", "2.0", "2 3", "9" * 30])
def test_what_is_no_number_within_bounds(text: str) -> None:
    with pytest.raises(Refused) as said:
        number(text, "--n", 2, 4)
    assert str(said.value) == f"--n {text}: expected a whole number, 2 to 4"


def test_a_number_without_an_upper_bound() -> None:
    assert number("9" * 30, "--n", 1) == int("9" * 30)
    with pytest.raises(Refused, match=r"^--n 0: expected a whole number from 1 on$"):
        number("0", "--n", 1)


def test_gigabytes() -> None:
    assert (gigabytes("2", "--m", 4), gigabytes("0.5", "--m", 4), gigabytes(None, "--m", 4)) == (2**31, 2**29, None)
    for text in ("0", "-1", "4.1", "x", "nan", "inf", ""):
        with pytest.raises(Refused, match=r"expected a number, more than 0, up to 4$"):
            gigabytes(text, "--m", 4)


def test_spans() -> None:
    assert [span(text, "--s", 1, 16) for text in ("3", "2..5", "16..16", None)] == [(3, 3), (2, 5), (16, 16), None]
    for text in ("0", "17", "5..2", "1..17", "..4", "1..", "1..2..3", "", "a..b"):
        with pytest.raises(Refused) as said:
            span(text, "--s", 1, 16)
        assert str(said.value) == f"--s {text}: expected N, or A..B with A at most B, 1 to 16"


@pytest.mark.parametrize(("call", "says"), [
    (lambda: one_of("c", "--w", ("a", "b")), "--w c: expected one of a, b"),
    (lambda: names("a,,b", "--w", 3), "--w: expected names separated by commas"),
    (lambda: names("a,b", "--w", 1), "--w: 2 names: expected at most 1"),
])
def test_words_that_are_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        call()


def test_words() -> None:
    assert one_of("b", "--w", ("a", "b")) == "b"
    assert names(" a, b.py:C", "--w", 2) == ["a", "b.py:C"]
