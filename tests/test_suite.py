"""Suites: what is valid, and one sentence with file, field and remedy for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbench.errors import InputError
from distilbench.suite import Changes, Generation, json_schema, load_suite, packaged_suite

GOOD = """
models:
  - source: model.gguf
  - source: hf:owner/name/other.Q4_K_M.gguf
    role: distilled
tasks:
  - reasoning_gym: leg_counting
"""


def write(folder: Path, text: str, name: str = "suite.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_names_come_from_files_and_defaults_are_filled(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, GOOD, "my trial.yaml"))
    assert suite.name == "my-trial"
    assert [model.name for model in suite.models] == ["model", "other.q4_k_m"]
    assert suite.tasks[0].name == "leg_counting"
    assert (suite.seeds, suite.epochs, suite.generation) == ((0,), 1, Generation())


@pytest.mark.parametrize(
    ("change", "field", "remedy"),
    [
        (("tasks:", "taskz:"), "tasks", "add it"),
        (("role: distilled", "role: distiled"), "models[1].role", "vanilla"),
        (("role: distilled", "rolle: distilled"), "models[1].rolle", "spelling"),
        (("- source: model.gguf", "- source: 3"), "models[0].source", "string"),
        (("leg_counting", "leg_counting\n    questions: many"), "questions", "integer"),
        (("leg_counting", "leg_counting\n    questions: 0"), "questions", "1"),
        (("models:", "epochs: 0\nmodels:"), "epochs", "1"),
        (("role: distilled", "name: model"), "models", "rename"),
        (("models:", "profiles: [{name: a}, {name: a}]\nmodels:"), "profiles", "rename"),
        (("models:", "seeds: [1, 1]\nmodels:"), "seeds", "rename"),
        (("models:", "models: []\nmodelz:"), "models", ""),
    ],
)
def test_mistakes_become_one_sentence(
    tmp_path: Path, change: tuple[str, str], field: str, remedy: str
) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(InputError) as caught:
        load_suite(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert field in sentence
    assert remedy in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: [", "name: 2025-13-45", "models: !!python/object:os.system {}"]
)
def test_what_is_no_suite_is_said_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"suite\.yaml"):
        load_suite(write(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("tasks:", "limits: 50\ntasks:"), "limits"),
        (("tasks:", "limits: {questions: ten}\ntasks:"), "limits.questions"),
        (("tasks:", "limits: {questions: 0}\ntasks:"), "limits.questions"),
        (("tasks:", "tasks: 5\nrest:"), "tasks"),
        (("tasks:", "tasks: {a: b}\nrest:"), "tasks"),
        (("tasks:", "tasks: leg_counting\nrest:"), "tasks"),
    ],
)
def test_mistakes_are_one_sentence_also_with_changes_from_the_command_line(
    tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    every = Changes(limit=2, epochs=3, tasks=("leg_counting",))
    kinds = [Changes(limit=2), Changes(epochs=3), Changes(tasks=("leg_counting",)), every]
    for changes in kinds:
        with pytest.raises(InputError, match=f"field '{field}'") as caught:
            load_suite(path, changes)
        assert "\n" not in str(caught.value)


def test_a_limit_is_the_smaller_of_the_file_and_the_command_line(tmp_path: Path) -> None:
    for given, least in (("", 5), ("limits: {questions: 3}", 3), ('limits: {questions: "30"}', 5)):
        path = write(tmp_path, GOOD.replace("tasks:", f"{given}\ntasks:"))
        assert load_suite(path, Changes(limit=5)).limits.questions == least


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="distilbench init"):
        load_suite(tmp_path / "none.yaml")


def test_names_cannot_leave_the_run_directory(tmp_path: Path) -> None:
    for name in ("../evil", "/etc", "a/b", ".hidden"):
        with pytest.raises(InputError, match="name"):
            load_suite(write(tmp_path, GOOD.replace("models:", f"name: {name}\nmodels:", 1)))


@pytest.mark.parametrize("name", ["template", "demo"])
def test_packaged_suites_are_valid(tmp_path: Path, name: str) -> None:
    suite = load_suite(write(tmp_path, packaged_suite(name)))
    assert len(suite.models) == 2


def test_the_json_schema_knows_every_field() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert {"models", "tasks", "profiles", "seeds", "limits", "epochs"} <= set(schema["properties"])
