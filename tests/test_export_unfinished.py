"""What is exported of a run that was stopped: finished cells, and of others the reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from distilbench.errors import InputError
from distilbench.interchange import export_run
from distilbench.runner import load_cells, run_suite
from distilbench.runner._store import cell_folder
from tests.loopback_server import serving


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tasks; of the second the answers are in the log, and the cell was not finished."""
    monkeypatch.setenv("FAULTY_API_KEY", "x")
    monkeypatch.chdir(tmp_path)
    for task in ("done", "cut"):
        rows = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in (20, 30)]
        (tmp_path / f"{task}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tasks = [{"file": f"{task}.jsonl", "name": task} for task in ("done", "cut")]
    with serving() as server:
        models = [{"source": "inspect:openai-api/faulty/m", "base_url": server.url}]
        result = run_suite({"name": "s", "models": models, "tasks": tasks}, tmp_path / "runs")
    assert result.complete
    (cut,) = (cell for cell in load_cells(result.run_dir) if cell.task.name == "cut")
    (cell_folder(result.run_dir, cut) / "cell.json").unlink()
    return result.run_dir


def test_an_unfinished_cell_has_no_accuracy_and_says_why(run: Path, tmp_path: Path) -> None:
    _, results = export_run(run, "csv", tmp_path / "csv")
    rows = {row["task"]: row for row in csv.DictReader(results.open())}
    assert rows["done"]["missing"] == ""
    assert float(rows["done"]["accuracy"]) == 1.0
    assert (rows["cut"]["accuracy"], rows["cut"]["missing"]) == (
        "",
        "not finished: 2 answers so far",
    )
    for form, named in (("model-index", "done"), ("every-eval-ever", "done")):
        files = export_run(run, form, tmp_path / form)
        text = "".join(file.read_text() for file in files)
        assert named in text
        assert "cut" not in text
    files = export_run(run, "lm-eval", tmp_path / "lm")
    results = json.loads(next(f for f in files if f.name.startswith("results_")).read_text())
    assert results["results"]["cut"] == {"alias": "cut"}
    assert not any("samples_cut" in file.name for file in files)


def test_a_run_of_unfinished_cells_alone_has_nothing_to_say(run: Path, tmp_path: Path) -> None:
    for cell in load_cells(run):
        (cell_folder(run, cell) / "cell.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match="no finished cell holds an answer"):
        export_run(run, "model-index", tmp_path / "out")
