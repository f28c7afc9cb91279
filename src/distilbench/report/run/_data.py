"""What a run directory holds, read once, and the tables that several sections use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.claims import MARGIN, question_costs, with_usd
from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.report.run._entries import foreign, others, with_entries, with_variant
from distilbench.report.run._marks import marks
from distilbench.report.run._tables import read_table, refuse_strange

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Catalog
    from distilbench.claims import Pair
    from distilbench.stats import Compared, Drawn, Recommendation

KnownCards = tuple["Catalog", tuple[str, ...]]
"""The catalog, and sentences on the cards beside models that are not in it."""
_FACTS = {
    "name": str, "created": str, "hardware": dict, "python": str, "versions": dict, "seeds": list,
    "cells": list,
}  # fmt: skip
"""Fields of ``run.json`` that a report is made of."""
_KEPT_DRAWS = 1_000
"""Draws of each task that the chart carries: pages of many tasks stay small."""


@dataclass(frozen=True)
class OneRun:
    """One of the runs that a page is made of: its name there, ``run.json``, its suite."""

    label: str
    facts: dict[str, Any]
    suite_text: str


@dataclass(frozen=True)
class RunData:
    """What a run directory holds, and the tables that several sections use, made when asked for. An
    *entry* is a model under a profile; where there is one profile only, entries bear the model's
    name. ``samples`` and ``cells`` are the two records, with the columns entry, and of samples
    variant, template and contamination. Of several runs (:func:`read_runs`) it is all of it, put
    together."""

    facts: dict[str, Any]
    suite_text: str
    samples: pl.DataFrame
    cells: pl.DataFrame
    catalog: Catalog
    """The catalog, with the cards that the models brought."""
    bad_cards: tuple[str, ...] = ()
    runs: tuple[OneRun, ...] = ()
    """Each of the runs, the first first."""
    told: tuple[str, ...] = ()
    """What must be known of several runs on one page: what differs, what was taken once."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """The run directories, in which the transcripts are, by what stands before the names of their
    cells."""
    margin: float = MARGIN
    """The accuracy that a model may lose and still count as not inferior, a share."""

    @cached_property
    def heard(self) -> pl.DataFrame:
        """The samples of the entries that answered anything; names of questions as categories,
        which all figures look up."""
        import polars as pl

        found = others(self.samples, self._unanswered)
        ids = found["sample_id"].cast(pl.Categorical)
        if found["cluster"].equals(found["sample_id"]):
            return found.with_columns(ids, ids.alias("cluster"))
        return found.with_columns(ids, pl.col("cluster").cast(pl.Categorical))

    @cached_property
    def silent(self) -> pl.DataFrame:
        """The entries that answered nothing: they have no score and no cost."""
        return self._unanswered.join(_facts(self.cells), on="entry", how="left")

    @cached_property
    def _unanswered(self) -> pl.DataFrame:
        from distilbench.stats import unanswered

        return unanswered(self.samples, self.cells)

    @cached_property
    def compared(self) -> pl.DataFrame:
        """The samples of the questions that these entries have in common."""
        from distilbench.stats import in_common

        return in_common(self.heard, ("variant", "seed", "sample_id"))

    @property
    def comparable(self) -> bool:
        """Whether there are such questions."""
        return not self.compared.is_empty()

    @property
    def used(self) -> pl.DataFrame:
        """The samples that ``overall`` rests on: ``compared``; if there are none, ``heard``."""
        return self.compared if self.comparable else self.heard

    @cached_property
    def overall(self) -> pl.DataFrame:
        """One row an entry, best first: accuracy over tasks, and running cost."""
        if not self.comparable:
            return _overall(self.heard, self.cells)
        return _with_costs(self.comparison.accuracy, self.comparison.costs, self.cells)

    @cached_property
    def apart(self) -> pl.DataFrame:
        """The like of ``overall`` for the entries that share no question with the others."""
        return _overall(others(self.heard, self.used), self.cells)

    @cached_property
    def entries(self) -> list[str]:
        """All entries that answered anything, best first."""
        return [*self.overall["entry"], *self.apart["entry"]]

    @cached_property
    def by_variant(self) -> pl.DataFrame:
        """The samples, with each template as a task of its own."""
        return self.samples.with_columns(task="variant")

    @cached_property
    def tasks(self) -> pl.DataFrame:
        """Accuracy of each entry on each task."""
        alone = self.samples["template"].null_count() == self.samples.height
        if alone and self.compared.height == self.samples.height:
            return _answered(self.comparison.by_task, self.samples, self.cells)
        return _by_task(self.by_variant, self.cells)

    @cached_property
    def recommendation(self) -> Recommendation:
        """What to take without any limit, of the questions that ``overall`` rests on."""
        from distilbench.stats import Requirements, choose

        return choose(self.comparison, self.cells, Requirements(), self.drawn)

    @cached_property
    def comparison(self) -> Compared:
        """The entries on the questions in common, with their figures."""
        from distilbench.stats import Compared

        return Compared(self.heard, self.compared, self._unanswered)

    @cached_property
    def drawn(self) -> Drawn:
        """Accuracies on the questions in common, drawn again: the one set of draws of the page."""
        from distilbench.stats import bootstrap

        entries = self.compared["entry"].unique().sort().to_list()
        return bootstrap(self.compared, entries, kept=_KEPT_DRAWS)

    @cached_property
    def question_costs(self) -> dict[str, dict[str, Any]]:
        """US dollars of a question and of a correct answer of each entry that has a price."""
        return question_costs(self.used, self.cells, self.catalog)

    @cached_property
    def correct_costs(self) -> dict[str, dict[str, Any]]:
        """What a correct answer of each entry takes, in every unit: rows of ``per_correct``."""
        from distilbench.stats import COSTS, per_correct

        priced = with_usd(self.used, self.cells, self.catalog)
        scored = self.comparison.accuracy if self.comparable else None
        found = per_correct(priced, ("entry",), (*COSTS, "usd"), scored)
        return {row["entry"]: row for row in found.iter_rows(named=True)}

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Each distilled model beside its counterparts."""
        from distilbench.claims import run_pairs

        return run_pairs(self.samples, self.cells, self.catalog, self.margin)

    @cached_property
    def roles(self) -> dict[str, str | None]:
        """The role of each entry: the suite's, else its card's."""
        from distilbench.claims import roles

        return roles(self.cells, self.catalog)

    @cached_property
    def differences(self) -> pl.DataFrame:
        """Paired differences of every two entries, task by task and overall (task null)."""
        return _differences(self.compared)


def read_run(run_dir: Path, known: KnownCards | None = None) -> RunData:
    """Read a run directory; ``known``: what :func:`catalog_of` its cards, and maybe of others',
    returns. Raises ``InputError`` if it is none, is damaged, or holds no sample."""
    if not (run_dir / "run.json").is_file():
        raise InputError(str(run_dir), "is no run directory", "give the folder of a run")
    facts = read_json(run_dir / "run.json", _FACTS)
    if not all(isinstance(cell, str) for cell in facts["cells"]):
        where = f"{run_dir / 'run.json'}: field 'cells'"
        raise InputError(where, "is no list of names", "put back a copy of it")
    samples, cells = (read_table(run_dir, name) for name in ("samples", "cells"))
    refuse_strange(samples, run_dir / "samples.parquet")
    suite_text = _suite_text(run_dir)
    if samples.is_empty() and foreign(cells).is_empty():
        raise InputError(str(run_dir), "holds no finished sample", "run the suite again")
    samples, cells = with_entries(samples, cells)
    catalog, bad_cards = known or catalog_of([run_dir / "cards"])
    samples = with_variant(_shared(samples), cells)
    runs = (OneRun(facts["name"], facts, suite_text),)
    folders = {"": run_dir}
    return RunData(facts, suite_text, samples, cells, catalog, bad_cards, runs, folders=folders)


def catalog_of(folders: Sequence[Path]) -> KnownCards:
    """The catalog with the cards that lay beside models; without them, and why, if one is bad."""
    from distilbench.catalog import catalog_beside

    catalog, bad = catalog_beside(folders)
    return catalog, (f"The cards beside the models are left out: {bad}.",) if bad else ()


def _suite_text(run_dir: Path) -> str:
    """The exact suite; empty for a run of imported results alone, which has none."""
    path = run_dir / "suite.yaml"
    try:
        return path.read_text("utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is damaged", "put back a copy of it, or remove it") from error


def _shared(samples: pl.DataFrame) -> pl.DataFrame:
    """With the clusters in the place of the ids in memory, where each question is one."""
    alike = samples["cluster"].equals(samples["sample_id"])
    return samples.with_columns(cluster="sample_id") if alike else samples


def _by_task(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Accuracy of each entry on each task; ``no_answer`` says why there is none."""
    from distilbench.stats import accuracy

    return _answered(accuracy(samples, ("entry", "task")), samples, cells)


def _answered(tasks: pl.DataFrame, samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Accuracies of entries on tasks, with ``no_answer``."""
    from distilbench.stats import unanswered

    by = ("entry", "task")
    silent = unanswered(samples, cells, by).drop("questions")
    return tasks.join(silent, on=by, how="left").sort(by)


def _overall(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """One row an entry, best first, the cheaper of equals first: accuracy over tasks, and running
    cost."""
    from distilbench.stats import costs, macro_accuracy

    return _with_costs(macro_accuracy(samples, by=("entry",)), costs(samples), cells)


def _with_costs(overall: pl.DataFrame, costs: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Accuracies with costs and facts, in order."""
    import polars as pl

    for table in (costs, _facts(cells), marks(cells)):
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

    from distilbench.stats import of_entries, paired_differences

    if samples.is_empty():
        return pl.DataFrame()
    return paired_differences(of_entries(samples))
