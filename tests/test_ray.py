"""Runs on a Ray cluster of two nodes on this machine, of which one is killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest

from distilbench.events import Event, Noted, SampleDone, WorkerDied
from distilbench.records import KEY
from distilbench.runner import RunResult, run_suite
from distilbench.suite import Changes
from tests.loopback_server import Server, serving
from tests.ray_cluster import RayCluster, ray_cluster

QUESTIONS = 24
API_KEY = "sk-loopback-0123456789abcdef"
SAME = (*KEY, "score", "outcome", "answer", "target", "output_tokens", "error")
"""Columns that no clock sets."""


@pytest.fixture(scope="module", autouse=True)
def ray_without_amd() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "amdsmi", None)
        pytest.importorskip("ray")
        yield


@pytest.fixture(scope="module")
def cluster(ray_without_amd: None) -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        cluster.add()
        yield cluster


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMS_API_KEY", API_KEY)


def sums(folder: Path, url: str, first: int = 11, questions: int = QUESTIONS) -> dict[str, object]:
    """``first``: 11 is answered slowly."""
    rows = [
        {"question": f"{first} + {b}?", "answer": str(first + b)}
        for b in range(100, 100 + questions)
    ]
    rows[3]["answer"] = "0"  # not all are right
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {
        "name": "sums",
        "models": [{"source": "inspect:openai-api/sums/m", "base_url": url}],
        "tasks": [{"file": str(folder / "sums.jsonl"), "extract": "last_number", "fewshot": 0}],
        "profiles": [{"slots": 2}],
    }


def records(result: RunResult) -> pl.DataFrame:
    assert result.complete, result.failed
    return pl.read_parquet(result.run_dir / "samples.parquet").select(SAME).sort(KEY)


def killing(cluster: RayCluster, after: int, heard: list[Event]) -> Callable[[Event], None]:
    """Listens, and kills the newest node once so many questions are answered."""

    def on_event(event: Event) -> None:
        heard.append(event)
        if sum(isinstance(e, SampleDone) for e in heard) == after and isinstance(event, SampleDone):
            cluster.nodes[-1].kill()
            left = cluster.nodes[0].folder / "distilbench-left"  # by a job that was killed there
            left.mkdir()
            (left / "lock").touch()

    return on_event


def test_a_node_is_killed(
    cluster: RayCluster, server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("distilbench.runner._shards.SHARD_SAMPLES", QUESTIONS // 2)
    node, events = cluster.add(), list[Event]()
    suite = sums(tmp_path, server.url)
    found = run_suite(suite, tmp_path / "runs", killing(cluster, 10, events),
                      executor="ray", address=cluster.address)  # fmt: skip

    samples = records(found)
    assert samples["score"].to_list().count(1.0) == QUESTIONS - 1
    assert samples.height == samples.unique(KEY).height == QUESTIONS
    (lost,) = (e.text for e in events if isinstance(e, Noted) and "was lost" in e.text)
    assert "what is unfinished of" in lost
    told = Counter(e.sample_id for e in events if isinstance(e, SampleDone))
    assert set(told.values()) == {1}  # what was finished is not asked again
    again = [question for question, times in server.requests.items() if times > 1]
    assert len(again) <= 1  # what was under way: one slot of two was there
    assert server.keys == {f"Bearer {API_KEY}"}

    out, err = capfd.readouterr()  # err: what the server says of a client that was killed
    assert (out, re.findall("raylet|gcs|core_worker|RAY_", err)) == ("", [])
    for log in (cluster.nodes[0].folder, found.run_dir):
        for path in log.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert API_KEY.encode() not in path.read_bytes(), path
    assert samples.equals(records(run_suite(suite, tmp_path / "here")))
    assert not list(cluster.nodes[0].folder.glob("*distilbench-*"))
    assert not any("distilbench.runner._worker" in line for line in _command_lines(node.folder))


@pytest.mark.long
def test_sigterm_ends_the_remote_workers(
    cluster: RayCluster, server: Server, tmp_path: Path
) -> None:
    """And what was finished is there, on the driver's disk, for the next run."""
    (tmp_path / "suite.json").write_text(json.dumps(sums(tmp_path, server.url)))
    command = [
        sys.executable, "-c",
        "import sys; sys.modules['amdsmi'] = None; from distilbench.__main__ import main;"
        " sys.argv[0] = 'distilbench'; sys.exit(main())",
        "run", str(tmp_path / "suite.json"), "--out", str(tmp_path / "runs"),
        "--executor", "ray", "--address", cluster.address,
    ]  # fmt: skip
    with (tmp_path / "said").open("wb") as said:
        driver = subprocess.Popen(command, stdout=said, stderr=said)
        until = time.monotonic() + 90
        while len(server.requests) < 6 and time.monotonic() < until:
            time.sleep(0.1)
        driver.terminate()
        assert driver.wait(30) == 130, (tmp_path / "said").read_text()
    assert not any(
        "distilbench.runner._worker" in line for line in _command_lines(cluster.nodes[0].folder)
    )
    asked = len(server.requests)
    (journal,) = (tmp_path / "runs").rglob("journal.jsonl")
    finished = journal.read_bytes().count(b"\n")
    assert asked - 2 <= finished <= asked

    found = run_suite(sums(tmp_path, server.url), tmp_path / "runs")  # on this machine
    assert records(found).height == QUESTIONS
    assert sum(server.requests.values()) <= QUESTIONS + 2


def test_a_worker_that_dies_is_reported(
    cluster: RayCluster, server: Server, tmp_path: Path
) -> None:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, SampleDone):
            psutil.Process(event.pid).kill()

    found = run_suite(sums(tmp_path, server.url, questions=6), tmp_path / "runs", on_event,
                      executor="ray", address=cluster.address)  # fmt: skip
    (died,) = (event for event in events if isinstance(event, WorkerDied))
    assert died.reason == "signal 9"
    assert Path(died.log).is_file()
    assert (found.complete, len(found.failed)) == (False, 1)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.timeout(1800)
def test_the_demo_on_two_nodes_of_which_one_is_killed(tmp_path: Path) -> None:
    """Scores equal those of one machine sample by sample, with 16-bit weights and one slot."""
    from distilbench.suite import packaged_suite
    from distilbench.yaml_file import parse_yaml

    suite = dict(parse_yaml(packaged_suite("demo"), "demo", "demo.yaml").data)
    suite["models"] = [{**model, "quantization": "F16"} for model in suite["models"]]
    suite["profiles"] = [{"name": "default", "slots": 1, "context": 1024, "cpus": 1}]
    few = Changes(limit=4)
    with ray_cluster() as cluster:
        cluster.add()
        cluster.add()
        events: list[Event] = []
        found = run_suite(suite, tmp_path / "ray", killing(cluster, 20, events), few,
                          executor="ray", address=cluster.address)  # fmt: skip
    assert any(isinstance(e, Noted) and "was lost" in e.text for e in events)
    told = Counter((e.cell, e.sample_id, e.epoch) for e in events if isinstance(e, SampleDone))
    assert set(told.values()) == {1}
    alone = run_suite(suite, tmp_path / "local", changes=few)
    assert records(found).equals(records(alone))
    assert records(found).height == 2 * 8 * 4


def _command_lines(home: Path) -> list[str]:
    """Of processes that a node started."""
    lines = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(home):
                lines.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return lines
