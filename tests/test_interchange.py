"""Results of other programs into a run, and a run's results out to others."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from distilbench.errors import InputError
from distilbench.interchange import Naming, export_run, import_results
from distilbench.report import write_report
from distilbench.runner import collect, load_cells

SCRIPT = "<script>alert(1)</script>"


def lm_eval_folder(folder: Path, model: str, right: list[int], date: str = "2026-01-01") -> Path:
    """As ``lm_eval --output_path --log_samples`` writes it: a generated task with two filters, a
    group of one multiple-choice task, and a perplexity."""
    folder.mkdir(parents=True, exist_ok=True)
    strict = sum(right[:2]) / len(right)
    data = {
        "results": {
            "gsm8k": {
                "alias": "gsm8k",
                "exact_match,strict-match": strict,
                "exact_match_stderr,strict-match": 0.1,
                "exact_match,flexible-extract": sum(right) / len(right),
                "exact_match_stderr,flexible-extract": 0.2,
            },
            "letters": {"acc,none": 0.5, "acc_stderr,none": "N/A", "alias": "letters"},
            "arc": {"alias": " - arc", "acc,none": 0.5, "acc_norm,none": 1.0},
            "wikitext": {"word_perplexity,none": 31.5, "alias": "wikitext"},
        },
        "groups": {"letters": {"acc,none": 0.5}},
        "group_subtasks": {"letters": ["arc"], "gsm8k": []},
        "configs": {"gsm8k": {}, "arc": {}, "wikitext": {}},
        "config": {"model": "hf", "model_num_parameters": 268098176},
        "lm_eval_version": "0.4.9",
        "model_source": "hf",
        "model_name": f"org/{model}",
    }
    (folder / f"results_{date}.json").write_text(json.dumps(data))
    rows = [
        {
            "doc_id": i,
            "doc": {"question": f"Question {i}?", "answer": f"{i} #### {i}"},
            "target": f"{i} #### {i}",
            "resps": [[f"It is {i}"]],
            "filtered_resps": [str(i) if filtering == "flexible-extract" else "[invalid]"],
            "filter": filtering,
            "doc_hash": f"{i:064d}",
            "exact_match": float(value if filtering == "flexible-extract" or i < 2 else 0),
        }
        for filtering in ("strict-match", "flexible-extract")
        for i, value in enumerate(right)
    ]
    _lines(folder / f"samples_gsm8k_{date}.jsonl", rows)
    choice = {
        "doc_id": 0,
        "doc": {"query": SCRIPT},
        "target": "1",
        "arguments": {"gen_args_0": {"arg_1": " red"}, "gen_args_1": {"arg_1": " blue"}},
        "filtered_resps": [["-4.0", "False"], ["-1.5", "True"]],
        "filter": "none",
        "doc_hash": "a" * 64,
        "acc": 1.0,
        "acc_norm": 1.0,
    }
    _lines(folder / f"samples_arc_{date}.jsonl", [choice, {**choice, "doc_id": 1, "acc": 0.0}])
    return folder


def lighteval_folder(folder: Path) -> Path:
    results = folder / "results" / "org" / "tiny"
    details = folder / "details" / "org" / "tiny" / "2026-01-01"
    results.mkdir(parents=True)
    details.mkdir(parents=True)
    data = {
        "config_general": {"lighteval_sha": "0123456789ab", "model_name": "org/tiny"},
        "results": {
            "gsm8k|5": {"extractive_match": 0.5, "extractive_match_stderr": 0.35},
            "all": {"extractive_match": 0.5},
        },
    }
    (results / "results_2026-01-01.json").write_text(json.dumps(data))
    rows = [
        {
            "doc": {"id": str(i), "query": f"Q{i}", "choices": [f" {i}"], "gold_index": [0]},
            "metric": {"extractive_match": float(i)},
            "model_response": {
                "text": ["x"],
                "input_tokens": [1, 2, 3],
                "output_tokens": [[7] * 5],
            },
        }
        for i in range(2)
    ]
    pl.DataFrame(rows).write_parquet(details / "details_gsm8k|5_2026-01-01.parquet")
    return folder


def llama_bench_file(path: Path) -> Path:
    shared = {
        "build_commit": "abc1234",
        "model_filename": "models/tiny-q4.gguf",
        "model_size": 1000,
        "model_n_params": 2000,
        "n_threads": 2,
        "n_gpu_layers": 0,
        "cpu_info": "a processor",
        "gpu_info": "",
        "backends": "CPU",
        "n_depth": 0,
    }
    tests = [
        {**shared, "n_prompt": 512, "n_gen": 0, "avg_ts": 321.5, "stddev_ts": 1.0},
        {**shared, "n_prompt": 0, "n_gen": 128, "avg_ts": 65.25, "stddev_ts": 1.0},
    ]
    path.write_text(json.dumps(tests))
    return path


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def records(run: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.read_parquet(run / "samples.parquet"), pl.read_parquet(run / "cells.parquet")


def test_lm_eval_folders_become_cells_of_a_run_with_a_report(tmp_path: Path) -> None:
    first = lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 0])
    second = lm_eval_folder(tmp_path / "b", "large", [1, 1, 1, 0])
    run = tmp_path / "runs" / "others"
    import_results([first, second], run)
    samples, cells = records(run)
    assert set(cells["task"]) == {"gsm8k", "arc", "wikitext"}  # the group is a mean of its tasks
    assert set(cells["origin"]) == {"lm-eval 0.4.9"}
    scores = samples.filter(pl.col("task") == "gsm8k").group_by("model").agg(pl.col("score").mean())
    assert dict(scores.iter_rows()) == {"small": 0.5, "large": 0.75}
    chosen = samples.filter((pl.col("task") == "arc") & (pl.col("model") == "small"))
    assert chosen["answer"].to_list() == ["blue", "blue"]
    wikitext = cells.filter(pl.col("task") == "wikitext")
    assert wikitext["samples"].to_list() == [0, 0]
    assert wikitext["reported_score"].to_list() == [31.5, 31.5]
    unknown = ("total_s", "output_tokens", "flops", "outcome", "energy_j")
    assert all(samples[column].null_count() == samples.height for column in unknown)
    page = write_report(run).read_text()
    text = (run / "report" / "report.md").read_text()
    assert "lm-eval 0.4.9" in text
    assert "Paired differences" in text  # both answered the same questions
    assert "not available" in text
    assert SCRIPT not in page


def test_the_metric_and_its_filter_can_be_chosen(tmp_path: Path) -> None:
    folder = lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 1])
    run = tmp_path / "run"
    for metric, expected in (("exact_match", 0.75), ("exact_match,strict-match", 0.25)):
        (folder / "only").mkdir(exist_ok=True)
        data = json.loads((folder / "results_2026-01-01.json").read_text())
        data["results"] = {"gsm8k": data["results"]["gsm8k"]}
        (folder / "only" / "results_2026-01-01.json").write_text(json.dumps(data))
        samples = (folder / "samples_gsm8k_2026-01-01.jsonl").read_text()
        (folder / "only" / "samples_gsm8k_2026-01-01.jsonl").write_text(samples)
        import_results([folder / "only"], run, Naming(metric=metric), replacing=True)
        assert records(run)[0]["score"].mean() == expected
    with pytest.raises(InputError, match="no metric 'f1'; it has: exact_match,strict-match"):
        import_results([folder / "only"], run, Naming(metric="f1"))


def test_importing_again_changes_nothing_and_newer_results_replace_when_told(
    tmp_path: Path,
) -> None:
    folder = lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 0])
    run = tmp_path / "run"
    names = import_results([folder], run)
    before = records(run)
    assert import_results([folder], run) == names
    assert all(a.equals(b) for a, b in zip(before, records(run), strict=True))
    lm_eval_folder(folder, "small", [1, 1, 1, 1], date="2026-02-02")
    with pytest.raises(InputError, match=r"another result of small on gsm8k .*--replace"):
        import_results([folder], run)
    assert all(a.equals(b) for a, b in zip(before, records(run), strict=True))
    import_results([folder], run, replacing=True)
    samples, cells = records(run)
    assert cells.height == before[1].height
    assert samples.filter(pl.col("task") == "gsm8k")["score"].to_list() == [1.0] * 4
    collect(run, load_cells(run))  # what 'report' and another run of the suite do
    assert records(run)[0].equals(samples)


def test_lighteval_and_llama_bench(tmp_path: Path) -> None:
    run = tmp_path / "run"
    import_results([lighteval_folder(tmp_path / "le"), llama_bench_file(tmp_path / "b.json")], run)
    samples, cells = records(run)
    assert samples["score"].to_list() == [0.0, 1.0]
    assert samples["output_tokens"].to_list() == [5, 5]
    assert samples["target"].to_list() == ["0", "1"]
    assert set(samples["origin"]) == {"lighteval 01234567"}
    rates = cells.filter(pl.col("origin") == "llama-bench abc1234").sort("task")
    assert rates["task"].to_list() == ["pp512", "tg128"]
    assert rates["prompt_tokens_per_s"].to_list() == [321.5, None]
    assert rates["output_tokens_per_s"].to_list() == [None, 65.25]
    assert rates["bits_per_weight"].to_list() == [4.0, 4.0]
    write_report(run)
    text = (run / "report" / "report.md").read_text()
    assert "321.5" in text
    assert "Rates of llama-bench" in text


def test_llama_bench_alone_has_a_report(tmp_path: Path) -> None:
    import_results([llama_bench_file(tmp_path / "b.json")], tmp_path / "run")
    write_report(tmp_path / "run")
    assert "65.2" in (tmp_path / "run" / "report" / "report.md").read_text()
    with pytest.raises(InputError, match="holds no samples"):
        export_run(tmp_path / "run", "csv", tmp_path / "out")


def test_inspect_logs(tmp_path: Path) -> None:
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import match

    outputs = [ModelOutput.from_content("mockllm/model", text) for text in ("4", "no idea")]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=7, output_tokens=3, total_tokens=10)
    task = Task(
        name="sums",
        dataset=[Sample("2 + 2", target="4", id="a"), Sample("3 + 3", target="6", id="b")],
        scorer=match(),
    )
    model = get_model("mockllm/model", custom_outputs=outputs)
    eval(task, model, log_dir=str(tmp_path / "logs"), display="none", max_samples=1)
    run = tmp_path / "run"
    assert import_results([tmp_path / "logs"], run) == ["model--sums--inspect--0"]
    samples, cells = records(run)
    assert dict(samples.select("sample_id", "score").iter_rows()) == {"a": 1.0, "b": 0.0}
    assert cells["origin"].item().startswith("inspect 0.")
    assert cells["reported_score"].item() == 0.5
    assert set(samples["outcome"]) == {"stop"}
    assert samples["output_tokens"].to_list() == [3, 3]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", "{", "is not JSON"),
        ("x.json", "[1]", "is no result that is known"),
        ("x.txt", "hello", "is no result that is known"),
        ("x.eval", "PK not a zip", "is no Inspect log"),
        ("results_1.json", '{"results": 3, "configs": {}}', "is no JSON object"),
        ("x.json", '[{"avg_ts": "fast", "n_gen": 1}]', "'avg_ts' is no number"),
        ("x.json", '[{"avg_ts": -5, "n_gen": 1}]', "'avg_ts' is no number above 0"),
        ("x.json", '[{"avg_ts": 0, "n_gen": 1}]', "'avg_ts' is no number above 0"),
    ],
)
def test_bad_files_give_one_sentence_and_leave_nothing(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        import_results([tmp_path / name], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-32"])
def test_results_as_a_shell_writes_them(tmp_path: Path, coding: str) -> None:
    row = {"avg_ts": 20.5, "n_gen": 128, "n_prompt": 0, "model_filename": "m/tiny-q4_0.gguf"}
    (tmp_path / "x.json").write_text(json.dumps([row]), coding)
    import_results([tmp_path / "x.json"], tmp_path / "run")
    _, cells = records(tmp_path / "run")
    assert cells["output_tokens_per_s"].to_list() == [20.5]


def test_bad_lines_and_other_folders_are_refused(tmp_path: Path) -> None:
    folder = lm_eval_folder(tmp_path / "a", "small", [1, 0])
    with pytest.raises(InputError, match="is no run directory"):
        import_results([folder], tmp_path / "a")
    with (folder / "samples_gsm8k_2026-01-01.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(InputError, match="line 5"):
        import_results([folder], tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no results that are known"):
        import_results([tmp_path / "empty"], tmp_path / "run")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folders = [
        lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 0]),
        lm_eval_folder(tmp_path / "b", "large", [1, 1, 1, 0]),
    ]
    import_results(folders, tmp_path / "run")
    return tmp_path / "run"


def test_lm_eval_export_comes_back_with_the_same_accuracies(run: Path, tmp_path: Path) -> None:
    export_run(run, "lm-eval", tmp_path / "out")
    import_results([tmp_path / "out"], tmp_path / "again")
    by = ("model", "task")
    means = [
        records(r)[0].group_by(by).agg(pl.col("score").mean()).sort(by)
        for r in (run, tmp_path / "again")
    ]
    assert means[0].equals(means[1])
    assert means[0].height == 4


def test_lm_eval_makes_its_table_of_the_export(run: Path, tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    files = export_run(run, "lm-eval", tmp_path / "out")
    results = next(f for f in files if "large" in str(f) and f.name.startswith("results_"))
    table = utils.make_table(json.loads(results.read_text()))
    assert "|gsm8k" in table
    assert "0.75" in table


def test_hugging_face_reads_the_model_index(run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    files = export_run(run, "model-index", tmp_path / "out")
    assert [file.name for file in files] == ["large.yaml", "small.yaml"]
    card = ModelCard(f"---\n{files[0].read_text()}---\n# A model\n")
    found = {result.dataset_name: result.metric_value for result in card.data.eval_results or ()}
    assert found == {"arc": 50.0, "gsm8k": 75.0}
    assert yaml.safe_load(files[1].read_text())["model-index"][0]["name"] == "small"


def test_csv_holds_the_records_and_no_formulas(run: Path, tmp_path: Path) -> None:
    path = next((run / "imported").glob("small--gsm8k*")) / "samples.parquet"
    answers = pl.Series("answer", ["=cmd()", "-5", "@x", "plain"])
    pl.read_parquet(path).with_columns(answers).write_parquet(path)
    samples, results = export_run(run, "csv", tmp_path / "out")
    rows = list(csv.DictReader(samples.open()))
    mine = [r["answer"] for r in rows if r["model"] == "small" and r["task"] == "gsm8k"]
    assert mine == ["'=cmd()", "-5", "'@x", "plain"]
    accuracies = {(r["model"], r["task"]): r["accuracy"] for r in csv.DictReader(results.open())}
    assert accuracies["large", "gsm8k"] == "0.75"


def test_every_eval_ever_records_fit_its_schema(run: Path, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schemas = Path(__file__).parent / "data" / "every-eval-ever"
    whole, line = (
        json.loads((schemas / name).read_text())
        for name in ("eval.schema.json", "instance_level_eval.schema.json")
    )
    files = export_run(run, "every-eval-ever", tmp_path / "out")
    assert len(files) == 4
    for record, samples in zip(files[::2], files[1::2], strict=True):
        data = json.loads(record.read_text())
        jsonschema.validate(data, whole)
        rows = [json.loads(row) for row in samples.read_text().splitlines()]
        for row in rows:
            jsonschema.validate(row, line)
        ids = {result["evaluation_result_id"] for result in data["evaluation_results"]}
        assert {row["evaluation_result_id"] for row in rows} == ids
        assert data["detailed_evaluation_results"]["total_rows"] == len(rows)
        assert str(samples).endswith(data["detailed_evaluation_results"]["file_path"])
        assert data["eval_library"] == {"name": "lm-eval", "version": "0.4.9"}


def test_another_format_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give csv, every-eval-ever, lm-eval, model-index"):
        export_run(run, "xml", tmp_path / "out")
