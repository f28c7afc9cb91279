"""Which samples are answers, and which groups hold none: these have no score and no cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from distilbench.durations import duration
from distilbench.stats._intervals import accuracy

ANSWERED = ("stop", "length", "over_energy")
"""Outcomes in which the model gave an answer, if a wrong, cut or too dear one."""
_WORDS: dict[str, tuple[str, str | None, Callable[[Any], str] | None]] = {
    "out_of_memory": ("out of memory", "memory_limit_bytes", lambda b: f"{b / 2**20:,.0f} MiB"),
    "timeout": ("no answer in time", "time_per_question_s", duration),
    "context_overflow": ("longer than the context", "context", lambda n: f"{n:,} tokens"),
    "crash": ("crashed", None, None),
    "error": ("error", None, None),
}  # fmt: skip


def answered() -> pl.Expr:
    """Whether a sample is an answer. Of an imported one without an outcome it is, as it has a
    grade."""
    return pl.col("outcome").is_null() | pl.col("outcome").is_in(ANSWERED)


def spent() -> pl.Expr:
    """Whether what a sample took is a cost of answering: answers, and those that were stopped when
    their time was up. A question that never ran has neither latency nor tokens."""
    return answered() | (pl.col("outcome") == "timeout")


def unanswered(
    samples: pl.DataFrame, cells: pl.DataFrame, by: Sequence[str] = ("entry",)
) -> pl.DataFrame:
    """The groups of samples in which nothing was answered: ``by``, questions (samples in it) and
    ``no_answer``, what it was instead ("out of memory at 300 MiB"). ``cells`` tell the limits."""
    groups = list(by)
    ended = (
        samples.lazy()
        .group_by(*groups, "outcome")
        .len()
        .collect(engine="streaming")
        .filter(~answered().any().over(groups))
        .sort("len", "outcome", descending=[True, False])
    )
    limits = [name for _, name, _ in _WORDS.values() if name]
    known = [name if name in cells.columns else pl.lit(None).alias(name) for name in limits]
    settings = cells.group_by(groups).agg(pl.struct(known).first().alias("limits"))
    table = (
        ended.group_by(groups, maintain_order=True)
        .agg(pl.col("len").sum().alias("questions"), pl.struct("outcome", "len").alias("ended"))
        .join(settings, on=groups, how="left")
        .sort(groups)
    )
    words = [_said(row["ended"], row["limits"] or {}) for row in table.iter_rows(named=True)]
    return table.select(*groups, "questions").with_columns(
        pl.Series("no_answer", words, dtype=pl.String)
    )


def _said(ended: list[dict[str, Any]], limits: dict[str, Any]) -> str:
    parts = []
    for one in ended:
        said, limit, form = _WORDS[one["outcome"]]
        value = limits.get(limit) if limit else None
        at = f" at {form(value)}" if form and value is not None else ""
        parts.append(said + at + (f" ({one['len']:,})" if len(ended) > 1 else ""))
    return ", ".join(parts)


def accuracy_of_answers(
    samples: pl.DataFrame, cells: pl.DataFrame, by: Sequence[str]
) -> pl.DataFrame:
    """:func:`accuracy` of each group, null where nothing was answered: ``no_answer`` says what it
    was instead, as :func:`unanswered`, and is null elsewhere."""
    silent = unanswered(samples, cells, by).drop("questions")
    figures = ("accuracy", "stderr", "low", "high")
    return (
        accuracy(samples, by)
        .join(silent, on=list(by), how="left", maintain_order="left")
        .with_columns(pl.when(pl.col("no_answer").is_null()).then(f).alias(f) for f in figures)
    )
