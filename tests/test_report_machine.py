"""What a report says of the machine that measured: marks in tables, figures and Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.report import read_run, write_report
from distilbench.report.run._results import pareto_figures
from tests.test_report import make_run, sample

QUIET = {
    "load_average": 2.0, "other_cpu_share": 0.01, "steal_share": 0.0, "busy": False,
    "suspended_s": 0.0, "spin_count": 1000, "temperature": 0.0,
}  # fmt: skip
BUSY = {**QUIET, "load_average": 9.5, "other_cpu_share": 0.655, "busy": True}


def rows(**more: Any) -> list[dict[str, Any]]:
    """Answers of two models; the first one has ``more`` facts."""
    first = ("small", "sums", 0)
    return [
        sample(model, task, n, n % 3 == 0, **(more if (model, task, n) == first else {}))
        for model in ("small", "large")
        for task in ("sums", "logic")
        for n in range(6)
    ]


def made(folder: Path, cells: dict[str, dict[str, Any]], **first: Any) -> Path:
    """A run whose cells have other facts, by model and task, or the model's alone."""
    run = make_run(folder, rows(**first))
    records = [
        {**row, **cells.get(row["model"], {}), **cells.get(row["cell"], {})}
        for row in pl.read_parquet(run / "cells.parquet").to_dicts()
    ]
    table = pl.read_parquet(run / "cells.parquet")
    pl.DataFrame(records, schema=table.schema).write_parquet(run / "cells.parquet")
    return run


def markdown(run: Path) -> str:
    write_report(run)
    return (run / "report" / "report.md").read_text()


def latency_chart(run: Path) -> dict[str, Any]:
    section = pareto_figures(read_run(run))
    charts = {chart.name: chart.chart.to_dict() for chart in section.blocks}
    assert '"mark": "†"' not in json.dumps(charts["accuracy-flops"])
    return dict(charts["accuracy-latency"])


def test_one_busy_cell_marks_its_model_in_table_figure_and_markdown(tmp_path: Path) -> None:
    run = made(tmp_path, {"small": QUIET, "large": QUIET, "small--sums": BUSY})
    text = markdown(run)
    assert "† 1 of 4 cells were measured on a busy machine (small)" in text
    assert "| small | *76G* | 0.40† | 0.40† | 0.40† | 0.12† | 20† |" in text
    assert "| large | *150G* | 0.40 | 0.40 | 0.40 | 0.12 | 20 |" in text
    assert "| small | 9.5 | 33.2% | 0.0% | 1 of 2 cells | 0.0 | 1,000 |" in text
    assert "| small | sums | 0 | 9.5 | 65.5% | 0.0% | yes † | 0.0 |" in text
    # Per correct answer: 27 of 80, and Wilson's limits of them, over 5 tokens, 76G and 0.4 s.
    per_correct = next(line for line in text.splitlines() if "1.20†" in line)
    assert per_correct.startswith("| small | 33.3% | *15.0 (")
    assert per_correct.rstrip().endswith("| not available | not available |")
    assert "busy machine" in (run / "report" / "index.html").read_text()
    chart = json.dumps(latency_chart(run), ensure_ascii=False)
    assert chart.count('"mark": "†"') >= 1
    assert '"type": "text"' in chart
    drawn = (run / "report" / "accuracy-latency.svg").read_text()
    assert drawn.count("†") >= 1
    assert "†" not in (run / "report" / "accuracy-flops.svg").read_text()


def test_a_stopped_question_is_left_out_of_seconds_and_said(tmp_path: Path) -> None:
    cells = {"small": QUIET, "large": QUIET, "small--sums": {**QUIET, "suspended_s": 3.25}}
    none = dict.fromkeys(("prefill_s", "ttft_s", "decode_s", "total_s"))
    text = markdown(made(tmp_path, cells, suspended=True, outcome="timeout", **none))
    assert "‡ 1 questions were stopped while they were answered" in text
    assert "1 of them met their time limit because of it" in text
    assert "| small | *76G* | 0.40‡ |" in text
    assert "| small | sums | 0 | 2.0 | 1.0% | 0.0% | no | 3.2 ‡ |" in text


def test_a_quiet_run_bears_no_mark_and_an_unknown_load_is_said_to_be(tmp_path: Path) -> None:
    unknown = {**dict.fromkeys(QUIET), "temperature": 0.0}
    text = markdown(made(tmp_path, {"small": QUIET, "large": unknown}))
    assert "†" not in text
    assert "‡" not in text
    assert "| large | not available | not available | not available | not available |" in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"slots": 4, "quantization": "Q4_K_M"}, True),
        ({"slots": 1, "quantization": "Q4_K_M"}, False),
        ({"slots": 4, "quantization": "F16"}, False),
        ({"slots": 4, "quantization": "Q8_0", "temperature": 0.7}, False),
        ({"slots": 4, "quantization": "Q8_0", "engine": "inspect:openai"}, False),
    ],
)
def test_greedy_answers_that_depend_on_the_batch_are_said(
    tmp_path: Path, facts: dict[str, Any], said: bool
) -> None:
    text = markdown(made(tmp_path, {"small": QUIET | facts, "large": QUIET | {"slots": 1}}))
    assert ("Temperature 0 does not fix every answer of small:" in text) is said
    assert ("'slots: 1'" in text) is said


def test_recommend_marks_a_latency_of_a_busy_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path, {"small": BUSY, "large": QUIET})
    assert run_command(app, ["recommend", str(run)]) == 0
    out = capsys.readouterr().out
    lines = out.split("Meet every limit, best first:")[1].splitlines()
    marked = {line.split()[0]: "†" in line for line in lines[2:4]}
    assert marked == {"small": True, "large": False}
    assert "† 2 of 4 cells were measured on a busy machine" in out
    assert run_command(app, ["recommend", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {c["entry"]: c["busy"] for c in found["candidates"]} == {"small": True, "large": False}
    assert "busy machine" in found["warnings"][0]
