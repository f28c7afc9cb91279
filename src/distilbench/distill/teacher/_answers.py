"""The teacher's answers: generated once, kept in the cache, and graded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distilbench.architecture import ModelShape, describe
from distilbench.distill.accounts._counting import FlopSample, generation_flops, shape_of
from distilbench.distill.accounts._stages import Attempt
from distilbench.distill.data._corpus import Asked, Task, prompt_ids
from distilbench.distill.recipe._recipe import Generation
from distilbench.distill.teacher._cache import Output, TeacherCache, key_of
from distilbench.distill.weights._models import Loaded, device
from distilbench.engines import locate_model, separate, sha256_of
from distilbench.source import Source
from distilbench.tasks import judge

if TYPE_CHECKING:
    from inspect_ai.model import Model

OnEvent = Callable[[dict[str, Any]], None]


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
    on_event({"event": "generate", "total": len(missing), "reused": len(flat) - len(missing)})
    for batch in _batches(missing, generation.batch):
        outputs = _generate(batch, generator, attempt)
        cache.put(outputs)
        found |= {output.key: output for output in outputs}
        on_event({"event": "generated", "count": len(batch)})
    cache.use(flat, student)
    return [[str(found[key].payload["text"]) for key in group] for group in keys]


def answer_key(digest: str, asked: Asked, sampling: Sampling, number: int) -> str:
    return key_of(
        kind="text",
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
        read, written = answer.input_tokens or 0, answer.output_tokens or 0
        record.tokens += read + written
        record.padded_tokens += answer.padded_tokens or read + written
        record.output_tokens += written
        record.samples += 1
        if answer.flops_formula is not None:
            n = 2.0 * generator.shape.active_params if generator.shape else 0.0
            record.work(answer.flops_formula, n * (read + written))
        if answer.flops is not None:
            record.flops_counted = (record.flops_counted or 0.0) + answer.flops
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


class TransformersGenerator:
    """A teacher in this process, by ``model.generate``."""

    def __init__(self, teacher: Loaded, sampling: Sampling) -> None:
        self.digest, self.shape = teacher.digest, shape_of(teacher.model)
        self._model, self._tokenizer, self._sampling = teacher.model, teacher.tokenizer, sampling
        self._sample = FlopSample(every=10)
        self._ends = _end_tokens(teacher)

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        import torch

        model, tokenizer = self._model.to(device()).eval(), self._tokenizer
        prompts = [prompt_ids(tokenizer, one) for one, _ in asked]
        width = max(map(len, prompts))
        pad = int(tokenizer.pad_token_id)
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        torch.manual_seed(self._sampling.seed + asked[0][1])

        def work() -> Any:
            with torch.inference_mode():
                return model.generate(
                    ids.to(device()), attention_mask=mask.to(device()), **self._settings()
                )

        # The units of the sample are FLOPs by formula here: generation has no fixed length.
        if self._sample.is_due():
            made, count = self._counted(work, len(prompts), width)
        else:
            made, count = work(), None
        return self._answers(made[:, width:].tolist(), prompts, width, count)

    @property
    def pid(self) -> int | None:
        return None

    def close(self) -> None:
        self._model.to("cpu")

    def _counted(self, work: Callable[[], Any], rows: int, width: int) -> tuple[Any, float]:
        before = self._sample.flops
        made = self._sample.run(self._model, 0.0, work)
        generated = made.shape[1] - width
        self._sample.units += rows * (width + generated - 1)
        return made, self._sample.flops - before

    def _answers(
        self,
        made: list[list[int]],
        prompts: list[tuple[int, ...]],
        width: int,
        count: float | None,
    ) -> list[Answer]:
        rows, generated = len(made), len(made[0])
        padded = width + generated - 1
        if count is None:
            count = self._sample.scaled(rows * padded) or 0.0
        formula = generation_flops(self.shape, width, generated)
        answers = []
        for row, prompt in zip(made, prompts, strict=True):
            written = self._until_end(row)
            text = str(self._tokenizer.decode(written, skip_special_tokens=True))
            answers.append(
                Answer(
                    text=_stopped(text, self._sampling.stop),
                    input_tokens=len(prompt),
                    output_tokens=len(written),
                    flops=count / rows,
                    flops_formula=formula,
                    padded_tokens=padded,
                )
            )
        return answers

    def _until_end(self, row: list[int]) -> list[int]:
        """Tokens up to the end token, which is counted: it was generated. Padding is not."""
        stops = {*self._ends, self._tokenizer.pad_token_id}
        at = next((n for n, token in enumerate(row) if token in stops), len(row))
        return row[: at + 1] if at < len(row) and row[at] in self._ends else row[:at]

    def _settings(self) -> dict[str, Any]:
        chosen = self._sampling
        settings: dict[str, Any] = {
            "max_new_tokens": chosen.max_tokens,
            "do_sample": chosen.temperature > 0,
            "pad_token_id": self._tokenizer.pad_token_id,
            "eos_token_id": self._ends,
        }
        if chosen.temperature > 0:
            settings |= {"temperature": chosen.temperature, "top_k": 0}
            settings |= {"top_p": chosen.top_p or 1.0}
        if chosen.stop:
            settings |= {"stop_strings": list(chosen.stop), "tokenizer": self._tokenizer}
        return settings


def _end_tokens(teacher: Loaded) -> list[int]:
    """Tokens that end an answer: the tokenizer's, and those that the model's own generation
    settings name (a chat model's turn may end with another token than a text)."""
    named = teacher.model.generation_config.eos_token_id
    named = [] if named is None else [named] if isinstance(named, int) else list(named)
    return list(dict.fromkeys([int(teacher.tokenizer.eos_token_id), *named]))


class InspectGenerator:
    """A teacher behind any of Inspect's providers: the embedded llama.cpp, vLLM, a server."""

    def __init__(
        self,
        reference: str,
        digest: str,
        shape: ModelShape | None,
        sampling: Sampling,
        batch: int,
    ) -> None:
        from inspect_ai.model import get_model

        self.digest, self.shape, self._sampling = digest, shape, sampling
        settings: dict[str, Any] = (
            {"slots": min(batch, 8)} if reference.startswith("distilbench/") else {}
        )
        self._model: Model = get_model(reference, memoize=False, **settings)
        self._loop = asyncio.new_event_loop()

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(self._one(one, number) for one, number in asked))

        return self._loop.run_until_complete(all_of_them())

    @property
    def pid(self) -> int | None:
        engine = getattr(self._model.api, "engine", None)
        return engine.pid if engine is not None else None

    def close(self) -> None:
        engine = getattr(self._model.api, "engine", None)
        self._loop.run_until_complete(self._model.api.aclose())
        if engine is not None:
            engine.close()
        self._loop.close()

    async def _one(self, asked: Asked, number: int) -> Answer:
        from inspect_ai.model import GenerateConfig

        chosen = self._sampling
        output = await self._model.generate(
            as_chat(asked),
            config=GenerateConfig(
                max_tokens=chosen.max_tokens,
                stop_seqs=list(chosen.stop) or None,
                temperature=chosen.temperature,
                top_p=chosen.top_p,
                seed=chosen.seed + number,
            ),
        )
        usage = output.usage
        if usage is None:
            return Answer(output.completion, None, None)
        read = usage.input_tokens + (usage.input_tokens_cache_read or 0)
        written = usage.output_tokens
        flops = generation_formula(self.shape, read, written)
        return Answer(output.completion, read, written, None, flops)


def generation_formula(shape: ModelShape | None, read: int, written: int) -> float | None:
    """FLOPs by the meter's own formula, for engines whose work torch does not see."""
    from distilbench.meter import inference_flops

    if shape is None:
        return None
    flops = inference_flops(shape, read, written)
    return flops.prefill + flops.decode


def inspect_generator(
    source: Source,
    folder: Path,
    shape: ModelShape | None,
    sampling: Sampling,
    batch: int,
    where: str,
) -> InspectGenerator:
    """``inspect:provider/model``, or a GGUF on the embedded engine. ``shape``: from the teacher's
    card, for a model that is served elsewhere."""
    if source.is_inspect:
        return InspectGenerator(source.rest, str(source), shape, sampling, batch)
    file = locate_model(source, folder, where)
    found = describe(file).architecture
    return InspectGenerator(f"distilbench/{file}", sha256_of(file), found, sampling, batch)


def as_chat(asked: Asked) -> list[Any]:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    return [kinds[message["role"]](content=message["content"]) for message in asked.messages]


def _stopped(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first stop sequence that is not at its beginning's white space."""
    text = text.lstrip() if stops else text
    for stop in stops:
        text = text.partition(stop)[0]
    return text


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))
