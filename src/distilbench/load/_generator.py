"""Runs AIPerf, a load generator, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from distilbench.engines import cache_folder
from distilbench.errors import InputError

AIPERF = "aiperf==0.13.0"
PYTHON_VARIABLE = "DISTILBENCH_AIPERF_PYTHON"
_KEY_VARIABLE = "DISTILBENCH_LOAD_KEY"
# AIPerf takes its key as an argument only; put there inside the process, no list of processes
# shows it. Its timing keeps two thirds of a core busy, so it gets the last one for itself.
_START = (
    "import os, sys; key = os.environ.pop('DISTILBENCH_LOAD_KEY', '')\n"
    "sys.argv += ['--api-key', key] if key else []\n"
    "pin = getattr(os, 'sched_setaffinity', lambda pid, cores: None)\n"
    "pin(0, {max(os.sched_getaffinity(0))} if hasattr(os, 'sched_getaffinity') else ())\n"
    "from aiperf.cli import app; app()"
)


def generator_python() -> Path:
    """Python of the environment that has AIPerf: ``DISTILBENCH_AIPERF_PYTHON``, else one in the
    cache folder, made at its first use (a minute and 1.2 GB). Raises ``InputError`` if that
    fails."""
    given = os.environ.get(PYTHON_VARIABLE)
    if given:
        return Path(given)
    folder = cache_folder() / AIPERF.replace("==", "-")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with FileLock(folder.with_name(f"{folder.name}.lock")):  # two runs may need it at once
        if not (folder / "installed").is_file():
            _install(folder, python)
    return python


def _install(folder: Path, python: Path) -> None:
    print(f"installing {AIPERF} into {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", AIPERF]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(AIPERF, f"could not be installed ({said})", f"set {PYTHON_VARIABLE}")
    (folder / "installed").touch()


def run_level(
    url: str,
    model: str,
    key: str | None,
    endpoint: str,
    concurrency: int,
    prompts: Sequence[str],
    warmup: int,
    extra: Sequence[str],
    out: Path,
) -> Path:
    """Send ``prompts`` at a constant concurrency after ``warmup`` requests that do not count;
    returns AIPerf's file of requests. Raises ``InputError`` if it wrote none."""
    out.mkdir(parents=True, exist_ok=True)
    inputs = out / "prompts.jsonl"
    inputs.write_text("".join(json.dumps({"text": prompt}) + "\n" for prompt in prompts))
    command = [
        str(generator_python()), "-c", _START, "profile", "--model", model, "--url", url,
        "--endpoint-type", endpoint, "--streaming", "--concurrency", str(concurrency),
        "--request-count", str(len(prompts) - warmup), "--input-file", str(inputs),
        "--custom-dataset-type", "single_turn", "--tokenizer", str(_tokenizer(out)),
        "--use-server-token-count", "--artifact-dir", str(out), "--ui", "none",
        "--connection-reuse-strategy", "never",
        *(["--warmup-request-count", str(warmup)] if warmup else []),
        *(word for pair in extra for word in ("--extra-inputs", pair)),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    if key:
        environment[_KEY_VARIABLE] = key
    with (out / "aiperf.log").open("wb") as log:
        subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    requests = out / "profile_export.jsonl"
    if not requests.is_file():
        raise InputError(url, "no request was answered", f"see {out / 'aiperf.log'}")
    return requests


def _tokenizer(out: Path) -> Path:
    """A tokenizer that knows one word. AIPerf loads one although the server counts the tokens, and
    would fetch it from a hub."""
    folder = out / "tokenizer"
    folder.mkdir(exist_ok=True)
    model = {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}
    absent = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    words = {"pre_tokenizer": {"type": "Whitespace"}, "model": model, "added_tokens": []}
    definition = {"version": "1.0", **absent, **words}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    (folder / "tokenizer.json").write_text(json.dumps(definition))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder.resolve()
