"""Progress of a run on standard error: bars on a terminal, a line every so often elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from distilbench.cli._counts import LINE_S, Count, say
from distilbench.durations import duration
from distilbench.errors import printable
from distilbench.events import (
    CellBegun,
    CellDone,
    Event,
    MinuteDone,
    ModelLoaded,
    ModelLoading,
    ModelRefused,
    Noted,
    Planned,
    SampleDone,
    ShardDone,
    WorkerDied,
)


class Progress:
    """Draws the events of :func:`distilbench.runner.run_suite`: a bar with an estimate of the time
    left on a terminal; elsewhere a line for each cell, and every ``LINE_S`` what is done of all."""

    def __init__(self, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._lines = not quiet and not console.is_terminal
        self._quiet = quiet
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Times(),
            console=console,
            disable=quiet or self._lines,
        )
        self._all: TaskID | None = None
        self._samples: Mapping[str, int] = {}
        self._answered: Counter[tuple[str, int]] = Counter()  # of each shard under way
        self._cells = 0
        self._count: Count | None = None
        self._doing = "starting"
        self._over = threading.Event()
        self._beat = threading.Thread(target=self._say_now_and_then, daemon=True)

    def __enter__(self) -> Self:
        self._bars.start()
        if self._lines:
            self._beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._over.set()
        self._bars.stop()

    def on_event(self, event: Event) -> None:
        match event:
            case Planned():
                self._begin(event)
            case Noted(text):
                self._say(f"note: {text}")
            case ModelLoading(model, share):
                read = "" if share is None else f", {share:.0%} read"
                self._turn_to(f"loading {model}{read}", share is None)
            case ModelLoaded(model, load_s) if self._lines:
                self._say(f"{model} is loaded after {duration(load_s)}")
            case ModelRefused(model, error):
                self._say(f"{model} does not load: {error}")
            case CellBegun(cell):
                self._begin_cell(cell)
            case SampleDone(cell=cell, shard=shard):
                self._answered[cell, shard] += 1
                self._advance(1)
            case ShardDone(cell, shard, _, samples):
                self._end_shard(samples - self._answered.pop((cell, shard), 0))
            case CellDone(cell):
                self._end_cell(cell)
            case MinuteDone(model, minute, of):
                self._turn_to(f"{model} under load: {minute} of {of} minutes", True)
            case WorkerDied(model, reason, log):
                self._say(f"the worker of {model} died ({reason}), see {log}")

    def _begin(self, event: Planned) -> None:
        self._samples = event.samples
        kept = event.cells - len(self._samples)
        if kept:
            self._say(f"{kept} of {event.cells} cells are finished and kept")
        total = sum(self._samples.values())
        self._count = Count("questions", total)
        self._all = self._bars.add_task("starting", total=total or None)

    def _begin_cell(self, cell: str) -> None:
        if self._count is not None and not self._count.done:
            self._count.begun = time.monotonic()  # imports and loading are no pace of answers
        model, task = cell.split("--")[:2]
        self._describe(f"{model} on {task}")

    def _advance(self, samples: int) -> None:
        if self._all is not None:
            self._bars.advance(self._all, samples)
        if self._count is not None:
            self._count.done += samples

    def _end_shard(self, unheard: int) -> None:
        """``unheard``: samples of it that were answered before the run was interrupted."""
        self._advance(unheard)
        if self._count is not None:
            self._count.skipped += max(0, unheard)

    def _end_cell(self, cell: str) -> None:
        self._cells += 1
        if self._lines:
            self._say(f"[{self._cells}/{len(self._samples)}] {cell}")

    def _describe(self, text: str) -> None:
        self._doing = text
        if self._all is not None:
            self._bars.update(self._all, description=printable(text))

    def _turn_to(self, text: str, worth_a_line: bool) -> None:
        self._describe(text)
        if self._lines and worth_a_line:
            self._say(text)

    def _say_now_and_then(self) -> None:
        while not self._over.wait(LINE_S):
            if self._count is not None and self._count.done < self._count.total:
                say(f"{self._count}; {self._doing}")

    def _say(self, text: str) -> None:
        text = printable(text)
        if self._quiet or self._lines:
            say(text)
        else:
            self._bars.console.print(text, markup=False, highlight=False)


class _Times(ProgressColumn):
    """Time spent, and about how much is left."""

    def render(self, task: Task) -> Text:
        spent, left = task.elapsed, task.time_remaining
        said = duration(spent) if spent is not None else ""
        return Text(said if left is None else f"{said}, about {duration(left)} left")
