"""The schema of a model card."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, model_validator

from distilbench.architecture import ModelShape
from distilbench.records import Role

Kind = Literal["measured", "published", "derived", "estimated"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Record):
    """A comparison of figures with what they were taken from."""

    by: Text = Field(description="who compared")
    against: Text = Field(description="what was at hand: the page, a stored copy, a quotation")
    on: datetime.date
    fields: tuple[Text, ...] = Field(
        (), description="of a source: what was compared, as training.tokens; empty: all of it"
    )
    note: Text | None = None

    def covers(self, field: str) -> bool:
        """Whether a figure at this path of a card, as ``scores[2]``, was compared."""
        return not self.fields or any(
            re.match(rf"{re.escape(f)}(?![^.[])", field) for f in self.fields
        )


class Source(_Record):
    """A publication that figures are taken from."""

    title: Text
    url: HttpUrl | None = Field(None, description="null: a run of distilbench on a user's machine")
    by: Text | None = Field(
        None, description="developer that publishes it, as on cards; null: not entered"
    )
    checked: tuple[Check, ...] = Field((), description="comparisons with it; none: not checked")


class Cited(_Record):
    """Something that a source says. ``source`` is a key of ``sources.yaml`` or of the card."""

    source: Slug
    where: Text = Field(description="place in the source: table, section, page or field")
    checked: Check | None = Field(
        None, description="of this figure alone; null: as its source says, if it does"
    )


class Figure(Cited):
    """One number and how it is known.

    ``published``: the source states it. ``derived``: computed from published figures, by the
    formula in ``note``. ``measured``: by distilbench, in the run that ``where`` names.
    ``estimated``: an assumption, stated in ``note``, with a range ``low`` <= ``value`` <= ``high``.
    """

    value: float
    kind: Kind = "published"
    low: float | None = None
    high: float | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _range_and_reason(self) -> Self:
        if self.value < 0 or (self.low is not None and self.low < 0):
            raise ValueError("a figure is a count, a size, a rate or a cost: it is not below 0")
        if (self.low is None) != (self.high is None):
            raise ValueError("give both low and high, or neither")
        if (
            self.low is not None
            and self.high is not None
            and not (self.low <= self.value <= self.high)
        ):
            raise ValueError(f"low <= value <= high does not hold: {self.low}, {self.high}")
        if self.kind == "estimated" and (self.low is None or self.note is None):
            raise ValueError("an estimated figure needs low, high and its assumption in note")
        if self.kind == "derived" and self.note is None:
            raise ValueError("a derived figure needs its formula in note")
        return self


class ShapeFigure(Cited):
    """The architecture, as a configuration file or a report states it."""

    shape: ModelShape


class Licence(Cited):
    name: Text


class Parameters(_Record):
    """Counts of weights. ``active`` is for a mixture of experts: weights used by one token."""

    total: Figure | None = None
    active: Figure | None = None
    embedding: Figure | None = None


class HardwareUse(_Record):
    """Accelerator-hours of one training run."""

    accelerator: Slug = Field(description="key of accelerators.yaml")
    hours: Figure
    stage: Text = Field(description="what the hours cover: pretraining, all stages, ...")


class Training(_Record):
    """What making the weights from nothing took (for a distilled model: nothing beyond lineage,
    unless it was pretrained with a teacher, as Gemma 3 was)."""

    tokens: Figure | None = Field(None, description="tokens seen in pretraining, repeats included")
    sequence_length: Figure | None = None
    hardware: tuple[HardwareUse, ...] = ()
    flops: Figure | None = Field(None, description="total training FLOPs as the source states them")
    cost_usd: Figure | None = None
    co2e_t: Figure | None = Field(None, description="tonnes of CO2 equivalent")


MeasuredStageName = Literal[
    "student_training",
    "teacher_generation",
    "rejection",
    "logit_caching",
    "pruning",
    "evaluation",
]


class MeasuredStage(_Record):
    """What one stage of a distillation took, measured while it ran. Failed attempts and values of
    a sweep that were not kept are in it."""

    name: MeasuredStageName
    flops: Figure | None = Field(
        None, description="null: the engine does not say; outputs that were shared count in full"
    )
    formula_flops: Figure | None = Field(None, description="the same work by the model's shape")
    uses: Figure | None = Field(
        None, description="students that share the outputs of the stage; null: this one only"
    )
    tokens: Figure | None = None
    wall_s: Figure | None = None
    energy_j: Figure | None = None
    usd: Figure | None = None


class Recipe(_Record):
    """How a student was distilled. Training tokens = samples x tokens_per_sample x epochs,
    or ``tokens`` (per epoch) where the source counts tokens. ``stages`` were measured, and are
    used in preference to every formula."""

    method: Text = Field(description="sequence-level, logit, on-policy, pruning + logit, ...")
    samples: Figure | None = None
    tokens_per_sample: Figure | None = None
    tokens: Figure | None = Field(None, description="training tokens of one epoch")
    epochs: Figure | None = None
    acceptance_rate: Figure | None = Field(
        None, description="share of teacher samples kept by rejection sampling, in (0, 1]"
    )
    teacher_generated: bool = Field(
        True, description="teacher sampled the text; false: it only scored given text (logits)"
    )
    hardware: tuple[HardwareUse, ...] = ()
    teacher_hardware: tuple[HardwareUse, ...] = Field(
        (), description="accelerator-hours of the teacher's inference"
    )
    teacher_hardware_uses: Figure | None = Field(
        None, description="students that those hours served; null: this one only"
    )
    cost_usd: Figure | None = None
    stages: tuple[MeasuredStage, ...] = ()
    data_sha256: Text | None = Field(None, description="hash of the training data")

    @model_validator(mode="after")
    def _each_stage_once(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(names) != len(set(names)):
            raise ValueError("a stage stands twice; add its figures up")
        return self


class Lineage(_Record):
    """Where a distilled model comes from. ``base`` and ``teacher`` are ids of other cards."""

    base: Slug | None = Field(None, description="card whose weights the student started from")
    teacher: Slug | None = Field(None, description="card of the teacher; null: undisclosed")
    teacher_uses: Figure | None = Field(
        None, description="students (or uses) that share the teacher's training"
    )
    recipe: Recipe | None = None


class Sampling(Cited):
    """How the makers say to sample from the model; null: they do not say."""

    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    system_prompt: bool | None = Field(
        None, description="false: no system prompt, all instructions in the user's turn"
    )
    note: Text | None = None


class Price(Cited):
    """Price of an API in US dollars for a million tokens, on a date."""

    provider: Text
    date: datetime.date
    input_usd_per_mtok: float = Field(ge=0)
    output_usd_per_mtok: float = Field(ge=0)
    cached_input_usd_per_mtok: float | None = Field(None, ge=0)


class Score(Cited):
    """A published score, in the benchmark's own unit (percent, or rating for Codeforces).

    Two scores are compared only where ``benchmark``, ``version``, ``metric``, ``shots`` and
    ``mode`` agree, and ``samples``, ``decoding`` and ``max_output_tokens`` where both are known.
    """

    benchmark: Slug
    value: float
    metric: Text = Field(description="pass@1, cons@64, accuracy, exact match, rating, ...")
    shots: int | None = Field(None, ge=0, description="null: the source does not say")
    mode: Literal["direct", "cot", "thinking", "unstated"] = Field(
        description="direct answer, prompted chain of thought, or a reasoning model's own thoughts"
    )
    questions: int | None = Field(None, gt=0, description="size of the benchmark, for error bars")
    version: Text | None = Field(None, description="version or window of months of the benchmark")
    samples: int | None = Field(
        None, gt=0, description="answers a question, averaged; null: the source does not say"
    )
    decoding: Literal["greedy", "sampled"] | None = None
    max_output_tokens: int | None = Field(None, gt=0, description="limit of an answer's length")
    setting: Text | None = Field(None, description="the rest: temperature, prompt, harness")


class AnswerLength(_Record):
    """Tokens that the model writes in answer to a question of a benchmark, its thoughts among
    them: the mean over questions."""

    benchmark: Slug
    mode: Literal["direct", "cot", "thinking"] = Field(description="as in ``Score``")
    tokens: Figure
    setting: Text | None = Field(None, description="limit of output, sampling, score it came with")

    @model_validator(mode="after")
    def _an_answer_has_a_token(self) -> Self:
        if self.tokens.value <= 0 or self.tokens.low == 0:
            raise ValueError("an answer has more than 0 tokens; leave out what is not known")
        return self


class Card(_Record):
    """One model."""

    id: Slug
    name: Text
    developer: Text
    family: Slug = Field(description="models of one recipe at several sizes share a family")
    aliases: tuple[Text, ...] = Field(
        (), description="other names of it in tables of others, as 'GPT-2 (1.5B)'"
    )
    role: Role
    stage: Literal["base", "instruct", "reasoning"]
    released: datetime.date | None = None
    note: Text | None = None
    licence: Licence | None = None
    parameters: Parameters = Parameters()
    architecture: ShapeFigure | None = None
    training: Training = Training()
    lineage: Lineage = Lineage()
    sampling: Sampling | None = None
    prices: tuple[Price, ...] = ()
    scores: tuple[Score, ...] = ()
    answer_lengths: tuple[AnswerLength, ...] = ()
    sources: dict[Slug, Source] = Field(
        default_factory=dict, description="sources of this card only; shared ones: sources.yaml"
    )

    def price_at(self, company: str | None) -> Price | None:
        """What a company charged last for the model, in its own API; null: the card does not
        say."""
        theirs = [price for price in self.prices if price.provider == company]
        return max(theirs, key=lambda price: price.date, default=None)

    @model_validator(mode="after")
    def _lineage_of_distilled(self) -> Self:
        if self.role == "distilled" and self.lineage.recipe is None:
            raise ValueError("a distilled model needs lineage.recipe, if only its method")
        return self
