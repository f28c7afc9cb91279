"""The command recommend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._options import OneScope, RunPlaces
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._sizes import memory_bytes
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.stats import Candidate, Recommendation, Requirements


def register(app: typer.Typer) -> None:
    app.command()(recommend)


def _option(help_: str, **more: Any) -> Any:
    return typer.Option(help=help_, **more)


Memory = Annotated[str | None, _option("Most memory, as 2GiB.")]
Latency = Annotated[float | None, _option("Most seconds of a question (95th percentile).")]
Ttft = Annotated[float | None, _option("Most seconds to the first token (95th percentile).")]
Speed = Annotated[float | None, _option("Least tokens a second of one slot while it decodes.")]
Accuracy = Annotated[float | None, _option("Least accuracy, 0 to 1.", min=0, max=1)]
Energy = Annotated[float | None, _option("Most joules of a question (mean).")]
Co2e = Annotated[float | None, _option("Most grams of CO2e of a question (mean).")]
Usd = Annotated[float | None, _option("Most US dollars of 1,000 questions (mean).")]
Flops = Annotated[float | None, _option("Most FLOPs of a question (mean).")]
Tokens = Annotated[float | None, _option("Most output tokens of a question (mean).")]
Creation = Annotated[float | None, _option("Most FLOPs of creation, under --scope.")]
CreationScope = Annotated[OneScope, _option("What the creation of a model counts.")]
Electricity = Annotated[
    str | None, _option("Region of the electricity, for CO2e; else as the suite states.")
]
Weights = Annotated[
    list[str] | None,
    _option(
        "Rank by a utility: a weight of accuracy, memory, latency, ttft, speed, energy, usd, co2e,"
        " flops, tokens or creation, as energy=0.2. Again for others.",
        metavar="NAME=NUMBER",
    ),
]


def recommend(
    runs: RunPlaces,
    memory: Memory = None,
    max_latency_s: Latency = None,
    max_ttft_s: Ttft = None,
    min_tokens_per_s: Speed = None,
    min_accuracy: Accuracy = None,
    max_energy_j: Energy = None,
    max_co2e_g: Co2e = None,
    max_usd_per_1000: Usd = None,
    max_flops: Flops = None,
    max_output_tokens: Tokens = None,
    max_creation_flops: Creation = None,
    scope: CreationScope = "lineage",
    region: Electricity = None,
    weight: Weights = None,
    as_json: Json = False,
) -> None:
    """Say which model of a run, or of several, to take under limits, and how sure that is."""
    from distilbench.stats import Requirements

    limits = {
        "max_latency_s": max_latency_s, "max_ttft_s": max_ttft_s,
        "min_tokens_per_s": min_tokens_per_s, "max_energy_j": max_energy_j,
        "max_co2e_g": max_co2e_g, "max_usd_per_1000": max_usd_per_1000, "max_flops": max_flops,
        "max_output_tokens": max_output_tokens, "max_creation_flops": max_creation_flops,
    }  # fmt: skip
    for option, bound in limits.items():
        _must_be_above_zero("--" + option.replace("_", "-"), bound)
    fields = {option.removeprefix("max_"): bound for option, bound in limits.items()}
    per_1000 = fields.pop("usd_per_1000")
    required = Requirements(
        memory_bytes=memory_bytes(memory),
        min_accuracy=min_accuracy,
        usd=None if per_1000 is None else per_1000 / 1000,
        **fields,
    )
    _answer(runs, required, _weights(weight or ()), scope, region, as_json)


def _answer(
    runs: list[str],
    required: Requirements,
    weights: dict[str, float],
    scope: OneScope,
    region: str | None,
    as_json: bool,
) -> None:
    from distilbench._api import chosen, opened_runs
    from distilbench.report import read_runs, run_warnings

    with opened_runs(runs) as opened:
        data = read_runs(opened)
    found = chosen(data, required, weights, scope, region)
    warnings = run_warnings(data)
    if as_json:
        print_json({**asdict(found), "cheapest_tie": found.cheapest_tie, "warnings": warnings})
    else:
        _print(found, data.cells, warnings)
    if found.best is None:
        raise typer.Exit(1)


def _must_be_above_zero(option: str, bound: float | None) -> None:
    if bound is not None and not 0 < bound < float("inf"):
        raise InputError(option, f"is {bound}", "give a number above zero, or leave it out")


def _weights(given: Sequence[str]) -> dict[str, float]:
    """Weights of ``--weight``: name=number, each name once."""
    found: dict[str, float] = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise InputError(
                "--weight", f"is {text!r}", "write it as a name and a number, as energy=0.2"
            ) from None
        if name in found:
            raise InputError("--weight", f"of {name} is given twice", "give it once")
        found[name] = value
    return found


def _print(found: Recommendation, cells: pl.DataFrame, warnings: tuple[str, ...]) -> None:
    from distilbench.report import marks, recommendation_sentences

    for sentence in (*warnings, *recommendation_sentences(found)):
        print_line(sentence)
    if found.candidates:
        mark = dict(marks(cells).iter_rows())
        rows = [_row(c, mark[c.entry]) for c in found.candidates]
        # What nothing asked for and no model tells takes no room.
        told = [name for name in rows[0] if name in _ALWAYS or any(row[name] for row in rows)]
        title = "Meet every limit, best first:"
        print_table(told, [tuple(row[name] for name in told) for row in rows], title)
    if found.fallen_out:
        fallen = [(out.entry, "; ".join(out.reasons)) for out in found.fallen_out]
        print_table(("model", "why"), fallen, "Fell out:")


_ALWAYS = (
    "model", "accuracy", "95% interval", "P(best)", "P(accuracy enough)", "memory MiB", "p95 s",
    "FLOPs", "J",
)  # fmt: skip


def _row(c: Candidate, mark: str) -> dict[str, Any]:
    from distilbench.compute import BOUND_MARKS
    from distilbench.report import chance

    guess = "~" if c.energy_known == "estimated" else ""
    most = BOUND_MARKS["<=" if c.creation_at_most else "="]
    return {
        "model": c.entry,
        "utility": None if c.utility is None else f"{c.utility:+.3g}",
        "accuracy": f"{c.accuracy:.1%}",
        "95% interval": f"{c.low:.1%} to {c.high:.1%}",
        "P(best)": chance(c.probability_best),
        "P(accuracy enough)": chance(c.probability_enough),
        "memory MiB": c.peak_memory_bytes and f"{c.peak_memory_bytes / 2**20:,.0f}",
        "p95 s": c.p95_s and f"{c.p95_s:.2f} {mark}".rstrip(),
        "p95 TTFT s": c.ttft_p95_s and f"{c.ttft_p95_s:.2f} {mark}".rstrip(),
        "tokens/s": c.decode_tokens_per_s and f"{c.decode_tokens_per_s:.3g} {mark}".rstrip(),
        "FLOPs": c.flops and f"{c.flops:.3g}",
        "J": _or_range(c.energy_j and f"{guess}{c.energy_j:.3g}", c.energy_j_low, c.energy_j_high),
        "USD / 1,000": c.usd and f"{1000 * c.usd:.3g}",
        "g CO2e": _or_range(c.co2e_g and f"{guess}{c.co2e_g:.3g}", c.co2e_g_low, c.co2e_g_high),
        "output tokens": c.output_tokens and f"{c.output_tokens:,.1f}",
        "creation FLOPs": c.creation_flops and f"{most}{c.creation_flops:.3g}",
    }


def _or_range(known: Any, low: float | None, high: float | None) -> Any:
    """A figure; where there is none, the range of an estimate that stands for it, if any."""
    if known is not None or low is None or high is None:
        return known
    return f"~{low:.3g}" if low == high else f"~{low:.3g} to {high:.3g}"
