"""Makes the student before its training: layers dropped, widths pruned, or weights at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilbench.distill.recipe import NewShape, StudentSpec, WidthPruning
from distilbench.distill.weights._configs import head_dim, smaller_config
from distilbench.distill.weights._importance import Importance, by_activation, by_weight
from distilbench.errors import InputError

if TYPE_CHECKING:
    import torch

_LAYER = re.compile(r"^(model\.layers\.)(\d+)(\..+)$")
_NEEDED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_OTHERWISE = "shrink it elsewhere and give the folder as student.model"


def make_student(
    spec: StudentSpec,
    parent: Any,
    tokenizer: Any,
    seed: int,
    texts: Sequence[str] = (),
    where: str = "student",
    vocab: int | None = None,
) -> Any:
    """The untrained student, float32 on the CPU; ``parent`` is not changed.

    ``parent`` is the model of ``spec.model``, or the teacher; not used (None) for ``spec.new``.
    ``seed`` sets the random weights, ``vocab`` the rows of a new student's embedding (default: the
    tokenizer's tokens). ``texts`` are what activations are measured on where
    ``prune.importance`` is ``activation``. Shrinking knows models whose layers are named as
    Llama's are (Llama, Mistral, Qwen, SmolLM, Gemma). Raises ``InputError`` naming ``where``.
    """
    if spec.new is not None:
        return _from_scratch(spec.new, tokenizer, seed, vocab or len(tokenizer))
    _check_names(parent, where)
    kept = kept_layers(spec, int(parent.config.num_hidden_layers), where)
    if spec.prune is None:
        return _cut(parent, _Cut(layers=kept))
    importance = importance_of(spec.prune, parent, tokenizer, texts, where)
    return make_smaller(spec, parent, importance, where)


def make_smaller(spec: StudentSpec, parent: Any, importance: Importance, where: str) -> Any:
    """The student of a ``spec`` with ``prune``, by an importance that is known."""
    assert spec.prune is not None
    kept = kept_layers(spec, int(parent.config.num_hidden_layers), where)
    width = _heads(spec.prune, parent.config, where)
    return _cut(parent, _choose(spec.prune, width, importance, parent.config, kept, where))


def importance_of(
    prune: WidthPruning, parent: Any, tokenizer: Any, texts: Sequence[str], where: str
) -> Importance:
    """By weights, or by activations on ``texts``. Raises ``InputError`` without any."""
    if prune.importance == "weight":
        return by_weight(parent)
    if not texts:
        raise InputError(where, "importance by activation needs texts", "use 'importance: weight'")
    return by_activation(parent, tokenizer, texts)


def evenly_spaced(layers: int, keep: int) -> list[int]:
    """``keep`` of ``layers`` layer numbers, evenly spaced, with the first and the last.

    >>> evenly_spaced(30, 4)
    [0, 10, 19, 29]
    >>> evenly_spaced(6, 1)
    [0]
    """
    if keep == 1:
        return [0]
    return [round(i * (layers - 1) / (keep - 1)) for i in range(keep)]


@dataclass(frozen=True)
class _Cut:
    """What is kept. ``queries`` and ``keys`` are head numbers of each kept layer."""

    layers: list[int]
    queries: dict[int, list[int]] | None = None
    keys: dict[int, list[int]] | None = None
    ffn: dict[int, list[int]] | None = None
    hidden: list[int] | None = None

    def widths(self) -> tuple[int | None, ...]:
        """Query heads, key heads, MLP features, residual features; null: all of them."""
        first = self.layers[0]
        of_layer = [part[first] if part else None for part in (self.queries, self.keys, self.ffn)]
        return tuple(None if kept is None else len(kept) for kept in (*of_layer, self.hidden))


def _from_scratch(shape: NewShape, tokenizer: Any, seed: int, vocab: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads or shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tied,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def _check_names(parent: Any, where: str) -> None:
    names = {name.split(".")[-2] for name in parent.state_dict() if _LAYER.match(name)}
    if missing := [name for name in _NEEDED if name not in names]:
        kind = parent.config.model_type
        raise InputError(where, f"layers of {kind!r} models have no {missing[0]}", _OTHERWISE)


def kept_layers(spec: StudentSpec, layers: int, where: str) -> list[int]:
    """Numbers of the layers that a student keeps of a model with ``layers`` of them."""
    asked = spec.layers or max(spec.keep_layers or (layers - 1,)) + 1
    if asked > layers:
        raise InputError(
            where, f"asks for {asked} layers of a model with {layers}", f"keep at most {layers}"
        )
    if spec.layers:
        return evenly_spaced(layers, spec.layers)
    return list(spec.keep_layers or range(layers))


def _heads(prune: WidthPruning, config: Any, where: str) -> tuple[int, int]:
    """Query and key/value heads that are kept, so that every key head serves as many queries."""
    heads, keys = int(config.num_attention_heads), int(config.num_key_value_heads)
    queries = prune.heads or heads
    group = heads // keys
    if prune.kv_heads is not None:
        kept = prune.kv_heads
        queries = prune.heads or kept * group
    else:
        kept = keys if queries % keys == 0 else queries // group
    if queries % kept if kept else True:
        raise InputError(
            where,
            f"{queries} query heads cannot share {kept or keys} key heads evenly",
            f"give kv_heads, or a number of heads that {keys} or {group} divides",
        )
    if queries > heads or kept > keys or queries // kept > group:
        raise InputError(
            where,
            f"asks for {queries} query and {kept} key heads of {heads} and {keys}",
            "keep at most what there is, in groups no larger",
        )
    return queries, kept


def _choose(
    prune: WidthPruning,
    width: tuple[int, int],
    importance: Importance,
    config: Any,
    layers: list[int],
    where: str,
) -> _Cut:
    """The most important heads of each layer, MLP features of each layer, and residual features
    of the whole model."""
    for name, asked, there in (
        ("ffn", prune.ffn, config.intermediate_size),
        ("hidden", prune.hidden, config.hidden_size),
    ):
        if asked and asked > there:
            raise InputError(where, f"prune.{name} is {asked}, the model's is {there}", "lower it")
    queries: dict[int, list[int]] = {}
    keys: dict[int, list[int]] = {}
    for layer in layers:
        queries[layer], keys[layer] = _best_heads(importance.heads[layer], config, *width)
    ffn = {layer: _best(importance.ffn[layer], prune.ffn) for layer in layers}
    return _Cut(
        layers,
        queries if prune.heads or prune.kv_heads else None,
        keys if prune.heads or prune.kv_heads else None,
        ffn if prune.ffn else None,
        _best(importance.hidden, prune.hidden) if prune.hidden else None,
    )


def _best_heads(
    score: torch.Tensor, config: Any, queries: int, keys: int
) -> tuple[list[int], list[int]]:
    """The key heads whose groups weigh most, and in each the query heads that do."""
    groups = score.reshape(int(config.num_key_value_heads), -1)
    per_key = queries // keys
    best = groups.topk(per_key, dim=1)
    kept = sorted(best.values.sum(dim=1).topk(keys).indices.tolist())
    size = groups.shape[1]
    return [key * size + i for key in kept for i in sorted(best.indices[key].tolist())], kept


def _best(score: torch.Tensor, keep: int | None) -> list[int]:
    return sorted(score.topk(keep or len(score)).indices.tolist())


def _cut(parent: Any, cut: _Cut) -> Any:
    """A smaller model of the same kind that holds the kept slices of the parent's weights."""
    import torch
    from transformers import AutoModelForCausalLM

    config = smaller_config(parent.config, cut.layers, *cut.widths())
    features = head_dim(parent.config)
    numbers = {old: new for new, old in enumerate(cut.layers)}
    weights = {}
    for name, tensor in parent.state_dict().items():
        found = _LAYER.match(name)
        layer = int(found[2]) if found else None
        if layer is not None and layer not in numbers:
            continue
        new = f"{found[1]}{numbers[layer]}{found[3]}" if found and layer is not None else name
        weights[new] = _sliced(name, tensor.detach(), layer, cut, features).to("cpu", torch.float32)
    # Built with the attention of the parent, which transformers keeps outside the file.
    attention = parent.config._attn_implementation
    with torch.random.fork_rng(devices=[]):
        student = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation=attention
        )
    student.load_state_dict(weights)
    student.generation_config = parent.generation_config
    return student


def _sliced(
    name: str, tensor: torch.Tensor, layer: int | None, cut: _Cut, head_dim: int
) -> torch.Tensor:
    """The kept rows (outputs) and columns (inputs) of one weight."""
    part = name.split(".")[-2]
    rows, columns = _kept_of(part, layer, cut, head_dim)
    if rows is not None:
        tensor = tensor[rows]
    if columns is not None and tensor.dim() == 2:
        tensor = tensor[:, columns]
    return tensor.clone()


def _kept_of(
    part: str, layer: int | None, cut: _Cut, head_dim: int
) -> tuple[list[int] | None, list[int] | None]:
    hidden = cut.hidden
    if layer is None:
        return (hidden, None) if part == "norm" else (None, hidden)  # embeddings: (vocab, hidden)
    queries = _features(cut.queries, layer, head_dim)
    keys = _features(cut.keys, layer, head_dim)
    ffn = cut.ffn[layer] if cut.ffn else None
    table = {
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_proj": (ffn, hidden),
        "up_proj": (ffn, hidden),
        "down_proj": (hidden, ffn),
        "q_norm": (None, None),
        "k_norm": (None, None),
    }
    return table.get(part, (hidden, None))  # the rest: norms of the residual stream


def _features(heads: dict[int, list[int]] | None, layer: int, head_dim: int) -> list[int] | None:
    if heads is None:
        return None
    return [head * head_dim + i for head in heads[layer] for i in range(head_dim)]
