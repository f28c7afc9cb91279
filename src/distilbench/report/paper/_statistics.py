"""Which statistical methods the figures of a run rest on, each with its publication."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distilbench.report.run import RunData

Used = tuple[str, tuple[str, ...]]


def statistics(data: RunData) -> Iterator[Used]:
    """Sentences on the methods that were used, with the keys of their works; none of a run without
    answers."""
    if data.heard.is_empty():
        return
    yield from _intervals(data)
    yield from _differences(data)
    yield from _decisions(data)
    yield (
        "Median and 95th percentile of seconds are sample quantiles by linear interpolation.",
        ("hyndman1996",),
    )


def _intervals(data: RunData) -> Iterator[Used]:
    tasks = data.tasks.filter(data.tasks["no_answer"].is_null())
    scores = data.heard["score"].drop_nulls()
    shares = bool(((scores == 0) | (scores == 1)).all())
    clustered = bool((tasks["n_clusters"] < tasks["n_questions"]).any())
    yield (
        "Accuracy is the mean over questions of the mean over a question's answers, with 95%"
        " intervals over questions, as standard errors of evaluations should be.",
        ("miller2024",),
    )
    if shares:
        yield ("Intervals of an accuracy are Wilson's.", ("wilson1927",))
    else:
        yield (
            "Scores lie between 0 and 1, not at its ends alone, so that intervals of an accuracy"
            " are Student's.",
            (),
        )
    if shares and bool((tasks["n_clusters"] < tasks["n_samples"]).any()):
        yield (
            "Answers to questions of one source, or to one question, are a cluster: the interval is"
            " at an effective number of questions, from the correlation within clusters, over which"
            " it is averaged by its beta-binomial likelihood.",
            ("skellam1948",),
        )
    if clustered:
        yield (
            "Questions of one source are a cluster: variances and degrees of freedom are those of"
            " Bell and McCaffrey (CR2).",
            ("bell2002",),
        )
    if data.overall["n_tasks"].max() != 1:
        yield (
            "A mean over tasks has the limits of its tasks joined by the method of Zou and Donner.",
            ("zou2008", "newcombe1998"),
        )
    if data.heard["all_questions"].drop_nulls().len():
        yield (
            "Full scores of random subsets are stratified means with the correction for a finite"
            " population.",
            ("cochran1977",),
        )


def _differences(data: RunData) -> Iterator[Used]:
    found = data.differences
    if found.is_empty():
        return
    yield (
        "Differences of two models are paired on the questions that both answered, with Student's"
        " intervals and two-sided p values; degrees of freedom over tasks are Satterthwaite's.",
        ("miller2024", "satterthwaite1946"),
    )
    if (found["stderr"].fill_null(1.0) == 0).any():
        yield (
            "Where two models agree on every question the standard error is that of Bonett and"
            " Price.",
            ("bonett2012",),
        )
    if found.height > 1:
        yield (
            "p values are given beside those corrected for the number of comparisons by Holm.",
            ("holm1979",),
        )


def _decisions(data: RunData) -> Iterator[Used]:
    best = data.recommendation.best if data.comparable else None
    if best is not None and best.probability_best is not None:
        yield (
            "The probability of being the most accurate is the share of 10,000 bootstrap draws of"
            " clusters of questions, the same for all models.",
            ("efron1993",),
        )
    decided = [pair.accuracy for pair in data.pairs if pair.accuracy is not None]
    if decided:
        yield (
            "A distilled model is not inferior to its counterpart where the 95% interval of the"
            f" difference lies above a margin of -{100 * data.margin:g} percentage points.",
            ("ich-e9",),
        )
    if any(one.decision == "undecided" for one in decided):
        yield (
            "The number of questions that would decide is that of a paired t test with a power of"
            " 80%, from the spread that was observed.",
            ("cohen1988",),
        )
    if (data.cells["epochs"].fill_null(1) > 1).any():
        yield (
            "pass@k is the unbiased estimator over all choices of k answers; cons@k is the score of"
            " the commonest of k answers.",
            ("chen2021", "wang2022"),
        )
