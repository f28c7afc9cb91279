"""Questions from reasoning-gym's generators."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

from distilbench.errors import InputError
from distilbench.tasks._questions import Question, QuestionSet
from distilbench.tasks._spec import ReasoningGymTask

# A generator makes item i from seed + i, so neighbouring seeds would share their questions.
_SEED_STRIDE = 1_000_000
_EXAMPLES_FROM = 500_000
_TRIES = 20  # for each question, until a generator is taken to have no more distinct ones


def generate(spec: ReasoningGymTask, seed: int) -> QuestionSet:
    """Few-shot examples and questions, all distinct. The same seed and index give the same
    question and id, however many are asked."""
    examples = _distinct(spec, seed * _SEED_STRIDE + _EXAMPLES_FROM, spec.fewshot, set())
    taken = {example.text for example in examples}
    asked = _distinct(spec, seed * _SEED_STRIDE, spec.questions, taken)
    return QuestionSet(examples=tuple(examples), questions=tuple(asked))


def _distinct(spec: ReasoningGymTask, start: int, count: int, taken: set[str]) -> list[Question]:
    seen = set(taken)

    def fresh() -> Iterator[Question]:
        for question in _stream(spec, start, count * _TRIES):
            if question.text not in seen:
                seen.add(question.text)
                yield question

    found = list(islice(fresh(), count))
    if len(found) < count:
        raise InputError(
            f"task {spec.name!r}",
            f"reasoning_gym {spec.reasoning_gym!r} makes only {len(found)} of {count} distinct "
            "questions with these params",
            "widen its params or lower 'questions'",
        )
    return found


def _stream(spec: ReasoningGymTask, start: int, count: int) -> Iterator[Question]:
    data = _data_set(spec, start, max(1, count))
    for index in range(count):
        item = data[index]
        answer = item["answer"]
        if answer is None:
            raise InputError(
                f"task {spec.name!r}",
                f"reasoning_gym {spec.reasoning_gym!r} has questions without one right answer",
                "choose another data set: distilbench tasks",
            )
        text = str(item["question"]).strip()
        yield Question(
            id=f"{spec.variant_of or spec.name}-{start + index}",
            text=text,
            worked=str(answer),
            target=str(answer),
            cluster=hashlib.sha256(text.encode()).hexdigest()[:16],
        )


def _data_set(spec: ReasoningGymTask, seed: int, size: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old syntax in its dependencies
        import reasoning_gym
    try:
        return reasoning_gym.create_dataset(spec.reasoning_gym, seed=seed, size=size, **spec.params)
    except (AssertionError, TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"task {spec.name!r}",
            f"reasoning_gym {spec.reasoning_gym!r} refuses its params ({reason})",
            "correct 'params' or the name: distilbench tasks",
        ) from error
