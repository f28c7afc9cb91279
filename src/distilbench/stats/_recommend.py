"""Which entry to take under limits, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from distilbench.errors import InputError
from distilbench.stats._intervals import check_samples, macro_accuracy

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 4_000_000  # weights of one batch of draws: bounds memory at some 30 MB
_FAILURES = ("out_of_memory", "crash", "error", "timeout", "over_energy", "context_overflow")


@dataclass(frozen=True)
class Requirements:
    """What an entry must keep to. Null: no requirement."""

    memory_bytes: float | None = None
    latency_s: float | None = None
    """95th percentile of a question's seconds."""
    min_accuracy: float | None = None
    energy_j: float | None = None
    """Mean joules of a question."""
    flops: float | None = None
    """Mean FLOPs of a question."""


@dataclass(frozen=True)
class Candidate:
    """An entry with its figures; ``null`` where one is not available."""

    entry: str
    accuracy: float
    low: float
    high: float
    probability_best: float
    """Share of bootstrap draws in which it is the most accurate of those that meet everything."""
    probability_enough: float | None
    """Share of draws in which it reaches the accuracy that is asked for; null if none is."""
    peak_memory_bytes: float | None
    p95_s: float | None
    energy_j: float | None
    flops: float | None


@dataclass(frozen=True)
class FallenOut:
    """An entry that does not meet the requirements, and each reason with its figure."""

    candidate: Candidate
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """``candidates`` meet every requirement, best first. ``ties`` are those of them that the best
    one does not beat beyond chance, cheapest in FLOPs (else memory, else seconds) first."""

    candidates: tuple[Candidate, ...]
    ties: tuple[Candidate, ...]
    fallen_out: tuple[FallenOut, ...]
    draws: int

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None

    @property
    def cheapest_tie(self) -> Candidate | None:
        """What costs less than the best and is not worse beyond chance."""
        best = self.best
        return next((tie for tie in self.ties if best and _cheaper(tie, best)), None)


def recommend(
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    required: Requirements,
    draws: int = 10_000,
    seed: int = 0,
) -> Recommendation:
    """The most accurate entry among those that meet ``required``.

    ``samples`` and ``cells``: sample and cell records with a column ``entry``; entries are compared
    on the questions that all of them answered. Accuracy is the mean over tasks. The bootstrap draws
    clusters of questions within each task, the same for all entries (paired; Efron and Tibshirani
    1993). Raises ``InputError`` if the entries have no question in common.
    """
    check_samples(samples, ["entry", "task", "sample_id", "cluster", "score", "outcome"])
    answered_by = pl.col("entry").n_unique().over("task", "seed", "sample_id")
    common = samples.filter(answered_by == samples["entry"].n_unique())
    if common.is_empty():
        raise InputError("the run", "its models have no question in common", "finish the run")
    figures = _figures(common, cells)
    entries = figures["entry"].to_list()
    accuracies = _bootstrap(common, entries, draws, seed)
    reasons = {row["entry"]: tuple(_shortfalls(row, required)) for row in _rows(figures)}
    admitted = [not reasons[entry] for entry in entries]
    best = _probability_best(accuracies, admitted, required.min_accuracy)
    enough = None if required.min_accuracy is None else accuracies >= required.min_accuracy
    made = {
        row["entry"]: Candidate(
            **{k: v for k, v in row.items() if k in Candidate.__dataclass_fields__},
            probability_best=float(best[i]),
            probability_enough=None if enough is None else float(enough[:, i].mean()),
        )
        for i, row in enumerate(_rows(figures))
    }
    candidates = sorted(
        (made[e] for e in entries if not reasons[e]),
        key=lambda c: (-c.accuracy, _cost(c), c.entry),
    )
    return Recommendation(
        candidates=tuple(candidates),
        ties=tuple(_ties(candidates, entries, accuracies)),
        fallen_out=tuple(FallenOut(made[e], reasons[e]) for e in entries if reasons[e]),
        draws=draws,
    )


def _figures(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """One row an entry: accuracy with its interval, costs, and how many questions failed how."""
    costs = samples.group_by("entry").agg(
        pl.len().alias("questions"),
        pl.col("total_s").quantile(0.95, "linear").alias("p95_s"),
        *((pl.col("outcome") == name).sum().alias(name) for name in _FAILURES),
    )
    means = (
        samples.group_by("entry", "task")
        .agg(
            pl.when(pl.col(name).null_count() == 0).then(pl.col(name).mean()).alias(name)
            for name in ("flops", "energy_j")
        )
        .group_by("entry")
        .agg(
            pl.when(pl.col(name).null_count() == 0).then(pl.col(name).mean()).alias(name)
            for name in ("flops", "energy_j")
        )
    )
    peaks = cells.group_by("entry").agg(pl.col("peak_memory_bytes").max())
    figures = macro_accuracy(samples, ("entry",))
    for table in (costs, means, peaks):
        figures = figures.join(table, on="entry", how="left")
    return figures.sort("entry")


def _rows(figures: pl.DataFrame) -> list[dict[str, Any]]:
    return list(figures.iter_rows(named=True))


def _shortfalls(row: dict[str, Any], required: Requirements) -> Iterator[str]:
    """Each requirement that an entry does not meet, with its figure."""
    for name in _FAILURES:
        if 2 * row[name] > row["questions"]:
            yield f"{row[name]} of {row['questions']} questions ended {name}"
    mib = 2.0**20
    checks = (
        ("peak memory", row["peak_memory_bytes"], required.memory_bytes, mib, ",.0f", " MiB"),
        ("p95 of a question", row["p95_s"], required.latency_s, 1, ".3g", " s"),
        ("energy of a question", row["energy_j"], required.energy_j, 1, ".3g", " J"),
        ("FLOPs of a question", row["flops"], required.flops, 1, ".3g", ""),
    )
    for what, value, most, unit, form, suffix in checks:
        if most is None:
            continue
        if value is None:
            yield f"{what} is not available"
        elif value > most:
            yield f"{what} {value / unit:{form}}{suffix} > {most / unit:{form}}{suffix}"
    if required.min_accuracy is not None and row["accuracy"] < required.min_accuracy:
        yield f"accuracy {row['accuracy']:.1%} < {required.min_accuracy:.1%}"


def _bootstrap(
    samples: pl.DataFrame, entries: list[str], draws: int, seed: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Accuracy of every entry in every draw, shape (draws, entries)."""
    import numpy as np

    generator = np.random.default_rng(seed)
    total = np.zeros((draws, len(entries)))
    tasks = samples["task"].unique().sort().to_list()
    for task in tasks:
        table = (
            samples.filter(pl.col("task") == task)
            .group_by("cluster", "entry")
            .agg(pl.col("score").sum(), pl.len().alias("count"))
        )
        sums, counts = (
            table.pivot("entry", index="cluster", values=name, sort_columns=False)
            .sort("cluster")
            .select(entries)
            .fill_null(0)
            .to_numpy()
            .astype(float)
            for name in ("score", "count")
        )
        clusters = len(sums)
        step = max(1, _CHUNK // clusters)
        for start in range(0, draws, step):
            size = min(step, draws - start)
            weights = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size)
            drawn = (weights @ sums) / np.maximum(weights @ counts, 1)
            total[start : start + size] += drawn / len(tasks)
    return total


def _probability_best(
    accuracies: np.ndarray[Any, np.dtype[np.float64]],
    admitted: list[bool],
    min_accuracy: float | None,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Share of draws in which each entry leads; a draw that several lead is split among them."""
    import numpy as np

    standing = np.where(np.array(admitted), accuracies, -np.inf)
    if min_accuracy is not None:
        standing = np.where(standing >= min_accuracy, standing, -np.inf)
    top = standing.max(axis=1, keepdims=True)
    leads = np.isclose(standing, top, rtol=0, atol=1e-12) & np.isfinite(top)
    shares = leads / np.maximum(leads.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares.mean(axis=0))


def _ties(
    candidates: list[Candidate],
    entries: list[str],
    accuracies: np.ndarray[Any, np.dtype[np.float64]],
) -> list[Candidate]:
    """Candidates whose paired difference to the best one may be zero (95% percentile interval)."""
    import numpy as np

    if not candidates:
        return []
    index = {entry: i for i, entry in enumerate(entries)}
    best = accuracies[:, index[candidates[0].entry]]
    tied = [
        other
        for other in candidates[1:]
        if np.percentile(best - accuracies[:, index[other.entry]], 2.5) <= 0
    ]
    return sorted(tied, key=lambda c: (_cost(c), c.entry))


def _cheaper(one: Candidate, other: Candidate) -> bool:
    """By the first cost that is known of both; of imported results none may be."""
    pairs = (
        (one.flops, other.flops),
        (one.peak_memory_bytes, other.peak_memory_bytes),
        (one.p95_s, other.p95_s),
    )
    return next((a < b for a, b in pairs if a is not None and b is not None), False)


def _cost(candidate: Candidate) -> float:
    known = (candidate.flops, candidate.peak_memory_bytes, candidate.p95_s)
    return next((cost for cost in known if cost is not None), float("inf"))
