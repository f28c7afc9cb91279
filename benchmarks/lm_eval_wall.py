"""Wall time of distilbench beside lm-evaluation-harness, on the same few-shot questions.

Both read the same prompts (GSM8K format: worked examples, then a question) with the same model,
threads, slots and most tokens, greedily, in alternating rounds. distilbench runs its suite;
lm-evaluation-harness runs as its user runs it: ``lm_eval run --model local-completions`` against
llama.cpp's server (xllamacpp's, with its defaults) on loopback, with ``num_concurrent`` 1, its
default, and with the best of 2, 4 and 8. Goals: lm-eval's time over ours at least 1.25 at its
default concurrency and 1.05 at its best.

Two times of each. *Answering*: from the first request to the last answer (ours: warm-up and wall
time from the cell record; theirs: the life of its progress bar). *Whole*: the command from start to
end, with the start of the interpreter, the loading of the model and the report; theirs includes
the start of the server.

What limits each, printed at the end: what one question costs beside the engine's own work. Ours
reads the few-shot prefix once for all slots; llama.cpp's server reads it once a slot, and lm-eval
asks with one request after the other in flight by default. Where both keep all slots decoding, the
engine is the limit of both, and what is left is start-up.

    python benchmarks/lm_eval_wall.py [--questions 16] [--rounds 1] [--max-tokens 48]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from distilbench.engines import locate_model
from distilbench.tasks import QuestionSet

SUITE = """
name: wall
models: ["{model}"]
tasks:
  - file: questions.jsonl
    fewshot: {shots}
    fewshot_file: examples.jsonl
    extract: "####"
    grader: exact
    max_tokens: {max_tokens}
profiles: [{{slots: {slots}, context: {context}, threads: {threads}}}]
"""
# llama.cpp's server as people start it: its defaults but for the model, threads, slots, context.
SERVER = """
import sys, xllamacpp
path, threads, slots, context = sys.argv[1], *map(int, sys.argv[2:])
params = xllamacpp.CommonParams()
params.model.path = path
params.n_parallel, params.n_ctx = slots, slots * context
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
params.verbosity = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
BEGUN, DONE = b"Requesting API:", b"100%"


class Times(NamedTuple):
    answering_s: float
    whole_s: float


def questions(number: int) -> list[dict[str, str]]:
    """Made-up word problems in the format of GSM8K."""
    rows = []
    for i in range(number):
        a, b, c = 5 + 7 * i % 40, 2 + 11 * i % 30, 2 + i % 4
        rows.append(
            {
                "question": f"Ada has {a} boxes with {c} pens each and buys {b} more. She gives"
                f" {c} pens to Ben. How many pens does Ada have then?",
                "answer": f"The boxes hold {a} * {c} = <<{a}*{c}={a * c}>>{a * c} pens.\nWith the"
                f" new ones she has {a * c} + {b} = <<{a * c}+{b}={a * c + b}>>{a * c + b} pens.\n"
                f"She keeps {a * c + b} - {c} = <<{a * c + b}-{c}={a * c + b - c}>>{a * c + b - c}"
                f" pens.\n#### {a * c + b - c}",
            }
        )
    return rows


def ours(folder: Path, out: Path) -> Times:
    """The suite as a command would run it."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "distilbench", "run", "suite.yaml", "--out", str(out)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    whole_s = time.perf_counter() - started
    cells = pl.read_parquet(out / "wall" / "cells.parquet")
    return Times(cells.select(pl.col("wall_s") + pl.col("warmup_s")).item(), whole_s)


def theirs(folder: Path, options: argparse.Namespace, concurrent: int) -> Times:
    """lm-eval against a freshly started llama.cpp server."""
    started = time.perf_counter()
    with llama_server(options) as url:
        arguments = {
            "model": "local",
            "base_url": f"{url}/v1/completions",
            "tokenizer_backend": "none",
            "num_concurrent": concurrent,
        }
        answering_s = _lm_eval(folder, arguments)
    return Times(answering_s, time.perf_counter() - started)


@contextmanager
def llama_server(options: argparse.Namespace) -> Iterator[str]:
    path = locate_model(options.model, Path.cwd(), "--model")
    sizes = (str(n) for n in (options.threads, options.slots, options.context))
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path), *sizes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def _lm_eval(folder: Path, arguments: dict[str, Any]) -> float:
    """Run the command; the seconds between the first and the last word of its progress bar."""
    words = ",".join(f"{key}={value}" for key, value in arguments.items())
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "local-completions"]
    command += ["--model_args", words, "--tasks", "wall", "--include_path", str(folder)]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **offline},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stderr
    log, begun, done = b"", 0.0, 0.0
    while part := process.stderr.read(65536):
        log += part
        begun = begun or (time.perf_counter() if BEGUN in log else 0.0)
        if begun and not done and DONE in log.rpartition(BEGUN)[2]:
            done = time.perf_counter()
    if process.wait() != 0 or not done:
        raise SystemExit(f"lm_eval failed:\n{log.decode('utf-8', 'replace')[-3000:]}")
    return done - begun


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """The suite, its files, and lm-eval's task with the same examples in the same order."""
    rows = questions(options.questions + options.shots)
    for name, part in (
        ("examples", rows[: options.shots]),
        ("questions", rows[options.shots :]),
    ):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(lines)
    (folder / "suite.yaml").write_text(SUITE.format(**vars(options)))


def write_task(folder: Path, run_dir: Path, max_tokens: int) -> None:
    """lm-eval's gsm8k task on the local file, with the examples that the run showed."""
    asked = QuestionSet.model_validate_json(
        next((run_dir / "questions").glob("*.json")).read_text()
    )
    shots = [{"question": e.text, "answer": e.worked} for e in asked.examples]
    task = {
        "task": "wall",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "questions.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "fewshot_config": {"sampler": "first_n", "samples": shots},
        "num_fewshot": len(shots),
        "generation_kwargs": {
            "until": ["\nQuestion:"],
            "do_sample": False,
            "temperature": 0.0,
            "max_gen_toks": max_tokens,
        },
        "metric_list": [{"metric": "exact_match"}],
    }
    (folder / "wall_task.yaml").write_text(yaml.safe_dump(task))


def measure(options: argparse.Namespace) -> tuple[list[Times], dict[int, list[Times]]]:
    mine: list[Times] = []
    found: dict[int, list[Times]] = {n: [] for n in options.concurrent}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options)
        for number in range(options.rounds):
            mine.append(ours(folder, folder / f"runs-{number}"))
            print(f"round {number + 1}: distilbench {_shown(mine[-1])}", flush=True)
            write_task(folder, folder / f"runs-{number}" / "wall", options.max_tokens)
            for concurrent in options.concurrent:
                found[concurrent].append(theirs(folder, options, concurrent))
                shown = _shown(found[concurrent][-1])
                print(f"round {number + 1}: lm-eval, {concurrent} at a time: {shown}", flush=True)
    return mine, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pypi:gemma-3-270m")
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--concurrent", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    report(options, *measure(options))


def report(options: argparse.Namespace, mine: list[Times], found: dict[int, list[Times]]) -> None:
    """Medians of the rounds' ratios, against the goals, and what limits each."""
    print(f"\n{options.model}, {options.questions} questions of {options.shots} shots, ", end="")
    print(f"{options.slots} slots, {options.threads} threads, {options.max_tokens} tokens at most")
    result: dict[str, dict[str, float]] = {}
    for part in Times._fields:
        ratios = {
            n: statistics.median(
                getattr(a, part) / getattr(b, part) for a, b in zip(times, mine, strict=True)
            )
            for n, times in found.items()
        }
        best = min(ratios, key=lambda n: ratios[n])
        result[part] = {"default": ratios[1], "best": ratios[best], "best_concurrency": best}
        what = part.removesuffix("_s")
        _line(f"lm-eval / ours, {what}, one at a time (its default)", ratios[1], 1.25)
        _line(f"lm-eval / ours, {what}, {best} at a time (its best)", ratios[best], 1.05)
    starts = [
        statistics.median(t.whole_s - t.answering_s for t in times)
        for times in (mine, [t for each in found.values() for t in each])
    ]
    print(f"start-up and end: ours {starts[0]:.1f} s, lm-eval with its server {starts[1]:.1f} s")
    print(json.dumps(result))


def _shown(times: Times) -> str:
    return f"answering {times.answering_s:.1f} s, whole {times.whole_s:.1f} s"


def _line(name: str, ratio: float, goal: float) -> None:
    print(f"{name:62s} {ratio:6.2f}   goal {goal}: {'met' if ratio >= goal else 'missed'}")


if __name__ == "__main__":
    main()
