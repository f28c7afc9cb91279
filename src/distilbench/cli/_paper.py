"""Commands for a paper: figure, table, paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._options import Margin, here
from distilbench.cli._print import print_line, print_table
from distilbench.errors import InputError
from distilbench.files import must_hold_files, write_bytes, write_text

if TYPE_CHECKING:
    from distilbench.catalog import Catalog
    from distilbench.claims import Claims
    from distilbench.report import RunData
    from distilbench.report.paper import Contents


class FigureForm(StrEnum):
    """Forms of a figure; pdf and svg are vectors."""

    pdf = auto()
    svg = auto()
    png = auto()


class TableForm(StrEnum):
    """Forms of a table."""

    latex = auto()
    markdown = auto()


_OURS = (".pdf", ".svg", ".png", ".tex", ".md")
Name = Annotated[
    str | None, typer.Argument(help="Its name; without one, the names.", show_default=False)
]
RunOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="Run directory, a folder or a URL; without one: the claims of arXiv 2602.20164.",
        show_default=False,
    ),
]
Width = Annotated[
    str,
    typer.Option(
        help="column (84 mm, one of two columns), text (140 mm), page (178 mm), or a length as"
        " 3.25in."
    ),
]
FigureFormat = Annotated[FigureForm, typer.Option("--format", help="Of figures.")]


def register(app: typer.Typer) -> None:
    app.command()(figure)
    app.command()(table)
    app.command()(paper)


def figure(
    name: Name = None,
    run: RunOrNone = None,
    form: Annotated[
        FigureForm | None,
        typer.Option("--format", help="Default: as --out ends, else pdf.", show_default=False),
    ] = None,
    width: Width = "column",
    out: Annotated[
        str | None, typer.Option(help="File; default: NAME.FORMAT.", show_default=False)
    ] = None,
) -> None:
    """Write a figure of a run's page, or of the claims', as a paper wants it."""
    from distilbench.report.paper import drawn, width_mm

    wide = width_mm(width)
    name, run = _names_a_run(name, run)
    path = None if out is None else _file(out, run)
    form = _form(form, out)
    path = path or Path(f"{name}.{form.value}")
    contents, _ = _contents(run, margin=None)
    if name is None:
        _print_names("figure", contents.figures, contents, run)
        return
    chart = contents.figure(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, drawn(chart, form.value, wide))
    print_line(path)


def table(
    name: Name = None,
    run: RunOrNone = None,
    form: Annotated[TableForm, typer.Option("--format")] = TableForm.latex,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to keep; several in the order given.")
    ] = None,
    margin: Margin = 5.0,
    out: Annotated[
        str | None, typer.Option(help="File; default: print it.", show_default=False)
    ] = None,
) -> None:
    """Print a table of a run's page, or of the claims', as LaTeX (booktabs) or Markdown."""
    from distilbench.report.paper import References, table_text

    name, run = _names_a_run(name, run)
    path = None if out is None else _file(out, run)
    contents, catalog = _contents(run, margin)
    if name is None:
        _print_names("table", contents.tables, contents, run)
        return
    made = contents.table(name, column or ())
    text = table_text(made, name, form.value, References(catalog))
    if path is None:
        for line in text.splitlines():
            print_line(line)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    print_line(path)


def paper(
    run: RunOrNone = None,
    out: Annotated[str, typer.Option("--out", "--output", help="Folder to write.")] = "paper",
    form: FigureFormat = FigureForm.pdf,
    width: Width = "column",
    margin: Margin = 5.0,
) -> None:
    """Write all that a paper takes: figures, tables, the methods in words, references.bib."""
    from distilbench.report.paper import (
        must_be_ours,
        width_mm,
        write_paper_of_claims,
        write_paper_of_run,
    )

    wide = width_mm(width)
    folder = here(out or ".")
    must_hold_files(folder)
    must_be_ours(folder)
    if run is None:
        written = write_paper_of_claims(_claims(), folder, form.value, wide)
    else:
        written = write_paper_of_run(_data(run, margin), folder, form.value, wide)
    print_line(f"wrote {len(written)} files; all of them in one document: {folder / 'paper.tex'}")


def _form(form: FigureForm | None, out: str | None) -> FigureForm:
    """Raises ``InputError`` if the name of the file says another form, or none that there is."""
    ending = Path(out or "").suffix.lower().lstrip(".")
    named = FigureForm(ending) if ending in FigureForm.__members__ else None
    if form and named and form is not named:
        raise InputError(f"--out {out}", f"is not a name of a {form.value}", "drop --format")
    if out and ending and not (form or named):
        remedy = f"end it in {', '.join(FigureForm)}, or give --format"
        raise InputError(f"--out {out}", f"a figure has no form {ending!r}", remedy)
    return form or named or FigureForm.pdf


def _file(out: str, run: str | None) -> Path:
    """Raises ``InputError`` if it is none, or would lie among the records of the run."""
    path = here(out or ".", "file")
    if path.is_dir():
        raise InputError(f"--out {out!r}", "is a folder", "name a file")
    of_run = run is not None and path.resolve().is_relative_to(Path(run).resolve())
    if of_run and path.suffix.lower() not in _OURS:
        remedy = f"name one elsewhere, or one that ends in {', '.join(_OURS)}"
        raise InputError(f"--out {out}", "lies among the files of the run itself", remedy)
    return path


def _names_a_run(name: str | None, run: str | None) -> tuple[str | None, str | None]:
    """A single argument that is a run directory asks for the names in it."""
    if name is not None and run is None and ("://" in name or (Path(name) / "run.json").is_file()):
        return None, name
    return name, run


def _contents(run: str | None, margin: float | None) -> tuple[Contents, Catalog]:
    from distilbench.report.paper import contents_of_claims, contents_of_run

    if run is None:
        claims = _claims()
        return contents_of_claims(claims), claims.catalog
    data = _data(run, margin)
    return contents_of_run(data), data.catalog


def _data(run: str, margin: float | None) -> RunData:
    from distilbench.place import Place, copied
    from distilbench.report import read_run
    from distilbench.runner import bring_up_to_date

    with copied(Place.parse(run)) as run_dir:
        bring_up_to_date(run_dir)
        data = read_run(run_dir)
    return data if margin is None else replace(data, margin=margin)


def _claims() -> Claims:
    from distilbench.catalog import load_catalog
    from distilbench.claims import check_claims

    return check_claims(load_catalog())


def _print_names(what: str, named: Mapping[str, Any], contents: Contents, run: str | None) -> None:
    rows = [(name, made.caption.partition(". ")[0]) for name, made in named.items()]
    print_table((what, "what it shows"), rows, f"{contents.of} has:")
    where = f" {run}" if run else ""
    print_line(f"for one of them: distilbench {what} NAME{where}")
    if run is None:
        print_line(f"for those of a run: distilbench {what} RUN")
