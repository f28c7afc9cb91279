"""Reads output folders of lm-evaluation-harness: results_*.json and samples_*.jsonl.

The samples are there if it ran with --log_samples; without them a cell has its reported score only.
Groups are left out: they are means of tasks that are there themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.interchange._imported import Imported, Naming, number, share, whole
from distilbench.interchange._read import choose_metric, mapping, read_json_lines

_NO_METRICS = ("alias", "name", "sample_len", "sample_count")


def is_lm_eval(data: Any) -> bool:
    return isinstance(data, dict) and "results" in data and "configs" in data


def read_lm_eval(path: Path, data: dict[str, Any], naming: Naming) -> list[Imported]:
    """The tasks of one results file (``data``, at ``path``), each with its samples if logged."""
    groups = mapping(data.get("groups") or {}, f"{path}: field 'groups'")
    parents = {name for name, of in (data.get("group_subtasks") or {}).items() if of}
    results = mapping(data["results"], f"{path}: field 'results'")
    return [
        _task(path, data, task, mapping(scores, f"{path}: field 'results.{task}'"), naming)
        for task, scores in results.items()
        if task not in groups and task not in parents
    ]


def _task(
    path: Path, data: dict[str, Any], task: str, scores: dict[str, Any], naming: Naming
) -> Imported:
    names = [name for name in scores if name not in _NO_METRICS]
    chosen = choose_metric(names, naming.metric, f"{path}: task {task!r}")
    metric, _, filtering = (chosen or "").partition(",")
    version = data.get("lm_eval_version")
    config = data.get("config") if isinstance(data.get("config"), dict) else {}
    model = data.get("model_name") or (config or {}).get("model") or "unnamed"
    samples, texts = _samples(_samples_file(path, task), task, metric, filtering)
    return Imported(
        tool="lm-eval",
        origin=f"lm-eval {version}" if version else "lm-eval",
        model=str(model),
        task=task,
        source=path,
        facts={
            "engine": f"lm-eval:{data['model_source']}" if data.get("model_source") else None,
            "parameters": whole((config or {}).get("model_num_parameters")) or None,
            "reported_score": number(scores.get(chosen)) if chosen else None,
            "reported_stderr": number(scores.get(f"{metric}_stderr,{filtering}")),
            "reported_metric": chosen,
        },
        samples=samples,
        texts=texts,
    )


def _samples_file(results: Path, task: str) -> Path:
    """The samples of a task bear the date of the results file."""
    date = results.stem.rpartition("_")[2]
    return results.parent / f"samples_{task.replace('/', '_')}_{date}.jsonl"


def _samples(
    path: Path, task: str, metric: str, filtering: str
) -> tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]:
    """Sample columns of one filter, and for each question the texts of its document. Scores out
    of [0, 1] are no grades: there are no samples then."""
    samples: dict[str, dict[str, Any]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for row in read_json_lines(path) if path.is_file() else ():
        if row.get("filter", filtering) != filtering:
            continue
        score = share(row.get(metric))
        if score is None:
            return [], {}
        key = f"{task}-{row.get('doc_id')}-{str(row.get('doc_hash'))[:8]}"
        samples[key] = {
            "sample_id": key,
            "score": score,
            "answer": _answer(row, metric),
            "target": str(row.get("target")),
        }
        texts[key] = _texts(row.get("doc"))
    return list(samples.values()), texts


def _answer(row: dict[str, Any], metric: str) -> str | None:
    """The filtered output; of a multiple choice by acc, the choice with the highest likelihood."""
    outputs = row.get("filtered_resps")
    if not isinstance(outputs, list) or not outputs:
        return None
    if isinstance(outputs[0], str):
        return outputs[0]
    choices = list((row.get("arguments") or {}).values())
    try:
        likelihoods = [float(output[0]) for output in outputs]
        best = max(range(len(likelihoods)), key=lambda i: likelihoods[i])
        return str(choices[best]["arg_1"]).strip() if metric == "acc" else None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return None


def _texts(doc: Any) -> tuple[str, ...]:
    values = doc.values() if isinstance(doc, dict) else (doc,)
    return tuple(value.strip() for value in values if isinstance(value, str))
