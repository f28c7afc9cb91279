"""Several runs on one page: whose points they are, which questions are the same, what is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import distilbench
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError
from distilbench.report import read_run, read_runs, run_labels, run_warnings, write_report
from distilbench.report.run._entries import short_hardware
from distilbench.seals import sealed
from tests.made_runs import PI, SERVER, made_run, marks, one_catalog
from tests.test_report import HOSTILE

__all__ = ["one_catalog"]  # a fixture
SUMS = {"student": {"sums": marks(3, 10)}, "teacher": {"sums": marks(8, 10)}}


def together(*folders: Path) -> Any:
    return read_runs(list(zip(run_labels([str(f) for f in folders]), folders, strict=True)))


def told(data: Any) -> str:
    return "\n".join(run_warnings(data))


def test_one_model_on_two_machines_is_two_points_with_their_hardware(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", SUMS, hardware=SERVER)
    other = made_run(tmp_path / "other", {"student": SUMS["student"]}, hardware=PI, second=9.0)
    data = together(one, other)
    assert sorted(data.entries) == ["student · AMD EPYC 7B13", "student · Cortex-A76", "teacher"]
    rows = {row["entry"]: row for row in data.overall.to_dicts()}
    for entry in ("student · AMD EPYC 7B13", "student · Cortex-A76"):
        assert rows[entry]["n_questions"] == rows[entry]["n_samples"] == 10
        assert rows[entry]["accuracy"] == 0.3
    assert rows["student · Cortex-A76"]["median_s"] == pytest.approx(9.0, abs=1e-4)
    assert rows["student · AMD EPYC 7B13"]["median_s"] == pytest.approx(1.0, abs=1e-4)
    assert f"hardware or system ({SERVER} in one, {PI} in other)" in told(data)
    assert data.compared.height == 30


def test_one_model_twice_on_one_machine_is_two_points_by_run(tmp_path: Path) -> None:
    better = {"student": {"sums": marks(5, 10)}}
    data = together(
        made_run(tmp_path / "monday", SUMS), made_run(tmp_path / "tuesday", better, second=2.0)
    )
    rows = {row["entry"]: row["accuracy"] for row in data.overall.to_dicts()}
    assert rows == {"student · monday": 0.3, "student · tuesday": 0.5, "teacher": 0.8}


def test_runs_of_one_name_are_set_apart_by_their_folders(tmp_path: Path) -> None:
    assert run_labels(["/a/runs/demo", "/b/runs/demo", "s3://b/c"]) == [
        "a/runs/demo", "b/runs/demo", "c",
    ]  # fmt: skip
    data = together(made_run(tmp_path / "a" / "demo", SUMS),
                    made_run(tmp_path / "b" / "demo", SUMS, second=2.0))  # fmt: skip
    assert "student · a/demo" in data.entries
    assert data.cells["cell"].n_unique() == 4


def test_profiles_stay_in_names_beside_hardware(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"m": {"t": marks(1, 4)}})
    other = made_run(
        tmp_path / "other", {"m": {"t": marks(1, 4)}}, hardware=PI, second=3.0,
        rows=lambda row: {**row, "profile": "q"}, cell_fields={"profile": "q"},
    )  # fmt: skip
    assert sorted(together(one, other).entries) == ["m · p · AMD EPYC 7B13", "m · q · Cortex-A76"]


@pytest.mark.parametrize(
    ("one", "other", "short"),
    [
        (PI, SERVER, "Cortex-A76"),
        (PI, PI.replace("4 of 4", "2 of 4"), "4 of 4 cores"),
        (PI, PI.replace("8.0", "4.0"), "8.0 GiB"),
        (PI, PI.replace("Linux-6.6", "Linux-6.12"), ""),  # one machine with another kernel
        (PI.replace(", Linux", ", NVIDIA L4, 23034 MiB, Linux"), PI, "NVIDIA L4, 23034 MiB"),
        ("a laptop", PI, "a laptop"),
        (PI, "", ""),
    ],
)
def test_what_sets_machines_apart(one: str, other: str, short: str) -> None:
    assert short_hardware([one, other])[one] == short


def test_other_weights_under_one_name_are_told(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"m": {"t": marks(1, 4)}})
    other = made_run(
        tmp_path / "other", {"m": {"t": marks(2, 4)}}, second=3.0,
        cell_fields={"model_sha256": "another"}, hardware=PI,
    )  # fmt: skip
    data = together(one, other)
    assert all(entry.endswith(("· one", "· other")) for entry in data.entries)
    assert "m is not the same file in all runs: these are different models." in told(data)


def test_the_same_id_with_other_text_is_not_paired(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"sums": marks(3, 10)}})
    other = made_run(
        tmp_path / "other", {"b": {"sums": marks(8, 10)}},
        text=lambda task, n: f"What is {n} of {task}?" if n < 4 else f"Now another: {n}",
    )  # fmt: skip
    data = together(one, other)
    assert sorted(set(data.compared["sample_id"])) == [f"sums-{n}" for n in range(4)]
    (difference,) = data.differences.filter(pl.col("task").is_null()).to_dicts()
    assert difference["n_questions"] == 4
    # a: 3 of the first 4 are right, b: 4 of them.
    assert {difference["accuracy_a"], difference["accuracy_b"]} == {0.75, 1.0}
    assert (
        "Task sums: 6 questions of other bear the id of another question of one (other text,"
        " reference or choices): they are not compared." in told(data)
    )
    assert data.recommendation.best.accuracy == 1.0  # b, on the four


def test_the_same_question_with_other_choices_is_not_paired(tmp_path: Path) -> None:
    """By likelihood the choices do not stand in the text: another distractor is another question,
    although text and letter are the same."""
    runs = [made_run(tmp_path / name, {name: {"t": marks(2, 4)}}) for name in ("a", "b")]
    for run, distractor in zip(runs, ("the moon", "a tree"), strict=True):
        (file,) = (run / "questions").iterdir()
        asked = json.loads(file.read_bytes())
        asked.pop("sha256")
        for question in asked["questions"][1:]:
            question["choices"] = ["water", distractor]
        file.write_bytes(sealed(json.dumps(asked)))
    data = together(*runs)
    assert set(data.compared["sample_id"]) == {"t-0"}
    assert "3 questions of b bear the id of another question of a (other text, ref" in told(data)


def test_all_other_questions_are_not_comparable(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"sums": marks(3, 10)}})
    other = made_run(tmp_path / "other", {"b": {"sums": marks(8, 10)}}, text=lambda *_: "Else?")
    data = together(one, other)
    assert not data.comparable
    assert data.differences.is_empty()


def test_questions_are_known_again_under_other_ids(tmp_path: Path) -> None:
    """A row was put before the others, so all ids have moved by one."""
    one = made_run(tmp_path / "one", {"a": {"sums": marks(3, 10)}})
    other = made_run(
        tmp_path / "other", {"b": {"sums": [False, *marks(3, 10)]}},
        text=lambda task, n: f"What is {n - 1} of {task}?" if n else "A new one",
    )  # fmt: skip
    data = together(one, other)
    (difference,) = data.differences.filter(pl.col("task").is_null()).to_dicts()
    assert difference["n_questions"] == 10
    assert difference["difference"] == 0  # by id it would be paired with its neighbour
    assert "Task sums: 10 questions of other have another id in one" in told(data)


def test_questions_alike_within_a_run_are_paired_one_by_one(tmp_path: Path) -> None:
    pair = [made_run(tmp_path / name, {name: {"t": marks(2, 6)}}, text=lambda *_: "Same?")
            for name in ("a", "b")]  # fmt: skip
    other = made_run(
        tmp_path / "c", {"c": {"t": marks(2, 6)}}, text=lambda *_: "Same?",
        id_of=lambda task, n: f"{task}/{n}",
    )  # fmt: skip
    assert together(*pair, other).compared.height == 18


def test_another_reference_is_another_question_also_without_texts(tmp_path: Path) -> None:
    """As of imported results, whose texts no run keeps."""
    bare = {"facts": {"plan": []}}
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}}, **bare)
    other = made_run(
        tmp_path / "other", {"b": {"t": marks(2, 4)}}, **bare,
        rows=lambda row: {**row, "target": "5" if row["sample_id"] == "t-0" else "4"},
    )  # fmt: skip
    data = together(one, other)
    assert sorted(set(data.compared["sample_id"])) == ["t-1", "t-2", "t-3"]
    assert "the text of 3 questions is not on record in other or in one" in told(data)


def test_another_seed_of_the_same_questions_is_compared_and_told(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}}, seed=0)
    other = made_run(tmp_path / "other", {"b": {"t": marks(3, 4)}}, seed=7)
    data = together(one, other)
    assert data.compared.height == 8
    assert "Task t: seed 7 of other is compared with seed 0 of one" in told(data)
    assert "Not the same in all runs: seeds (0 in one, 7 in other)." in told(data)


def test_other_worked_examples_are_told(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}}, examples=["1 + 3?"])
    other = made_run(tmp_path / "other", {"b": {"t": marks(3, 4)}}, examples=["2 + 2?"])
    data = together(one, other)
    assert data.compared.height == 8
    assert run_warnings(data) == (
        "Task t: the worked examples before its questions are others in other than in one.",
    )


def test_another_seed_of_other_questions_is_not_compared(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}}, seed=0)
    other = made_run(
        tmp_path / "other", {"b": {"t": marks(3, 4)}}, seed=7, text=lambda t, n: f"Other {n}"
    )
    assert not together(one, other).comparable


def test_what_differs_is_told(tmp_path: Path) -> None:
    wheel = {"engine_build": "CPU: AVX2", "engine_package": "xllamacpp 1 (manylinux)"}
    one = made_run(tmp_path / "one", {"m": {"t": marks(2, 4)}}, cell_fields=wheel)
    other = made_run(
        tmp_path / "other", {"m": {"t": marks(3, 4)}}, second=3.0,
        task_fields={"extract": "boxed", "fewshot": 4},
        cell_fields={"temperature": 0.6, "memory_limit_bytes": 2**30, "epochs": 2,
                     "engine_build": "CPU: AVX2, AVX512", "engine_package": "xllamacpp 1 (linux)"},
        facts={"versions": {"distilbench": "0.2.0"}},
    )  # fmt: skip
    said = told(together(one, other))
    for words in (
        "version of distilbench (0.1.0 in one, 0.2.0 in other)",
        "temperature of m (0.0 in one, 0.6 in other)",
        "what the engine was compiled for of m (CPU: AVX2 in one, CPU: AVX2, AVX512 in other)",
        "package of the engine of m (xllamacpp 1 (manylinux) in one, xllamacpp 1 (linux) in other)",
        "memory limit in bytes of p (none in one, 1073741824 in other)",
        "epochs of t (1 in one, 2 in other)",
        "setting 'extract' of task t (whole in one, boxed in other)",
        "setting 'fewshot' of task t (none in one, 4 in other)",
    ):
        assert words in said
    assert "setting 'name'" not in said
    assert "slots" not in said  # the same


def test_runs_that_set_all_alike_say_nothing(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}})
    data = together(one, made_run(tmp_path / "other", {"b": {"t": marks(3, 4)}}, second=3.0))
    assert run_warnings(data) == ()


def test_a_copy_of_a_measurement_is_taken_once(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}})
    shutil.copytree(one, tmp_path / "copy")
    more = {"a": {"t": marks(2, 4), "u": marks(1, 4)}}
    merged = made_run(tmp_path / "merged", more)  # the same seconds on t, and u beside it
    data = together(one, tmp_path / "copy", merged)
    assert data.entries == ["a"]
    assert data.samples.height == 8
    assert told(data).count("it is taken once") >= 2
    assert "not finished" not in told(data)


def test_an_unfinished_run_is_told_by_its_name(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}})
    other = made_run(
        tmp_path / "other", {"b": {"t": marks(1, 2)}}, cell_fields={"wall_s": None},
    )  # fmt: skip
    said = told(together(one, other))
    assert "The run other is not finished: 0 of 1 cells are." in said
    assert "compared on the 2 questions that all of them answered, of 4 in the run" in said


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda table: table.head(3), "holds 3 of 4 answers of a--t"),
        (lambda table: pl.concat([table, table.head(1)]), "holds an answer twice"),
    ],
)
def test_a_table_that_is_not_its_cells_is_refused(damage: Any, said: str, tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}})
    other = made_run(tmp_path / "other", {"b": {"t": marks(2, 4)}})
    damage(pl.read_parquet(one / "samples.parquet")).write_parquet(one / "samples.parquet")
    with pytest.raises(InputError, match=said):
        together(one, other)


def test_what_is_no_number_is_not_available(tmp_path: Path) -> None:
    """Other programs write NaN for what is not known; shown, it would be in every mean."""
    nan = {"flops": float("nan"), "energy_j": float("nan")}
    run = made_run(
        tmp_path / "run", {m: {"t": marks(of, 8)} for m, of in (("a", 3), ("b", 5))},
        rows=lambda row: row | (nan if row["sample_id"] != "t-0" else {"flops": 5e9}),
    )  # fmt: skip
    data = read_run(run)
    assert data.overall["flops"].to_list() == [5e9, 5e9]
    assert data.overall["flops_unknown"].to_list() == [7, 7]
    assert data.samples["energy_j"].null_count() == 16
    assert "nan" not in write_report(run).with_name("report.md").read_text()


def test_a_damaged_file_of_questions_is_named(tmp_path: Path) -> None:
    one = made_run(tmp_path / "one", {"a": {"t": marks(2, 4)}})
    other = made_run(tmp_path / "other", {"b": {"t": marks(2, 4)}})
    (file,) = (other / "questions").iterdir()
    file.write_bytes(file.read_bytes().replace(b"What", b"When"))
    with pytest.raises(InputError, match=r"other/questions/t--0--00000000\.json: is damaged"):
        together(one, other)


def test_a_distilled_model_is_set_beside_the_vanilla_one_of_its_own_run(tmp_path: Path) -> None:
    def run(name: str, hardware: str, second: float) -> Path:
        folder = made_run(tmp_path / name, SUMS, hardware=hardware, second=second)
        role = pl.when(pl.col("model") == "student").then(pl.lit("distilled"))
        cells = pl.read_parquet(folder / "cells.parquet")
        cells.with_columns(role=role.otherwise(pl.lit("vanilla"))).write_parquet(
            folder / "cells.parquet"
        )
        return folder

    data = together(run("here", SERVER, 1.0), run("there", PI, 9.0))
    pairs = {(p.distilled.entry, p.counterpart.entry): p.running["seconds"] for p in data.pairs}
    assert set(pairs) == {
        ("student · AMD EPYC 7B13", "teacher · AMD EPYC 7B13"),
        ("student · Cortex-A76", "teacher · Cortex-A76"),
    }
    assert all(ratio == pytest.approx(1.0) for ratio in pairs.values())


# The commands


def bare(folder: Path, right: Any, **more: Any) -> str:
    """A run that the commands take: its plan is not looked at."""
    return str(made_run(folder, right, facts={"plan": []}, **more))


def test_report_of_several_runs(tmp_path: Path) -> None:
    one = bare(tmp_path / "one", SUMS)
    other = bare(tmp_path / "other", SUMS, hardware=PI, second=2.0)
    out = tmp_path / "page"
    assert distilbench.report_runs([one, other], out) == out / "index.html"
    html, markdown = (out / "index.html").read_text(), (out / "report.md").read_text()
    assert "student · Cortex-A76" in html
    assert "distilbench: one, other" in html
    assert "Suite of other" in markdown
    table = pl.read_parquet(out / "samples.parquet")
    assert table.height == 40
    assert set(table["run"]) == {"one", "other"}
    assert not (Path(one) / "report").exists()  # the runs are only read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one", "one"], "one: is given twice"),
        (["one", "./one/"], "one: is given twice"),
        (["one", "nowhere"], "nowhere: is no run directory"),
        (["one", "other", "--out", "one"], "one: is a run directory"),
        (["one", "other", "--out", "s3://bucket/page"], "is a URL"),
        (["one", "--out", ""], "has no name"),
    ],
)
def test_report_refuses(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    bare(tmp_path / "one", SUMS)
    bare(tmp_path / "other", SUMS, second=2.0)
    assert run_command(app, ["report", *words]) == 2
    assert said in capsys.readouterr().err


def test_recommend_takes_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = bare(tmp_path / "one", {"student": SUMS["student"]})
    other = bare(tmp_path / "other", {"teacher": SUMS["teacher"]}, hardware=PI, second=9.0)
    assert run_command(app, ["recommend", one, other, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["entry"] for c in found["candidates"]] == ["teacher", "student"]
    assert any("hardware" in warning for warning in found["warnings"])
    assert run_command(app, ["recommend", one, other, "--max-latency-s", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["entry"] for c in found["candidates"]] == ["student"]


def test_hostile_names_stay_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        bare(
            tmp_path / name, {HOSTILE: {"t": marks(1, 4)}}, second=second,
            hardware=HOSTILE + name, cell_fields={"engine": HOSTILE + name},
        )
        for name, second in (("one", 1.0), ("other", 2.0))
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run_command(app, ["report", *runs]) == 0
    html = Path("runs-report/index.html").read_text()  # where it is without --out
    assert "<img" not in html.split("<script>")[0]
    assert "&lt;img src=x" in html
