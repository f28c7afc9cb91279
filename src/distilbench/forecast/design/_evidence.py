"""What is known of a score: published, measured, or what others reached by the same way."""

from __future__ import annotations

from collections.abc import Iterator
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
    sign = -1 if benchmark.higher_is_better else 1
    return tuple(sorted(found, key=lambda one: (one.setting, sign * one.value)))


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
    shots = "shots not stated" if score.shots is None else f"{score.shots}-shot"
    mode = "mode not stated" if score.mode == "unstated" else score.mode
    unsaid = score.shots is None or score.mode == "unstated"
    whose = f"as in {score.source}" if unsaid else None
    return ", ".join(part for part in (score.version, score.metric, shots, mode, whose) if part)


def evidence(way: Way, student: Card, key: str, catalog: Catalog) -> tuple[str, ...]:
    """What models made in this way scored beside what they were made from, in one setting: those
    of the same base first, then those of the same family, then others; on the task, or if there
    are none on it, on others, which are named."""
    found = [
        (_nearness(student, made, start), row["benchmark"] != key, _told(made, start, row, catalog))
        for made, start in _made(way, catalog)
        for row in _rows(made, start, catalog)
    ]
    on_task = [one for one in found if not one[1]]
    return tuple(dict.fromkeys(text for _, _, text in sorted(on_task or found)))


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


def _nearness(student: Card, made: Card, start: Card) -> tuple[int, str]:
    if start.id == student.id:
        return 0, made.id
    return (1 if start.family == student.family else 2), made.id


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
    shots = "shots not stated" if row["shots"] is None else f"{row['shots']}-shot"
    return ", ".join(str(part) for part in (row["version"], row["metric"], shots) if part)
