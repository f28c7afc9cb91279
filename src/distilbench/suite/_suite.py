"""The schema of ``suite.yaml``."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from distilbench.architecture import Quantization
from distilbench.records import Role
from distilbench.source import Source, plain_name
from distilbench.suite._profile import Name, Profile, one_for_each
from distilbench.tasks import TaskSpec, one_for_each_template


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generation(_Part):
    """How tokens are chosen. What is not given: greedy (temperature 0), no cut of the
    distribution, a system prompt where the task has an instruction."""

    recommended: bool | None = Field(
        None, description="as the model's card recommends; what is given beside it wins"
    )
    temperature: float | None = Field(None, ge=0, description="0 is greedy")
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    system_prompt: bool | None = Field(
        None, description="false: instructions go into the first user turn"
    )

    def but(self, other: Generation) -> Generation:
        """This, with what ``other`` gives in its place."""
        return self.model_copy(update=other.model_dump(exclude_none=True))


GenerationOrWord = Annotated[
    Generation,
    BeforeValidator(
        lambda value: {"recommended": True} if value == "recommended" else value,
        json_schema_input_type=Generation | Literal["recommended"],
    ),
]


class Price(_Part):
    """What a provider charges in US dollars for a million tokens."""

    provider: str = Field(min_length=1)
    date: datetime.date = Field(description="since when, or when it was looked up")
    input_usd_per_mtok: float = Field(ge=0)
    output_usd_per_mtok: float = Field(ge=0)
    cached_input_usd_per_mtok: float | None = Field(
        None, ge=0, description="of prompt tokens from the provider's cache; default: as input"
    )


class Model(_Part):
    """A model to measure."""

    source: Source = Field(
        description="GGUF path, hf:owner/name/file.gguf, pypi:name, inspect:provider/model, or"
        " server:path/of/llama-server",
    )
    model: Source | None = Field(
        None, description="GGUF that a server: source is to run: a path, hf: or pypi:"
    )
    name: Name = Field("", validate_default=False, description="default: made from the source")
    role: Role | None = Field(None, description="default: the role on the model's card")
    card: str | None = Field(None, description="id of the model's card in the catalog")
    quantization: Quantization | None = Field(
        None, description="make this of the source first; a list makes one model of each"
    )
    generation: GenerationOrWord = Field(
        Generation(), description="wins over the suite's generation, value by value"
    )
    max_tokens: int | None = Field(
        None, ge=1, description="most output tokens that it can give; a task's own may be fewer"
    )
    base_url: str | None = Field(
        None, pattern=r"^https?://", description="address of the server, for inspect: sources"
    )
    args: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="model arguments of Inspect's provider (its -M), or flags of llama-server",
    )
    price: Price | None = Field(None, description="default: the price on the model's card")

    @model_validator(mode="before")
    @classmethod
    def _name_from_source(cls, data: object) -> object:
        return _named({"source": data} if isinstance(data, str) else data)

    @model_validator(mode="after")
    def _each_with_its_source(self) -> Self:
        if self.source.is_binary and not (self.model and self.model.has_files):
            raise ValueError("a source that begins with 'server:' needs 'model': the GGUF it runs")
        if self.model and not self.source.is_binary:
            raise ValueError("'model' goes with a source that begins with 'server:'")
        if self.base_url and self.source.is_binary:
            raise ValueError("'base_url' goes with a source that begins with 'inspect:'")
        if (self.base_url or self.args) and self.source.has_files:
            raise ValueError("'base_url' and 'args' go with a source that begins with 'inspect:'")
        return self

    @property
    def weights(self) -> Source:
        """Where its weights are: the source, or what stands beside a program."""
        return self.model or self.source


class Limits(_Part):
    """Bounds on the work. What runs into one is a result with that outcome."""

    questions: int | None = Field(None, ge=1, description="most questions of each task")
    max_tokens: int | None = Field(None, ge=1, description="most output tokens of each question")
    retries: int = Field(
        5, ge=0, description="times a server is asked again for an answer that failed"
    )
    request_timeout_s: int = Field(
        600, ge=1, description="then an attempt at a server counts as failed"
    )


class Suite(_Part):
    """Models x tasks x profiles x seeds: each combination is a cell."""

    name: Name = Field("", validate_default=False, description="default: the file's name")
    models: tuple[Model, ...] = Field(min_length=1)
    tasks: tuple[TaskSpec, ...] = Field(min_length=1)
    profiles: tuple[Profile, ...] = Field((Profile(),), min_length=1)
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="questions, few-shot, sampling")
    epochs: int = Field(1, ge=1, description="times each question is asked")
    limits: Limits = Limits()
    generation: GenerationOrWord = Generation()

    @field_validator("models", mode="before")
    @classmethod
    def _one_model_for_each_quantization(cls, models: Any) -> Any:
        return _each(models, "quantization", "", _named)

    @field_validator("profiles", mode="before")
    @classmethod
    def _one_profile_for_each_budget(cls, profiles: Any) -> Any:
        return _each(profiles, "thinking_tokens", "t", lambda profile: profile)

    @field_validator("tasks", mode="after")
    @classmethod
    def _one_task_for_each_template(cls, tasks: tuple[TaskSpec, ...]) -> tuple[TaskSpec, ...]:
        return tuple(variant for task in tasks for variant in one_for_each_template(task))

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for field in ("models", "tasks", "profiles"):
            _unique(field, [part.name for part in getattr(self, field)])
        _unique("seeds", [str(seed) for seed in self.seeds])
        return self


def _name_of(source: Source) -> str:
    """The source's name as the name of a file."""
    return plain_name(source.name, "model").lower()


def _named(model: Any) -> Any:
    source = model.get("source") if isinstance(model, dict) else None
    if isinstance(source, str | Source) and not model.get("name"):
        program, beside = Source.parse(str(source)), model.get("model")
        if program.is_binary and isinstance(beside, str | Source):
            name = f"{_name_of(Source.parse(str(beside)))}-{_name_of(program)}"
            return {**model, "name": name}
        return {**model, "name": _name_of(program)}
    return model


def _each(parts: Any, field: str, mark: str, prepare: Callable[[Any], Any]) -> Any:
    if not isinstance(parts, list | tuple):
        return parts
    return [made for part in parts for made in one_for_each(prepare(part), field, mark)]


def _unique(field: str, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{field}: the name {name!r} stands {count} times; rename all but one")
