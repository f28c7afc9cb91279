"""What goes wrong with a student is said, before it costs anything where that can be known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbench.distill import Recipe, StageRecord
from distilbench.distill.experiment._run import _Run
from distilbench.distill.teacher import Teaching
from distilbench.distill.training import Judged
from distilbench.errors import InputError
from distilbench.events import Event, Noted
from tests.test_distill import TASK, from_teacher, make, write_recipe
from tests.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("alone")
SHORT = {"max_steps": 2, "batch_size": 8, "max_length": 128}


def strict(file: Path) -> Any:
    """JSON as the standard has it: no NaN."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{file} holds a bare {word}")

    return json.loads(file.read_text(), parse_constant=refuse)


@pytest.mark.parametrize(
    ("method", "rates"),
    [
        ("sft", [1e37, 1e-3]),
        pytest.param("sft", [1e-3, 1e37], marks=pytest.mark.long),
        pytest.param("on-policy", [1e37, 1e-3], marks=pytest.mark.long),
    ],
)
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


def test_of_losses_that_are_numbers_the_lowest_wins() -> None:
    run: Any = SimpleNamespace(bench=SimpleNamespace(where="recipe 'r'"))
    assert _Run._best(run, [None, 2.0, 1.0, None]) == 2
    assert _Run._best(run, [0.0, None]) == 0
    with pytest.raises(InputError, match=r"the training diverged.*lower 'training"):
        _Run._best(run, [None])


@pytest.mark.long
def test_if_all_diverged_it_is_one_sentence(tmp_path: Path, teacher: Path) -> None:
    sweep = {"learning_rate": [1e37, 1e36]}
    recipe = from_teacher(tmp_path, teacher, method="sft", training=SHORT, sweep=sweep)
    with pytest.raises(InputError, match=r"each of the 2 trainings diverged.*lower 'training"):
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


def other_model(folder: Path, kind: str) -> Path:
    """A model of another architecture, of a moment."""
    import transformers

    tokenizer = tiny_tokenizer()
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
    )
    config.pad_token_id = tokenizer.pad_token_id
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def attempts(folder: Path) -> list[Path]:
    return list(folder.glob("out/*/attempts/*.json"))


@pytest.mark.parametrize(
    ("kind", "name"), [("Gemma", "gemma"), ("Olmo2", "olmo2"), ("StableLm", "stablelm")]
)
@pytest.mark.parametrize("place", ["teacher", "student"])
def test_what_cannot_be_exported_is_refused_before_training(
    tmp_path: Path, kind: str, name: str, place: str
) -> None:
    model = str(other_model(tmp_path / "other", kind))
    start = {"teacher": {"source": model}, "student": {"layers": 1}}
    start = start if place == "teacher" else {"student": {"model": model}, "teacher": None}
    recipe = write_recipe(
        tmp_path, "s", method="sft", tokenizer=None, export=["f16"], training=SHORT, **start
    )
    with pytest.raises(InputError, match=f"field 'export': '{name}' models .* drop 'export'"):
        make(recipe)
    assert not attempts(tmp_path)
    assert not (tmp_path / "out" / "s" / "recipe.yaml").exists()


def test_a_tokenizer_or_type_that_cannot_be_exported_is_refused_before_the_teacher_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"a": 0, "<|end|>": 1}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    whole = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|end|>")
    whole.save_pretrained(tmp_path / "tokenizer")
    first = {"recipe": str(write_recipe(tmp_path, "teacher", training=SHORT))}
    asked = {"method": "logit", "teacher": first, "tokenizer": None, "student": {"layers": 1}}
    with pytest.raises(
        InputError, match=r"the tokenizer is WordLevel; byte-level BPE .* drop 'export'"
    ):
        make(write_recipe(tmp_path, "s", export=["f16"], **asked))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="Q4_K_M is made by llama-quantize, which is not here"):
        make(write_recipe(tmp_path, "s", export=["q4_k_m"], **asked))
    with pytest.raises(InputError, match=r"export.0.* it is one of"):
        make(write_recipe(tmp_path, "s", export=["Q9"], **asked))
    assert not attempts(tmp_path)


def test_a_finished_student_goes_on_with_another_export_or_machine(
    tmp_path: Path, teacher: Path
) -> None:
    settings = {"method": "sft", "training": SHORT}
    made = make(from_teacher(tmp_path, teacher, **settings))
    trained = [r for r in made.stages if r.stage == "student_training"]
    assert [r.usd for r in trained] == [None]
    machine = {"name": "box", "usd_per_hour": 3600}
    again = make(from_teacher(tmp_path, teacher, **settings, export=["F32"], machine=machine))
    assert [f.name for f in again.student_dir.glob("*.gguf")] == ["student-F32.gguf"]
    (paid,) = [r for r in again.stages if r.stage == "student_training"]
    assert (paid.machine, paid.usd) == ("box", pytest.approx(trained[0].wall_s))
    assert paid.flops_counted == trained[0].flops_counted
    with pytest.raises(InputError, match=r"fields that differ: seed\)"):
        make(from_teacher(tmp_path, teacher, **settings, seed=5))


def test_a_recipe_is_kept_only_once_it_is_valid(tmp_path: Path, teacher: Path) -> None:
    short = {**SHORT, "max_length": 3}
    with pytest.raises(InputError, match="max_length"):
        make(from_teacher(tmp_path, teacher, method="sft", training=short))
    assert not (tmp_path / "out" / "student" / "recipe.yaml").exists()
    with pytest.raises(InputError, match="gone"):
        make(from_teacher(tmp_path, tmp_path / "gone", method="sft", training=SHORT))
    result = make(from_teacher(tmp_path, teacher, method="sft", training=SHORT))  # corrected
    assert (result.folder / "recipe.yaml").is_file()


def test_a_context_shorter_than_the_prompts_is_said(tmp_path: Path, teacher: Path) -> None:
    said: list[Event] = []
    new = {"layers": 1, "hidden": 32, "heads": 2, "ffn": 48, "context": 8}
    tokenizer = str(teacher)
    path = write_recipe(tmp_path, "s", student={"new": new}, tokenizer=tokenizer, training=SHORT)
    make(path, on_event=said.append)
    notes = [e.text for e in said if isinstance(e, Noted)]
    assert any("longer than the student's context (8 tokens; the longest has" in n for n in notes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"method": "logit", "generation": {"samples": 4}}, "'generation.samples' is of the"),
        ({"method": "sft", "generation": {"max_tokens": 4}}, "'generation.max_tokens'"),
        ({"method": "sequence-level", "generation": {"samples": 4}}, "'temperature: 0'"),
        ({"method": "sequence-level", "generation": {"top_p": 0.9}}, "'temperature: 0'"),
        ({"method": "logit", "data": {"task": TASK, "column": "x"}}, "'data.column'"),
        ({"method": "logit", "data": {"text": "a.txt", "column": "x"}}, "'data.column'"),
        ({"method": "logit", "data": {"text": "a.txt", "questions": 7}}, "'data.questions'"),
        (
            {"method": "logit", "data": {"text": "a.txt"}, "held_out": {"questions": 7}},
            "use 'share'",
        ),
        ({"method": "logit", "held_out": {"share": 0.2}}, "'held_out.share'"),
        (
            {"method": "logit", "teacher": {"source": "x", "engine": "llama.cpp"}},
            "'teacher.engine'",
        ),
        ({"method": "sft", "teacher": {"source": "x", "uses": 3}}, "'teacher.uses'"),
        (
            {"method": "sft", "training": {"lr_scheduler_type": "constant", "warmup_share": 0.2}},
            "'training.warmup_share'",
        ),
        ({"method": "logit", "distillation": {"temperature_squared": True}}, "'temperature: 1'"),
        (
            {"method": "on-policy", "distillation": {"temperature_squared": True}},
            "temperature_squared",
        ),
        ({"method": "sft", "sweep": {"beta": [0.5]}}, "'sweep.beta' changes nothing"),
        ({"method": "sft", "sweep": {"epochs": [1, 1.0]}}, "lists a value twice"),
        (
            {"method": "sft", "sweep": {"epochs": [1, 2]}, "training": {"max_steps": 3}},
            "'sweep.epochs' changes nothing beside 'training.max_steps'",
        ),
    ],
)
def test_what_would_change_nothing_is_refused(changes: dict[str, Any], sentence: str) -> None:
    recipe = {"data": {"task": TASK}, "teacher": {"source": "x"}}
    with pytest.raises(ValueError, match=sentence):
        Recipe.model_validate({**recipe, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "on-policy", "generation": {"max_tokens": 4}},
        {"method": "logit", "data": {"task": TASK, "answers": "teacher"},
         "generation": {"samples": 2, "temperature": 1.0, "reject": False}},
        {"method": "logit", "distillation": {"temperature_squared": True},
         "sweep": {"temperature": [1, 2]}},
        {"method": "sft", "training": {"max_steps": 3, "epochs": 2}},
    ],
)  # fmt: skip
def test_what_changes_something_is_taken(changes: dict[str, Any]) -> None:
    recipe = {"data": {"task": TASK}, "teacher": {"source": "x"}}
    assert Recipe.model_validate({**recipe, **changes}).method == changes["method"]


def test_multi_cpu_is_refused_since_accelerate_starts_one_process(tmp_path: Path) -> None:
    (tmp_path / "launch.yaml").write_text("distributed_type: MULTI_CPU\nnum_processes: 2")
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    with pytest.raises(InputError, match="MULTI_CPU, for which accelerate launch starts one"):
        make(write_recipe(tmp_path, "r", accelerate="launch.yaml"))


def test_fewer_processes_than_were_asked_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distilbench.distill.training._launch import check_started

    (tmp_path / "launch.yaml").write_text("distributed_type: 'NO'\nnum_processes: 2")
    recipe = Recipe.model_validate(
        {
            "method": "sft",
            "data": {"task": TASK},
            "teacher": {"source": "x"},
            "accelerate": "launch.yaml",
        }
    )
    monkeypatch.setenv("DISTILBENCH_LAUNCHED", "1")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(InputError, match="asks for 2 processes, and accelerate launch started 1"):
        check_started(recipe, tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_started(recipe, tmp_path)


def test_a_teachers_evaluation_is_no_training() -> None:
    stages: tuple[Any, ...] = ("teacher_generation", "student_training", "evaluation")
    made = [StageRecord("teacher", stage, n) for n, stage in enumerate(stages)]
    its = Teaching(None, Path(), "here", stages=made).records()
    assert [r.stage for r in its] == ["teacher_training", "teacher_training", "evaluation"]
