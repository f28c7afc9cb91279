"""The section of a run's report on tasks of which a random part was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import NOT_AVAILABLE, Cell, Section, Shown, Table, Text, percent_range

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

_NOTE = (
    "Estimated, not measured over all questions: the score that the model would have on the whole"
    " data set, from a random subset of it. Strata are weighted by their size in the whole set; the"
    " interval has the finite-population correction. It covers the draw of the questions only."
)


def _estimate(share: float | None) -> Cell:
    if share is None:
        return Cell(NOT_AVAILABLE, title="a stratum has no answered question")
    return Cell(f"{share:.1%}", kind="estimated")


def _drawn(asked: int, of: int, strata: int) -> str:
    said = f"{asked:,} of {of:,} questions"
    return f"{said}, {strata} strata" if strata > 1 else said


_COLUMNS = (
    Shown("model", "entry"),
    Shown("task", "task"),
    Shown("estimated full score", "accuracy", _estimate),
    Shown("95% interval", ("low", "high"), percent_range),
    Shown("estimated from", ("n_questions", "all_questions", "n_strata"), _drawn),
)


def full_scores(data: RunData) -> Section:
    """Estimated full score of each entry on each subset task."""
    from distilbench.stats import full_score

    drawn = data.heard.filter(data.heard["all_questions"].is_not_null())
    if drawn.is_empty():
        return Section("Full scores, estimated")
    found = full_score(drawn, by=("entry", "task"))
    ordered = found.sort("task", "accuracy", "entry", descending=[False, True, False])
    table = Table.of("Estimated full scores", ordered, _COLUMNS)
    return Section("Full scores, estimated", (Text(_NOTE), table))
