"""Runs a suite: plans it, starts workers, joins their records."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from distilbench.engines import check_server_tools, check_tools
from distilbench.errors import InputError, one_sentence
from distilbench.events import (
    Collected,
    Noted,
    OnEvent,
    Planned,
    ignore,
)
from distilbench.files import (
    alone,
    is_damaged,
    is_taken,
    read_json,
    write_bytes,
    write_sealed,
    write_text,
)
from distilbench.meter import busy_sentence, describe_hardware, given_tdp_w, look_now
from distilbench.place import Place, at_work, present
from distilbench.runner._cards import copy_cards
from distilbench.runner._executor import Executor, executor_named
from distilbench.runner._jobs import noted_once, run_jobs, samples_of, unfinished
from distilbench.runner._leftovers import sweep
from distilbench.runner._plan import Cell, models_without_flops, plan
from distilbench.runner._sandbox import refusals, reopen_refused
from distilbench.runner._store import (
    check_unfinished,
    is_finished,
    questions_file,
    read_questions,
)
from distilbench.runner._sustained import left, refused, sustain
from distilbench.runner._tables import collect
from distilbench.seals import same_seal, sealed
from distilbench.suite import UNCHANGED, Changes, GivenSuite, Suite, SuiteLike, read_suite
from distilbench.tasks import QuestionSet, attempt_questions, shadowed

_FACTS = "put back a copy of it, or run the suite again, which writes it anew"
_VERSIONS = ("distilbench", "inspect-ai", "xllamacpp", "reasoning-gym", "math-verify", "polars")


@dataclass(frozen=True)
class RunResult:
    """What a run left. ``failed`` names the workers that died and where their words are."""

    run_dir: Path
    """Local: of a run at a URL, the folder that was worked in."""
    place: Place
    finished: int
    planned: int
    failed: tuple[str, ...]
    unsustained: int = 0
    """Models that are still to be kept under load."""

    @property
    def complete(self) -> bool:
        return self.finished == self.planned and not self.unsustained


def run_suite(
    suite: SuiteLike,
    out: Path | str = "runs",
    on_event: OnEvent = ignore,
    changes: Changes = UNCHANGED,
    executor: Executor | str = "local",
    workers: int | None = None,
    address: str | None = None,
) -> RunResult:
    """Run a suite, or what is missing of it: a file, its data as a dict, or a ``Suite``. The run
    directory is ``out/<suite name>``; ``out`` is a folder or a URL (``s3://bucket/runs``).

    ``changes`` come from the command line; the run keeps the changed suite. ``executor``: where
    the workers are, by name or made. ``workers`` (how many of them may ask a model side by side)
    and ``address`` (of a cluster) go to an executor that is given by its name and takes them.

    A cell is known by the hash of everything that sets its result: finished cells are kept, also
    when the suite has been changed elsewhere. Raises ``InputError`` on a bad suite before any
    work, and if another run is at work in the same directory.
    """
    chosen = _executor(executor, workers, address)
    given = read_suite(suite, changes)
    given_tdp_w()  # a bad one is told here, not by every worker
    cells = plan(given.suite, given.folder, given.where)
    place = Place.parse(out) / given.suite.name
    with at_work(place, lambda sentence: on_event(Noted(sentence))) as run_dir:
        failed = _run_in(run_dir, given, cells, chosen, on_event)
        finished = sum(is_finished(run_dir, cell) for cell in cells)
        unsustained = len(left(run_dir, cells))
    return RunResult(run_dir, place, finished, len(cells), failed, unsustained)


def _run_in(
    run_dir: Path, given: GivenSuite, cells: list[Cell], executor: Executor, on_event: OnEvent
) -> tuple[str, ...]:
    """Run what is missing in a local folder; a sentence for each worker that died."""
    import polars as pl

    with ExitStack() as stack:
        there = run_dir.is_dir()
        if there:
            stack.enter_context(alone(run_dir))
        missing = _missing(run_dir, cells)
        _check_engines(given.suite, missing, given.where)
        warned = [*executor.check(missing), *refused(cells, executor)]
        prepare_questions(run_dir, [*missing, *_without_questions(run_dir, cells)])
        if not there:
            run_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone(run_dir))
        stack.enter_context(present(run_dir))
        _write_what_is_given(run_dir, given, cells)
        shares = [unfinished(run_dir, cell) for cell in missing]
        on_event(Planned(len(cells), {share.cell.name: samples_of(share) for share in shares}))
        for sentence in (*_notes(run_dir, cells, missing), *warned):
            on_event(Noted(sentence))
        tell = noted_once(on_event)
        failed = tuple(run_jobs(run_dir, shares, executor, tell))
        failed += tuple(sustain(run_dir, cells, executor, tell))
        collected, _ = collect(run_dir, cells)
        on_event(Collected(collected.select(pl.len()).collect().item()))
    return failed


def _write_what_is_given(run_dir: Path, given: GivenSuite, cells: list[Cell]) -> None:
    write_text(run_dir / "suite.yaml", given.text)
    _write_run_facts(run_dir, given.suite.name, cells, given.suite.seeds)
    copy_cards(run_dir, (cell.card_file for cell in cells if cell.card_file))


def _missing(run_dir: Path, cells: list[Cell]) -> list[Cell]:
    """The cells that are still to be finished, once the run directory is in order. Raises
    ``InputError`` if what they need of it is damaged."""
    sweep(run_dir, cells)
    reopen_refused(run_dir, cells)
    missing = [cell for cell in cells if not is_finished(run_dir, cell)]
    for cell in missing:
        check_unfinished(run_dir, cell)
    return missing


def _without_questions(run_dir: Path, cells: list[Cell]) -> list[Cell]:
    """Whose questions' file is damaged."""
    return [cell for cell in cells if is_damaged(questions_file(run_dir, cell))]


def _executor(given: Executor | str, workers: int | None, address: str | None) -> Executor:
    if isinstance(given, str):
        return executor_named(given, workers=workers, address=address)
    for name, value in (("workers", workers), ("address", address)):
        if value is not None:
            raise InputError(name, "an executor was given that is made", "give it this option")
    return given


def _notes(run_dir: Path, cells: list[Cell], missing: list[Cell]) -> list[str]:
    """What the user should read before the figures."""
    busy = busy_sentence(look_now()) if missing else None
    local = dict.fromkeys(filter(None, (shadowed(cell.task) for cell in missing)))
    notes = [*local, *_skipped(run_dir), *models_without_flops(cells), *refusals(run_dir, missing)]
    return [*notes, busy] if busy else notes


def load_cells(run_dir: Path) -> list[Cell]:
    """The cells of a run that was started before."""
    facts = run_dir / "run.json"
    if not facts.is_file():
        raise InputError(str(run_dir), "is no run directory", "give the folder of a run")
    plan = read_json(facts, remedy=_FACTS).get("plan")
    if not isinstance(plan, list):
        raise InputError(f"{facts}: field 'plan'", "is no list of cells", "put back a copy of it")
    try:
        return [Cell.model_validate(cell) for cell in plan]
    except ValidationError as error:
        raise one_sentence(f"{facts}: a cell of 'plan'", error) from error


def bring_up_to_date(run_dir: Path) -> None:
    """Write the tables of a run that is not finished, with what there is by now. A finished one has
    them, maybe in a folder that is only read."""
    cells = load_cells(run_dir)
    if not all(is_finished(run_dir, cell) for cell in cells):
        collect(run_dir, cells)


def question_sets(run_dir: Path) -> dict[tuple[str, int], QuestionSet]:
    """What the run asks, by task and seed."""
    files = {(c.task.name, c.seed): questions_file(run_dir, c) for c in load_cells(run_dir)}
    return {key: read_questions(path) for key, path in files.items()}


@contextmanager
def opened_run(run_dir: Path) -> Iterator[Path]:
    """Hold a run directory to add to it; make one without cells if there is none.

    Raises ``InputError`` if it is another kind of folder, or a run is at work in it.
    """
    if not (run_dir / "run.json").is_file():
        if is_taken(run_dir):
            raise InputError(
                str(run_dir), "is no run directory", "give the folder of a run or a name not taken"
            )
        run_dir.mkdir(parents=True, exist_ok=True)
        _write_run_facts(run_dir, run_dir.resolve().name, [], ())
    with alone(run_dir):
        yield run_dir


def prepare_questions(run_dir: Path, cells: list[Cell]) -> None:
    """Write the questions of every task once, for all models.

    A file that was damaged is made again. Raises ``InputError`` on a task that cannot be made, or
    whose questions are not those that finished cells of the run answered, before anything is
    written.
    """
    files = {questions_file(run_dir, cell): cell for cell in cells}
    attempted = attempt_questions([(cell.task, cell.seed) for cell in files.values()])
    made: dict[Path, QuestionSet] = {}
    for (path, cell), asked in zip(files.items(), attempted, strict=True):
        if isinstance(asked, InputError):
            raise asked
        if path.is_file() and not _may_stand_for(path, asked):
            raise InputError(
                f"task {cell.task.name!r}",
                f"its questions are not those that this run began with ({path})",
                "the data set has changed: run in another folder (--out)",
            )
        made[path] = asked
    tools = {cell.name: made[questions_file(run_dir, cell)].tools for cell in cells}
    for cell in cells:
        check_tools(tools[cell.name], cell.task.name, cell.model.name, cell.model.source)
    _check_servers(cells, tools)
    for path, asked in made.items():
        write_bytes(path, sealed(asked.model_dump_json()))


def _check_servers(cells: list[Cell], tools: Mapping[str, Sequence[str] | None]) -> None:
    """Ask each server whose model is given tools once whether it takes them. ``tools``: by cell."""
    with_tools = {(cell.reference, cell.model.base_url): cell for cell in cells if tools[cell.name]}
    for cell in with_tools.values():
        model, given = cell.model, tools[cell.name] or ()
        check_server_tools(given, cell.task.name, model.name, model.source, model.base_url)


def _may_stand_for(path: Path, asked: QuestionSet) -> bool:
    """Whether a file holds these questions, or held them before it was damaged."""
    if same_seal(path.read_bytes(), sealed(asked.model_dump_json())):
        return True
    return read_questions(path) == asked


def _skipped(run_dir: Path) -> list[str]:
    """What the run leaves out of its data files, once for all models and seeds."""
    found = (
        f"task {task!r}: {part.sentence}"
        for (task, _), asked in question_sets(run_dir).items()
        for part in asked.skipped
    )
    return list(dict.fromkeys(found))


def _check_engines(suite: Suite, cells: list[Cell], suite_file: str) -> None:
    """Whether each engine that is still to be asked can be: its package, its key, its args."""
    asked = {cell.model.name: cell for cell in cells}
    for index, model in enumerate(suite.models):
        if model.name in asked:
            cell = asked[model.name]
            where = f"{suite_file}: field 'models[{index}].source'"
            cell.engine().check(cell.assignment(), where)
    for cell in cells:
        _check_likelihoods(suite, cell, suite_file)


def _check_likelihoods(suite: Suite, cell: Cell, suite_file: str) -> None:
    """Whether the engine of a task that is answered by likelihood tells any."""
    if cell.task.asks_likelihoods and not cell.engine().provider(cell.model.source).likelihoods:
        index = [model.name for model in suite.models].index(cell.model.name)
        raise InputError(
            f"{suite_file}: field 'models[{index}].source'",
            f"{cell.model.source} tells no likelihood of a text, which task {cell.task.name!r} asks"
            " for",
            "give the model's GGUF file, or inspect:hf/...; or drop 'likelihood' of the task",
        )


def _write_run_facts(run_dir: Path, name: str, cells: list[Cell], seeds: tuple[int, ...]) -> None:
    facts = {
        "name": name,
        "distilbench_version": version("distilbench"),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "hardware": describe_hardware().model_dump(mode="json"),
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in _VERSIONS},
        "seeds": list(seeds),
        "cells": [cell.name for cell in cells],
        "plan": [cell.model_dump(mode="json") for cell in cells],
    }
    write_sealed(run_dir / "run.json", facts)
