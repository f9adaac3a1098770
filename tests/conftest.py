"""What all tests share: hypothesis profiles, and no silent skip of the comparison with QEMU where it is required.

Profiles (`VGIC_PROFILE=ci ./test`): `dev` draws new examples on every run; `ci` draws the same ones every time. Both
print what repeats a failure. None has a deadline: speed is measured in bench/, not asserted here.

`VGIC_REQUIRE_ORACLE=1` turns the skip of a test marked `oracle`, or of a whole module under tests/oracle, into a
failure.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile(os.environ.get("VGIC_PROFILE", "dev"))

ORACLE_REQUIRED = os.environ.get("VGIC_REQUIRE_ORACLE") == "1"
ORACLE_TESTS = Path(__file__).parent / "oracle"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without QEMU the tests marked `oracle` skip; a failure where QEMU is required."""
    from vgic.oracle.errors import OracleAbsent
    from vgic.oracle.machine import binary

    try:
        binary()
    except OracleAbsent as e:
        for item in items:
            if item.get_closest_marker("oracle"):
                item.add_marker(pytest.mark.skip(reason=str(e)))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip into a failure that says why."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"VGIC_REQUIRE_ORACLE=1 forbids this skip: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if ORACLE_REQUIRED and item.get_closest_marker("oracle"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if ORACLE_REQUIRED and collector.path.is_relative_to(ORACLE_TESTS):
        _refuse_skip(report)
    return report
