"""What can be said of entries beside each other, counted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from distilbench.stats._costs import costs
from distilbench.stats._intervals import accuracy, of_tasks


@dataclass(frozen=True, eq=False)
class Compared:
    """Samples by what can be said of their entries: ``heard``, of those that answered anything;
    ``common``, of these on the questions that they have in common; ``silent``: entry and no_answer
    of the others. The figures are those of ``common``, made when asked for."""

    heard: pl.DataFrame
    common: pl.DataFrame
    silent: pl.DataFrame

    @cached_property
    def by_task(self) -> pl.DataFrame:
        """``accuracy`` of each entry on each task."""
        return accuracy(self.common, ("entry", "task"))

    @cached_property
    def accuracy(self) -> pl.DataFrame:
        """``macro_accuracy`` of each entry."""
        return of_tasks(self.by_task, ["entry"])

    @cached_property
    def costs(self) -> pl.DataFrame:
        """``costs`` of each entry."""
        return costs(self.common)
