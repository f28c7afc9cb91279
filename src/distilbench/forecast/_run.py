"""What a run will take: rows of models and tasks, their sums, every figure estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.forecast import _estimate as estimate
from distilbench.forecast._earlier import seen_runs
from distilbench.forecast._estimate import Estimate, Rate
from distilbench.forecast._models import ModelPlan, accelerator, describe, gpus
from distilbench.forecast._tasks import TaskPlan, notes, task_plans
from distilbench.providers import HERE, SERVER

if TYPE_CHECKING:
    from distilbench.suite import Profile, Suite


@dataclass(frozen=True)
class RunForecast:
    """Rows of one model, profile and task each, and ``totals``: each model's and that of all. Their
    figures have ``low``, ``value``, ``high`` and ``assumption``; null: not known. ``notes``: what
    else the reader must know."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    totals: Sequence[Mapping[str, Any]]
    notes: Sequence[str]

    def assumptions(self) -> list[str]:
        """Each assumption behind the rows, once."""
        figures = (figure for row in self.rows for figure in row.values())
        texts = (figure["assumption"] for figure in figures if isinstance(figure, dict))
        return list(dict.fromkeys(part for text in texts for part in text.split("; ")))


def forecast_run(suite: Suite, suite_file: Path, earlier: Path, gpu: str) -> RunForecast:
    """Tokens, hours and money of a suite: all estimated. ``suite_file``: where it was
    read; ``earlier``: the folder of runs whose rates and lengths are taken; ``gpu``: a key of the
    catalog's accelerators. Raises ``InputError`` for a model file or a task that is not there."""
    accelerator(gpu)  # a name that is none is told also where no model runs on it
    tasks = task_plans(suite)
    seen = seen_runs(earlier)
    plans = [
        (describe(suite_file, model, profile, gpu), profile)
        for model in suite.models
        for profile in suite.profiles
    ]
    rows = [
        _row(suite, described, profile, task, seen, gpu)
        for described, profile in plans
        for task in tasks
    ]
    return RunForecast(suite.name, rows, _totals(rows), [*notes(tasks), *_under_load(plans)])


def _under_load(plans: Sequence[tuple[ModelPlan, Profile]]) -> list[str]:
    """What is kept under load after the cells: known, so that it is in no estimate."""
    each = [
        profile.sustained_minutes
        for described, profile in plans
        if profile.sustained_minutes and described.runs_on == HERE
    ]
    if not each:
        return []
    return [
        f"{len(each)} time(s) a model is kept under load after its cells: {sum(each):,} minutes in"
        " all, beside the time above"
    ]


def _row(
    suite: Suite,
    described: ModelPlan,
    profile: Profile,
    task: TaskPlan,
    seen: dict[str, Any],
    gpu: str,
) -> dict[str, Any]:
    model, several = described.model, len(suite.profiles) > 1
    row: dict[str, Any] = {
        "model": f"{model.name} · {profile.name}" if several else model.name,
        "task": task.name,
        "answers": None,
        "questions": task.questions,
        "questions_known": task.counted,
        "input_tokens": None,
        "output_tokens": None,
        "most_output_tokens": None,
        "hours": None,
        "cost_usd": None,
        "memory": described.memory,
    }
    if task.questions is None:
        return row
    answers = task.questions * task.epochs * profile.repeats
    reasoning = bool(described.card and described.card.stage == "reasoning")
    most = min(task.max_tokens, model.max_tokens or task.max_tokens)
    mean = seen["tokens"].get((model.name, task.name))
    prompts = estimate.input_tokens(task.characters).scaled(answers)
    outputs = estimate.output_tokens(most, reasoning, mean).scaled(answers)
    rate = _rate(described, profile, seen["rates"].get(model.name), gpu)
    took = estimate.hours(prompts, outputs, rate) if rate else None
    cost = _money(described, profile, prompts, outputs, took)
    figures = {"input_tokens": prompts, "output_tokens": outputs, "hours": took, "cost_usd": cost}
    return {
        **row,
        "answers": answers,
        "most_output_tokens": answers * most,
        **{name: _figure(figure) for name, figure in figures.items()},
    }


def _rate(described: ModelPlan, profile: Profile, seen: float | None, gpu: str) -> Rate | None:
    from distilbench.meter import usable_cores

    if seen:
        return estimate.seen_rate(seen)
    if described.place == "api":
        return estimate.api_rate(profile.slots)
    if described.shape is None:
        return None
    flops = 2.0 * described.shape.active_params
    if described.place == "embedded" and profile.gpu is None and described.weights_bytes:
        cores = min(profile.threads or usable_cores(), profile.cpus or usable_cores())
        return estimate.cpu_rate(flops, described.weights_bytes, cores, profile.slots)
    peak = accelerator(gpu).peak_bf16_flops or accelerator(gpu).peak_fp16_flops
    return estimate.gpu_rate(flops, peak.value, gpus(described.model), gpu, profile.slots)


def _money(
    described: ModelPlan,
    profile: Profile,
    prompts: Estimate,
    outputs: Estimate,
    took: Estimate | None,
) -> Estimate | None:
    place, hourly = described.runs_on, profile.machine_usd_per_hour
    listed = described.card.price_at(place) if described.card else None
    price = described.model.price or listed
    if price is None:
        if place not in (HERE, SERVER) or took is None or hourly is None:
            return None
        return estimate.machine_money(took, hourly)
    source = f"{price.provider}, {price.date}"
    return estimate.token_money(
        prompts, outputs, price.input_usd_per_mtok, price.output_usd_per_mtok, source
    )


def _totals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sums of each model and of all; null where a part is not known."""
    models = dict.fromkeys(row["model"] for row in rows)
    groups = {name: [row for row in rows if row["model"] == name] for name in models}
    return [_total(name, part) for name, part in {**groups, "all models": rows}.items()]


def _total(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    memory = {row["memory"] for row in rows}
    total: dict[str, Any] = {"model": name, "task": "all tasks"}
    total["memory"] = memory.pop() if len(memory) == 1 else None
    for field in ("answers", "most_output_tokens"):
        known = [row[field] for row in rows]
        total[field] = None if None in known else sum(known)
    for field in ("input_tokens", "output_tokens", "hours", "cost_usd"):
        parts = [row[field] for row in rows if row[field] is not None]
        total[field] = (
            {
                "known": "estimated",
                **{end: sum(part[end] for part in parts) for end in ("low", "value", "high")},
                "parts_known": len(parts),
                "parts": len(rows),
            }
            if parts
            else None
        )
    return total


def _figure(figure: Estimate | None) -> dict[str, Any] | None:
    return None if figure is None else {"known": "estimated", **asdict(figure)}
