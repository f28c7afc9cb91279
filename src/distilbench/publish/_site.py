"""A leaderboard of many runs as a folder of static files, which any host serves and which works
from a disk: no request leaves it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.compute import BOUND_MARKS, Bound
from distilbench.errors import InputError
from distilbench.files import is_taken, write_parquet, write_text
from distilbench.publish._dataset import read_results_folder
from distilbench.publish._rows import KEY, ResultRecord, result_rows
from distilbench.records import frame
from distilbench.report import (
    Cell,
    Section,
    Shown,
    Table,
    Text,
    render_page,
    write_leaderboard,
    write_report,
)
from distilbench.report.page import NOT_AVAILABLE, mib
from distilbench.source import plain_name

if TYPE_CHECKING:
    import polars as pl

_MARK = "site.json"
"""Stands in a folder that is a site, so that nothing else is ever written over."""
_HOME = "../../index.html"
_NOTE = (
    "A row for each model on a task, under a profile, on a machine, in a run: the same model on two"
    " machines is two rows. Rows of different questions do not compare; what does, question by"
    " question, is in the sections below. Creation: training FLOPs of scope lineage. † marks"
    " seconds of a busy machine, which are not the model's own. What is unanswered counts as wrong."
)
_BUSY = "†"
_MADE = ("creation_lineage_flops", "creation_lineage_bound")
_MAY_LACK = {"flops", "energy_j", "creation_lineage_flops"}
"""Columns that are left out where no row has a value."""


def write_site(
    runs: Sequence[tuple[str, Path]], folders: Sequence[Path], out: Path, title: str
) -> Path:
    """Write the site of ``runs`` (each by its name there and its folder) and of the ``folders`` of
    results into ``out``; returns its first page. A run has a page of its own below ``runs/``; no
    page shows a question, an answer or a reference. A run that a folder of results holds too is
    taken once.

    Raises ``InputError`` if ``out`` holds something that is no site, or what ``read_runs`` and
    ``read_results_folder`` raise.
    """
    _refuse_other(out)
    pages = _page_names([name for name, _ in runs])
    rows = _rows(runs, folders)
    shutil.rmtree(out / "runs", ignore_errors=True)  # pages of runs that are not on it any more
    write_text(out / _MARK, json.dumps({"title": title, "runs": [name for name, _ in runs]}) + "\n")
    for name, folder in runs:
        place = out / "runs" / pages[name]
        write_report(folder, place, beside=[("Leaderboard", _HOME)], public=True)
    table, files = _table(rows, pages), _downloads(rows, out)
    if runs:
        return write_leaderboard(runs, out, title, table, files)
    lede = f"{rows.height:,} results of {rows['model'].n_unique():,} models."
    return render_page(title, lede, (table, files), out, page="leaderboard")


def _refuse_other(out: Path) -> None:
    if is_taken(out) and not (out / _MARK).is_file():
        raise InputError(str(out), "holds something that is no site", "name another folder (--out)")


def _page_names(names: Sequence[str]) -> dict[str, str]:
    """Folders of runs: their names, made fit and kept apart."""
    found: dict[str, str] = {}
    for name in names:
        plain = plain_name(name, "run").lower()
        taken = set(found.values())
        found[name] = next(
            one
            for n in range(len(names) + 1)
            if (one := f"{plain}-{n}" if n else plain) not in taken
        )
    return found


def _rows(runs: Sequence[tuple[str, Path]], folders: Sequence[Path]) -> pl.DataFrame:
    """All results; ``page`` names the run's page, null: it has none."""
    import polars as pl

    page = pl.Series("page", [], pl.String)
    parts = [frame([], ResultRecord).with_columns(page)]
    for name, folder in runs:
        parts.append(result_rows(folder, whole=False).with_columns(page=pl.lit(name)))
    none = pl.lit(None, pl.String)
    parts += [read_results_folder(folder).with_columns(page=none) for folder in folders]
    return pl.concat(parts).unique(KEY, keep="first", maintain_order=True)


def _table(rows: pl.DataFrame, pages: Mapping[str, str]) -> Section:
    """Every result, best first, task by task."""
    import polars as pl

    ordered = rows.sort("task", -pl.col("accuracy"), "flops", "model", nulls_last=True)

    def run_cell(run: str, page: str | None, by: str | None, date: str | None) -> Cell:
        told = f"{date[:10] if date else 'no date'}{f', by {by}' if by else ''}"
        address = f"runs/{pages[page]}/index.html" if page else None
        return Cell(run if page else f"{run} ({told})", href=address, title=told)

    columns = (
        Shown("model", ("model", "role", "quantization"), _model),
        Shown("task", "task"),
        Shown("accuracy", "accuracy", "{:.1%}", "measured"),
        Shown("95% interval", ("low", "high"), "{:.1%} to {:.1%}"),
        Shown("questions", ("n_questions", "all_questions", "failed", "limited"), _questions),
        Shown("FLOPs / question", "flops", "{:.3g}", "derived"),
        Shown("p95 s", ("p95_s", "busy"), _seconds, "measured"),
        Shown("J / question", ("energy_j", "energy_known"), _joules),
        Shown("peak MiB", "peak_memory_bytes", mib, "measured"),
        Shown("creation FLOPs", _MADE, _creation, "published"),
        Shown("on", ("profile", "hardware"), _place),
        Shown("run", ("run", "page", "contributor", "date"), run_cell),
    )
    there = {name for name in rows.columns if rows[name].null_count() < rows.height}
    shown = [c for c in columns if not {*_named(c)} & _MAY_LACK or {*_named(c)} & there]
    table = Table.of("Every result, best first of each task", ordered, shown)
    return Section("Every result", (Text(_NOTE), table))


def _named(column: Shown) -> tuple[str, ...]:
    return (column.field,) if isinstance(column.field, str) else column.field


def _model(model: str, role: str | None, quantization: str | None) -> Cell:
    said = [words for words in (quantization, role) if words]
    return Cell(f"{model} ({', '.join(said)})" if said else model)


def _questions(asked: int, of: int | None, failed: int | None, limited: int | None) -> Cell:
    text = f"{asked:,}" if of in (None, asked) else f"{asked:,} of {of:,}"
    if not failed and not limited:
        return Cell(text)
    why = f"{failed or 0:,} failed, {limited or 0:,} kept back by a limit or the machine"
    unanswered = (failed or 0) + (limited or 0)
    return Cell(f"{text}, {unanswered:,} unanswered", title=f"{why}; all count as wrong")


def _seconds(seconds: float | None, busy: bool | None) -> str:
    return NOT_AVAILABLE if seconds is None else f"{seconds:.3g}{_BUSY if busy else ''}"


def _place(profile: str | None, hardware: str | None) -> Cell:
    """The profile and the machine, without its system."""
    said = [words for words in (profile, (hardware or "").rpartition(", ")[0] or hardware) if words]
    return Cell("; ".join(said) or NOT_AVAILABLE, title=hardware)


def _joules(joules: float | None, known: str | None) -> Any:
    if joules is None:
        return NOT_AVAILABLE
    return Cell(f"{joules:.3g}", kind="estimated" if known == "estimated" else "measured")


def _creation(flops: float | None, bound: Bound | None) -> str:
    if flops is None or bound is None:  # one is not there without the other
        return NOT_AVAILABLE
    return f"{BOUND_MARKS[bound]}{flops:.3g}"


def _downloads(rows: pl.DataFrame, out: Path) -> Section:
    """The same rows as files, and the section that leads to them."""
    kept = rows.drop("page")
    data = out / "data"
    write_parquet(data / "results.parquet", kept)
    write_text(data / "results.json", kept.write_json() + "\n")
    files = [
        {"file": "results.parquet", "what": "every result, with all its columns"},
        {"file": "results.json", "what": "the same as a list of objects"},
    ]

    def link(name: str) -> Cell:
        return Cell(name, href=f"data/{name}")

    columns = (Shown("file", "file", link), Shown("what", "what"))
    return Section("Data", (Table.of(f"{rows.height:,} rows", files, columns),))
