"""Logs of Inspect that ended badly, or whose scores are no plain grades."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilbench.errors import InputError
from distilbench.interchange import Naming, import_results
from distilbench.report import write_report
from tests.test_interchange import records


def made(folder: Path, scorers: list[Any], questions: int = 4, **settings: Any) -> Path:
    """A log that Inspect itself writes, of a model that says yes, yes, no, no."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    outputs = []
    for text in ("yes", "yes", "no", "no") * 2:
        output = ModelOutput.from_content("mockllm/model", text)
        output.usage = ModelUsage(input_tokens=2, output_tokens=1, total_tokens=3)
        outputs.append(output)
    data = [Sample(f"question {i}", target="yes", id=f"q{i}") for i in range(questions)]
    task = Task(name="org/asked", dataset=data, scorer=scorers or None)
    model = get_model("mockllm/model", custom_outputs=outputs)
    (log,) = eval(
        task, model, log_dir=str(folder), display="none", max_samples=1, log_format="json",
        **settings,
    )  # fmt: skip
    return Path(str(log.location).removeprefix("file://"))


def changed(path: Path, **fields: Any) -> Path:
    """The log with other fields, as one that another version or an interruption left."""
    data = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    from inspect_ai.scorer import includes, match

    return made(tmp_path_factory.mktemp("whole"), [includes(), match()]).read_text()


@pytest.fixture
def log(whole: str, tmp_path: Path) -> Path:
    path = tmp_path / "log.json"
    path.write_text(whole)
    return path


def scored(path: Path, values: list[Any], name: str = "judge") -> Path:
    """The log with these values of one score."""
    samples = json.loads(path.read_text())["samples"]
    for sample, value in zip(samples, values, strict=True):
        sample["scores"] = {name: {"value": value}}
    return changed(path, samples=samples, results=None)


def imported(path: Path, metric: str | None = None) -> tuple[list[float], str | None, Path]:
    """The scores, what is missing, and the run."""
    run = path.parent / "run"
    import_results([path], run, Naming(metric=metric), replacing=True)
    samples, cells = records(run)
    return samples.sort("sample_id")["score"].to_list(), cells["missing"].item(), run


def page(run: Path) -> str:
    write_report(run)
    return (run / "report" / "report.md").read_text()


def test_a_whole_log_has_its_accuracy(log: Path) -> None:
    scores, missing, run = imported(log)
    assert scores == [1.0, 1.0, 0.0, 0.0]
    assert missing is None
    assert "50.0%" in page(run)


def test_scores_that_are_not_those_of_the_result_have_no_accuracy(log: Path) -> None:
    data = json.loads(log.read_text())
    for sample in data["samples"]:
        sample["scores"]["includes"]["value"] = "C"
    scores, missing, _ = imported(changed(log, samples=data["samples"]))
    assert scores == []
    assert missing == "its scores have a mean of 1.0000, its result says 0.5000"


@pytest.mark.parametrize(
    ("status", "kept", "said"),
    [
        ("error", 2, "ended with an error: 2 of 4 questions answered"),
        ("cancelled", 3, "cancelled: 3 of 4 questions answered"),
        ("started", 1, "not finished: 1 of 4 questions answered"),
        ("error", 0, "ended with an error: 0 of 4 questions answered"),
        ("cancelled", 4, "cancelled: 4 of 4 questions answered"),
        ("success", 3, "log not whole: 3 of 4 questions answered"),
    ],
)
def test_an_unfinished_log_has_no_accuracy_and_the_report_says_why(
    log: Path, status: str, kept: int, said: str
) -> None:
    samples = json.loads(log.read_text())["samples"][:kept]
    results = json.loads(log.read_text())["results"] if status == "success" else None
    scores, missing, run = imported(changed(log, status=status, samples=samples, results=results))
    assert scores == []
    assert missing == said
    text = page(run)
    assert said in text
    assert "accuracy of model on org-asked is not available" in text
    assert "%" not in text.split("Imported results")[1].split("\n\n")[1]


def test_a_question_that_ended_in_an_error_is_no_wrong_answer(log: Path) -> None:
    samples = json.loads(log.read_text())["samples"]
    failed = {"message": "boom", "traceback": "", "traceback_ansi": ""}
    samples[1] |= {"error": failed, "scores": {}}
    scores, missing, _ = imported(changed(log, samples=samples))
    assert scores == []
    assert missing == "1 with an error: 3 of 4 questions answered"


def test_epochs_are_counted(tmp_path: Path) -> None:
    from inspect_ai.scorer import includes

    log = made(tmp_path, [includes()], questions=2, epochs=2)
    assert len(imported(log)[0]) == 4
    samples = json.loads(log.read_text())["samples"][:3]
    _, missing, _ = imported(changed(log, status="cancelled", samples=samples, results=None))
    assert missing == "cancelled: 3 of 4 times answered"


def test_a_solver_need_not_call_a_model(log: Path) -> None:
    samples = [
        {**sample, "output": {"choices": []}} for sample in json.loads(log.read_text())["samples"]
    ]
    scores, missing, _ = imported(changed(log, samples=samples))
    assert (scores, missing) == ([1.0, 1.0, 0.0, 0.0], None)


def test_a_limit_is_no_interruption(tmp_path: Path) -> None:
    from inspect_ai.scorer import includes

    scores, missing, _ = imported(made(tmp_path, [includes()], limit=3))
    assert scores == [1.0, 1.0, 0.0]
    assert missing is None


def test_a_missing_grade_is_missing_and_never_zero(log: Path) -> None:
    for values, said in (
        ([None] * 4, "its answers have no score"),
        (["C", None, "I", "C"], "3 of 4 answers have a score"),
    ):
        samples = json.loads(log.read_text())["samples"]
        for sample, value in zip(samples, values, strict=True):
            sample["scores"] = {"match": {"value": value}} if value else None
        scores, missing, run = imported(changed(log, samples=samples, results=None))
        assert scores == []
        assert missing == said
        assert said in page(run)


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        (["C", "I", "P", "N"], [1.0, 0.0, 0.5, 0.0]),
        ([True, False, 1, 0.25], [1.0, 0.0, 1.0, 0.25]),
        (["yes", "No", "0.75", "1"], [1.0, 0.0, 0.75, 1.0]),
    ],
)
def test_grades_as_inspect_writes_them(log: Path, values: list[Any], scores: list[float]) -> None:
    assert imported(scored(log, values))[0] == scores


@pytest.mark.parametrize("value", [[1, 0], ["C"], "good", ""])
def test_a_score_that_is_no_number_is_refused(log: Path, value: Any) -> None:
    with pytest.raises(InputError, match=r"sample q0: the score 'judge' is no number .*--metric"):
        imported(scored(log, [value] * 4))


def test_scores_out_of_range_are_only_reported(log: Path) -> None:
    scores, missing, _ = imported(scored(log, [7, 3, 10, 1]))
    assert scores == []
    assert missing == "its scores are not in [0, 1]"


def test_the_metric_of_a_log_can_be_named(log: Path) -> None:
    samples = json.loads(log.read_text())["samples"]
    for sample in samples:
        sample["scores"]["strict"] = {"value": {"format": 1, "answer": 0}}
    changed(log, samples=samples)
    assert imported(log)[0] == [1.0, 1.0, 0.0, 0.0]
    assert imported(log, "match")[0] == [1.0, 1.0, 0.0, 0.0]
    assert imported(log, "strict/answer")[0] == [0.0] * 4
    assert imported(log, "format")[0] == [1.0] * 4
    said = r"no score 'f1'; it has: includes, match, strict/format, strict/answer"
    with pytest.raises(InputError, match=said):
        imported(log, "f1")
    results = json.loads(log.read_text())["results"]
    assert results["scores"][0]["name"] == "includes"


def test_several_values_ask_for_a_name(log: Path) -> None:
    with pytest.raises(InputError, match=r"'judge' has several values; .*judge/a, judge/b"):
        imported(scored(log, [{"a": 1, "b": 0}] * 4))
    assert imported(scored(log, [{"a": 1}] * 4))[0] == [1.0] * 4


def test_packages_of_one_task_name_are_kept_apart(log: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for task in ("org1/math", "org2/math", "数学"):
        data = json.loads(log.read_text())
        data["eval"]["task"] = task
        other = tmp_path / f"{len(task)}{task[3]}.json" if "/" in task else tmp_path / "m.json"
        other.write_text(json.dumps(data))
        import_results([other], run)
    assert set(records(run)[1]["task"]) == {"org1-math", "org2-math", "数学"}
    assert records(run)[0].height == 12


def test_examples_and_local_paths_are_part_of_the_names(log: Path, tmp_path: Path) -> None:
    data = json.loads(log.read_text())
    data["eval"] |= {"model": "hf/local", "task_args": {"fewshot": 10}}
    data["eval"]["model_args"] = {"model_path": "/runs/kd/checkpoint-9"}
    log.write_text(json.dumps(data))
    names = import_results([log], tmp_path / "run")
    assert names == ["kd-checkpoint-9--org-asked-10shot--inspect--0"]
