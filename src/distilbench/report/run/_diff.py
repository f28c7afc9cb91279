"""A candidate run against a baseline: paired differences of each model, and whether it is worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distilbench.errors import InputError
from distilbench.report.run._data import RunData
from distilbench.report.run._differing import differing
from distilbench.report.run._matched import match
from distilbench.report.run._running import Ratio, running_costs
from distilbench.report.run._several import read_apart, same_measurements
from distilbench.report.run._warnings import of_one_run

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Decision

LEVEL = 0.95
POWER = 0.8
BASELINE, CANDIDATE = "baseline", "candidate"
Verdict = Literal["worse", "undecided", "not worse"]
_QUESTION = ("variant", "seed", "sample_id")


@dataclass(frozen=True)
class Difference:
    """Accuracy of the candidate minus that of the baseline, a share, with its 95% interval."""

    difference: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True)
class Comparison:
    """A model on a task (null: mean over tasks) in both runs, on the questions that both asked.

    ``decision`` is made with ``p_holm``, the p value corrected for all comparisons, and the
    interval: "better" and "worse" by the first, "non-inferior" and "within the margin" by the
    second being above minus the margin. "lost": the candidate answered nothing where the baseline
    did; "gained": the reverse; "silent": neither answered; these three have no figures.
    ``visible``: the smallest difference that these questions show with probability POWER, were it
    the only one of all comparisons; null: not known. ``failed_*``: answers that ended in an error,
    crash, out of memory, over the context or the time, which count as wrong; ``both_answered`` is
    the difference where neither did, null if none did. ``only_*``: questions that one side has."""

    baseline: str
    candidate: str
    task: str | None
    decision: Decision | Literal["lost", "gained", "silent"]
    why: str | None = None
    questions: int = 0
    accuracy_baseline: float | None = None
    accuracy_candidate: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_holm: float | None = None
    visible: float | None = None
    failed_baseline: int = 0
    failed_candidate: int = 0
    both_answered: Difference | None = None
    only_baseline: int = 0
    only_candidate: int = 0


@dataclass(frozen=True)
class Diff:
    """What a candidate run shows against a baseline. ``not_compared``: sentences on what one of
    them has and the comparison lacks; ``notes``: what must be known of the rest."""

    baseline: str
    candidate: str
    margin: float
    comparisons: tuple[Comparison, ...]
    running: tuple[Ratio, ...]
    not_compared: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Worse, if any comparison is worse or lost; undecided, if any of them is open, or
        anything of the baseline was not compared; else not worse."""
        found = {one.decision for one in self.comparisons}
        if found & {"worse", "lost"}:
            return "worse"
        if found & {"undecided", "silent"} or self.not_compared:
            return "undecided"
        return "not worse"


def diff_runs(
    baseline: tuple[str, Path],
    candidate: tuple[str, Path],
    pairs: Mapping[str, str] | None = None,
    margin: float = 0.05,
) -> Diff:
    """Compare two runs, each given by its name and its folder; the same twice with ``pairs``.

    Models are matched by name and profile, or, with ``pairs`` (a model of the baseline to one of
    the candidate), those alone. Differences are paired by question (:func:`paired_difference`);
    p values are corrected for all comparisons together (Holm 1979). A mean over tasks is over those
    in which both answered something. ``margin``, a share, is what does not matter: no comparison
    is "not worse" before its 95% interval lies above minus it. Raises ``InputError`` if a run
    cannot be read, a model of ``pairs`` is not there, or nothing can be compared.
    """
    if not 0 < margin <= 1:
        raise InputError("margin", f"is {margin}", "give a share between 0 and 1")
    once = baseline[1] == candidate[1]
    if once and not pairs:
        remedy = "name two runs, or two models of it: --pair vanilla=distilled"
        raise InputError(str(baseline[1]), "is given twice", remedy)
    parts, said = read_apart([baseline] if once else [baseline, candidate])
    old, new = parts[0], parts[-1]
    matched = match(old.cells, new.cells, (baseline[0], candidate[0]), pairs or {})
    if itself := [a for a, b in matched.pairs if once and a == b]:
        raise InputError(str(baseline[1]), f"{itself[0]} is set against itself", "name two models")
    found = [_of_pair(old, new, *pair) for pair in matched.pairs]
    not_compared = (*matched.not_compared, *(line for one in found for line in one.not_compared))
    rows = [row for one in found for row in one.rows]
    if not rows:
        why = "; ".join(sentence.rstrip(".") for sentence in not_compared)
        raise InputError(
            f"{baseline[0]} and {candidate[0]}",
            f"nothing can be compared ({why})",
            "name runs of the same models and questions, or say --pair old=new",
        )
    return Diff(
        baseline[0],
        candidate[0],
        margin,
        tuple(_decided(rows, margin)),
        tuple(ratio for one in found for ratio in one.running),
        not_compared,
        tuple(_notes(parts, (*matched.notes, *said))),
    )


def _notes(parts: Sequence[RunData], said: Sequence[str]) -> Iterator[str]:
    """What the page of each run would say first of it, what was found, what they set otherwise."""
    for part in parts:
        for sentence in of_one_run(part):
            yield f"{part.runs[0].label}: {sentence}"
    yield from (*said, *parts[0].bad_cards)
    yield from differing([(part.runs[0].label, part.facts, part.cells) for part in parts])


@dataclass(frozen=True)
class _Found:
    rows: list[dict[str, Any]]
    running: list[Ratio]
    not_compared: list[str]


def _of_pair(old: RunData, new: RunData, a: str, b: str) -> _Found:
    """All comparisons of a model of the baseline and one of the candidate."""
    import polars as pl

    from distilbench.stats import in_common, unanswered

    sides = [_side(old, a, BASELINE), _side(new, b, CANDIDATE)]
    name = a if a == b else f"{a} and {b}"
    if old is not new and same_measurements(sides[0].samples, sides[1].samples) == max(
        side.samples.height for side in sides
    ):
        once = f"{name}: the two runs hold one measurement of it, nothing was measured again."
        return _Found([], [], [once])
    both = pl.concat([side.samples for side in sides], how="diagonal_relaxed")
    cells = pl.concat([side.cells for side in sides], how="diagonal_relaxed")
    names = {"baseline": a, "candidate": b}
    silent = dict(unanswered(both, cells).select("entry", "no_answer").iter_rows())
    if silent:
        return _Found([{**names, "task": None, **_without_answers(silent)}], [], [])
    common = in_common(both, _QUESTION)
    if common.is_empty() or both["entry"].n_unique() < 2:
        return _Found([], [], [f"{name}: no question of it is the same in both."])
    rows = [{**names, **row} for row in _rows(both, common, cells)]
    missing = sorted(_tasks(sides[0].samples) - _tasks(common))
    said = [f"{name}: of {', '.join(missing)} no question is the same in both."] if missing else []
    return _Found(rows, running_costs(sides, common, cells, (a, b)), said)


def _side(data: RunData, entry: str, name: str) -> RunData:
    import polars as pl

    mine = pl.col("entry") == entry
    samples, cells = (
        frame.filter(mine).with_columns(entry=pl.lit(name)) for frame in (data.samples, data.cells)
    )
    return replace(data, samples=samples, cells=cells)


def _tasks(samples: pl.DataFrame) -> set[str]:
    return set(samples["variant"].unique())


def _rows(
    both: pl.DataFrame, common: pl.DataFrame, cells: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    """A row for each task, and one for the mean over those in which both answered something."""
    import polars as pl

    from distilbench.stats import unanswered

    by_variant = common.with_columns(task="variant")
    found = unanswered(by_variant, cells, ("entry", "task")).select("entry", "task", "no_answer")
    silent: dict[str, dict[str, str]] = {}
    for entry, task, why in found.iter_rows():
        silent.setdefault(task, {})[entry] = why
    heard = common.filter(~pl.col("variant").is_in(list(silent)))
    for task, part in _figures(by_variant, silent):
        here = both.filter(pl.col("variant") == task)
        asked = _only(here, common.filter(pl.col("variant") == task))
        yield {"task": task, **part, **asked}
    if heard["variant"].n_unique() > 1:
        (row,) = _paired(heard).filter(pl.col("task").is_null()).to_dicts()
        yield {**_numbers(row), "task": None, **_failures(heard)}


def _figures(
    samples: pl.DataFrame, silent: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    import polars as pl

    for task in samples["task"].unique().sort():
        mine = samples.filter(pl.col("task") == task)
        if task in silent:
            yield task, _without_answers(silent[task])
            continue
        (row,) = _paired(mine).filter(pl.col("task").is_not_null()).to_dicts()
        yield task, {**_numbers(row), **_failures(mine)}


def _paired(samples: pl.DataFrame) -> pl.DataFrame:
    from distilbench.stats import of_entries, paired_difference

    return paired_difference(of_entries(samples), CANDIDATE, BASELINE, LEVEL)


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    from distilbench.stats import stdev_of_pair

    names = ("difference", "low", "high", "p_value")
    return {
        **{name: row[name] for name in names},
        "questions": row["n_questions"],
        "accuracy_candidate": row["accuracy_a"],
        "accuracy_baseline": row["accuracy_b"],
        "stdev": None if row["p_value"] is None else stdev_of_pair(row),
    }


def _without_answers(silent: Mapping[str, str]) -> dict[str, Any]:
    """The decision where a side answered nothing, and what it was instead."""
    decision = (
        "silent" if len(silent) > 1 else "lost" if CANDIDATE in silent else "gained"
    )  # fmt: skip
    why = "; ".join(f"the {side} answered nothing ({why})" for side, why in silent.items())
    return {"decision": decision, "why": why}


def _failures(samples: pl.DataFrame) -> dict[str, Any]:
    """Answers that are none and count as wrong, by side, and the difference without them."""
    import polars as pl

    from distilbench.stats import answered, in_common

    failed = samples.group_by("entry").agg((~answered()).sum().alias("failed"))
    counts = dict(failed.iter_rows())
    found = {f"failed_{side}": counts[side] for side in (BASELINE, CANDIDATE)}
    if not any(found.values()):
        return found
    # A question counts if none of its answers, on either side, is missing.
    whole = samples.filter(answered().all().over("entry", *_QUESTION))
    left = in_common(whole, _QUESTION) if whole["entry"].n_unique() == 2 else whole.clear()
    if left.is_empty():
        return found
    overall = pl.col("task").is_null()
    (row,) = _paired(left).filter(overall).to_dicts()
    figures = (row[name] for name in ("difference", "low", "high", "n_questions"))
    return {**found, "both_answered": Difference(*figures)}


def _only(both: pl.DataFrame, common: pl.DataFrame) -> dict[str, int]:
    """Questions of a task that one side alone has."""
    import polars as pl

    asked = both.select("entry", *_QUESTION).unique()
    left = asked.join(common.select(_QUESTION).unique(), on=_QUESTION, how="anti")
    return {
        f"only_{side}": left.filter(pl.col("entry") == side).height
        for side in (BASELINE, CANDIDATE)
    }


def _decided(rows: Sequence[Mapping[str, Any]], margin: float) -> Iterator[Comparison]:
    """The comparisons with their decisions, once all p values are known."""
    from distilbench.stats import holm, smallest_difference

    adjusted = holm([row.get("p_value") for row in rows])
    number = sum(p is not None for p in adjusted)
    for row, p in zip(rows, adjusted, strict=True):
        fields = {name: value for name, value in row.items() if name != "stdev"}
        if "decision" not in row:
            fields["decision"] = _decision(row, p, margin)
            if row["stdev"] is not None:
                level = 1 - (1 - LEVEL) / number
                fields["visible"] = smallest_difference(
                    row["stdev"], max(2, row["questions"]), POWER, level
                )
        yield Comparison(**fields, p_holm=p)


def _decision(row: Mapping[str, Any], p: float | None, margin: float) -> Decision:
    """With the interval by itself where nothing is claimed but that the margin is kept: that all
    comparisons keep it is claimed only if each does, which needs no correction."""
    keeps = row["low"] > -margin
    if p is not None and p < 1 - LEVEL and row["difference"] != 0:
        if row["difference"] > 0:
            return "better"
        return "within the margin" if keeps else "worse"
    return "non-inferior" if keeps else "undecided"
