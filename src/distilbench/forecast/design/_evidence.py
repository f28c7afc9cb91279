"""What is known of a score: published, measured, or what others reached by the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distilbench.catalog import Benchmark, Card, Catalog, Score, common_scores
from distilbench.compute import Unavailable, active_parameters, training_tokens
from distilbench.stats import share_interval

Way = Literal["distil", "prune and distil"]
_OTHER_WAYS = ("instruction tuning", "quantization-aware", "fine-tuning and reinforcement")
"""How some models that count as distilled were made from one that was: that shows nothing here."""


@dataclass(frozen=True)
class KnownScore:
    """A score in the benchmark's unit, with its 95% interval where the number of questions is
    known (Wilson's, of a percentage) or was measured, and all that a comparison must agree in."""

    model: str
    value: float
    low: float | None
    high: float | None
    setting: str
    known: Literal["published", "measured"]
    source: str


def known_scores(card: Card, key: str, benchmark: Benchmark) -> tuple[KnownScore, ...]:
    """All that the card says of the benchmark, a setting at a time, the best first in each."""
    found = (_known(card, score, benchmark) for score in card.scores if score.benchmark == key)
    return tuple(sorted(found, key=lambda one: (one.setting, -benchmark.merit(one.value))))


def _known(card: Card, score: Score, benchmark: Benchmark) -> KnownScore:
    questions = score.questions or benchmark.questions
    low = high = None
    if questions and benchmark.unit == "percent":
        low, high = (100 * limit for limit in share_interval(score.value / 100, questions))
    return KnownScore(
        card.id, score.value, low, high, setting_of(score), "published",
        f"{score.source}: {score.where}",
    )  # fmt: skip


def setting_of(score: Score) -> str:
    """What two scores must agree in, in words. Where the source does not say how many shots or in
    which mode, only its own scores agree."""
    mode = "mode not stated" if score.mode == "unstated" else score.mode
    unsaid = score.shots is None or score.mode == "unstated"
    whose = f"as in {score.source}" if unsaid else None
    return ", ".join(
        part for part in (score.version, score.metric, _shots(score.shots), mode, whose) if part
    )


@dataclass(frozen=True)
class Example:
    """A model, what it was made from, and what both scored, in words."""

    made: Card
    start: Card
    text: str


def examples_of(way: Way, key: str, catalog: Catalog) -> list[Example]:
    """What models made in this way scored beside what they were made from, in one setting: on the
    task, or if there are none on it, on others, which are named."""
    found = [
        (row["benchmark"] == key, Example(made, start, _told(made, start, row, catalog)))
        for made, start in _made(way, catalog)
        for row in _rows(made, start, catalog)
    ]
    on_task = [example for is_on_task, example in found if is_on_task]
    return on_task or [example for _, example in found]


def nearest(examples: Sequence[Example], start: Card) -> tuple[str, ...]:
    """The examples' words: those with the same start first, then those of its family, then
    others."""

    def far(example: Example) -> tuple[int, str, str]:
        other = example.start
        steps = 0 if other.id == start.id else 1 if other.family == start.family else 2
        return steps, example.made.id, example.text

    return tuple(dict.fromkeys(example.text for example in sorted(examples, key=far)))


def _made(way: Way, catalog: Catalog) -> Iterator[tuple[Card, Card]]:
    """Distilled models, each with what a student of it would start from."""
    for card in catalog.cards.values():
        recipe, base = card.lineage.recipe, catalog.cards.get(card.lineage.base or "")
        if recipe is None or base is None or recipe.method.startswith(_OTHER_WAYS):
            continue
        if ("pruning" in recipe.method) == (way == "prune and distil"):
            yield card, base


def _rows(made: Card, start: Card, catalog: Catalog) -> list[dict[str, Any]]:
    """Their scores in one setting; perplexities and ratings are on no scale that others share."""
    versioned = {name for name, benchmark in catalog.benchmarks.items() if benchmark.versions}
    rows = common_scores(made, start, versioned)
    return [row for row in rows if catalog.benchmarks[row["benchmark"]].unit == "percent"]


def _told(made: Card, start: Card, row: dict[str, Any], catalog: Catalog) -> str:
    recipe = made.lineage.recipe
    assert recipe is not None  # of _made
    tokens, _ = training_tokens(made, recipe)
    taught = (
        "on a number of tokens that is not known"
        if isinstance(tokens, Unavailable)
        else f"on {tokens.central:.2g} tokens"
    )
    sizes = [active_parameters(card) for card in (made, start)]
    share = ""
    if not any(isinstance(size, Unavailable) for size in sizes):
        small, big = (size.central for size in sizes if not isinstance(size, Unavailable))
        share = f", {small / big:.0%} of its weights" if small < 0.95 * big else ""
    return (
        f"{made.name}{share}: {row[made.id]:g} on {catalog.benchmarks[row['benchmark']].name},"
        f" {start.name}, which it was made from: {row[start.id]:g} ({_setting(row)}); made {taught}"
    )


def _setting(row: dict[str, Any]) -> str:
    parts = (row["version"], row["metric"], _shots(row["shots"]))
    return ", ".join(str(part) for part in parts if part)


def _shots(shots: int | None) -> str:
    return "shots not stated" if shots is None else f"{shots}-shot"
