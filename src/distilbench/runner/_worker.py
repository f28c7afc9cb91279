"""The worker: a process that loads one model under one profile and runs its cells one by one.

Started as ``python -m distilbench.runner._worker JOB.json``. It tells its parent what happens as
JSON lines on standard output; everything else that libraries print goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from distilbench.durations import duration
from distilbench.engines import predict_memory
from distilbench.events import (
    CellBegun,
    CellDone,
    Event,
    ModelLoaded,
    ModelLoading,
    ModelRefused,
    OnEvent,
    SampleDone,
    as_line,
)
from distilbench.keys import guard_output, key_in_environment, redact
from distilbench.meter import (
    EnergyMeter,
    describe_hardware,
    find_meter,
    peak_memory_bytes,
    power_cap,
)
from distilbench.runner._conduct import Conduct, install, sampling_seed, without_system
from distilbench.runner._leave import leave, leave_on_signals
from distilbench.runner._meanwhile import telling_what_is_read, watch
from distilbench.runner._plan import Cell
from distilbench.runner._sampling import request_options
from distilbench.runner._sandbox import no_sandbox, refuse
from distilbench.runner._store import (
    answered,
    finish_cell,
    log_folder,
    questions_file,
    read_questions,
)
from distilbench.tasks import InspectTask, answer_cue, grade, prompts

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import Model as InspectModel

    from distilbench.engines._llama_cpp import LlamaCpp, WarmUp
    from distilbench.engines._served import ServedMeter

_DEFAULT_MAX_TOKENS = 512
_LOADING_S = 5.0  # more than making a client takes: the provider has loaded a model
_FLUSH_EVERY_SAMPLE = 1  # into the log, so that a killed worker loses no finished sample


class Job(BaseModel):
    """Cells of one model under one profile."""

    run_dir: Path
    cells: list[Cell]


@dataclass
class Loaded:
    """A model ready to answer, and what is known of its loading and its resources."""

    model: InspectModel
    engine: LlamaCpp | None
    meter: EnergyMeter
    facts: dict[str, Any]
    served: ServedMeter | None = None
    """The meter of a model that runs elsewhere."""
    capped: str | None = None
    """Whether the profile's power limit is enforced, in words."""
    error: str | None = None
    """Why a served model did not load; then it is not asked."""
    conduct: Conduct = field(default_factory=Conduct)


def main() -> None:
    guard_output()
    job = Job.model_validate_json(Path(sys.argv[1]).read_text())
    first = job.cells[0]
    with ExitStack() as undo:
        leave_on_signals(undo)
        if not first.embedded:
            undo.enter_context(key_in_environment(first.reference))
        _work(job, _progress_channel(undo), undo)


def _work(job: Job, tell: OnEvent, undo: ExitStack) -> None:
    _report_samples(tell)
    _ready_inspect(job)
    _ready_graders(job)
    profile = job.cells[0].profile
    gpu_index = profile.gpu.index if profile.gpu else None
    capped = undo.enter_context(power_cap(profile.power_cap_w, gpu_index))
    loaded = _load(job.cells[0], tell, undo)
    loaded.capped = capped
    install(loaded.conduct)
    for cell in job.cells:
        tell(CellBegun(cell.name))
        run_cell(job.run_dir, cell, loaded)
        tell(CellDone(cell.name))


def _ready_inspect(job: Job) -> None:
    """Import what Inspect would import inside the first evaluation (seconds) before a cell's clock
    runs: its server of agents, and the clients of OpenAI and Anthropic where they are installed."""
    _load_extensions(job)
    with suppress(ImportError):
        import_module("inspect_ai.agent._acp.server")
        from inspect_ai.model._assistant_internal import init_sample_assistant_internal

        init_sample_assistant_internal()


def _load_extensions(job: Job) -> None:
    """Load the packages that extend Inspect with providers and hooks. inspect_evals extends it with
    neither and takes seconds: only where its tasks are asked."""
    from importlib.metadata import entry_points

    from inspect_ai._util import entrypoints

    asked = {cell.task.inspect for cell in job.cells if isinstance(cell.task, InspectTask)}
    if any(name.startswith("inspect_evals/") for name in asked):
        entrypoints.ensure_entry_points()
        return
    for package in entry_points(group="inspect_ai"):
        if package.name != "inspect_evals":
            entrypoints.ensure_entry_points(package.name)
    entrypoints._inspect_ai_eps_loaded_all = True


def _ready_graders(job: Job) -> None:
    """Let math-verify import what it needs (seconds) before a question's clock runs."""
    if any(getattr(cell.task, "grader", None) == "math" for cell in job.cells):
        grade("1", "2", "math")


def run_cell(run_dir: Path, cell: Cell, loaded: Loaded) -> None:
    """Answer the questions of a cell that no log holds yet, and write its records."""
    from distilbench.tasks import build_task

    asked = read_questions(questions_file(run_dir, cell))
    task = build_task(cell.task, asked, cell.seed)
    refused = loaded.error or no_sandbox(asked.sandbox)
    if refused:
        task = refuse(task, refused)
    engine = loaded.engine
    if engine:
        engine.usage.begin()
    loaded.conduct.cell, loaded.conduct.model = cell, str(loaded.model)
    warm = None if refused else _warm_up(engine, task, cell)
    resumed = answered(run_dir, cell)
    with watch(run_dir, cell, loaded.engine, resumed):
        loaded.meter.begin()
        started = time.perf_counter()
        _evaluate(run_dir, cell, task, loaded.model)
        wall_s, energy = time.perf_counter() - started, loaded.meter.end()
    measured = {
        "wall_s": wall_s,
        "resumed_samples": resumed,
        "warmup_s": warm.seconds if warm else None,
        "warmup_tokens": warm.tokens if warm else None,
        "peak_memory_bytes": _peak(engine, loaded.facts),
        "energy_total_j": energy.total_j if energy else None,
        "energy_idle_j": energy.idle_j if energy else None,
        "energy_known": energy.known if energy else None,
        "energy_method": energy.method if energy else loaded.meter.method,
    }
    unasked = {"refused": refused, "load_error": loaded.error}
    facts = {**loaded.facts, **measured, **_engine_facts(cell, loaded), **unasked}
    finish_cell(run_dir, cell, facts, energy)


def _evaluate(run_dir: Path, cell: Cell, task: Task, model: InspectModel) -> None:
    from inspect_ai import eval_set

    eval_set(
        [task],
        log_dir=str(log_folder(run_dir, cell)),
        log_dir_allow_dirty=True,
        model=model,
        limit=cell.limits.questions,
        epochs=cell.epochs,
        time_limit=cell.profile.time_per_question_s,
        fail_on_error=False,
        max_samples=cell.profile.slots,
        retry_attempts=0,
        retry_immediate=False,
        display="none",
        ctl_server=False,
        score_display=False,
        log_realtime=False,
        log_buffer=_FLUSH_EVERY_SAMPLE,
        max_tokens=_max_tokens(cell, task),
        seed=sampling_seed(cell.seed, 1),
        max_connections=cell.profile.slots,
        **_generation(cell),
        **({} if cell.embedded else _patience(cell)),
    )


def _load(cell: Cell, tell: OnEvent, undo: ExitStack) -> Loaded:
    """The model, its engine if embedded, and what loading took. A model that does not load is
    no crash: each of its questions then ends in an outcome that says why."""
    from inspect_ai.model import get_model

    hardware = describe_hardware()
    facts: dict[str, Any] = {"hardware": str(hardware)}
    if not cell.embedded:
        tell(ModelLoading(cell.model.name))
        loaded = _load_served(cell, facts)
        if loaded.error:
            tell(ModelRefused(cell.model.name, loaded.error))
        return loaded
    from distilbench.engines._process import EngineError
    from distilbench.engines._provider import DistilbenchAPI

    settings = cell.engine_settings()
    model = get_model(cell.reference, memoize=False, **settings.model_dump())
    engine = cast(DistilbenchAPI, model.api).engine
    undo.callback(engine.close)
    meter = find_meter(hardware.processor, settings.gpu_index, lambda: engine.usage.cpu_seconds)
    meter.measure_idle()
    tell(ModelLoading(cell.model.name))
    try:
        with telling_what_is_read(tell, cell.model.name, engine):
            engine.load()
        assert engine.load_s is not None
        tell(ModelLoaded(cell.model.name, engine.load_s))
    except EngineError as error:
        tell(ModelRefused(cell.model.name, str(error)))
    facts["load_peak_bytes"] = peak_memory_bytes(engine.pid) if engine.pid else None
    facts["load_s"] = engine.load_s
    return Loaded(model, engine, meter, facts)


def _load_served(cell: Cell, facts: dict[str, Any]) -> Loaded:
    """A model of one of Inspect's providers, under the meter."""
    from inspect_ai.model import get_model

    from distilbench.engines._provider_check import served_model
    from distilbench.engines._served import ServedMeter
    from distilbench.engines._stops import stopping
    from distilbench.engines._thinking import separating

    elsewhere = EnergyMeter((), "the model is served elsewhere")
    started = time.perf_counter()
    try:
        model = separating(served_model(cell.reference, cell.model.base_url, cell.model_args()))
    except Exception as error:  # of any library: transformers, torch, vLLM, a server's start
        said = " ".join(redact(str(getattr(error, "message", error))).split())
        reason = f"could not be loaded: {said or type(error).__name__}"
        return Loaded(get_model("none/none"), None, elsewhere, facts, error=reason)
    model = stopping(model, cell.reference.partition("/")[0])
    if time.perf_counter() - started > _LOADING_S:  # in this process or by a server it started
        facts["load_s"] = time.perf_counter() - started
    return Loaded(model, None, elsewhere, facts, ServedMeter(model))


def _patience(cell: Cell) -> dict[str, Any]:
    """How long to wait for a server and how often to ask it again, in Inspect's words."""
    return {
        "max_retries": cell.limits.retries,
        "attempt_timeout": cell.limits.request_timeout_s,
    }


def _generation(cell: Cell) -> dict[str, Any]:
    """Sampling and thinking budget in Inspect's words; the embedded engine is also told how the
    task's answers begin."""
    values, beside = request_options(cell.generation, cell.reference)
    budget = cell.profile.thinking_tokens
    if budget is not None:
        values["reasoning_tokens"] = budget
    if budget is not None and cell.embedded:
        beside.update(answer_cue(cell.task))
    return {**values, "extra_body": beside} if beside else values


def _peak(engine: LlamaCpp | None, load: dict[str, Any]) -> int | None:
    """Peak of this cell; a cell can have no less than loading its model took."""
    cell = engine.usage.peak_memory_bytes if engine else None
    return None if cell is None else max(cell, load["load_peak_bytes"] or 0)


def _engine_facts(cell: Cell, loaded: Loaded) -> dict[str, Any]:
    from importlib.metadata import version

    engine = loaded.engine
    if engine is None:
        name = cell.reference.partition("/")[0]
        return {
            "engine": f"inspect:{name}",
            "engine_version": version("inspect-ai"),
            "clock": loaded.served.method if loaded.served else None,
            "enforcement": _enforcement(cell, loaded),
        }
    predicted = predict_memory(engine.description, engine.settings)
    return {
        "enforcement": _enforcement(cell, loaded),
        "predicted_memory_bytes": predicted.total if predicted else None,
        "declared_name": engine.description.name,
        "bits_per_weight": _bits_per_weight(engine),
        "clock": "engine's clock",
        "engine": "llama.cpp (xllamacpp)",
        "engine_version": version("xllamacpp"),
        "threads": engine.threads,
        "spin_count": engine.settings.spin_count if sys.platform == "linux" else None,
        "model_file_bytes": engine.description.size_bytes,
        "parameters": engine.description.parameters,
        "quantization": engine.description.quantization,
    }


def _bits_per_weight(engine: LlamaCpp) -> float | None:
    weights, parameters = engine.description.weights_bytes, engine.description.parameters
    return 8 * weights / parameters if weights and parameters else None


def _enforcement(cell: Cell, loaded: Loaded) -> str:
    """Each limit of the profile and by which means it was enforced."""
    profile, engine = cell.profile, loaded.engine
    said = engine.fence.describe() if engine else []
    if engine is None and (profile.memory or profile.cpus or profile.gpu):
        said.append("memory, cores and GPU not enforced: the model is served elsewhere")
    if engine and profile.gpu:
        said.append(f"GPU {profile.gpu.index} by its number, its memory by the number of layers")
    if profile.time_per_question_s:
        said.append(f"{duration(profile.time_per_question_s)} a question by Inspect's time limit")
    if profile.thinking_tokens:
        means = "budget forcing" if engine else "the provider"
        said.append(f"{profile.thinking_tokens} thinking tokens by {means}")
    if profile.energy_per_question_j:
        limit = f"{profile.energy_per_question_j:g} J a question"
        known = "judged afterwards" if loaded.meter.is_available else "not enforced"
        said.append(f"{limit} {known} ({loaded.meter.method})")
    if loaded.capped:
        said.append(loaded.capped)
    return "; ".join(said) or "no limits"


def _warm_up(engine: LlamaCpp | None, task: Task, cell: Cell) -> WarmUp | None:
    """Evaluate the few-shot prefix once, outside the clock of any question."""
    from distilbench.engines._process import EngineError

    asked = min(len(task.dataset), cell.limits.questions or len(task.dataset))
    if engine is None or engine.pid is None or asked < 2:
        return None
    conversations = first_prompts(task, cell.generation.system_prompt is not False)

    async def warm() -> WarmUp | None:
        try:
            return await engine.warm_up([await engine.prompt(m) for m in conversations])
        except EngineError:
            return None  # each question will meet the same and have it as its outcome
        finally:
            await engine.aclose()

    return asyncio.run(warm())


def first_prompts(task: Task, system_prompt: bool = True) -> list[list[dict[str, str]]]:
    """The conversations of a task's first two questions: what they share, all share."""
    from distilbench.engines._provider import as_messages

    turns = prompts(task, [task.dataset[0], task.dataset[1]])
    return [as_messages(t if system_prompt else without_system(t)) for t in turns]


def _max_tokens(cell: Cell, task: Task) -> int:
    own = task.config.max_tokens or _DEFAULT_MAX_TOKENS
    return min(own, cell.limits.max_tokens or own, cell.model.max_tokens or own)


def _progress_channel(undo: ExitStack) -> OnEvent:
    """Keep standard output for progress alone. The parent gone, so is the reason to go on."""
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(event: Event) -> None:
        try:
            channel.write(as_line(event))
        except OSError:
            leave(undo, 1)

    return tell


def _report_samples(tell: OnEvent) -> None:
    from inspect_ai.hooks import Hooks, SampleEnd, hooks

    @hooks(name="distilbench_progress", description="tells the parent of finished samples")
    class Progress(Hooks):
        async def on_sample_end(self, data: SampleEnd) -> None:
            tell(SampleDone(str(data.sample.id), data.sample.epoch, os.getpid()))


if __name__ == "__main__":
    main()
