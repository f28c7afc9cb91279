"""Progress of a run in the terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from distilbench.errors import printable


class Progress:
    """Draws the events of :func:`distilbench.runner.run_suite`: a bar with an estimate of the time
    left on a terminal, a line for each finished cell elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._lines = not quiet and not console.is_terminal
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or self._lines,
        )
        self._all: TaskID | None = None
        self._samples: dict[str, int] = {}
        self._done = 0
        self._cells = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def on_event(self, event: dict[str, Any]) -> None:
        """Take one event; see ``runner._run`` and ``runner._worker`` for what is told."""
        draw = getattr(self, f"_on_{event['event']}", None)
        if draw is not None:
            draw(event)

    def _on_plan(self, event: dict[str, Any]) -> None:
        self._samples = event["samples"]
        kept = event["cells"] - len(self._samples)
        if kept:
            self._say(f"{kept} of {event['cells']} cells are finished and kept")
        self._all = self._bars.add_task("starting", total=sum(self._samples.values()) or None)

    def _on_note(self, event: dict[str, Any]) -> None:
        self._say(f"note: {event['text']}")

    def _on_load(self, event: dict[str, Any]) -> None:
        self._describe(f"loading {event['model']}")

    def _on_load_failed(self, event: dict[str, Any]) -> None:
        self._say(f"{event['model']} does not load: {event['error']}")

    def _on_cell(self, event: dict[str, Any]) -> None:
        model, task = event["cell"].split("--")[:2]
        self._describe(f"{model} on {task}")

    def _on_sample(self, event: dict[str, Any]) -> None:
        if self._all is not None:
            self._bars.advance(self._all)

    def _on_cell_done(self, event: dict[str, Any]) -> None:
        self._cells += 1
        self._done += self._samples.get(event["cell"], 0)
        if self._all is not None:
            self._bars.update(self._all, completed=self._done)
        if self._lines:
            self._say(f"[{self._cells}/{len(self._samples)}] {event['cell']}")

    def _on_worker_died(self, event: dict[str, Any]) -> None:
        self._say(f"the worker of {event['model']} died ({event['reason']}), see {event['log']}")

    def _describe(self, text: str) -> None:
        if self._all is not None:
            self._bars.update(self._all, description=printable(text))

    def _say(self, text: str) -> None:
        text = printable(text)
        if self._lines:
            print(text, file=sys.stderr, flush=True)
        else:
            self._bars.console.print(text, markup=False, highlight=False)
