"""What goes wrong with a student is said, before it costs anything where that can be known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill.training import Judged
from distilbench.errors import InputError
from distilbench.events import Event, Noted
from tests.test_distill import from_teacher, make
from tests.tiny_models import tiny_llama, tiny_tokenizer

SHORT = {"max_steps": 2, "batch_size": 8, "max_length": 128}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    tokenizer = tiny_tokenizer()
    tiny_llama(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def strict(file: Path) -> Any:
    """JSON as the standard has it: no NaN."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{file} holds a bare {word}")

    return json.loads(file.read_text(), parse_constant=refuse)


@pytest.mark.parametrize("method", ["sft", "on-policy"])
@pytest.mark.parametrize("rates", [[1e37, 1e-3], [1e-3, 1e37]])
def test_a_trial_that_diverged_has_lost(
    tmp_path: Path, teacher: Path, method: str, rates: list[float]
) -> None:
    said: list[Event] = []
    recipe = from_teacher(
        tmp_path, teacher, method=method, training=SHORT, sweep={"learning_rate": rates}
    )
    result = make(recipe, on_event=said.append)
    assert result.trial == rates.index(1e-3)
    assert math.isfinite(result.loss)
    assert strict(result.student_dir / "result.json")["loss"] == result.loss
    lost = result.folder / "trials" / str(rates.index(1e37)) / "judged.json"
    assert strict(lost)["loss"] is None
    assert [e.text for e in said if isinstance(e, Noted) and "diverged" in e.text]


def test_if_all_diverged_it_is_one_sentence(tmp_path: Path, teacher: Path) -> None:
    training = {**SHORT, "learning_rate": 1e37}
    with pytest.raises(InputError, match=r"the training diverged.*lower 'training.learning_rate'"):
        make(from_teacher(tmp_path, teacher, "one", method="sft", training=training))
    sweep = {"learning_rate": [1e37, 1e36]}
    recipe = from_teacher(tmp_path, teacher, "two", method="sft", training=SHORT, sweep=sweep)
    with pytest.raises(InputError, match="each of the 2 trainings diverged"):
        make(recipe)


def test_a_loss_of_guessing_is_said_with_its_number() -> None:
    """ln 320 = 5.768321."""
    guess = Judged(5.76, 10, guessing=math.log(320)).trouble()
    assert guess is not None
    assert "(5.7683)" in guess
    assert Judged(5.0, 10, guessing=math.log(320)).trouble(5.5) is None
    worse = Judged(5.0, 10, guessing=math.log(320)).trouble(4.5)
    assert worse is not None
    assert "before training (4.5000)" in worse
