"""``import distilbench``: lazy, whole, and the same as the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import distilbench
from distilbench.cli import app
from distilbench.report import picture
from distilbench.suite import load_suite, packaged_suite, read_suite
from tests.loopback_server import serving
from tests.test_report import HOSTILE, make_run, sample

ROOT = Path(__file__).parents[1]
HEAVY = ("polars", "pydantic", "numpy", "inspect_ai", "altair", "torch", "typer", "yaml")
SUITE: dict[str, Any] = {
    "name": "mock",
    "models": [{"source": "inspect:mockllm/model", "name": "mock"}],
    "tasks": [{"reasoning_gym": "products", "questions": 3, "fewshot": 0}],
}


def in_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import distilbench, sys; print(sorted(m for m in sys.modules if m in {}))"
    assert in_python(code.format(HEAVY)) == "[]"
    rooms = "import distilbench, sys; print([m for m in sys.modules if m[:12] == 'distilbench.'])"
    assert in_python(rooms) == "[]"


def test_every_name_is_there_and_said() -> None:
    assert set(distilbench.__all__) <= set(dir(distilbench))
    for name in distilbench.__all__:
        found = getattr(distilbench, name)
        assert found.__doc__, name
    assert not hasattr(distilbench, "no_such_name")


@pytest.mark.parametrize(
    "first",
    [
        "import distilbench.distill",
        "from distilbench.distill import Recipe",
        "import distilbench; distilbench.distill",
        "from distilbench import distill",
    ],
)
def test_distill_is_a_room_and_what_it_does_whoever_comes_first(first: str) -> None:
    said = in_python(
        f"{first}\n"
        "import distilbench\n"
        "from distilbench.distill import Recipe, load_recipe\n"
        "try: distilbench.distill('none.yaml')\n"
        "except distilbench.InputError as error: print(error)\n"
    )
    assert said.startswith("none.yaml: there is no such recipe file")


def test_the_version_stands_in_one_place() -> None:
    assert version("distilbench") == distilbench.__version__
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == distilbench.__version__


@pytest.mark.parametrize("name", ["template", "demo", "paper"])
def test_a_suite_is_the_same_from_a_file_from_data_and_as_itself(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(packaged_suite(name))
    suite = load_suite(file)
    again = read_suite(suite)
    assert again.suite == suite
    kept = tmp_path / "kept.yaml"
    kept.write_text(again.text)  # what the run keeps of it reads back as the same
    assert load_suite(kept) == suite
    assert load_suite(suite.model_dump(mode="json", exclude_unset=True)) == suite


def test_parts_make_a_suite() -> None:
    made = distilbench.Suite(
        models=(distilbench.Model(source="pypi:gemma-3-270m"),),
        tasks=(distilbench.Task(reasoning_gym="products", questions=3),),
        profiles=(distilbench.Profile(name="phone", memory="2GiB", cpus=2),),
    )
    mixed = {
        "models": [distilbench.Model(source="pypi:gemma-3-270m")],
        "tasks": [distilbench.Task(reasoning_gym="products", questions=3)],
        "profiles": [{"name": "phone", "memory": "2GiB", "cpus": 2}],
    }
    assert load_suite(mixed).model_dump() == load_suite(made).model_dump()
    assert load_suite(made).profiles[0].memory == 2 << 30


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"models": []}, r"suite: field 'models'"),
        ({"profiles": [{"memory": 300}]}, r"field 'profiles\[0\].memory' .*300MiB"),
        ({"tasks": [{"name": "x"}]}, r"field 'tasks\[0\]'.*'reasoning_gym'"),
        ({"seeds": [True]}, r"field 'seeds\[0\]' is true"),
        ({"seeds": {0}}, r"field 'seeds'.*is a set"),
        ({"speed": 1}, r"field 'speed' is not a field"),
        ({"models": ["inspect:mockllm/model"], "api_key": "x"}, "secret"),
    ],
)
def test_bad_data_is_one_sentence(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(distilbench.InputError, match=said):
        distilbench.run({**SUITE, **change}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_is_none_is_one_sentence() -> None:
    with pytest.raises(distilbench.InputError, match="task: field 'questions'"):
        distilbench.Task(reasoning_gym="products", questions=0)


def test_a_run_is_made_opened_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", "planted-front-1")
    heard: list[str] = []
    questions = tmp_path / "sums.jsonl"
    rows = [{"question": f"What is {a} + 100?", "answer": str(a + 100)} for a in (20, 21, 22)]
    questions.write_text("\n".join(map(json.dumps, rows)))
    with serving() as server:
        suite = {
            "name": "served",
            "models": [{"source": "inspect:openai-api/faulty/m", "base_url": server.url}],
            "tasks": [distilbench.Task(file=questions)],
        }
        run = distilbench.run(
            suite, tmp_path, limit=2, on_event=lambda event: heard.append(event.event)
        )
    assert (run.name, run.complete, run.failed) == ("served", True, ())
    assert heard[0] == "planned"
    again = distilbench.Run.open(tmp_path / "served")
    assert again.samples.select("model", "score").rows() == [("m", 1.0), ("m", 1.0)]
    assert again.cells.height == 1
    table = again.accuracy()
    assert table.select("task", "n_questions", "accuracy").row(0) == ("sums", 2, 1.0)
    plain = distilbench.accuracy(again.samples, by=("model", "profile", "task"))
    assert table["low"].to_list() == plain["low"].to_list()
    assert "m answers 100.0% of the questions right" in again._repr_html_()
    page = again.report()
    assert page == tmp_path / "served" / "report" / "index.html"
    assert "distilbench: served" in page.read_text("utf-8")
    stored = pl.read_parquet(tmp_path / "served" / "samples.parquet")
    assert stored.equals(again.samples)
    kept = load_suite(tmp_path / "served" / "suite.yaml")
    assert (kept.name, kept.limits.questions) == ("served", 2)


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(distilbench.InputError, match="is no run directory"):
        distilbench.Run.open(tmp_path)


def test_creation_costs_are_those_of_the_command_line() -> None:
    a, b = "llama-3.1-8b", "deepseek-r1-distill-llama-8b"
    cost = distilbench.creation_cost(b)
    printed = json.loads(CliRunner().invoke(app, ["compute", b, "--json"]).stdout)
    assert list(cost.scopes) == ["student", "pipeline", "amortised", "lineage"]
    assert cost.flops("student").central == printed["scopes"]["student"]["value"]
    found = distilbench.compare(a, b)
    printed = json.loads(CliRunner().invoke(app, ["compare", a, b, "--json"]).stdout)
    assert found.ratios["student"].ratio.central == printed["ratio"]["student"]["value"]
    assert list(found.scores) == printed["scores"]
    # 6 N D of 15 T tokens (Meta's card) over 6 N D of 800k samples: thousands, as the paper says
    assert found.ratios["student"].ratio.central > 1_000


def test_a_picture_for_a_notebook_runs_nothing_that_a_run_holds(tmp_path: Path) -> None:
    shown = picture(make_run(tmp_path, [sample(HOSTILE, "sums", n, n % 2 == 0) for n in range(9)]))
    assert shown.count("<svg") == 1
    assert "<script" not in shown
    assert "<img" not in shown
    assert "Pareto frontier" in shown
