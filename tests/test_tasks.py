"""Tasks: extraction, grading, generated questions, questions from files, and scoring by Inspect."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from distilbench.errors import InputError
from distilbench.tasks import (
    FileTask,
    ReasoningGymTask,
    TaskSpec,
    build_task,
    extract,
    grade,
    list_tasks,
    make_questions,
)

GSM8K = [
    {
        "question": f"Ann has {i} apples and buys {i + 1} more. How many has she?",
        "answer": f"She has {i}+{i + 1}=<<{i}+{i + 1}={2 * i + 1}>>{2 * i + 1}.\n#### {2 * i + 1}",
    }
    for i in range(600, 612)
]


@pytest.mark.parametrize(
    ("how", "text", "answer"),
    [
        ("whole", "  4 \n", "4"),
        ("whole", " \n", None),
        ("####", "10 apples #### 1,234", "1234"),
        ("####", "#### 3\nno, #### 5.50.", "3"),
        ("####", "#### $5.50.", "5.50"),
        ("####", "the answer is 12.", "12"),
        ("####", "I do not know", None),
        ("boxed", r"so \boxed{\frac{1}{2}} and \boxed{x^{2}+1}", "x^{2}+1"),
        ("boxed", r"\boxed{3", None),
        ("boxed", "none", None),
        ("last_number", "3 plus -4.5 makes $1,000.", "1000"),
        ("last_number", "half is 1/2", "1/2"),
        ("last_number", "50%", "50"),
        ("choice", "The answer is (B), not A.", "B"),
        ("choice", "Answer: C", "C"),
        ("choice", "D) because", "D"),
        ("choice", " B", "B"),
        ("choice", "I think so", None),
        ("choice", "A cat sat", None),
        ("choice", "not (A) but (C) it is", "C"),
        ("choice", "it's ABBA", None),
    ],
)
def test_extraction(how: str, text: str, answer: str | None) -> None:
    assert extract(text, how) == answer


def test_extraction_by_the_users_pattern() -> None:
    assert extract("x=1; x=22;", "regex", r"x=(\d+)") == "22"
    assert extract("x=1; x=22;", "regex", r"x=\d+") == "x=22"
    assert extract("nothing", "regex", r"x=(\d+)") is None


@given(st.text(max_size=400), st.sampled_from(["whole", "####", "boxed", "last_number", "choice"]))
def test_no_output_breaks_extraction_or_grading(text: str, how: str) -> None:
    answer = extract(text, how)
    assert answer is None or answer.strip()
    assert grade(answer, "17", "exact") in (0.0, 1.0)


@pytest.mark.parametrize("how", ["####", "boxed", "last_number", "choice", "regex"])
@pytest.mark.parametrize("unit", ["1", "1,", "#### ", r"\boxed{", "a a ", "(A"])
def test_extraction_is_bounded_in_time(how: str, unit: str) -> None:
    started = time.process_time()
    extract(unit * 200_000, how, r"(a|a)*$b" if how == "regex" else None)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("answer", "target", "grader", "score"),
    [
        ("Paris.", "paris", "exact", 1.0),
        ("1,  2,3", "1, 2, 3", "exact", 1.0),
        ("0.5", "1/2", "exact", 0.0),
        ("0.5", "1/2", "math", 1.0),
        (r"\frac{2}{4}", "0.5", "math", 1.0),
        ("x+1", "1+x", "math", 1.0),
        ("0.51", "1/2", "math", 0.0),
        (None, "1", "math", 0.0),
        ("1" * 500, "1", "math", 0.0),
    ],
)
def test_grading(answer: str | None, target: str, grader: str, score: float) -> None:
    assert grade(answer, target, grader) == score


def test_a_number_that_would_take_for_ever_is_wrong_in_time() -> None:
    started = time.perf_counter()
    assert grade("9^{9^{9^{9^9}}}", "2", "math") == 0.0
    assert time.perf_counter() - started < 60


def task_of(spec: TaskSpec, seed: int) -> Any:
    return build_task(spec, make_questions(spec, seed))


def prompts(spec: TaskSpec, seed: int) -> dict[str, list[str]]:
    return {str(s.id): [m.text for m in s.input] for s in task_of(spec, seed).dataset}


def test_generated_questions_are_stable_distinct_and_not_the_examples() -> None:
    def task(questions: int, **more: Any) -> ReasoningGymTask:
        return ReasoningGymTask(
            reasoning_gym="products",
            questions=questions,
            params={"min_digits": 1, "max_digits": 1, "max_terms": 2},
            **more,
        )

    few, many = prompts(task(10), 3), prompts(task(30), 3)
    assert few == {key: many[key] for key in few}
    assert prompts(task(10), 3) == few
    assert not few.keys() & prompts(task(10), 4).keys()
    asked = [turns[-1] for turns in many.values()]
    assert len(set(asked)) == 30
    shots = {tuple(turns[:-1]) for turns in many.values()}
    assert len(shots) == 1
    assert len(next(iter(shots))) == 8
    assert not set(next(iter(shots))) & set(asked)


def test_a_generator_that_runs_dry_or_refuses_is_said_so() -> None:
    dry = ReasoningGymTask(
        reasoning_gym="products",
        questions=500,
        params={"min_digits": 1, "max_digits": 1, "max_terms": 2},
    )
    with pytest.raises(InputError, match="distinct"):
        make_questions(dry, 0)
    for spec in (
        ReasoningGymTask(reasoning_gym="no_such_thing"),
        ReasoningGymTask(reasoning_gym="products", params={"min_digits": 9, "max_digits": 1}),
        ReasoningGymTask(reasoning_gym="products", params={"nonsense": 1}),
    ):
        with pytest.raises(InputError, match="params"):
            make_questions(spec, 0)


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"data.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        pl.DataFrame(rows).write_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_gsm8k_file_of_any_kind(tmp_path: Path, kind: str) -> None:
    spec = FileTask(file=write(tmp_path, kind, GSM8K), extract="####", fewshot=3)
    task = task_of(spec, 0)
    assert len(task.dataset) == 9
    first = task.dataset[0]
    assert first.target in {str(2 * i + 1) for i in range(600, 612)}
    turns = [m.text for m in first.input]
    assert len(turns) == 7
    assert all("####" in answer for answer in turns[1:6:2])
    assert turns[-1] not in turns[:-1]
    assert {s.target for s in task.dataset}.isdisjoint(t.split("#### ")[1] for t in turns[1:6:2])


def test_multiple_choice_by_letter_index_and_text(tmp_path: Path) -> None:
    for gold in ("B", "b", "(B)", 1, "four", "Four"):
        rows = [{"q": "2+2?", "options": ["three", "four", "five"], "gold": gold}]
        path = write(tmp_path, "jsonl", rows)
        task = task_of(FileTask(file=path, question="q", answer="gold", choices="options"), 0)
        assert [s.target for s in task.dataset] == ["B"]
        asked = str(task.dataset[0].input[-1].text)
        assert asked.endswith("2+2?\nA. three\nB. four\nC. five")


@pytest.mark.parametrize(
    ("rows", "change", "words"),
    [
        (GSM8K, {"question": "prompt"}, ["prompt", "question, answer"]),
        (GSM8K, {"fewshot": 12}, ["12", "fewshot"]),
        ([{"question": "q", "answer": "no mark"}], {"extract": "####"}, ["row 1", "####"]),
        ([{"question": "", "answer": "1"}], {}, ["row 1", "question"]),
    ],
)
def test_bad_data_is_told_with_file_and_remedy(
    tmp_path: Path, rows: list[dict[str, Any]], change: dict[str, Any], words: list[str]
) -> None:
    spec = FileTask(file=write(tmp_path, "jsonl", rows), **change)
    with pytest.raises(InputError) as caught:
        make_questions(spec, 0)
    for word in ("data.jsonl", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.jsonl", "{broken"), ("x.jsonl", ""), ("x.txt", "hello"), ("x.parquet", "nonsense")],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        make_questions(FileTask(file=tmp_path / name), 0)
    with pytest.raises(InputError, match="no such file"):
        make_questions(FileTask(file=tmp_path / "none.csv"), 0)


def test_a_task_says_its_kind_by_its_key() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(TaskSpec)
    assert isinstance(adapter.validate_python({"file": "a/my data.csv"}), FileTask)
    assert adapter.validate_python({"file": "a/my data.csv"}).name == "my-data"
    for wrong in (
        {},
        {"file": "x.csv", "extract": "regex"},
        {"file": "x.csv", "extract": "regex", "pattern": "("},
        {"file": "x.csv", "pattern": "x"},
    ):
        with pytest.raises(ValueError, match=r"reasoning_gym|pattern"):
            adapter.validate_python(wrong)


def test_the_list_of_tasks_names_real_data_sets() -> None:
    entries = {entry.name: entry for entry in list_tasks()}
    assert len(entries) > 80
    assert entries["leg_counting"].category == "arithmetic"


def test_inspect_scores_what_was_planted(tmp_path: Path) -> None:
    """A model that is right on every third question has an accuracy of a third."""
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, get_model, modelapi

    spec = FileTask(file=write(tmp_path, "jsonl", GSM8K), extract="####")
    targets = {row["question"]: row["answer"] for row in GSM8K}
    right = {question for n, question in enumerate(targets) if n % 3 == 0}

    class Planted(ModelAPI):
        async def generate(self, input: Any, **_: Any) -> ModelOutput:
            question = input[-1].text
            text = targets[question] if question in right else "#### 0"
            output = ModelOutput.from_content("planted", text)
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

    modelapi(name="planted")(lambda: Planted)
    logs = inspect_eval(
        task_of(spec, 0), model=get_model("planted/x"), log_dir=str(tmp_path), display="none"
    )
    assert logs[0].results is not None
    metric = logs[0].results.scores[0].metrics["accuracy"]
    assert metric.value == pytest.approx(4 / 12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_seeds_never_share_questions_with_their_neighbours(seed: int) -> None:
    spec = ReasoningGymTask(reasoning_gym="chain_sum", questions=2, fewshot=1)
    assert not prompts(spec, seed).keys() & prompts(spec, seed + 1).keys()
