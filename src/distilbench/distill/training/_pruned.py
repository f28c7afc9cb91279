"""The search for the student that a budget allows: which depth and widths, found before training.

Candidates of the grid that keep the budget are ranked by what they keep of what matters; the best
of several depths are made, and the one with the lowest loss on held-out calibration texts is the
student. Its work is a stage of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distilbench.architecture import describe_config
from distilbench.distill.accounts import Attempt, forward_flops, shape_of
from distilbench.distill.recipe import StudentSpec
from distilbench.distill.weights import (
    Candidate,
    Importance,
    Loaded,
    by_influence,
    candidates,
    export_gguf,
    importance_of,
    kept_share,
    make_smaller,
    params,
)
from distilbench.engines import EngineSettings, LlamaCpp, Sampling, predict_memory
from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent

PRUNED = "pruned.json"
"""Beside the trials: depth and widths that were found."""
_FINALISTS = 6
_ROUNDS = 4
_TOKENS = 256  # of each text
_HELD = 4  # one text of so many is held out from the importance
_MANY, _PIECE = 8, 400  # texts; characters
_SETTINGS = EngineSettings(slots=1, context=2048)
_TIMED, _REPEATS = 48, 3
_LEAST = 8  # tokens that tell a speed


def pruned_words(found: StudentSpec) -> str:
    """What a search found, for people."""
    prune, layers = found.prune, ", ".join(map(str, found.keep_layers or ()))
    assert prune is not None
    return (
        f"pruned to layers {layers}, hidden {prune.hidden}, {prune.heads} heads"
        f" ({prune.kv_heads} key/value), ffn {prune.ffn}"
    )


@dataclass
class Search:
    """Of one parent under one budget. ``kind``: how the student is exported, which its memory and
    latency are of."""

    spec: StudentSpec
    parent: Loaded
    texts: Sequence[str]
    kind: str
    attempt: Attempt
    where: str
    on_event: OnEvent
    _seen: dict[Any, tuple[int, int]] = field(default_factory=dict)

    def found(self) -> StudentSpec:
        """The student's depth and widths. Raises ``InputError`` naming the smallest candidate where
        none keeps the budget."""
        texts = _pieces(self.texts)
        if len(texts) < 2:
            raise InputError(self.where, "has no two texts to search with", "give more data")
        held, calibration = texts[::_HELD], [text for i, text in enumerate(texts) if i % _HELD]
        model, tokenizer = self.parent.model, self.parent.tokenizer
        assert self.spec.prune is not None
        influence = by_influence(model, tokenizer, calibration)
        importance = importance_of(self.spec.prune, model, tokenizer, calibration, self.where)
        passes = 1 + (self.spec.prune.importance == "activation")
        for text in calibration:
            self._count(model, len(self._ids(text)), passes)
        every = list(candidates(model.config, influence))
        chosen = self._chosen(every, importance, influence, held)
        found = chosen.spec(self.spec)
        self.on_event(Noted(f"{pruned_words(found)}: {self._size(chosen):,} parameters"))
        return found

    def _chosen(
        self,
        every: Sequence[Candidate],
        importance: Importance,
        influence: Sequence[float],
        held: Sequence[str],
    ) -> Candidate:
        fitting = [one for one in every if self._fits(one)]
        smallest = min(every, key=self._size)
        if not fitting:
            raise self._too_small(smallest, None)
        if every[0] in fitting and self._over_latency(every[0], importance) is None:
            return every[0]  # the parent keeps the budget as it is
        limit = float("inf")
        for _ in range(_ROUNDS):
            left = [one for one in fitting if self._size(one) <= limit]
            finalists = _best_of_depths(left, lambda c: kept_share(c, importance, influence))
            scored = sorted(finalists, key=lambda one: self._loss(one, importance, held))
            slow: list[float] = []
            for one in scored:
                over = self._over_latency(one, importance)
                if over is None:
                    return one
                slow.append(self._size(one) / over)
            if not left:
                break
            limit = max(slow) * 0.95  # seconds a token go by the weights that are read
        over = self._over_latency(smallest, importance)
        if over is None:
            return smallest
        raise self._too_small(smallest, over)

    def _fits(self, one: Candidate) -> bool:
        budget = self.spec.prune
        assert budget is not None
        if budget.params is not None and self._size(one) > budget.params:
            return False
        return budget.memory is None or self._memory(one) <= budget.memory

    def _size(self, one: Candidate) -> int:
        return params(one, self.parent.model.config, self._seen)

    def _memory(self, one: Candidate) -> int:
        config = one.config(self.parent.model.config)
        described = describe_config(config.to_json_string(use_diff=False), "the student")
        needed = predict_memory(described, _SETTINGS, self.kind)
        if needed is None:
            raise InputError(self.where, "its memory is not predicted", "give 'params' instead")
        return needed.total

    def _loss(self, one: Candidate, importance: Importance, texts: Sequence[str]) -> float:
        """Nats a token on texts that no importance was taken of."""
        import torch

        model = self._made(one, importance)
        total, tokens = 0.0, 0
        for text in texts:
            ids = torch.tensor([self._ids(text)])
            with torch.no_grad():
                total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
            tokens += ids.shape[1] - 1
            self._count(model, ids.shape[1], 1)
            self.attempt.beat()
        return total / tokens

    def _made(self, one: Candidate, importance: Importance) -> Any:
        spec = one.spec(self.spec)
        return make_smaller(spec, self.parent.model, importance, self.where).eval()

    def _ids(self, text: str) -> list[int]:
        return list(self.parent.tokenizer(text)["input_ids"][:_TOKENS])

    def _count(self, model: Any, tokens: int, passes: int) -> None:
        record = self.attempt.record
        record.samples += passes
        record.tokens += passes * tokens
        record.padded_tokens += passes * tokens
        formula = forward_flops(shape_of(model), passes, tokens)
        record.work(formula, 2.0 * passes * model.num_parameters() * tokens)

    def _over_latency(self, one: Candidate, importance: Importance) -> float | None:
        """By which factor it is too slow on this machine; null: it is not, or nobody asked."""
        assert self.spec.prune is not None
        most = self.spec.prune.latency_s
        if most is None:
            return None
        with TemporaryDirectory(prefix="distilbench-pruned-") as folder:
            self._made(one, importance).save_pretrained(folder)
            self.parent.tokenizer.save_pretrained(folder)
            taken = _seconds_a_token(export_gguf(Path(folder), Path(folder, "a.gguf"), self.kind))
        self.attempt.beat(now=True)
        if taken is None:
            said = "the pruned model ends its answers before its speed can be told"
            raise InputError(self.where, said, "give 'params' or 'memory' instead")
        return taken / most if taken > most else None

    def _too_small(self, smallest: Candidate, over: float | None) -> InputError:
        budget = self.spec.prune
        assert budget is not None
        size = f"{self._size(smallest):,} parameters"
        if over is not None and budget.latency_s:
            size += f", {over * budget.latency_s:.2g} s a token here"
        elif budget.memory is not None:
            size += f", {self._memory(smallest) / 2**20:.0f} MiB of memory as {self.kind}"
        said = f"no pruning keeps the budget: the smallest has {smallest}, which is {size}"
        return InputError(self.where, said, "raise the budget, or start from a smaller model")


def _pieces(texts: Sequence[str]) -> list[str]:
    """The texts; a few long ones in pieces."""
    if len(texts) >= _MANY:
        return list(texts)
    return [text[at : at + _PIECE] for text in texts for at in range(0, len(text), _PIECE)]


def _best_of_depths(
    every: Sequence[Candidate], kept: Callable[[Candidate], float]
) -> list[Candidate]:
    """Of each depth the one that keeps most, and of these the best few."""
    best: dict[int, tuple[float, Candidate]] = {}
    for one in every:
        share, depth = kept(one), len(one.layers)
        if depth not in best or share > best[depth][0]:
            best[depth] = (share, one)
    ranked = sorted(best.values(), key=lambda pair: -pair[0])
    return [one for _, one in ranked[:_FINALISTS]]


def _seconds_a_token(file: Path) -> float | None:
    """Median over a few answers of llama.cpp's own clock; null: they were too short."""
    sampling = Sampling(n_predict=_TIMED, temperature=1.0)

    async def answers() -> list[float]:
        with LlamaCpp(file, _SETTINGS) as engine:
            found = []
            for number in range(_REPEATS):
                prompt = "The quick brown fox " * (number + 1)
                done = await engine.complete(prompt, sampling)
                tokens, decode_s = done.timing.output_tokens, done.timing.decode_s
                if tokens is not None and decode_s is not None and tokens > _LEAST:
                    found.append(decode_s / (tokens - 1))
            await engine.aclose()
            return found

    taken = sorted(asyncio.run(answers()))
    return taken[len(taken) // 2] if taken else None
