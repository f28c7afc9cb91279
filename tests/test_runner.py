"""Runs on the packaged models: records, resume after SIGKILL, failures that are results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from datetime import datetime
from pathlib import Path

import polars as pl
import psutil
import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from distilbench.errors import InputError
from distilbench.events import Collected, Event, Planned, SampleDone
from distilbench.meter import Stretch, note_stretch
from distilbench.records import KEY, CellRecord, SampleRecord, schema
from distilbench.runner import RunResult, collect, load_cells, run_suite
from distilbench.runner._store import (
    log_folder,
    project,
    questions_file,
    read_questions,
    shards_of,
    surroundings_file,
)
from tests.tiny_gguf import tiny_gguf

pytestmark = pytest.mark.model

SUITE = """
name: trial
models: [pypi:smollm2-135m-instruct]
tasks:
  - {reasoning_gym: chain_sum, name: sums, questions: 12, fewshot: 3,
     params: {min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}}
  - {reasoning_gym: spell_backward, name: spell, questions: 12, fewshot: 3,
     params: {min_word_len: 3, max_word_len: 4}}
profiles: [{name: small, slots: 2, context: 512, threads: 1}]
epochs: 2
limits: {max_tokens: 12}
"""
EXPECTED = 2 * 12 * 2


def suite_file(folder: Path, text: str = SUITE) -> Path:
    path = folder / "trial.yaml"
    path.write_text(text)
    return path


def samples_of(result: RunResult) -> pl.DataFrame:
    return pl.read_parquet(result.run_dir / "samples.parquet")


def transcripts(result: RunResult) -> list[tuple[str, str, int]]:
    """Task, sample and epoch of every sample in every log, as Inspect itself reads them."""
    logs = [read_eval_log(info) for info in list_eval_logs(str(result.run_dir / "cells"))]
    assert all(log.status == "success" for log in logs)
    return [(log.eval.task, str(s.id), s.epoch) for log in logs for s in log.samples or ()]


def watched(suite: Path, runs: Path) -> tuple[RunResult, list[tuple[str, int]]]:
    """A run, and the samples that it asked."""
    asked: list[tuple[str, int]] = []

    def watch(event: Event) -> None:
        if isinstance(event, SampleDone):
            asked.append((event.sample_id, event.epoch))

    return run_suite(suite, runs, watch), asked


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("run")
    return run_suite(suite_file(folder), folder / "runs")


def test_every_question_has_one_record_with_its_measurements(finished: RunResult) -> None:
    samples = samples_of(finished)
    assert finished.complete
    assert samples.schema == schema(SampleRecord)
    assert samples.height == samples.unique(KEY).height == EXPECTED
    assert samples["score"].is_between(0, 1).all()
    assert set(samples["outcome"]) <= {"stop", "length"}
    measured = ("prefill_s", "ttft_s", "decode_s", "total_s", "input_tokens", "output_tokens")
    assert samples.select(measured).null_count().sum_horizontal().item() == 0
    assert (samples["flops"] == samples["prefill_flops"] + samples["decode_flops"]).all()
    assert (samples["output_tokens"] <= 12).all()
    assert samples["energy_j"].null_count() == EXPECTED  # no sensor is never a number


def test_the_cell_record_says_what_ran(finished: RunResult, smollm2: str) -> None:
    cells = pl.read_parquet(finished.run_dir / "cells.parquet")
    assert cells.schema == schema(CellRecord)
    assert cells["samples"].to_list() == [EXPECTED // 2] * 2
    size = Path(smollm2).stat().st_size
    assert cells["model_file_bytes"].to_list() == [size] * 2
    assert (cells["peak_memory_bytes"] > size).all()
    assert (cells["peak_memory_bytes"] < 4 * size).all()
    assert cells["parameters"].to_list() == [134_515_008] * 2
    assert (cells["warmup_tokens"] > 0).all()
    assert set(cells["threads"]) == {1}


def test_the_cell_record_says_what_else_the_machine_did(finished: RunResult) -> None:
    for cell in pl.read_parquet(finished.run_dir / "cells.parquet").to_dicts():
        assert cell["spin_count"] == 1_000
        assert cell["load_average"] > 0
        assert 0 <= cell["other_cpu_share"] <= 1
        assert cell["busy"] in (True, False)
        assert cell["suspended_s"] is not None
        assert (cell["steal_share"] is None) == (not hasattr(psutil.cpu_times(), "steal"))


def test_a_question_that_was_stopped_has_no_seconds_and_keeps_its_score(
    finished: RunResult, tmp_path: Path
) -> None:
    """The same logs, with a stop noted in the middle of one answer."""
    run_dir = tmp_path / finished.run_dir.name
    shutil.copytree(finished.run_dir, run_dir)
    cell = load_cells(run_dir)[0]
    (shard,) = shards_of(run_dir, cell)
    (log,) = list_eval_logs(str(log_folder(run_dir, cell, shard)))
    answered = read_eval_log(log).samples or []
    begun = datetime.fromisoformat(str(answered[5].started_at)).timestamp()
    ended = datetime.fromisoformat(str(answered[5].completed_at)).timestamp()
    middle = (begun + ended) / 2
    asked = read_questions(questions_file(run_dir, cell))
    before = project(run_dir, cell, shard, asked)
    seen = surroundings_file(run_dir, cell, shard)
    note_stretch(seen, Stretch(middle, middle + 1e-4, stopped=True))
    after = project(run_dir, cell, shard, asked)
    key = (pl.col("sample_id") == str(answered[5].id)) & (pl.col("epoch") == answered[5].epoch)
    stopped = after.filter("suspended")
    assert stopped.filter(key).height == 1
    assert stopped.height <= 2  # two slots
    assert stopped.select("total_s", "ttft_s", "decode_s", "energy_j").null_count().row(0) == (
        (stopped.height,) * 4
    )
    assert after["score"].to_list() == before["score"].to_list()
    rest = ~pl.col("suspended")
    assert after.filter(rest)["total_s"].null_count() == 0
    seen.unlink()
    note_stretch(seen, Stretch(begun, begun + 1))  # watched from here on only
    known = project(run_dir, cell, shard, asked).filter(pl.col("suspended").is_not_null())
    assert known.filter(key).height == 1
    assert 0 < known.height < after.height


def test_logs_open_in_inspect_with_each_sample_once(finished: RunResult) -> None:
    keys = transcripts(finished)
    assert len(keys) == len(set(keys)) == EXPECTED


def test_a_second_run_repeats_nothing(finished: RunResult) -> None:
    events: list[Event] = []
    before = samples_of(finished)
    again = run_suite(
        finished.run_dir.parent.parent / "trial.yaml", finished.run_dir.parent, events.append
    )
    assert again.complete
    assert [type(event) for event in events] == [Planned, Collected]
    assert samples_of(again).equals(before)


def test_a_killed_worker_costs_its_unfinished_samples_only(tmp_path: Path) -> None:
    done: list[tuple[str, int]] = []

    def kill_midway(event: Event) -> None:
        if isinstance(event, SampleDone):
            done.append((event.sample_id, event.epoch))
            if len(done) == 30:  # in the second of the two cells
                os.kill(event.pid, signal.SIGKILL)

    suite = suite_file(tmp_path)
    killed = run_suite(suite, tmp_path / "runs", kill_midway)
    assert not killed.complete
    assert "signal 9" in killed.failed[0]
    kept = samples_of(killed)
    assert 30 <= kept.height < EXPECTED
    elsewhere = [  # on a machine without the model
        cell.model_copy(update={"file": tmp_path / "none.gguf"})
        for cell in load_cells(killed.run_dir)
    ]
    assert kept["flops"].null_count() == 0
    assert collect(killed.run_dir, elsewhere)[0].collect().equals(kept)

    resumed, repeated = watched(suite, tmp_path / "runs")
    assert resumed.complete
    assert not set(done[:30]) & set(repeated)
    before = pl.read_parquet(resumed.run_dir / "cells.parquet")["resumed_samples"].to_list()
    assert before == [0, kept.height - EXPECTED // 2]
    samples = samples_of(resumed)
    assert samples.height == samples.unique(KEY).height == EXPECTED
    keys = transcripts(resumed)
    assert len(keys) == len(set(keys)) == EXPECTED
    measured = ["score", "total_s", *KEY]
    assert kept.select(measured).join(samples.select(measured), on=measured).height == kept.height


def test_an_interrupted_run_leaves_nothing_behind_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    done: list[tuple[str, int]] = []
    seen: list[int] = []
    interrupted: list[float] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, SampleDone):
            done.append((event.sample_id, event.epoch))
            seen.append(len(list(scratch.glob("distilbench-*"))))
            if len(done) == 30:
                interrupted.append(time.monotonic())
                raise KeyboardInterrupt  # as by Ctrl-C

    suite = suite_file(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, tmp_path / "runs", interrupt)
    assert time.monotonic() - interrupted[0] < 5  # it left by itself: later it is killed
    assert set(seen) == {1}
    assert not list(scratch.glob("distilbench-*"))

    resumed, repeated = watched(suite, tmp_path / "runs")
    assert resumed.complete
    assert not set(done) & set(repeated)
    keys = transcripts(resumed)
    assert len(keys) == len(set(keys)) == EXPECTED


def test_a_model_that_does_not_load_is_a_result(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "alien.gguf", "alien")  # llama.cpp knows no such architecture
    text = SUITE.replace("[pypi:smollm2-135m-instruct]", "[alien.gguf, pypi:smollm2-135m-instruct]")
    text = text.replace("epochs: 2", "epochs: 1").replace("12, fewshot", "4, fewshot")
    result = run_suite(suite_file(tmp_path, text), tmp_path / "runs")
    outcomes = samples_of(result).group_by("model", "outcome").len().sort("model").rows()
    assert result.complete
    assert ("alien", "error", 8) in outcomes
    errors = samples_of(result).filter(pl.col("model") == "alien")
    assert errors["error"].str.contains("could not load").all()
    assert (errors["score"] == 0).all()


def test_a_question_whose_time_is_up_is_a_timeout(tmp_path: Path) -> None:
    text = """
name: slow
models: [pypi:gemma-3-270m]
tasks: [{reasoning_gym: chain_sum, name: sums, questions: 2, fewshot: 0, max_tokens: 1500}]
profiles: [{slots: 1, context: 2048, threads: 1, time_per_question_s: 1}]
generation: {temperature: 3}
"""
    result = run_suite(suite_file(tmp_path, text), tmp_path / "runs")
    samples = samples_of(result)
    assert samples.height == 2
    timeouts = samples.filter(pl.col("outcome") == "timeout")
    assert timeouts.height >= 1
    assert (timeouts["score"] == 0).all()
    assert (timeouts["total_s"] < 10).all()  # all 1,500 tokens take longer


def test_bad_input_is_told_before_any_work(tmp_path: Path) -> None:
    text = SUITE.replace("pypi:smollm2-135m-instruct", "pypi:smollm2-135m-instruct, none.gguf")
    with pytest.raises(InputError, match=r"models\[1\]\.source") as caught:
        run_suite(suite_file(tmp_path, text), tmp_path / "runs")
    assert "none.gguf" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_run_facts_hold_no_environment(
    finished: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads((finished.run_dir / "run.json").read_text())
    assert facts["hardware"]["logical_cores"] >= 1
    assert facts["seeds"] == [0]
    assert (finished.run_dir / "suite.yaml").read_text() == SUITE
