"""What a run costs besides the answers, from a thousand samples to millions: does it grow evenly?

A generator stands in the engine's place: no model is asked. Each stage runs in a process of its
own, whose time and greatest memory are told:

- ``plan``: the cells of a suite of 40 models, 3 seeds and as many tasks as it takes;
- ``records``: shards' Inspect logs to sample records (``finish_shard``), the largest size left out;
- ``store``: shards' records to the run's two tables (``collect``);
- ``report``: read them, all statistics, all figures.

``growth`` is the time for a sample over that of the size before, less what an empty run takes: 1 is
even. Times are CPU seconds of the process and its threads, so that a shared machine disturbs less.

What limits it: records are drawn at random and answers are short texts; columns that hold long
answers take what they hold, in memory too.

    python benchmarks/scale.py [--samples 1000 10000 100000 1000000] [--models 4] [--tasks 5]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zlib import crc32

STAGES = ("plan", "store", "report", "records")
MOST_LOGGED = 100_000
FEW = 20


def suite(models: int, tasks: int, seeds: int, folder: Path) -> dict[str, object]:
    file = folder / "questions.jsonl"
    return {
        "name": "scale",
        "models": [{"source": "inspect:mockllm/m", "name": f"m{n}"} for n in range(models)],
        "tasks": [{"file": str(file), "name": f"t{n}"} for n in range(tasks)],
        "profiles": [{"slots": 4}],
        "seeds": list(range(seeds)),
    }


def write_questions(folder: Path, count: int) -> None:
    rows = ({"question": f"What is {n} + 2?", "answer": str(n + 2)} for n in range(count))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def planned(folder: Path, models: int, tasks: int, seeds: int = 1):  # type: ignore[no-untyped-def]
    from distilbench.runner import plan
    from distilbench.suite import read_suite

    given = read_suite(suite(models, tasks, seeds, folder))
    return given.suite, plan(given.suite, Path(), "scale")


def prepare(folder: Path, samples: int, models: int, tasks: int) -> None:
    """A run whose shards are answered: records, and for the stage ``records`` logs."""
    from distilbench.runner._run import _write_run_facts, prepare_questions
    from distilbench.runner._shards import cut
    from distilbench.runner._store import finish_cell, shard_folder

    each = max(1, samples // (models * tasks))
    write_questions(folder, each)
    run = folder / "scale"
    _, cells = planned(folder, models, tasks)
    prepare_questions(run, cells)
    _write_run_facts(run, "scale", cells, (0,))
    (run / "suite.yaml").write_text("name: scale\n")
    for number, cell in enumerate(cells):
        shards = cut(each, cell.epochs)
        for shard in shards:
            write_shard(
                shard_folder(run, cell, shard), cell, shard, 0.3 + 0.4 * number / len(cells)
            )
        assert finish_cell(run, cell)


def write_shard(place: Path, cell, shard, right: float) -> None:  # type: ignore[no-untyped-def]
    """Sample records at random, every measured column a number of its own, each question asked once
    with one call, and the facts."""
    import numpy as np
    import polars as pl

    from distilbench.files import write_parquet, write_sealed
    from distilbench.records import SampleRecord, frame, schema
    from distilbench.runner._identity import stated

    chance, size = (
        np.random.default_rng(crc32(f"{cell.name} {shard.number}".encode())),
        shard.questions,
    )
    ids = pl.Series([f"{cell.task.name}-{n + 1}" for n in range(shard.first, shard.last)])
    named = {
        "run": "scale", "cell": cell.name, "origin": "distilbench", "model": cell.model.name,
        "task": cell.task.name, "profile": cell.profile.name, "seed": cell.seed, "epoch": 1,
        "repeat": 1, "model_calls": 1, "tool_calls": 0, "retries": 0,
        "outcome": "stop", "target": "4", "energy_method": "not available: no sensor",
    }  # fmt: skip
    numbers = [
        name for name, kind in schema(SampleRecord).items()
        if kind.is_numeric() and name not in (*named, "score", "stratum_questions", "all_questions")
    ]  # fmt: skip
    table = frame([named], SampleRecord)
    table = pl.concat([table] * size).with_columns(
        pl.Series("sample_id", ids),
        pl.Series("cluster", ids),
        pl.Series("answer", chance.integers(0, 1000, size)).cast(pl.String),
        *(
            pl.Series(name, chance.random(size) * 100).cast(schema(SampleRecord)[name])
            for name in numbers
        ),
        pl.Series("score", (chance.random(size) < right).astype(float)),
    )
    write_parquet(place / "samples.parquet", table)
    facts = {"machine": "m", "begun": 0.0, "wall_s": 1.0, "samples": size, "stated": stated(cell)}
    write_sealed(place / "shard.json", facts)


def write_logs(folder: Path, samples: int, models: int, tasks: int) -> None:
    """The shards' Inspect logs, of the size that a short answer has."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    from distilbench.runner._store import log_folder, shards_of

    _, cells = planned(folder, models, tasks)
    said = ChatMessageAssistant(content="The answer is 4. " * 10)
    output = ModelOutput(
        model="m", choices=[ChatCompletionChoice(message=said)],
        usage=ModelUsage(input_tokens=100, output_tokens=40, total_tokens=140),
    )  # fmt: skip
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="t", dataset=EvalDataset(), model="mockllm/m",
        config=EvalConfig(),
    )  # fmt: skip
    for cell in cells:
        for shard in shards_of(folder / "scale", cell):
            made = [
                EvalSample(
                    id=f"{cell.task.name}-{n + 1}", epoch=1, input="What is 2 + 2?", target="4",
                    output=output, scores={"distilbench_answer": Score(value=1.0, answer="4")},
                    total_time=1.0,
                )
                for n in range(shard.first, shard.last)
            ]  # fmt: skip
            place = log_folder(folder / "scale", cell, shard)
            place.mkdir(parents=True, exist_ok=True)
            log = EvalLog(eval=spec, status="success", samples=made)
            write_eval_log(log, str(place / "a.eval"), format="eval")


def work(stage: str, folder: Path, samples: int, models: int, tasks: int) -> None:
    """What is measured."""
    run = folder / "scale"
    if stage == "plan":
        cells_wanted = max(1, samples // 1_000)
        planned(folder, 40, max(1, cells_wanted // 120), 3)
        return
    from distilbench.runner import collect, load_cells

    if stage == "records":
        from distilbench.runner._store import (
            finish_shard,
            questions_file,
            read_questions,
            shards_of,
        )  # fmt: skip

        for cell in load_cells(run):
            asked = read_questions(questions_file(run, cell))
            for shard in shards_of(run, cell):
                facts = {"machine": "m", "begun": 0.0, "wall_s": 1.0, "energy_method": None}
                finish_shard(run, cell, shard, asked, facts, None)
    elif stage == "store":
        collect(run, load_cells(run))
    elif stage == "report":
        from distilbench.report import write_report

        write_report(run)


def measured(stage: str, folder: Path, args: argparse.Namespace, samples: int) -> tuple[float, int]:
    """CPU seconds and greatest memory, bytes, of one stage in its own process."""
    words = ["--stage", stage, "--folder", str(folder), "--samples", str(samples)]
    words += ["--models", str(args.models), "--tasks", str(args.tasks)]
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), int(memory)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument(
        "--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000]
    )
    asked.add_argument("--models", type=int, default=4)
    asked.add_argument("--tasks", type=int, default=5)
    asked.add_argument("--stage", choices=(*STAGES, "prepare", "logs"), help=argparse.SUPPRESS)
    asked.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = asked.parse_args()
    if args.stage:
        (samples,) = args.samples
        if args.stage in ("prepare", "logs"):
            make = {"prepare": prepare, "logs": write_logs}[args.stage]
            make(args.folder, samples, args.models, args.tasks)
        else:
            work(args.stage, args.folder, samples, args.models, args.tasks)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(time.process_time(), used.ru_maxrss * 1024)
        return
    print(f"{args.models} models, {args.tasks} tasks; CPU seconds, samples a second, MiB, growth")
    base: dict[str, float] = {}
    last: dict[str, float] = {}
    for samples in [FEW, *args.samples]:
        row(samples, args, base, last)


def row(
    samples: int, args: argparse.Namespace, base: dict[str, float], last: dict[str, float]
) -> None:
    """Measure and print one size; the first one is what an empty run takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured("prepare", folder, args, samples)
        for stage in STAGES:
            if stage == "records":
                if samples > MOST_LOGGED:
                    continue
                measured("logs", folder, args, samples)
            seconds, memory = measured(stage, folder, args, samples)
            if samples == FEW:
                base[stage] = seconds
                continue
            each = max(seconds - base[stage], 1e-9) / samples
            growth = f"{each / last[stage]:.2f}" if stage in last else "-"
            last[stage] = each
            print(
                f"{samples:>10,} {stage:8} {seconds:8.1f} s {samples / seconds:>10,.0f} /s"
                f" {memory >> 20:>6,} MiB {growth:>6}",
                flush=True,
            )


if __name__ == "__main__":
    main()
