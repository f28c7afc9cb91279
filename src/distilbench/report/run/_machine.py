"""What a run's report says of the machine while it measured: busy, stopped, and what the batch does
to greedy answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page._format import NOT_AVAILABLE, number
from distilbench.report.page._page import Details, Section, Table, Text

if TYPE_CHECKING:
    import polars as pl

BUSY = "†"
"""Marks seconds and rates that were measured, in part or all, on a busy machine."""
STOPPED = "‡"
"""Marks those that leave out questions which were stopped while they were answered."""
_COLUMNS = (
    "model", "load average", "CPU time of others", "stolen by the hypervisor", "busy",
    "seconds stopped", "spin count",
)  # fmt: skip
_CELL_COLUMNS = (
    "model", "task", "seed", "load average", "CPU time of others", "stolen by the hypervisor",
    "busy", "seconds stopped",
)  # fmt: skip
_WHOLE_WEIGHTS = ("F32", "F16", "BF16")


def marks(cells: pl.DataFrame) -> pl.DataFrame:
    """Columns entry and mark: what an entry's seconds bear in tables and charts, empty if nothing.
    One cell is enough: its questions are in the means."""
    import polars as pl

    def mark(condition: pl.Expr, sign: str) -> pl.Expr:
        return pl.when(condition.any()).then(pl.lit(sign)).otherwise(pl.lit(""))

    return cells.group_by("entry", maintain_order=True).agg(
        pl.concat_str(
            mark(pl.col("busy").fill_null(False), BUSY),
            mark(pl.col("suspended_s").fill_null(0.0) > 0, STOPPED),
        ).alias("mark")
    )


def explained(signs: str) -> str:
    """What the marks among ``signs`` mean, as sentences that follow another."""
    said = {
        BUSY: " Measured on a busy machine: not the model's own speed.",
        STOPPED: " Questions that were stopped meanwhile are left out: they have no latency.",
    }
    return "".join(f" {sign}{text}" for sign, text in said.items() if sign in signs)


def warnings(samples: pl.DataFrame, cells: pl.DataFrame) -> list[str]:
    """What the reader must know before taking a second from the run."""
    import polars as pl

    said = []
    busy = cells.filter(pl.col("busy").fill_null(False))
    if busy.height:
        said.append(
            f"{BUSY} {busy.height} of {cells.height} cells were measured on a busy machine"
            f" ({_names(busy)}): their seconds and rates are not the models' own."
        )
    stopped = samples.filter(pl.col("suspended").fill_null(False))
    if stopped.height:
        said.append(
            f"{STOPPED} {stopped.height:,} questions were stopped while they were answered, or the"
            f" machine slept ({_names(stopped)}): their seconds are left out."
        )
    timeouts = stopped.filter(pl.col("outcome") == "timeout").height
    if timeouts:
        said.append(
            f"{timeouts:,} of them met their time limit because of it and count as wrong: run the"
            " suite again with another --out."
        )
    return said


def surroundings(cells: pl.DataFrame) -> Section:
    """What else the machine did while each entry answered."""
    import polars as pl

    ours = cells.filter(pl.col("wall_s").is_not_null())
    if ours.is_empty():
        return Section("The machine meanwhile")
    shares = ("other_cpu_share", "steal_share")
    found = ours.group_by("entry", maintain_order=True).agg(
        pl.col("load_average").max(),
        *(_over_time(name).alias(name) for name in shares),
        pl.col("busy").sum().alias("busy_cells"),
        pl.col("busy").count().alias("judged"),
        pl.col("suspended_s").sum().alias("suspended"),
        pl.col("suspended_s").count().alias("watched"),
        pl.col("spin_count").unique().drop_nulls(),
    )
    rows = [
        (
            row["entry"],
            number(row["load_average"], "{:.1f}"),
            number(row["other_cpu_share"], "{:.1%}"),
            number(row["steal_share"], "{:.1%}"),
            f"{row['busy_cells']} of {row['judged']} cells" if row["judged"] else NOT_AVAILABLE,
            f"{row['suspended']:.1f}" if row["watched"] else NOT_AVAILABLE,
            ", ".join(f"{count:,}" for count in sorted(row["spin_count"])) or NOT_AVAILABLE,
        )
        for row in found.iter_rows(named=True)
    ]
    note = (
        "Shares are of the time of all cores while questions were answered, the load average is the"
        " highest. A cell is busy if others, or the hypervisor, took a tenth of that time or more"
        " over a tenth of the cell. Beside a server that may run on this machine the time of others"
        " is not available. Spin count: how long llama.cpp's threads wait for each other awake."
    )
    return Section(
        "The machine meanwhile",
        (
            Table("What else it did", _COLUMNS, rows),
            Text(note),
            Details("Cell by cell", (Table("Each cell", _CELL_COLUMNS, _each(ours)),)),
        ),
    )


def _each(cells: pl.DataFrame) -> list[tuple[str | int, ...]]:
    def verdict(busy: bool | None) -> str:
        return NOT_AVAILABLE if busy is None else f"yes {BUSY}" if busy else "no"

    return [
        (
            row["entry"],
            row["task"],
            row["seed"],
            number(row["load_average"], "{:.1f}"),
            number(row["other_cpu_share"], "{:.1%}"),
            number(row["steal_share"], "{:.1%}"),
            verdict(row["busy"]),
            number(row["suspended_s"], "{:.1f}") + (f" {STOPPED}" if row["suspended_s"] else ""),
        )
        for row in cells.iter_rows(named=True)
    ]


def greedy_batches(cells: pl.DataFrame) -> Section:
    """That greedy answers of quantized weights depend on what is decoded beside them."""
    import polars as pl

    batched = cells.filter(
        pl.col("engine").str.starts_with("llama.cpp")
        & (pl.col("temperature") == 0)
        & (pl.col("slots") > 1)
        & pl.col("quantization").is_not_null()
        & ~pl.col("quantization").is_in(_WHOLE_WEIGHTS)
    )
    if batched.is_empty():
        return Section("Greedy answers")
    return Section(
        "Greedy answers",
        (
            Text(
                f"Temperature 0 does not fix every answer of {_names(batched)}: weights are"
                " quantized and several questions are decoded together, and llama.cpp rounds a"
                " product otherwise in another batch. Which questions share one depends on timing,"
                " so a second run may answer a few of them differently. With 'slots: 1' in the"
                " profile they are asked one by one in a fixed order, and answers repeat."
            ),
        ),
    )


def _over_time(name: str) -> pl.Expr:
    """Mean over the cells' wall time; null where no cell knows it."""
    import polars as pl

    weight = pl.when(pl.col(name).is_not_null()).then(pl.col("wall_s"))
    return pl.when(weight.sum() > 0).then((pl.col(name) * weight).sum() / weight.sum())


def _names(frame: pl.DataFrame) -> str:
    return ", ".join(frame["entry"].unique(maintain_order=True))
