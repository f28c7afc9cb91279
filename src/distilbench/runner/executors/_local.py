"""Workers as processes of this machine, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from distilbench.events import OnEvent
from distilbench.runner._executor import Executor, Job, run_worker


class Local(Executor):
    """One worker after the other, so that none disturbs what another measures."""

    name = "local"

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        for job in jobs:
            yield job, run_worker(job, job.command, on_event)
