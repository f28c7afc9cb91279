"""The figures of a run, as Altair charts. Each takes a data frame and says its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distilbench.report.page import INK, colour, inline, padded, shape, styled, tooltips

if TYPE_CHECKING:
    import polars as pl

    from distilbench.compute import Bound


def accuracy_by_task(table: pl.DataFrame, entries: list[str]) -> Any:
    """Columns entry, task, accuracy, low, high, n_questions: a point with its interval for each.
    ``entries``: all of the run; their order gives each its colour and shape in every figure."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        y=alt.Y("task:N", title=None, axis=alt.Axis(labelLimit=190, grid=True)),
        yOffset=alt.YOffset("entry:N", sort=entries),
        color=colour("entry", entries),
        tooltip=tooltips(
            {"entry": "model", "task": "task", "n_questions": "questions"},
            {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
        ),
    )
    share = alt.X(
        "low:Q",
        title="accuracy, with 95% interval",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="%", tickCount=10),
    )
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.75).encode(x=share, x2="high:Q")
    points = base.mark_point(size=75, filled=True, opacity=1).encode(
        x="accuracy:Q", shape=shape("entry", entries)
    )
    step = max(34, 15 * len(entries))
    return styled((bars + points).properties(height=step * table["task"].n_unique()))


def accuracy_against(
    table: pl.DataFrame, entries: list[str], cost: str, title: str, unit_format: str
) -> Any:
    """Columns entry, accuracy, low, high, ``cost``, on_frontier, mark: points with intervals over
    a logarithmic cost axis, each beside its mark, and the Pareto frontier as steps. ``entries`` as
    in the figure above.
    Names stand in a legend: beside the points they hide each other where models are close."""
    import altair as alt

    rows = table.to_dicts()
    x = alt.X(
        f"{cost}:Q",
        title=title,
        scale=alt.Scale(type="log", domain=padded(table[cost].to_list()), nice=False),
        axis=alt.Axis(format=unit_format, tickCount=5),
    )
    y = alt.Y(
        "accuracy:Q",
        title="accuracy, mean over tasks",
        axis=alt.Axis(format="%"),
        scale=alt.Scale(domain=[0, min(1.0, 1.15 * float(table["high"].max() or 1))]),  # type: ignore[arg-type]
    )
    base = alt.Chart(inline(rows)).encode(x=x, color=colour("entry", entries))
    tips = tooltips(
        {"entry": "model"},
        {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
        {cost: title},
        unit_format,
    )
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q", tooltip=tips)
    points = base.mark_point(size=110, filled=True, opacity=1).encode(
        y=y, shape=shape("entry", entries), tooltip=tips
    )
    frontier = (
        alt.Chart(inline([row for row in rows if row["on_frontier"]]))
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color="#7a8694")
        .encode(x=x, y=y)
    )
    marked = (
        alt.Chart(inline([row for row in rows if row["mark"]]))
        .mark_text(dx=11, dy=-8, fontSize=14, color=INK)
        .encode(x=x, y=y, text="mark:N")
    )
    return styled((frontier + bars + points + marked).properties(height=300))


def accuracy_against_tokens(table: pl.DataFrame, models: list[str]) -> Any:
    """Columns model, how, budget, mean_output_tokens, accuracy, low, high: a line for each model
    and each way of ending an answer (solid: budget forcing, dashed: truncation)."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        x=alt.X(
            "mean_output_tokens:Q",
            title="mean output tokens per question",
            scale=alt.Scale(type="log", nice=False),
        ),
        color=colour("model", models),
        tooltip=tooltips(
            {"model": "model", "how": "how", "budget": "budget in tokens"},
            {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
        ),
    )
    y = alt.Y("accuracy:Q", title="accuracy, mean over tasks", axis=alt.Axis(format="%"))
    lines = base.mark_line(strokeWidth=2).encode(
        y=y,
        strokeDash=alt.StrokeDash(
            "how:N",
            scale=alt.Scale(domain=["budget forcing", "truncation"], range=[[1, 0], [5, 4]]),
        ),
    )
    measured = base.transform_filter("datum.how == 'budget forcing'")
    bars = measured.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = measured.mark_point(size=90, filled=True, opacity=1).encode(
        y=y, shape=shape("model", models)
    )
    forced = (table["how"] == "budget forcing").any()
    return styled((lines + bars + points if forced else lines).properties(height=300))


def accuracy_by_quantization(
    table: pl.DataFrame, families: list[str], cost: str, title: str
) -> Any:
    """Columns declared_name, quantization, accuracy, low, high, ``cost``: the quantizations of the
    same weights as points with intervals, joined by a line."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        x=alt.X(f"{cost}:Q", title=title, scale=alt.Scale(zero=False, padding=20)),
        color=colour("declared_name", families),
        tooltip=tooltips(
            {"declared_name": "weights", "quantization": "quantization"},
            {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
            {cost: title},
            ".3~f",
        ),
    )
    y = alt.Y("accuracy:Q", title="accuracy, mean over tasks", axis=alt.Axis(format="%"))
    lines = base.mark_line(strokeWidth=1.5).encode(y=y, detail="profile:N")
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = base.mark_point(size=90, filled=True, opacity=1).encode(
        y=y, shape=shape("declared_name", families)
    )
    names = base.mark_text(align="left", dx=8, dy=-8, fontSize=11).encode(
        y=y, text="quantization:N"
    )
    return styled((lines + bars + points + names).properties(height=300))


def lifetime_cost(
    lines: list[dict[str, Any]],
    points: list[dict[str, Any]],
    entries: list[str],
    scopes: list[str],
    unit: str,
) -> Any:
    """``lines``: scope, entry, how (of ``TO_BE_MADE``, or ``THERE_ALREADY``), answers, served,
    cost, low, high; ``points``: scope, answers, low, high, cost, words, label. A correct answer's
    cost in ``unit`` against the answers served, both logarithmic, of the scope that the reader
    chooses."""
    import altair as alt

    chosen = alt.param(
        name="scope_shown",
        value=scopes[0],
        bind=alt.binding_select(options=scopes, name="scope "),
    )
    layers = [*_lifetimes(lines, entries, unit), *(_meetings(points) if points else ())]
    return styled(alt.layer(*layers).add_params(chosen).properties(height=320))


TO_BE_MADE: Mapping[Bound, str] = {
    "=": "to be made",
    "<=": "to be made, at most (≤)",
    ">=": "to be made, at least (≥)",
    "~": "to be made, neither bounds it (~)",
}
THERE_ALREADY = "there already"
"""How a model's creation counts in a lifetime cost."""
_DASHES = {
    TO_BE_MADE["="]: [1, 0],
    TO_BE_MADE["<="]: [8, 2, 2, 2],
    TO_BE_MADE[">="]: [2, 3],
    TO_BE_MADE["~"]: [2, 6],
    THERE_ALREADY: [6, 4],
}


def _lifetimes(lines: list[dict[str, Any]], entries: list[str], unit: str) -> tuple[Any, Any]:
    import altair as alt

    log, axis = alt.Scale(type="log", nice=False), alt.Axis(format=".0e", tickCount=6)
    base = (
        alt.Chart(inline(lines))
        .transform_filter("datum.scope === scope_shown")
        .encode(
            x=alt.X("answers:Q", title="correct answers served", scale=log, axis=axis),
            color=colour("entry", entries).legend(symbolOpacity=1),
            detail="how:N",
        )
    )
    title = f"{unit} of a correct answer, creation included"
    band = base.mark_area(opacity=0.12).encode(
        y=alt.Y("low:Q", title=title, scale=log, axis=axis), y2="high:Q"
    )
    there = {row["how"] for row in lines}
    ways = {how: dash for how, dash in _DASHES.items() if how in there}
    dashes = alt.Scale(domain=list(ways), range=list(ways.values()))
    line = base.mark_line(strokeWidth=2).encode(
        y=alt.Y("cost:Q", scale=log),
        strokeDash=alt.StrokeDash("how:N", scale=dashes),
        tooltip=[
            alt.Tooltip("entry:N", title="model"),
            alt.Tooltip("how:N", title="creation"),
            alt.Tooltip("served:N", title="correct answers served"),
            alt.Tooltip("cost:Q", title=f"{unit} of each", format=".3~e"),
        ],
    )
    return band, line


def _meetings(points: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    import altair as alt

    met = (
        alt.Chart(inline(points))
        .transform_filter("datum.scope === scope_shown")
        .encode(y=alt.Y("cost:Q"), tooltip=[alt.Tooltip("words:N", title="they meet")])
    )
    spans = met.mark_rule(color=INK, strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q")
    marks = met.mark_point(shape="diamond", size=90, filled=True, color=INK, opacity=1)
    texts = met.mark_text(align="left", dx=9, dy=-9, fontSize=11, color=INK)
    return spans, marks.encode(x="answers:Q"), texts.encode(x="answers:Q", text="label:N")


def rates_with_intervals(table: pl.DataFrame, entries: list[str], title: str) -> Any:
    """Columns entry, value, low, high (null: none), questions, repeats, covers: a point with its
    interval for each entry, from 0."""
    import altair as alt

    ends = table.with_columns(high=table["high"].fill_null(table["value"]))
    base = alt.Chart(inline(ends.to_dicts())).encode(
        y=alt.Y("entry:N", title=None, sort=entries, axis=alt.Axis(labelLimit=190, grid=True)),
        color=colour("entry", entries),
        tooltip=tooltips(
            {"entry": "model", "questions": "questions", "repeats": "askings", "covers": "covers"},
            {},
            {"value": title, "low": "95% from", "high": "95% to"},
            ".3~s",
        ),
    )
    x = alt.X("low:Q", title=f"{title}, with 95% interval", scale=alt.Scale(zero=True))
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.75).encode(x=x, x2="high:Q")
    points = base.mark_point(size=75, filled=True, opacity=1).encode(
        x="value:Q", shape=shape("entry", entries)
    )
    return styled((bars + points).properties(height=max(60, 34 * len(entries))))


def rates_by_minute(table: pl.DataFrame, entries: list[str]) -> Any:
    """Columns entry, minute, rate (tokens/s), cpu_temperature_c, cpu_frequency_mhz (null: none): a
    line for each entry, from 0."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        x=alt.X("minute:Q", title="minute under load", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("rate:Q", title="tokens/s", scale=alt.Scale(zero=True)),
        color=colour("entry", entries),
        tooltip=tooltips(
            {"entry": "model", "minute": "minute"},
            {},
            {"rate": "tokens/s", "cpu_temperature_c": "°C", "cpu_frequency_mhz": "MHz"},
            ".3~s",
        ),
    )
    points = base.mark_point(size=45, filled=True).encode(shape=shape("entry", entries))
    return styled((base.mark_line(strokeWidth=2) + points).properties(height=260))
