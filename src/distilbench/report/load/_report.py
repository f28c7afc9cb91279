"""The report of a serving-load sweep: reads its folder, writes the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.report.load._answer import TIMES, answer, objectives, question
from distilbench.report.load._charts import against_concurrency
from distilbench.report.load._data import Sweep, read_sweep
from distilbench.report.load._within import SHARE, Level, asked, judged, percentile_of
from distilbench.report.page import (
    NOT_AVAILABLE,
    Chart,
    Section,
    Shown,
    Table,
    Text,
    interval_words,
    number,
    percent_range,
    render_page,
)

if TYPE_CHECKING:
    import polars as pl

_RATES = {"output_tokens_per_s": "output tokens/s"}
_REQUESTS = {"requests_per_s": "throughput", "goodput_requests_per_s": "goodput"}
_PERCENTS = (50, 90, 99)


def write_load_report(folder: Path) -> Path:
    """Write ``report/index.html`` of a sweep; returns it. Raises ``InputError`` if it is not
    there."""
    sweep = read_sweep(folder)
    return render_page(
        title=f"distilbench: serving load of {sweep.facts['target']}",
        lede=_LEDE,
        sections=[made for make in SECTIONS if (made := make(sweep)).blocks],
        out_dir=folder / "report",
        question=question(sweep),
        head=answer(sweep),
    )


_LEDE = (
    "A user sends a request, waits for the whole answer and sends the next; so many users do that"
    " at once."
)


def _figures(sweep: Sweep) -> Section:
    limits = asked(sweep.facts)
    charts = [
        *(_times(sweep.levels, name, limits.get(name)) for name in TIMES),
        _chart(sweep.levels, "throughput", "Output tokens a second", _RATES, ".3~s"),
        _chart(sweep.levels, "goodput", "Requests a second", _REQUESTS, ".3~f"),
    ]
    return Section("Against the number of users", charts)


def _times(levels: pl.DataFrame, name: str, most: float | None) -> Chart:
    """Percentiles of a time, and its objective as a line."""
    title = TIMES[name][0].upper() + TIMES[name][1:]
    columns = {percentile_of(name, p): f"{p}th percentile" for p in _PERCENTS}
    return _chart(levels, name.removesuffix("_s"), f"{title}, seconds", columns, ".3~g", most)


def _chart(
    levels: pl.DataFrame,
    name: str,
    title: str,
    columns: dict[str, str],
    form: str,
    objective: float | None = None,
) -> Chart:
    rows = [
        {"concurrency": row["concurrency"], "value": row[column], "what": label}
        for row in levels.to_dicts()
        for column, label in columns.items()
        if row[column] is not None
    ]
    words = "; ".join(f"{r['what']} {r['value']:.3g} at {r['concurrency']}" for r in rows)
    chart = against_concurrency(rows, list(columns.values()), title, form, objective)
    line = "" if objective is None else f" Dashed: the objective, {objective:g} s."
    caption = f"{title} against the number of users at once.{line}"
    return Chart(f"load-{name}", caption, f"{caption} {words or 'Not available.'}", chart)


def _kept(sweep: Sweep) -> Section:
    """Level by level, how many requests kept to the objectives; empty where there are none."""
    limits = asked(sweep.facts)
    title = "Within the objectives"
    if not limits:
        return Section(title)
    columns = (
        Shown("users", "users", "{:,}"),
        Shown("requests", "requests", "{:,}"),
        Shown("failed", "failed", "{:,}"),
        Shown("kept to them", "kept", "{:,}"),
        Shown("share", "level", lambda one: NOT_AVAILABLE if one.kept is None else _share(one)),
        Shown("95% interval", "level", lambda one: percent_range(*_interval(one))),
        Shown(f"at least {SHARE:.0%}", "level", lambda one: _YES_NO[one.keeps()]),
    )
    rows = [{**vars(one), "level": one} for one in judged(sweep.levels, limits)]
    note = (
        f"The objectives: {objectives(limits)}. A request keeps to them if it was answered and each"
        " of its times is within its limit; one that failed does not. Intervals are Wilson's and"
        " take requests as independent."
    )
    return Section(title, (Table.of("Requests that kept to them", rows, columns), Text(note)))


_YES_NO = {True: "yes", False: "no", None: NOT_AVAILABLE}


def _share(level: Level) -> str:
    assert level.kept is not None
    return f"{level.kept / level.requests:.1%}"


def _interval(level: Level) -> tuple[float, float] | tuple[None, None]:
    return (None, None) if level.kept is None else level.interval()


def _numbers(sweep: Sweep) -> Section:
    names = sweep.levels.columns
    columns = [
        Shown(name, (name, *ends), _with_interval) if set(ends) <= set(names)
        else Shown(name, name, _figure)
        for name in names
        if not name.endswith(("_low", "_high"))
        for ends in [(f"{name}_low", f"{name}_high")]
    ]  # fmt: skip
    note = (
        "Measured by AIPerf at the client: TTFT from sending a request to its first token, queueing"
        " included; inter-token latency is a request's mean. Rates count answered requests. In"
        " brackets 95% intervals: of rates by the means of ten stretches of time, or fewer, none"
        " shorter than the longest request (there is none where that leaves under five: more"
        " --requests); of percentiles between order statistics, requests taken as independent (an"
        " end is open where so few requests do not bound it). They hold the noise of this one"
        " sweep, and nothing of another day's."
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
        ("objectives", objectives(asked(facts)) or "none"),
        ("load generator", facts["generator"]),
        ("machine of the client", f"{machine['processor']}, {machine['usable_cores']} cores"),
    ]
    return Section("Conditions", (Table("Conditions", ("what", "value"), rows),))


def _known(count: int | None) -> str:
    return "not known" if count is None else f"{count:,}"


def _with_interval(value: Any, low: float | None, high: float | None) -> str:
    return _figure(value) + ("" if value is None else interval_words(low, high, _figure))


def _figure(value: Any) -> str:
    return number(value, "{:,.4g}" if isinstance(value, float) else "{}")


SECTIONS = (_figures, _kept, _numbers, _conditions)
"""The sections of the page, functions of the sweep, in their order; one without blocks is left
out."""
