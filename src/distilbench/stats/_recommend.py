"""Which entry to take under limits, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from distilbench.errors import InputError
from distilbench.stats._answered import unanswered
from distilbench.stats._bootstrap import Drawn, bootstrap
from distilbench.stats._choice import (
    Candidate,
    FallenOut,
    Recommendation,
    Requirements,
    as_accurate,
    by_cost,
)
from distilbench.stats._common import in_common
from distilbench.stats._compared import Compared
from distilbench.stats._intervals import check_samples
from distilbench.stats._shortfalls import FAILURES, RANGES, Shortfall, closest, reached, shortfalls
from distilbench.stats._utility import check_weights, utilities, utility_most, utility_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Facts = Mapping[str, Mapping[str, float | str | None]]
"""Of entries what the records do not hold: usd and co2e_g of a question (``<name>_unknown``: of so
many answers not known) and creation_flops; words: why one is not known. ``creation_at_most``: why
creation_flops is an upper bound; null: it is none. ``<cost>_low`` and ``<cost>_high`` of energy_j
and co2e_g: the range of an estimate that stands for no measured figure."""
_OF_CALLERS = ("usd", "co2e_g", "creation_flops")


def recommend(
    samples: pl.DataFrame,
    cells: pl.DataFrame,
    required: Requirements,
    draws: int = 10_000,
    seed: int = 0,
    facts: Facts | None = None,
    weights: Mapping[str, float] | None = None,
) -> Recommendation:
    """The most accurate entry among those that meet ``required``; of equals the cheaper. With
    ``weights`` (of "accuracy" and of ``NAMED_COSTS``) that of the greatest utility: weight x log2
    of each ratio to the best, so that a weight of 0.2 on a cost takes five doublings of it for one
    of accuracy.

    ``samples`` and ``cells``: sample and cell records with a column ``entry``; entries are compared
    on the questions that they have ``in_common``. One that answered nothing falls out, and one that
    shares no question with the others. Accuracy is the mean over tasks. The bootstrap draws
    clusters of questions within each task, the same for all entries (paired; Efron and Tibshirani
    1993); costs stay as they were measured. ``facts``: what the records do not hold. What is
    weighted or limited and not known of an entry lets it fall out. Raises ``InputError`` if there
    are no samples, the entries have no question in common, or a weight is none.
    """
    check_weights(weights or {})
    found = compared(samples, cells)
    entries = found.common["entry"].unique().sort().to_list()
    drawn = bootstrap(found.common, entries, draws, seed=seed)
    return choose(found, cells, required, drawn, facts, weights)


def choose(
    found: Compared,
    cells: pl.DataFrame,
    required: Requirements,
    drawn: Drawn,
    facts: Facts | None = None,
    weights: Mapping[str, float] | None = None,
) -> Recommendation:
    """:func:`recommend`, of entries that have been compared and drawn already."""
    weights = weights or {}
    rows = _rows(_figures(found, cells), facts or {}) if not found.common.is_empty() else []
    entries = [row["entry"] for row in rows]
    accuracies = drawn.mean[:, [drawn.entries.index(entry) for entry in entries]]
    broken = {row["entry"]: tuple(shortfalls(row, required, weights)) for row in rows}
    admitted = [entry for entry in entries if not broken[entry]]
    same = _identical(found.common, admitted)
    worth = accuracies
    values: dict[str, float] = {}
    if weights and admitted:
        worth, values = _worth(rows, accuracies, admitted, weights)
        same = {entry: (entry,) for entry in admitted}  # the same answers at another cost
    best = _probability_best(worth, accuracies, entries, same, required.min_accuracy)
    enough = None if required.min_accuracy is None else reached(accuracies, required.min_accuracy)
    made = {
        row["entry"]: Candidate(
            **{k: v for k, v in row.items() if k in Candidate.__dataclass_fields__},
            probability_best=best.get(row["entry"]) if admitted else None,
            probability_enough=None if enough is None else float(enough[:, i].mean()),
            same_as=tuple(other for other in same.get(row["entry"], ()) if other != row["entry"]),
            utility=values.get(row["entry"]),
            utility_most=utility_most(row, values.get(row["entry"]), weights),
        )
        for i, row in enumerate(rows)
    }
    candidates = _ranked([made[entry] for entry in admitted])
    left_out = _left_out(found.heard, entries)
    return Recommendation(
        candidates=tuple(candidates),
        ties=tuple(_ties(candidates, entries, worth)),
        fallen_out=(*_short(made, broken), *left_out, *_silent(found.silent)),
        closest=() if candidates else closest(broken),
        draws=len(drawn.mean),
        utility=utility_words(weights) if weights else None,
    )


def _worth(
    rows: list[dict[str, Any]],
    accuracies: NDArray[np.float64],
    admitted: list[str],
    weights: Mapping[str, float],
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Utilities in every draw, in the shape of ``accuracies``, and those of what was measured;
    of entries that fell out, nothing that could be best."""
    import numpy as np

    kept = [place for place, row in enumerate(rows) if row["entry"] in admitted]
    standing = [rows[place] for place in kept]
    worth = np.full_like(accuracies, -np.inf)
    worth[:, kept] = utilities(standing, accuracies[:, kept], weights)
    as_measured = np.array([[row["accuracy"] for row in standing]])
    (values,) = utilities(standing, as_measured, weights)
    return worth, {row["entry"]: float(v) for row, v in zip(standing, values, strict=True)}


def compared(samples: pl.DataFrame, cells: pl.DataFrame) -> Compared:
    check_samples(samples, ["entry", "epoch", "score", "outcome", "answer"])
    if samples.is_empty():
        raise InputError("the run", "holds no answers to choose by", "finish it, or import more")
    silent = unanswered(samples, cells)
    heard = samples.filter(~pl.col("entry").is_in(silent["entry"].to_list()))
    common = in_common(heard)
    if common.is_empty() and not heard.is_empty():
        raise InputError("the run", "its models have no question in common", "finish the run")
    return Compared(heard, common, silent)


def _short(made: dict[str, Candidate], broken: dict[str, tuple[Shortfall, ...]]) -> list[FallenOut]:
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
        *((pl.col("outcome") == name).sum().alias(name) for name in FAILURES),
    )
    busy = pl.col("busy") if "busy" in cells.columns else pl.lit(None, pl.Boolean)
    known = pl.col("energy_known") if "energy_known" in cells.columns else pl.lit(None, pl.String)
    of_cells = cells.group_by("entry").agg(
        pl.col("peak_memory_bytes").max(),
        busy.any(ignore_nulls=False).alias("busy"),
        known.min().alias("energy_known"),  # a mean with an estimate in it is an estimate
    )
    figures = found.accuracy
    for table in (counts, found.costs, of_cells):
        figures = figures.join(table, on="entry", how="left")
    return figures.sort("entry")


def _rows(figures: pl.DataFrame, facts: Facts) -> list[dict[str, Any]]:
    """The figures with those of ``facts``; ``why``: by column, why one is not known."""
    rows = []
    for row in figures.iter_rows(named=True):
        mine = facts.get(row["entry"], {})
        given = {name: mine.get(name) for name in (*_OF_CALLERS, "usd_unknown", "co2e_g_unknown")}
        why = {name: value for name, value in given.items() if isinstance(value, str)}
        at_most = mine.get("creation_at_most")
        rows.append(
            {**row, **given, **dict.fromkeys(why), **{name: mine.get(name) for name in RANGES},
             "why": why, "creation_at_most": at_most,
             "creation_surely": mine.get("creation_surely")}
        )  # fmt: skip
    return rows


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


def _probability_best(
    worth: NDArray[np.float64],
    accuracies: NDArray[np.float64],
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
    places = [entries.index(group[0]) for group in groups]
    standing = worth[:, places]
    if min_accuracy is not None:
        standing = np.where(reached(accuracies[:, places], min_accuracy), standing, -np.inf)
    top = standing.max(axis=1, keepdims=True)
    leads = np.isclose(standing, top, rtol=0, atol=1e-12) & np.isfinite(top)
    shares = (leads / np.maximum(leads.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    return {e: float(share) for group, share in zip(groups, shares, strict=True) for e in group}


def _ties(
    candidates: list[Candidate],
    entries: list[str],
    worth: NDArray[np.float64],
) -> list[Candidate]:
    """Candidates whose paired difference to the best one may be zero (95% percentile interval)."""
    import numpy as np

    if not candidates:
        return []
    index = {entry: i for i, entry in enumerate(entries)}
    best = worth[:, index[candidates[0].entry]]
    tied = [
        other
        for other in candidates[1:]
        if np.percentile(best - worth[:, index[other.entry]], 2.5) <= 0
    ]
    return sorted(tied, key=by_cost(tied))


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Most accurate first, or of the greatest utility; the cheaper of equals first."""
    if any(one.utility is not None for one in candidates):
        cheapest = by_cost(candidates)
        return sorted(candidates, key=lambda c: (-round(c.utility or 0.0, 12), *cheapest(c)))
    ranked: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.accuracy):
        if one in ranked:
            continue
        equals = [c for c in candidates if as_accurate(c, one) and c not in ranked]
        ranked += sorted(equals, key=by_cost(equals))
    return ranked
