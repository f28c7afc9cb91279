"""The section of a model card: what a model scored, what it costs to run, what it cost to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from distilbench.catalog import Catalog
from distilbench.publish._eval_results import asked_words, setup_words
from distilbench.publish._scored import Scored
from distilbench.report.card import creation_markdown, creation_record
from distilbench.report.page import NOT_AVAILABLE, markdown_text, mib, number

BEGIN = "<!-- distilbench publish: begin -->"
END = "<!-- distilbench publish: end -->"
"""The marks that the section stands between, by which it is found and replaced."""


class _Cost(NamedTuple):
    words: str
    column: str
    form: str
    known: str


_COSTS = (
    _Cost("seconds a question, mean", "total_s", "{:.3g}", "measured"),
    _Cost("seconds a question, 95th percentile", "p95_s", "{:.3g}", "measured"),
    _Cost("seconds to the first token, median", "ttft_median_s", "{:.3g}", "measured"),
    _Cost("output tokens a second, of one answer", "decode_tokens_per_s", "{:.3g}", "measured"),
    _Cost("output tokens a question, mean", "output_tokens", "{:,.0f}", "measured"),
    _Cost("FLOPs a question, mean", "flops", "{:.3g}", "derived"),
    _Cost("joules a question, mean", "energy_j", "{:.3g}", ""),
)


def running_cost(scored: Sequence[Scored]) -> dict[str, Any]:
    """Figures of ``stats.costs`` over all tasks of a model under a profile, and peak memory and
    file in bytes; null: not available."""
    import polars as pl

    from distilbench.stats import costs

    samples = pl.concat([one.samples for one in scored], how="diagonal_relaxed")
    found = costs(samples.with_columns(entry="model"))
    rows = [row for one in scored for row in one.rows]
    figures: dict[str, Any] = found.row(0, named=True) if found.height else {}
    joules = [row.get("energy_known") for row in rows]
    return {
        **{cost.column: figures.get(cost.column) for cost in _COSTS},
        "unknown": {c.column: figures.get(f"{c.column}_unknown") or 0 for c in _COSTS},
        "peak_memory_bytes": _most(rows, "peak_memory_bytes"),
        "model_file_bytes": _most(rows, "model_file_bytes"),
        # A mean with an estimate in it is an estimate.
        "energy_known": "estimated" if "estimated" in joules else next(filter(None, joules), None),
    }


def _most(rows: Sequence[Any], column: str) -> int | None:
    """The largest of all cells; null if one of them does not know it: it may be the largest."""
    values = [row[column] for row in rows]
    return None if None in values else max(values)


def card_section(
    scored: Sequence[Scored], catalog: Catalog, filed: Sequence[str], draws: int = 10_000
) -> str:
    """Markdown between the two marks. ``scored``: all tasks of one model under one profile;
    ``filed``: those of them that stand in the hub's evaluation results."""
    return "\n".join([BEGIN, *_lines(scored, catalog, filed, draws), END]) + "\n"


def _lines(
    scored: Sequence[Scored], catalog: Catalog, filed: Sequence[str], draws: int
) -> Iterator[str]:
    yield "## Measured results"
    yield ""
    yield "| task | accuracy | 95% interval | questions | how |"
    yield "| --- | ---: | --- | ---: | --- |"
    for one in scored:
        yield _result(one, one.task in filed)
    yield ""
    yield f"Answered by {markdown_text('; '.join(setup_words(scored[0])))}."
    yield ""
    yield "## Running cost"
    yield ""
    yield from _running(scored)
    yield ""
    yield from _creation(scored[0], catalog, draws)


def _result(one: Scored, filed: bool) -> str:
    how = asked_words(one)
    if one.limited:
        how.append(f"{one.limited:,} of {one.n_samples:,} answers kept back by a limit")
    if not filed:
        how.append("not filed as a result of a benchmark")
    return (
        f"| {markdown_text(one.task)} | {one.accuracy:.1%} | {one.low:.1%} to {one.high:.1%} |"
        f" {one.n_questions:,} | {markdown_text('; '.join(how))} |"
    )


def _running(scored: Sequence[Scored]) -> Iterator[str]:
    found = running_cost(scored)
    yield "| | | known as |"
    yield "| --- | ---: | --- |"
    for cost in _COSTS:
        value = found[cost.column]
        known = cost.known or found["energy_known"] or "–"
        if value is not None and (missing := found["unknown"][cost.column]):
            known += f", not known of {missing:,} answers"
        text = number(value, cost.form)
        yield f"| {cost.words} | {text} | {'–' if value is None else known} |"
    for words, name in (("peak memory", "peak_memory_bytes"), ("file", "model_file_bytes")):
        size = found[name]
        text = NOT_AVAILABLE if size is None else f"{mib(size)} MiB"
        yield f"| {words} | {text} | {'–' if size is None else 'measured'} |"
    yield ""
    yield f"Means over {len(scored)} task{'s' if len(scored) > 1 else ''}. {_where(scored)}"


def _where(scored: Sequence[Scored]) -> str:
    """On which machine, and under which settings of the engine."""
    rows = [row for one in scored for row in one.rows]
    places = dict.fromkeys(row["hardware"] or NOT_AVAILABLE for row in rows)
    first = rows[0]
    said = [f"Hardware: {' + '.join(places)}"]
    said += [
        f"{name} {first[name]}"
        for name in ("threads", "slots", "context")
        if first[name] is not None and len({row[name] for row in rows}) == 1
    ]
    return markdown_text("; ".join(said)) + "."


def _creation(one: Scored, catalog: Catalog, draws: int) -> Iterator[str]:
    card = catalog.cards.get(one.row["card"] or "")
    if card is not None:
        yield creation_markdown(creation_record(card, catalog, draws)).rstrip()
        return
    yield "## Creation cost"
    yield ""
    yield f"{NOT_AVAILABLE.capitalize()}: no card says what it took to make this model."


def with_section(readme: str, section: str) -> str:
    """A README with the section: in the place of the one that it has, else at its end."""
    start, end = readme.find(BEGIN), readme.find(END)
    if 0 <= start < end:
        after = readme[end + len(END) :].removeprefix("\n")
        return readme[:start] + section + after
    return f"{readme.rstrip()}\n\n{section}" if readme.strip() else section
