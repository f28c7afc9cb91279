"""The run directory: what is in it, and how it is written and read.

    <run>/suite.yaml                    the exact suite
    <run>/run.json                      hardware, versions, seeds, the cells of the plan
    <run>/questions/*.json              what each task asks, the same for all models
    <run>/cards/*.yaml                  cards that lay beside the models' files
    <run>/samples.parquet               sample records of all cells
    <run>/cells.parquet                 cell records
    <run>/cells/<cell>/cell.json        record of a finished cell; its presence means: finished
    <run>/cells/<cell>/shards/<shard>/  what its worker wrote of each shard, or, if the cell is not
                                        cut, beside cell.json:
        logs/*.eval                     Inspect logs: the full transcripts, and what resume reads
        logs/journal.jsonl              finished samples that the log may not hold yet
        machine.jsonl                   what else the machine did meanwhile, stretch by stretch
        samples.parquet                 sample records of a finished shard
        shard.json                      what was measured; its presence means: finished
    <run>/sustained/*                   models under load (runner/_sustained.py)
    <run>/sustained.parquet             their minutes
    <run>/imported/<cell>/*             cell.json and samples.parquet of a cell that another program
                                        measured

The Inspect log is the one source of truth on samples. The Parquet files are made from it and can be
made again. Every file is written whole under another name first, then renamed. One worker writes a
shard; whoever runs the suite writes the rest, a cell's record from those of its shards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet, read_sealed, write_parquet, write_sealed
from distilbench.meter import Energy, asked_within, read_stretches, summarise
from distilbench.records import KEY, CellRecord, SampleRecord, columns, frame, schema
from distilbench.runner._calls import GRADED, graders_here
from distilbench.runner._identity import identity, said, stated
from distilbench.runner._plan import Cell
from distilbench.runner._records import charged, energy_shares, sample_record, span, strata
from distilbench.runner._shards import Shard, cut
from distilbench.runner._together import covered_s, together
from distilbench.tasks import QuestionSet
from distilbench.transcripts import check_log, read_journal, read_log_samples

if TYPE_CHECKING:
    import polars as pl
    from inspect_ai.log import EvalSample

_KNOWN_BY = {
    **dict.fromkeys(("cell", "origin", "model", "task", "profile", "config_hash"), str),
    "seed": int,
}
"""Fields without which a cell's record is nobody's."""
_QUESTIONS = "put back a copy of it, or run the suite again in another folder (--out)"
_AGAIN = "put back a copy of it, or remove its folder and run or import it again"


def cell_folder(run_dir: Path, cell: Cell) -> Path:
    return run_dir / "cells" / cell.name


def shard_folder(run_dir: Path, cell: Cell, shard: Shard) -> Path:
    folder = cell_folder(run_dir, cell)
    if shard.of == 1:
        return folder
    return folder / "shards" / f"{shard.number:05}-of-{shard.of:05}"


def log_folder(run_dir: Path, cell: Cell, shard: Shard) -> Path:
    return shard_folder(run_dir, cell, shard) / "logs"


def imported_folder(run_dir: Path) -> Path:
    """Where the cells are that other programs measured: outside of the plan, kept by every run."""
    return run_dir / "imported"


def imported_cells(run_dir: Path) -> list[Path]:
    """The records of what was imported. Raises ``InputError`` if a cell's folder has none: its
    results would be missing."""
    folder = imported_folder(run_dir)
    cells = sorted(folder.iterdir()) if folder.exists() else []
    files = [cell / "cell.json" for cell in cells if not cell.name.startswith(".")]
    for file in files:
        if not file.exists():
            raise InputError(str(file), "is missing", _AGAIN)
    return files


def questions_file(run_dir: Path, cell: Cell) -> Path:
    return run_dir / "questions" / f"{cell.task.name}--{cell.seed}--{cell.task_hash[:8]}.json"


def read_questions(path: Path) -> QuestionSet:
    """What a task asks. Raises ``InputError`` if the file is missing or damaged."""
    try:
        return QuestionSet.model_validate_json(read_sealed(path, _QUESTIONS))
    except FileNotFoundError as error:
        raise InputError(str(path), "is missing", _QUESTIONS) from error
    except ValueError as error:
        raise InputError(str(path), "is damaged", _QUESTIONS) from error


def surroundings_file(run_dir: Path, cell: Cell, shard: Shard) -> Path:
    return shard_folder(run_dir, cell, shard) / "machine.jsonl"


def check_unfinished(run_dir: Path, cell: Cell) -> None:
    """Raises ``InputError`` if what the next worker would go on from is damaged, before it loads a
    model for nothing."""
    for file in cell_folder(run_dir, cell).rglob("machine.jsonl"):
        read_stretches(file)
    for log in cell_folder(run_dir, cell).rglob("logs/*.eval"):
        if not (log.parents[1] / "shard.json").is_file():
            with _named_damaged(log):
                check_log(log)


def shards_of(run_dir: Path, cell: Cell) -> list[Shard]:
    """How a cell is cut. Its questions must have been made."""
    return _cut(cell, read_questions(questions_file(run_dir, cell)))


def _cut(cell: Cell, asked: QuestionSet) -> list[Shard]:
    questions = len(asked.questions)
    return cut(min(questions, cell.limits.questions or questions), cell.epochs)


def is_finished(run_dir: Path, cell: Cell) -> bool:
    return (cell_folder(run_dir, cell) / "cell.json").is_file()


def is_shard_finished(run_dir: Path, cell: Cell, shard: Shard) -> bool:
    return (shard_folder(run_dir, cell, shard) / "shard.json").is_file()


def answered(run_dir: Path, cell: Cell, shard: Shard) -> int:
    """Samples of a shard that an attempt before took to their end; they are not asked again."""
    logged = _logged_samples(log_folder(run_dir, cell, shard))
    return len({(str(sample.id), sample.epoch) for sample in logged if not sample.error})


def finish_shard(
    run_dir: Path,
    cell: Cell,
    shard: Shard,
    asked: QuestionSet,
    facts: dict[str, Any],
    energy: Energy | None,
) -> int:
    """Write a finished shard's records; returns its samples. ``facts`` are what its worker
    measured, ``energy`` that of the last attempt."""
    method = facts["energy_method"]
    samples, energy, method = _projected(run_dir, cell, shard, asked, energy, method)
    folder = shard_folder(run_dir, cell, shard)
    write_parquet(folder / "samples.parquet", samples)
    _drop_superseded_logs(log_folder(run_dir, cell, shard))
    beside = {
        "samples": len(samples),
        "energy_total_j": energy.total_j if energy else None,
        "energy_idle_j": energy.idle_j if energy else None,
        "energy_known": energy.known if energy else None,
        "energy_method": method,
        "window": energy._asdict() if energy else None,
        "stated": stated(cell),
    }
    write_sealed(folder / "shard.json", {**facts, **beside})
    return len(samples)


def finish_cell(run_dir: Path, cell: Cell) -> bool:
    """Write the record of a cell if all its shards are finished; returns whether they are."""
    asked = read_questions(questions_file(run_dir, cell))
    shards = _cut(cell, asked)
    if not all(is_shard_finished(run_dir, cell, shard) for shard in shards):
        return False
    facts = [_shard_facts(run_dir, cell, shard) for shard in shards]
    each = [read_stretches(surroundings_file(run_dir, cell, shard)) for shard in shards]
    seen = [stretch for of_one in each for stretch in of_one]
    around = asdict(summarise(seen))
    # What stopped shards side by side counts once; of one that nobody watched nothing is known.
    stopped_s = covered_s((s.begun, s.ended) for s in seen if s.stopped)
    around["suspended_s"] = stopped_s if all(each) else None
    record = {**together(facts), **around, **identity(run_dir, cell, asked)}
    record["busy"] = record.get("others_asked") or record["busy"]
    write_sealed(cell_folder(run_dir, cell) / "cell.json", record)
    return True


def project(
    run_dir: Path,
    cell: Cell,
    shard: Shard,
    asked: QuestionSet,
    energy: Energy | None = None,
    energy_method: str | None = None,
) -> pl.DataFrame:
    """Sample records of a shard from its Inspect logs, finished or not, each sample once."""
    return _projected(run_dir, cell, shard, asked, energy, energy_method)[0]


def _projected(
    run_dir: Path,
    cell: Cell,
    shard: Shard,
    asked: QuestionSet,
    energy: Energy | None,
    energy_method: str | None,
) -> tuple[pl.DataFrame, Energy | None, str | None]:
    """And the energy while they were asked, and how it is known. One transcript at a time is in
    memory."""
    drawn_from = strata(asked, asked.questions[shard.first : shard.last])
    seen = read_stretches(surroundings_file(run_dir, cell, shard))
    found: dict[tuple[str, int], SampleRecord] = {}
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    graders: set[str] = set()
    for sample in _logged_samples(log_folder(run_dir, cell, shard)):
        key = (str(sample.id), sample.epoch)
        spans[key] = span(sample)
        graders |= graders_here(sample, cell.reference)
        found[key] = sample_record(sample, cell, run_dir.name, cell.shape, seen)
    if energy and graders:
        energy, energy_method = None, GRADED.format(", ".join(sorted(graders)))
    energy = asked_within(energy, list(spans.values())) if energy else None
    joules = energy_shares(list(spans.values()), energy)
    limit_j = cell.profile.energy_per_question_j
    rows = [
        {
            **vars(charged(record, share, energy_method, limit_j)),
            **drawn_from.get(str(record.sample_id), {}),
        }
        for record, share in zip(found.values(), joules, strict=True)
    ]
    return frame(rows, SampleRecord), energy, energy_method


def of_cell(run_dir: Path, cell: Cell) -> tuple[list[pl.DataFrame | Path], dict[str, Any]] | None:
    """Samples of its shards, those of a finished one as their file; and its record; null: it is not
    begun. What it asks, of half a million questions a gigabyte, is let go of before the next cell's
    is read."""
    if not cell_folder(run_dir, cell).is_dir():
        return None
    asked = read_questions(questions_file(run_dir, cell))
    finished, counted = is_finished(run_dir, cell), 0
    pieces: list[pl.DataFrame | Path] = []
    for shard in _cut(cell, asked):
        if finished or is_shard_finished(run_dir, cell, shard):
            counted += _finished(run_dir, cell, shard, asked).height
            pieces.append(shard_folder(run_dir, cell, shard) / "samples.parquet")
        else:
            pieces.append(so_far := project(run_dir, cell, shard, asked))
            counted += so_far.height
    if finished:
        return pieces, {**_record(cell_folder(run_dir, cell) / "cell.json"), **said(cell)}
    return pieces, {**identity(run_dir, cell, asked), "samples": counted}


def imported(run_dir: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Of each imported cell the file of its samples, looked through, and its record."""
    for path in imported_cells(run_dir):
        _samples(file := path.with_name("samples.parquet"))
        yield file, _record(path)


def _record(path: Path) -> dict[str, Any]:
    """The record of a finished or imported cell. Raises ``InputError`` naming the field that is
    missing or of another type: damaged, or written by another version."""
    import polars as pl

    record = read_json(path, _KNOWN_BY, _AGAIN)
    for column in columns(CellRecord):
        if record.get(column.name) is not None:
            try:
                frame([{column.name: record[column.name]}], CellRecord, [column.name])
            except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
                raise InputError(f"{path}: field {column.name!r}", "is damaged", _AGAIN) from error
    return record


def _finished(run_dir: Path, cell: Cell, shard: Shard, asked: QuestionSet) -> pl.DataFrame:
    """The sample records of a finished shard. They are made again from its log if their file is
    damaged, or the suite or the card of its served model now states another architecture or
    estimate; an embedded model's comes with its weights, which the cell's name holds."""
    folder, facts = shard_folder(run_dir, cell, shard), _shard_facts(run_dir, cell, shard)
    damage: InputError | None = None
    if cell.file is not None or facts.get("stated") == stated(cell):
        try:
            return _samples(folder / "samples.parquet")
        except InputError as error:
            damage = error
    energy = Energy(**facts["window"]) if facts.get("window") else None
    samples = project(run_dir, cell, shard, asked, energy, facts.get("energy_method"))
    if damage and len(samples) != facts["samples"]:  # the log is gone, too
        raise damage
    write_parquet(folder / "samples.parquet", samples)
    write_sealed(folder / "shard.json", {**facts, "stated": stated(cell)})
    return samples


def _shard_facts(run_dir: Path, cell: Cell, shard: Shard) -> dict[str, Any]:
    fields = {"machine": str, "begun": float, "wall_s": float, "samples": int}
    path = shard_folder(run_dir, cell, shard) / "shard.json"
    if not path.exists():
        raise InputError(str(path), "is missing", _AGAIN)
    return read_json(path, fields, _AGAIN)


def _samples(path: Path) -> pl.DataFrame:
    """The sample records of a finished or imported cell. Raises ``InputError`` as for its
    record."""
    if not path.exists():
        raise InputError(str(path), "is missing", _AGAIN)
    found = read_parquet(path, _AGAIN)
    for name, kind in schema(SampleRecord).items():
        if found.schema.get(name, None if name in ("cell", *KEY) else kind) != kind:
            raise InputError(f"{path}: column {name!r}", "is missing or damaged", _AGAIN)
    return found


def _drop_superseded_logs(folder: Path) -> None:
    """A resumed log begins with the samples of the log it resumes, so only the last one counts."""
    for old in sorted(folder.glob("*.eval"))[:-1]:
        old.unlink()


def _logged_samples(folder: Path) -> Iterator[EvalSample]:
    """Samples of all logs, oldest log first (a resumed log holds its forerunner's samples too), and
    then of the journal of a cell under way."""
    for path in sorted(folder.glob("*.eval")):
        with _named_damaged(path):
            yield from read_log_samples(path)
    yield from read_journal(folder)


@contextmanager
def _named_damaged(log: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        remedy = "put back a copy of it, or remove it: the next run asks its questions again"
        raise InputError(str(log), "is damaged", remedy) from error
