"""Sections of a run's report on repeated answers, templates, and public beside generated tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page._format import NOT_AVAILABLE, percent_range
from distilbench.report.page._page import Cell, Details, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl


def greedy_repeats(cells: pl.DataFrame) -> str | None:
    """A warning that epochs of greedy answers are the same answer again; null: there are none."""
    import polars as pl

    greedy = cells.filter((pl.col("epochs") > 1) & (pl.col("temperature") == 0))["model"]
    if greedy.is_empty():
        return None
    return (
        f"Every question was asked several times at temperature 0 ({_names(greedy)}): greedy"
        " answers repeat themselves, so these epochs tell nothing of pass@k or cons@k."
    )


def repeated(samples: pl.DataFrame) -> Section:
    """pass@k and cons@k, where questions were asked several times."""
    from distilbench.stats import repeats

    table = repeats(samples, ("entry",), question=("task", "variant", "seed", "sample_id"))
    if table.is_empty():
        return Section("Repeated answers")
    rows = [
        (
            row["entry"],
            f"{row['metric']}@{row['k']}",
            Cell(f"{row['value']:.1%}", kind="derived"),
            _range(row["low"], row["high"]),
            row["n_questions"],
        )
        for row in table.sort("entry", "metric", "k", descending=[False, True, False]).iter_rows(
            named=True
        )
    ]
    note = (
        "pass@1 is the mean over all answers. pass@k: the chance that one of k answers is right,"
        " by the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374). cons@k: the score of"
        " the commonest of k answers, ties broken at random. Both count every choice of k of the"
        " answers at hand. Equal answers are those that the task's grader holds to be right, or"
        " whose normalised text or number is the same. Errors are over questions."
    )
    columns = ("model", "estimate", "value", "95% interval", "questions")
    return Section("Repeated answers", (Text(note), Table("pass@k and cons@k", columns, rows)))


def templates(samples: pl.DataFrame) -> Section:
    """Accuracy under each template, and how far apart templates are."""
    import polars as pl

    from distilbench.stats import accuracy, template_spread

    asked = samples.filter(pl.col("template").is_not_null())
    if asked.is_empty():
        return Section("Prompt templates")
    spread = template_spread(asked, ("entry",))
    if spread.is_empty():
        return Section("Prompt templates")
    rows = [
        (
            row["entry"],
            row["task"],
            row["n_templates"],
            f"{row['lowest']:.1%} to {row['highest']:.1%}",
            Cell(f"{100 * row['spread']:.1f}", kind="derived"),
            Cell(f"{100 * row['sd']:.1f}", kind="derived"),
            f"{100 * row['low']:.1f} to {100 * row['high']:.1f}",
            f"{100 * row['sd_by_chance']:.1f}",
        )
        for row in spread.iter_rows(named=True)
    ]
    each = [
        (
            row["entry"],
            row["task"],
            row["template"],
            row["n_questions"],
            f"{row['accuracy']:.1%}",
            percent_range(row["low"], row["high"]),
        )
        for row in accuracy(asked, ("entry", "task", "template")).iter_rows(named=True)
    ]
    note = (
        "The same questions in several formats. Spread: best template less worst; sd: standard"
        " deviation over templates, with a bootstrap interval over questions, both in percentage"
        " points. By chance: the sd to expect if no template were better than another; an sd that"
        " is not clearly above it is no sign that the format matters. In every mean over tasks"
        " these templates are one task."
    )
    columns = (
        "model", "task", "templates", "accuracy", "spread", "sd", "95% interval of sd",
        "sd by chance",
    )  # fmt: skip
    details = Table(
        "Accuracy by template",
        ("model", "task", "template", "questions", "accuracy", "95% interval"),
        each,
    )
    return Section(
        "Prompt templates",
        (
            Text(note),
            Table("Spread over templates", columns, rows),
            Details("Every template", (details,)),
        ),
    )


def contamination(samples: pl.DataFrame, compared: pl.DataFrame) -> Section:
    """Public tasks beside those whose questions no training data can hold."""
    import polars as pl

    from distilbench.stats import contamination_gap

    table = contamination_gap(samples if compared.is_empty() else compared)
    if table.is_empty():
        return Section("Contamination")
    rows = [
        (
            row["entry"],
            *(
                f"{row[kind]:.1%} ({percent_range(row[f'{kind}_low'], row[f'{kind}_high'])})"
                for kind in ("public", "held_back")
            ),
            Cell(_points(row["gap"]), kind="derived"),
            NOT_AVAILABLE
            if row["excess"] is None
            else Cell(_points(row["excess"]), kind="derived"),
            _points_range(row["excess_low"], row["excess_high"]),
        )
        for row in table.iter_rows(named=True)
    ]
    unsaid = samples.filter(pl.col("contamination").is_null())["task"]
    left_out = (
        f" Left out, as the suite does not say what they are ('contamination'): {_names(unsaid)}."
        if len(unsaid)
        else ""
    )
    note = (
        "Public: benchmarks that may stand in training data. Held back: generated or private"
        " questions. The gap alone shows nothing: one kind of task may simply be harder. Excess is"
        " a model's gap less the mean gap of the others on the same questions (difference in"
        " differences): an interval above 0 fits a model that has seen public questions, and also"
        " one that was trained for that kind of task. It cannot show contamination that all the"
        f" models share, and no excess is no proof of clean data.{left_out}"
    )
    columns = (
        "model", "public", "held back", "gap", "excess over the others", "95% interval of excess",
    )  # fmt: skip
    caption = "Accuracy on public tasks and on tasks held back, in percentage points from 'gap' on"
    return Section("Contamination", (Text(note), Table(caption, columns, rows)))


def _range(low: float | None, high: float | None) -> str:
    return NOT_AVAILABLE if low is None or high is None else percent_range(low, high)


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def _points_range(low: float | None, high: float | None) -> str:
    return NOT_AVAILABLE if low is None or high is None else f"{_points(low)} to {_points(high)}"


def _names(column: pl.Series) -> str:
    return ", ".join(column.unique().sort())
