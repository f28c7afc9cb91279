"""The worker: a process that loads one model under one profile and answers its shards of each cell,
one by one.

Started as ``python -m distilbench.runner._worker JOB.json``. It tells its parent what happens as
JSON lines on standard output; everything else that libraries print goes to standard error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from distilbench.engines import Engine
from distilbench.events import (
    CellBegun,
    Event,
    ModelLoaded,
    ModelLoading,
    ModelRefused,
    Noted,
    OnEvent,
    SampleDone,
    ShardDone,
    as_line,
)
from distilbench.inspect_private import BENCHMARKS, import_ahead, load_extensions
from distilbench.keys import guard_output, redact
from distilbench.meter import EnergyMeter, describe_hardware, power_cap
from distilbench.runner._answer import Loaded, run_share
from distilbench.runner._conduct import Conduct, install
from distilbench.runner._executor import Job
from distilbench.runner._journal import Journal
from distilbench.runner._leave import ENGINE_LOST, leave, leave_on_signals, leave_with_parent
from distilbench.runner._meanwhile import telling_what_is_read
from distilbench.runner._sustained import Sustained
from distilbench.runner._under_load import keep_under_load
from distilbench.tasks import InspectTask, grade

_BESIDE = "several workers asked its server at the same time: measure it with one"


def main() -> None:
    guard_output()
    job = Job.model_validate_json(Path(sys.argv[1]).read_text())
    with ExitStack() as undo:
        leave_on_signals(undo)
        leave_with_parent(undo)
        _work(job, _progress_channel(undo), undo)


def _work(job: Job, tell: OnEvent, undo: ExitStack) -> None:
    journal, conduct = Journal(), Conduct()
    _ready_inspect(job)
    _ready_graders(job)
    profile = job.cells[0].profile
    gpu_index = profile.gpu.index if profile.gpu else None
    capped = undo.enter_context(power_cap(profile.power_cap_w, gpu_index))
    install(conduct)
    loaded = _load(job, capped, conduct, tell, undo)
    if job.under_load:
        keep_under_load(job.run_dir, Sustained(job.cells), loaded, tell)
        _leave_if_lost(loaded.engine, undo)
        return
    _report_samples(journal, conduct, tell, lambda: _leave_if_lost(loaded.engine, undo))
    for share in job.shares:
        tell(CellBegun(share.cell.name))
        for shard, samples in run_share(job.run_dir, share, loaded, journal):
            tell(ShardDone(share.cell.name, shard.number, shard.of, samples))


def _ready_inspect(job: Job) -> None:
    """Import before a cell's clock runs what Inspect would import in the first evaluation."""
    asked = {cell.task.inspect for cell in job.cells if isinstance(cell.task, InspectTask)}
    gc.disable()  # all that is made here stays: looking through it again and again takes as long
    load_extensions(benchmarks=any(name.startswith(f"{BENCHMARKS}/") for name in asked))
    # A task of Inspect may ask other models than the cell's, as a judge.
    import_ahead(None if asked else job.cells[0].reference.partition("/")[0])
    gc.freeze()
    gc.enable()


def _ready_graders(job: Job) -> None:
    """Let math-verify import what it needs (seconds) before a question's clock runs."""
    if any(getattr(cell.task, "grader", None) == "math" for cell in job.cells):
        grade("1", "2", "math")


def _load(job: Job, capped: str | None, conduct: Conduct, tell: OnEvent, undo: ExitStack) -> Loaded:
    """The model's engine, told to load it. A model that does not load is no crash: each of its
    questions then ends in an outcome that says why."""
    from inspect_ai.model import get_model

    cell = job.cells[0]
    name, error = cell.model.name, None
    hardware = describe_hardware()
    engine = cell.engine()(cell.assignment())
    undo.callback(engine.close)
    beside = job.of > 1 and cell.is_shared
    meter = EnergyMeter((), _BESIDE) if beside else engine.energy_meter(hardware.processor)
    tell(ModelLoading(name))
    try:
        with telling_what_is_read(tell, name, engine):
            engine.load()
        if engine.load_s is not None:
            tell(ModelLoaded(name, engine.load_s))
    except Exception as failure:  # of any library: transformers, torch, vLLM, a server's start
        _leave_if_lost(engine, undo)
        said = " ".join(redact(str(getattr(failure, "message", failure))).split())
        said = said or type(failure).__name__
        error = None if engine.asks_anyway else f"could not be loaded: {said}"
        tell(ModelRefused(name, error or said))
    else:
        if advice := engine.advice():
            tell(Noted(advice))
    model = get_model("none/none") if error else engine.model
    return Loaded(engine, model, meter, str(hardware), capped, error, job.slots, conduct)


def _leave_if_lost(engine: Engine, undo: ExitStack) -> None:
    """Go no further with an engine that others ended: what it was asked is no result, and asked
    again by the next run."""
    if engine.lost:
        print(f"the engine cannot be run here: {engine.lost}", file=sys.stderr, flush=True)
        leave(undo, ENGINE_LOST)


def _progress_channel(undo: ExitStack) -> OnEvent:
    """Keep standard output for progress alone. The parent gone, so is the reason to go on."""
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(event: Event) -> None:
        try:
            channel.write(as_line(event))
        except OSError:
            leave(undo, 1)

    return tell


def _report_samples(
    journal: Journal, conduct: Conduct, tell: OnEvent, leave_if_lost: Callable[[], None]
) -> None:
    from inspect_ai.hooks import Hooks, SampleEnd, hooks

    @hooks(name="distilbench_progress", description="keeps finished samples and tells the parent")
    class Progress(Hooks):
        async def on_sample_end(self, data: SampleEnd) -> None:
            leave_if_lost()
            sample, cell, shard = data.sample, conduct.cell, conduct.shard
            assert cell is not None
            assert shard is not None
            journal.add(sample)
            tell(SampleDone(str(sample.id), sample.epoch, os.getpid(), cell.name, shard.number))


if __name__ == "__main__":
    main()
