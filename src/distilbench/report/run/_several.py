"""Several runs on one page: their records put together, and what a reader must know of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.records import KEY
from distilbench.report.run._asked import Asker, aligned
from distilbench.report.run._data import OneRun, RunData, catalog_of, read_run
from distilbench.report.run._differing import differing
from distilbench.report.run._entries import named_apart

if TYPE_CHECKING:
    import polars as pl

_MEASURED = ("score", "answer", "outcome", "output_tokens", "ttft_s", "total_s")
"""What two measurements of one question never have in common all at once: seconds are in it."""
_WHO = ("model", "profile")


def run_labels(places: Sequence[str]) -> list[str]:
    """Short names of runs, by folder or URL: the last part, with as many before it as set them
    apart. Raises ``InputError`` if one is given twice.

    >>> run_labels(["a/runs/demo", "b/runs/demo/", "b/runs/other"])
    ['a/runs/demo', 'b/runs/demo', 'other']
    """
    parts = [[part for part in place.replace("\\", "/").split("/") if part] for place in places]
    found = []
    for place, mine in zip(places, parts, strict=True):
        others = [other for other in parts if other is not mine]
        if mine in others:
            raise InputError(place, "is given twice", "name each run once")
        length = next(
            (n for n in range(1, len(mine)) if all(o[-n:] != mine[-n:] for o in others)), len(mine)
        )
        found.append("/".join(mine[-length:]) or place)
    return found


def read_runs(runs: Sequence[tuple[str, Path]]) -> RunData:
    """Runs as one, each given by its name on the page and its folder.

    A model that several runs have is an entry of each, with the hardware in its name where that is
    not the same, and the run where the name would not be its own (:func:`named_apart`). Questions
    are compared where they are the same (:func:`aligned`). A measurement that two runs hold, one
    being copied or merged from the other, is taken once. ``told`` says all of this, and what else
    differs. Raises ``InputError`` as :func:`read_run`, and if a run's table is not its cells'.
    """
    if len(runs) == 1:
        return read_run(runs[0][1])
    parts, said = read_apart(runs)
    names = [label for label, _ in runs]
    kept, copies = _once(names, parts)
    described = [(n, p.facts, p.cells) for n, p in zip(names, kept, strict=True)]
    folders = [folder for _, folder in runs]
    return _together(
        dict(zip(names, folders, strict=True)), kept, (*copies, *said, *differing(described))
    )


def read_apart(runs: Sequence[tuple[str, Path]]) -> tuple[list[RunData], tuple[str, ...]]:
    """Each of the runs by itself, with what names its cells set apart from those of the others, and
    samples that bear one task, seed and id where the question is the same (:func:`aligned`); and
    sentences on that. Raises ``InputError`` as :func:`read_runs`."""
    known = catalog_of([folder / "cards" for _, folder in runs])
    read = [_checked(folder, read_run(folder, known)) for _, folder in runs]
    askers = [
        Asker(label, folder, data.facts.get("plan") or (), data.samples)
        for (label, folder), data in zip(runs, read, strict=True)
    ]
    frames, said = aligned(askers)
    parts = [
        _labelled(label, replace(data, samples=samples))
        for (label, _), data, samples in zip(runs, read, frames, strict=True)
    ]
    return parts, said


def _checked(folder: Path, data: RunData) -> RunData:
    """The run, if its table of samples holds what its cells say, once."""
    import polars as pl

    remedy = f"make it again: distilbench report {folder}"
    where = str(folder / "samples.parquet")
    if data.samples.select(KEY).is_duplicated().any():
        raise InputError(where, "holds an answer twice", remedy)
    held = data.samples.group_by("cell").len()
    said = data.cells.select("cell", "samples").drop_nulls()
    lacking = said.join(held, on="cell", how="left").filter(
        pl.col("len").fill_null(0) < pl.col("samples")
    )
    for cell, samples, there in lacking.head(1).iter_rows():
        raise InputError(where, f"holds {there or 0:,} of {samples:,} answers of {cell}", remedy)
    return data


def _labelled(label: str, data: RunData) -> RunData:
    """The run under its name on the page, which sets its cells apart from those of the others."""
    import polars as pl

    cell = pl.format("{}/{}", pl.lit(label), "cell").alias("cell")
    one = {"run": pl.lit(label), "cell": cell}
    facts = {**data.facts, "cells": [f"{label}/{cell}" for cell in data.facts["cells"]]}
    return replace(
        data,
        facts=facts,
        samples=data.samples.with_columns(**one),
        cells=data.cells.with_columns(**one),
        runs=(OneRun(label, facts, data.suite_text),),
    )


def _once(names: list[str], parts: list[RunData]) -> tuple[list[RunData], list[str]]:
    """The runs without what another of them holds too, and what is said of that."""
    said = []
    for first, second in combinations(range(len(parts)), 2):
        for model, profile in _shared(parts[first].cells, parts[second].cells):
            one, other = (_of(parts[n].samples, model, profile) for n in (first, second))
            same = same_measurements(one, other)
            if not same:
                continue
            if same < min(one.height, other.height):
                said.append(
                    f"{same:,} answers of {model} are one measurement in {names[first]} and"
                    f" {names[second]}: the two are not independent."
                )
                continue
            less, more = (first, second) if one.height < other.height else (second, first)
            said.append(
                f"{names[less]} holds the same measurement of {model} as {names[more]}"
                f" ({same:,} answers to the second): it is taken once."
            )
            parts[less] = _without(parts[less], model, profile)
    return parts, said


def _shared(one: pl.DataFrame, other: pl.DataFrame) -> Iterator[tuple[str, str]]:
    who = [frame.select(_WHO).unique() for frame in (one, other)]
    yield from who[0].join(who[1], on=_WHO, how="semi").sort(_WHO).iter_rows()


def _of(samples: pl.DataFrame, model: str, profile: str) -> pl.DataFrame:
    import polars as pl

    return samples.filter((pl.col("model") == model) & (pl.col("profile") == profile))


def _without(data: RunData, model: str, profile: str) -> RunData:
    import polars as pl

    kept = (pl.col("model") != model) | (pl.col("profile") != profile)
    gone = set(data.cells.filter(~kept)["cell"])
    (run,) = data.runs
    planned = [cell for cell in run.facts["cells"] if cell not in gone]
    run = replace(run, facts={**run.facts, "cells": planned})
    samples, cells = (frame.filter(kept) for frame in (data.samples, data.cells))
    return replace(data, samples=samples, cells=cells, facts=run.facts, runs=(run,))


def same_measurements(one: pl.DataFrame, other: pl.DataFrame) -> int:
    """How many answers are the same measurement: all figures alike, and seconds to the last digit.
    Answers without seconds of their own count only if all is alike."""
    import polars as pl

    keys = [*(name for name in KEY if name != "profile"), *_MEASURED]
    timed = [
        frame.filter(pl.col("total_s").is_not_null() & pl.struct("task", "total_s").is_unique())
        for frame in (one, other)
    ]
    if min(frame.height for frame in timed) == 0:
        shown = [frame.select(keys).sort(keys, nulls_last=True) for frame in (one, other)]
        return one.height if one.height and shown[0].equals(shown[1]) else 0
    same = timed[0].join(timed[1].select(keys), on=keys, how="semi", nulls_equal=True).height
    # Of one measurement, those whose seconds happen to be another's too are the same as well.
    return min(one.height, other.height) if same == min(f.height for f in timed) else same


def _together(folders: dict[str, Path], parts: list[RunData], said: tuple[str, ...]) -> RunData:
    import polars as pl

    samples, cells = (
        pl.concat([getattr(part, name) for part in parts], how="diagonal_relaxed")
        for name in ("samples", "cells")
    )
    samples, cells, entries = named_apart(samples, cells)
    runs = tuple(run for part in parts for run in part.runs)
    return RunData(
        facts=_facts(runs),
        suite_text="\n".join(f"# {run.label}\n{run.suite_text}" for run in runs if run.suite_text),
        samples=samples,
        cells=cells,
        catalog=parts[0].catalog,
        bad_cards=parts[0].bad_cards,
        runs=runs,
        told=(*entries, *said),
        folders={f"{label}/": folder for label, folder in folders.items()},
    )


def _facts(runs: Sequence[OneRun]) -> dict[str, Any]:
    """``run.json`` of all: what is not the same is said run by run."""
    each = [run.facts for run in runs]
    sensors = [s for facts in each for s in facts["hardware"].get("energy_sensors", ())]
    versions = dict.fromkeys(name for facts in each for name in facts["versions"])
    return {
        "name": ", ".join(run.label for run in runs),
        "created": _each(runs, [facts["created"] for facts in each]),
        "hardware": {"energy_sensors": list(dict.fromkeys(sensors))},
        "python": _each(runs, [facts["python"] for facts in each]),
        "versions": {
            name: _each(runs, [facts["versions"].get(name, "not said") for facts in each])
            for name in versions
        },
        "seeds": list(dict.fromkeys(seed for facts in each for seed in facts["seeds"])),
        "cells": [cell for facts in each for cell in facts["cells"]],
        "plan": [cell for facts in each for cell in facts.get("plan") or ()],
    }


def _each(runs: Sequence[OneRun], values: Sequence[str]) -> str:
    if len(set(values)) == 1:
        return values[0]
    return "; ".join(f"{value} ({run.label})" for value, run in zip(values, runs, strict=True))
