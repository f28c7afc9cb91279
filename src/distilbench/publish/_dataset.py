"""A folder of results that others append to: a data set of the hub, and of any tool that reads
Parquet in Hive's layout. A run is one file of its own, so that no two contributions meet in one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.compute import BOUND_MARKS, SCOPES
from distilbench.errors import InputError
from distilbench.files import is_taken, read_parquet, write_parquet, write_text
from distilbench.publish._rows import KEY, SCHEMA, ResultRecord, result_rows
from distilbench.publish._scored import Choice, refuse_unfinished
from distilbench.records import ROLES, columns, schema
from distilbench.runner import load_cells
from distilbench.source import plain_name
from distilbench.yaml_file import yaml_text

if TYPE_CHECKING:
    import polars as pl

RESULTS = "results"
_README = "README.md"
_SLACK = 1e-9  # of rounding
_WORDS = {
    "role": ROLES,
    "energy_known": ("measured", "estimated"),
    **{f"creation_{scope}_bound": tuple(BOUND_MARKS) for scope in SCOPES},
}
"""Columns of a few known words."""
_UPDATE = "update distilbench, or take an earlier state of the folder"
_REMOVE = "put back the file as it was appended, or remove it"


def is_results_folder(folder: Path) -> bool:
    """Whether a folder holds results in this layout, and is no run directory."""
    return (folder / RESULTS).is_dir() and not (folder / "run.json").exists()


def append_run(run_dir: Path, folder: Path, contributor: str) -> Path:
    """Append a run's results; returns the file. The same run again replaces its own file, and no
    other.

    Raises ``InputError`` if the run is not finished or a question failed, if ``contributor`` cannot
    be a folder's name, or if ``folder`` holds something else.
    """
    if not contributor or plain_name(contributor, "") != contributor:
        remedy = "give letters, digits, '.', '_' and '-', as an account's name"
        raise InputError(f"--by {contributor}", "cannot be a folder's name", remedy)
    if is_taken(folder) and not is_results_folder(folder):
        raise InputError(str(folder), "holds something else than results", "name another folder")
    refuse_unfinished(run_dir, load_cells(run_dir), Choice())
    rows = result_rows(run_dir, contributor)
    if rows.is_empty():
        raise InputError(str(run_dir), "holds no accuracy", "see its report")
    named = plain_name(rows["run"][0], "run")
    place = folder / RESULTS / f"schema={SCHEMA}" / f"contributor={contributor}"
    path = place / f"{named}-{rows['run_id'][0]}.parquet"
    write_parquet(path, rows)
    if not (folder / _README).exists():
        write_text(folder / _README, _card())
    return path


def read_results_folder(folder: Path) -> pl.DataFrame:
    """All rows, each file looked through. Raises ``InputError`` if one is of a newer version, is
    not where its columns say, lacks a column, states what cannot be, or repeats a row."""
    import polars as pl

    frames: list[pl.DataFrame] = []
    owners: dict[tuple[str, ...], Path] = {}
    for path in sorted((folder / RESULTS).rglob("*.parquet")):
        rows = _checked(path, folder)
        for key in rows.select(KEY).iter_rows():
            if key in owners:
                raise InputError(
                    str(path), f"repeats a row of {owners[key]} ({key[1]} on {key[3]})", _REMOVE
                )
            owners[key] = path
        frames.append(rows)
    if not frames:
        raise InputError(str(folder), "holds no results", "append a run: distilbench contribute")
    return pl.concat(frames)


def _checked(path: Path, folder: Path) -> pl.DataFrame:
    parts = dict(_keys(path.relative_to(folder)))
    if parts.get("schema") != str(SCHEMA):
        said = parts.get("schema", "none")
        raise InputError(str(path), f"is of schema {said}, and {SCHEMA} is known here", _UPDATE)
    rows = read_parquet(path, _REMOVE)
    wanted = schema(ResultRecord)
    for name, kind in wanted.items():
        if rows.schema.get(name) != kind:
            found = str(rows.schema.get(name) or "not there")
            raise InputError(f"{path}: column {name!r}", f"is {found}, not {kind}", _REMOVE)
    for at, row in enumerate(rows.iter_rows(named=True), start=1):
        if problem := next(_problems(row, parts), None):
            raise InputError(f"{path}: row {at}", problem, _REMOVE)
    return rows.select(list(wanted))


def _keys(path: Path) -> Iterator[tuple[str, str]]:
    for part in path.parts[:-1]:
        name, sign, value = part.partition("=")
        if sign:
            yield name, value


def _problems(row: dict[str, object], parts: dict[str, str]) -> Iterator[str]:
    """What in a row cannot be."""
    if row["contributor"] != parts.get("contributor"):
        yield f"its contributor is {row['contributor']}, not the folder's"
    if row["schema_version"] != SCHEMA:
        yield f"its schema_version is {row['schema_version']}, not the folder's"
    lacking = [
        name for name in (*KEY, "accuracy", "low", "high", "n_questions") if row[name] is None
    ]
    if lacking:
        yield f"{lacking[0]} is not there"
        return
    low, mean, high = (float(str(row[name])) for name in ("low", "accuracy", "high"))
    if not -_SLACK <= low - _SLACK <= mean <= high + _SLACK <= 1 + 2 * _SLACK:
        yield f"accuracy {mean:g} with the interval {low:g} to {high:g} is none of shares"
    asked, of = int(str(row["n_questions"])), row["all_questions"]
    if asked < 1 or (of is not None and asked > int(str(of))):
        yield f"n_questions is {asked}, of {of}"
    for column in columns(ResultRecord):
        value = row[column.name]
        if column.dtype in ("Float64", "Int64") and not _is_amount(value):
            yield f"{column.name} is {value}"
    for name, words in _WORDS.items():
        if row[name] is not None and row[name] not in words:
            yield f"{name} is {row[name]!r}, none of: {', '.join(words)}"
    for scope in SCOPES:
        if (row[f"creation_{scope}_flops"] is None) != (row[f"creation_{scope}_bound"] is None):
            yield f"creation_{scope}_flops stands without its bound, or the bound without it"


def _is_amount(value: object) -> bool:
    """Null, or a number that can be an amount of something."""
    return value is None or 0 <= float(str(value)) < float("inf")


def _card() -> str:
    """The data set's card: where the hub finds the rows, and what they mean."""
    front = {
        "pretty_name": "Results measured with distilbench",
        "tags": ["distilbench", "evaluation", "leaderboard"],
        "configs": [
            {"config_name": "results", "data_files": f"{RESULTS}/**/*.parquet", "default": True}
        ],
    }
    rows = "\n".join(
        f"| `{c.name}` | {c.dtype} | {c.unit or '–'} | {c.known} | {c.meaning} |"
        for c in columns(ResultRecord)
    )
    return f"""---
{yaml_text(front)}---

# Results measured with distilbench

One row for each model on a task, under a profile, on a machine, in a run. Null: not available.

## Append yours

    distilbench contribute RUN --to FOLDER --by YOUR-ACCOUNT

writes `{RESULTS}/schema={SCHEMA}/contributor=YOUR-ACCOUNT/<run>.parquet` and changes no other file:
send it as a pull request. Rows are looked through when they are read (`distilbench site FOLDER`).

## Columns (schema {SCHEMA}, distilbench {version("distilbench")})

| column | type | unit | known | meaning |
| --- | --- | --- | --- | --- |
{rows}
"""
