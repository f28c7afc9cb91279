"""Runs a suite in one process that kills itself before its n-th step on disk: ``python -m
tests.kill_points SUITE OUT N...``.

Driver and worker are the same process here, made by a fork, so that nothing is imported again for
each kill. A step is an opening for writing, a renaming or a removal below ``OUT``. After each kill
the suite is run again to its end, and a line of JSON says what was found: ``steps`` (null: it was
killed), ``kept`` (answered before the second run, as records say), ``asked`` (in the second run),
and the records. ``N`` of 0 kills nothing and tells how many steps there are.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distilbench.events import OnEvent, SampleDone
from distilbench.inspect_private import import_ahead, load_extensions
from distilbench.runner import Executor, Job, collect, load_cells, run_suite
from distilbench.runner._worker import _work

SHARD_SAMPLES = int(os.environ.get("SHARD_SAMPLES", "4"))
COLUMNS = ("sample_id", "epoch", "score", "answer", "outcome", "target", "error")


class Here(Executor):
    """Workers in this very process."""

    name = "here"

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        for job in jobs:
            with ExitStack() as undo:
                _work(job, on_event, undo)
            yield job, 0


def count_steps(below: Path, last: int) -> Callable[[], int]:
    """Kill this process before step ``last``; 0: only count."""
    place, steps = str(below), 0

    def heed(event: str, args: tuple[Any, ...]) -> None:
        nonlocal steps
        if event == "open":
            path, _, flags = args
            if not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in ("os.rename", "os.remove", "os.rmdir"):
            path = args[0]
        else:
            return
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(place):
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heed)
    return lambda: steps


def in_a_fork(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What ``work`` returns; null: it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            os.write(write, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        text = said.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    assert status == 0, f"status {status}"
    return dict(json.loads(text))


def ran(suite: Path, out: Path, last: int) -> dict[str, Any]:
    from distilbench.runner import _shards

    _shards.SHARD_SAMPLES = SHARD_SAMPLES
    asked: list[tuple[str, int]] = []

    def heard(event: object) -> None:
        if isinstance(event, SampleDone):
            asked.append((event.sample_id, event.epoch))

    steps = count_steps(out, last)
    result = run_suite(suite, out, heard, executor=Here())
    assert result.complete, result.failed
    return {"steps": steps(), "asked": asked, "records": records(result.run_dir)}


def records(run_dir: Path) -> list[list[Any]]:
    if not (run_dir / "run.json").is_file():
        return []
    samples = collect(run_dir, load_cells(run_dir))[0].select("cell", *COLUMNS).collect()
    return [list(row) for row in samples.sort("cell", "sample_id", "epoch").rows()]


def main() -> None:
    suite, out, *kills = sys.argv[1:]
    load_extensions(benchmarks=False)
    import_ahead()
    from distilbench.runner import _shards

    for kill in map(int, kills):
        shutil.rmtree(out, ignore_errors=True)
        first = in_a_fork(lambda kill=kill: ran(Path(suite), Path(out), kill))
        _shards.SHARD_SAMPLES = SHARD_SAMPLES
        kept = in_a_fork(lambda: {"records": records(Path(out) / "killed")}) or {}
        again = in_a_fork(lambda: ran(Path(suite), Path(out), 0)) or {}
        found = {
            "kill": kill, "steps": first and first["steps"], "kept": kept["records"],
            "asked": again["asked"], "records": again["records"],
            "journals": len(list(Path(out).rglob("journal.jsonl"))),
        }  # fmt: skip
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
