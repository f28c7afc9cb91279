"""Which entry to take under limits, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from distilbench.errors import InputError
from distilbench.stats._answered import unanswered
from distilbench.stats._bootstrap import Drawn, bootstrap
from distilbench.stats._choice import (
    Candidate,
    Closest,
    FallenOut,
    Recommendation,
    Requirements,
    as_accurate,
    by_cost,
)
from distilbench.stats._common import in_common
from distilbench.stats._compared import Compared
from distilbench.stats._intervals import check_samples

if TYPE_CHECKING:
    import numpy as np

_BUSY = " (measured on a busy machine)"
_FAILURES = ("out_of_memory", "crash", "error", "timeout", "over_energy", "context_overflow")


def recommend(
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    required: Requirements,
    draws: int = 10_000,
    seed: int = 0,
) -> Recommendation:
    """The most accurate entry among those that meet ``required``; of equals the cheaper.

    ``samples`` and ``cells``: sample and cell records with a column ``entry``; entries are compared
    on the questions that they have ``in_common``. One that answered nothing falls out, and one that
    shares no question with the others. Accuracy is the mean over tasks. The bootstrap draws
    clusters of questions within each task, the same for all entries (paired; Efron and Tibshirani
    1993). Raises ``InputError`` if there are no samples, or the entries have no question in common.
    """
    found = _compared(samples, cells)
    entries = found.common["entry"].unique().sort().to_list()
    return choose(found, cells, required, bootstrap(found.common, entries, draws, seed=seed))


def choose(
    found: Compared, cells: pl.DataFrame, required: Requirements, drawn: Drawn
) -> Recommendation:
    """:func:`recommend`, of entries that have been compared and drawn already."""
    rows = _rows(_figures(found, cells)) if not found.common.is_empty() else []
    entries = [row["entry"] for row in rows]
    accuracies = drawn.mean[:, [drawn.entries.index(entry) for entry in entries]]
    broken = {row["entry"]: tuple(_shortfalls(row, required)) for row in rows}
    admitted = [entry for entry in entries if not broken[entry]]
    same = _identical(found.common, admitted)
    best = _probability_best(accuracies, entries, same, required.min_accuracy)
    enough = None if required.min_accuracy is None else _reached(accuracies, required.min_accuracy)
    made = {
        row["entry"]: Candidate(
            **{k: v for k, v in row.items() if k in Candidate.__dataclass_fields__},
            probability_best=best.get(row["entry"]) if admitted else None,
            probability_enough=None if enough is None else float(enough[:, i].mean()),
            same_as=tuple(other for other in same.get(row["entry"], ()) if other != row["entry"]),
        )
        for i, row in enumerate(rows)
    }
    candidates = _ranked([made[entry] for entry in admitted])
    left_out = _left_out(found.heard, entries)
    return Recommendation(
        candidates=tuple(candidates),
        ties=tuple(_ties(candidates, entries, accuracies)),
        fallen_out=(*_short(made, broken), *left_out, *_silent(found.silent)),
        closest=() if candidates else _closest(broken),
        draws=len(drawn.mean),
    )


def _compared(samples: pl.DataFrame, cells: pl.DataFrame) -> Compared:
    check_samples(samples, ["entry", "epoch", "score", "outcome", "answer"])
    if samples.is_empty():
        raise InputError("the run", "holds no answers to choose by", "finish it, or import more")
    silent = unanswered(samples, cells)
    heard = samples.filter(~pl.col("entry").is_in(silent["entry"].to_list()))
    common = in_common(heard)
    if common.is_empty() and not heard.is_empty():
        raise InputError("the run", "its models have no question in common", "finish the run")
    return Compared(heard, common, silent)


def _short(
    made: dict[str, Candidate], broken: dict[str, tuple[_Shortfall, ...]]
) -> list[FallenOut]:
    return [
        FallenOut(entry, made[entry], tuple(reason.said for reason in reasons))
        for entry, reasons in broken.items()
        if reasons
    ]


def _silent(silent: pl.DataFrame) -> list[FallenOut]:
    said = silent.select("entry", "no_answer").iter_rows()
    return [FallenOut(entry, None, (f"answered nothing: {why}",)) for entry, why in said]


def _left_out(heard: pl.DataFrame, entries: list[str]) -> list[FallenOut]:
    others = heard.filter(~pl.col("entry").is_in(entries))["entry"].unique().sort()
    return [FallenOut(e, None, ("shares no question with the others",)) for e in others]


def _figures(found: Compared, cells: pl.DataFrame) -> pl.DataFrame:
    """One row an entry: accuracy with its interval, costs, and how many questions failed how."""
    counts = found.common.group_by("entry").agg(
        pl.len().alias("questions"),
        *((pl.col("outcome") == name).sum().alias(name) for name in _FAILURES),
    )
    busy = pl.col("busy") if "busy" in cells.columns else pl.lit(None, pl.Boolean)
    of_cells = cells.group_by("entry").agg(
        pl.col("peak_memory_bytes").max(), busy.any(ignore_nulls=False).alias("busy")
    )
    figures = found.accuracy
    for table in (counts, found.costs, of_cells):
        figures = figures.join(table, on="entry", how="left")
    return figures.sort("entry")


def _rows(figures: pl.DataFrame) -> list[dict[str, Any]]:
    return list(figures.iter_rows(named=True))


class _Shortfall(NamedTuple):
    """A requirement that is not met; ``gap`` null: without a figure to be near the limit."""

    what: str
    said: str
    gap: float | None = None
    value: str = ""
    limit: str = ""
    missing: str = ""


def _shortfalls(row: dict[str, Any], required: Requirements) -> Iterator[_Shortfall]:
    """Each requirement that an entry does not meet, with its figure."""
    for name in _FAILURES:
        if 2 * row[name] > row["questions"]:
            yield _Shortfall(name, f"{row[name]} of {row['questions']} questions ended {name}")
    mib = 2.0**20
    checks = (
        ("peak memory", "peak_memory_bytes", required.memory_bytes, mib, ",.0f", " MiB"),
        ("p95 of a question", "p95_s", required.latency_s, 1, ".3g", " s"),
        ("energy of a question", "energy_j", required.energy_j, 1, ".3g", " J"),
        ("FLOPs of a question", "flops", required.flops, 1, ".3g", ""),
    )
    for what, name, most, unit, form, suffix in checks:
        if most is None:
            continue
        unknown = row.get(f"{name}_unknown", 0)
        if row[name] is None:
            yield _Shortfall(what, f"{what} is not available")
        elif row[name] > most:
            value, limit, gap = (
                f"{figure / unit:{form}}{suffix}" for figure in (row[name], most, row[name] - most)
            )
            value += _BUSY if name == "p95_s" and row["busy"] else ""
            yield _Shortfall(
                what, f"{what} {value} > {limit}", row[name] - most, value, limit, f"{gap} more"
            )
        elif unknown:  # a mean without them may be too low: those that ran out of time took most
            said = f"{what} is not known of {unknown} of {row['questions']} questions"
            yield _Shortfall(what, said)
    least = required.min_accuracy
    if least is not None and not _reached(row["accuracy"], least):
        value, limit = f"{row['accuracy']:.1%}", f"{least:.1%}"
        gap = least - row["accuracy"]
        missing = f"{100 * gap:.1f} percentage points less"
        yield _Shortfall("accuracy", f"accuracy {value} < {limit}", gap, value, limit, missing)


def _closest(broken: dict[str, tuple[_Shortfall, ...]]) -> tuple[Closest, ...]:
    """Of the entries that break the fewest limits, each by a known figure, the nearest to each."""
    known = {e: gaps for e, gaps in broken.items() if all(gap.gap is not None for gap in gaps)}
    fewest = min(map(len, known.values()), default=0)
    nearest: dict[str, tuple[float, str, _Shortfall]] = {}
    for entry, gaps in sorted(known.items()):
        for gap in gaps if len(gaps) == fewest else ():
            found = (gap.gap or 0.0, entry, gap)
            nearest[gap.what] = min(nearest.get(gap.what, found), found, key=lambda one: one[:2])
    return tuple(
        Closest(entry, gap.what, gap.value, gap.limit, gap.missing)
        for _, entry, gap in nearest.values()
    )


def _identical(samples: pl.DataFrame, entries: list[str]) -> dict[str, tuple[str, ...]]:
    """Each entry with those, itself among them, that give its answers, and get its scores, on
    every question. One whose answers are not on record (of an imported result) is by itself."""
    asked = ["task", "seed", "sample_id", "epoch"]
    score = pl.col("score").round(12)
    totals = samples.group_by("entry").agg(
        score.sum().round(6).alias("total"), pl.len(), pl.col("answer").count().alias("on_record")
    )
    alike = totals.filter((pl.len().over("total", "len") > 1) & (pl.col("on_record") > 0))
    given = {
        entry: samples.select("entry", *asked, "answer", score)
        .filter(pl.col("entry") == entry)
        .sort(asked, nulls_last=True)
        for entry in alike["entry"]
        if entry in entries
    }

    def same(one: str, other: str) -> bool:
        if one == other:
            return True
        both = [given[e].drop("entry") for e in (one, other) if e in given]
        return len(both) == 2 and both[0].equals(both[1])

    return {e: tuple(o for o in entries if same(e, o)) for e in entries}


def _reached(accuracy: Any, least: float) -> Any:
    """Whether an accuracy, or each of several, is so much: the mean of 70% on three tasks is a
    little less than 0.7 in floats, and 70% all the same."""
    return accuracy >= least - 1e-12


def _probability_best(
    accuracies: np.ndarray[Any, np.dtype[np.float64]],
    entries: list[str],
    same: dict[str, tuple[str, ...]],
    min_accuracy: float | None,
) -> dict[str, float]:
    """Share of draws in which each entry of ``same`` leads, those that answer identically being
    one; a draw that several lead is split among them. Empty if all are one."""
    import numpy as np

    groups = sorted(set(same.values()))
    if len(groups) < 2:
        return {}
    standing = accuracies[:, [entries.index(group[0]) for group in groups]]
    if min_accuracy is not None:
        standing = np.where(_reached(standing, min_accuracy), standing, -np.inf)
    top = standing.max(axis=1, keepdims=True)
    leads = np.isclose(standing, top, rtol=0, atol=1e-12) & np.isfinite(top)
    shares = (leads / np.maximum(leads.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    return {e: float(share) for group, share in zip(groups, shares, strict=True) for e in group}


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
    return sorted(tied, key=by_cost(tied))


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Most accurate first, the cheaper of equals first."""
    ranked: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.accuracy):
        if one in ranked:
            continue
        equals = [c for c in candidates if as_accurate(c, one) and c not in ranked]
        ranked += sorted(equals, key=by_cost(equals))
    return ranked
