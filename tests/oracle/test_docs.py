"""The page of the oracle names every departure of QEMU's."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgic.oracle.deviations import DEVIATIONS
from vgic.oracle.generate import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "oracle.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [d.id for d in DEVIATIONS] + sorted(KINDS))
def test_the_page_names_it(name: str) -> None:
    assert f"`{name}`" in PAGE
