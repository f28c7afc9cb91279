"""The section of a run's report on models behind a server: latency, and failed attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page._format import number
from distilbench.report.page._page import Section, Table, Text
from distilbench.report.run import _machine as machine

if TYPE_CHECKING:
    import polars as pl

_LATENCIES = ("ttft_median_s", "ttft_p95_s", "median_s", "p95_s")
_COLUMNS = (
    "model", "median TTFT s", "p95 TTFT s", "median s", "p95 s", "inter-token ms (mean)",
    "inter-token ms (p99, median answer)", "failed attempts", "s lost to them", "clock",
)  # fmt: skip


def latency(samples: pl.DataFrame, cells: pl.DataFrame) -> Section:
    """Latency percentiles and retries of the entries that Inspect's providers served."""
    import polars as pl

    from distilbench.stats import costs, percentile

    served = cells.filter(pl.col("engine").str.starts_with("inspect:"))
    if served.is_empty():
        return Section("Models behind a server", ())
    clocks = served.group_by("entry", maintain_order=True).agg(pl.col("clock").unique())
    figures = samples.group_by("entry").agg(
        percentile("inter_token_p99_s", 0.5),
        pl.col("inter_token_s").mean(),
        pl.col("retries", "retry_s").sum(),
    )
    mark = dict(machine.marks(served).iter_rows())
    rows = [
        (
            row["entry"],
            *(number(row[name], "{:.2f}" + mark[row["entry"]]) for name in _LATENCIES),
            number(_milliseconds(row["inter_token_s"]), "{:.1f}"),
            number(_milliseconds(row["inter_token_p99_s"]), "{:.1f}"),
            number(row["retries"], "{:,.0f}"),
            number(row["retry_s"], "{:.1f}"),
            "; ".join(clock for clock in row["clock"] if clock),
        )
        for row in clocks.join(figures, on="entry", how="left")
        .join(costs(samples), on="entry", how="left")
        .iter_rows(named=True)
    ]
    note = (
        "Measured on the client's clock, network included. Latency is that of the attempt that gave"
        " the answer; failed attempts and the waiting after them stand apart. Mean time between"
        " tokens is derived: first streamed event to last, over the tokens between."
        + machine.explained("".join(mark.values()))
    )
    table = Table("Latency over HTTP", _COLUMNS, rows)
    return Section("Models behind a server", (table, Text(note)))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds
