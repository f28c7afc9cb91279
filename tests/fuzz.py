"""What strangers write, changed at random: each file is read, or refused in one sentence.

``TARGETS`` says how each kind is read. ``tests/test_fuzz.py`` changes valid files by hypothesis;
``python -m tests.fuzz_atheris gguf --seconds 60`` has atheris (Linux) change them, following what
the readers do with it; ``make fuzz`` does both for all kinds. A target that raises anything but
``InputError`` is a crash: it gets a test of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from distilbench.architecture import describe, describe_config, describe_stream
from distilbench.distill.recipe import load_recipe
from distilbench.errors import InputError
from distilbench.interchange import Naming
from distilbench.interchange._import import _read
from distilbench.interchange._importer import all_importers
from distilbench.suite import load_suite
from distilbench.tasks._rows import read_rows
from distilbench.tasks._spec import FileTask
from tests.test_gguf_hostile import whole_file

Target = Callable[[bytes, Path], object]


def _file(name: str, read: Callable[[Path], object]) -> Target:
    def target(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return target


def _imported(name: str) -> Target:
    known = all_importers()
    return _file(name, lambda path: _read(path, Naming(), known))


def _rows(name: str) -> Target:
    return _file(name, lambda path: read_rows(FileTask(file=path, name="t"), path))


TARGETS: dict[str, Target] = {
    "gguf": lambda data, _: describe_stream(io.BytesIO(data), "a.gguf", len(data)),
    "safetensors": _file("model.safetensors", describe),
    "config": lambda data, _: describe_config(data.decode("utf-8", "replace"), "config.json"),
    "suite": _file("suite.yaml", load_suite),
    "recipe": _file("recipe.yaml", load_recipe),
    "results": _imported("results_2026.json"),
    "bench": _imported("bench.jsonl"),
    "csv-bench": _imported("bench.csv"),
    "log": _imported("log.eval"),
    "jsonl": _rows("a.jsonl"),
    "json": _rows("a.json"),
    "csv": _rows("a.csv"),
    "gzip": _rows("a.jsonl.gz"),
    "parquet": _rows("a.parquet"),
}


def read(kind: str, data: bytes, folder: Path) -> str:
    """Read ``data`` as a file of one kind; returns the sentence that refuses it, if one does.
    Raises whatever else the reader does."""
    try:
        TARGETS[kind](data, folder)
    except InputError as error:
        return str(error)
    return ""


def valid(kind: str, folder: Path) -> bytes:
    """A file of a kind that is read, to begin with; empty for those that begin with nothing."""
    texts: dict[str, Any] = {
        "config": {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
                   "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100},
        "results": {"results": {"arc": {"acc,none": 0.5, "alias": "arc"}},
                    "configs": {"arc": {"num_fewshot": 0}}, "groups": {}, "group_subtasks": {},
                    "n-samples": {"arc": {"original": 4, "effective": 4}}, "n-shot": {"arc": 0},
                    "higher_is_better": {"arc": {"acc": True}}, "config":
                    {"model": "hf", "model_args": "pretrained=org/m", "model_num_parameters": 9}},
        "bench": {"avg_ts": 64.0, "n_prompt": 0, "n_gen": 64, "model_filename": "m.gguf",
                  "model_type": "llama 1B", "model_size": 10, "model_n_params": 100,
                  "n_threads": 2, "n_gpu_layers": 0, "n_depth": 0, "stddev_ts": 0.1},
        "jsonl": {"question": "2+2?", "answer": "4"},
        "json": [{"question": "2+2?", "answer": "4"}, {"question": "3", "answer": 3.5}],
    }  # fmt: skip
    yaml = {
        "suite": "name: s\nmodels: [{source: 'inspect:mockllm/m'}]\n"
        "tasks: [{file: a.jsonl, extract: regex, pattern: 'a{2}'}]\nprofiles: [{slots: 2}]\n",
        "recipe": "name: r\nstudent: {hidden: 64}\nobjective: kd\n",
        "csv": "question,answer\n2+2?,4\n",
        "csv-bench": "model_filename,avg_ts,n_prompt,n_gen\nm.gguf,64.0,0,64\n",
    }
    if kind in texts:
        return json.dumps(texts[kind]).encode()
    return yaml[kind].encode() if kind in yaml else _binary(kind, folder)


def _binary(kind: str, folder: Path) -> bytes:
    if kind == "gguf":
        return whole_file()
    if kind == "gzip":
        return gzip.compress(valid("jsonl", folder))
    if kind == "parquet":
        made = io.BytesIO()
        pl.DataFrame({"question": ["2+2?"], "answer": ["4"]}).write_parquet(made)
        return made.getvalue()
    if kind == "safetensors":
        tensor = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
        head = json.dumps({"a.weight": tensor}).encode()
        return len(head).to_bytes(8, "little") + head + bytes(16)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1_epoch_1.json", "{}")
    return packed.getvalue()
