"""The page model, and its rendering as HTML, Markdown, PNG and SVG.

Whatever a page holds is data: model names, answers, error messages and suite texts are untrusted
and are escaped, in the HTML by Jinja2, in chart specifications because ``<`` never occurs in them.
The page runs under a content security policy that allows its own two scripts and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.files import write_bytes, write_text
from distilbench.report.page._cards import Cards
from distilbench.report.page._curves import Curves
from distilbench.report.page._drawing import drawable
from distilbench.report.page._explorer import Explorer
from distilbench.report.page._format import anchor
from distilbench.report.page._libraries import datatables, vega
from distilbench.report.page._questions import Questions
from distilbench.report.page._rows import html_rows, markdown_rows
from distilbench.report.page._rulings import Rulings
from distilbench.report.page._table import Table

if TYPE_CHECKING:
    from jinja2 import Environment

_IMAGE_WIDTH = 760
_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\|*_`[]"} | {"<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Pre:
    """Text as it is: a suite file, a command."""

    text: str


@dataclass(frozen=True)
class Chart:
    """A figure. ``alt`` says in words what it shows; ``name`` is the stem of its image files,
    ``chart`` an Altair chart."""

    name: str
    caption: str
    alt: str
    chart: Any

    @cached_property
    def specification(self) -> dict[str, Any]:
        """Vega-Lite JSON: made once, as Altair checks all of it each time."""
        return drawable(self.chart)


@dataclass(frozen=True)
class Details:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Any]


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[
        Text | Pre | Table | Chart | Details | Cards | Explorer | Curves | Questions | Rulings
    ] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        return anchor(self.title)


def render_page(
    title: str,
    lede: str,
    sections: Sequence[Section],
    out_dir: Path,
    page: str = "report",
    notes: Sequence[str] = (),
    question: str = "",
    head: Section | None = None,
    beside: Sequence[tuple[str, str]] = (),
    refresh_s: float | None = None,
) -> Path:
    """Write ``index.html``, ``<page>.md`` and the figures into ``out_dir``; returns the HTML file.
    ``question`` is what the page answers, ``notes`` stand below the lede: what the reader must know
    before taking a number. ``head`` is the section of the first screen, above the contents.
    ``beside``: words and addresses of other pages of the server that this one comes from, which may
    be asked for it again every ``refresh_s``.

    The HTML is one file without any request: Vega is inlined. The Markdown links the images.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    everything = [*((head,) if head else ()), *sections]
    environment = _environment()
    blocks = [block for section in everything for block in flat(section.blocks)]
    for chart in filter(_is_chart, blocks):
        _write_images(chart, out_dir)
    scripts = _scripts(blocks, refresh_s is not None)
    questions = [block for block in blocks if isinstance(block, Questions)]
    asks = refresh_s is not None or any(block.served for block in questions)
    said = {
        "title": title, "lede": lede, "notes": notes, "question": question, "head": head,
        "sections": sections, "kind_of": _kind, "beside": beside, "refresh_s": refresh_s,
    }  # fmt: skip
    html = environment.get_template("page.html").render(
        **said,
        scripts=scripts,
        policy=_policy(scripts, asks),
        styles=_styles(blocks),
        specification=_specification,
        inlined=_inlined,
    )
    write_text(out_dir / "index.html", html)
    markdown = environment.get_template("page.md").render(**said, plain=markdown_text)
    write_text(out_dir / f"{page}.md", markdown)
    return out_dir / "index.html"


def _scripts(blocks: Sequence[Any], refreshes: bool) -> tuple[str, ...]:
    """The page's scripts: the libraries and what its blocks need, and no other."""
    kinds = {_kind(block) for block in blocks} | ({"Table"} if _tables(blocks) else set())
    libraries: list[tuple[Callable[[], str], set[str]]] = [
        (datatables, {"Table"}),
        (vega, {"Chart", "Explorer", "Curves"}),
    ]
    own = [
        ("tables.js", {"Table"}),
        ("views.js", {"Chart", "Explorer", "Curves", "Rulings"}),
        ("charts.js", {"Chart"}),
        ("explorer-figures.js", {"Explorer"}),
        ("explorer.js", {"Explorer"}),
        ("curves.js", {"Curves"}),
        ("rulings.js", {"Rulings"}),
        ("questions.js", {"Questions"}),
    ]
    return (
        *(library() for library, of in libraries if of & kinds),
        *(_script(name) for name, of in own if of & kinds),
        *((_script("live.js"),) if refreshes else ()),
    )


def _styles(blocks: Sequence[Any]) -> list[str]:
    """The styles of those blocks that have some of their own."""
    kinds = {_kind(block) for block in blocks}
    own = {"Questions": "questions.css", "Rulings": "rulings.css"}
    return [_script(name) for kind, name in own.items() if kind in kinds]


def render_fragment(title: str, lede: str, blocks: Sequence[Any]) -> str:
    """HTML for a notebook: a heading, a sentence, figures as SVG, tables. No scripts, no request;
    everything that a run holds is escaped."""
    template = _environment().get_template("fragment.html")
    return template.render(title=title, lede=lede, blocks=blocks, kind_of=_kind, drawn=_svg)


@cache
def _environment() -> Environment:
    """The templates of this room: in HTML all values are escaped, and one that is not given is an
    error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("distilbench.report.page"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(html_rows=html_rows, markdown_rows=markdown_rows)
    return environment


def _kind(block: Any) -> str:
    return type(block).__name__


def _specification(chart: Chart) -> str:
    """Vega-Lite JSON, as wide as its container."""
    return _inlined({**chart.specification, "width": "container"})


def _inlined(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _svg(chart: Chart) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg({**chart.specification, "width": _IMAGE_WIDTH}))


def _write_images(chart: Chart, out_dir: Path) -> None:
    import vl_convert

    drawn = _svg(chart)
    write_text(out_dir / f"{chart.name}.svg", drawn)
    write_bytes(out_dir / f"{chart.name}.png", vl_convert.svg_to_png(drawn, scale=2))


def _script(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _policy(scripts: Sequence[str], asks: bool) -> str:
    """Only the page's own scripts, by their digests; no request of any kind, unless the page
    ``asks`` the server that it came from."""
    digests = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"
    return f"{policy}; connect-src 'self'" if asks else policy


def markdown_text(text: str) -> str:
    """One line without anything that Markdown or its HTML would take as markup."""
    return " ".join(text.split()).translate(_ESCAPED)


def flat(blocks: Sequence[Any]) -> list[Any]:
    """The blocks, with those behind a line that opens them in its place."""
    found: list[Any] = []
    for block in blocks:
        found.extend(flat(block.blocks) if isinstance(block, Details) else [block])
    return found


def _tables(blocks: Sequence[Any]) -> list[Table]:
    """All tables among the blocks, those of cards too."""
    of_cards = [t for b in flat(blocks) if isinstance(b, Cards) for c in b.cards for t in c.tables]
    return [block for block in flat(blocks) if isinstance(block, Table)] + of_cards


def _is_chart(block: Any) -> bool:
    return isinstance(block, Chart)
