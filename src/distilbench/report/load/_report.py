"""The report of a serving-load sweep: reads its folder, writes the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet
from distilbench.report.load._charts import against_concurrency
from distilbench.report.page import Chart, Section, Shown, Table, Text, number, render_page

if TYPE_CHECKING:
    import polars as pl

_RATES = {"output_tokens_per_s": "output tokens/s"}
_REQUESTS = {"requests_per_s": "throughput", "goodput_requests_per_s": "goodput"}
_LATENCIES = {
    "ttft_p50_s": "TTFT p50", "ttft_p99_s": "TTFT p99",
    "latency_p50_s": "request p50", "latency_p99_s": "request p99",
}  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """What a sweep's folder holds: a row for each level of concurrency, and what was asked."""

    levels: pl.DataFrame
    facts: dict[str, Any]


def write_load_report(folder: Path) -> Path:
    """Write ``report/index.html`` of a sweep; returns it. Raises ``InputError`` if it is not
    there."""
    try:
        sweep = Sweep(read_parquet(folder / "load.parquet"), read_json(folder / "load.json"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(folder), "holds no sweep", "run: distilbench load MODEL") from error
    return render_page(
        title=f"distilbench: serving load of {sweep.facts['target']}",
        lede=lede(sweep),
        sections=[make(sweep) for make in SECTIONS],
        out_dir=folder / "report",
    )


def lede(sweep: Sweep) -> str:
    """The result in plain words, from the numbers."""
    levels, facts = sweep.levels, sweep.facts
    best = levels.sort("output_tokens_per_s", descending=True).row(0, named=True)
    said = (
        f"{facts['target']} generates at most {best['output_tokens_per_s']:.1f} tokens a second,"
        f" at concurrency {best['concurrency']}"
    )
    said += ", where it is saturated." if facts["saturated"] else "; saturation was not reached."
    asked = {k: v for k, v in facts["objective"].items() if v is not None}
    if asked:
        most = levels.sort("goodput_requests_per_s", descending=True).row(0, named=True)
        words = ", ".join(
            f"{k.removesuffix('_s').replace('_', ' ')} ≤ {v:g} s" for k, v in asked.items()
        )
        said += (
            f" Under the objective ({words}) its goodput is at most"
            f" {most['goodput_requests_per_s']:.2f} requests a second, at concurrency"
            f" {most['concurrency']}."
        )
    failed = int(levels["failed"].sum())
    return said + (f" {failed} requests failed." if failed else "")


def _figures(sweep: Sweep) -> Section:
    charts = [
        _chart(sweep.levels, "throughput", "Output tokens a second", _RATES, ".3~s"),
        _chart(sweep.levels, "goodput", "Requests a second", _REQUESTS, ".3~f"),
        _chart(sweep.levels, "latency", "Seconds", _LATENCIES, ".3~f"),
    ]
    return Section("Against concurrency", charts)


def _chart(
    levels: pl.DataFrame, name: str, title: str, columns: dict[str, str], form: str
) -> Chart:
    rows = [
        {"concurrency": row["concurrency"], "value": row[column], "what": label}
        for row in levels.to_dicts()
        for column, label in columns.items()
        if row[column] is not None
    ]
    words = "; ".join(f"{r['what']} {r['value']:.3g} at {r['concurrency']}" for r in rows)
    chart = against_concurrency(rows, list(columns.values()), title, form)
    return Chart(f"load-{name}", f"{title} against concurrent requests.", words, chart)


def _numbers(sweep: Sweep) -> Section:
    columns = [Shown(name, name, _figure) for name in sweep.levels.columns]
    note = (
        "Measured by AIPerf at the client: TTFT from sending a request to its first token, queueing"
        " included; inter-token latency is a request's mean. Rates count answered requests."
    )
    return Section("Numbers", (Table.of("Levels", sweep.levels, columns), Text(note)))


def _conditions(sweep: Sweep) -> Section:
    facts = sweep.facts
    work, machine = facts["workload"], facts["hardware"]
    rows = [
        ("model", facts["model"]),
        *(
            (what, _known(facts[what.replace(" ", "_")]))
            for what in ("slots", "threads", "spin count")
        ),
        ("prompt tokens asked for", work["prompt_tokens"]),
        ("output tokens", work["output_tokens"]),
        ("load generator", facts["generator"]),
        ("machine of the client", f"{machine['processor']}, {machine['usable_cores']} cores"),
    ]
    return Section("Conditions", (Table("Conditions", ("what", "value"), rows),))


def _known(count: int | None) -> str:
    return "not known" if count is None else f"{count:,}"


def _figure(value: Any) -> str:
    return number(value, "{:,.4g}" if isinstance(value, float) else "{}")


SECTIONS = (_figures, _numbers, _conditions)
"""The sections of the page, functions of the sweep, in their order."""
