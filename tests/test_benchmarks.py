"""Benchmarks: Inspect tasks of installed packages, on small data sets of our own invention."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from distilbench.errors import InputError
from distilbench.files import read_sealed
from distilbench.meter import Timing, summed
from distilbench.runner import Cell, _sandbox, plan
from distilbench.runner._records import as_share
from distilbench.runner._run import prepare_questions
from distilbench.runner._store import cell_folder, is_finished, questions_file, shards_of
from distilbench.suite import load_suite
from distilbench.tasks import (
    InspectTask,
    QuestionSet,
    ReasoningGymTask,
    TaskSpec,
    attempt_questions,
    list_benchmarks,
    main_score,
)
from tests.benchmark_data import lay_out

KNOWN = {
    "inspect_evals/gsm8k": 1319,
    "inspect_evals/math": 5000,
    "distilbench/math_500": 500,
    "inspect_evals/aime2024": 30,
    "inspect_evals/aime2025": 30,
    "inspect_evals/gpqa_diamond": 198,
    "inspect_evals/mmlu_pro": 12032,
    "inspect_evals/arc_challenge": 1172,
    "inspect_evals/bbh": 6509,
    "inspect_evals/humaneval": 164,
    "inspect_evals/mbpp": 257,
    "inspect_evals/ifeval": 541,
}
# Runs in the folder of the data sets: reads batches of specifications, each made by a child of its
# own, prints what was made of each, and at last what is said of a question that was changed.
MAKE = """
import json, sys
from distilbench.tasks import InspectTask, attempt_questions, build_task
for batch in json.loads(sys.argv[1]):
    specs = [InspectTask.model_validate(fields) for fields in batch]
    for spec, made in zip(specs, attempt_questions([(spec, 0) for spec in specs])):
        if isinstance(made, Exception):
            print(json.dumps({"error": str(made)}))
            continue
        task = build_task(spec, made, 0)
        print(json.dumps({
            "questions": [q.model_dump() for q in made.questions], "strata": made.strata,
            "sandbox": made.sandbox, "overhead": made.overhead_chars,
            "ids": [str(s.id) for s in task.dataset], "scorers": len(task.scorer or []),
            "max_tokens": task.config.max_tokens, "epochs": task.epochs, "name": task.name,
        }))
if not isinstance(made, Exception):
    first = made.questions[0].model_copy(update={"text": "another question"})
    try:
        build_task(spec, made.model_copy(update={"questions": (first,)}), 0)
    except ValueError as error:
        print(json.dumps({"error": str(error)}))
"""


def spec(**fields: Any) -> InspectTask:
    return InspectTask.model_validate({"inspect": "inspect_evals/gsm8k", **fields})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("benchmarks")
    return folder / "data", lay_out(folder)


def made(data: tuple[Path, dict[str, str]], *batches: list[InspectTask]) -> list[dict[str, Any]]:
    """What the parent and a worker make of tasks, in a process with the data at hand."""
    fields = [[task.model_dump(mode="json") for task in batch] for batch in batches]
    done = subprocess.run(
        [sys.executable, "-c", MAKE, json.dumps(fields)],
        cwd=data[0],
        env=data[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


MMLU = spec(
    inspect="inspect_evals/mmlu_pro",
    subset={"questions": 4, "stratify": "subject"},
    cluster="subject",
)
ASKED = {
    **{name: InspectTask(inspect=name) for name in KNOWN},
    "mmlu": MMLU,
    "mmlu by era": MMLU.model_copy(
        update={"subset": MMLU.subset.model_copy(update={"stratify": "era"})}  # type: ignore[union-attr]
    ),
    "few": spec(args={"fewshot": 1}, max_tokens=7, questions=2, name="g"),
    "unknown": spec(args={"shots": 1}),
    "filtered": spec(inspect="inspect_evals/math", args={"levels": [1]}),
}
ASKED_AGAIN = {"mmlu again": MMLU, "changed": InspectTask(inspect="inspect_evals/arc_challenge")}


@pytest.fixture(scope="module")
def built(data: tuple[Path, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """By name: one process for all, since each imports the benchmarks for seconds."""
    told = made(data, list(ASKED.values()), list(ASKED_AGAIN.values()))
    return dict(zip((*ASKED, *ASKED_AGAIN, "of the changed"), told, strict=True))


def test_the_known_benchmarks_are_listed_with_their_sizes() -> None:
    listed = {entry.name: entry.questions for entry in list_benchmarks()}
    assert {name: listed[name] for name in KNOWN} == KNOWN


def test_listing_imports_no_benchmark() -> None:
    code = (
        "import sys; from distilbench.tasks import list_benchmarks; list_benchmarks();"
        "print([m for m in ('inspect_ai', 'inspect_evals', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_known_benchmark_is_built(built: dict[str, dict[str, Any]]) -> None:
    found = {name: built[name] for name in KNOWN}
    assert all("error" not in task for task in found.values()), found
    for name, task in found.items():
        assert task["ids"] == [q["id"] for q in task["questions"]], name
        assert task["scorers"] == 1, name
        assert task["epochs"] == 1, name  # a suite says how often, not the benchmark
        assert task["max_tokens"] == 2048, name
    sandboxes = {name.split("/")[1] for name, task in found.items() if task["sandbox"]}
    assert sandboxes == {"humaneval", "mbpp"}
    assert found["inspect_evals/gsm8k"]["overhead"] > 1000  # ten examples come first


def test_a_subset_is_drawn_by_stratum_and_by_seed(built: dict[str, dict[str, Any]]) -> None:
    first, again, wrong = (built[name] for name in ("mmlu", "mmlu again", "mmlu by era"))
    assert first["strata"] == {"law": 2, "physics": 4}
    assert sorted(q["stratum"] for q in first["questions"]) == [
        "law",
        "physics",
        "physics",
        "physics",
    ]
    assert {q["cluster"] for q in first["questions"]} == {"law", "physics"}
    assert first["questions"] == again["questions"]
    assert "field 'subset.stratify'" in wrong["error"]
    assert "have no metadata 'era'" in wrong["error"]


def test_arguments_reach_the_task_and_wrong_ones_are_named(
    built: dict[str, dict[str, Any]],
) -> None:
    few, unknown, filtered = (built[name] for name in ("few", "unknown", "filtered"))
    assert (few["max_tokens"], few["name"], len(few["ids"])) == (7, "g", 2)
    assert few["overhead"] < 700
    assert "field 'args.shots'" in unknown["error"]
    assert "it has: fewshot" in unknown["error"]
    assert len(filtered["ids"]) == 3


def test_what_is_not_installed_says_how_to_install_it(data: tuple[Path, dict[str, str]]) -> None:
    without = {**data[1], "PYTHONPATH": data[1]["PYTHONPATH"].partition(":")[2]}
    (ifeval,) = made((data[0], without), [spec(inspect="inspect_evals/ifeval")])
    assert ifeval["error"].startswith("task 'ifeval': ")
    assert ifeval["error"].endswith(
        "pip install git+https://github.com/josejg/instruction_following_eval"
    )
    other, missing = attempt_questions(
        [(spec(inspect="other_evals/x"), 0), (spec(inspect="inspect_evals/gsm9k"), 0)]
    )
    assert "pip install 'distilbench[benchmarks]'" in str(other)
    assert "distilbench tasks inspect_evals" in str(missing)


def test_a_data_set_that_cannot_be_fetched_is_one_sentence(
    data: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    started = time.monotonic()
    (gone,) = made((tmp_path, data[1]), [spec(inspect="inspect_evals/aime2024")])
    assert "task 'aime2024'" in gone["error"]
    assert "cannot be fetched" in gone["error"]
    assert "HF_TOKEN" in gone["error"]
    assert time.monotonic() - started < 120


@pytest.mark.parametrize(
    "bad",
    [
        {"inspect": "tasks/evil.py"},
        {"inspect": "tasks/evil.py@task"},
        {"inspect": "../evil.py@task"},
        {"inspect": "/tmp/evil.py@task"},
        {"inspect": "../evil"},
        {"inspect": "gsm8k"},
        {"sandbox": "local"},
        {"inspect": "inspect_evals/humaneval", "args": {"sandbox": "local"}},
        {"questions": 3, "subset": {"questions": 3}},
        {"solver": "x"},
    ],
)
def test_no_path_and_no_unguarded_code(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TaskSpec).validate_python({"inspect": "inspect_evals/gsm8k", **bad})


def test_scores_of_any_scorer_become_shares() -> None:
    values = {"a": True, "b": 3, "n": 4}
    assert as_share("C", None) == 1.0
    assert as_share("P", None) == 0.5
    assert as_share(0.25, None) == 0.25
    assert as_share(values, None) == 1.0
    assert as_share(values, "b/n") == 0.75
    with pytest.raises(ValueError, match="'n' is 0"):
        as_share({"b": 1, "n": 0}, "b/n")
    with pytest.raises(ValueError, match="3 is not in"):
        as_share(values, "b")
    with pytest.raises(ValueError, match="it has: a, b, n"):
        as_share(values, "c")
    assert main_score(spec(inspect="inspect_evals/ifeval")) == "prompt_level_strict"
    assert main_score(spec(score="x")) == "x"


def test_a_generator_that_never_ends_is_an_error_and_the_rest_goes_on() -> None:
    fields = {"questions": 2, "fewshot": 0}
    endless = ReasoningGymTask.model_validate(
        {"reasoning_gym": "base_conversion", "params": {"min_base": 7, "max_base": 7}, **fields}
    )
    other = ReasoningGymTask.model_validate({"reasoning_gym": "lcm", **fields})
    never, asked, again = attempt_questions(
        [(endless, 0), (other, 0), (other, 1)], generate_within_s=12
    )
    assert isinstance(never, InputError)
    assert "task 'base_conversion'" in str(never)
    assert "widen its 'params'" in str(never)
    assert isinstance(asked, QuestionSet)
    assert isinstance(again, QuestionSet)
    assert asked != again


def test_an_answer_of_several_generations_costs_all_of_them() -> None:
    first = Timing(input_tokens=10, cached_tokens=2, output_tokens=5, ttft_s=0.1, total_s=1.0)
    second = Timing(input_tokens=20, cached_tokens=None, output_tokens=7, ttft_s=0.4, total_s=2.0)
    both = summed([first, second])
    assert (both.input_tokens, both.output_tokens, both.total_s) == (30, 12, 3.0)
    assert (both.cached_tokens, both.ttft_s) == (None, 0.1)


def test_a_changed_data_set_is_noticed(built: dict[str, dict[str, Any]]) -> None:
    said = built["of the changed"]["error"]
    assert "question 'arc-0' is not what it was when the run began" in said


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    path = tmp_path / "small.yaml"
    path.write_text(
        "models: [pypi:gemma-3-270m]\ntasks: [{reasoning_gym: lcm, questions: 2, fewshot: 0}]\n"
    )
    return plan(load_suite(path), tmp_path, str(path))[0]


def test_a_run_keeps_the_questions_that_it_began_with(tmp_path: Path, cell: Cell) -> None:
    for _ in range(2):
        prepare_questions(tmp_path, [cell])
        assert [shard.questions for shard in shards_of(tmp_path, cell)] == [2]
    path = questions_file(tmp_path, cell)
    asked = read_sealed(path).decode()
    path.write_text(asked.replace("LCM", "lcm").replace("Least", "least"))
    with pytest.raises(InputError, match="not those that this run began with"):
        prepare_questions(tmp_path, [cell])


def test_cells_that_were_refused_are_taken_up_once_there_is_docker(
    tmp_path: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cell_folder(tmp_path, cell)
    for refused, there, kept in (
        ("needs Docker", False, True),
        (None, True, True),
        ("needs Docker", True, False),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("cell.json", "shard.json"):
            (folder / name).write_text(json.dumps({"refused": refused}))
        monkeypatch.setattr(_sandbox, "docker_works", lambda there=there: there)
        _sandbox.reopen_refused(tmp_path, [cell])
        assert is_finished(tmp_path, cell) == kept
