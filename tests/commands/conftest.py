"""What tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.commands.runner import Runner


@pytest.fixture
def vgic(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs commands in this process, with an empty directory and a cache of its own."""
    return Runner(capsys, tmp_path, monkeypatch)
