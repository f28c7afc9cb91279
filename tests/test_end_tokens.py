"""A trailing end token is never text: not of an answer, nor of what a student is trained on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill.data import Asked, prompt_ids
from distilbench.distill.data._corpus import blocks, completion_ids
from distilbench.distill.teacher import Sampling, TransformersGenerator
from distilbench.distill.weights import export_gguf
from distilbench.distill.weights._models import Loaded
from distilbench.engines import EngineSettings
from distilbench.engines._completion import Sampling as Choice
from distilbench.engines._completion import read_reply
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.tasks import Question
from tests.tiny_models import tiny_llama, tiny_tokenizer

CLOCK = {"prompt_n": 1, "cache_n": 0, "predicted_n": 2, "prompt_ms": 1.0, "predicted_ms": 1.0}


def reply(content: str, stop_type: str) -> bytes:
    return json.dumps({"content": content, "timings": CLOCK, "stop_type": stop_type}).encode()


@pytest.mark.parametrize(
    ("content", "stop_type", "text"),
    [
        ("-22<|end|>", "eos", "-22"),
        ("-22\n<|end|>", "eos", "-22\n"),
        ("-22", "eos", "-22"),
        ("The tag is <|end|>", "limit", "The tag is <|end|>"),
        ("a<|end|> b", "eos", "a<|end|> b"),
        ("<think>x</think>", "eos", "<think>x</think>"),
    ],
)
def test_what_ends_an_answer_is_no_part_of_it(content: str, stop_type: str, text: str) -> None:
    assert read_reply(reply(content, stop_type), streamed=False, total_s=1.0).text == text


@pytest.fixture(scope="module")
def answering() -> tuple[Any, Any]:
    """A model that says '3 .' and its end token behind 'the cat'."""
    import torch

    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    ids = torch.tensor([[*tokenizer("the cat 3 .")["input_ids"], tokenizer.eos_token_id]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval(), tokenizer


def test_a_gguf_answers_without_its_end_token(answering: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = answering
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    file = export_gguf(tmp_path / "m", tmp_path / "m.gguf", "F32")

    async def ask() -> tuple[str, tuple[int, ...]]:
        with LlamaCpp(file, EngineSettings(slots=1, context=256, threads=1)) as engine:
            done = await engine.complete("the cat", Choice(n_predict=8))
            await engine.aclose()
            return done.text, done.tokens

    text, tokens = asyncio.run(ask())
    assert text == " 3 ."
    assert tokens[-1] == tokenizer.eos_token_id  # it was generated, and is counted


@pytest.mark.parametrize("special", [True, False])
def test_a_teacher_in_transformers_says_no_end_token(
    answering: tuple[Any, Any], special: bool
) -> None:
    """Also one whose tokenizer does not mark its end token as special."""
    model, tokenizer = answering
    if not special:
        from tokenizers import AddedToken

        tokenizer = tiny_tokenizer()
        end = AddedToken("<|stop|>", special=False)
        tokenizer.add_tokens([end])
        model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|stop|>")
    generator = TransformersGenerator(Loaded(model, tokenizer, ""), Sampling(8, (), 0.0, None, 0))
    end_id = model.generation_config.eos_token_id
    row = [*tokenizer(" 3 .")["input_ids"], end_id]
    (answer,) = generator._answers([row], [(1,)], 1, 1.0)
    assert answer.text == " 3 ."
    assert answer.output_tokens == len(row)
    model.generation_config.eos_token_id = 0


@pytest.mark.parametrize("answer", ["-22", "-22<|end|>", "-22 <|end|>", "-22<|end|><|end|>"])
def test_a_student_is_taught_one_end(answer: str) -> None:
    tokenizer = tiny_tokenizer()
    wanted = (*tokenizer(" -22")["input_ids"], tokenizer.eos_token_id)
    assert completion_ids(tokenizer, answer) == wanted
    assert tokenizer.decode(completion_ids(tokenizer, "")) == " <|end|>"


def test_a_tokenizer_that_ends_all_it_reads_ends_no_prompt_and_no_text_twice() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = tiny_tokenizer()
    plain, end = tokenizer("the cat")["input_ids"], tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <|end|>", special_tokens=[("<|end|>", end)]
    )
    assert tokenizer("the cat")["input_ids"] == [*plain, end]
    (block,) = blocks(tokenizer, ("the cat", "the cat<|end|>"), 64)
    assert block.completion == (*plain, end, *plain, end)
    question = Question(id="1", text="x", worked="2", target="2", cluster="1")
    asked = Asked(question, ({"role": "user", "content": "x"},), "2")
    assert end not in prompt_ids(tokenizer, asked)
