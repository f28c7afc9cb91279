"""Energy and memory of served models whose server is on this machine, whoever started it. Sensors
and GPUs are stand-ins for Zeus's."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from distilbench.engines import Assignment, EngineSettings
from distilbench.engines import _place as place_module
from distilbench.engines._local_server import GpuMemory, LocalServer, NotHere, port_of
from distilbench.engines._place import Place
from distilbench.meter import (
    EnergyMeter,
    GpuUse,
    ProcessTree,
    find_counters,
    gpu_use,
    listeners,
    server_roots,
)
from distilbench.meter import _gpu_processes as gpu_processes
from distilbench.meter._energy import TDP_VARIABLE
from distilbench.meter._gpu_processes import use_of
from distilbench.meter._sensors import counts_all, gpu_counters
from distilbench.providers import HERE
from distilbench.report import write_report
from distilbench.runner import run_suite
from distilbench.source import Source
from tests.loopback_server import serving_beside
from tests.test_energy import Stub

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")
MIB = 1 << 20
# A server of two processes: the parent has 40 MiB, the child, which listens, 60 and computes.
PAIR = """
import multiprocessing, socket, sys, time

def child(port):
    own = bytearray(60 << 20)
    with socket.create_server(("127.0.0.1", port)) as heard:
        print(heard.getsockname()[1], flush=True)
        while time.process_time() < 0.4: pass
        time.sleep(60)

if __name__ == "__main__":
    held = bytearray(40 << 20)
    multiprocessing.get_context("fork").Process(target=child, args=(0,), daemon=True).start()
    time.sleep(60)
"""


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    """The parent's process id, and the port at which its child listens."""
    command = [sys.executable, "-c", PAIR]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield process.pid, port
        for below in ProcessTree(frozenset((process.pid,))).pids():
            os.kill(below, 9)


def test_a_server_is_all_of_its_processes(pair: tuple[int, int]) -> None:
    parent, port = pair
    heard = listeners(port)
    assert heard
    assert heard != {parent}
    assert server_roots(heard) == {parent}
    tree = ProcessTree(server_roots(heard))
    tree.begin()
    assert tree.pids() == {parent, *heard}
    for _ in range(50):
        tree.sample()
        if (tree.cpu_seconds() or 0) > 0.4:
            break
        time.sleep(0.1)
    assert 0.4 < (tree.cpu_seconds() or 0) < 2
    # What is the parent's is the child's too, by the fork: 100 MiB and an interpreter or two.
    assert 100 * MIB < (tree.peak_bytes or 0) < 180 * MIB
    assert "up to 2" in tree.method


def test_of_one_process_the_system_keeps_the_peak(tmp_path: Path) -> None:
    code = "import sys; x = bytearray(80 << 20); del x; print(1, flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        tree = ProcessTree(frozenset((process.pid,)))
        process.stdout.readline()
        tree.begin()  # the peak was before
        assert 5 * MIB < (tree.peak_bytes or 0) < 60 * MIB
        assert tree.method == "peak resident memory of its process"
        process.communicate()
    assert not tree.is_there()


def test_nobody_listens_and_no_port_have_a_reason() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    assert listeners(port) == frozenset()
    with pytest.raises(NotHere, match=f"listens at port {port}"):
        LocalServer.at(f"http://127.0.0.1:{port}/v1")
    assert port_of("http://localhost/v1") == 80
    assert port_of("localhost:8000") == 8000
    with pytest.raises(NotHere, match="no port"):
        port_of("grpc://localhost/v1")


def test_a_server_of_another_user_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = [SimpleNamespace(status="LISTEN", laddr=SimpleNamespace(port=11434), pid=None)]
    monkeypatch.setattr("psutil.net_connections", lambda kind: heard)
    assert listeners(11434) is None
    with pytest.raises(NotHere, match="belongs to another user: run as that user, or as root"):
        LocalServer.at("http://localhost:11434")


def test_memory_of_gpus_is_that_of_the_servers_processes() -> None:
    me, you = os.getpid(), os.getppid()
    held: list[dict[int, int | None]] = [{me: 5 << 30, you: 1 << 30}, {me: 2 << 30}, {}]
    assert use_of(frozenset((me,)), held) == GpuUse(frozenset((0, 1)), 7 << 30)
    assert use_of(frozenset((1,)), held) == GpuUse(frozenset(), 0)
    told = use_of(frozenset((me,)), [{me: None}])
    assert (told.gpus, told.bytes) == (frozenset((0,)), None)
    assert "does not tell" in told.reason
    # Numbers of another container: whether ours is among them is not known.
    foreign = use_of(frozenset((me,)), [{4_190_000: 1 << 30}])
    assert (foreign.gpus, foreign.bytes) == (None, None)
    assert "container" in foreign.reason


@dataclass
class FakeGpu:
    """As Zeus's, with NVML's handle."""

    handle: int
    millijoules: float = 1e6
    counted: bool = True

    def supports_get_total_energy_consumption(self) -> bool:
        return self.counted

    def get_total_energy_consumption(self) -> float:
        return self.millijoules


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeGpu]]:
    """Two GPUs behind Zeus and NVML; this process has 3 GiB of the second."""
    from zeus.device import gpu

    made = [FakeGpu(0), FakeGpu(1)]
    monkeypatch.setattr(gpu, "_gpus", SimpleNamespace(gpus=made))

    def running(handle: int) -> list[Any]:
        ours = SimpleNamespace(pid=os.getpid(), usedGpuMemory=3 << 30)
        return [ours] if handle == 1 else []

    monkeypatch.setattr("pynvml.nvmlDeviceGetComputeRunningProcesses", running)
    monkeypatch.setattr("pynvml.nvmlDeviceGetGraphicsRunningProcesses", lambda handle: [])
    gpu_processes.has_gpus.cache_clear()
    yield made
    gpu_processes.has_gpus.cache_clear()


def test_gpus_are_found_through_zeus(gpus: list[FakeGpu]) -> None:
    assert gpu_use((os.getpid(),)) == GpuUse(frozenset((1,)), 3 << 30)
    memory = GpuMemory(lambda: frozenset((os.getpid(),)))
    memory.begin()
    memory.look()
    assert memory.told()[0] == 3 << 30
    assert [c.name for c in gpu_counters().values()] == [
        "GPU 0 energy counter", "GPU 1 energy counter",
    ]  # fmt: skip
    gpus[0].counted = False
    assert list(gpu_counters()) == [1]
    assert find_counters((0,)) == (
        [], "GPU 0: it has no energy counter, or one that does not agree with its power",
    )  # fmt: skip
    counters, _ = find_counters((1,))
    assert counters[-1].joules() == 1000


@pytest.mark.parametrize(
    ("told", "joules", "name"),
    [
        ({"cpu_energy_mj": 1e3, "gpu_energy_mj": 2e3, "total_energy_mj": 9e3}, 9, "total_energy"),
        ({"cpu_energy_mj": 1e3, "gpu_energy_mj": 2e3, "total_energy_mj": None}, 3, "gpu_energy"),
        ({"cpu_total_mj": 4000, "efficiency_cores_mj": [9, 9], "dram_mj": 500, "gpu_mj": 1000,
          "gpu_sram_mj": 250, "ane_mj": 250}, 6, "cpu_total, dram, gpu, gpu_sram, ane"),
    ],
)  # fmt: skip
def test_a_chip_is_counted_whole(
    told: dict[str, Any], joules: float, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeus.device import soc

    class Chip:
        def get_total_energy_consumption(self) -> Any:
            return SimpleNamespace(**told)

    monkeypatch.setattr(soc, "_soc", Chip())
    (counter,), reason = find_counters((0,))  # its GPU is in it
    assert (counter.joules(), reason) == (joules, "")
    assert name in counter.name
    assert counts_all([counter])


def asked(gpu_index: int | None = None) -> Assignment:
    source = Source.parse("inspect:openai-api/lab/m")
    return Assignment(source, source.rest, EngineSettings(gpu_index=gpu_index))


class Burning:
    """A place on this machine whose server computes, with counters that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, use: GpuUse, gpu: int | None) -> None:
        self.cpu, self.gpus = Stub("cpu"), {0: Stub("gpu 0"), 1: Stub("gpu 1")}
        monkeypatch.setattr(place_module, "find_counters", lambda: ([self.cpu], ""))
        monkeypatch.setattr(place_module, "gpu_counters", lambda: self.gpus)
        monkeypatch.setattr(place_module, "has_gpus", lambda: True)
        monkeypatch.setattr("distilbench.engines._local_server.gpu_use", lambda pids: use)
        monkeypatch.setattr(EnergyMeter, "measure_idle", lambda self: None)
        self.place = Place(asked(gpu), HERE)
        self.meter = self.place.energy_meter("any")

    def measured(self, url: str) -> Any:
        self.place.find(url)
        self.place.begin()
        self.meter.begin()
        self.cpu.value += 3
        self.gpus[0].value += 50
        self.gpus[1].value += 700
        energy = self.meter.end()
        self.place.close()
        return energy


@pytest.mark.parametrize(
    ("use", "named", "joules", "method"),
    [
        (GpuUse(frozenset((1,)), 1), None, 703, "cpu + gpu 1"),
        (GpuUse(frozenset((0, 1)), 1), None, 753, "cpu + gpu 0 + gpu 1"),
        (GpuUse(frozenset((1,)), 1), 0, 753, "cpu + gpu 0 + gpu 1"),
        (GpuUse(None, None, "strangers"), 0, 53, "cpu + gpu 0"),
        (GpuUse(None, None, "strangers"), None, None, "on which GPU it works is not known"),
        (GpuUse(frozenset((7,)), 1), None, None, "GPU 7, on which it works, has no energy counter"),
    ],
)
def test_the_gpus_that_a_server_works_on_are_counted(
    use: GpuUse, named: int | None, joules: float | None, method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with serving_beside(0.0) as (url, _):
        burning = Burning(monkeypatch, use, named)
        if use.gpus is None:  # it computes on the processor, as far as is seen
            monkeypatch.setattr(LocalServer, "passes_on", lambda self, cpu_s, wall_s: None)
        energy = burning.measured(url)
    if joules is None:
        assert energy is None
        assert method in burning.meter.method
    else:
        assert energy.total_j == joules
        assert energy.method.startswith(f"{method} by Zeus")


def test_who_passes_questions_on_is_not_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy, a tunnel or a container's door listens here and does none of the work."""
    with serving_beside(0.0) as (url, _):
        burning = Burning(monkeypatch, GpuUse(frozenset(), 0), None)
        assert burning.measured(url) is None
        assert "it passes questions on" in burning.meter.method
        told = burning.place.facts()
        assert told["peak_gpu_memory_bytes"] is None
        assert "passes questions on" in told["memory_method"]


def test_other_clients_of_a_server_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_beside(0.0) as (url, pid):
        port = port_of(url)
        here = LocalServer.at(url)
        assert here.tree.roots == {pid}
        here.begin()
        assert here.shared is False
        ours = socket.create_connection(("127.0.0.1", port))
        here.begin()
        assert here.shared is False
        other = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        code = other + "print(1, flush=True); sys.stdin.read()"
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-c", code, str(port)], stdin=pipe, stdout=pipe
        ) as client:
            assert client.stdout is not None
            client.stdout.readline()
            monkeypatch.setattr("os.getppid", lambda: -1)  # our child is none of the run's workers
            here.begin()
            assert here.shared is True
            client.communicate()
        ours.close()


SUITE = """
models:
  - {{name: computes, source: inspect:openai-api/lab/m, base_url: "{0}"}}
  - {{name: stand-in, source: inspect:openai-api/lab/n, base_url: "{1}"}}
tasks: [{{file: sums.jsonl, extract: last_number}}]
profiles: [{{slots: 2}}]
"""


@pytest.mark.cold
def test_a_run_meters_the_server_that_computes_and_says_why_not_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU seconds are known: 0.3 for each of eight answers, at a watt for each core."""
    monkeypatch.setenv(TDP_VARIABLE, str(os.cpu_count() or 1))
    monkeypatch.setenv("LAB_API_KEY", "planted")
    rows = [{"question": f"What is {a} + 1?", "answer": str(a + 1)} for a in range(20, 28)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with serving_beside(0.3) as (computes, _), serving_beside(0.0) as (stands_in, _):
        (tmp_path / "s.yaml").write_text(SUITE.format(computes, stands_in))
        result = run_suite(tmp_path / "s.yaml", tmp_path / "runs")
    assert result.complete
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    cells = pl.read_parquet(result.run_dir / "cells.parquet").rows_by_key("model", named=True)
    (ours,), (other,) = cells["computes"], cells["stand-in"]
    assert ours["energy_known"] == "estimated"
    assert ours["energy_total_j"] == pytest.approx(8 * 0.3, rel=0.25)
    shares = samples.filter(pl.col("model") == "computes")["energy_j"]
    assert shares.sum() == pytest.approx(ours["energy_total_j"] - ours["energy_idle_j"], rel=0.01)
    assert 10 * MIB < ours["peak_memory_bytes"] < 100 * MIB
    assert ours["memory_method"] == "peak resident memory of its process"
    assert ours["others_asked"] is False
    assert ours["other_cpu_share"] is not None
    assert other["energy_total_j"] is None
    assert other["peak_memory_bytes"] is None
    for reason in ("energy_method", "memory_method", "gpu_memory_method"):
        assert other[reason].startswith("not available: the process that listens took"), reason
    page = write_report(result.run_dir).read_text("utf-8")
    section = page[page.index("Not available, and why</h2>") :]
    for figure in ("peak memory", "energy", "FLOPs"):
        assert re.search(rf"<td>stand-in</td>\s*<td>{figure}</td>", section), figure
    assert not re.search(r"<td>computes</td>\s*<td>(peak memory|energy)</td>", section)


def test_workers_side_by_side_count_no_joules_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TDP_VARIABLE, "4")
    monkeypatch.setenv("LAB_API_KEY", "planted")
    rows = [{"question": f"What is {a} + 1?", "answer": str(a + 1)} for a in range(20, 24)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr("distilbench.runner._shards.SHARD_SAMPLES", 2)
    with serving_beside(0.1) as (url, _):
        (tmp_path / "s.yaml").write_text(SUITE.format(url, url).replace("  - {name: stand-in", "#"))
        result = run_suite(tmp_path / "s.yaml", tmp_path / "runs", workers=2)
    assert result.complete
    cell = pl.read_parquet(result.run_dir / "cells.parquet").row(0, named=True)
    assert cell["shards"] == 2
    assert cell["energy_total_j"] is None
    assert "several workers" in cell["energy_method"]
    assert cell["others_asked"] is False  # they are this run's own
    assert cell["peak_memory_bytes"]
