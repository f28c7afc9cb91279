"""``examples/plugin``, installed as a user does: one of everything, by entry points alone."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import distilbench
from distilbench import source
from distilbench.cli import app
from distilbench.distill.recipe import Distillation, aim_of, aims
from distilbench.runner import all_executors
from tests.test_distill import close, from_teacher, make, stage
from tests.test_distill import teacher as teacher

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("plugin")
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place))
    alone = ("--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*install, *alone, str(PLUGIN)], check=True)
    return place


@pytest.fixture(autouse=True)
def _as_installed(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(installed))
    importlib.invalidate_caches()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), *filter(None, sys.path)]))
    found = (aims, all_executors, source._others)
    for cached in found:
        cached.cache_clear()
    yield
    for cached in found:
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("distilbench_example")]:
        del sys.modules[name]


def say(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return " ".join(done.stdout.split())


def evals_log(path: Path, correct: list[object], accuracy: float | None = None) -> Path:
    """As ``oaieval`` writes it."""
    event = {"run_id": "2304", "created_by": "", "created_at": "2023-04-17 22:08:21"}
    spec = {"completion_fns": ["gpt-small"], "eval_name": "sums.dev.v0", "run_id": "2304"}
    lines: list[dict[str, Any]] = [{"spec": spec}]
    for n, value in enumerate(correct):
        sample = {**event, "sample_id": f"sums.dev.{n}"}
        picked = {"correct": value, "expected": "4", "picked": "4" if value else None}
        sampled = {"prompt": "2 + 2 = ", "sampled": ["4" if value else "five"]}
        lines.append({**sample, "event_id": 2 * n, "type": "sampling", "data": sampled})
        lines.append({**sample, "event_id": 2 * n + 1, "type": "match", "data": picked})
    lines += [{"final_report": {"accuracy": accuracy}}] if accuracy is not None else []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_its_importer_and_exporter(tmp_path: Path) -> None:
    assert "OpenAI evals what oaieval wrote" in say("import", "--help")
    assert "markdown accuracy.md" in say("export", "--help")
    log = evals_log(tmp_path / "log.jsonl", [True, False, True, True], 0.75)
    say("import", str(log), "--into", str(tmp_path / "run"))
    run = distilbench.Run.open(tmp_path / "run")
    assert run.samples["score"].to_list() == [1, 0, 1, 1]
    assert run.cells["reported_score"].to_list() == [0.75]
    assert "openai-evals" in (tmp_path / "run/report/report.md").read_text("utf-8")
    say("export", str(run.path), "--format", "markdown", "--out", str(tmp_path / "out"))
    table = (tmp_path / "out" / "accuracy.md").read_text("utf-8")
    assert "| gpt-small | openai-evals | sums.dev.v0 | 0.750 |" in table


@pytest.mark.parametrize(
    ("correct", "accuracy", "said"),
    [
        ([True, False], 0.9, "mean accuracy of 0.5000, its result says 0.9000"),
        (["yes"], 1.0, "line 3: a match without 'sample_id' or 'correct'"),
        ([], None, "records no match and no accuracy"),
    ],
)
def test_its_importer_refuses(
    tmp_path: Path, correct: list[object], accuracy: float | None, said: str
) -> None:
    log = evals_log(tmp_path / "log.jsonl", correct, accuracy)
    done = CliRunner().invoke(app, ["import", str(log), "--into", str(tmp_path / "run")])
    assert said in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_a_log_that_was_cut_has_no_accuracy(tmp_path: Path) -> None:
    log = evals_log(tmp_path / "log.jsonl", [True, False])
    say("import", str(log), "--into", str(tmp_path / "run"))
    run = distilbench.Run.open(tmp_path / "run")
    assert run.samples.is_empty()
    assert run.cells["missing"].to_list() == ["its final report is missing"]


def test_its_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    objective: Any = aim_of("total-variation", Distillation())
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])
    module = sys.modules["distilbench_example.objective"]
    monkeypatch.setattr(module, "teacher_logits", lambda *_: p.log().expand(1, 2, 3))
    found = objective.loss(
        None, q.log().expand(1, 2, 3), {"labels": torch.tensor([[-100, 1]])}, None
    )
    assert float(found) == pytest.approx((0.3 + 0.1 + 0.4) / 2)


def test_its_loss_makes_a_student(tmp_path: Path, teacher: Path) -> None:
    training = {"max_steps": 1, "batch_size": 8, "learning_rate": 0.003, "max_length": 128}
    result = make(from_teacher(tmp_path, teacher, method="total-variation", training=training))
    trained = stage(result, "student_training", "student")[0]
    assert (trained.last_step, trained.samples) == (1, 8)
    assert close(trained)


def test_its_engine_runs_under_its_executor_and_its_section_is_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"question": f"{n} + 0?", "answer": str(n)} for n in (41, 42)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    suite = {
        "name": "constant",
        "models": ["constant:42"],
        "tasks": [distilbench.Task(file="q.jsonl")],
    }
    started: list[tuple[str, ...]] = []
    plain = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda words, **more: started.append(words) or plain(words, **more)
    )
    run = distilbench.run(suite, executor="nice")
    assert (run.complete, run.failed) == (True, ())
    assert [words[:3] for words in started if "distilbench.runner._worker" in words] == [
        ("nice", "-n", "10")
    ]
    assert run.samples.sort("sample_id")["score"].to_list() == [0.0, 1.0]
    assert run.cells["engine"].to_list() == ["constant"]
    page = run.report().with_name("report.md").read_text("utf-8")
    assert "## Length of answers" in page
    with pytest.raises(distilbench.InputError, match="'nise': there is none; use one of: nice"):
        distilbench.run(suite, executor="nise")
