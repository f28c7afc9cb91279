"""A folder with all that a paper on a run takes from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.files import write_bytes, write_text
from distilbench.report.page import Table
from distilbench.report.paper import _latex, _markdown
from distilbench.report.paper._contents import (
    Contents,
    contents_of_claims,
    contents_of_run,
)
from distilbench.report.paper._figure import drawn
from distilbench.report.paper._methods import Paragraph, methods
from distilbench.report.paper._references import References

if TYPE_CHECKING:
    from distilbench.claims import Claims
    from distilbench.report.run import RunData

_PREAMBLE = r"""\ifdefined\pdfminorversion\pdfminorversion=7\fi  % as the figures
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage[margin=25mm]{geometry}
\usepackage{array,booktabs,graphicx,longtable}
\usepackage[hyphens]{url}
\setlength{\belowcaptionskip}{6pt}
\begin{document}
"""
_END = r"""\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""
_NAMES = ("paper.tex", "methods.tex", "methods.md", "references.bib")
_SOURCE = "#source-"
_MOST_ROWS = 120


def must_be_ours(out: Path) -> None:
    """Raises ``InputError`` if a file of somebody else's paper would be written over: a folder with
    a ``paper.tex`` of ours may be written anew."""
    whole = out / _NAMES[0]
    if whole.is_file() and whole.read_bytes().startswith(_PREAMBLE.encode()):
        return
    for name in _NAMES:
        if (out / name).is_file():
            raise InputError(
                str(out / name), "is not known to be distilbench's", "name another folder"
            )


def write_paper_of_run(
    data: RunData, out: Path, form: str = "pdf", width_mm: float = 84.0
) -> list[Path]:
    """Write ``figures/``, ``tables/`` (LaTeX and Markdown), ``methods.tex`` and ``methods.md``,
    ``references.bib``, and ``paper.tex``, which holds all of it. Returns the files."""
    paragraphs, cite = methods(data)
    said = {
        "methods.tex": _paragraphs(paragraphs, _latex.cited, r"\paragraph{%s.}"),
        "methods.md": _paragraphs(paragraphs, _markdown.cited, "**%s.**"),
    }
    return _write(contents_of_run(data), cite, said, out, form, width_mm)


def write_paper_of_claims(
    claims: Claims, out: Path, form: str = "pdf", width_mm: float = 84.0
) -> list[Path]:
    """The like of the page on the claims of arXiv 2602.20164, which ran nothing: no methods."""
    cite = References(claims.catalog)
    cite.work("wani2026")
    cite.work("distilbench")
    return _write(contents_of_claims(claims), cite, {}, out, form, width_mm)


def table_text(made: Table, name: str, form: str, cite: References) -> str:
    """A table as ``latex`` or ``markdown``; what its cells are taken from is cited."""
    keys = _keys(made, cite)
    return _latex.table(made, name, keys) if form == "latex" else _markdown.table(made, keys)


def _write(
    contents: Contents,
    cite: References,
    said: dict[str, str],
    out: Path,
    form: str,
    width_mm: float,
) -> list[Path]:
    written = []

    def write(name: str, text: str | bytes) -> None:
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            write_bytes(path, text)
        else:
            write_text(path, text)
        written.append(path)

    for name, chart in contents.figures.items():
        write(f"figures/{name}.{form}", drawn(chart, form, width_mm))
    for name, made in contents.tables.items():
        write(f"tables/{name}.tex", table_text(made, name, "latex", cite))
        write(f"tables/{name}.md", table_text(made, name, "markdown", cite))
    for name, text in said.items():
        write(name, text)
    write("references.bib", cite.bibtex())
    write("paper.tex", _whole(contents, "methods.tex" in said, form))
    return written


def _paragraphs(
    paragraphs: Iterable[Paragraph], cited: Callable[[str, tuple[str, ...]], str], title: str
) -> str:
    return "\n\n".join(
        " ".join((title % one.title, *(cited(text, keys) for text, keys in one.sentences)))
        for one in paragraphs
    ) + "\n"  # fmt: skip


def _keys(made: Table, cite: References) -> dict[str, str]:
    """Of each anchor of a source that the table leads to, its key."""
    anchors = {cell.href for row in made.cells() for cell in row if cell.href}
    known = cite.catalog.sources
    named = {anchor: anchor.removeprefix(_SOURCE) for anchor in sorted(anchors)}
    return {a: cite.source(key, known[key]) for a, key in named.items() if key in known}


def _whole(contents: Contents, has_methods: bool, form: str) -> str:
    """A document of figures, tables and methods, to look at and to take from; tables of hundreds of
    rows are beside it only."""
    figures = "".join(
        _figure(name, chart.caption, form) for name, chart in contents.figures.items()
    )
    short = [name for name, made in contents.tables.items() if len(made.rows) <= _MOST_ROWS]
    tables = "".join(
        f"\\input{{tables/{name}}}\n" + ("\\clearpage\n" if n % 4 == 3 else "")  # floats are few
        for n, name in enumerate(short)
    )
    said = "\\section{Methods}\n\\input{methods}\n" if has_methods else "\\nocite{*}\n"
    return _PREAMBLE + said + figures + "\\clearpage\n" + tables + _END


def _figure(name: str, caption: str, form: str) -> str:
    # LaTeX includes no SVG by itself.
    picture = name if form == "svg" else f"{name}.{form}"
    return (
        "\\begin{figure}[htbp]\n  \\centering\n"
        f"  \\includegraphics{{figures/{picture}}}\n"
        f"  \\caption{{{_latex.escaped(caption)}}}\n"
        f"  \\label{{fig:{name}}}\n"
        "\\end{figure}\n"
    )
