"""The page model, and its rendering as HTML, Markdown, PNG and SVG.

Whatever a page holds is data: model names, answers, error messages and suite texts are untrusted
and are escaped, in the HTML by Jinja2, in chart specifications because ``<`` never occurs in them.
The page runs under a content security policy that allows its own two scripts and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.cache import cache_folder
from distilbench.errors import InputError
from distilbench.files import read_json, write_bytes, write_sealed, write_text
from distilbench.report.page._cards import Cards
from distilbench.report.page._explorer import Explorer
from distilbench.report.page._table import Table

if TYPE_CHECKING:
    from jinja2 import Environment

_IMAGE_WIDTH = 760


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
        return dict(self.chart.to_dict())


@dataclass(frozen=True)
class Details:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Any]


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Text | Pre | Table | Chart | Details | Cards | Explorer] = field(
        default_factory=tuple
    )

    @property
    def anchor(self) -> str:
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def render_page(
    title: str,
    lede: str,
    sections: Sequence[Section],
    out_dir: Path,
    page: str = "report",
    notes: Sequence[str] = (),
    question: str = "",
    head: Section | None = None,
) -> Path:
    """Write ``index.html``, ``<page>.md`` and the figures into ``out_dir``; returns the HTML file.
    ``question`` is what the page answers, ``notes`` stand below the lede: what the reader must know
    before taking a number. ``head`` is the section of the first screen, above the contents.

    The HTML is one file without any request: Vega is inlined. The Markdown links the images.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    everything = [*((head,) if head else ()), *sections]
    charts = [
        block for section in everything for block in _flat(section.blocks) if _is_chart(block)
    ]
    for chart in charts:
        _write_images(chart, out_dir)
    environment = _environment()
    explored = any(_kind(b) == "Explorer" for section in everything for b in _flat(section.blocks))
    own = ["charts.js", *(["explorer.js"] if explored else [])]
    scripts = (_vega(), *map(_script, own)) if charts or explored else ()
    said = {
        "title": title, "lede": lede, "notes": notes, "question": question, "head": head,
        "sections": sections, "kind_of": _kind,
    }  # fmt: skip
    html = environment.get_template("page.html").render(
        **said,
        scripts=scripts,
        policy=_policy(scripts),
        specification=_specification,
        inlined=_inlined,
    )
    write_text(out_dir / "index.html", html)
    markdown = environment.get_template("page.md").render(**said, plain=_markdown_text)
    write_text(out_dir / f"{page}.md", markdown)
    return out_dir / "index.html"


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

    return Environment(
        loader=PackageLoader("distilbench.report.page"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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

    spec = {**chart.specification, "width": _IMAGE_WIDTH}
    write_text(out_dir / f"{chart.name}.svg", _svg(chart))
    write_bytes(out_dir / f"{chart.name}.png", vl_convert.vegalite_to_png(spec, scale=2))


def _vega() -> str:
    """Vega, for all charts of a page."""
    bundle = _vega_bundle()
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _vega_bundle() -> str:
    """Kept in the cache from the first report on, as it takes a second or two to put together;
    where there is no cache, or it is damaged, it is made again."""
    import vl_convert

    with suppress(OSError):
        kept = cache_folder() / f"vega-{version('vl-convert-python')}.json"
        with suppress(OSError, InputError):
            return str(read_json(kept, {"bundle": str})["bundle"])
        write_sealed(kept, {"bundle": vl_convert.javascript_bundle()})  # type: ignore[call-arg]
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]


def _script(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Only the page's own scripts, by their digests; no request of any kind."""
    digests = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


def _markdown_text(text: str) -> str:
    """One line without anything that Markdown or its HTML would take as markup."""
    escaped = " ".join(text.split())
    for mark in ("\\", "|", "<", ">", "*", "_", "`", "[", "]"):
        escaped = escaped.replace(mark, {"<": "&lt;", ">": "&gt;"}.get(mark, f"\\{mark}"))
    return escaped


def _flat(blocks: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for block in blocks:
        flat.extend(_flat(block.blocks) if isinstance(block, Details) else [block])
    return flat


def _is_chart(block: Any) -> bool:
    return isinstance(block, Chart)
