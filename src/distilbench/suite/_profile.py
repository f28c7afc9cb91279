"""Profiles: the resources that a model gets, and those of real devices that come built in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from distilbench.errors import use_one_of
from distilbench.sizes import Bytes
from distilbench.yaml_file import parse_yaml

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", max_length=80)]
_LEAST_MEMORY = 64 << 20  # an interpreter with llama.cpp and no model takes a third of it


class GPU(BaseModel):
    """A GPU and the part of it that a model may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int = Field(0, ge=0, description="number of the GPU, as nvidia-smi counts")
    memory: Bytes | None = Field(None, description="most GPU memory; default: all of it")
    memory_fraction: float = Field(1.0, gt=0, le=1, description="part of that memory to use")
    layers: int | None = Field(None, ge=0, description="layers offloaded; default: all that fit")


def _gpu(value: Any) -> Any:
    if value == "none":
        return None
    return {"index": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Profile(BaseModel):
    """The resources a model gets. A limit is enforced on the engine, and the record says how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = "default"
    like: str | None = Field(None, description="device to take the limits of: distilbench profiles")
    memory: Bytes | None = Field(
        None, ge=_LEAST_MEMORY, description="most memory of the engine, as 300MiB or 2GiB"
    )
    cpus: int | None = Field(None, ge=1, description="cores the engine may run on")
    threads: int | None = Field(
        None, ge=1, le=4096, description="threads; default: one for each core"
    )
    slots: int = Field(4, ge=1, le=256, description="questions decoded together (batch size)")
    spin_count: int = Field(
        1_000, ge=0, description="turns that a waiting thread spins before it sleeps; 0: none"
    )
    context: int = Field(
        2048, ge=64, le=16_000_000, description="tokens of context for each question"
    )
    repeats: int = Field(
        1,
        ge=1,
        le=1_000,
        description="times that each cell is asked, in turn with the other models: how sure speeds"
        " are; accuracy is that of the first",
    )
    sustained_minutes: int = Field(
        0,
        ge=0,
        le=1_440,
        description="minutes that each model is kept under load once all cells are answered: what"
        " heat does to speed; 0: none",
    )
    time_per_question_s: int | None = Field(None, ge=1, description="then the outcome is timeout")
    energy_per_question_j: float | None = Field(
        None, gt=0, description="a question that took more has the outcome over_energy"
    )
    thinking_tokens: int | None = Field(
        None, ge=1, description="thinking budget; a list makes one profile of each"
    )
    gpu: Annotated[GPU | None, BeforeValidator(_gpu)] = Field(
        None, description="none, a number, or index, memory, memory_fraction and layers"
    )
    power_cap_w: float | None = Field(None, gt=0, description="power limit set on CPU or GPU")
    machine_usd_per_hour: float | None = Field(
        None, ge=0, description="price of the machine, for the money of models that run on it"
    )
    grid_g_co2e_per_kwh: float | None = Field(
        None, ge=0, description="carbon intensity of its electricity, for grams of CO2e"
    )

    api_energy: Literal["ecologits"] | None = Field(
        None, description="estimate what remote APIs take, by EcoLogits; default: not available"
    )
    electricity_mix_zone: str | None = Field(
        None, description="country of those APIs' electricity, as FRA; default: EcoLogits' own"
    )

    @model_validator(mode="after")
    def _zone_of_an_estimate(self) -> Profile:
        if self.electricity_mix_zone and not self.api_energy:
            raise ValueError("electricity_mix_zone is of an estimate: add api_energy: ecologits")
        return self

    @model_validator(mode="before")
    @classmethod
    def _from_device(cls, data: Any) -> Any:
        if isinstance(data, str):
            data = {"like": data}
        if not isinstance(data, dict) or not data.get("like"):
            return data
        device = devices().get(str(data["like"]))
        if device is None:
            raise ValueError(
                f"there is no device {data['like']!r}; {use_one_of(str(data['like']), devices())}"
            )
        return {"name": device.name, **device.limits, **data}


class Device(NamedTuple):
    """A real device whose limits come built in. Limits only: this machine keeps its own speed."""

    name: str
    title: str
    ram: str
    """Memory that the data sheet states."""
    reserve: str
    """What the system is assumed to keep for itself: estimated."""
    source: str
    limits: dict[str, Any]
    """Fields of a profile."""


@cache
def devices() -> dict[str, Device]:
    """The built-in devices by name."""
    text = (files("distilbench.suite") / "devices.yaml").read_text("utf-8")
    listed = parse_yaml(text, "devices:", "devices.yaml").data["devices"]
    return {entry["name"]: Device(**entry) for entry in listed}


def one_for_each(data: Any, field: str, mark: str) -> list[Any]:
    """Copies of a mapping, one for each value of a list under ``field``; the name tells which.

    >>> one_for_each({"name": "a", "thinking_tokens": [64, 256]}, "thinking_tokens", "t")
    [{'name': 'a-t64', 'thinking_tokens': 64}, {'name': 'a-t256', 'thinking_tokens': 256}]
    """
    values = data.get(field) if isinstance(data, dict) else None
    if not isinstance(values, list):
        return [data]
    stem = data.get("name") or data.get("like") or "default"
    return [{**data, "name": f"{stem}-{mark}{value}", field: value} for value in values]
