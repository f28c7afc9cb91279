"""Workers as processes of this machine."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import groupby

from distilbench.errors import InputError
from distilbench.events import OnEvent
from distilbench.providers import HERE
from distilbench.runner._executor import Executor, Job, run_workers
from distilbench.runner._plan import Cell


class Local(Executor):
    """One worker after the other, so that none disturbs what another measures. ``workers`` may work
    side by side on what one model is asked, if it is served outside of them."""

    name = "local"
    sustains = True

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers

    def check(self, cells: Sequence[Cell]) -> list[str]:
        if self._workers == 1 or not cells:
            return []
        if all(self.parts([cell]) == 1 for cell in cells):
            if any(cell.is_shared for cell in cells):
                raise InputError(
                    f"--workers {self._workers}",
                    "the profile's slots are shared out among workers, and there is one slot",
                    "raise 'slots' of the profile, or drop the option",
                )
            raise InputError(
                f"--workers {self._workers}",
                "the models of this suite run in the worker, on this machine: two at once would"
                " spoil each other's latencies",
                "drop the option, or serve the models elsewhere",
            )
        return list(dict.fromkeys(filter(None, map(self._noted, cells))))

    def parts(self, cells: Sequence[Cell]) -> int:
        return min(self._workers, cells[0].profile.slots) if cells[0].is_shared else 1

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> Generator[tuple[Job, int], None, None]:
        for _, together in groupby(jobs, key=lambda job: job.group):
            yield from run_workers([(job, job.command) for job in together], on_event)

    def _noted(self, cell: Cell) -> str | None:
        name = cell.model.name
        if self.parts([cell]) == 1:
            return f"model {name!r} is asked by one worker alone: its latencies are its own"
        if cell.engine().place(cell.assignment()) == HERE:
            return (
                f"model {name!r} is served on this machine, beside {self.parts([cell])} workers:"
                " its latencies are those of a busy machine, unless it has a GPU"
            )
        return None
