"""From missing cells to jobs, and back: what workers finish becomes the record of a cell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

from distilbench.events import CellDone, Event, Noted, OnEvent, ShardDone, WorkerDied
from distilbench.files import write_text
from distilbench.runner._executor import Executor, Job
from distilbench.runner._leave import ENGINE_LOST
from distilbench.runner._plan import Cell
from distilbench.runner._shards import Share, deal
from distilbench.runner._store import finish_cell, is_finished, is_shard_finished, shards_of


def unfinished(run_dir: Path, cell: Cell) -> Share:
    """What is still to be answered of a cell."""
    shards = shards_of(run_dir, cell)
    left = [shard for shard in shards if not is_shard_finished(run_dir, cell, shard)]
    return Share(cell=cell, shards=left)


def samples_of(share: Share) -> int:
    """How many it is."""
    return share.cell.epochs * sum(shard.questions for shard in share.shards)


def run_jobs(
    run_dir: Path, shares: list[Share], executor: Executor, on_event: OnEvent
) -> Iterator[str]:
    """Have all cells answered; a sentence for each worker that ended before its work was done."""
    cells = {share.cell.name: share.cell for share in shares}
    left = {share.cell.name: {shard.number for shard in share.shards} for share in shares}

    def finish(cell: Cell) -> None:
        if not is_finished(run_dir, cell) and finish_cell(run_dir, cell):
            on_event(CellDone(cell.name))

    def heard(event: Event) -> None:
        on_event(event)
        if isinstance(event, ShardDone):
            left[event.cell].discard(event.shard)
            if not left[event.cell]:
                finish(cells[event.cell])

    for share in shares:
        if not share.shards:  # the run before was killed when all that was left was to say so
            finish(share.cell)
    jobs = _jobs(run_dir.resolve(), [share for share in shares if share.shards], executor)
    for job in jobs:
        write_text(job.file, job.model_dump_json())
    with closing(executor.run(jobs, heard)) as ends:
        for job, code in ends:
            for cell in job.cells:  # what its worker had no time to tell
                finish(cell)
            if code == 0:
                continue
            model, profile = job.cells[0].model.name, job.cells[0].profile.name
            reason = reason_of(code)
            on_event(WorkerDied(model, reason, str(job.log)))
            yield f"{model} under {profile}: worker ended with {reason}, see {job.log}"


def noted_once(on_event: OnEvent) -> OnEvent:
    """What each worker says of its machine is read once."""
    noted: set[str] = set()

    def tell(event: Event) -> None:
        if isinstance(event, Noted):
            if event.text in noted:
                return
            noted.add(event.text)
        on_event(event)

    return tell


def reason_of(code: int) -> str:
    """Why a worker ended, by its exit status."""
    if code == ENGINE_LOST:
        return f"exit code {code}: its engine was ended from outside (for want of memory?)"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _jobs(run_dir: Path, shares: list[Share], executor: Executor) -> list[Job]:
    """A job for each model, profile and repeat, or as many as the executor works on side by
    side."""
    jobs = []
    for _, group in groupby(
        shares,
        key=lambda share: (share.cell.model.name, share.cell.profile.name, share.cell.repeat),
    ):
        together = list(group)
        cell = together[0].cell
        hands = deal(together, executor.parts([share.cell for share in together]))
        slots = _slots(cell, len(hands))
        jobs += [
            Job(run_dir=run_dir, shares=hand, slots=slots[n], number=n + 1, of=len(hands))
            for n, hand in enumerate(hands)
        ]
    return jobs


def _slots(cell: Cell, jobs: int) -> list[int]:
    """Of each of the jobs side by side: what they ask together bears the profile's slots; a model
    that each loads for itself has all of them."""
    slots = cell.profile.slots
    if not cell.is_shared:
        return [slots] * jobs
    return [slots // jobs + (n < slots % jobs) for n in range(jobs)]
