"""In CI nothing that a test needs is missing, so a skipped test is a failed one. Elsewhere a skip is a skip, with its reason.

The routing benchmark is the exception: it is no part of the repository, and a test without it says "benchmark" in its reason.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return strict((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return strict((yield))


def strict(report: Report) -> Report:
    if not os.environ.get("CI") or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if "benchmark" not in reason:
        report.outcome = "failed"
        report.longrepr = f"{reason}\nWhat a test needs is there in CI: `.ci/run` installs it."
    return report
