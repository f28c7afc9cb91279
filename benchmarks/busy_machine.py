"""Prefill and decode rates beside busy processes, by how long a waiting thread spins.

llama.cpp in xllamacpp's wheel is built with OpenMP. At the end of each matrix product its threads
wait for each other, awake for GOMP_SPINCOUNT turns of a loop, then asleep. A core that another
process wants is lost to it while a thread spins, and so is the core that the thread it waits for
would run on; a thread that sleeps takes microseconds to wake. libgomp's own count is 300,000.

One engine for each count, all loaded, asked in alternating rounds of one run; the order changes
from round to round. 'Busy' is a number of processes that spin, each wanting a whole core. A rate is
the median over rounds: prefill, the tokens of as many fresh prompts as there are slots over the
seconds until all are read; decode, the sum of the slots' own rates. The ratio is that to libgomp's
own count in the same rounds, with the 95% interval of a bootstrap over the rounds.

What limits it: a shared virtual machine. Its load average beside each table tells how
quiet it was; a run of a few minutes on a quiet machine differs from the next by some percent.
Beside 8 busy processes two cores take minutes for one round with all counts: '--busy 8 --rounds 1
--counts 300000 1000'.

    python benchmarks/busy_machine.py [--models pypi:gemma-3-270m] [--slots 1 4] [--busy 0 2 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from distilbench.engines import EngineSettings, locate_model
from distilbench.engines._completion import Sampling
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._settings import LIBGOMP_SPIN_COUNT, SPIN_COUNT

MODELS = ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
COUNTS = [LIBGOMP_SPIN_COUNT, 100_000, 10_000, 1_000, 100, 0]
PROMPT = 64  # digits, which both models give a token each
GENERATED = 16


class Rates(NamedTuple):
    prefill_tokens_per_s: float
    decode_tokens_per_s: float


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that want a core each."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def rates(engine: LlamaCpp, salt: int) -> Rates:
    """One measurement; ``salt`` keeps the cache from knowing the prompts."""

    async def answers() -> Rates:
        chance = random.Random(salt)
        slots = range(engine.settings.slots)
        prompts = ["".join(chance.choices("0123456789", k=PROMPT)) for _ in slots]
        try:
            started = time.perf_counter()
            read = await asyncio.gather(
                *(engine.complete(prompt, Sampling(n_predict=1)) for prompt in prompts)
            )
            seconds = time.perf_counter() - started
            fresh = sum((r.timing.input_tokens or 0) - (r.timing.cached_tokens or 0) for r in read)
            story = [f"{chance.randrange(10)}. Once upon a time there lived" for _ in slots]
            told = await asyncio.gather(
                *(engine.complete(text, Sampling(n_predict=GENERATED)) for text in story)
            )
            timings = [t.timing for t in told]
            decode = sum(((t.output_tokens or 1) - 1) / (t.decode_s or 1) for t in timings)
            return Rates(fresh / seconds, decode)
        finally:
            await engine.aclose()

    return asyncio.run(answers())


def alternating(
    engines: dict[int, LlamaCpp], seconds: float, rounds: int
) -> dict[int, list[Rates]]:
    """Rounds over all engines until the time is up, and at least so many."""
    found: dict[int, list[Rates]] = {count: [] for count in engines}
    order = list(engines)
    chance = random.Random(0)
    began, turn = time.monotonic(), 0
    while turn < rounds or time.monotonic() - began < seconds:
        chance.shuffle(order)
        for count in order:
            found[count].append(rates(engines[count], turn))
        turn += 1
    return found


def ratio(mine: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """Ratio of medians with its 95% interval, by 2,000 resamples of the rounds."""
    chance = random.Random(0)
    rounds = list(zip(mine, theirs, strict=True))

    def of(pairs: list[tuple[float, float]]) -> float:
        return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)

    drawn = sorted(of(chance.choices(rounds, k=len(rounds))) for _ in range(2000))
    return of(rounds), drawn[49], drawn[1949]


def compare(model: str, slots: int, load: int, options: argparse.Namespace) -> dict[str, float]:
    path = locate_model(model, Path.cwd(), "benchmark")
    kept: dict[str, float] = {}
    with ExitStack() as stack:
        engines = {
            count: stack.enter_context(
                LlamaCpp(path, EngineSettings(slots=slots, context=512, spin_count=count))
            )
            for count in options.counts
        }
        for engine in engines.values():
            rates(engine, -1)  # warm-up
        with busy(load):
            found = alternating(engines, options.seconds, options.rounds)
    first = options.counts[0]
    rounds = len(found[first])
    print(f"{model}, {slots} slots, {load} busy processes, {rounds} rounds, {machine()}")
    for count, several in found.items():
        line = f"  spin count {count:7,d}"
        for what in Rates._fields:
            mine, theirs = ([getattr(r, what) for r in found[c]] for c in (count, first))
            middle, low, high = ratio(mine, theirs)
            name = what.partition("_")[0]
            rate = statistics.median(getattr(r, what) for r in several)
            line += f"  {name} {rate:7.1f}/s, ratio {middle:5.2f} [{low:.2f}, {high:.2f}]"
            kept[f"{model} {slots} slots busy {load} {name} {count}"] = round(middle, 3)
        print(line + ("  <- ours" if count == SPIN_COUNT else ""), flush=True)
    return kept


def machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"load average {load} afterwards, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--slots", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 2, 8])
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS, help="base first")
    parser.add_argument("--seconds", type=float, default=60, help="least, of each table")
    parser.add_argument("--rounds", type=int, default=3, help="least, of each table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave no busy process behind
    ratios: dict[str, float] = {}
    for model in options.models:
        for slots in options.slots:
            for load in options.busy:
                ratios |= compare(model, slots, load, options)
    print(json.dumps({f"rate over that at a spin count of {options.counts[0]}": ratios}))


if __name__ == "__main__":
    main()
