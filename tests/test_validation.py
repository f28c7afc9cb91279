"""Judged while it trains: on a split of its own, counted as evaluation, the best student kept."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill import Recipe, load_recipe
from distilbench.distill.data import load_corpus
from distilbench.distill.training import _train, _validating
from distilbench.distill.training._evaluate import Judged
from distilbench.events import Noted, ValidationSeen
from tests.test_distill import TASK, from_teacher, make, stage, write_recipe
from tests.tiny_models import tiny_tokenizer

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("alone")
SPLIT = {"validation": {"questions": 8, "seed": 5}}
STEPS: dict[str, Any] = {"max_steps": 6, "batch_size": 4, "max_length": 128, "eval_steps": 2}


def as_judged(monkeypatch: pytest.MonkeyPatch, losses: list[float | None]) -> None:
    """Let the evaluations find these losses, one after the other."""
    real = _validating.held_out_loss

    def found(*args: Any) -> Judged:
        return Judged(losses.pop(0), real(*args).tokens)

    monkeypatch.setattr(_validating, "held_out_loss", found)


def weights(folder: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def test_it_is_an_evaluation_by_its_loss_its_work_and_its_time(
    tmp_path: Path, teacher: Path
) -> None:
    """At steps 2, 4, 5 (the last), of which the loss is the judge's own."""
    events: list[Any] = []
    training = {**STEPS, "max_steps": 5, "learning_rate": 0.003}
    path = from_teacher(tmp_path, teacher, method="logit", training=training, **SPLIT)
    result = make(path, on_event=events.append)
    seen = [event for event in events if isinstance(event, ValidationSeen)]
    assert [event.step for event in seen] == [2, 4, 5]
    _, between, _ = stage(result, "evaluation", "student")
    corpus = load_corpus(load_recipe(path), "r")
    tokenizer = tiny_tokenizer()
    from distilbench.distill.data import validation_examples

    examples = validation_examples(corpus, tokenizer, 128, "r")
    assert between.tokens == 3 * sum(len(example.ids) for example in examples)
    assert between.samples == 3 * len(examples) == 3 * len(corpus.validation)
    assert between.flops_counted == pytest.approx(between.flops_formula, rel=0.005)
    assert (between.status, between.trial) == ("done", 0)
    (trained,) = stage(result, "student_training", "student")
    assert trained.flops_counted == pytest.approx(trained.flops_formula, rel=0.005)
    assert trained.wall_s is not None
    assert between.wall_s is not None
    assert min(trained.wall_s, between.wall_s) > 0
    # The mean surprise of what follows the prompts, one by one, by the student that was kept.
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(result.student_dir, dtype=torch.double)
    total, count = 0.0, 0
    for example in examples:
        logits = model(torch.tensor([example.ids])).logits[0, len(example.prompt) - 1 : -1]
        picked = logits.log_softmax(-1).gather(-1, torch.tensor(example.completion)[:, None])
        total, count = total - float(picked.sum().detach()), count + len(example.completion)
    assert seen[-1].loss == pytest.approx(total / count, rel=1e-6)


def test_no_split_shares_a_question_with_another(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, "r", training=STEPS, **SPLIT)
    corpus = load_corpus(load_recipe(path), "r")
    parts = [
        {asked.question.text for asked in part}
        for part in (corpus.train, corpus.validation, corpus.held_out)
    ]
    assert [len(part) > 4 for part in parts] == [True, True, True]
    assert len(corpus.train) == 24
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


@pytest.mark.parametrize("rows", [1, 20])
def test_of_plain_text_it_is_the_part_before_the_held_out(tmp_path: Path, rows: int) -> None:
    letters = [f"{number:03d} " * 5 for number in range(100)]
    if rows == 1:
        (tmp_path / "book.txt").write_text("".join(letters))
    else:
        size = len(letters) // rows
        texts = ["".join(letters[at : at + size]) for at in range(0, len(letters), size)]
        lines = [json.dumps({"text": text}) for text in texts]
        (tmp_path / "book.jsonl").write_text("\n".join(lines))
    name = "book.txt" if rows == 1 else "book.jsonl"
    path = write_recipe(
        tmp_path, "r", data={"text": name}, held_out={"share": 0.1},
        validation={"share": 0.2}, training=STEPS,
    )  # fmt: skip
    corpus = load_corpus(load_recipe(path), "r")
    assert "".join(corpus.train_texts) == "".join(letters[:70])
    assert "".join(corpus.validation_texts) == "".join(letters[70:90])
    assert "".join(corpus.held_out_texts) == "".join(letters[90:])


@pytest.mark.parametrize("lora", [None, pytest.param({"rank": 4}, marks=pytest.mark.long)])
def test_it_stops_early_and_keeps_the_best(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch, lora: Any
) -> None:
    """Losses 3, 2, 2.5, NaN: patience of two ends it behind the fourth, at step 8 of 20."""
    as_judged(monkeypatch, [3.0, 2.0, 2.5, None])
    events: list[Any] = []
    kept: dict[str, Any] = {}
    training = {**STEPS, "max_steps": 20, "early_stopping_patience": 2, "lora": lora}

    def look(event: Any) -> None:
        events.append(event)
        best = tmp_path / "out/student/trials/0/checkpoints/checkpoint-4"
        if best.is_dir() and not (lora or kept):
            kept.update(weights(best))

    path = from_teacher(tmp_path, teacher, method="sft", training=training, **SPLIT)
    result = make(path, on_event=look)
    (trained,) = stage(result, "student_training", "student")
    assert (trained.last_step, trained.samples) == (8, 32)  # all its steps are counted
    said = [event.text for event in events if isinstance(event, Noted)]
    assert any("stopped early at step 8 of 20" in text for text in said)
    assert any("student of step 4" in text and "(2.0000)" in text for text in said)
    if not lora:
        found = weights(result.student_dir)
        assert all(torch.equal(found[name], kept[name]) for name in kept)
    between = stage(result, "evaluation", "student")[1]
    assert between.flops_counted == pytest.approx(between.flops_formula, rel=0.005)


@pytest.mark.long
def test_killed_when_it_had_stopped_it_trains_no_more(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_judged(monkeypatch, [2.0, 3.0])
    training = {**STEPS, "max_steps": 20, "early_stopping_patience": 1}
    path = from_teacher(tmp_path, teacher, method="sft", training=training, **SPLIT)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_train, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            make(path)
    best = weights(tmp_path / "out/student/trials/0/checkpoints/checkpoint-2")
    result = make(path)
    attempts = stage(result, "student_training", "student")
    assert [(one.status, one.samples) for one in attempts] == [("failed", 16), ("done", 0)]
    found = weights(result.student_dir)
    assert all(torch.equal(found[name], best[name]) for name in best)


@pytest.mark.long
def test_patience_goes_on_over_a_kill(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed behind the evaluation at step 6 (patience 1 of 2 used): one more ends it, at 8."""
    training = {**STEPS, "max_steps": 20, "early_stopping_patience": 2}
    path = from_teacher(tmp_path, teacher, method="sft", training=training, **SPLIT)

    def kill(event: Any) -> None:
        if getattr(event, "event", "") == "step_done" and event.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        as_judged(patch, [3.0, 2.0, 2.5])
        with pytest.raises(KeyboardInterrupt):
            make(path, on_event=kill)
    shutil.move(tmp_path / "out", tmp_path / "moved")
    as_judged(monkeypatch, [2.5])
    from distilbench.distill import run_recipe

    result = run_recipe(load_recipe(path), path.parent, tmp_path / "moved")
    attempts = stage(result, "student_training", "student")
    assert [one.last_step for one in attempts] == [7, 8]
    best = json.loads((tmp_path / "moved/student/student/result.json").read_text())
    assert math.isfinite(best["loss"])


TASKED = {"method": "scratch", "tokenizer": "t", "student": {"new": {"layers": 1, "hidden": 8,
          "heads": 1, "ffn": 8}}, "data": {"task": TASK}}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"validation": {"questions": 9}}, r"changes nothing without 'training.eval_steps'"),
        ({"training": {"early_stopping_patience": 2}}, r"give 'training.eval_steps' too"),
        ({"training": {"load_best_model_at_end": True}}, r"give 'training.eval_steps' too"),
        (
            {"training": {"eval_steps": 5, "early_stopping_threshold": 0.1}},
            r"needs 'training.early_stopping_patience'",
        ),
        (
            {"training": {"eval_steps": 5, "load_best_model_at_end": True, "checkpoint_every": 9}},
            r"checkpoint_every' changes nothing",
        ),
        ({"training": {"eval_steps": 5}, "validation": {"seed": 0}}, r"seed' is that of"),
        ({"training": {"eval_steps": 5}, "validation": {"share": 0.2}}, r"use 'questions'"),
        (
            {
                "data": {"text": "x.txt"},
                "held_out": {"share": 0.5},
                "training": {"eval_steps": 5},
                "validation": {"share": 0.5},
            },
            r"leave nothing to train on",
        ),
    ],
)
def test_what_would_change_nothing_is_refused(changes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe.model_validate({**TASKED, **changes})
