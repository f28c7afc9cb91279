"""The section of a run's report on models kept under load: what each minute was like, whether a
model slowed down, and what of the machine changed with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.records import SUSTAINED
from distilbench.report.page import NOT_AVAILABLE, Chart, Section, Shown, Table, Text, rounded
from distilbench.report.run._charts import rates_by_minute
from distilbench.report.run._sustained_words import sustained_sentence

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData
    from distilbench.stats import Sustained

_TITLE = "How does speed hold under load?"
_NOTE = (
    "Each model was asked its questions over and over, as many at a time as it has slots, once all"
    " cells were answered: on a machine already warm from them. Speeds of other tables are of the"
    " cells. Speed fell if the best cut into two levels tells them apart (99%, over every cut and"
    " minutes as noisy as these) and they differ by 5% or more; it takes five minutes. Noise that"
    " goes on from minute to minute, as of a neighbour, makes that less sure than it says: what"
    " other processes took stands in the table."
)


def under_load(data: RunData) -> Section:
    """Speeds by minute, in words, as a line chart and a table."""
    minutes = _minutes(data)
    if minutes is None:
        return Section(_TITLE)
    said = [f"{entry}: {text}" for entry, text in _each(minutes)]
    blocks: list[Text | Table | Chart] = [Text(sentence) for sentence in said]
    known = minutes.filter(minutes["rate"].is_not_null())
    if not known.is_empty():
        entries = known["entry"].unique(maintain_order=True).to_list()
        drawn = rates_by_minute(known, entries)
        caption = "Tokens a second, minute by minute under load: decoding of one slot, where known."
        blocks.append(Chart("under-load", caption, "; ".join(said), drawn))
    rows = minutes.filter(minutes["minute"].is_not_null())
    if not rows.is_empty():
        blocks.append(Table.of("Minutes under load", rows.to_dicts(), _columns(rows)))
    return Section(_TITLE, (*blocks, Text(_NOTE)))


def read_minutes(folder: Path) -> pl.DataFrame | None:
    """The minute records of a run; null: no model was kept under load."""
    from distilbench.files import read_parquet

    path = folder / SUSTAINED
    if not path.is_file():
        return None
    return read_parquet(path, f"make it again: distilbench report {folder}")


def judged(minutes: pl.DataFrame) -> list[tuple[str, str, Sustained, pl.DataFrame]]:
    """Of minute records, each model and profile with what they say."""
    from distilbench.stats import sustained

    return [
        (str(model), str(profile), sustained(mine), mine)
        for (model, profile), mine in minutes.group_by("model", "profile", maintain_order=True)
    ]


def sustained_facts(minutes: pl.DataFrame) -> list[dict[str, Any]]:
    """What ``run --json`` says of models under load: the verdict with its figures and its words,
    and every minute."""
    return [
        {
            "model": model,
            "profile": profile,
            "verdict": found.verdict,
            "throttled": found.throttled,
            "figure": found.figure,
            "change": None if found.change is None else vars(found.change),
            "causes": list(found.causes),
            "said": sustained_sentence(found, mine),
            "minutes": mine.filter(mine["minute"].is_not_null())
            .drop("run", "model", "profile")
            .to_dicts(),
        }
        for model, profile, found, mine in judged(minutes)
    ]


def _minutes(data: RunData) -> pl.DataFrame | None:
    """With the entry and the rate that is judged, of the entries that the page shows."""
    import polars as pl

    found = []
    for folder in data.folders.values():
        told = read_minutes(folder)
        if told is not None:
            names = data.samples.filter(pl.col("run") == folder.name)
            names = data.samples if names.is_empty() else names
            entries = names.select("model", "profile", "entry").unique()
            found.append(told.join(entries, on=("model", "profile"), how="inner"))
    if not found:
        return None
    whole = pl.concat(found, how="diagonal_relaxed")
    if whole.is_empty():
        return None
    decode = pl.col("decode_tokens_per_s")
    return whole.with_columns(rate=decode.fill_null(pl.col("output_tokens_per_s")))


def _each(minutes: pl.DataFrame) -> list[tuple[str, str]]:
    from distilbench.stats import sustained

    return [
        (str(entry), sustained_sentence(sustained(mine), mine))
        for (entry,), mine in minutes.group_by("entry", maintain_order=True)
    ]


def _columns(rows: pl.DataFrame) -> Sequence[Shown]:
    """Sensors that no minute tells are left out: the words above say why."""
    always = ("decode_tokens_per_s", "output_tokens_per_s", "total_p50_s", "total_p95_s")
    told = [
        Shown(heading, name, lambda v: NOT_AVAILABLE if v is None else _digits(v))
        for name, heading in _HEADINGS.items()
        if name in always or rows[name].null_count() < rows.height
    ]
    return (Shown("model", "entry"), Shown("minute", "minute"), *told)


_HEADINGS = {
    "decode_tokens_per_s": "decode tokens/s per slot",
    "output_tokens_per_s": "output tokens/s, all slots",
    "ttft_p50_s": "TTFT p50 s",
    "total_p50_s": "p50 s",
    "total_p95_s": "p95 s",
    "answers": "answers",
    "failed": "failed",
    "cpu_temperature_c": "processor °C",
    "cpu_frequency_mhz": "processor MHz",
    "thermal_throttles": "thermal throttles",
    "gpu_temperature_c": "GPU °C",
    "gpu_clock_mhz": "GPU MHz",
    "power_w": "watts",
    "quota_throttled_s": "held by a quota s",
    "other_cpu_share": "others' share of the cores",
    "steal_share": "stolen share",
    "suspended_s": "stopped s",
}


def _digits(value: float) -> str:
    return rounded(value) if value >= 100 else f"{value:.3g}"
