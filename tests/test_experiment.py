"""The experiment distil-vs-vanilla: tiny trainings, resumed; its costs, ratios and page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.distill import load_experiment, run_experiment
from distilbench.errors import InputError
from distilbench.events import Event, TrainingFinished, TrainingNamed
from distilbench.report import write_experiment_report
from distilbench.report.experiment._compared import compare
from distilbench.report.experiment._data import read_experiment
from tests.tiny_experiment import TINY

pytest.importorskip("trl")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """The experiment, begun, killed behind its third training, and run on."""
    folder = tmp_path_factory.mktemp("experiment")
    patch = pytest.MonkeyPatch()
    patch.setenv("DISTILBENCH_CACHE", str(folder / "cache"))
    (folder / "tiny.yaml").write_text(TINY)
    spec = load_experiment(folder / "tiny.yaml")
    events: list[Event] = []

    def killed(event: Event) -> None:
        if isinstance(event, TrainingNamed) and event.number == 3:
            raise KeyboardInterrupt
        events.append(event)

    with pytest.raises(KeyboardInterrupt):
        run_experiment(spec, folder / "out", killed)
    run_experiment(spec, folder / "out", events.append)
    write_experiment_report(folder / "out")
    patch.undo()
    return folder / "out", events


def test_what_was_finished_is_not_trained_again(made: tuple[Path, list[Event]]) -> None:
    finished = [event.name for event in made[1] if isinstance(event, TrainingFinished)]
    assert len(finished) == len(set(finished)) == 7
    assert finished[:3] == ["teacher", "vanilla-16-0", "sequence-level-16-0"]


def test_arms_have_the_same_steps_and_the_first_weights(
    made: tuple[Path, list[Event]],
) -> None:
    table = pl.read_parquet(made[0] / "trainings.parquet").filter(pl.col("arm") != "teacher")
    for _, group in table.group_by("budget", "seed"):
        assert set(group["steps"]) == {group["budget"][0] // 16}
        assert max(group["samples"]) == group["budget"][0]
    answers = pl.read_parquet(made[0] / "answers.parquet")
    assert answers.height == 7 * 12
    means = answers.group_by("name").agg(pl.col("score").mean())
    joined = table.join(means, on="name")
    assert (joined["score"] - joined["accuracy"]).abs().max() == 0


def test_scopes_hold_each_other_and_costs_are_measured(
    made: tuple[Path, list[Event]],
) -> None:
    experiment = read_experiment(made[0])
    assert experiment.uses == 4
    assert experiment.teacher["student_training_flops"] > 0
    for row in experiment.trainings.to_dicts():
        costs = [experiment.flops(row, s) for s in ("student", "pipeline", "amortised")]
        assert costs == sorted(costs)
        ratio = row["student_training_flops"] / row["student_training_formula_flops"]
        assert ratio == pytest.approx(1, abs=0.05)
        asked = row["teacher_generation_flops"] > 0
        scored = row["logit_caching_flops"] > 0
        assert (asked, scored) == (row["arm"] == "sequence-level", row["arm"] == "logit")
        share = experiment.teacher["student_training_flops"] / 4
        extra = 0 if row["arm"] == "vanilla" else share
        assert costs[2] - costs[1] == pytest.approx(extra)
    # The larger budget found the smaller one's answers in the cache; it is charged for them too.
    taught = experiment.trainings.filter(pl.col("arm") == "sequence-level").sort("budget")
    small, large = taught["teacher_generation_flops"]
    assert large == pytest.approx(3 * small, rel=0.1)


def test_the_page_shows_ratios_and_curves(made: tuple[Path, list[Event]]) -> None:
    page = (made[0] / "report" / "report.md").read_text()
    html = (made[0] / "report" / "index.html").read_text()
    assert "Compute at equal accuracy" in page
    for scope in ("student", "pipeline", "amortised", "one-student"):
        assert (made[0] / "report" / f"curve-{scope}.png").stat().st_size > 1000
    assert html.count("data-chart") >= 4
    compared = compare(read_experiment(made[0]))
    assert set(compared) == {
        (arm, scope)
        for arm in ("sequence-level", "logit")
        for scope in ("student", "pipeline", "amortised", "lineage", "one student")
    }


def test_another_experiment_or_half_of_one_is_told(
    made: tuple[Path, list[Event]], tmp_path: Path
) -> None:
    spec = load_experiment(made[0].parent / "tiny.yaml")
    with pytest.raises(InputError, match="another experiment"):
        run_experiment(spec.model_copy(update={"batch_size": 8}), made[0])
    half = tmp_path / "half"
    shutil.copytree(made[0], half, ignore=shutil.ignore_patterns("recipes", "report"))
    pl.read_parquet(half / "trainings.parquet").head(5).write_parquet(half / "trainings.parquet")
    with pytest.raises(InputError, match="4 of 6"):
        write_experiment_report(half)


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["experiment", "distil-vs-vanilla"])
    assert isinstance(result.exception, InputError)
    assert "--small" in str(result.exception)
    for text, word in (
        (TINY.replace("[16, 48]", "[48, 16]"), "budgets"),
        (TINY.replace("vanilla, ", ""), "arms"),
        (TINY.replace("held_out", "helt_out"), "helt_out"),
    ):
        (tmp_path / "e.yaml").write_text(text)
        with pytest.raises(InputError, match=word):
            load_experiment(tmp_path / "e.yaml")


def test_the_small_experiment_is_of_the_promised_size() -> None:
    small = load_experiment(None)
    assert len(small.seeds) >= 3
    assert len(small.budgets) >= 3
    for shape in (small.student, small.teacher.shape):
        layer = 4 * shape.hidden**2 + 3 * shape.hidden * shape.ffn
        assert 1e6 <= shape.layers * layer <= 1e7
    assert json.loads(small.model_dump_json())["task"]["reasoning_gym"] == "gcd"
