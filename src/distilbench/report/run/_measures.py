"""The scores that the chart can be drawn of: over all tasks, of each task, of several answers, and
within a budget of tokens; each with how the models stand to each other when questions are drawn
again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilbench.report.page import Measure

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from distilbench.report.run._data import RunData

FEW_DRAWS = 1_000
"""Draws behind every score but the mean: pages of many tasks stay small."""
BUDGETS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_MOST_BUDGETS = 3
_QUESTION = ("task", "variant", "seed", "sample_id")
Score = list[float] | None


@dataclass(frozen=True, eq=False)
class Measured:
    """A score with its value, low and high of every entry (null: not known), and how the entries
    stand to each other in draws: ranks and counts of ``stats.standings``."""

    measure: Measure
    scores: Sequence[Score]
    standings: tuple[NDArray[np.int64], NDArray[np.int64]]


def measured(data: RunData, entries: list[str]) -> list[Measured]:
    """Every score of these entries, in their order, on the questions that they have in common; the
    mean over tasks first."""
    mean = _of(data.overall, entries)
    first = Measured(
        Measure("mean", "accuracy, mean over tasks", ""),
        mean,
        _standings(data.drawn.mean, data, entries),
    )
    return [
        first,
        *_passes(data, entries),
        *_budgets(data, entries),
        *_tasks(data, entries),
    ]


def _passes(data: RunData, entries: list[str]) -> Iterator[Measured]:
    """pass@k for the powers of two and the fewest answers that a question has."""
    from distilbench.stats import macro_of_questions, pass_questions, steps

    used = data.compared
    if used["epoch"].n_unique() < 2:
        return
    asked = used.group_by("entry", *_QUESTION).len()
    for k in steps(int(asked["len"].min()))[1:]:  # type: ignore[arg-type]
        questions = pass_questions(used, k, ["entry"], _QUESTION)
        scores = macro_of_questions(questions, ["entry"])
        measure = Measure(f"pass@{k}", f"pass@{k}", "several answers", answers=k)
        yield Measured(measure, _of(scores, entries), _drawn(questions, entries))


def _budgets(data: RunData, entries: list[str]) -> Iterator[Measured]:
    """Accuracy as if answers had been cut off, at budgets that cut off some answers and not all;
    of entries whose tokens are known."""
    import polars as pl

    from distilbench.stats import bootstrap_scores, truncation_curve, within

    tokens = data.compared.select("entry", "task", "sample_id", "cluster", "score", "output_tokens")
    unknown = set(tokens.filter(pl.col("output_tokens").is_null())["entry"])
    told = tokens.filter(~pl.col("entry").is_in(list(unknown))) if unknown else tokens
    if told.is_empty():
        return
    budgets = _that_matter(told["output_tokens"])
    if not budgets:
        return
    curve = truncation_curve(told, budgets, ("entry",))
    cut = tokens.with_columns(within(budget).alias(f"score {budget}") for budget in budgets)
    drawn = bootstrap_scores(cut, entries, [f"score {budget}" for budget in budgets], FEW_DRAWS)
    for budget, alone in zip(budgets, drawn, strict=True):
        at = curve.filter(pl.col("budget") == budget)
        spent = dict(at.select("entry", "mean_output_tokens").iter_rows())
        measure = Measure(
            f"budget {budget}",
            f"accuracy within {budget:,} output tokens",
            "within a budget (longer answers count as wrong)",
            budget=budget,
            spent=[spent.get(entry) for entry in entries],
        )
        yield Measured(measure, _of(at, entries), _ranked(alone))


def _that_matter(tokens: pl.Series) -> list[int]:
    """A few budgets that at least one answer in 200 is within and one in 200 is beyond."""
    import numpy as np

    shares = {budget: float(np.mean(tokens.to_numpy() <= budget)) for budget in BUDGETS}
    some = [budget for budget, share in shares.items() if 0.005 <= share <= 0.995]
    if len(some) <= _MOST_BUDGETS:
        return some
    apart = (len(some) - 1) / (_MOST_BUDGETS - 1)
    return [some[round(place * apart)] for place in range(_MOST_BUDGETS)]


def _tasks(data: RunData, entries: list[str]) -> Iterator[Measured]:
    """Each task, a template being one."""
    import polars as pl

    from distilbench.stats import accuracy_of_answers, bootstrap

    compared = data.compared
    if compared.height == data.samples.height:
        table = data.tasks
    else:
        variants = compared.with_columns(task="variant")
        table = accuracy_of_answers(variants, data.cells, ("entry", "task"))
    table = table.filter(pl.col("no_answer").is_null())
    drawn = data.drawn
    if compared["template"].null_count() < compared.height:
        drawn = bootstrap(
            compared.with_columns(task="variant"), drawn.entries, FEW_DRAWS, FEW_DRAWS
        )
    for task, alone in drawn.tasks.items():
        scores = _of(table.filter(pl.col("task") == task), entries)
        order = [drawn.entries.index(entry) for entry in entries]
        yield Measured(Measure(f"task {task}", task, "a task"), scores, _ranked(alone[:, order]))


def _of(table: pl.DataFrame, entries: list[str]) -> list[Score]:
    """Accuracy, low and high of each entry; null where the table has none."""
    figures = table.select("entry", "accuracy", "low", "high").iter_rows()
    known: dict[str, Any] = {entry: rest for entry, *rest in figures if rest[0] is not None}
    return [known.get(entry) for entry in entries]


def _drawn(
    questions: pl.DataFrame, entries: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from distilbench.stats import bootstrap

    return _ranked(bootstrap(questions, entries, FEW_DRAWS).mean)


def _standings(
    drawn: NDArray[np.float64], data: RunData, entries: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return _ranked(drawn[:, [data.drawn.entries.index(entry) for entry in entries]])


def _ranked(drawn: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from distilbench.stats import standings

    return standings(drawn)
