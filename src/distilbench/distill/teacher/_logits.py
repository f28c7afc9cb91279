"""The teacher's best log-probabilities on the training texts: computed once, kept in shards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from distilbench.distill.accounts import (
    Attempt,
    FlopSample,
    StageRecord,
    forward,
    forward_flops,
    shape_of,
)
from distilbench.distill.data import Example, to_batch
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher._cache import Output, TeacherCache, key_of
from distilbench.distill.teacher._packing import Best, Floats, bytes_per_token, pack, unpack
from distilbench.distill.teacher._shards import (
    RECORD_BYTES,
    Place,
    ShardWriter,
    read_record,
    whole_records,
)
from distilbench.distill.weights import Loaded, device, token_rows
from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent, TextsBegun, TextsDone

if TYPE_CHECKING:
    import torch

_DAMAGED = (
    "{damaged:,} of {kept:,} kept logits of the teacher were cut short, changed or deleted; they"
    " are made anew"
)


class Scorer(Protocol):
    """What tells a teacher's best log-probabilities on a text. ``digest`` names what they hang on;
    ``rows``: the tokens that there are; ``is_here``: whether this machine's joules are its."""

    digest: str
    rows: int
    is_here: bool

    def score(self, examples: Sequence[Example], record: StageRecord) -> list[Scored]:
        """Of each example; its tokens and FLOPs are added to the record."""
        ...

    def formula(self, example: Example) -> float | None:
        """FLOPs of an example that was scored before its size was stated; null: not known."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Scored:
    """The best of one text, and its FLOPs: by torch's counter, by formula. Null: not known.
    ``own``: the log-probabilities of the text's tokens themselves, where a server tells them."""

    best: Best
    flops: float | None
    flops_formula: float | None
    own: Floats | None = None


class LocalScorer:
    """A teacher whose weights are in this process: a forward pass for each batch."""

    is_here = True

    def __init__(self, teacher: Loaded, distillation: Distillation) -> None:
        self._teacher, self._asked = teacher, distillation
        self._sample = FlopSample(every=10)
        self.digest, self.rows = teacher.digest, token_rows(teacher.tokenizer)
        teacher.model.to(device()).eval()

    def score(self, examples: Sequence[Example], record: StageRecord) -> list[Scored]:
        teacher = self._teacher
        batch = to_batch(examples, int(teacher.tokenizer.pad_token_id))
        rows, length = batch["input_ids"].shape
        logits = forward(teacher.model, batch, self._sample, record)[..., : self.rows]
        found = [
            top_logits(
                logits[row].cpu(), batch["labels"][row], self._asked.top_k or 1,
                self._asked.temperature,
            )
            for row in range(rows)
        ]  # fmt: skip
        formula = forward_flops(shape_of(teacher.model), rows, length) / rows
        count = self._sample.scaled(rows * length)
        return [Scored(best, count / rows if count else None, formula) for best in found]

    def formula(self, example: Example) -> float | None:
        return forward_flops(shape_of(self._teacher.model), 1, len(example.ids))

    def close(self) -> None:
        self._teacher.model.to("cpu")


def cache_logits(
    examples: Sequence[Example],
    scorer: Scorer,
    distillation: Distillation,
    batch_size: int,
    cache: TeacherCache,
    student: str,
    attempt: Attempt,
    on_event: OnEvent,
) -> list[str]:
    """Where the teacher's logits of each example lie, for :func:`read_logits`.

    Every batch is on the disk before the next begins. What a kill cut short, or what was changed
    since, is found by length and checksum, said, and made anew. Raises ``InputError`` before any
    work if the disk cannot hold what is to be made.
    """
    keys = [_key(scorer.digest, example, distillation) for example in examples]
    found = cache.get(keys)
    places: dict[str, Place] = {key: _place(output) for key, output in found.items()}
    whole = whole_records(cache.logits, places)
    if damaged := len(found) - len(whole):
        on_event(Noted(_DAMAGED.format(damaged=damaged, kept=len(found))))
    for key, example in zip(keys, examples, strict=True):
        if key in whole and found[key].flops_formula is None:
            found[key] = replace(found[key], flops_formula=scorer.formula(example))
    cache.put(found[key] for key in whole if found[key].flops is None)
    record = attempt.record
    record.reused_tokens = sum(found[key].tokens for key in whole)
    record.saved_flops = sum(found[key].flops or found[key].flops_formula or 0.0 for key in whole)
    missing = {k: e for k, e in zip(keys, examples, strict=True) if k not in whole}
    _say_size(missing.values(), scorer.rows, distillation, cache.logits, on_event)
    on_event(TextsBegun("scores", len(missing), len(whole)))
    items, writer = list(missing.items()), ShardWriter(cache.logits)
    try:
        for at in range(0, len(items), batch_size):
            part = items[at : at + batch_size]
            made = _score(part, scorer, distillation, writer, attempt)
            cache.put([_with_earlier(output, found.get(output.key)) for output in made])
            places |= {output.key: _place(output) for output in made}
            on_event(TextsDone(len(part)))
    finally:
        writer.close()
    cache.use(keys, student)
    return [_as_text(cache.logits, places[key]) for key in keys]


def top_logits(logits: torch.Tensor, labels: torch.Tensor, k: int, temperature: float) -> Best:
    """The k best of the positions whose next token is labelled, at ``temperature``, under the whole
    softmax; of all other tokens together the rest. ``logits`` (length, vocabulary), ``labels``
    (length)."""
    import torch

    wanted = labels[1:] >= 0
    logprobs = torch.log_softmax(logits[:-1][wanted].float() / temperature, dim=-1)
    best = logprobs.topk(min(k, logprobs.shape[-1]), dim=-1)
    others = logprobs.scatter(-1, best.indices, -torch.inf)
    rest = others.logsumexp(-1)
    return Best(best.indices.cpu().numpy(), best.values.cpu().numpy(), rest.cpu().numpy())


def read_logits(place: str) -> dict[str, torch.Tensor]:
    """The best of one text: ``tokens``, int64, and ``logprobs``, of shape (labelled positions, k),
    ids rising; ``rest`` (labelled positions). Raises ``InputError`` if the record is damaged."""
    import torch

    shard, _, at = place.rpartition("@")
    best = unpack(read_record(Path(shard), int(at)))
    return {
        "tokens": torch.from_numpy(best.tokens),
        "logprobs": torch.from_numpy(best.logprobs),
        "rest": torch.from_numpy(best.rest),
    }


def logit_bytes(texts: int, positions: float, rows: int, distillation: Distillation) -> float:
    """Bytes on the disk of the teacher's logits on ``texts``, of which ``positions`` tokens are
    labelled; ``rows``: the vocabulary's."""
    each = bytes_per_token(distillation.top_k or 1, rows, distillation.keep)
    return texts * (RECORD_BYTES + 4) + positions * each


def _say_size(
    examples: Collection[Example],
    rows: int,
    distillation: Distillation,
    folder: Path,
    on_event: OnEvent,
) -> None:
    """Say what will be written. Raises ``InputError`` if the disk has no room for it."""
    if not examples:
        return
    positions = sum(sum(learnt_behind(example)) for example in examples)
    needed = logit_bytes(len(examples), positions, rows, distillation)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    each = bytes_per_token(distillation.top_k or 1, rows, distillation.keep)
    what = (
        f"{_mib(needed)} for the teacher's logits of {positions:,} tokens ({each:.0f} bytes each)"
    )
    if needed > free:
        raise InputError(
            str(folder),
            f"needs {what}, and {_mib(free)} are free",
            "free space, lower 'distillation.top_k', or set DISTILBENCH_CACHE to another disk",
        )
    on_event(Noted(f"{what} will be kept in {folder}"))


def _mib(size: float) -> str:
    return f"{size / 2**20:,.1f} MiB" if size < 2**30 else f"{size / 2**30:,.1f} GiB"


def learnt_behind(example: Example) -> list[bool]:
    """Whether a loss is taken on each token behind the prompt; of a text without one, behind its
    first token, which nothing predicts."""
    learnt = example.learnt or (True,) * len(example.completion)
    return [bool(one) for one in (learnt if example.prompt else learnt[1:])]


def _score(
    part: list[tuple[str, Example]],
    scorer: Scorer,
    distillation: Distillation,
    writer: ShardWriter,
    attempt: Attempt,
) -> list[Output]:
    """One batch, kept; its time and energy are shared by its texts evenly."""
    started, record = time.perf_counter(), attempt.record
    attempt.beat(now=True)
    energy_before = record.energy_j
    scored = scorer.score([example for _, example in part], record)
    places = [_written(key, one.best, scorer.rows, distillation, writer)
              for (key, _), one in zip(part, scored, strict=True)]  # fmt: skip
    writer.flush()
    attempt.beat(now=True)
    joules = None
    if record.energy_j is not None and scorer.is_here:
        joules = (record.energy_j - (energy_before or 0.0)) / len(part)
    wall_s = (time.perf_counter() - started) / len(part)
    return [
        Output(
            key, "logit_caching", {"shard": place[0], "at": place[1]}, len(example.ids), one.flops,
            one.flops_formula, wall_s, joules, record.energy_known if scorer.is_here else None,
        )
        for (key, example), one, place in zip(part, scored, places, strict=True)
    ]  # fmt: skip


def _written(
    key: str, best: Best, rows: int, distillation: Distillation, writer: ShardWriter
) -> Place:
    if np.isnan(best.logprobs).any():
        raise InputError(
            "field 'teacher'", "its logits on a training text are not numbers",
            "give a teacher whose weights are whole",
        )  # fmt: skip
    return writer.add(key, pack(best, rows, distillation.keep))


def _with_earlier(output: Output, earlier: Output | None) -> Output:
    """With what it took to make it before it was damaged: that work was done too."""
    if earlier is None:
        return output

    def both(name: str) -> float | None:
        values = (getattr(output, name), getattr(earlier, name))
        return None if None in values else sum(values)

    return replace(
        output,
        flops=both("flops"),
        flops_formula=both("flops_formula"),
        wall_s=both("wall_s"),
        energy_j=both("energy_j"),
    )


def _place(output: Output) -> Place:
    return str(output.payload["shard"]), int(output.payload["at"])


def _as_text(folder: Path, place: Place) -> str:
    return f"{folder.resolve() / place[0]}@{place[1]}"


def _key(digest: str, example: Example, distillation: Distillation) -> str:
    learnt = {"learnt": example.learnt} if example.learnt else {}
    return key_of(
        **learnt,
        kind="packed logits",
        teacher=digest,
        prompt=example.prompt,
        completion=example.completion,
        top_k=distillation.top_k,
        temperature=distillation.temperature,
        keep=distillation.keep,
    )
