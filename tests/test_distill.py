"""Recipes made from beginning to end with models of a few thousand weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilbench.catalog import MeasuredStage, load_catalog
from distilbench.compute import scope_costs
from distilbench.distill import DistillResult, StageRecord, load_recipe, run_recipe
from distilbench.distill.data._corpus import load_corpus
from distilbench.errors import InputError
from tests.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("alone")
TASK = {
    "reasoning_gym": "chain_sum",
    "fewshot": 0,
    "max_tokens": 6,
    "params": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
}
NEW = {"layers": 2, "hidden": 32, "heads": 2, "ffn": 48, "context": 160}


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


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a teacher made once for all: two layers, a few steps of training."""
    folder = tmp_path_factory.mktemp("teacher")
    held_out = {"questions": 8, "accuracy": False}
    return make(write_recipe(folder, "teacher", held_out=held_out)).student_dir


def from_teacher(folder: Path, teacher: Path, name: str = "student", **changes: Any) -> Path:
    """A recipe with that teacher, whose student keeps its first layer."""
    return write_recipe(
        folder,
        name,
        **{
            "tokenizer": None,
            "student": {"layers": 1},
            "teacher": {"source": str(teacher)},
            "held_out": {"questions": 8, "accuracy": False},
            **changes,
        },
    )


def close(record: StageRecord) -> bool:
    """Whether torch's count and the formula are within 5%."""
    assert record.flops_counted
    assert record.flops_formula
    return abs(record.flops_counted / record.flops_formula - 1) < 0.05


@pytest.mark.parametrize("divergence", ["forward-kl", "reverse-kl", "jsd"])
def test_online_logits_by_each_divergence(tmp_path: Path, teacher: Path, divergence: str) -> None:
    settings = {"divergence": divergence, **({"beta": 0.3} if divergence == "jsd" else {})}
    result = make(from_teacher(tmp_path, teacher, method="logit", distillation=settings))
    training, scoring = (
        stage(result, "student_training", "student")[0],
        stage(result, "logit_caching")[0],
    )
    assert close(training)
    assert close(scoring)
    assert scoring.wall_s is None  # inside the time of training
    assert scoring.tokens == training.tokens


def test_cached_logits_are_reused_by_the_next_recipe(tmp_path: Path, teacher: Path) -> None:
    settings = {"method": "logit", "distillation": {"top_k": 8}}
    first = make(from_teacher(tmp_path, teacher, "first", **settings))
    second = make(from_teacher(tmp_path, teacher, "second", **settings, seed=1))
    paid, reused = stage(first, "logit_caching")[0], stage(second, "logit_caching")[0]
    assert close(paid)
    assert paid.reused_tokens == 0
    assert (reused.tokens, reused.reused_tokens) == (0, paid.tokens)
    assert reused.saved_flops == pytest.approx(paid.flops_counted)
    again = make(tmp_path / "first.yaml")  # finished: only its card is written anew
    for result in (again, second):
        cost = measured(result)["logit_caching"]
        assert cost.flops is not None
        assert cost.flops.value == pytest.approx(paid.flops_counted)
        assert cost.uses is not None
        assert cost.uses.value == 2


@pytest.mark.parametrize(
    ("distillation", "training"),
    [
        ({}, {}),
        ({"divergence": "jsd", "beta": 0.3}, {"gradient_accumulation": 2}),
        ({}, {"gradient_checkpointing": True}),
        ({}, {"lora": {"rank": 4}}),
        ({"on_policy_share": 0.6}, {}),  # GKD; the others: DistillationTrainer
    ],
)
def test_on_policy_counts_what_the_student_generates(
    tmp_path: Path, teacher: Path, distillation: dict[str, Any], training: dict[str, Any]
) -> None:
    settings = {"max_steps": 3, "batch_size": 8, "learning_rate": 0.003, "max_length": 128}
    result = make(
        from_teacher(
            tmp_path,
            teacher,
            method="on-policy",
            distillation=distillation,
            training=settings | training,
        )
    )
    record = stage(result, "student_training", "student")[0]
    scored = stage(result, "logit_caching")[0]
    assert record.samples == 3 * 8 * training.get("gradient_accumulation", 1)
    assert 0 < record.output_tokens < record.tokens
    assert result.loss_before is not None
    assert result.loss < result.loss_before
    assert close(record)
    assert close(scored)
    assert scored.tokens == record.tokens


def test_too_few_prompts_for_a_step_are_refused(tmp_path: Path, teacher: Path) -> None:
    training = {"max_steps": 1, "batch_size": 25, "max_length": 128}
    with pytest.raises(InputError, match=r"25 prompts at once, and there are 24"):
        make(from_teacher(tmp_path, teacher, method="on-policy", training=training))


def test_lora_trains_few_weights_and_leaves_a_whole_model(tmp_path: Path, teacher: Path) -> None:
    training = {"max_steps": 2, "batch_size": 8, "max_length": 128, "lora": {"rank": 4}}
    result = make(from_teacher(tmp_path, teacher, method="sft", training=training))
    record = stage(result, "student_training", "student")[0]
    assert record.flops_6nd is not None
    assert record.flops_6nd < 6 * 0.9 * parameters(result) * record.tokens
    assert not list(result.student_dir.glob("adapter*"))


def test_other_tokens_are_refused_in_one_sentence(tmp_path: Path, teacher: Path) -> None:
    tiny_tokenizer(260).save_pretrained(tmp_path / "other")
    recipe = from_teacher(
        tmp_path, teacher, method="logit", tokenizer="other", student={"new": NEW}
    )
    with pytest.raises(InputError, match="different tokenizers"):
        make(recipe)


def test_a_sweep_keeps_the_best_and_counts_all(tmp_path: Path, teacher: Path) -> None:
    result = make(
        from_teacher(tmp_path, teacher, method="sft", sweep={"learning_rate": [1e-9, 0.003]})
    )
    trained = stage(result, "student_training", "student")
    assert [record.trial for record in trained] == [0, 1]
    assert [record.kept for record in trained] == [False, True]
    assert result.trial == 1
    card = load_catalog((result.student_dir,)).card("student")
    assert card.training.flops is not None
    assert card.training.flops.value == pytest.approx(sum(r.flops or 0 for r in trained))


def test_plain_text_is_held_out_in_part(tmp_path: Path, teacher: Path) -> None:
    (tmp_path / "book.txt").write_text("a quick brown fox jumps over the cat on a mat . " * 60)
    data = {"text": "book.txt"}
    settings = {"method": "logit", "data": data, "held_out": {}}
    result = make(from_teacher(tmp_path, teacher, **settings))
    assert result.accuracy is None
    assert stage(result, "student_training", "student")[0].samples > 0


def test_no_held_out_question_is_trained_on(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, "overlap", held_out={"questions": 30, "seed": 0})
    corpus = load_corpus(load_recipe(path), "recipe")
    held = {asked.question.text for asked in corpus.held_out}
    assert len(corpus.train) == 24
    assert not held & {asked.question.text for asked in corpus.train}
    assert corpus.overlapping > 0  # one-digit sums: some come twice


def test_the_card_joins_the_catalog_with_measured_scopes(tmp_path: Path, teacher: Path) -> None:
    result = make(
        from_teacher(
            tmp_path,
            teacher,
            method="sequence-level",
            generation={"reject": False},
            machine={"name": "box", "usd_per_hour": 3600},
        )
    )
    catalog = load_catalog((result.student_dir,))
    card = catalog.card("student")
    assert (card.lineage.teacher, card.lineage.base) == ("teacher", "teacher")
    costs = scope_costs(card, catalog.cards, catalog.accelerators)
    flops = {scope: cost.flops.central for scope, cost in costs.items()}
    own = stage(result, "student_training", "student")[0]
    generated = stage(result, "teacher_generation")[0]
    assert close(generated)
    assert flops["student"] == pytest.approx(own.flops_counted)
    assert sum(r.flops or 0 for r in stage(result, "evaluation", "student")) > 0  # in no scope
    pipeline = own.flops_counted + generated.flops_counted
    assert flops["pipeline"] == pytest.approx(pipeline)
    trained = sum(
        r.flops or 0 for r in result.stages if r.owner == "teacher" and r.last_step is not None
    )
    assert flops["amortised"] == pytest.approx(pipeline + trained)
    assert flops["lineage"] == pytest.approx(flops["amortised"])  # the base is the teacher
    assert own.usd == pytest.approx(own.wall_s)
    assert own.peak_memory_bytes > 1e6


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


def measured(result: DistillResult) -> dict[str, MeasuredStage]:
    """Measured stages of the student's card."""
    card = load_catalog((result.student_dir,)).card(result.folder.name)
    assert card.lineage.recipe is not None
    return {stage.name: stage for stage in card.lineage.recipe.stages}


def parameters(result: DistillResult) -> float:
    figure = load_catalog((result.student_dir,)).card("student").parameters.total
    assert figure is not None
    return figure.value


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


@pytest.mark.model
def test_a_teacher_on_llama_cpp_with_other_tokens(tmp_path: Path, smollm2: str) -> None:
    settings: dict[str, Any] = {
        "method": "sequence-level",
        "teacher": {"source": smollm2},
        "data": {"task": TASK, "questions": 3},
        "held_out": {"questions": 2, "accuracy": False},
        "generation": {"reject": False},
    }
    result = make(write_recipe(tmp_path, "first", **settings))
    generated = stage(result, "teacher_generation")[0]
    assert generated.samples == 3
    assert generated.flops_counted is None  # llama.cpp's work is not torch's
    assert generated.flops_formula is not None
    assert generated.flops_formula > 2 * 100e6 * generated.tokens * 0.8
    cost = measured(result)["teacher_generation"].flops
    assert cost is not None
    assert (cost.kind, cost.value) == ("derived", pytest.approx(generated.flops_formula))
    again = make(write_recipe(tmp_path, "second", **settings, seed=1))
    reused = stage(again, "teacher_generation")[0]
    assert (reused.tokens, reused.reused_tokens) == (0, generated.tokens)
