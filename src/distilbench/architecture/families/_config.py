"""A configuration file as its family's reader sees it, and the pieces that most readers share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from distilbench.architecture._attention import Attention
from distilbench.architecture._mlp import Mlp
from distilbench.architecture._shape import AnyPart, Layer, ModelShape, counted_layers

# Words of older files; source: _LEGACY_LAYER_TYPE_REMAP of transformers.
_RENAMED = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
}
_SLIDING = "sliding_attention"
# Names that classes of transformers take for another setting without declaring it.
_UNDECLARED = {
    "bloom": {"n_embed": "hidden_size"},
    "deepseek_v32": {"num_experts": "n_routed_experts"},
    "falcon": {"n_embed": "hidden_size"},
    "glm_moe_dsa": {"num_experts": "n_routed_experts"},
    "nemotron_h": {"attention_head_dim": "head_dim"},
}
# What families call one size. Of one under a foreign name the class would take its default.
_SIZES = (
    ("hidden_size", "n_embd", "n_embed", "d_model", "dim", "hidden_dim", "model_dim"),
    ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    ("num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_head_kv", "kv_n_heads",
     "num_query_groups", "multi_query_group_num"),
    ("head_dim", "attention_head_dim", "kv_channels", "head_size", "d_kv"),
    ("intermediate_size", "n_inner", "d_ff", "ffn_dim", "ffn_hidden_size", "ff_dim"),
    ("vocab_size", "n_vocab", "padded_vocab_size"),
    ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_top_k",
     "moe_k", "top_k_experts", "num_selected_experts"),
    ("moe_intermediate_size", "moe_ffn_hidden_size", "expert_intermediate_size"),
)  # fmt: skip
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "n_experts")
_MOST = 1 << 31
_MOST_LAYERS = 10_000


class Config:
    """Settings of a ``config.json``; what it leaves out has the default of its family."""

    def __init__(self, model_type: str, given: dict[str, Any]) -> None:
        family = _families()[model_type]
        self.model_type, self._given, self._defaults = model_type, given, family["defaults"]
        self._aliases = family.get("aliases", {}) | _UNDECLARED.get(model_type, {})
        self._refuse_foreign_names()

    @property
    def class_names(self) -> list[str]:
        """The family's causal language model in transformers, and as its makers would name it."""
        return [_families()[self.model_type]["class"], f"{self.model_type}ForCausalLM"]

    def _refuse_foreign_names(self) -> None:
        for names in (*_SIZES, _EXPERTS):
            own, foreign = self._own(names)
            if own and foreign and not own & set(self._given):
                wanted = next(name for name in names if name in own)
                raise ValueError(f"it states {foreign[0]}, and no {wanted}")
        own, foreign = self._own(_EXPERTS)
        for name in foreign:
            if not own and self._given[name] not in (0, 1):
                raise ValueError(f"{name} is {self._given[name]!r}, of a family without experts")

    def _own(self, names: Sequence[str]) -> tuple[set[str], list[str]]:
        """Those of ``names`` that the family knows, by any alias; those stated that it does not."""
        known = {*self._defaults, *self._aliases, *self._aliases.values()}
        fields = {self._aliases.get(name, name) for name in names if name in known}
        own = fields | {alias for alias, field in self._aliases.items() if field in fields}
        return own, [n for n in names if self._given.get(n) is not None and n not in known]

    def __getitem__(self, key: str) -> Any:
        """A setting, under its own name or another that transformers takes for it."""
        field = self._aliases.get(key, key)
        names = [field, *(alias for alias, meant in self._aliases.items() if meant == field)]
        stated = {name: self._given[name] for name in names if name in self._given}
        if len({repr(value) for value in stated.values()}) > 1:
            raise ValueError(" but ".join(f"{name} is {value!r}" for name, value in stated.items()))
        usual = next((self._defaults[name] for name in names if name in self._defaults), None)
        if stated:
            return _sound(*next(iter(stated.items())), usual)
        if not any(name in self._defaults for name in names):
            raise KeyError(key)
        return usual

    def declared(self, key: str) -> Any:
        """A setting that not every class of the families read alike declares; else null."""
        return self[key] if self._aliases.get(key, key) in self._defaults else None

    def extra(self, key: str, otherwise: Any = None) -> Any:
        """A setting that no class of the family declares, as older files have it."""
        return _sound(key, self._given[key], otherwise) if key in self._given else otherwise

    @property
    def hidden(self) -> int:
        return int(self["hidden_size"])

    @property
    def heads(self) -> int:
        return int(self["num_attention_heads"])

    @property
    def kv_heads(self) -> int:
        stated = self["num_key_value_heads"]
        return self.heads if stated is None else int(stated)

    @property
    def layers(self) -> int:
        stated = int(self["num_hidden_layers"])
        if not 0 < stated <= _MOST_LAYERS:
            raise ValueError(f"num_hidden_layers is {stated}")
        return stated

    @property
    def head_dim(self) -> int:
        """As stated, even by families that do not declare it; else hidden / heads."""
        stated = self.declared("head_dim") or self.extra("head_dim")
        if not stated and self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads do not share hidden_size {self.hidden} evenly")
        return int(stated or self.hidden // self.heads)

    def kinds(self, usual: Callable[[int], str]) -> list[str]:
        """Kinds of the layers, in the words of transformers: stated, or by the family's rule."""
        stated = self.declared("layer_types") or self.extra("layer_types")
        if stated is None:
            return [usual(index) for index in range(self.layers)]
        if len(stated) != self.layers:
            raise ValueError(f"layer_types names {len(stated)} layers of {self.layers}")
        return renamed(stated)

    def windows(self, sliding: Callable[[int], bool]) -> list[int | None]:
        """Attention windows of the layers; ``sliding`` is the family's rule for a layer."""
        kinds = self.kinds(lambda index: _SLIDING if sliding(index) else "full_attention")
        if strange := set(kinds) - {_SLIDING, "full_attention"}:
            raise ValueError(f"layer_types names {min(strange)!r}")
        window = self["sliding_window"]
        return [int(window) if kind == _SLIDING and window else None for kind in kinds]


def _sound(name: str, value: Any, usual: Any) -> Any:
    """A stated value, if it is of the kind that its default says: no count is a text, a fraction,
    below zero or true, and no switch is a text, which would be on whatever it says."""
    known = type(usual) in (bool, int)
    if isinstance(value, bool):
        wrong = type(usual) is int
    elif isinstance(value, int | float):
        most = 2 if isinstance(usual, bool) else _MOST
        wrong = not (0 <= value < most or value == usual)
        wrong |= not isinstance(usual, float) and value % 1 != 0
    else:
        wrong = isinstance(value, str) and (known or value.strip("+-").isdigit())
    if wrong:
        raise ValueError(f"{name} is {repr(value)[:40]}")
    return value


def renamed(kinds: Sequence[str]) -> list[str]:
    """Kinds of layers in today's words."""
    return [_RENAMED.get(kind, kind) for kind in kinds]


Reader = Callable[[Config], ModelShape]


@cache
def _families() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("_defaults.json").read_text("utf-8")))


def attention(
    c: Config,
    *,
    qkv_bias: bool = False,
    out_bias: bool = False,
    head_norms: bool = False,
    vectors: int = 0,
    **fields: Any,
) -> Attention:
    """Attention with the heads that the configuration states, unless ``fields`` says otherwise.
    ``head_norms``: queries and keys have a norm as wide as a head."""
    kv = fields.pop("kv_heads") if "kv_heads" in fields else c.kv_heads
    width = fields.pop("head_dim") if "head_dim" in fields else c.head_dim
    heads = c.heads
    if kv > 0 and heads % kv:
        raise ValueError(f"{heads} heads do not share {kv} key/value heads evenly")
    value = fields.get("value_dim") or width
    biases = heads * width + kv * (width + value) if qkv_bias else 0
    biases += c.hidden if out_bias else 0
    norms = 2 * width if head_norms else 0
    return Attention(
        heads=heads, kv_heads=kv, head_dim=width, vectors=biases + norms + vectors, **fields
    )


def mlp(c: Config, width: int | None = None, *, gated: bool = True, bias: bool = False) -> Mlp:
    """The MLP of ``width``, by default the configuration's ``intermediate_size``."""
    wide = int(c["intermediate_size"] if width is None else width)
    biases = wide * (2 if gated else 1) + c.hidden if bias else 0
    return Mlp(width=wide, gated=gated, vectors=biases)


def decoder(
    c: Config,
    mixer: AnyPart,
    feed: AnyPart | Sequence[AnyPart],
    *,
    windows: Sequence[int | None] = (),
    norms: int = 2,
    final_norm: int = 1,
    **fields: Any,
) -> ModelShape:
    """A model whose every layer mixes by ``mixer`` and then feeds forward; ``windows`` is the
    window of each layer's attention, ``norms`` the vectors as wide as hidden in a layer."""
    layers = []
    for index in range(c.layers):
        window = windows[index] if windows else None
        first = mixer.model_copy(update={"window": window}) if window else mixer
        second = feed[index] if isinstance(feed, Sequence) else feed
        layers.append(Layer(parts=(first, second), vectors=norms * c.hidden))
    return model(c, layers, final_norm=final_norm, **fields)


def refuse(c: Config, *switches: str) -> None:
    """Refuse a file that sets what this reader does not count."""
    for switch in switches:
        if c[switch]:
            raise ValueError(f"{switch} is {c[switch]!r}")


def model(c: Config, layers: Sequence[Layer], *, final_norm: int = 1, **fields: Any) -> ModelShape:
    """The whole model: ``layers`` between the embeddings and ``final_norm`` vectors."""
    if "context" not in fields:
        fields["context"] = c["max_position_embeddings"]
    usual = {
        "vocab": c["vocab_size"],
        "tied": bool(c["tie_word_embeddings"]),
        "vectors": final_norm * c.hidden + fields.pop("vectors", 0),
    }
    return ModelShape(
        model_type=c.model_type, hidden=c.hidden, layers=counted_layers(layers), **(usual | fields)
    )
