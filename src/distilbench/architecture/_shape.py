"""The shape of a model: its layers, its parameter counts and its forward FLOPs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from distilbench.architecture._attention import Attention, LatentAttention
from distilbench.architecture._mlp import Experts, Mlp
from distilbench.architecture._plain import PlainDecoder
from distilbench.architecture._recurrent import (
    GatedRecurrence,
    LinearAttention,
    Mamba,
    Mamba2,
    ShortConvolution,
)

AnyPart = (
    Attention
    | LatentAttention
    | LinearAttention
    | Mamba
    | Mamba2
    | GatedRecurrence
    | ShortConvolution
    | Mlp
    | Experts
)


class ForwardFlops(NamedTuple):
    """FLOPs of a forward pass, by part. One multiply-add counts as two FLOPs."""

    linear: float
    """Matrix products with the weights of layers."""
    attention: float
    """Query-key scores and their product with the values; grows with the context."""
    head: float
    """The product with the output embedding that gives logits."""
    state: float = 0.0
    """Recurrences and short convolutions: the same for each token, without matrices of weights."""

    @property
    def total(self) -> float:
        return sum(self)


class Layer(BaseModel):
    """Layers of one kind: parts that a token passes one after another, or side by side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: tuple[Annotated[AnyPart, Field(discriminator="kind")], ...]
    count: int = Field(1, gt=0, description="layers of this kind")
    matrices: int = Field(0, ge=0, description="weights of matrices outside the parts")
    vectors: int = Field(0, ge=0, description="weights of norms and the like outside the parts")
    products: int = Field(0, ge=0, description="multiply-adds of a token without weights")


class ModelShape(BaseModel):
    """Shape of a causal language model. All widths are counts of features, not bytes.

    ``layers`` lists the kinds of layers with their counts; their order, which no number here
    depends on, is not kept. A plain decoder may be written in the short form of
    :class:`PlainDecoder`, as most model cards do: its ``layers`` is a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_type: str | None = Field(None, description="family, in the words of Hugging Face")
    note: str | None = Field(None, description="what of the model is not in the shape")
    hidden: int = Field(gt=0, description="width of the residual stream, d")
    vocab: int = Field(gt=0)
    context: int | None = Field(None, gt=0, description="longest sequence in tokens")
    tied: bool = Field(False, description="output embedding is the input embedding")
    embedding_width: int | None = Field(None, gt=0, description="of a token, if not hidden (OPT)")
    tables: int = Field(
        0, ge=0, description="weights of further look-up tables: learned positions, and others"
    )
    layers: tuple[Layer, ...]
    matrices: int = Field(0, ge=0, description="weights of matrices outside layers and embeddings")
    vectors: int = Field(0, ge=0, description="weights of norms and biases outside layers")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        if not isinstance(given, dict) or isinstance(given.get("layers"), list | tuple):
            return given
        try:
            return _written_out(PlainDecoder.model_validate(given))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{path}: {said}" if path else said) from error

    @classmethod
    def plain(cls, **fields: Any) -> Self:
        """A plain decoder by the fields of :class:`PlainDecoder`; pydantic's errors name them."""
        return cls.model_validate(_written_out(PlainDecoder(**fields)))

    @property
    def layer_count(self) -> int:
        return sum(layer.count for layer in self.layers)

    def parts(self) -> Iterator[tuple[AnyPart, int]]:
        """Every kind of part, with the number of layers that have it."""
        for layer in self.layers:
            for part in layer.parts:
                yield part, layer.count

    @property
    def is_moe(self) -> bool:
        return any(isinstance(part, Experts) for part, _ in self.parts())

    @property
    def window(self) -> int | None:
        """Widest attention window; null where every layer sees all positions."""
        windows = [part.window for part, _ in self.parts() if isinstance(part, Attention)]
        return max((w for w in windows if w), default=None)

    @property
    def widest_mlp(self) -> int:
        """Features between up and down that one token has in the widest layer."""
        return max((p.widest for p, _ in self.parts() if isinstance(p, Mlp | Experts)), default=0)

    @property
    def head_weights(self) -> int:
        """Weights of the product that gives one position's logits."""
        return self.vocab * (self.embedding_width or self.hidden)

    @property
    def embedding_params(self) -> int:
        """Weights of the input embedding and other look-up tables, plus an untied output."""
        return self.head_weights * (1 if self.tied else 2) + self.tables

    @property
    def total_params(self) -> int:
        """Every weight, biases and norms included; of the short form, without norms (under 0.1%
        of any real model)."""
        parts = sum(count * part.params(self.hidden) for part, count in self.parts())
        return parts + self._outside_parts

    @property
    def active_params(self) -> int:
        """Weights that one token passes through, embeddings included as in ``total_params``."""
        parts = sum(count * part.active_params(self.hidden) for part, count in self.parts())
        return parts + self._outside_parts

    def forward_flops(
        self, tokens: int, *, context: int = 0, logits: int | None = None, causal: bool = True
    ) -> ForwardFlops:
        """FLOPs of one forward pass over ``tokens`` new tokens behind ``context`` cached ones.

        ``logits`` is the number of positions for which logits are computed (all by default; a
        generating engine needs the last only). With ``causal`` a token is charged for the keys
        it may see; without, for the whole masked square, as a plain matrix product executes it.

        Source: 2 FLOPs per weight and token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1);
        what mixes positions: the class of each part. Lookups, norms, softmax and activations, all
        linear in the width, are not counted.
        """
        logits = tokens if logits is None else logits
        return self._flops(tokens, context, logits, causal, reread=context)

    def decode_flops(self, steps: int, *, context: int = 0) -> ForwardFlops:
        """FLOPs of ``steps`` forward passes over one token each, logits included, behind
        ``context`` cached tokens and those of the steps before. As one pass over all of them, but
        for what every pass does anew with its cache (:class:`LatentAttention`)."""
        reread = steps * context + steps * (steps - 1) // 2
        return self._flops(steps, context, steps, causal=True, reread=reread)

    def _flops(
        self, tokens: int, context: int, logits: int, causal: bool, reread: int
    ) -> ForwardFlops:
        """The sum over all parts; ``reread`` counts the cached positions of all passes."""
        weights = self.matrices + sum(la.count * (la.matrices + la.products) for la in self.layers)
        pairs = states = 0
        for part, count in self.parts():
            weights += count * part.weights_per_token(self.hidden)
            pairs += count * part.pair_flops(tokens, context, causal)
            pairs += count * part.reread_flops(self.hidden) * reread
            states += count * part.state_flops
        return ForwardFlops(
            linear=2.0 * weights * tokens,
            attention=float(pairs),
            head=2.0 * self.head_weights * logits,
            state=float(states * tokens),
        )

    def absorbed(self) -> Self:
        """The same model, its latent attention run on compressed keys, as llama.cpp does."""
        layers = tuple(
            layer.model_copy(update={"parts": tuple(_absorbed(p) for p in layer.parts)})
            for layer in self.layers
        )
        return self.model_copy(update={"layers": layers})

    @property
    def _outside_parts(self) -> int:
        layers = sum(la.count * (la.matrices + la.vectors) for la in self.layers)
        return layers + self.embedding_params + self.matrices + self.vectors


def counted_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Layers in their order, as the different ones and their counts.

    >>> [layer.count for layer in counted_layers([Layer(parts=()), Layer(parts=(), vectors=1)] * 3)]
    [3, 3]
    """
    counts = Counter(layers)
    return tuple(la.model_copy(update={"count": la.count * n}) for la, n in counts.items())


def _absorbed(part: AnyPart) -> AnyPart:
    if isinstance(part, LatentAttention):
        return part.model_copy(update={"keys": "absorbed"})
    return part


def _written_out(plain: PlainDecoder) -> dict[str, Any]:
    """The fields of the model that the short form stands for."""
    attention = plain.attention()
    layers = []
    windowed = min(plain.window_layers, plain.layers)
    for index in range(plain.layers):
        window = plain.window if index < windowed else None
        seeing = attention.model_copy(update={"window": window}) if window else attention
        layers.append(Layer(parts=(seeing, plain.mlp(index))))
    return {
        "hidden": plain.hidden,
        "vocab": plain.vocab,
        "context": plain.context,
        "tied": plain.tied,
        "tables": plain.learned_positions * plain.hidden,
        "layers": counted_layers(layers),
        "vectors": plain.vectors,
    }
