"""Sections of a run's report on repeated answers, templates, and public beside generated tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbench.report.page import (
    Details,
    Section,
    Shown,
    Table,
    Text,
    percent_range,
    points,
    points_range,
)

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData


_ESTIMATES = (
    Shown("model", "entry"),
    Shown("estimate", ("metric", "k"), "{}@{}"),
    Shown("value", "value", "{:.1%}", "derived"),
    Shown("95% interval", ("low", "high"), percent_range),
    Shown("questions", "n_questions"),
)
_SPREAD = (
    Shown("model", "entry"),
    Shown("task", "task"),
    Shown("accuracy", ("lowest", "highest"), percent_range),
    Shown("spread", "spread", lambda share: f"{100 * share:.1f}", "derived"),
    Shown("sd", "sd", lambda share: f"{100 * share:.1f}", "derived"),
    Shown(
        "95% interval of sd",
        ("low", "high"),
        lambda low, high: f"{100 * low:.1f} to {100 * high:.1f}",
    ),
    Shown("sd by chance", "sd_by_chance", lambda share: f"{100 * share:.1f}"),
    Shown("templates", "n_templates"),
)
_TEMPLATES = (
    Shown("model", "entry"),
    Shown("task", "task"),
    Shown("template", "template"),
    Shown("accuracy", "accuracy", "{:.1%}"),
    Shown("95% interval", ("low", "high"), percent_range),
    Shown("questions", "n_questions"),
)
_GAPS = (
    Shown("model", "entry"),
    Shown("gap", "gap", points, "derived"),
    Shown("excess over the others", "excess", points, "derived"),
    Shown("95% interval of excess", ("excess_low", "excess_high"), points_range),
    *(
        Shown(heading, (kind, f"{kind}_low", f"{kind}_high"), "{:.1%} ({:.1%} to {:.1%})")
        for heading, kind in (("public", "public"), ("held back", "held_back"))
    ),
)


def repeated(data: RunData) -> Section:
    """pass@k and cons@k, where questions were asked several times."""
    from distilbench.stats import repeats

    if data.heard["epoch"].n_unique() < 2:
        return Section("Repeated answers")
    found = repeats(data.heard, ("entry",), question=("task", "variant", "seed", "sample_id"))
    if found.is_empty():
        return Section("Repeated answers")
    note = (
        "pass@1 is the mean over all answers. pass@k: the chance that one of k answers is right,"
        " by the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374). cons@k: the score of"
        " the commonest of k answers, ties broken at random. Both count every choice of k of the"
        " answers at hand. Equal answers are those that the task's grader holds to be right, or"
        " whose normalised text or number is the same. Errors are over questions, as of accuracy."
    )
    ordered = found.sort("entry", "metric", "k", descending=[False, True, False])
    table = Table.of("pass@k and cons@k", ordered, _ESTIMATES)
    return Section("Repeated answers", (Text(note), table))


def templates(data: RunData) -> Section:
    """Accuracy under each template, and how far apart templates are."""
    from distilbench.stats import accuracy, template_spread

    asked = data.heard.filter(data.heard["template"].is_not_null())
    if asked.is_empty():
        return Section("Prompt templates")
    spread = template_spread(asked, ("entry",))
    if spread.is_empty():
        return Section("Prompt templates")
    note = (
        "The same questions in several formats. Spread: best template less worst; sd: standard"
        " deviation over templates, with a bootstrap interval over questions, both in percentage"
        " points. By chance: the sd to expect if no template were better than another; an sd that"
        " is not clearly above it is no sign that the format matters. In every mean over tasks"
        " these templates are one task."
    )
    each = accuracy(asked, ("entry", "task", "template"))
    every = Details("Every template", (Table.of("Accuracy by template", each, _TEMPLATES),))
    table = Table.of("Spread over templates", spread, _SPREAD)
    return Section("Prompt templates", (Text(note), table, every))


def contamination(data: RunData) -> Section:
    """Public tasks beside those whose questions no training data can hold."""
    from distilbench.stats import contamination_gap

    found = contamination_gap(data.used)
    if found.is_empty():
        return Section("Contamination")
    unsaid = data.heard.filter(data.heard["contamination"].is_null())["task"].unique().sort()
    left_out = ""
    if len(unsaid):
        names = ", ".join(unsaid)
        left_out = f" Left out, as the suite does not say what they are ('contamination'): {names}."
    note = (
        "Public: benchmarks that may stand in training data. Held back: generated or private"
        " questions. The gap alone shows nothing: one kind of task may simply be harder. Excess is"
        " a model's gap less the mean gap of the others on the same questions (difference in"
        " differences): an interval above 0 fits a model that has seen public questions, and also"
        " one that was trained for that kind of task. It cannot show contamination that all the"
        f" models share, and no excess is no proof of clean data.{left_out}"
    )
    caption = (
        "Accuracy on public tasks less that on tasks held back, in percentage points; and both"
    )
    return Section("Contamination", (Text(note), Table.of(caption, found, _GAPS)))
