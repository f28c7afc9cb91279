"""An executor: workers of this machine that give way to other work (``nice``)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from distilbench.events import OnEvent
from distilbench.runner import Executor, Job, run_worker


class Nice(Executor):
    name = "nice"

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        for job in jobs:
            yield job, run_worker(job, ("nice", "-n", "10", *job.command), on_event)
