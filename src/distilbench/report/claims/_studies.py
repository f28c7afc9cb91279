"""What others measured on the question, beside ours at the same scope."""

from __future__ import annotations

from functools import partial

from distilbench.claims import ONE_OFF, Claims, OneOff, one_offs, study_rows
from distilbench.report.claims._cells import model_cell, range_text, ratio_text, source_cell
from distilbench.report.page import Section, Shown, Table, Text

_NOTE = (
    "The energies of arXiv 2605.13981 are of one teacher and its students on H100s. Ours for the"
    " same sizes is 1 + (2 N of the teacher / utilisation) / (6 N of the student / utilisation), as"
    " `distilbench plan-distillation` counts, with the ranges of its utilisations: FLOPs turned"
    " into energy, not energy measured. 'At our scope' leaves out preprocessing and evaluation,"
    " which make no model."
)


def studies(claims: Claims) -> Section:
    """The studies as rows, and the one-off ratio of every student."""
    rows = list(study_rows(claims.every_placement, claims.draws, claims.seed))
    of_students = sorted(
        one_offs(claims.catalog, claims.draws, claims.seed), key=lambda one: one.ratio.central
    )
    columns = (
        Shown("study", ("source", "where"), lambda s, w: source_cell(s, s, w)),
        Shown("finding", "finding"),
        Shown("scope", "scope"),
        Shown("as published", "published", lambda text: text or "–"),
        Shown("at our scope", "theirs", "{:.2f}"),
        Shown("ours", "ours", lambda ours: None if ours is None else _two(ours.central)),
        Shown("90% range", "ours", lambda ours: "–" if ours is None else range_text(ours)),
        Shown("agrees", "agrees"),
        Shown(
            "why", ("counted", "why"), lambda counted, why: f"{counted}; {why}" if counted else why
        ),
    )
    each = (
        Shown("distilled model", "model", partial(model_cell, claims.catalog)),
        Shown("with the teacher's inference over without", "ratio", lambda r: _two(r.central)),
        Shown("90% range", "ratio", range_text),
        Shown(f"holds {ONE_OFF:g}", "holds", lambda yes: "yes" if yes else "no"),
    )
    return Section(
        "Others' studies",
        (
            Text(_said(of_students), strong=True),
            Text(_NOTE),
            Table.of("What others measured, and ours", rows, columns),
            Table.of("One-off distillation, student by student", of_students, each),
        ),
    )


def _said(found: list[OneOff]) -> str:
    """Whether 2.4 lies inside our intervals."""
    if not found:
        return f"No student's cost is known with its teacher's inference to set beside {ONE_OFF:g}."
    inside = [one for one in found if one.holds]
    above = sum(one.ratio.p5 > ONE_OFF for one in found)
    below = len(found) - len(inside) - above
    return (
        f"One-off distillation took {ONE_OFF:g} times the energy of direct fine-tuning in arXiv"
        f" 2605.13981. That lies inside our range for {len(inside)} of {len(found)} students whose"
        f" teacher's inference is known; for {above} of them the whole range lies above it, for"
        f" {below} below. It hangs on how much larger the teacher is than the student, on the share"
        " of what it wrote that was kept, and on whether it wrote or only scored."
    )


def _two(value: float) -> str:
    return ratio_text(value) if value >= 10 else f"{value:.2f}"
