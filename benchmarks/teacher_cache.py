"""What a teacher's cached logits take and lose, and how fast its text and logits come.

Bytes for each token of text, of the 128 best log-probabilities: as files of int32 and float32 they
were 1,024 and more. Goal: about 300. What that loses: forward and reverse KL of a student (the
teacher with a nat of noise on each logit) over the best and the rest, against float64.

Rates in tokens a second, the same texts for each: written by transformers question by question, by
the batches of a recipe, by llama.cpp on the same GGUF file; scored by transformers text by text, by
the batches of a recipe into the cache, and read back from it. Goal: each at least the first.

    python benchmarks/teacher_cache.py [--model pypi:smollm2-135m-instruct] [--questions 8]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distilbench.distill.accounts import StageMeter, TeacherSize
from distilbench.distill.data import Asked, Example, prompt_ids
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher import (
    LocalScorer,
    Sampling,
    TeacherCache,
    TransformersGenerator,
    cache_logits,
    read_logits,
)
from distilbench.distill.teacher._generators import engine_generator
from distilbench.distill.weights import Loaded, load
from distilbench.source import Source
from distilbench.tasks import Question

BATCH = 8


def questions(count: int) -> list[Asked]:
    made = []
    for n in range(count):
        text = f"Tell me in a few sentences what happens when {n + 2} people share {n + 5} apples."
        question = Question(id=str(n), text=text, worked="", target="", cluster=str(n))
        made.append(Asked(question, ({"role": "user", "content": text},), ""))
    return made


def timed(work: Callable[[], int]) -> float:
    """Tokens a second of what says how many it made."""
    started = time.perf_counter()
    tokens = work()
    return tokens / (time.perf_counter() - started)


def generation(source: Source, teacher: Loaded, asked: list[Asked], most: int) -> dict[str, float]:
    sampling = Sampling(most, (), 0.0, None, 0)
    pairs = [(one, 0) for one in asked]
    batched = TransformersGenerator(teacher, sampling)
    batched._sample.steps = 1  # the first batch is counted by torch, at its own cost
    engine = engine_generator(source, Path(), TeacherSize(), sampling, BATCH, "the teacher")
    engine.answer(pairs[:1])  # loads the model

    def one_by_one() -> int:
        total = 0
        for one in asked:
            ids = torch.tensor([prompt_ids(teacher.tokenizer, one)])
            with torch.inference_mode():
                made = teacher.model.generate(ids, max_new_tokens=most, do_sample=False)
            total += made.shape[1] - ids.shape[1]
        return total

    def of(generator: Any) -> int:
        answers = [a for at in range(0, len(pairs), BATCH)
                   for a in generator.answer(pairs[at : at + BATCH])]  # fmt: skip
        return sum(answer.output_tokens or 0 for answer in answers)

    try:
        return {
            "transformers, one by one": timed(one_by_one),
            f"a recipe's batches of {BATCH}": timed(lambda: of(batched)),
            "llama.cpp": timed(lambda: of(engine)),
        }
    finally:
        engine.close()


def texts(teacher: Loaded, asked: list[Asked], most: int) -> list[Example]:
    """The teacher's own answers, as a recipe would train on them."""
    generator = TransformersGenerator(teacher, Sampling(most, (), 0.0, None, 0))
    made = []
    for one in asked:
        answer = generator.answer([(one, 0)])[0].text
        ids = teacher.tokenizer(answer, add_special_tokens=False)["input_ids"]
        made.append(Example(prompt_ids(teacher.tokenizer, one), tuple(ids)))
    return made


def scoring(teacher: Loaded, examples: list[Example], folder: Path) -> tuple[Any, list[str]]:
    asked = Distillation(top_k=128)
    tokens = sum(len(example.ids) for example in examples)
    cache = TeacherCache(folder)
    places: list[str] = []

    def one_by_one() -> int:
        for example in examples:
            with torch.inference_mode():
                logits = teacher.model(torch.tensor([example.ids])).logits
                torch.log_softmax(logits[0].float(), -1).topk(128)
        return tokens

    def cached() -> int:
        with StageMeter("s", folder / "meter").stage("logit_caching") as attempt:
            scorer = LocalScorer(teacher, asked)
            scorer._sample.steps = 1
            places.extend(
                cache_logits(examples, scorer, asked, BATCH, cache, "s", attempt, lambda e: None)
            )
        return tokens

    def read() -> int:
        return sum(len(read_logits(place)["rest"]) for place in places)

    rates = {
        "transformers, text by text": timed(one_by_one),
        f"a recipe's batches of {BATCH}, kept": timed(cached),
        "read from the cache": timed(read),
    }
    return rates, places


def losses(teacher: Loaded, examples: list[Example], places: list[str]) -> dict[str, float]:
    """Mean and greatest error of each divergence, nats for a token."""
    errors: dict[str, list[float]] = {"forward KL": [], "reverse KL": []}
    values: dict[str, list[float]] = {"forward KL": [], "reverse KL": []}
    torch.manual_seed(0)
    for example, place in zip(examples, places, strict=True):
        with torch.inference_mode():
            logits = teacher.model(torch.tensor([example.ids])).logits[0].double()
        logits = logits[len(example.prompt) - 1 : -1]
        whole = torch.log_softmax(logits, -1).numpy()
        student = torch.log_softmax(logits + torch.randn_like(logits), -1).numpy()
        kept = read_logits(place)
        ids = kept["tokens"].numpy()
        exact = divergences(of(whole, ids), of(student, ids))
        rest = kept["rest"][:, None]
        packed = torch.cat([kept["logprobs"], rest], -1).double().numpy()
        for name, found in divergences(packed, of(student, ids)).items():
            errors[name] += (found - exact[name]).tolist()
            values[name] += exact[name].tolist()
    said = {}
    for name, found in errors.items():
        said[f"{name}, nats"] = float(np.mean(values[name]))
        said[f"{name}: mean error"] = float(np.mean(found))
        said[f"{name}: greatest error of a token"] = float(np.abs(found).max())
    return said


def of(logprobs: Any, ids: Any) -> Any:
    """Of the ids, and last of all others together."""
    others = logprobs.copy()
    np.put_along_axis(others, ids, -np.inf, -1)
    rest = np.logaddexp.reduce(others, axis=-1, keepdims=True)
    return np.concatenate([np.take_along_axis(logprobs, ids, -1), rest], -1)


def divergences(p: Any, q: Any) -> dict[str, Any]:
    return {
        "forward KL": (np.exp(p) * (p - q)).sum(-1),
        "reverse KL": (np.exp(q) * (q - p)).sum(-1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pypi:smollm2-135m-instruct")
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=48, help="of each answer")
    options = parser.parse_args()
    source = Source.parse(options.model)
    teacher = load(source, Path(), "the teacher")
    asked = questions(options.questions)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DISTILBENCH_CACHE", folder)
        written = generation(source, teacher, asked, options.tokens)
        examples = texts(teacher, asked, options.tokens)
        rates, places = scoring(teacher, examples, Path(folder))
        shards = (Path(folder) / "logits").iterdir()
        labelled = sum(len(example.completion) for example in examples)
        found = {
            "bytes a token": sum(file.stat().st_size for file in shards) / labelled,
            "error of packing": losses(teacher, examples, places),
            "tokens written a second": written,
            "tokens scored a second": rates,
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
