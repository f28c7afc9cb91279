"""Whether a sample costs more the more samples a cell has, and what the harness costs over Inspect.

A server of this machine answers every question at once, so what is measured is the harness alone:
questions a second of Inspect's own `eval`, of `distilbench run`, and of `distilbench run --workers
2`, on the same questions, with as many in flight, one after the other. Of each run the rate of its
first and of its last part, and of the whole, first answer to last; Inspect's time for its final
scoring and writing is in none. CPU: of all processes of the command, from its start to its end, a
question.

What limits it: the server takes part of the same cores from all, and a shared machine wanders by
some percent; the load average is printed. Below a few thousand questions the parts are too short.

    python benchmarks/growth.py [--questions 20000] [--part 1000] [--slots 16] [--workers 1 2]
    python benchmarks/growth.py --questions 4000 --workers 1 --shard 250 1000 4000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ALONE = """
import sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import json_dataset
from inspect_ai.hooks import Hooks, SampleEnd, hooks
from inspect_ai.scorer import match
from inspect_ai.solver import generate

@hooks(name="clock", description="when each sample ends")
class Clock(Hooks):
    async def on_sample_end(self, data: SampleEnd) -> None:
        print("at", time.time(), flush=True)

from inspect_ai.dataset import FieldSpec
questions = json_dataset(sys.argv[1], FieldSpec(input="question", target="answer"))
eval(
    Task(questions, solver=generate(), scorer=match()), model="openai-api/local/m",
    model_base_url=sys.argv[2], max_connections=int(sys.argv[3]), max_samples=int(sys.argv[3]),
    display="none", log_dir=sys.argv[4], temperature=0,
)
import resource
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""
OURS = """
import sys, time, distilbench
from distilbench.runner import _shards

if int(sys.argv[6]):
    _shards.SHARD_SAMPLES = int(sys.argv[6])

def heard(event):
    if event.event == "sample_done":
        print("at", time.time(), flush=True)

run = distilbench.run(
    {
        "name": "growth",
        "models": [{"source": "inspect:openai-api/local/m", "base_url": sys.argv[2]}],
        "tasks": [distilbench.Task(file=sys.argv[1])],
        "profiles": [{"slots": int(sys.argv[3])}],
    },
    sys.argv[4],
    workers=int(sys.argv[5]),
    on_event=heard,
)
assert run.complete
import resource
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}
    said = {"role": "assistant", "content": "The answer is 4."}
    head = {"id": "1", "model": "m", "created": 0}
    while head_lines := await _head(reader):
        length = next(int(v) for k, v in head_lines if k == "content-length")
        body = json.loads(await reader.readexactly(length))
        if body.get("stream"):
            choice = {"index": 0, "delta": said, "finish_reason": "stop"}
            events = [{"choices": [choice]}, {"choices": [], "usage": usage}]
            kind = "text/event-stream"
            parts = [{**head, "object": "chat.completion.chunk", **event} for event in events]
            text = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
        else:
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            kind, text = "application/json", json.dumps(whole)
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n{text}"
            .encode()
        )  # fmt: skip
        await writer.drain()
    writer.close()


async def _head(reader: asyncio.StreamReader) -> list[tuple[str, str]]:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
    except asyncio.IncompleteReadError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [(name.lower(), value.strip()) for name, _, value in pairs]


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def cpu_s() -> float:
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def moments(script: str, *words: str) -> tuple[list[float], int]:
    """When each sample of a run ended, in seconds; and the most memory of the process that asked
    (of several the largest), MiB."""
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "LOCAL_API_KEY": "none"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said = [line.split() for line in done.stdout.splitlines()]
    ended = sorted(float(words[1]) for words in said if words[:1] == ["at"])
    return ended, next(int(words[1]) for words in said if words[:1] == ["peak"])


def rate(ended: Sequence[float]) -> float:
    return (len(ended) - 1) / (ended[-1] - ended[0])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--questions", type=int, default=20_000)
    asked.add_argument("--part", type=int, default=1_000)
    asked.add_argument("--slots", type=int, default=16)
    asked.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked.add_argument(
        "--shard", type=int, nargs="+", default=[0], help="samples of a shard in place of ours"
    )
    asked.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = asked.parse_args()
    if args.serve:
        asyncio.run(_serve())
        return
    started = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        url = f"http://127.0.0.1:{int(started.stdout.readline())}/v1"
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), url, args)
    finally:
        started.kill()
        started.wait()


def compare(folder: Path, url: str, args: argparse.Namespace) -> None:
    rows = ({"question": f"What is {n} + 2?", "answer": str(n + 2)} for n in range(args.questions))
    questions = folder / "sums.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{args.questions} questions, {args.slots} in flight; questions a second")
    print(f"{'':24} {'first':>8} {'last':>8} {'whole':>8}  last/first  CPU ms each  MiB")
    ours = [
        (f"distilbench, {n}" + (f", {size}" if size else ""), OURS, (str(n), str(size)))
        for size in args.shard
        for n in args.workers
    ]
    whole = []
    for name, script, more in (("Inspect", ALONE, ()), *ours):
        begun, spent = time.time(), cpu_s()
        words = (str(questions), url, str(args.slots), str(folder / name), *more)
        ended, peak_mib = moments(script, *words)
        assert len(ended) == args.questions, f"{len(ended)} answers"
        first, last = rate(ended[: args.part]), rate(ended[-args.part :])
        whole.append(rate(ended))
        cpu_ms = 1e3 * (cpu_s() - spent) / len(ended)
        figures = f"{first:8.1f} {last:8.1f} {whole[-1]:8.1f}  {last / first:10.2f}"
        figures += f"  {cpu_ms:11.1f} {peak_mib:5}"
        load = os.getloadavg()[0]
        print(
            f"{name:24} {figures}  ({time.time() - begun:.0f} s in all, load {load:.1f})",
            flush=True,
        )
    inspect, *found = whole
    for size, first in zip(args.shard, range(0, len(found), len(args.workers)), strict=True):
        single, *several = found[first : first + len(args.workers)]
        cut = f", shards of {size}" if size else ""
        print(f"whole, distilbench over Inspect{cut}: {single / inspect:.2f}")
        for workers, rate_of in zip(args.workers[1:], several, strict=True):
            print(f"whole, {workers} workers over {args.workers[0]}{cut}: {rate_of / single:.2f}")


if __name__ == "__main__":
    main()
