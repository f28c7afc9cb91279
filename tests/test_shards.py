"""Cells in shards: the result does not depend on the cut, nor on how many workers answer it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.events import CellDone, Event, Planned, SampleDone, ShardDone
from distilbench.records import KEY
from distilbench.runner import RunResult, run_suite
from tests.loopback_server import Server, serving

QUESTIONS, EPOCHS = 14, 2
SAMPLES = QUESTIONS * EPOCHS
SAME = (*KEY, "score", "outcome", "answer", "target", "cluster", "vote", "output_tokens", "error")
"""Columns that no clock sets."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMS_API_KEY", "none")


def suite(folder: Path, url: str, slots: int = 4, questions: int = QUESTIONS) -> dict[str, object]:
    rows = [{"question": f"{a} + 100?", "answer": str(a + 100)} for a in range(20, 20 + questions)]
    rows[3]["answer"] = "0"  # not all are right
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {"file": str(folder / "sums.jsonl"), "extract": "last_number", "fewshot": 0}
    return {
        "name": "cut",
        "models": [{"source": "inspect:openai-api/sums/m", "base_url": url}],
        "tasks": [task],
        "profiles": [{"slots": slots}],
        "epochs": EPOCHS,
    }


def cut_into(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr("distilbench.runner._shards.SHARD_SAMPLES", SAMPLES // number)


def records(result: RunResult) -> pl.DataFrame:
    assert result.complete, result.failed
    return pl.read_parquet(result.run_dir / "samples.parquet").select(SAME).sort(KEY)


def cell_of(result: RunResult) -> dict[str, object]:
    return pl.read_parquet(result.run_dir / "cells.parquet").row(0, named=True)


@pytest.fixture(scope="module")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The cell in one shard."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUMS_API_KEY", "none")
        return run_suite(suite(folder, server.url), folder / "runs")


def test_a_cell_of_one_shard_has_no_folder_of_shards(whole: RunResult) -> None:
    (folder,) = (whole.run_dir / "cells").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "cell.json", "logs", "machine.jsonl", "samples.parquet", "shard.json"
    }  # fmt: skip
    assert len(list((folder / "logs").glob("*.eval"))) == 1
    assert (cell_of(whole)["shards"], cell_of(whole)["side_by_side"]) == (1, 1)
    assert Counter(records(whole)["score"]) == {1.0: SAMPLES - EPOCHS, 0.0: EPOCHS}


@pytest.mark.parametrize(("shards", "workers", "at_once"), [(2, 1, 1), (7, 3, 3)])
def test_the_cut_changes_no_record(
    shards: int, workers: int, at_once: int, whole: RunResult, server: Server,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cut_into(monkeypatch, shards)
    events: list[Event] = []
    found = run_suite(suite(tmp_path, server.url), tmp_path / "runs", events.append,
                      workers=workers)  # fmt: skip
    assert records(found).equals(records(whole))
    kinds = Counter(type(event) for event in events)
    assert (kinds[SampleDone], kinds[ShardDone], kinds[CellDone]) == (SAMPLES, shards, 1)
    assert next(e for e in events if isinstance(e, Planned)).samples.popitem()[1] == SAMPLES
    assert len({e.pid for e in events if isinstance(e, SampleDone)}) == workers
    cell = cell_of(found)
    assert (cell["samples"], cell["shards"]) == (SAMPLES, shards)
    assert cell["side_by_side"] <= at_once
    assert cell["slots"] == 4


def test_a_worker_that_is_killed_beside_another_costs_nothing_that_was_answered(
    whole: RunResult, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 7)
    done: list[tuple[str, int]] = []
    of_first: list[int] = []

    def kill_the_first(event: Event) -> None:
        if isinstance(event, SampleDone):
            done.append((event.sample_id, event.epoch))
            of_first.append(event.pid)
            if of_first.count(of_first[0]) == 6 and event.pid == of_first[0]:  # in its second shard
                os.kill(event.pid, signal.SIGKILL)

    given = suite(tmp_path, server.url)
    killed = run_suite(given, tmp_path / "runs", kill_the_first, workers=2)
    assert not killed.complete
    (said,) = killed.failed
    assert "signal 9" in said
    kept = pl.read_parquet(killed.run_dir / "samples.parquet")
    assert len(set(done)) <= kept.height == kept.unique(KEY).height < SAMPLES
    events: list[Event] = []
    resumed = run_suite(given, tmp_path / "runs", events.append)  # by one worker
    again = [(e.sample_id, e.epoch) for e in events if isinstance(e, SampleDone)]
    assert not set(done) & set(again)
    assert len(again) == SAMPLES - kept.height
    planned = next(e for e in events if isinstance(e, Planned)).samples.popitem()[1]
    assert len(again) <= planned < SAMPLES
    assert records(resumed).equals(records(whole))


def test_workers_share_the_slots(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--workers 2.* there is one slot.*raise 'slots'"):
        run_suite(suite(tmp_path, server.url, slots=1), tmp_path / "runs", workers=2)
    assert not (tmp_path / "runs").exists()


def test_a_model_that_runs_here_is_not_asked_by_two_workers(tmp_path: Path) -> None:
    given = suite(tmp_path, "") | {"models": ["pypi:gemma-3-270m"]}
    with pytest.raises(InputError, match=r"--workers 2.* would spoil each other's latencies"):
        run_suite(given, tmp_path / "runs", workers=2)
