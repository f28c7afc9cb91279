"""The plan: a suite's models x tasks x profiles x seeds, as cells."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ByteSize, ConfigDict

from distilbench.architecture import ModelShape, describe
from distilbench.engines import (
    Assignment,
    Engine,
    EngineSettings,
    engine_of,
    packaged,
    sha256_of,
)
from distilbench.meter import ApiEnergy
from distilbench.runner._api_energy import check_estimates, estimate_of
from distilbench.runner._cards import card_id, readable_card
from distilbench.runner._facts import check_card, facts_on_models, shape_fields
from distilbench.runner._sampling import generation_of
from distilbench.suite import Generation, Limits, Model, Profile, Suite
from distilbench.tasks import InspectTask, TaskSpec, data_files, package_version, rows_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilbench.architecture import ModelDescription
    from distilbench.runner._facts import Facts

_SETS_NO_RESULT = {
    "machine_usd_per_hour", "grid_g_co2e_per_kwh", "api_energy", "electricity_mix_zone", "repeats",
    "sustained_minutes",
}  # fmt: skip
"""Fields of a profile that may change while a run goes on: what is finished stays."""


HASHED_VERSIONS = ("distilbench", "inspect-ai", "xllamacpp")
"""Packages whose version sets what a model answers."""


class Cell(BaseModel):
    """One model on one task under one profile with one seed. Data only: it crosses processes."""

    model_config = ConfigDict(frozen=True)

    name: str
    config_hash: str
    model: Model
    reference: str
    """What Inspect's ``get_model`` is given."""
    file: Path | None
    file_sha256: str | None
    program: Path | None = None
    """The program of the user's own that runs it; null: the engine brings its own."""
    program_sha256: str | None = None
    task_hash: str
    """SHA-256 over what sets the questions: the task, the content of its data files (not where they
    are) and the seed."""
    task: TaskSpec
    profile: Profile
    seed: int
    epochs: int
    repeat: int = 1
    """Which asking of these questions it is, from 1: the first counts for accuracy, all of them
    for speed."""
    limits: Limits
    generation: Generation
    """Every value that is used; ``sampling_source`` says where they come from."""
    sampling_source: str
    card_file: Path | None = None
    """The card that lies beside the model's file, unless the suite names one."""
    shape: ModelShape | None = None
    """Architecture by the model's file, or on the card of a model whose weights are elsewhere; kept
    here, so that records can be made again where there is no model."""
    shape_source: str | None = None
    """Where the architecture is stated, or why it is not available."""
    api_energy: ApiEnergy | None = None
    """How a remote API's energy is estimated, or why not; null: not asked for, or it is metered."""

    @property
    def card(self) -> str | None:
        """Id of the model's card: as the suite says, or known for a packaged model, or of the card
        beside its file."""
        return _card(self.model) or (card_id(self.card_file) if self.card_file else None)

    def engine(self) -> type[Engine]:
        """What runs it."""
        return engine_of(self.model.source, f"model {self.model.name!r}")

    @property
    def is_shared(self) -> bool:
        """Whether several workers can ask its model at the same time; else it works where its
        worker is, and other work there would slow it."""
        return self.engine().serves_many(self.assignment())

    def assignment(self) -> Assignment:
        """What its engine is given: of all cells of a model and profile the same."""
        return Assignment(
            source=self.model.source,
            reference=self.reference,
            settings=self._engine_settings(),
            file=self.file,
            program=self.program,
            base_url=self.model.base_url,
            args=self.model.args,
            greedy=not self.generation.temperature,
            retries=self.limits.retries,
            request_timeout_s=self.limits.request_timeout_s,
        )

    def _engine_settings(self) -> EngineSettings:
        profile, gpu = self.profile, self.profile.gpu
        return EngineSettings(
            threads=profile.threads,
            slots=profile.slots,
            context=profile.context,
            spin_count=profile.spin_count,
            cpus=profile.cpus,
            memory_bytes=profile.memory,
            gpu_index=gpu.index if gpu else None,
            gpu_layers=gpu.layers if gpu else None,
            gpu_memory_bytes=int(gpu.memory * gpu.memory_fraction) if gpu and gpu.memory else None,
            cancellable=profile.time_per_question_s is not None,
        )


def plan(suite: Suite, folder: Path, suite_file: str) -> list[Cell]:
    """The cells of a suite, model by model, so that each is loaded once; of repeats in rounds, once
    in each (A B A B), so that what changes on the machine meanwhile falls on all models.

    ``folder`` is where relative paths start. Finds (and fetches) every model file first; raises
    ``InputError`` naming ``suite_file`` and the field of a model or card that cannot be found.
    """
    wheres, engines, found, programs = _located(suite, folder, suite_file)
    profiles = _on_this_machine(suite, set(zip(engines, programs, strict=True)), suite_file)
    check_estimates(suite, suite_file)
    catalog, described = cache(facts_on_models), cache(describe)
    _check_cards(suite, suite_file, catalog)
    sampling = [
        generation_of(
            suite.generation,
            model,
            engine.provider(model.source),
            _card(model),
            f"{where}.generation'",
            catalog,
        )
        for model, engine, where in zip(suite.models, engines, wheres, strict=True)
    ]
    # What a model (under a profile) or a task says is found once, not for each of its cells.
    of_models = [
        _of_model(model, place, program, chosen, folder, suite_file, catalog, described)
        for model, place, program, chosen in zip(
            suite.models, found, programs, sampling, strict=True
        )
    ]
    of_both = [
        (_with_estimate(of_model, profile), profile)
        for of_model, profile in product(of_models, profiles)
    ]
    of_tasks = [(task, seed, _asked(task, seed)) for task in suite.tasks for seed in suite.seeds]
    return [
        _cell(suite, of_model, profile, of_task, repeat)
        for repeat in range(1, max(profile.repeats for profile in profiles) + 1)
        for (of_model, profile), of_task in product(of_both, of_tasks)
        if repeat <= profile.repeats
    ]


def _located(
    suite: Suite, folder: Path, suite_file: str
) -> tuple[list[str], list[type[Engine]], list[Path | None], list[Path | None]]:
    """Of each model: how errors name it, its engine, its file, its program."""
    wheres = [f"{suite_file}: field 'models[{i}]" for i in range(len(suite.models))]
    engines = [
        engine_of(model.source, f"{where}.source'")
        for model, where in zip(suite.models, wheres, strict=True)
    ]
    found = [
        engine.locate(model.weights, model.quantization, folder, _field(model, where))
        for model, engine, where in zip(suite.models, engines, wheres, strict=True)
    ]
    programs = [
        engine.program(model.source, folder, f"{where}.source'")
        for model, engine, where in zip(suite.models, engines, wheres, strict=True)
    ]
    return wheres, engines, found, programs


def models_without_flops(cells: list[Cell]) -> list[str]:
    """A sentence on each model whose file does not tell its architecture."""
    missing = {c.model.name: c.shape_source for c in cells if c.file is not None and not c.shape}
    return [f"model {name!r}: FLOPs are {why}" for name, why in missing.items()]


def _check_cards(suite: Suite, suite_file: str, catalog: Facts) -> None:
    for index, model in enumerate(suite.models):
        if model.card:
            check_card(catalog(), model.card, f"{suite_file}: field 'models[{index}].card'")


def _card_facts(model: Model, folder: Path, where: str) -> dict[str, Any]:
    """The card beside the model's file, unless another is known. It sets no result."""
    if _card(model):
        return {}
    return {"card_file": readable_card(model.weights, folder, where)}


def _on_this_machine(
    suite: Suite, engines: set[tuple[type[Engine], Path | None]], suite_file: str
) -> list[Profile]:
    """The profiles with the memory of their GPUs filled in, as engines and their programs see
    them."""

    def seen(profile: Profile, where: str) -> Profile:
        if profile.gpu is None:
            return profile
        index, limit = profile.gpu.index, profile.gpu.memory
        sizes = [engine.gpu_memory_bytes(index, where, program) for engine, program in engines]
        total = min((size for size in sizes if size is not None), default=None)
        if total is None:
            return profile
        memory = ByteSize(min(limit or total, total))
        return profile.model_copy(update={"gpu": profile.gpu.model_copy(update={"memory": memory})})

    return [
        seen(profile, f"{suite_file}: field 'profiles[{index}].gpu'")
        for index, profile in enumerate(suite.profiles)
    ]


def _of_model(
    model: Model,
    file: Path | None,
    program: Path | None,
    sampling: tuple[Generation, str],
    folder: Path,
    where: str,
    catalog: Facts,
    described: Callable[[Path], ModelDescription],
) -> dict[str, Any]:
    """The fields of a cell that its model alone sets."""
    return {
        "model": model,
        "reference": engine_of(model.source, model.name).reference(model.weights, file),
        "file": file,
        "file_sha256": sha256_of(file) if file else None,
        "program": program,
        "program_sha256": sha256_of(program) if program else None,
        "generation": sampling[0],
        "sampling_source": sampling[1],
        **_card_facts(model, folder, where),
        **shape_fields(_card(model), file, catalog, described),
    }


def _asked(task: TaskSpec, seed: int) -> dict[str, Any]:
    """All that sets the questions of a task. Of its files that is what they hold and how it is to
    be read, not where they are: on another machine they lie elsewhere."""
    asked = {
        "task": task.model_dump(mode="json", exclude={"file", "fewshot_file"}),
        "data": [(sha256_of(path), rows_kind(path)) for path in data_files(task)],
        "seed": seed,
    }
    if isinstance(task, InspectTask):
        asked["package"] = package_version(task)
    return asked


def _cell(
    suite: Suite,
    of_model: dict[str, Any],
    profile: Profile,
    of_task: tuple[TaskSpec, int, dict[str, Any]],
    repeat: int,
) -> Cell:
    """``of_task``: the task, the seed and :func:`_asked` of both."""
    task, seed, asked = of_task
    model: Model = of_model["model"]
    epochs = task.epochs or suite.epochs
    settings = {
        **asked,
        "weights": of_model["file_sha256"]
        or model.model_dump(mode="json", include={"source", "base_url", "args"}),
        **_program(of_model),
        "profile": profile.model_dump(mode="json", exclude=_SETS_NO_RESULT),
        "epochs": epochs,
        "limits": suite.limits.model_dump(mode="json"),
        "max_tokens": model.max_tokens,
        "generation": of_model["generation"].model_dump(mode="json"),
        "versions": _versions(),
    }
    again = {"repeat": repeat} if repeat > 1 else {}  # more repeats leave the first cell as it is
    config_hash = _hash(settings | again)
    which = f"{seed}--repeat-{repeat}" if again else f"{seed}"
    return Cell(
        name=f"{model.name}--{task.name}--{profile.name}--{which}--{config_hash[:8]}",
        config_hash=config_hash,
        task_hash=_hash(asked),
        task=task,
        profile=profile,
        seed=seed,
        epochs=epochs,
        repeat=repeat,
        limits=suite.limits,
        **of_model,
    )


def _with_estimate(of_model: dict[str, Any], profile: Profile) -> dict[str, Any]:
    estimate = estimate_of(of_model["model"], of_model["reference"], profile)
    return {**of_model, "api_energy": estimate}


def _program(of_model: dict[str, Any]) -> dict[str, Any]:
    """What sets the result of a model that a program of the user's runs, beside its file."""
    digest = of_model["program_sha256"]
    return {"program": digest, "args": of_model["model"].args} if digest else {}


def _field(model: Model, where: str) -> str:
    """The field of a suite that says where a model's file is."""
    return f"{where}.{'model' if model.model else 'source'}'"


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in HASHED_VERSIONS}


def _card(model: Model) -> str | None:
    known = packaged(model.weights)
    return model.card or (known.card if known else None)


def _hash(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
