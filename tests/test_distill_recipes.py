"""Packaged recipes, their plan, the accelerate configuration; the loss on cached logits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from distilbench.catalog import load_catalog
from distilbench.cli import app
from distilbench.compute import training_flops_6nd
from distilbench.distill import Recipe, load_recipe, packaged_recipe, recipe_names
from distilbench.distill.accounts._counting import TrainingShape
from distilbench.distill.training import check_vllm
from distilbench.distill.training._objective import objective_of
from distilbench.distill.training.objectives._cached_logit import top_k_divergence
from distilbench.errors import InputError
from distilbench.forecast import plan_recipe

ACCELERATE = Path(__file__).parents[1] / "src/distilbench/distill/recipe/accelerate/fsdp-8.yaml"


def test_recipes_of_served_teachers_in_the_docs_are_valid(tmp_path: Path) -> None:
    """They need a server, so the docs' own tests do not run them."""
    page = Path(__file__).parents[1] / "docs" / "served-teachers.md"
    shown = re.findall(r"```yml title=\"(.*?)\"\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(shown) == 3
    for name, text in shown:
        (tmp_path / name).write_text(text)
        assert load_recipe(tmp_path / name).trials()


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_are_valid(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(packaged_recipe(name))
    assert load_recipe(path).name == name


def test_the_plan_for_eight_gpus_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "eight.yaml"
    runner = CliRunner()
    assert runner.invoke(app, ["init", str(path), "--recipe", "eight-gpus"]).exit_code == 0
    done = runner.invoke(app, ["distill", str(path), "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    card = load_catalog().card("llama-3.1-8b")
    assert card.parameters.total is not None
    size = card.parameters.total.value
    tokens = 100_000 * 4 * 0.5 * 4000
    by_hand = training_flops_6nd(size, tokens) * 2
    assert plan["student_training"]["flops"]["value"] == pytest.approx(by_hand)
    assert plan["teacher_generation"]["flops"]["value"] == pytest.approx(
        2 * 70.6e9 * tokens / 0.5, rel=0.01
    )
    assert plan["facts"]["GPUs"] == 8
    memory = plan["facts"]["memory per GPU of weights, gradients and Adam, bytes"]
    assert memory == pytest.approx(16 * size / 8)
    hours = plan["total"]["accelerator_hours"]["value"]
    assert plan["total"]["cost_usd"]["value"] == pytest.approx(hours * 24 / 8)


PLANNED = {
    "layers": ({"layers": 15}, 81_413_568),  # of the student's own file, made from this recipe
    "all": ({}, 134_515_008),
    # 64 x 49152 tied, and a layer: 4 x 64 x 64, 3 x 64 x 128; norms are not counted
    "new": ({"new": {"layers": 2, "hidden": 64, "heads": 4, "ffn": 128}}, 3_227_648),
}


@pytest.mark.parametrize("name", PLANNED)
def test_a_plan_without_plan_takes_sizes_from_the_recipe_and_says_what_it_assumes(
    tmp_path: Path, name: str
) -> None:
    spec, size = PLANNED[name]
    recipe = yaml.safe_load(packaged_recipe("template")) | {"student": spec}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    done = CliRunner().invoke(app, ["distill", str(path), "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    # 40 questions, 4 answers each, at most 256 tokens, 3 epochs
    assert plan["student_training"]["flops"]["value"] == pytest.approx(
        6 * size * 40 * 4 * 256 * 3, rel=0.001
    )
    assert "256, the most" in plan["facts"]["assumed: tokens of a sample"]
    assert "assumed: answers kept" in plan["facts"]


def test_what_a_plan_cannot_know_is_refused_with_the_field(tmp_path: Path) -> None:
    template = yaml.safe_load(packaged_recipe("template"))
    cases = {
        "student_card": {"student": {"prune": {"ffn": 512}}},
        "keep at most": {"student": {"layers": 31}},
        "teacher.card": {
            "teacher": {"source": "inspect:vllm/some/model"},
            "student": {"model": "pypi:smollm2-135m-instruct"},
            "plan": {"student_card": "smollm2-135m"},
        },
    }
    for remedy, change in cases.items():
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(template | change))
        with pytest.raises(InputError, match=remedy):
            plan_recipe(load_recipe(path), tmp_path)


def test_a_plan_says_what_kept_logits_will_take(tmp_path: Path) -> None:
    """By hand, of SmolLM2's 49,152 tokens at 128: (128 x 8 + 128 + 193) bits of ids, 128 x 7 and
    16 x 9 of values, three float32; 40 texts of 256 tokens, each with 60 bytes; at two temperatures
    each its own."""
    recipe = {
        "method": "logit",
        "teacher": {"source": "pypi:smollm2-135m-instruct"},
        "student": {"layers": 15},
        "data": {"task": {"reasoning_gym": "products"}, "questions": 40},
        "distillation": {"top_k": 128},
        "training": {"max_length": 256},
    }
    name = "kept logits of the teacher, bytes"
    planned = plan_recipe(Recipe.model_validate({"name": "r", **recipe}), tmp_path)
    by_hand = 40 * 60 + 40 * 256 * (1345 + 896 + 144 + 96) / 8
    assert planned.facts[name] == pytest.approx(by_hand, abs=40 * 4)
    swept = Recipe.model_validate({"name": "r", **recipe, "sweep": {"temperature": [1, 2]}})
    assert plan_recipe(swept, tmp_path).facts[name] == pytest.approx(2 * by_hand, rel=1e-3)
    online = Recipe.model_validate({"name": "r", **recipe, "distillation": {}})
    assert name not in plan_recipe(online, tmp_path).facts


def test_a_plan_of_plain_text_counts_its_characters(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("x" * 40_000)
    data = yaml.safe_load(packaged_recipe("half-smollm2")) | {"held_out": {"share": 0.5}}
    data["training"] |= {"epochs": 2}
    del data["training"]["max_steps"]
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data))
    plan = plan_recipe(load_recipe(path), tmp_path).plan
    [training] = [stage for stage in plan.stages if stage.name == "student_training"]
    assert training.footprint.flops.central == pytest.approx(
        6 * 81_413_568 * 2 * 40_000 * 0.5 / 4, rel=0.001
    )


def test_accelerate_reads_the_fsdp_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import ClusterConfig
    from accelerate.utils import FullyShardedDataParallelPlugin

    config = ClusterConfig.from_yaml_file(str(ACCELERATE))
    assert (config.num_processes, config.mixed_precision) == (8, "bf16")
    assert str(config.distributed_type.value) == "FSDP"
    for key, value in config.fsdp_config.items():  # as accelerate launch hands it on
        monkeypatch.setenv(
            key.upper(), str(value).lower() if value in (True, False) else str(value)
        )
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True


def test_a_wide_enough_top_k_is_the_whole_divergence() -> None:
    import torch
    from trl.experimental.gkd import GKDTrainer

    torch.manual_seed(0)
    student, teacher = torch.randn(5, 12), torch.randn(5, 12)
    best = torch.log_softmax(teacher / 1.5, -1).topk(12)
    for beta in (0.0, 0.3, 1.0):
        ours = top_k_divergence(
            student,
            best.indices,
            best.values,
            torch.full((5,), -torch.inf),
            beta=beta,
            temperature=1.5,
            tail="bucket",
        )
        whole = GKDTrainer.generalized_jsd_loss(
            student[None], teacher[None], beta=beta, temperature=1.5, reduction="sum"
        )
        assert float(ours) == pytest.approx(float(whole), abs=1e-5)


def test_tails_by_hand() -> None:
    import torch

    student = torch.tensor([[0.5, 0.3, 0.2]]).log()
    taught = torch.tensor([[0]]), torch.tensor([[0.6]]).log(), torch.tensor([0.4]).log()
    settings = {"beta": 0.0, "temperature": 1.0}
    bucket = top_k_divergence(student, *taught, tail="bucket", **settings)
    by_hand = 0.6 * torch.log(torch.tensor(0.6 / 0.5)) + 0.4 * torch.log(torch.tensor(0.4 / 0.5))
    assert float(bucket) == pytest.approx(float(by_hand), abs=1e-5)
    scaled = top_k_divergence(student, *taught, tail="renormalise", **settings)
    assert float(scaled) == pytest.approx(float(-torch.log(torch.tensor(0.5))), abs=1e-5)


def test_checkpointing_is_counted_as_executed() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from distilbench.distill.accounts._counting import counted, shape_of

    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    model = LlamaForCausalLM(config).train()
    model.activation_checkpointing_enable()
    ids = torch.randint(0, 64, (2, 20))
    with counted(model) as seen:
        model(ids, labels=ids, use_cache=False).loss.backward()
    formula = TrainingShape(shape_of(model), checkpointing=True).step(2, 20, 40)
    assert seen() == pytest.approx(formula, rel=0.05)


@pytest.mark.parametrize(
    ("method", "distillation", "sentence"),
    [
        (
            "on-policy",
            {"top_k": 16},
            "'distillation.top_k' of method on-policy is of a served teacher",
        ),
        ("on-policy", {"top_k": 16, "on_policy_share": 0.5}, "distillation.top_k"),
        ("on-policy", {"tail": "renormalise"}, "distillation.tail"),
        ("logit", {"on_policy_share": 0.5}, "distillation.on_policy_share"),
        ("logit", {"tail": "renormalise"}, "distillation.tail"),
        ("logit", {"beta": 0.2}, "changes nothing of 'divergence: forward-kl'"),
        ("logit", {"divergence": "gold", "top_k": 8}, "distillation.top_k"),
        ("sequence-level", {"temperature": 2.0}, "distillation.temperature"),
        ("sft", {"divergence": "jsd"}, "distillation.divergence"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(
    method: str, distillation: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        _recipe_of(method, distillation)


@pytest.mark.parametrize(
    ("method", "distillation"),
    [
        ("on-policy", {"divergence": "jsd", "beta": 0.2, "on_policy_share": 0.5}),
        ("logit", {"top_k": 16, "tail": "renormalise", "temperature": 2.0}),
        ("logit", {"divergence": "gold", "beta": 0.2}),
        ("sft", {"top_k": None, "divergence": "forward-kl"}),
    ],
)
def test_a_setting_that_is_heeded_is_taken(method: str, distillation: dict[str, Any]) -> None:
    assert _recipe_of(method, distillation).method == method


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        ({"distillation": {"top_k": 8, "divergence": "jsd"}}, None),
        ({"distillation": {}}, r"needs the teacher's weights .*'distillation.top_k'"),
        ({"distillation": {"top_k": 8, "temperature": 2.0}}, "of a served teacher is 1"),
        ({"distillation": {"top_k": 8}, "sweep": {"temperature": [1, 2]}}, "teacher is 1"),
        ({"distillation": {"top_k": 8, "divergence": "reverse-kl"}}, "reverse KL needs"),
        ({"distillation": {"top_k": 8, "divergence": "jsd", "beta": 1}}, "reverse KL needs"),
        ({"student": {"layers": 1}}, "starts from the teacher's weights"),
        ({"tokenizer": None}, "'tokenizer: FOLDER'"),
        ({"method": "on-policy", "distillation": {"top_k": 8}}, None),
        ({"method": "on-policy", "distillation": {}}, "needs the teacher's weights"),
        (
            {"method": "on-policy", "distillation": {"top_k": 8, "divergence": "reverse-kl"}},
            "write 'top_k: 1'",
        ),
        ({"method": "sequence-level", "distillation": {}}, None),
        (
            {"teacher": {"source": "x", "parameters": 1e9}},
            "'teacher.parameters' is of a served teacher",
        ),
    ],
)
def test_what_a_served_teacher_can_be_asked(change: dict[str, Any], sentence: str | None) -> None:
    recipe = {
        "method": "logit",
        "teacher": {"source": "inspect:vllm/m", "parameters": 7e9},
        "tokenizer": "t",
        "student": {"new": {"layers": 1, "hidden": 16, "heads": 2, "ffn": 16}},
        "data": {"task": {"reasoning_gym": "products"}},
        "distillation": {"top_k": 8},
        **change,
    }
    if sentence is None:
        Recipe.model_validate(recipe)
        return
    with pytest.raises(ValueError, match=sentence):
        Recipe.model_validate(recipe)


@pytest.mark.parametrize(
    ("vllm", "sentence"),
    [
        ({"mode": "server"}, "has a 'server_base_url'"),
        ({"server_base_url": "http://h:8000"}, "no other mode has one"),
        (
            {"mode": "server", "server_base_url": "http://h", "tensor_parallel_size": 2},
            "'tensor_parallel_size' is of 'mode: colocate'",
        ),
        ({"gpu_memory_utilization": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_vllm_is_told_has_to_be_of_its_mode(vllm: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        _recipe_of("on-policy", {"vllm": vllm})


def test_vllm_is_a_setting_of_on_policy_that_trl_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into TRL's own configuration, whose defaults stay where the recipe is silent; without vLLM
    one sentence, before any work."""
    with pytest.raises(ValueError, match=r"distillation\.vllm"):
        _recipe_of("logit", {"vllm": {}})
    recipe = _recipe_of("on-policy", {"vllm": {"gpu_memory_utilization": 0.5}})
    objective = objective_of(recipe.method, recipe.distillation)
    assert not objective.is_torchs  # torch's counter would miss what vLLM generates
    _, config = objective.trainer({"output_dir": "x", "use_cpu": True}, 16)
    assert (config.use_vllm, config.vllm_mode) == (True, "colocate")
    assert config.vllm_gpu_memory_utilization == 0.5
    assert config.vllm_tensor_parallel_size == 1
    with pytest.raises(InputError, match=r"field 'distillation\.vllm'.*not installed.*trl\[vllm\]"):
        check_vllm(recipe, "recipe 'r'")
    monkeypatch.setattr("distilbench.distill.training._launch.find_spec", lambda name: object())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"needs a GPU beside the training"):
        check_vllm(recipe, "recipe 'r'")
    check_vllm(_recipe_of("on-policy", {}), "recipe 'r'")


def _recipe_of(method: str, distillation: dict[str, Any]) -> Recipe:
    task = {"reasoning_gym": "products"}
    recipe = {"method": method, "data": {"task": task}, "distillation": distillation}
    return Recipe.model_validate(recipe | {"teacher": {"source": "teacher"}})
