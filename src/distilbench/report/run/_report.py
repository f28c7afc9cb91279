"""The report of a run: its page, from the run directory alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from distilbench.claims import MARGIN
from distilbench.errors import InputError
from distilbench.files import copy_file, write_parquet
from distilbench.report.page import Chart, Section, Table, render_fragment, render_page
from distilbench.report.run._answer import answer, question
from distilbench.report.run._data import RunData, read_run
from distilbench.report.run._results import pareto_figures, results, summary
from distilbench.report.run._sections import leaderboard_sections, sections
from distilbench.report.run._several import read_runs
from distilbench.report.run._warnings import run_warnings


def write_report(
    run_dir: Path,
    out_dir: Path | None = None,
    beside: Sequence[tuple[str, str]] = (),
    margin: float = MARGIN,
    public: bool = False,
) -> Path:
    """Write the report of a run into ``out_dir`` (default: its folder ``report``): ``index.html``,
    ``report.md``, PNG and SVG figures, ``samples.parquet``. Returns the HTML file. ``beside`` as
    :func:`render_page` takes it; ``margin``: the accuracy, a share, that a model may lose and
    still count as not inferior. A ``public`` one shows no question, no answer and no reference, and
    has no ``samples.parquet``.

    Raises ``InputError`` if ``run_dir`` holds no samples.
    """
    out = out_dir or run_dir / "report"
    contents = _contents(_at(read_run(run_dir), margin), public)
    page = render_page(out_dir=out, beside=beside, **contents)
    if public:
        return page
    copy_file(run_dir / "samples.parquet", out / "samples.parquet")
    return page


def write_runs_report(
    runs: Sequence[tuple[str, Path]], out_dir: Path, margin: float = MARGIN
) -> Path:
    """Write one report of several runs, each given by its name on the page and its folder, into
    ``out_dir``: as :func:`write_report`. ``samples.parquet`` has the samples of all, with ``entry``
    and ``run`` as the page names them. Returns the HTML file.

    Raises ``InputError`` as :func:`read_runs`, and if ``out_dir`` is a run directory itself.
    """
    if (out_dir / "run.json").exists():
        raise InputError(str(out_dir), "is a run directory", "name another folder (--out)")
    data = _at(read_runs(runs), margin)
    write_parquet(out_dir / "samples.parquet", data.samples)
    contents = _contents(data)
    del data  # as in write_report: drawing takes memory of its own
    return render_page(out_dir=out_dir, **contents)


def _at(data: RunData, margin: float) -> RunData:
    return data if data.margin == margin else replace(data, margin=margin)


def write_leaderboard(
    runs: Sequence[tuple[str, Path]], out_dir: Path, title: str, first: Section, last: Section
) -> Path:
    """Write one page of several runs for the public into ``out_dir``, as :func:`write_runs_report`
    and without any question or answer: accuracy against cost, results, tasks, costs, between the
    sections ``first`` and ``last``. Returns the HTML file."""
    data = read_runs(runs)
    contents: dict[str, Any] = {
        "title": title,
        "lede": summary(data),
        "notes": run_warnings(data),
        "sections": [first, *leaderboard_sections(data), last],
    }
    del data  # as in write_report: drawing takes memory of its own
    return render_page(out_dir=out_dir, page="leaderboard", **contents)


def _contents(data: RunData, public: bool = False) -> dict[str, Any]:
    """What the page says. The records, which may be a gigabyte, are let go of when it is known:
    drawing takes memory of its own."""
    return {
        "title": f"distilbench: {data.facts['name']}",
        "lede": summary(data),
        "sections": sections(data, public),
        "notes": run_warnings(data),
        **_first_screen(data),
    }


def _first_screen(data: RunData) -> dict[str, Any]:
    """The question and its answer; nothing of a run that holds no sample."""
    if data.samples.is_empty():
        return {}
    return {"question": question(data), "head": answer(data)}


def picture(run_dir: Path) -> str:
    """A run as HTML for a notebook: the result in a sentence, the first figure of accuracy against
    a cost that was measured, the table of accuracy. Raises ``InputError`` as :func:`read_run`."""
    data = read_run(run_dir)
    figures = [block for block in pareto_figures(data).blocks if isinstance(block, Chart)]
    tables = [block for block in results(data).blocks if isinstance(block, Table)]
    return render_fragment(data.facts["name"], summary(data), (*figures[:1], *tables[:1]))
