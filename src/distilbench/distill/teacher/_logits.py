"""The teacher's best logits on the training texts: computed once, kept in the cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.distill.accounts import Attempt, FlopSample, forward, forward_flops, shape_of
from distilbench.distill.data import Example, to_batch
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher._cache import Output, TeacherCache, key_of
from distilbench.distill.weights import Loaded, device, token_rows
from distilbench.events import OnEvent, TextsBegun, TextsDone
from distilbench.files import whole_file

if TYPE_CHECKING:
    import torch


def cache_logits(
    examples: Sequence[Example],
    teacher: Loaded,
    distillation: Distillation,
    batch_size: int,
    cache: TeacherCache,
    student: str,
    attempt: Attempt,
    on_event: OnEvent,
) -> list[Path]:
    """The file of each example's teacher logits; see :func:`top_logits` for what is in it."""
    keys = [_key(teacher, example, distillation) for example in examples]
    found = cache.get(keys)
    found = {key: output for key, output in found.items() if cache.logit_file(key).is_file()}
    attempt.record.reused_tokens = sum(output.tokens for output in found.values())
    attempt.record.saved_flops = sum(
        output.flops or output.flops_formula or 0.0 for output in found.values()
    )
    missing = {k: e for k, e in zip(keys, examples, strict=True) if k not in found}
    on_event(TextsBegun("scores", len(missing), len(found)))
    sample, items = FlopSample(every=10), list(missing.items())
    teacher.model.to(device()).eval()
    for at in range(0, len(items), batch_size):
        part = items[at : at + batch_size]
        cache.put(_score(part, teacher, distillation, cache, attempt, sample))
        on_event(TextsDone(len(part)))
    teacher.model.to("cpu")
    cache.use(keys, student)
    return [cache.logit_file(key) for key in keys]


def top_logits(
    logits: torch.Tensor, labels: torch.Tensor, k: int, temperature: float
) -> dict[str, torch.Tensor]:
    """The k best of the positions whose next token is labelled: ``tokens`` (positions, k), int32,
    and ``logprobs``, float32: at ``temperature``, under the whole softmax; and of all other tokens
    together ``rest`` (positions), the log of their probability, -inf where there are none.
    ``logits`` (length, vocabulary), ``labels`` (length)."""
    import torch

    wanted = labels[1:] >= 0
    logprobs = torch.log_softmax(logits[:-1][wanted].float() / temperature, dim=-1)
    best = logprobs.topk(min(k, logprobs.shape[-1]), dim=-1)
    others = logprobs.scatter(-1, best.indices, -torch.inf)
    return {
        "tokens": best.indices.to(torch.int32).cpu(),
        "logprobs": best.values.cpu(),
        "rest": others.logsumexp(-1).cpu(),
    }


def read_logits(file: Path) -> dict[str, torch.Tensor]:
    """``tokens`` and ``logprobs`` of shape (labelled positions, k), ``rest`` (labelled
    positions)."""
    from safetensors.torch import load_file

    return dict(load_file(str(file)))


def _score(
    part: list[tuple[str, Example]],
    teacher: Loaded,
    distillation: Distillation,
    cache: TeacherCache,
    attempt: Attempt,
    sample: FlopSample,
) -> list[Output]:
    """One batch, kept in files; its time and energy are shared by its texts evenly."""
    started, record = time.perf_counter(), attempt.record
    attempt.beat(now=True)
    energy_before = record.energy_j
    batch = to_batch([e for _, e in part], int(teacher.tokenizer.pad_token_id))
    rows, length = batch["input_ids"].shape
    logits = forward(teacher.model, batch, sample, record)[..., : token_rows(teacher.tokenizer)]
    for row, (key, _) in enumerate(part):
        best = top_logits(
            logits[row].cpu(), batch["labels"][row], distillation.top_k or 1,
            distillation.temperature,
        )  # fmt: skip
        _save(best, cache.logit_file(key))
    formula = forward_flops(shape_of(teacher.model), rows, length)
    count = sample.scaled(rows * length)
    attempt.beat(now=True)
    joules = None if record.energy_j is None else (record.energy_j - (energy_before or 0.0)) / rows
    shared = Output(
        "", "logit_caching", {}, 0, count / rows if count else None, formula / rows,
        (time.perf_counter() - started) / rows, joules, record.energy_known,
    )  # fmt: skip
    return [replace(shared, key=key, tokens=len(example.ids)) for key, example in part]


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    from safetensors.torch import save_file

    with whole_file(file) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(partial))


def _key(teacher: Loaded, example: Example, distillation: Distillation) -> str:
    learnt = {"learnt": example.learnt} if example.learnt else {}
    return key_of(
        **learnt,
        kind="logits with rest",
        teacher=teacher.digest,
        prompt=example.prompt,
        completion=example.completion,
        top_k=distillation.top_k,
        temperature=distillation.temperature,
    )
