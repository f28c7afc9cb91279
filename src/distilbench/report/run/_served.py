"""The section of a run's report on models behind a server: latency, and failed attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import NOT_AVAILABLE, Section, Shown, Table, Text
from distilbench.report.run._marks import explained, marks

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData


def _milliseconds(seconds: float | None) -> str:
    return NOT_AVAILABLE if seconds is None else f"{1e3 * seconds:.1f}"


_COLUMNS = (
    Shown("model", "entry"),
    Shown("median TTFT s", ("ttft_median_s", "mark"), "{:.2f}{}"),
    Shown("p95 TTFT s", ("ttft_p95_s", "mark"), "{:.2f}{}"),
    Shown("median s", ("median_s", "mark"), "{:.2f}{}"),
    Shown("p95 s", ("p95_s", "mark"), "{:.2f}{}"),
    Shown("inter-token ms (mean)", "inter_token_s", _milliseconds),
    Shown("inter-token ms (p99, median answer)", "inter_token_p99_s", _milliseconds),
    Shown("failed attempts", "retries", "{:,.0f}"),
    Shown("s lost to them", "retry_s", "{:.1f}"),
    Shown("clock", "clock", lambda clocks: "; ".join(clock for clock in clocks if clock)),
)


def latency(data: RunData) -> Section:
    """Latency percentiles and retries of the entries that Inspect's providers served."""
    import polars as pl

    from distilbench.stats import costs, percentile

    served = data.cells.filter(pl.col("engine").str.starts_with("inspect:"))
    if served.is_empty():
        return Section("Models behind a server")
    found = served.group_by("entry", maintain_order=True).agg(pl.col("clock").unique())
    figures = data.heard.group_by("entry").agg(
        percentile("inter_token_p99_s", 0.5),
        pl.col("inter_token_s").mean(),
        pl.col("retries", "retry_s").sum(),
    )
    marked = marks(served)
    for more in (figures, costs(data.heard), marked):
        found = found.join(more, on="entry", how="left", maintain_order="left")
    note = (
        "Measured on the client's clock, network included. Latency is that of the attempt that gave"
        " the answer; failed attempts and the waiting after them stand apart. Mean time between"
        " tokens is derived: first streamed event to last, over the tokens between."
        + explained("".join(marked["mark"]))
    )
    table = Table.of("Latency over HTTP", found, _COLUMNS)
    return Section("Models behind a server", (table, Text(note)))
