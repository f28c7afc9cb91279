"""A model that brings its card: the runner takes it along, the report shows its measured costs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from distilbench.report import write_report
from distilbench.runner import run_suite

CARD: dict[str, Any] = {
    "id": "my-student",
    "name": "my student",
    "developer": "made with distilbench",
    "family": "my-student",
    "role": "distilled",
    "stage": "instruct",
    "sources": {"measured": {"title": "distilbench on a test machine"}},
    "lineage": {
        "teacher": "my-teacher",
        "recipe": {
            "method": "sequence-level",
            "stages": [
                {
                    "name": "student_training",
                    "flops": {
                        "value": 1.25e15,
                        "source": "measured",
                        "where": "stages.parquet",
                        "kind": "measured",
                    },
                }
            ],
        },
    },
}
TEACHER = {**CARD, "id": "my-teacher", "name": "my teacher", "role": "vanilla", "lineage": {}}


@pytest.fixture
def suite(tmp_path: Path, smollm2: str) -> Path:
    (tmp_path / "lineage").mkdir()
    shutil.copyfile(smollm2, tmp_path / "student.gguf")
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD))
    (tmp_path / "lineage" / "my-teacher.yaml").write_text(yaml.safe_dump(TEACHER))
    task = {"reasoning_gym": "lcm", "questions": 2, "fewshot": 0, "max_tokens": 2}
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump({"models": ["student.gguf"], "tasks": [task]}))
    return path


@pytest.mark.model
def test_a_card_beside_the_model_reaches_the_report(suite: Path, tmp_path: Path) -> None:
    run_dir = run_suite(suite, tmp_path / "runs").run_dir
    cells = pl.read_parquet(run_dir / "cells.parquet")
    assert cells["card"].to_list() == ["my-student"]
    assert {file.name for file in (run_dir / "cards").iterdir()} == {
        "my-student.yaml",
        "my-teacher.yaml",
    }
    page = write_report(run_dir).read_text("utf-8")
    creation = page.split("<caption>Creation compute in FLOPs")[1].split("</table>")[0]
    assert "1.2" in creation
    assert "distilled" in page.split("<caption>Quality, best first")[1].split("</table>")[0]

    (run_dir / "cards" / "my-student.yaml").write_text("id: my-student\n")
    page = write_report(run_dir).read_text("utf-8")
    assert "cards beside the models are left out" in page
