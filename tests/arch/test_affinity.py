"""Affinities as people write them, and as registers name PEs by them."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.arch import affinity

AFFINITIES = st.integers(0, (1 << 32) - 1)


@given(AFFINITIES)
def test_all_forms_say_the_same(at: int) -> None:
    assert affinity.parse(affinity.text(at)) == at
    assert affinity.of_route(affinity.to_route(at)) == at
    assert affinity.of_sgi(affinity.to_sgi(at)) == (at,)


def test_registers_have_the_levels_where_the_architecture_has_them() -> None:
    at = affinity.parse("1.2.3.37")
    assert at == 0x0102_0325
    assert affinity.to_route(at) == 0x1_0002_0325
    assert affinity.to_sgi(at) == 1 << 48 | 2 << 44 | 2 << 32 | 3 << 16 | 1 << 5


def test_a_target_list_names_several() -> None:
    assert affinity.of_sgi(1 << 44 | 7 << 16 | 0x8003) == (0x710, 0x711, 0x71F)
    assert affinity.of_sgi(1 << 44 | 0x8003, range_selector=False) == (0, 1, 15)
    assert affinity.of_sgi(0) == ()


@pytest.mark.parametrize("text", ["0.0.0", "0.0.0.256", "0.0.0.-1", "0.0.0.0x1", "a.b.c.d", "", "0.0.0.0.0", "0.0.0.²"])
def test_what_is_no_affinity(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected an affinity, A\.B\.C\.D, each 0 to 255"):
        affinity.parse(text)
