"""The report of a run: reads the run directory, writes the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.records import CELL_COLUMNS, SAMPLE_COLUMNS, Column
from distilbench.report import _imported_sections as imported
from distilbench.report import _machine_sections as machine
from distilbench.report import _money_sections as prices
from distilbench.report import _reasoning_sections as reasoning
from distilbench.report import _resource_sections as resources
from distilbench.report import _run_sections as sections
from distilbench.report import _served_sections as served
from distilbench.report import _subset_sections as subsets
from distilbench.report._page import Section, render_page

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog


@dataclass(frozen=True)
class RunData:
    """What a run directory holds, and the tables that several sections use. An *entry* is a model
    under a profile; where there is one profile only, entries bear the model's name.

    ``compared`` are the samples of the questions that every entry answered. ``overall`` and
    ``differences`` rest on them; if there are none, on all, and then entries are not comparable."""

    facts: dict[str, Any]
    suite_text: str
    samples: pl.DataFrame
    compared: pl.DataFrame
    cells: pl.DataFrame
    tasks: pl.DataFrame
    overall: pl.DataFrame
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
        lede=" ".join((*_summary(data), *data.warnings)),
        sections=_sections(data),
        out_dir=out,
    )
    shutil.copyfile(run_dir / "samples.parquet", out / "samples.parquet")
    return page


def read_run(run_dir: Path) -> RunData:
    """Read a run directory and compute its tables."""
    import polars as pl

    from distilbench.stats import accuracy

    try:
        samples = pl.read_parquet(run_dir / "samples.parquet")
        cells = pl.read_parquet(run_dir / "cells.parquet")
        facts = read_json(run_dir / "run.json")
        suite_text = _suite_text(run_dir)
    except InputError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(run_dir), "is no run directory", "give the folder of a run") from error
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise InputError(
            str(run_dir), f"a file of the run is damaged ({error})", "run the suite again"
        ) from error
    if samples.is_empty() and imported.foreign(cells).is_empty():
        raise InputError(str(run_dir), "holds no finished sample", "run the suite again")
    several = samples["profile"].n_unique() > 1
    samples, cells = _with_entry(samples, several), _with_entry(cells, several)
    samples = _with_variant(samples, cells)
    compared = _in_common(samples)
    used = samples if compared.is_empty() else compared
    catalog, bad_cards = _catalog(run_dir / "cards")
    return RunData(
        facts=facts,
        suite_text=suite_text,
        samples=samples,
        compared=compared,
        cells=cells,
        tasks=accuracy(samples.with_columns(task="variant"), by=("entry", "task")),
        overall=_overall(used, cells),
        differences=_differences(compared),
        catalog=catalog,
        warnings=(
            *_gaps(facts, samples, compared, cells),
            *machine.warnings(samples, cells),
            *bad_cards,
        ),
    )


def _summary(data: RunData) -> tuple[str, ...]:
    if data.samples.is_empty():
        return ()
    return (sections.summary(data.overall, data.differences),)


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
    entries = data.overall["entry"].to_list()
    comparable = not data.compared.is_empty()
    made = [
        sections.results(data.overall, data.samples, comparable, data.catalog),
        resources.recommendation(data.samples, data.cells, comparable),
        sections.by_task(data.tasks, entries),
        subsets.full_scores(data.samples),
        sections.pareto_figures(data.overall, data.cells, comparable),
        sections.paired(data.differences),
        others,
        reasoning.repeated(data.samples),
        reasoning.templates(data.samples),
        reasoning.contamination(data.samples, data.compared),
        resources.correct_answers(data.compared if comparable else data.samples, data.cells),
        prices.money(data.compared if comparable else data.samples, data.cells, data.catalog),
        served.latency(data.samples, data.cells),
        resources.thinking(data.samples, data.cells, data.overall),
        resources.quantization(data.overall, data.cells),
        resources.limits(data.cells),
        machine.surroundings(data.cells),
        machine.greedy_batches(data.cells),
        resources.energy(data.cells, data.samples),
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
    return path.read_text("utf-8") if path.exists() else ""


def _in_common(samples: pl.DataFrame) -> pl.DataFrame:
    """The samples of the questions that every entry answered."""
    import polars as pl

    answered_by = pl.col("entry").n_unique().over("variant", "seed", "sample_id")
    return samples.filter(answered_by == samples["entry"].n_unique())


def _gaps(
    facts: dict[str, Any], samples: pl.DataFrame, compared: pl.DataFrame, cells: pl.DataFrame
) -> Iterator[str]:
    """What the reader must know of an unfinished run."""
    import polars as pl

    question = pl.struct("variant", "seed", "sample_id").n_unique()
    planned = pl.col("cell").is_in(facts["cells"])
    finished = cells.filter(planned & pl.col("wall_s").is_not_null())["cell"].n_unique()
    if finished < len(facts["cells"]):
        yield f"The run is not finished: {finished} of {len(facts['cells'])} cells are."
    yield from imported.warning(cells)
    asked, common = (frame.select(question).item() for frame in (samples, compared))
    if compared.is_empty():
        yield "The models have no question in common yet: their figures are not comparable."
    elif common < asked:
        yield (
            f"Models are compared on the {common:,} questions that all of them answered, of"
            f" {asked:,} in the run."
        )
    yield from subsets.left_out(cells)
    greedy = reasoning.greedy_repeats(cells)
    if greedy:
        yield greedy


def _with_entry(frame: pl.DataFrame, several: bool) -> pl.DataFrame:
    import polars as pl

    entry = pl.format("{} · {}", "model", "profile") if several else pl.col("model")
    return frame.with_columns(entry.alias("entry"))


def _with_variant(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Samples with what their cell knows of the task. Templates of one task are one ``task``, so
    that a mean over tasks counts them once; ``variant`` is the task as the suite names it."""
    import polars as pl

    facts = cells.select("cell", "variant_of", "template", "contamination").unique("cell")
    return samples.join(facts, on="cell", how="left").with_columns(
        variant="task", task=pl.coalesce("variant_of", "task")
    )


def _overall(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """One row an entry: accuracy over tasks, and running cost. Costs are means over tasks of a
    task's mean, so that a long task weighs as much as in the accuracy."""
    import polars as pl

    from distilbench.stats import macro_accuracy

    timed = (pl.col("output_tokens") > 1) & pl.col("decode_s").is_not_null()
    seconds = pl.col("decode_s").filter(timed).sum()
    rate = pl.when(seconds > 0).then((pl.col("output_tokens") - 1).filter(timed).sum() / seconds)
    costs = samples.group_by("entry").agg(
        rate.alias("decode_tokens_per_s"),
        pl.col("total_s").median().alias("median_s"),
        pl.col("total_s").quantile(0.95).alias("p95_s"),
        pl.col("ttft_s").median().alias("ttft_median_s"),
    )
    means = (
        samples.group_by("entry", "task")
        .agg(pl.col("flops", "total_s", "output_tokens").mean())
        .group_by("entry")
        .agg(pl.col("flops", "total_s", "output_tokens").mean())
    )
    peaks = cells.group_by("entry").agg(
        (pl.col("peak_memory_bytes").max() / 2**20).alias("peak_memory_mib"),
        (pl.col("model_file_bytes").max() / 2**20).alias("model_file_mib"),
        pl.col("parameters").max(),
        pl.col("role", "quantization", "card").first(),
    )
    overall = macro_accuracy(samples, by=("entry",))
    for table in (costs, means, peaks, machine.marks(cells)):
        overall = overall.join(table, on="entry", how="left")
    return overall.sort("accuracy", "entry", descending=[True, False])


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
    for columns, frame in ((SAMPLE_COLUMNS, data.samples), (CELL_COLUMNS, data.cells)):
        for column in columns:
            if column.known in ("measured", "derived", "published", "estimated"):
                rows.append((column, frame[column.name].null_count() < frame.height))
    return rows
