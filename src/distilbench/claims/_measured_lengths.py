"""Lengths of answers that a run measured, for cards of which none is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.catalog import AnswerLength, Card, Catalog, Figure, Source, card_slug

if TYPE_CHECKING:
    import polars as pl

WRITTEN = 16
"""Mean tokens from which an answer is more than its last line: below, it is a direct one."""


def with_lengths(
    catalog: Catalog, samples: pl.DataFrame, cells: pl.DataFrame, run: str
) -> tuple[Catalog, tuple[str, ...]]:
    """The catalog with the mean output tokens of a run's answers on its cards, and a sentence each.

    Of tasks that bear a benchmark's name (``gpqa_diamond``, ``gsm8k``), and models that have a
    card; not where the card has a length on that benchmark in that mode: what is published stays.
    Thinking is what the engine counted as such; direct answers are left out. ``samples`` and
    ``cells``: records of the run.
    """
    cards, told = dict(catalog.cards), []
    key = card_slug(f"run {run}")
    for row in _means(samples, cells).iter_rows(named=True):
        benchmark, card = row["task"].replace("_", "-"), cards.get(row["card"])
        if benchmark not in catalog.benchmarks or card is None or row["tokens"] < WRITTEN:
            continue
        found = _length(row, benchmark, key, run)
        if any((one.benchmark, one.mode) == (benchmark, found.mode) for one in card.answer_lengths):
            continue
        cards[card.id] = _with(card, found, key, run)
        told.append(
            f"{card.name} on {benchmark}: {row['tokens']:,.0f} tokens an answer ({found.mode}),"
            f" mean of {row['answers']:,} measured by {run}"
        )
    return catalog.model_copy(update={"cards": cards}), tuple(told)


def _means(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Mean output tokens by card and task: of each question first, then over questions."""
    import polars as pl

    named = samples.drop("card", strict=False).join(cells.select("cell", "card"), on="cell")
    answered = named.filter(pl.col("output_tokens") > 0, pl.col("card").is_not_null())
    by_question = answered.group_by("card", "task", "seed", "sample_id").agg(
        pl.col("output_tokens").mean(),
        pl.col("reasoning_tokens").fill_null(0).max(),
        (pl.col("outcome") == "length").any().alias("cut"),
    )
    return (
        by_question.group_by("card", "task")
        .agg(
            pl.col("output_tokens").mean().alias("tokens"),
            (pl.col("reasoning_tokens") > 0).any().alias("thinks"),
            pl.len().alias("answers"),
            pl.col("cut").sum(),
        )
        .sort("card", "task")
    )


def _length(row: dict[str, Any], benchmark: str, key: str, run: str) -> AnswerLength:
    cut = f", {row['cut']:,} cut off by the limit" if row["cut"] else ""
    return AnswerLength(
        benchmark=benchmark,
        mode="thinking" if row["thinks"] else "cot",
        tokens=Figure(value=row["tokens"], kind="measured", source=key, where=f"run {run}"),
        setting=f"{row['answers']:,} questions{cut}",
    )


def _with(card: Card, found: AnswerLength, key: str, run: str) -> Card:
    sources = {
        **card.sources,
        key: Source(title=f"run {run} of distilbench"),
    }
    lengths = (*card.answer_lengths, found)
    return card.model_copy(update={"answer_lengths": lengths, "sources": sources})
