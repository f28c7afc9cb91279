"""Sections on repeated answers, templates and contamination, read off a page made from records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distilbench.records import CellRecord, SampleRecord, frame
from distilbench.report import read_run, write_report


def make_run(folder: Path, rows: list[dict[str, Any]], cells: list[dict[str, Any]]) -> Path:
    run = folder / "run"
    run.mkdir()
    common = {"run": "run", "profile": "p", "seed": 0, "outcome": "stop", "target": "1"}
    made = [{**common, **row, "cell": f"{row['model']}--{row['task']}"} for row in rows]
    frame(made, SampleRecord).write_parquet(run / "samples.parquet")
    named = [
        {"run": "run", "profile": "p", "seed": 0, "wall_s": 1.0, "slots": 1, **cell,
         "cell": f"{cell['model']}--{cell['task']}"}
        for cell in cells
    ]  # fmt: skip
    frame(named, CellRecord).write_parquet(run / "cells.parquet")
    facts = {
        "plan": [],
        "name": "made", "created": "2026-11-24", "hardware": {}, "seeds": [0], "python": "3",
        "cells": [cell["cell"] for cell in named], "versions": {},
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(facts))
    (run / "suite.yaml").write_text("name: made\n")
    return run


def answers(model: str, task: str, given: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    """One character an answer, one answer an epoch; 1 is right."""
    return [
        {
            "model": model, "task": task, "sample_id": question, "cluster": question,
            "epoch": epoch, "answer": answer, "vote": answer, "score": float(answer == "1"), **more,
        }
        for question, text in given.items()
        for epoch, answer in enumerate(text, 1)
    ]  # fmt: skip


def page(run: Path) -> str:
    write_report(run)
    return (run / "report" / "report.md").read_text()


def line(markdown: str, start: str) -> str:
    return next(text for text in markdown.splitlines() if text.startswith(start))


def test_repeats_show_pass_and_cons_and_greedy_ones_warn(tmp_path: Path) -> None:
    rows = answers("m", "t", {"q1": "1123", "q2": "2221"}, thinking_truncated=True)
    cells = [{"model": "m", "task": "t", "epochs": 4, "temperature": 0.0}]
    markdown = page(make_run(tmp_path, rows, cells))
    assert line(markdown, "| m | pass@1 |").startswith("| m | pass@1 | *37.5%* |")
    assert line(markdown, "| m | pass@4 |").startswith("| m | pass@4 | *100.0%* |")
    assert line(markdown, "| m | cons@4 |").startswith("| m | cons@4 | *50.0%* |")
    assert "several times at temperature 0 (m)" in markdown.splitlines()[4]
    assert line(markdown, "| m | 8 |").strip().endswith("| 8 |")  # thoughts cut off


def test_sampled_or_single_answers_give_no_warning(tmp_path: Path) -> None:
    rows = answers("m", "t", {"q1": "1", "q2": "2"})
    markdown = page(make_run(tmp_path, rows, [{"model": "m", "task": "t", "epochs": 1}]))
    assert "Repeated answers" not in markdown
    assert "temperature 0" not in markdown
    assert "Prompt templates" not in markdown
    assert "## Contamination" not in markdown


def test_templates_are_one_task_of_the_mean_and_have_a_spread(tmp_path: Path) -> None:
    rows = answers("m", "sums-plain", {"q1": "1", "q2": "1"})
    rows += answers("m", "sums-boxed", {"q1": "1", "q2": "2"})
    rows += answers("m", "other", {"o1": "2", "o2": "2"})
    cells = [
        {"model": "m", "task": f"sums-{name}", "variant_of": "sums", "template": name}
        for name in ("plain", "boxed")
    ]
    run = make_run(tmp_path, rows, [*cells, {"model": "m", "task": "other"}])
    overall = read_run(run).overall.row(0, named=True)
    assert overall["n_tasks"] == 2
    assert overall["accuracy"] == (0.75 + 0) / 2
    markdown = page(run)
    assert line(markdown, "| m | sums | 50.0% to").startswith(
        "| m | sums | 50.0% to 100.0% | *50.0* | *35.4* |"
    )
    assert "| sums-plain | m | 100.0% |" in markdown
    assert "| m | sums | boxed | 50.0% |" in markdown


def test_public_beside_generated_tasks_show_the_gap_of_each_model(tmp_path: Path) -> None:
    def task(model: str, kind: str, right: int) -> list[dict[str, Any]]:
        given = {f"{kind}{n}": "1" if n < right else "2" for n in range(20)}
        return answers(model, kind, given)

    rows = [
        *task("leaky", "public", 18), *task("leaky", "generated", 8),
        *task("clean", "public", 10), *task("clean", "generated", 8), *task("clean", "own", 1),
    ]  # fmt: skip
    cells = [
        {"model": model, "task": kind, "contamination": kind}
        for model in ("leaky", "clean")
        for kind in ("public", "generated")
    ]
    markdown = page(make_run(tmp_path, rows, [*cells, {"model": "clean", "task": "own"}]))
    section = markdown.split("## Contamination")[1].split("\n## ")[0]
    leaky = line(section, "| leaky |")
    assert "| *+50.0* | *+40.0* | +" in leaky
    assert "| *+10.0* | *-40.0* | -" in line(section, "| clean |")
    assert "('contamination'): own." in section
