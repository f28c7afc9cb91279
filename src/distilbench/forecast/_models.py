"""What is known of a suite's models before they run: where they run, size, memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.forecast._tasks import NOT_KNOWN
from distilbench.providers import HERE
from distilbench.source import HUB

if TYPE_CHECKING:
    from distilbench.architecture import ModelDescription, ModelShape
    from distilbench.catalog import Card, Catalog
    from distilbench.suite import Model, Profile


@dataclass(frozen=True)
class ModelPlan:
    """What is known of a model before it runs."""

    model: Model
    place: str
    """embedded, gpu or api"""
    runs_on: str | None
    card: Card | None
    shape: ModelShape | None
    weights_bytes: float | None
    memory: str


def describe(suite_file: Path, model: Model, profile: Profile, gpu: str) -> ModelPlan:
    from distilbench.engines import packaged

    known = packaged(model.weights)
    card_id = model.card or (known.card if known else None)
    card = _catalog().cards.get(card_id or "")
    shape = card.architecture.shape if card and card.architecture else None
    if model.weights.has_files:
        return _embedded(suite_file, model, profile, card)
    place = model.source.runs_on(model.base_url)
    if place != HERE:
        return ModelPlan(model, "api", place, card, shape, None, "served elsewhere")
    total = card.parameters.total.value if card and card.parameters.total else None
    parameters = shape.total_params if shape else total
    weights = 2.0 * parameters if parameters else None
    return ModelPlan(model, "gpu", place, card, shape, weights, _gpu_memory(model, weights, gpu))


def _embedded(suite_file: Path, model: Model, profile: Profile, card: Card | None) -> ModelPlan:
    from distilbench.engines import EngineSettings, describe_model, predict_memory

    try:
        described: ModelDescription = describe_model(
            model.weights, suite_file.parent, f"{suite_file}: model {model.name!r}"
        )
    except InputError:
        if model.weights.scheme != HUB:
            raise  # a file that is not there is a mistake; a hub out of reach is none
        return ModelPlan(model, "embedded", HERE, card, None, None, NOT_KNOWN)
    settings = EngineSettings(slots=profile.slots, context=profile.context)
    needed = predict_memory(described, settings, model.quantization)
    memory = NOT_KNOWN
    if needed is not None:
        memory = f"{needed.total / 2**20:,.0f} MiB"
        if profile.memory:
            memory += ", fits" if needed.total <= profile.memory else ", does not fit"
    weights = float(needed.weights) if needed else None
    return ModelPlan(model, "embedded", HERE, card, described.architecture, weights, memory)


def _gpu_memory(model: Model, weights: float | None, gpu: str) -> str:
    if weights is None:
        return NOT_KNOWN
    count, room = gpus(model), accelerator(gpu).memory_bytes
    fits = room is not None and weights < 0.9 * count * room.value
    share = "fits" if fits else "does not fit"
    return f"{weights / 1e9:,.0f} GB of BF16 weights, {share} {count} x {gpu}"


def gpus(model: Model) -> int:
    """GPUs that a provider of Inspect is told to share a model over."""
    told = model.args.get("tensor_parallel_size", 1)
    return told if isinstance(told, int) else 1


def accelerator(gpu: str) -> Any:
    return _catalog().accelerator(gpu)


@cache
def _catalog() -> Catalog:
    from distilbench.catalog import load_catalog

    return load_catalog()
