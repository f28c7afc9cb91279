"""A sample costs the same among ten as among a million: by counting work, not by a clock.

``benchmarks/scale.py`` has the times.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from benchmarks.scale import planned, prepare, write_logs, write_questions
from polars.testing import assert_frame_equal

from distilbench.engines import sha256_of
from distilbench.errors import InputError
from distilbench.files import in_a_row
from distilbench.records import SampleRecord, schema
from distilbench.report import read_run
from distilbench.runner import _plan, _store, collect, load_cells
from distilbench.runner._store import finish_shard, questions_file, read_questions, shards_of
from distilbench.stats import in_common, paired_difference, paired_differences
from distilbench.stats._bootstrap import _alike, _by_task, _drawn, bootstrap_accuracies
from distilbench.tasks import QuestionSet

FACTS = {"machine": "m", "begun": 0.0, "wall_s": 1.0, "energy_method": None}


def answers(models: int, questions: int, seed: int = 0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    ids = [f"q-{n}" for n in range(questions)]
    return pl.concat(
        pl.DataFrame(
            {"entry": f"m{m}", "task": "t", "seed": 0, "sample_id": ids, "cluster": ids,
             "score": (chance.random(questions) < 0.5).astype(float)}
        )
        for m in range(models)
    )  # fmt: skip


def test_one_transcript_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, 2_400, models=1, tasks=1)
    write_logs(tmp_path, 2_400, models=1, tasks=1)
    seen: list[weakref.ref[Any]] = []
    most, read = [0], _store.read_log_samples

    def watched(path: Path) -> Iterator[Any]:
        for sample in read(path):
            seen.append(weakref.ref(sample))
            most[0] = max(most[0], sum(ref() is not None for ref in seen[-20:]))
            yield sample

    monkeypatch.setattr(_store, "read_log_samples", watched)
    (cell,) = load_cells(tmp_path / "scale")
    run = tmp_path / "scale"
    asked, shards = read_questions(questions_file(run, cell)), shards_of(run, cell)
    counts = [finish_shard(run, cell, shard, asked, dict(FACTS), None) for shard in shards]
    assert (len(shards), sum(counts)) == (3, 2_400)
    assert most[0] <= 3  # the one just read, and the one before in the hands of the loop


def test_a_run_is_collected_whole_and_a_cell_asks_for_its_questions_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 3 cells of 2 shards each: as many readings as cells."""
    prepare(tmp_path, 6_000, models=3, tasks=1)
    read = []

    def counted(path: Path) -> QuestionSet:
        read.append(path)
        return read_questions(path)

    monkeypatch.setattr(_store, "read_questions", counted)
    collected, cells = collect(tmp_path / "scale", load_cells(tmp_path / "scale"))
    samples = collected.collect()
    assert (samples.height, cells.height, len(read)) == (6_000, 3, 3)
    assert samples.select("cell", "sample_id").n_unique() == 6_000


def test_of_a_run_that_is_collected_one_shard_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is written is what the shards hold, one after another."""
    prepare(tmp_path, 6_000, models=2, tasks=1)
    run, seen, most, read = tmp_path / "scale", [], [0], _store._finished
    ids: list[str] = []

    def watched(*args: Any) -> pl.DataFrame:
        samples = read(*args)
        ids.extend(samples["cell"] + "/" + samples["sample_id"])
        seen.append(weakref.ref(samples))
        most[0] = max(most[0], sum(ref() is not None for ref in seen))
        return samples

    monkeypatch.setattr(_store, "_finished", watched)
    collected, _ = collect(run, load_cells(run))
    assert (len(seen), most[0]) == (6, 1)
    written = collected.collect()
    assert (written["cell"] + "/" + written["sample_id"]).to_list() == ids
    assert len(ids) == 6_000


def test_a_bootstrap_draws_the_kinds_of_clusters_not_the_clusters() -> None:
    """Two models that are right or wrong: four kinds, of ten questions or ten thousand."""
    for questions in (200, 20_000):
        samples = answers(2, questions)
        [(_, clusters)] = _by_task(samples, ["m0", "m1"], ["score"])
        figures, times = _alike(clusters)
        sums, counts = figures[:, :2], figures[:, 2:]
        assert len(times) == 4
        assert times.sum() == questions
        assert (counts == 1).all()
        expected = samples.group_by("entry").agg(pl.col("score").sum()).sort("entry")["score"]
        assert (times @ sums).tolist() == expected.to_list()


@pytest.mark.parametrize("kinds", [4, 2_000])
def test_either_way_of_drawing_draws_as_many_clusters_evenly(kinds: int) -> None:
    times = np.full(kinds, 8_000 // kinds)
    drawn = _drawn(np.random.default_rng(1), times, 50)
    assert drawn.shape == (50, kinds)
    assert (drawn.sum(axis=1) == 8_000).all()
    # A kind of c of n clusters is drawn c times, with a variance of c (1 - c/n).
    c = 8_000 / kinds
    assert drawn.mean() == c
    assert drawn.var() == pytest.approx(c * (1 - 1 / kinds), rel=0.25)


def test_the_bootstrap_spreads_as_theory_has_it() -> None:
    """The standard deviation of a resampled mean is s / sqrt(n)."""
    samples = answers(3, 4_000)
    found = bootstrap_accuracies(samples, ["m0", "m1", "m2"], draws=2_000, seed=0)
    for m in range(3):
        scores = samples.filter(pl.col("entry") == f"m{m}")["score"]
        assert found[:, m].mean() == pytest.approx(scores.mean(), abs=1e-3)
        assert found[:, m].std() == pytest.approx(scores.std(ddof=0) / 4_000**0.5, rel=0.1)


def test_samples_that_are_all_compared_are_not_copied() -> None:
    samples = answers(3, 50)
    assert in_common(samples) is samples
    fewer = samples.filter((pl.col("entry") != "m2") | (pl.col("sample_id") != "q-7"))
    assert in_common(fewer).height == 3 * 49


def test_pairs_are_compared_task_by_task_as_each_pair_is_alone() -> None:
    """Of three models on four tasks, two of which not all have: every row to the last digits."""
    asked = {"m0": "tuv", "m1": "tuw", "m2": "tvw"}
    samples = pl.concat(
        answers(1, 300, seed).with_columns(
            model=pl.lit(model), task=pl.lit(task), profile=pl.lit("p")
        )
        for seed, (model, task) in enumerate(
            (m, task) for m, tasks in asked.items() for task in tasks
        )
    )
    found = paired_differences(samples)
    alone = [
        paired_difference(samples, a, b) for a, b in (("m0", "m1"), ("m0", "m2"), ("m1", "m2"))
    ]
    assert found["task"].to_list() == ["t", "u", None, "t", "v", None, "t", "w", None]
    assert_frame_equal(found, pl.concat(alone), rel_tol=1e-12)
    apart = samples.filter((pl.col("model") != "m1") | (pl.col("task") == "u"))
    with pytest.raises(InputError, match="'m1' and 'm2' share no question"):
        paired_differences(apart)


def test_a_page_of_cells_that_know_the_same_holds_it_once(tmp_path: Path) -> None:
    """And the values are those of the table, whatever is put in fewer places."""
    prepare(tmp_path, 4_000, models=2, tasks=2)
    collect(tmp_path / "scale", load_cells(tmp_path / "scale"))
    table = pl.read_parquet(tmp_path / "scale" / "samples.parquet")
    data = read_run(tmp_path / "scale")
    assert data.samples.select(table.columns).equals(table)
    assert data.samples["entry"].equals(table["model"])
    assert data.samples["variant"].equals(table["task"])
    assert data.samples["template"].null_count() == 4_000


def test_a_plan_reads_each_file_once_however_many_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 5 tasks and 2 seeds: ten looks at a data file, for two models as for twelve."""
    looks: list[Path] = []

    def counted(path: Path) -> str:
        looks.append(path)
        return sha256_of(path)

    write_questions(tmp_path, 10)
    monkeypatch.setattr(_plan, "sha256_of", counted)
    for models in (2, 12):
        looks.clear()
        _, cells = planned(tmp_path, models=models, tasks=5, seeds=2)
        assert len({cell.name for cell in cells}) == 10 * models
        assert len(looks) == 10


def test_files_of_an_earlier_version_have_nulls_where_they_have_no_column(tmp_path: Path) -> None:
    known = schema(SampleRecord)
    first = pl.DataFrame({"model": ["a"], "score": [0.5], "of_another": [1]})
    first.write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"score": [1.0], "repeat": [2]}).write_parquet(tmp_path / "2.parquet")
    second = tmp_path / "2.parquet"
    found = in_a_row([tmp_path / "1.parquet", first, second, first.clear(), second], known)
    rows = found.collect()
    assert rows.schema == pl.Schema(known)
    assert rows["model"].to_list() == ["a", "a", None, None]
    assert rows["score"].to_list() == [0.5, 0.5, 1.0, 1.0]
    assert rows["repeat"].to_list() == [None, None, 2, 2]
