"""The first screen of an experiment's page: was distilling worth it, a card for each arm."""

from __future__ import annotations

from distilbench.report.experiment._compared import (
    DRAWN,
    TITLES,
    Outcome,
    compare,
    distilled_arms,
    middle,
    outcome,
    ratio_text,
)
from distilbench.report.experiment._data import Experiment
from distilbench.report.page import (
    Card,
    Cards,
    Fact,
    Section,
    Tone,
    listed,
    points,
    points_range,
    spread,
)
from distilbench.stats import EqualAccuracy, SeedMean, seed_interval

_NOT_MEASURED = "Not measured: at its smallest budget a curve is above that accuracy already."
QUESTION = "Is distilling a student worth it, against training it on the gold answers alone?"
_TONES: dict[Outcome, Tone] = {"cheaper": "good", "dearer": "bad", "not decided": "open"}


def lede(experiment: Experiment) -> str:
    """What all arms share."""
    spec = experiment.spec
    seeds = len(spec["seeds"])
    return (
        f"The teacher answers {experiment.teacher['accuracy']:.1%} of {spec['held_out']:,} held-out"
        f" questions. Students of one size, trained from the same first weights for the same number"
        f" of steps; {seeds} {'seed' if seeds == 1 else 'seeds'}."
    )


def answer(experiment: Experiment) -> Section:
    """A card for each distilled arm."""
    compared = compare(experiment)
    cards = [
        arm_card(
            arm,
            {scope: middle(compared[arm, scope]) for scope in DRAWN},
            equal_training(experiment, arm),
        )
        for arm in distilled_arms(experiment)
    ]
    return Section("The answer", (Cards("The answer", cards),))


def equal_training(experiment: Experiment, arm: str) -> str:
    """Accuracy of an arm and of vanilla at the largest budget, and their difference, paired by
    seed."""
    most = max(experiment.spec["budgets"])
    at = {group["arm"]: group for group in experiment.groups() if group["budget"] == most}
    own, vanilla = (
        dict(zip(g["seed"], g["accuracy"], strict=True)) for g in (at[arm], at["vanilla"])
    )
    found = seed_interval([own[seed] - vanilla[seed] for seed in vanilla])
    means = [sum(each.values()) / len(each) for each in (own, vanilla)]
    return (
        f"Trained on {most:,} questions it answers {means[0]:.1%}, vanilla {means[1]:.1%}:"
        f" {difference_text(found)}."
    )


def difference_text(found: SeedMean) -> str:
    """A difference of accuracies with its interval over seeds, and what that shows."""
    said = f"{points(found.mean)} points"
    if found.seeds < 2:
        return f"{said} (one seed: no interval)"
    shows = (
        "more accurate" if found.low > 0 else "less accurate" if found.high < 0 else "not decided"
    )
    ends = points_range(found.low, found.high)
    return f"{said} (95% interval over {found.seeds} seeds: {ends}), {shows}"


def arm_card(arm: str, found: dict[str, EqualAccuracy], trained: str) -> Card:
    """The card of an arm. ``found``: its comparison with vanilla under each scope that is drawn;
    ``trained``: the sentence on equal training."""
    outcomes = {scope: outcome(one) for scope, one in found.items()}
    badge, tone = spread(outcomes.values(), _TONES, "by scope")
    facts = [Fact(scope, ratio_text(one), TITLES[scope]) for scope, one in found.items()]
    level = next(iter(found.values())).level
    said = (
        f"At an accuracy of {level:.0%}, FLOPs to create vanilla over FLOPs to create it (95%"
        f" interval); above 1 it is cheaper: {_by_outcome(outcomes)}."
    )
    why = [_NOT_MEASURED] if "not measured" in outcomes.values() else []
    return Card(f"{arm} against vanilla", badge, tone, (said, *why, trained), facts)


def _by_outcome(outcomes: dict[str, Outcome]) -> str:
    """'not decided under student; dearer under pipeline and amortised'."""
    parts = []
    for word in dict.fromkeys(outcomes.values()):
        scopes = [scope for scope, one in outcomes.items() if one == word]
        parts.append(f"{word} under {listed(scopes)}")
    return "; ".join(parts)
