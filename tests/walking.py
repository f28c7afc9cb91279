"""How a page of the docs is walked: its examples in order, in one folder, at the smallest size.

A page's YAML example is written to the file that its title names and taken through its own command;
what a shell example calls is found in ``shims`` first, where ``distilbench`` is the real one with
examples cut to the smallest size. An example that cannot run here says why in the line above it:
``<!-- not run: why -->``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.warm import stock_code

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNABLE = ("bash", "yaml", "python")
_FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?"
    r"[^\n]*\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_REACHED_HERE = "pypi:smollm2-135m-instruct"
_ROW = '{{"question": "Ann has {n} apples and buys 2. How many?", "answer": "{n} + 2. #### {m}"}}\n'


@dataclass(frozen=True)
class Fence:
    """An example of a page. ``why`` says what keeps it from being run."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str
    why: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def fences(page: Path) -> list[Fence]:
    """The examples of a page that could be run, in order."""
    text = page.read_text("utf-8")
    return [
        Fence(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            found["title"],
            found["text"],
            found["why"],
        )
        for found in _FENCE.finditer(text)
        if found["language"] in RUNNABLE
    ]


def install_wheel(folder: Path) -> Path:
    """Build the wheel and install it where nothing of the checkout is seen; returns its ``bin``.

    What it depends on comes from the environment of the tests.
    """
    build = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next((place / "lib").glob("python*/site-packages"))
    install = (sys.executable, "-m", "pip", "--python", str(place), "install", "--no-deps")
    subprocess.run([*install, "--no-index", "--quiet", str(wheel)], check=True)
    # A path in a .pth file is searched, but its own .pth files, the checkout's among them, are not.
    (packages / "tests.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return place / "bin"


def environment(place: Path, given: dict[str, str]) -> dict[str, str]:
    """To run in: the shims first, then the installed wheel, and no path of the checkout."""
    shims = Path(__file__).parent / "data" / "shims"
    stub = Path(__file__).parent / "data" / "stub_generator"  # for AIPerf, which takes 1.2 GB
    mine = [p for p in given.get("PYTHONPATH", "").split(os.pathsep) if p and "src" not in p]
    return {
        **given,
        "PATH": os.pathsep.join([str(shims), str(place), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([*mine, str(stub)]),
        "DISTILBENCH_AIPERF_PYTHON": str(place / "python"),
        "WALK_BIN": str(place),
        "WALK_TESTS": str(ROOT),
    }


@contextmanager
def stocked(given: dict[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """What the shims need in the environment to start the wheel's commands warm (tests/warm.py);
    nothing where that cannot be."""
    if sys.platform != "linux" or "COVERAGE_PROCESS_START" in given:
        yield {}
        return
    door = folder / "stock"
    words = [f"{given['WALK_BIN']}/python", "-c", stock_code(f"listen({str(door)!r})")]
    with subprocess.Popen(words, env=given, cwd=folder, stdout=subprocess.DEVNULL) as listening:
        try:
            while not door.exists():
                assert listening.poll() is None
                time.sleep(0.05)
            yield {"WALK_STOCK": str(door)}
        finally:
            listening.kill()


def command(fence: Fence, folder: Path) -> list[str]:
    """What runs an example in ``folder``; a YAML example is written there first."""
    bring(fence.text, folder)
    if fence.language == "bash":
        installed = fence.text.replace(".venv/bin/", "")  # the README's, of a clone
        return ["bash", "-euo", "pipefail", "-c", installed]
    if fence.language == "python":
        return ["python", "-c", fence.text]
    data = yaml.safe_load(fence.text)
    kind = "suite" if "models" in data else "recipe" if "method" in data else "card"
    path = folder / (fence.title or f"{kind}.yaml")
    path.write_text(fence.text, "utf-8")
    shrink(path)
    words = {
        "suite": ["distilbench", "run", path.name],
        "recipe": ["distilbench", "distill", path.name],
        "card": ["distilbench", "compute", str(data.get("id")), "--cards", path.name],
    }
    return words[kind]


def shrink(path: Path) -> None:
    """Cut a suite or recipe to its smallest size; models that cannot be reached here become one
    that can, and files that the user would bring are there."""
    data = yaml.safe_load(path.read_text("utf-8"))
    if "models" in data:
        data["limits"] = {**data.get("limits", {}), "questions": 1, "max_tokens": 8}
        data["models"] = _few([_model(model, path.parent) for model in data["models"]])
    elif "method" in data:
        data["data"] = {**data["data"], "questions": 8}
        data["held_out"] = {**data.get("held_out", {}), "questions": 2, "accuracy": False}
        data["training"] = {**data.get("training", {}), "max_steps": 1}
    else:
        return
    for task in (*data.get("tasks", []), data.get("data", {}).get("task") or {}):
        _questions(task, path.parent)
    path.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")


def bring(text: str, folder: Path) -> None:
    """Put what a reader would bring beside an example that names it."""
    for name, make in _BROUGHT.items():
        path = folder / name
        if name in text and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)


def _lm_eval(folder: Path) -> None:
    folder.mkdir()
    scores = {"exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.1}
    written = {
        "results": {"gsm8k": {"alias": "gsm8k", **scores}},
        "configs": {"gsm8k": {"task": "gsm8k"}},
        "n-shot": {"gsm8k": 5},
        "n-samples": {"gsm8k": {"original": 4, "effective": 4}},
        "config": {"model": "hf", "model_args": "pretrained=EleutherAI/pythia-160m"},
        "model_name": "EleutherAI/pythia-160m",
    }
    (folder / "results_2026-01-01.json").write_text(json.dumps(written))


def _inspect_log(path: Path) -> None:
    script = (
        "from inspect_ai import Task, eval; from inspect_ai.dataset import Sample;"
        "from inspect_ai.model import ModelOutput, get_model; from inspect_ai.scorer import match;"
        "out = ModelOutput.from_content('mockllm/model', '2');"
        "out.usage = __import__('inspect_ai').model.ModelUsage(input_tokens=1, output_tokens=1);"
        "eval(Task([Sample('1+1?', target='2')], scorer=match(), name='sums'),"
        " model=get_model('mockllm/model', custom_outputs=[out]), log_dir='made', display='none')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=path.parent, check=True)
    next((path.parent / "made").glob("*.eval")).rename(path)


def _llama_bench(path: Path) -> None:
    test = {
        "build_commit": "b1234", "model_filename": "models/other.gguf", "model_size": 10**8,
        "model_n_params": 10**8, "n_threads": 2, "n_gpu_layers": 0, "backends": "CPU",
        "cpu_info": "X", "n_batch": 2048, "n_ubatch": 512, "type_k": "f16", "type_v": "f16",
        "flash_attn": False, "n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 100.0,
        "stddev_ts": 1.0,
    }  # fmt: skip
    path.write_text(json.dumps([test]))


_TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match

@task
def sums():
    return Task([Sample("1 + 1 =", target="2")], scorer=match(), max_messages=2)
"""
_BROUGHT = {
    "my_task.py": lambda path: path.write_text(_TASK),
    "lm_eval_output": _lm_eval,
    "logs/sums.eval": _inspect_log,
    "bench.json": _llama_bench,
}


def _model(model: Any, folder: Path) -> Any:
    entry = {"source": model} if isinstance(model, str) else dict(model)
    scheme = entry["source"].partition(":")[0]
    if scheme in ("hf", "inspect"):
        kept = {k: v for k, v in entry.items() if k not in ("base_url", "args", "price")}
        name = re.sub(r"[^\w.-]", "-", entry["source"].rpartition("/")[2])
        return {"name": name, **kept, "source": _REACHED_HERE}
    path = folder / entry["source"]
    if scheme != "pypi" and not path.exists():
        from distilbench.engines import locate_model
        from distilbench.source import Source

        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(locate_model(Source.parse(_REACHED_HERE), folder, "walk"))
    return entry


def _few(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The model files of the example, else its first model: each takes seconds to load."""
    files = [model for model in models if not model["source"].startswith("pypi:")]
    return files or models[:1]


def _questions(task: Any, folder: Path) -> None:
    file = task.get("file") if isinstance(task, dict) else None
    if file and not (folder / file).exists():
        (folder / file).write_text("".join(_ROW.format(n=n, m=n + 2) for n in range(20)))


def first_words(fence: Fence) -> list[list[str]]:
    """The words of each command of a shell example."""
    lines = fence.text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]
