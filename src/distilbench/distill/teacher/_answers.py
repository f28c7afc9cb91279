"""The teacher's answers: generated once, kept in the cache, and graded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from distilbench.architecture import ModelShape
from distilbench.distill.accounts import Attempt
from distilbench.distill.data import Asked, Task
from distilbench.distill.recipe import Generation
from distilbench.distill.teacher._cache import Output, TeacherCache, key_of
from distilbench.engines import separate
from distilbench.events import OnEvent, TextsBegun, TextsDone
from distilbench.tasks import judge

_RULES = 2
"""What an answer's text is: since 2 without the end token, each sample with a seed of its own."""


@dataclass(frozen=True)
class Answer:
    """One answer of the teacher. ``None`` tokens: the engine does not say."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    flops: float | None = None
    flops_formula: float | None = None
    padded_tokens: int | None = None


class Generator(Protocol):
    """What generates text. ``digest`` names the weights; ``shape`` is null if not known."""

    @property
    def digest(self) -> str: ...
    @property
    def shape(self) -> ModelShape | None: ...
    @property
    def pid(self) -> int | None:
        """Process that it runs in, if it is one of its own on this machine."""
        ...

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        """Answer questions, each with the number of its sample."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Sampling:
    """Everything beside teacher and prompt that sets an answer."""

    max_tokens: int
    stop: tuple[str, ...]
    temperature: float
    top_p: float | None
    seed: int

    @classmethod
    def of(cls, generation: Generation, task: Task, seed: int) -> Sampling:
        tokens = generation.max_tokens or task.max_tokens
        return cls(tokens, tuple(task.stop), generation.temperature, generation.top_p, seed)


def teacher_answers(
    asked: Sequence[Asked],
    generator: Generator,
    sampling: Sampling,
    generation: Generation,
    cache: TeacherCache,
    student: str,
    attempt: Attempt,
    on_event: OnEvent,
) -> list[list[str]]:
    """The teacher's answers to each question: from the cache, or generated and kept there.

    Every batch is in the cache before the next begins, so that a killed run loses one batch.
    """
    keys = [
        [answer_key(generator.digest, one, sampling, n) for n in range(generation.samples)]
        for one in asked
    ]
    flat = [key for group in keys for key in group]
    found = cache.get(flat)
    record = attempt.record
    record.reused_tokens = sum(output.tokens for output in found.values())
    record.saved_flops = sum(o.flops or o.flops_formula or 0.0 for o in found.values())
    missing = [
        (key, one, number)
        for one, group in zip(asked, keys, strict=True)
        for number, key in enumerate(group)
        if key not in found
    ]
    on_event(TextsBegun("generates", len(missing), len(flat) - len(missing)))
    for batch in _batches(missing, generation.batch):
        outputs = _generate(batch, generator, attempt)
        cache.put(outputs)
        found |= {output.key: output for output in outputs}
        on_event(TextsDone(len(batch)))
    cache.use(flat, student)
    return [[str(found[key].payload["text"]) for key in group] for group in keys]


def answer_key(digest: str, asked: Asked, sampling: Sampling, number: int) -> str:
    return key_of(
        kind="text",
        rules=_RULES,
        teacher=digest,
        messages=list(asked.messages),
        sampling=[sampling.max_tokens, sampling.stop, sampling.temperature, sampling.top_p],
        seed=sampling.seed if sampling.temperature else 0,
        sample=number,
    )


def accepted(asked: Asked, text: str, task: Task) -> bool:
    """The verifier: the task's own extraction and grader, on what stands behind the thought."""
    return judge(task, separate(text).answer, asked.question) == 1.0


def _generate(
    batch: list[tuple[str, Asked, int]], generator: Generator, attempt: Attempt
) -> list[Output]:
    """One batch; its time and energy are shared by its answers evenly."""
    record, started = attempt.record, time.perf_counter()
    attempt.beat(now=True)
    energy_before = record.energy_j
    answers = generator.answer([(asked, number) for _, asked, number in batch])
    seconds = time.perf_counter() - started
    if generator.pid is not None:
        attempt.others.setdefault(generator.pid, 0.0)
    for answer in answers:
        _note(attempt, answer, generator.shape.active_params if generator.shape else 0)
    attempt.beat(now=True)
    joules = None
    if record.energy_j is not None:
        joules = (record.energy_j - (energy_before or 0.0)) / len(batch)
    return [
        Output(
            key=key,
            stage="teacher_generation",
            payload={"text": answer.text},
            tokens=(answer.input_tokens or 0) + (answer.output_tokens or 0),
            flops=answer.flops,
            flops_formula=answer.flops_formula,
            wall_s=seconds / len(batch),
            energy_j=joules,
            energy_known=record.energy_known,
        )
        for (key, _, _), answer in zip(batch, answers, strict=True)
    ]


def _note(attempt: Attempt, answer: Answer, parameters: int) -> None:
    """Add an answer's tokens and FLOPs to the attempt. ``parameters``: those of its model, for 2 N
    a token."""
    record = attempt.record
    read, written = answer.input_tokens or 0, answer.output_tokens or 0
    record.tokens += read + written
    record.padded_tokens += answer.padded_tokens or read + written
    record.output_tokens += written
    record.samples += 1
    if answer.flops_formula is not None:
        record.work(answer.flops_formula, 2.0 * parameters * (read + written))
    if answer.flops is not None:
        record.flops_counted = (record.flops_counted or 0.0) + answer.flops


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))
