"""Runs under limits: what does not fit or takes too much is a result beside the others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import xllamacpp

from distilbench.engines import Build, build_of, compiler_of
from distilbench.errors import InputError
from distilbench.runner import run_suite

pytestmark = pytest.mark.model
SUMS = """{reasoning_gym: chain_sum, name: sums, questions: 4, fewshot: 2,
     params: {min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}}"""


def run(folder: Path, text: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sample and cell records of a suite."""
    path = folder / "limits.yaml"
    path.write_text(text)
    result = run_suite(path, folder / "runs")
    assert result.complete
    names = ("samples.parquet", "cells.parquet")
    samples, cells = (pl.read_parquet(result.run_dir / name) for name in names)
    return samples, cells


def test_300_mib_hold_the_135m_model_and_not_the_270m_one(tmp_path: Path) -> None:
    samples, cells = run(
        tmp_path,
        f"""
models: [pypi:gemma-3-270m, pypi:smollm2-135m-instruct]
tasks: [{SUMS}]
profiles: [{{name: tiny, memory: 300MiB, cpus: 1, slots: 2, context: 512}}]
""",
    )
    ended = dict(samples.group_by("model").agg(pl.col("outcome").unique()).rows())
    assert ended["gemma-3-270m"] == ["out_of_memory"]
    assert set(ended["smollm2-135m-instruct"]) <= {"stop", "length"}
    lost = samples.filter(pl.col("outcome") == "out_of_memory")
    assert lost.height == 4
    assert (lost["score"] == 0).all()
    assert lost["error"].str.contains("out of memory while loading").all()
    held = cells.row(by_predicate=pl.col("model") == "smollm2-135m-instruct", named=True)
    assert held["memory_limit_bytes"] == 300 << 20
    assert held["peak_memory_bytes"] < 300 << 20
    assert held["predicted_memory_bytes"] == pytest.approx(held["peak_memory_bytes"], rel=0.1)
    assert "memory 300 MiB by " in held["enforcement"]
    assert "1 core by CPU affinity" in held["enforcement"]
    assert held["threads"] == 1


def test_a_question_longer_than_the_context_is_an_overflow(tmp_path: Path) -> None:
    questions = tmp_path / "long.jsonl"
    long, short = "word " * 300, "What is 2+2?"
    questions.write_text(
        "".join(f'{{"question": "{text}", "answer": "4"}}\n' for text in (long, short))
    )
    samples, _ = run(
        tmp_path,
        """
models: [pypi:smollm2-135m-instruct]
tasks: [{file: long.jsonl, max_tokens: 16}]
profiles: [{slots: 1, context: 128}]
""",
    )
    by_question = dict(samples.sort("sample_id").select("sample_id", "outcome").rows())
    assert sorted(by_question.values())[0] == "context_overflow"
    assert len(set(by_question.values())) == 2


def test_an_estimated_energy_is_shared_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TDP given by the user: 1 kW, so that every answer takes more than the 10 mJ allowed."""
    monkeypatch.setenv("DISTILBENCH_TDP_W", "1000")
    samples, cells = run(
        tmp_path,
        f"""
models: [pypi:smollm2-135m-instruct]
tasks: [{SUMS}]
profiles:
  - {{name: free, slots: 2, context: 512}}
  - {{name: meagre, slots: 2, context: 512, energy_per_question_j: 0.01}}
""",
    )
    assert set(cells["energy_known"]) == {"estimated"}
    assert cells["energy_method"].str.contains("TDP 1000 W").all()
    free = samples.filter(pl.col("profile") == "free")
    total = cells.filter(pl.col("profile") == "free")["energy_total_j"].item()
    assert (free["energy_j"] > 0.01).all()
    assert 0 < free["energy_j"].sum() <= total * (1 + 1e-6)
    assert "over_energy" not in set(free["outcome"])
    meagre = samples.filter(pl.col("profile") == "meagre")
    assert set(meagre["outcome"]) == {"over_energy"}
    assert (meagre["score"] == 0).all()


def test_quantizations_and_budgets_are_axes(tmp_path: Path) -> None:
    samples, cells = run(
        tmp_path,
        """
models: [{source: pypi:smollm2-135m-instruct, name: smol, quantization: [Q8_0, Q4_0]}]
tasks: [{reasoning_gym: chain_sum, name: sums, questions: 3, fewshot: 0, stop: [], max_tokens: 8,
         extract: last_number, instruction: Explain every step at length.}]
profiles: [{name: p, slots: 1, context: 512, thinking_tokens: [8, 24]}]
""",
    )
    assert sorted(cells["model"].unique()) == ["smol-Q4_0", "smol-Q8_0"]
    assert sorted(cells["profile"].unique()) == ["p-t24", "p-t8"]
    bits = dict(cells.select("quantization", "bits_per_weight").unique().rows())
    assert bits["Q4_0"] < 6 < 8 < bits["Q8_0"] < 9
    assert cells["declared_name"].n_unique() == 1
    ours = build_of(xllamacpp.get_system_info(), compiler_of(xllamacpp))
    assert set(cells.select(Build._fields).unique().rows()) == {tuple(ours)}
    assert cells["gpu_layers"].null_count() == cells.height
    assert cells["model_sha256"].n_unique() == 2
    most = samples.group_by("profile").agg(pl.col("reasoning_tokens", "output_tokens").max())
    for profile, reasoning, output in most.rows():
        budget = int(profile.removeprefix("p-t"))
        assert reasoning == budget
        assert output <= budget + 8
    assert samples["budget_forced"].any()


def test_a_profile_for_a_gpu_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    text = f"models: [pypi:smollm2-135m-instruct]\ntasks: [{SUMS}]\nprofiles: [gpu-24gb]\n"
    with pytest.raises(InputError, match=r"profiles\[0\]\.gpu.*GPU 0") as caught:
        run(tmp_path, text)
    assert "gpu: none" in str(caught.value)
    assert not (tmp_path / "runs").exists()
