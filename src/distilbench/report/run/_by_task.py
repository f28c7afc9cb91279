"""The section of a run's report on its tasks: a map of models and tasks, then at length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.report.page import (
    NOT_AVAILABLE,
    Cell,
    Chart,
    Details,
    Section,
    Shown,
    Table,
    Text,
    percent_range,
)
from distilbench.report.run._charts import accuracy_by_task

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_MOST_POINTS = 60
"""More than these and the intervals of a figure are too many to compare by eye."""
_MOST_MODELS_ACROSS = 24
"""More than these and the models of the map stand below each other, the tasks across."""
_WITH_SIGN = 16
"""Columns from which each cell of the map does without its percent sign."""


def _interval(no_answer: str | None, low: float, high: float) -> str:
    return NOT_AVAILABLE if no_answer else percent_range(low, high)


_COLUMNS = (
    Shown("task", "task"),
    Shown("model", "entry"),
    Shown("accuracy", ("no_answer", "accuracy"), lambda why, share: why or f"{share:.1%}"),
    Shown("95% interval", ("no_answer", "low", "high"), _interval),
    Shown("questions", "n_questions"),
)


def by_task(data: RunData) -> Section:
    """Accuracy of each entry on each task."""
    title = "Accuracy by task"
    table = Table.of(title, data.tasks.sort("task", "entry"), _COLUMNS)
    known = data.tasks.filter(data.tasks["no_answer"].is_null())
    if known.is_empty():
        return Section(title, (table,))
    note = Text(
        "The ground of a cell says the same as its number, from 0 to 100% in every run. Intervals"
        f" and numbers of questions stand on hover and in the table below. –: {NOT_AVAILABLE}, as"
        " the model was not asked or answered nothing."
    )
    figures = [_figure(known, data.entries)] if known.height <= _MOST_POINTS else []
    folded = Details("The same as a table, with intervals", (table,))
    return Section(title, (heat_map(data.tasks, data.entries), note, *figures, folded))


def heat_map(tasks: pl.DataFrame, entries: list[str]) -> Table:
    """A table of tasks by models, or of models by tasks where models are many, whose cells are
    shaded by accuracy: from 0 to 100% in every run, so that a shade means one thing.

    ``tasks``: a row for each task and entry, with accuracy, low, high (shares), n_questions and
    no_answer; ``entries``: the order of the models.
    """
    rows = {(row["task"], row["entry"]): row for row in tasks.iter_rows(named=True)}
    models = list(dict.fromkeys([*entries, *tasks["entry"].sort()]))
    names = list(dict.fromkeys(tasks["task"].sort()))
    across = len(models) <= max(_MOST_MODELS_ACROSS, len(names))
    columns = models if across else names
    sign = "%" if len(columns) < _WITH_SIGN else ""
    cells = [
        (
            one,
            *(_cell(rows.get((one, other) if across else (other, one)), sign) for other in columns),
        )
        for one in (names if across else models)
    ]
    return Table("Accuracy in percent", ("task" if across else "model", *columns), cells, heat=True)


def _cell(row: dict[str, Any] | None, sign: str) -> Cell:
    if row is None:
        return Cell("–", title="not asked")
    what = f"{row['entry']} on {row['task']}"
    if row["no_answer"]:
        return Cell("–", title=f"{what}: {row['no_answer']}")
    share = row["accuracy"]
    title = (
        f"{what}: {share:.1%} (95% interval {percent_range(row['low'], row['high'])})"
        f" of {row['n_questions']:,} questions"
    )
    return Cell(f"{100 * share:.1f}{sign}", title=title, shade=round(10 * share))


def _figure(known: pl.DataFrame, entries: list[str]) -> Chart:
    return Chart(
        "accuracy-by-task",
        "Accuracy by task. Bars are 95% intervals over questions.",
        f"Accuracy of {', '.join(entries)} on {known['task'].n_unique()} tasks; the numbers"
        " stand in the tables beside it.",
        accuracy_by_task(known, entries),
    )
