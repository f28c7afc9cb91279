"""What generates a teacher's answers: transformers in this process, or an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.architecture import describe
from distilbench.distill.accounts import FlopSample, TeacherSize, generation_flops, shape_of
from distilbench.distill.data import Asked, prompt_ids
from distilbench.distill.teacher._answers import Answer, Ended, Sampling
from distilbench.distill.teacher._cache import key_of
from distilbench.distill.teacher._served import served_digest
from distilbench.distill.weights import Loaded, device
from distilbench.engines import (
    FAILURE_KEY,
    Assignment,
    Engine,
    EngineSettings,
    engine_of,
    sha256_of,
)
from distilbench.errors import InputError
from distilbench.keys import redact
from distilbench.providers import provider_of
from distilbench.source import Source

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput

_MOST_SLOTS = 8


class TransformersGenerator:
    """A teacher in this process, by ``model.generate``."""

    is_here = True

    def __init__(self, teacher: Loaded, sampling: Sampling) -> None:
        self._shape = shape_of(teacher.model)
        self.size = TeacherSize(self._shape)
        self._model, self._tokenizer, self._sampling = teacher.model, teacher.tokenizer, sampling
        self._sample = FlopSample(every=10)
        self._ends = _end_tokens(teacher)
        # What renders a prompt and ends an answer sets the text as the weights do.
        template = teacher.tokenizer.chat_template
        self.digest = key_of(model=teacher.digest, template=template, ends=self._ends)

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        import torch

        model, tokenizer = self._model.to(device()).eval(), self._tokenizer
        prompts = [prompt_ids(tokenizer, one) for one, _ in asked]
        width = max(map(len, prompts))
        pad = int(tokenizer.pad_token_id)
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        seeds = [_seed(self._sampling, one, number) for one, number in asked]

        def work() -> Any:
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(int(key_of(seeds=seeds)[:15], 16))
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
        formula = generation_flops(self._shape, width, generated)
        answers = []
        for row, prompt in zip(made, prompts, strict=True):
            written = self._until_end(row)
            said = written[:-1] if written and written[-1] in self._ends else written
            text = str(self._tokenizer.decode(said, skip_special_tokens=True))
            answers.append(
                Answer(
                    text=_stopped(text, self._sampling.stop),
                    input_tokens=len(prompt),
                    output_tokens=len(written),
                    flops=count / rows,
                    flops_formula=formula,
                    padded_tokens=padded,
                    ended=self._ended(written, text),
                )
            )
        return answers

    def _until_end(self, row: list[int]) -> list[int]:
        """Tokens up to the end token, which is counted: it was generated. Padding is not."""
        stops = {*self._ends, self._tokenizer.pad_token_id}
        at = next((n for n, token in enumerate(row) if token in stops), len(row))
        return row[: at + 1] if at < len(row) and row[at] in self._ends else row[:at]

    def _ended(self, written: list[int], text: str) -> Ended:
        chosen = self._sampling
        if written and written[-1] in self._ends:
            return "stop"
        stopped = any(stop in text for stop in chosen.stop)
        return "stop" if stopped or len(written) < chosen.max_tokens else "cut"

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


def _seed(sampling: Sampling, asked: Asked, number: int) -> int:
    """The random state of one answer, below 2^31: questions that shared one would be answered by
    the same draws."""
    made = key_of(seed=sampling.seed, messages=list(asked.messages), sample=number)
    return int(made[:8], 16) >> 1


def _end_tokens(teacher: Loaded) -> list[int]:
    """Tokens that end an answer: the tokenizer's, and those that the model's own generation
    settings name (a chat model's turn may end with another token than a text)."""
    named = teacher.model.generation_config.eos_token_id
    named = [] if named is None else [named] if isinstance(named, int) else list(named)
    return list(dict.fromkeys([int(teacher.tokenizer.eos_token_id), *named]))


class EngineGenerator:
    """A teacher on an engine, which is loaded when the first question comes: the cache may hold all
    answers. ``where`` names it in errors."""

    def __init__(
        self,
        engine: Engine,
        digest: str,
        size: TeacherSize,
        sampling: Sampling,
        where: str,
        is_here: bool = False,
    ) -> None:
        self.digest, self.size, self._sampling, self.is_here = digest, size, sampling, is_here
        self._engine, self._where = engine, where
        self._loaded = False
        self._loop = asyncio.new_event_loop()

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(self._one(one, number) for one, number in asked))

        if not self._loaded:
            self._load()
        return self._loop.run_until_complete(all_of_them())

    @property
    def pid(self) -> int | None:
        return self._engine.pid

    def close(self) -> None:
        if self._loaded:
            self._loop.run_until_complete(self._engine.model.api.aclose())
        self._engine.close()
        self._loop.close()

    def _load(self) -> None:
        try:
            self._engine.load()
        except Exception as error:  # whatever its library raises
            said = f"could not be loaded ({redact(str(error))})"
            raise InputError(self._where, said, "name a teacher that runs here") from error
        self._loaded = True

    async def _one(self, asked: Asked, number: int) -> Answer:
        from inspect_ai.model import GenerateConfig

        chosen = self._sampling
        output = await self._engine.model.generate(
            as_chat(asked),
            config=GenerateConfig(
                max_tokens=chosen.max_tokens,
                stop_seqs=list(chosen.stop) or None,
                temperature=chosen.temperature,
                top_p=chosen.top_p,
                seed=_seed(chosen, asked, number),
            ),
        )
        failed = (output.metadata or {}).get(FAILURE_KEY)
        if failed:
            said = f"gave no answer ({failed['message']})"
            raise InputError(self._where, said, "lower 'generation.batch' or 'max_tokens'")
        text, usage, ended = _with_thought(output), output.usage, _ENDED.get(output.stop_reason)
        if usage is None:
            return Answer(text, None, None, ended=ended or "stop")
        read = usage.input_tokens + (usage.input_tokens_cache_read or 0)
        written = usage.output_tokens
        flops = self.size.answering(read, written)
        return Answer(text, read, written, None, flops, ended=ended or "stop")


_ENDED: dict[str, Ended] = {
    "max_tokens": "cut",
    "model_length": "cut",
    "content_filter": "refused",
}
"""What Inspect calls it."""


def engine_generator(
    source: Source,
    folder: Path,
    size: TeacherSize,
    sampling: Sampling,
    batch: int,
    where: str,
) -> EngineGenerator:
    """A teacher on the engine of its source. ``size``: as stated, for a model that has no file
    here. Raises ``InputError`` naming ``where`` if it is known already that it cannot
    run."""
    kind = engine_of(source, where)
    file = kind.locate(source, None, folder, where)
    settings = EngineSettings(slots=min(batch, _MOST_SLOTS))
    greedy = sampling.temperature == 0
    asked = Assignment(source, kind.reference(source, file), settings, file, greedy=greedy)
    kind.check(asked, where)
    if file is not None:
        size = TeacherSize(describe(file).architecture)
    digest = served_digest(source, asked.reference) if file is None else sha256_of(file)
    is_here = file is not None or provider_of(asked.reference).in_process
    return EngineGenerator(kind(asked), digest, size, sampling, where, is_here)


def _with_thought(output: ModelOutput) -> str:
    """The answer behind its thought, where the engine tells one: a student learns both, and the
    verifier knows them apart. A thought that was cut stays open."""
    content = output.message.content if output.choices else ""
    parts = () if isinstance(content, str) else content
    thought = "".join(p.reasoning for p in parts if p.type == "reasoning" and not p.redacted)
    if not thought:
        return output.completion
    begun = f"<think>\n{thought}"
    return f"{begun}\n</think>\n\n{output.completion}" if output.completion else begun


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
