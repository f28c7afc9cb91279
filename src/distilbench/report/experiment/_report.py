"""The report of distilled against vanilla students: reads the experiment's folder, writes the page.

Creation costs are those of ``compute``'s scopes, from a student's measured stages; what its teacher
generated or scored for it is counted as if no other student had used it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from distilbench.durations import duration
from distilbench.report.experiment._answer import QUESTION, answer, lede
from distilbench.report.experiment._charts import accuracy_against_creation
from distilbench.report.experiment._compared import DRAWN, DRAWS, TITLES, compare, ratio_text
from distilbench.report.experiment._data import Experiment, read_experiment
from distilbench.report.page import (
    Chart,
    Details,
    Pre,
    Section,
    Shown,
    Table,
    Text,
    percent_range,
    render_page,
    si,
)
from distilbench.stats import SeedMean, seed_interval

_ABOVE = "a curve is above it at the smallest budget"


def write_experiment_report(folder: Path) -> Path:
    """Write ``report/index.html`` of an experiment; returns it."""
    experiment = read_experiment(folder)
    return render_page(
        title="distilbench: distilled against vanilla students",
        lede=lede(experiment),
        sections=[make(experiment) for make in SECTIONS],
        out_dir=folder / "report",
        question=QUESTION,
        head=answer(experiment),
    )


def _figures(experiment: Experiment) -> Section:
    charts = [_chart(experiment, scope) for scope in DRAWN]
    note = (
        "Large points: mean over seeds, with Student's 95% interval over seeds (it holds the"
        " spread of trainings, not of questions). Small points: seeds."
    )
    return Section("Accuracy against creation compute", (Text(note), *charts))


def _chart(experiment: Experiment, scope: str) -> Chart:
    means, seeds = [], []
    for row in experiment.trainings.to_dicts():
        cost = experiment.flops(row, scope)
        seeds.append({k: row[k] for k in ("arm", "seed", "budget", "accuracy")} | {"flops": cost})
    for arm in experiment.arms:
        for budget in experiment.spec["budgets"]:
            group = [r for r in seeds if r["arm"] == arm and r["budget"] == budget]
            found = seed_interval([row["accuracy"] for row in group])
            means.append(
                {
                    "arm": arm,
                    "budget": budget,
                    "flops": _mean([row["flops"] for row in group]),
                    "accuracy": found.mean,
                    "low": max(0.0, found.low),
                    "high": min(1.0, found.high),
                }
            )
    words = "; ".join(f"{r['arm']} {r['accuracy']:.1%} at {si(r['flops'])}" for r in means)
    drawn = accuracy_against_creation(means, seeds, experiment.arms, f"creation FLOPs, {scope}")
    name = f"curve-{scope.replace(' ', '-')}"
    return Chart(name, f"Scope {TITLES[scope]}. Measured FLOPs.", words, drawn)


def _ratios(experiment: Experiment) -> Section:
    columns = (
        Shown("arm", "arm"),
        Shown("scope", "scope"),
        Shown("accuracy", "found", lambda found: f"{found.level:.1%}"),
        Shown("vanilla FLOPs", "found", lambda found: _flops(found.first_flops)),
        Shown("distilled FLOPs", "found", lambda found: _flops(found.second_flops)),
        Shown("ratio (95%)", "found", ratio_text),
        Shown("both reach it", "found", lambda found: f"{found.within:.0%}"),
        Shown("", "found", lambda found: _ABOVE if found.bounded else ""),
    )
    frame = (
        {"arm": arm, "scope": scope, "found": one}
        for (arm, scope), found in compare(experiment).items()
        for one in found
    )
    note = (
        "Ratio: FLOPs that the vanilla curve needs for an accuracy over those that the distilled"
        " one needs; above 1 distillation is cheaper. Curves are joined by straight lines against"
        " the logarithm of FLOPs, and never extrapolated. Accuracies: a quarter, half and three"
        " quarters of the range that both curves cover, and the best of the vanilla students."
        f" Intervals: {DRAWS} bootstrap draws over seeds and questions, pairs kept; with few"
        " seeds they are rough."
    )
    scopes = Table("Scopes", ("scope", "what it counts"), list(TITLES.items()))
    ratios = Table.of("Vanilla over distilled", frame, columns)
    return Section("Compute at equal accuracy", (Text(note), ratios, scopes))


def _flops(value: float) -> str:
    return "not reached" if math.isinf(value) else si(value)


def _points(experiment: Experiment) -> Section:
    columns = (
        Shown("arm", "arm"),
        Shown("training questions", "budget", "{:,}"),
        Shown("accuracy", "found", lambda found: f"{found.mean:.1%}"),
        Shown("95% over seeds", "found", _over_seeds),
        Shown("seeds", "accuracy", lambda each: ", ".join(f"{one:.1%}" for one in each)),
        Shown("held-out loss", "loss", lambda each: f"{sum(each) / len(each):.3f}"),
    )
    frame = ({**group, "found": seed_interval(group["accuracy"])} for group in experiment.groups())
    return Section("Points", (Table.of("Held-out accuracy", frame, columns),))


def _over_seeds(found: SeedMean) -> str:
    return percent_range(max(0.0, found.low), min(1.0, found.high))


def _stages(experiment: Experiment) -> Section:
    teacher = {name: [value] for name, value in experiment.teacher.items()}
    frame = [{**teacher, "name": "teacher"}]
    for group in experiment.groups():
        frame.append({**group, "name": f"{group['arm']}, {group['budget']:,} questions"})
    note = (
        "Counted: torch's FlopCounterMode on sample steps, scaled by tokens. By formula: from the"
        " shape, attention included. 6ND leaves out attention, and what TRL's fused output layer"
        " computes twice. Retries are counted."
    )
    return Section("Stages", (Text(note), Table.of("FLOPs of each stage", frame, _STAGES)))


def _mean(each: Sequence[float]) -> float:
    return sum(map(float, each)) / len(each)


def _counted_over_formula(counted: Sequence[float], formula: Sequence[float]) -> str:
    return f"{_mean(counted) / _mean(formula):.3f}"


def _rejected(rejected: Sequence[int], generated: Sequence[int]) -> str:
    return f"{sum(rejected) / sum(generated):.1%}" if sum(generated) else "none generated"


def _mean_flops(each: Sequence[float]) -> str:
    return si(_mean(each))


_COUNTED, _FORMULA = "student_training_flops", "student_training_formula_flops"
_STAGES = (
    Shown("mean of a training", "name"),
    Shown("training tokens", "tokens", lambda each: f"{_mean(each):,.0f}"),
    Shown("training FLOPs, counted", _COUNTED, _mean_flops),
    Shown("by formula", _FORMULA, _mean_flops),
    Shown("counted / formula", (_COUNTED, _FORMULA), _counted_over_formula),
    Shown("by 6ND", "student_training_6nd_flops", _mean_flops),
    Shown("teacher generation", "teacher_generation_flops", _mean_flops),
    Shown("teacher scoring", "logit_caching_flops", _mean_flops),
    Shown("answers rejected", ("rejected", "generated"), _rejected),
)


def _conditions(experiment: Experiment) -> Section:
    spec = experiment.spec
    seconds = float(experiment.trainings["wall_s"].sum()) + float(experiment.teacher["wall_s"])
    rows = [
        ("seeds", len(spec["seeds"])),
        ("held-out questions, the same for all", spec["held_out"]),
        ("teacher's accuracy on them", f"{experiment.teacher['accuracy']:.1%}"),
        ("teacher's training, measured FLOPs", si(experiment.teacher["student_training_flops"])),
        ("students that share the teacher", experiment.uses),
        ("time of all stages", duration(seconds)),
        ("machine", experiment.hardware),
    ]
    text = json.dumps(spec, indent=1)
    return Section(
        "Conditions",
        (Table("Conditions", ("what", "value"), rows), Details("The experiment", (Pre(text),))),
    )


SECTIONS = (_figures, _ratios, _points, _stages, _conditions)
"""The sections of the page, functions of the experiment, in their order."""
