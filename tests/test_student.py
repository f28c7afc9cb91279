"""Students before training: layers dropped, widths pruned, weights at random."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distilbench.distill.recipe._student_spec import StudentSpec
from distilbench.distill.weights._shrinking import evenly_spaced, make_student
from distilbench.errors import InputError
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
TEXTS = ("the cat sat on the mat", "1 + 2 = 3", "a quick brown fox")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def parent(tokenizer: Any) -> Any:
    return tiny_llama(tokenizer)


def student(parent: Any, tokenizer: Any, **fields: Any) -> Any:
    return make_student(StudentSpec.model_validate(fields), parent, tokenizer, 0, TEXTS)


def logits(model: Any, tokenizer: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor([tokenizer(TEXTS[0])["input_ids"]])).logits


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_kept_layers_are_distinct_rise_and_hold_both_ends(case: tuple[int, int]) -> None:
    layers, keep = case
    kept = evenly_spaced(layers, keep)
    assert len(set(kept)) == keep
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert keep == 1 or kept[-1] == layers - 1
    gaps = {b - a for a, b in pairwise(kept)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_dropped_layer_is_gone_and_the_others_are_the_parents(
    parent: Any, tokenizer: Any
) -> None:
    made = student(parent, tokenizer, layers=2)
    assert made.config.num_hidden_layers == 2
    old, new = parent.state_dict(), made.state_dict()
    for name, tensor in new.items():
        source = name.replace("layers.1.", "layers.3.")
        assert torch.equal(tensor, old[source]), name
    assert sum("layers.1." in name for name in new) == sum("layers.3." in name for name in old)


def test_without_a_field_it_is_a_copy(parent: Any, tokenizer: Any) -> None:
    made = student(parent, tokenizer)
    assert torch.equal(logits(made, tokenizer), logits(parent, tokenizer))
    with torch.no_grad():
        made.model.norm.weight.zero_()
    assert parent.model.norm.weight.abs().sum() > 0


@pytest.mark.parametrize("importance", ["weight", "activation"])
def test_pruning_what_does_nothing_changes_nothing(
    parent: Any, tokenizer: Any, importance: str
) -> None:
    """Heads, MLP features and residual features that are zero are the ones that go."""
    whole = student(parent, tokenizer)
    config, dead_hidden = whole.config, [3, 17]
    with torch.no_grad():
        for layer in whole.model.layers:
            dead = slice(config.head_dim, 2 * config.head_dim)  # query head 1 of 4: key head 0
            other = slice(3 * config.head_dim, 4 * config.head_dim)  # query head 3: key head 1
            for part in (dead, other):
                layer.self_attn.o_proj.weight[:, part] = 0
                layer.self_attn.q_proj.weight[part] = 0
            layer.self_attn.v_proj.weight[:] *= 5  # activations of the other heads stand out
            for linear in (layer.mlp.gate_proj, layer.mlp.up_proj):
                linear.weight[5] = 0
            layer.mlp.down_proj.weight[:, 5] = 0
            for matrix in (layer.self_attn.o_proj, layer.mlp.down_proj):
                matrix.weight[dead_hidden] = 0
            for name in ("q_proj", "k_proj", "v_proj"):
                getattr(layer.self_attn, name).weight[:, dead_hidden] = 0
            for name in ("gate_proj", "up_proj"):
                getattr(layer.mlp, name).weight[:, dead_hidden] = 0
        whole.model.embed_tokens.weight[:, dead_hidden] = 0
    prune = {"ffn": config.intermediate_size - 1, "hidden": config.hidden_size - 2}
    if importance == "weight":
        prune["heads"] = 2  # a head that is zero still mixes values, so its activation is not
    made = student(whole, tokenizer, prune={**prune, "importance": importance})
    assert made.config.hidden_size == config.hidden_size - 2
    # RMSNorm divides by the mean over fewer features: the same but for that factor.
    factor = (config.hidden_size - 2) / config.hidden_size
    with torch.no_grad():
        for norm in [m for n, m in made.named_modules() if n.endswith("norm")]:
            norm.weight /= factor**0.5
            norm.variance_epsilon /= factor
    torch.testing.assert_close(logits(made, tokenizer), logits(whole, tokenizer))


@pytest.mark.parametrize(
    ("prune", "queries", "keys"),
    [
        ({"heads": 2}, 2, 2),
        ({"heads": 2, "kv_heads": 1}, 2, 1),
        ({"kv_heads": 1}, 2, 1),
        ({"heads": 1, "kv_heads": 1}, 1, 1),
    ],
)
def test_grouped_heads_stay_valid(
    parent: Any, tokenizer: Any, prune: dict[str, int], queries: int, keys: int
) -> None:
    made = student(parent, tokenizer, prune=prune)
    assert made.config.num_attention_heads == queries
    assert made.config.num_key_value_heads == keys
    assert made.config.head_dim == parent.config.head_dim
    assert logits(made, tokenizer).isfinite().all()


@pytest.mark.parametrize(
    "fields",
    [
        {"layers": 5},
        {"keep_layers": (0, 9)},
        {"prune": {"heads": 3}},
        {"prune": {"heads": 4, "kv_heads": 1}},
        {"prune": {"ffn": 1000}},
    ],
)
def test_what_cannot_be_kept_is_told(parent: Any, tokenizer: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^student: "):
        student(parent, tokenizer, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"layers": 2, "keep_layers": (0, 1)},
        {"new": {"layers": 1, "hidden": 8, "heads": 2, "ffn": 8}, "layers": 1},
        {"new": {"layers": 1, "hidden": 9, "heads": 2, "ffn": 8}},
        {"keep_layers": (2, 1)},
        {"prune": {}},
        {"depth": 3},
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StudentSpec.model_validate(fields)


def test_a_new_student_depends_on_its_seed_alone(tokenizer: Any) -> None:
    spec = StudentSpec.model_validate(
        {"new": {"layers": 2, "hidden": 16, "heads": 4, "kv_heads": 2, "ffn": 24}}
    )
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = (make_student(spec, None, tokenizer, 3) for _ in range(2))
    other = make_student(spec, None, tokenizer, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(logits(first, tokenizer), logits(again, tokenizer))
    assert not torch.equal(logits(first, tokenizer), logits(other, tokenizer))
    assert first.config.vocab_size == len(tokenizer)
