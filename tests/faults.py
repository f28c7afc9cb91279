"""All commands x all faults, and the closing figure: python -m tests.faults [options of pytest]."""

from __future__ import annotations

import sys

import pytest

FILES = (
    "test_boundary.py",
    "test_real_faults.py",
    "test_damaged_runs.py",
    "test_small_disk.py",
    "test_place.py",
    "test_runs.py",
)


class _Count:
    """Counts the cases, and those in which a traceback reached the user."""

    cases = failed = tracebacks = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.cases += report.when == "call" and not report.skipped
        self.failed += report.failed
        self.tracebacks += report.failed and "Traceback" in report.longreprtext


if __name__ == "__main__":
    count = _Count()
    files = [f"tests/{name}" for name in FILES]
    code = pytest.main([*files, *sys.argv[1:]], plugins=[count])
    print(
        f"commands x faults: {count.cases} cases, tracebacks: {count.tracebacks},"
        f" failed otherwise: {count.failed - count.tracebacks}"
    )
    sys.exit(code)
