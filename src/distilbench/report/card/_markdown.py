"""The section "Creation cost" of a model card, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from distilbench.compute import BOUND_MARKS, SCOPE_WORDS
from distilbench.report.card._record import Cited, CreationRecord, Flops
from distilbench.report.page import NOT_AVAILABLE, markdown_text


def creation_markdown(record: CreationRecord, badge: str | None = None) -> str:
    """A table of the four scopes, what they leave out, and the sources. ``badge``: address of the
    badge. A model that is not distilled has one row, as every scope is its whole cost."""
    return "\n".join(_lines(record, badge)) + "\n"


def _lines(record: CreationRecord, badge: str | None) -> Iterator[str]:
    yield "## Creation cost"
    yield ""
    if badge is not None:
        yield f"![{markdown_text(f'Creation cost of {record.model}')}]({badge})"
        yield ""
    yield from _from_what(record)
    yield "| scope | counts | training FLOPs | 90% range | known as |"
    yield "| --- | --- | ---: | --- | --- |"
    if record.role == "distilled":
        for scope, flops in record.scopes.items():
            yield _row(scope, SCOPE_WORDS[scope], flops)
    else:
        yield _row("all", "all that made it", record.scopes["lineage"])
    yield ""
    yield from _notes(record)
    yield (
        f"Made by {markdown_text(record.made_by)} from the figures of the model's card; ≥ marks a"
        " lower bound, ≤ an upper one, ~ a figure that may lie on either side."
    )
    if record.sources:
        yield ""
        yield f"Sources: {'; '.join(map(_cited, record.sources))}."


def _from_what(record: CreationRecord) -> Iterator[str]:
    """Lineage, of a distilled model."""
    if record.role != "distilled":
        return
    base, teacher = record.base or "not said", record.teacher or "not disclosed"
    yield (
        f"Started from: {markdown_text(base)}. Teacher: {markdown_text(teacher)}. Method:"
        f" {markdown_text(record.method or 'not said')}."
    )
    yield ""


def _row(scope: str, counts: str, flops: Flops) -> str:
    if flops.value is None:
        return f"| {scope} | {counts} | {NOT_AVAILABLE} | – | – |"
    assert flops.low is not None
    assert flops.high is not None
    exact = flops.low == flops.high
    spread = "–" if exact else f"{flops.low:.3g} to {flops.high:.3g}"
    mark = BOUND_MARKS[flops.bound]
    return f"| {scope} | {counts} | {mark}{flops.value:.3g} | {spread} | {flops.kind} |"


def _notes(record: CreationRecord) -> Iterator[str]:
    for words, texts in (
        ("Not known", [f.not_available for f in record.scopes.values() if f.not_available]),
        ("Not counted", [text for f in record.scopes.values() for text in f.omits]),
        ("An upper bound", [text for f in record.scopes.values() for text in f.exceeds]),
    ):
        for text in dict.fromkeys(texts):
            yield f"{words}: {markdown_text(text)}."
            yield ""


def _cited(source: Cited) -> str:
    title = markdown_text(source.title)
    return title if source.url is None else f"[{title}](<{source.url}>)"
