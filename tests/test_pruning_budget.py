"""A budget for the student: what keeps it and loses least is found, or what is least is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from distilbench.catalog import load_catalog
from distilbench.compute import SCOPE_STAGES
from distilbench.distill import run_recipe
from distilbench.distill.accounts import StageMeter
from distilbench.distill.recipe import Recipe, StudentSpec
from distilbench.distill.training import _pruned
from distilbench.distill.weights import Loaded, by_influence, candidates, params
from distilbench.distill.weights._importance import by_weight
from distilbench.distill.weights._shrinking import make_smaller
from distilbench.errors import InputError
from tests.test_gguf_architectures import WINDOW, small
from tests.tiny_models import WORDS, tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
TEXTS = [WORDS[at:] for at in range(0, 40, 5)]


def spec(**budget: Any) -> StudentSpec:
    return StudentSpec.model_validate({"prune": budget})


@pytest.fixture(scope="module")
def parent() -> Loaded:
    """Of which the third layer and the last sixteen MLP features of 48 do nothing."""
    torch.set_num_threads(1)
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    ids = torch.tensor([tokenizer(WORDS)["input_ids"]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(25):
        idle(model)
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    idle(model)
    return Loaded(model.eval(), tokenizer, "")


def idle(model: Any) -> None:
    with torch.no_grad():
        model.model.layers[2].self_attn.o_proj.weight.zero_()
        model.model.layers[2].mlp.down_proj.weight.zero_()
        for layer in model.model.layers:
            layer.mlp.down_proj.weight[:, 32:] = 0
            layer.mlp.gate_proj.weight[32:] = 0
            layer.mlp.up_proj.weight[32:] = 0


def search(parent: Loaded, folder: Path, **budget: Any) -> tuple[StudentSpec, Any, list[str]]:
    heard: list[str] = []
    with StageMeter("t", folder).stage("pruning") as attempt:
        wanted = _pruned.Search(
            spec(**budget), parent, TEXTS, "F16", attempt, "student.prune",
            lambda event: heard.append(event.text),  # type: ignore[attr-defined]
        )  # fmt: skip
        return wanted.found(), attempt.record, heard


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("llama", {"tie_word_embeddings": False}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
        ("smollm3", {"layers": 8}),
        ("gemma3_text", {**WINDOW, "layers": 12}),
    ],
)
def test_a_candidate_has_the_parameters_that_it_is_said_to(kind: str, fields: Any) -> None:
    model = small(kind, **fields)
    every = list(candidates(model.config, [1.0] * model.config.num_hidden_layers))
    assert params(every[0], model.config, {}) == model.num_parameters()
    for one in (every[len(every) // 2], every[-1]):
        made = make_smaller(one.spec(spec(params=1)), model, by_weight(model), "t")
        assert made.num_parameters() == params(one, model.config, {})
        kinds = ("layer_types", "no_rope_layers")
        for name in kinds:  # each layer is followed by one of the kind that followed it
            had, has = (getattr(m.config, name, None) for m in (model, made))
            assert (had or [])[: len(has or [])] == (has or [])


def test_what_does_nothing_goes_first(parent: Loaded, tmp_path: Path) -> None:
    influence = by_influence(parent.model, parent.tokenizer, TEXTS)
    assert min(range(4), key=lambda i: influence[i]) == 2
    without = spec(params=1).model_copy(update={"keep_layers": (0, 1, 3)})
    lean = make_smaller(without.model_copy(update={"prune": spec_of(ffn=32)}), *dead(parent))
    found, record, heard = search(parent, tmp_path, params=lean.num_parameters())
    assert found.keep_layers == (0, 1, 3)
    assert found.prune == spec_of(ffn=32, hidden=32, heads=4, kv_heads=2)
    made = make_smaller(found, *dead(parent))
    ids = torch.tensor([parent.tokenizer(TEXTS[0])["input_ids"]])
    with torch.no_grad():
        assert torch.allclose(made(ids).logits, parent.model(ids).logits, atol=1e-5)
    assert heard == [
        "pruned to layers 0, 1, 3, hidden 32, 4 heads (2 key/value), ffn 32:"
        f" {lean.num_parameters():,} parameters"
    ]
    assert record.flops == record.flops_formula
    calibration = sum(len(parent.tokenizer(t)["input_ids"]) for i, t in enumerate(TEXTS) if i % 4)
    held = sum(len(parent.tokenizer(t)["input_ids"]) for t in TEXTS[::4])
    scored, left = divmod(record.tokens - calibration, held)
    assert left == 0
    assert 1 <= scored <= 6


def spec_of(**widths: int) -> Any:
    return StudentSpec.model_validate({"prune": widths}).prune


def dead(parent: Loaded) -> tuple[Any, Any, str]:
    return parent.model, by_weight(parent.model), "t"


def test_a_budget_that_cannot_be_met_names_the_smallest(parent: Loaded, tmp_path: Path) -> None:
    every = list(candidates(parent.model.config, [1.0] * 4))
    least = min(params(one, parent.model.config, {}) for one in every)
    with pytest.raises(InputError, match=rf"2 layers, .* which is {least:,} parameters"):
        search(parent, tmp_path, params=least - 1)
    with pytest.raises(InputError, match=r"MiB of memory as F16"):
        search(parent, tmp_path, memory="1MiB")


def test_memory_is_as_predicted(parent: Loaded, tmp_path: Path) -> None:
    found, *_ = search(parent, tmp_path / "wide", memory="1GiB")
    assert found.keep_layers == (0, 1, 2, 3)
    assert found.prune == spec_of(ffn=48, hidden=32, heads=4, kv_heads=2)


def test_latency_is_measured_until_it_is_kept(
    parent: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that takes a second for each 10,000 parameters."""
    timed: list[float] = []

    def seconds(file: Path) -> float:
        from gguf import GGUFReader

        tensors = GGUFReader(file).tensors
        timed.append(sum(int(t.n_elements) for t in tensors) / 1e4)
        return timed[-1]

    monkeypatch.setattr(_pruned, "_seconds_a_token", seconds)
    whole = parent.model.num_parameters() / 1e4
    found, *_ = search(parent, tmp_path, latency_s=0.8 * whole)
    made = make_smaller(found, *dead(parent))
    assert timed[-1] == made.num_parameters() / 1e4 <= 0.8 * whole
    with pytest.raises(InputError, match="s a token here"):
        search(parent, tmp_path, latency_s=0.01 * whole)


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ({"prune": {"params": 1e6, "ffn": 8}}, "not both"),
        ({"prune": {"params": 1e6}, "layers": 2}, "chooses the layers"),
        ({"prune": {"memory": 300}}, "has no unit"),
        ({"prune": {"params": 0}}, "greater than 0"),
        ({"prune": {}}, "names a width to keep"),
    ],
)
def test_what_no_search_can_be_made_of(student: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StudentSpec.model_validate(student)


def test_the_search_is_a_stage_and_stands_in_the_card(
    parent: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    parent.model.save_pretrained(tmp_path / "base")
    parent.tokenizer.save_pretrained(tmp_path / "base")
    (tmp_path / "words.txt").write_text(WORDS * 40)
    most = 0.8 * parent.model.num_parameters()
    recipe = Recipe.model_validate(
        {
            "name": "small",
            "method": "sft",
            "student": {"model": "base", "prune": {"params": most}},
            "data": {"text": str(tmp_path / "words.txt")},
            "training": {"max_steps": 1, "max_length": 64},
        }
    )
    made = run_recipe(recipe, tmp_path, tmp_path / "out")
    stages = [record for record in made.stages if record.stage == "pruning"]
    assert len(stages) == 1
    assert stages[0].flops
    card = load_catalog([made.card_file]).card("small")
    assert "pruned to layers 0, 1, 3, hidden" in (card.note or "")
    training = [record for record in made.stages if record.stage == "student_training"]
    assert card.training is not None
    assert card.training.flops is not None
    assert card.training.flops.value == training[0].flops + stages[0].flops
    assert "pruning" in SCOPE_STAGES["student"]
    again = run_recipe(recipe, tmp_path, tmp_path / "out")  # nothing is searched twice
    assert sum(record.stage == "pruning" for record in again.stages) == 1
