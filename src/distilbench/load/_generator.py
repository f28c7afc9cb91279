"""Runs AIPerf, a load generator, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from distilbench.cache import cache_folder, held
from distilbench.errors import InputError
from distilbench.keys import redact
from distilbench.load._results import read_requests

AIPERF = "aiperf==0.13.0"
PYTHON_VARIABLE = "DISTILBENCH_AIPERF_PYTHON"
_KEY_VARIABLE = "DISTILBENCH_LOAD_KEY"
# AIPerf takes its key as an argument only; put there inside the process, no list of processes
# shows it. Its timing keeps two thirds of a core busy, so it gets the last one for itself.
_START = (
    "import os, sys; key = os.environ.pop('DISTILBENCH_LOAD_KEY', '')\n"
    "sys.argv += ['--api-key=' + key] if key else []\n"  # a key may begin with a dash
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
        found = shutil.which(given)
        if found is None:
            raise InputError(
                f"{PYTHON_VARIABLE}={given}", "is no program", "name the Python that has AIPerf"
            )
        return Path(found)
    folder = cache_folder() / AIPERF.replace("==", "-")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with held(folder):  # two runs may need it at once
        if not (folder / "installed").is_file():
            _install(folder, python)
    return python


def _install(folder: Path, python: Path) -> None:
    print(f"installing {AIPERF} into {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", AIPERF]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = _last_line(done.stderr)
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
    telemetry: Sequence[str],
    out: Path,
) -> Path:
    """Send ``prompts`` at a constant concurrency after ``warmup`` requests that do not count;
    returns AIPerf's file of requests. ``out`` is emptied first: what an earlier sweep left there
    must not be taken for this one's. Raises ``InputError`` if AIPerf did not finish."""
    python, asked = generator_python(), len(prompts) - warmup
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    inputs = out / "prompts.jsonl"
    inputs.write_text("".join(json.dumps({"text": prompt}) + "\n" for prompt in prompts))
    command = [
        str(python), "-c", _START, "profile", "--model", model, "--url", url,
        "--endpoint-type", endpoint, "--streaming", "--concurrency", str(concurrency),
        "--request-count", str(asked), "--input-file", str(inputs),
        "--custom-dataset-type", "single_turn", "--tokenizer", str(_tokenizer(out)),
        "--use-server-token-count", "--artifact-dir", str(out), "--ui", "none",
        "--connection-reuse-strategy", "never",
        *(["--warmup-request-count", str(warmup)] if warmup else []),
        *(["--gpu-telemetry", *telemetry] if telemetry else []),
        *(word for pair in extra for word in ("--extra-inputs", pair)),
    ]  # fmt: skip
    code = _run(command, key, out / "aiperf.log")
    requests = out / "profile_export.jsonl"
    # It also ends with an error where it sent every request and all failed: those are results.
    if requests.is_file() and (code == 0 or _holds(requests, asked)):
        return requests
    said = _last_line((out / "aiperf.log").read_text("utf-8", "replace"))
    problem = f"ended with exit code {code} before all requests were sent"
    raise InputError(
        AIPERF, f"{problem} ({redact(said, [key] if key else [])})", f"see {out / 'aiperf.log'}"
    )


def _run(command: Sequence[str], key: str | None, log: Path) -> int:
    """AIPerf's exit code; what it prints goes to ``log``."""
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    if key:
        environment[_KEY_VARIABLE] = key
    with log.open("wb") as stream:
        done = subprocess.run(command, stdout=stream, stderr=stream, env=environment, check=False)
    return done.returncode


def _holds(requests: Path, asked: int) -> bool:
    """Whether a file of requests is whole: its writer may have died in the middle of a line."""
    try:
        return read_requests(requests).height >= asked
    except ValueError:
        return False


def _last_line(text: str) -> str:
    """The last line with a word in it: AIPerf draws boxes."""
    lines = [" ".join(line.split()) for line in text.splitlines() if re.search(r"\w", line)]
    return lines[-1] if lines else "it said nothing"


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
