"""A model kept under load: a worker asks it the questions of its cells over and over, as many at a
time as there are slots, until the time is up, and writes what each minute was like."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.beat import every
from distilbench.engines import FAILURE_KEY, METADATA_KEY, tokens_of
from distilbench.events import MinuteDone, OnEvent
from distilbench.files import read_parquet
from distilbench.keys import redact
from distilbench.meter import (
    Energy,
    ThrottlingSensors,
    Timing,
    gpu_use,
    read_stretches,
    usable_cores,
)
from distilbench.records import MinuteRecord, frame
from distilbench.runner._answer import Loaded, generation_config
from distilbench.runner._conduct import sampling_seed, without_system
from distilbench.runner._meanwhile import watch_into
from distilbench.runner._minutes import Answer, Look, minute_rows
from distilbench.runner._plan import Cell
from distilbench.runner._store import questions_file, read_questions, shard_folder, shards_of
from distilbench.runner._sustained import Sustained
from distilbench.tasks import build_task, prompts

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, GenerateConfig

_MINUTE_S = 60.0
_LOOK_S = 2.0
_ROUND_S = 30.0
"""That all questions together take, about: each minute then asks the same, so that minutes can be
compared."""
_NOTHING = "nothing to ask: no question of its cells was answered with text"
_MOST_FAILURES = 3  # in a row, in every slot


@dataclass(frozen=True)
class Question:
    """A conversation as the cell had it, and how it is to be answered."""

    cell: Cell
    input: list[ChatMessage]
    config: GenerateConfig


@dataclass
class _Load:
    """What happens while the model is asked. Times are of a clock that nobody sets."""

    loaded: Loaded
    ends: float
    answers: list[Answer] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    at_work: int = 0
    """Questions in flight that were begun in time."""
    failures: int = 0
    told: int = 0
    """Minutes that were told."""
    stopped: str | None = None
    """Why it ended before its time."""

    @property
    def goes_on(self) -> bool:
        """Until the last that was begun in time has ended, the others keep the load up."""
        return self.stopped is None and (time.monotonic() < self.ends or self.at_work > 0)


def keep_under_load(run_dir: Path, what: Sustained, loaded: Loaded, tell: OnEvent) -> None:
    """Ask, measure, write the minutes."""
    anew = what.begin(run_dir)
    seen = what.folder(run_dir) / "machine.jsonl"
    seen.unlink(missing_ok=True)
    sensors = _sensors(what.cells[0], loaded)
    load = _Load(loaded, 0.0, stopped=loaded.error)
    questions = [] if loaded.error else _questions(run_dir, what.cells, loaded)
    if not questions:
        load.stopped = load.stopped or _NOTHING
    begun, clock = time.time(), time.monotonic()
    if load.stopped is None:
        loaded.conduct.model = str(loaded.model)
        loaded.engine.begin()
        with watch_into(seen, loaded.engine):
            begun, clock = time.time(), time.monotonic()
            load.ends = clock + what.minutes * _MINUTE_S
            loaded.meter.begin()
            _ask(load, questions, sensors, partial(_tell, load, what, clock, tell))
    energy = loaded.meter.end()
    if loaded.engine.lost:
        return  # it is begun anew by the next run
    rows = minute_rows(
        load.answers, load.looks, read_stretches(seen), (begun, clock), what.minutes, _MINUTE_S,
        energy,
    )  # fmt: skip
    ended = time.monotonic() if load.stopped else load.ends
    whole = [row for row in rows if clock + row["minute"] * _MINUTE_S <= ended]
    about = {
        "run": run_dir.name,
        "model": what.model,
        "profile": what.profile,
        "begun_anew": anew,
        "stopped": load.stopped,
        "temperature_method": sensors.methods.temperature,
        "frequency_method": sensors.methods.frequency,
        "gpu_method": sensors.methods.gpu,
        "power_method": _power_method(energy, loaded.meter.method),
    }
    what.finish(run_dir, frame([{**row, **about} for row in whole or [{}]], MinuteRecord))


def _power_method(energy: Energy | None, method: str) -> str:
    if energy is None:
        return method
    if energy.known == "estimated":
        return f"not available: {energy.method} tells no single minute"
    return energy.method.partition(", idle")[0]


def _tell(load: _Load, what: Sustained, clock: float, tell: OnEvent) -> None:
    done = min(what.minutes, int((time.monotonic() - clock) / _MINUTE_S))
    if done > load.told:
        load.told = done
        tell(MinuteDone(what.model, done, what.minutes))


def _sensors(cell: Cell, loaded: Loaded) -> ThrottlingSensors:
    profile, pid = cell.profile, loaded.engine.pid
    cores = min(profile.cpus or usable_cores(), usable_cores())
    gpus = {profile.gpu.index} if profile.gpu else set()
    if pid is not None:
        gpus |= gpu_use([pid]).gpus or set()
    return ThrottlingSensors(profile.threads or cores, lambda: loaded.engine.pid, gpus)


def _questions(run_dir: Path, cells: Sequence[Cell], loaded: Loaded) -> list[Question]:
    """Questions of all cells in turn, of those that were answered with text: as many as take about
    ``_ROUND_S``, by the seconds on record, and two for each slot at least."""
    taken: list[Question] = []
    seconds = 0.0
    least = 2 * loaded.slots
    of_cells = [
        _answered(run_dir, cell, loaded) for cell in cells if not cell.task.asks_likelihoods
    ]
    for turn in zip_longest(*of_cells):
        for found in turn:
            if found is None:
                continue
            if len(taken) >= least and seconds >= _ROUND_S * loaded.slots:
                return taken
            taken.append(found[0])
            seconds += found[1]
    return taken


def _answered(run_dir: Path, cell: Cell, loaded: Loaded) -> list[tuple[Question, float]]:
    """Of a finished cell, each question with the seconds that its answer took."""
    import polars as pl

    took: dict[str, float] = {}
    for shard in shards_of(run_dir, cell):
        told = read_parquet(shard_folder(run_dir, cell, shard) / "samples.parquet")
        known = told.filter(
            pl.col("outcome").is_in(["stop", "length"])
            & (pl.col("output_tokens").is_null() | (pl.col("output_tokens") > 1))
        ).drop_nulls("total_s")
        took |= dict(known.select("sample_id", "total_s").iter_rows())
    if not took:
        return []
    asked = read_questions(questions_file(run_dir, cell))
    task = build_task(cell.task, asked, cell.seed)
    config = generation_config(cell, task, loaded.engine).model_copy(
        update={"max_connections": loaded.slots, "seed": sampling_seed(cell.seed, 1)}
    )
    samples = [sample for sample in task.dataset if str(sample.id) in took]
    most = int(2 * loaded.slots + _ROUND_S * loaded.slots / max(1e-3, min(took.values()))) + 1
    turns = prompts(task, samples[:most])
    if cell.generation.system_prompt is False:
        turns = [without_system(turn) for turn in turns]
    return [
        (Question(cell, turn, config), took[str(sample.id)])
        for sample, turn in zip(samples, turns, strict=False)
    ]


def _ask(
    load: _Load,
    questions: Sequence[Question],
    sensors: ThrottlingSensors,
    tell: Callable[[], None],
) -> None:
    import anyio

    def look() -> None:
        load.looks.append(Look(time.monotonic(), sensors.read()))
        tell()

    async def all_slots() -> None:
        waiting = cycle(questions)
        async with anyio.create_task_group() as slots:
            for _ in range(load.loaded.slots):
                slots.start_soon(_keep_asking, load, waiting)

    look()
    with every(_LOOK_S, look):
        anyio.run(all_slots)
    look()


async def _keep_asking(load: _Load, waiting: Any) -> None:
    while load.goes_on:
        question: Question = next(waiting)
        begun = time.monotonic()
        in_time = begun < load.ends
        load.at_work += in_time
        try:
            answer = await _answer(load.loaded, question)
        except Exception as error:  # of any provider
            answer = Answer(time.monotonic(), error=redact(str(error)) or type(error).__name__)
        finally:
            load.at_work -= in_time
        load.answers.append(replace(answer, begun=begun))
        load.failures = load.failures + 1 if answer.error else 0
        if load.failures >= _MOST_FAILURES * load.loaded.slots:
            load.stopped = f"no question was answered any more: {answer.error}"
        if load.loaded.engine.lost:
            load.stopped = load.loaded.engine.lost


async def _answer(loaded: Loaded, question: Question) -> Answer:
    import anyio

    loaded.conduct.cell = question.cell
    limit_s = question.cell.profile.time_per_question_s
    with anyio.move_on_after(limit_s) as limited:
        output = await loaded.model.generate(question.input, config=question.config)
    ended = time.monotonic()
    if limited.cancelled_caught:
        return Answer(ended, error="timeout")
    noted = output.metadata or {}
    if failure := noted.get(FAILURE_KEY):
        return Answer(ended, error=str(failure.get("message") or failure.get("outcome")))
    known = noted.get(METADATA_KEY)
    timing = (
        Timing.model_validate(known)
        if known
        else Timing(**tokens_of(output), total_s=output.time or 0.0)
    )
    return Answer(
        ended,
        total_s=timing.total_s,
        ttft_s=timing.ttft_s,
        decode_s=timing.decode_s,
        output_tokens=timing.output_tokens,
    )
