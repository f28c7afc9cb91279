"""Shards, answered: what a worker does with its share of a cell once the model is loaded."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.durations import duration
from distilbench.engines import Engine, WarmUp
from distilbench.keys import redact
from distilbench.meter import EnergyMeter
from distilbench.runner._conduct import Conduct, sampling_seed, without_system
from distilbench.runner._journal import Journal, restore
from distilbench.runner._meanwhile import watch
from distilbench.runner._plan import Cell
from distilbench.runner._sampling import request_options
from distilbench.runner._sandbox import no_sandbox, refuse
from distilbench.runner._shards import Shard, Share
from distilbench.runner._store import (
    finish_shard,
    log_folder,
    questions_file,
    read_questions,
)
from distilbench.tasks import QuestionSet, answer_cue, prompts

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessage, GenerateConfig
    from inspect_ai.model import Model as InspectModel

_DEFAULT_MAX_TOKENS = 512


@dataclass
class Loaded:
    """An engine that was told to load its model, and what is known beside it."""

    engine: Engine
    model: InspectModel
    """That of the engine; where it did not load and is not to be asked, one that answers none."""
    meter: EnergyMeter
    hardware: str
    capped: str | None
    """Whether the profile's power limit is enforced, in words."""
    error: str | None
    """Why the model did not load, if it is therefore not asked."""
    slots: int
    """Questions in flight."""
    conduct: Conduct


def run_share(
    run_dir: Path, share: Share, loaded: Loaded, journal: Journal
) -> Iterator[tuple[Shard, int]]:
    """Answer shards of a cell, and yield each with its number of samples.

    The task is built once and whole: whatever it shuffles or draws is the same for every cut. So is
    the prefix that is warmed up, that of the cell's first two questions.
    """
    from distilbench.tasks import build_task

    cell = share.cell
    asked = read_questions(questions_file(run_dir, cell))
    task = build_task(cell.task, asked, cell.seed)
    refused = loaded.error or no_sandbox(asked.sandbox)
    if refused:
        task = refuse(task, refused)
    loaded.conduct.cell, loaded.conduct.model = cell, str(loaded.model)
    loaded.engine.begin()
    warm = None if refused else _warm_up(loaded.engine, task, cell)
    everything = list(task.dataset)
    for place, shard in enumerate(share.shards):
        if place:
            loaded.engine.begin()
        loaded.conduct.shard = shard
        unasked = {"refused": refused, "load_error": loaded.error}
        part = _with(task, everything[shard.first : shard.last])
        answering = _Answering(run_dir, cell, shard, asked, part)
        yield shard, run_shard(answering, loaded, journal, None if place else warm, unasked)


@dataclass(frozen=True)
class _Answering:
    """A shard, and the task with its questions alone."""

    run_dir: Path
    cell: Cell
    shard: Shard
    asked: QuestionSet
    task: Task

    @property
    def where(self) -> tuple[Path, Cell, Shard]:
        return self.run_dir, self.cell, self.shard


def run_shard(
    work: _Answering,
    loaded: Loaded,
    journal: Journal,
    warm: WarmUp | None,
    unasked: dict[str, str | None],
) -> int:
    """Answer the questions of a shard that no log holds yet, and write its records; returns how
    many samples it has."""
    engine, cell = loaded.engine, work.cell
    resumed = restore(log_folder(*work.where))
    journal.begin(log_folder(*work.where))
    with watch(*work.where, engine, resumed):
        loaded.meter.begin()
        begun, started = time.time(), time.perf_counter()
        _evaluate(work, loaded)
        wall_s, energy = time.perf_counter() - started, loaded.meter.end()
    measured = {
        "machine": _machine(),
        "hardware": loaded.hardware,
        "load_s": engine.load_s,
        "begun": begun,
        "wall_s": wall_s,
        "resumed_samples": resumed,
        "warmup_s": warm.seconds if warm else None,
        "warmup_tokens": warm.tokens if warm else None,
        "peak_memory_bytes": engine.peak_memory_bytes,
        "energy_method": energy.method if energy else loaded.meter.method,
        "enforcement": _enforcement(cell, loaded),
    }
    journal.end()
    facts = {**engine.facts(), **measured, **unasked}
    return finish_shard(*work.where, work.asked, facts, energy)


def _with(task: Task, samples: list[Sample]) -> Task:
    """The task with these questions. Solver, scorer and limits are the same objects."""
    from inspect_ai.dataset import MemoryDataset

    part = copy(task)
    part.dataset = MemoryDataset(samples, name=task.name)
    return part


def _machine() -> str:
    """Tells this machine from others, and not its name."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _evaluate(work: _Answering, loaded: Loaded) -> None:
    from inspect_ai import eval_set

    cell, task = work.cell, work.task
    _, (log,) = eval_set(
        [task],
        log_dir=str(log_folder(*work.where)),
        log_dir_allow_dirty=True,
        model=loaded.model,
        epochs=cell.epochs,
        time_limit=cell.profile.time_per_question_s,
        fail_on_error=False,
        max_samples=loaded.slots,
        retry_attempts=0,
        retry_immediate=False,
        display="none",
        ctl_server=False,
        score_display=False,
        log_realtime=False,
        # The log is written once, at the end: the journal is on disk.
        log_buffer=work.shard.questions * cell.epochs + 1,
        max_tokens=_max_tokens(cell, task),
        seed=sampling_seed(cell.seed, 1),
        max_connections=loaded.slots,
        **_generation(cell, loaded.engine),
        **loaded.engine.options(),
    )
    if log.status != "success":  # a full disk, a lost folder: no result, and asked again
        said = redact(log.error.message) if log.error else "no reason given"
        raise RuntimeError(f"{cell.name}: Inspect ended it as {log.status}: {said}")


def generation_config(cell: Cell, task: Task, engine: Engine) -> GenerateConfig:
    """How the questions of a cell are answered, as :func:`run_share` has them answered, where no
    evaluation is around them."""
    from inspect_ai.model import GenerateConfig

    values = {
        "max_tokens": _max_tokens(cell, task),
        **_generation(cell, engine),
        **engine.options(),
    }
    known = {name: value for name, value in values.items() if name in GenerateConfig.model_fields}
    return task.config.merge(GenerateConfig(**known))


def _generation(cell: Cell, engine: Engine) -> dict[str, Any]:
    """Sampling and thinking budget in Inspect's words; an engine that ends thoughts itself is also
    told how the task's answers begin."""
    values, beside = request_options(cell.generation, engine.provider(cell.model.source))
    budget = cell.profile.thinking_tokens
    if budget is not None:
        values["reasoning_tokens"] = budget
    if budget is not None and engine.forces_budget:
        beside.update(answer_cue(cell.task))
    return {**values, "extra_body": beside} if beside else values


def _enforcement(cell: Cell, loaded: Loaded) -> str:
    """Each limit of the profile and by which means it was enforced."""
    profile, engine = cell.profile, loaded.engine
    said = engine.enforcement()
    if profile.time_per_question_s:
        said.append(f"{duration(profile.time_per_question_s)} a question by Inspect's time limit")
    if profile.thinking_tokens:
        means = "budget forcing" if engine.forces_budget else "the provider"
        said.append(f"{profile.thinking_tokens} thinking tokens by {means}")
    if profile.energy_per_question_j:
        limit = f"{profile.energy_per_question_j:g} J a question"
        known = "judged afterwards" if loaded.meter.is_available else "not enforced"
        said.append(f"{limit} {known} ({loaded.meter.method})")
    if loaded.capped:
        said.append(loaded.capped)
    return "; ".join(said) or "no limits"


def _warm_up(engine: Engine, task: Task, cell: Cell) -> WarmUp | None:
    """Evaluate the few-shot prefix once, outside the clock of any question."""
    asked = min(len(task.dataset), cell.limits.questions or len(task.dataset))
    if asked < 2 or cell.task.asks_likelihoods:
        return None
    system_prompt = cell.generation.system_prompt is not False
    return engine.warm_up(partial(first_prompts, task, system_prompt))


def first_prompts(task: Task, system_prompt: bool = True) -> list[list[ChatMessage]]:
    """The conversations of a task's first two questions: what they share, all share."""
    turns = prompts(task, [task.dataset[0], task.dataset[1]])
    return [turn if system_prompt else without_system(turn) for turn in turns]


def _max_tokens(cell: Cell, task: Task) -> int:
    own = task.config.max_tokens or _DEFAULT_MAX_TOKENS
    return min(own, cell.limits.max_tokens or own, cell.model.max_tokens or own)
