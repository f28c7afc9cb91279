"""Verdicts as data: the records that ``reproduce --json`` prints, and their JSON schema.

``docs/schemas/verdicts.schema.json`` is made from these classes (``python -m tests.schemas``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from distilbench.catalog import Kind
from distilbench.claims._found import MeasuredBy, Modes, Settings, Word
from distilbench.compute import Bound


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Terms(_Record):
    """What a verdict was found under; null: the claim does not hang on it."""

    times: float | None = Field(None, description="(a): the ratio that is to be exceeded")
    margin_points: float | None = Field(
        None, description="(b): percentage points that a model on par may score less"
    )
    measured_by: MeasuredBy = Field("all", description="whose figures and scores count")
    modes: Modes | None = Field(
        None, description="(b), (c): thinking and prompted chain of thought as one mode, or two"
    )
    settings: Settings | None = Field(
        None,
        description="(b): pairs of which a setting is not known (samples averaged, greedy or"
        " sampled, output limit) count, or do not",
    )


class Estimate(_Record):
    """The figure that the verdict is about."""

    what: str
    value: float | None = Field(description="null: not available")
    unit: Literal["ratio", "share"]
    bound: Bound = Field("=", description="how the value stands to what was spent")
    kind: Kind = Field("derived", description="how the value is known")


class Span(_Record):
    """Limits of the estimate; null: there is none on that side."""

    low: float | None
    high: float | None
    level: float
    method: str


class Given(_Record):
    """A figure that the estimate was computed from."""

    name: str
    value: float
    low: float
    high: float
    kind: Kind
    source: str = Field(description="key of the source, and the place in it")
    note: str | None


class Compared(_Record):
    """A pair of scores that was counted. Scores are percent, or the metric's own unit."""

    distilled: str
    vanilla: str
    benchmark: str
    version: str | None
    metric: str | None
    shots: int | None
    mode: str | None
    distilled_score: float
    vanilla_score: float
    difference_low: float | None
    difference_high: float | None
    outcome: Literal["win", "tie", "loss", "undecided"]
    unknown: str = Field(description="settings that are not known of both, separated by commas")
    sources: tuple[str, str] = Field(description="keys of the sources of the two scores")


class Placed(_Record):
    """A distilled model on the curve of a vanilla family."""

    distilled: str
    family: str
    benchmark: str
    score: float
    gain: float = Field(description="vanilla compute for the score over the model's own")
    gain_low: float | None
    gain_high: float | None
    source: str


class Publication(_Record):
    """Where figures were published."""

    key: str
    title: str
    url: str | None
    by: str | None


class Evidence(_Record):
    """What a verdict rests on. Of verdicts ``under_other_terms`` only ``sentence`` and ``counts``
    are given."""

    sentence: str
    counts: dict[str, int] = Field(default_factory=dict)
    figures: tuple[Given, ...] = ()
    comparisons: tuple[Compared, ...] = ()
    placements: tuple[Placed, ...] = ()
    sources: tuple[Publication, ...] = ()


class Verdict(_Record):
    """A claim under one scope: what was found, and what it rests on."""

    claim: Literal["a", "b", "c"]
    claimed: str
    scope: str = Field(
        description="(a): student, pipeline, amortised or lineage; (b): how many times larger the"
        " vanilla models are; (c): a scope of creation, or inference by token or by question"
    )
    terms: Terms
    estimate: Estimate
    interval: Span | None = Field(description="null: the estimate has none")
    verdict: Word
    evidence: Evidence


class Verdicts(_Record):
    """The claims of arXiv 2602.20164, and what was found of each."""

    format: Literal["distilbench verdicts 1"] = "distilbench verdicts 1"
    paper: str = "arXiv:2602.20164"
    distilbench_version: str
    draws: int
    seed: int
    verdicts: tuple[Verdict, ...]
    under_other_terms: tuple[Verdict, ...]
