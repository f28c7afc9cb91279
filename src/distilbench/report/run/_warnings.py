"""What the reader must know before taking a number from a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distilbench.report.run._entries import foreign, names, others
from distilbench.report.run._marks import BUSY, STOPPED

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData


def run_warnings(data: RunData) -> tuple[str, ...]:
    """What the reader must know before taking a number from the run."""
    return (*_sentences(data), *data.told, *data.bad_cards)


def of_one_run(data: RunData) -> Iterator[str]:
    """The like, without what compares its entries: what is missing, imported, left out, too
    slow."""
    yield from _unfinished(data)
    yield from _imported(data.cells)
    yield from _left_out(data.cells)
    yield from _greedy_repeats(data.cells)
    yield from _machine(data.samples, data.cells)


def _sentences(data: RunData) -> Iterator[str]:
    """Sentences: what is missing, imported, not compared, left out, silent, or too slow."""
    yield from _unfinished(data)
    yield from _imported(data.cells)
    yield from _not_compared(data.heard, data.compared)
    yield from _left_out(data.cells)
    yield from _greedy_repeats(data.cells)
    yield from _silences(data)
    yield from _machine(data.samples, data.cells)


def _unfinished(data: RunData) -> Iterator[str]:
    import polars as pl

    for run in data.runs:
        planned = run.facts["cells"]
        done = data.cells.filter(pl.col("cell").is_in(planned) & pl.col("wall_s").is_not_null())
        finished = done["cell"].n_unique()
        if finished < len(planned):
            which = f"The run {run.label}" if len(data.runs) > 1 else "The run"
            yield f"{which} is not finished: {finished} of {len(planned)} cells are."


def _not_compared(samples: pl.DataFrame, compared: pl.DataFrame) -> Iterator[str]:
    """Which entries, and how many questions, the comparison leaves out."""

    if samples["entry"].n_unique() < 2:
        return
    if compared.is_empty():
        yield "The models have no question in common yet: their figures are not comparable."
        return
    outside = others(samples, compared)
    apart = outside["entry"].unique().sort()
    for entry in apart:
        yield f"{entry} is not compared: it shares no question with the others."
    inside = others(samples, outside)
    if inside.height == compared.height:
        return
    asked, common = (_questions(frame) for frame in (inside, compared))
    if common < asked:
        who = "those compared" if len(apart) else "all of them"
        yield (
            f"Models are compared on the {common:,} questions that {who} answered, of"
            f" {asked:,} in the run."
        )


def _questions(samples: pl.DataFrame) -> int:
    """How many there are; variant by variant, which bounds memory."""
    from distilbench.stats import each_of

    asked = samples.select("variant", "seed", "sample_id")
    return sum(part.n_unique() for _, part in each_of(asked, "variant"))


def _silences(data: RunData) -> Iterator[str]:
    """Which entries answered nothing at all, or nothing of a task."""
    from distilbench.stats import unanswered

    for entry, why in data.silent.select("entry", "no_answer").iter_rows():
        yield f"{entry} answered nothing ({why}): it has no score and no cost."
    parts = unanswered(data.heard.with_columns(task="variant"), data.cells, ("entry", "task"))
    for entry, task, why in parts.select("entry", "task", "no_answer").iter_rows():
        yield (
            f"{entry} answered nothing of {task} ({why}): that is 0 in its mean over tasks, and its"
            " costs are those of the other tasks."
        )


def _imported(cells: pl.DataFrame) -> list[str]:
    """That cells are imported, from which programs."""
    theirs = foreign(cells)
    if theirs.is_empty():
        return []
    origins = ", ".join(theirs["origin"].unique().sort())
    incomplete = theirs.filter(theirs["missing"].is_not_null())
    return [
        f"{theirs.height} of {cells.height} cells are results of {origins}: their prompts, sampling"
        " and grading are those of that program.",
        *(
            f"The accuracy of {row['model']} on {row['task']} is not available ({row['missing']})."
            for row in incomplete.iter_rows(named=True)
        ),
    ]


def _left_out(cells: pl.DataFrame) -> list[str]:
    """What each task leaves out of its data files, in a sentence."""
    known = cells.select("task", "skipped_rows").drop_nulls().unique(maintain_order=True)
    return [f"Task {task}: {sentence}." for task, sentence in known.iter_rows()]


def _greedy_repeats(cells: pl.DataFrame) -> Iterator[str]:
    """That epochs of greedy answers are the same answer again."""
    import polars as pl

    greedy = cells.filter((pl.col("epochs") > 1) & (pl.col("temperature") == 0))["model"]
    if not greedy.is_empty():
        yield (
            f"Every question was asked several times at temperature 0"
            f" ({', '.join(greedy.unique().sort())}): greedy answers repeat themselves, so these"
            " epochs tell nothing of pass@k or cons@k."
        )


def _machine(samples: pl.DataFrame, cells: pl.DataFrame) -> list[str]:
    """What the reader must know before taking a second from the run."""
    import polars as pl

    said = []
    busy = cells.filter(pl.col("busy").fill_null(False))
    if busy.height:
        said.append(
            f"{BUSY} {busy.height} of {cells.height} cells were measured on a busy machine"
            f" ({names(busy)}): their seconds and rates are not the models' own."
        )
    stopped = samples.filter(pl.col("suspended").fill_null(False))
    if stopped.height:
        said.append(
            f"{STOPPED} {stopped.height:,} questions were stopped while they were answered, or the"
            f" machine slept ({names(stopped)}): their seconds are left out."
        )
    timeouts = stopped.filter(pl.col("outcome") == "timeout").height
    if timeouts:
        said.append(
            f"{timeouts:,} of them met their time limit because of it and count as wrong: run the"
            " suite again with another --out."
        )
    return said
