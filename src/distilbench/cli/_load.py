"""The command load."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.cli._engine import SpinCount, engine_failures, engine_settings
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._run import Open, open_page
from distilbench.errors import InputError
from distilbench.files import must_hold_files

if TYPE_CHECKING:
    from distilbench.load import Target, Workload

# What the prompts of a level, which are made before it, find room for in memory.
_MOST_USERS, _MOST_TOKENS, _MOST_REQUESTS = 10_000, 1_000_000, 1_000_000
TargetName = Annotated[
    str, typer.Argument(help="Model (path, hf:, pypi:) or URL of an OpenAI-compatible server.")
]
Levels = Annotated[
    str, typer.Option(help="Levels as 1,2,4; default: 1, 2, 4 ... until saturation.")
]
Most = Annotated[int, typer.Option(min=1, max=_MOST_USERS, help="Most concurrent requests.")]
PromptTokens = Annotated[int, typer.Option(min=1, max=_MOST_TOKENS, help="About so many tokens.")]
OutputTokens = Annotated[int, typer.Option(min=1, max=_MOST_TOKENS, help="Tokens of every answer.")]
Requests = Annotated[int, typer.Option(min=1, max=_MOST_REQUESTS, help="At least so many a level.")]
Telemetry = Annotated[
    list[str] | None,
    typer.Option(help="AIPerf's: pynvml, amdsmi, or DCGM exporters as host:9400."),
]
_COLUMNS = {
    "concurrency": "{:d}",
    "requests": "{:d}",
    "failed": "{:d}",
    "output_tokens_per_s": "{:.1f}",
    "requests_per_s": "{:.2f}",
    "goodput_requests_per_s": "{:.2f}",
    "ttft_p50_s": "{:.2f}",
    "ttft_p99_s": "{:.2f}",
    "inter_token_p50_s": "{:.3f}",
    "latency_p50_s": "{:.2f}",
    "latency_p99_s": "{:.2f}",
}


_WITH_INTERVAL = "output_tokens_per_s"


def register(app: typer.Typer) -> None:
    app.command()(load)


def load(
    target: TargetName,
    model: Annotated[str, typer.Option(help="Name of the model at a server.")] = "",
    concurrency: Levels = "",
    most: Most = 16,
    prompt_tokens: PromptTokens = 128,
    output_tokens: OutputTokens = 64,
    requests: Requests = 20,
    ttft_s: Annotated[float | None, typer.Option(help="Objective: most seconds.")] = None,
    inter_token_s: Annotated[float | None, typer.Option(help="Objective: most seconds.")] = None,
    latency_s: Annotated[float | None, typer.Option(help="Objective: most seconds.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    spin_count: SpinCount = None,
    ignore_eos: Annotated[
        bool, typer.Option(help="Full-length answers; a server that refuses needs --no-...")
    ] = True,
    api_key_env: Annotated[str, typer.Option(help="Variable with a server's key.")] = "",
    gpu_telemetry: Telemetry = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/load"),
    open_report: Open = False,
    as_json: Json = False,
) -> None:
    """Measure throughput and latency against concurrency, with AIPerf as the load generator."""
    from distilbench.load import Objective, Workload, sweep
    from distilbench.meter import busy_sentence, look_now
    from distilbench.report import write_load_report

    must_hold_files(out)
    gpus = tuple(gpu_telemetry or ())
    workload = Workload(prompt_tokens, output_tokens, requests, ignore_eos, gpus)
    objective = Objective(ttft_s, inter_token_s, latency_s)
    levels = _levels(concurrency)
    slots = max(levels) if levels else most
    serving = _serve(target, model, api_key_env, threads, spin_count, slots, workload)
    with engine_failures(), serving as server:
        busy = busy_sentence(look_now())
        if busy:  # said once nothing else is wrong
            say(f"note: {busy}")
        table = sweep(server, workload, objective, out, levels, most, _say)
    page = write_load_report(out)
    _print_levels(table.to_dicts(), page, as_json)
    if open_report:
        open_page(page)


def _print_levels(levels: list[dict[str, Any]], page: Path, as_json: bool) -> None:
    if as_json:
        print_json({"report": str(page), "levels": levels})
        return
    rows = [[_cell(level, c, form) for c, form in _COLUMNS.items()] for level in levels]
    print_table(list(_COLUMNS), rows)
    print_line(f"report: {page}")


def _serve(
    target: str,
    model: str,
    key_variable: str,
    threads: int | None,
    spin_count: int | None,
    slots: int,
    workload: Workload,
) -> contextlib.AbstractContextManager[Target]:
    from distilbench.load import Target, must_answer, serving

    if not target.lower().startswith(("http://", "https://")):
        return serving(
            target, engine_settings(threads=threads, spin_count=spin_count), slots, workload
        )
    key = os.environ.get(key_variable) if key_variable else None
    if key_variable and not key:
        raise InputError(f"--api-key-env {key_variable}", "is not set", "export it")
    server = Target(target, model, key)
    if not model:
        raise InputError(target, "which model of the server?", "name it by --model")
    must_answer(target)
    return contextlib.nullcontext(server)


def _levels(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        levels = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError("--concurrency", f"is {text!r}", "write it as 1,2,4") from error
    if not 1 <= min(levels) <= max(levels) <= _MOST_USERS:
        raise InputError(
            "--concurrency", f"is {text!r}", f"give whole numbers from 1 to {_MOST_USERS:,}"
        )
    return levels


def _say(level: dict[str, Any]) -> None:
    rate, failed = level["output_tokens_per_s"], level["failed"]
    said = f"concurrency {level['concurrency']}: {rate:.1f} output tokens/s, {failed} failed"
    say(said)


def _cell(level: dict[str, Any], name: str, form: str) -> str | None:
    """A figure of a level; of throughput with its 95% interval, or that it has none."""
    from distilbench.report import interval_words

    if level[name] is None:
        return None
    said = form.format(level[name])
    if name != _WITH_INTERVAL:
        return said
    low, high = (level[f"{name}_{end}"] for end in ("low", "high"))
    return said + (interval_words(low, high, form.format) or " (no interval: too few requests)")
