"""The smaller models that a parent can be pruned to: depth and widths, and how much of what
matters each keeps. Pure; the search through them is in ``training``.

After Minitron's pruning in NVIDIA's ModelOpt (Sreenivas et al. 2024, arXiv 2408.11796): candidates
of a grid that keep a budget are ranked by importance, and the best are scored on held-out text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from distilbench.architecture import describe_config
from distilbench.distill.recipe import StudentSpec, WidthPruning
from distilbench.distill.weights._configs import smaller_config
from distilbench.distill.weights._importance import Importance

_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)  # of the MLP's width
_HIDDEN = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of the residual stream's
_DEPTH = 0.5  # the least share of the layers


@dataclass(frozen=True)
class Candidate:
    """A depth and widths. ``layers``: those that are kept, by number."""

    layers: tuple[int, ...]
    heads: int
    kv_heads: int
    ffn: int
    hidden: int

    def spec(self, given: StudentSpec) -> StudentSpec:
        """The student that is made of it, of the same origin and importance."""
        assert given.prune is not None
        widths = {n: getattr(self, n) for n in ("heads", "kv_heads", "ffn", "hidden")}
        prune = WidthPruning(importance=given.prune.importance, **widths)
        return StudentSpec(model=given.model, keep_layers=self.layers, prune=prune)

    def config(self, parent: Any) -> Any:
        """Its configuration, as pruning makes it."""
        return smaller_config(parent, self.layers, self.heads, self.kv_heads, self.ffn, self.hidden)

    def __str__(self) -> str:
        return (
            f"{len(self.layers)} layers, hidden {self.hidden}, heads {self.heads}"
            f" ({self.kv_heads} key/value), ffn {self.ffn}"
        )


def candidates(config: Any, influence: Sequence[float]) -> Iterator[Candidate]:
    """All of the grid, the parent itself first. ``influence``: of each layer, shape (layers,)."""
    depths = _depths(config, influence)
    for layers, (heads, keys), hidden, ffn in product(
        depths,
        _heads(config.num_attention_heads, config.num_key_value_heads),
        _widths(config.hidden_size, _HIDDEN),
        _widths(config.intermediate_size, _SHARES),
    ):
        yield Candidate(layers, heads, keys, ffn, hidden)


def _depths(config: Any, influence: Sequence[float]) -> list[tuple[int, ...]]:
    """Layers that are kept, fewer and fewer: those go first that change the residual stream least.
    Where layers are of several kinds, whole periods of them go, so that the others keep theirs."""
    kinds = _kinds(config)
    count = len(kinds)
    period = next(p for p in range(1, count + 1) if kinds[p:] == kinds[:-p])
    kept, found = list(range(count)), []
    while kept and len(kept) >= max(1, _DEPTH * count):
        found.append(tuple(kept))
        starts = range(1 if period == 1 and len(kept) > 2 else 0, len(kept) - period + 1)
        if not starts or len(kept) == period:
            break
        least = min(starts, key=lambda at: sum(influence[i] for i in kept[at : at + period]))
        del kept[least : least + period]
    return found


def _kinds(config: Any) -> list[tuple[Any, ...]]:
    count = int(config.num_hidden_layers)
    types, rope = (
        getattr(config, n, None) or [0] * count for n in ("layer_types", "no_rope_layers")
    )
    return list(zip(types, rope, strict=True))


def _heads(heads: int, keys: int) -> list[tuple[int, int]]:
    """Query and key heads: whole groups go; of a single group, its queries."""
    group = heads // keys
    if keys > 1:
        return [(kept * group, kept) for kept in range(keys, (keys + 1) // 2 - 1, -1)]
    return [(kept, 1) for kept in range(heads, (heads + 1) // 2 - 1, -1)]


def _widths(whole: int, shares: Sequence[float]) -> list[int]:
    """Multiples that processors like: of 64, of narrow models of 8."""
    unit = 64 if whole >= 1024 else 8 if whole >= 64 else 4
    rounded = [whole if share == 1 else int(whole * share) // unit * unit for share in shares]
    return sorted({width for width in rounded if width}, reverse=True)


def params(candidate: Candidate, parent: Any, seen: dict[Any, tuple[int, int]]) -> int:
    """Parameters of a candidate. ``seen`` keeps those of one layer and of what stands around the
    layers, of each combination of widths."""
    widths = (candidate.heads, candidate.kv_heads, candidate.ffn, candidate.hidden)
    if widths not in seen:
        one, two = (_params(Candidate(tuple(range(n)), *widths).config(parent)) for n in (1, 2))
        seen[widths] = (two - one, 2 * one - two)
    layer, around = seen[widths]
    return around + layer * len(candidate.layers)


def _params(config: Any) -> int:
    shape = describe_config(json.dumps(config.to_dict(), default=str), "the student").architecture
    assert shape is not None
    return int(shape.total_params)


def kept_share(candidate: Candidate, importance: Importance, influence: Sequence[float]) -> float:
    """How much of what matters is kept: the product of the shares of layers, heads, MLP and
    residual features, each by its importance."""
    layers, shares = candidate.layers, [1.0, 1.0, 1.0]
    depth = sum(influence[i] for i in layers) / sum(influence)
    for at, scores, count in (
        (0, [importance.heads[i] for i in layers], candidate.heads),
        (1, [importance.ffn[i] for i in layers], candidate.ffn),
        (2, [importance.hidden], candidate.hidden),
    ):
        shares[at] = sum(float(s.topk(count).values.sum() / s.sum()) for s in scores) / len(scores)
    return depth * shares[0] * shares[1] * shares[2]
