"""Agent tasks of Inspect: what several calls of a model took together, and which are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalSample, read_eval_log

from distilbench.catalog import load_catalog
from distilbench.errors import InputError
from distilbench.forecast import forecast_run
from distilbench.meter import Energy, inference_flops
from distilbench.runner import load_cells, run_suite
from distilbench.runner._calls import calls_of, graders_here
from distilbench.runner._shards import cut
from distilbench.runner._store import project, questions_file, read_questions
from distilbench.stats import costs
from distilbench.suite import Suite
from distilbench.tasks import InspectTask, QuestionSet
from distilbench.tasks._inspect_task import read
from tests.tool_server import CALLS, FIRST_S, LATER_S, calling_tools
from tests.walking import PAGES, fences

TASKS = Path(__file__).parent / "data" / "agent_tasks"
TOOL_S = 0.2
CARD = "qwen2.5-1.5b-instruct"
PAGE = next(page for page in PAGES if page.name == "benchmarks.md")
DOCS = {
    fence.language: fence.text
    for fence in fences(PAGE)
    if fence.title == "weather.py" or "weather.py@warmer" in fence.text
}
"""The example of the docs: a task's file, and the suite that names it."""
SUITE = yaml.safe_load(DOCS["yaml"])
MODEL = SUITE["models"][0]["source"].removeprefix("inspect:")
ASKED: dict[str, dict[str, Any]] = {
    "tools": {},
    "own": {"agent": "own"},
    "judged": {"judge": True},
}
AGENTS: dict[str, dict[str, Any]] = {"react": {"agent": "react"}, "basic": {"agent": "basic"}}


def task(name: str, **args: Any) -> InspectTask:
    return InspectTask(inspect="weather_tasks.py@weather", name=name, args=args, questions=1)


@pytest.fixture(scope="module")
def on_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    brought = tmp_path_factory.mktemp("docs")
    (brought / "weather.py").write_text(DOCS["python"])
    before = os.environ.get("PYTHONPATH", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TASKS), str(brought), before]))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("LAB_API_KEY", "x")
        yield


def ran(folder: Path, asked: dict[str, dict[str, Any]], *more: dict[str, Any]) -> Path:
    with calling_tools() as url:
        tasks = [task(name, **args).model_dump(mode="json") for name, args in asked.items()]
        suite = {
            "name": "agents",
            "models": [{**SUITE["models"][0], "base_url": url, "card": CARD}],
            "tasks": [*tasks, *more],
        }
        return run_suite(suite, folder).run_dir


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory, on_path: None) -> Path:
    """Ways to an answer of three calls, each of a different usage; and the docs' own task."""
    return ran(tmp_path_factory.mktemp("agents"), ASKED, SUITE["tasks"][0])


@pytest.fixture(scope="module")
def samples(run_dir: Path) -> dict[str, dict[str, Any]]:
    rows = pl.read_parquet(run_dir / "samples.parquet").to_dicts()
    return {row["task"]: row for row in rows}


def logged(run_dir: Path, name: str) -> EvalSample:
    [file] = run_dir.glob(f"cells/*--{name}--*/logs/*.eval")
    found = read_eval_log(str(file)).samples
    assert found is not None
    return found[0]


@pytest.mark.parametrize("name", ASKED)
def test_figures_are_those_of_all_calls_and_of_no_grader(
    samples: dict[str, dict[str, Any]], name: str
) -> None:
    check(samples[name], tool_calls=2)


def test_the_example_of_the_docs_does_what_the_page_says(
    samples: dict[str, dict[str, Any]],
) -> None:
    """Its tool answers at once; what else the page's table names is as of the others."""
    row = samples["warmer"]
    assert (row["score"], row["answer"], row["target"]) == (1.0, "15 degrees", "15")
    assert (row["model_calls"], row["tool_calls"], row["input_tokens"]) == (3, 2, 460)
    assert row["tools_s"] < TOOL_S
    assert row["answer_s"] >= row["total_s"] >= FIRST_S + 2 * LATER_S


@pytest.mark.long
def test_agents_of_inspect_are_measured_alike(tmp_path: Path, on_path: None) -> None:
    """Their tool ``submit`` ends the answer: ``react`` calls it, ``basic_agent`` reads it."""
    rows = pl.read_parquet(ran(tmp_path, AGENTS) / "samples.parquet").to_dicts()
    assert [row["task"] for row in rows] == [*AGENTS]
    for row in rows:
        check(row, tool_calls=3)


def check(row: dict[str, Any], tool_calls: int) -> None:
    """Three calls of the model, by hand: 100 + 150 + 210 tokens read, 10 + 12 + 5 written."""
    assert (row["score"], row["outcome"], row["error"]) == (1.0, "stop", None)
    assert (row["input_tokens"], row["cached_tokens"], row["output_tokens"]) == (460, 240, 27)
    assert (row["model_calls"], row["tool_calls"]) == (3, tool_calls)
    stated = load_catalog().card(CARD).architecture
    assert stated
    each = [inference_flops(stated.shape, c.read, c.written, c.cached) for c in CALLS]
    assert row["flops"] == sum(f.prefill + f.decode for f in each)
    assert row["cached_flops"] == sum(f.cached for f in each)
    assert FIRST_S <= row["ttft_s"] <= row["total_s"] - 2 * LATER_S
    assert row["tools_s"] >= 2 * TOOL_S
    assert row["answer_s"] >= row["total_s"] + 2 * TOOL_S
    assert row["total_s"] >= row["decode_s"] + FIRST_S + 2 * LATER_S
    assert row["inter_token_s"] == pytest.approx(row["decode_s"] / (27 - 3))


def test_the_rate_of_decoding_leaves_out_the_first_token_of_each_call() -> None:
    row = {"entry": "m", "task": "t", "outcome": "stop", "output_tokens": 27, "decode_s": 2.0}
    found = costs(pl.DataFrame([{**row, "model_calls": 3, "total_s": 3.0}]))
    assert found["decode_tokens_per_s"].item() == 12.0
    assert costs(pl.DataFrame([{**row, "total_s": 3.0}]))["decode_tokens_per_s"].item() == 13.0


def test_no_joules_are_told_where_the_scorer_asked_the_model(run_dir: Path) -> None:
    cells = {cell.task.name: cell for cell in load_cells(run_dir)}
    for name, expected in (("tools", 8.0), ("judged", None)):
        cell = cells[name]
        asked = read_questions(questions_file(run_dir, cell))
        sample = logged(run_dir, name)
        [shard] = cut(len(asked.questions), cell.epochs)
        joules = Energy(8.0, 0.0, 0.0, 9e9, "a sensor", "measured", [])
        row = project(run_dir, cell, shard, asked, joules, "a sensor").row(0, named=True)
        assert row["energy_j"] == expected
        assert ("the scorer asked" in row["energy_method"]) == (name == "judged")
        assert graders_here(sample, MODEL) == ({MODEL} if name == "judged" else set())


def test_of_a_call_that_a_limit_cut_no_tokens_are_made_up(run_dir: Path) -> None:
    sample = logged(run_dir, "tools")
    last = [event for event in sample.events if isinstance(event, ModelEvent)][-1]
    last.error, last.output.metadata, last.completed = "Cancelled by limit", None, None
    calls = calls_of(sample)
    assert calls.columns()["model_calls"] is None
    timing = calls.timing()
    assert timing is not None
    assert (timing.input_tokens, timing.output_tokens, timing.decode_s) == (None, None, None)
    assert timing.total_s == calls.answer_s


def made_here(wanted: list[tuple[InspectTask, int]]) -> list[QuestionSet | InputError]:
    """As ``attempt_questions`` makes them, in this process."""
    made: list[QuestionSet | InputError] = []
    for spec, seed in wanted:
        try:
            made.append(read(spec, seed))
        except InputError as error:
            made.append(error)
    return made


def test_what_takes_no_tools_is_told_before_anything_runs(
    tmp_path: Path, on_path: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilbench.runner._run.attempt_questions", made_here)
    monkeypatch.setattr("distilbench.tasks.attempt_questions", made_here)
    asked = task("t", agent="basic").model_dump(mode="json")
    suite = {"name": "s", "models": ["pypi:smollm2-135m-instruct"], "tasks": [asked]}
    with pytest.raises(InputError) as told:
        run_suite(suite, tmp_path)
    assert not (tmp_path / "s").exists()
    with pytest.raises(InputError) as foretold:
        forecast_run(Suite.model_validate(suite), tmp_path / "s.yaml", tmp_path, "l40s")
    assert str(told.value) == str(foretold.value)
    assert "gives its model tools to call (temperature, submit)" in str(told.value)
    assert "takes none; serve it" in str(told.value)


def test_what_may_not_run_is_told_before_a_model_is_asked(on_path: None) -> None:
    given = {"none": (), "tools": ("temperature",), "bash": ("bash",)}
    asked = [
        *(task(name, agent=name) for name in given),
        task("unguarded", agent="bash", sandbox=None),
        task("argument", town="Oslo"),
        InspectTask(inspect="weather_tasks.py@temperature"),
        InspectTask(inspect="climate_tasks.py@weather"),
    ]
    made = made_here([(one, 0) for one in asked])
    assert [one.tools for one in made[:3] if not isinstance(one, InputError)] == [*given.values()]
    for said, expected in zip(
        map(str, made[3:]),
        (
            "its tools run what a model writes (bash)",
            "it has: agent, judge, sandbox",
            "has no task 'temperature'",
            "climate_tasks.py is in no folder of PYTHONPATH, and code is taken from nowhere else",
        ),
        strict=True,
    ):
        assert expected in said


@pytest.mark.parametrize("name", ["../tasks.py@t", "/tmp/tasks.py@t", "a/tasks.py@t", "tasks.py"])
def test_a_suite_names_no_path_to_code(name: str) -> None:
    with pytest.raises(ValueError, match="inspect"):
        InspectTask(inspect=name)


@pytest.mark.long
def test_tools_of_react_are_seen_in_an_evaluation(on_path: None) -> None:
    assert read(task("t", agent="react"), 0).tools == ("temperature", "submit")
