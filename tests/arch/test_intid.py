"""INTIDs: their kinds at the edges of their ranges (IHI 0069, INTIDs)."""

from __future__ import annotations

import pytest

from vgic.arch.intid import describe, kind


@pytest.mark.parametrize(
    ("intid", "what"),
    [
        (0, "SGI"),
        (15, "SGI"),
        (16, "PPI"),
        (31, "PPI"),
        (32, "SPI"),
        (1019, "SPI"),
        (1020, "special"),
        (1023, "special"),
        (1024, "reserved"),
        (1055, "reserved"),
        (1056, "extended PPI"),
        (1119, "extended PPI"),
        (1120, "reserved"),
        (4095, "reserved"),
        (4096, "extended SPI"),
        (5119, "extended SPI"),
        (5120, "reserved"),
        (8191, "reserved"),
        (8192, "LPI"),
        (0xFFFFFF, "LPI"),
        (0x1000000, "reserved"),
    ],
)
def test_kinds(intid: int, what: str) -> None:
    assert kind(intid) == what


@pytest.mark.parametrize(
    ("intid", "words"),
    [
        (25, "PPI 25, GIC maintenance interrupt"),
        (26, "PPI 26, EL2 physical timer"),
        (27, "PPI 27, virtual timer"),
        (28, "PPI 28, EL2 virtual timer"),
        (29, "PPI 29, Secure physical timer"),
        (30, "PPI 30, physical timer"),
        (33, "SPI 33"),
        (1023, "special INTID 1023: names no interrupt"),
        (8192, "LPI 8192"),
    ],
)
def test_words(intid: int, words: str) -> None:
    assert describe(intid) == words
