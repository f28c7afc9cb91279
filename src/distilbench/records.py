"""The two records that a run leaves: of each field its unit, how it is known and what it says.

This is the contract between the runner, which writes them, and stats and report, which read them.
Both are Parquet files in the run directory. The schema of those, the page docs/records.md and the
report's list of figures come from the classes below; no other place repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_type_hints

if TYPE_CHECKING:
    import polars as pl

Known = Literal["identity", "setting", "measured", "derived", "published", "estimated"]
Outcome = Literal[
    "stop",
    "length",
    "context_overflow",
    "timeout",
    "over_energy",
    "out_of_memory",
    "crash",
    "error",
]
Role = Literal["vanilla", "distilled", "synthetic", "proprietary"]
"""Of a model in a comparison. ``synthetic``: its pretraining read a teacher's text, as phi's did:
no vanilla model, and not distilled from one on purpose."""
ROLES: tuple[Role, ...] = get_args(Role)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


ORIGIN = "distilbench"
"""Origin of what this program measured itself."""
KEY = ("model", "task", "profile", "seed", "sample_id", "epoch")
"""Columns that name a sample record within a run, once each."""

REPEATS = "repeats.parquet"
"""Sample records of cells that were asked again, after the first time, where there are any."""
REPEAT_CELLS = "repeat_cells.parquet"
"""Cell records of those askings."""
SUSTAINED = "sustained.parquet"
"""Minute records of models that were kept under load, where there are any."""

# How the end of a field's name says its unit: the longest that fits. What has none of these is a
# name, a share or a count of what the name says.
_UNITS = {
    "_usd_per_mtok": "USD per million tokens",
    "_usd_per_hour": "USD per hour",
    "_g_co2e_per_kwh": "g CO2e per kWh",
    "_tokens_per_s": "tokens/s",
    "tokens_per_s_deviation": "tokens/s",
    "_tokens": "tokens",
    "flops": "FLOP",
    "_bytes": "bytes",
    "_usd": "USD",
    "_g": "g",
    "_mhz": "MHz",
    "_c": "°C",
    "_s": "s",
    "_j": "J",
    "_w": "W",
}
_TYPES = {str: "String", int: "Int64", float: "Float64", bool: "Boolean"}


class Column(NamedTuple):
    """One field: its name, Polars type by name, unit (empty: none), how it is known, and what it
    says."""

    name: str
    dtype: str
    unit: str
    known: Known
    meaning: str


def _known(known: Known) -> Callable[..., Any]:
    def kind(meaning: str, *, default: Any = None, unit: str | None = None) -> Any:
        return field(default=default, metadata={"known": known, "meaning": meaning, "unit": unit})

    return kind


# Fields of a record, by how their values are known.
identity = _known("identity")  # names
setting = _known("setting")  # set by the suite, or by the machine's owner
measured = _known("measured")
derived = _known("derived")  # computed from what is measured
published = _known("published")  # stated by another
estimated = _known("estimated")


@dataclass(frozen=True, kw_only=True)
class SampleRecord:
    """One question answered once. ``None``: not available."""

    run: str | None = identity("run directory name")
    cell: str | None = identity("cell the sample belongs to; key into the cell records")
    origin: str | None = identity("program that measured: distilbench, or one imported")
    model: str | None = identity("model name in the suite")
    task: str | None = identity("task name in the suite")
    profile: str | None = identity("profile name in the suite")
    seed: int | None = identity("seed of questions, few-shot examples and sampling")
    sample_id: str | None = identity("question; the same for every model")
    epoch: int | None = identity("repetition of the question, from 1")
    repeat: int | None = identity("asking of the cell that it belongs to, from 1")
    begun_s: float | None = measured("when it was begun, since 1970 (UTC)")
    cluster: str | None = identity("questions that share a source share a cluster")
    stratum: str | None = identity("stratum of a random subset; null: not a subset")
    stratum_questions: int | None = setting("questions of that stratum in the full set")
    all_questions: int | None = setting("questions of the full set of a random subset")
    score: float | None = measured("grade in [0, 1]; 0 for every outcome without answer")
    outcome: str | None = measured("how it ended: " + ", ".join(OUTCOMES))
    answer: str | None = measured("answer extracted from the output, null if none")
    vote: str | None = derived("answer normalised: equal answers are equal text")
    target: str | None = setting("reference answer")
    input_tokens: int | None = measured("tokens of the prompts, cached ones too; of all calls")
    cached_tokens: int | None = measured("prompt tokens taken from the prefix cache")
    output_tokens: int | None = measured("tokens generated, by all calls")
    reasoning_tokens: int | None = measured("generated tokens inside thinking, if known")
    budget_forced: bool | None = measured("thinking was ended by the thinking budget")
    thinking_truncated: bool | None = measured("a token limit ended it inside a thought")
    prefill_s: float | None = measured("engine's clock: prompt evaluation to first token")
    ttft_s: float | None = measured("request sent to first token, on the cell's clock; first call")
    decode_s: float | None = measured("first token to last, on the cell's clock")
    total_s: float | None = measured("request to answer, no retries; of several calls the sum")
    model_calls: int | None = measured("calls of the model for its answer; a scorer's count not")
    tool_calls: int | None = measured("calls of tools that it was given")
    tools_s: float | None = measured("while a tool was at work")
    answer_s: float | None = measured("first call to last answer: tools, retries, waiting too")
    suspended: bool | None = measured("stopped meanwhile, or asleep: no seconds")
    inter_token_s: float | None = derived("decode_s / (output_tokens - model_calls)")
    inter_token_p99_s: float | None = measured("99th percentile gap of streamed events")
    retries: int | None = measured("failed attempts at a server before the answer")
    retry_s: float | None = measured("those attempts and the waiting after them")
    prefill_flops: float | None = derived("forward FLOPs of the whole prompt, no cache")
    decode_flops: float | None = derived("forward FLOPs of the generated tokens")
    cached_flops: float | None = derived("part of prefill_flops that the cache saved")
    flops: float | None = derived("prefill_flops + decode_flops")
    energy_j: float | None = derived("share of the cell's joules; null: no sensor")
    energy_method: str | None = identity("sensor or estimate behind energy_j")
    api_energy_low_j: float | None = estimated("least that a remote API takes for it")
    api_energy_high_j: float | None = estimated("most that a remote API takes for it")
    api_co2e_low_g: float | None = estimated("least CO2e of that electricity")
    api_co2e_high_g: float | None = estimated("most CO2e of that electricity")
    error: str | None = identity("message of an outcome without an answer")


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """One model on one task under one profile with one seed. ``None``: not available."""

    run: str | None = identity("run directory name")
    cell: str | None = identity("cell name: model, task, profile, seed, config hash")
    origin: str | None = identity("program that measured: distilbench, or one imported")
    model: str | None = identity("model name in the suite")
    task: str | None = identity("task name in the suite")
    profile: str | None = identity("profile name in the suite")
    seed: int | None = identity("seed of questions, few-shot examples and sampling")
    repeat: int | None = identity("asking of the cell, from 1")
    config_hash: str | None = identity("SHA-256 over everything that sets the result")
    role: str | None = setting("vanilla, distilled, synthetic or proprietary; null: not said")
    card: str | None = setting("id of the model's card in the catalog, null if none")
    flops_source: str | None = identity(
        "where the architecture behind FLOPs is stated, or why there is none"
    )
    samples: int | None = measured("finished samples")
    shards: int | None = derived("parts that the cell was answered in")
    side_by_side: int | None = measured("most of them answered at the same time on one machine")
    peak_memory_bytes: int | None = measured("peak of the engine's memory; null if it died")
    memory_method: str | None = identity("how that peak is known, or why it is not")
    peak_gpu_memory_bytes: int | None = measured("peak of its processes' GPU memory, sampled")
    gpu_memory_method: str | None = identity("how that peak is known, or why it is not")
    predicted_memory_bytes: int | None = estimated("peak predicted before loading")
    memory_limit_bytes: int | None = setting("limit on the engine's memory, null if none")
    cpus: int | None = setting("limit on the engine's cores, null if none")
    time_per_question_s: int | None = setting("limit, null if none")
    input_usd_per_mtok: float | None = published("price that the suite states")
    cached_input_usd_per_mtok: float | None = published("price that the suite states")
    output_usd_per_mtok: float | None = published("price that the suite states")
    price_source: str | None = identity("who charges that price, and since when")
    machine_usd_per_hour: float | None = published("price of the machine, by the suite")
    grid_g_co2e_per_kwh: float | None = published("carbon intensity of its grid, by the suite")
    energy_per_question_j: float | None = setting("limit, null if none")
    power_cap_w: float | None = setting("power limit set on the hardware, null if none")
    thinking_tokens: int | None = setting("thinking budget, null if none")
    epochs: int | None = setting("times each question was asked")
    template: str | None = setting("format of the questions, null: the task's own")
    variant_of: str | None = setting("task whose questions these are, null: its own")
    contamination: str | None = setting("public, private or generated; null: not said")
    data_revision: str | None = identity(
        "commit of the data set of a benchmark that the hub describes; null: another kind of task"
    )
    skipped_rows: str | None = identity("bad rows of its file left out; null: none")
    temperature: float | None = setting("sampling temperature; 0 is greedy")
    top_p: float | None = setting("nucleus of the sampling, null if none")
    top_k: int | None = setting("most likely tokens sampled from, null if all")
    min_p: float | None = setting("least share of the likeliest token, null if none")
    system_prompt: bool | None = setting("false: instructions in the first user turn")
    sampling_source: str | None = identity("default, the suite, or the model's card")
    enforcement: str | None = identity("by which means each limit was enforced")
    model_file_bytes: int | None = measured("size of the model file, all parts together")
    model_sha256: str | None = identity("SHA-256 of the model file, or over its parts'")
    parameters: int | None = measured("weights counted in the model file")
    quantization: str | None = identity("quantization the model file declares")
    bits_per_weight: float | None = derived("bytes of all weights over their number")
    declared_name: str | None = identity("name the model file declares")
    load_s: float | None = measured("model load time")
    warmup_s: float | None = measured("evaluating the prompt prefix all questions share")
    warmup_tokens: int | None = measured("tokens of that prefix")
    wall_s: float | None = measured(
        "answering, of the attempt that finished it (of each shard); machines add up"
    )
    resumed_samples: int | None = measured("samples of earlier attempts, not in wall_s")
    threads: int | None = setting("threads of the engine")
    spin_count: int | None = setting("turns that a waiting thread spins; null: no libgomp")
    gpu_layers: int | None = setting("layers put on the GPU, its output one; null: no GPU")
    slots: int | None = setting("questions answered in parallel")
    context: int | None = setting("tokens of context of one slot")
    load_average: float | None = measured("runnable processes, the engine's own included")
    other_cpu_share: float | None = measured("of all cores' time: other processes'")
    steal_share: float | None = measured("of all cores' time: taken by the hypervisor")
    busy: bool | None = derived("others took a tenth, in a tenth of the cell's time")
    suspended_s: float | None = measured("stopped, or the machine asleep")
    others_asked: bool | None = measured("other clients were at its server in a tenth of the looks")
    clock: str | None = identity("whose clock gave the seconds, and what it cannot tell")
    engine: str | None = identity("engine name")
    engine_version: str | None = identity("engine version")
    engine_build: str | None = identity("what llama.cpp says that it was compiled for")
    engine_package: str | None = identity("its package: version, tags of its wheel, compiler")
    unused_features: str | None = identity(
        "instruction sets of the processor that it was not compiled for; null: not known"
    )
    runs_on: str | None = identity(
        "the run's machine, a server, or whose API, by provider and address; null: not known"
    )
    hardware: str | None = identity("processor, cores, memory, system")
    reported_score: float | None = published("score that the other program states")
    reported_stderr: float | None = published("standard error that it states")
    reported_metric: str | None = identity("which of its metrics that is")
    missing: str | None = identity("what of the result is not there; null: nothing")
    all_questions: int | None = setting("questions of the set of which a limit took some")
    prompt_tokens_per_s: float | None = published("llama-bench's rate of prompt tokens")
    output_tokens_per_s: float | None = published("llama-bench's rate of output tokens")
    mixed_tokens_per_s: float | None = published("llama-bench's rate of both together")
    tokens_per_s_deviation: float | None = published("standard deviation of that rate")
    energy_total_j: float | None = measured("joules while the cell's questions ran")
    energy_idle_j: float | None = measured("part of it that the idle machine would take")
    energy_method: str | None = identity("sensor or estimate behind the joules")
    energy_known: str | None = identity("measured or estimated; null: not available")
    api_energy_method: str | None = identity("how api_energy_* is estimated, or why not")


@dataclass(frozen=True, kw_only=True)
class MinuteRecord:
    """One minute of a model under sustained load. ``None``: not available."""

    run: str | None = identity("run directory name")
    model: str | None = identity("model name in the suite")
    profile: str | None = identity("profile name in the suite")
    minute: int | None = identity("minute under load, from 1; null: it never came to a load")
    begun_s: float | None = measured("when the minute began, since 1970 (UTC)")
    answers: int | None = measured("answers that ended in it")
    failed: int | None = measured("questions that ended in it without an answer")
    decode_tokens_per_s: float | None = derived(
        "of one slot: tokens after the first, each answer's spread evenly over its decode_s"
    )
    output_tokens_per_s: float | None = derived(
        "of all slots together: tokens, each answer's spread evenly over its total_s"
    )
    ttft_p50_s: float | None = measured("median of answers that ended in it")
    total_p50_s: float | None = measured("median of answers that ended in it")
    total_p95_s: float | None = measured("95th percentile of answers that ended in it")
    cpu_temperature_c: float | None = measured("hottest sensor of the processor, highest look")
    cpu_frequency_mhz: float | None = measured("fastest cores, as many as threads; mean of looks")
    thermal_throttles: int | None = measured("times that the processor throttled for heat")
    quota_throttled_s: float | None = measured("of all cores: held back by a CPU quota")
    gpu_temperature_c: float | None = measured("highest look, hottest of the GPUs in use")
    gpu_clock_mhz: float | None = measured("mean of looks, slowest of the GPUs in use")
    gpu_limits: str | None = measured("what lowered the GPU's clock: heat, power; empty: nothing")
    power_w: float | None = measured("mean, of the devices that it worked on, idle part too")
    on_battery: bool | None = measured("the machine ran on its battery")
    other_cpu_share: float | None = measured("of all cores' time: other processes'")
    steal_share: float | None = measured("of all cores' time: taken by the hypervisor")
    suspended_s: float | None = measured("stopped, or the machine asleep; then no rates")
    begun_anew: bool | None = measured("an attempt before was cut short, and its heat was lost")
    stopped: str | None = identity("why the load ended before its time; null: it did not")
    temperature_method: str | None = identity("how the temperature is known, or why it is not")
    frequency_method: str | None = identity("how the frequency is known, or why it is not")
    gpu_method: str | None = identity("how the GPU's figures are known, or why they are not")
    power_method: str | None = identity("how the watts are known, or why they are not")


@cache
def columns(record: type) -> tuple[Column, ...]:
    """The columns of a record, in their order.

    >>> [c[:4] for c in columns(SampleRecord) if c.name == "ttft_s"]
    [('ttft_s', 'Float64', 's', 'measured')]
    """
    types = get_type_hints(record)
    return tuple(
        Column(
            made.name,
            _dtype(types[made.name]),
            unit_of(made.name) if made.metadata["unit"] is None else made.metadata["unit"],
            made.metadata["known"],
            made.metadata["meaning"],
        )
        for made in fields(record)
    )


def _dtype(hint: Any) -> str:
    """Polars' name of ``int | None``, ``Literal["a", "b"]`` and the like."""
    while get_args(hint):
        hint = get_args(hint)[0]
    return _TYPES[hint if isinstance(hint, type) else type(hint)]


def unit_of(name: str) -> str:
    """The unit that a field's name ends in; empty: none.

    >>> unit_of("peak_memory_bytes"), unit_of("decode_flops"), unit_of("score")
    ('bytes', 'FLOP', '')
    """
    ends = [end for end in _UNITS if name.endswith(end)]
    return _UNITS[max(ends, key=len)] if ends else ""


def schema(record: type) -> dict[str, pl.DataType]:
    """Polars schema of a record."""
    import polars as pl

    return {column.name: getattr(pl, column.dtype)() for column in columns(record)}


def frame(
    rows: Sequence[Mapping[str, Any]], record: type, names: Sequence[str] | None = None
) -> pl.DataFrame:
    """Rows (one mapping a record; missing keys become null) as a data frame of a record, or of
    those of its fields that are among ``names``."""
    import polars as pl

    known = schema(record)
    return pl.DataFrame(rows, schema={n: known[n] for n in known if names is None or n in names})
