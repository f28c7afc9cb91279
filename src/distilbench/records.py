"""The two records that a run leaves, and how each of their figures is known.

This is the contract between the runner, which writes them, and stats and report, which read them.
A *sample record* is one question answered once. A *cell record* is one model on one task under one
profile with one seed. Both are Parquet files in the run directory; units are in the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

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
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Column(NamedTuple):
    """One column: its name, Polars type by name, how it is known, and what it says."""

    name: str
    dtype: str
    known: Known
    meaning: str


ORIGIN = "distilbench"
"""Origin of what this program measured itself."""
KEY = ("model", "task", "profile", "seed", "sample_id", "epoch")
"""Columns that name a sample record within a run, once each."""

SAMPLE_COLUMNS = (
    Column("run", "String", "identity", "run directory name"),
    Column("cell", "String", "identity", "cell the sample belongs to; key into the cell records"),
    Column("origin", "String", "identity", "program that measured: distilbench, or one imported"),
    Column("model", "String", "identity", "model name in the suite"),
    Column("task", "String", "identity", "task name in the suite"),
    Column("profile", "String", "identity", "profile name in the suite"),
    Column("seed", "Int64", "identity", "seed of questions, few-shot examples and sampling"),
    Column("sample_id", "String", "identity", "question; the same for every model"),
    Column("epoch", "Int64", "identity", "repetition of the question, from 1"),
    Column("cluster", "String", "identity", "questions that share a source share a cluster"),
    Column("stratum", "String", "identity", "stratum of a random subset; null: not a subset"),
    Column("stratum_questions", "Int64", "setting", "questions of that stratum in the full set"),
    Column("all_questions", "Int64", "setting", "questions of the full set of a random subset"),
    Column("score", "Float64", "measured", "grade in [0, 1]; 0 for every outcome without answer"),
    Column("outcome", "String", "measured", "how it ended: " + ", ".join(OUTCOMES)),
    Column("answer", "String", "measured", "answer extracted from the output, null if none"),
    Column("vote", "String", "derived", "answer normalised: equal answers are equal text"),
    Column("target", "String", "setting", "reference answer"),
    Column("input_tokens", "Int64", "measured", "tokens of the prompt, cached ones included"),
    Column("cached_tokens", "Int64", "measured", "prompt tokens taken from the prefix cache"),
    Column("output_tokens", "Int64", "measured", "tokens generated"),
    Column("reasoning_tokens", "Int64", "measured", "generated tokens inside thinking, if known"),
    Column("budget_forced", "Boolean", "measured", "thinking was ended by the thinking budget"),
    Column("thinking_truncated", "Boolean", "measured", "a token limit ended it inside a thought"),
    Column("prefill_s", "Float64", "measured", "engine's clock: prompt evaluation to first token"),
    Column("ttft_s", "Float64", "measured", "request sent to first token, on the cell's clock"),
    Column("decode_s", "Float64", "measured", "first token to last, on the cell's clock"),
    Column("total_s", "Float64", "measured", "request sent to answer received, no retries"),
    Column("suspended", "Boolean", "measured", "stopped meanwhile, or asleep: no seconds"),
    Column("inter_token_s", "Float64", "derived", "decode_s / (output_tokens - 1)"),
    Column("inter_token_p99_s", "Float64", "measured", "99th percentile gap of streamed events"),
    Column("retries", "Int64", "measured", "failed attempts at a server before the answer"),
    Column("retry_s", "Float64", "measured", "those attempts and the waiting after them"),
    Column("prefill_flops", "Float64", "derived", "forward FLOPs of the whole prompt, no cache"),
    Column("decode_flops", "Float64", "derived", "forward FLOPs of the generated tokens"),
    Column("cached_flops", "Float64", "derived", "part of prefill_flops that the cache saved"),
    Column("flops", "Float64", "derived", "prefill_flops + decode_flops"),
    Column("energy_j", "Float64", "derived", "share of the cell's joules; null: no sensor"),
    Column("energy_method", "String", "identity", "sensor or estimate behind energy_j"),
    Column("error", "String", "identity", "message of an outcome without an answer"),
)

CELL_COLUMNS = (
    Column("run", "String", "identity", "run directory name"),
    Column("cell", "String", "identity", "cell name: model, task, profile, seed, config hash"),
    Column("origin", "String", "identity", "program that measured: distilbench, or one imported"),
    Column("model", "String", "identity", "model name in the suite"),
    Column("task", "String", "identity", "task name in the suite"),
    Column("profile", "String", "identity", "profile name in the suite"),
    Column("seed", "Int64", "identity", "seed of questions, few-shot examples and sampling"),
    Column("config_hash", "String", "identity", "SHA-256 over everything that sets the result"),
    Column("role", "String", "setting", "vanilla, distilled or proprietary; null: not said"),
    Column("card", "String", "setting", "id of the model's card in the catalog, null if none"),
    Column(
        "flops_source",
        "String",
        "identity",
        "where the architecture behind FLOPs is stated, or why there is none",
    ),
    Column("samples", "Int64", "measured", "finished samples"),
    Column(
        "peak_memory_bytes", "Int64", "measured", "peak of the engine's memory; null if it died"
    ),
    Column("predicted_memory_bytes", "Int64", "estimated", "peak predicted before loading"),
    Column("memory_limit_bytes", "Int64", "setting", "limit on the engine's memory, null if none"),
    Column("cpus", "Int64", "setting", "limit on the engine's cores, null if none"),
    Column("time_per_question_s", "Int64", "setting", "limit, null if none"),
    Column("input_usd_per_mtok", "Float64", "published", "price that the suite states"),
    Column("cached_input_usd_per_mtok", "Float64", "published", "price that the suite states"),
    Column("output_usd_per_mtok", "Float64", "published", "price that the suite states"),
    Column("price_source", "String", "identity", "who charges that price, and since when"),
    Column("machine_usd_per_hour", "Float64", "published", "price of the machine, by the suite"),
    Column("energy_per_question_j", "Float64", "setting", "limit, null if none"),
    Column("power_cap_w", "Float64", "setting", "power limit set on the hardware, null if none"),
    Column("thinking_tokens", "Int64", "setting", "thinking budget, null if none"),
    Column("epochs", "Int64", "setting", "times each question was asked"),
    Column("template", "String", "setting", "format of the questions, null: the task's own"),
    Column("variant_of", "String", "setting", "task whose questions these are, null: its own"),
    Column("contamination", "String", "setting", "public, private or generated; null: not said"),
    Column("skipped_rows", "String", "identity", "bad rows of its file left out; null: none"),
    Column("temperature", "Float64", "setting", "sampling temperature; 0 is greedy"),
    Column("top_p", "Float64", "setting", "nucleus of the sampling, null if none"),
    Column("top_k", "Int64", "setting", "most likely tokens sampled from, null if all"),
    Column("min_p", "Float64", "setting", "least share of the likeliest token, null if none"),
    Column("system_prompt", "Boolean", "setting", "false: instructions in the first user turn"),
    Column("sampling_source", "String", "identity", "default, the suite, or the model's card"),
    Column("enforcement", "String", "identity", "by which means each limit was enforced"),
    Column("model_file_bytes", "Int64", "measured", "size of the model file, all parts together"),
    Column("model_sha256", "String", "identity", "SHA-256 of the model file, or over its parts'"),
    Column("parameters", "Int64", "measured", "weights counted in the model file"),
    Column("quantization", "String", "identity", "quantization the model file declares"),
    Column("bits_per_weight", "Float64", "derived", "bytes of all weights over their number"),
    Column("declared_name", "String", "identity", "name the model file declares"),
    Column("load_s", "Float64", "measured", "model load time"),
    Column("warmup_s", "Float64", "measured", "evaluating the prompt prefix all questions share"),
    Column("warmup_tokens", "Int64", "measured", "tokens of that prefix"),
    Column(
        "wall_s", "Float64", "measured", "wall time of the attempt that finished the cell, no load"
    ),
    Column("resumed_samples", "Int64", "measured", "samples of earlier attempts, not in wall_s"),
    Column("threads", "Int64", "setting", "threads of the engine"),
    Column("spin_count", "Int64", "setting", "turns that a waiting thread spins; null: no libgomp"),
    Column("slots", "Int64", "setting", "questions answered in parallel"),
    Column("context", "Int64", "setting", "tokens of context of one slot"),
    Column("load_average", "Float64", "measured", "runnable processes, the engine's own included"),
    Column("other_cpu_share", "Float64", "measured", "of all cores' time: other processes'"),
    Column("steal_share", "Float64", "measured", "of all cores' time: taken by the hypervisor"),
    Column("busy", "Boolean", "derived", "others took a tenth, in a tenth of the cell's time"),
    Column("suspended_s", "Float64", "measured", "stopped, or the machine asleep"),
    Column("clock", "String", "identity", "whose clock gave the seconds, and what it cannot tell"),
    Column("engine", "String", "identity", "engine name"),
    Column("engine_version", "String", "identity", "engine version"),
    Column(
        "runs_on",
        "String",
        "identity",
        "the run's machine, a server, or whose API, by provider and address; null: not known",
    ),
    Column("hardware", "String", "identity", "processor, cores, memory, system"),
    Column("reported_score", "Float64", "published", "score that the other program states"),
    Column("reported_stderr", "Float64", "published", "standard error that it states"),
    Column("reported_metric", "String", "identity", "which of its metrics that is"),
    Column("missing", "String", "identity", "what of an imported result is; null: nothing"),
    Column("all_questions", "Int64", "setting", "questions of the set of which a limit took some"),
    Column("prompt_tokens_per_s", "Float64", "published", "llama-bench's rate of prompt tokens"),
    Column("output_tokens_per_s", "Float64", "published", "llama-bench's rate of output tokens"),
    Column("mixed_tokens_per_s", "Float64", "published", "llama-bench's rate of both together"),
    Column("tokens_per_s_deviation", "Float64", "published", "standard deviation of that rate"),
    Column("energy_total_j", "Float64", "measured", "joules while the cell's questions ran"),
    Column("energy_idle_j", "Float64", "measured", "part of it that the idle machine would take"),
    Column("energy_method", "String", "identity", "sensor or estimate behind the joules"),
    Column("energy_known", "String", "identity", "measured or estimated; null: not available"),
)


def schema(columns: tuple[Column, ...]) -> dict[str, pl.DataType]:
    """Polars schema of a record."""
    import polars as pl

    return {column.name: getattr(pl, column.dtype)() for column in columns}


def frame(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pl.DataFrame:
    """Rows (one dict a record; missing keys become null) as a data frame of a record."""
    import polars as pl

    return pl.DataFrame(rows, schema=schema(columns))
