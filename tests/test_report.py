"""The report of a run: its numbers, its honesty about what is missing, and hostile contents."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.records import CellRecord, SampleRecord, frame
from distilbench.report import Table, write_report

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
MODELS = {"small": 0.3, "large": 0.6}
TASKS = ("sums", "logic", "strings")
FIGURES = {
    "accuracy-by-task", "accuracy-flops", "accuracy-latency", "accuracy-memory", "speeds",
}  # fmt: skip


def sample(model: str, task: str, number: int, right: bool, **more: Any) -> dict[str, Any]:
    return {
        "run": "made", "cell": f"{model}--{task}", "model": model, "task": task, "profile": "p",
        "seed": 0, "sample_id": f"{task}-{number}", "epoch": 1, "cluster": f"{task}-{number}",
        "score": float(right), "outcome": "stop", "answer": "4", "target": "4",
        "input_tokens": 100, "cached_tokens": 80, "output_tokens": 5, "prefill_s": 0.1,
        "ttft_s": 0.12, "decode_s": 0.2, "total_s": 0.4,
        "flops": 7.6e10 if model == "small" else 1.5e11,
        "energy_method": "not available", **more,
    }  # fmt: skip


def cell(model: str, task: str) -> dict[str, Any]:
    return {
        "run": "made", "cell": f"{model}--{task}", "model": model, "task": task, "profile": "p",
        "seed": 0, "role": "distilled" if model == "large" else "vanilla", "samples": 40,
        "peak_memory_bytes": 300 << 20 if model == "small" else 600 << 20, "threads": 2, "slots": 4,
        "model_file_bytes": 100 << 20, "parameters": 135_000_000, "quantization": "Q4_1",
        "engine": "llama.cpp", "engine_version": "1", "hardware": "a machine", "wall_s": 10.0,
        "load_s": 0.5, "context": 1024, "engine_build": "CPU: AVX2, OPENMP",
        "engine_package": "xllamacpp 1 (manylinux)", "unused_features": "AVX512",
    }  # fmt: skip


def make_run(folder: Path, rows: list[dict[str, Any]] | None = None, name: str = "made") -> Path:
    chance = random.Random(1)
    rows = rows or [
        sample(model, task, n, chance.random() < rate)
        for model, rate in MODELS.items()
        for task in TASKS
        for n in range(40)
    ]
    run = folder / "run"
    run.mkdir()
    frame(rows, SampleRecord).write_parquet(run / "samples.parquet")
    pairs = sorted({(row["model"], row["task"]) for row in rows})
    frame([cell(*pair) for pair in pairs], CellRecord).write_parquet(run / "cells.parquet")
    facts = {
        "plan": [],
        "name": name, "created": "2026-11-24T10:00:00+0000", "hardware": {"energy_sensors": []},
        "cells": [f"{model}--{task}" for model, task in pairs],
        "seeds": [0], "python": "3.11", "versions": {"distilbench": "0.1.0"},
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(facts))
    (run / "suite.yaml").write_text("name: made\n# " + HOSTILE + "\n")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_run(tmp_path_factory.mktemp("report"))
    write_report(made)
    return made


def test_every_promised_file_is_there(run: Path) -> None:
    names = {path.name for path in (run / "report").iterdir()}
    assert names == {"index.html", "report.md", "samples.parquet"} | {
        f"{figure}.{kind}" for figure in FIGURES for kind in ("png", "svg")
    }
    for figure in FIGURES:
        assert (run / "report" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert "<path" in (run / "report" / f"{figure}.svg").read_text()
    assert pl.read_parquet(run / "report" / "samples.parquet").height == 240


def test_the_numbers_of_the_page_are_those_of_the_records(run: Path) -> None:
    samples = pl.read_parquet(run / "samples.parquet")
    markdown = (run / "report" / "report.md").read_text()
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    for task in TASKS:
        for model in MODELS:
            mine = samples.filter((pl.col("task") == task) & (pl.col("model") == model))
            wanted = f"{mine['score'].sum() / 40:.1%}"
            assert any(f"| {task} | {model} | {wanted} |" in row for row in rows)
    overall = {
        model: sum(
            samples.filter((pl.col("task") == t) & (pl.col("model") == model))["score"].sum() / 40
            for t in TASKS
        )
        / 3
        for model in MODELS
    }
    for model, value in overall.items():
        assert any(f"| {model} |" in row and f"{value:.1%}" in row for row in rows)
    assert f"large answers {overall['large']:.1%}" in markdown
    difference = 100 * (overall["large"] - overall["small"])
    assert f"the difference is {difference:+.1f} percentage points" in markdown


def test_which_llama_cpp_ran_is_told(run: Path) -> None:
    markdown = (run / "report" / "report.md").read_text()
    for what, value in (
        ("llama.cpp was compiled for", "CPU: AVX2, OPENMP"),
        ("package of llama.cpp", "xllamacpp 1 (manylinux)"),
        ("of the processor, it does not use", "AVX512"),
    ):
        assert f"| {what} | {value} |" in markdown


def test_what_was_not_measured_is_said_not_to_be_available(run: Path) -> None:
    html = (run / "report" / "index.html").read_text()
    assert "Energy: not available, no sensor" in html
    assert "energy_j" in html
    start = html.index("<td>energy_j</td>")
    assert "not available" in html[start : start + 80]


def test_hostile_contents_stay_contents(tmp_path: Path) -> None:
    rows = [
        sample(model, HOSTILE, n, n % 2 == 0, answer=HOSTILE, target=HOSTILE, error=HOSTILE,
               outcome="error" if n == 3 else "stop")
        for model in ("a", HOSTILE)
        for n in range(4)
    ]  # fmt: skip
    made = make_run(tmp_path, rows, name=HOSTILE)
    html = write_report(made).read_text()
    assert "<script>alert" not in html
    assert "<img" not in html.split("<script>")[0]  # before Vega, which has its own
    # DataTables and its own, Vega, what charts share, what draws, two of the controls, questions
    assert html.count("\n<script>") == 8
    assert "&lt;img src=x onerror=alert(2)&gt;" in html
    markdown = (made / "report" / "report.md").read_text()
    assert "<img" not in markdown.split("## The exact suite")[0]


def test_the_policy_forbids_every_request_and_other_scripts(run: Path) -> None:
    html = (run / "report" / "index.html").read_text()
    policy = html.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_an_unfinished_run_can_be_read(tmp_path: Path) -> None:
    rows = [sample("a", "sums", n, True) for n in range(3)]
    rows += [sample("b", "logic", n, False, flops=None, total_s=None) for n in range(3)]
    html = write_report(make_run(tmp_path, rows)).read_text()
    assert "not available" in html


def test_models_are_compared_on_the_questions_they_share(tmp_path: Path) -> None:
    """The model that has done only the task that is hard for both is not made to look worse."""
    rows = [sample("done", "hard", n, n < 4) for n in range(20)]
    rows += [sample("done", "easy", n, True) for n in range(20)]
    rows += [sample("underway", "hard", n, n < 6) for n in range(20)]
    run = make_run(tmp_path, rows)
    facts = json.loads((run / "run.json").read_text())
    facts["cells"].append("underway--easy")
    (run / "run.json").write_text(json.dumps(facts))
    write_report(run)
    markdown = (run / "report" / "report.md").read_text()
    lede = markdown.splitlines()[4]
    assert lede.startswith("underway answers 30.0%")
    assert "done 20.0%" in lede
    assert "difference is +10.0 percentage points" in lede
    assert "3 of 4 cells" in lede
    assert "20 questions that all of them answered, of 40 in the run" in lede


def test_models_without_a_common_question_are_not_compared(tmp_path: Path) -> None:
    rows = [sample("a", "sums", n, True) for n in range(3)]
    rows += [sample("b", "logic", n, False) for n in range(3)]
    run = make_run(tmp_path, rows)
    write_report(run)
    markdown = (run / "report" / "report.md").read_text()
    assert "not comparable" in markdown.splitlines()[4]
    assert "percentage points" not in markdown
    assert "Accuracy against cost" not in markdown
    assert not (run / "report" / "accuracy-flops.png").exists()


def test_a_finished_run_has_no_warning(run: Path) -> None:
    lede = (run / "report" / "report.md").read_text().splitlines()[4]
    assert "not finished" not in lede
    assert "that all of them answered" not in lede


def test_a_difference_within_chance_is_said_to_be(tmp_path: Path) -> None:
    rows = [sample(m, "sums", n, n % 3 == i) for i, m in enumerate("ab") for n in range(12)]
    run = make_run(tmp_path, rows)
    write_report(run)
    assert "may be chance" in (run / "report" / "report.md").read_text().splitlines()[4]


def test_samples_without_tokens_are_said_to_be_left_out_of_flops(tmp_path: Path) -> None:
    rows = [sample("a", "sums", n, True, total_s=float(n)) for n in range(1, 8)]
    rows.append(sample("a", "sums", 8, False, outcome="timeout", flops=None, total_s=100.0))
    run = make_run(tmp_path, rows)
    write_report(run)
    markdown = (run / "report" / "report.md").read_text()
    assert "FLOPs leave out 1 of 8 samples" in markdown
    cost = next(line for line in markdown.splitlines() if line.startswith("| a | *150G*"))
    assert "| 16.00 | 4.50 | 67.45 |" in cost  # mean, median, p95 (7 + 0.65 * 93): by hand


def test_a_model_looks_the_same_in_every_figure_and_unlike_the_others(tmp_path: Path) -> None:
    names = [f"m{i}" for i in range(9)]
    rows = [
        sample(name, "sums", n, n < 9 - i, flops=1e9 * (i + 1))
        for i, name in enumerate(names)
        for n in range(10)
    ]
    html = write_report(make_run(tmp_path, rows)).read_text()
    looks = []
    for figure in FIGURES:
        start = html.index(">", html.index(f'id="spec-{figure}"')) + 1
        layers = json.loads(html[start : html.index("</script>", start)])["layer"]
        marks = next(layer["encoding"] for layer in layers if "shape" in layer["encoding"])
        colour, shape = marks["color"]["scale"], marks["shape"]["scale"]
        looks.append(
            dict(
                zip(
                    colour["domain"], zip(colour["range"], shape["range"], strict=True), strict=True
                )
            )
        )
    assert all(look == looks[0] for look in looks)
    assert set(looks[0]) == set(names)
    assert len(set(looks[0].values())) == len(names)


def test_only_a_column_of_numbers_stands_to_the_right() -> None:
    rows = [
        ("1,061", "43.3% to 51.8%", "-32.6 to +0.6", "≥ 1.2e20", "37% of the draws exceed it"),
        ("0.22", "not available", None, "$ 4.50", "5 wins"),
    ]
    table = Table("a", ("n", "range", "signed", "bound", "why"), rows)
    assert table.numeric() == [True, True, True, True, False]


def test_pictures_are_not_blank(run: Path) -> None:
    from PIL import Image

    for figure in FIGURES:
        with Image.open(run / "report" / f"{figure}.png") as picture:
            assert picture.width >= 700
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "cells.parquet"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path)
    (run / name).write_bytes(b"{damaged")
    with pytest.raises(InputError, match="damaged"):
        write_report(run)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("outcome", "planted", "column 'outcome': holds 'planted', which is none of stop, length"),
     ("model", None, "column 'model': is empty in 30 rows"),
     ("sample_id", None, "column 'sample_id': is empty in 30 rows")],
)  # fmt: skip
def test_records_that_no_run_leaves_are_refused(
    tmp_path: Path, column: str, value: str | None, said: str
) -> None:
    """A stranger's table is whole, and its checksum is right."""
    rows = [sample("a", "sums", n, n % 2 == 0) for n in range(30)]
    made = make_run(tmp_path, rows)
    table = pl.read_parquet(made / "samples.parquet")
    changed = table.with_columns(pl.lit(value, pl.String).alias(column))
    changed.write_parquet(made / "samples.parquet")
    with pytest.raises(InputError, match=rf"samples\.parquet: {said}"):
        write_report(made)


def test_a_plan_of_no_names_is_refused(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    facts = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps({**facts, "cells": [1, None]}))
    with pytest.raises(InputError, match=r"run\.json: field 'cells': is no list of names"):
        write_report(made)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder of a run"):
        write_report(tmp_path)
