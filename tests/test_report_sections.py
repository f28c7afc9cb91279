"""A section of another package stands on the page of a run; a broken one costs itself only."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbench.report import write_report
from tests.test_report_machine import QUIET, made

MODULE = """
from distilbench.report import RunData, Section, Shown, Table

def longest(data: RunData) -> Section:
    columns = (Shown("model", "entry"), Shown("most tokens", "output_tokens", "{:,}"))
    found = data.samples.group_by("entry").max().sort("entry")
    return Section("Longest answers", (Table.of("Most output tokens", found, columns),))

def nothing(data: RunData) -> Section:
    return Section("Never seen")

def broken(data: RunData) -> Section:
    raise ZeroDivisionError("by <b>zero</b>")

def no_section(data: RunData) -> str:
    return "text"
"""
ENTRIES = """[distilbench.sections]
longest = adds_sections:longest
nothing = adds_sections:nothing
broken = adds_sections:broken
text = adds_sections:no_section
"""


def test_an_installed_package_adds_a_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "adds_sections-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "adds_sections.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: adds-sections\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    run = made(tmp_path, {"small": QUIET, "large": QUIET})
    page = write_report(run)
    text = (page.parent / "report.md").read_text()
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    end = titles.index("How each figure is known")
    assert titles[end - 3 : end] == ["broken", "Longest answers", "text"]
    assert "Never seen" not in text
    assert "| small |" in text.split("Most output tokens")[1].split("##")[0]
    failed = "not available: the section of adds-sections failed: ZeroDivisionError: by"
    assert failed in text
    assert "returned str, not a Section" in text
    html = page.read_text()
    assert "by &lt;b&gt;zero&lt;/b&gt;" in html
    assert "by <b>zero</b>" not in html
