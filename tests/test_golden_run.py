"""One run, worked by hand: a model that does not fit, two profiles, an imported model.

Ten questions. Answered right: small the first 6 under both profiles, large the first 7 on the phone
and 8 on the laptop, imported the first 9; huge answers none, it is out of memory everywhere.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from distilbench.catalog import load_catalog
from distilbench.cli import app
from distilbench.cli._run import _rows
from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.interchange import export_run
from distilbench.records import SampleRecord, frame
from distilbench.report import RunData, read_run, write_report
from distilbench.report.run._answers import answers
from distilbench.runner import collect, imported_folder, load_cells, opened_run
from distilbench.stats import Requirements, accuracy_of_answers, costs, recommend

MIB = 2**20
LIMITS = {"phone": 300, "laptop": 900}
# model, profile: right answers, FLOPs of a question, seconds of the nth question, peak MiB
OWN: dict[tuple[str, str], tuple[int, float, list[float], int]] = {
    ("small", "phone"): (6, 1e9, [float(n) for n in range(1, 11)], 250),
    ("small", "laptop"): (6, 1e9, [0.4 * n for n in range(1, 11)], 260),
    ("large", "phone"): (7, 2e9, [20.0] * 10, 290),
    ("large", "laptop"): (8, 2e9, [4.0] * 10, 600),
}


def add_cell(
    run: Path, model: str, profile: str, samples: list[dict[str, Any]], **facts: Any
) -> None:
    task = facts.pop("task", "sums")
    name = f"{model}--{task}--{profile}--0"
    identity = {"run": "run", "cell": name, "origin": "distilbench", "model": model, "task": task,
                "profile": profile, "seed": 0}  # fmt: skip
    identity.update({k: facts.pop(k) for k in ("origin",) if k in facts})
    rows = [
        {"sample_id": f"q{n}", "cluster": f"q{n}", "epoch": 1, "answer": "4", "target": "4",
         **identity, **sample}
        for n, sample in enumerate(samples)
    ]  # fmt: skip
    folder = imported_folder(run) / name
    folder.mkdir(parents=True)
    frame(rows, SampleRecord).write_parquet(folder / "samples.parquet")
    cell = {**identity, "config_hash": "0" * 64, "samples": len(rows), "wall_s": 60.0, **facts}
    (folder / "cell.json").write_text(json.dumps(cell))


def own(right: int, flops: float, seconds: list[float]) -> list[dict[str, Any]]:
    return [
        {"score": float(n < right), "outcome": "stop", "input_tokens": 20, "output_tokens": 4,
         "flops": flops, "total_s": seconds[n], "ttft_s": 0.1, "decode_s": 0.3}
        for n in range(10)
    ]  # fmt: skip


def died(outcome: str = "out_of_memory", count: int = 10) -> list[dict[str, Any]]:
    """As the engine leaves it: the seconds are those of dying."""
    return [
        {"score": 0.0, "outcome": outcome, "answer": None, "total_s": 0.01, "error": "did not fit"}
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("golden") / "run"
    with opened_run(run):
        for (model, profile), (right, flops, seconds, peak) in OWN.items():
            memory = {"peak_memory_bytes": peak * MIB, "memory_limit_bytes": LIMITS[profile] * MIB}
            add_cell(run, model, profile, own(right, flops, seconds), engine="llama.cpp", **memory)
        for profile, limit in LIMITS.items():
            add_cell(run, "huge", profile, died(), engine="llama.cpp",
                     memory_limit_bytes=limit * MIB)  # fmt: skip
        told = [{"score": float(n < 9)} for n in range(10)]
        add_cell(run, "hosted", "lm-eval", told, origin="lm-eval 0.4.9")
        collect(run, load_cells(run))
    write_report(run)
    return run


def lines(run: Path) -> list[str]:
    return (run / "report" / "report.md").read_text().splitlines()


def table(run: Path, caption: str) -> dict[str, list[str]]:
    """Cells of a Markdown table, by the first."""
    text = lines(run)
    start = next(i for i, line in enumerate(text) if caption in line and not line.startswith("|"))
    first = next(i for i in range(start, len(text)) if text[i].startswith("|"))
    rows = {}
    for line in text[first + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip().strip("_*") for cell in line.strip("| ").split("|")]
        rows[cells[0]] = cells[1:]
    return rows


def test_the_headline_compares_models_in_their_best_configuration(run: Path) -> None:
    lede = lines(run)[4]
    assert lede.startswith(
        "Each model in the best of its configurations: hosted answers 90.0% of the questions right"
        " (95% interval 59.6% to 98.2%, mean over 1 task); large · laptop 80.0%. On the same 10"
        " questions the difference is +10.0 percentage points (95% interval -23.7 to +43.7), which"
        " may be chance."
    )
    assert "huge · phone answered nothing (out of memory at 300 MiB)" in lede
    assert "huge · laptop answered nothing (out of memory at 900 MiB)" in lede
    assert "not comparable" not in lede


def test_each_is_on_the_frontiers_that_it_is_on(run: Path) -> None:
    rows = table(run, "Quality, best first")
    assert {entry: row[3] for entry, row in rows.items()} == {
        "hosted": "not available",
        "large · laptop": "FLOPs, seconds, memory",
        "large · phone": "memory",
        "small · phone": "FLOPs, memory",
        "small · laptop": "FLOPs, seconds",
        "huge · laptop": "no answer",
        "huge · phone": "no answer",
    }
    assert rows["huge · phone"][:3] == ["out of memory at 300 MiB", "not available", "10"]
    assert [row[0] for row in rows.values()][:5] == ["90.0%", "80.0%", "70.0%", "60.0%", "60.0%"]


def test_no_figure_of_the_report_holds_the_seconds_of_dying(run: Path) -> None:
    rows = table(run, "Running cost")
    # FLOPs, mean, median and p95 seconds; p95 of 1..10 lies 0.55 of the way from 9 to 10
    assert rows["small · phone"][:4] == ["1G", "5.50", "5.50", "9.55"]
    assert rows["small · laptop"][:4] == ["1G", "2.20", "2.20", "3.82"]
    for entry in ("huge · phone", "huge · laptop"):
        assert set(rows[entry]) == {"not available"}, entry
    html = (run / "report" / "index.html").read_text()
    for figure in ("accuracy-flops", "accuracy-latency", "accuracy-memory", "accuracy-by-task"):
        start = html.index(">", html.index(f'id="spec-{figure}"')) + 1
        points = html[start : html.index("</script>", start)]
        assert "small" in points
        assert '"huge' not in points
    assert "huge · phone" not in table(run, "Per correct answer")
    by_task = [line for line in lines(run) if line.startswith("| sums | huge")]
    assert all("out of memory at" in line and "%" not in line for line in by_task)
    assert len(by_task) == 2


def ask(run: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    runner = CliRunner()
    said = runner.invoke(app, ["recommend", str(run), *options])
    result = runner.invoke(app, ["recommend", str(run), *options, "--json"])
    return said.exit_code, json.loads(result.stdout), " ".join(said.stdout.split())


def test_probabilities_of_being_best_take_identical_answers_as_one(run: Path) -> None:
    """A draw of ten questions has none of k given ones with ((10-k)/10)^10. hosted leads alone if
    question 8 is drawn, else with large · laptop if 7 is, and so on; small counts once."""
    none = [(1 - k / 10) ** 10 for k in (1, 2, 3)]
    last = none[2] / 4
    third = (none[1] - none[2]) / 3
    second = (none[0] - none[1]) / 2
    wanted = {
        "hosted": 1 - none[0] + second + third + last,
        "large · laptop": second + third + last,
        "large · phone": third + last,
        "small · phone": last,
        "small · laptop": last,
    }
    code, found, _ = ask(run)
    got = {c["entry"]: c["probability_best"] for c in found["candidates"]}
    assert code == 0
    assert list(got) == list(wanted)
    assert got == pytest.approx(wanted, abs=0.015)
    assert found["candidates"][3]["same_as"] == ["small · laptop"]
    fallen = {out["entry"]: out["reasons"] for out in found["fallen_out"]}
    assert fallen == {
        "huge · phone": ["answered nothing: out of memory at 300 MiB"],
        "huge · laptop": ["answered nothing: out of memory at 900 MiB"],
    }


def test_between_equals_the_cheaper_is_taken_and_said(run: Path) -> None:
    _, found, said = ask(run, "--max-flops", "1.5e9")
    assert [c["entry"] for c in found["candidates"]] == ["small · phone", "small · laptop"]
    assert [c["probability_best"] for c in found["candidates"]] == [None, None]
    assert "small · laptop is exactly as accurate: the cheaper was taken" in said
    assert "0.96 times the memory" in said  # 250 of 260 MiB
    assert "100%" not in said


def test_one_survivor_is_not_best_in_all_draws(run: Path) -> None:
    code, found, said = ask(run, "--memory", "300MiB", "--max-latency-s", "8")
    (only,) = found["candidates"]
    assert (code, only["entry"], only["probability_best"]) == (0, "small · laptop", None)
    assert "the only one that meets every limit" in said
    assert "draws" not in said


def test_closest_is_nearest_to_the_limit_in_its_unit(run: Path) -> None:
    """small · laptop lacks 5 MiB; small · phone is 1.55 s too slow; large · phone breaks both."""
    code, found, said = ask(run, "--memory", "255MiB", "--max-latency-s", "8")
    assert code == 1
    assert [(c["entry"], c["value"], c["missing"]) for c in found["closest"]] == [
        ("small · laptop", "260 MiB", "5 MiB more"),
        ("small · phone", "9.55 s", "1.55 s more"),
    ]
    assert "small · laptop comes closest on peak memory: 260 MiB, 5 MiB more than the limit" in said
    _, found, said = ask(run, "--min-accuracy", "0.95")
    (near,) = found["closest"]
    assert (near["entry"], near["missing"]) == ("hosted", "5.0 percentage points less")


def test_report_and_recommendation_have_the_same_figures(run: Path) -> None:
    data = read_run(run)
    by_entry = {row["entry"]: row for row in data.overall.iter_rows(named=True)}
    found = recommend(data.samples, data.cells, Requirements(), draws=100)
    for candidate in found.candidates:
        row = by_entry[candidate.entry]
        assert candidate.energy_j is row["energy_j"] is None
        for name in ("accuracy", "low", "high", "p95_s", "flops"):
            mine, theirs = getattr(candidate, name), row[name]
            assert mine == theirs or mine == pytest.approx(theirs, rel=1e-12), name
    assert [c.entry for c in found.candidates] == list(by_entry)


def test_exports_hold_only_what_was_answered(run: Path, tmp_path: Path) -> None:
    export_run(run, "model-index", tmp_path / "index")
    values = {}
    for file in (tmp_path / "index").iterdir():
        (result,) = yaml.safe_load(file.read_text())["model-index"][0]["results"]
        values[file.stem] = result["metrics"][0]["value"]
    wanted = {"small--phone": 60.0, "small--laptop": 60.0, "large--phone": 70.0,
              "large--laptop": 80.0, "hosted": 90.0}  # fmt: skip
    assert values == wanted
    export_run(run, "lm-eval", tmp_path / "lm")
    scores = {
        file.parent.name: json.loads(file.read_text())["results"]["sums"]["exact_match,none"]
        for file in (tmp_path / "lm").rglob("results_*.json")
    }
    assert {name: 100 * score for name, score in scores.items()} == pytest.approx(wanted)
    export_run(run, "every-eval-ever", tmp_path / "ever")
    assert "huge" not in "".join(p.read_text() for p in (tmp_path / "ever").rglob("*.json*"))
    export_run(run, "csv", tmp_path / "csv")
    rows = list(csv.DictReader((tmp_path / "csv" / "results.csv").read_text().splitlines()))
    huge = {r["profile"]: (r["accuracy"], r["no_answer"]) for r in rows if r["model"] == "huge"}
    assert huge == {
        "phone": ("", "out of memory at 300 MiB"),
        "laptop": ("", "out of memory at 900 MiB"),
    }
    samples = pl.read_csv(tmp_path / "csv" / "samples.csv").filter(pl.col("model") == "huge")
    assert samples.height == 20
    assert samples["score"].null_count() == samples["total_s"].null_count() == 20


def made(tmp_path: Path, *cells: tuple[str, list[dict[str, Any]], dict[str, Any]]) -> Path:
    run = tmp_path / "run"
    with opened_run(run):
        for model, samples, facts in cells:
            add_cell(run, model, "p", samples, **facts)
        collect(run, load_cells(run))
    return run


def test_zero_from_answers_is_a_score(tmp_path: Path) -> None:
    run = made(
        tmp_path, ("wrong", own(0, 1e9, [1.0] * 10), {}), ("right", own(5, 2e9, [2.0] * 10), {})
    )
    write_report(run)
    rows = table(run, "Quality, best first")
    assert rows["wrong"][0] == "0.0%"
    assert rows["wrong"][3] == "FLOPs, seconds"
    export_run(run, "model-index", tmp_path / "out")
    (result,) = yaml.safe_load((tmp_path / "out" / "wrong.yaml").read_text())["model-index"][0][
        "results"
    ]
    assert result["metrics"][0]["value"] == 0.0


def test_a_run_in_which_nothing_was_answered_is_read_but_not_exported(tmp_path: Path) -> None:
    run = made(tmp_path, ("a", died("crash"), {}), ("b", died("error"), {}))
    write_report(run)
    text = "\n".join(lines(run))
    assert "a answered nothing (crashed)" in text
    assert "not comparable" not in text
    code, _, said = ask(run)
    assert code == 1
    assert "No model answered anything." in said
    assert "answered nothing: error" in said
    for form in ("model-index", "lm-eval", "every-eval-ever"):
        with pytest.raises(InputError, match="no finished cell holds an answer"):
            export_run(run, form, tmp_path / form)
        assert not (tmp_path / form).exists()


def test_an_imported_model_with_other_questions_stops_no_comparison(
    tmp_path: Path,
) -> None:
    other = [{"score": 1.0, "sample_id": f"x{n}"} for n in range(10)]
    run = made(
        tmp_path,
        ("a", own(4, 1e9, [1.0] * 10), {}),
        ("b", own(6, 1e9, [1.0] * 10), {}),
        ("c", other, {"task": "gsm8k", "origin": "lm-eval 0.4.9"}),
    )
    write_report(run)
    lede = lines(run)[4]
    assert lede.startswith("b answers 60.0%")
    assert "a 40.0%" in lede
    assert "c is not compared: it shares no question with the others." in lede
    assert table(run, "Quality, best first")["c"][3] == "not compared"
    _, found, _ = ask(run)
    assert [c["entry"] for c in found["candidates"]] == ["b", "a"]
    assert found["fallen_out"][0]["reasons"] == ["shares no question with the others"]


def test_a_task_without_an_answer_counts_as_nothing_right_and_is_said(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        ("a", own(8, 1e9, [1.0] * 10), {}),
        ("a", died("context_overflow"), {"task": "long", "context": 512}),
    )
    write_report(run)
    lede = lines(run)[4]
    assert lede.startswith("a answers 40.0%")  # the mean of 80% and nothing
    assert "a answered nothing of long (longer than the context at 512 tokens)" in lede
    export_run(run, "model-index", tmp_path / "out")
    (index,) = yaml.safe_load((tmp_path / "out" / "a.yaml").read_text())["model-index"]
    assert [result["dataset"]["name"] for result in index["results"]] == ["sums"]


def test_seconds_are_those_of_answers_and_of_questions_that_ran_out_of_time() -> None:
    rows = [
        ("stop", 1.0),
        ("length", 3.0),
        ("timeout", 8.0),
        ("out_of_memory", 0.1),
        ("crash", 9.9),
    ]
    samples = pl.DataFrame(
        [
            {"entry": "a", "task": "t", "outcome": outcome, "total_s": seconds, "output_tokens": 2}
            for outcome, seconds in rows
        ]
    )
    (row,) = costs(samples).to_dicts()
    assert (row["total_s"], row["median_s"]) == (4.0, 3.0)
    assert row["p95_s"] == pytest.approx(7.5)  # 0.9 of the way from 3 to 8
    assert row["flops"] is None


def test_unfinished_logs_alone_are_compared_with_nothing(tmp_path: Path) -> None:
    missing = {"origin": "inspect 0.3.2", "missing": "cancelled: 3 of 4 questions answered"}
    run = made(tmp_path, ("a", [], missing), ("b", [], missing))
    write_report(run)
    text = "\n".join(lines(run))
    assert "The accuracy of a on sums is not available (cancelled: 3 of 4" in text
    for misleading in ("in common", "not comparable", "not finished", "0.0%"):
        assert misleading not in text
    said = CliRunner().invoke(app, ["recommend", str(run)])
    assert "holds no answers" in str(said.exception)


def test_a_record_of_the_run_without_a_field_is_one_sentence(run: Path, tmp_path: Path) -> None:
    for file in ("samples.parquet", "cells.parquet"):
        (tmp_path / file).write_bytes((run / file).read_bytes())
    whole = read_json(run / "run.json")
    for field in ("name", "created", "hardware", "versions", "seeds", "cells"):
        for damaged in ({k: v for k, v in whole.items() if k != field}, {**whole, field: 7}):
            (tmp_path / "run.json").write_text(json.dumps(damaged))
            with pytest.raises(InputError, match=f"field '{field}'"):
                read_run(tmp_path)


def test_the_terminal_gives_no_score_to_what_answered_nothing(run: Path) -> None:
    samples, cells = (pl.read_parquet(run / f"{name}.parquet") for name in ("samples", "cells"))
    table = accuracy_of_answers(samples, cells, ("model", "profile", "task"))
    rows = {row[:2]: row[3:] for row in _rows(table)}
    assert rows["huge", "phone"] == (10, "out of memory at 300 MiB", None)
    assert rows["small", "phone"][:2] == (10, "60.0%")
    silent = table.filter(pl.col("model") == "huge")
    figures = silent.select("accuracy", "stderr", "low", "high")
    assert figures.null_count().row(0) == (2, 2, 2, 2)


def test_the_first_answers_are_those_of_the_first_questions() -> None:
    ids = ["sums-0", "sums-1", "sums-2", "sums-10", "b7", "b10", "plain"]

    def holding(rows: list[dict[str, Any]]) -> RunData:
        return RunData({}, "", pl.DataFrame(rows), pl.DataFrame(), load_catalog())

    rows = [
        {"sample_id": i, "epoch": 1, "entry": "m", "variant": "t", "answer": "4", "target": "4",
         "score": 1.0, "outcome": "stop"}
        for i in reversed(ids)
    ]  # fmt: skip
    (folded,) = answers(holding(rows[3:])).blocks  # without the last three
    assert [row[1] for row in folded.blocks[0].rows] == ids[:3]
    (folded,) = answers(holding(rows[:4])).blocks
    assert [row[1] for row in folded.blocks[0].rows] == ["b7", "b10", "plain"]
