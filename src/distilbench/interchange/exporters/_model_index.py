"""The ``model-index`` of a Hugging Face model card, one file for each entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from distilbench.files import write_text
from distilbench.interchange._exported import Exported
from distilbench.interchange._exporter import Exporter
from distilbench.stats import accuracy
from distilbench.yaml_file import yaml_text


class ModelIndex(Exporter):
    """``<entry>.yaml``, to stand in the front matter of the model's README.md. Accuracies are in
    percent, as on model cards, those of the report: over all seeds of a task."""

    format = "model-index"
    writes = "the YAML block of a card on Hugging Face, a file for each model"

    def write(self, run: Exported, out: Path) -> list[Path]:
        files = []
        for entry, rows in run.entries():
            mine = run.samples.filter(pl.col("cell").is_in(rows["cell"].to_list()))
            origins = rows.group_by("task").agg(pl.col("origin").first())
            tasks = accuracy(mine, ("task",)).join(origins, on="task")
            index = [
                {
                    "name": rows["model"][0],
                    "results": [_result(row) for row in tasks.iter_rows(named=True)],
                }
            ]
            file = out / f"{entry}.yaml"
            write_text(file, yaml_text({"model-index": index}))
            files.append(file)
        return files


def _result(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": {"type": "text-generation", "name": "Text Generation"},
        "dataset": {
            "name": row["task"],
            "type": row["task"],
            "args": {"num_questions": row["n_questions"]},
        },
        "metrics": [
            {
                "type": "accuracy",
                "value": round(100 * row["accuracy"], 2),
                "name": f"accuracy in % ({row['origin']})",
            }
        ],
    }
