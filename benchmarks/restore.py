"""What a resume costs: a killed worker's journal, put into the log of its shard, by its samples.

CPU seconds of ``restore``, which each resumed shard begins with: once with all samples in the
journal, as of a worker that was killed at the end, and once with all in the log. Samples are
generated, with short answers. What limits it: a transcript of many turns takes what it holds.

    python benchmarks/restore.py [--samples 250 1000 4000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path

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

from distilbench.runner._journal import Journal, restore


def begun(folder: Path, samples: int) -> None:
    """What a worker leaves that was killed when it had answered so many."""
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="t", dataset=EvalDataset(), model="mockllm/m",
        config=EvalConfig(),
    )  # fmt: skip
    write_eval_log(EvalLog(eval=spec, status="started", samples=[]), str(folder / "a.eval"), "eval")
    said = ChatMessageAssistant(content="The answer is 4. " * 10)
    output = ModelOutput(
        model="m", choices=[ChatCompletionChoice(message=said)],
        usage=ModelUsage(input_tokens=100, output_tokens=40, total_tokens=140),
    )  # fmt: skip
    journal = Journal()
    journal.begin(folder)
    for number in range(samples):
        journal.add(
            EvalSample(
                id=f"t-{number}", epoch=1, input="What is 2 + 2?", target="4", output=output,
                scores={"distilbench_answer": Score(value=1.0, answer="4")}, total_time=1.0,
            )
        )  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--samples", type=int, nargs="+", default=[250, 1_000, 4_000])
    print(f"{'samples':>8} {'journal, s':>10} {'log, s':>8} {'ms each':>8} {'MiB':>5}")
    for samples in asked.parse_args().samples:
        with tempfile.TemporaryDirectory() as name:
            begun(Path(name), samples)
            times = [time.process_time()]
            for _ in range(2):
                assert restore(Path(name)) == samples
                times.append(time.process_time())
        first, again = (b - a for a, b in pairwise(times))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"{samples:>8} {first:10.2f} {again:8.2f} {1e3 * first / samples:8.2f} {peak:5}",
            flush=True,
        )


if __name__ == "__main__":
    main()
