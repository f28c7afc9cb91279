"""Records of Every Eval Ever (https://evalevalai.com), schema 0.3.0: one file for each entry, and
its questions as JSON Lines."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

import polars as pl

from distilbench.files import write_bytes
from distilbench.interchange._exported import SOURCE, Exported
from distilbench.interchange._exporter import Exporter
from distilbench.records import ORIGIN

_VERSION = "0.3.0"
_UNKNOWN = "unknown"
_BY_HUB_ID = ("lm-eval", "lighteval")  # the others put a provider or a folder before the name
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class EveryEvalEver(Exporter):
    """``data/distilbench/<developer>/<model>/<uuid>.json``, ``<uuid>_samples.jsonl`` beside it.

    The path is that of its data store: source, developer, model. Where the developer is unknown,
    put the model's id on the hub in its place before publishing.
    """

    format = "every-eval-ever"
    writes = "records of schema 0.3.0, with their questions"

    def write(self, run: Exported, out: Path) -> list[Path]:
        files = []
        for entry, rows in run.entries():
            path = _path(run, entry, _id_on_hub(run, rows.row(0, named=True)))
            lines = "".join(_samples(run, entry, rows)).encode()
            record = _record(run, entry, rows, f"{path}_samples.jsonl", lines)
            for suffix, content in (
                (".json", json.dumps(record, indent=2, ensure_ascii=False).encode()),
                ("_samples.jsonl", lines),
            ):
                file = out / f"{path}{suffix}"
                write_bytes(file, content)
                files.append(file)
        return files


def _id_on_hub(data: Exported, row: dict[str, Any]) -> str:
    """Developer and model where they are known, or as the program that measured names them; else
    the developer is unknown. Of a file nobody but its maker knows whose it is."""
    if row["model"] in data.hub_models:
        return data.hub_models[row["model"]]
    named = row["declared_name"] or ""
    known = row["origin"].startswith(_BY_HUB_ID) and _HUB_ID.fullmatch(named)
    return named if known else f"{_UNKNOWN}/{row['model']}"


def _path(data: Exported, entry: str, model_id: str) -> str:
    """The same run and entry have the same name, so that exporting again replaces."""
    digest = hashlib.sha256(f"{data.facts['created']} {entry}".encode()).digest()
    return f"data/distilbench/{model_id}/{uuid.UUID(bytes=digest[:16], version=4)}"


def _id(data: Exported, entry: str) -> str:
    return f"{data.facts['name']}/{_UNKNOWN}_{entry}/{int(data.made.timestamp())}"


def _record(
    data: Exported, entry: str, rows: pl.DataFrame, samples_path: str, lines: bytes
) -> dict[str, Any]:
    first = rows.row(0, named=True)
    own = first["origin"] == ORIGIN
    version = data.facts["distilbench_version"] if own else first["origin"].partition(" ")[2]
    return {
        "schema_version": _VERSION,
        "evaluation_id": _id(data, entry),
        "evaluation_timestamp": str(data.made.timestamp()),
        "retrieved_timestamp": str(time.time()),
        "source_metadata": {
            "source_name": SOURCE + data.facts["name"],
            "source_type": "evaluation_run",
            "source_organization_name": _UNKNOWN,
            "evaluator_relationship": "other",
        },
        "eval_library": {
            "name": first["origin"].partition(" ")[0],
            "version": version or _UNKNOWN,
        },
        "model_info": _model(data, first),
        "evaluation_results": [_result(data, row) for row in rows.iter_rows(named=True)],
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": samples_path,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(lines).hexdigest(),
            "total_rows": lines.count(b"\n"),
        },
    }


def _model(data: Exported, row: dict[str, Any]) -> dict[str, Any]:
    """Weights that were at hand have a digest; of a served model nothing is known."""
    local = row["model_sha256"] is not None
    known = {
        name: str(row[name])
        for name in ("quantization", "parameters", "model_sha256", "profile", "role", "card")
        if row[name] is not None
    }
    engine = {"name": row["engine"], "version": row["engine_version"] or _UNKNOWN}
    return {
        "name": row["model"],
        "id": _id_on_hub(data, row),
        **({"inference_engine": engine} if row["engine"] else {}),
        "additional_details": {
            "deployment_type": "self_deployed" if local else _UNKNOWN,
            "model_availability": _UNKNOWN,
            **known,
        },
    }


def _result(data: Exported, row: dict[str, Any]) -> dict[str, Any]:
    error = row["stderr"]
    clustered = {"standard_error": {"value": error, "method": "clustered by question source"}}
    return {
        "evaluation_result_id": row["cell"],
        "evaluation_name": row["task"],
        "source_data": _data_set(data, row["task"]),
        "evaluation_timestamp": str(data.made.timestamp()),
        "metric_config": {
            "metric_id": "accuracy",
            "metric_name": "Accuracy",
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
            "additional_details": {"seed": str(row["seed"]), "origin": row["origin"]},
        },
        "score_details": {
            "score": row["accuracy"],
            "uncertainty": {
                **(clustered if error is not None else {}),
                "confidence_interval": {
                    "lower": row["low"],
                    "upper": row["high"],
                    "confidence_level": 0.95,
                },
                "num_samples": row["n_samples"],
            },
        },
    }


def _data_set(data: Exported, task: str) -> dict[str, str]:
    named = data.hub_data.get(task)
    if named is None:
        return {"dataset_name": task, "source_type": "other"}
    return {"dataset_name": task, "source_type": "hf_dataset", "hf_repo": named}


def _samples(data: Exported, entry: str, rows: pl.DataFrame) -> list[str]:
    cells, model_id = rows["cell"].to_list(), _id_on_hub(data, rows.row(0, named=True))
    return [
        json.dumps(_sample(data, entry, row, model_id), ensure_ascii=False) + "\n"
        for row in data.samples.filter(pl.col("cell").is_in(cells)).iter_rows(named=True)
    ]


def _sample(data: Exported, entry: str, row: dict[str, Any], model_id: str) -> dict[str, Any]:
    """One question. The records hold no prompt (the Inspect logs do): its id stands for it."""
    tokens = row["input_tokens"], row["output_tokens"]
    usage = {
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "total_tokens": sum(token or 0 for token in tokens),
        "input_tokens_cache_read": row["cached_tokens"],
        "reasoning_tokens": row["reasoning_tokens"],
    }
    return {
        "schema_version": _VERSION,
        "evaluation_id": _id(data, entry),
        "model_id": model_id,
        "evaluation_name": row["task"],
        "evaluation_result_id": row["cell"],
        "sample_id": row["sample_id"],
        "interaction_type": "single_turn",
        "input": {"raw": row["sample_id"], "reference": [row["target"] or ""]},
        "output": {"raw": [row["answer"] or ""]},
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": row["answer"] or "",
                "extraction_method": row["origin"],
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": row["score"], "is_correct": row["score"] == 1.0},
        "token_usage": None if None in tokens else usage,
        "performance": {
            "latency_ms": _ms(row["total_s"]),
            "time_to_first_token_ms": _ms(row["ttft_s"]),
            "generation_time_ms": _ms(row["decode_s"]),
        },
        "error": row["error"],
        "metadata": {"epoch": str(row["epoch"]), "outcome": row["outcome"] or _UNKNOWN},
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
