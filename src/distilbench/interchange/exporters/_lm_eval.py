"""Results JSON and samples JSON Lines of lm-evaluation-harness, one folder for each entry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl

from distilbench.files import write_text
from distilbench.interchange._exported import Exported, shots
from distilbench.interchange._exporter import Exporter
from distilbench.interchange._lm_eval_own import IDENTITY, RECORD
from distilbench.records import CellRecord, SampleRecord, columns

_METRIC = "exact_match"
_FILTER = "none"
_GRADED = f"{_METRIC},{_FILTER}"
_STDERR = f"{_METRIC}_stderr,{_FILTER}"


class LmEval(Exporter):
    """``<entry>/results_<date>.json`` and ``<entry>/samples_<task>_<date>.jsonl``, as written by
    ``lm_eval --output_path --log_samples``. The metric is exact_match, whatever the task's grader.
    A task that ran with several seeds becomes one task for each seed, ``<task>-seed<seed>``."""

    format = "lm-eval"
    writes = "results and samples as lm-evaluation-harness writes them"

    def has_content(self, run: Exported) -> bool:
        return not run.everything.is_empty()

    def write(self, run: Exported, out: Path) -> list[Path]:
        files = []
        date = run.made.strftime("%Y-%m-%dT%H-%M-%S.%f")
        for entry, rows in run.entries(run.everything):
            folder = out / entry
            several = rows["seed"].n_unique() > 1
            tasks = {
                f"{row['task']}-seed{row['seed']}" if several else row["task"]: row
                for row in rows.iter_rows(named=True)
            }
            for task, row in tasks.items():
                if row["accuracy"] is None:
                    continue
                file = folder / f"samples_{task}_{date}.jsonl"
                write_text(file, "".join(_samples(run.samples, row)))
                files.append(file)
            results = folder / f"results_{date}.json"
            write_text(results, json.dumps(_results(run, entry, tasks), indent=2))
            files.append(results)
        return files


def _results(data: Exported, entry: str, tasks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    first = next(iter(tasks.values()))
    return {
        "results": {
            task: {
                "alias": task,
                **_scores(row),
            }
            for task, row in tasks.items()
        },
        "group_subtasks": {task: [] for task in tasks},
        "configs": {
            task: {
                "task": task,
                "output_type": "generate_until",
                "metric_list": [{"metric": _METRIC, "aggregation": "mean"}],
                "metadata": {"origin": row["origin"], RECORD: _cell_record(row)},
            }
            for task, row in tasks.items()
        },
        "versions": {task: row["config_hash"][:8] for task, row in tasks.items()},
        "n-shot": {task: n for task, row in tasks.items() if (n := shots(row, data.facts))},
        "higher_is_better": {task: {_METRIC: True} for task in tasks},
        "n-samples": {
            task: {"original": row["n_questions"], "effective": row["n_questions"]}
            for task, row in tasks.items()
            if row["n_questions"]
        },
        "config": {
            "model": first["engine"],
            "model_args": None,
            "model_num_parameters": first["parameters"],
            "random_seed": first["seed"],
        },
        "date": data.made.timestamp(),
        "distilbench_version": data.facts["distilbench_version"],
        "model_source": first["engine"],
        "model_name": first["model"],
        "model_name_sanitized": entry,
    }


def _scores(row: dict[str, Any]) -> dict[str, Any]:
    """The accuracy; of a cell without questions the score that its own program states, if any."""
    if row["accuracy"] is not None:
        return {_GRADED: row["accuracy"], _STDERR: _known(row["stderr"])}
    if row["reported_score"] is None:
        return {}
    name, _, filtering = (row["reported_metric"] or "score").partition(",")
    stderr = f"{name}_stderr,{filtering or _FILTER}"
    score = {f"{name},{filtering or _FILTER}": row["reported_score"]}
    return {**score, stderr: _known(row["reported_stderr"])}


def _known(error: float | None) -> float | str:
    return "N/A" if error is None else error


def _samples(samples: pl.DataFrame, row: dict[str, Any]) -> list[str]:
    """One line a question; of several epochs the mean score and the first answer. The records of
    them all stand beside, so that outcomes, tokens and seconds are not lost."""
    kept = [c.name for c in columns(SampleRecord) if c.name not in IDENTITY]
    mine = (
        samples.filter(pl.col("cell") == row["cell"])
        .sort("sample_id", "epoch")
        .with_columns(pl.struct(kept).alias(RECORD))
        .group_by("sample_id", maintain_order=True)
        .agg(pl.col("score").mean(), pl.col("answer", "target").first(), pl.col(RECORD))
    )
    return [
        json.dumps(
            {
                "doc_id": number,
                "doc": {"id": one["sample_id"]},
                "target": one["target"],
                "arguments": {},
                "resps": [[one["answer"] or ""]],
                "filtered_resps": [one["answer"] or ""],
                "filter": _FILTER,
                "metrics": [_METRIC],
                "doc_hash": _hash(one["sample_id"]),
                "target_hash": _hash(one["target"] or ""),
                _METRIC: one["score"],
                RECORD: [
                    {k: v for k, v in record.items() if v is not None} for record in one[RECORD]
                ],
            },
            ensure_ascii=False,
        )
        + "\n"
        for number, one in enumerate(mine.iter_rows(named=True))
    ]


def _cell_record(row: dict[str, Any]) -> dict[str, Any]:
    known = (column.name for column in columns(CellRecord))
    return {name: row[name] for name in known if row.get(name) is not None}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
