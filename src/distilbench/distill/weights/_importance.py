"""How much each head, MLP feature and residual feature of a model matters, for width pruning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

_TEXTS, _TOKENS = 32, 256  # measured on at most so many texts, of so many tokens


class Importance(NamedTuple):
    """Scores; larger means that more is lost without it."""

    heads: list[torch.Tensor]
    """For each layer, shape (query heads,)."""
    ffn: list[torch.Tensor]
    """For each layer, shape (MLP width,)."""
    hidden: torch.Tensor
    """Shape (hidden,), of all layers together."""


def by_weight(model: Any) -> Importance:
    """Magnitude pruning: the L2 norm of the weights that a unit reads and writes with.

    A query head is judged by its rows of q_proj and its columns of o_proj, an MLP feature by its
    rows of gate and up and its column of down, a residual feature by the matrices that read it.
    """
    heads, ffn = [], []
    hidden = model.get_input_embeddings().weight.detach().float().pow(2).mean(dim=0)
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        query = _square(attention.q_proj).sum(dim=1) + _square(attention.o_proj).sum(dim=0)
        heads.append(query.reshape(int(model.config.num_attention_heads), -1).sum(dim=1).sqrt())
        gate, up, down = _square(mlp.gate_proj), _square(mlp.up_proj), _square(mlp.down_proj)
        ffn.append((gate.sum(dim=1) + up.sum(dim=1) + down.sum(dim=0)).sqrt())
        for read in (attention.q_proj, attention.k_proj, attention.v_proj):
            hidden = hidden + _square(read).mean(dim=0)
        hidden = hidden + gate.mean(dim=0) + up.mean(dim=0)
    return Importance(heads, ffn, hidden.sqrt())


def by_activation(model: Any, tokenizer: Any, texts: Sequence[str]) -> Importance:
    """Mean magnitude of activations on ``texts``: of what each head and MLP feature gives, and of
    the residual stream behind the layer norms (Muralidharan et al. 2024, arXiv 2407.14679, 2.2).
    """
    import torch

    layers = model.model.layers
    count = len(layers)
    heads: list[Any] = [0.0] * count
    ffn: list[Any] = [0.0] * count
    norms: list[Any] = [0.0]

    def inputs(into: list[Any], at: int) -> Callable[..., None]:
        def hook(_: Any, given: tuple[torch.Tensor, ...]) -> None:
            into[at] = into[at] + _magnitude(given[0])

        return hook

    def outputs(_: Any, __: Any, made: torch.Tensor) -> None:
        norms[0] = norms[0] + _magnitude(made)

    handles = []
    for i, layer in enumerate(layers):
        handles += [
            layer.self_attn.o_proj.register_forward_pre_hook(inputs(heads, i)),
            layer.mlp.down_proj.register_forward_pre_hook(inputs(ffn, i)),
            layer.input_layernorm.register_forward_hook(outputs),
            _before_mlp(layer).register_forward_hook(outputs),
        ]
    try:
        with torch.no_grad():
            for text in texts[:_TEXTS]:
                ids = tokenizer(text, return_tensors="pt").input_ids[:, :_TOKENS]
                model(input_ids=ids.to(model.device))
    finally:
        for handle in handles:
            handle.remove()
    number = int(model.config.num_attention_heads)
    return Importance([h.reshape(number, -1).sum(dim=1) for h in heads], ffn, norms[0])


def by_influence(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
    """How much each layer changes the residual stream, shape (layers,): one minus the mean cosine
    between what it reads and what it gives (block influence, Men et al. 2024, arXiv 2403.03853)."""
    import torch

    total, tokens = [0.0] * len(model.model.layers), 0
    with torch.no_grad():
        for text in texts[:_TEXTS]:
            ids = tokenizer(text, return_tensors="pt").input_ids[:, :_TOKENS].to(model.device)
            states = _residual(model, ids)
            tokens += ids.shape[1]
            for i, (read, given) in enumerate(pairwise(states)):
                total[i] += float((1 - torch.cosine_similarity(read, given, dim=-1)).sum())
    return [max(value / tokens, 1e-9) for value in total]


def _residual(model: Any, ids: torch.Tensor) -> list[torch.Tensor]:
    """The residual stream before the first layer and behind each, shape (tokens, hidden)."""
    states: list[torch.Tensor] = []

    def before(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        states.append((given[0] if given else named["hidden_states"])[0].float())

    def behind(_: Any, __: Any, made: Any) -> None:
        states.append((made[0] if isinstance(made, tuple) else made)[0].float())

    layers = model.model.layers
    handles = [layers[0].register_forward_pre_hook(before, with_kwargs=True)]
    handles += [layer.register_forward_hook(behind) for layer in layers]
    try:
        model(input_ids=ids)
    finally:
        for handle in handles:
            handle.remove()
    return states


def _before_mlp(layer: Any) -> Any:
    """The norm that the MLP reads behind; Gemma has one of attention's own output, too."""
    return getattr(layer, "pre_feedforward_layernorm", None) or layer.post_attention_layernorm


def _square(linear: Any) -> torch.Tensor:
    return linear.weight.detach().float().pow(2)


def _magnitude(values: torch.Tensor) -> torch.Tensor:
    """Sum over the tokens of the absolute value, shape (features,)."""
    return values.detach().float().abs().flatten(0, -2).sum(dim=0)
