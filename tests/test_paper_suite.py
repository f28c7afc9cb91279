"""paper.yaml: valid, planned, estimated before it runs, and run whole at small scale with the
packaged models in place of the named ones, on data of our own invention."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from distilbench.catalog import load_catalog
from distilbench.cli._dry_run import _ranged, _short
from distilbench.errors import InputError
from distilbench.forecast import _estimate as run_estimate
from distilbench.forecast import seen_runs
from distilbench.records import CellRecord, SampleRecord, frame
from distilbench.suite import Changes, load_suite, packaged_suite, read_suite
from tests.benchmark_data import lay_out

Data = tuple[Path, dict[str, str]]
PACKAGED = "pypi:smollm2-135m-instruct,pypi:gemma-3-270m"
CODE = {"humaneval", "mbpp"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("paper")
    environment = lay_out(folder)
    # two slots in place of a server's 32: each has a context of its own in this machine's memory
    suite = packaged_suite("paper").replace("slots: 32", "slots: 2")
    (folder / "data" / "paper.yaml").write_text(suite)
    return folder / "data", environment


def run(data: Data, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "distilbench", "run", str(data[0] / "paper.yaml"), *words],
        cwd=folder or data[0],
        env=data[1],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_it_names_the_line_up_with_cards_and_roles(data: Data) -> None:
    suite = load_suite(data[0] / "paper.yaml")
    cards = load_catalog().cards
    assert len(suite.models) == 20
    for model in suite.models:
        assert model.card in cards, model.name
        assert cards[model.card].role == model.role, model.name
        if model.role != "proprietary":
            assert model.source.provider == "vllm"
    names = {model.name for model in suite.models}
    for size in ("qwen-1.5b", "qwen-7b", "qwen-14b", "qwen-32b", "llama-8b", "llama-70b"):
        assert f"deepseek-r1-distill-{size}" in names
    bases = {cards[m.card or ""].lineage.base for m in suite.models if m.role == "distilled"}
    assert bases <= {model.card for model in suite.models}
    assert suite.generation.recommended


def test_the_dry_run_estimates_everything_and_runs_nothing(data: Data) -> None:
    done = run(data, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert not (data[0] / "runs").exists()
    told = json.loads(done.stdout)
    assert len(told["rows"]) == 20 * 14
    for row in told["rows"]:
        assert row["questions_known"] == "counted"
        for name in ("input_tokens", "output_tokens", "hours", "cost_usd"):
            figure = row[name]
            assert figure["known"] == "estimated", (row["model"], name)
            assert figure["assumption"], (row["model"], name)
            assert 0 < figure["low"] <= figure["value"] <= figure["high"], (row["model"], name)
        assert row["output_tokens"]["high"] <= row["most_output_tokens"]
    rows = {(row["model"], row["task"]): row for row in told["rows"]}
    assert rows["o1-mini", "aime2024"]["answers"] == 5 * 8
    llama = "deepseek-r1-distill-llama-70b"
    assert "fits 4 x h100-sxm" in rows[llama, "gsm8k"]["memory"]
    total = told["totals"][-1]
    assert total["model"] == "all models"
    parts = [row["cost_usd"]["value"] for row in told["rows"]]
    assert total["cost_usd"]["value"] == pytest.approx(sum(parts))
    assert any("'humaneval'" in note for note in told["notes"]) == (not _docker())


def test_without_data_the_plan_takes_the_stated_sizes(data: Data, tmp_path: Path) -> None:
    words = ("--dry-run", "--json", "--tasks", "aime2024,mmlu_pro", "--models", PACKAGED)
    done = run(data, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    counts = {(row["task"], row["questions"], row["questions_known"]) for row in told["rows"]}
    stated = "as its package states"
    assert counts == {("aime2024", 30, stated), ("mmlu_pro", 700, stated)}
    assert any("cannot be fetched" in note for note in told["notes"])
    refused = run(data, "--tasks", "aime2024", "--models", PACKAGED, folder=tmp_path)
    assert refused.returncode == 2
    assert "task 'aime2024'" in refused.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.model
def test_it_runs_whole_with_the_packaged_models(data: Data) -> None:
    words = ("--limit", "1", "--max-tokens", "8", "--epochs", "1", "--models", PACKAGED)
    done = run(data, *words, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["cells"] == {"planned": 28, "finished": 28}
    samples = pl.read_parquet(Path(data[0], told["run_dir"], "samples.parquet"))
    assert samples.height == 28
    assert samples["score"].is_between(0, 1).all()
    code = samples.filter(pl.col("task").is_in(CODE))
    if not _docker():
        assert set(code["outcome"]) == {"error"}
        assert code["error"].str.contains("needs Docker").all()
        assert code["output_tokens"].null_count() == code.height  # no model was asked
        assert code["total_s"].null_count() == code.height
    others = samples.filter(~pl.col("task").is_in(CODE))
    assert set(others["outcome"]) <= {"stop", "length"}
    assert (others["output_tokens"] <= 8).all()
    ids = samples.group_by("task").agg(pl.col("sample_id").n_unique())
    assert set(ids["sample_id"]) == {1}  # both models answer the same question
    report = Path(data[0], told["run_dir"], "report", "report.md").read_text()
    assert "Full scores, estimated" in report
    assert "1 of 6 questions" in report
    again = Path(data[0], told["run_dir"], "suite.yaml").read_text()
    assert yaml.safe_load(again)["limits"] == {"questions": 1, "max_tokens": 8}
    seen = run(data, *words, "--dry-run", "--json", "--tasks", "gsm8k")
    assumed = [row["hours"]["assumption"] for row in json.loads(seen.stdout)["rows"]]
    assert all("rate of an earlier run" in text for text in assumed)


def test_a_resumed_cell_gives_no_rate(tmp_path: Path) -> None:
    """Its wall time is that of the last attempt alone."""
    run_dir = tmp_path / "runs" / "one"
    run_dir.mkdir(parents=True)
    keys = [{"cell": f"{model}-{part}", "model": model} for model in "ab" for part in (1, 2)]
    answers = [{**key, "task": "t", "output_tokens": 100} for key in keys]
    walls = [
        {"cell": key["cell"], "wall_s": 10.0, "resumed_samples": 5 * (key["cell"] != "a-1")}
        for key in keys
    ]
    frame(answers, SampleRecord).write_parquet(run_dir / "samples.parquet")
    frame(walls, CellRecord).write_parquet(run_dir / "cells.parquet")
    seen = seen_runs(tmp_path / "runs")
    assert seen["rates"] == {"a": 10.0}
    assert seen["tokens"] == {("a", "t"): 100, ("b", "t"): 100}
    older = pl.read_parquet(run_dir / "cells.parquet").drop("resumed_samples")
    older.write_parquet(run_dir / "cells.parquet")  # does not tell which cells were resumed
    assert seen_runs(tmp_path / "runs")["rates"] == {}


def test_changes_are_made_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text(packaged_suite("paper"))
    changes = Changes(
        limit=3, max_tokens=9, epochs=2, models=("pypi:gemma-3-270m",), tasks=("aime2024", "bbh")
    )
    suite = load_suite(path, changes)
    assert [task.name for task in suite.tasks] == ["aime2024", "bbh"]
    assert (suite.limits.questions, suite.limits.max_tokens, suite.epochs) == (3, 9, 2)
    assert [task.epochs for task in suite.tasks] == [None, None]
    assert [str(model.source) for model in suite.models] == ["pypi:gemma-3-270m"]
    copy = tmp_path / "copy.yaml"
    copy.write_text(read_suite(path, changes).text)
    assert load_suite(copy) == suite
    assert read_suite(path).text == path.read_text()
    with pytest.raises(InputError, match="has no task 'aime'; name some of: gsm8k"):
        load_suite(path, Changes(tasks=("aime",)))


def test_the_arithmetic_of_an_estimate() -> None:
    prompts = run_estimate.input_tokens(400).scaled(10)
    assert (prompts.low, prompts.value, prompts.high) == (800, 1000, pytest.approx(4000 / 3))
    outputs = run_estimate.output_tokens(1000, reasoning=True).scaled(10)
    assert (outputs.low, outputs.value, outputs.high) == (5000, 10000, 10000)
    seen = run_estimate.output_tokens(1000, reasoning=True, seen=120.0)
    assert (seen.low, seen.high) == (120, 120)
    rate = run_estimate.seen_rate(10.0)
    took = run_estimate.hours(prompts, outputs, rate)
    assert took.value == pytest.approx(1000 / 3600)
    cost = run_estimate.token_money(prompts, outputs, 2.0, 8.0, "X, 2026-01-01")
    assert cost.value == pytest.approx(1000 * 2e-6 + 10000 * 8e-6)
    assert "prices: X" in cost.assumption
    # 8e9 parameters, 1e15 FLOP/s: at 10% 6,250 tokens a second, but 4 answers come no faster
    few = run_estimate.gpu_rate(16e9, 1e15, 1, "gpu", slots=4)
    many = run_estimate.gpu_rate(16e9, 1e15, 1, "gpu", slots=1000)
    assert few.decode.value == 4 * 80
    assert many.decode.value == pytest.approx(6250)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e-5, "<0.001"), (0.0123, "0.012"), (654, "654"), (3000, "3k"), (2.7e6, "2.7M")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert _short(value) == text
    assert _ranged({"low": value, "value": value, "high": value}, _short) == f"~{text}"
    assert _ranged(None, _short) == "not available"


def _docker() -> bool:
    from distilbench.runner._sandbox import docker_works

    return docker_works()
