"""Reads what llama-bench wrote with ``-o json`` or ``-o jsonl``: running cost without questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, number, whole


def is_llama_bench(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(row, dict) and "avg_ts" in row and "n_gen" in row for row in data)
    )


def read_llama_bench(path: Path, rows: list[dict[str, Any]]) -> list[Imported]:
    """One cell for each test: its rate of prompt tokens, of output tokens, or of both together.

    Raises ``InputError`` if a rate is no number.
    """
    return [_test(path, row, f"{path}: test {index}") for index, row in enumerate(rows, start=1)]


def _test(path: Path, row: dict[str, Any], where: str) -> Imported:
    read, written = whole(row.get("n_prompt")) or 0, whole(row.get("n_gen")) or 0
    rate, depth = number(row.get("avg_ts")), whole(row.get("n_depth")) or 0
    if rate is None:
        raise InputError(where, "field 'avg_ts' is no number", "run llama-bench again")
    parts = [f"pp{read}"] if read else []
    parts += [f"tg{written}"] if written else []
    weights, parameters = number(row.get("model_size")), whole(row.get("model_n_params"))
    build = row.get("build_commit")
    return Imported(
        tool="llama-bench",
        origin=f"llama-bench {build}" if build else "llama-bench",
        model=Path(str(row.get("model_filename") or "unnamed")).name,
        task="-".join(["+".join(parts) or "nothing", *([f"d{depth}"] if depth else [])]),
        profile=f"llama-bench-t{row.get('n_threads')}-ngl{row.get('n_gpu_layers')}",
        source=path,
        facts={
            "engine": f"llama.cpp ({row.get('backends') or 'llama-bench'})",
            "engine_version": str(build) if build else None,
            "threads": whole(row.get("n_threads")),
            "parameters": parameters,
            "bits_per_weight": 8 * weights / parameters if weights and parameters else None,
            "hardware": "; ".join(str(row[k]) for k in ("cpu_info", "gpu_info") if row.get(k))
            or None,
            # A test that reads and writes has one rate for both, which is neither's.
            "prompt_tokens_per_s": rate if not written else None,
            "output_tokens_per_s": rate if not read else None,
        },
    )
