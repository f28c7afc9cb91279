"""Nothing that comes in from another program is misread, lost or replaced in silence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.files import read_json
from distilbench.interchange import Naming, export_run, import_results
from distilbench.interchange._names import clean_name, model_names
from distilbench.report import write_report
from distilbench.runner import collect, load_cells
from tests.test_cli import distilbench
from tests.test_interchange import lm_eval_folder, records

# As llama-bench (2026) writes a test with its defaults.
TEST = {
    "build_commit": "5d7e02a1", "build_number": 7420, "cpu_info": "a processor", "gpu_info": "",
    "backends": "CPU", "model_filename": "/home/me/models/tiny-q4_k_m.gguf",
    "model_type": "llama 1B Q4_K - Medium", "model_size": 700_000_000, "model_n_params": 10**9,
    "n_batch": 2048, "n_ubatch": 512, "n_threads": 8, "cpu_mask": "0x0", "cpu_strict": False,
    "poll": 50, "type_k": "f16", "type_v": "f16", "n_gpu_layers": -1, "n_cpu_moe": 0,
    "split_mode": "layer", "main_gpu": 0, "no_kv_offload": False, "flash_attn": -1,
    "devices": "auto", "tensor_split": "0.00", "tensor_buft_overrides": "none",
    "load_mode": "mmap", "embeddings": False, "no_op_offload": 0, "no_host": False,
    "fit_target": 0, "fit_min_ctx": 0, "n_prompt": 0, "n_gen": 64, "n_depth": 0,
    "test_time": "2026-11-01T10:00:00Z", "avg_ns": 10**9, "stddev_ns": 10**7, "avg_ts": 64.0,
    "stddev_ts": 0.6, "samples_ns": [10**9], "samples_ts": [64.0],
}  # fmt: skip
OTHERWISE = {
    "n_batch": 256, "n_ubatch": 64, "n_threads": 4, "cpu_mask": "0xf", "cpu_strict": True,
    "poll": 0, "type_k": "q8_0", "type_v": "q4_0", "n_gpu_layers": 99, "n_cpu_moe": 12,
    "split_mode": "row", "main_gpu": 1, "no_kv_offload": True, "flash_attn": 1,
    "devices": "CUDA0/CUDA1", "tensor_split": "3.00/1.00", "tensor_buft_overrides": "exps=CPU",
    "load_mode": "mlock", "embeddings": True, "no_op_offload": 1, "no_host": True,
    "fit_target": 512, "fit_min_ctx": 8192, "n_prompt": 32, "n_gen": 65, "n_depth": 4096,
    "build_number": 7421, "use_mmap": False, "a_new_setting": 3,
}  # fmt: skip


def bench(path: Path, *tests: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{**TEST, **test} for test in tests]))
    return path


def results(folder: Path, date: str = "2026-03-03", **fields: Any) -> Path:
    """A results file of lm-evaluation-harness without samples."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "results": {"arc": {"acc,none": 0.3, "acc_stderr,none": 0.01, "alias": "arc"}},
        "configs": {"arc": {"num_fewshot": 0}},
        "config": {"model": "hf", "model_args": "pretrained=org/small,dtype=float16"},
        **fields,
    }
    path = folder / f"results_{date}.json"
    path.write_text(json.dumps(data))
    return path


def samples_file(folder: Path, task: str, rows: list[dict[str, Any]], date: str = "2026-03-03"):
    lines = [{"doc_id": i, "doc_hash": f"{i:08d}", "target": "x", **r} for i, r in enumerate(rows)]
    path = folder / f"samples_{task}_{date}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def models(run: Path) -> list[str]:
    return records(run)[1]["model"].sort().to_list()


# llama-bench


@pytest.mark.parametrize("name", OTHERWISE)
def test_every_setting_of_llama_bench_makes_a_cell_of_its_own(tmp_path: Path, name: str) -> None:
    file = bench(tmp_path / "b.json", {}, {name: OTHERWISE[name], "avg_ts": 99.0})
    assert len(import_results([file], tmp_path / "run")) == 2
    cells = records(tmp_path / "run")[1]
    rates = ("prompt_tokens_per_s", "output_tokens_per_s", "mixed_tokens_per_s")
    assert sorted(cells.select(pl.coalesce(rates)).to_series()) == [64.0, 99.0]


def test_settings_bear_the_flags_of_llama_bench_and_stand_in_the_report(tmp_path: Path) -> None:
    file = bench(tmp_path / "b.json", {"flash_attn": 1, "type_k": "q8_0", "n_ubatch": 128})
    names = import_results([file], tmp_path / "run", Naming(profile="laptop"))
    assert names == ["tiny-q4_k_m--tg64--laptop-build7420-t8-ngl-1-ub128-ctkq8_0-fa1--0"]
    write_report(tmp_path / "run")
    text = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "ub128-ctkq8" in text
    assert "0.6" in text  # its standard deviation


def test_older_and_newer_versions_agree_on_what_a_default_is(tmp_path: Path) -> None:
    older = {**TEST, "use_mmap": True, "f16_kv": True, "mul_mat_q": True, "cuda": False}
    older |= {"no_kv_offload": False, "embeddings": False}
    (tmp_path / "b.json").write_text(json.dumps([older]))
    (name,) = import_results([tmp_path / "b.json"], tmp_path / "run")
    assert name.endswith("llama-bench-build7420-t8-ngl-1--0")


def test_a_rate_of_reading_and_writing_together_is_kept(tmp_path: Path) -> None:
    import_results([bench(tmp_path / "b.json", {"n_prompt": 512})], tmp_path / "run")
    cells = records(tmp_path / "run")[1]
    assert cells["mixed_tokens_per_s"].to_list() == [64.0]
    assert cells["output_tokens_per_s"].to_list() == [None]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_llama_bench_as_csv_and_json_lines(tmp_path: Path, form: str) -> None:
    tests = [TEST, {**TEST, "flash_attn": 0, "avg_ts": 32.5}]
    as_json = import_results([bench(tmp_path / "b.json", *tests)], tmp_path / "json")
    file = tmp_path / f"b.{form}"
    if form == "jsonl":
        file.write_text("".join(json.dumps(test) + "\n" for test in tests))
    else:
        fields = [name for name in TEST if not name.startswith("samples_")]
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, fields, extrasaction="ignore", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            rows = (
                {k: int(v) if v is True or v is False else v for k, v in t.items()} for t in tests
            )
            writer.writerows(rows)
    assert import_results([tmp_path / file.name], tmp_path / "run") == as_json
    rates = records(tmp_path / "run")[1]["output_tokens_per_s"].to_list()
    assert sorted(rates) == [32.5, 64.0]


def test_llama_bench_forms_without_settings_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("| model | size | params | backend | test | t/s |\n")
    with pytest.raises(InputError, match="run llama-bench with -o json, jsonl or csv"):
        import_results([tmp_path / "b.md"], tmp_path / "run")


def test_the_same_test_twice_is_refused_and_not_halved(tmp_path: Path) -> None:
    file = bench(tmp_path / "b.json", {}, {"avg_ts": 70.0, "test_time": "2026-11-02T10:00:00Z"})
    with pytest.raises(InputError, match="another result of tiny-q4_k_m on tg64"):
        import_results([file], tmp_path / "run")


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("EleutherAI/pythia-160m", "pythia-160m"),
        ("models/7B/ggml-model-q4_0.gguf", "7B-ggml-model-q4_0"),
        ("/data/gemma-3/model.gguf", "gemma-3-model"),
        (r"C:\models\phi\model-Q8_0.gguf", "phi-model-Q8_0"),
        ("/m/Qwen3-30B/Q4_K_M/Qwen3-30B-Q4_K_M-00001-of-00002.gguf", "Qwen3-30B-Q4_K_M"),
        ("/m/Qwen3-30B/Q4_K_M/model-00001-of-00002.gguf", "Qwen3-30B-model"),
        ("/runs/kd/checkpoint-500", "kd-checkpoint-500"),
        ("/runs/kd/final/", "kd-final"),
        ("./out/sft/merged", "sft-merged"),
        (f"/c/models--org--tiny/snapshots/{'0a' * 20}", "tiny"),
        (f"/c/models--org--tiny/snapshots/{'0a' * 20}/model-f16.gguf", "tiny-model-f16"),
        ("ollama/qwen2.5:0.5b", "qwen2.5-0.5b"),
        ("智谱/模型一", "模型一"),
        ("हिन्दी", "हिन्दी"),
        ("///", "unnamed"),
    ],
)
def test_a_model_is_named_by_what_tells_it(text: str, name: str) -> None:
    assert model_names(text)[0] == name


def test_long_names_differ_where_their_ends_do() -> None:
    names = {clean_name("a" * 100 + end) for end in "xy"} | {clean_name("模" * 50 + "型")}
    assert len(names) == 3
    assert all(len(name.encode()) <= 80 for name in names)


def test_a_blob_without_a_name_is_called_what_it_holds(tmp_path: Path) -> None:
    blob = f"/usr/share/ollama/.ollama/models/blobs/sha256-{'ab' * 32}"
    import_results([bench(tmp_path / "b.json", {"model_filename": blob})], tmp_path / "run")
    assert models(tmp_path / "run") == ["llama-1B-Q4_K---Medium"]


@pytest.mark.parametrize("calls", [1, 2])
def test_organisations_are_kept_apart_in_one_call_and_over_two(tmp_path: Path, calls: int) -> None:
    files = [
        results(tmp_path / org, config={"model_args": f"pretrained={org}/math"})
        for org in ("org1", "org2")
    ]
    for given in [files] if calls == 1 else [[file] for file in files]:
        import_results(given, tmp_path / "run")
    assert models(tmp_path / "run") == ["math", "org2-math"]
    import_results(files[::-1], tmp_path / "run")  # each keeps the name that it has
    assert models(tmp_path / "run") == ["math", "org2-math"]


def test_names_in_other_scripts_and_cleaned_ones_are_kept_apart(tmp_path: Path) -> None:
    for name in ("模型一", "模型二", "модель", "a b/x"):
        file = results(tmp_path / clean_name(name), config={"model_args": {"pretrained": name}})
        import_results([file], tmp_path / "run")
    file = results(tmp_path / "last", config={"model_args": {"pretrained": "a-b/x"}})
    import_results([file], tmp_path / "run")
    file = results(tmp_path / "last", config={"model_args": {"pretrained": "a:b/x"}})
    with pytest.raises(InputError, match=r"would both be 'a-b-x' .*--model"):
        import_results([file], tmp_path / "run")
    assert models(tmp_path / "run") == sorted(["a-b-x", "x", "модель", "模型一", "模型二"])


@pytest.mark.parametrize(
    ("args", "name"),
    [
        ("pretrained=org/base,peft=org/adapter-a", "adapter-a"),
        ({"pretrained": "org/base", "dtype": "auto"}, "base"),
        (
            "dtype=float16,pretrained=/data/runs/kd/checkpoint-200,device_map=auto",
            "kd-checkpoint-200",
        ),
        ("pretrained=org/tiny-GGUF,gguf_file=tiny-Q4_K_M.gguf", "tiny-Q4_K_M"),
        ("pretrained=EleutherAI/pythia-1b,revision=step3000", "pythia-1b-step3000"),
        ("pretrained=org/small,load_in_4bit=True", "small-4bit"),
        ("model=gpt-4o,base_url=http://localhost:1/v1,num_concurrent=4", "gpt-4o"),
        ("", "hf"),
    ],
)
def test_models_of_lm_eval_are_named_by_their_arguments(
    tmp_path: Path, args: Any, name: str
) -> None:
    file = results(tmp_path / "a", config={"model": "hf", "model_args": args})
    import_results([file], tmp_path / "run")
    assert models(tmp_path / "run") == [name]


def test_numbers_of_examples_are_kept_apart(tmp_path: Path) -> None:
    for shots in (0, 5):
        file = results(tmp_path / str(shots), **{"n-shot": {"arc": shots}})
        import_results([file], tmp_path / "run")
    assert records(tmp_path / "run")[1]["task"].sort().to_list() == ["arc-0shot", "arc-5shot"]


def test_other_settings_with_the_same_name_are_refused_over_two_calls(tmp_path: Path) -> None:
    import_results([results(tmp_path / "a")], tmp_path / "run")
    scores = {"arc": {"acc,none": 0.7}}
    other = results(tmp_path / "b", results=scores, config={"model_args": "pretrained=org/small"})
    with pytest.raises(InputError, match="--profile"):
        import_results([other], tmp_path / "run")
    import_results([other], tmp_path / "run", Naming(profile="chat"))
    assert records(tmp_path / "run")[1]["reported_score"].sort().to_list() == [0.3, 0.7]
    with pytest.raises(InputError, match="--replace"):  # both in one call
        import_results([tmp_path / "a", tmp_path / "b"], tmp_path / "other")
    assert not (tmp_path / "other" / "imported").exists()


# lm-evaluation-harness and lighteval


def test_a_score_of_which_less_is_better_is_no_accuracy(tmp_path: Path) -> None:
    scores = {
        "arc": {"brier_score,none": 0.2, "acc,none": 0.5},
        "wiki": {"bits_per_byte,none": 0.8},
    }
    rising = {"arc": {"brier_score": False, "acc": True}}
    results(tmp_path, results=scores, higher_is_better=rising)
    samples_file(tmp_path, "arc", [{"brier_score": 0.2, "acc": a} for a in (0.0, 1.0)])
    samples_file(tmp_path, "wiki", [{"bits_per_byte": 0.8}])
    import_results([tmp_path], tmp_path / "run")
    samples, cells = records(tmp_path / "run")
    assert samples["score"].to_list() == [0.0, 1.0]
    metrics = dict(cells.select("task", "reported_metric").iter_rows())
    assert metrics == {"arc-0shot": "acc,none", "wiki": "bits_per_byte,none"}
    del scores["wiki"]
    results(tmp_path, results=scores, higher_is_better=rising)
    import_results([tmp_path], tmp_path / "brier", Naming(metric="brier_score"))
    samples, cells = records(tmp_path / "brier")
    assert samples.is_empty()
    assert cells["reported_score"].to_list() == [0.2]


def test_samples_that_are_not_those_of_the_score_are_refused(tmp_path: Path) -> None:
    results(tmp_path, results={"arc": {"acc,none": 0.75}})
    samples_file(tmp_path, "arc", [{"acc": 1.0}, {"acc": 0.0}])
    with pytest.raises(InputError, match=r"mean acc of 0\.5000, its result says 0\.7500"):
        import_results([tmp_path], tmp_path / "run")


def test_samples_appended_twice_are_refused(tmp_path: Path) -> None:
    results(tmp_path, results={"arc": {"acc,none": 0.5}})
    file = samples_file(tmp_path, "arc", [{"acc": 1.0}, {"acc": 0.0}])
    file.write_text(file.read_text() * 2)
    with pytest.raises(InputError, match="hold document 0 twice"):
        import_results([tmp_path], tmp_path / "run")


def test_fewer_samples_than_were_asked_have_no_accuracy(tmp_path: Path) -> None:
    asked = {"n-samples": {"arc": {"original": 100, "effective": 3}}}
    results(tmp_path, results={"arc": {"acc,none": 0.5}}, **asked)
    samples_file(tmp_path, "arc", [{"acc": 1.0}, {"acc": 0.0}])
    import_results([tmp_path], tmp_path / "run")
    samples, cells = records(tmp_path / "run")
    assert samples.is_empty()
    assert cells["missing"].to_list() == ["2 of 3 questions answered"]
    assert cells["all_questions"].to_list() == [100]


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_score_that_is_missing_is_told_and_no_mean_of_the_others(
    tmp_path: Path, nothing: float | None
) -> None:
    results(tmp_path, results={"arc": {"acc,none": 1.0}})
    samples_file(tmp_path, "arc", [{"acc": 1.0}, {"acc": nothing}])
    import_results([tmp_path], tmp_path / "run")
    samples, cells = records(tmp_path / "run")
    assert samples.is_empty()
    assert cells["missing"].to_list() == ["1 of 2 answers have a score"]


def test_what_lm_eval_only_predicted_has_no_score(tmp_path: Path) -> None:
    """With --predict_only its one metric is bypass, whose value is 999."""
    results(tmp_path, results={"arc": {"bypass,none": 999, "bypass_stderr,none": "N/A"}})
    samples_file(tmp_path, "arc", [{"bypass": 999}])
    import_results([tmp_path], tmp_path / "run")
    _, cells = records(tmp_path / "run")
    assert cells["missing"].to_list() == ["its answers have no score"]
    assert cells["reported_score"].to_list() == [None]


def test_lists_of_scores_are_no_grades(tmp_path: Path) -> None:
    scores = {"ifeval": {"inst_level_strict_acc,none": 0.5, "prompt_level_strict_acc,none": 0.0}}
    results(tmp_path, results=scores)
    row = {"prompt_level_strict_acc": False, "inst_level_strict_acc": [True, False]}
    samples_file(tmp_path, "ifeval", [row])
    import_results([tmp_path], tmp_path / "run")
    assert records(tmp_path / "run")[0]["score"].to_list() == [0.0]
    import_results([tmp_path], tmp_path / "by", Naming(metric="inst_level_strict_acc"))
    samples, cells = records(tmp_path / "by")
    assert samples.is_empty()
    assert cells["reported_score"].to_list() == [0.5]


def test_the_layout_of_lm_eval_before_version_0_4_3(tmp_path: Path) -> None:
    path = results(tmp_path)
    path.rename(tmp_path / "results.json")
    rows = [{"doc_id": i, "doc": {"q": f"q{i}"}, "acc": float(i < 3)} for i in range(10)]
    name = "pretrained__org__small,dtype__float16_arc.jsonl"
    (tmp_path / name).write_text(json.dumps(rows, indent=2))
    import_results([tmp_path / "results.json"], tmp_path / "run")
    assert records(tmp_path / "run")[0]["score"].mean() == pytest.approx(0.3)


def test_suites_examples_and_models_of_lighteval_are_kept_apart(tmp_path: Path) -> None:
    keys = ("lighteval|gsm8k|5|0", "leaderboard|gsm8k|5|0", "leaderboard|gsm8k|0|0", "gsm8k|5")
    for model in ("org1/tiny", "org2/tiny"):
        folder = tmp_path / "out" / "results" / model
        folder.mkdir(parents=True)
        data = {
            "config_general": {"model_config": {"model_name": model}},
            "results": {key: {"em": 0.0} for key in keys},
        }
        (folder / "results_2026-01-01.json").write_text(json.dumps(data))
    details = tmp_path / "out" / "details" / "org1" / "tiny" / "2026-01-01"
    details.mkdir(parents=True)
    frame = pl.DataFrame([{"doc": {"id": "0"}, "metric": {"em": 0.0}}])
    frame.write_parquet(details / "details_gsm8k|5_2026-01-01.parquet")
    import_results([tmp_path / "out"], tmp_path / "run")
    samples, cells = records(tmp_path / "run")
    assert cells.height == 8
    assert set(cells["task"]) == {
        "lighteval-gsm8k-5shot", "leaderboard-gsm8k-5shot", "leaderboard-gsm8k-0shot",
        "gsm8k-5shot",
    }  # fmt: skip
    assert samples["model"].to_list() == ["tiny"]  # org1's details are not org2's
    assert models(tmp_path / "run").count("org2-tiny") == 4


# What the user says


def test_a_wrong_role_is_refused_with_the_list(tmp_path: Path) -> None:
    file = results(tmp_path)
    into = str(tmp_path / "run")
    done = distilbench("import", str(file), "--into", into, "--role", "student")
    assert done.returncode == 2
    assert "give vanilla, distilled, synthetic, proprietary" in done.stderr + done.stdout
    assert not (tmp_path / "run").exists()
    import_results([file], tmp_path / "run", Naming(role="distilled"))
    assert records(tmp_path / "run")[1]["role"].to_list() == ["distilled"]


# Out and in again


def test_an_lm_eval_export_comes_back_as_the_same_cells(tmp_path: Path) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    import_results([lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 0])], run)
    import_results([bench(tmp_path / "b.json", {})], run)
    (cell,) = (run / "imported").glob("small--gsm8k*")
    died = {"outcome": "out_of_memory", "score": 0.0, "answer": None, "error": "did not fit"}
    rows = pl.read_parquet(cell / "samples.parquet").to_dicts()
    rows = [{**row, **died, "epoch": e} for row in rows for e in (1, 2)]
    rows[0] |= {"outcome": "stop", "score": 1.0, "output_tokens": 5, "total_s": 0.1, "epoch": 1}
    frame = pl.DataFrame(rows, schema=pl.read_parquet_schema(cell / "samples.parquet"))
    frame.write_parquet(cell / "samples.parquet")
    facts = read_json(cell / "cell.json")
    own = {"origin": "distilbench", "memory_limit_bytes": 2**30, "seed": 0}
    (cell / "cell.json").write_text(json.dumps({**facts, **own, "samples": len(rows)}))
    export_run(run, "lm-eval", tmp_path / "out")
    import_results([tmp_path / "out"], again)
    kept = [name for name in records(run)[0].columns if name not in ("run", "origin")]
    before, after = (
        records(path)[0].select(kept).sort("cell", "sample_id", "epoch") for path in (run, again)
    )
    assert before.equals(after)
    drop = ("run", "origin", "config_hash")
    before, after = (records(path)[1].drop(drop).sort("cell") for path in (run, again))
    assert before.equals(after)
    assert after.height == 4  # gsm8k, arc, the perplexity, the rate
    origins = set(records(again)[1]["origin"])
    assert any(origin.startswith("distilbench ") for origin in origins)  # measured, not here
    write_report(again)
    assert "out of memory" in (again / "report" / "report.md").read_text().replace("\\_", " ")


def test_a_changed_or_cut_export_is_refused(tmp_path: Path) -> None:
    import_results([lm_eval_folder(tmp_path / "a", "small", [1, 0, 1, 0])], tmp_path / "run")
    files = export_run(tmp_path / "run", "lm-eval", tmp_path / "out")
    samples = next(file for file in files if file.name.startswith("samples_gsm8k"))
    lines = samples.read_text().splitlines(keepends=True)
    samples.write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="3 of its 4 samples are there"):
        import_results([tmp_path / "out"], tmp_path / "again")
    samples.write_text(
        lines[0].replace('"exact_match": 1.0', '"exact_match": 0.5') + "".join(lines[1:])
    )
    with pytest.raises(InputError, match="its score is not that of its record"):
        import_results([tmp_path / "out"], tmp_path / "again")


@pytest.mark.parametrize("change", [{}, {"source_model": None}, {"content_hash": 7}])
def test_what_another_version_imported_is_told_in_one_sentence(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    file = bench(tmp_path / "b.json", {"n_prompt": 8})
    import_results([file], tmp_path / "run")
    [record] = (tmp_path / "run").glob("imported/*/cell.json")
    whole = read_json(record)
    kept = {name: whole[name] for name in ("model", "profile", "config_hash")}
    record.write_text(json.dumps({**whole, **change} if change else kept))
    with pytest.raises(InputError, match="another version of distilbench imported it"):
        import_results([file], tmp_path / "run")


@pytest.mark.parametrize("value", [None, {"a": 7}], ids=["without it", "of another type"])
@pytest.mark.parametrize(
    "field", ["cell", "origin", "model", "task", "profile", "seed", "config_hash", "engine"]
)
def test_a_record_of_a_cell_that_is_damaged_is_one_sentence(
    tmp_path: Path, field: str, value: Any
) -> None:
    import_results([bench(tmp_path / "b.json", {"n_prompt": 8})], tmp_path / "run")
    [record] = (tmp_path / "run").glob("imported/*/cell.json")
    whole = read_json(record)
    record.write_text(json.dumps({**whole, field: value}))
    cells = load_cells(tmp_path / "run")
    if (field, value) == ("engine", None):  # not every program says it
        assert collect(tmp_path / "run", cells)[1]["engine"].to_list() == [None]
        return
    with pytest.raises(InputError, match=rf"cell\.json: field '{field}'"):
        collect(tmp_path / "run", cells)


@pytest.mark.parametrize("column", ["cell", "sample_id", "score"])
def test_samples_of_a_cell_that_are_damaged_are_one_sentence(tmp_path: Path, column: str) -> None:
    lm_eval_folder(tmp_path / "lm", "one", [1, 0, 1, 1])
    import_results([tmp_path / "lm"], tmp_path / "run")
    file = next((tmp_path / "run").glob("imported/*/samples.parquet"))
    whole = pl.read_parquet(file)
    damaged = [whole.with_columns(pl.lit([1]).alias(column))]
    damaged += [] if column == "score" else [whole.drop(column)]  # a score may be unknown
    for table in damaged:
        table.write_parquet(file)
        with pytest.raises(InputError, match=rf"samples\.parquet: column '{column}'"):
            collect(tmp_path / "run", load_cells(tmp_path / "run"))
    file.write_bytes(b"PAR1 cut")
    with pytest.raises(InputError, match=r"samples\.parquet: is damaged"):
        collect(tmp_path / "run", load_cells(tmp_path / "run"))
