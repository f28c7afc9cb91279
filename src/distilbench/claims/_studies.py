"""Others' studies of the question, their figures beside ours at the same scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from distilbench.catalog import Catalog
from distilbench.claims._found import Placement
from distilbench.compute import (
    Input,
    Interval,
    Quantity,
    Unavailable,
    generation_utilisation,
    interval,
    known,
    scope_cost,
    training_utilisation,
)
from distilbench.yaml_file import read_yaml

_FILE = Path(__file__).parent / "studies.yaml"
ONE_OFF = 2.4
"""One-off distillation over direct fine-tuning, in energy (arXiv 2605.13981)."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Model(_Record):
    name: str
    parameters: float


class Distillation(_Record):
    """A distillation that a study metered. ``published`` is its own ratio, over the whole pipeline;
    the energies are of the stages that scope ``pipeline`` counts."""

    source: str
    where: str
    finding: str
    teacher: _Model
    student: _Model
    sampled: bool = Field(description="the teacher wrote the text; false: it scored given text")
    published: str
    teacher_kwh: float
    student_kwh: float
    direct_kwh: float = Field(description="training the student without the teacher")


class Finding(_Record):
    """A finding without a figure of ours that has its scope; ``why`` says why not."""

    source: str
    where: str
    finding: str
    ours: Literal["density"] | None = None
    why: str | None = None


class _Studies(_Record):
    distillations: tuple[Distillation, ...]
    findings: tuple[Finding, ...]


Agrees = Literal["inside", "outside", "agrees", "does not agree", "undecided", "not comparable"]


@dataclass(frozen=True)
class StudyRow:
    """One figure or finding of a study, and ours. ``theirs`` at our scope; null: no number.
    ``agrees``: whether ``theirs`` lies inside our 90% range, or the counts bear the finding out."""

    source: str
    where: str
    finding: str
    published: str | None
    scope: str
    theirs: float | None
    ours: Interval | None
    counted: str | None
    agrees: Agrees
    why: str


@dataclass(frozen=True)
class OneOff:
    """What a student of the catalog took with its teacher's inference, over its own training."""

    model: str
    ratio: Interval
    holds: bool
    """Whether the 90% range holds ``ONE_OFF``."""


def study_rows(
    placements: Sequence[Placement], draws: int = 10_000, seed: int = 0
) -> Iterator[StudyRow]:
    """Every figure and finding of ``studies.yaml``."""
    studies = _studies()
    for one in studies.distillations:
        yield _metered(one, draws, seed)
    for finding in studies.findings:
        yield _density(finding, placements) if finding.ours == "density" else _aside(finding)


def one_offs(catalog: Catalog, draws: int = 10_000, seed: int = 0) -> Iterator[OneOff]:
    """Scope ``pipeline`` over scope ``student`` of each student of which both are known: FLOPs
    with the teacher's inference over those without."""
    for card in catalog.cards.values():
        if card.lineage.recipe is None:
            continue
        own, all_ = (
            scope_cost(card, catalog.cards, scope, catalog.accelerators)
            for scope in ("student", "pipeline")
        )
        if isinstance(own.flops, Unavailable) or isinstance(all_.flops, Unavailable):
            continue
        if own.omits or all_.omits or own.exceeds or all_.exceeds:
            continue
        ratio = interval(all_.flops / own.flops, draws, seed)
        yield OneOff(card.id, ratio, ratio.p5 <= ONE_OFF <= ratio.p95)


def planned_ratio(one: Distillation) -> Quantity:
    """What we would have expected of its energy: 1 + (2 N_teacher / u) / (6 N_student / v) on one
    kind of accelerator, for as many tokens of the teacher as of the student's training, with the
    utilisations u of the teacher's work and v of training as in every plan of a distillation."""
    teacher = 2.0 * _size(one.teacher, one.source)
    work, training = _utilisations(one)
    own = 6.0 * _size(one.student, one.source) / training
    return teacher / work / own + 1.0


def _utilisations(one: Distillation) -> tuple[Quantity, Quantity]:
    """Of the teacher's work, and of training the student."""
    work = generation_utilisation if one.sampled else training_utilisation
    return work("teacher"), training_utilisation("student")


def _metered(one: Distillation, draws: int, seed: int) -> StudyRow:
    theirs = (one.teacher_kwh + one.student_kwh) / one.direct_kwh
    ours = interval(planned_ratio(one), draws, seed)
    inside = ours.p5 <= theirs <= ours.p95
    return StudyRow(
        one.source, one.where, one.finding, one.published,
        "pipeline over direct fine-tuning, energy", theirs, ours, None,
        "inside" if inside else "outside", _why(one, inside),
    )  # fmt: skip


def _why(one: Distillation, inside: bool) -> str:
    """What its own energies say of the utilisations that ours assumes."""
    work = (2 * one.teacher.parameters / one.teacher_kwh) / (
        6 * one.student.parameters / one.direct_kwh
    )
    ((teachers,), (own,)) = (q.inputs.values() for q in _utilisations(one))
    low, high = teachers.low / own.high, teachers.high / own.low
    doing = "writing" if one.sampled else "scoring"
    said = (
        f"by its energies the teacher's {doing} did {work:.1f} times the FLOPs of a joule that"
        f" training of the student did; we take {low:.2g} to {high:.2g}"
    )
    saved = 1 - one.student_kwh / one.direct_kwh
    rest = f"; the student stopped {saved:.0%} earlier than in direct fine-tuning"
    if inside:
        return said + rest
    cause = (
        ". Likely, as it trained in steps of 4 texts of 1,024 tokens, which leave a GPU idle, most"
        " so for a small student: its energy does not follow FLOPs"
    )
    return said + rest + cause


def _density(finding: Finding, placements: Iterable[Placement]) -> StudyRow:
    """Students that answer directly, as pruned and distilled general models do, by size."""
    from distilbench.stats import capability_density

    found = [
        capability_density(place.size, place.active_parameters)
        for place in placements
        if place.active_parameters and place.mode not in ("reasoned", "thinking")
    ]
    below = sum(one.high is not None and one.high < 1 for one in found)
    above = sum(one.low is not None and one.low > 1 for one in found)
    half = len(found) / 2
    agrees: Agrees = "agrees" if below > half else "does not agree" if above > half else "undecided"
    return StudyRow(
        finding.source, finding.where, finding.finding, None, "capability density", None, None,
        f"of {len(found)} placements of students that answer directly {below} are surely less dense"
        f" than the vanilla family and {above} surely denser",
        agrees if found else "not comparable",
        "the reference is a vanilla family of the catalog, not models trained for it, and not what"
        " each student was made from",
    )  # fmt: skip


def _aside(finding: Finding) -> StudyRow:
    return StudyRow(
        finding.source, finding.where, finding.finding, None, "–", None, None, None,
        "not comparable", finding.why or "",
    )  # fmt: skip


def _size(model: _Model, source: str) -> Quantity:
    name = f"{model.name}: parameters"
    size = model.parameters
    return known(Input(name, size, size, size, "published", source))


@cache
def _studies() -> _Studies:
    return read_yaml(_FILE, "distillations:").validated(_Studies)
