"""The report of a run: reads the run directory, writes the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import copy_file, read_json, read_parquet
from distilbench.records import CellRecord, Column, SampleRecord, columns
from distilbench.report import _imported_sections as imported
from distilbench.report import _machine_sections as machine
from distilbench.report import _money_sections as prices
from distilbench.report import _reasoning_sections as reasoning
from distilbench.report import _resource_sections as resources
from distilbench.report import _result_sections as head
from distilbench.report import _run_sections as sections
from distilbench.report import _served_sections as served
from distilbench.report import _subset_sections as subsets
from distilbench.report._page import Section, render_page
from distilbench.report._recommendation import recommendation

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog


_FACTS = {
    "name": str, "created": str, "hardware": dict, "python": str, "versions": dict, "seeds": list,
    "cells": list,
}  # fmt: skip
"""Fields of ``run.json`` that a report is made of."""


@dataclass(frozen=True)
class RunData:
    """What a run directory holds, and the tables that several sections use. An *entry* is a model
    under a profile; where there is one profile only, entries bear the model's name.

    ``silent`` are the entries that answered nothing: they have no score and no cost. ``heard`` are
    the samples of the others, ``compared`` those of the questions that these have in common.
    ``overall`` and ``differences`` rest on ``compared``; if there are none, on ``heard``, and then
    entries are not comparable. ``apart`` is the like of ``overall`` for what shares no question."""

    facts: dict[str, Any]
    suite_text: str
    samples: pl.DataFrame
    silent: pl.DataFrame
    heard: pl.DataFrame
    compared: pl.DataFrame
    cells: pl.DataFrame
    tasks: pl.DataFrame
    overall: pl.DataFrame
    apart: pl.DataFrame
    differences: pl.DataFrame
    catalog: Catalog
    """The catalog, with the cards that the models brought."""
    warnings: tuple[str, ...]
    """What the reader must know before taking a number from the run."""


def write_report(run_dir: Path, out_dir: Path | None = None) -> Path:
    """Write the report of a run into ``out_dir`` (default: its folder ``report``): ``index.html``,
    ``report.md``, PNG and SVG figures, ``samples.parquet``. Returns the HTML file.

    Raises ``InputError`` if ``run_dir`` holds no samples.
    """
    data = read_run(run_dir)
    out = out_dir or run_dir / "report"
    page = render_page(
        title=f"distilbench: {data.facts['name']}",
        lede=" ".join(_summary(data)),
        sections=_sections(data),
        out_dir=out,
        notes=data.warnings,
    )
    copy_file(run_dir / "samples.parquet", out / "samples.parquet")
    return page


def read_run(run_dir: Path) -> RunData:
    """Read a run directory and compute its tables."""
    import polars as pl

    from distilbench.stats import in_common, unanswered

    if not (run_dir / "run.json").is_file():
        raise InputError(str(run_dir), "is no run directory", "give the folder of a run")
    facts = read_json(run_dir / "run.json", _FACTS)
    samples, cells = (_table(run_dir, name) for name in ("samples", "cells"))
    suite_text = _suite_text(run_dir)
    if samples.is_empty() and imported.foreign(cells).is_empty():
        raise InputError(str(run_dir), "holds no finished sample", "run the suite again")
    samples, cells = _with_entries(samples, cells)
    samples = _with_variant(samples, cells)
    silent = unanswered(samples, cells).join(_facts(cells), on="entry", how="left")
    heard = samples.filter(~pl.col("entry").is_in(silent["entry"].to_list()))
    compared = in_common(heard, ("variant", "seed", "sample_id"))
    used = heard if compared.is_empty() else compared
    catalog, bad_cards = _catalog(run_dir / "cards")
    return RunData(
        facts=facts,
        suite_text=suite_text,
        samples=samples,
        silent=silent,
        heard=heard,
        compared=compared,
        cells=cells,
        tasks=_by_task(samples.with_columns(task="variant"), cells),
        overall=_overall(used, cells),
        apart=_overall(_others(heard, used), cells),
        differences=_differences(compared),
        catalog=catalog,
        warnings=(
            *_gaps(facts, heard, compared, cells),
            *_silences(silent, heard, cells),
            *machine.warnings(samples, cells),
            *bad_cards,
        ),
    )


def _table(run_dir: Path, name: str) -> pl.DataFrame:
    """One of the two tables of all cells, which can be made again."""
    path, remedy = run_dir / f"{name}.parquet", f"make it again: distilbench report {run_dir}"
    try:
        return read_parquet(path, remedy)
    except FileNotFoundError as error:
        raise InputError(str(path), "is missing", remedy) from error


def _summary(data: RunData) -> tuple[str, ...]:
    if data.overall.is_empty():
        return ()
    return (head.summary(data.overall, data.differences),)


def _catalog(cards: Path) -> tuple[Catalog, tuple[str, ...]]:
    """The catalog with the cards that lay beside models; without them, and why, if one is bad."""
    from distilbench.catalog import load_catalog

    if not cards.is_dir():
        return load_catalog(), ()
    try:
        return load_catalog((cards,)), ()
    except InputError as error:
        return load_catalog(), (f"The cards beside the models are left out: {error}.",)


def _sections(data: RunData) -> list[Section]:
    others = imported.results_of_others(data.cells, data.samples)
    if data.samples.is_empty():
        return [others, sections.conditions(data.facts, data.cells)]
    entries = [*data.overall["entry"], *data.apart["entry"]]
    comparable = not data.compared.is_empty()
    used = data.compared if comparable else data.heard
    made = [
        head.results(data.overall, data.apart, data.silent, comparable, data.catalog),
        recommendation(data.samples, data.cells, comparable),
        sections.by_task(data.tasks, entries),
        subsets.full_scores(data.heard),
        head.pareto_figures(data.overall, data.cells, comparable),
        sections.paired(data.differences),
        others,
        reasoning.repeated(data.heard),
        reasoning.templates(data.heard),
        reasoning.contamination(data.heard, data.compared),
        resources.correct_answers(used, data.cells),
        prices.money(used, data.cells, data.catalog),
        served.latency(data.heard, data.cells),
        resources.thinking(data.heard, data.cells, data.overall),
        resources.quantization(data.overall, data.cells),
        resources.limits(data.cells),
        machine.surroundings(data.cells),
        machine.greedy_batches(data.cells),
        resources.energy(data.cells, data.heard),
        sections.outcomes(data.samples),
        sections.creation(data.cells, data.catalog),
        sections.provenance(_columns_known(data)),
        sections.conditions(data.facts, data.cells),
        sections.answers(data.samples.with_columns(task="variant")),
        sections.suite(data.suite_text),
    ]
    return [section for section in made if section.blocks]


def _suite_text(run_dir: Path) -> str:
    """The exact suite; empty for a run of imported results alone, which has none."""
    path = run_dir / "suite.yaml"
    try:
        return path.read_text("utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is damaged", "put back a copy of it, or remove it") from error


def _others(samples: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """The samples of the entries that are not among the used ones."""
    import polars as pl

    return samples.filter(~pl.col("entry").is_in(used["entry"].unique().to_list()))


def _by_task(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Accuracy of each entry on each task; ``no_answer`` says why there is none."""
    from distilbench.stats import accuracy, unanswered

    by = ("entry", "task")
    silent = unanswered(samples, cells, by).drop("questions")
    return accuracy(samples, by).join(silent, on=by, how="left").sort(by)


def _gaps(
    facts: dict[str, Any], samples: pl.DataFrame, compared: pl.DataFrame, cells: pl.DataFrame
) -> Iterator[str]:
    """What the reader must know of an unfinished run. ``samples``: of what answered anything."""
    import polars as pl

    planned = pl.col("cell").is_in(facts["cells"])
    finished = cells.filter(planned & pl.col("wall_s").is_not_null())["cell"].n_unique()
    if finished < len(facts["cells"]):
        yield f"The run is not finished: {finished} of {len(facts['cells'])} cells are."
    yield from imported.warning(cells)
    yield from _not_compared(samples, compared)
    yield from subsets.left_out(cells)
    greedy = reasoning.greedy_repeats(cells)
    if greedy:
        yield greedy


def _not_compared(samples: pl.DataFrame, compared: pl.DataFrame) -> Iterator[str]:
    """Which entries, and how many questions, the comparison leaves out."""
    import polars as pl

    if samples["entry"].n_unique() < 2:
        return
    if compared.is_empty():
        yield "The models have no question in common yet: their figures are not comparable."
        return
    question = pl.struct("variant", "seed", "sample_id").n_unique()
    outside = _others(samples, compared)
    others = outside["entry"].unique().sort()
    for entry in others:
        yield f"{entry} is not compared: it shares no question with the others."
    inside = _others(samples, outside)
    asked, common = (frame.select(question).item() for frame in (inside, compared))
    if common < asked:
        who = "those compared" if len(others) else "all of them"
        yield (
            f"Models are compared on the {common:,} questions that {who} answered, of"
            f" {asked:,} in the run."
        )


def _silences(silent: pl.DataFrame, heard: pl.DataFrame, cells: pl.DataFrame) -> Iterator[str]:
    """Which entries answered nothing at all, or nothing of a task."""
    from distilbench.stats import unanswered

    for entry, why in silent.select("entry", "no_answer").iter_rows():
        yield f"{entry} answered nothing ({why}): it has no score and no cost."
    parts = unanswered(heard.with_columns(task="variant"), cells, ("entry", "task"))
    for entry, task, why in parts.select("entry", "task", "no_answer").iter_rows():
        yield (
            f"{entry} answered nothing of {task} ({why}): that is 0 in its mean over tasks, and its"
            " costs are those of the other tasks."
        )


def _with_entries(samples: pl.DataFrame, cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with ``entry``: the model, and its profile if the run has the model under several."""
    import polars as pl

    both = pl.concat([samples.select("model", "profile"), cells.select("model", "profile")])
    several = both.group_by("model").agg(pl.col("profile").n_unique() > 1)
    names = several.filter("profile")["model"].to_list()
    entry = (
        pl.when(pl.col("model").is_in(names))
        .then(pl.format("{} · {}", "model", "profile"))
        .otherwise("model")
    )
    return samples.with_columns(entry=entry), cells.with_columns(entry=entry)


def _with_variant(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Samples with what their cell knows of the task. Templates of one task are one ``task``, so
    that a mean over tasks counts them once; ``variant`` is the task as the suite names it."""
    import polars as pl

    facts = cells.select("cell", "variant_of", "template", "contamination").unique("cell")
    return samples.join(facts, on="cell", how="left").with_columns(
        variant="task", task=pl.coalesce("variant_of", "task")
    )


def _overall(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """One row an entry, best first, the cheaper of equals first: accuracy over tasks, and running
    cost."""
    import polars as pl

    from distilbench.stats import costs, macro_accuracy

    overall = macro_accuracy(samples, by=("entry",))
    for table in (costs(samples), _facts(cells), machine.marks(cells)):
        overall = overall.join(table, on="entry", how="left")
    return overall.sort(
        -pl.col("accuracy").round(12), "flops", "peak_memory_mib", "p95_s", "entry",
        nulls_last=True,
    )  # fmt: skip


def _facts(cells: pl.DataFrame) -> pl.DataFrame:
    """What is known of each entry without its answers."""
    import polars as pl

    return cells.group_by("entry").agg(
        (pl.col("peak_memory_bytes").max() / 2**20).alias("peak_memory_mib"),
        (pl.col("model_file_bytes").max() / 2**20).alias("model_file_mib"),
        pl.col("parameters").max(),
        pl.col("model", "profile", "role", "quantization", "card").first(),
    )


def _differences(samples: pl.DataFrame) -> pl.DataFrame:
    """Paired differences of every two entries, task by task and overall (task null)."""
    import polars as pl

    from distilbench.stats import paired_difference

    if samples.is_empty():
        return pl.DataFrame()
    single = samples.with_columns(model="entry", profile=pl.lit("all"))
    entries = single["model"].unique(maintain_order=True).to_list()
    found = [paired_difference(single, a, b) for a, b in combinations(entries, 2)]
    return pl.concat(found) if found else pl.DataFrame()


def _columns_known(data: RunData) -> list[tuple[Column, bool]]:
    """Columns of both records that hold figures, and whether any value is there."""
    rows = []
    for record, frame in ((SampleRecord, data.samples), (CellRecord, data.cells)):
        for column in columns(record):
            if column.known in ("measured", "derived", "published", "estimated"):
                rows.append((column, frame[column.name].null_count() < frame.height))
    return rows
