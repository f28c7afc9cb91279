"""The sweep: one level of concurrency after the other, until more brings no more throughput."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.engines import MOST_SLOTS, EngineSettings, LlamaCpp, locate_model
from distilbench.errors import InputError
from distilbench.files import write_json, write_parquet
from distilbench.keys import secret_in_url
from distilbench.load._generator import AIPERF, run_level
from distilbench.load._results import ENDS, Objective, read_requests, summarise
from distilbench.load._telemetry import COLUMNS, check_telemetry, read_telemetry
from distilbench.meter import describe_hardware, usable_cores
from distilbench.source import Source

if TYPE_CHECKING:
    import polars as pl

_ANSWERS_WITHIN_S = 10
_GAIN = 0.05  # less growth of throughput than this, at twice the concurrency, is saturation
_WORDS = (
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world",
    "school", "state", "family", "student", "group", "country", "problem", "hand", "part", "place",
    "case", "week", "company", "system", "program", "question", "work", "number", "night", "point",
    "home", "water", "room", "mother", "area", "money", "story", "fact", "month", "lot", "right",
    "study", "book", "eye", "job", "word", "business",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """An OpenAI-compatible server. The key is used, never written; the URL is, so one that holds a
    secret raises ``InputError``."""

    url: str
    model: str
    key: str | None = None
    endpoint: str = "chat"
    """``chat`` or ``completions``, for a model without chat template."""
    name: str = ""
    slots: int | None = None
    """Requests that the server decodes together, if known."""
    tokens_per_word: float = 1.3
    """Of its tokenizer on English words; how long prompts were is counted by the server."""
    threads: int | None = None
    spin_count: int | None = None
    """How it computes and waits, if known."""

    def __post_init__(self) -> None:
        where = "the URL of the server"
        try:
            secret = secret_in_url(self.url)
        except ValueError as error:  # which may repeat what is in it
            raise InputError(where, "is none", "write it as http://host:port") from error
        if secret:
            remedy = "remove it, and name the variable that holds the key by --api-key-env"
            raise InputError(where, f"holds {secret}", remedy)


@dataclass(frozen=True)
class Workload:
    """What each level sends."""

    prompt_tokens: int = 128
    output_tokens: int = 64
    requests: int = 20
    """At least so many a level; five for each concurrent user if that is more."""
    ignore_eos: bool = True
    """Generate all of ``output_tokens``. llama.cpp, vLLM and SGLang know it; OpenAI does not."""
    gpu_telemetry: tuple[str, ...] = ()
    """What AIPerf's ``--gpu-telemetry`` is given; without, it asks DCGM exporters of this
    machine."""

    def __post_init__(self) -> None:
        check_telemetry(self.gpu_telemetry)


def sweep(
    target: Target,
    workload: Workload,
    objective: Objective,
    out: Path,
    concurrencies: Sequence[int] | None = None,
    most: int = 64,
    on_level: Callable[[dict[str, Any]], None] = lambda level: None,
) -> pl.DataFrame:
    """Measure each of ``concurrencies`` in rising order, or 1, 2, 4 ... until saturation or
    ``most``.

    Returns one row a level: concurrency and the figures of :func:`summarise`. Writes
    ``load.parquet``, ``load.json`` (facts) and AIPerf's files of each level into ``out``. Raises
    ``InputError`` if AIPerf fails, or the first level has no answer at all; requests that fail at
    others are results.
    """
    levels: list[dict[str, Any]] = []
    saturated = False
    # Drawn anew for each sweep: the same prompts again would be answered by a server's cache.
    seed = random.SystemRandom().getrandbits(48)
    for concurrency in sorted(set(concurrencies)) if concurrencies else _doubling(most):
        levels.append(_measure(target, workload, objective, concurrency, seed, out))
        if not levels[0]["requests_per_s"]:
            reasons = out / f"concurrency-{concurrency}" / "profile_export.jsonl"
            remedy = f"check the address, the model's name and the key; reasons are in {reasons}"
            raise InputError(target.url, "answered no request", remedy)
        on_level(levels[-1])
        saturated = is_saturated(levels)
        if saturated and concurrencies is None:
            break
    facts = {
        "target": target.name or target.url,
        "model": target.model,
        "slots": target.slots,
        "threads": target.threads,
        "spin_count": target.spin_count,
        "saturated": saturated,
        "workload": asdict(workload),
        "seed": seed,
        "objective": asdict(objective),
    }
    return _write(out, levels, facts)


def _write(out: Path, levels: list[dict[str, Any]], facts: dict[str, Any]) -> pl.DataFrame:
    import polars as pl

    told = dict.fromkeys((*COLUMNS, *ENDS), pl.Float64) | {"gpus": pl.Int64}
    frame = pl.DataFrame(levels, schema_overrides=told)
    write_parquet(out / "load.parquet", frame)
    machine = describe_hardware().model_dump(mode="json")
    write_json(out / "load.json", {**facts, "generator": AIPERF, "hardware": machine})
    return frame


def must_answer(url: str) -> None:
    """Raise ``InputError`` if no server answers at an address, whatever its answer: before the
    minutes that installing AIPerf takes."""
    import httpx

    try:  # as AIPerf does: by no proxy; whether it trusts the certificate is its own matter
        httpx.get(url, timeout=_ANSWERS_WITHIN_S, trust_env=False, verify=False)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            url, f"no server answers there ({reason})", "start it, or correct the address"
        ) from error


def is_saturated(levels: Sequence[dict[str, Any]]) -> bool:
    """Whether the highest level brought under 5% more tokens a second than the best of those with
    at most half its concurrency, or most of its requests failed. From 8 to 9 users little growth is
    to be expected, so it says nothing."""
    *lower, last = sorted(levels, key=lambda level: int(level["concurrency"]))
    if 2 * last["failed"] > last["requests"]:
        return True
    before = [
        level["output_tokens_per_s"]
        for level in lower
        if 2 * level["concurrency"] <= last["concurrency"]
    ]
    return bool(before) and last["output_tokens_per_s"] < (1 + _GAIN) * max(before)


@contextlib.contextmanager
def serving(
    source: str, settings: EngineSettings, most: int, workload: Workload
) -> Iterator[Target]:
    """The embedded engine as a server with ``most`` slots, on all cores but the generator's; the
    threads and spin count are those of ``settings``.
    Raises ``InputError`` if those are too many, ``EngineError`` if the model does not load."""
    import asyncio

    if most > MOST_SLOTS:
        raise InputError(
            f"{most} concurrent requests", f"the embedded engine decodes at most {MOST_SLOTS}",
            "give fewer by --most or --concurrency, or the URL of a server",
        )  # fmt: skip
    path = locate_model(Source.parse(source), Path.cwd(), f"model {source!r}")
    room = 2 * (workload.prompt_tokens + workload.output_tokens) + 64
    cores = max(1, usable_cores() - 1)
    settings = settings.model_copy(update={"cpus": cores, "slots": most, "context": room})
    with LlamaCpp(path, settings) as engine:
        url, key = engine.address
        endpoint = "chat" if engine.chat else "completions"

        async def count() -> int:
            try:
                return len(await engine.tokenize(" ".join(_WORDS)))
            finally:
                await engine.aclose()

        per_word = asyncio.run(count()) / len(_WORDS)
        spins = settings.spin_count
        yield Target(url, path.stem, key, endpoint, source, most, per_word, engine.threads, spins)


def _measure(
    target: Target, workload: Workload, objective: Objective, concurrency: int, seed: int, out: Path
) -> dict[str, Any]:
    count = max(workload.requests, 5 * concurrency)
    words = max(1, round(workload.prompt_tokens / target.tokens_per_word))
    extra = [f"max_tokens:{workload.output_tokens}", "temperature:0"]
    extra += ["ignore_eos:true"] if workload.ignore_eos else []
    folder = out / f"concurrency-{concurrency}"
    found = run_level(
        target.url,
        target.model,
        target.key,
        target.endpoint,
        concurrency,
        prompts(count + concurrency, words, seed + concurrency),
        concurrency,
        extra,
        workload.gpu_telemetry,
        folder,
    )
    figures = summarise(read_requests(found), objective)
    return {"concurrency": concurrency, **figures, **read_telemetry(folder)}


def prompts(count: int, words: int, seed: int) -> list[str]:
    """Prompts that share no beginning, so that no cache of prefixes answers for the model."""
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(_WORDS, k=words)) for _ in range(count)]


def _doubling(most: int) -> Iterator[int]:
    concurrency = 1
    while concurrency <= most:
        yield concurrency
        concurrency *= 2
