"""Settings of a training: precision, adapters, schedule, order, reports, the hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbench.distill import Recipe, load_recipe
from distilbench.distill.data import load_corpus
from distilbench.distill.recipe import Training
from distilbench.distill.training import _trainers, check_accelerate, check_schedule
from distilbench.distill.weights import prepare
from distilbench.errors import InputError
from distilbench.events import Noted
from distilbench.forecast import plan_recipe
from tests.test_distill import TASK, from_teacher, make, stage, write_recipe
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("alone")
SHORT: dict[str, Any] = {"max_steps": 2, "batch_size": 4, "max_length": 128}


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trainers that recipes make, as they are made."""
    made: list[Any] = []
    real = _trainers._metered

    def seen(kind: Any, job: Any) -> Any:
        class Seen(real(kind, job)):  # type: ignore[misc]
            def train(self, *args: Any, **kwargs: Any) -> Any:
                made.append(self)
                return super().train(*args, **kwargs)

        return Seen

    monkeypatch.setattr(_trainers, "_metered", seen)
    return made


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.long), "bfloat16"])
def test_merged_adapters_are_the_adapters(
    tmp_path: Path, teacher: Path, monkeypatch: Any, precision: str
) -> None:
    """Logits of the exported student and of base plus adapters, both in float32: the delta is not
    rounded to bfloat16, in which it would be lost."""
    from peft.tuners.lora import LoraModel

    ids, before = torch.tensor([[5, 6, 7, 8, 9]]), []
    training = {**SHORT, "learning_rate": 0.05, "precision": precision, "lora": {"rank": 4}}
    merge = LoraModel.merge_and_unload

    def merged(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            before.append(self.eval()(input_ids=ids).logits)
        return merge(self, *args, **kwargs)

    monkeypatch.setattr(LoraModel, "merge_and_unload", merged)
    result = make(from_teacher(tmp_path, teacher, method="sft", training=training))
    from transformers import AutoModelForCausalLM

    student = AutoModelForCausalLM.from_pretrained(result.student_dir)
    start = tiny_llama(tiny_tokenizer())
    with torch.no_grad():
        assert student.dtype == torch.float32
        assert torch.allclose(student(ids).logits, before[0].float(), atol=1e-4)
        assert not torch.allclose(student(ids).logits, start(ids).logits, atol=0.1)


def test_bfloat16_keeps_float32_weights_and_moments(
    tmp_path: Path, teacher: Path, trainers: list[Any]
) -> None:
    training = {**SHORT, "precision": "bfloat16"}
    result = make(from_teacher(tmp_path, teacher, method="sft", training=training))
    (trainer,) = trainers
    moments = [
        value
        for state in trainer.optimizer.state.values()
        for value in state.values()
        if value.dim()
    ]
    assert {value.dtype for value in moments} == {torch.float32}
    assert trainer.accelerator.mixed_precision == "bf16"
    from safetensors.torch import load_file

    weights = load_file(str(result.student_dir / "model.safetensors"))
    assert {value.dtype for value in weights.values()} == {torch.float32}
    (record,) = stage(result, "student_training", "student")
    assert record.flops_counted == pytest.approx(record.flops_formula, rel=0.005)


def test_a_gpu_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("is_available", True), ("is_bf16_supported", False)):
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    model = tiny_llama(tiny_tokenizer())
    with pytest.raises(InputError, match="Tesla T4 has no bfloat16"):
        prepare(model, Training(precision="bfloat16"))
    prepare(model, Training())


@pytest.mark.parametrize(
    ("name", "settings", "rates"),
    [
        pytest.param(
            "polynomial",
            {"power": 2.0, "lr_end": 0.0},
            [1, 9 / 16, 4 / 16, 1 / 16],
            marks=pytest.mark.long,
        ),
        ("warmup_stable_decay", {"num_decay_steps": 2, "decay_type": "linear"}, [1, 1, 1, 0.5]),
        pytest.param("constant", {}, [1, 1, 1, 1], marks=pytest.mark.long),
    ],
)
def test_rates_are_those_of_the_schedule(
    tmp_path: Path, trainers: list[Any], name: str, settings: Any, rates: list[float]
) -> None:
    """By the formulas of transformers' documentation, without warm-up, over four steps."""
    training = {
        **SHORT, "max_steps": 4, "learning_rate": 0.01, "warmup_share": 0,
        "lr_scheduler_type": name, "lr_scheduler_kwargs": settings,
    }  # fmt: skip
    if name == "constant":
        del training["warmup_share"]
    held = {"questions": 2, "accuracy": False}
    make(write_recipe(tmp_path, "r", training=training, held_out=held))
    seen = [row["learning_rate"] for row in trainers[0].state.log_history if "learning_rate" in row]
    assert seen == pytest.approx([0.01 * rate for rate in rates])


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("warmup_stable_decay", {}, "num_decay_steps"),
        ("cosine_with_min_lr", {}, "min_lr"),
        ("linear", {"power": 2.0}, "power"),
    ],
)
def test_a_schedule_that_lacks_something_is_refused_before_any_work(
    name: str, settings: Any, said: str
) -> None:
    training = {"lr_scheduler_type": name, "lr_scheduler_kwargs": settings}
    recipe = Recipe.model_validate({**RECIPE, "training": training})
    with pytest.raises(InputError, match=rf"the schedule {name} .*{said}"):
        check_schedule(recipe, "recipe 'r'")


RECIPE = {"method": "sft", "student": {"model": "x"}, "data": {"task": TASK}}


@pytest.mark.parametrize("method", ["sft", "on-policy"])
def test_from_short_to_long(tmp_path: Path, teacher: Path, monkeypatch: Any, method: str) -> None:
    """Two epochs of 12 examples, four at once: lengths rise within each."""
    seen: list[int] = []
    real = _trainers._metered

    def watched(kind: Any, job: Any) -> Any:
        class Watched(real(kind, job)):  # type: ignore[misc]
            def get_train_dataloader(self) -> Any:
                for batch in super().get_train_dataloader():
                    rows = batch if isinstance(batch, list) else None
                    seen.append(
                        max(len(row["prompt"]) for row in rows)
                        if rows
                        else int(batch["attention_mask"].sum(1).max())
                    )
                return super().get_train_dataloader()

        return Watched

    monkeypatch.setattr(_trainers, "_metered", watched)
    said: list[Any] = []
    task = {**TASK, "params": {**TASK["params"], "min_terms": 2, "max_terms": 6}}
    recipe = from_teacher(
        tmp_path, teacher, method=method, training={**SHORT, "max_steps": 1},
        data={"task": task, "questions": 12, "curriculum": "length"},
    )  # fmt: skip
    make(recipe, on_event=said.append)
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
    notes = [event.text for event in said if isinstance(event, Noted)]
    assert any("curriculum: 12 examples by length" in text for text in notes)
    assert any("the last 8 examples are not reached in 1 steps" in text for text in notes)


def test_by_a_column_low_first(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "level": level} for n, level in enumerate([3, 1.5, 2, 9, 9])]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {"text": "t.jsonl", "curriculum": "level"}
    path = write_recipe(tmp_path, "r", data=data, held_out={"share": 0.4})
    assert load_corpus(load_recipe(path), "r").train_texts == ("text 1", "text 2", "text 0")
    rows[1]["level"] = "easy"
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=r"row 2: has no number in 'level'"):
        load_corpus(load_recipe(path), "r")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"schedule": "cosine"}}, "schedule"),
        ({"training": {"lr_scheduler_type": "cosin"}}, "cosine_with_restarts"),
        ({"data": {"text": "t.jsonl", "curriculum": "length"}}, "changes nothing of plain text"),
        ({"data": {"task": TASK, "curriculum": "level"}}, "use 'length'"),
        ({"training": {"report_to": ["mlflow"]}}, "trackio"),
        ({"push_to_hub": {"hub_model_id": "name"}}, "pattern"),
        ({"push_to_hub": {"hub_model_id": "a/b", "hub_token": "hf_x"}}, "hub_token"),
    ],
)
def test_what_is_no_setting_is_refused(changes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe.model_validate({**RECIPE, **changes})


def test_a_reporter_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    path = write_recipe(tmp_path, "r", training={**SHORT, "report_to": ["trackio"]})
    with pytest.raises(InputError, match=r"trackio is not installed; pip install trackio"):
        make(path)
    assert not (tmp_path / "out/r/trials").exists()


class Hub:
    """The hub's client, as far as a push asks it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fails = False

    def create_repo(self, name: str, **settings: Any) -> None:
        self.calls.append((name, settings))
        if self.fails:
            raise OSError("no route to huggingface.co")

    def upload_folder(self, **settings: Any) -> Any:
        files = sorted(path.name for path in Path(settings["folder_path"]).iterdir())
        self.calls.append((settings["repo_id"], {"files": files}))
        return SimpleNamespace(oid="0123456789abcdef")


def test_a_push_is_made_once_with_nothing_of_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    token: list[str | None] = [None]
    monkeypatch.setattr("huggingface_hub.get_token", lambda: token[0])
    asked = {"push_to_hub": {"hub_model_id": "me/tiny"}}
    held = {"questions": 2, "accuracy": False}
    path = write_recipe(tmp_path, "r", training=SHORT, held_out=held, **asked)
    with pytest.raises(InputError, match=r"no token.*hf auth login"):
        make(path)
    assert not hub.calls
    token[0], hub.fails = "hf_secret", True
    with pytest.raises(InputError, match=r"is finished in .*no route"):
        make(path)
    hub.fails = False
    said: list[Any] = []
    make(path, on_event=said.append)
    make(path)
    assert hub.calls[1] == ("me/tiny", {"private": True, "exist_ok": True})
    assert len(hub.calls) == 3  # the finished student is not sent again
    assert {"card.yaml", "model.safetensors", "tokenizer.json"} <= set(hub.calls[2][1]["files"])
    assert any("https://huggingface.co/me/tiny" in getattr(e, "text", "") for e in said)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not [file for file in written if b"hf_secret" in file.read_bytes()]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"eval_steps": 5}}, "judged in between in one process only"),
        ({"distillation": {"losses": [{"loss": "hidden-mse"}]}}, "compared in one process only"),
    ],
)
def test_what_needs_one_process_is_refused_with_accelerate(
    tmp_path: Path, changes: Any, said: str
) -> None:
    (tmp_path / "launch.yaml").write_text("distributed_type: MULTI_GPU")
    recipe = {"method": "logit", "teacher": {"source": "x"}, "data": {"task": TASK},
              "accelerate": "launch.yaml"}  # fmt: skip
    check_accelerate(Recipe.model_validate(recipe), tmp_path, "r")
    with pytest.raises(InputError, match=said):
        check_accelerate(Recipe.model_validate({**recipe, **changes}), tmp_path, "r")


def test_a_plan_of_chats_and_of_packed_rows(tmp_path: Path) -> None:
    """20 chats, a tenth held out: 18 x 100 tokens, twice; packed rows are 512 tokens long."""
    (tmp_path / "c.jsonl").write_text('{"messages": []}\n' * 20)
    recipe = {
        "name": "r", "method": "logit",
        "teacher": {"source": "x", "card": "llama-3.3-70b-instruct"},
        "data": {"chat": "c.jsonl"}, "training": {"epochs": 2},
        "plan": {"tokens_per_sample": 100, "student_card": "llama-3.1-8b"},
    }  # fmt: skip

    def trained() -> float:
        plan = plan_recipe(Recipe.model_validate(recipe), tmp_path).plan
        found = next(stage for stage in plan.stages if stage.name == "student_training")
        return float(found.footprint.flops.central)

    size = 8.03e9
    assert trained() == pytest.approx(6 * size * 2 * 1800, rel=0.01)
    recipe["training"] = {"max_steps": 3, "batch_size": 2, "packing": True}
    assert trained() == pytest.approx(6 * size * 3 * 2 * 512, rel=0.01)
