"""Numbers as people and dumps write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.view.explain import Value, explain
from vgic.view.numbers import hexadecimal_widths, read, written

DUMP = """
  GICC_CTLR: 00000001 GICC_PMR:    00000080 GICC_BPR: 00000002
  GICC_RPR:  00000080 GICC_HPPIR:  00000030
  GICD_ISENABLER0:  00000100 GICD_ITARGETSR0: 01010101
"""


@pytest.mark.parametrize(("text", "value", "how"), [
    ("0x1f", 0x1F, ""), ("0X70c0_001b", 0x70C0001B, ""), ("0b11", 3, ""), ("31", 31, "decimal"), ("7", 7, ""),
    ("00000001", 1, ""), ("01010101", 0x01010101, "hexadecimal"), ("10000000", 0x10000000, "hexadecimal"),
    ("0000000000000030", 0x30, "hexadecimal"), ("5010000000000021", 0x5010000000000021, "hexadecimal"),
    ("030", 0x30, "hexadecimal"), ("70c0001b0000001b", 0x70C0001B0000001B, ""), ("12ab", 0x12AB, ""), ("ff", 0xFF, ""),
    ("1_000", 1000, "decimal"), ("0101_0101", 0x01010101, "hexadecimal"), ("0b2f0011", 0x0B2F0011, ""),
    ("0b101010", 0b101010, "binary"), ("123456789", 123456789, "decimal"),
])
def test_a_number(text: str, value: int, how: str) -> None:
    got = read(text)
    assert got.value == value
    assert (f"is read as {how}" in got.how) if how else not got.how


@pytest.mark.parametrize("text", ["zz", "-1", "", "0x", "1__0", "_1", "1_", "0xg", "٣", "1.5"])
def test_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read(text)


@given(st.integers(0, (1 << 64) - 1), st.sampled_from(["08x", "016x"]))
def test_what_a_dump_prints_is_read_as_it_was_meant(value: int, form: str) -> None:
    text = format(value, form)
    if len(text) in (8, 16) and not text.startswith("0b"):
        assert read(text).value == value
    assert read(text, {len(text)}).value == value or len(text) not in (8, 16)


def test_widths_that_are_hexadecimal_beyond_doubt() -> None:
    assert hexadecimal_widths(["00ab", "1234", "12", "0x123456", "0b111", "7"]) == {4}
    assert hexadecimal_widths(["030", "zz", "12"]) == {3}
    assert read("1234", {4}).value == 0x1234
    assert "hexadecimal" in read("1234", {4}).how
    assert read("12", {4}).value == 12


def test_words_that_are_numbers_by_their_looks() -> None:
    assert all(map(written, ("0", "12ab", "ffffffff", "abcdef0123456789")))
    assert not any(map(written, ("ff", "GICD_CTLR", "PC", "decade")))


def values(text: str) -> dict[str, int]:
    return {part.place.name: part.value for part in explain([text]).parts if isinstance(part, Value)}


def test_a_dump_of_eight_digits() -> None:
    assert values(DUMP) == {
        "GICC_CTLR": 1, "GICC_PMR": 0x80, "GICC_BPR": 2, "GICC_RPR": 0x80, "GICC_HPPIR": 48, "GICD_ISENABLER0": 0x100,
        "GICD_ITARGETSR0": 0x01010101}
    text = explain([DUMP]).text()
    assert "01010101 is read as hexadecimal; as decimal it is 0xf69b5" in text
    assert "00000001 is" not in text, "it is 1 either way"


def test_a_letter_decides_for_values_of_its_width_alone() -> None:
    dump = "GICC_PMR: f0\nGICC_RPR: 80\nGICC_HPPIR: 123\nICH_LR0_EL2 abcdef0123456789\n"
    assert values(dump) == {"GICC_PMR": 0xF0, "GICC_RPR": 0x80, "GICC_HPPIR": 123, "ICH_LR0_EL2": 0xABCDEF0123456789}
    assert values("GICC_RPR=80 GICC_PMR=f0") == {"GICC_RPR": 80, "GICC_PMR": 0xF0}, "no dump: each says its own"


def test_how_it_was_read_is_data_too() -> None:
    (part,) = explain(["GICC_PMR=080"]).parts
    assert part.json()["read"] == "080 is read as hexadecimal; as decimal it is 0x50"
