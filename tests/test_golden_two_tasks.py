"""A second run worked by hand: two tasks of 8 and 4 questions, whose means count alike.

Right of x and y: m under p 4 and 3 (62.5%), under q 6 and 1 (50%), imported 6 and 4 (87.5%); big
is out of memory everywhere.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from distilbench.interchange import export_run
from distilbench.report import write_report
from distilbench.runner import collect, load_cells, opened_run
from tests.test_golden_run import MIB, add_cell, ask, died, lines, own, table

ASKED = {"x": 8, "y": 4}
RIGHT = {("m", "p"): (4, 3), ("m", "q"): (6, 1), ("imported", "lm-eval"): (6, 4)}
COST = {"p": (3e9, 2.0, 200), "q": (1e9, 1.0, 400)}  # FLOPs, seconds, MiB


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("golden") / "run"
    with opened_run(run):
        for (model, profile), right in RIGHT.items():
            for (task, asked), good in zip(ASKED.items(), right, strict=True):
                if model == "imported":
                    told = [{"score": float(n < good)} for n in range(asked)]
                    add_cell(run, model, profile, told, task=task, origin="lm-eval 0.4.9")
                    continue
                flops, seconds, peak = COST[profile]
                samples = own(good, flops, [seconds] * 10)[:asked]
                add_cell(run, model, profile, samples, task=task, peak_memory_bytes=peak * MIB,
                         memory_limit_bytes=500 * MIB)  # fmt: skip
        for profile in COST:
            for task, asked in ASKED.items():
                add_cell(run, "big", profile, died(count=asked), task=task,
                         memory_limit_bytes=500 * MIB)  # fmt: skip
        collect(run, load_cells(run))
    write_report(run)
    return run


def test_headline_and_frontiers(run: Path) -> None:
    lede = lines(run)[4]
    assert lede.startswith(
        "Each model in the best of its configurations: imported answers 87.5% of the questions"
    )
    assert "m · p 62.5%" in lede
    assert "+25.0 percentage points" in lede
    for profile in COST:
        assert f"big · {profile} answered nothing (out of memory at 500 MiB)" in lede
    rows = table(run, "Quality, best first")
    assert {entry: (row[0], row[3]) for entry, row in rows.items() if "big" not in entry} == {
        "imported": ("87.5%", "not available"),
        "m · p": ("62.5%", "FLOPs, seconds, memory"),
        "m · q": ("50.0%", "FLOPs, seconds"),  # p is better in less memory
    }
    assert table(run, "Running cost")["m · q"][:4] == ["1G", "1.00", "1.00", "1.00"]


def test_recommendation(run: Path) -> None:
    code, found, _ = ask(run)
    assert code == 0
    assert [c["entry"] for c in found["candidates"]] == ["imported", "m · p", "m · q"]
    assert {out["entry"] for out in found["fallen_out"]} == {"big · p", "big · q"}
    code, found, _ = ask(run, "--max-flops", "2e9")
    assert (code, [c["entry"] for c in found["candidates"]]) == (0, ["m · q"])
    code, found, _ = ask(run, "--memory", "100MiB")
    assert code == 1
    assert [(c["entry"], c["missing"]) for c in found["closest"]] == [("m · p", "100 MiB more")]


def test_exports(run: Path, tmp_path: Path) -> None:
    wanted = {
        f"{model}--{profile}" if model == "m" else model: {
            task: 100 * good / asked
            for (task, asked), good in zip(ASKED.items(), right, strict=True)
        }
        for (model, profile), right in RIGHT.items()
    }
    export_run(run, "model-index", tmp_path / "index")
    indexes = {
        file.stem: yaml.safe_load(file.read_text())["model-index"][0]["results"]
        for file in (tmp_path / "index").iterdir()
    }
    assert {
        name: {r["dataset"]["name"]: r["metrics"][0]["value"] for r in results}
        for name, results in indexes.items()
    } == wanted
    export_run(run, "lm-eval", tmp_path / "lm")
    read = {
        file.parent.name: json.loads(file.read_text())["results"]
        for file in (tmp_path / "lm").rglob("results_*.json")
    }
    assert {
        name: {task: 100 * row["exact_match,none"] for task, row in results.items()}
        for name, results in read.items()
    } == wanted
    files = export_run(run, "every-eval-ever", tmp_path / "ever")
    told = [json.loads(file.read_text()) for file in files if file.suffix == ".json"]
    scores = sorted(
        100 * one["score_details"]["score"] for file in told for one in file["evaluation_results"]
    )
    assert scores == sorted(score for tasks in wanted.values() for score in tasks.values())
    export_run(run, "csv", tmp_path / "csv")
    with (tmp_path / "csv" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert {row["accuracy"] for row in rows if row["model"] == "big"} == {""}
    assert sorted(100 * float(row["accuracy"]) for row in rows if row["accuracy"]) == scores
