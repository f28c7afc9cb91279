"""Recipes made from beginning to end with models of a few thousand weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilbench.distill import DistillResult, StageRecord, load_recipe, run_recipe
from distilbench.errors import InputError
from tests.tiny_models import tiny_tokenizer

TASK = {
    "reasoning_gym": "chain_sum",
    "fewshot": 0,
    "max_tokens": 6,
    "params": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
}
NEW = {"layers": 2, "hidden": 32, "heads": 2, "ffn": 48, "context": 160}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    torch.set_num_threads(1)
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))


def write_recipe(folder: Path, name: str, **changes: Any) -> Path:
    """A recipe that trains from scratch on gold answers, with ``changes``."""
    if not (folder / "tokenizer").is_dir():
        tiny_tokenizer().save_pretrained(folder / "tokenizer")
    recipe = {
        "method": "scratch",
        "tokenizer": "tokenizer",
        "student": {"new": NEW},
        "data": {"task": TASK, "questions": 24},
        "held_out": {"questions": 8},
        "training": {"max_steps": 3, "batch_size": 8, "learning_rate": 0.003, "max_length": 128},
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def make(path: Path, **kwargs: Any) -> DistillResult:
    return run_recipe(load_recipe(path), path.parent, path.parent / "out", **kwargs)


def stage(result: DistillResult, name: str, owner: str | None = None) -> list[StageRecord]:
    found = [r for r in result.stages if r.stage == name and owner in (None, r.owner)]
    assert found
    return found


def test_sequence_level_from_a_teacher_made_first(tmp_path: Path) -> None:
    write_recipe(tmp_path, "teacher", held_out={"questions": 8, "accuracy": False})
    recipe = write_recipe(
        tmp_path,
        "student",
        method="sequence-level",
        teacher={"recipe": "teacher.yaml"},
        student={"new": {**NEW, "layers": 1}},
        generation={"reject": False},
    )
    result = make(recipe)
    assert (result.student_dir / "model.safetensors").is_file()
    assert 0 < result.loss < 7
    assert result.accuracy is not None
    training = stage(result, "student_training", "student")[0]
    assert training.status == "done"
    assert training.last_step == 3
    assert training.tokens > 0
    assert stage(result, "teacher_training", "teacher")
    generated = stage(result, "teacher_generation")[0]
    assert generated.samples == 24
    assert generated.output_tokens > 0


def test_a_teacher_that_is_never_right_is_one_sentence(tmp_path: Path) -> None:
    write_recipe(tmp_path, "teacher", held_out={"questions": 8, "accuracy": False})
    recipe = write_recipe(
        tmp_path, "student", method="sequence-level", teacher={"recipe": "teacher.yaml"}
    )
    with pytest.raises(InputError, match="none of 24 questions right"):
        make(recipe)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"methd": "sft"}, "'methd' is not a field"),
        ({"method": "logit"}, "needs 'teacher'"),
        ({"tokenizer": None}, "it needs 'tokenizer'"),
        ({"sweep": {"seed": [1.0]}}, "'sweep' lists values of"),
        ({"training": {"batch_size": 0}}, "training.batch_size"),
        ({"data": {"questions": 3}}, "either 'task' or 'text'"),
    ],
)
def test_a_bad_recipe_is_one_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as error:
        load_recipe(write_recipe(tmp_path, "bad", **changes))
    assert "bad.yaml" in str(error.value)
