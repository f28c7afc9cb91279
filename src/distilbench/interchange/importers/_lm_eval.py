"""Reads output folders of lm-evaluation-harness: results_*.json and samples_*.jsonl.

The samples are there if it ran with --log_samples; without them a cell has its reported score only.
Groups are left out: they are means of tasks that are there themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._imported import Imported, Naming, number, share, whole
from distilbench.interchange._importer import Importer, ResultFile
from distilbench.interchange._lm_eval_own import exported_cell, is_exported
from distilbench.interchange._read import (
    check_samples,
    choose_metric,
    is_falling,
    is_missing,
    limited,
    mapping,
    read_json,
    read_json_lines,
)

_NO_METRICS = (
    "alias",
    "name",
    "sample_len",
    "sample_count",
    "samples",
    "bypass",
)  # bypass: no score
# As lm-evaluation-harness itself looks for a name, the first there is.
_NAMED_BY = ("peft", "delta", "pretrained", "model", "path", "engine")
Samples = tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]


class LmEval(Importer):
    program = "lm-evaluation-harness"
    reads = "output folder, or results_*.json"
    suffixes = (".json",)
    metric = "a metric, or metric,filter"

    def recognises(self, file: ResultFile) -> bool:
        return isinstance(file.json, dict) and "results" in file.json and "configs" in file.json

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        """The tasks of one results file, each with its samples if logged."""
        return _tasks(file.path, file.json, naming)


def _tasks(path: Path, data: dict[str, Any], naming: Naming) -> list[Imported]:
    groups = mapping(data.get("groups") or {}, f"{path}: field 'groups'")
    subtasks = mapping(data.get("group_subtasks") or {}, f"{path}: field 'group_subtasks'")
    parents = {name for name, of in subtasks.items() if of}
    results = mapping(data["results"], f"{path}: field 'results'")
    read = _exported_task if is_exported(data) else _task
    return [
        read(path, data, task, mapping(scores, f"{path}: field 'results.{task}'"), naming)
        for task, scores in results.items()
        if task not in groups and task not in parents
    ]


def _exported_task(
    path: Path, data: dict[str, Any], task: str, scores: dict[str, Any], naming: Naming
) -> Imported:
    return exported_cell(path, data, task, scores, _rows(_samples_file(path, data, task)))


def _task(
    path: Path, data: dict[str, Any], task: str, scores: dict[str, Any], naming: Naming
) -> Imported:
    rising = _field(data, "higher_is_better", task)
    rising = rising if isinstance(rising, dict) else {}
    names = [name for name in scores if name.partition(",")[0] not in _NO_METRICS]
    # The lower the better is no accuracy: taken only where there is nothing else, or by name.
    better = [name for name in names if _is_rising(rising, name)]
    where = f"{path}: task {task!r}"
    chosen = choose_metric(names if naming.metric else better or names, naming.metric, where)
    metric, _, filtering = (chosen or "").partition(",")
    reported = number(scores.get(chosen)) if chosen else None
    version = data.get("lm_eval_version")
    config = data["config"] if isinstance(data.get("config"), dict) else {}
    model = _model(data, config)
    graded = bool(chosen) and _is_rising(rising, metric)
    rows = _rows(_samples_file(path, data, task) if graded else None)
    samples, texts = _samples(rows, task, metric, filtering, where)
    asked = mapping(_field(data, "n-samples", task) or {}, f"{where}, field 'n-samples'")
    return Imported(
        tool="lm-eval",
        origin=f"lm-eval {version}" if version else "lm-eval",
        model=model,
        task=_with_shots(data, task),
        source=path,
        facts={
            "engine": f"lm-eval:{data['model_source']}" if data.get("model_source") else None,
            "parameters": whole(config.get("model_num_parameters")) or None,
            "reported_score": reported,
            "reported_stderr": number(scores.get(f"{metric}_stderr,{filtering}")),
            "reported_metric": chosen,
            "all_questions": limited(asked),
        },
        samples=samples,
        texts=texts,
        missing=check_samples(samples, asked, metric, reported, where)
        if chosen
        else "its answers have no score",
    )


def _is_rising(rising: dict[str, Any], name: str) -> bool:
    metric = name.partition(",")[0]
    known = rising.get(metric)
    return not is_falling(metric) if known is None else bool(known)


def _field(data: dict[str, Any], name: str, task: str) -> Any:
    table = data.get(name)
    return table.get(task) if isinstance(table, dict) else None


def _with_shots(data: dict[str, Any], task: str) -> str:
    """``gsm8k-5shot``: with other examples before it a question is another."""
    config = _field(data, "configs", task)
    shots = whole(_field(data, "n-shot", task))
    if shots is None and isinstance(config, dict):
        shots = whole(config.get("num_fewshot"))
    return task if shots is None else f"{task}-{shots}shot"


def _model(data: dict[str, Any], config: dict[str, Any]) -> str:
    """The name that the file states, else that of its arguments; with the file of several in one
    repository, the revision, and what quantizes it while it loads."""
    args = _arguments(config.get("model_args"))
    named = next((args[key] for key in _NAMED_BY if args.get(key)), None)
    name = str(data.get("model_name") or named or config.get("model") or "unnamed")
    if file := args.get("gguf_file"):
        return f"{name}/{file}"
    marks = [args[key] for key in ("subfolder", "revision") if args.get(key) not in (None, "main")]
    loaded = (("load_in_4bit", "4bit"), ("load_in_8bit", "8bit"))
    marks += [mark for key, mark in loaded if args.get(key, "").lower() == "true"]
    return "-".join([name, *(mark.replace("/", "-") for mark in marks)])


def _arguments(given: Any) -> dict[str, str]:
    """``model_args``, text or object. A comma within a value does not begin another argument."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items() if value is not None}
    if not isinstance(given, str):
        return {}
    parts = re.split(r",(?=\s*[A-Za-z_]\w*=)", given)
    pairs = (part.split("=", 1) for part in parts if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _samples_file(results: Path, data: dict[str, Any], task: str) -> Path | None:
    """The samples of a task bear the date of the results file; before version 0.4.3 they bore the
    model's arguments, and no date."""
    date = results.stem.rpartition("_")[2]
    config = data["config"] if isinstance(data.get("config"), dict) else {}
    args = re.sub(r"[/=]", "__", str(config.get("model_args")))
    names = [f"samples_{name}_{date}.jsonl" for name in dict.fromkeys((task, _flat(task)))]
    if results.name == "results.json":
        names += [f"{args}_{task}.jsonl", f"samples_{task}.jsonl"]
    return next((p for name in names if (p := results.parent / name).is_file()), None)


def _flat(task: str) -> str:
    return task.replace("/", "_")


def _rows(path: Path | None) -> Iterator[dict[str, Any]]:
    """The rows of a samples file, one in memory at a time: JSON Lines, in old versions one list."""
    if path is None:
        return
    with path.open("rb") as file:
        is_list = file.read(64).lstrip()[:1] == b"["
    if not is_list:
        yield from read_json_lines(path)
        return
    for place, row in enumerate(read_json(path), start=1):
        yield mapping(row, f"{path}: row {place}")


def _samples(
    rows: Iterable[dict[str, Any]], task: str, metric: str, filtering: str, where: str
) -> Samples:
    """Sample columns of one filter, and for each question the texts of its document. Scores out
    of [0, 1] are no grades: there are no samples then. Null is a score that is missing."""
    samples: dict[str, dict[str, Any]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.get("filter", filtering) != filtering:
            continue
        score = share(row.get(metric))
        if score is None and not is_missing(row.get(metric)):
            return [], {}
        key = f"{task}-{row.get('doc_id')}-{str(row.get('doc_hash'))[:8]}"
        if key in samples:
            raise InputError(
                where,
                f"its samples hold document {row.get('doc_id')} twice",
                "give the file of one run, of one filter where the file names none",
            )
        samples[key] = {
            "sample_id": key,
            "score": score,
            "answer": _answer(row, metric),
            "target": str(row.get("target")),
        }
        texts[key] = _texts(row.get("doc"))
    if all(sample["score"] is None for sample in samples.values()):
        return [], {}
    return list(samples.values()), texts


def _answer(row: dict[str, Any], metric: str) -> str | None:
    """The filtered output; of a multiple choice by acc, the choice with the highest likelihood."""
    outputs = row.get("filtered_resps")
    if not isinstance(outputs, list) or not outputs:
        return None
    if isinstance(outputs[0], str):
        return outputs[0]
    try:
        choices = list((row.get("arguments") or {}).values())
        likelihoods = [float(output[0]) for output in outputs]
        best = max(range(len(likelihoods)), key=lambda i: likelihoods[i])
        return str(choices[best]["arg_1"]).strip() if metric == "acc" else None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return None


def _texts(doc: Any) -> tuple[str, ...]:
    values = doc.values() if isinstance(doc, dict) else (doc,)
    return tuple(value.strip() for value in values if isinstance(value, str))
