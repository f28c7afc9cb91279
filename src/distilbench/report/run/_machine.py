"""What a run's report says of the machine while it measured: what else it did, and what the batch
does to greedy answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import (
    NOT_AVAILABLE,
    Details,
    Section,
    Shown,
    Table,
    Text,
    number,
)
from distilbench.report.run._entries import names
from distilbench.report.run._marks import BUSY, STOPPED

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData

_WHOLE_WEIGHTS = ("F32", "F16", "BF16")
_SHARES = (
    Shown("load average", "load_average", "{:.1f}"),
    Shown("CPU time of others", "other_cpu_share", "{:.1%}"),
    Shown("stolen by the hypervisor", "steal_share", "{:.1%}"),
)


def _verdict(busy: bool | None) -> str:
    return NOT_AVAILABLE if busy is None else f"yes {BUSY}" if busy else "no"


def _stopped(seconds: float | None) -> str:
    return number(seconds, "{:.1f}") + (f" {STOPPED}" if seconds else "")


def _spins(counts: list[int]) -> str:
    return ", ".join(f"{count:,}" for count in sorted(counts)) or NOT_AVAILABLE


_COLUMNS = (
    Shown("model", "entry"),
    *_SHARES,
    Shown(
        "busy",
        ("busy_cells", "judged"),
        lambda busy, of: f"{busy} of {of} cells" if of else NOT_AVAILABLE,
    ),
    Shown(
        "seconds stopped",
        ("suspended", "watched"),
        lambda seconds, of: f"{seconds:.1f}" if of else NOT_AVAILABLE,
    ),
    Shown("spin count", "spin_count", _spins),
)
_CELL_COLUMNS = (
    Shown("model", "entry"),
    Shown("task", "task"),
    Shown("seed", "seed"),
    *_SHARES,
    Shown("busy", "busy", _verdict),
    Shown("seconds stopped", "suspended_s", _stopped),
)


def surroundings(data: RunData) -> Section:
    """What else the machine did while each entry answered."""
    import polars as pl

    ours = data.cells.filter(pl.col("wall_s").is_not_null())
    if ours.is_empty():
        return Section("The machine meanwhile")
    found = ours.group_by("entry", maintain_order=True).agg(
        pl.col("load_average").max(),
        *(_over_time(name).alias(name) for name in ("other_cpu_share", "steal_share")),
        pl.col("busy").sum().alias("busy_cells"),
        pl.col("busy").count().alias("judged"),
        pl.col("suspended_s").sum().alias("suspended"),
        pl.col("suspended_s").count().alias("watched"),
        pl.col("spin_count").unique().drop_nulls(),
    )
    note = (
        "Shares are of the time of all cores while questions were answered, the load average is the"
        " highest. A cell is busy if others, or the hypervisor, took a tenth of that time or more"
        " over a tenth of the cell. Beside a server that may run on this machine the time of others"
        " is not available. Spin count: how long llama.cpp's threads wait for each other awake."
    )
    each = Details("Cell by cell", (Table.of("Each cell", ours, _CELL_COLUMNS),))
    did = Table.of("What else it did", found, _COLUMNS)
    return Section("The machine meanwhile", (did, Text(note), each))


def greedy_batches(data: RunData) -> Section:
    """That greedy answers of quantized weights depend on what is decoded beside them."""
    import polars as pl

    batched = data.cells.filter(
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
                f"Temperature 0 does not fix every answer of {names(batched)}: weights are"
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
