"""``distilbench run --dry-run``: what a suite would take, without a model and without an API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.cli._print import print_json, print_line, print_table
from distilbench.durations import duration
from distilbench.errors import InputError
from distilbench.files import read_parquet

if TYPE_CHECKING:
    from distilbench.architecture import ModelDescription, ModelShape
    from distilbench.catalog import Card, Catalog
    from distilbench.compute.run_estimate import Estimate, Rate
    from distilbench.suite import Changes, Model, Profile, Suite
    from distilbench.tasks import QuestionSet, TaskSpec

# Providers of Inspect that run a model on this machine's GPUs.
_ON_GPU = ("vllm", "sglang", "hf", "ollama", "transformer_lens", "nnterp")
_NOT_KNOWN = "not available"
_UNBOUNDED = 2048  # output tokens of a benchmark that sets no limit of its own


@dataclass(frozen=True)
class TaskPlan:
    """What is known of a task before it runs."""

    name: str
    questions: int | None
    counted: str
    """Where the number comes from."""
    characters: float | None
    """Mean of a prompt; null: not seen."""
    max_tokens: int
    epochs: int
    note: str | None = None


@dataclass(frozen=True)
class ModelPlan:
    """What is known of a model before it runs."""

    model: Model
    place: str
    """embedded, gpu or api"""
    card: Card | None
    shape: ModelShape | None
    weights_bytes: float | None
    memory: str


def dry_run(suite_file: Path, out: Path, changes: Changes, gpu: str, as_json: bool) -> None:
    """Print the plan of a suite with its tokens, hours and money: all estimated."""
    from distilbench.suite import load_suite

    _accelerator(gpu)  # a name that is none is told also where no model runs on it
    suite = load_suite(suite_file, changes)
    tasks = _task_plans(suite)
    seen = _seen(out)
    rows = [
        _row(suite, described, profile, task, seen, gpu)
        for model in suite.models
        for profile in suite.profiles
        for described in [_describe(suite_file, model, profile, gpu)]
        for task in tasks
    ]
    totals = _totals(rows)
    notes = _notes(tasks)
    if as_json:
        print_json({"known": "estimated", "rows": rows, "totals": totals, "notes": notes})
        return
    figures = ("answers", "input tokens", "output tokens", "time", "US$")
    print_table(
        ("model", "task", *figures), [(row["model"], row["task"], *_printed(row)) for row in rows],
        f"{suite.name}: nothing was run",
    )  # fmt: skip
    whole = [(row["model"], *_printed(row), row["memory"]) for row in totals]
    print_table(("model", *figures, "memory"), whole, "In all")
    print_line(
        "All of these figures are estimated, with their ranges; none was measured. Assumptions:"
    )
    assumed = [f["assumption"] for row in rows for f in row.values() if isinstance(f, dict)]
    parts = dict.fromkeys(part for text in assumed for part in text.split("; "))
    for sentence in (*parts, *notes):
        print_line(f"- {sentence}")


def _task_plans(suite: Suite) -> list[TaskPlan]:
    from distilbench.tasks import attempt_questions

    wanted = [(task, suite.seeds[0]) for task in suite.tasks]
    attempted = attempt_questions(wanted)
    return [
        _task_plan(suite, task, made) for (task, _), made in zip(wanted, attempted, strict=True)
    ]


def _task_plan(suite: Suite, task: TaskSpec, made: QuestionSet | InputError) -> TaskPlan:
    from distilbench.tasks import InspectTask

    most = task.max_tokens or _UNBOUNDED
    note = None
    if not isinstance(made, InputError):
        count: int | None = len(made.questions)
        counted, characters = "counted", _characters(task, made)
        skipped = [f"task {task.name!r}: {part.sentence}" for part in made.skipped]
        note = _refusal(task, made) or "; ".join(skipped) or None
    elif isinstance(task, InspectTask):
        count, counted = _stated(task)
        characters, note = None, str(made)
    else:
        raise made
    if count is not None and suite.limits.questions:
        count = min(count, suite.limits.questions)
    return TaskPlan(
        name=task.name,
        questions=count,
        counted=counted,
        characters=characters,
        max_tokens=min(most, suite.limits.max_tokens or most),
        epochs=(task.epochs or suite.epochs) * len(suite.seeds),
        note=note,
    )


def _characters(task: TaskSpec, made: QuestionSet) -> float:
    """Mean length of a prompt: question, examples, instruction."""
    asked = sum(len(q.text) for q in made.questions) / max(1, len(made.questions))
    shown = sum(len(q.text) + len(q.worked) for q in made.examples)
    instruction = getattr(task, "instruction", None) or ""
    return asked + shown + len(instruction) + made.overhead_chars


def _stated(task: Any) -> tuple[int | None, str]:
    """Questions of a benchmark that could not be fetched, as its package states them."""
    from distilbench.tasks import list_benchmarks

    sizes = {entry.name: entry.questions for entry in list_benchmarks()}
    count = sizes.get(task.inspect)
    asked = task.subset.questions if task.subset else task.questions
    if count is not None and asked:
        count = min(count, asked)
    return count, "as its package states" if count is not None else _NOT_KNOWN


def _refusal(task: TaskSpec, made: QuestionSet) -> str | None:
    from distilbench.runner import no_sandbox

    reason = no_sandbox(made.sandbox)
    return f"task {task.name!r} {reason}: its questions would end as errors" if reason else None


def _describe(suite_file: Path, model: Model, profile: Profile, gpu: str) -> ModelPlan:
    from distilbench.engines import PACKAGED

    packaged = PACKAGED.get(model.source.removeprefix("pypi:"))
    card_id = model.card or (packaged.card if packaged else None)
    card = _catalog().cards.get(card_id or "")
    scheme, _, rest = model.source.partition(":")
    shape = card.architecture.shape if card and card.architecture else None
    if scheme != "inspect":
        return _embedded(suite_file, model, profile, card)
    if rest.partition("/")[0] not in _ON_GPU:
        return ModelPlan(model, "api", card, shape, None, "served elsewhere")
    total = card.parameters.total.value if card and card.parameters.total else None
    parameters = shape.total_params if shape else total
    weights = 2.0 * parameters if parameters else None
    return ModelPlan(model, "gpu", card, shape, weights, _gpu_memory(model, weights, gpu))


def _embedded(suite_file: Path, model: Model, profile: Profile, card: Card | None) -> ModelPlan:
    from distilbench.engines import EngineSettings, describe_model, predict_memory

    try:
        described: ModelDescription = describe_model(
            model.source, suite_file.parent, f"{suite_file}: model {model.name!r}"
        )
    except InputError:
        if not model.source.startswith("hf:"):
            raise  # a file that is not there is a mistake; a hub out of reach is none
        return ModelPlan(model, "embedded", card, None, None, _NOT_KNOWN)
    settings = EngineSettings(slots=profile.slots, context=profile.context)
    needed = predict_memory(described, settings, model.quantization)
    memory = _NOT_KNOWN
    if needed is not None:
        memory = f"{needed.total / 2**20:,.0f} MiB"
        if profile.memory:
            memory += ", fits" if needed.total <= profile.memory else ", does not fit"
    weights = float(needed.weights) if needed else None
    return ModelPlan(model, "embedded", card, described.architecture, weights, memory)


def _gpu_memory(model: Model, weights: float | None, gpu: str) -> str:
    if weights is None:
        return _NOT_KNOWN
    gpus, room = _gpus(model), _accelerator(gpu).memory_bytes
    fits = room is not None and weights < 0.9 * gpus * room.value
    share = "fits" if fits else "does not fit"
    return f"{weights / 1e9:,.0f} GB of BF16 weights, {share} {gpus} x {gpu}"


def _gpus(model: Model) -> int:
    """GPUs that a provider of Inspect is told to share a model over."""
    told = model.args.get("tensor_parallel_size", 1)
    return told if isinstance(told, int) else 1


@cache
def _catalog() -> Catalog:
    from distilbench.catalog import load_catalog

    return load_catalog()


def _accelerator(gpu: str) -> Any:
    return _catalog().accelerator(gpu)


def _row(
    suite: Suite,
    described: ModelPlan,
    profile: Profile,
    task: TaskPlan,
    seen: dict[str, Any],
    gpu: str,
) -> dict[str, Any]:
    from distilbench.compute import run_estimate as compute

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
    answers = task.questions * task.epochs
    reasoning = bool(described.card and described.card.stage == "reasoning")
    most = min(task.max_tokens, model.max_tokens or task.max_tokens)
    mean = seen["tokens"].get((model.name, task.name))
    prompts = compute.input_tokens(task.characters).scaled(answers)
    outputs = compute.output_tokens(most, reasoning, mean).scaled(answers)
    rate = _rate(described, profile, seen["rates"].get(model.name), gpu)
    took = compute.hours(prompts, outputs, rate) if rate else None
    cost = _money(described, profile, prompts, outputs, took)
    figures = {"input_tokens": prompts, "output_tokens": outputs, "hours": took, "cost_usd": cost}
    return {
        **row,
        "answers": answers,
        "most_output_tokens": answers * most,
        **{name: _figure(figure) for name, figure in figures.items()},
    }


def _rate(described: ModelPlan, profile: Profile, seen: float | None, gpu: str) -> Rate | None:
    from distilbench.compute import run_estimate as compute
    from distilbench.meter import usable_cores

    if seen:
        return compute.seen_rate(seen)
    if described.place == "api":
        return compute.api_rate(profile.slots)
    if described.shape is None:
        return None
    flops = 2.0 * described.shape.active_params
    if described.place == "embedded" and profile.gpu is None and described.weights_bytes:
        cores = min(profile.threads or usable_cores(), profile.cpus or usable_cores())
        return compute.cpu_rate(flops, described.weights_bytes, cores, profile.slots)
    peak = _accelerator(gpu).peak_bf16_flops or _accelerator(gpu).peak_fp16_flops
    return compute.gpu_rate(flops, peak.value, _gpus(described.model), gpu, profile.slots)


def _money(
    described: ModelPlan,
    profile: Profile,
    prompts: Estimate,
    outputs: Estimate,
    took: Estimate | None,
) -> Estimate | None:
    from distilbench.compute import run_estimate as compute

    if described.place != "api":
        hourly = profile.machine_usd_per_hour
        return compute.machine_money(took, hourly) if took and hourly is not None else None
    listed = described.card.prices if described.card else ()
    price = described.model.price or max(listed, key=lambda p: p.date, default=None)
    if price is None:
        return None
    source = f"{price.provider}, {price.date}"
    return compute.token_money(
        prompts, outputs, price.input_usd_per_mtok, price.output_usd_per_mtok, source
    )


def _seen(out: Path) -> dict[str, Any]:
    """Rates and lengths that the runs in a folder measured, by model name, and model and task.

    A resumed cell has no rate: its wall time is that of the last attempt, its tokens of all.
    """
    import polars as pl

    from distilbench.records import CellRecord, frame

    rates: dict[str, float] = {}
    tokens: dict[tuple[str, str], float] = {}
    for path in sorted(out.glob("*/samples.parquet")):
        cells = path.with_name("cells.parquet")
        if not cells.is_file():
            continue
        answered = read_parquet(path).filter(pl.col("output_tokens") > 0)
        rows = read_parquet(cells).to_dicts()
        walls = (
            frame(rows, CellRecord)
            .filter(pl.col("resumed_samples") == 0, pl.col("suspended_s").fill_null(0) == 0)
            .select("cell", "wall_s")
            .drop_nulls()
        )
        for (model, task), part in answered.group_by("model", "task"):
            tokens[str(model), str(task)] = float(part["output_tokens"].mean())  # type: ignore[arg-type]
        by_cell = answered.group_by("model", "cell").agg(pl.col("output_tokens").sum())
        totals = by_cell.join(walls, on="cell").group_by("model").agg(
            pl.col("output_tokens").sum(), pl.col("wall_s").sum()
        )  # fmt: skip
        for model, count, wall_s in totals.iter_rows():
            if wall_s > 0:
                rates[model] = count / wall_s
    return {"rates": rates, "tokens": tokens}


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


def _notes(tasks: list[TaskPlan]) -> list[str]:
    notes = [task.note for task in tasks if task.note]
    stated = [t.name for t in tasks if t.counted == "as its package states"]
    if stated:
        notes.append(f"questions as their packages state, not counted: {', '.join(stated)}")
    return notes


def _figure(figure: Estimate | None) -> dict[str, Any] | None:
    return None if figure is None else {"known": "estimated", **asdict(figure)}


def _printed(row: dict[str, Any]) -> tuple[str, ...]:
    forms = {"input_tokens": _short, "output_tokens": _short, "hours": _time, "cost_usd": _short}
    figures = (_ranged(row[field], form) for field, form in forms.items())
    answers = f"{row['answers']:,}" if row["answers"] is not None else _NOT_KNOWN
    return (answers, *figures)


def _ranged(figure: dict[str, Any] | None, form: Callable[[float], str]) -> str:
    """A figure with its range: ~1.2M (900k to 1.6M); ≥ where parts of a sum are not known."""
    if figure is None:
        return _NOT_KNOWN
    partial = figure.get("parts_known", 0) < figure.get("parts", 0)
    mark = "≥" if partial else "~"
    low, value, high = (form(figure[end]) for end in ("low", "value", "high"))
    return f"{mark}{value}" if low == high else f"{mark}{value} ({low} to {high})"


def _time(hours: float) -> str:
    return duration(3600 * hours)


def _short(value: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{prefix}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 or value == 0 else "<0.001"
