"""The first screen of an experiment's page: the verdict on each arm in words, from figures made up
for each case."""

from __future__ import annotations

import math

import pytest
from scipy import stats as scipy_stats

from distilbench.report.experiment._answer import (
    answer,
    arm_card,
    difference_text,
    equal_training,
    lede,
)
from distilbench.report.experiment._compared import outcome
from distilbench.report.experiment._data import Experiment, read_experiment
from distilbench.stats import EqualAccuracy, SeedMean, seed_interval
from tests.made_experiment import make_experiment


def found(
    ratio: float, low: float, high: float, *, bounded: bool = False, level: float = 0.41
) -> EqualAccuracy:
    return EqualAccuracy(level, 1e12, 1e12, ratio, low, high, 1.0, bounded)


CHEAPER, DEARER, OPEN = found(1.4, 1.1, 1.8), found(0.36, 0.32, 0.44), found(1.08, 0.97, 1.23)


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (CHEAPER, "cheaper"),
        (DEARER, "dearer"),
        (OPEN, "not decided"),
        (found(1.2, 1.0, 1.8), "not decided"),
        (found(1.2, math.nan, math.nan), "not decided"),
        (found(2.0, 1.5, math.inf), "cheaper"),
        (found(math.nan, math.nan, math.nan), "not reached"),
        (found(0.0, 0.0, 0.0), "not reached"),
        (found(math.inf, 1.5, math.inf), "not reached"),
        (found(1.4, 1.1, 1.8, bounded=True), "not measured"),
    ],
)
def test_an_outcome_is_the_side_of_one_on_which_the_interval_lies(
    one: EqualAccuracy, word: str
) -> None:
    assert outcome(one) == word


def test_scopes_that_differ_are_all_told() -> None:
    card = arm_card("logit", {"student": OPEN, "pipeline": DEARER, "amortised": DEARER}, "Trained.")
    assert card.title == "logit against vanilla"
    assert (card.badge, card.tone) == ("not decided or dearer, by scope", "open")
    assert list(card.sentences) == [
        "At an accuracy of 41%, FLOPs to create vanilla over FLOPs to create it (95% interval);"
        " above 1 it is cheaper: not decided under student; dearer under pipeline and amortised.",
        "Trained.",
    ]
    assert [(fact.name, fact.value) for fact in card.facts] == [
        ("student", "1.08 (0.97 to 1.23)"),
        ("pipeline", "0.36 (0.32 to 0.44)"),
        ("amortised", "0.36 (0.32 to 0.44)"),
    ]


@pytest.mark.parametrize(
    ("one", "badge", "tone", "value"),
    [
        (CHEAPER, "cheaper", "good", "1.40 (1.10 to 1.80)"),
        (DEARER, "dearer", "bad", "0.36 (0.32 to 0.44)"),
        (OPEN, "not decided", "open", "1.08 (0.97 to 1.23)"),
        (found(0.0, 0.0, 0.9), "not reached", "none", "not reached by the distilled"),
        (found(1.0, 1.0, 1.0, bounded=True), "not measured", "none", "not measured"),
    ],
)
def test_scopes_that_agree_are_one_word(
    one: EqualAccuracy, badge: str, tone: str, value: str
) -> None:
    card = arm_card("logit", {"student": one, "pipeline": one}, "")
    assert (card.badge, card.tone, card.facts[0].value) == (badge, tone, value)


@pytest.mark.parametrize(
    ("mean", "low", "high", "said"),
    [
        (0.05, 0.01, 0.09, "+5.0 points (95% interval over 3 seeds: +1.0 to +9.0), more accurate"),
        (-0.1, -0.2, 0, "-10.0 points (95% interval over 3 seeds: -20.0 to +0.0), not decided"),
        (-0.1, -0.3, -0.01, "-10.0 points (95% interval over 3 seeds: -30.0 to -1.0), less"
         " accurate"),
        (0.004, -0.02, 0.03, "+0.4 points (95% interval over 3 seeds: -2.0 to +3.0), not decided"),
    ],
)  # fmt: skip
def test_a_difference_at_equal_training_in_words(
    mean: float, low: float, high: float, said: str
) -> None:
    assert difference_text(SeedMean(mean, low, high, 3)) == said


def test_one_seed_has_no_interval() -> None:
    assert difference_text(seed_interval([0.04])) == "+4.0 points (one seed: no interval)"


def test_the_difference_is_paired_by_seed() -> None:
    """One that hardly varies is sure, however much the seeds differ; as SciPy has it."""
    own, vanilla = [0.2, 0.5, 0.81], [0.1, 0.41, 0.7]
    one = seed_interval([a - b for a, b in zip(own, vanilla, strict=True)])
    theirs = scipy_stats.ttest_rel(own, vanilla).confidence_interval(0.95)
    assert (one.low, one.high) == pytest.approx((theirs.low, theirs.high))
    assert difference_text(one).endswith("more accurate")


def test_what_was_not_measured_says_why() -> None:
    card = arm_card("logit", {"student": found(1.0, 1.0, 1.0, bounded=True)}, "Trained.")
    assert card.sentences[1] == (
        "Not measured: at its smallest budget a curve is above that accuracy already."
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return read_experiment(make_experiment(tmp_path_factory.mktemp("made")))


def test_the_page_of_an_experiment_has_a_card_for_each_distilled_arm(made: Experiment) -> None:
    (block,) = answer(made).blocks
    assert [card.title for card in block.cards] == [  # type: ignore[union-attr]
        "sequence-level against vanilla", "logit against vanilla",
    ]  # fmt: skip
    assert lede(made) == (
        "The teacher answers 57.0% of 100 held-out questions. Students of one size, trained from"
        " the same first weights for the same number of steps; 3 seeds."
    )


def test_the_sentence_on_equal_training_is_of_the_largest_budget(made: Experiment) -> None:
    """Every seed of an arm is one question above vanilla's: 53% and 52%."""
    assert equal_training(made, "logit") == (
        "Trained on 2,048 questions it answers 53.0%, vanilla 52.0%: +1.0 points (95% interval over"
        " 3 seeds: +1.0 to +1.0), more accurate."
    )


def test_the_teachers_training_makes_distillation_dearer(made: Experiment) -> None:
    """8 TFLOPs for one student, whose own training takes two at most."""
    (block,) = answer(made).blocks
    facts = {fact.name: fact.value for fact in block.cards[0].facts}  # type: ignore[union-attr]
    ratios = {scope: float(text.split()[0]) for scope, text in facts.items()}
    assert list(ratios) == ["student", "pipeline", "amortised", "one student"]
    assert ratios["pipeline"] == pytest.approx(ratios["student"] / 1.5, abs=0.01)
    assert ratios["one student"] < 0.15 < ratios["amortised"] < ratios["pipeline"]
