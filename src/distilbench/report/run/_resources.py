"""Sections of a run's report on resources: limits, quantizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import (
    NOT_AVAILABLE,
    Chart,
    Section,
    Shown,
    Table,
    Text,
    mib,
    percent_range,
)
from distilbench.report.run._charts import accuracy_by_quantization

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData


_LIMITS = (
    Shown("model", "entry"),
    Shown("measured MiB", "peak_memory_bytes", mib),
    Shown("memory limit MiB", "memory_limit_bytes", lambda size: mib(size) if size else "none"),
    Shown("predicted MiB", "predicted_memory_bytes", mib, "estimated"),
    Shown(
        "predicted / measured",
        ("predicted_memory_bytes", "peak_memory_bytes"),
        lambda told, took: f"{told / took:.2f}" if told and took else NOT_AVAILABLE,
    ),
    Shown("enforced", "enforcement"),
)
_QUANTIZATIONS = (
    Shown("weights", "declared_name"),
    Shown("quantization", "quantization"),
    Shown("accuracy", "accuracy", "{:.1%}"),
    Shown("95% interval", ("low", "high"), percent_range),
    Shown("bits per weight", "bits_per_weight", "{:.2f}", "derived"),
    Shown("file MiB", "model_file_mib", "{:,.0f}"),
    Shown("peak memory MiB", "peak_memory_mib", "{:,.0f}"),
    Shown("decode tokens/s per slot", "decode_tokens_per_s", "{:.0f}"),
    Shown("model", "entry"),
)


def limits(data: RunData) -> Section:
    """What each entry might use, by which means it was held to it, and what it used."""
    import polars as pl

    held = data.cells.filter(pl.col("enforcement").is_not_null())
    if held.is_empty():
        return Section("Limits")
    entries = held.group_by("entry", maintain_order=True).agg(
        pl.col("memory_limit_bytes", "predicted_memory_bytes").first(),
        pl.col("peak_memory_bytes").max(),
        pl.col("enforcement").unique().str.join(" / "),
    )
    note = (
        "Predicted: from the header of the model file before anything was loaded (estimated);"
        " measured: peak resident memory of the engine's process. A limit is a limit and does not"
        " imitate the speed of a device."
    )
    return Section("Limits", (Table.of("Limits and memory", entries, _LIMITS), Text(note)))


def quantization(data: RunData) -> Section:
    """Accuracy against bits and memory, for models of which several quantizations ran."""
    known = _quantized(data)
    if known.is_empty():
        return Section("Quantization")
    words = "; ".join(
        f"{row['quantization']} of {row['declared_name']}: {row['accuracy']:.1%}"
        for row in known.iter_rows(named=True)
    )
    families = known["declared_name"].unique(maintain_order=True).to_list()
    charts = [
        Chart(
            f"quantization-{name}",
            f"Accuracy against {title}, the quantizations of a model joined by a line.",
            words,
            accuracy_by_quantization(known, families, column, title),
        )
        for column, name, title in (
            ("bits_per_weight", "bits", "bits per weight"),
            ("peak_memory_mib", "memory", "peak memory of the engine in MiB"),
        )
    ]
    return Section("Quantization", (*charts, Table.of("Quantizations", known, _QUANTIZATIONS)))


def _quantized(data: RunData) -> pl.DataFrame:
    """The rows of ``overall`` whose weights ran in several quantizations under one profile."""
    import polars as pl

    facts = data.cells.group_by("entry").agg(
        pl.col("declared_name", "profile", "bits_per_weight").drop_nulls().first()
    )
    same = ("declared_name", "parameters", "profile")
    return (
        data.overall.join(facts, on="entry")
        .filter(pl.col("bits_per_weight").is_not_null())
        .filter(pl.col("quantization").n_unique().over(same) > 1)
        .sort("declared_name", "profile", "bits_per_weight")
    )
