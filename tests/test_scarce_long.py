"""A whole experiment scarce-data at the smallest size: killed, run on, reported, planned."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.distill import load_scarce, run_scarce
from distilbench.errors import InputError
from distilbench.events import Event, TrainingFinished
from distilbench.files import read_json
from distilbench.report import write_scarce_report
from distilbench.report.experiment._scarce_data import Scarce, read_scarce
from distilbench.report.experiment._scarce_verdict import comparisons
from tests.tiny_scarce import TINY_SCARCE, write_sources

pytest.importorskip("trl")
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Begun, killed behind its fifth training, and run on by two workers."""
    folder = tmp_path_factory.mktemp("scarce")
    patch = pytest.MonkeyPatch()
    patch.setenv("DISTILBENCH_CACHE", str(folder / "cache"))
    write_sources(folder / "src")
    (folder / "tiny.yaml").write_text(TINY_SCARCE)
    spec = load_scarce(folder / "tiny.yaml")
    ended: list[str] = []

    def killed(event: Event) -> None:
        if isinstance(event, TrainingFinished):
            ended.append(event.name)
            if len(ended) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scarce(spec, folder / "out", 1, killed)
    before = {file.name: file.stat().st_mtime_ns for file in (folder / "out/finished").iterdir()}
    run_scarce(spec, folder / "out", 2, lambda event: None)
    for name, when in before.items():
        assert (folder / "out/finished" / name).stat().st_mtime_ns == when
    write_scarce_report(folder / "out")
    patch.undo()
    return folder / "out", sorted(before)


@pytest.fixture(scope="module")
def found(made: tuple[Path, list[str]]) -> Scarce:
    return read_scarce(made[0])


def test_every_arm_has_as_many_trials_and_is_tested_by_each_seed(found: Scarce) -> None:
    counts = {"text": 9, "questions": 6}
    for study in found.studies:
        assert len(study.cells) == counts[study.name]
        for cell in study.cells:
            assert len(cell.trials) == 3
            assert {row["seed"] for row in cell.trials} == {0}
            assert [row["seed"] for row in cell.tests] == [1, 2]
            # What won on validation is what was tested.
            won = min(cell.trials, key=lambda row: (-(row["accuracy"] or 0), row["loss"]))
            assert (cell.learning_rate, cell.steps) == (won["learning_rate"], won["steps"])


def test_no_trial_is_tested_and_no_recipe_names_the_test(made: tuple[Path, list[str]]) -> None:
    rows = [read_json(file) for file in (made[0] / "finished").iterdir()]
    assert all((row["scores"] is None) == (row["use"] == "tuning") for row in rows)
    lengths = {(row["study"], len(row["scores"])) for row in rows if row["scores"]}
    assert lengths == {("text", 12), ("questions", 30)}


def test_equal_flops_are_equal_and_the_teachers_part_is_as_counted(found: Scarce) -> None:
    text = found.studies[0]
    for one in comparisons(text, "logit")["same FLOPs"]:
        budget, spent = (text.flops(cell, "pipeline") for cell in (one.own, one.other))
        assert abs(spent - budget) <= spent / one.other.steps
        assert one.outcome != "not at equal FLOPs"
    for cell in text.cells:
        row = cell.tests[0]
        assert (row["logit_caching_flops"] > 0) == cell.arm.startswith("logit")
        ratio = row["student_training_flops"] / row["student_training_formula_flops"]
        assert ratio == pytest.approx(1, abs=0.02)
    questions = found.studies[1]
    whole = questions.cell("teacher-answers", 0).tests[0]["teacher_generation_flops"]
    for known in (8, 24):  # of 64 questions those that have gold answers are not asked
        part = questions.cell("both", known).tests[0]["teacher_generation_flops"]
        assert part == pytest.approx(whole * (64 - known) / 64)


def test_tables_and_page_are_whole(made: tuple[Path, list[str]], found: Scarce) -> None:
    table = pl.read_parquet(made[0] / "trainings.parquet")
    assert table.height == 2 + (9 + 6) * 5
    text = (made[0] / "report" / "report.md").read_text()
    facts = json.loads((made[0] / "experiment.json").read_text())
    assert facts["data"]["text"]["sha256"] in text
    assert (made[0] / "report" / "questions-pipeline.png").stat().st_size > 1000


def test_another_experiment_and_a_poor_teacher_are_told(
    made: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_scarce(made[0].parent / "tiny.yaml")
    with pytest.raises(InputError, match="another experiment"):
        run_scarce(spec.model_copy(update={"seeds": (5,)}), made[0])
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    assert spec.questions is not None
    proud = spec.questions.model_copy(update={"least_accuracy": 0.9})
    spec = spec.model_copy(update={"text": None, "questions": proud})
    with pytest.raises(InputError, match="'least_accuracy' is 90%"):
        run_scarce(spec, tmp_path / "out")


def test_a_plan_counts_what_is_then_made(
    made: tuple[Path, list[str]], found: Scarce, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    words = ["experiment", "scarce-data", "--config", str(made[0].parent / "tiny.yaml")]
    told = CliRunner().invoke(app, [*words, "--workers", "2", "--dry-run", "--json"])
    plan = json.loads(told.stdout)
    assert plan["trainings"] == 2 + (9 + 6) * 5
    steps: Counter[tuple[str, str]] = Counter()
    flops: Counter[tuple[str, str]] = Counter()
    for study in found.studies:
        for cell in study.cells:
            for row in (*cell.trials, *cell.tests):
                steps[study.name, cell.arm] += row["steps"]
                flops[study.name, cell.arm] += row["student_training_flops"]
    for part in plan["parts"]:
        assert part["core_s"] > 0
        if part["what"] != "teacher":
            assert steps[part["study"], part["what"]] <= part["steps"]
            assert flops[part["study"], part["what"]] <= 1.02 * part["flops"]
