"""Claim (c) on figures made up for it: who is counted, what flips the verdict, what a gain is."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.catalog import AnswerLength, Card, Catalog, Figure, load_catalog
from distilbench.claims import (
    Placement,
    Support,
    Tally,
    answer_tokens,
    axis_sentence,
    curve_verdict,
    family_tokens,
    verdicts_by_axis,
    with_lengths,
)
from distilbench.claims._curves import fit_families, place
from distilbench.cli._lengths import with_measured_lengths
from distilbench.errors import InputError
from distilbench.report.claims._curve_card import NO_PLACEMENT, curve_card
from distilbench.stats import Equivalent, Gain, Spent, gain_over
from tests.test_report import make_run

UP, DOWN, BOTH = (1.5, 9.0), (0.1, 0.9), (0.5, 2.0)
Ends = tuple[float | None, float | None]


def placed(
    model: str = "m",
    family: str = "students",
    benchmark: str = "b",
    curve: str = "v",
    source: str = "s",
    points: int = 3,
    **limits: Ends,
) -> Placement:
    """A score of a distilled model on a curve, with the limits of its gain by axis."""
    gains = {name: Gain(1.0, "=", low, high, 1.0, 0.95) for name, (low, high) in limits.items()}
    return Placement(
        model=model, own_family=family, benchmark=benchmark, metric="accuracy", shots=0,
        mode="direct", version=None, family=curve, curve_points=points, slopes_of=1, score=50.0,
        questions=None, source=source, active_parameters=None, measured_by=None, writes=None,
        family_writes=None,
        size=Equivalent("parameters", 1e9, "=", None, None, 0.95), own={}, gains=gains,
    )  # fmt: skip


def on(axis: str, placements: list[Placement]) -> Any:
    return next(one for one in verdicts_by_axis(placements) if one.axis == axis)


def study(families: int, benchmarks: int, ends: Ends) -> list[Placement]:
    return [
        placed(f"m{f}", f"f{f}", f"b{b}", student=ends)
        for f in range(families)
        for b in range(benchmarks)
    ]


def test_a_model_measured_by_two_is_one_model() -> None:
    twice = [placed(source="maker", student=UP), placed(source="another", student=UP)]
    found = on("student", twice)
    assert (found.families, found.models, found.scores) == (Tally(1, 0, 0), 1, 2)
    disagree = [placed(source="maker", student=UP), placed(source="another", student=DOWN)]
    assert on("student", disagree).families == Tally(0, 0, 1)
    # Three laboratories: what two of them find holds.
    third = [*disagree, placed(source="third", student=DOWN)]
    assert on("student", third).families == Tally(0, 1, 0)


def test_students_of_one_family_are_one_finding_on_a_benchmark() -> None:
    six = [placed(f"size{n}", student=UP) for n in range(6)]
    found = on("student", six)
    assert (found.families, found.benchmarks, found.models) == (Tally(1, 0, 0), Tally(1, 0, 0), 6)
    # Re-runs of one model must not outvote the two others of its family.
    reruns = [placed("a", source=str(n), student=UP) for n in range(5)]
    others = [placed("b", student=BOTH), placed("c", student=BOTH)]
    assert on("student", [*reruns, *others]).families == Tally(0, 0, 1)


def test_the_verdict_flips_with_the_side_and_needs_families_and_benchmarks() -> None:
    """The lower Wilson limit of 4 in 4 is 4 / (4 + 1.96 ** 2) = 0.51, of 3 in 3 it is 0.44."""
    assert on("student", study(4, 4, UP)).verdict == "supported"
    assert on("student", study(4, 4, DOWN)).verdict == "contradicted"
    assert on("student", study(4, 4, BOTH)).verdict == "undecided"
    few_benchmarks = on("student", study(30, 3, UP))
    assert few_benchmarks.families.verdict == "supported"
    assert (few_benchmarks.benchmarks.verdict, few_benchmarks.verdict) == ("undecided",) * 2
    assert on("student", study(3, 30, UP)).verdict == "undecided"
    assert on("lineage", study(4, 4, UP)).verdict == "no data"


def test_the_verdict_flips_from_a_token_to_an_answer() -> None:
    """Small models that write ten times more: above the curve by token, below it by answer."""
    both = [replace(one, gains={**one.gains}) for one in study(4, 4, UP)]
    answers = [
        replace(one, gains={"token": one.gains["student"],
                            "question": Gain(0.2, "=", 0.1, 0.5, 1.0, 0.95)})
        for one in both
    ]  # fmt: skip
    assert on("token", answers).verdict == "supported"
    assert on("question", answers).verdict == "contradicted"
    words = curve_verdict(answers)
    assert "token: supported (families: 4 above, 0 below, 0 undecided;" in words
    assert "question: contradicted (families: 0 above, 4 below, 0 undecided;" in words
    assert "student: no data" in words


def test_the_sentence_says_that_all_rests_on_one_curve_of_three_points() -> None:
    one_curve = [placed(f"m{n}", f"f{n}", student=UP) for n in range(5)]
    found = on("student", one_curve)
    assert found.rests_on == (Support("v", "b", 3),)
    assert axis_sentence(found) == (
        "Undecided by creation compute, scope student: 5 of 5 families above the curve and 0 below"
        " (supported), 1 of 1 benchmark above the curve and 0 below (undecided), from 5 scores of"
        " 5 models; all that is decided rests on one curve of 3 points, v on b."
    )
    # A placement that decides nothing of its family is no support of what is decided.
    more = [*one_curve, placed("m0", "f0", benchmark="c", curve="w", points=7, student=BOTH)]
    assert on("student", more).rests_on == (Support("v", "b", 3),)
    # Nor is what shows of one benchmark of three, where neither family nor benchmark is decided.
    apart = [placed(benchmark=b, student=BOTH) for b in "de"]
    apart += [placed(benchmark="f", student=UP)]
    apart += [placed(f"x{n}", f"x{n}", benchmark="f", student=BOTH) for n in range(2)]
    assert on("student", apart).rests_on == ()
    two = [*more, placed("m9", "f9", benchmark="c", curve="w", points=7, student=UP)]
    assert "2 curves of 3 points or more" in axis_sentence(on("student", two))
    assert "one curve" not in axis_sentence(on("student", study(4, 4, BOTH)))


def test_models_whose_compute_is_not_known_are_told_and_not_counted() -> None:
    found = on("student", [placed(student=UP), placed("other", token=UP)])
    assert (found.models, found.unknown, found.families.count) == (1, 1, 1)
    assert "of 1 more this compute is not known" in axis_sentence(found)
    assert axis_sentence(on("student", [placed(token=UP)])) == (
        "No data by creation compute, scope student: of 1 models on a curve it is not known."
    )


def test_a_cost_that_is_only_known_to_be_at_least_so_much_is_told() -> None:
    one = replace(placed(student=(None, 5.0)), own={"student": Spent(1e20, 1e19, None, ">=")})
    found = on("student", [one, placed("other", student=UP)])
    assert (found.open, found.models) == (1, 2)
    assert "; of 1 it is only known to be at least so much" in axis_sentence(found)


def test_the_card_tells_the_verdicts_or_that_there_is_no_data() -> None:
    card = curve_card([replace(one, gains=dict.fromkeys(
        ("student", "pipeline", "amortised", "lineage", "token", "question"), one.gains["student"]
    )) for one in study(4, 4, UP)])  # fmt: skip
    assert (card.badge, card.tone) == ("supported", "good")
    assert card.sentences[0].startswith("Supported by creation compute, scope student: 4 of 4 fam")
    assert card.facts[5].name == "question"
    mixed = curve_card(study(4, 4, DOWN))
    assert (mixed.badge, mixed.tone) == ("contradicted or no data, by compute", "open")
    nothing = curve_card([placed()])
    assert (nothing.badge, nothing.tone, list(nothing.sentences)) == (
        "no data", "none", [NO_PLACEMENT]
    )  # fmt: skip


AT = Equivalent("compute_flops", 1e24, "=", 5e23, 4e24, 0.95)


@pytest.mark.parametrize(
    ("vanilla", "spent", "bound", "low", "high"),
    [
        (AT, Spent(1e22, 5e21, 2e22), "=", 25, 800),
        # a part of the own cost is not known: nothing bounds the gain from below
        (AT, Spent(1e22, 5e21, None, ">="), "<=", None, 800),
        # a share may be counted too high, and nothing else is known: nothing bounds it from above
        (AT, Spent(1e22, None, 2e22, "<="), ">=", 25, None),
        (AT, Spent(1e22, None, None, "~"), "~", None, None),
        # beyond the family's largest model, at a cost that is a lower bound: on either side
        (replace(AT, bound=">=", high=None), Spent(1e22, 5e21, None, ">="), "~", None, None),
        (replace(AT, bound="<=", low=None), Spent(1e22, 5e21, None, ">="), "<=", None, 800),
        (replace(AT, bound=">=", high=None), Spent(1e22, None, 2e22, "<="), ">=", 25, None),
    ],
)
def test_a_cost_that_is_bounded_on_one_side_bounds_the_gain_on_the_other(
    vanilla: Equivalent, spent: Spent, bound: str, low: float | None, high: float | None
) -> None:
    gain = gain_over(vanilla, spent)
    assert (gain.value, gain.bound) == (pytest.approx(100), bound)
    assert gain.low == (None if low is None else pytest.approx(low))
    assert gain.high == (None if high is None else pytest.approx(high))


def figure(value: float, **more: Any) -> Figure:
    return Figure(value=value, source="s", where="here", **more)


def length(value: float, benchmark: str = "gsm8k", mode: Any = "thinking", **more: Any) -> Any:
    return AnswerLength(benchmark=benchmark, mode=mode, tokens=figure(value, **more))


def card(name: str, **more: Any) -> Card:
    made = {
        "id": name, "name": name, "developer": "d", "family": "v", "role": "vanilla",
        "stage": "instruct", "released": datetime.date(2025, 1, 1), **more,
    }  # fmt: skip
    return Card.model_validate(made)


def catalog_of(*cards: Card) -> Catalog:
    return load_catalog().model_copy(update={"cards": {one.id: one for one in cards}})


def test_lengths_of_answers_are_the_cards_own_or_of_others_or_a_range() -> None:
    one = card("one", answer_lengths=(length(1000),))
    two = card("two", answer_lengths=(length(400), length(6400)))
    none = card("none")
    catalog = catalog_of(one, two, none)

    def told(model: Card, mode: str = "thinking", benchmark: str = "gsm8k") -> Any:
        found = answer_tokens(model, benchmark, mode, catalog)
        return found and (round(found.value), found.low, found.high, found.known)

    assert told(one) == (1000, 1000, 1000, "published")
    assert told(two) == (1600, 400, 6400, "published")  # sqrt(400 x 6,400)
    assert told(none) == (1368, 400, 6400, "estimated")  # the cube root of 2.56e9
    assert told(none, "cot") == (632, 100, 4000, "estimated")
    assert told(one, benchmark="mmlu") == (4048, 500, 32768, "estimated")
    assert told(none, "direct") == (1, 1, 1, "estimated")
    assert told(one, "unstated") is None
    assert answer_tokens(card("c", answer_lengths=(
        length(128, mode="cot", kind="estimated", low=102, high=205, note="of characters"),
    )), "gsm8k", "cot", catalog) is not None  # fmt: skip
    family = family_tokens([("one", "thinking"), ("two", "thinking")], "gsm8k", catalog)
    assert family is not None
    assert (round(family.value), family.low, family.high) == (1265, 400, 6400)
    assert family_tokens([("one", "thinking"), ("none", "unstated")], "gsm8k", catalog) is None


SIZES = {"small": 1e9, "middle": 1e10, "large": 1e11}
SHARES = {"small": 20.0, "middle": 50.0, "large": 80.0}


def world(chance_benchmark: str, writes: dict[str, float], **student: Any) -> tuple[Any, Catalog]:
    """A vanilla family whose scores lie on an S-curve above chance, and a student of 1e9."""
    catalog = load_catalog()
    chance = catalog.benchmarks[chance_benchmark].chance or 0.0
    cards, rows = [], []

    def row(name: str, role: str, size: float, score: float, mode: str) -> dict[str, Any]:
        return {
            "model": name, "role": role, "family": "v" if role == "vanilla" else "students",
            "parameters": int(size), "active_parameters": int(size), "benchmark": chance_benchmark,
            "metric": "accuracy", "shots": 0, "mode": "reasoned", "written": mode,
            "setting_key": None, "score": score, "stderr": None, "questions": None, "source": "s",
            "where": "w", "measured_by": "maker",
        }  # fmt: skip

    for name, size in SIZES.items():
        lengths = (length(writes["vanilla"], chance_benchmark, "cot"),)
        cards.append(
            card(
                name,
                parameters={"total": figure(size)},
                training={"tokens": figure(20 * size)},
                answer_lengths=lengths,
            )
        )
        share = SHARES[name] / 100
        rows.append(row(name, "vanilla", size, chance + (100 - chance) * share, "cot"))
    recipe = {"method": "sequence-level", "tokens": figure(1e9), "epochs": figure(1)}
    cards.append(
        card(
            "student", role="distilled", family="students",
            parameters={"total": figure(1e9)}, lineage={"base": "small", "recipe": recipe},
            answer_lengths=(length(writes["student"], chance_benchmark, "thinking"),), **student,
        )
    )  # fmt: skip
    score = chance + (100 - chance) * 0.5
    rows.append(row("student", "distilled", 1e9, score, "thinking"))
    return pl.DataFrame(rows, infer_schema_length=None), catalog_of(*cards)


def only(frame: Any, catalog: Catalog) -> Placement:
    curves = tuple(fit_families(frame, catalog))
    (found,) = place(frame, catalog, curves, 200, 0)
    return found


@pytest.mark.parametrize(("benchmark", "chance"), [("gsm8k", 0.0), ("mmlu", 25.0), ("piqa", 50.0)])
def test_a_curve_begins_at_what_guessing_gives(benchmark: str, chance: float) -> None:
    """Half of the way from chance to 100 is the middle model, whatever chance is: were it not
    taken off, 75 of 100 with two choices would stand for more than a middle model."""
    frame, catalog = world(benchmark, {"vanilla": 100, "student": 100})
    curves = tuple(fit_families(frame, catalog))
    assert {one.curve.lower for one in curves if one.curve} == {chance}
    assert only(frame, catalog).size.value == pytest.approx(1e10, rel=1e-3)


def test_a_benchmark_whose_chance_is_not_one_number_has_no_curve() -> None:
    frame, catalog = world("bbh", {"vanilla": 100, "student": 100})
    curves = tuple(fit_families(frame, catalog))
    assert {one.refused for one in curves} == {"what guessing gives on bbh is not one number"}


def test_gains_of_a_token_and_of_an_answer_by_hand() -> None:
    """The student of 1e9 scores as 1e10 vanilla parameters do: of a token ten times less. It writes
    3,000 tokens where they write 150, twenty times as many: of an answer twice as much."""
    found = only(*world("gsm8k", {"vanilla": 150, "student": 3000}))
    assert found.gains["token"].value == pytest.approx(10, rel=1e-3)
    assert found.gains["question"].value == pytest.approx(0.5, rel=1e-3)
    assert found.own["token"].value == pytest.approx(2e9)
    assert found.own["question"].value == pytest.approx(6e12)  # 2 x 1e9 x 3,000
    # The middle model took 6 x 1e10 x 2e11 = 1.2e22; the student's training 6 x 1e9 x 1e9.
    assert found.gains["student"].value == pytest.approx(1.2e22 / 6e18, rel=1e-3)


def test_a_length_that_is_not_known_widens_the_gain_of_an_answer() -> None:
    frame, catalog = world("gsm8k", {"vanilla": 150, "student": 3000})
    silent = {n: one.model_copy(update={"answer_lengths": ()}) for n, one in catalog.cards.items()}
    found = only(frame, catalog.model_copy(update={"cards": silent}))
    low, high = found.gains["question"].low, found.gains["question"].high
    known = only(frame, catalog).gains["question"]
    assert low is None or (known.low is not None and low < known.low)
    assert high is None or (known.high is not None and high > known.high)
    assert found.gains["token"].value == pytest.approx(10, rel=1e-3)


def test_scores_of_another_version_of_a_benchmark_are_another_curve() -> None:
    frame, catalog = world("livecodebench", {"vanilla": 100, "student": 100})
    newer = frame.with_columns(
        pl.when(pl.col("model") == "student").then(pl.lit("2025")).otherwise(pl.lit("2024"))
        .alias("setting_key")
    )  # fmt: skip
    curves = tuple(fit_families(newer, catalog))
    assert {one.version for one in curves} == {"2024"}
    assert list(place(newer, catalog, curves, 200, 0)) == []


def test_a_mixture_of_experts_runs_at_its_active_parameters() -> None:
    """With a tenth of the weights active, the equivalent size is of all weights, and a token's
    compute that of the active ones."""
    frame, catalog = world("gsm8k", {"vanilla": 150, "student": 150})
    sparse = frame.with_columns(
        pl.when(pl.col("role") == "vanilla").then(pl.col("parameters") // 10)
        .otherwise("active_parameters").alias("active_parameters")
    )  # fmt: skip
    found = only(sparse, catalog)
    assert found.size.value == pytest.approx(1e10, rel=1e-3)
    assert found.gains["token"].value == pytest.approx(1, rel=1e-3)


def test_three_families_of_one_setting_lend_each_other_their_slope() -> None:
    frame, catalog = world("gsm8k", {"vanilla": 150, "student": 150})
    vanilla = frame.filter(pl.col("role") == "vanilla")
    steeper = {"v": 0.0, "v2": 4.0, "v3": 8.0}
    several, cards = [], dict(catalog.cards)
    for name, more in steeper.items():
        ids = pl.col("model") + name
        moved = pl.when(pl.col("score") > 60).then(pl.col("score") + more).otherwise("score")
        several.append(vanilla.with_columns(ids, pl.lit(name).alias("family"), moved))
        for model in SIZES:
            cards[model + name] = cards[model].model_copy(update={"id": model + name})
    joined = pl.concat(several)
    whole = catalog.model_copy(update={"cards": cards})

    def slopes(share: bool, frame: pl.DataFrame) -> list[float]:
        found = fit_families(frame, whole, share_slopes=share)
        return [c.curve.slope for c in found if c.curve and c.scale == "compute_flops"]

    alone, pooled = slopes(False, joined), slopes(True, joined)
    assert max(pooled) - min(pooled) < max(alone) - min(alone)
    assert min(alone) < min(pooled) < max(pooled) < max(alone)
    two = joined.filter(pl.col("family") != "v3")
    assert slopes(True, two) == slopes(False, two)


def run_frames(thoughts: int | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers of one model to two questions of gsm8k, one of them asked twice."""
    cells = pl.DataFrame({"cell": ["c"], "card": ["qwen2.5-7b-instruct"]})
    samples = pl.DataFrame(
        {
            "cell": ["c"] * 3, "task": ["gsm8k"] * 3, "seed": [0] * 3, "sample_id": ["1", "1", "2"],
            "output_tokens": [100, 300, 400], "reasoning_tokens": [thoughts] * 3,
            "outcome": ["stop", "stop", "length"],
        },
        schema_overrides={"reasoning_tokens": pl.Int64},
    )  # fmt: skip
    return samples, cells


def test_a_run_says_how_long_answers_are_where_nothing_is_published() -> None:
    catalog = load_catalog()
    samples, cells = run_frames(None)
    with_lengths(catalog, samples, cells, "Läufe von heute_nacht (2)")
    found, told = with_lengths(catalog, samples, cells, "tonight")
    (one,) = found.card("qwen2.5-7b-instruct").answer_lengths
    assert (one.tokens.value, one.tokens.kind, one.mode) == (300, "measured", "cot")
    assert one.setting == "2 questions, 1 cut off by the limit"
    assert told == (
        "Qwen2.5-7B-Instruct on gsm8k: 300 tokens an answer (cot), mean of 2 measured by tonight",
    )
    written = answer_tokens(found.card("qwen2.5-7b-instruct"), "gsm8k", "cot", found)
    assert written is not None
    assert (written.value, written.known) == (300, "measured")
    thinking, _ = with_lengths(catalog, *run_frames(50), "tonight")
    assert thinking.card("qwen2.5-7b-instruct").answer_lengths[0].mode == "thinking"
    # Published lengths stay, other tasks and direct answers say nothing.
    again, said = with_lengths(found, samples, cells, "later")
    assert (again.cards, said) == (found.cards, ())
    for other in ({"task": pl.lit("puzzles")}, {"output_tokens": pl.lit(2)}):
        assert with_lengths(catalog, samples.with_columns(**other), cells, "x")[1] == ()


def test_published_lengths_by_hand() -> None:
    """R1-Distill-Qwen-7B on GPQA Diamond: 19,827.53 and 1,975.19 tokens in two READMEs; the root of
    their product is 6,258. Of its six siblings nothing is published, so the same range stands."""
    catalog = load_catalog()
    for model, known in (("7b", "published"), ("32b", "estimated")):
        card = catalog.card(f"deepseek-r1-distill-qwen-{model}")
        found = answer_tokens(card, "gpqa-diamond", "thinking", catalog)
        assert found is not None
        assert found.value == pytest.approx(6258, abs=1)
        assert (found.low, found.high, found.known) == (1975.19, 19827.53, known)


def test_a_run_that_says_nothing_of_lengths_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(InputError, match=r"--lengths .*: holds no answer of a model with a card"):
        with_measured_lengths(load_catalog(), [str(run)])


@pytest.mark.parametrize("tokens", [{"value": 0}, {"value": 5, "low": 0, "high": 9}])
def test_an_answer_has_a_token(tokens: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="more than 0 tokens"):
        length(**tokens)
