"""The page of the experiment scarce-data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from distilbench.durations import duration
from distilbench.errors import InputError
from distilbench.report.experiment._compared import DRAWN, TITLES
from distilbench.report.experiment._scarce_charts import against_data, against_flops
from distilbench.report.experiment._scarce_data import Cell, Scarce, ScarceStudy, read_scarce
from distilbench.report.experiment._scarce_verdict import (
    Outcome,
    break_even,
    break_even_words,
    comparisons,
    overall,
    said,
    what,
)
from distilbench.report.page import (
    NOT_AVAILABLE,
    Card,
    Cards,
    Chart,
    Details,
    Pre,
    Section,
    Table,
    Text,
    Tone,
    listed,
    render_page,
    si,
    spread,
)

QUESTION = "Does a teacher help where data is scarce, each arm tuned alike?"
_TONES: dict[Outcome, Tone] = {"better": "good", "worse": "bad", "not decided": "open"}
_NAMES = {"text": "Text", "questions": "Questions"}
ARMS = {
    "vanilla": "cross-entropy on the text, or on the gold answers",
    "vanilla-equal-flops": "the same rows, as many steps as logit's pipeline FLOPs buy",
    "vanilla-teacher-rows": "on the rows that the teacher was trained on",
    "vanilla-all-gold": "on gold answers to all questions",
    "logit": "forward KL to the teacher, which scores each step",
    "logit-cached": "forward KL to the teacher's best logits, computed once",
    "teacher-answers": "on the teacher's answers to all questions, right or wrong",
    "both": "on the gold answers, and the teacher's to all other questions",
}


def write_scarce_report(folder: Path) -> Path:
    """Write ``report/index.html`` of the experiment scarce-data; returns it."""
    found = read_scarce(folder)
    sections = [section for study in found.studies for section in _sections(study)]
    return render_page(
        title="distilbench: distillation where data is scarce",
        lede=_lede(found),
        sections=[*sections, _conditions(found)],
        out_dir=folder / "report",
        question=QUESTION,
        head=Section("The answer", tuple(_head(study) for study in found.studies)),
    )


def _lede(found: Scarce) -> str:
    spec, trials = found.facts["experiment"], {_trials(study) for study in found.studies}
    told = " and ".join(f"{count}" for count in sorted(trials))
    seeds = len(spec["seeds"])
    return (
        f"Every arm had {told} trials on the validation split with one seed; what won was trained"
        f" again with {seeds} other {'seed' if seeds == 1 else 'seeds'} and judged on a test split"
        " that no trial saw. " + " ".join(overall(study) for study in found.studies)
    )


def _trials(study: ScarceStudy) -> int:
    """Of each cell; raises ``InputError`` where one had more than another."""
    counts = sorted({len(cell.trials) for cell in study.cells})
    if len(counts) > 1:
        raise InputError(
            f"study of {study.name}",
            f"its arms had {listed([str(count) for count in counts])} trials, and are not alike",
            "run the same command on",
        )
    return counts[0]


def _head(study: ScarceStudy) -> Cards:
    """A card for each distilled arm."""
    arms = list(dict.fromkeys(cell.arm for cell in study.cells if cell.taught))
    return Cards(_NAMES[study.name], [_card(study, arm) for arm in arms])


def _card(study: ScarceStudy, arm: str) -> Card:
    found = comparisons(study, arm)
    badge, tone = spread([one.outcome for one in found["same data"]], _TONES, "by data")
    sentences = [
        f"Against {what(against, study.is_text)}: {said(each, study.is_text)}."
        for against, each in found.items()
    ]
    own = found["same data"][-1].own
    sentences.append(break_even_words(break_even(study, own), study.is_text))
    return Card(
        f"{_NAMES[study.name]}: {arm}", badge, tone, sentences, more=f"{_NAMES[study.name]}: tuning"
    )


def _sections(study: ScarceStudy) -> Iterator[Section]:
    name = _NAMES[study.name]
    yield Section(f"{name}: curves", (Text(_reading(study)), *_charts(study)))
    yield Section(f"{name}: comparisons", (Text(_COMPARED), _differences(study), _repaid(study)))
    yield Section(f"{name}: creation cost", (Text(_costs_note(study)), _costs(study)))
    yield Section(f"{name}: tuning", (Text(_TUNED), _tuning(study)))


_COMPARED = (
    "Differences are of the same seeds on the same test rows; above 0 the distilled is better. Each"
    " 95% interval covers both other seeds and other test rows (two-way random effects, Student's t"
    " with Satterthwaite's degrees of freedom: with three seeds the factor is up to 4.30), and"
    " stands for itself: of twenty comparisons without any difference, one would seem decided. It"
    " does not cover other training rows, other splits or another tuning. Who diverged has lost."
)
_TUNED = (
    "Learning rates were tried first, at the middle number of steps, then the other steps at the"
    " best of them; vanilla-equal-flops, whose steps are given, tried as many learning rates. The"
    " best trial at the edge of what was tried is not known to be the best there is. The FLOPs of"
    " the tuning, the teacher's part in it included, stand beside every scope: they are in none."
)


def _reading(study: ScarceStudy) -> str:
    quality = (
        f"a test loss of {study.teacher_score:.3f} nats a token"
        if study.is_text
        else f"{study.teacher_score:.1%} of the test questions"
    )
    return (
        f"The teacher, trained on {study.teacher['unique']:,}"
        f" {'rows' if study.is_text else 'questions'} of its own, has {quality}. Points are means"
        " over seeds and test rows with 95% intervals over both. Dashed: an arm that hangs on no"
        " amount of data."
    )


def _charts(study: ScarceStudy) -> list[Chart]:
    word = "rows" if study.is_text else "gold answers"
    points = [_point(study, cell, "student") for cell in study.cells if cell.found]
    words = "; ".join(f"{p['arm']} {p['unique']:,} {word}: {_score(study, p)}" for p in points)
    made = [
        Chart(
            f"{study.name}-data", f"The test's figure against unique {word}.", words,
            against_data(points, study.arms, study.is_text),
        )
    ]  # fmt: skip
    for scope in DRAWN:
        points = [_point(study, cell, scope) for cell in study.cells if cell.found]
        words = "; ".join(f"{p['arm']} {_score(study, p)} at {si(p['flops'])}" for p in points)
        drawn = against_flops(points, study.arms, scope, study.is_text)
        name = f"{study.name}-{scope.replace(' ', '-')}"
        made.append(Chart(name, f"Scope {TITLES[scope]}. Measured FLOPs.", words, drawn))
    return made


def _point(study: ScarceStudy, cell: Cell, scope: str) -> dict[str, Any]:
    found = cell.found
    assert found is not None
    low, high = _ends(found.low, found.high, found.mean, study.is_text)
    flat = sum(other.arm == cell.arm for other in study.cells) == 1
    return {
        "arm": cell.arm, "unique": cell.unique, "flops": study.flops(cell, scope),
        "mean": found.mean, "low": low, "high": high, "flat": flat,
    }  # fmt: skip


def _ends(low: float, high: float, mean: float, is_text: bool) -> tuple[float, float]:
    """An interval's ends as they are drawn: of one seed there is none, shares stay in [0, 1]."""
    if low == -float("inf"):
        return mean, mean
    return (max(0.0, low), high if is_text else min(1.0, high))


def _score(study: ScarceStudy, point: dict[str, Any]) -> str:
    return f"{point['mean']:.3f} nats" if study.is_text else f"{point['mean']:.1%}"


def _differences(study: ScarceStudy) -> Table:
    rows = [
        (arm, what(against, study.is_text), said([one], study.is_text))
        for arm in dict.fromkeys(cell.arm for cell in study.cells if cell.taught)
        for against, found in comparisons(study, arm).items()
        for one in found
    ]
    return Table("Comparisons", ("distilled", "against", "verdict"), rows)


def _repaid(study: ScarceStudy) -> Table:
    rows = [
        (cell.arm, cell.unique, break_even_words(break_even(study, cell), study.is_text))
        for cell in study.cells
        if cell.taught
    ]
    return Table("Break-even in students", ("distilled", _unit(study), "repaid"), rows)


def _unit(study: ScarceStudy) -> str:
    return "unique rows" if study.is_text else "gold answers"


def _costs_note(study: ScarceStudy) -> str:
    spent = sum(cell.tuning_flops for cell in study.cells)
    return (
        "FLOPs of one training, mean of the seeds, counted by torch. The teacher's training"
        f" ({si(study.teacher['student_training_flops'])}FLOPs) is shared by {study.uses:,}"
        f" students where the scope is amortised. All tuning took {si(spent)}FLOPs, in no scope."
    )


def _costs(study: ScarceStudy) -> Table:
    columns = (
        "arm", _unit(study), "test loss" if study.is_text else "accuracy", "95%", *DRAWN,
        "tuning (in no scope)",
    )  # fmt: skip
    rows = [
        (
            cell.arm, cell.unique, *_figures(cell, study.is_text),
            *(si(study.flops(cell, scope)) for scope in DRAWN), si(cell.tuning_flops),
        )
        for cell in study.cells
    ]  # fmt: skip
    return Table("Creation FLOPs", columns, rows)


def _figures(cell: Cell, is_text: bool) -> tuple[str, str]:
    found = cell.found
    if found is None:
        return f"{cell.diverged} of {len(cell.tests)} diverged", NOT_AVAILABLE
    show: Callable[[float], str] = (lambda v: f"{v:.3f}") if is_text else (lambda v: f"{v:.1%}")
    if found.low == -float("inf"):
        return show(found.mean), "one seed: none"
    low, high = _ends(found.low, found.high, found.mean, is_text)
    return show(found.mean), f"{show(low)} to {show(high)}"


def _tuning(study: ScarceStudy) -> Table:
    columns = ("arm", _unit(study), "trials", "diverged", "learning rate", "steps", "at an edge")
    rows = [
        (
            cell.arm, cell.unique, len(cell.trials),
            sum(row["loss"] is None for row in cell.trials), f"{cell.learning_rate:.3g}",
            cell.steps, _edges(cell),
        )
        for cell in study.cells
    ]  # fmt: skip
    return Table("What won", columns, rows)


def _edges(cell: Cell) -> str:
    """Where the best trial is the lowest or highest of those tried."""
    found = []
    for name, own in (("learning_rate", cell.learning_rate), ("steps", cell.steps)):
        tried = {row[name] for row in cell.trials}
        if len(tried) > 1 and own in (min(tried), max(tried)):
            end = "lowest" if own == min(tried) else "highest"
            found.append(f"{name.replace('_', ' ')}: {end} tried, not known to be the best")
    return "; ".join(found) or "no"


def _conditions(found: Scarce) -> Section:
    facts = found.facts
    rows = [
        ("seeds of the test", ", ".join(map(str, facts["experiment"]["seeds"]))),
        ("time of all trainings, added up", duration(found.wall_s)),
        ("machine", facts["hardware"]),
        ("Python", facts["python"]),
        *((f"data, {name}", _told(data)) for name, data in facts["data"].items()),
    ]
    arms = [(arm, words) for arm, words in ARMS.items() if _is_there(found, arm)]
    text = json.dumps(facts["experiment"], indent=1)
    return Section(
        "Conditions",
        (
            Table("Arms", ("arm", "trained on"), arms),
            Table("Scopes", ("scope", "what it counts"), list(TITLES.items())),
            Table("Conditions", ("what", "value"), rows),
            Details("The experiment", (Pre(text),)),
        ),
    )


def _told(data: dict[str, Any]) -> str:
    parts = []
    for name, value in data.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count:,}" for key, count in value.items())
        parts.append(f"{name.replace('_', ' ')}: {value}")
    return "; ".join(parts)


def _is_there(found: Scarce, arm: str) -> bool:
    return any(arm in study.arms for study in found.studies)
