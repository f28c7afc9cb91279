"""Packed examples: the loss and gradients of unpacked ones, and no sight of each other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill import Recipe, load_recipe
from distilbench.distill.accounts import StageMeter
from distilbench.distill.data import Example, load_corpus, packed, to_batch
from distilbench.distill.data._examples import training_examples
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher import TeacherCache, cache_logits
from distilbench.distill.training._apart import check_apart
from distilbench.distill.weights import Loaded
from distilbench.errors import InputError
from tests.made_trainer import loss_and_gradients, made_trainer
from tests.test_distill import TASK, from_teacher, make, stage
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
EXAMPLES = (
    Example((5, 6, 7), (8, 9, 10, 0)),
    Example((11, 12), (13, 14, 15, 0), (True, False, True, True)),
    Example((), (20, 21, 22, 23, 24)),
    Example((25,), (26, 0)),
)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any, Any]:
    tokenizer = tiny_tokenizer()
    return tokenizer, tiny_llama(tokenizer, 1), tiny_llama(tokenizer, 2)


def test_every_example_is_in_one_row_with_positions_of_its_own() -> None:
    made, kept = packed(EXAMPLES, ["a", "b", "c", "d"], 12)
    assert kept is not None
    assert sorted(name for group in kept for name in group) == ["a", "b", "c", "d"]
    assert [sum(row.lengths) for row in made] == [12, 9]  # 7 + 5, 6 + 3
    batch = to_batch(made, 0)
    row = kept.index(["a", "c"])
    assert batch["position_ids"][row].tolist() == [*range(7), *range(5)]
    assert batch["labels"][row].tolist() == [-100] * 3 + [8, 9, 10, 0, -100, 21, 22, 23, 24]
    other = 1 - row
    assert batch["labels"][other, :9].tolist() == [-100, -100, 13, -100, 15, 0, -100, 26, 0]
    assert batch["position_ids"][other].tolist() == [*range(6), *range(3), 0, 0, 0]
    assert sum(row.labelled for row in made) == 4 + 3 + 4 + 2


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_token_does_not_see_the_example_before(pair: Any, attention: str) -> None:
    """Two documents: the second's logits are those of it alone, and no gradient reaches the
    first's embeddings."""
    model = copy.deepcopy(pair[1]).double()
    model.set_attn_implementation(attention)
    (row,), _ = packed(EXAMPLES[:2], None, 20)
    batch = to_batch([row], 0)
    embedded = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_(True)
    seen = model(inputs_embeds=embedded, position_ids=batch["position_ids"], use_cache=False)
    first = row.lengths[0]
    alone = model(input_ids=batch["input_ids"][:, first:], use_cache=False).logits
    assert torch.allclose(seen.logits[:, first:], alone, atol=1e-12)
    seen.logits[:, first:].sum().backward()
    assert float(embedded.grad[:, :first].abs().max()) == 0
    assert float(embedded.grad[:, first:].abs().max()) > 0


@pytest.mark.parametrize(
    ("method", "distillation"),
    [
        ("sft", {}),
        ("logit", {"alpha": 0.4, "losses": [{"loss": "hidden-mse"}]}),
        ("logit", {"top_k": 12}),
    ],
)
def test_packed_and_unpacked_have_one_loss(
    tmp_path: Path, pair: Any, method: str, distillation: dict[str, Any]
) -> None:
    tokenizer, student, its = pair
    files = None
    if "top_k" in distillation:
        with StageMeter("s", tmp_path / "meter").stage("logit_caching") as attempt:
            files = cache_logits(
                EXAMPLES, Loaded(its, tokenizer, "its"), Distillation(**distillation), 2,
                TeacherCache(tmp_path / "kept"), "s", attempt, lambda event: None,
            )  # fmt: skip
    rows, grouped = packed(EXAMPLES, files, 12)
    found = []
    for examples, logits in (
        (EXAMPLES, None if files is None else [[file] for file in files]),
        (rows, grouped),
    ):
        models = [Loaded(copy.deepcopy(model), tokenizer, "") for model in (student, its)]
        trainer = made_trainer(
            tmp_path / str(len(found)), *models, method, distillation, examples, logits
        )
        found.append(loss_and_gradients(trainer))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    for name, slope in found[0][1].items():
        assert torch.allclose(found[1][1][name], slope, atol=1e-6), name


def test_a_model_that_carries_a_state_is_refused(pair: Any) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    check_apart(Loaded(pair[1], pair[0], ""), "r")
    torch.manual_seed(0)
    model = MambaForCausalLM(
        MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, state_size=4)
    )
    with pytest.raises(InputError, match="mamba model sees what is packed before"):
        check_apart(Loaded(model, pair[0], ""), "r")


def test_a_student_of_packed_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is an example; 24 of 30 are trained on, packed, once each."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    tokenizer = tiny_tokenizer()
    for part in (tokenizer, tiny_llama(tokenizer)):
        part.save_pretrained(tmp_path / "teacher")
    texts = [f"{number} + {number} = " + "a cat " * (number % 5) for number in range(30)]
    lines = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    training = {"epochs": 1, "batch_size": 2, "max_length": 64, "packing": True}
    path = from_teacher(
        tmp_path, tmp_path / "teacher", method="logit", data={"text": "t.jsonl"},
        held_out={"share": 0.2}, training=training,
    )  # fmt: skip
    corpus = load_corpus(load_recipe(path), "r")
    examples = training_examples(corpus, (), tokenizer, 64, "r")
    assert len(examples) == 24
    result = make(path)
    (trained,) = stage(result, "student_training", "student")
    (scored,) = stage(result, "logit_caching")
    assert trained.tokens == scored.tokens
    rows = packed(examples, None, 64)[0]
    assert len(rows) < 12
    assert trained.samples >= len(rows)
    assert trained.flops_counted == pytest.approx(trained.flops_formula, rel=0.005)
    assert scored.flops_counted == pytest.approx(scored.flops_formula, rel=0.005)


PACKED = {"packing": True}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "on-policy"}, "not for method on-policy"),
        ({"method": "on-policy", "distillation": {"on_policy_share": 0.5}}, "not for method on"),
        ({"distillation": {"divergence": "gold"}}, "not for method logit, divergence gold"),
        ({"method": "sft", "training": {**PACKED, "fused_head": True}}, "drop 'training.fused"),
        ({"data": {"text": "x.txt"}}, "changes nothing of one text"),
        ({"training": {**PACKED, "attention": "flash_attention_2"}}, "write 'batch_size: 1'"),
    ],
)
def test_packing_that_cannot_be_is_refused(changes: Any, said: str) -> None:
    recipe = {"method": "logit", "teacher": {"source": "x"}, "data": {"task": TASK},
              "training": PACKED}  # fmt: skip
    Recipe.model_validate(recipe)
    with pytest.raises(ValueError, match=said):
        Recipe.model_validate({**recipe, **changes})
