"""``distilbench.design``: routes to a small model under a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distilbench.forecast.design import Design, KnownScore
    from distilbench.report import RunData


def design(
    task: str,
    memory_bytes: int,
    usd: float,
    *,
    accelerator: str = "h100-sxm",
    usd_per_hour: float | None = None,
    context: int = 2048,
    slots: int = 1,
    cards: Sequence[str | Path] = (),
    runs: Sequence[str | Path] = (),
) -> Design:
    """The routes to a model for ``task`` (a benchmark of the catalog) that runs in
    ``memory_bytes`` and takes no more than ``usd`` to make: take a model that exists, quantize it,
    fine-tune it, distil into it, prune a larger one and distil.

    ``accelerator`` is rented at ``usd_per_hour`` (null: an assumed range). ``context`` tokens of
    each of ``slots`` questions are kept. ``cards``: further model cards. ``runs``: own runs whose
    scores on the task stand beside the published ones. Raises ``InputError`` for a task,
    accelerator or run that is none.
    """
    from distilbench.catalog import load_catalog
    from distilbench.forecast.design import Wish, price_of_an_hour
    from distilbench.forecast.design import design as designed

    catalog = load_catalog([Path(path) for path in cards])
    wish = Wish(
        task, memory_bytes, usd, catalog.accelerator(accelerator),
        price_of_an_hour(accelerator, usd_per_hour), context, slots,
    )  # fmt: skip
    return designed(wish, catalog, _measured(task, runs))


def _measured(task: str, runs: Sequence[str | Path]) -> Mapping[str, list[KnownScore]]:
    """Scores on the task in runs, by card."""
    from distilbench._api import opened_runs
    from distilbench.report import read_runs

    found: dict[str, list[KnownScore]] = {}
    for place in runs:
        with opened_runs([place]) as opened:
            data = read_runs(opened)
        for card, score in scores_of_run(data, task, str(place)):
            found.setdefault(card, []).append(score)
    return found


def scores_of_run(data: RunData, task: str, place: str) -> list[tuple[str, KnownScore]]:
    """Scores in percent of the models of a run that have a card, on a task of that name. Raises
    ``InputError`` if there are none."""
    from distilbench.errors import InputError
    from distilbench.forecast.design import KnownScore
    from distilbench.stats import accuracy_of_answers

    table = accuracy_of_answers(data.samples, data.cells, ("model", "profile", "task"))
    cards = data.cells.select("model", "card").unique().drop_nulls()
    scores = [
        (
            row["card"],
            KnownScore(
                row["model"],
                100 * row["accuracy"],
                100 * row["low"],
                100 * row["high"],
                f"measured, {row['profile']}, {row['n_questions']} questions of"
                f" {data.facts['name']}",
                "measured",
                place,
            ),
        )
        for row in table.join(cards, on="model").iter_rows(named=True)
        if row["task"].replace("_", "-") == task and row["accuracy"] is not None
    ]
    if not scores:
        raise InputError(
            f"--run {place}",
            f"holds no answer of a model with a card on a task named {task}",
            "name another run, or the task of its suite so",
        )
    return scores
