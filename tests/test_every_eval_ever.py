"""Records of Every Eval Ever: its own validator takes ours, and we read everybody's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.interchange import Naming, export_run, import_results
from tests.test_interchange import lm_eval_folder, records


def record(folder: Path, scores: list[float] | None = None, **fields: Any) -> Path:
    """A record as another program's converter writes it, with questions if ``scores`` are given."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "6ee4.json"
    data: dict[str, Any] = {
        "schema_version": "0.3.0",
        "evaluation_id": "some/org_model/1",
        "retrieved_timestamp": "1",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "somebody",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "inspect_ai", "version": "0.3.1"},
        "model_info": {"name": "Model", "id": "org/model-1b"},
        "evaluation_results": [result("arc", 0.5)],
        **fields,
    }
    if scores is not None:
        rows = [
            {
                "schema_version": "0.3.0",
                "evaluation_id": "some/org_model/1",
                "model_id": "org/model-1b",
                "evaluation_name": "arc",
                "sample_id": f"s{i}",
                "interaction_type": "single_turn",
                "input": {"raw": f"Question {i}?", "reference": ["B", "b"]},
                "output": {"raw": ["It is B"]},
                "answer_attribution": [{"turn_idx": 0, "extracted_value": "B"}],
                "evaluation": {"score": score, "is_correct": score == 1},
                "token_usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
                "performance": {"latency_ms": 1500.0},
            }
            for i, score in enumerate(scores)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "6ee4_samples.jsonl").write_text(text)
        data["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": "data/some/org/model-1b/6ee4_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(text.encode()).hexdigest(),
            "total_rows": len(rows),
        }
    path.write_text(json.dumps(data))
    return path


def result(name: str, score: float, metric: str = "accuracy", **fields: Any) -> dict[str, Any]:
    return {
        "evaluation_name": name,
        "source_data": {"dataset_name": name, "source_type": "other"},
        "metric_config": {"metric_id": metric, "lower_is_better": False},
        "score_details": {"score": score},
        **fields,
    }


def test_its_own_validator_takes_the_export(tmp_path: Path) -> None:
    validate = pytest.importorskip("every_eval_ever.validator.validate")
    folders = [lm_eval_folder(tmp_path / m, m, [1, 0, 1, 0]) for m in ("small", "large")]
    import_results(folders, tmp_path / "run")
    files = export_run(tmp_path / "run", "every-eval-ever", tmp_path / "out")
    assert len(files) == 4
    assert validate.main([str(file) for file in files]) == 0  # 2 would be a warning
    broken = json.loads(files[0].read_text())
    del broken["evaluation_results"][0]["metric_config"]["lower_is_better"]
    files[0].write_text(json.dumps(broken))
    assert validate.main([str(files[0])]) == 1


def test_an_export_comes_back_as_the_same_cells(tmp_path: Path) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    folders = [lm_eval_folder(tmp_path / m, m, [1, 0, 1, 0]) for m in ("small", "large")]
    import_results(folders, run, Naming(role="distilled", profile="laptop"))
    (cell,) = (run / "imported").glob("small--gsm8k*")
    first = pl.int_range(pl.len()) == 0  # of a cell that answered nothing there is no export
    died = pl.read_parquet(cell / "samples.parquet").with_columns(
        score=pl.when(first).then(0.0).otherwise("score"),
        outcome=pl.when(first).then(pl.lit("out_of_memory")).otherwise("outcome"),
    )
    died.write_parquet(cell / "samples.parquet")
    export_run(run, "every-eval-ever", tmp_path / "out")
    import_results([tmp_path / "out"], again)
    columns = ("cell", "origin", "model", "task", "profile", "seed", "sample_id", "epoch", "score",
               "outcome", "target", "total_s")  # fmt: skip
    before, after = (
        records(path)[0].select(columns).sort("cell", "sample_id") for path in (run, again)
    )
    assert before.equals(after)
    assert after.filter(pl.col("outcome") == "out_of_memory").height == 1
    assert set(records(again)[1]["role"]) == {"distilled"}


def test_a_record_of_others_with_its_questions(tmp_path: Path) -> None:
    (name,) = import_results([record(tmp_path / "a", [1.0, 0.0])], tmp_path / "run")
    assert name == "model-1b--arc--every-eval-ever--0"
    samples, cells = records(tmp_path / "run")
    assert samples["score"].to_list() == [1.0, 0.0]
    assert samples["output_tokens"].to_list() == [3, 3]
    assert samples["total_s"].to_list() == [1.5, 1.5]
    assert samples["target"].to_list() == ["B; b", "B; b"]
    assert cells["origin"].to_list() == ["inspect_ai 0.3.1"]
    assert cells["reported_score"].to_list() == [0.5]


def test_metrics_examples_and_data_sets_are_told_apart(tmp_path: Path) -> None:
    shots = {"generation_config": {"additional_details": {"num_fewshot": "5"}}}
    loss = result("arc", 0.4, "loss")
    loss["metric_config"]["lower_is_better"] = True
    bbh = {"source_data": {"dataset_name": "BBH", "source_type": "other"}}
    entries = [
        loss, result("arc", 0.5), result("arc", 0.6, "f1"), result("arc", 0.7, **shots),
        result("navigate", 0.8, **bbh), result("navigate", 0.9),
    ]  # fmt: skip
    file = record(tmp_path / "a", evaluation_results=entries)
    import_results([file], tmp_path / "run")
    cells = records(tmp_path / "run")[1]
    assert dict(cells.select("task", "reported_score").iter_rows()) == {
        "arc": 0.5, "arc-5shot": 0.7, "BBH-navigate": 0.8, "navigate": 0.9,
    }  # fmt: skip
    with pytest.raises(InputError, match="no metric 'f2'; it has: loss, accuracy, f1"):
        import_results([file], tmp_path / "run", Naming(metric="f2"))


@pytest.mark.parametrize(("old", "new"), [('"score": 1.0', '"score": 0.0'), ("s1", "s0")])
def test_questions_that_are_not_the_records_are_refused(tmp_path: Path, old: str, new: str) -> None:
    file = record(tmp_path / "a", [1.0, 0.0])
    samples = tmp_path / "a" / "6ee4_samples.jsonl"
    samples.write_text(samples.read_text().replace(old, new))
    with pytest.raises(InputError, match="is not the file that 6ee4"):
        import_results([file], tmp_path / "run")


def test_a_mean_that_is_not_the_score_is_refused(tmp_path: Path) -> None:
    file = record(tmp_path / "a", [1.0, 0.0], evaluation_results=[result("arc", 0.9)])
    with pytest.raises(InputError, match=r"mean accuracy of 0\.5000, its result says 0\.9000"):
        import_results([file], tmp_path / "run")


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text("no JSON")
    details = {"format": "jsonl", "file_path": "../secret.jsonl"}
    file = record(tmp_path / "a", detailed_evaluation_results=details)
    import_results([file], tmp_path / "run")
    assert records(tmp_path / "run")[0].is_empty()


def test_another_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"schema_version.*'0\.2\.2' is not 0\.3"):
        import_results([record(tmp_path / "a", schema_version="0.2.2")], tmp_path / "run")
