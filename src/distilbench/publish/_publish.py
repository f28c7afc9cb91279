"""Publishing a run: the files that go into models' repositories on the hub, and what stays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.catalog import catalog_beside
from distilbench.errors import InputError
from distilbench.files import write_text
from distilbench.interchange import Exported, all_exporters, read_exported
from distilbench.publish._benchmarks import Unit
from distilbench.publish._card import card_section
from distilbench.publish._eval_results import Filed, filed, write_result
from distilbench.publish._repositories import given_repositories, repository_of
from distilbench.publish._scored import (
    Choice,
    Scored,
    refuse_unfinished,
    refuse_unknown,
    scored,
)

if TYPE_CHECKING:
    from distilbench.catalog import Catalog

CARD = "card-section.md"
_DRAWS = 10_000
_ALL = Choice()


@dataclass(frozen=True)
class PublishedModel:
    """What was written of one model. ``repository``: that on the hub which the results belong to,
    null: not known; ``folder`` holds the files of it as they go there, and the card section;
    ``filed`` are the results of benchmarks; ``left_out`` says of the rest why it is not there."""

    model: str
    repository: str | None
    folder: Path
    filed: tuple[Filed, ...]
    section: str
    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    scored: tuple[Scored, ...]


@dataclass(frozen=True)
class Terms:
    """What a run does not say: ``repositories`` (``--repo``: OWNER/NAME, MODEL=OWNER/NAME), the
    ``unit`` of leaderboards that are not known here, and the ``source``, the address of a page that
    shows how the figures came about."""

    repositories: tuple[str, ...] = ()
    unit: Unit | None = None
    source: str | None = None


def publish_run(
    run_dir: Path, out: Path, choice: Choice = _ALL, terms: Terms | None = None
) -> list[PublishedModel]:
    """Write what is published of a run below ``out``, a folder for each model; nothing is sent.

    Raises ``InputError`` if a chosen cell is not finished or holds a question that failed, if a
    model ran under several profiles and none is chosen, or if what is chosen holds no accuracy.
    """
    terms = terms or Terms()
    _check_source(terms.source)
    run = read_exported(run_dir)
    refuse_unknown(choice, run_dir, run.samples)
    refuse_unfinished(run_dir, run.plan, choice)
    found = scored(run, choice)
    if not found:
        remedy = "see its report; imported rates have none"
        raise InputError(str(run_dir), "holds no accuracy of what is chosen", remedy)
    by_model: dict[str, list[Scored]] = {}
    for one in found:
        by_model.setdefault(one.model, []).append(one)
    for model, results in by_model.items():
        _refuse_profiles(run_dir, model, results)
    given = given_repositories(terms.repositories, list(by_model))
    _refuse_shared(by_model, given)
    catalog, bad = catalog_beside([run_dir / "cards"])
    troubles = [f"the cards beside the models are left out: {bad}"] if bad else []
    return [
        _model(_Place(run, out, catalog, given), results, terms, troubles)
        for results in by_model.values()
    ]


@dataclass(frozen=True)
class _Place:
    run: Exported
    out: Path
    catalog: Catalog
    given: Mapping[str, str]


def _check_source(source: str | None) -> None:
    if source is not None and not source.startswith(("https://", "http://")):
        raise InputError(f"--source {source}", "is no address of a page", "begin it with https://")


def _refuse_profiles(run_dir: Path, model: str, results: Sequence[Scored]) -> None:
    profiles = sorted({one.profile for one in results})
    if len(profiles) > 1:
        raise InputError(
            f"{run_dir}: {model}",
            f"ran under {len(profiles)} profiles",
            f"choose one with --profile: {', '.join(profiles)}",
        )


def _refuse_shared(by_model: Mapping[str, Sequence[Scored]], given: Mapping[str, str]) -> None:
    """A repository has one card, and one result of a task."""
    owners: dict[str, str] = {}
    for model, results in by_model.items():
        repository, _ = repository_of(results[0], given)
        if repository in owners:
            raise InputError(
                f"{model} and {owners[repository]}",
                f"are both of {repository}, whose page has one result of a benchmark",
                "choose one with --model",
            )
        if repository is not None:
            owners[repository] = model


def _model(
    place: _Place, results: Sequence[Scored], terms: Terms, troubles: list[str]
) -> PublishedModel:
    first = results[0]
    repository, why = repository_of(first, place.given)
    folder = place.out / (repository or first.model)
    made = {one.task: filed(one, terms.unit, terms.source) for one in results}
    found = [one for one in made.values() if isinstance(one, Filed)]
    left_out = [f"{task}: {one}" for task, one in made.items() if isinstance(one, str)]
    left_out += list(_unscored(place.run, first))
    if repository is None:
        left_out += [f"no evaluation result is filed: {first.model} {why}"] if found else []
        found = []
    if twice := _alike(found):
        raise InputError(twice, "is asked by two tasks", "choose one with --task")
    section = card_section(results, place.catalog, [one.of.task for one in found], _DRAWS)
    card = folder / CARD
    write_text(card, section)
    files = [*(write_result(one, folder) for one in found), card]
    files += _every_eval_ever(place.run, first, repository, found, place.out)
    return PublishedModel(
        first.model, repository, folder, tuple(found), section, tuple(files),
        (*troubles, *left_out), tuple(results),
    )  # fmt: skip


def _alike(found: Sequence[Filed]) -> str | None:
    """The file that two tasks would be filed in."""
    paths = [one.path for one in found]
    return next((path for path in paths if paths.count(path) > 1), None)


def _unscored(run: Exported, first: Scored) -> Iterator[str]:
    """Sentences on what the model was asked and has no accuracy of."""
    mine = run.of(first.model, first.profile)
    for row in mine.ungraded.iter_rows(named=True):
        yield f"{row['task']}: has no accuracy ({row['missing'] or 'rates, or a stated score'})"
    for row in mine.silent.iter_rows(named=True):
        yield f"{row['task']}: the model answered nothing ({row['no_answer']})"


def _every_eval_ever(
    run: Exported, first: Scored, repository: str | None, found: Sequence[Filed], out: Path
) -> list[Path]:
    """The same results as a record of Every Eval Ever, in the folders of its data store."""
    known = replace(
        run.of(first.model, first.profile),
        hub_models={first.model: repository} if repository else {},
        hub_data={one.of.task: one.benchmark.dataset for one in found},
    )
    return all_exporters()["every-eval-ever"].write(known, out / "every-eval-ever")
