"""The teacher's answers: generated once, kept in the cache, and graded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from distilbench.distill.accounts import Attempt, StageRecord, TeacherSize
from distilbench.distill.data import Asked, Task
from distilbench.distill.recipe import Generation
from distilbench.distill.teacher._cache import Output, TeacherCache, key_of
from distilbench.engines import separate
from distilbench.errors import InputError
from distilbench.events import Noted, OnEvent, TextsBegun, TextsDone
from distilbench.tasks import judge

_RULES = 3
"""What an answer is: since 2 without the end token, each sample with a seed of its own; since 3
with how it ended."""
Ended = Literal["stop", "cut", "refused"]
_WORDS = {
    "cut": "cut by 'generation.max_tokens'",
    "refused": "refused by the provider",
    "empty": "empty",
}


@dataclass(frozen=True)
class Answer:
    """One answer of the teacher. ``None`` tokens: the engine does not say."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    flops: float | None = None
    flops_formula: float | None = None
    padded_tokens: int | None = None
    ended: Ended = "stop"
    """By itself; at the limit of its length; by the provider, which will not answer."""


class Generator(Protocol):
    """What generates text. ``digest`` names the weights."""

    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> TeacherSize: ...

    is_here: bool
    """Whether this machine's joules are its."""

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
    """The teacher's answers to each question that can be learned from: from the cache, or generated
    and kept there. Those that are empty or that the provider refused are left out, and so are those
    that were cut, if ``generation`` says so: counted in the record, and said.

    Every batch is in the cache before the next begins, so that a killed run loses one batch.
    """
    keys = [
        [answer_key(generator.digest, one, sampling, n) for n in range(generation.samples)]
        for one in asked
    ]
    flat = [key for group in keys for key in group]
    found = {key: _priced(output, generator.size) for key, output in cache.get(flat).items()}
    cache.put(output for output in found.values() if output.flops is None)
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
    return _usable([[found[key] for key in group] for group in keys], generation, record, on_event)


def _priced(output: Output, size: TeacherSize) -> Output:
    """With its FLOPs, where the teacher's size was stated after it answered."""
    read, written = output.payload["input_tokens"], output.payload["output_tokens"]
    if output.flops_formula is not None or read is None or written is None:
        return output
    return replace(output, flops_formula=size.answering(read, written))


def _usable(
    groups: list[list[Output]], generation: Generation, record: StageRecord, on_event: OnEvent
) -> list[list[str]]:
    """Raises ``InputError`` if no answer is left."""
    ended = [_ended(output) for group in groups for output in group]
    left = {"stop", "cut"} if generation.cut == "keep" else {"stop"}
    counts = {how: ended.count(how) for how in _WORDS if how in ended}
    lost = ", ".join(f"{n:,} {_WORDS[how]}" for how, n in counts.items() if how not in left)
    record.rejected = sum(how not in left for how in ended)
    if record.rejected == len(ended):
        raise InputError(
            "field 'generation'",
            f"none of {len(ended):,} answers of the teacher can be learned from ({lost})",
            "raise 'generation.max_tokens', or use another teacher",
        )
    if lost:
        on_event(Noted(f"not learned from, of {len(ended):,} answers of the teacher: {lost}"))
    if "cut" in counts and "cut" in left:
        said = f"{counts['cut']:,} of {len(ended):,} answers of the teacher are {_WORDS['cut']}"
        remedy = "raise it, or leave them out ('generation: {cut: drop}')"
        on_event(Noted(f"{said}, and learned from as if they ended there: {remedy}"))
    return [
        [str(output.payload["text"]) for output in group if _ended(output) in left]
        for group in groups
    ]


def _ended(output: Output) -> str:
    """How an answer ended, or that it is empty."""
    ended = str(output.payload["ended"])
    return "empty" if ended == "stop" and not str(output.payload["text"]).strip() else ended


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
        _note(attempt, answer, generator.size.active_parameters)
    attempt.beat(now=True)
    joules = None
    if record.energy_j is not None and generator.is_here:
        joules = (record.energy_j - (energy_before or 0.0)) / len(batch)
    return [
        Output(
            key=key,
            stage="teacher_generation",
            payload={
                "text": answer.text,
                "ended": answer.ended,
                "input_tokens": answer.input_tokens,
                "output_tokens": answer.output_tokens,
            },
            tokens=(answer.input_tokens or 0) + (answer.output_tokens or 0),
            flops=answer.flops,
            flops_formula=answer.flops_formula,
            wall_s=seconds / len(batch),
            energy_j=joules,
            energy_known=record.energy_known if generator.is_here else None,
        )
        for (key, _, _), answer in zip(batch, answers, strict=True)
    ]


def _note(attempt: Attempt, answer: Answer, parameters: float) -> None:
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
