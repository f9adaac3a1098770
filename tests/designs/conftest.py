"""The hosts that a test of rules common to both runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.designs.rig import Rig

Build = Callable[..., Rig]


@pytest.fixture(params=[False, True], ids=["GICv2", "GICv3"])
def build(request: pytest.FixtureRequest) -> Build:
    """Makes a rig with the chip."""
    def make(**arguments: Any) -> Rig:
        return Rig(request.param, **arguments)
    return make
