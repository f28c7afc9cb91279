"""What the front door offers beyond the rooms' own names: a run as one object, and several.

Imported by ``distilbench/__init__.py`` when it is asked for; may import every room but ``cli``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.events import OnEvent, ignore

if TYPE_CHECKING:
    import polars as pl

    from distilbench.claims import Ledger
    from distilbench.compute import Scope
    from distilbench.report import Diff, RunData
    from distilbench.runner import Executor
    from distilbench.stats import Recommendation, Requirements
    from distilbench.suite import SuiteLike
    from distilbench.tasks import TaskSpec


@dataclass(frozen=True)
class Run:
    """A run directory: what was measured, and what can be made of it.

    Made by ``run``, or by ``open`` of a run that somebody made before, on this machine or
    another. In a notebook it shows its figure of accuracy against cost and its table of accuracy.
    """

    path: Path
    """The run directory."""
    failed: tuple[str, ...] = ()
    """Workers that died in the call that made this, and where their words are."""

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """A run that was made before, in a folder or at a URL (``s3://bucket/runs/demo``): then
        ``path`` is a copy of it as it is now. Raises ``InputError`` if it is no run directory, or
        of another version."""
        from distilbench.place import Place, copied
        from distilbench.runner import load_cells

        with copied(Place.parse(path)) as folder:
            load_cells(folder)
            return cls(folder)

    @property
    def name(self) -> str:
        """The suite's name, which is the folder's."""
        return self.path.resolve().name

    @property
    def complete(self) -> bool:
        """Whether every cell of the plan is finished; if not, ``run`` of the same suite goes on."""
        from distilbench.runner import is_finished, load_cells

        return all(is_finished(self.path, cell) for cell in load_cells(self.path))

    @cached_property
    def samples(self) -> pl.DataFrame:
        """One row for each question answered once (docs: the sample record). Seconds, joules and
        FLOPs as the columns' names say; null where it was not measured. All of them in memory: of
        millions, ``polars.scan_parquet(run.path / "samples.parquet")`` reads what is asked for."""
        return self._tables[0].collect()

    @property
    def cells(self) -> pl.DataFrame:
        """One row for each model on one task under one profile with one seed: peak memory, load
        time, hardware, versions, how limits were enforced (docs: the cell record)."""
        return self._tables[1]

    @cached_property
    def _tables(self) -> tuple[pl.LazyFrame, pl.DataFrame]:
        from distilbench.runner import joined, load_cells

        return joined(self.path, load_cells(self.path))

    def accuracy(self, by: Sequence[str] = ("model", "profile", "task")) -> pl.DataFrame:
        """Accuracy of each group with its 95% interval, as ``distilbench.accuracy``; null for a
        group that answered nothing, with the reason in ``no_answer``."""
        from distilbench.stats import accuracy_of_answers

        return accuracy_of_answers(self.samples, self.cells, by)

    def speeds(self, by: Sequence[str] = ("model", "profile")) -> pl.DataFrame:
        """Rates, percentiles and joules of each group with 95% intervals, over all askings of its
        cells: columns figure, unit, value, low, high, questions, repeats, between (spread between
        repeats), covers. A figure that nothing tells has no row; a bound that the answers do not
        set is null."""
        from distilbench.stats import rates

        return rates(self.askings, by)

    def sustained(self) -> pl.DataFrame:
        """What each model did minute by minute under sustained load (docs: the minute record), of
        those that were asked to; empty where none was."""
        from distilbench.runner import load_cells, sustained_minutes

        return sustained_minutes(self.path, load_cells(self.path))

    @cached_property
    def askings(self) -> pl.DataFrame:
        """``samples``, and below them the answers of cells that were asked again (column
        ``repeat``)."""
        import polars as pl

        from distilbench.runner import load_cells, repeated

        again = repeated(self.path, load_cells(self.path))
        if again is None:
            return self.samples
        return pl.concat([self.samples, again.collect()], how="diagonal")

    def report(self, out: str | Path | None = None, margin: float = 0.05) -> Path:
        """Write the report (HTML, Markdown, figures) into ``out``, by default the run's folder
        ``report``; returns the HTML file. ``margin``: the accuracy, a share, that a distilled model
        may lose and still count as not inferior to its counterpart. Raises ``InputError`` if the
        run holds no samples."""
        from distilbench.report import write_report
        from distilbench.runner import collect, load_cells

        collect(self.path, load_cells(self.path))
        return write_report(self.path, Path(out) if out is not None else None, margin=margin)

    def correct_costs(self) -> pl.DataFrame:
        """What a correct answer of each entry takes, wrong ones included, with 95% limits: tokens,
        FLOPs, seconds, joules, US dollars (``distilbench.stats.per_correct``)."""
        import polars as pl

        return pl.DataFrame(list(self._data().correct_costs.values()), infer_schema_length=None)

    def break_even(self) -> tuple[Ledger, ...]:
        """Of each distilled model and counterpart, in every unit and scope: creation, what a
        correct answer takes, and the number of correct answers at which their lifetime costs
        meet. Empty where there is no such pair."""
        return tuple(one for pair in self._data().pairs for one in pair.ledgers)

    def recommend(
        self,
        required: Requirements | None = None,
        weights: Mapping[str, float] | None = None,
        *,
        scope: Scope = "lineage",
        region: str | None = None,
    ) -> Recommendation:
        """Which model to take under limits (``distilbench.stats.Requirements``), and how sure that
        is: the most accurate, or with ``weights`` (of "accuracy" and of the names of
        ``distilbench.stats.NAMED_COSTS``) that of the greatest utility. ``scope`` is that of
        ``creation_flops``, ``region`` that of the electricity behind ``co2e_g``. Raises
        ``InputError`` if the run holds nothing to choose by, or a weight is none."""
        from distilbench.stats import Requirements

        return chosen(self._data(), required or Requirements(), weights or {}, scope, region)

    def _data(self) -> RunData:
        from distilbench.report import read_run
        from distilbench.runner import bring_up_to_date

        bring_up_to_date(self.path)
        return read_run(self.path)

    def _repr_html_(self) -> str:
        from distilbench.report import picture
        from distilbench.runner import bring_up_to_date

        bring_up_to_date(self.path)
        return picture(self.path)


def run(
    suite: SuiteLike,
    out: str | Path = "runs",
    *,
    limit: int | None = None,
    max_tokens: int | None = None,
    epochs: int | None = None,
    repeats: int | None = None,
    minutes: int | None = None,
    models: Sequence[str] = (),
    tasks: Sequence[str] = (),
    executor: Executor | str = "local",
    workers: int | None = None,
    address: str | None = None,
    on_event: OnEvent = ignore,
) -> Run:
    """Run a suite, or what is missing of it, and return the run.

    ``suite`` is a ``Suite``, its data as a dict, or a file (YAML). Paths in a file start at
    its folder, others at the current one. The run directory is ``out/<suite name>``, in a folder or
    at a URL (``s3://bucket/runs``); finished cells in it are kept. ``limit`` takes the first so
    many questions of each task, ``max_tokens`` bounds each answer, ``epochs`` says how often each
    question is asked, ``repeats`` each cell, ``minutes`` how long a model is kept under load,
    ``models`` (sources) stand in place of the suite's, ``tasks`` names those to keep. ``executor``
    says where the workers are (``local``: this machine; ``ray``: the cluster at ``address``),
    ``workers`` how many of them may ask a served model side by side.
    ``on_event`` hears typed events (``distilbench.events``).

    Raises ``InputError`` on a bad suite before any work. A model that does not load or fit is a
    result; a worker that died is in ``Run.failed``.
    """
    from distilbench.runner import run_suite
    from distilbench.suite import Changes

    changes = Changes(
        limit=limit,
        max_tokens=max_tokens,
        epochs=epochs,
        repeats=repeats,
        minutes=minutes,
        models=tuple(models),
        tasks=tuple(tasks),
    )
    result = run_suite(suite, out, on_event, changes, executor, workers, address)
    return Run(result.run_dir, result.failed)


def chosen(
    data: RunData,
    required: Requirements,
    weights: Mapping[str, float],
    scope: Scope = "lineage",
    region: str | None = None,
) -> Recommendation:
    """The recommendation of a run that was read, or of several: with what the records do not hold,
    prices, electricity and creation."""
    from distilbench.claims import choice_facts
    from distilbench.compute import default_site
    from distilbench.stats import recommend

    grid = None if region is None else default_site(region).region.g_co2e_per_kwh
    facts = choice_facts(data.used, data.cells, data.catalog, scope, grid)
    return recommend(data.samples, data.cells, required, facts=facts, weights=weights)


@contextmanager
def opened_runs(runs: Sequence[str | Path]) -> Iterator[list[tuple[str, Path]]]:
    """Each run's short name and a local folder that holds it, its tables brought up to date.
    ``runs`` are folders or URLs. Raises ``InputError`` if one is none, or is given twice."""
    from distilbench.place import Place, copied
    from distilbench.report import run_labels
    from distilbench.runner import bring_up_to_date

    places = [Place.parse(run) for run in runs]
    names = run_labels([place.url or str(place.path.resolve()) for place in places])
    with ExitStack() as stack:
        folders = [stack.enter_context(copied(place)) for place in places]
        for folder in folders:
            bring_up_to_date(folder)
        yield list(zip(names, folders, strict=True))


def report_runs(runs: Sequence[str | Path], out: str | Path, margin: float = 0.05) -> Path:
    """Write one report of several runs (folders or URLs) into the folder ``out``; returns the HTML
    file. ``margin`` as :meth:`Run.report` takes it.

    A model that several runs have is an entry of each, with its hardware or its run in the name;
    models are compared on the questions that are the same by text, reference and choices; what the
    runs set otherwise is said on the page. ``margin`` as of ``Run.report``. Raises ``InputError``
    if a run is none, holds no samples, is damaged or is given twice.
    """
    from distilbench.report import write_report, write_runs_report

    with opened_runs(runs) as opened:
        if len(opened) == 1:
            return write_report(opened[0][1], Path(out), margin=margin)
        return write_runs_report(opened, Path(out), margin)


def diff(
    baseline: str | Path,
    candidate: str | Path,
    pairs: Mapping[str, str] | None = None,
    margin: float = 0.05,
) -> Diff:
    """Compare a candidate run with a baseline (folders or URLs), question by question.

    Models are matched by name and profile, or by ``pairs`` alone (a model of the baseline to one of
    the candidate; then both may be one run). ``margin`` is the accuracy that may be lost, a share.
    ``Diff.verdict`` is ``worse``, ``not worse`` or ``undecided``; every comparison has its paired
    difference with a 95% interval and a p value corrected for their number. Raises ``InputError``
    if a run cannot be read, or nothing can be compared.
    """
    from distilbench.place import Place
    from distilbench.report import diff_runs

    places = [Place.parse(run) for run in (baseline, candidate)]
    once = len({place.url or place.path.resolve() for place in places}) == 1
    with opened_runs([baseline] if once else [baseline, candidate]) as opened:
        return diff_runs(opened[0], opened[-1], pairs, margin)


def Task(**fields: Any) -> TaskSpec:
    """A task of a suite, by the fields of its kind: ``reasoning_gym=`` (generated offline),
    ``file=`` (your own questions) or ``inspect=`` (a benchmark of an installed package).

    >>> Task(reasoning_gym="products", questions=40).name
    'products'

    Raises ``InputError`` naming the field.
    """
    from pydantic import TypeAdapter, ValidationError

    from distilbench.errors import one_sentence
    from distilbench.tasks import TaskSpec

    adapter: TypeAdapter[TaskSpec] = TypeAdapter(TaskSpec)
    try:
        return adapter.validate_python(fields)
    except ValidationError as error:
        raise one_sentence("task", error) from error
