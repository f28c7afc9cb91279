"""Reads what lighteval wrote: results_*.json, and details_*.parquet if it saved details."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.files import read_parquet
from distilbench.interchange._imported import Imported, Naming, number, share, whole
from distilbench.interchange._importer import Importer, ResultFile
from distilbench.interchange._read import (
    check_samples,
    choose_metric,
    is_falling,
    is_missing,
    limited,
    mapping,
)

Samples = tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]


class Lighteval(Importer):
    program = "lighteval"
    reads = "output folder, or results_*.json"
    suffixes = (".json",)
    metric = "a metric"

    def recognises(self, file: ResultFile) -> bool:
        data = file.json
        return isinstance(data, dict) and "config_general" in data and "results" in data

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        return _tasks(file.path, file.json, _details(file.path), naming)


def _details(results: Path) -> list[Path]:
    """Details stand beside the folder ``results`` of an output folder, each model's in a folder of
    the same name."""
    root = next((p for p in results.parents if p.name == "results"), None)
    if root is None:
        return sorted(results.parent.rglob("details_*.parquet"))
    mine = root.parent / "details" / results.parent.relative_to(root)
    return sorted(mine.rglob("details_*.parquet"))


def _tasks(path: Path, data: dict[str, Any], details: list[Path], naming: Naming) -> list[Imported]:
    """The tasks of one results file (``data``, at ``path``). ``details`` are the Parquet files
    that may be its: those of the same date are taken. Means of tasks (``all``, ``_average``) are
    left out."""
    general = mapping(data["config_general"], f"{path}: field 'config_general'")
    sha = str(general.get("lighteval_sha") or "").strip("?")[:8]
    found = []
    for key, scores in mapping(data["results"], f"{path}: field 'results'").items():
        if key == "all" or "_average" in key:
            continue
        where = f"{path}: task {key!r}"
        chosen = choose_metric(mapping(scores, where), naming.metric, where)
        file = _details_file(details, key, path.stem.removeprefix("results_"))
        graded = bool(file and chosen and not is_falling(chosen))
        samples, texts = _samples(file, key, chosen) if graded and file and chosen else ([], {})
        asked = _asked(data, key)
        found.append(
            Imported(
                tool="lighteval",
                origin=f"lighteval {sha}".strip(),
                model=_model(general),
                task=_task_name(key),
                source=path,
                facts={
                    "reported_score": number(scores.get(chosen)),
                    "reported_stderr": number(scores.get(f"{chosen}_stderr")),
                    "reported_metric": chosen,
                    "all_questions": limited(asked),
                },
                samples=samples,
                texts=texts,
                missing=check_samples(samples, asked, chosen, number(scores.get(chosen)), where),
            )
        )
    return found


def _task_name(key: str) -> str:
    """``lighteval|gsm8k|5|0`` is ``lighteval-gsm8k-5shot``, ``gsm8k|5`` is ``gsm8k-5shot``: a suite
    and a number of examples make another task. A last 1 lets lighteval take fewer examples."""
    parts = [part for part in key.split("|") if part]
    numbers = [part for part in parts[1:] if part.isdecimal()]
    name = "-".join(part for part in parts if part not in numbers)
    fewer = "upto" if len(numbers) > 1 and numbers[1] == "1" else ""
    return f"{name}-{fewer}{numbers[0]}shot" if numbers else name


def _model(general: dict[str, Any]) -> str:
    config = general.get("model_config")
    config = config if isinstance(config, dict) else {}
    name = str(general.get("model_name") or config.get("model_name") or "unnamed")
    revision = config.get("revision") or "main"
    return name if revision == "main" else f"{name}-{revision}"


def _details_file(details: list[Path], key: str, date: str) -> Path | None:
    return next((p for p in details if p.stem == f"details_{key}_{date}"), None)


def _asked(data: dict[str, Any], key: str) -> dict[str, Any]:
    """How many documents the task has, and how many of them were asked."""
    configs = data.get("config_tasks")
    configs = configs if isinstance(configs, dict) else {}
    name = "|".join(part for part in key.split("|") if not part.isdecimal())
    config = configs.get(key) or configs.get(name)
    config = config if isinstance(config, dict) else {}
    counts = {"original": "original_num_docs", "effective": "effective_num_docs"}
    return {k: n for k, field in counts.items() if (n := whole(config.get(field)) or 0) > 0}


def _samples(path: Path, task: str, metric: str) -> Samples:
    """Sample columns, and the texts of each question. No samples where scores are no grades; null
    is a score that is missing."""
    table = read_parquet(path, "mend it or remove it")
    samples: list[dict[str, Any]] = []
    texts: dict[str, tuple[str, ...]] = {}
    for number_, row in enumerate(table.iter_rows(named=True)):
        grades = row.get("metric") or row.get("metrics")
        given = grades.get(metric, -1) if isinstance(grades, dict) else -1
        score = share(given)
        if score is None and not is_missing(given):
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
    if all(sample["score"] is None for sample in samples):
        return [], {}
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
