"""Reads what lighteval wrote: results_*.json, and details_*.parquet if it saved details."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, Naming, number, share
from distilbench.interchange._read import choose_metric, mapping

Samples = tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]


def is_lighteval(data: Any) -> bool:
    return isinstance(data, dict) and "config_general" in data and "results" in data


def read_lighteval(
    path: Path, data: dict[str, Any], details: list[Path], naming: Naming
) -> list[Imported]:
    """The tasks of one results file (``data``, at ``path``). ``details`` are the Parquet files
    that may be its: those of the same date are taken. Means of tasks (``all``, ``_average``) are
    left out."""
    general = mapping(data["config_general"], f"{path}: field 'config_general'")
    config = general.get("model_config")
    model = general.get("model_name") or (config or {}).get("model_name") or "unnamed"
    sha = str(general.get("lighteval_sha") or "").strip("?")[:8]
    date = path.stem.removeprefix("results_")
    found = []
    for key, scores in mapping(data["results"], f"{path}: field 'results'").items():
        if key == "all" or "_average" in key:
            continue
        where = f"{path}: task {key!r}"
        chosen = choose_metric(mapping(scores, where), naming.metric, where)
        file = next((p for p in details if p.stem == f"details_{key}_{date}"), None)
        samples, texts = _samples(file, task_name(key), chosen) if file and chosen else ([], {})
        found.append(
            Imported(
                tool="lighteval",
                origin=f"lighteval {sha}".strip(),
                model=str(model),
                task=task_name(key),
                source=path,
                facts={
                    "reported_score": number(scores.get(chosen)),
                    "reported_stderr": number(scores.get(f"{chosen}_stderr")),
                    "reported_metric": chosen,
                },
                samples=samples,
                texts=texts,
            )
        )
    return found


def task_name(key: str) -> str:
    """``lighteval|gsm8k|5|0`` and ``gsm8k|5`` are ``gsm8k``; ``mmlu:anatomy`` keeps its part."""
    parts = [part for part in key.split("|") if part and not part.isdecimal()]
    return (parts[-1] if parts else key).replace(":", "-")


def _samples(path: Path, task: str, metric: str) -> Samples:
    """Sample columns, and the texts of each question. No samples where scores are no grades."""
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(str(path), "is no Parquet file", "mend it or remove it") from error
    samples: list[dict[str, Any]] = []
    texts: dict[str, tuple[str, ...]] = {}
    for number_, row in enumerate(table.iter_rows(named=True)):
        grades = row.get("metric") or row.get("metrics")
        score = share(grades.get(metric)) if isinstance(grades, dict) else None
        if score is None:
            return [], {}
        doc, reply = (_struct(row.get(name)) for name in ("doc", "model_response"))
        key = f"{task}-{doc.get('id') or number_}"
        samples.append(
            {
                "sample_id": key,
                "score": score,
                "target": _gold(doc),
                "input_tokens": len(reply.get("input_tokens") or ()) or None,
                "output_tokens": _one_answer(reply.get("output_tokens")),
            }
        )
        asked = (doc.get("original_query"), doc.get("query"))
        texts[key] = tuple(text.strip() for text in asked if isinstance(text, str))
    return samples, texts


def _struct(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _gold(doc: dict[str, Any]) -> str | None:
    """The right choice or choices as text."""
    index, choices = doc.get("gold_index"), doc.get("choices") or []
    wanted = index if isinstance(index, list) else [index]
    gold = [str(choices[i]).strip() for i in wanted if isinstance(i, int) and 0 <= i < len(choices)]
    return "; ".join(gold) or None


def _one_answer(tokens: Any) -> int | None:
    """Tokens of the answer, where there is one only: of several it is not told which counts."""
    if not isinstance(tokens, list) or len(tokens) != 1 or not isinstance(tokens[0], list):
        return None
    return len(tokens[0])
