"""Reads AIPerf's requests, one line each, and sums them up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.load._intervals import percentile_interval, rate_interval
from distilbench.stats import percentile

if TYPE_CHECKING:
    import polars as pl

_PERCENTILES = (0.5, 0.9, 0.99)
_TIMES = ("ttft_s", "inter_token_s", "latency_s")


@dataclass(frozen=True)
class Objective:
    """What a request must keep to, to count as good. Null: no objective. Raises ``InputError`` if
    one is no time."""

    ttft_s: float | None = None
    inter_token_s: float | None = None
    latency_s: float | None = None

    def __post_init__(self) -> None:
        for name, most in vars(self).items():
            if most is not None and not 0 < most < float("inf"):
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"is {most}", "give seconds above zero, or leave it out")


def read_requests(path: Path) -> pl.DataFrame:
    """One row a request: begun_s, ended_s (seconds since the epoch), ok, input_tokens,
    output_tokens, ttft_s, inter_token_s (mean of the request), latency_s; null where it failed."""
    import polars as pl

    rows = [_row(json.loads(line)) for line in path.read_text("utf-8").splitlines() if line]
    schema = {
        "begun_s": pl.Float64, "ended_s": pl.Float64, "ok": pl.Boolean, "input_tokens": pl.Int64,
        "output_tokens": pl.Int64, "ttft_s": pl.Float64, "inter_token_s": pl.Float64,
        "latency_s": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame([row for row in rows if row], schema=schema)


def summarise(requests: pl.DataFrame, objective: Objective) -> dict[str, Any]:
    """Figures of one level of concurrency. Rates are over the time from the first request sent to
    the last answer received; percentiles (as all of distilbench's) and
    rates are of answered requests. Goodput counts the
    requests a second that keep to every objective (DistServe, arXiv 2401.09670). Each rate and
    percentile has its 95% interval in ``<name>_low`` and ``<name>_high``; null: not bounded, or too
    few requests."""
    import polars as pl

    ok = requests.filter("ok")
    span = requests.select(pl.col("ended_s").max() - pl.col("begun_s").min()).item() or 0.0
    good = pl.lit(True)
    for name in _TIMES:
        most = getattr(objective, name)
        if most is not None:
            good &= pl.col(name) <= most
    rate = (1 / span) if span else 0.0
    figures: dict[str, Any] = {
        "requests": requests.height,
        "failed": requests.height - ok.height,
        "duration_s": span,
        "requests_per_s": ok.height * rate,
        "output_tokens_per_s": float(ok["output_tokens"].sum()) * rate,
        "input_tokens": ok["input_tokens"].mean(),
        "output_tokens": ok["output_tokens"].mean(),
        "goodput_requests_per_s": ok.filter(good).height * rate,
    }
    for name in _TIMES:
        for share in _PERCENTILES:
            figures[label(name, share)] = ok.select(percentile(name, share)).item()
    return figures | _intervals(requests, ok.with_columns(good=good))


def label(name: str, share: float) -> str:
    """The column of a percentile of a time."""
    return f"{name.removesuffix('_s')}_p{100 * share:.0f}_s"


RATES = ("requests_per_s", "output_tokens_per_s", "goodput_requests_per_s")
ENDS = tuple(
    f"{name}_{end}"
    for name in (*RATES, *(label(time, share) for time in _TIMES for share in _PERCENTILES))
    for end in ("low", "high")
)
"""Columns of the ends of intervals."""


def _intervals(requests: pl.DataFrame, ok: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    span = requests.select(pl.col("begun_s").min(), pl.col("ended_s").max()).row(0)
    amounts = ok.select(
        requests=pl.col("ok").cast(pl.Float64),
        tokens=pl.col("output_tokens").fill_null(0).cast(pl.Float64),
        good=pl.col("good").fill_null(value=False).cast(pl.Float64),
    )
    found: list[float | None] = []
    for amount in amounts:
        found += rate_interval(ok, amount, *span)
    for name in _TIMES:
        for share in _PERCENTILES:
            found += percentile_interval(ok[name], share)
    return dict(zip(ENDS, found, strict=True))


def _row(line: dict[str, Any]) -> dict[str, Any] | None:
    about, metrics = line["metadata"], line.get("metrics") or {}
    if about.get("benchmark_phase") != "profiling":
        return None

    def value(name: str, unit: float = 1.0) -> Any:
        found = (metrics.get(name) or {}).get("value")
        return None if found is None else found * unit

    latency = value("request_latency", 1e-3)
    failed = bool(line.get("error")) or about.get("was_cancelled") or latency is None
    return {
        "begun_s": about["request_start_ns"] / 1e9,
        "ended_s": about["request_end_ns"] / 1e9,
        "ok": not failed,
        "input_tokens": value("input_sequence_length"),
        "output_tokens": value("output_sequence_length"),
        "ttft_s": value("time_to_first_token", 1e-3),
        "inter_token_s": value("inter_token_latency", 1e-3),
        "latency_s": latency,
    }
