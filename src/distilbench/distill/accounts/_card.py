"""The student's card: what it is, whom it comes from, what each stage of making it took."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from distilbench.architecture import ModelDescription, describe
from distilbench.catalog import Card, read_card
from distilbench.distill.accounts._origin import Origin
from distilbench.distill.accounts._stages import SharedCost, StageKind, StageRecord
from distilbench.distill.accounts._teacher_size import TeacherSize
from distilbench.distill.recipe import Recipe
from distilbench.engines import card_beside, describe_model, local_path, packaged
from distilbench.files import copy_file, write_text
from distilbench.source import Source
from distilbench.yaml_file import yaml_text

CARD = "card.yaml"
LINEAGE = "lineage"
_SOURCE = "measured"
_OF_TEACHER = ("teacher_generation", "logit_caching")


@dataclass(frozen=True)
class CardFacts:
    """What a card is made of. ``shared``: costs of teacher outputs, as the cache has them."""

    recipe: Recipe
    records: Sequence[StageRecord]
    shared: Sequence[SharedCost]
    data_digest: str
    loss: float
    accuracy: float | None
    trouble: str | None = None
    size: TeacherSize | None = None
    """Of a teacher whose weights were never here: what its FLOPs are by."""
    pruned: str | None = None
    """The depth and widths that a budget was found to allow, in words; null: none was searched."""


def write_card(facts: CardFacts, folder: Path, origin: Origin, models: Path) -> Path:
    """Write ``card.yaml`` into the student's folder, and beside it ``lineage/*.yaml``: the cards of
    a teacher or base that are not in the catalog. ``models``: where paths in recipes start."""
    teacher = _teacher_card(origin, folder)
    base = _base_card(facts.recipe, teacher, folder, models)
    card = Card.model_validate(_card(facts, describe(folder), teacher, base))
    return _write(card, folder / CARD)


def check_lineage(recipe: Recipe, origin: Origin, models: Path) -> None:
    """Raises ``InputError`` now if the card of a teacher or base could not be made later."""
    with TemporaryDirectory() as folder:
        teacher = _teacher_card(origin, Path(folder))
        _base_card(recipe, teacher, Path(folder), models)


def measured_stages(facts: CardFacts) -> list[dict[str, Any]]:
    """The stages of the card. Own work: the sum over all attempts, failed ones too. Outputs that
    came from the cache: their whole cost, whoever paid for it, and how many students use them."""
    shared = {cost.stage: cost for cost in facts.shared}
    made = []
    for name in get_args(StageKind):
        records = [r for r in facts.records if r.stage == name and not _is_cached(r, shared)]
        if name == "teacher_training" or not (records or name in shared):
            continue
        size = facts.size if name in _OF_TEACHER else None
        made.append(_stage(name, records, shared.get(name), size))
    return made


def _is_cached(record: StageRecord, shared: dict[str, SharedCost]) -> bool:
    """Whether what the attempt made stands in the cache, where its cost is kept with it."""
    return record.stage in shared and record.wall_s is not None


def _stage(
    name: str, records: list[StageRecord], cost: SharedCost | None, size: TeacherSize | None
) -> dict[str, Any]:
    where = f"stages.parquet, {name}"
    flops = [r.flops for r in records] + ([cost.flops or cost.flops_formula] if cost else [])
    formula = [r.flops_formula for r in records] + ([cost.flops_formula] if cost else [])
    counted = all(r.flops_counted is not None for r in records if r.flops_formula)
    counted = counted and (cost is None or cost.flops is not None)
    made: dict[str, Any] = {"name": name}
    note = size.note if size else "by the model's shape"
    made["flops"] = _figure(_sum(flops), where, None if counted else note)
    made["formula_flops"] = _figure(_sum(formula), where, note)
    for figure in filter(None, (made["flops"], made["formula_flops"])):
        if size and size.parameters and size.low is not None and size.high is not None:
            share = figure["value"] / size.parameters
            figure |= {"kind": "estimated", "low": share * size.low, "high": share * size.high}
    if cost is not None:
        note = "students that use these outputs so far, weighted by FLOPs"
        made["uses"] = _figure(cost.uses, "cache of teacher outputs", note)
    for field in ("tokens", "wall_s"):
        values = [getattr(r, field) for r in records] + ([getattr(cost, field)] if cost else [])
        made[field] = _figure(_sum(values), where)
    joules = [r.energy_j for r in records if r.wall_s is not None]
    joules += [cost.energy_j] if cost else []
    made["energy_j"] = _figure(None if None in joules else _sum(joules), where)
    made["usd"] = _figure(_sum([r.usd for r in records]), where, "wall time x price of the machine")
    energy = {r.energy_known for r in records} | ({cost.energy_known} if cost else set())
    if made["energy_j"] and "estimated" in energy:
        made["energy_j"] |= {"kind": "derived", "note": "estimated from a TDP and CPU seconds"}
    return {key: value for key, value in made.items() if value is not None}


def _card(
    facts: CardFacts, described: ModelDescription, teacher: str | None, base: str | None
) -> dict[str, Any]:
    recipe, is_distilled = facts.recipe, facts.recipe.aim.needs is not None
    stages = measured_stages(facts)
    training = next((s for s in stages if s["name"] == "student_training"), {})
    hardware = next((r.hardware for r in facts.records if r.hardware), "an unnamed machine")
    trouble = "".join(f"; {said}" for said in (facts.pruned, facts.trouble) if said)
    accuracy = "" if facts.accuracy is None else f", held-out accuracy {facts.accuracy:.3f}"
    card: dict[str, Any] = {
        "id": slug(recipe.name),
        "name": recipe.name,
        "developer": "made with distilbench",
        "family": slug(recipe.name),
        "role": "distilled" if is_distilled else "vanilla",
        "stage": "base" if recipe.data.text else "instruct",
        "note": f"{recipe.method}; held-out loss {facts.loss:.4f} nats a token{accuracy}{trouble}",
        "sources": {_SOURCE: {"title": f"distilbench {version('distilbench')} on {hardware}"}},
        "lineage": {"base": base},
        **_shape(described),
    }
    if not is_distilled:
        # Whatever made these weights beyond the base's is this model's own training.
        own = {"flops": _with_search(stages), "tokens": training.get("tokens")}
        card["training"] = {key: value for key, value in own.items() if value}
        return card
    card["lineage"] |= {
        "teacher": teacher,
        "recipe": {
            "method": recipe.method,
            "teacher_generated": recipe.answers == "teacher",
            "stages": stages,
            "data_sha256": facts.data_digest,
        },
    }
    uses = recipe.teacher.uses if recipe.teacher else None
    if uses is not None:
        card["lineage"]["teacher_uses"] = _figure(float(uses), "recipe.yaml, teacher.uses")
    return card


def _with_search(stages: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """FLOPs of the training, and of the search of what to prune before it, if there was one."""
    found = {s["name"]: s["flops"] for s in stages if "flops" in s}
    training, search = found.get("student_training"), found.get("pruning")
    if training is None or search is None:
        return training
    where, note = "stages.parquet, student_training and pruning", "the search by the model's shape"
    return _figure(training["value"] + search["value"], where, note)


def _shape(described: ModelDescription) -> dict[str, Any]:
    """Parameters and architecture, as the weights and their config say."""
    parts: dict[str, Any] = {}
    if described.parameters:
        parts["parameters"] = {"total": _figure(float(described.parameters), "weights")}
    if described.architecture:
        shape = described.architecture.model_dump(exclude_defaults=True)
        parts["architecture"] = {"source": _SOURCE, "where": "the model's config", "shape": shape}
    return parts


def _teacher_card(origin: Origin, folder: Path) -> str | None:
    """Id of the teacher's card: in the catalog, or copied or made here. None: not known."""
    if origin.source is None or origin.card is not None:
        return origin.card
    if origin.beside is not None:
        return _copy(origin.beside, folder)
    if not origin.source.has_files:
        return None
    return _make(origin.source, origin.folder, folder)


def _base_card(recipe: Recipe, teacher: str | None, folder: Path, models: Path) -> str | None:
    """Id of the card of the weights that the student started from."""
    spec = recipe.student
    if spec.new is not None:
        return None
    if spec.model is None:
        return teacher
    known = packaged(spec.model)
    if known:
        return known.card
    beside = card_beside(spec.model, models, f"model {spec.model}")
    return _copy(beside, folder) if beside else _make(spec.model, models, folder)


def _copy(card_file: Path, folder: Path) -> str:
    """Copy a card and those of its own lineage."""
    card = read_card(card_file)
    for known in (card_file.parent / LINEAGE).glob("*.yaml"):
        copy_file(known, folder / LINEAGE / known.name)
    copy_file(card_file, folder / LINEAGE / f"{card.id}.yaml")
    return card.id


def _make(source: Source, models: Path, folder: Path) -> str:
    """A card that says no more than a model's files do: its size and shape."""
    described = describe_model(source, models, f"model {source}")
    name = source.name
    # A file's name may be that of a card in the catalog, or of another file.
    place = local_path(source, models, f"model {source}").resolve() if source.is_file else source
    origin = str(place)
    mark = hashlib.sha256(f"{origin}\0{described.model_dump_json()}".encode()).hexdigest()[:8]
    card = Card.model_validate(
        {
            "id": f"{slug(name)}-{mark}",
            "name": name,
            "developer": "not stated",
            "family": slug(name),
            "role": "vanilla",
            "stage": "base",
            "note": "read from the model's files; how it was made is not known",
            "sources": {_SOURCE: {"title": "the model's files, read by distilbench"}},
            **_shape(described),
        }
    )
    _write(card, folder / LINEAGE / f"{card.id}.yaml")
    return card.id


def _write(card: Card, file: Path) -> Path:
    write_text(
        file, yaml_text(card.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
    )
    return file


def _figure(value: float | None, where: str, formula: str | None = None) -> dict[str, Any] | None:
    if value is None:
        return None
    kind = {"kind": "derived", "note": formula} if formula else {"kind": "measured"}
    return {"value": float(value), "source": _SOURCE, "where": where, **kind}


def _sum(values: Sequence[float | None]) -> float | None:
    """Sum of what is known; None if nothing is. A stage without FLOPs of its own has 0."""
    found = list(_known(values))
    return sum(found) if found else None


def _known(values: Sequence[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)


def slug(name: str) -> str:
    """A name as the id of a card."""
    cleaned = re.sub(r"[^a-z0-9.\-]+", "-", name.lower()).strip("-.")
    return cleaned or "student"
