"""The first screen of a run's page: the question, the pick, and was distillation worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.report.page import (
    NOT_AVAILABLE,
    Card,
    Cards,
    Details,
    Fact,
    Section,
    Text,
    Tone,
)
from distilbench.report.run._correct import in_words
from distilbench.report.run._marks import explained
from distilbench.report.run._money import dollars
from distilbench.report.run._recommendation import recommendation_sentences
from distilbench.report.run._verdicts import pair_card

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

_MOST_CARDS = 4


def answer(data: RunData) -> Section:
    """The answer of a run: a card with the pick, a card for each pair."""
    pairs = [
        pair_card(pair, dollars(data, pair.distilled.entry, pair.counterpart.entry))
        for pair in data.pairs
    ]
    shown = [_pick(data), *pairs[:_MOST_CARDS]]
    blocks: list[Any] = [Cards("The answer", shown)]
    if pairs:
        blocks.append(Text(_margin(data)))
    else:
        blocks.append(Text(no_pair(data)))
    if pairs[_MOST_CARDS:]:
        rest = pairs[_MOST_CARDS:]
        more = Cards("Further pairs", rest)
        blocks.append(Details(f"{len(rest)} further pairs", (more,)))
    return Section("The answer", blocks)


def question(data: RunData) -> str:
    """What the page answers, in a line."""
    models, tasks = (data.samples[name].n_unique() for name in ("model", "task"))
    several = f"Which of {models} models" if models > 1 else "What is this model worth"
    on = f"on {tasks} tasks" if tasks > 1 else "on this task"
    if models == 1:
        return f"{several}, {on}?"
    paid = ", and was distillation worth it" if data.pairs else ""
    return f"{several} is best {on}{paid}?"


def _pick(data: RunData) -> Card:
    found = data.recommendation if data.comparable else None
    best = found.best if found else None
    if found is None or best is None:
        why = "no model answered anything" if data.heard.is_empty() else (
            "the models have no question in common"
        )  # fmt: skip
        return Card("No model can be picked", "no pick", "none", (f"Not comparable: {why}.",))
    sure = best.probability_best
    badge = "the only one" if sure is None else f"most accurate in {_percent(sure)} of draws"
    facts = _facts(data, best.entry)
    tone: Tone = "good" if sure is None or sure >= 0.95 else "open"
    return Card(f"Take {best.entry}", badge, tone, recommendation_sentences(found), facts)


def _percent(share: float) -> str:
    from distilbench.report.run._recommendation import chance

    return chance(share) or NOT_AVAILABLE


def _facts(data: RunData, entry: str) -> list[Fact]:
    """Memory, p95 and what a correct answer costs."""
    row = data.overall.filter(data.overall["entry"] == entry).row(0, named=True)
    memory, p95 = row["peak_memory_mib"], row["p95_s"]
    facts = [
        Fact(
            "peak memory",
            NOT_AVAILABLE if memory is None else f"{memory:,.0f} MiB",
            "of the engine's process, measured",
        ),
        Fact(
            "p95 of a question",
            NOT_AVAILABLE if p95 is None else f"{p95:.2f} s{row['mark']}",
            f"measured{explained(row['mark'])}",
        ),
    ]
    return [*facts, *_per_correct(data, entry)]


def _per_correct(data: RunData, entry: str) -> list[Fact]:
    """The cost of a correct answer in whatever is known: dollars, seconds, joules, FLOPs."""
    row = data.correct_costs[entry]
    parts = in_words(row)
    if row["correct"] == 0:
        parts = [f"not defined (0 of {row['answers']:,} correct)"]
    note = (
        "the cost of all answers, wrong ones too, over the number of correct ones, derived; with"
        " intervals in the section on it"
    )
    return [Fact("a correct answer costs", ", ".join(parts) or NOT_AVAILABLE, note)]


def _margin(data: RunData) -> str:
    """By which margin the verdicts were reached."""
    return (
        f"Verdicts at a margin of {100 * data.margin:g} percentage points of accuracy: a model that"
        " surely loses no more counts as not inferior. For another: distilbench report RUN"
        " --margin POINTS"
    )


def no_pair(data: RunData) -> str:
    """Why nothing says whether distillation was worth it, and what would."""
    roles = data.roles
    models = data.samples["model"].n_unique()
    distilled = [entry for entry, role in roles.items() if role == "distilled"]
    if models == 1 and distilled:
        return (
            f"Was distillation worth it? Only {distilled[0]} ran: add its vanilla or proprietary"
            " counterpart to the suite's models."
        )
    if models == 1:
        return "Only one model ran: there is nothing to set it against."
    if distilled:
        return (
            "Was distillation worth it? No vanilla or proprietary model ran beside"
            f" {', '.join(distilled)}: add one to the suite's models, or say 'role: vanilla'."
        )
    return (
        "Was distillation worth it? No model of this run is known to be distilled: say"
        " 'role: distilled' in the suite, or give the model's card."
    )
