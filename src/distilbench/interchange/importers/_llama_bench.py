"""Reads what llama-bench wrote with ``-o json``, ``jsonl`` or ``csv``: running cost without
questions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, Naming, number, whole
from distilbench.interchange._importer import Importer, ResultFile
from distilbench.interchange._names import model_names, says_nothing

# Settings that are not llama-bench's default are in the name of the profile, under its own flags.
_FLAGS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "n_batch": ("b", (2048,)),
    "n_ubatch": ("ub", (512,)),
    "cpu_mask": ("C", ("0x0", "")),
    "cpu_strict": ("strict", (0,)),
    "poll": ("poll", (50,)),
    "type_k": ("ctk", ("f16",)),
    "type_v": ("ctv", ("f16",)),
    "n_cpu_moe": ("ncmoe", (0,)),
    "split_mode": ("sm", ("layer",)),
    "main_gpu": ("mg", (0,)),
    "no_kv_offload": ("nkvo", (0,)),
    "flash_attn": ("fa", (-1,)),
    "devices": ("dev", ("auto", "")),
    "tensor_split": ("ts", ("0.00", "0")),
    "tensor_buft_overrides": ("ot", ("none", "")),
    "use_mmap": ("mmp", (1,)),
    "use_direct_io": ("dio", (0,)),
    "load_mode": ("lm", ("mmap",)),
    "embeddings": ("embd", (0,)),
    "no_op_offload": ("nopo", (0,)),
    "no_host": ("noh", (0,)),
    "fit_target": ("fitt", (0,)),
    "fit_min_ctx": ("fitc", (0,)),
    "f16_kv": ("f16kv", (1,)),
    "mul_mat_q": ("mmq", (1,)),
    "numa": ("numa", ("disabled", "")),
}
_NO_SETTINGS = {
    *("build_commit", "build_number", "cpu_info", "gpu_info", "backends", "test_time"),
    *("model_filename", "model_type", "model_size", "model_n_params"),
    *("n_threads", "n_gpu_layers", "n_prompt", "n_gen", "n_depth"),
    *("avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts"),
    *("cuda", "opencl", "vulkan", "kompute", "metal", "sycl", "rpc", "gpu_blas", "blas"),
}
_NEEDED = ("avg_ts", "n_gen")


_TOO_LITTLE = (
    "does not hold the settings of each test",
    "run llama-bench with -o json, jsonl or csv",
)


class LlamaBench(Importer):
    program = "llama-bench"
    reads = "what -o json, jsonl or csv wrote"
    suffixes = (".json", ".jsonl", ".csv")
    refuses: ClassVar[Mapping[str, tuple[str, str]]] = {".md": _TOO_LITTLE, ".sql": _TOO_LITTLE}

    def recognises(self, file: ResultFile) -> bool:
        if file.path.suffix == ".csv":
            lines = file.first_line.decode("utf-8-sig", "replace").splitlines()
            header = next(csv.reader(lines[:1]), [])
            return all(name in header for name in (*_NEEDED, "model_filename"))
        # Samples of other programs are JSON Lines too: their results name them.
        if file.path.suffix == ".jsonl" and b'"avg_ts"' not in file.first_line:
            return False
        rows = _rows(file)
        return (
            isinstance(rows, list)
            and bool(rows)
            and all(isinstance(row, dict) and all(name in row for name in _NEEDED) for row in rows)
        )

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        """One cell for each test: its rate of prompt tokens, of output tokens, or of both together.

        Settings that are not the default are part of the cell, and so is the build. Refused is a
        rate that is no number above 0.
        """
        path, rows = file.path, enumerate(_rows(file), start=1)
        return [_test(path, row, f"{path}: test {index}") for index, row in rows]


def _rows(file: ResultFile) -> Any:
    if file.path.suffix == ".csv":
        return _csv_rows(file.path)
    return file.json_lines if file.path.suffix == ".jsonl" else file.json


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of ``-o csv``, numbers as numbers."""
    text = path.read_text("utf-8-sig", errors="replace")
    texts = ("model_filename", "build_commit", "tensor_split", "cpu_mask")
    return [
        {k: v if k in texts else _plain(v) for k, v in row.items() if isinstance(k, str)}
        for row in csv.DictReader(io.StringIO(text))
    ]


def _test(path: Path, row: dict[str, Any], where: str) -> Imported:
    read, written = whole(row.get("n_prompt")) or 0, whole(row.get("n_gen")) or 0
    rate, depth = number(row.get("avg_ts")), whole(row.get("n_depth")) or 0
    if rate is None or rate <= 0:
        raise InputError(where, "field 'avg_ts' is no number above 0", "run llama-bench again")
    parts = [f"pp{read}"] if read else []
    parts += [f"tg{written}"] if written else []
    weights, parameters = number(row.get("model_size")), whole(row.get("model_n_params"))
    build = row.get("build_commit")
    file, kind = str(row.get("model_filename") or "unnamed"), str(row.get("model_type") or "")
    name = kind if kind and says_nothing(file) else file
    return Imported(
        tool="llama-bench",
        origin=f"llama-bench {build}" if build else "llama-bench",
        # The same file name may stand for several files: what it holds is part of the identity.
        model="; ".join(str(part) for part in (name, kind, parameters, weights) if part),
        names=_names(name, kind),
        task="-".join(["+".join(parts) or "nothing", *([f"d{depth}"] if depth else [])]),
        settings=_settings(row),
        source=path,
        facts={
            "declared_name": name,
            "engine": f"llama.cpp ({row.get('backends') or 'llama-bench'})",
            "engine_version": str(build) if build else None,
            "threads": whole(row.get("n_threads")),
            "parameters": parameters,
            "bits_per_weight": 8 * weights / parameters if weights and parameters else None,
            "hardware": "; ".join(str(row[k]) for k in ("cpu_info", "gpu_info") if row.get(k))
            or None,
            "prompt_tokens_per_s": rate if not written else None,
            "output_tokens_per_s": rate if not read else None,
            # A test that reads and writes has one rate for both, which is neither's.
            "mixed_tokens_per_s": rate if read and written else None,
            "tokens_per_s_deviation": number(row.get("stddev_ts")),
        },
    )


def _names(name: str, kind: str) -> tuple[str, ...]:
    names = model_names(name)
    return (*names, *model_names(f"{names[-1]} {kind}".replace("/", "-"))) if kind else names


def _settings(row: dict[str, Any]) -> str:
    """``build6000-t4-ngl99-fa1-ctkq8_0``: the build, threads and layers on the GPU, and all else
    that is not as llama-bench does it by default."""
    build = row.get("build_number") or row.get("build_commit")
    parts = [f"build{build}"] if build else []
    parts += [f"t{row.get('n_threads')}", f"ngl{row.get('n_gpu_layers')}"]
    for name, value in row.items():
        flag, usual = _FLAGS.get(name, (name, (0, "", "none", None)))
        # True is 1 and False 0 in Python too: older versions wrote the one, newer the other.
        if name not in _NO_SETTINGS and value not in usual and value is not None:
            parts.append(f"{flag}{int(value) if isinstance(value, bool) else value}")
    return "-".join(parts)


def _plain(text: str | None) -> Any:
    for kind in (int, float):
        try:
            return kind(text or "")
        except ValueError:
            continue
    return text
