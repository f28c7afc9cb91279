"""A teacher on an engine: asked through the engine's contract, whatever the engine is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inspect_ai.model import ContentReasoning, ContentText, ModelOutput

from distilbench.distill.accounts import TeacherSize
from distilbench.distill.data import Asked
from distilbench.distill.teacher._answers import Sampling, accepted
from distilbench.distill.teacher._generators import EngineGenerator, engine_generator
from distilbench.distill.teacher._served import served_digest
from distilbench.engines import FAILURE_KEY, Engine, separate
from distilbench.errors import InputError
from distilbench.source import Source
from distilbench.tasks import FileTask, Question

SAMPLING = Sampling(max_tokens=8, stop=(), temperature=0.0, top_p=None, seed=1)


class Planned(Engine):
    """Gives one output, or fails to load."""

    def __init__(self, output: ModelOutput | Exception) -> None:
        self.output, self.loads, self.closed = output, 0, False

    @property
    def model(self) -> Any:
        async def generate(*_: Any, **__: Any) -> Any:
            return self.output

        async def aclose() -> None: ...

        return SimpleNamespace(generate=generate, api=SimpleNamespace(aclose=aclose))

    def load(self) -> None:
        self.loads += 1
        if isinstance(self.output, Exception):
            raise self.output

    def close(self) -> None:
        self.closed = True

    def facts(self) -> dict[str, Any]:
        return {}


def _asked() -> Asked:
    question = Question(id="1", text="1 + 1?", worked="2", target="2", cluster="1")
    return Asked(question, ({"role": "user", "content": "1 + 1?"},), "2")


def _output(*content: Any, **more: Any) -> ModelOutput:
    made = ModelOutput.from_content("x", "").model_copy(update=more)
    made.choices[0].message.content = list(content)
    made.completion = made.choices[0].message.text
    return made


def _text(output: ModelOutput | Exception) -> str:
    engine = Planned(output)
    generator = EngineGenerator(
        engine, "digest", TeacherSize(), SAMPLING, "recipe 'r': field 'teacher'"
    )
    assert engine.loads == 0  # all answers may be in the cache
    try:
        return generator.answer([(_asked(), 0)])[0].text
    finally:
        generator.close()
        assert engine.closed


def test_a_student_learns_the_thought_and_the_answer() -> None:
    text = _text(_output(ContentReasoning(reasoning="One more."), ContentText(text="2")))
    assert (separate(text).thought, separate(text).answer) == ("One more.", "2")
    assert _text(_output(ContentText(text="2"))) == "2"
    task = FileTask(file=Path("q.jsonl"), extract="last_number")
    assert accepted(_asked(), text, task)


def test_a_thought_that_was_cut_is_no_answer() -> None:
    text = _text(_output(ContentReasoning(reasoning="It is 2")))
    assert separate(text).unfinished
    assert not accepted(_asked(), text, FileTask(file=Path("q.jsonl"), extract="last_number"))


def test_what_a_company_hides_is_not_learned() -> None:
    hidden = ContentReasoning(reasoning="gAAAAB", redacted=True)
    assert _text(_output(hidden, ContentText(text="2"))) == "2"


def test_a_teacher_that_does_not_run_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^recipe 'r': field 'teacher': could not be loaded \(no"):
        _text(RuntimeError("no memory"))
    died = _output(metadata={FAILURE_KEY: {"outcome": "out_of_memory", "message": "600 MiB"}})
    with pytest.raises(InputError, match=r"gave no answer \(600 MiB\); lower 'generation.batch'"):
        _text(died)


def test_any_provider_of_inspect_teaches() -> None:
    made = engine_generator(
        Source.parse("inspect:mockllm/model"), Path(), TeacherSize(), SAMPLING, 4, "teacher"
    )
    assert made.digest == served_digest(Source.parse("inspect:mockllm/model"), "mockllm/model")
    made.close()
    with pytest.raises(InputError, match="no installed engine runs 'gone' sources"):
        engine_generator(Source("gone", "x"), Path(), TeacherSize(), SAMPLING, 4, "teacher")
