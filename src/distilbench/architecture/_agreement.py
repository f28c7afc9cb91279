"""Whether the shape of a model agrees with the weights in its file.

A reader that misunderstands a model gives it a wrong shape, and a wrong shape gives wrong FLOPs
without a word. The weights are counted exactly, so they tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from distilbench.architecture._mlp import Experts
from distilbench.architecture._shape import ModelShape

_MOST_APART = 0.005
# Beside the language model: encoders of images and sound, and blocks that guess tokens ahead.
_BESIDE = re.compile(
    r"(^|\.)(vision\w*|visual|audio\w*|speech\w*|image\w*|embed_vision|embed_audio|"
    r"multi_modal_projector|mm_projector|multimodal_projector|patch_merger|pre_mm_projector_norm|"
    r"mtp\w*|nextn)(\.|$)"
)
_BLOCK = re.compile(r"(^|\.)(layers|blk|h|blocks|block)\.(\d+)\.")
# Matrices of routed experts, in GGUF and in most of Hugging Face's models.
ROUTED = re.compile(r"(_exps\.|(^|\.)experts\.)(?!.*bias$)")
_NORM = re.compile(r"norm|(^|\.)ln_")


def disagreement(
    shape: ModelShape, weights: Mapping[str, int], blocks: int | None = None
) -> str | None:
    """Why ``shape`` is not that of ``weights`` (elements by tensor name); null: it agrees.

    They agree within 0.5%, with or without the vectors of norms, which a shape may leave out.
    So must, where experts are told by their names, the weights outside of them: they are few, and
    pass every token.

    Left out of the count: what stands beside the language model, blocks from number ``blocks`` on
    (they guess tokens ahead), and an output that repeats the input embedding of a tied model.
    """
    counted = {n: c for n, c in weights.items() if not _is_beside(n, blocks)}
    copy = _copied_output(shape, counted)
    total = sum(counted.values()) - copy
    norms = sum(count for name, count in counted.items() if _NORM.search(name))
    if total <= 0:
        return "its tensors hold no language model"
    apart = _apart(shape.total_params, total, norms)
    if apart <= _MOST_APART:
        routed = sum(count for name, count in counted.items() if ROUTED.search(name))
        due = shape.total_params - _routed_weights(shape)
        if not routed or _apart(due, total - routed, norms) <= _MOST_APART:
            return None
        return (
            f"by its configuration it has {due:,} weights outside of its experts, its tensors hold"
            f" {total - routed:,}"
        )
    return (
        f"by its configuration it has {shape.total_params:,} weights, its tensors hold {total:,}"
        f" ({apart:.1%} apart)"
    )


def _apart(due: int, held: int, norms: int) -> float:
    return min(abs(due - count) / max(count, 1) for count in (held, held - norms))


def _routed_weights(shape: ModelShape) -> int:
    return sum(
        count * part.routed_weights(shape.hidden)
        for part, count in shape.parts()
        if isinstance(part, Experts)
    )


def _is_beside(name: str, blocks: int | None) -> bool:
    if _BESIDE.search(name):
        return True
    found = _BLOCK.search(name)
    return blocks is not None and found is not None and int(found[3]) >= blocks


def _copied_output(shape: ModelShape, weights: Mapping[str, int]) -> int:
    """Elements of an output embedding that a tied model was stored with all the same."""
    output = sum(count for name, count in weights.items() if name.endswith("lm_head.weight"))
    tables = [
        c
        for n, c in weights.items()
        if re.search(r"(embed_tokens|wte|embed_in|(word_)?embeddings)\.weight$", n)
    ]
    tied = output in tables and abs(shape.embedding_params - output) < 0.5 * output
    return output if tied else 0
