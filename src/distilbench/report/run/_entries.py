"""The entries of a run, and which rows of its records are whose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from distilbench.records import ORIGIN

if TYPE_CHECKING:
    import polars as pl


def with_entries(samples: pl.DataFrame, cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with ``entry``: the model, and its profile if the run has the model under several."""
    import polars as pl

    both = pl.concat([samples.select("model", "profile"), cells.select("model", "profile")])
    several = both.group_by("model").agg(pl.col("profile").n_unique() > 1)
    names = several.filter("profile")["model"].to_list()
    entry = pl.col("model")  # no copy of it where there is nothing to tell apart
    if names:
        told = pl.format("{} · {}", "model", "profile")
        entry = pl.when(entry.is_in(names)).then(told).otherwise(entry)
    return samples.with_columns(entry=entry), cells.with_columns(entry=entry)


def named_apart(
    samples: pl.DataFrame, cells: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Records of several runs (column run) with ``entry``, an entry never being of two runs, and a
    sentence on each name that hides something.

    A model that one run has is named as by :func:`with_entries`. One that several have bears what
    of its hardware is not the same (:func:`short_hardware`); where that leaves two runs one name,
    or the model's file is not the same, the run too.
    """
    import polars as pl

    who = ["run", "model", "profile"]
    known = (
        pl.concat([cells.select(who), samples.select(who)])
        .unique()
        .join(
            cells.group_by(who).agg(
                pl.col("hardware").drop_nulls().unique().sort().str.join(" + "),
                pl.col("model_sha256").drop_nulls().unique().sort().str.join(" "),
            ),
            on=who,
            how="left",
        )
        .sort(who)
    )
    named = []
    for part in known.partition_by("model", maintain_order=True):
        named += _names_of_model(part.to_dicts())
    table = pl.DataFrame(named, schema={**{name: pl.String for name in who}, "entry": pl.String})
    found = []
    for frame in (samples, cells):
        # Joined alone and put beside: a join of the samples would copy all of them.
        entry = frame.select(who).join(table, on=who, how="left", maintain_order="left")["entry"]
        found.append(frame.with_columns(entry))
    return found[0], found[1], tuple(_other_models(known))


def _names_of_model(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Names of one model's entries."""
    several = len({row["run"] for row in rows}) > 1
    profiles = len({row["profile"] for row in rows}) > 1
    machines = short_hardware([row["hardware"] or "" for row in rows]) if several else {}
    files = {row["model_sha256"] for row in rows}
    names = []
    for row in rows:
        parts = [row["model"], *([row["profile"]] if profiles else [])]
        parts += [machines[row["hardware"]]] if machines.get(row["hardware"] or "") else []
        names.append(" · ".join(parts))
    said = []
    for row, name in zip(rows, names, strict=True):
        alike = names.count(name) > 1 or (several and len(files) > 1)
        entry = f"{name} · {row['run']}" if alike else name
        said.append({**{k: row[k] for k in ("run", "model", "profile")}, "entry": entry})
    return said


def _other_models(known: pl.DataFrame) -> Iterator[str]:
    """Runs in which a model has one name and other weights: two models, whatever the name."""
    for part in known.partition_by("model", maintain_order=True):
        if part["model_sha256"].replace("", None).drop_nulls().n_unique() > 1:
            model = part["model"][0]
            yield f"{model} is not the same file in all runs: these are different models."


_HARDWARE = re.compile(
    r"(?P<processor>.*), (?P<cores>\d+ of \d+ cores), (?P<memory>[\d.]+ GiB)(?:, (?P<gpus>.+))?,"
    r" (?P<system>[^,]+)"
)
"""``str`` of ``meter.Hardware``."""


def short_hardware(described: Sequence[str]) -> dict[str, str]:
    """What sets machines apart, of their descriptions: processor and GPUs, else cores and memory.
    Empty for one that is not known, and for all where nothing but the system differs: that is the
    same machine.

    >>> a, b = (f"{cpu}, 4 of 4 cores, 8.0 GiB, Linux" for cpu in ("Cortex-A76", "EPYC 7B13"))
    >>> short_hardware([a, b])[a]
    'Cortex-A76'
    """
    known = sorted({text for text in described if text})
    found = {text: _HARDWARE.fullmatch(text) for text in known}
    if not all(found.values()):  # imported, or of several machines
        return dict.fromkeys(known, "") if len(known) < 2 else {text: text for text in known}
    parts = {text: match.groupdict(default="") for text, match in found.items() if match}
    for names in (("processor", "gpus"), ("cores", "memory")):
        differ = [n for n in names if len({part[n] for part in parts.values()}) > 1]
        if differ:
            return {t: ", ".join(p[n] for n in differ if p[n]) for t, p in parts.items()}
    return dict.fromkeys(known, "")


def with_variant(samples: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Samples with what their cell knows of the task. Templates of one task are one ``task``, so
    that a mean over tasks counts them once; ``variant`` is the task as the suite names it."""
    import polars as pl

    columns = ("variant_of", "template", "contamination")
    of_cells = pl.coalesce("variant_of", "task").alias("task")
    facts = cells.select("cell", *columns, of_cells).unique("cell")
    samples = samples.with_columns(variant="task")
    for name in columns if facts["variant_of"].null_count() == facts.height else (*columns, "task"):
        samples = samples.with_columns(_of_cells(samples, facts, name))
    return samples


def _of_cells(samples: pl.DataFrame, facts: pl.DataFrame, name: str) -> pl.Expr | pl.Series:
    """What the cells of the samples know, which is one value if all know the same."""
    import polars as pl

    if facts[name].n_unique() == 1 and samples["cell"].is_in(facts["cell"].to_list()).all():
        return pl.lit(facts[name][0], facts.schema[name]).alias(name)
    # Joined alone and put beside: a join of the samples would copy all of them.
    one = facts.select("cell", name)
    return samples.select("cell").join(one, on="cell", how="left", maintain_order="left")[name]


def others(samples: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """The samples of the entries that are not among the used ones."""
    import polars as pl

    if used.is_empty():
        return samples  # no copy of what may be gigabytes
    return samples.filter(~pl.col("entry").is_in(used["entry"].unique().to_list()))


def foreign(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells that another program measured."""
    import polars as pl

    return cells.filter(pl.col("origin").is_not_null() & (pl.col("origin") != ORIGIN))


def names(frame: pl.DataFrame) -> str:
    """The entries of a frame, once each."""
    return ", ".join(frame["entry"].unique(maintain_order=True))
