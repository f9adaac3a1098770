"""The table of flipped rules fits the source that it flips."""

from __future__ import annotations

from pathlib import Path

from tools.flip import FLIPS, SILICON, Flip, run, stale

ROOT = Path(__file__).parent.parent.parent


def test_every_entry_fits_the_source() -> None:
    """Where a rule's text changed, change its entry in tools/flip.py too."""
    assert stale(ROOT) == []


def test_every_entry_changes_something_and_stands_once() -> None:
    assert all(flip.old != flip.new for flip in FLIPS)
    assert len({flip.rule for flip in FLIPS}) == len(FLIPS)


def test_a_flip_is_noticed_survives_or_not_and_is_undone(tmp_path: Path) -> None:
    """In a tree of one file and one test."""
    source, tests = tmp_path / SILICON, tmp_path / "tests" / "silicon"
    source.mkdir(parents=True)
    tests.mkdir(parents=True)
    rule = source / "rule.py"
    rule.write_text("A, B = 1, 2\n", encoding="utf-8")
    (tests / "test_rule.py").write_text(
        f"from pathlib import Path\n\ndef test_a():\n    assert 'A, B = 1' in Path({str(rule)!r}).read_text()\n",
        encoding="utf-8")
    assert run(tmp_path, Flip("a", "rule.py", "= 1", "= 3")) == "tests/silicon/test_rule.py::test_a"
    assert run(tmp_path, Flip("b", "rule.py", ", 2", ", 3")) is None
    assert rule.read_text(encoding="utf-8") == "A, B = 1, 2\n"
