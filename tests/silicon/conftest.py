"""The chips that a test of rules common to both runs on."""

from __future__ import annotations

import pytest
from tests.silicon.board import V2, V3, Board, virtual


@pytest.fixture(params=[V2, V3], ids=["GICv2", "GICv3"])
def board(request: pytest.FixtureRequest) -> Board:
    """Two PEs, no Security, everything enabled."""
    return request.param()  # type: ignore[no-any-return]  # pytest doesn't know its own parameters' type


@pytest.fixture
def vboard(board: Board) -> Board:
    """The same with the virtual interface on."""
    return virtual(board)


@pytest.fixture(params=[V2, V3], ids=["GICv2", "GICv3"])
def build(request: pytest.FixtureRequest) -> type[Board]:
    """The class of board, for tests that choose options."""
    return request.param  # type: ignore[no-any-return]  # as above
