"""The figures of a run, as Altair charts. Each takes a data frame and says its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

# Okabe and Ito's palette, told apart with any kind of colour vision; shapes repeat the difference.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
# One shape fewer than colours, so that 42 models pass before a pair of both comes again.
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
_INK = "#1c2430"


def accuracy_by_task(table: pl.DataFrame, entries: list[str]) -> Any:
    """Columns entry, task, accuracy, low, high, n_questions: a point with its interval for each.
    ``entries``: all of the run; their order gives each its colour and shape in every figure."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        y=alt.Y("task:N", title=None, axis=alt.Axis(labelLimit=190, grid=True)),
        yOffset=alt.YOffset("entry:N", sort=entries),
        color=_colour("entry", entries),
        tooltip=_tips(
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
        x="accuracy:Q", shape=_shape("entry", entries)
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
        scale=alt.Scale(type="log", domain=_padded(table[cost].to_list()), nice=False),
        axis=alt.Axis(format=unit_format, tickCount=5),
    )
    y = alt.Y(
        "accuracy:Q",
        title="accuracy, mean over tasks",
        axis=alt.Axis(format="%"),
        scale=alt.Scale(domain=[0, min(1.0, 1.15 * float(table["high"].max() or 1))]),  # type: ignore[arg-type]
    )
    base = alt.Chart(inline(rows)).encode(x=x, color=_colour("entry", entries))
    tips = _tips(
        {"entry": "model"},
        {"accuracy": "accuracy", "low": "95% from", "high": "95% to"},
        {cost: title},
        unit_format,
    )
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q", tooltip=tips)
    points = base.mark_point(size=110, filled=True, opacity=1).encode(
        y=y, shape=_shape("entry", entries), tooltip=tips
    )
    frontier = (
        alt.Chart(inline([row for row in rows if row["on_frontier"]]))
        .mark_line(interpolate="step-after", strokeDash=[5, 4], color="#7a8694")
        .encode(x=x, y=y)
    )
    marked = (
        alt.Chart(inline([row for row in rows if row["mark"]]))
        .mark_text(dx=11, dy=-8, fontSize=14, color=_INK)
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
        color=_colour("model", models),
        tooltip=_tips(
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
        y=y, shape=_shape("model", models)
    )
    return styled((lines + bars + points).properties(height=300))


def accuracy_by_quantization(
    table: pl.DataFrame, families: list[str], cost: str, title: str
) -> Any:
    """Columns declared_name, quantization, accuracy, low, high, ``cost``: the quantizations of the
    same weights as points with intervals, joined by a line."""
    import altair as alt

    base = alt.Chart(inline(table.to_dicts())).encode(
        x=alt.X(f"{cost}:Q", title=title, scale=alt.Scale(zero=False, padding=20)),
        color=_colour("declared_name", families),
        tooltip=_tips(
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
        y=y, shape=_shape("declared_name", families)
    )
    names = base.mark_text(align="left", dx=8, dy=-8, fontSize=11).encode(
        y=y, text="quantization:N"
    )
    return styled((lines + bars + points + names).properties(height=300))


def against_concurrency(
    rows: list[dict[str, Any]], series: list[str], title: str, unit_format: str
) -> Any:
    """Rows of concurrency, value, what: a line for each of ``series``."""
    import altair as alt

    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "concurrency:Q",
            title="concurrent requests",
            scale=alt.Scale(type="log", base=2, nice=False),
            axis=alt.Axis(values=sorted({row["concurrency"] for row in rows}), format="d"),
        ),
        y=alt.Y("value:Q", title=title.lower(), scale=alt.Scale(zero=True)),
        color=_colour("what", series),
        tooltip=_tips(
            {"what": "what", "concurrency": "concurrency"}, {}, {"value": title}, unit_format
        ),
    )
    points = base.mark_point(size=80, filled=True, opacity=1).encode(shape=_shape("what", series))
    return styled((base.mark_line(strokeWidth=2) + points).properties(height=260))


def styled(chart: Any) -> Any:
    """The look that all figures share; fixed colours on a white panel, in both colour schemes."""
    return (
        chart.configure(font="sans-serif", background="#ffffff")
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e6eaf0",
            labelColor=_INK, titleColor=_INK, domainColor="#8a95a3", tickColor="#8a95a3",
        )
        .configure_axisQuantitative(labelOverlap="greedy", labelSeparation=8)
        .configure_legend(
            orient="top", title=None, columns=1, labelFontSize=12, labelLimit=360, labelColor=_INK
        )
        .configure_view(stroke=None)
    )  # fmt: skip


def inline(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows as data inside the specification."""
    import altair as alt

    return alt.InlineData(values=rows)


def _colour(field: str, domain: list[str]) -> alt.Color:
    import altair as alt

    return alt.Color(
        f"{field}:N",
        sort=domain,
        scale=alt.Scale(domain=domain, range=_cycled(PALETTE, len(domain))),
    )


def _shape(field: str, domain: list[str]) -> alt.Shape:
    import altair as alt

    return alt.Shape(
        f"{field}:N",
        sort=domain,
        scale=alt.Scale(domain=domain, range=_cycled(SHAPES, len(domain))),
    )


def _cycled(values: list[str], count: int) -> list[str]:
    return [values[i % len(values)] for i in range(count)]


def _tips(
    names: dict[str, str],
    shares: dict[str, str],
    numbers: dict[str, str] | None = None,
    unit_format: str = "",
) -> list[alt.Tooltip]:
    import altair as alt

    return [
        *(alt.Tooltip(f"{field}:N", title=title) for field, title in names.items()),
        *(alt.Tooltip(f"{f}:Q", title=title, format=".1%") for f, title in shares.items()),
        *(alt.Tooltip(f"{f}:Q", title=t, format=unit_format) for f, t in (numbers or {}).items()),
    ]


def _padded(values: list[float]) -> list[float]:
    """Ends of a logarithmic axis with room on either side."""
    low, high = min(values), max(values)
    room = max(high / low, 2.0)
    return [low / room**0.25, high * room**0.25]
