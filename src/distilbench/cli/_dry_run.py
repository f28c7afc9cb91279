"""``distilbench run --dry-run``: what a suite would take, without a model and without an API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.cli._print import print_json, print_line, print_table
from distilbench.durations import duration

if TYPE_CHECKING:
    from distilbench.suite import Changes

_NOT_KNOWN = "not available"


def dry_run(suite_file: Path, out: str, changes: Changes, gpu: str, as_json: bool) -> None:
    """Print the plan of a suite with its tokens, hours and money: all estimated."""
    from distilbench.forecast import forecast_run
    from distilbench.place import Place, copied
    from distilbench.suite import load_suite

    with copied(Place.parse(out), _tables) as earlier:
        found = forecast_run(load_suite(suite_file, changes), suite_file, earlier, gpu)
    if as_json:
        parts = {"rows": found.rows, "totals": found.totals, "notes": found.notes}
        print_json({"known": "estimated", **parts})
        return
    figures = ("answers", "input tokens", "output tokens", "time", "US$")
    each = [(row["model"], row["task"], *_printed(row)) for row in found.rows]
    print_table(("model", "task", *figures), each, f"{found.name}: nothing was run")
    whole = [(row["model"], *_printed(row), row["memory"]) for row in found.totals]
    print_table(("model", *figures, "memory"), whole, "In all")
    print_line(
        "All of these figures are estimated, with their ranges; none was measured. Assumptions:"
    )
    for sentence in (*found.assumptions(), *found.notes):
        print_line(f"- {sentence}")


def _tables(name: str, listing: object) -> bool:
    """What earlier runs say of rates and lengths."""
    return name.count("/") == 1 and name.endswith("/samples.parquet")


def _printed(row: Mapping[str, Any]) -> tuple[str, ...]:
    forms = {"input_tokens": _short, "output_tokens": _short, "hours": _time, "cost_usd": _short}
    figures = (_ranged(row[field], form) for field, form in forms.items())
    answers = f"{row['answers']:,}" if row["answers"] is not None else _NOT_KNOWN
    return (answers, *figures)


def _ranged(figure: dict[str, Any] | None, form: Callable[[float], str]) -> str:
    """A figure with its range: ~1.2M (900k to 1.6M); ≥ where parts of a sum are not known."""
    if figure is None:
        return _NOT_KNOWN
    partial = figure.get("parts_known", 0) < figure.get("parts", 0)
    mark = "≥" if partial else "~"
    low, value, high = (form(figure[end]) for end in ("low", "value", "high"))
    return f"{mark}{value}" if low == high else f"{mark}{value} ({low} to {high})"


def _time(hours: float) -> str:
    return duration(3600 * hours)


def _short(value: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{prefix}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 or value == 0 else "<0.001"
